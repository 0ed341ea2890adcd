"""What a classifier was trained on, kept so that it can be scored, and trained on with more data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.forest import MAX_EDGES, find_edges, to_bins

_ROUNDED = 3  # bins by which joining may have shifted an item
_TOLERATED = 8  # one feature of so many may be further off


@dataclass(frozen=True)
class TrainingSamples:
    """Annotated items as bins.

    Attributes
    ----------
    bins : numpy.ndarray
        (n, features), uint8 or uint16.
    edges : list of numpy.ndarray
        Per feature the increasing float32 values that separate the bins.
    classes : numpy.ndarray
        int64 (n,): the annotation's own class ids.
    groups : numpy.ndarray
        uint64 (n,): items of the same block of pixels, or of the same object, have the same number. It depends on
        where they lie and on nothing else, so that it stays the same when more is annotated.
    n_known : int
        How many items were left out when these were joined, because they were among the earlier ones already.
    """

    bins: NDArray[Any]
    edges: list[NDArray[np.float32]]
    classes: NDArray[np.int64]
    groups: NDArray[np.uint64]
    n_known: int = 0

    def __len__(self) -> int:
        return len(self.classes)

    def values(self) -> NDArray[np.float32]:
        """Return a value within each bin, float32 (n, features): put into the same edges, it gives the same bin."""
        columns = []
        for number, edges in enumerate(self.edges):
            if not len(edges):
                columns.append(np.zeros(len(self), np.float32))
                continue
            # The lowest bin has no lower edge: a value as far below the first edge as the next is above it.
            step = edges[1] - edges[0] if len(edges) > 1 else np.float32(1)
            below = min(edges[0] - step, np.nextafter(edges[0], np.float32(-np.inf)))
            columns.append(np.concatenate([[below], edges]).astype(np.float32)[self.bins[:, number]])
        return np.stack(columns, axis=1)

    def at(self, chosen: NDArray[Any]) -> TrainingSamples:
        """Return the chosen items (a mask or row numbers)."""
        return TrainingSamples(self.bins[chosen], self.edges, self.classes[chosen], self.groups[chosen])

    def joined(self, other: TrainingSamples, max_edges: int = MAX_EDGES) -> TrainingSamples:
        """Return the items of both, those that both have once; where their bins differ, new ones that suit both.

        An item of `other` is one of these if its group and its class are the same, and its features lie in the same
        bins. Where the edges differ, bins that lie together are enough, and a few features may be further off: what was
        joined before was rounded to the bins of then.

        Parameters
        ----------
        other
            Of the same features.
        max_edges
            The largest number of edges per feature.
        """
        known = self._knows(other)
        n_known = int(known.sum())
        if n_known:
            other = other.at(~known)
        if not len(other):
            return replace(self, n_known=n_known)
        classes = np.concatenate([self.classes, other.classes])
        groups = np.concatenate([self.groups, other.groups])
        if _same_edges(self.edges, other.edges):
            bins = np.concatenate([self.bins, other.bins])
            return TrainingSamples(bins, other.edges, classes, groups, n_known)
        values = np.concatenate([self.values(), other.values()])
        edges = [find_edges(column, max_edges) for column in values.T]
        return TrainingSamples(bins_of(values, edges), edges, classes, groups, n_known)

    def _knows(self, other: TrainingSamples) -> NDArray[np.bool_]:
        """Tell which items of another training are among these."""
        if _same_edges(self.edges, other.edges):
            ours, theirs = (hashed(s.groups, s.classes, *s.bins.T) for s in (self, other))
            return np.isin(theirs, ours)
        result = np.zeros(len(other), bool)
        ours, theirs = hashed(self.groups, self.classes), hashed(other.groups, other.classes)
        for cell in np.intersect1d(ours, theirs):
            old, new = np.flatnonzero(ours == cell), np.flatnonzero(theirs == cell)
            off = np.zeros((len(new), len(old)), np.uint16)
            for number, (our_edges, their_edges) in enumerate(zip(self.edges, other.edges, strict=True)):
                low, high = _bounds(self.bins[old, number], our_edges, _ROUNDED)
                lower, upper = _bounds(other.bins[new, number], their_edges, 0)
                off += (lower[:, None] >= high) | (low >= upper[:, None])
            result[new] = off.min(axis=1) <= len(self.edges) // _TOLERATED
        return result


def _bounds(
    bins: NDArray[Any], edges: NDArray[np.float32], more: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return where bins begin and end, with so many bins more at either side."""
    padded = np.concatenate([[-np.inf], edges, [np.inf]]).astype(np.float32)
    number = bins.astype(np.intp)
    return padded[np.maximum(number - more, 0)], padded[np.minimum(number + 1 + more, len(edges) + 1)]


def bins_of(values: NDArray[np.float32], edges: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
    """Put values (n, features) into bins, uint8 where these suffice."""
    dtype = np.uint8 if all(len(e) <= MAX_EDGES for e in edges) else np.uint16
    result = np.empty(values.shape, dtype)
    for number, column_edges in enumerate(edges):
        result[:, number] = to_bins(np.ascontiguousarray(values[:, number]), column_edges)
    return result


def stratified(classes: NDArray[Any], keys: NDArray[np.uint64], limit: int) -> NDArray[np.intp]:
    """Choose at most `limit` items, as evenly over the classes as these allow.

    Parameters
    ----------
    classes
        Class id per item.
    keys
        A number per item that looks random, such as :func:`hashed` gives; the items of the smallest ones are chosen,
        so that most stay chosen when others are added.
    limit
        How many to choose at most, but at least one per class.

    Returns
    -------
    numpy.ndarray
        Ascending numbers of the chosen items. Rare classes are kept whole; the others share what is left equally.
    """
    if len(classes) <= limit:
        return np.arange(len(classes))
    ids, counts = np.unique(classes, return_counts=True)
    chosen = []
    left, waiting = limit, len(ids)
    for k in np.argsort(counts, kind="stable"):
        share = max(1, left // waiting)
        where = np.flatnonzero(classes == ids[k])
        if len(where) > share:
            where = where[np.argpartition(keys[where], share - 1)[:share]]
        chosen.append(where)
        left -= len(where)
        waiting -= 1
    return np.sort(np.concatenate(chosen))


def _same_edges(a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]]) -> bool:
    return a is b or (len(a) == len(b) and all(map(np.array_equal, a, b)))


def hashed(*numbers: Any) -> NDArray[np.uint64]:
    """Mix whole numbers (arrays of one shape, or single ones) into one that looks random but depends on them alone.

    Notes
    -----
    The finaliser of SplitMix64 (G. Steele et al., OOPSLA 2014), once per number.
    """
    result = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for number in numbers:
            z = result + np.asarray(number).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            result = z ^ (z >> np.uint64(31))
    return np.asarray(result, np.uint64)
