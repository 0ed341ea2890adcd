"""Holes: pixels of no object, or of others, from which no way leads around the object out of its bounding box.

To the left and the right of a hole there is a pixel of the object in the same row. So only objects of which a row has
several runs of pixels can have holes, and only the runs of these are looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]


@kernel
def room_for_runs(offsets: Array, runs_per_row: Array, firsts: Array) -> int:
    """Divide a list among the rows of objects that have several runs in a row; return its length.

    The runs of row r go to firsts[r], …, firsts[r + 1] - 1.
    """
    n = 0
    for k in range(offsets.size - 1):
        several = False
        for row in range(offsets[k], offsets[k + 1]):
            several |= runs_per_row[row] > 1
        for row in range(offsets[k], offsets[k + 1]):
            firsts[row] = n
            if several:
                n += runs_per_row[row]
    firsts[firsts.size - 1] = n
    return n


@kernel
def add_runs(
    labels: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    low: Array,
    heights: Array,
    offsets: Array,
    firsts: Array,
    listed: Array,
    runs: Array,
) -> None:
    """Write start and stop (exclusive), from low[k, 2], of the runs in rows [first_row, last_row) for which is room.

    `listed` counts those of each row.
    """
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        line = labels[z, y]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            k = position_of(label, table, ids)
            if k < 0 or not low[k, 1] <= y < low[k, 1] + heights[k]:
                continue
            at = offsets[k] + (z - low[k, 0]) * heights[k] + y - low[k, 1]
            if not offsets[k] <= at < offsets[k + 1]:
                continue
            i = firsts[at] + listed[at]
            if i < firsts[at + 1]:
                runs[i, 0], runs[i, 1] = start - low[k, 2], x - low[k, 2]
                listed[at] += 1


@kernel
def first_reaching(gaps: Array, low: int, high: int, x: int) -> int:
    """Return the first of the sorted gaps [low, high) that ends at x or later."""
    while low < high:
        middle = (low + high) >> 1
        if gaps[middle, 1] < x:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def count_holes(firsts: Array, runs: Array, ny: int, nx: int, planar: bool) -> int:
    """Count the pixels in the holes of an object in a bounding box of rows (z, y) and `nx` columns.

    A way may lead over corners, as in scikit-image's `area_filled`.
    """
    n_rows = firsts.size - 1
    nz = n_rows // ny
    most = firsts[n_rows] - firsts[0] + n_rows
    gaps, rows, gap_firsts = np.empty((most, 2), np.int32), np.empty(most, np.int32), np.empty(n_rows + 1, np.int64)
    outside, stack = np.zeros(most, np.bool_), np.empty(most, np.int32)
    n = n_stack = 0
    for row in range(n_rows):
        gap_firsts[row] = n
        z, y = row // ny, row % ny
        at_side = y == 0 or y == ny - 1 or (not planar and (z == 0 or z == nz - 1))
        start = 0
        for i in range(firsts[row], firsts[row + 1] + 1):
            stop = runs[i, 0] if i < firsts[row + 1] else nx
            if stop > start:
                gaps[n, 0], gaps[n, 1], rows[n] = start, stop, row
                if at_side or start == 0 or stop == nx:
                    outside[n] = True
                    stack[n_stack] = n
                    n_stack += 1
                n += 1
            if i < firsts[row + 1]:
                start = runs[i, 1]
    gap_firsts[n_rows] = n
    while n_stack > 0:
        n_stack -= 1
        i = stack[n_stack]
        z, y = rows[i] // ny, rows[i] % ny
        for w in range(max(z - 1, 0), min(z + 2, nz)):
            for v in range(max(y - 1, 0), min(y + 2, ny)):
                beyond = gap_firsts[w * ny + v + 1]
                j = first_reaching(gaps, gap_firsts[w * ny + v], beyond, gaps[i, 0])
                while j < beyond and gaps[j, 0] <= gaps[i, 1]:
                    if not outside[j]:
                        outside[j] = True
                        stack[n_stack] = j
                        n_stack += 1
                    j += 1
    holes = 0
    for i in range(n):
        if not outside[i]:
            holes += gaps[i, 1] - gaps[i, 0]
    return holes


@kernel
def add_holes(
    first: int,
    last: int,
    offsets: Array,
    heights: Array,
    widths: Array,
    firsts: Array,
    runs: Array,
    planar: bool,
    out: Array,
) -> None:
    """Count the pixels in holes of those of the objects [first, last) whose runs were listed."""
    for k in range(first, last):
        begin, end = offsets[k], offsets[k + 1]
        if firsts[end] > firsts[begin]:
            out[k] = count_holes(firsts[begin : end + 1], runs, heights[k], widths[k], planar)
