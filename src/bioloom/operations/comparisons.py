"""Comparisons of two images, or of an image and a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._pixelwise import Constant, no_halo
from bioloom.operations._types import Image, Mask


def _compare(function: Callable[..., NDArray[np.bool_]], image: NDArray[Any], operand: Any) -> NDArray[np.bool_]:
    if not isinstance(operand, np.ndarray) and image.dtype.kind == "f":
        # As a number of the image's dtype, so that 0.1 equals a pixel that was set to 0.1.
        with np.errstate(over="ignore"):
            operand = image.dtype.type(operand)
    return function(image, operand)


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
    allow_nan=True,
    title="Greater than",
    keywords="larger brighter above threshold > compare image calculator",
)
def greater(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Mask:
    """Find the pixels that are greater than those of a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN is never.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If an image is not 2D or 3D, or the shapes differ.

    Notes
    -----
    ``numpy.greater``; clEsperanto's ``greater`` and ``greater_constant`` on OpenCL.
    """
    return _compare(np.greater, image, constant if other is None else other)


@greater.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    return cle.greater_constant(image, constant=constant) if other is None else cle.greater(image, other)


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
    allow_nan=True,
    title="Greater or equal",
    keywords="larger brighter above threshold at least >= compare image calculator",
)
def greater_or_equal(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Mask:
    """Find the pixels that are greater than or equal to those of a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN is never.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If an image is not 2D or 3D, or the shapes differ.

    Notes
    -----
    ``numpy.greater_equal``; clEsperanto's ``greater_or_equal`` and ``greater_or_equal_constant`` on OpenCL.
    """
    return _compare(np.greater_equal, image, constant if other is None else other)


@greater_or_equal.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    return (
        cle.greater_or_equal_constant(image, constant=constant) if other is None else cle.greater_or_equal(image, other)
    )


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
    allow_nan=True,
    title="Smaller than",
    keywords="less darker below threshold < compare image calculator",
)
def smaller(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Mask:
    """Find the pixels that are smaller than those of a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN is never.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If an image is not 2D or 3D, or the shapes differ.

    Notes
    -----
    ``numpy.less``; clEsperanto's ``smaller`` and ``smaller_constant`` on OpenCL.
    """
    return _compare(np.less, image, constant if other is None else other)


@smaller.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    return cle.smaller_constant(image, constant=constant) if other is None else cle.smaller(image, other)


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
    allow_nan=True,
    title="Smaller or equal",
    keywords="less darker below threshold at most <= compare image calculator",
)
def smaller_or_equal(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Mask:
    """Find the pixels that are smaller than or equal to those of a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN is never.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If an image is not 2D or 3D, or the shapes differ.

    Notes
    -----
    ``numpy.less_equal``; clEsperanto's ``smaller_or_equal`` and ``smaller_or_equal_constant`` on OpenCL.
    """
    return _compare(np.less_equal, image, constant if other is None else other)


@smaller_or_equal.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    return (
        cle.smaller_or_equal_constant(image, constant=constant) if other is None else cle.smaller_or_equal(image, other)
    )


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
    allow_nan=True,
    title="Equal to",
    keywords="same identical label == compare image calculator",
)
def equal(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Mask:
    """Find the pixels that are equal to those of a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN is equal to nothing.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If an image is not 2D or 3D, or the shapes differ.

    Notes
    -----
    ``numpy.equal``; clEsperanto's ``equal`` and ``equal_constant`` on OpenCL.
    """
    return _compare(np.equal, image, constant if other is None else other)


@equal.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    return cle.equal_constant(image, constant=constant) if other is None else cle.equal(image, other)


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
    allow_nan=True,
    title="Not equal to",
    keywords="different unlike != compare image calculator",
)
def not_equal(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Mask:
    """Find the pixels that are different from those of a second image, or a constant where there is none.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN is different from everything.
    other
        Image of the same shape.
    constant
        What every pixel is compared with; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If an image is not 2D or 3D, or the shapes differ.

    Notes
    -----
    ``numpy.not_equal``; clEsperanto's ``not_equal`` and ``not_equal_constant`` on OpenCL.
    """
    return _compare(np.not_equal, image, constant if other is None else other)


@not_equal.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    return cle.not_equal_constant(image, constant=constant) if other is None else cle.not_equal(image, other)
