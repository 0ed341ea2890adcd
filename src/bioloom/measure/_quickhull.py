"""Convex hull of points in space whose coordinates are whole numbers, by exact arithmetic.

Quickhull after Barber, Dobkin and Huhdanpaa (1996), ACM Transactions on Mathematical Software 22:469. Points in the
plane of a facet count as inside, which exact arithmetic makes consistent. Coordinates may differ by up to 2¹⁹.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def set_plane(points: Array, face: Array, plane: Array) -> None:
    """Find the normal of a triangle that is seen anti-clockwise from outside, and its product with the corners."""
    a, b, c = points[face[0]], points[face[1]], points[face[2]]
    u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    v0, v1, v2 = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    plane[0] = u1 * v2 - u2 * v1
    plane[1] = u2 * v0 - u0 * v2
    plane[2] = u0 * v1 - u1 * v0
    plane[3] = plane[0] * a[0] + plane[1] * a[1] + plane[2] * a[2]


@kernel
def height(plane: Array, point: Array) -> int:
    """How far a point lies outside of a plane, in lengths of its normal."""
    return int(plane[0] * point[0] + plane[1] * point[1] + plane[2] * point[2] - plane[3])


@kernel
def first_simplex(points: Array, corners: Array) -> bool:
    """Choose four points that are not in a plane, the first three seen clockwise from the fourth; false if all are."""
    n = len(points)
    corners[0] = 0
    for i in range(1, n):
        a, b = points[i], points[corners[0]]
        if a[0] < b[0] or (a[0] == b[0] and (a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]))):
            corners[0] = i
    best = 0.0
    o = points[corners[0]]
    for i in range(n):
        a = points[i]
        size = float(a[0] - o[0]) ** 2 + float(a[1] - o[1]) ** 2 + float(a[2] - o[2]) ** 2
        if size > best:
            best, corners[1] = size, i
    if best == 0:
        return False
    plane = np.empty(4, np.int64)
    best = 0.0
    for i in range(n):
        corners[2] = i
        set_plane(points, corners, plane)
        size = float(plane[0]) ** 2 + float(plane[1]) ** 2 + float(plane[2]) ** 2
        if size > best:
            best, corners[3] = size, i
    if best == 0:
        return False
    corners[2] = corners[3]
    set_plane(points, corners, plane)
    farthest = 0
    for i in range(n):
        size = height(plane, points[i])
        if abs(size) > abs(farthest):
            farthest, corners[3] = size, i
    if farthest > 0:
        corners[1], corners[2] = corners[2], corners[1]
    return farthest != 0


@kernel
def find_hull(points: Array) -> tuple[Array, Array]:
    """Triangles (m, 3) of points around their convex hull, anti-clockwise from outside, and planes (m, 4) of these.

    The planes are normal and offset. There are no triangles if all points lie in a plane.
    """
    n = len(points)
    size = max(8, 2 * n + 8)
    faces, others = np.empty((size, 3), np.int32), np.empty((size, 3), np.int32)
    planes = np.empty((size, 4), np.int64)
    head, after = np.full(size, -1, np.int32), np.empty(n, np.int32)  # lists of the points outside of each face
    seen = np.full(size, -1, np.int64)  # -1: no face; else the step that saw it last
    free = np.empty(size, np.int32)
    for i in range(size):
        free[i] = size - 1 - i
    n_free = size
    corners = np.zeros(4, np.int64)
    if n < 4 or not first_simplex(points, corners):
        return faces[:0], planes[:0]
    a, b, c, d = corners[0], corners[1], corners[2], corners[3]
    for i, (u, v, w) in enumerate(((a, b, c), (a, d, b), (b, d, c), (c, d, a))):
        faces[i, 0], faces[i, 1], faces[i, 2] = u, v, w
        seen[i] = 0
        set_plane(points, faces[i], planes[i])
    for i, (u, v, w) in enumerate(((1, 2, 3), (3, 2, 0), (1, 3, 0), (2, 1, 0))):
        others[i, 0], others[i, 1], others[i, 2] = u, v, w
    n_free -= 4
    for p in range(n):
        for f in range(4):
            if height(planes[f], points[p]) > 0:
                after[p], head[f] = head[f], p
                break

    pending = np.empty(64, np.int32)
    for i in range(4):
        pending[i] = i
    n_pending = 4
    visible = np.empty(size, np.int32)
    edges = np.empty((size, 3), np.int32)
    starting, ending = np.empty(n, np.int32), np.empty(n, np.int32)
    step = 0
    while n_pending > 0:
        n_pending -= 1
        f = pending[n_pending]
        if seen[f] < 0 or head[f] < 0:
            continue
        step += 1
        p, farthest = -1, 0
        q = head[f]
        while q >= 0:
            far = height(planes[f], points[q])
            if far > farthest:
                p, farthest = q, far
            q = after[q]
        apex = points[p]
        # The faces that the point sees hang together.
        visible[0], n_visible = f, 1
        seen[f] = step
        i = 0
        while i < n_visible:
            for j in range(3):
                g = others[visible[i], j]
                if seen[g] != step and height(planes[g], apex) > 0:
                    seen[g] = step
                    visible[n_visible] = g
                    n_visible += 1
            i += 1
        n_edges = 0
        orphans = -1
        for i in range(n_visible):
            v = visible[i]
            for j in range(3):
                if seen[others[v, j]] != step:
                    edges[n_edges, 0], edges[n_edges, 1] = faces[v, j], faces[v, (j + 1) % 3]
                    edges[n_edges, 2] = others[v, j]
                    n_edges += 1
            q = head[v]
            while q >= 0:
                following = after[q]
                if q != p:
                    after[q], orphans = orphans, q
                q = following
        for i in range(n_visible):
            v = visible[i]
            head[v], seen[v] = -1, -1
            free[n_free] = v
            n_free += 1
        # A fan of new faces from the edge of the hole to the point.
        for i in range(n_edges):
            n_free -= 1
            new = free[n_free]
            visible[i] = new
            u, v, g = edges[i, 0], edges[i, 1], edges[i, 2]
            faces[new, 0], faces[new, 1], faces[new, 2] = u, v, p
            set_plane(points, faces[new], planes[new])
            seen[new] = step
            others[new, 0] = g
            for j in range(3):
                if faces[g, j] == v and faces[g, (j + 1) % 3] == u:
                    others[g, j] = new
            starting[u], ending[v] = new, new
        for i in range(n_edges):
            others[visible[i], 1] = starting[edges[i, 1]]
            others[visible[i], 2] = ending[edges[i, 0]]
        while orphans >= 0:
            q, orphans = orphans, after[orphans]
            for i in range(n_edges):
                if height(planes[visible[i]], points[q]) > 0:
                    after[q], head[visible[i]] = head[visible[i]], q
                    break
        while n_pending + n_edges > pending.size:
            larger = np.empty(2 * pending.size, np.int32)
            for i in range(n_pending):
                larger[i] = pending[i]
            pending = larger
        for i in range(n_edges):
            if head[visible[i]] >= 0:
                pending[n_pending] = visible[i]
                n_pending += 1
    m = 0
    for f in range(size):
        if seen[f] >= 0:
            for j in range(3):
                faces[m, j] = faces[f, j]
            for j in range(4):
                planes[m, j] = planes[f, j]
            m += 1
    return faces[:m], planes[:m]
