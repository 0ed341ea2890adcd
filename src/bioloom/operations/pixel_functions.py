"""Functions of every pixel: powers, roots, logarithms and their like."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._pixelwise import Constant, common_float, defined_on_device, finite, finite_on_device, no_halo
from bioloom.operations._types import Image


@operation("Filter/Arithmetic", halo=no_halo, keywords="square exponent gamma image calculator math")
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
    dtype = common_float(image, raised_to)
    with np.errstate(all="ignore"):
        result = image.astype(dtype, copy=False) ** (raised_to if other is None else other.astype(dtype, copy=False))
    if other is not None or exponent < 0 or exponent != int(exponent):
        wrong = ((image < 0) & (np.rint(raised_to) != raised_to)) | ((image == 0) & (np.asarray(raised_to) < 0))
        result[wrong] = undefined
    return finite(result)


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
    return finite_on_device(result) if defined is None else defined_on_device(result, defined, undefined)


@operation("Filter/Arithmetic", halo=no_halo, keywords="abs magnitude sign math")
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


@operation("Filter/Arithmetic", halo=no_halo, keywords="exp e math")
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
        return finite(np.exp(image, dtype=common_float(image)))


@exponential.opencl()
def _(image: Any) -> Any:
    return finite_on_device(device.clesperanto().exponential(image))


@operation("Filter/Arithmetic", halo=no_halo, keywords="log ln log10 log2 math")
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
    dtype = common_float(image)
    return function(image, out=np.full(image.shape, undefined, dtype), where=image > 0, dtype=dtype)


@logarithm.opencl()
def _(image: Any, base: str, undefined: float) -> Any:
    cle = device.clesperanto()
    result = cle.logarithm(image)
    if base != "e":
        result = cle.multiply_image_and_scalar(result, scalar=1 / float(np.log(float(base))))
    return defined_on_device(result, cle.greater_constant(image, constant=0), undefined)


@operation("Filter/Arithmetic", halo=no_halo, keywords="sqrt variance stabilise anscombe math")
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
    dtype = common_float(image)
    return np.sqrt(image, out=np.full(image.shape, undefined, dtype), where=image >= 0, dtype=dtype)


@square_root.opencl()
def _(image: Any, undefined: float) -> Any:
    cle = device.clesperanto()
    return defined_on_device(cle.square_root(image), cle.greater_or_equal_constant(image, constant=0), undefined)


@operation("Filter/Arithmetic", halo=no_halo, keywords="inverse 1/x math")
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
    dtype = common_float(image)
    with np.errstate(over="ignore"):
        return finite(np.divide(1, image, out=np.full(image.shape, undefined, dtype), where=image != 0, dtype=dtype))


@reciprocal.opencl()
def _(image: Any, undefined: float) -> Any:
    cle = device.clesperanto()
    return defined_on_device(cle.reciprocal(image), cle.not_equal_constant(image, constant=0), undefined)
