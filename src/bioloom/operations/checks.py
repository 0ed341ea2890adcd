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
    """Return labels as an unsigned array; those of uint8, uint16, uint32 and int32 without a copy.

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
    if array.dtype == np.int32:
        return array.view(np.uint32)
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


def check_surface(surface: Any, where: str) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return a surface as vertices float32 (n, 3), faces int64 (m, 3) and values float32 (n,).

    Raises
    ------
    InputError
        If it is not one.
    """
    try:
        vertices = np.asarray(surface[0], np.float32)
        faces = np.asarray(surface[1], np.int64)
        values = np.asarray(surface[2], np.float32) if len(surface) > 2 else np.ones(len(vertices), np.float32)
    except (TypeError, ValueError, IndexError):
        raise InputError(f"{where} must be a surface: vertices (n, 3), faces (m, 3) and values (n,).") from None
    right = vertices.ndim == faces.ndim == 2 and vertices.shape[1] == faces.shape[1] == 3
    if not right or values.shape != vertices.shape[:1]:
        raise InputError(
            f"{where} must be a surface: vertices (n, 3), faces (m, 3) and values (n,), but their shapes are "
            f"{vertices.shape}, {faces.shape} and {values.shape}."
        )
    if faces.size and (faces.min() < 0 or faces.max() >= len(vertices)):
        raise InputError(f"{where} has faces of vertices that do not exist.")
    return vertices, faces, values
