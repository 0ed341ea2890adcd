"""Numba kernels that take edges out of triangle meshes, the one that changes the surface least first."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]

# columns of a quadric: the upper triangle of a symmetric 3 × 3 matrix, a vector and a number
_XX, _XY, _XZ, _YY, _YZ, _ZZ, _X, _Y, _Z, _ONE = range(10)


@njit(nogil=True, cache=True)
def _add_plane(quadric: Array, normal: Array, length: float, p: Array, weight: float) -> None:
    """Add the squared distance to the plane through p with a normal of this length."""
    a, b, c = normal[0] / length, normal[1] / length, normal[2] / length
    offset = -(a * p[0] + b * p[1] + c * p[2])
    quadric[_XX] += weight * a * a
    quadric[_XY] += weight * a * b
    quadric[_XZ] += weight * a * c
    quadric[_YY] += weight * b * b
    quadric[_YZ] += weight * b * c
    quadric[_ZZ] += weight * c * c
    quadric[_X] += weight * a * offset
    quadric[_Y] += weight * b * offset
    quadric[_Z] += weight * c * offset
    quadric[_ONE] += weight * offset * offset


@njit(nogil=True, cache=True)
def _error(q: Array, x: float, y: float, z: float) -> float:
    return float(
        q[_XX] * x * x + q[_YY] * y * y + q[_ZZ] * z * z + q[_ONE]
        + 2 * (q[_XY] * x * y + q[_XZ] * x * z + q[_YZ] * y * z + q[_X] * x + q[_Y] * y + q[_Z] * z)
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _best_point(quadrics: Array, vertices: Array, u: int, v: int, q: Array, point: Array) -> float:
    """Write the quadric of an edge, and the point near it that replaces it at the least error; return the error."""
    for i in range(10):
        q[i] = quadrics[u, i] + quadrics[v, i]
    ax, ay, az = vertices[u, 0], vertices[u, 1], vertices[u, 2]
    ex, ey, ez = vertices[v, 0] - ax, vertices[v, 1] - ay, vertices[v, 2] - az
    length = ex * ex + ey * ey + ez * ez
    # Solved around the middle of the edge, where the numbers are small.
    mx, my, mz = ax + ex / 2, ay + ey / 2, az + ez / 2
    rx = -(q[_XX] * mx + q[_XY] * my + q[_XZ] * mz + q[_X])
    ry = -(q[_XY] * mx + q[_YY] * my + q[_YZ] * mz + q[_Y])
    rz = -(q[_XZ] * mx + q[_YZ] * my + q[_ZZ] * mz + q[_Z])
    cx = q[_YY] * q[_ZZ] - q[_YZ] * q[_YZ]
    cy = q[_XZ] * q[_YZ] - q[_XY] * q[_ZZ]
    cz = q[_XY] * q[_YZ] - q[_XZ] * q[_YY]
    determinant = q[_XX] * cx + q[_XY] * cy + q[_XZ] * cz
    size = q[_XX] + q[_YY] + q[_ZZ]
    best = np.inf
    if determinant > 1e-6 * size * size * size:
        yy, yz = q[_XX] * q[_ZZ] - q[_XZ] * q[_XZ], q[_XY] * q[_XZ] - q[_XX] * q[_YZ]
        zz = q[_XX] * q[_YY] - q[_XY] * q[_XY]
        dx = (cx * rx + cy * ry + cz * rz) / determinant
        dy = (cy * rx + yy * ry + yz * rz) / determinant
        dz = (cz * rx + yz * ry + zz * rz) / determinant
        if dx * dx + dy * dy + dz * dz <= length:
            point[0], point[1], point[2] = mx + dx, my + dy, mz + dz
            best = _error(q, point[0], point[1], point[2])
    if best == np.inf:
        for half in (1, 0, 2):
            x, y, z = ax + ex * half / 2, ay + ey * half / 2, az + ez * half / 2
            error = _error(q, x, y, z)
            if error < best:
                best = error
                point[0], point[1], point[2] = x, y, z
    # In planes, where any point will do, short edges go first.
    return float(max(best, 0.0) + 1e-9 * size * length)


@njit(nogil=True, cache=True)
def _cross(a: Array, b: Array, c: Array, out: Array) -> float:
    """Write the normal of a triangle, twice its area long, and return its length."""
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    out[0], out[1], out[2] = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0
    return float(np.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2]))


@njit(nogil=True, cache=True)
def _may_collapse(
    u: int, v: int, point: Array, vertices: Array, faces: Array, alive: Array, head: Array, following: Array,
    stamp: Array, mark: int,
) -> bool:  # fmt: skip
    """Tell whether an edge can be taken out without a hole, a fold, or a face that turns over."""
    shared = 0
    node = head[u]
    while node >= 0:
        face = node // 3
        if alive[face]:
            has_v = False
            for i in range(3):
                stamp[faces[face, i]] = mark
                has_v |= faces[face, i] == v
            shared += has_v
        node = following[node]
    stamp[u] = stamp[v] = 0
    common = 0
    node = head[v]
    while node >= 0:
        face = node // 3
        if alive[face]:
            for i in range(3):
                w = faces[face, i]
                if w != u and w != v and stamp[w] == mark:
                    common += 1
                    stamp[w] = mark + 1
                    # A corner of three faces would be left with two, back to back.
                    valence = 0
                    other = head[w]
                    while other >= 0:
                        valence += alive[other // 3]
                        other = following[other]
                    if valence <= 3:
                        return False
        node = following[node]
    if shared == 0 or common != shared:
        return False
    before, after = np.empty(3), np.empty(3)
    for moved in (u, v):
        node = head[moved]
        while node >= 0:
            face = node // 3
            a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
            if alive[face] and not ((a == u or b == u or c == u) and (a == v or b == v or c == v)):
                old = _cross(vertices[a], vertices[b], vertices[c], before)
                pa = point if a == moved else vertices[a]
                pb = point if b == moved else vertices[b]
                pc = point if c == moved else vertices[c]
                new = _cross(pa, pb, pc, after)
                if old > 0 and before[0] * after[0] + before[1] * after[1] + before[2] * after[2] <= 0.2 * old * new:
                    return False
            node = following[node]
    return True


@njit(nogil=True, cache=True)
def collapse_edges(vertices: Array, faces: Array, border: Array, target: int, alive: Array) -> None:
    """Take out edges until so many faces are left, or none can be taken out.

    Parameters
    ----------
    vertices
        float64 (n, 3); the position of a vertex that stays is changed.
    faces
        int64 (m, 3); changed. Faces that are not `alive` afterwards are gone.
    border
        int64 (k, 3): edges that only one face has, as two vertices and the face.
    target
        Number of faces.
    alive
        bool (m,), all True.
    """
    n, m = len(vertices), len(faces)
    quadrics = np.zeros((n, 10))
    normal = np.empty(3)
    head, tail = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    # The lists of faces per vertex: node 3 f + i stands for corner i of face f.
    following = np.full(3 * m, -1, np.int64)
    for f in range(m):
        length = _cross(vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]], normal)
        for i in range(3):
            v = faces[f, i]
            if length > 0:
                _add_plane(quadrics[v], normal, length, vertices[faces[f, 0]], length)
            node = 3 * f + i
            if head[v] < 0:
                head[v] = node
            else:
                following[tail[v]] = node
            tail[v] = node
    across, tip = np.empty(3), np.empty(3)
    for k in range(len(border)):
        a, b, f = border[k, 0], border[k, 1], border[k, 2]
        length = _cross(vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]], normal)
        for i in range(3):
            tip[i] = vertices[a, i] + normal[i]
        steep = _cross(vertices[a], vertices[b], tip, across)
        if length > 0 and steep > 0:
            for v in (a, b):
                _add_plane(quadrics[v], across, steep, vertices[a], 10 * length)
    version = np.zeros(n, np.int64)
    point, quadric = np.empty(3), np.empty(10)
    heap = [(0.0, 0, 0, 0, 0) for _ in range(0)]
    for f in range(m):
        for i in range(3):
            u, v = faces[f, i], faces[f, (i + 1) % 3]
            if u < v:
                heap.append((_best_point(quadrics, vertices, u, v, quadric, point), u, v, 0, 0))
    for k in range(len(border)):
        u, v = min(border[k, 0], border[k, 1]), max(border[k, 0], border[k, 1])
        heap.append((_best_point(quadrics, vertices, u, v, quadric, point), u, v, 0, 0))
    heapq.heapify(heap)
    stamp = np.zeros(n, np.int64)
    mark = 1
    left = m
    while left > target and len(heap):
        _, u, v, version_u, version_v = heapq.heappop(heap)
        if version[u] != version_u or version[v] != version_v:
            continue
        _best_point(quadrics, vertices, u, v, quadric, point)
        mark += 2
        if not _may_collapse(u, v, point, vertices, faces, alive, head, following, stamp, mark):
            continue
        for i in range(3):
            vertices[u, i] = point[i]
        for i in range(10):
            quadrics[u, i] = quadric[i]
        version[u] += 1
        version[v] = -1
        node = head[v]
        while node >= 0:
            f = node // 3
            if alive[f]:
                faces[f, node - 3 * f] = u
                a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
                if a == b or b == c or c == a:
                    alive[f] = False
                    left -= 1
            node = following[node]
        following[tail[u]] = head[v]
        tail[u] = tail[v]
        # Faces that are gone leave the list, or it would grow with every step.
        node, last = head[u], np.int64(-1)
        while node >= 0:
            if alive[node // 3]:
                if last < 0:
                    head[u] = node
                else:
                    following[last] = node
                last = node
            node = following[node]
        if last < 0:
            head[u] = -1
            continue
        following[last] = -1
        tail[u] = last
        mark += 2
        stamp[u] = mark
        node = head[u]
        while node >= 0:
            f = node // 3
            for i in range(3):
                w = faces[f, i]
                if stamp[w] != mark:
                    stamp[w] = mark
                    cost = _best_point(quadrics, vertices, u, w, quadric, point)
                    heapq.heappush(heap, (cost, u, w, version[u], version[w]))
            node = following[node]
