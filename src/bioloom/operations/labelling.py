"""Segmentation: from an image to a mask or to labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Labels, Length, Mask, Number, Spacing
from bioloom.operations.filters import gaussian, gaussian_on_device

_MAX_COUNTED = 1 << 16


def otsu_value(image: NDArray[Any]) -> float:
    """Return Otsu's threshold of the finite pixels.

    Parameters
    ----------
    image
        Any shape, any real dtype. Whole numbers of any dtype are counted one by one if the largest is less than 65 536
        above the smallest; other values are counted in 256 bins.

    Returns
    -------
    float
        Pixels above it are foreground. Images of one value give that value: nothing is above it.

    Notes
    -----
    N. Otsu, IEEE Trans. SMC 9 (1979) 62-66, as in ``skimage.filters.threshold_otsu``.
    """
    from skimage import filters

    pixels = image.ravel()
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8)
    if pixels.dtype.kind == "f":
        pixels = pixels[np.isfinite(pixels)]
    if not pixels.size:
        return np.inf
    low, high = pixels.min().item(), pixels.max().item()
    if low == high:
        return float(low)
    # OpenCL images are float32 whatever they were made from: the same counts as before the push.
    if high - low >= _MAX_COUNTED or (pixels.dtype.kind == "f" and not _are_whole(pixels, low)):
        floats = pixels if pixels.dtype.kind == "f" else pixels.astype(np.float64)
        return float(filters.threshold_otsu(floats))
    if low >= -_MAX_COUNTED and high < _MAX_COUNTED:
        return float(filters.threshold_otsu(pixels.astype(np.int32)))
    # Counts are kept from 0 on, so that large numbers in a narrow range need a shift.
    return float(low + filters.threshold_otsu((pixels - pixels.dtype.type(low)).astype(np.int32)))


def _are_whole(pixels: NDArray[Any], smallest: float) -> bool:
    return abs(smallest) < 1 << 24 and np.array_equal(pixels, np.rint(pixels))


@operation("Segment/Threshold", allow_nan=True)
def threshold_otsu(image: Image) -> Mask:
    """Separate bright from dark at the threshold of Otsu.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN counts as background.

    Returns
    -------
    numpy.ndarray
        bool, True where brighter than the threshold (uint8 on OpenCL).

    Raises
    ------
    InputError
        If the image is not 2D or 3D.

    Notes
    -----
    N. Otsu, IEEE Trans. SMC 9 (1979) 62-66, as in ``skimage.filters.threshold_otsu``.
    """
    return image > otsu_value(image)


def _otsu_on_device(image: Any) -> Any:
    # One number per image: the histogram is taken in main memory so that both engines cut at the same value.
    return device.clesperanto().greater_constant(image, constant=otsu_value(device.pull(image)))


@threshold_otsu.opencl()
def _(image: Any) -> Any:
    return _otsu_on_device(image)


@operation("Segment/Label")
def connected_components(mask: Mask, diagonal: bool = True) -> Labels:
    """Give every connected region of a mask a label of its own.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n; 0 is background.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    ``scipy.ndimage.label``; clEsperanto's ``connected_components_labeling_box`` and ``_diamond`` on OpenCL, which
    number the same regions in another order.
    """
    from scipy import ndimage

    structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if diagonal else 1)
    labels = np.zeros(mask.shape, np.int32 if mask.size < 1 << 31 else np.int64)
    ndimage.label(mask != 0, structure, output=labels)
    return labels.astype(np.uint32)


@connected_components.opencl()
def _(mask: Any, diagonal: bool) -> Any:
    cle = device.clesperanto()
    binary = cle.not_equal_constant(mask, constant=0)
    return (cle.connected_components_labeling_box if diagonal else cle.connected_components_labeling_diamond)(binary)


@operation("Segment/Label")
def voronoi_otsu_labeling(
    image: Image, spot_sigma: Length = 5.0, outline_sigma: Length = 1.0, spacing: Spacing = None
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
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n; 0 is background.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The method of clij and clEsperanto's ``voronoi_otsu_labeling`` (R. Haase et al., Nature Methods 17 (2020) 5-6),
    with the same growth by alternating box and diamond neighbourhoods; objects are numbered in
    reading order of their seeds.
    """
    from scipy import ndimage

    from bioloom.operations._flood import flood

    outline = gaussian(image, outline_sigma, spacing)
    mask = outline > otsu_value(outline)
    spots = gaussian(image, spot_sigma, spacing)
    maxima = (spots == ndimage.maximum_filter(spots, size=3, mode="nearest")) & mask
    seeds = np.zeros(mask.shape, np.int32)
    ndimage.label(maxima, ndimage.generate_binary_structure(mask.ndim, mask.ndim), output=seeds)
    return flood(seeds.astype(np.uint32), mask)


@voronoi_otsu_labeling.opencl()
def _(image: Any, spot_sigma: float, outline_sigma: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    mask = _otsu_on_device(gaussian_on_device(image, outline_sigma, spacing))
    spots = gaussian_on_device(image, spot_sigma, spacing)
    neighbourhood_maximum = cle.maximum_box(spots, radius_x=1, radius_y=1, radius_z=1 if image.ndim == 3 else 0)
    maxima = cle.binary_and(cle.equal(spots, neighbourhood_maximum), mask)
    return cle.masked_voronoi_labeling(maxima, mask)


@operation("Segment/Label")
def seeded_watershed(
    image: Image,
    seeds: Labels,
    mask: Mask | None = None,
    compactness: Annotated[float, Number(minimum=0, maximum=1e6, step=0.1)] = 0.0,
) -> Labels:
    """Grow seeds over an image until they meet at its bright ridges, such as membranes.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; borders between objects are bright.
    seeds
        Same shape; one label per object to find, such as nuclei. They keep their ids.
    mask
        Same shape; objects grow only where it is not 0. Everywhere if left out.
    compactness
        0 follows the image only; larger values give rounder, more equal objects.

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
    ``skimage.segmentation.watershed`` (compact: P. Neubert and P. Protzel, ICPR 2014).
    """
    from skimage import segmentation

    # The watershed takes 32-bit signed seeds; ids may be larger.
    ids, compact = np.unique(seeds, return_inverse=True)
    compact = compact.reshape(seeds.shape).astype(np.int32)
    if ids[0] != 0:
        # Every pixel is a seed already.
        return seeds.astype(np.uint32)
    grown = segmentation.watershed(
        image, compact, mask=None if mask is None else np.asarray(mask) != 0, compactness=compactness
    )
    return ids.astype(np.uint32)[grown]


@operation("Segment/Label")
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
        uint32 labels 1…n; 0 is background.

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
    from scipy import ndimage

    from bioloom.operations._split import divide

    inside = np.asarray(mask) != 0
    # Without any background there is no distance to it.
    distance = ndimage.distance_transform_edt(inside, sampling=spacing) if not inside.all() else np.ones(inside.shape)
    return divide(gaussian(distance, smoothing, spacing), inside, neck)
