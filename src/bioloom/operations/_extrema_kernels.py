"""Maxima that rise high enough above the pass to a higher one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True, error_model="numpy")
def _root(parent: Any, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(nogil=True, cache=True, error_model="numpy")
def _peaks(values: Any, order: Any, height: float, parent: Any, twins: Any, kept: Any) -> None:
    """Set `kept` at the pixels of each maximum whose dynamics are at least `height`.

    `values` (z, y, x) are visited in `order`, from the highest down; regions that meet are joined, and the lower of
    their peaks has then risen above the pass between them by its dynamics. Peaks of one height, and the pixels of one
    plateau, share their fate: `twins` (2, n) notes who follows whom.
    """
    nz, ny, nx = values.shape
    flat = values.ravel()
    parent[:] = -1
    pairs = 0
    for k in range(order.size):
        p = order[k]
        level = flat[p]
        parent[p] = p
        here = p
        z, y, x = p // (ny * nx), p // nx % ny, p % nx
        for dz in range(max(z - 1, 0), min(z + 2, nz)):
            for dy in range(max(y - 1, 0), min(y + 2, ny)):
                for dx in range(max(x - 1, 0), min(x + 2, nx)):
                    q = (dz * ny + dy) * nx + dx
                    if parent[q] < 0 or q == p:
                        continue
                    other = _root(parent, q)
                    if other == here:
                        continue
                    # A region's root is its highest pixel.
                    if flat[other] > flat[here]:
                        here, other = other, here
                    if flat[other] == flat[here]:
                        twins[0, pairs], twins[1, pairs] = other, here
                        pairs += 1
                    else:
                        rise = float(flat[other]) - float(level)
                        kept[other] = rise >= height and rise > 0
                    parent[other] = here
    rise = float(flat[order[0]]) - float(flat[order[order.size - 1]])
    kept[_root(parent, order[0])] = rise >= height and rise > 0
    # A leader that follows another does so later.
    for k in range(pairs - 1, -1, -1):
        kept[twins[0, k]] = kept[twins[1, k]]


def high_maxima(image: NDArray[Any], height: float) -> NDArray[np.bool_]:
    """Return the maxima, plateaus as a whole, that rise by at least `height` above the pass to a higher one."""
    # Few types, so that few kernels have to be compiled.
    wide = np.float64 if image.dtype.kind == "f" else np.uint64 if image.dtype == np.uint64 else np.int64
    stack = np.ascontiguousarray(image, wide).reshape((1,) * (3 - image.ndim) + image.shape)
    order = np.argsort(stack, axis=None, kind="stable")[::-1]
    kept = np.zeros(stack.size, bool)
    _peaks(stack, order, height, np.empty(stack.size, np.int64), np.empty((2, stack.size), np.int64), kept)
    return kept.reshape(image.shape)
