"""Feret diameters: how wide a pair of calipers must be opened around an object.

The calipers touch the tips of diamonds (octahedra) around pixels. For the largest diameter these are, as in
scikit-image, all that have their centre in the convex hull of the object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._hull import mirror, trace_side
from bioloom.measure._hull3d import list_corners
from bioloom.measure._quickhull import find_hull
from bioloom.measure._width import width

Array = NDArray[Any]


@kernel
def list_polygon(left: Array, right: Array, points: Array, chain: Array, mirrored: Array) -> int:
    """Corners (y, x) of the hull of diamonds, around and in half pixels; return their number."""
    n = trace_side(left, True, chain)
    for i in range(n):
        points[i, 0], points[i, 1] = chain[i, 0], chain[i, 1]
    mirror(right, mirrored)
    m = trace_side(mirrored, True, chain)
    for i in range(m):
        points[n + i, 0], points[n + i, 1] = chain[m - 1 - i, 0], -chain[m - 1 - i, 1]
    return n + m


@kernel
def distance(points: Array, i: int, j: int, scale: Array) -> float:
    """Distance between two points (n, 2 or 3) whose coordinates are to be multiplied by `scale`."""
    square = 0.0
    for d in range(points.shape[1]):
        square += ((points[i, d] - points[j, d]) * scale[d]) ** 2
    return float(np.sqrt(square))


@kernel
def widest(points: Array, scale: Array) -> float:
    """Largest distance between two of some points (n, 2 or 3)."""
    n = len(points)
    best, far = 0.0, 0
    radii = np.empty(n)
    for i in range(n):
        radii[i] = distance(points, i, 0, scale)
        if radii[i] > radii[far]:
            far = i
    best = radii[far]
    # The point halfway to the farthest is somewhere in the middle.
    for i in range(n):
        square = 0.0
        for d in range(points.shape[1]):
            square += ((points[i, d] - (points[0, d] + points[far, d]) / 2) * scale[d]) ** 2
        radii[i] = np.sqrt(square)
    for i in range(n):
        for j in range(i):
            # Two points near the middle cannot be farther apart than those far from it.
            if radii[i] + radii[j] > best:
                best = max(best, distance(points, i, j, scale))
    return float(best)


@kernel
def narrowest(points: Array, scale: Array) -> float:
    """Smallest distance between two parallel lines around a convex polygon, one of which lies on an edge of it."""
    n = len(points)
    best = np.inf
    for i in range(n):
        k = (i + 1) % n
        u, v = (points[k, 0] - points[i, 0]) * scale[0], (points[k, 1] - points[i, 1]) * scale[1]
        length = np.sqrt(u * u + v * v)
        if length == 0:
            continue
        far = 0.0
        for j in range(n):
            far = max(
                far, abs(u * (points[j, 1] - points[i, 1]) * scale[1] - v * (points[j, 0] - points[i, 0]) * scale[0])
            )
        best = min(best, far / length)
    return best


@kernel
def add_diameters(
    first: int, last: int, offsets: Array, left: Array, right: Array, scale: Array, smallest: bool, out: Array
) -> None:
    """Largest or smallest diameter of planar objects [first, last), half pixels being of the size `scale`.

    NaN without pixels.
    """
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
        else:
            out[k] = narrowest(points[:n], scale) if smallest else widest(points[:n], scale)


@kernel
def add_diameters_3d(
    first: int, last: int, offsets: Array, heights: Array, left: Array, right: Array, scale: Array, smallest: bool,
    out: Array,
) -> None:  # fmt: skip
    """Largest or smallest diameter of objects [first, last), half voxels being of the size `scale`.

    NaN without voxels.
    """
    for k in range(first, last):
        begin, end = offsets[k], offsets[k + 1]
        out[k] = np.nan
        if end == begin:
            continue
        points = list_corners(left[begin:end], right[begin:end], heights[k])
        faces, planes = find_hull(points)
        if len(faces) > 0:
            used = np.unique(faces)
            out[k] = width(points, faces, planes, used, scale) if smallest else widest(points[used], scale)
