"""How often lines along the directions to the neighbours enter an object: perimeter, surface and Euler number from it.

Label images come as (z, y, x), a plane having one z. Results of different rows add up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]
Floats = NDArray[np.float64]


def shares_of_directions(steps: NDArray[np.int64], spacing: Floats) -> Floats:
    """Share that each direction, together with its opposite, has of all directions in the plane or in space.

    The share is the angle (in space, the area on the sphere) of its cell in the Voronoi diagram of all directions.

    Parameters
    ----------
    steps
        (4 or 13, 3) steps to neighbours, one of each opposite two, all with z = 0 if they lie in a plane.
    spacing
        Pixel size along z, y and x.
    """
    physical = np.concatenate([steps, -steps]) * spacing
    if not steps[:, 0].any():
        angles = np.arctan2(physical[:, 1], physical[:, 2])
        order = np.argsort(angles)
        gaps = np.diff(angles[order], append=angles[order[0]] + 2 * np.pi)
        cells = np.empty(len(order))
        cells[order] = (gaps + np.roll(gaps, 1)) / 2
        shares: Floats = cells[: len(steps)] / np.pi
        return shares
    from scipy.spatial import SphericalVoronoi

    units = physical / np.linalg.norm(physical, axis=1, keepdims=True)
    areas: Floats = SphericalVoronoi(units).calculate_areas()
    return areas[: len(steps)] / (2 * np.pi)


def measures_per_entry(steps: NDArray[np.int64], spacing: Floats) -> Floats:
    """Length (in stacks, area) of boundary that one entry along each direction stands for (Crofton's formula)."""
    lengths = np.linalg.norm(steps * spacing, axis=1)
    planar = not steps[:, 0].any()
    # Lines along a step lie so far apart that a piece of one as long as the step stands for one pixel.
    apart = spacing[1:].prod() / lengths if planar else spacing.prod() / lengths
    measures: Floats = (np.pi if planar else 4) * shares_of_directions(steps, spacing) * apart
    return measures


@kernel
def flag_inner(labels: Array, z: int, y: int, deep: bool, inner: Array) -> None:
    """Set inner[x] where the pixel and all the neighbours before it are alike; false at the sides of the image."""
    ny, nx = labels.shape[1], labels.shape[2]
    inner[:] = False
    if y == 0 or nx < 3 or (deep and (z == 0 or y == ny - 1)):
        return
    here, above = labels[z, y], labels[z, y - 1]
    out = inner[1 : nx - 1]
    middle, west = here[1 : nx - 1], here[0 : nx - 2]
    a, b, c = above[0 : nx - 2], above[1 : nx - 1], above[2:nx]
    for i in range(out.size):
        v = middle[i]
        out[i] = (west[i] == v) & (a[i] == v) & (b[i] == v) & (c[i] == v)
    if deep:
        for w in range(y - 1, y + 2):
            row = labels[z - 1, w]
            a, b, c = row[0 : nx - 2], row[1 : nx - 1], row[2:nx]
            for i in range(out.size):
                v = middle[i]
                out[i] &= (a[i] == v) & (b[i] == v) & (c[i] == v)


@kernel
def add_entries(
    labels: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    steps: Array,
    euler: Array,
    out: Array,
) -> None:
    """Add rows [first_row, last_row) to out[k, d], the entries into object k along step d, and its Euler number.

    Pixels whose neighbour at a step is not of the object are entries; the Euler number is in the last column of `out`.
    """
    ny, nx = labels.shape[1], labels.shape[2]
    n_steps = steps.shape[0]
    inner = np.empty(nx, np.bool_)
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        flag_inner(labels, z, y, n_steps > 4, inner)
        line = labels[z, y]
        last, k = line[0], -1
        known = False
        for x in range(nx):
            label = line[x]
            if inner[x] or label == 0:
                continue
            if not known or label != last:
                last, k, known = label, position_of(label, table, ids), True
            if k < 0:
                continue
            code = 0
            for d in range(n_steps):
                w, v, u = z + steps[d, 0], y + steps[d, 1], x + steps[d, 2]
                if w >= 0 and 0 <= v < ny and 0 <= u < nx and labels[w, v, u] == label:
                    code |= 1 << d
                else:
                    out[k, d] += 1
            out[k, n_steps] += euler[code]
