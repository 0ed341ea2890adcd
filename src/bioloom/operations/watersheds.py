"""Watersheds: objects grow from seeds until they meet at the ridges of an image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._cutting import threshold_value
from bioloom.operations._numbering import count_ids, in_reading_order, pixels_of_size, small_ids, without_ids
from bioloom.operations._regions import connected
from bioloom.operations._types import Image, Labels, Length, Mask, Number, Size, Spacing
from bioloom.operations.filters import as_float, gaussian, per_axis

Compactness = Annotated[float, Number(minimum=0, maximum=1e6, step=0.1)]
Intensity = Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)]


def _as_ridges(image: NDArray[Any], borders: str) -> NDArray[Any]:
    """Return an image whose borders are bright."""
    if borders == "bright":
        return image
    return ~image if image.dtype.kind in "iub" else -image


def _grow(
    mask: NDArray[np.bool_] | None, image: NDArray[Any], seeds: NDArray[Any], borders: str, compactness: float,
    spacing: Sequence[float] | None,
) -> NDArray[np.uint32]:  # fmt: skip
    from bioloom.operations._watershed import watershed

    return watershed(_as_ridges(image, borders), seeds.astype(np.uint32, copy=False), mask, compactness, spacing)


@operation("Segment/Label", keywords="marker controlled watershed membranes cells from nuclei flood")
def seeded_watershed(
    image: Image,
    seeds: Labels,
    mask: Mask | None = None,
    compactness: Compactness = 0.0,
    borders: Literal["bright", "dark"] = "bright",
    minimum_size: Size = 0.0,
    spacing: Spacing = None,
) -> Labels:
    """Grow seeds over an image until they meet at its bright ridges, such as membranes.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; the channel that shows where objects end.
    seeds
        Same shape; one label per object to find, such as nuclei. They keep their ids.
    mask
        Same shape; objects grow only where it is not 0. Everywhere if left out.
    compactness
        0 follows the image only; larger values give rounder, more equal objects: added to the brightness per unit of
        distance from the seed.
    borders
        Whether objects are parted by ``bright`` lines, such as membranes, or are bright themselves and parted by
        ``dark`` ones, such as cells in a stain of the cytoplasm.
    minimum_size
        Smaller objects, by area (2D) or volume (3D), become background.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32, the grown seeds.

    Raises
    ------
    InputError
        If shapes differ, seeds are no labels, or the image holds NaN.

    Notes
    -----
    F. Meyer, Signal Processing 38 (1994) 113-125; compact: P. Neubert and P. Protzel, ICPR 2014. As
    ``skimage.segmentation.watershed``; pixels that are equally bright are flooded in the order in which they are
    reached. Dask arrays with a mask of any size give the objects of the whole image: regions of the mask that lie in
    several blocks are computed together. Without a mask they are one block, which takes about 40 bytes of memory a
    pixel: the image is then one region, in which any seed may reach any pixel.
    """
    inside = None if mask is None else np.asarray(mask) != 0
    grown = _grow(inside, image, seeds, borders, compactness, spacing)
    least = pixels_of_size(minimum_size, spacing)
    return grown if least <= 1 else without_ids(grown, small_ids([count_ids(grown)], least))


@seeded_watershed.dask()
def _(
    image: Any, seeds: Any, compactness: float, borders: str, minimum_size: float, spacing: Sequence[float] | None,
    mask: Any = None,
) -> Any:  # fmt: skip
    from dask import delayed

    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked, of_whole, with_value

    pixels, starts = checked(seeded_watershed, "image", image), checked(seeded_watershed, "seeds", seeds)
    grow = partial(_grow, borders=borders, compactness=compactness, spacing=spacing)
    if mask is None:
        grown = of_whole(partial(grow, None), pixels, starts, dtype=np.uint32)
    else:
        inside = checked(seeded_watershed, "mask", mask) != 0
        grown = solve_by_regions(grow, inside, (pixels, starts), diagonal=False)
    least = pixels_of_size(minimum_size, spacing)
    if least <= 1:
        return grown
    small = delayed(small_ids)([delayed(count_ids)(block) for block in grown.to_delayed().ravel()], least)
    return with_value(without_ids, small, grown, dtype=np.uint32)


@seeded_watershed.suggest
def _(
    image: NDArray[Any], seeds: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None
) -> dict[str, Any]:
    ids, counts = count_ids(seeds)
    counts = counts[ids > 0]
    if not counts.size:
        return {}
    # A cell is larger than its nucleus.
    size = float(np.median(counts)) * float(np.prod(spacing or (1.0,)))
    return {"minimum_size": float(f"{size / 2:.2g}"), "compactness": 0.0}


@operation("Segment/Label", keywords="membranes cells without nuclei valley watershed")
def local_minima_seeded_watershed(
    image: Image,
    spot_sigma: Length = 5.0,
    outline_sigma: Length = 1.0,
    mask: Mask | None = None,
    compactness: Compactness = 0.0,
    minimum_size: Size = 0.0,
    spacing: Spacing = None,
) -> Labels:
    """Label cells whose membranes are bright: a watershed from the darkest places.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; borders between objects are bright.
    spot_sigma
        How strongly the image is smoothed to find the seeds: about half the radius of a cell. Larger merges,
        smaller splits.
    outline_sigma
        How strongly it is smoothed to find the borders.
    mask
        Same shape; objects are looked for only where it is not 0. Everywhere if left out.
    compactness
        0 follows the image only; larger values give rounder, more equal objects.
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
    As ``local_minima_seeded_watershed`` of napari-segment-blobs-and-things-with-membranes. Dask arrays with
    a mask are computed as by :func:`seeded_watershed`, without one as one block.
    """
    inside = None if mask is None else np.asarray(mask) != 0
    minima = _minima(image, spot_sigma, spacing)
    outline = gaussian(image, outline_sigma, spacing)
    least = pixels_of_size(minimum_size, spacing)
    return _grow_from_minima(inside, outline, minima, compactness, least, spacing)


def _minima(image: NDArray[Any], sigma: float, spacing: Sequence[float] | None) -> NDArray[np.bool_]:
    from bioloom.operations._peaks import peaks

    return peaks(-gaussian(image, sigma, spacing))


def _grow_from_minima(
    inside: NDArray[np.bool_] | None, outline: NDArray[Any], minima: NDArray[np.bool_], compactness: float,
    least: float, spacing: Sequence[float] | None,
) -> NDArray[np.uint32]:  # fmt: skip
    from bioloom.operations._watershed import watershed

    seeds = connected(minima if inside is None else minima & inside, True)
    return in_reading_order(watershed(outline, seeds, inside, compactness, spacing), least)


@local_minima_seeded_watershed.dask()
def _(
    image: Any, spot_sigma: float, outline_sigma: float, compactness: float, minimum_size: float,
    spacing: Sequence[float] | None, mask: Any = None,
) -> Any:  # fmt: skip
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked, of_whole, smooth_blocks, with_halo

    pixels = checked(local_minima_seeded_watershed, "image", image)
    settings = {"spot_sigma": spot_sigma, "outline_sigma": outline_sigma, "compactness": compactness}
    if mask is None:
        function = local_minima_seeded_watershed.function
        whole = partial(function, **settings, minimum_size=minimum_size, spacing=spacing)
        return of_whole(whole, pixels, dtype=np.uint32)
    inside = checked(local_minima_seeded_watershed, "mask", mask) != 0
    outline = smooth_blocks(pixels, outline_sigma, spacing)
    reach = [4 * s + 2 for s in per_axis(spot_sigma, image.ndim, spacing)]
    minima = with_halo(lambda block: _minima(block, spot_sigma, spacing), reach, pixels, dtype=bool)
    least = pixels_of_size(minimum_size, spacing)
    solve = partial(_grow_from_minima, compactness=compactness, least=least, spacing=spacing)
    return solve_by_regions(solve, inside, (outline, minima), number=True)


def _suggest_for_membranes(
    image: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None
) -> dict[str, Any]:
    from bioloom.operations._object_size import usual_radius

    radius = usual_radius(image, mask, spacing, dark=True)
    if radius is None:
        return {}
    pixel = min(spacing or (1.0,))
    size = (np.pi * radius**2) if image.ndim == 2 else 4 / 3 * np.pi * radius**3
    return {
        "spot_sigma": float(f"{max(0.55 * radius, pixel):.2g}"),
        "outline_sigma": pixel,
        "minimum_size": float(f"{size / 10:.2g}"),
    }


local_minima_seeded_watershed.suggest(_suggest_for_membranes)


@operation("Segment/Label", keywords="membranes cells without nuclei remove background regions")
def thresholded_local_minima_seeded_watershed(
    image: Image,
    spot_sigma: Length = 5.0,
    outline_sigma: Length = 1.0,
    minimum_intensity: Intensity | None = None,
    mask: Mask | None = None,
    compactness: Compactness = 0.0,
    minimum_size: Size = 0.0,
    spacing: Spacing = None,
) -> Labels:
    """Label cells whose membranes are bright, without the dark regions between and around them.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; borders between objects are bright.
    spot_sigma
        How strongly the image is smoothed to find the seeds: about half the radius of a cell.
    outline_sigma
        How strongly it is smoothed to find the borders.
    minimum_intensity
        Objects of which the image is darker on average become background. Where the averages of all objects part at
        the threshold of Otsu if left empty.
    mask
        Same shape; objects are looked for only where it is not 0. Everywhere if left out.
    compactness
        0 follows the image only; larger values give rounder, more equal objects.
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
    As ``thresholded_local_minima_seeded_watershed`` of napari-segment-blobs-and-things-with-membranes. Dask arrays are
    computed as one block.
    """
    labels = local_minima_seeded_watershed.function(
        image, spot_sigma, outline_sigma, mask, compactness, minimum_size, spacing
    )
    counts = np.bincount(labels.ravel())
    sums = np.bincount(labels.ravel(), weights=as_float(image).ravel().astype(np.float64))
    means = sums[1:] / counts[1:]
    if not means.size:
        return np.asarray(labels)
    least = threshold_value(means) if minimum_intensity is None else minimum_intensity
    # At one value there is nothing that a threshold could part.
    keep = np.append(False, (means > least) if means.min() < means.max() else (means >= least))
    return in_reading_order(np.where(keep[labels], labels, 0))


thresholded_local_minima_seeded_watershed.suggest(_suggest_for_membranes)
