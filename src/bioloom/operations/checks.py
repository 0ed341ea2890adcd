"""Checks of what users give: pixel sizes, labels, and what OpenCL's numbers can hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError


def check_spacing(spacing: Any, ndim: int, where: str) -> tuple[float, ...] | None:
    """Return the spacing as a tuple of `ndim` positive numbers, or None.

    Raises
    ------
    InputError
        If it has another length or values that are not positive.
    """
    if spacing is None:
        return None
    try:
        values = tuple(float(s) for s in np.atleast_1d(spacing))
    except (TypeError, ValueError):
        values = ()
    if len(values) != ndim or any(not math.isfinite(s) or s <= 0 for s in values):
        axes = "(y, x)" if ndim == 2 else "(z, y, x)"
        raise InputError(f"{where}: spacing is {spacing!r}, but must be {ndim} positive numbers {axes}.")
    return values


def as_labels(array: NDArray[Any], where: str) -> NDArray[Any]:
    """Return labels as an unsigned array of the smallest sufficient of uint32 and uint64.

    Raises
    ------
    InputError
        If values are negative or not whole numbers.
    """
    if array.dtype in (np.uint8, np.uint16, np.uint32):
        return array
    if array.dtype == bool:
        return array.astype(np.uint8)
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        raise InputError(
            f"{where} must be labels (whole numbers, 0 is background), but holds fractions. Is it an intensity image?"
        )
    if array.size and array.min() < 0:
        raise InputError(f"{where} must be labels, but holds negative values (smallest: {array.min()}).")
    big = array.size and array.max() > np.iinfo(np.uint32).max
    if big:
        raise InputError(
            f"{where} holds the label {array.max()}; labels up to {np.iinfo(np.uint32).max} are possible. "
            "Relabel it first."
        )
    return array.astype(np.uint32)


def fits_float32(image: Any) -> bool:
    """Tell whether float32 resolves 1/65 536 of an image's range; True for images that are float32 or less anyway.

    Infinite pixels and NaN are left out. Images on a device are not looked at.
    """
    if device.is_opencl(image) or image.dtype.itemsize <= 2 or image.dtype == np.float32:
        return True
    finite = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if not finite.size:
        return True
    low, high = float(finite.min()), float(finite.max())
    largest = max(abs(low), abs(high))
    if image.dtype.kind in "iu" and largest <= 1 << 24:
        return True
    if largest > float(np.finfo(np.float32).max):
        return False
    return bool((high - low) / (1 << 16) >= np.spacing(np.float32(largest)))
