"""Logic of masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._pixelwise import no_halo
from bioloom.operations._types import Mask


def _as_binary(mask: Any) -> Any:
    # clEsperanto's kernels read masks as whole numbers below 256.
    return device.clesperanto().not_equal_constant(mask, constant=0)


@operation(
    "Filter/Logic and comparison",
    halo=no_halo,
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
    halo=no_halo,
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
    "Filter/Logic and comparison", halo=no_halo, title="Binary xor", keywords="exclusive or difference mask logic"
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
    halo=no_halo,
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
    "Filter/Logic and comparison", halo=no_halo, title="Binary not", keywords="invert complement background mask"
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
