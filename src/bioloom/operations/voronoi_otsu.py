"""Voronoi–Otsu: bright, roundish objects, also where they touch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._numbering import in_reading_order, pixels_of_size
from bioloom.operations._otsu_masks import otsu_mask, otsu_of_blocks, otsu_on_device
from bioloom.operations._regions import connected, without_small_on_device
from bioloom.operations._types import Image, Labels, Length, Mask, Size, Spacing
from bioloom.operations.filters import gaussian, gaussian_on_device, per_axis


@operation("Segment/Label", keywords="nuclei blobs cells touching flood local maxima")
def voronoi_otsu_labeling(
    image: Image,
    spot_sigma: Length = 5.0,
    outline_sigma: Length = 1.0,
    mask: Mask | None = None,
    minimum_size: Size = 0.0,
    spacing: Spacing = None,
) -> Labels:
    """Label bright, roundish objects, also where they touch (Voronoi–Otsu).

    The image is smoothed twice: its maxima after `spot_sigma` are the objects' seeds, Otsu's threshold after
    `outline_sigma` is their outline; every pixel of the outline goes to the seed that is nearest inside the outline.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype, bright objects on dark ground.
    spot_sigma
        How close seeds may be: about half the objects' radius. Larger merges, smaller splits.
    outline_sigma
        How smooth outlines are.
    mask
        Same shape; objects are looked for only where it is not 0, and only pixels there count for the threshold.
        Everywhere if left out.
    minimum_size
        Smaller objects, by area (2D) or volume (3D), become background.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The method of clij and clEsperanto's ``voronoi_otsu_labeling`` (R. Haase et al., Nature Methods 17 (2020) 5-6),
    with the same growth by alternating box and diamond neighbourhoods. Dask arrays of any size give the same objects as
    the whole image: objects that lie in several blocks are computed together.
    """
    from bioloom.operations._peaks import peaks

    inside = otsu_mask(image, outline_sigma, spacing, mask)
    maxima = peaks(gaussian(image, spot_sigma, spacing))
    return _grow_from_maxima(inside, maxima, pixels_of_size(minimum_size, spacing))


def _grow_from_maxima(inside: NDArray[np.bool_], maxima: NDArray[np.bool_], least: float) -> NDArray[np.uint32]:
    from bioloom.operations._flood import flood

    seeds = connected(maxima & inside, True)
    return in_reading_order(flood(seeds, inside), least)


@voronoi_otsu_labeling.opencl()
def _(
    image: Any, spot_sigma: float, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None,
    mask: Any = None,
) -> Any:  # fmt: skip
    cle = device.clesperanto()
    inside = otsu_on_device(image, outline_sigma, spacing, mask)
    spots = gaussian_on_device(image, spot_sigma, spacing)
    neighbourhood_maximum = cle.maximum_box(spots, radius_x=1, radius_y=1, radius_z=1 if image.ndim == 3 else 0)
    maxima = cle.binary_and(cle.equal(spots, neighbourhood_maximum), inside)
    labels = cle.masked_voronoi_labeling(maxima, inside)
    return without_small_on_device(labels, minimum_size, spacing)


@voronoi_otsu_labeling.dask()
def _(
    image: Any, spot_sigma: float, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None,
    mask: Any = None,
) -> Any:  # fmt: skip
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked, with_halo
    from bioloom.operations._peaks import peaks

    pixels = checked(voronoi_otsu_labeling, "image", image)
    inside = otsu_of_blocks(pixels, outline_sigma, spacing, mask)
    reach = [4 * s + 2 for s in per_axis(spot_sigma, image.ndim, spacing)]
    maxima = with_halo(lambda block: peaks(gaussian(block, spot_sigma, spacing)), reach, pixels, dtype=bool)
    solve = partial(_grow_from_maxima, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, inside, (maxima,), number=True)


@voronoi_otsu_labeling.suggest
def _(image: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None) -> dict[str, Any]:
    from bioloom.operations._object_size import usual_radius

    radius = usual_radius(image, mask, spacing)
    if radius is None:
        return {}
    pixel = min(spacing or (1.0,))
    size = (np.pi * radius**2) if image.ndim == 2 else 4 / 3 * np.pi * radius**3
    return {
        "spot_sigma": _rounded(max(radius / 2, pixel)),
        "outline_sigma": _rounded(min(max(radius / 8, pixel), 3 * pixel)),
        "minimum_size": _rounded(size / 10),
    }


def _rounded(value: float) -> float:
    """Round to two digits, as a person would choose."""
    return float(f"{value:.2g}")
