"""Feret diameters: how wide a pair of calipers must be opened around an object.

The calipers touch the tips of diamonds (octahedra) around the pixels of the convex hull, as in scikit-image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._hull import mirror, trace_side
from bioloom.measure._hull3d import list_corners
from bioloom.measure._quickhull import find_hull

Array = NDArray[Any]


@kernel
def list_polygon(left: Array, right: Array, points: Array, chain: Array, mirrored: Array) -> int:
    """Corners (y, x) of the hull of diamonds, around and in half pixels; return their number."""
    n = trace_side(left, True, chain)
    points[:n] = chain[:n]
    mirror(right, mirrored)
    m = trace_side(mirrored, True, chain)
    for i in range(m):
        points[n + i, 0], points[n + i, 1] = chain[m - 1 - i, 0], -chain[m - 1 - i, 1]
    return n + m


@kernel
def widest(points: Array) -> float:
    """Largest distance between two of some points (n, 2 or 3)."""
    n, ndim = points.shape
    centre = np.zeros(ndim)
    for i in range(n):
        centre += points[i] / n
    radii = np.zeros(n)
    for i in range(n):
        for j in range(ndim):
            radii[i] += (points[i, j] - centre[j]) ** 2
    radii = np.sqrt(radii)
    # Two points near the centre cannot be farther apart than some pair found among those far from it.
    order = np.argsort(-radii)
    best = 0.0
    for a in range(n):
        i = order[a]
        for b in range(a):
            if radii[i] + radii[order[b]] <= best:
                break
            square = 0.0
            for j in range(ndim):
                square += (points[i, j] - points[order[b], j]) ** 2
            best = max(best, np.sqrt(square))
    return best


@kernel
def narrowest(points: Array) -> float:
    """Smallest distance between two parallel lines around a convex polygon, one of which lies on an edge of it."""
    n = len(points)
    best = np.inf
    for i in range(n):
        a, b = points[i], points[(i + 1) % n]
        u, v = b[0] - a[0], b[1] - a[1]
        length = np.sqrt(u * u + v * v)
        if length == 0:
            continue
        far = 0.0
        for j in range(n):
            far = max(far, abs(u * (points[j, 1] - a[1]) - v * (points[j, 0] - a[0])))
        best = min(best, far / length)
    return best


@kernel
def add_diameters(first: int, last: int, offsets: Array, left: Array, right: Array, spacing: Array, out: Array) -> None:
    """Largest and smallest diameter (n, 2) of planar objects [first, last); NaN without pixels."""
    tallest = 0
    for k in range(first, last):
        tallest = max(tallest, offsets[k + 1] - offsets[k])
    chain, mirrored = np.empty((2 * tallest + 1, 2), np.int64), np.empty(tallest, np.int64)
    points = np.empty((4 * tallest + 2, 2), np.int64)
    for k in range(first, last):
        begin, end = offsets[k], offsets[k + 1]
        n = list_polygon(left[begin:end], right[begin:end], points, chain, mirrored[: end - begin])
        if n == 0:
            out[k] = np.nan
            continue
        physical = points[:n] * (spacing[1:] / 2)
        out[k, 0], out[k, 1] = widest(physical), narrowest(physical)


@kernel
def add_diameters_3d(
    first: int, last: int, offsets: Array, heights: Array, left: Array, right: Array, spacing: Array, out: Array
) -> None:
    """Largest diameter of objects [first, last) of a stack; NaN without voxels."""
    for k in range(first, last):
        begin, end = offsets[k], offsets[k + 1]
        out[k] = np.nan
        if end == begin:
            continue
        points = list_corners(left[begin:end], right[begin:end], heights[k])
        faces, _ = find_hull(points)
        if len(faces) == 0:
            continue
        used = np.zeros(len(points), np.bool_)
        for f in range(len(faces)):
            for i in range(3):
                used[faces[f, i]] = True
        out[k] = widest(points[np.flatnonzero(used)] * (spacing / 2))
