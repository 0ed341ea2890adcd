"""Axes: what is mirrored, swapped or left out. No pixel changes its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._places import AxisName, axis_number, same_type_on_device
from bioloom.operations._types import Image, Placement


@operation("Transform/Axes", allow_nan=True, keeps_kind=True, keywords="mirror reflect reverse")
def flip(image: Image, axis: AxisName = "x") -> Image:
    """Mirror along an axis.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; may hold NaN. Labels will do.
    axis
        The axis whose pixels come in the opposite order.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or has no such axis.

    Notes
    -----
    ``numpy.flip``; clEsperanto's ``flip`` on OpenCL.
    """
    return np.ascontiguousarray(np.flip(image, axis_number(axis, image.ndim, "flip")))


@flip.dask()
def _(image: Any, axis: AxisName) -> Any:
    import dask.array as da

    return da.flip(image, axis_number(axis, image.ndim, "flip"))


@flip.opencl()
def _(image: Any, axis: AxisName) -> Any:
    axis_number(axis, image.ndim, "flip")
    result = same_type_on_device(image, image.shape)
    if result is None:
        return device.push(flip.function(device.pull(image), axis))
    named = {f"flip_{name}": name == axis for name in "xyz"}
    return device.clesperanto().flip(image, result, **named)


def _after_swap(shape: Sequence[int], first: AxisName, second: AxisName) -> Placement:
    a, b = (axis_number(name, len(shape), "swap_axes") for name in (first, second))
    axes = list(range(len(shape)))
    axes[a], axes[b] = axes[b], axes[a]
    return Placement(tuple(axes), (0.0,) * len(axes), (1.0,) * len(axes), tuple(shape[k] for k in axes))


@operation(
    "Transform/Axes",
    allow_nan=True,
    keeps_kind=True,
    placement=_after_swap,
    keywords="transpose reslice orthogonal view permute transpose_xy transpose_xz transpose_yz",
)
def swap_axes(image: Image, first: AxisName = "y", second: AxisName = "x") -> Image:
    """Swap two axes, such as z and x to see a stack from its side.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; may hold NaN. Labels will do.
    first
        One of the axes.
    second
        The other one.

    Returns
    -------
    numpy.ndarray
        Same dtype, with the axes (and their pixel sizes) swapped.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or has no such axis.

    Notes
    -----
    ``numpy.swapaxes``; clEsperanto's ``transpose_xy``, ``transpose_xz`` and ``transpose_yz`` on OpenCL.
    """
    return np.ascontiguousarray(image.transpose(_after_swap(image.shape, first, second).axes))


@swap_axes.dask()
def _(image: Any, first: AxisName, second: AxisName) -> Any:
    return image.transpose(_after_swap(image.shape, first, second).axes)


@swap_axes.opencl()
def _(image: Any, first: AxisName, second: AxisName) -> Any:
    result = same_type_on_device(image, _after_swap(image.shape, first, second).shape)
    if result is None or first == second:
        return device.push(swap_axes.function(device.pull(image), first, second))
    cle = device.clesperanto()
    transpose = {"xy": cle.transpose_xy, "xz": cle.transpose_xz, "yz": cle.transpose_yz}
    return transpose["".join(sorted((first, second)))](image, result)


def _after_squeeze(shape: Sequence[int]) -> Placement:
    kept = list(range(len(shape)))
    for axis, n in enumerate(shape):
        if n == 1 and len(kept) > 2:
            kept.remove(axis)
    return Placement(tuple(kept), (0.0,) * len(kept), (1.0,) * len(kept), tuple(shape[a] for a in kept))


@operation(
    "Transform/Axes",
    allow_nan=True,
    keeps_kind=True,
    placement=_after_squeeze,
    keywords="remove singleton dimension length one plane 3D to 2D",
)
def squeeze(image: Image) -> Image:
    """Leave out an axis along which there is only one pixel.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; may hold NaN. Labels will do.

    Returns
    -------
    numpy.ndarray
        Same pixels and dtype, (y, x) if an axis was one pixel long. Two axes always stay.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.

    Notes
    -----
    ``numpy.squeeze`` of at most one axis.
    """
    return image.reshape(_after_squeeze(image.shape).shape).copy()


@squeeze.dask()
def _(image: Any) -> Any:
    return image.reshape(_after_squeeze(image.shape).shape)
