"""What operations on Dask arrays share: blocks that are checked, overlap, or follow a value of the whole image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bioloom.operations._catalogue import Operation
from bioloom.operations.filters import as_float, gaussian, per_axis


def checked(operation: Operation, name: str, array: Any) -> Any:
    """Return a Dask array whose blocks are checked when they are computed, as those of a NumPy array are."""
    labels = operation.parameters[name].kind == "labels"
    dtype = np.dtype(np.uint32) if labels else array.dtype

    def check(block: NDArray[Any]) -> NDArray[Any]:
        good: NDArray[Any] = operation._check_array(name, block)
        return good.astype(dtype, copy=False)

    return array.map_blocks(check, dtype=dtype, meta=np.empty((0,) * array.ndim, dtype))


def with_value(
    function: Callable[..., Any], value: Any, image: Any, mask: Any = None, *, dtype: DTypeLike, **settings: Any
) -> Any:
    """Apply ``function(block, value, mask block, **settings)`` to each block, `value` being delayed."""
    from bioloom.operations._scratch import after

    image, value = after(image, value)
    if mask is not None:
        mask, value = after(mask, value)
    return at_value(function, value, image, mask, dtype=dtype, **settings)


def at_value(
    function: Callable[..., Any], value: Any, image: Any, mask: Any = None, *, dtype: DTypeLike, **settings: Any
) -> Any:
    """Do as :func:`with_value` does for an image whose blocks are not needed to find the value."""
    import dask.array as da

    arrays = [image] if mask is None else [image, mask.rechunk(image.chunks)]

    def of_block(*blocks: NDArray[Any], value: Any) -> Any:
        return function(blocks[0], value, *blocks[1:], **settings)

    return da.map_blocks(of_block, *arrays, value=value, dtype=dtype, meta=np.empty((0,) * image.ndim, dtype))


def with_halo(
    function: Callable[..., Any], reach: Sequence[float], *arrays: Any, dtype: DTypeLike, value: Any = None
) -> Any:
    """Apply ``function(*blocks)`` to blocks that overlap by `reach` pixels per axis.

    With a delayed `value` it is ``function(*blocks, value)``.
    """
    import dask.array as da

    if value is not None:

        def of_blocks(*blocks: NDArray[Any], value: Any) -> Any:
            return function(*blocks, value)

        settings = {"value": value}
    else:
        of_blocks, settings = function, {}
    depth = {axis: min(int(np.ceil(r)), n) for axis, (r, n) in enumerate(zip(reach, arrays[0].shape, strict=True))}
    meta = np.empty((0,) * arrays[0].ndim, dtype)
    return da.map_overlap(of_blocks, *arrays, depth=depth, boundary="none", dtype=dtype, meta=meta, **settings)


def range_of_blocks(image: Any) -> Any:
    """Return the smallest and the largest pixel of a Dask array, delayed."""
    from dask import delayed

    return delayed(_joint_range)([delayed(_range)(block) for block in image.to_delayed().ravel()])


def _range(block: NDArray[Any]) -> tuple[Any, Any]:
    return block.min(), block.max()


def _joint_range(ranges: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def smooth_blocks(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    """Smooth a Dask array with a Gaussian."""
    reach = [4 * s + 1 for s in per_axis(sigma, image.ndim, spacing)]
    dtype = as_float(np.zeros(1, image.dtype)).dtype
    return with_halo(lambda block: gaussian(block, sigma, spacing), reach, image, dtype=dtype)


def of_whole(function: Callable[..., Any], *arrays: Any, dtype: DTypeLike) -> Any:
    """Apply a function that needs every pixel: the result is one block."""
    import dask.array as da

    whole = [array.rechunk(array.shape) for array in arrays]
    return da.map_blocks(function, *whole, dtype=dtype, meta=np.empty((0,) * whole[0].ndim, dtype))
