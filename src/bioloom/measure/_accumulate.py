"""Numba kernels that add up, per object, what runs of its pixels hold.

Coordinates are counted from the first pixel of the object, and values from the first finite one, so that no digits are
lost far from the origin or on a high offset.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def add_places(
    runs: Array, ny: int, origin: Array, first: Array, low: Array, high: Array, sums: Array, cubes: Array
) -> None:
    """Add runs to the first pixel, the bounding box and the sums of coordinates, to third order if `cubes` has rows."""
    for i in range(runs.shape[0]):
        k = runs[i, 0]
        z, y, x = origin[0] + runs[i, 1] // ny, origin[1] + runs[i, 1] % ny, origin[2] + runs[i, 2]
        n = np.int64(runs[i, 3]) - np.int64(runs[i, 2])
        if sums[k, 0] == 0:
            first[k, 0], first[k, 1], first[k, 2] = z, y, x
            low[k, 0], low[k, 1], low[k, 2] = z, y, x
            high[k, 0], high[k, 1], high[k, 2] = z + 1, y + 1, x + n
        else:
            low[k, 1] = min(low[k, 1], y)
            low[k, 2] = min(low[k, 2], x)
            high[k, 0] = z + 1
            high[k, 1] = max(high[k, 1], y + 1)
            high[k, 2] = max(high[k, 2], x + n)
        dz, dy, dx = z - first[k, 0], y - first[k, 1], x - first[k, 2]
        sum_x = n * dx + n * (n - 1) // 2
        sum_xx = n * dx * dx + dx * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
        sums[k, 0] += n
        sums[k, 1] += n * dz
        sums[k, 2] += n * dy
        sums[k, 3] += sum_x
        sums[k, 4] += n * dz * dz
        sums[k, 5] += n * dy * dy
        sums[k, 6] += sum_xx
        sums[k, 7] += n * dz * dy
        sums[k, 8] += dz * sum_x
        sums[k, 9] += dy * sum_x
        if cubes.shape[0] > 0:
            # A product of three coordinates and a count can be beyond whole numbers of 64 bits.
            u, v, w, m, s, t = float(dz), float(dy), float(dx), float(n), float(sum_x), float(sum_xx)
            half = m * (m - 1) / 2
            cube = m * w * w * w + 3 * w * w * half + w * (m - 1) * m * (2 * m - 1) / 2 + half * half
            cubes[k, 0] += m * u * u * u
            cubes[k, 1] += m * u * u * v
            cubes[k, 2] += u * u * s
            cubes[k, 3] += m * u * v * v
            cubes[k, 4] += u * v * s
            cubes[k, 5] += u * t
            cubes[k, 6] += m * v * v * v
            cubes[k, 7] += v * v * s
            cubes[k, 8] += v * t
            cubes[k, 9] += cube


@kernel
def add_values(
    runs: Array, image: Array, origin: Array, counts: Array, shift: Array, sums: Array, extremes: Array, where: Array
) -> None:
    """Add values that are not NaN: how many, powers of their difference from `shift`, extremes and where these lie."""
    ny = image.shape[1]
    for i in range(runs.shape[0]):
        k, start, stop = runs[i, 0], runs[i, 2], runs[i, 3]
        z, y = runs[i, 1] // ny, runs[i, 1] % ny
        values = image[z, y, start:stop]
        if counts[k] == 0:
            for x in range(values.size):
                value = float(values[x])
                if value - value == 0.0:
                    shift[k] = value
                    break
        base = shift[k]
        n = 0
        one = two = three = four = 0.0
        smallest, largest = np.inf, -np.inf
        for x in range(values.size):
            value = float(values[x])
            if value == value:
                n += 1
                difference = value - base
                square = difference * difference
                one += difference
                two += square
                three += square * difference
                four += square * square
                smallest = min(smallest, value)
                largest = max(largest, value)
        if n == 0:
            continue
        for side in range(2):
            extreme = smallest if side == 0 else largest
            known = extremes[k, side]
            if counts[k] == 0 or (extreme < known if side == 0 else extreme > known):
                extremes[k, side] = extreme
                for x in range(values.size if where.shape[0] > 0 else 0):
                    if float(values[x]) == extreme:
                        where[k, side, 0], where[k, side, 1] = origin[0] + z, origin[1] + y
                        where[k, side, 2] = origin[2] + start + x
                        break
        counts[k] += n
        sums[k, 0] += one
        sums[k, 1] += two
        sums[k, 2] += three
        sums[k, 3] += four


@kernel
def add_weighted(runs: Array, image: Array, origin: Array, first: Array, column: Array, sums: Array) -> None:
    """Add value times powers of z, y and x, counted from the first pixel; NaN is left out.

    To third order if `sums` has columns for it, or else to first.
    """
    ny = image.shape[1]
    order = 3 if sums.shape[1] > 4 else 1
    along = np.zeros(4)
    for i in range(runs.shape[0]):
        k, start, stop = runs[i, 0], runs[i, 2], runs[i, 3]
        z, y = runs[i, 1] // ny, runs[i, 1] % ny
        values = image[z, y, start:stop]
        x = float(origin[2] + start - first[k, 2])
        zero = one = two = three = 0.0
        for j in range(values.size):
            value = float(values[j])
            if value == value:
                a = value * x
                b = a * x
                zero += value
                one += a
                two += b
                three += b * x
            x += 1.0
        along[0], along[1], along[2], along[3] = zero, one, two, three
        dz, dy = float(origin[0] + z - first[k, 0]), float(origin[1] + y - first[k, 1])
        power_z = 1.0
        for p in range(order + 1):
            power = power_z
            for q in range(order + 1 - p):
                for r in range(order + 1 - p - q):
                    sums[k, column[p, q, r]] += power * along[r]
                power *= dy
            power_z *= dz
            if dz == 0.0:
                break
