"""Logic of masks, and comparisons of two images or of an image and a constant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Mask, Number

Constant = Annotated[float, Number(step=1)]


def _no_halo() -> float:
    return 0


def _as_binary(mask: Any) -> Any:
    # clEsperanto's kernels read masks as whole numbers below 256.
    return device.clesperanto().not_equal_constant(mask, constant=0)


@operation(
    "Filter/Logic and comparison",
    halo=_no_halo,
    title="Binary and",
    keywords="intersection overlap both conjunction mask logic",
)
def binary_and(mask: Mask, other: Mask) -> Mask:
    """Keep what is foreground in both of two masks.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Labels will do.
    other
        Of the same shape; pixels other than 0 are foreground. Labels will do.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If a mask is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.logical_and``; clEsperanto's ``binary_and`` on OpenCL.
    """
    return np.logical_and(mask, other)


@binary_and.opencl()
def _(mask: Any, other: Any) -> Any:
    cle = device.clesperanto()
    return cle.binary_and(_as_binary(mask), _as_binary(other))


@operation(
    "Filter/Logic and comparison",
    halo=_no_halo,
    title="Binary or",
    keywords="union either combine disjunction mask logic",
)
def binary_or(mask: Mask, other: Mask) -> Mask:
    """Keep what is foreground in one of two masks, or in both.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Labels will do.
    other
        Of the same shape; pixels other than 0 are foreground. Labels will do.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If a mask is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.logical_or``; clEsperanto's ``binary_or`` on OpenCL.
    """
    return np.logical_or(mask, other)


@binary_or.opencl()
def _(mask: Any, other: Any) -> Any:
    cle = device.clesperanto()
    return cle.binary_or(_as_binary(mask), _as_binary(other))


@operation(
    "Filter/Logic and comparison", halo=_no_halo, title="Binary xor", keywords="exclusive or difference mask logic"
)
def binary_xor(mask: Mask, other: Mask) -> Mask:
    """Keep what is foreground in exactly one of two masks.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Labels will do.
    other
        Of the same shape; pixels other than 0 are foreground. Labels will do.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If a mask is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.logical_xor``; clEsperanto's ``binary_xor`` on OpenCL.
    """
    return np.logical_xor(mask, other)


@binary_xor.opencl()
def _(mask: Any, other: Any) -> Any:
    cle = device.clesperanto()
    return cle.binary_xor(_as_binary(mask), _as_binary(other))


@operation(
    "Filter/Logic and comparison",
    halo=_no_halo,
    title="Binary subtract",
    keywords="difference minus without exclude mask logic",
)
def binary_subtract(mask: Mask, other: Mask) -> Mask:
    """Keep what is foreground in the first mask and not in the second.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Labels will do.
    other
        Of the same shape; pixels other than 0 are foreground. Labels will do.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If a mask is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.logical_and`` with the complement; clEsperanto's ``binary_and`` and ``binary_not`` on OpenCL.
    """
    return np.logical_and(mask, np.logical_not(other))


@binary_subtract.opencl()
def _(mask: Any, other: Any) -> Any:
    cle = device.clesperanto()
    return cle.binary_and(_as_binary(mask), cle.binary_not(_as_binary(other)))


@operation(
    "Filter/Logic and comparison", halo=_no_halo, title="Binary not", keywords="invert complement background mask"
)
def binary_not(mask: Mask) -> Mask:
    """Swap foreground and background.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Labels will do.

    Returns
    -------
    numpy.ndarray
        bool, same shape (uint8 on OpenCL).

    Raises
    ------
    InputError
        If the mask is not 2D or 3D or holds NaN.

    Notes
    -----
    ``numpy.logical_not``; clEsperanto's ``binary_not`` on OpenCL.
    """
    return np.logical_not(mask)


@binary_not.opencl()
def _(mask: Any) -> Any:
    return device.clesperanto().binary_not(_as_binary(mask))


def _compare(function: Callable[..., NDArray[np.bool_]], image: NDArray[Any], operand: Any) -> NDArray[np.bool_]:
    if not isinstance(operand, np.ndarray) and image.dtype.kind == "f":
        # As a number of the image's dtype, so that 0.1 equals a pixel that was set to 0.1.
        with np.errstate(over="ignore"):
            operand = image.dtype.type(operand)
    return function(image, operand)


@operation(
    "Filter/Logic and comparison",
    halo=_no_halo,
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
    halo=_no_halo,
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
    halo=_no_halo,
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
    halo=_no_halo,
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
    halo=_no_halo,
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
    halo=_no_halo,
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
