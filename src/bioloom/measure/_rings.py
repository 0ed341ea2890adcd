"""Numba kernels that divide objects into rings about their centres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of
from bioloom.operations._label_kernels import distances_to_others

Array = NDArray[Any]

WEDGES = 8
_EPSILON = 0.001  # pixels, of CellProfiler; decides on which side of a limit a pixel on it falls


@kernel
def innermost(square: Array, mask: Array, sizes: Array) -> tuple[int, int, int]:
    """Return the pixel farthest from what is outside; of several, the first of those nearest to the centroid."""
    nz, ny, nx = mask.shape
    most = -1.0
    n = 0
    mean_z = mean_y = mean_x = 0.0
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if mask[z, y, x]:
                    n += 1
                    mean_z, mean_y, mean_x = mean_z + z, mean_y + y, mean_x + x
                    most = max(most, square[z, y, x])
    if n == 0:
        return -1, -1, -1
    mean_z, mean_y, mean_x = mean_z / n, mean_y / n, mean_x / n
    least = np.inf
    found = (-1, -1, -1)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if mask[z, y, x] and square[z, y, x] >= most * (1 - 1e-12):
                    away = (
                        ((z - mean_z) * sizes[0]) ** 2 + ((y - mean_y) * sizes[1]) ** 2 + ((x - mean_x) * sizes[2]) ** 2
                    )
                    if away < least * (1 - 1e-12):
                        least = away
                        found = (z, y, x)
    return found


@kernel
def spread_distances(mask: Array, steps: Array, lengths: Array, distance: Array) -> None:
    """Lower `distance` to that of the shortest way through the mask from pixel to pixel: sweeps until nothing changes.

    `steps` (k, 3) go to the neighbours before a pixel in the order of the array; their opposites are used, too.
    """
    nz, ny, nx = mask.shape
    n = nz * ny * nx
    changed = True
    while changed:
        changed = False
        for sign in (1, -1):
            for i in range(n):
                at = i if sign == 1 else n - 1 - i
                z, y, x = at // (ny * nx), at // nx % ny, at % nx
                if not mask[z, y, x]:
                    continue
                best = distance[z, y, x]
                for d in range(steps.shape[0]):
                    w, v, u = z + sign * steps[d, 0], y + sign * steps[d, 1], x + sign * steps[d, 2]
                    if 0 <= w < nz and 0 <= v < ny and 0 <= u < nx and mask[w, v, u]:
                        way = distance[w, v, u] + lengths[d]
                        # Ways of the same length whose sums differ by rounding must not keep the sweeps going.
                        if way < best:
                            best = way
                if best < distance[z, y, x]:
                    distance[z, y, x] = best
                    changed = True


@kernel
def write_rings(
    labels: Array, ids: Array, boxes: Array, first: int, last: int, sizes: Array, steps: Array, lengths: Array,
    flat: bool, n_rings: int, codes: Array,
) -> None:  # fmt: skip
    """Write ring × 8 + wedge into `codes` at the pixels of the objects [first, last), whose boxes are (n, 6).

    Rings are shares of the way from the centre to the border; wedges are eighths of a plane or octants of space. Parts
    of an object that do not hang together with its centre are left as they are.
    """
    nothing = min(sizes[1], sizes[2]) if flat else min(sizes[0], sizes[1], sizes[2])
    nothing *= _EPSILON
    for k in range(first, last):
        # A pixel more on each side shows where the object ends; the edge of the image is no end.
        z0, y0, x0 = max(boxes[k, 0] - 1, 0), max(boxes[k, 1] - 1, 0), max(boxes[k, 2] - 1, 0)
        z1 = min(boxes[k, 3] + 1, labels.shape[0])
        y1, x1 = min(boxes[k, 4] + 1, labels.shape[1]), min(boxes[k, 5] + 1, labels.shape[2])
        mask = np.empty((z1 - z0, y1 - y0, x1 - x0), np.uint32)
        for z in range(z0, z1):
            for y in range(y0, y1):
                for x in range(x0, x1):
                    mask[z - z0, y - y0, x - x0] = 1 if labels[z, y, x] == ids[k] else 0
        square = np.empty(mask.shape)
        distances_to_others(mask, sizes, np.inf, square)
        cz, cy, cx = innermost(square, mask, sizes)
        if cz < 0:
            continue
        distance = np.full(mask.shape, np.inf)
        distance[cz, cy, cx] = 0
        spread_distances(mask, steps, lengths, distance)
        for z in range(mask.shape[0]):
            for y in range(mask.shape[1]):
                for x in range(mask.shape[2]):
                    inner = distance[z, y, x]
                    if mask[z, y, x] == 0 or inner == np.inf:
                        continue
                    share = inner / (inner + np.sqrt(square[z, y, x]) + nothing)
                    ring = min(int(share * n_rings), n_rings - 1)
                    last_bit = abs(y - cy) * sizes[1] > abs(x - cx) * sizes[2] if flat else z > cz
                    codes[z + z0, y + y0, x + x0] = ring * WEDGES + (y > cy) + 2 * (x > cx) + 4 * last_bit


@kernel
def add_by_ring(
    labels: Array, codes: Array, image: Array, table: Array, ids: Array, first_row: int, last_row: int, counts: Array,
    sums: Array,
) -> None:  # fmt: skip
    """Add the count and the values of the pixels of each object (rows) by code (columns); NaN is left out."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        previous, k = labels[z, y, 0], -1
        for x in range(nx):
            label = labels[z, y, x]
            if x == 0 or label != previous:
                previous = label
                k = position_of(label, table, ids) if label != 0 else -1
            code = codes[z, y, x]
            value = float(image[z, y, x])
            if k >= 0 and code < counts.shape[1] and value == value:
                counts[k, code] += 1
                sums[k, code] += value
