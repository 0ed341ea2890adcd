"""Minimum, maximum and sum over boxes, in a number of passes that grows with the logarithm of the box."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._slabs import by_slabs


def _part(array: NDArray[Any], axis: int, start: int, length: int) -> NDArray[Any]:
    return array[(*(slice(None),) * axis, slice(start, start + length))]


def _extreme_along(image: NDArray[Any], axis: int, radius: int, ufunc: np.ufunc) -> NDArray[Any]:
    """Return the extreme value of each window; windows of 1, 2, 4… pixels are made from those half as long."""
    length, window = image.shape[axis], 2 * radius + 1
    running = _padded(image, axis, radius)
    width = 1
    while 2 * width <= window:
        n = running.shape[axis] - width
        running = ufunc(_part(running, axis, 0, n), _part(running, axis, width, n))
        width *= 2
    if width < window:
        return np.asarray(ufunc(_part(running, axis, 0, length), _part(running, axis, window - width, length)))
    return running


def _sum_along(image: NDArray[Any], axis: int, radius: int) -> NDArray[Any]:
    """Return the sum of each window, added in an order that is the same for every pixel, wherever its block begins."""
    length, window = image.shape[axis], 2 * radius + 1
    running = _padded(image, axis, radius)
    total: NDArray[Any] | None = None
    start, width = 0, 1
    while True:
        if window & width:
            part = _part(running, axis, start, length)
            total = part.copy() if total is None else np.add(total, part, out=total)
            start += width
        if 2 * width > window:
            break
        n = running.shape[axis] - width
        running = _part(running, axis, 0, n) + _part(running, axis, width, n)
        width *= 2
    assert total is not None  # a window has a pixel
    return total


def _padded(image: NDArray[Any], axis: int, radius: int) -> NDArray[Any]:
    length = image.shape[axis]
    shape = list(image.shape)
    shape[axis] += 2 * radius
    padded = np.empty(shape, image.dtype)
    _part(padded, axis, radius, length)[...] = image
    _part(padded, axis, 0, radius)[...] = _part(image, axis, 0, 1)
    _part(padded, axis, radius + length, radius)[...] = _part(image, axis, length - 1, 1)
    return padded


def box_extreme(image: NDArray[Any], radii: Sequence[int], ufunc: np.ufunc) -> NDArray[Any]:
    """Return the smallest (``numpy.minimum``) or largest (``numpy.maximum``) pixel of each box, edges repeated."""

    def extreme(part: NDArray[Any]) -> NDArray[Any]:
        for axis, radius in enumerate(radii):
            if radius:
                part = _extreme_along(part, axis, radius, ufunc)
        return part

    return by_slabs(extreme, image, margin=radii) if any(radii) else image.copy()


def box_sum(image: NDArray[np.floating[Any]], radii: Sequence[int]) -> NDArray[np.floating[Any]]:
    """Return the sum of the pixels of each box, edges repeated, in the precision of the image."""

    def add(part: NDArray[Any]) -> NDArray[Any]:
        for axis, radius in enumerate(radii):
            if radius:
                part = _sum_along(part, axis, radius)
        return part

    return by_slabs(add, image, margin=radii) if any(radii) else image.copy()


def box_opening(image: NDArray[Any], radii: Sequence[int]) -> NDArray[Any]:
    """Return the grey-value opening: the maximum of the minimum."""
    return box_extreme(box_extreme(image, radii, np.minimum), radii, np.maximum)


def box_closing(image: NDArray[Any], radii: Sequence[int]) -> NDArray[Any]:
    """Return the grey-value closing: the minimum of the maximum."""
    return box_extreme(box_extreme(image, radii, np.maximum), radii, np.minimum)


def box_variance(image: NDArray[np.floating[Any]], radii: Sequence[int]) -> NDArray[np.floating[Any]]:
    """Return the variance (divided by the number of pixels) of each box, edges repeated."""
    n = math.prod(2 * r + 1 for r in radii)

    def variance(part: NDArray[Any]) -> NDArray[Any]:
        # Variance does not depend on where zero is; near the pixels their squares keep the most digits.
        pixels = part.astype(np.float64)
        pixels -= pixels.mean()
        squares = pixels * pixels
        for axis, radius in enumerate(radii):
            if radius:
                pixels, squares = _sum_along(pixels, axis, radius), _sum_along(squares, axis, radius)
        squares /= n
        squares -= (pixels / n) ** 2
        return np.maximum(squares, 0, out=squares).astype(part.dtype)

    return by_slabs(variance, image, margin=radii) if any(radii) else np.zeros_like(image)
