"""Work on ranges of objects in the thread pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bioloom.device import thread_pool

Result = TypeVar("Result")

_WORK = 1 << 21  # pixels per call, between two looks at whether the user wants to stop


def ranges(work: NDArray[Any], most: int = _WORK) -> list[tuple[int, int]]:
    """Divide objects into ranges [first, last) of about equal work, given the work that each object makes."""
    if not work.size:
        return []
    ends = np.cumsum(work, dtype=np.float64)
    borders = np.searchsorted(ends, np.arange(most, ends[-1], most))
    edges = np.unique(np.concatenate([[0], borders, [work.size]]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def in_threads(calls: Iterable[Callable[[], Result]], tick: Callable[[], None]) -> list[Result]:
    """Call functions in the pool and return their results in order; `tick` may raise to stop."""
    futures = [thread_pool().submit(call) for call in calls]
    results = []
    try:
        for future in futures:
            results.append(future.result())
            tick()
    finally:
        for future in futures:
            future.cancel()
    return results
