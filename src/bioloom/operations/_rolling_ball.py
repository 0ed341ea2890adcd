"""The background that a rolling ball does not reach above."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom.operations._slabs import by_slabs
from bioloom.operations.filters import check_reach


@njit(nogil=True, cache=True, error_model="numpy")
def _roll(padded: Any, offsets: Any, ball: Any, sign: Any, out: Any) -> None:
    """Set `out` to the extreme of `padded` + sign * `ball` over the offsets: sign -1 the lowest, 1 the highest."""
    nz, ny, nx = out.shape
    for z in range(nz):
        for y in range(ny):
            row = out[z, y]
            for k in range(ball.size):
                other = padded[z + offsets[k, 0], y + offsets[k, 1], offsets[k, 2] :]
                shift = ball[k]
                # The lowest is found as the highest of what is turned over.
                for x in range(nx):
                    value = sign * other[x] + shift
                    row[x] = value if k == 0 or value > row[x] else row[x]
            for x in range(nx):
                row[x] = sign * row[x]


def _opened(stack: NDArray[Any], radii: Sequence[float], height: float) -> NDArray[Any]:
    """Return the opening of a (z, y, x) stack by an ellipsoid."""
    reach = tuple(int(r) for r in radii)
    check_reach("rolling_ball: radius", math.prod(2 * r + 1 for r in reach))
    grid = np.indices(tuple(2 * r + 1 for r in reach)).reshape(3, -1).T
    away = (grid - np.array(reach)) / np.maximum(radii, 1e-9)
    inside = (away**2).sum(axis=1) <= 1
    offsets = np.ascontiguousarray(grid[inside])
    ball = (height * (np.sqrt(1 - (away[inside] ** 2).sum(axis=1)) - 1)).astype(stack.dtype)

    def rolled(sign: int) -> Any:
        def roll(part: NDArray[Any]) -> NDArray[Any]:
            out = np.empty_like(part, order="C")
            _roll(np.pad(part, [(r, r) for r in reach], mode="edge"), offsets, ball, part.dtype.type(sign), out)
            return out

        return roll

    # How high the ball can rise below each pixel, then how high it reaches there.
    lowest = by_slabs(rolled(-1), stack, margin=reach, pixels=1 << 15)
    return by_slabs(rolled(1), lowest, margin=reach, pixels=1 << 15)


def _shrink_factor(radius: float) -> int:
    return 1 if radius <= 10 else 2 if radius <= 30 else 4 if radius <= 100 else 8


def box_and_reach(radius: float) -> tuple[int, int]:
    """Return how many pixels become one for a ball of a radius, and how far, in whole boxes, its background reaches."""
    box = _shrink_factor(radius) if radius else 1
    # There and back, and one more for the interpolation.
    return box, box * (2 * int(radius / box) + 2)


def even_chunks(sizes: Sequence[int], box: int, reach: int) -> tuple[int, ...]:
    """Return sizes of blocks along an axis, about those given, of whole boxes and not below a reach."""
    total = sum(sizes)
    size = max(math.ceil(max(sizes) / box) * box, reach)
    count = total // size
    if count < 2:
        return (total,)
    return (size,) * (count - 1) + (total - size * (count - 1),)


def background(image: NDArray[Any], radii: Sequence[float], height: float) -> NDArray[Any]:
    """Return the background of a float image below which a ball of the given semi-axes (pixels) has rolled."""
    stack = image.reshape((1,) * (3 - image.ndim) + image.shape)
    extent = (0.0,) * (3 - image.ndim) + tuple(radii)
    factors = tuple(1 if r == 0 else _shrink_factor(r) for r in extent)
    if max(factors) == 1:
        # Rounding may lift the ball above the image by the last digit.
        return np.asarray(np.minimum(_opened(stack, extent, height), stack).reshape(image.shape))
    small = _minima(stack, factors)
    coarse = _opened(small, [r / f for r, f in zip(extent, factors, strict=True)], height)
    for axis, factor in enumerate(factors):
        coarse = _enlarged(coarse, axis, factor, stack.shape[axis])
    return np.asarray(np.minimum(coarse, stack).reshape(image.shape))


def _minima(stack: Any, factors: Sequence[int]) -> Any:
    for axis, factor in enumerate(factors):
        stack = np.minimum.reduceat(stack, np.arange(0, stack.shape[axis], factor), axis=axis)
    return stack


def _enlarged(array: Any, axis: int, factor: int, length: int) -> Any:
    """Interpolate linearly between the centres of boxes of `factor` pixels."""
    if factor == 1:
        return array
    places = np.clip((np.arange(length) + 0.5) / factor - 0.5, 0, array.shape[axis] - 1)
    low = places.astype(np.intp)
    high = np.minimum(low + 1, array.shape[axis] - 1)
    share = (places - low).astype(array.dtype).reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    first = np.take(array, low, axis)
    return first + (np.take(array, high, axis) - first) * share
