"""Growing, eroding and measuring distances in label images, exact and right for anisotropic pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_ROUNDING = 1e-9  # share of a distance that is rounding: 0.3 + 0.3 must count as 0.6


def as_stack(array: Array) -> Array:
    """Return a contiguous (z, y, x) view or copy."""
    return np.ascontiguousarray(array).reshape((1,) * (3 - array.ndim) + array.shape)


def sizes_zyx(ndim: int, spacing: Sequence[float] | None) -> NDArray[np.float64]:
    """Pixel size along z, y and x."""
    sizes = np.ones(3)
    sizes[3 - ndim :] = 1.0 if spacing is None else spacing
    return sizes


def grown(labels: Array, distance: float, spacing: Sequence[float] | None) -> NDArray[np.uint32]:
    """Give each background pixel within a distance of an object the label of the nearest; the lower one in a tie."""
    from bioloom.operations._label_kernels import nearest_labels

    stack = as_stack(labels.astype(np.uint32, copy=False))
    square, result = np.empty(stack.shape), np.empty(stack.shape, np.uint32)
    limit = (distance * (1 + _ROUNDING)) ** 2
    nearest_labels(stack, sizes_zyx(labels.ndim, spacing), limit, square, result)
    return result.reshape(labels.shape)


def distance_to_others(labels: Array, spacing: Sequence[float] | None, limit: float = np.inf) -> NDArray[np.float64]:
    """Distance of each pixel of an object to the nearest pixel outside of it; 0 in background.

    The edge of the image is no border: where nothing else is there, the distance is inf.
    """
    from bioloom.operations._label_kernels import distances_to_others

    stack = as_stack(labels.astype(np.uint32, copy=False))
    square = np.empty(stack.shape)
    distances_to_others(stack, sizes_zyx(labels.ndim, spacing), (limit * (1 + _ROUNDING)) ** 2, square)
    return np.sqrt(square, out=square).reshape(labels.shape)


def eroded(labels: Array, radius: float, spacing: Sequence[float] | None) -> NDArray[np.uint32]:
    """Remove the pixels of objects that have another object or background within a distance."""
    near = distance_to_others(labels, spacing, radius) <= radius * (1 + _ROUNDING)
    return np.where(near, 0, labels).astype(np.uint32)


def ball(radius: float, ndim: int, spacing: Sequence[float] | None) -> NDArray[np.int64]:
    """Offsets (k, 3) to the pixels within a distance."""
    sizes = sizes_zyx(ndim, spacing)
    reach = [int(radius * (1 + _ROUNDING) / s) if axis >= 3 - ndim else 0 for axis, s in enumerate(sizes)]
    offsets = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.sum((offsets * sizes) ** 2, axis=1) <= (radius * (1 + _ROUNDING)) ** 2
    chosen: NDArray[np.int64] = offsets[inside]
    return chosen
