"""Who is a neighbour of whom, as lists of pairs in chunks of objects: never an object × object matrix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Pairs = tuple[Ints, Ints]
"""Objects, counted from 0, and one neighbour of each; an object comes as often as it has neighbours, ascending."""

_CHUNK = 1 << 21  # pairs held at a time, roughly


def touching_pairs(n: int, pairs: Ints, reach: int = 1) -> Iterator[Pairs]:
    """Yield neighbours that touch, by others up to `reach` steps apart, from the pairs (m, 2) that touch."""
    from scipy import sparse

    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    steps = sparse.csr_array((np.ones(a.size, np.int8), (a, b)), shape=(n, n))
    typical = max(1.0, a.size / max(n, 1)) * reach**2
    rows = max(1, int(_CHUNK / typical))
    for first in range(0, n, rows):
        some = np.arange(first, min(first + rows, n))
        start = sparse.csr_array((np.ones(some.size, np.int8), (np.arange(some.size), some)), shape=(some.size, n))
        reached = start
        for _ in range(reach):
            reached = reached + reached @ steps
            # Only whether there is a way matters, not how many.
            reached.data[:] = 1
        found = reached.tocoo()
        objects, others = some[found.coords[0]], found.coords[1].astype(np.int64)
        yield _without_itself(objects, others)


def nearest_pairs(points: Floats, n: int) -> Iterator[Pairs]:
    """Yield the n nearest neighbours of points (k, ndim); all where there are fewer."""
    from scipy.spatial import KDTree

    n = min(n, len(points) - 1)
    if n < 1:
        return
    tree = KDTree(points)
    rows = max(1, _CHUNK // (n + 1))
    for first in range(0, len(points), rows):
        some = np.arange(first, min(first + rows, len(points)))
        _, others = tree.query(points[some], k=n + 1)
        others = others.astype(np.int64)
        # A point is among its nearest, unless more than n others lie at the same place.
        itself = others == some[:, None]
        itself[~itself.any(axis=1), -1] = True
        yield np.repeat(some, n), others[~itself]


def proximal_pairs(points: Floats, minimum: float, maximum: float) -> Iterator[Pairs]:
    """Yield the neighbours of points (k, ndim) at distances from minimum to maximum."""
    from scipy.spatial import KDTree

    if not len(points):
        return
    tree = KDTree(points)
    for first, last in chunks_within(tree, maximum, _CHUNK):
        found = KDTree(points[first:last]).sparse_distance_matrix(tree, maximum, output_type="ndarray")
        found = found[found["v"] >= minimum]
        yield _without_itself(found["i"] + first, found["j"].astype(np.int64))


def chunks_within(tree: Any, distance: float, most: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of the points of a k-d tree that have about so many points within a distance."""
    ends = np.cumsum(tree.query_ball_point(tree.data, distance, return_length=True))
    first = 0
    while first < ends.size:
        done = ends[first - 1] if first else 0
        last = max(int(np.searchsorted(ends, done + most, side="right")), first + 1)
        yield first, last
        first = last


def _without_itself(objects: Ints, others: Ints) -> Pairs:
    order = np.lexsort((others, objects))
    objects, others = objects[order], others[order]
    apart = objects != others
    return objects[apart], others[apart]


def statistic_of(objects: Ints, values: Floats, n: int, statistic: str) -> Floats:
    """Return a statistic (n,) of the values of each object; NaN values are left out, NaN where there are no others.

    Parameters
    ----------
    objects
        The object, from 0 to n - 1, of each value.
    values
        The values.
    n
        Number of objects.
    statistic
        ``mean``, ``standard deviation`` (divided by the number of values), ``minimum``, ``maximum``, ``median``,
        ``mode`` (the smallest of the most frequent values) or ``count``.
    """
    known = ~np.isnan(values)
    objects, values = objects[known], values[known]
    counts = np.bincount(objects, minlength=n)
    if statistic == "count":
        return counts.astype(np.float64)
    order = np.lexsort((values, objects))
    objects, values = objects[order], values[order]
    result = np.full(n, np.nan)
    there = np.flatnonzero(counts)
    counts = counts[there]
    starts = np.cumsum(counts) - counts
    if statistic == "minimum":
        result[there] = values[starts]
    elif statistic == "maximum":
        result[there] = values[starts + counts - 1]
    elif statistic == "median":
        result[there] = values[starts + (counts - 1) // 2] / 2 + values[starts + counts // 2] / 2
    elif statistic == "mode":
        result[there] = _modes(objects, values)
    elif there.size:
        # Differences from the smallest keep their digits, and equal values have exactly their mean.
        offsets = values - np.repeat(values[starts], counts)
        mean = np.add.reduceat(offsets, starts) / counts
        if statistic == "mean":
            result[there] = values[starts] + mean
        else:
            squares = np.add.reduceat((offsets - np.repeat(mean, counts)) ** 2, starts)
            result[there] = np.sqrt(squares / counts)
    return result


def _modes(objects: Ints, values: Floats) -> Floats:
    """Return the most frequent value per object, from pairs sorted by object and value."""
    new = np.ones(values.size, bool)
    new[1:] = (objects[1:] != objects[:-1]) | (values[1:] != values[:-1])
    first = np.flatnonzero(new)
    lengths = np.diff(first, append=values.size)
    # Per object the longest run first; of equally long ones that of the smallest value.
    order = np.lexsort((np.arange(first.size), -lengths, objects[first]))
    owner = objects[first][order]
    best = np.ones(owner.size, bool)
    best[1:] = owner[1:] != owner[:-1]
    found: NDArray[Any] = values[first][order][best]
    return found
