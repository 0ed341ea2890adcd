"""Numba kernels that compare the values of two images within objects.

Label images and images come as (z, y, x), a plane having one z. Pixels that are NaN in either image are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]

# columns of the sums
COUNT, A, B, AA, BB, AB, BELOW = range(7)
N_SUMS = 7


@kernel
def add_pair_sums(
    labels: Array, a: Array, b: Array, table: Array, ids: Array, first_row: int, last_row: int, sums: Array
) -> None:
    """Add the count, the sums of values, of their squares and of their products, and the count of values below 0."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line, of_a, of_b = labels[row // ny, row % ny], a[row // ny, row % ny], b[row // ny, row % ny]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            k = position_of(label, table, ids) if label != 0 else -1
            if k < 0:
                continue
            n = 0
            sum_a = sum_b = sum_aa = sum_bb = sum_ab = 0.0
            below = 0
            for i in range(start, x):
                u, v = float(of_a[i]), float(of_b[i])
                if u == u and v == v:
                    n += 1
                    sum_a += u
                    sum_b += v
                    sum_aa += u * u
                    sum_bb += v * v
                    sum_ab += u * v
                    below += u < 0
                    below += v < 0
            sums[k, COUNT] += n
            sums[k, A] += sum_a
            sums[k, B] += sum_b
            sums[k, AA] += sum_aa
            sums[k, BB] += sum_bb
            sums[k, AB] += sum_ab
            sums[k, BELOW] += below


@kernel
def add_centred_sums(
    labels: Array, a: Array, b: Array, table: Array, ids: Array, first_row: int, last_row: int, means: Array,
    sums: Array,
) -> None:  # fmt: skip
    """Add squares and product of both differences from the means (n, 2); count products above and below 0."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line, of_a, of_b = labels[row // ny, row % ny], a[row // ny, row % ny], b[row // ny, row % ny]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            k = position_of(label, table, ids) if label != 0 else -1
            if k < 0:
                continue
            mean_a, mean_b = means[k, 0], means[k, 1]
            above = below = 0
            sum_aa = sum_bb = sum_ab = 0.0
            for i in range(start, x):
                u, v = float(of_a[i]) - mean_a, float(of_b[i]) - mean_b
                if u == u and v == v:
                    sum_aa += u * u
                    sum_bb += v * v
                    product = u * v
                    sum_ab += product
                    above += product > 0
                    below += product < 0
            sums[k, 0] += sum_aa
            sums[k, 1] += sum_bb
            sums[k, 2] += sum_ab
            sums[k, 3] += above
            sums[k, 4] += below


@kernel
def add_shared_sums(
    labels: Array, a: Array, b: Array, table: Array, ids: Array, first_row: int, last_row: int, above_a: float,
    above_b: float, sums: Array,
) -> None:  # fmt: skip
    """Add the values of each image where the other is above its threshold."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line, of_a, of_b = labels[row // ny, row % ny], a[row // ny, row % ny], b[row // ny, row % ny]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            k = position_of(label, table, ids) if label != 0 else -1
            if k < 0:
                continue
            sum_a = sum_b = 0.0
            for i in range(start, x):
                u, v = float(of_a[i]), float(of_b[i])
                if v > above_b and u == u:
                    sum_a += u
                if u > above_a and v == v:
                    sum_b += v
            sums[k, 0] += sum_a
            sums[k, 1] += sum_b


@kernel
def add_by_limit(
    labels: Array, a: Array, b: Array, table: Array, ids: Array, first_row: int, last_row: int, slope: float,
    intercept: float, low: float, width: float, means: Array, sums: Array,
) -> None:  # fmt: skip
    """Add count, values, squares and products, about the means, per bin of the threshold that a pixel meets."""
    ny, nx = labels.shape[1], labels.shape[2]
    last = sums.shape[0] - 1
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        for x in range(nx):
            if labels[z, y, x] != 0 and position_of(labels[z, y, x], table, ids) >= 0:
                u, v = float(a[z, y, x]), float(b[z, y, x])
                limit = min(u, (v - intercept) / slope)
                if limit - limit != 0.0 or u != u or v != v:
                    continue
                at = max(0, min(last, int((limit - low) / width)))
                u, v = u - means[0], v - means[1]
                sums[at, COUNT] += 1
                sums[at, A] += u
                sums[at, B] += v
                sums[at, AA] += u * u
                sums[at, BB] += v * v
                sums[at, AB] += u * v


@kernel
def gather_pairs(
    labels: Array, a: Array, b: Array, table: Array, ids: Array, first_row: int, last_row: int, first: int, last: int,
    cursor: Array, ends: Array, values_a: Array, values_b: Array,
) -> None:  # fmt: skip
    """Copy both values of the pixels of the objects [first, last) to `cursor[k]`, which moves on up to `ends[k]`."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        z, y = row // ny, row % ny
        x = 0
        while x < nx:
            label = labels[z, y, x]
            start = x
            x += 1
            while x < nx and labels[z, y, x] == label:
                x += 1
            k = position_of(label, table, ids) if label != 0 else -1
            if k < first or k >= last:
                continue
            at = cursor[k]
            for i in range(start, x):
                u, v = a[z, y, i], b[z, y, i]
                if u == u and v == v and at < ends[k]:
                    values_a[at], values_b[at] = u, v
                    at += 1
            cursor[k] = at


@kernel
def write_ranks(values: Array, ranks: Array) -> None:
    """Rank values from 0; equal ones get the mean of their ranks."""
    order = np.argsort(values)
    i = 0
    while i < order.size:
        j = i
        while j + 1 < order.size and values[order[j + 1]] == values[order[i]]:
            j += 1
        for at in range(i, j + 1):
            ranks[order[at]] = (i + j) / 2
        i = j + 1


@kernel
def rank_correlations(
    values_a: Array, values_b: Array, starts: Array, stops: Array, first: int, last: int, out: Array
) -> None:
    """Correlation of the ranks of both values of each object; NaN where one image has one value only."""
    for k in range(first, last):
        n = stops[k] - starts[k]
        ranks_a, ranks_b = np.empty(n), np.empty(n)
        write_ranks(values_a[starts[k] : stops[k]], ranks_a)
        write_ranks(values_b[starts[k] : stops[k]], ranks_b)
        middle = (n - 1) / 2
        sum_aa = sum_bb = sum_ab = 0.0
        for i in range(n):
            u, v = ranks_a[i] - middle, ranks_b[i] - middle
            sum_aa += u * u
            sum_bb += v * v
            sum_ab += u * v
        out[k] = sum_ab / np.sqrt(sum_aa * sum_bb) if sum_aa > 0 and sum_bb > 0 else np.nan
