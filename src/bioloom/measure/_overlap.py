"""Numba kernel that lists where two label images overlap."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def list_pair_runs(a: Array, b: Array, found_a: Array, found_b: Array, lengths: Array) -> int:
    """Write the runs of equal pairs of two flat arrays as far as the outputs reach; return how many runs there are."""
    n = 0
    start = 0
    for i in range(1, a.size + 1):
        if i == a.size or a[i] != a[start] or b[i] != b[start]:
            if n < lengths.size:
                found_a[n], found_b[n], lengths[n] = a[start], b[start], i - start
            n += 1
            start = i
    return n
