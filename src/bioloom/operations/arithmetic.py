"""Arithmetic: pixel by pixel, of two images or of an image and a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Mask, Number

Constant = Annotated[float, Number(step=1)]


def _no_halo() -> float:
    return 0


def _common_float(*arrays: Any) -> DTypeLike:
    """Return float32; float64 if an array is that, or integers of more than 16 bits."""
    dtypes = [a.dtype for a in arrays if isinstance(a, np.ndarray)]
    return np.float32 if np.result_type(np.float32, *dtypes) == np.float32 else np.float64


def _finite(result: NDArray[Any]) -> NDArray[Any]:
    """Replace what overflowed by the largest number there is, so that no later step stumbles over infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(result.sum(dtype=np.float64)):
            return result
    # In place.
    np.nan_to_num(result, copy=False)
    return result


def _combine(function: Callable[..., NDArray[Any]], image: NDArray[Any], operand: Any) -> NDArray[Any]:
    """Apply a function of two numbers to every pixel, in floating point."""
    dtype = _common_float(image, operand)
    with np.errstate(all="ignore"):
        return _finite(function(image, operand, dtype=dtype))


def _finite_on_device(result: Any) -> Any:
    cle = device.clesperanto()
    largest = float(np.finfo(np.float32).max)
    return cle.maximum_image_and_scalar(cle.minimum_image_and_scalar(result, scalar=largest), scalar=-largest)


def _defined_on_device(result: Any, defined: Any, undefined: float) -> Any:
    """Put a value where a result is not defined."""
    cle = device.clesperanto()
    kept = _finite_on_device(cle.mask(result, defined))
    return (
        kept if not undefined else cle.add_images_weighted(kept, cle.binary_not(defined), factor1=1, factor2=undefined)
    )


@operation("Filter/Arithmetic", halo=_no_halo, keywords="plus sum offset image calculator math")
def add(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Add a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        Added to every pixel; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), so that nothing wraps around.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.add``; clEsperanto's ``add_images_weighted`` and ``add_image_and_scalar`` on OpenCL.
    """
    return _combine(np.add, image, constant if other is None else other)


@add.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.add_image_and_scalar(image, scalar=constant)
    return cle.add_images_weighted(image, other, factor1=1, factor2=1)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="blend mix linear combination image calculator math")
def add_images_weighted(image: Image, other: Image, factor: Constant = 1.0, other_factor: Constant = 1.0) -> Image:
    """Add two images, each times a factor.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    factor
        What the first image is multiplied by.
    other_factor
        What the second image is multiplied by; -1 subtracts it.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    As clEsperanto's function of the same name, which is used on OpenCL.
    """
    dtype = _common_float(image, other)
    with np.errstate(all="ignore"):
        weighted = np.multiply(image, factor, dtype=dtype)
        weighted += np.multiply(other, other_factor, dtype=dtype)
    return _finite(weighted)


@add_images_weighted.opencl()
def _(image: Any, other: Any, factor: float, other_factor: float) -> Any:
    return device.clesperanto().add_images_weighted(image, other, factor1=factor, factor2=other_factor)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="minus difference offset image calculator math")
def subtract(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Subtract a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        Subtracted from every pixel; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); negative where more is subtracted
        than there is.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.subtract``; clEsperanto's ``add_images_weighted`` and ``add_image_and_scalar`` on OpenCL.
    """
    return _combine(np.subtract, image, constant if other is None else other)


@subtract.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.add_image_and_scalar(image, scalar=-constant)
    return cle.add_images_weighted(image, other, factor1=1, factor2=-1)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="times product factor scale image calculator math")
def multiply(image: Image, other: Image | None = None, constant: Constant = 1.0) -> Image:
    """Multiply by a second image, or by a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        What every pixel is multiplied by; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); what is too large for it becomes
        the largest number it holds.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.multiply``; clEsperanto's ``multiply_images`` and ``multiply_image_and_scalar`` on OpenCL.
    """
    return _combine(np.multiply, image, constant if other is None else other)


