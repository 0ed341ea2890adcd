"""Watersheds: objects grow from seeds until they meet at the ridges of an image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._cutting import above, threshold_value, threshold_value_of_blocks
from bioloom.operations._numbering import in_reading_order, pixels_of_size
from bioloom.operations._regions import connected
from bioloom.operations._types import Image, Labels, Length, Mask, Number, Size, Spacing
from bioloom.operations._watershed import watershed
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
    several blocks are computed together. Without a mask they are one block.
    """
    inside = None if mask is None else np.asarray(mask) != 0
    grown = _grow(inside, image, seeds, borders, compactness, spacing)
    least = pixels_of_size(minimum_size, spacing)
    return grown if least <= 1 else _without(grown, _small(_counted([grown]), least))


def _count_ids(labels: NDArray[np.uint32]) -> tuple[NDArray[Any], NDArray[Any]]:
    ids, counts = np.unique(labels, return_counts=True)
    return ids, counts


def _counted(parts: Sequence[NDArray[np.uint32]]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    return [_count_ids(part) for part in parts]


def _small(counted: Sequence[tuple[NDArray[Any], NDArray[Any]]], least: float) -> NDArray[Any]:
    """Return the ids that have fewer pixels in all parts of an image."""
    ids, place = np.unique(np.concatenate([ids for ids, _ in counted]), return_inverse=True)
    totals = np.bincount(place, weights=np.concatenate([n for _, n in counted]), minlength=ids.size)
    small: NDArray[Any] = ids[(totals < least) & (ids > 0)]
    return small


def _without(labels: NDArray[np.uint32], ids: NDArray[Any]) -> NDArray[np.uint32]:
    return np.where(np.isin(labels, ids), np.uint32(0), labels) if ids.size else labels


@seeded_watershed.dask()
def _(
    image: Any, seeds: Any, compactness: float, borders: str, minimum_size: float, spacing: Sequence[float] | None,
    mask: Any = None,
) -> Any:  # fmt: skip
    from dask import delayed

    from bioloom.operations._blocks import checked, of_whole, solve_by_regions, with_value

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
    small = delayed(_small)([delayed(_count_ids)(block) for block in grown.to_delayed().ravel()], least)
    return with_value(_without, small, grown, dtype=np.uint32)


@seeded_watershed.suggest
def _(
    image: NDArray[Any], seeds: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None
) -> dict[str, Any]:
    ids, counts = _count_ids(seeds)
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
        How strongly the image is smoothed to find the seeds: about a third of the radius of a cell. Larger merges,
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
    As in napari-segment-blobs-and-things-with-membranes. Dask arrays with a mask are computed as by
    :func:`seeded_watershed`, without one as one block.
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
    seeds = connected(minima if inside is None else minima & inside, True)
    return in_reading_order(watershed(outline, seeds, inside, compactness, spacing), least)


@local_minima_seeded_watershed.dask()
def _(
    image: Any, spot_sigma: float, outline_sigma: float, compactness: float, minimum_size: float,
    spacing: Sequence[float] | None, mask: Any = None,
) -> Any:  # fmt: skip
    from bioloom.operations._blocks import checked, of_whole, solve_by_regions

    pixels = checked(local_minima_seeded_watershed, "image", image)
    settings = {"spot_sigma": spot_sigma, "outline_sigma": outline_sigma, "compactness": compactness}
    if mask is None:
        function = local_minima_seeded_watershed.function
        whole = partial(function, **settings, minimum_size=minimum_size, spacing=spacing)
        return of_whole(whole, pixels, dtype=np.uint32)
    inside = checked(local_minima_seeded_watershed, "mask", mask) != 0
    outline, minima = _smooth_and_extreme(pixels, outline_sigma, spot_sigma, spacing, _minima)
    least = pixels_of_size(minimum_size, spacing)
    solve = partial(_grow_from_minima, compactness=compactness, least=least, spacing=spacing)
    return solve_by_regions(solve, inside, (outline, minima), number=True)


def _smooth_and_extreme(
    pixels: Any, outline_sigma: float, spot_sigma: float, spacing: Sequence[float] | None, extreme: Any
) -> tuple[Any, Any]:
    """Return a Dask array smoothed, and the extremes of it smoothed by another sigma."""
    from bioloom.operations._blocks import with_halo

    near, far = ([4 * s + 2 for s in per_axis(sigma, pixels.ndim, spacing)] for sigma in (outline_sigma, spot_sigma))
    dtype = as_float(np.zeros(1, pixels.dtype)).dtype
    outline = with_halo(lambda block: gaussian(block, outline_sigma, spacing), near, pixels, dtype=dtype)
    return outline, with_halo(lambda block: extreme(block, spot_sigma, spacing), far, pixels, dtype=bool)


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
        "spot_sigma": float(f"{max(radius / 3, pixel):.2g}"),
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
        How strongly the image is smoothed to find the seeds: about a third of the radius of a cell.
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
    As in napari-segment-blobs-and-things-with-membranes.
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


@operation("Segment/Label", keywords="morphological watershed nuclei blobs touching intensity")
def watershed_otsu_labeling(
    image: Image,
    spot_sigma: Length = 3.0,
    outline_sigma: Length = 1.0,
    valley: Annotated[float, Number(minimum=0, maximum=1, step=0.05)] = 0.9,
    mask: Mask | None = None,
    minimum_size: Size = 0.0,
    spacing: Spacing = None,
) -> Labels:
    """Label bright objects that touch, parted where the image is darker between them (watershed–Otsu).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype, bright objects on dark ground.
    spot_sigma
        How strongly the image is smoothed to find the objects' tops and the valleys between them.
    outline_sigma
        How smooth outlines are: Otsu's threshold of the image smoothed by this.
    valley
        Two tops are one object if the brightest way between them, above the darkest pixel of the image, is at least
        this share of the fainter top. Larger splits more.
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
    Watershed by immersion (L. Vincent and P. Soille, IEEE TPAMI 13 (1991) 583-598) within the mask of Otsu; shallow
    valleys are left out relative to their tops, where ITK's ``MorphologicalWatershed`` takes an absolute level.
    """
    outline = gaussian(image, outline_sigma, spacing)
    inside = above(outline, threshold_value(outline, "otsu", mask), mask)
    spots = gaussian(image, spot_sigma, spacing)
    return _divide(inside, _raised(spots, spots.min()), valley, pixels_of_size(minimum_size, spacing))


def _raised(spots: NDArray[Any], low: Any) -> NDArray[np.float32]:
    return (spots - low).astype(np.float32, copy=False)


def _divide(inside: NDArray[np.bool_], height: NDArray[np.float32], valley: float, least: float) -> NDArray[np.uint32]:
    from bioloom.operations._split import divide

    labels = divide(height, inside, valley)
    return labels if least <= 1 else in_reading_order(labels, least)


@watershed_otsu_labeling.dask()
def _(
    image: Any, spot_sigma: float, outline_sigma: float, valley: float, minimum_size: float,
    spacing: Sequence[float] | None, mask: Any = None,
) -> Any:  # fmt: skip
    from dask import delayed

    from bioloom.operations._blocks import checked, solve_by_regions, with_value

    pixels = checked(watershed_otsu_labeling, "image", image)
    outline, _ = _smooth_and_extreme(pixels, outline_sigma, 0.0, spacing, _minima)
    spots, _ = _smooth_and_extreme(pixels, spot_sigma, 0.0, spacing, _minima)
    inside = with_value(above, threshold_value_of_blocks(outline, "otsu", mask), outline, mask, dtype=bool)
    height = with_value(_raised, delayed(np.asarray)(spots.min()), spots, dtype=np.float32)
    solve = partial(_divide, valley=valley, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, inside, (height,), number=True)


@watershed_otsu_labeling.suggest
def _(image: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None) -> dict[str, Any]:
    from bioloom.operations.labelling import voronoi_otsu_labeling

    found = voronoi_otsu_labeling.suggested(image, mask=mask, spacing=spacing)
    return found and {**found, "spot_sigma": float(f"{found['spot_sigma'] * 0.7:.2g}")}
