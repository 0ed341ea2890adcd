"""Working on masks: growing, shrinking, filling and thinning the foreground."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._regions import connected, distances_to_background
from bioloom.operations._types import Image, Length, Mask, Size, Spacing
from bioloom.operations.filters import box_radii, on_axes

Shape = Literal["ball", "box"]
# Footprints up to this many pixels are quicker than distances.
_SMALL = 60


def _eroded(mask: NDArray[np.bool_], radius: float, shape: str, spacing: Sequence[float] | None) -> NDArray[np.bool_]:
    """Remove what has background within reach; what lies outside of the image counts as foreground."""
    from scipy import ndimage

    from bioloom.operations._label_distances import ball, eroded
    from bioloom.operations._slabs import by_slabs

    if shape == "box":
        radii = box_radii(radius, mask.ndim, spacing)
        size = tuple(2 * r + 1 for r in radii)

        def smallest(block: NDArray[np.uint8]) -> NDArray[np.uint8]:
            # Cast where borders are repeated: outside is as inside, which removes nothing more.
            found: NDArray[np.uint8] = ndimage.minimum_filter(block, size=size, mode="nearest")
            return found

        return by_slabs(smallest, mask.view(np.uint8), margin=radii).view(np.bool_)
    offsets = ball(radius, mask.ndim, spacing)[:, 3 - mask.ndim :]
    if len(offsets) == 1:
        return mask.copy()
    margin = tuple(int(r) for r in np.abs(offsets).max(axis=0))
    if len(offsets) <= _SMALL:
        footprint = np.zeros([2 * r + 1 for r in margin], bool)
        footprint[tuple((offsets + margin).T)] = True
        few = partial(ndimage.binary_erosion, structure=footprint, border_value=1)
        return by_slabs(few, mask, margin=margin)
    return by_slabs(lambda block: eroded(block, radius, spacing) > 0, mask, margin=margin)


def _dilated(mask: NDArray[np.bool_], radius: float, shape: str, spacing: Sequence[float] | None) -> NDArray[np.bool_]:
    return ~_eroded(~mask, radius, shape, spacing)


def _foreground(mask: NDArray[Any]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.ascontiguousarray(mask if mask.dtype == bool else mask != 0)
    return found


@operation("Segment/Binary mask", halo=lambda radius: radius + 1, keywords="erode shrink thin morphology")
def binary_erosion(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Shrink the foreground of a mask.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        How far from the background pixels are removed.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool; the edge of the image removes nothing.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.erosion`` with a disk or ball. clEsperanto's ``minimum_box`` for boxes on OpenCL.
    """
    return _eroded(_foreground(mask), radius, shape, spacing)


@binary_erosion.opencl()
def _(mask: Any, radius: float, shape: str, spacing: Sequence[float] | None) -> Any:
    return _on_device(mask, radius, shape, spacing, _eroded, "minimum_box")


@operation("Segment/Binary mask", halo=lambda radius: radius + 1, keywords="dilate grow thicken morphology")
def binary_dilation(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Grow the foreground of a mask.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        How far from the foreground pixels are added.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.dilation`` with a disk or ball. clEsperanto's ``maximum_box`` for boxes on OpenCL.
    """
    return _dilated(_foreground(mask), radius, shape, spacing)


@binary_dilation.opencl()
def _(mask: Any, radius: float, shape: str, spacing: Sequence[float] | None) -> Any:
    return _on_device(mask, radius, shape, spacing, _dilated, "maximum_box")


def _on_device(mask: Any, radius: float, shape: str, spacing: Sequence[float] | None, here: Any, there: str) -> Any:
    if shape == "ball":
        return device.push(here(_foreground(device.pull(mask)), radius, shape, spacing))
    cle = device.clesperanto()
    radii = on_axes("radius", box_radii(radius, mask.ndim, spacing))
    return getattr(cle, there)(cle.not_equal_constant(mask, constant=0), **radii)


@operation("Segment/Binary mask", halo=lambda radius: 2 * radius + 2, keywords="open smooth specks morphology")
def binary_opening(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Remove specks and thin parts of the foreground: an erosion, then a dilation.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        What is narrower than twice this is removed.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool; the edge of the image removes nothing.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.opening`` with a disk or ball.
    """
    return _dilated(_eroded(_foreground(mask), radius, shape, spacing), radius, shape, spacing)


@operation("Segment/Binary mask", halo=lambda radius: 2 * radius + 2, keywords="close gaps smooth morphology")
def binary_closing(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Close gaps and narrow bays of the foreground: a dilation, then an erosion.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        What is narrower than twice this is closed.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.closing`` with a disk or ball.
    """
    return _eroded(_dilated(_foreground(mask), radius, shape, spacing), radius, shape, spacing)


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
    As ``scipy.ndimage.binary_fill_holes``, by connected components.
    """
    inside = _foreground(mask)
    return inside | _holes(~inside, _most(maximum_size, spacing))


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
    R. L. Kashyap and C.-N. Chu, CVGIP 56 (1994) 462-478 in 3D. Lengths are in pixels, whatever their size.
    """
    from skimage import morphology

    return np.asarray(morphology.skeletonize(_foreground(mask)), bool)


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
    return distances_to_background(_foreground(mask), spacing)


@distance_map.dask()
def _(mask: Any, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, solve_by_regions

    inside = checked(distance_map, "mask", mask) != 0
    return solve_by_regions(partial(distances_to_background, spacing=spacing), inside, dtype=np.float32)
