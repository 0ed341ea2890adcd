"""Working on masks: filling holes, thinning, and distances to the background."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._regions import connected, distances_to_background, foreground
from bioloom.operations._types import Image, Mask, Size, Spacing


@operation("Segment/Binary mask", keywords="fill holes binary fill cavities")
def fill_holes(mask: Mask, maximum_size: Size | None = None, spacing: Spacing = None) -> Mask:
    """Fill holes in the foreground: background that does not reach the border of the image.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. In 3D a hole is enclosed on all sides.
    maximum_size
        Largest area (2D) or volume (3D) of a hole that is filled; leave empty to fill all.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool. Background that touches at corners only is parted. An axis of one pixel has no border.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``scipy.ndimage.binary_fill_holes``, by connected components. Dask arrays of any size are filled block by block;
    background is joined over the borders of blocks.
    """
    inside = foreground(mask)
    return inside | _holes(~inside, _most(maximum_size, spacing))


@fill_holes.dask()
def _(mask: Any, maximum_size: float | None, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked
    from bioloom.operations._region_choice import border_of_blocks, choose_regions

    most = _most(maximum_size, spacing)
    inside = checked(fill_holes, "mask", mask) != 0
    if mask.size == 1:
        return inside
    return inside | choose_regions(~inside, border_of_blocks(inside), False, lambda open, n: ~open & (n <= most))


def _most(maximum_size: float | None, spacing: Sequence[float] | None) -> float:
    return np.inf if maximum_size is None else float(maximum_size / np.prod(spacing or (1.0,))) * (1 + 1e-9)


def _holes(outside: NDArray[np.bool_], most: float) -> NDArray[np.bool_]:
    """Return those regions of a background that do not reach the border, and are not too large."""
    regions = connected(outside, False)
    hole = np.ones(int(regions.max()) + 1, bool)
    hole[0] = False
    for axis, size in enumerate(outside.shape):
        if size > 1:
            hole[np.take(regions, (0, -1), axis)] = False
    if outside.size == 1:
        hole[:] = False
    if most < outside.size:
        hole &= np.bincount(regions.ravel(), minlength=hole.size) <= most
    found: NDArray[np.bool_] = hole[regions]
    return found


@operation("Segment/Binary mask", keywords="skeleton thinning medial axis centreline")
def skeletonize(mask: Mask) -> Mask:
    """Thin the foreground to lines of one pixel along its middle.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.

    Returns
    -------
    numpy.ndarray
        bool; connected as the foreground is.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    ``skimage.morphology.skeletonize``: T. Y. Zhang and C. Y. Suen, Commun. ACM 27 (1984) 236-239 in 2D; T.-C. Lee,
    R. L. Kashyap and C.-N. Chu, CVGIP 56 (1994) 462-478 in 3D, where small objects may vanish: those keep their deepest
    pixel. Lengths are in pixels, whatever their size. On Dask arrays of any size, regions that lie in several
    blocks are computed together.
    """
    return _skeleton(foreground(mask))


@skeletonize.dask()
def _(mask: Any) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked

    return solve_by_regions(_skeleton, checked(skeletonize, "mask", mask) != 0, dtype=bool)


def _skeleton(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from skimage.morphology import skeletonize as thinned

    skeleton = np.array(thinned(inside), bool)
    regions = connected(inside, True)
    lost = np.ones(int(regions.max()) + 1, bool)
    lost[regions[skeleton]] = False
    lost[0] = False
    if lost.any():
        depth = distances_to_background(inside, None)
        where = np.flatnonzero(lost[regions])
        # The deepest pixel of each first.
        order = np.lexsort((-depth.ravel()[where], regions.ravel()[where]))
        _, first = np.unique(regions.ravel()[where][order], return_index=True)
        skeleton.ravel()[where[order[first]]] = True
    return skeleton


@operation("Segment/Binary mask", title="Distance map", keywords="distance transform EDT euclidean")
def distance_map(mask: Mask, spacing: Spacing = None) -> Image:
    """Measure how far each pixel of the foreground is from the nearest background.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        float32, in units of spacing from centre to centre; 0 in the background, 1 everywhere if there is none.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``scipy.ndimage.distance_transform_edt``: exact, also for anisotropic pixels.
    """
    return distances_to_background(foreground(mask), spacing)


@distance_map.dask()
def _(mask: Any, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked

    inside = checked(distance_map, "mask", mask) != 0
    return solve_by_regions(partial(distances_to_background, spacing=spacing), inside, dtype=np.float32)