@multiply.opencl()
def _(image: Any, other: Any = None, constant: float = 1.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return _finite_on_device(cle.multiply_image_and_scalar(image, scalar=constant))
    return _finite_on_device(cle.multiply_images(image, other))


@operation("Filter/Arithmetic", halo=_no_halo, keywords="ratio quotient flat field image calculator math")
def divide(image: Image, other: Image | None = None, constant: Constant = 1.0, undefined: Constant = 0.0) -> Image:
    """Divide by a second image, or by a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        What every pixel is divided by; not used if there is a second image.
    undefined
        The result where the second image is 0.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); what is too large for it becomes
        the largest number it holds.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, the shapes differ, or the constant is used and 0.

    Notes
    -----
    ``numpy.divide``; clEsperanto's ``divide_images`` and ``multiply_image_and_scalar`` on OpenCL.
    """
    if other is None:
        return _combine(np.divide, image, _divisor(constant))
    dtype = _common_float(image, other)
    result = np.full(image.shape, undefined, dtype)
    with np.errstate(all="ignore"):
        np.divide(image, other, out=result, where=other != 0, dtype=dtype)
    return _finite(result)


def _divisor(constant: float) -> float:
    if constant == 0:
        raise InputError("divide: constant is 0, by which nothing can be divided. Give another number, or an image.")
    return constant


@divide.opencl()
def _(image: Any, other: Any = None, constant: float = 1.0, undefined: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return _finite_on_device(cle.multiply_image_and_scalar(image, scalar=1 / _divisor(constant)))
    return _defined_on_device(cle.divide_images(image, other), cle.not_equal_constant(other, constant=0), undefined)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="square exponent gamma image calculator math")
def power(image: Image, other: Image | None = None, exponent: Constant = 2.0, undefined: Constant = 0.0) -> Image:
    """Raise to the power of a constant, or of a second image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype: the bases.
    other
        Image of the same shape: the exponents.
    exponent
        What every pixel is raised to; not used if there is a second image.
    undefined
        The result where a negative number would be raised to a fraction, or 0 to a negative number.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); what is too large for it becomes
        the largest number it holds.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.power``; clEsperanto's ``power`` and ``power_images`` on OpenCL.
    """
    raised_to = exponent if other is None else other
    dtype = _common_float(image, raised_to)
    with np.errstate(all="ignore"):
        result = image.astype(dtype, copy=False) ** (raised_to if other is None else other.astype(dtype, copy=False))
    if other is not None or exponent < 0 or exponent != int(exponent):
        wrong = ((image < 0) & (np.rint(raised_to) != raised_to)) | ((image == 0) & (np.asarray(raised_to) < 0))
        result[wrong] = undefined
    return _finite(result)


@power.opencl()
def _(image: Any, other: Any = None, exponent: float = 2.0, undefined: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is not None:
        # Which exponents are whole numbers is not to be had from clEsperanto.
        return device.push(power.function(device.pull(image), device.pull(other), exponent, undefined))
    defined = cle.not_equal_constant(image, constant=0) if exponent < 0 else None
    if exponent != int(exponent):
        compare = cle.greater_constant if exponent < 0 else cle.greater_or_equal_constant
        defined = compare(image, constant=0)
    result = cle.power(image, exponent=exponent)
    return _finite_on_device(result) if defined is None else _defined_on_device(result, defined, undefined)


def _holds(dtype: np.dtype[Any], value: float) -> bool:
    """Tell whether a dtype holds a number as it is."""
    if dtype.kind == "f":
        return True
    if dtype.kind == "b":
        return False
    return value == int(value) and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def _pick(function: Callable[..., NDArray[Any]], image: NDArray[Any], operand: Any) -> NDArray[Any]:
    """Apply a function that gives one of its two numbers, in a dtype that holds both."""
    if isinstance(operand, np.ndarray):
        return function(image, operand)
    if _holds(image.dtype, operand):
        return function(image, image.dtype.type(operand))
    return function(image, operand, dtype=_common_float(image))


@operation(
    "Filter/Arithmetic",
    halo=_no_halo,
    title="Maximum of two images or a constant",
    keywords="max larger brighter merge combine image calculator math maximum_image_and_scalar",
)
def maximum_images(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Take the larger of the pixels of two images, or of a pixel and a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        The least that the result can be; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, in the smallest dtype that holds those of both images; with a constant the dtype of the image, or
        float32 or float64 where that does not hold the constant.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.maximum``; clEsperanto's ``maximum_images`` and ``maximum_image_and_scalar`` on OpenCL.
    """
    return _pick(np.maximum, image, constant if other is None else other)


@maximum_images.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.maximum_image_and_scalar(image, scalar=constant)
    return cle.maximum_images(image, other)


@operation(
    "Filter/Arithmetic",
    halo=_no_halo,
    title="Minimum of two images or a constant",
    keywords="min smaller darker merge combine image calculator math minimum_image_and_scalar",
)
def minimum_images(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Take the smaller of the pixels of two images, or of a pixel and a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        The most that the result can be; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, in the smallest dtype that holds those of both images; with a constant the dtype of the image, or
        float32 or float64 where that does not hold the constant.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.minimum``; clEsperanto's ``minimum_images`` and ``minimum_image_and_scalar`` on OpenCL.
    """
    return _pick(np.minimum, image, constant if other is None else other)


@minimum_images.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.minimum_image_and_scalar(image, scalar=constant)
    return cle.minimum_images(image, other)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="abs compare change image calculator math")
def absolute_difference(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Measure how far two images are apart, or an image and a constant, whichever is larger.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), 0 or more.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.abs`` of the difference; clEsperanto's ``absolute_difference`` on OpenCL.
    """
    difference = _combine(np.subtract, image, constant if other is None else other)
    return np.abs(difference, out=difference)


@absolute_difference.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.absolute(cle.add_image_and_scalar(image, scalar=-constant))
    return cle.absolute_difference(image, other)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="compare change error image calculator math")
def squared_difference(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Square the difference of two images, or of an image and a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), 0 or more.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.square`` of the difference; clEsperanto's ``squared_difference`` on OpenCL.
    """
    difference = _combine(np.subtract, image, constant if other is None else other)
    with np.errstate(over="ignore"):
        return _finite(np.square(difference, out=difference))


@squared_difference.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return _finite_on_device(cle.power(cle.add_image_and_scalar(image, scalar=-constant), exponent=2))
    return _finite_on_device(cle.squared_difference(image, other))


@operation("Filter/Arithmetic", halo=_no_halo, keywords="select keep inside region zero")
def mask_image(image: Image, mask: Mask, outside: Constant = 0.0) -> Image:
    """Keep the pixels in a mask and set the others to a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    mask
        Of the same shape; pixels other than 0 are kept. Labels will do.
    outside
        The result where the mask is 0.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype; float32 or float64 where the dtype does not hold the constant.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.where``; clEsperanto's ``mask`` on OpenCL.
    """
    holds = _holds(image.dtype, outside) or (image.dtype == bool and outside in (0, 1))
    return np.where(mask != 0, image, np.asarray(outside, image.dtype if holds else _common_float(image)))


@mask_image.opencl()
def _(image: Any, mask: Any, outside: float) -> Any:
    return _defined_on_device(image, device.clesperanto().not_equal_constant(mask, constant=0), outside)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="limit saturate range bounds")
def clip(image: Image, minimum: Constant | None = None, maximum: Constant | None = None) -> Image:
    """Limit the pixels to a range: what is below or above becomes its nearer end.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    minimum
        The least that the result can be; empty for no such limit.
    maximum
        The most that the result can be; empty for no such limit.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype; float32 or float64 where the dtype does not hold a limit that counts.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or the minimum lies above the maximum.

    Notes
    -----
    ``numpy.clip``; clEsperanto's ``clip`` on OpenCL.
    """
    _check_limits(minimum, maximum)
    if image.dtype.kind in "iu":
        # A limit beyond what the dtype holds limits nothing.
        minimum = None if minimum is not None and minimum <= np.iinfo(image.dtype).min else minimum
        maximum = None if maximum is not None and maximum >= np.iinfo(image.dtype).max else maximum
    result = image if minimum is None else _pick(np.maximum, image, minimum)
    result = result if maximum is None else _pick(np.minimum, result, maximum)
    return result.copy() if result is image else result


def _check_limits(minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InputError(f"clip: the minimum {minimum:g} lies above the maximum {maximum:g}. Swap them.")


@clip.opencl()
def _(image: Any, minimum: float | None, maximum: float | None) -> Any:
    _check_limits(minimum, maximum)
    return device.clesperanto().clip(image, a_min=minimum, a_max=maximum)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="abs magnitude sign math")
def absolute(image: Image) -> Image:
    """Make negative pixels positive.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.

    Returns
    -------
    numpy.ndarray
        Same shape; float32 and float64 stay, signed integers become unsigned ones of the same size.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN.

    Notes
    -----
    ``numpy.abs``; clEsperanto's ``absolute`` on OpenCL.
    """
    if image.dtype.kind == "i":
        # The smallest integer has no positive partner of its dtype: it wraps to the right unsigned one.
        with np.errstate(over="ignore"):
            return np.abs(image).astype(np.dtype(f"u{image.dtype.itemsize}"))
    return np.abs(image)


@absolute.opencl()
def _(image: Any) -> Any:
    return device.clesperanto().absolute(image)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="exp e math")
