"""Pixels inside the convex hull of an object, counted as scikit-image's `convex_hull_image` does: a pixel is a diamond
reaching half a pixel to each side, and a pixel belongs to the hull if its centre is in it or on its border.
"""  # noqa: D205

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]

FAR = 1 << 40
TOLERANCE = 1e-10  # of scikit-image, for centres on a facet


@kernel
def add_row_ends(
    labels: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    low: Array,
    offsets: Array,
    left: Array,
    right: Array,
) -> None:
    """Leftmost and rightmost pixel per row of each object of a (1, y, x) plane; row y at offsets[k] + y - low[k, 1]."""
    nx = labels.shape[2]
    for y in range(first_row, last_row):
        line = labels[0, y]
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
            if k < 0:
                continue
            at = offsets[k] + y - low[k, 1]
            if offsets[k] <= at < offsets[k + 1]:
                left[at] = min(left[at], start)
                right[at] = max(right[at], x - 1)


@kernel
def hull_side(ends: Array, chain: Array, side: Array) -> None:
    """First pixel centre, per row, right of the left side of the convex hull of diamonds whose row ends are `ends`.

    All in half pixels, and in whole numbers, so that a centre on the border is recognised as such. Rows without pixels
    have the end `FAR`; if there are no others, so have all rows of the result.
    """
    n = 0
    for h in range(-1, 2 * ends.size):
        row = h >> 1
        if h % 2 == 0:
            point = 2 * ends[row] - 1 if ends[row] < FAR else FAR
        else:
            point = FAR
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
    if n < 2:
        side[: ends.size] = FAR
        return
    at = 0
    for row in range(ends.size):
        h = 2 * row
        while at + 2 < n and chain[at + 1, 0] < h:
            at += 1
        ah, ax = chain[at, 0], chain[at, 1]
        bh, bx = chain[at + 1, 0], chain[at + 1, 1]
        doubled = ax * (bh - ah) + (bx - ax) * (h - ah)
        side[row] = -(-doubled // (2 * (bh - ah)))


@kernel
def hull_pixels(offsets: Array, left: Array, right: Array, out: Array) -> None:
    """Count the pixels in the convex hull of each object from the ends of its rows."""
    tallest = 0
    for k in range(out.size):
        tallest = max(tallest, offsets[k + 1] - offsets[k])
    chain = np.empty((2 * tallest + 1, 2), np.int64)
    starts, stops, mirrored = np.empty(tallest, np.int64), np.empty(tallest, np.int64), np.empty(tallest, np.int64)
    for k in range(out.size):
        begin, end = offsets[k], offsets[k + 1]
        n = end - begin
        for row in range(n):
            mirrored[row] = -right[begin + row] if right[begin + row] > -FAR else FAR
        hull_side(left[begin:end], chain, starts)
        hull_side(mirrored[:n], chain, stops)
        for row in range(n):
            out[k] += max(0, -stops[row] - starts[row] + 1)


@kernel
def corner_points(crop: Array, label: int) -> Array:
    """List tips of diamonds among which are all corners of the hull: (z, y, x) in half voxels from the crop's edge.

    They belong to voxels at an end of their line along every axis.
    """
    nz, ny, nx = crop.shape
    z_ends = np.empty((2, ny, nx), np.int64)
    y_ends = np.empty((2, nz, nx), np.int64)
    x_ends = np.empty((2, nz, ny), np.int64)
    z_ends[0], y_ends[0], x_ends[0] = FAR, FAR, FAR
    z_ends[1], y_ends[1], x_ends[1] = -1, -1, -1
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if crop[z, y, x] == label:
                    z_ends[0, y, x], z_ends[1, y, x] = min(z_ends[0, y, x], z), z
                    y_ends[0, z, x], y_ends[1, z, x] = min(y_ends[0, z, x], y), y
                    x_ends[0, z, y], x_ends[1, z, y] = min(x_ends[0, z, y], x), x
    points = np.empty((12 * nz * ny, 3), np.int64)
    n = 0
    for z in range(nz):
        for y in range(ny):
            for side in range(2):
                x = x_ends[side, z, y]
                if x < 0 or x == FAR or (side == 1 and x == x_ends[0, z, y]):
                    continue
                at_end = (
                    (z == z_ends[0, y, x], z == z_ends[1, y, x]),
                    (y == y_ends[0, z, x], y == y_ends[1, z, x]),
                    (x == x_ends[0, z, y], x == x_ends[1, z, y]),
                )
                if not (at_end[1][0] or at_end[1][1]) or not (at_end[0][0] or at_end[0][1]):
                    continue
                # An arm that does not point out of its line lies between two others, and is no corner of the hull.
                for axis in range(3):
                    for end in range(2):
                        if at_end[axis][end]:
                            points[n, 0], points[n, 1], points[n, 2] = 2 * z + 1, 2 * y + 1, 2 * x + 1
                            points[n, axis] += 2 * end - 1
                            n += 1
    return points[:n]


@kernel
def centres_within(equations: Array, nz: int, ny: int, nx: int, tolerance: float) -> int:
    """Count the voxels of a box whose centre fulfils all inequalities a z + b y + c x + d < tolerance."""
    n = 0
    for z in range(nz):
        for y in range(ny):
            begin, end = 0, nx - 1
            for f in range(equations.shape[0]):
                slope = equations[f, 2]
                room = tolerance - equations[f, 0] * z - equations[f, 1] * y - equations[f, 3]
                if abs(slope) < 1e-12:
                    if room <= 0:
                        end = -1
                elif slope > 0:
                    end = min(end, int(np.floor(room / slope)))
                else:
                    begin = max(begin, int(np.ceil(room / slope)))
                if begin > end:
                    break
            n += max(0, end - begin + 1)
    return n


def hull_voxels(crop: Array, label: int) -> int:
    """Count the voxels in the convex hull of one object of a (z, y, x) label image cut to its bounding box.

    Flat and thin objects, for which scikit-image gives up, have a hull too: the diamonds have an extent.
    """
    from scipy.spatial import ConvexHull

    halves = corner_points(crop, label)
    if len(halves) == 0:
        return 0
    shape = tuple(2 * n + 1 for n in crop.shape)
    flat = np.unique(np.ravel_multi_index(tuple(halves.T), shape))
    points = (np.stack(np.unravel_index(flat, shape), axis=1) - 1) / 2
    nz, ny, nx = crop.shape
    return int(centres_within(ConvexHull(points).equations, nz, ny, nx, TOLERANCE))
