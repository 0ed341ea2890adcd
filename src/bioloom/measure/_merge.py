"""Numba kernels that add sums of objects to others: those of another part of the image.

Sums are counted from the first pixel, and from the first value, of the part; before they are added, they are moved.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]

POWERS = np.array(
    [
        (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 1), (0, 1, 1),
        (3, 0, 0), (2, 1, 0), (2, 0, 1), (1, 2, 0), (1, 1, 1), (1, 0, 2), (0, 3, 0), (0, 2, 1), (0, 1, 2), (0, 0, 3),
    ]
)  # fmt: skip
"""Powers of z, y and x of the sums of coordinates, those to second order first."""
N_LINEAR, N_WHOLE, N_POWERS = 4, 10, 20

COLUMN = np.full((4, 4, 4), -1)
"""Number of the sum with given powers."""
COLUMN[tuple(POWERS.T)] = np.arange(N_POWERS)
BINOMIAL = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 2, 1, 0], [1, 3, 3, 1]], np.float64)


@kernel
def move(source: Array, d: Array, powers: Array, column: Array, binomial: Array, out: Array) -> None:
    """Write as many sums of powers of coordinates as `out` holds, for coordinates that are all larger by `d`."""
    for m in range(out.size):
        p, q, r = powers[m, 0], powers[m, 1], powers[m, 2]
        total = 0.0
        for i in range(p + 1):
            for j in range(q + 1):
                for h in range(r + 1):
                    factor = binomial[p, i] * binomial[q, j] * binomial[r, h]
                    for _ in range(p - i):
                        factor *= d[0]
                    for _ in range(q - j):
                        factor *= d[1]
                    for _ in range(r - h):
                        factor *= d[2]
                    if factor != 0.0:
                        total += factor * source[column[i, j, h]]
        out[m] = total


@kernel
def move_whole(sums: Array, d: Array) -> None:
    """Change sums of whole coordinates to second order to those for coordinates that are larger by `d`, exactly."""
    n, z, y, x = sums[0], sums[1], sums[2], sums[3]
    sums[4] += 2 * d[0] * z + n * d[0] * d[0]
    sums[5] += 2 * d[1] * y + n * d[1] * d[1]
    sums[6] += 2 * d[2] * x + n * d[2] * d[2]
    sums[7] += d[0] * y + d[1] * z + n * d[0] * d[1]
    sums[8] += d[0] * x + d[2] * z + n * d[0] * d[2]
    sums[9] += d[1] * x + d[2] * y + n * d[1] * d[2]
    sums[1], sums[2], sums[3] = z + n * d[0], y + n * d[1], x + n * d[2]


@kernel
def is_before(a: Array, b: Array) -> bool:
    """Whether the pixel a comes before b in an image."""
    if a[0] != b[0]:
        return bool(a[0] < b[0])
    return bool(a[1] < b[1] if a[1] != b[1] else a[2] < b[2])


@kernel
def merge_places(
    rows: Array, first: Array, low: Array, high: Array, sums: Array, cubes: Array,
    to_first: Array, to_low: Array, to_high: Array, to_sums: Array, to_cubes: Array,
    powers: Array, column: Array, binomial: Array,
) -> None:  # fmt: skip
    """Add the places of objects to those of the objects `rows`."""
    source, moved = np.zeros((2, 20)), np.zeros(20)
    mine, its = np.zeros(10, np.int64), np.zeros(10, np.int64)
    d = np.zeros((2, 3), np.int64)
    for i in range(rows.size):
        k = rows[i]
        if sums[i, 0] == 0:
            continue
        if to_sums[k, 0] == 0:
            to_first[k], to_low[k], to_high[k], to_sums[k] = first[i], low[i], high[i], sums[i]
            if cubes.shape[0] > 0:
                to_cubes[k] = cubes[i]
            continue
        earlier = is_before(first[i], to_first[k])
        for axis in range(3):
            base = first[i, axis] if earlier else to_first[k, axis]
            d[0, axis], d[1, axis] = first[i, axis] - base, to_first[k, axis] - base
        mine[:], its[:] = to_sums[k], sums[i]
        if cubes.shape[0] > 0:
            source[0, :10], source[0, 10:] = its.astype(np.float64), cubes[i]
            source[1, :10], source[1, 10:] = mine.astype(np.float64), to_cubes[k]
            to_cubes[k] = 0
            for side in range(2):
                move(source[side], d[side], powers, column, binomial, moved)
                to_cubes[k] += moved[10:]
        move_whole(its, d[0])
        move_whole(mine, d[1])
        to_sums[k] = mine + its
        for axis in range(3):
            to_low[k, axis] = min(to_low[k, axis], low[i, axis])
            to_high[k, axis] = max(to_high[k, axis], high[i, axis])
        if earlier:
            to_first[k] = first[i]


@kernel
def merge_weighted(
    rows: Array, first: Array, sums: Array, weighted: Array, to_first: Array, to_sums: Array, to_weighted: Array,
    powers: Array, column: Array, binomial: Array,
) -> None:  # fmt: skip
    """Add the weighted sums of objects to those of the objects `rows`, of which the places are yet to be added."""
    moved, d = np.zeros(weighted.shape[1]), np.zeros((2, 3), np.int64)
    source = np.zeros((2, weighted.shape[1]))
    for i in range(rows.size):
        k = rows[i]
        if sums[i, 0] == 0:
            continue
        if to_sums[k, 0] == 0:
            to_weighted[k] = weighted[i]
            continue
        earlier = is_before(first[i], to_first[k])
        for axis in range(3):
            base = first[i, axis] if earlier else to_first[k, axis]
            d[0, axis], d[1, axis] = first[i, axis] - base, to_first[k, axis] - base
        source[0], source[1] = weighted[i], to_weighted[k]
        to_weighted[k] = 0
        for side in range(2):
            move(source[side], d[side], powers, column, binomial, moved)
            to_weighted[k] += moved


@kernel
def merge_values(
    rows: Array, counts: Array, shift: Array, sums: Array, extremes: Array, where: Array,
    to_counts: Array, to_shift: Array, to_sums: Array, to_extremes: Array, to_where: Array,
) -> None:  # fmt: skip
    """Add the values of objects to those of the objects `rows`."""
    for i in range(rows.size):
        k = rows[i]
        n = counts[i]
        if n == 0:
            continue
        if to_counts[k] == 0:
            to_counts[k], to_shift[k], to_sums[k], to_extremes[k] = n, shift[i], sums[i], extremes[i]
            if where.shape[0] > 0:
                to_where[k] = where[i]
            continue
        d = shift[i] - to_shift[k]
        one, two, three, four = sums[i, 0], sums[i, 1], sums[i, 2], sums[i, 3]
        if d != 0.0:  # 0 times infinity would be NaN
            four += d * (4 * three + d * (6 * two + d * (4 * one + d * n)))
            three += d * (3 * two + d * (3 * one + d * n))
            two += d * (2 * one + d * n)
            one += d * n
        to_counts[k] += n
        to_sums[k, 0] += one
        to_sums[k, 1] += two
        to_sums[k, 2] += three
        to_sums[k, 3] += four
        for side in range(2):
            a, b = extremes[i, side], to_extremes[k, side]
            first = where.shape[0] > 0 and a == b and is_before(where[i, side], to_where[k, side])
            if (a < b if side == 0 else a > b) or first:
                to_extremes[k, side] = a
                if where.shape[0] > 0:
                    to_where[k, side] = where[i, side]


@kernel
def move_all(sums: Array, shift: Array, powers: Array, column: Array, binomial: Array, out: Array) -> None:
    """Write sums (n, 20) of powers of coordinates, for coordinates that are all larger by `shift` (n, 3)."""
    for k in range(sums.shape[0]):
        move(sums[k], shift[k], powers, column, binomial, out[k])
