"""Holes: pixels of no object, or of others, from which no way leads around the object out of its bounding box."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def list_gaps(box: Array, label: int, gaps: Array, firsts: Array) -> int:
    """Write start and stop of the runs that are not `label`; those of row r are gaps[firsts[r] : firsts[r + 1]].

    Returns the number of runs; if there are more than `gaps` can hold, the rest is left out.
    """
    nz, ny, nx = box.shape
    n = 0
    for row in range(nz * ny):
        line = box[row // ny, row % ny]
        firsts[row] = min(n, len(gaps))
        x = 0
        while x < nx:
            start = x
            while x < nx and line[x] != label:
                x += 1
            if x > start:
                if n < len(gaps):
                    gaps[n, 0], gaps[n, 1] = start, x
                n += 1
            while x < nx and line[x] == label:
                x += 1
    firsts[nz * ny] = min(n, len(gaps))
    return n


@kernel
def count_holes(box: Array, label: int, planar: bool) -> int:
    """Count the pixels in holes of an object in a (z, y, x) label image cut to its bounding box.

    A way may lead over corners, as in scikit-image's `area_filled`.
    """
    nz, ny, nx = box.shape
    firsts = np.zeros(nz * ny + 1, np.int64)
    gaps = np.empty((4 * nz * ny, 2), np.int32)
    n = list_gaps(box, label, gaps, firsts)
    if n > len(gaps):
        gaps = np.empty((n, 2), np.int32)
        n = min(list_gaps(box, label, gaps, firsts), n)
    rows = np.empty(n, np.int32)
    outside, stack = np.zeros(n, np.bool_), np.empty(n, np.int32)
    n_stack = 0
    for row in range(nz * ny):
        z, y = row // ny, row % ny
        at_side = y == 0 or y == ny - 1 or (not planar and (z == 0 or z == nz - 1))
        for i in range(firsts[row], firsts[row + 1]):
            rows[i] = row
            if at_side or gaps[i, 0] == 0 or gaps[i, 1] == nx:
                outside[i] = True
                stack[n_stack] = i
                n_stack += 1
    while n_stack > 0:
        n_stack -= 1
        i = stack[n_stack]
        z, y = rows[i] // ny, rows[i] % ny
        for w in range(max(z - 1, 0), min(z + 2, nz)):
            for v in range(max(y - 1, 0), min(y + 2, ny)):
                for j in range(firsts[w * ny + v], firsts[w * ny + v + 1]):
                    if gaps[j, 0] > gaps[i, 1]:
                        break
                    if not outside[j] and gaps[j, 1] >= gaps[i, 0]:
                        outside[j] = True
                        stack[n_stack] = j
                        n_stack += 1
    holes = 0
    for i in range(n):
        if not outside[i]:
            holes += gaps[i, 1] - gaps[i, 0]
    return holes


@kernel
def add_holes(labels: Array, ids: Array, first: int, last: int, low: Array, high: Array, out: Array) -> None:
    """Count the pixels in holes of objects [first, last) of a (z, y, x) label image."""
    for k in range(first, last):
        box = labels[low[k, 0] : high[k, 0], low[k, 1] : high[k, 1], low[k, 2] : high[k, 2]]
        out[k] = count_holes(box, ids[k], labels.shape[0] == 1)
