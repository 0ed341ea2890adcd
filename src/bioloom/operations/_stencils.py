"""Differences between neighbouring pixels, edges repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._slabs import by_slabs

Pixels = NDArray[Any]


def _shifted(array: Pixels, axis: int, start: int) -> Pixels:
    """Return what lies `start` (0, 1 or 2) pixels on along an axis, two pixels shorter than the array."""
    stop = array.shape[axis] - 2 + start
    return array[(*(slice(None),) * axis, slice(start, stop))]


def _difference(array: Pixels, axis: int) -> Pixels:
    return np.asarray(_shifted(array, axis, 2) - _shifted(array, axis, 0))


def _weighted_121(array: Pixels, axis: int) -> Pixels:
    total: Pixels = _shifted(array, axis, 0) + _shifted(array, axis, 2)
    centre = _shifted(array, axis, 1)
    total += centre
    total += centre
    return total


def _padded_along(image: Pixels, axis: int) -> Pixels:
    return np.pad(image, [(int(a == axis),) * 2 for a in range(image.ndim)], mode="edge")


def central_difference(image: Pixels, axis: int, step: float) -> Pixels:
    """Return half the difference of the two neighbours along an axis, divided by `step`."""
    axis %= image.ndim

    def slope(part: Pixels) -> Pixels:
        return np.asarray(_difference(_padded_along(part, axis), axis) * part.dtype.type(0.5 / step))

    return by_slabs(slope, image, margin=1)


def gradient_length(image: Pixels, steps: Sequence[float]) -> Pixels:
    """Return the length of the vector of central differences."""

    def length(part: Pixels) -> Pixels:
        total = np.zeros(part.shape, part.dtype)
        for axis, step in enumerate(steps):
            slope = _difference(_padded_along(part, axis), axis) * part.dtype.type(0.5 / step)
            slope *= slope
            total += slope
        return np.sqrt(total, out=total)

    return by_slabs(length, image, margin=1)


def sobel_length(image: Pixels) -> Pixels:
    """Return the length of the Sobel gradient, weights not divided by their sum."""

    def length(part: Pixels) -> Pixels:
        padded = np.pad(part, 1, mode="edge")
        total = np.zeros(part.shape, part.dtype)
        for axis in range(part.ndim):
            slope = _difference(padded, axis)
            for other in range(part.ndim):
                if other != axis:
                    slope = _weighted_121(slope, other)
            slope *= slope
            total += slope
        return np.sqrt(total, out=total)

    return by_slabs(length, image, margin=1)


def negative_laplacian(image: Pixels, steps: Sequence[float]) -> Pixels:
    """Return minus the sum of the second differences, each divided by the square of its step."""

    def curvature(part: Pixels) -> Pixels:
        total = np.zeros(part.shape, part.dtype)
        for axis, step in enumerate(steps):
            padded = _padded_along(part, axis)
            second = part - _shifted(padded, axis, 0)
            second += part - _shifted(padded, axis, 2)
            if step != 1:
                second *= part.dtype.type(1 / step**2)
            total += second
        return total

    return by_slabs(curvature, image, margin=1)
