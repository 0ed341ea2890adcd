"""Counting pixels by value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def count_exact(pixels: Any, low: Any, counts: Any) -> None:
    for value in pixels:
        counts[int(value - low)] += 1


@njit(nogil=True, cache=True)
def count_evenly(pixels: Any, low: float, factor: float, edges: Any, counts: Any) -> None:
    last = counts.size - 1
    for value in pixels:
        if not np.isfinite(value):
            continue
        index = min(int((value - low) * factor), last)
        # Rounding may have moved it over an edge.
        if value < edges[index]:
            index -= 1
        elif index < last and value >= edges[index + 1]:
            index += 1
        counts[index] += 1
