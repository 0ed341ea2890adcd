"""Arithmetic, pixel by pixel, of two images or of an image and a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._pixelwise import (
    Constant,
    combine,
    common_float,
    defined_on_device,
    finite,
    finite_on_device,
    no_halo,
)
from bioloom.operations._types import Image


@operation("Filter/Arithmetic", halo=no_halo, keywords="plus sum offset image calculator math")
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
    return combine(np.add, image, constant if other is None else other)


@add.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.add_image_and_scalar(image, scalar=constant)
    return cle.add_images_weighted(image, other, factor1=1, factor2=1)


@operation("Filter/Arithmetic", halo=no_halo, keywords="blend mix linear combination image calculator math")
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
    dtype = common_float(image, other)
    with np.errstate(all="ignore"):
        weighted = np.multiply(image, factor, dtype=dtype)
        weighted += np.multiply(other, other_factor, dtype=dtype)
    return finite(weighted)


@add_images_weighted.opencl()
def _(image: Any, other: Any, factor: float, other_factor: float) -> Any:
    return device.clesperanto().add_images_weighted(image, other, factor1=factor, factor2=other_factor)


@operation("Filter/Arithmetic", halo=no_halo, keywords="minus difference offset image calculator math")
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
    return combine(np.subtract, image, constant if other is None else other)


@subtract.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.add_image_and_scalar(image, scalar=-constant)
    return cle.add_images_weighted(image, other, factor1=1, factor2=-1)


@operation("Filter/Arithmetic", halo=no_halo, keywords="times product factor scale image calculator math")
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
    return combine(np.multiply, image, constant if other is None else other)


@multiply.opencl()
def _(image: Any, other: Any = None, constant: float = 1.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return finite_on_device(cle.multiply_image_and_scalar(image, scalar=constant))
    return finite_on_device(cle.multiply_images(image, other))


@operation("Filter/Arithmetic", halo=no_halo, keywords="ratio quotient flat field image calculator math")
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
        return combine(np.divide, image, _divisor(constant))
    dtype = common_float(image, other)
    result = np.full(image.shape, undefined, dtype)
    with np.errstate(all="ignore"):
        np.divide(image, other, out=result, where=other != 0, dtype=dtype)
    return finite(result)


def _divisor(constant: float) -> float:
    if constant == 0:
        raise InputError("divide: constant is 0, by which nothing can be divided. Give another number, or an image.")
    return constant


@divide.opencl()
def _(image: Any, other: Any = None, constant: float = 1.0, undefined: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return finite_on_device(cle.multiply_image_and_scalar(image, scalar=1 / _divisor(constant)))
    return defined_on_device(cle.divide_images(image, other), cle.not_equal_constant(other, constant=0), undefined)


@operation("Filter/Arithmetic", halo=no_halo, keywords="abs compare change image calculator math")
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
    difference = combine(np.subtract, image, constant if other is None else other)
    return np.abs(difference, out=difference)


@absolute_difference.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.absolute(cle.add_image_and_scalar(image, scalar=-constant))
    return cle.absolute_difference(image, other)


@operation("Filter/Arithmetic", halo=no_halo, keywords="compare change error image calculator math")
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
    difference = combine(np.subtract, image, constant if other is None else other)
    with np.errstate(over="ignore"):
        return finite(np.square(difference, out=difference))


@squared_difference.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return finite_on_device(cle.power(cle.add_image_and_scalar(image, scalar=-constant), exponent=2))
    return finite_on_device(cle.squared_difference(image, other))
