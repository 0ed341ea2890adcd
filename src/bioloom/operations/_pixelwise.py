"""What operations that look at one pixel at a time share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bioloom import device
from bioloom.operations._types import Number

Constant = Annotated[float, Number(step=1)]


def no_halo() -> float:
    """Tell the catalogue that a pixel of the result depends on the same pixel of the input only."""
    return 0


def common_float(*arrays: Any) -> DTypeLike:
    """Return float32; float64 if an array is that, or integers of more than 16 bits."""
    dtypes = [a.dtype for a in arrays if isinstance(a, np.ndarray)]
    return np.float32 if np.result_type(np.float32, *dtypes) == np.float32 else np.float64


def finite(result: NDArray[Any]) -> NDArray[Any]:
    """Replace what overflowed by the largest number there is, so that no later step stumbles over infinity."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(result.sum(dtype=np.float64)):
            return result
    # In place.
    np.nan_to_num(result, copy=False)
    return result


def combine(function: Callable[..., NDArray[Any]], image: NDArray[Any], operand: Any) -> NDArray[Any]:
    """Apply a function of two numbers to every pixel, in floating point."""
    dtype = common_float(image, operand)
    with np.errstate(all="ignore"):
        return finite(function(image, operand, dtype=dtype))


def finite_on_device(result: Any) -> Any:
    """Replace what overflowed on the device by the largest number there is."""
    cle = device.clesperanto()
    largest = float(np.finfo(np.float32).max)
    return cle.maximum_image_and_scalar(cle.minimum_image_and_scalar(result, scalar=largest), scalar=-largest)


def defined_on_device(result: Any, defined: Any, undefined: float) -> Any:
    """Put a value where a result is not defined."""
    cle = device.clesperanto()
    kept = finite_on_device(cle.mask(result, defined))
    if not undefined:
        return kept
    return cle.add_images_weighted(kept, cle.binary_not(defined), factor1=1, factor2=undefined)


def holds_number(dtype: np.dtype[Any], value: float) -> bool:
    """Tell whether a dtype holds a number as it is."""
    if dtype.kind == "f":
        return True
    if dtype.kind == "b":
        return False
    return value == int(value) and bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


def number_as(dtype: np.dtype[Any], value: float) -> Any:
    """Return a number in a dtype; one that is too large for a float becomes its largest."""
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        value = min(max(value, -largest), largest)
    return dtype.type(value)


def pick(function: Callable[..., NDArray[Any]], image: NDArray[Any], operand: Any) -> NDArray[Any]:
    """Apply a function that gives one of its two numbers, in a dtype that holds both."""
    if isinstance(operand, np.ndarray):
        return function(image, operand)
    dtype = image.dtype if holds_number(image.dtype, operand) else np.dtype(common_float(image))
    return function(image, number_as(dtype, operand), dtype=dtype)
