"""Numba kernels that add up values along the borders of objects, and how far their pixels are from their centres.

Label images come as (z, y, x), a plane having one z. Background is counted as one object more, after all others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]


@kernel
def add_face_values(
    labels: Array, image: Array, table: Array, ids: Array, size: Array, keys: Array, sums: Array
) -> None:
    """Add, per pair of objects in the sorted `keys`, the mean value of the two pixels of each face between them.

    Faces belong to the pixel before them, of which the first `size` (z, y, x) are looked at. `sums` (n, 2) has the
    means, and the means rounded down.
    """
    nz, ny, nx = labels.shape
    for z in range(size[0]):
        for y in range(size[1]):
            for x in range(size[2]):
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
                    key = min(a, b) * (ids.size + 1) + max(a, b)
                    at = np.searchsorted(keys, key)
                    if at < keys.size and keys[at] == key:
                        mean = float(image[z, y, x]) / 2 + float(image[w, v, u]) / 2
                        sums[at, 0] += mean
                        sums[at, 1] += np.floor(mean)


@kernel
def add_distances(
    labels: Array, table: Array, ids: Array, first_row: int, last_row: int, centres: Array, sums: Array, largest: Array
) -> None:
    """Add the distance of each pixel to the centre (z, y, x) of its object, in pixels, and keep the largest."""
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
            if k < 0:
                continue
            across = (z - centres[k, 0]) ** 2 + (y - centres[k, 1]) ** 2
            for i in range(start, x):
                distance = np.sqrt(across + (i - centres[k, 2]) ** 2)
                sums[k] += distance
                largest[k] = max(largest[k], distance)
