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
def sort_by_counts(values: Array, n: int, counts: Array) -> bool:
    """Sort values[:n], whole numbers, by how often each occurs; not if they spread over more than `counts` can hold."""
    smallest = largest = int(values[0])
    for i in range(1, n):
        value = int(values[i])
        smallest, largest = min(smallest, value), max(largest, value)
    spread = largest - smallest + 1
    if spread > min(counts.size, 8 * n + 64):
        return False
    counts[:spread] = 0
    for i in range(n):
        counts[int(values[i]) - smallest] += 1
    at = 0
    for i in range(spread):
        for _ in range(counts[i]):
            values[at] = smallest + i
            at += 1
    return True


@kernel
def of_sorted(values: Array, n: int, share: float) -> float:
    """Percentile of sorted values."""
    at = share * (n - 1)
    rank = int(at)
    lower = float(values[rank])
    return lower if rank + 1 >= n else lower + (float(values[rank + 1]) - lower) * (at - rank)


@kernel
def deviation_of_sorted(values: Array, n: int, middle: float) -> float:
    """Median of the absolute differences of sorted values from their median, by going outwards from it."""
    right = 0
    while right < n and values[right] < middle:
        right += 1
    left = right - 1
    before = nearest = 0.0
    for _ in range(n // 2 + 1):
        before = nearest
        from_left = middle - float(values[left]) if left >= 0 else np.inf
        from_right = float(values[right]) - middle if right < n else np.inf
        if from_left < from_right:
            nearest = from_left
            left -= 1
        else:
            nearest = from_right
            right += 1
    return nearest if n % 2 == 1 else (before + nearest) / 2


@kernel
def ranks_of(values: Array, n: int, percent: float, counts: Array, scratch: Array, out: Array) -> None:
    """Write a percentile of values[:n]; or if `out` has room for them, other numbers.

    These are the lower quartile, the median, the upper quartile and the median absolute deviation from the median.
    Values are whole numbers if `counts` has room to count them.
    """
    if counts.size > 0 and sort_by_counts(values, n, counts):
        if out.size == 1:
            out[0] = of_sorted(values, n, percent / 100)
            return
        for i in range(3):
            out[i] = of_sorted(values, n, (i + 1) / 4)
        out[3] = deviation_of_sorted(values, n, out[1])
        return
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
    percent: float, room: int, out: Array,
) -> None:  # fmt: skip
    """Write the ranks of the values that are not NaN of objects [first, last), picked from their bounding boxes.

    No more than `counts` of each are taken: pixels can be painted meanwhile. `room` is how far whole numbers may spread
    to be sorted by counting.
    """
    histogram = np.empty(room, np.int32)
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
            ranks_of(values, n, percent, histogram, scratch, out[k])


@kernel
def of_gathered(gathered: Array, starts: Array, stops: Array, percent: float, out: Array) -> None:
    """Write the ranks of gathered[starts[k]:stops[k]] for each object k that has values there."""
    most, histogram = 0, np.empty(0, np.int32)
    for k in range(starts.size):
        most = max(most, stops[k] - starts[k])
    scratch = np.empty(most, np.float64)
    for k in range(starts.size):
        n = stops[k] - starts[k]
        if n > 0:
            ranks_of(gathered[starts[k] : stops[k]], n, percent, histogram, scratch, out[k])
