"""Numba kernels for the median, quartiles and other percentiles of the values of objects, exact for all types."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import select

Array = NDArray[Any]


@kernel
def interpolated(values: Array, n: int, first: int, share: float) -> tuple[float, int]:
    """Percentile of values[:n] between neighbouring ranks, linearly, as NumPy does; and its lower rank.

    `values` is rearranged; ranks below `first` must have their places already. What lies after the rank is not below
    it afterwards.
    """
    at = share * (n - 1)
    rank = int(at)
    part = at - rank
    lower = select(values, first, n, rank - first)
    if part == 0.0:
        return lower, rank
    upper = float(values[rank + 1])
    for i in range(rank + 2, n):
        upper = min(upper, float(values[i]))
    if lower == upper:
        return lower, rank
    # Halves, which medians are of, must not overflow; and an infinity must not become NaN.
    return (lower / 2 + upper / 2 if part == 0.5 else lower + (upper - lower) * part), rank


@kernel
def ranks_of(values: Array, n: int, percent: float, scratch: Array, out: Array) -> None:
    """Write a percentile of values[:n]; or if `out` has room for them, other numbers.

    These are the lower quartile, the median, the upper quartile and the median absolute deviation from the median.
    """
    if out.size == 1:
        out[0], _ = interpolated(values, n, 0, percent / 100)
        return
    low, rank = interpolated(values, n, 0, 0.25)
    middle, next_rank = interpolated(values, n, rank, 0.5)
    high, _ = interpolated(values, n, next_rank, 0.75)
    out[0], out[1], out[2] = low, middle, high
    for i in range(n):
        scratch[i] = abs(float(values[i]) - middle)
        if scratch[i] != scratch[i]:  # infinity less infinity
            scratch[i] = 0.0
    out[3], _ = interpolated(scratch, n, 0, 0.5)


@kernel
def of_boxes(
    labels: Array, image: Array, ids: Array, first: int, last: int, low: Array, high: Array, counts: Array,
    percent: float, out: Array,
) -> None:  # fmt: skip
    """Write the ranks of the values that are not NaN of objects [first, last), picked from their bounding boxes.

    No more than `counts` of each are taken: pixels can be painted meanwhile.
    """
    most = 0
    for k in range(first, last):
        most = max(most, counts[k])
    values, scratch = np.empty(most, image.dtype), np.empty(most, np.float64)
    for k in range(first, last):
        label, n = ids[k], 0
        if counts[k] == 0:
            continue
        for z in range(low[k, 0], high[k, 0]):
            for y in range(low[k, 1], high[k, 1]):
                for x in range(low[k, 2], high[k, 2]):
                    if labels[z, y, x] == label:
                        value = image[z, y, x]
                        if value == value and n < counts[k]:
                            values[n] = value
                            n += 1
        if n > 0:
            ranks_of(values, n, percent, scratch, out[k])


@kernel
def of_gathered(gathered: Array, starts: Array, stops: Array, percent: float, out: Array) -> None:
    """Write the ranks of gathered[starts[k]:stops[k]] for each object k that has values there."""
    most = 0
    for k in range(starts.size):
        most = max(most, stops[k] - starts[k])
    scratch = np.empty(most, np.float64)
    for k in range(starts.size):
        n = stops[k] - starts[k]
        if n > 0:
            ranks_of(gathered[starts[k] : stops[k]], n, percent, scratch, out[k])