def exponential(image: Image) -> Image:
    """Raise Euler's number to the power of each pixel.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Divide bright images first: from 89 on, float32 holds no result.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); what is too large for it becomes
        the largest number it holds.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN.

    Notes
    -----
    ``numpy.exp``; clEsperanto's ``exponential`` on OpenCL.
    """
    with np.errstate(over="ignore", under="ignore"):
        return _finite(np.exp(image, dtype=_common_float(image)))


@exponential.opencl()
def _(image: Any) -> Any:
    return _finite_on_device(device.clesperanto().exponential(image))


@operation("Filter/Arithmetic", halo=_no_halo, keywords="log ln log10 log2 math")
def logarithm(image: Image, base: Literal["e", "2", "10"] = "e", undefined: Constant = 0.0) -> Image:
    """Take the logarithm of each pixel; brings out dark structures beside bright ones.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    base
        Of the logarithm.
    undefined
        The result for pixels of 0 or less.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN.

    Notes
    -----
    ``numpy.log``, ``log2`` and ``log10``; clEsperanto's ``logarithm`` on OpenCL.
    """
    function = {"e": np.log, "2": np.log2, "10": np.log10}[base]
    dtype = _common_float(image)
    return function(image, out=np.full(image.shape, undefined, dtype), where=image > 0, dtype=dtype)


