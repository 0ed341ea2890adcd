"""Numba kernels for the boundary of objects: perimeter in planes, surface in stacks, and who touches whom.

Label images come as (z, y, x), a plane having one z. The kernels compare labels in place, so that no object is cut out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]


def perimeter_weights() -> NDArray[np.float64]:
    """Length of a contour pixel by the code of its neighbourhood (Benkrid and Crookes; as in scikit-image)."""
    weights = np.zeros(50)
    weights[[5, 7, 15, 17, 25, 27]] = 1
    weights[[21, 33]] = np.sqrt(2)
    weights[[13, 23]] = (1 + np.sqrt(2)) / 2
    return weights


@kernel
def is_contour(plane: Array, y: int, x: int) -> bool:
    """Whether one of the four neighbours of a pixel is not of its object."""
    label = plane[y, x]
    return bool(
        y == 0
        or x == 0
        or y == plane.shape[0] - 1
        or x == plane.shape[1] - 1
        or plane[y - 1, x] != label
        or plane[y + 1, x] != label
        or plane[y, x - 1] != label
        or plane[y, x + 1] != label
    )


@kernel
def add_perimeters(
    plane: Array, table: Array, ids: Array, first_row: int, last_row: int, weights: Array, out: Array
) -> None:
    """Add the length of each contour pixel in the rows [first_row, last_row) to its object."""
    ny, nx = plane.shape
    for y in range(first_row, last_row):
        for x in range(nx):
            label = plane[y, x]
            if label == 0 or not is_contour(plane, y, x):
                continue
            code = 1
            for v in range(max(y - 1, 0), min(y + 2, ny)):
                for u in range(max(x - 1, 0), min(x + 2, nx)):
                    if (v != y or u != x) and plane[v, u] == label and is_contour(plane, v, u):
                        code += 2 if (v == y or u == x) else 10
            if weights[code] != 0.0:
                k = position_of(label, table, ids)
                if k >= 0:
                    out[k] += weights[code]


@kernel
def add_crossings(
    labels: Array, table: Array, ids: Array, first_row: int, last_row: int, steps: Array, out: Array
) -> None:
    """Count, per object and step (dz, dy, dx), the voxels whose neighbour in that direction is not of the object."""
    nz, ny, nx = labels.shape
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        for x in range(nx):
            label = labels[z, y, x]
            if label == 0:
                continue
            k = -1
            for d in range(steps.shape[0]):
                w, v, u = z + steps[d, 0], y + steps[d, 1], x + steps[d, 2]
                inside = 0 <= w < nz and 0 <= v < ny and 0 <= u < nx
                if not inside or labels[w, v, u] != label:
                    if k < 0:
                        k = position_of(label, table, ids)
                        if k < 0:
                            break
                    out[k, d] += 1


@kernel
def list_contacts(labels: Array, table: Array, ids: Array, first_row: int, last_row: int, found: Array) -> int:
    """Write lower row × number of objects + higher row for each face between two objects; return how many there are.

    Faces that repeat the one found before them in the same direction are left out.
    """
    nz, ny, nx = labels.shape
    n_objects = ids.size
    n = 0
    previous = np.zeros(3, np.int64) - 1
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        for x in range(nx):
            label = labels[z, y, x]
            if label == 0:
                continue
            for axis in range(3):
                w, v, u = z + (axis == 0), y + (axis == 1), x + (axis == 2)
                if w == nz or v == ny or u == nx:
                    continue
                other = labels[w, v, u]
                if other == 0 or other == label:
                    continue
                a, b = position_of(label, table, ids), position_of(other, table, ids)
                if a < 0 or b < 0:
                    continue
                key = min(a, b) * n_objects + max(a, b)
                if key == previous[axis]:
                    continue
                previous[axis] = key
                if n < found.size:
                    found[n] = key
                n += 1
    return n
