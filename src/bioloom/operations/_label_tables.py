"""Tables with one entry per label: which labels occur, how many pixels each has, and images painted from tables.

Large images are shared between cores; small ones are left to NumPy, which needs no compilation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._slabs import inside_pool, share_rows

Array = NDArray[Any]

_SMALL = 1 << 18
_KERNEL_TYPES = (np.uint8, np.uint16, np.uint32, np.int32)
_TABLE_TYPES = (np.uint32, np.int32, np.float32)


@njit(nogil=True, cache=True)
def _mark(flat: Any, low: int, high: int, present: Any) -> None:
    last = flat[low]
    present[last] = True
    for i in range(low, high):
        if flat[i] != last:
            last = flat[i]
            present[last] = True


@njit(nogil=True, cache=True)
def _count(flat: Any, low: int, high: int, counts: Any) -> None:
    # Runs, because pixels of one object lie side by side, and adding to one place of memory has to wait for itself.
    last, start = flat[low], low
    for i in range(low, high):
        if flat[i] != last:
            counts[last] += i - start
            last, start = flat[i], i
    counts[last] += high - start


@njit(nogil=True, cache=True)
def _look_up(flat: Any, low: int, high: int, table: Any, out: Any) -> None:
    for i in range(low, high):
        out[i] = table[flat[i]]


def _by_kernel(labels: Array) -> bool:
    return labels.size > _SMALL and labels.dtype in _KERNEL_TYPES


def present_labels(labels: Array, largest: int) -> NDArray[np.bool_]:
    """Tell which of the labels 0…largest occur."""
    flat, present = np.ascontiguousarray(labels).reshape(-1), np.zeros(largest + 1, bool)
    if _by_kernel(labels):
        share_rows(lambda low, high: _mark(flat, low, high, present), flat.size, flat.size)
    else:
        present[flat] = True
    return present


def count_labels(labels: Array, largest: int) -> NDArray[np.int64]:
    """Count the pixels of each label 0…largest."""
    flat = np.ascontiguousarray(labels).reshape(-1)
    if not _by_kernel(labels):
        return np.bincount(flat, minlength=largest + 1)
    # Each part has a table of its own; together they take no more memory than the image does.
    parts = 1 if inside_pool() else max(min(2 * device.n_cores(), flat.nbytes // (8 * (largest + 1))), 1)
    tables = np.zeros((parts, largest + 1), np.int64)
    edges = [flat.size * k // parts for k in range(parts + 1)]
    if parts == 1:
        _count(flat, 0, flat.size, tables[0])
    else:
        for _ in device.thread_pool().map(lambda k: _count(flat, edges[k], edges[k + 1], tables[k]), range(parts)):
            pass
    counts: NDArray[np.int64] = tables.sum(axis=0)
    return counts


def look_up(table: Array, labels: Array) -> Array:
    """Return ``table[labels]``."""
    if not (_by_kernel(labels) and table.dtype in _TABLE_TYPES):
        found: Array = table[labels]
        return found
    flat, out = np.ascontiguousarray(labels).reshape(-1), np.empty(labels.size, table.dtype)
    share_rows(lambda low, high: _look_up(flat, low, high, table, out), flat.size, flat.size)
    return out.reshape(labels.shape)
