"""Convex hulls of planar objects, from the two ends that each object has in each row.

As in scikit-image's `convex_hull_image` a pixel is a diamond that reaches half a pixel to each side, and a pixel
belongs to the hull if its centre is in it or on its border. All is counted in half pixels and in whole numbers,
so that a centre on the border is recognised as such.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]

FAR = 1 << 30
"""The left end of a row without pixels; the right end is -FAR."""


@kernel
def add_row_ends(
    labels: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    low: Array,
    heights: Array,
    offsets: Array,
    left: Array,
    right: Array,
    runs_per_row: Array,
) -> None:
    """Find the first and last pixel, and the number of runs, of each object in rows [first_row, last_row) of an image.

    Pixels are counted from low[k, 2]. Row (z, y) is at offsets[k] + (z - low[k, 0]) * heights[k] + y - low[k, 1].
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
            # The labels may have been painted since the bounding boxes were found.
            if k < 0 or not low[k, 1] <= y < low[k, 1] + heights[k]:
                continue
            at = offsets[k] + (z - low[k, 0]) * heights[k] + y - low[k, 1]
            if offsets[k] <= at < offsets[k + 1]:
                left[at] = min(left[at], start - low[k, 2])
                right[at] = max(right[at], x - 1 - low[k, 2])
                runs_per_row[at] += 1


@kernel
def mirror(ends: Array, out: Array) -> None:
    """Right ends as if they were left ones, seen in a mirror."""
    for row in range(ends.size):
        out[row] = -ends[row]


@kernel
def trace_side(ends: Array, diamonds: bool, chain: Array) -> int:
    """Corners (y, x) of the left side of the convex hull of a polygon, in half pixels, from above; return their number.

    The polygon is that of the pixel centres, or of diamonds around them. `ends` are the left ends of the rows, FAR if a
    row has none. `chain` has space for two corners per row and one more.
    """
    n = 0
    for h in range(-1 if diamonds else 0, 2 * ends.size):
        row = h >> 1
        point = FAR
        if h % 2 == 0:
            if ends[row] < FAR:
                point = 2 * ends[row] - 1 if diamonds else 2 * ends[row]
        elif diamonds:
            if row >= 0 and ends[row] < FAR:
                point = 2 * ends[row]
            if row + 1 < ends.size and ends[row + 1] < FAR:
                point = min(point, 2 * ends[row + 1])
        if point == FAR:
            continue
        while n >= 2:
            ah, ax = chain[n - 2, 0], chain[n - 2, 1]
            bh, bx = chain[n - 1, 0], chain[n - 1, 1]
            if (bx - ax) * (h - ah) < (point - ax) * (bh - ah):
                break
            n -= 1
        chain[n, 0], chain[n, 1] = h, point
        n += 1
    return n


@kernel
def fill_side(chain: Array, n: int, side: Array) -> None:
    """First pixel centre, per row, on or right of a chain of `trace_side`; FAR in rows beyond its ends."""
    if n < 2:
        for row in range(side.size):
            side[row] = FAR
        if n == 1:
            side[chain[0, 0] // 2] = chain[0, 1] // 2
        return
    at = 0
    for row in range(side.size):
        h = 2 * row
        while at + 2 < n and chain[at + 1, 0] < h:
            at += 1
        ah, ax = chain[at, 0], chain[at, 1]
        bh, bx = chain[at + 1, 0], chain[at + 1, 1]
        if h < ah or h > bh:
            side[row] = FAR
            continue
        doubled = ax * (bh - ah) + (bx - ax) * (h - ah)
        side[row] = -(-doubled // (2 * (bh - ah)))


@kernel
def fill_hulls(
    first: int,
    last: int,
    offsets: Array,
    left: Array,
    right: Array,
    diamonds: bool,
    starts: Array,
    stops: Array,
) -> None:
    """Write the ends of the rows of the convex hull of objects [first, last); all have one plane.

    The hull is that of the pixel centres, or of diamonds around them.
    """
    tallest = 0
    for k in range(first, last):
        tallest = max(tallest, offsets[k + 1] - offsets[k])
    chain, mirrored = np.empty((2 * tallest + 1, 2), np.int64), np.empty(tallest, np.int64)
    for k in range(first, last):
        begin, end = offsets[k], offsets[k + 1]
        n = end - begin
        fill_side(chain, trace_side(left[begin:end], diamonds, chain), starts[begin:end])
        mirror(right[begin:end], mirrored[:n])
        fill_side(chain, trace_side(mirrored[:n], diamonds, chain), stops[begin:end])
        mirror(stops[begin:end], stops[begin:end])


@kernel
def count_rows(first: int, last: int, offsets: Array, left: Array, right: Array, out: Array) -> None:
    """Count the pixels between the ends of the rows of objects [first, last)."""
    for k in range(first, last):
        for at in range(offsets[k], offsets[k + 1]):
            out[k] += max(0, right[at] - left[at] + 1)


@kernel
def count_entries(first: int, last: int, offsets: Array, left: Array, right: Array, out: Array) -> None:
    """Count how often lines along the steps back to NW, N, NE and W enter planar objects without gaps in rows."""
    for k in range(first, last):
        for at in range(offsets[k], offsets[k + 1]):
            start, stop = left[at], right[at]
            if stop < start:
                continue
            out[k, 3] += 1
            for d in range(3):
                shared = 0
                if at > offsets[k]:
                    shared = min(stop, right[at - 1] + 1 - d) - max(start, left[at - 1] + 1 - d) + 1
                out[k, d] += stop - start + 1 - max(0, shared)
