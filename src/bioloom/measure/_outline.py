"""Numba kernels for the contour of objects in planes.

Label images come as (z, y, x), a plane having one z. The kernels compare labels in place, so that no object is cut out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]


N_CLASSES = 3
CLASS_LENGTHS = np.array([1.0, np.sqrt(2), (1 + np.sqrt(2)) / 2])
"""Length of a contour pixel by its class (Benkrid and Crookes; as in scikit-image)."""


def contour_classes() -> NDArray[np.int8]:
    """Class of a contour pixel by the code of its neighbourhood, -1 for those that have no length.

    The code is 2 for each contour pixel at an edge and 10 for each at a corner.
    """
    classes = np.full(64, -1, np.int8)
    classes[[4, 6, 14, 16, 24, 26]] = 0
    classes[[20, 32]] = 1
    classes[[12, 22]] = 2
    return classes


@kernel
def flag_contour(plane: Array, y: int, flags: Array) -> None:
    """Set flags[x + 1] where one of the four neighbours of pixel (y, x) is not of its object; none of background."""
    ny, nx = plane.shape
    flags[:] = 0
    if y < 0 or y >= ny:
        return
    here = plane[y]
    out = flags[1 : nx + 1]
    if y == 0 or y == ny - 1:
        for i in range(nx):
            out[i] = here[i] != 0
        return
    above, below = plane[y - 1], plane[y + 1]
    middle, west, east = here[1 : nx - 1], here[0 : nx - 2], here[2:nx]
    a, b, inside = above[1 : nx - 1], below[1 : nx - 1], out[1 : nx - 1]
    for i in range(inside.size):
        v = middle[i]
        inside[i] = (v != 0) & ((west[i] != v) | (east[i] != v) | (a[i] != v) | (b[i] != v))
    out[0] = here[0] != 0
    out[nx - 1] = here[nx - 1] != 0


@kernel
def add_contours(
    labels: Array, table: Array, ids: Array, first_row: int, last_row: int, classes: Array, out: Array
) -> None:
    """Add the contour pixels in the rows [first_row, last_row) of a (1, y, x) image to their object, out[k, class].

    Reads two rows more on either side.
    """
    plane = labels[0]
    nx = plane.shape[1]
    flags = np.zeros((3, nx + 2), np.uint8)
    flag_contour(plane, first_row - 1, flags[(first_row + 2) % 3])
    flag_contour(plane, first_row, flags[first_row % 3])
    for y in range(first_row, last_row):
        flag_contour(plane, y + 1, flags[(y + 1) % 3])
        above, here, below = flags[(y + 2) % 3], flags[y % 3], flags[(y + 1) % 3]
        line = plane[y]
        for x in range(nx):
            if here[x + 1] == 0:
                continue
            label = line[x]
            code = 0
            # A flag is only set within the image, so that no neighbour outside of it is read.
            if here[x] != 0 and line[x - 1] == label:
                code += 2
            if here[x + 2] != 0 and line[x + 1] == label:
                code += 2
            if above[x + 1] != 0 and plane[y - 1, x] == label:
                code += 2
            if below[x + 1] != 0 and plane[y + 1, x] == label:
                code += 2
            if above[x] != 0 and plane[y - 1, x - 1] == label:
                code += 10
            if above[x + 2] != 0 and plane[y - 1, x + 1] == label:
                code += 10
            if below[x] != 0 and plane[y + 1, x - 1] == label:
                code += 10
            if below[x + 2] != 0 and plane[y + 1, x + 1] == label:
                code += 10
            if classes[code] >= 0:
                k = position_of(label, table, ids)
                if k >= 0:
                    out[k, classes[code]] += 1
