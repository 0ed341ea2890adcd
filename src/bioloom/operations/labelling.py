"""From masks and images to labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._cutting import above, above_on_device, threshold_value, threshold_value_of_blocks
from bioloom.operations._numbering import in_reading_order, pixels_of_size
from bioloom.operations._regions import connected, distances_to_background
from bioloom.operations._types import Image, Labels, Length, Mask, Number, Size, Spacing
from bioloom.operations.filters import gaussian, gaussian_on_device, per_axis

otsu_value = threshold_value


@operation("Segment/Label", keywords="connected component labeling, label mask, regions, bwlabel")
def connected_components(
    mask: Mask, diagonal: bool = True, minimum_size: Size = 0.0, spacing: Spacing = None
) -> Labels:
    """Give every connected region of a mask a label of its own.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.
    minimum_size
        Smaller regions, by area (2D) or volume (3D), become background.
    spacing
        Physical size of a pixel per axis; areas and volumes are in its units.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    Equal to ``scipy.ndimage.label``, rows joined run by run; clEsperanto's
    ``connected_components_labeling_box`` and ``_diamond`` on OpenCL, which number the same regions in another order.
    Dask arrays of any size are labelled block by block; regions are joined over the borders of blocks.
    """
    return _label_regions(mask, diagonal, pixels_of_size(minimum_size, spacing))


@connected_components.opencl()
def _(mask: Any, diagonal: bool, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    binary = cle.not_equal_constant(mask, constant=0)
    labels = (cle.connected_components_labeling_box if diagonal else cle.connected_components_labeling_diamond)(binary)
    return _without_small_on_device(labels, minimum_size, spacing)


@connected_components.dask()
def _(mask: Any, diagonal: bool, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, solve_by_regions

    solve = partial(_label_regions, diagonal=diagonal, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, checked(connected_components, "mask", mask), diagonal=diagonal, number=True)


def _label_regions(mask: NDArray[np.bool_], diagonal: bool, least: float) -> NDArray[np.uint32]:
    labels = connected(mask, diagonal)
    return labels if least <= 1 else in_reading_order(labels, least)


def _without_small_on_device(labels: Any, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    least = pixels_of_size(minimum_size, spacing)
    return device.push(in_reading_order(device.pull(labels).astype(np.uint32), least)) if least > 1 else labels


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

    outline = gaussian(image, outline_sigma, spacing)
    inside = above(outline, threshold_value(outline, "otsu", mask), mask)
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
    inside = _otsu_on_device(gaussian_on_device(image, outline_sigma, spacing), mask)
    spots = gaussian_on_device(image, spot_sigma, spacing)
    neighbourhood_maximum = cle.maximum_box(spots, radius_x=1, radius_y=1, radius_z=1 if image.ndim == 3 else 0)
    maxima = cle.binary_and(cle.equal(spots, neighbourhood_maximum), inside)
    labels = cle.masked_voronoi_labeling(maxima, inside)
    return _without_small_on_device(labels, minimum_size, spacing)


def _otsu_on_device(image: Any, mask: Any = None) -> Any:
    given = None if mask is None else device.pull(mask)
    return above_on_device(image, threshold_value(device.pull(image), "otsu", given), mask)


@voronoi_otsu_labeling.dask()
def _(
    image: Any, spot_sigma: float, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None,
    mask: Any = None,
) -> Any:  # fmt: skip
    from bioloom.operations._blocks import checked, solve_by_regions, with_halo
    from bioloom.operations._peaks import peaks

    pixels = checked(voronoi_otsu_labeling, "image", image)
    inside = _otsu_of_blocks(pixels, outline_sigma, spacing, mask)
    reach = [4 * s + 2 for s in per_axis(spot_sigma, image.ndim, spacing)]
    maxima = with_halo(lambda block: peaks(gaussian(block, spot_sigma, spacing)), reach, pixels, dtype=bool)
    solve = partial(_grow_from_maxima, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, inside, (maxima,), number=True)


def _otsu_of_blocks(pixels: Any, sigma: float, spacing: Sequence[float] | None, mask: Any) -> Any:
    """Return the Otsu mask of a smoothed Dask array."""
    from bioloom.operations._blocks import with_halo, with_value
    from bioloom.operations.filters import as_float

    reach = [4 * s + 1 for s in per_axis(sigma, pixels.ndim, spacing)]
    dtype = as_float(np.zeros(1, pixels.dtype)).dtype
    outline = with_halo(lambda block: gaussian(block, sigma, spacing), reach, pixels, dtype=dtype)
    return with_value(above, threshold_value_of_blocks(outline, "otsu", mask), outline, mask, dtype=bool)


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


@operation("Segment/Label", keywords="nuclei blobs gaussian threshold connected components")
def gauss_otsu_labeling(
    image: Image, outline_sigma: Length = 1.0, minimum_size: Size = 0.0, spacing: Spacing = None
) -> Labels:
    """Label bright regions that stand apart: Gaussian, threshold of Otsu, connected components.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype, bright objects on dark ground.
    outline_sigma
        How smooth outlines are.
    minimum_size
        Smaller objects, by area (2D) or volume (3D), become background.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background. Pixels that touch at a corner belong together.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    clEsperanto's ``gauss_otsu_labeling``.
    """
    outline = gaussian(image, outline_sigma, spacing)
    return _label_regions(outline > threshold_value(outline), True, pixels_of_size(minimum_size, spacing))


@gauss_otsu_labeling.opencl()
def _(image: Any, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    binary = _otsu_on_device(gaussian_on_device(image, outline_sigma, spacing))
    labels = device.clesperanto().connected_components_labeling_box(binary)
    return _without_small_on_device(labels, minimum_size, spacing)


@gauss_otsu_labeling.dask()
def _(image: Any, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, solve_by_regions

    inside = _otsu_of_blocks(checked(gauss_otsu_labeling, "image", image), outline_sigma, spacing, None)
    solve = partial(_label_regions, diagonal=True, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, inside, number=True)


@operation("Segment/Label", keywords="nuclei blobs touching erosion")
def eroded_otsu_labeling(
    image: Image,
    outline_sigma: Length = 1.0,
    erosion: Length = 3.0,
    minimum_size: Size = 0.0,
    spacing: Spacing = None,
) -> Labels:
    """Label bright objects that touch a little: what is left of each after an erosion is grown back.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype, bright objects on dark ground.
    outline_sigma
        How smooth outlines are.
    erosion
        How far the mask is eroded to part objects: more than half the width of where they touch. Objects narrower
        than twice this are lost.
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
    clEsperanto's ``eroded_otsu_labeling``, with an erosion by a ball where it erodes by boxes.
    """
    outline = gaussian(image, outline_sigma, spacing)
    least = pixels_of_size(minimum_size, spacing)
    return _grow_from_eroded(outline > threshold_value(outline), erosion, spacing, least)


def _grow_from_eroded(
    inside: NDArray[np.bool_], erosion: float, spacing: Sequence[float] | None, least: float
) -> NDArray[np.uint32]:
    from bioloom.operations._flood import flood
    from bioloom.operations._label_distances import eroded

    cores = eroded(inside, erosion, spacing) > 0
    return in_reading_order(flood(connected(cores, True), inside), least)


@eroded_otsu_labeling.dask()
def _(image: Any, outline_sigma: float, erosion: float, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, solve_by_regions

    inside = _otsu_of_blocks(checked(eroded_otsu_labeling, "image", image), outline_sigma, spacing, None)
    least = pixels_of_size(minimum_size, spacing)
    solve = partial(_grow_from_eroded, erosion=erosion, spacing=spacing, least=least)
    return solve_by_regions(solve, inside, number=True)


@operation("Segment/Label", keywords="tessellation territories nearest spot points")
def voronoi_labeling(spots: Mask, mask: Mask | None = None, spacing: Spacing = None) -> Labels:
    """Divide an image among the regions of a mask of spots: every pixel goes to the nearest (Voronoi).

    Parameters
    ----------
    spots
        (y, x) or (z, y, x); pixels other than 0 are spots, connected ones belong to one.
    mask
        Same shape; only its pixels are divided, and the others stay background. Everywhere if left out.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order of the spots; without spots 0 everywhere.

    Raises
    ------
    InputError
        If the shapes differ or are not 2D or 3D.

    Notes
    -----
    Euclidean distance, right for anisotropic pixels; clEsperanto's ``voronoi_labeling`` grows octagons.
    """
    from scipy import ndimage

    labels = connected(spots, True)
    if labels.any() and not labels.all():
        nearest = ndimage.distance_transform_edt(
            labels == 0, sampling=spacing, return_distances=False, return_indices=True
        )
        labels = labels[tuple(nearest)]
    return labels if mask is None else np.where(np.asarray(mask) != 0, labels, np.uint32(0))


@operation("Segment/Label", keywords="binary watershed separate declump ImageJ")
def split_touching_objects(
    mask: Mask,
    neck: Annotated[float, Number(minimum=0, maximum=1, step=0.05)] = 0.8,
    smoothing: Length = 1.0,
    spacing: Spacing = None,
) -> Labels:
    """Split objects that touch where they are drawn in, and label them.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Roundish objects without holes are split best.
    neck
        Objects are split where they are narrower than this share of the width of the smaller part, whatever
        their size. Larger splits more, 0 nothing.
    smoothing
        How smooth the distances to the background are made, so that rough outlines do not split objects.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    Euclidean distance to the background, smoothed with a Gaussian; its maxima are the seeds of a watershed within the
    mask, those that a shallow pass parts from a higher one left out (relative depth, where the h-maxima of P. Soille,
    Morphological Image Analysis (2003), are absolute). Computed in main memory also for OpenCL arrays.
    """
    from bioloom.operations._split import divide

    inside = np.asarray(mask) != 0
    return divide(gaussian(distances_to_background(inside, spacing), smoothing, spacing), inside, neck)


@split_touching_objects.dask()
def _(mask: Any, neck: float, smoothing: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, solve_by_regions, with_halo

    inside = checked(split_touching_objects, "mask", mask) != 0
    # The distance of a pixel depends on its own region only, but smoothing looks over the gaps between regions.
    distance = solve_by_regions(partial(distances_to_background, spacing=spacing), inside, dtype=np.float32)
    reach = [4 * s + 1 for s in per_axis(smoothing, mask.ndim, spacing)]
    height = with_halo(lambda block: gaussian(block, smoothing, spacing), reach, distance, dtype=np.float32)
    return solve_by_regions(partial(_divide, neck=neck), inside, (height,), number=True)


def _divide(inside: NDArray[np.bool_], height: NDArray[np.float32], neck: float) -> NDArray[np.uint32]:
    from bioloom.operations._split import divide

    return divide(height, inside, neck)
