"""More ways to label bright objects within the mask that Otsu's threshold gives."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._numbering import in_reading_order, pixels_of_size
from bioloom.operations._otsu_masks import otsu_mask, otsu_of_blocks, otsu_on_device
from bioloom.operations._regions import connected, label_regions, without_small_on_device
from bioloom.operations._types import Image, Labels, Length, Mask, Number, Size, Spacing
from bioloom.operations.filters import gaussian
from bioloom.operations.voronoi_otsu import voronoi_otsu_labeling


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
    inside = otsu_mask(image, outline_sigma, spacing)
    return label_regions(inside, True, pixels_of_size(minimum_size, spacing))


@gauss_otsu_labeling.opencl()
def _(image: Any, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    binary = otsu_on_device(image, outline_sigma, spacing)
    labels = device.clesperanto().connected_components_labeling_box(binary)
    return without_small_on_device(labels, minimum_size, spacing)


@gauss_otsu_labeling.dask()
def _(image: Any, outline_sigma: float, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked

    inside = otsu_of_blocks(checked(gauss_otsu_labeling, "image", image), outline_sigma, spacing, None)
    solve = partial(label_regions, diagonal=True, least=pixels_of_size(minimum_size, spacing))
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
    least = pixels_of_size(minimum_size, spacing)
    return _grow_from_eroded(otsu_mask(image, outline_sigma, spacing), erosion, spacing, least)


def _grow_from_eroded(
    inside: NDArray[np.bool_], erosion: float, spacing: Sequence[float] | None, least: float
) -> NDArray[np.uint32]:
    from bioloom.operations._flood import flood
    from bioloom.operations._label_distances import eroded

    cores = eroded(inside, erosion, spacing) > 0
    return in_reading_order(flood(connected(cores, True), inside), least)


@eroded_otsu_labeling.dask()
def _(image: Any, outline_sigma: float, erosion: float, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked

    inside = otsu_of_blocks(checked(eroded_otsu_labeling, "image", image), outline_sigma, spacing, None)
    least = pixels_of_size(minimum_size, spacing)
    solve = partial(_grow_from_eroded, erosion=erosion, spacing=spacing, least=least)
    return solve_by_regions(solve, inside, number=True)


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
    inside = otsu_mask(image, outline_sigma, spacing, mask)
    spots = gaussian(image, spot_sigma, spacing)
    return _divide(inside, _raised(spots, spots.min()), valley, pixels_of_size(minimum_size, spacing))


def _raised(spots: NDArray[Any], low: Any) -> NDArray[np.float32]:
    raised: NDArray[np.float32] = (spots - low).astype(np.float32, copy=False)
    return raised


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

    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked, smooth_blocks, with_value

    pixels = checked(watershed_otsu_labeling, "image", image)
    inside = otsu_of_blocks(pixels, outline_sigma, spacing, mask)
    spots = smooth_blocks(pixels, spot_sigma, spacing)
    height = with_value(_raised, delayed(np.asarray)(spots.min()), spots, dtype=np.float32)
    solve = partial(_divide, valley=valley, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, inside, (height,), number=True)


@watershed_otsu_labeling.suggest
def _(image: NDArray[Any], mask: Any = None, spacing: Sequence[float] | None = None) -> dict[str, Any]:
    found = voronoi_otsu_labeling.suggested(image, mask=mask, spacing=spacing)
    return found and {**found, "spot_sigma": float(f"{found['spot_sigma'] * 0.7:.2g}")}
