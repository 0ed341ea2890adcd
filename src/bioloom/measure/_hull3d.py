"""Convex hulls of objects in stacks, in whole numbers of half voxels, so that nothing depends on rounding.

As in scikit-image's `convex_hull_image` a voxel is an octahedron that reaches half a voxel to each side, and a voxel
belongs to the hull if its centre is in it or on its border. Objects may reach over 2¹⁸ voxels along each axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._hull import FAR, trace_side
from bioloom.measure._quickhull import find_hull

Array = NDArray[Any]


@kernel
def list_corners(left: Array, right: Array, ny: int) -> Array:
    """List points (z, y, x) in half voxels among which are all corners of the hull of octahedra around voxels.

    `left` and `right` are the ends of the rows of one object, those of a plane being `ny` in number.
    """
    nz = left.size // ny
    points = np.empty((64, 3), np.int64)
    n = 0
    ends, chain = np.empty(ny, np.int64), np.empty((2 * ny + 1, 2), np.int64)
    for h in range(-1, 2 * nz):
        # Planes through the centres of voxels have the tips along y and x; those between have tips along z.
        above, below = (h - 1) >> 1, (h + 1) >> 1
        if h % 2 == 0:
            above = below = h >> 1
        for side in range(2):
            for y in range(ny):
                ends[y] = FAR
            for z in (above, below):
                if 0 <= z < nz:
                    for y in range(ny):
                        end = left[z * ny + y] if side == 0 else -right[z * ny + y]
                        ends[y] = min(ends[y], end)
            n_chain = trace_side(ends, h % 2 == 0, chain)
            while n + n_chain > len(points):
                larger = np.empty((2 * len(points), 3), np.int64)
                for i in range(n):
                    larger[i, 0], larger[i, 1], larger[i, 2] = points[i, 0], points[i, 1], points[i, 2]
                points = larger
            for i in range(n_chain):
                points[n, 0], points[n, 1] = h, chain[i, 0]
                points[n, 2] = chain[i, 1] if side == 0 else -chain[i, 1]
                n += 1
    return points[:n]


@kernel
def fill_facet(corners: Array, plane: Array, ny: int, starts: Array, stops: Array) -> None:
    """Cut the rows of voxels (z, y) that lie behind or on a triangle, seen along x, at its plane.

    Rows that nothing has cut yet have start -FAR and stop FAR; once all triangles are filled, those of the hull are cut
    from both sides.
    """
    nz = starts.size // ny
    bottom = min(corners[0, 0], corners[1, 0], corners[2, 0])
    top = max(corners[0, 0], corners[1, 0], corners[2, 0])
    first, last = max(0, -(-bottom // 2)), min(nz - 1, top // 2)
    slope = plane[2]
    if slope == 0:
        return
    for z in range(first, last + 1):
        h = 2 * z
        # Where the plane of the voxels cuts the edges of the triangle, rounded inwards.
        low, high = FAR, -FAR
        for i in range(3):
            az, ay = corners[i, 0], corners[i, 1]
            bz, by = corners[(i + 1) % 3, 0], corners[(i + 1) % 3, 1]
            if az == bz:
                if az == h:
                    low, high = min(low, ay, by), max(high, ay, by)
            elif min(az, bz) <= h <= max(az, bz):
                if bz < az:
                    az, ay, bz, by = bz, by, az, ay
                scaled = ay * (bz - az) + (by - ay) * (h - az)
                low, high = min(low, -(-scaled // (bz - az))), max(high, scaled // (bz - az))
        for y in range(max(0, -(-low // 2)), min(ny - 1, high // 2) + 1):
            room = plane[3] - plane[0] * h - plane[1] * 2 * y
            at = z * ny + y
            if slope > 0:
                stops[at] = min(stops[at], room // (2 * slope))
            else:
                starts[at] = max(starts[at], -(room // (-2 * slope)))


@kernel
def fill_hulls_3d(
    first: int,
    last: int,
    offsets: Array,
    heights: Array,
    left: Array,
    right: Array,
    starts: Array,
    stops: Array,
) -> None:
    """Write the ends of the rows of the convex hull of objects [first, last)."""
    corners = np.empty((3, 3), np.int64)
    for k in range(first, last):
        begin, end, ny = offsets[k], offsets[k + 1], heights[k]
        if end == begin:
            continue
        points = list_corners(left[begin:end], right[begin:end], ny)
        faces, planes = find_hull(points)
        begun, ended = starts[begin:end], stops[begin:end]
        for at in range(begun.size):
            begun[at], ended[at] = -FAR, FAR
        for f in range(len(faces)):
            for i in range(3):
                for j in range(3):
                    corners[i, j] = points[faces[f, i], j]
            fill_facet(corners, planes[f], ny, begun, ended)
        for at in range(begun.size):
            if begun[at] == -FAR or ended[at] == FAR or begun[at] > ended[at]:
                begun[at], ended[at] = FAR, -FAR
