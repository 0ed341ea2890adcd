"""Links between the objects of a time series: from frame to frame, over gaps, and to what they divide into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

CROWD = 32  # candidates per object, beyond which only the nearest are looked at


@dataclass(frozen=True)
class Series:
    """The objects, sorted by frame: their frames, positions, and other values with the weights of these."""

    frames: Ints
    points: Floats
    others: list[tuple[Floats, float]]

    def pairs(self, a: Ints, b: Ints, limit: float) -> tuple[Ints, Ints, Floats]:
        """Return pairs of rows, one of `a` and one of `b`, within a distance of each other, and their costs."""
        if not a.size or not b.size:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        at_a, at_b = _near(self.points[a], self.points[b], limit)
        rows, columns = a[at_a], b[at_b]
        factor = np.ones(rows.size)
        for values, weight in self.others:
            first, second = values[rows], values[columns]
            total = np.abs(first) + np.abs(second)
            factor += 3 * weight * np.divide(np.abs(first - second), total, out=np.zeros(rows.size), where=total > 0)
        squares = ((self.points[rows] - self.points[columns]) ** 2).sum(axis=1)
        return rows, columns, squares * factor**2


def _near(a: Floats, b: Floats, limit: float) -> tuple[Ints, Ints]:
    """Return the pairs of points within a distance of each other; of crowds only each with its nearest."""
    from scipy.spatial import cKDTree

    tree_a, tree_b = cKDTree(a), cKDTree(b)
    if tree_a.count_neighbors(tree_b, limit) <= CROWD * max(len(a), len(b)):
        found = tree_a.sparse_distance_matrix(tree_b, limit, output_type="ndarray")
        return found["i"].astype(np.int64), found["j"].astype(np.int64)
    keys = []
    for points, tree, turned in ((a, tree_b, False), (b, tree_a, True)):
        k = min(CROWD, tree.n)
        _, nearest = tree.query(points, k=np.arange(1, k + 1), distance_upper_bound=np.nextafter(limit, np.inf))
        at, column = np.nonzero(nearest < tree.n)
        other = nearest[at, column]
        keys.append(other * len(b) + at if turned else at * len(b) + other)
    rows, columns = np.divmod(np.unique(np.concatenate(keys)), len(b))
    return rows.astype(np.int64), columns.astype(np.int64)


def link_frames(series: Series, limit: float, progress: Progress | None) -> Ints:
    """Return the row that follows each, in the next frame; -1 for none."""
    from bioloom.measure._assignment import assign

    following = np.full(series.frames.size, -1, np.int64)
    groups = _by_frame(np.arange(series.frames.size), series.frames)
    for done, (frame, rows) in enumerate(groups.items()):
        if progress is not None:
            progress(done, len(groups))
        after = groups.get(frame + 1)
        if after is None:
            continue
        a, b, costs = series.pairs(rows, after, limit)
        # Weights can make costs larger than the square of the limit; what is in reach is linked all the same.
        alone = 2.1 * max(limit**2, costs.max(initial=0))
        partners = assign(a - rows[0], b - after[0], costs, (rows.size, after.size), alone)
        linked = np.flatnonzero(partners >= 0)
        following[rows[linked]] = after[partners[linked]]
    if progress is not None:
        progress(len(groups), len(groups))
    return following


def link_segments(
    series: Series, following: Ints, max_gap: int, gap_limit: float, division_limit: float | None,
    progress: Progress | None,
) -> Ints:  # fmt: skip
    """Close gaps in `following`, and return the divisions (n, 2): rows that divide and rows that come of it."""
    from bioloom.measure._assignment import assign

    n, frames = series.frames.size, series.frames
    preceded = np.zeros(n, bool)
    preceded[following[following >= 0]] = True
    begins = _by_frame(np.flatnonzero(~preceded), frames)
    ends = _by_frame(np.flatnonzero(following < 0), frames)
    # Only what goes on in the very next frame can have divided between the two.
    between = _by_frame(np.flatnonzero(following >= 0), frames)
    found: list[tuple[Ints, Ints, Floats]] = []
    for done, (frame, rows) in enumerate(begins.items()):
        if progress is not None:
            progress(done, len(begins))
        for gap in range(1, max_gap + 1):
            if frame - gap - 1 in ends:
                found.append(series.pairs(rows, ends[frame - gap - 1], gap_limit))
        if division_limit is not None and frame - 1 in between:
            beginning, mother, costs = series.pairs(rows, between[frame - 1], division_limit)
            found.append((beginning, mother + n, costs))
    if not found:
        return np.zeros((0, 2), np.int64)
    rows, columns, costs = (np.concatenate(parts) for parts in zip(*found, strict=True))
    largest = max(gap_limit, division_limit or 0) ** 2
    partners = assign(rows, columns, costs, (n, 2 * n), 2.1 * max(largest, costs.max(initial=0)))
    closed = np.flatnonzero((partners >= 0) & (partners < n))
    following[partners[closed]] = closed
    divided = np.flatnonzero(partners >= n)
    return np.stack([partners[divided] - n, divided], axis=1)


def number_tracks(following: Ints, divisions: Ints) -> tuple[Ints, Ints]:
    """Return the track of each row, and the track that it was divided from (0 for none)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    n = following.size
    mothers = divisions[:, 0]
    children = np.concatenate([divisions[:, 1], following[mothers]])
    kept = following.copy()
    kept[mothers] = -1
    linked = np.flatnonzero(kept >= 0)
    links = coo_matrix((np.ones(linked.size, np.int8), (linked, kept[linked])), shape=(n, n))
    component = connected_components(links, directed=False)[1].astype(np.int64) if n else np.zeros(0, np.int64)
    # Rows are sorted by frame and label: number the tracks in the order in which they first appear.
    _, firsts, inverse = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(firsts.size, np.int64)
    rank[np.argsort(firsts)] = np.arange(1, firsts.size + 1)
    tracks = rank[inverse]
    parent_of = np.zeros(firsts.size + 1, np.int64)
    parent_of[tracks[children]] = np.concatenate([tracks[mothers], tracks[mothers]])
    return tracks, parent_of[tracks]


def _by_frame(rows: Ints, frames: Ints) -> dict[int, Ints]:
    """Divide rows, sorted by frame, into those of each frame."""
    present, firsts = np.unique(frames[rows], return_index=True)
    return dict(zip(present.tolist(), np.split(rows, firsts[1:]), strict=True)) if rows.size else {}
