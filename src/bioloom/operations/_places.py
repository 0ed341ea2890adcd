"""Axes by name, and where results that were cut, shrunk or turned lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._types import Placement

if TYPE_CHECKING:
    from bioloom.operations._catalogue import Operation

AxisName: TypeAlias = Literal["z", "y", "x"]


def axis_number(axis: str, ndim: int, where: str) -> int:
    """Return the number of an axis.

    Raises
    ------
    InputError
        If the image has no such axis.
    """
    names = "zyx"[3 - ndim :]
    if axis not in names:
        raise InputError(f"{where}: an image (y, x) has no axis {axis}. Choose y or x, or give a stack (z, y, x).")
    return names.index(axis)


def of_axes(z: Any, y: Any, x: Any, ndim: int, where: str, unused: Any) -> tuple[Any, ...]:
    """Return settings per axis of the image.

    Raises
    ------
    InputError
        If one for z is other than `unused`, and the image has no axis z.
    """
    if ndim == 2 and z != unused:
        raise InputError(f"{where}: an image (y, x) has no axis z, but {z} is asked for it. Leave it at {unused}.")
    return (z, y, x)[3 - ndim :]


def without_axis(shape: Sequence[int], axis: AxisName, where: str) -> Placement:
    """Return where a projection lies."""
    left_out = axis_number(axis, len(shape), where)
    axes = tuple(a for a in range(len(shape)) if a != left_out)
    return Placement(axes, (0.0,) * len(axes), (1.0,) * len(axes), tuple(shape[a] for a in axes))


def of_slices(shape: Sequence[int], slices: Sequence[slice]) -> Placement:
    """Return where a part of an array lies."""
    ranges = [range(n)[s] for n, s in zip(shape, slices, strict=True)]
    starts, steps = tuple(float(r.start) for r in ranges), tuple(float(r.step) for r in ranges)
    return Placement(tuple(range(len(shape))), starts, steps, tuple(len(r) for r in ranges))


def of_sizes(shape: Sequence[int], sizes: Sequence[int]) -> Placement:
    """Return where an array lies that covers the same ground with other numbers of pixels."""
    steps = tuple(old / new for old, new in zip(shape, sizes, strict=True))
    # Pixels are areas: the outer edges of the outer ones stay where they are, not their centres.
    return Placement(tuple(range(len(shape))), tuple((s - 1) / 2 for s in steps), steps, tuple(sizes))


def check_result_size(shape: Sequence[int], where: str) -> None:
    """Refuse results that would fill the memory.

    Raises
    ------
    InputError
        If an array of float32 would take more than half of the main memory.
    """
    size = 4 * math.prod(shape)
    if size > device.host_memory() // 2:
        raise InputError(
            f"{where}: the result would have the shape {tuple(shape)} and take {size / 2**30:.1f} GiB, more than half "
            "of the memory of this machine. Choose smaller numbers, or crop first."
        )


def same_type_on_device(image: Any, shape: Sequence[int]) -> Any:
    """Return an empty array on the device, of a dtype that clEsperanto's kernels copy exactly; None if there is none.

    They read every pixel as float32, which does not hold every uint32.
    """
    if image.dtype == np.uint32:
        return None
    return device.clesperanto().create(tuple(shape), dtype=image.dtype)


def along_columns(operation: Operation, axis: int, image: Any, settings: dict[str, Any], dtype: Any) -> Any:
    """Project a Dask array block by block; each block holds everything along the axis."""
    import dask.array as da

    check: Callable[[str, Any], Any] = operation._check_array

    def of_block(block: Any) -> Any:
        return operation.function(check("image", block), **settings)

    columns = image.rechunk({axis: -1})
    return da.map_blocks(of_block, columns, drop_axis=axis, dtype=dtype, meta=np.empty((0, 0), dtype))
