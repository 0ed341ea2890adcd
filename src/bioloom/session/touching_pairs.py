"""Pairs of objects that touch each other: where, and how their common border is painted."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.session.jobs import Progress

PairKey: TypeAlias = tuple[int, int, int]
"""(frame, label, neighbour), the lower label first; the frame is 0 where there is no time."""

_LONGEST_STROKE = 4


class TouchingPairs:
    """All pairs of objects that share a face of a pixel.

    Parameters
    ----------
    labels
        Objects, (y, x) or (z, y, x), with time first if `has_frames`.
    has_frames
        Whether the first axis is time.
    progress
        Called as ``progress(done, total)``; may raise Cancelled.

    Attributes
    ----------
    frames, labels, neighbours : numpy.ndarray
        int64: the key of each pair, sorted.
    """

    def __init__(self, labels: NDArray[Any], has_frames: bool, progress: Progress | None = None) -> None:
        self.shape = labels.shape
        self.has_frames = has_frames
        n_frames = len(labels) if has_frames else 1
        parts = []
        for frame in range(n_frames):
            if progress:
                progress(frame, n_frames)
            first, second = _faces(labels[frame] if has_frames else labels)
            size = labels[frame].size if has_frames else 0
            parts.append((np.full(len(first), frame, np.int64), first + frame * size, second + frame * size))
        frames, first, second = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        flat = labels.reshape(-1)
        ids, ends = np.unique(np.concatenate([flat[first], flat[second]]), return_inverse=True)
        a, b = ends[: len(first)].astype(np.int64), ends[len(first) :].astype(np.int64)
        key = (frames * len(ids) + np.minimum(a, b)) * len(ids) + np.maximum(a, b)
        keys, row = np.unique(key, return_inverse=True)
        order = np.argsort(row, kind="stable")
        self._first: NDArray[np.int64] = first[order]
        self._second: NDArray[np.int64] = second[order]
        self._row: NDArray[np.intp] = row[order]
        self._start: NDArray[np.intp] = np.searchsorted(self._row, np.arange(len(keys) + 1))
        n = max(1, len(ids))
        numbers = ids.astype(np.int64)
        self.frames: NDArray[np.int64] = keys // n // n
        self.labels: NDArray[np.int64] = numbers[keys // n % n]
        self.neighbours: NDArray[np.int64] = numbers[keys % n]
        self._rows: dict[PairKey, int] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def key(self, row: int) -> PairKey:
        """Return (frame, label, neighbour) of a row."""
        return int(self.frames[row]), int(self.labels[row]), int(self.neighbours[row])

    def row(self, key: PairKey) -> int | None:
        """Return the row of a pair in any order, None if the two do not touch."""
        if self._rows is None:
            keys = zip(self.frames.tolist(), self.labels.tolist(), self.neighbours.tolist(), strict=True)
            self._rows = {key: row for row, key in enumerate(keys)}
        frame, a, b = key
        return self._rows.get((frame, min(a, b), max(a, b)))

    def read(self, annotation: NDArray[Any]) -> NDArray[np.int64]:
        """Return the class of each pair: the highest that pixels on both sides of a face have; 0 for none."""
        flat = annotation.reshape(-1)
        value = flat[self._first].astype(np.int64)
        both = np.flatnonzero((value > 0) & (value == flat[self._second]))
        result = np.zeros(len(self), np.int64)
        np.maximum.at(result, self._row[both], value[both])
        return result

    def faces_of(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.intp]]:
        """Return the faces of some pairs: the flat positions of their two pixels, and the row of each."""
        parts = [np.arange(self._start[r], self._start[r + 1]) for r in rows.tolist()]
        chosen = np.concatenate([np.zeros(0, np.intp), *parts])
        return self._first[chosen], self._second[chosen], self._row[chosen]

    def rows_at(self, changed: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the rows of pairs whose border has one of these pixels, given as a flat mask."""
        touched: NDArray[np.intp] = np.unique(self._row[changed[self._first] | changed[self._second]])
        return touched

    def place(self, row: int) -> tuple[list[float], list[float]]:
        """Return the middle of a border and its extent, per axis of a frame."""
        at = self._positions(row)
        low, high = at.min(0), at.max(0)
        return ((low + high) / 2).tolist(), (high - low + 1).astype(float).tolist()

    def stroke(self, row: int, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Return the flat positions of a short line across the middle of a border, within the two objects."""
        at = self._positions(row)
        middle = at[np.abs(at - at.mean(0)).sum(1).argmin()]
        radius = int(min(_LONGEST_STROKE, max(1, len(at) // 3)))
        frame = int(self.frames[row])
        image = labels[frame] if self.has_frames else labels
        box = tuple(slice(max(0, int(m) - radius), int(m) + radius + 1) for m in middle)
        inside = np.isin(image[box], (self.labels[row], self.neighbours[row]))
        grid = np.ogrid[box]
        near = sum((g - m) ** 2 for g, m in zip(grid, middle, strict=True)) <= radius**2
        found = np.nonzero(inside & near)
        flat = np.ravel_multi_index(tuple(f + s.start for f, s in zip(found, box, strict=True)), image.shape)
        return flat.astype(np.int64) + frame * image.size * self.has_frames

    def _positions(self, row: int) -> NDArray[np.int64]:
        first = self._first[self._start[row] : self._start[row + 1]]
        at = np.stack(np.unravel_index(first, self.shape), axis=1)
        return at[:, 1:] if self.has_frames else at


def _faces(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the flat positions of the two pixels of every face that two objects share."""
    firsts, seconds = [], []
    for axis in range(labels.ndim):
        low = labels[(slice(None),) * axis + (slice(None, -1),)]
        high = labels[(slice(None),) * axis + (slice(1, None),)]
        at = np.nonzero((low != high) & (low > 0) & (high > 0))
        firsts.append(np.ravel_multi_index(at, labels.shape).astype(np.int64))
        seconds.append(firsts[-1] + int(np.prod(labels.shape[axis + 1 :], dtype=np.int64)))
    return np.concatenate(firsts), np.concatenate(seconds)
