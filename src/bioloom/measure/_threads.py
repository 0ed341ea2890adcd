"""Work on ranges of objects in the thread pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bioloom.device import n_cores, thread_pool

Result = TypeVar("Result")

_LANES = 4
_WORK = 1 << 21  # pixels per call, between two looks at whether the user wants to stop


def ranges(work: NDArray[Any], most: int = _WORK) -> list[tuple[int, int]]:
    """Divide objects into ranges [first, last) of about equal work, given the work that each object makes."""
    if not work.size:
        return []
    ends = np.cumsum(work, dtype=np.float64)
    borders = np.searchsorted(ends, np.arange(most, ends[-1], most))
    edges = np.unique(np.concatenate([[0], borders, [work.size]]))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def added_up(
    slabs: Iterable[tuple[int, int]], shape: tuple[int, ...], add: Callable[..., None], tick: Callable[[], None]
) -> NDArray[np.float64]:
    """Call ``add(first_row, last_row, sums)`` for ranges of rows, in threads, and add up the sums, which start at 0.

    The order of the additions does not depend on the number of cores.
    """
    sums = np.zeros((_LANES, *shape))
    todo = list(slabs)
    for i in range(0, len(todo), _LANES):
        lanes = zip(todo[i : i + _LANES], sums, strict=False)
        in_threads([partial(add, *rows, lane) for rows, lane in lanes], tick)
    total: NDArray[np.float64] = sums.sum(axis=0)
    return total


def in_lanes(slabs: Iterable[tuple[int, int]], tick: Callable[[], None], work: Callable[[int, int, int], None]) -> None:
    """Run ``work(lane, first_row, last_row)`` for ranges of rows, in threads that each have a lane of their own."""
    waiting: list[Callable[[], None]] = []
    for rows in slabs:
        waiting.append(partial(work, len(waiting), *rows))
        if len(waiting) == n_cores():
            in_threads(waiting, tick)
            waiting = []
    in_threads(waiting, tick)


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
