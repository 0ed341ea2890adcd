"""The smallest distance between two parallel planes around a convex body.

One of them lies on a face of it and the other touches a corner, or they touch an edge each (Houle and Toussaint 1988,
IEEE Transactions on Pattern Analysis and Machine Intelligence 10:761). Which of these touch parallel planes does not
depend on the size of a voxel, so that it is found in whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def list_edges(faces: Array, planes: Array) -> Array:
    """Edges (n, 4) of a closed body of triangles: both corners and both faces; not those inside of a flat side."""
    n = 3 * len(faces)
    keys = np.empty(n, np.int64)
    for i in range(n):
        a, b = faces[i // 3, i % 3], faces[i // 3, (i + 1) % 3]
        keys[i] = (np.int64(min(a, b)) << 32) + max(a, b)
    order = np.argsort(keys)
    edges = np.empty((n // 2, 4), np.int64)
    m = 0
    for i in range(0, n - 1, 2):
        f, g = order[i] // 3, order[i + 1] // 3
        p, q = planes[f], planes[g]
        # Sides are flat where the normals are parallel; the products of whole numbers are compared as such.
        if p[0] * q[1] == p[1] * q[0] and p[1] * q[2] == p[2] * q[1] and p[2] * q[0] == p[0] * q[2]:
            continue
        edges[m, 0], edges[m, 1] = keys[order[i]] >> 32, keys[order[i]] & 0xFFFFFFFF
        edges[m, 2], edges[m, 3] = f, g
        m += 1
    return edges[:m]


@kernel
def product(a: Array, b: Array) -> float:
    """Scalar product of two vectors."""
    return float(a[0]) * float(b[0]) + float(a[1]) * float(b[1]) + float(a[2]) * float(b[2])


@kernel
def between_faces(points: Array, faces: Array, planes: Array, used: Array, scale: Array) -> float:
    """Smallest distance from a face to the corner farthest from it."""
    best = np.inf
    for f in range(len(faces)):
        normal = planes[f]
        deepest = 0.0
        for i in used:
            deepest = max(deepest, float(normal[3]) - product(normal, points[i]))
        square = (normal[0] / scale[0]) ** 2 + (normal[1] / scale[1]) ** 2 + (normal[2] / scale[2]) ** 2
        best = min(best, deepest / np.sqrt(square))
    return float(best)


@kernel
def between_edges(points: Array, planes: Array, edges: Array, scale: Array) -> float:
    """Smallest distance between two edges that parallel planes touch."""
    n = len(edges)
    along = np.empty((n, 3))
    for i in range(n):
        for d in range(3):
            along[i, d] = float(points[edges[i, 1], d] - points[edges[i, 0], d])
    best = np.inf
    for i in range(n):
        p, q = planes[edges[i, 2]], planes[edges[i, 3]]
        for j in range(i):
            # The normals of planes at an edge are an arc between those of its faces. Edges are on opposite sides if
            # the arc of one, turned round, crosses that of the other.
            r, s = planes[edges[j, 2]], planes[edges[j, 3]]
            of_r, of_s = product(r, along[i]), product(s, along[i])
            if of_r * of_s >= 0:
                continue
            of_p, of_q = product(p, along[j]), product(q, along[j])
            if of_p * of_q >= 0:
                continue
            turned = 0.0
            for d in range(3):
                turned += (abs(of_q) * p[d] + abs(of_p) * q[d]) * (abs(of_s) * r[d] + abs(of_r) * s[d])
            if turned >= 0:
                continue
            far = square = 0.0
            for d in range(3):
                e, f = (d + 1) % 3, (d + 2) % 3
                across = (along[i, e] * along[j, f] - along[i, f] * along[j, e]) * scale[e] * scale[f]
                far += across * (points[edges[i, 0], d] - points[edges[j, 0], d]) * scale[d]
                square += across * across
            best = min(best, abs(far) / np.sqrt(square))
    return float(best)


@kernel
def width(points: Array, faces: Array, planes: Array, used: Array, scale: Array) -> float:
    """Smallest distance between two parallel planes around a body.

    Its triangles have the corners `faces` (m, 3) of `points` (n, 3), whole numbers that are to be multiplied by
    `scale`, and the `planes` (m, 4). `used` are the points that are corners.
    """
    by_faces = between_faces(points, faces, planes, used, scale)
    return float(min(by_faces, between_edges(points, planes, list_edges(faces, planes), scale)))
