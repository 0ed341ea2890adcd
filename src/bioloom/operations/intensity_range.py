"""Filters that stretch or turn over the range of intensities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import Operation, operation
from bioloom.operations._order_statistics import between, ranked_pixels, ranks_between
from bioloom.operations._types import Image, Number
from bioloom.operations.filters import as_float

Percentile = Annotated[float, Number(minimum=0, maximum=100, step=0.5)]
Value = Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)]


@operation("Filter/Enhance", keywords="power brightness adjust gamma contrast")
def gamma_correction(image: Image, gamma: Annotated[float, Number(minimum=0.01, maximum=100, step=0.1)] = 0.5) -> Image:
    """Make dark regions brighter, or darker, and leave the range of intensities as it is.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    gamma
        Below 1 dark regions become brighter, above 1 darker.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise. Zero and the largest
        pixel stay (if there are negative pixels, the smallest and the largest).

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``(image / max) ** gamma * max``, as clEsperanto's ``gamma_correction``.
    """
    return _with_gamma(image, (image.min(), image.max()), gamma)


def _with_gamma(image: NDArray[Any], ends: tuple[Any, Any], gamma: float) -> NDArray[Any]:
    pixels = as_float(image)
    low, high = min(float(pixels.dtype.type(ends[0])), 0.0), float(pixels.dtype.type(ends[1]))
    if high <= low:
        return pixels.copy()
    shares = (pixels - pixels.dtype.type(low)) / pixels.dtype.type(high - low)
    np.clip(shares, 0, 1, out=shares)
    return np.asarray(shares**gamma * pixels.dtype.type(high - low) + pixels.dtype.type(low))


@gamma_correction.dask()
def _(image: Any, gamma: float) -> Any:
    return _by_range(gamma_correction, partial(_with_gamma, gamma=gamma), image)


def _by_range(operation: Operation, function: Callable[..., NDArray[Any]], image: Any) -> Any:
    """Apply ``function(block, (lowest, highest))``, of all pixels, to the blocks of a Dask array."""
    from bioloom.operations._blocks import checked, range_of_blocks, with_value

    pixels = checked(operation, "image", image)
    dtype = function(np.zeros(1, image.dtype), (image.dtype.type(0), image.dtype.type(1))).dtype
    return with_value(function, range_of_blocks(pixels), pixels, dtype=dtype)


@gamma_correction.opencl()
def _(image: Any, gamma: float) -> Any:
    cle = device.clesperanto()
    low, high = min(float(cle.minimum_of_all_pixels(image)), 0.0), float(cle.maximum_of_all_pixels(image))
    if high <= low:
        return cle.add_image_and_scalar(image, scalar=0)
    shares = cle.multiply_image_and_scalar(cle.add_image_and_scalar(image, scalar=-low), scalar=1 / (high - low))
    stretched = cle.multiply_image_and_scalar(cle.power(shares, exponent=gamma), scalar=high - low)
    return cle.add_image_and_scalar(stretched, scalar=low)


@operation("Filter/Enhance", keywords="normalize normalise contrast stretch scale percentile")
def rescale_intensity(
    image: Image,
    lower: Percentile = 0.0,
    upper: Percentile = 100.0,
    new_minimum: Value = 0.0,
    new_maximum: Value = 1.0,
) -> Image:
    """Stretch intensities to a range.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    lower
        The percentile of the image that becomes the new minimum; what is darker does too.
    upper
        The percentile of the image that becomes the new maximum; what is brighter does too.
    new_minimum
        The smallest intensity of the result.
    new_maximum
        The largest intensity of the result; below the smallest, the image is inverted.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); the new minimum everywhere for a
        flat image.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    As ``skimage.exposure.rescale_intensity`` of the range between the two percentiles.
    """
    pixels = as_float(image)
    if (lower, upper) == (0, 100):
        ends: Any = (pixels.min(), pixels.max())
    else:
        ranks, shares = ranks_between(pixels.size, (lower, upper))
        ends = between(np.partition(pixels, ranks, axis=None)[ranks], shares)
    return _stretched(image, ends, new_minimum, new_maximum)


@rescale_intensity.dask()
def _(image: Any, lower: float, upper: float, new_minimum: float, new_maximum: float) -> Any:
    from dask import delayed

    from bioloom.operations._blocks import checked, with_value
    from bioloom.operations._scratch import repeated

    stretch = partial(_stretched, new_minimum=new_minimum, new_maximum=new_maximum)
    if (lower, upper) == (0, 100):
        return _by_range(rescale_intensity, stretch, image)
    pixels = checked(rescale_intensity, "image", image)
    dtype = as_float(np.zeros(1, image.dtype)).dtype
    ranks, shares = ranks_between(image.size, (lower, upper))
    found = ranked_pixels(repeated(pixels.map_blocks(as_float, dtype=dtype)), ranks, 8 * dtype.itemsize)
    return with_value(stretch, delayed(between)(found, shares), pixels, dtype=dtype)


def _stretched(image: NDArray[Any], ends: Any, new_minimum: float, new_maximum: float) -> NDArray[Any]:
    pixels = as_float(image)
    kind = pixels.dtype.type
    low, high = sorted(float(kind(end)) for end in ends)
    if high <= low:
        # All of the range is one value: what is above it is bright.
        return np.where(pixels > kind(low), kind(new_maximum), kind(new_minimum)).astype(pixels.dtype, copy=False)
    shares = (pixels - kind(low)) / kind(high - low)
    np.clip(shares, 0, 1, out=shares)
    shares *= kind(new_maximum - new_minimum)
    shares += kind(new_minimum)
    return np.asarray(shares)


@operation("Filter/Enhance", keywords="negative complement reverse")
def invert(image: Image) -> Image:
    """Make dark pixels bright and bright ones dark.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype: the smallest plus the largest pixel, minus the image.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The range stays, unlike in clEsperanto's ``invert``, which changes the sign, and in ``skimage.util.invert``, which
    subtracts from the largest number of the dtype.
    """
    return _inverted(image, (image.min(), image.max()))


@invert.dask()
def _(image: Any) -> Any:
    return _by_range(invert, _inverted, image)


def _inverted(image: NDArray[Any], ends: tuple[Any, Any]) -> NDArray[Any]:
    low, high = ends
    if image.dtype == bool:
        return np.asarray(image ^ (low != high))
    if image.dtype.kind == "f":
        return np.asarray((high - image) + low)
    # Numbers that are too large for the type on the way wrap around, and back.
    with np.errstate(over="ignore"):
        return np.asarray(np.add(np.subtract(high, image), low))


@invert.opencl()
def _(image: Any) -> Any:
    cle = device.clesperanto()
    ends = float(cle.minimum_of_all_pixels(image)) + float(cle.maximum_of_all_pixels(image))
    return cle.add_image_and_scalar(cle.multiply_image_and_scalar(image, scalar=-1), scalar=ends)