@logarithm.opencl()
def _(image: Any, base: str, undefined: float) -> Any:
    cle = device.clesperanto()
    result = cle.logarithm(image)
    if base != "e":
        result = cle.multiply_image_and_scalar(result, scalar=1 / float(np.log(float(base))))
    return _defined_on_device(result, cle.greater_constant(image, constant=0), undefined)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="sqrt variance stabilise anscombe math")
def square_root(image: Image, undefined: Constant = 0.0) -> Image:
    """Take the square root of each pixel; makes photon noise about equal everywhere.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    undefined
        The result for negative pixels.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN.

    Notes
    -----
    ``numpy.sqrt``; clEsperanto's ``square_root`` on OpenCL.
    """
    dtype = _common_float(image)
    return np.sqrt(image, out=np.full(image.shape, undefined, dtype), where=image >= 0, dtype=dtype)


@square_root.opencl()
def _(image: Any, undefined: float) -> Any:
    cle = device.clesperanto()
    return _defined_on_device(cle.square_root(image), cle.greater_or_equal_constant(image, constant=0), undefined)


@operation("Filter/Arithmetic", halo=_no_halo, keywords="inverse 1/x math")
def reciprocal(image: Image, undefined: Constant = 0.0) -> Image:
    """Divide 1 by each pixel.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    undefined
        The result for pixels of 0.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); what is too large for it becomes
        the largest number it holds.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN.

    Notes
    -----
    ``numpy.reciprocal``; clEsperanto's ``reciprocal`` on OpenCL.
    """
    dtype = _common_float(image)
    with np.errstate(over="ignore"):
        return _finite(np.divide(1, image, out=np.full(image.shape, undefined, dtype), where=image != 0, dtype=dtype))


@reciprocal.opencl()
def _(image: Any, undefined: float) -> Any:
    cle = device.clesperanto()
    return _defined_on_device(cle.reciprocal(image), cle.not_equal_constant(image, constant=0), undefined)
