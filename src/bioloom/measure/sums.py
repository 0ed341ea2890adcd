"""Everything about objects that adds up: blocks of an image, and files, can be summed one by one and then merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PARTS = ("cubes", "faces", "values", "positions", "edges", "weighted", "weighted_cubes")
"""What can be summed besides places: third-order sums; faces; and per channel values, where their extremes are, values
at the edge, and sums weighted by values, to first or to third order. What is not asked for has no rows."""


def _of(array: Array, rows: Array) -> Array:
    """Rows of an array that may have none."""
    return array[rows] if len(array) else array


@dataclass(frozen=True)
class Places:
    """Where the pixels of n objects are.

    Attributes
    ----------
    first
        The first pixel (z, y, x) in the order of the memory.
    low, high
        Bounding box; `high` is exclusive.
    sums
        Number of pixels, and sums of z, y, x, zz, yy, xx, zy, zx and yx, counted from `first`.
    cubes
        Sums of zzz, zzy, zzx, zyy, zyx, zxx, yyy, yyx, yxx and xxx; no rows if not asked for.
    """

    first: Ints
    low: Ints
    high: Ints
    sums: Ints
    cubes: Floats

    @classmethod
    def zeros(cls, n: int, cubes: bool) -> Places:
        """Return those of n objects without pixels."""
        first, low, high = np.zeros((3, n, 3), np.int64)
        return cls(first, low, high, np.zeros((n, 10), np.int64), np.zeros((n if cubes else 0, 10)))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays in the order of the attributes."""
        return self.first, self.low, self.high, self.sums, self.cubes

    def take(self, rows: Array) -> Places:
        """Return those of some objects."""
        return Places(*(_of(array, rows) for array in self.arrays))


@dataclass(frozen=True)
class Values:
    """What values n objects have, NaN left out.

    Attributes
    ----------
    counts
        Number of values.
    shift
        The first finite value.
    sums
        Sums (n, 4) of the differences from `shift`, their squares, cubes and fourth powers.
    extremes
        Minimum and maximum (n, 2); NaN where there is no value.
    where
        The first pixel (z, y, x) that has the minimum, and the maximum, (n, 2, 3); no rows if not asked for.
    """

    counts: Ints
    shift: Floats
    sums: Floats
    extremes: Floats
    where: Ints

    @classmethod
    def zeros(cls, n: int, positions: bool) -> Values:
        """Return those of n objects without values."""
        where = np.zeros((n if positions else 0, 2, 3), np.int64)
        return cls(np.zeros(n, np.int64), np.zeros(n), np.zeros((n, 4)), np.full((n, 2), np.nan), where)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays in the order of the attributes."""
        return self.counts, self.shift, self.sums, self.extremes, self.where

    def take(self, rows: Array) -> Values:
        """Return those of some objects."""
        return Values(*(_of(array, rows) for array in self.arrays))


@dataclass(frozen=True)
class Faces:
    """Faces of pixels along z, y and x between n objects and what surrounds them; those at the image's edge are not.

    Attributes
    ----------
    outside
        Number (n, 3) of faces to background.
    pairs
        Pairs (m, 2) of labels that touch, uint64, the lower first, sorted.
    counts
        Number (m, 3) of faces between them.
    """

    outside: Ints
    pairs: NDArray[np.uint64]
    counts: Ints


@dataclass(frozen=True)
class Sums:
    """The sums of some objects.

    Attributes
    ----------
    ids
        Their labels, sorted, without background.
    places
        Where they are.
    values, edges
        Per channel their values, and those of the pixels that share a face with another object or background.
    weighted
        Per channel sums of value × powers of z, y and x from `places.first`, in the order of `Places.sums` and then
        `Places.cubes`: to first order (n, 4), or to third (n, 20).
    faces
        What they touch; None if not asked for.
    """

    ids: Array
    places: Places
    values: Mapping[str, Values] = field(default_factory=dict)
    edges: Mapping[str, Values] = field(default_factory=dict)
    weighted: Mapping[str, Floats] = field(default_factory=dict)
    faces: Faces | None = None

    def merged(self, other: Sums) -> Sums:
        """Return the sums of the pixels of both, which must be of different parts of one image."""
        return merged([self, other])

    def take(self, rows: Array) -> Sums:
        """Return the sums of some of the objects, with all pairs that touch."""
        values, edges = ({c: v.take(rows) for c, v in some.items()} for some in (self.values, self.edges))
        faces = None if self.faces is None else Faces(self.faces.outside[rows], self.faces.pairs, self.faces.counts)
        weighted = {c: w[rows] for c, w in self.weighted.items()}
        return Sums(self.ids[rows], self.places.take(rows), values, edges, weighted, faces)

    def of(self, ids: Array) -> Sums:
        """Return the sums of some labels, sorted; those that are not there have no pixels."""
        if np.array_equal(ids, self.ids):
            return self
        part = self.take(np.flatnonzero(np.isin(self.ids, ids)))
        if part.faces is not None:
            known = np.isin(part.faces.pairs, ids.astype(np.uint64)).all(axis=1)
            part = replace(part, faces=Faces(part.faces.outside, part.faces.pairs[known], part.faces.counts[known]))
        return _added(np.asarray(ids, self.ids.dtype), [part])


def merged(parts: Sequence[Sums]) -> Sums:
    """Return the sums of the pixels of all parts, of which there must be at least one.

    Parts are added in their order, so that the result does not depend on which was done first.
    """
    return drained(list(parts))


def drained(parts: list[Sums]) -> Sums:
    """Merge a list and empty it, so that nothing is in memory twice that is not held elsewhere."""
    if len(parts) == 1:
        return parts.pop()
    return _added(np.unique(np.concatenate([part.ids for part in parts])), parts)


def _added(ids: Array, parts: list[Sums]) -> Sums:
    """Add parts up for the labels `ids`, among which are all of theirs; `parts` is emptied."""
    from bioloom.measure import _merge

    rows = [np.searchsorted(ids, part.ids) for part in parts]
    tables = _merge.POWERS, _merge.COLUMN, _merge.BINOMIAL
    places = Places.zeros(ids.size, any(len(part.places.cubes) for part in parts))
    weighted = {c: np.zeros((ids.size, w.shape[1])) for c, w in parts[0].weighted.items()}
    values = {c: Values.zeros(ids.size, any(len(p.values[c].where) for p in parts)) for c in parts[0].values}
    edges = {c: Values.zeros(ids.size, False) for c in parts[0].edges}
    outside = np.zeros((0 if parts[0].faces is None else ids.size, 3), np.int64)
    # Each kind of sums is let go of as soon as it has been added.
    kinds: list[tuple[Values, list[Values]]] = [
        *((total, [part.values[c] for part in parts]) for c, total in values.items()),
        *((total, [part.edges[c] for part in parts]) for c, total in edges.items()),
    ]
    both = [(part.places, list(part.weighted.values())) for part in parts]
    faces = [part.faces for part in parts if part.faces is not None]
    parts.clear()
    while kinds:
        total, found = kinds.pop()
        for at, part in zip(rows, found, strict=True):
            _merge.merge_values(at, *part.arrays, *total.arrays)
        del found, part
    for at, (part_places, sums) in zip(rows, both, strict=True):
        # Weighted sums are counted from the first pixels, which merging places changes: they go first.
        for total_sums, part_sums in zip(weighted.values(), sums, strict=True):
            first, counts = part_places.first, part_places.sums
            _merge.merge_weighted(at, first, counts, part_sums, places.first, places.sums, total_sums, *tables)
        _merge.merge_places(at, *(*part_places.arrays, *places.arrays, *tables))
    if not faces:
        return Sums(ids, places, values, edges, weighted)
    for at, part_faces in zip(rows, faces, strict=True):
        outside[at] += part_faces.outside
    pairs, counts = added_pairs(np.concatenate([f.pairs for f in faces]), np.concatenate([f.counts for f in faces]))
    return Sums(ids, places, values, edges, weighted, Faces(outside, pairs, counts))


def added_pairs(pairs: Array, counts: Ints) -> tuple[Array, Ints]:
    """Sort pairs, each once, and add up their counts (m, 3)."""
    if not len(pairs):
        return pairs.reshape(0, 2), counts.reshape(0, 3)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs = pairs[order]
    starts = np.flatnonzero(np.concatenate([[True], (pairs[1:] != pairs[:-1]).any(axis=1)]))
    return pairs[starts], np.add.reduceat(counts[order], starts, axis=0)


def sum_up(
    labels: Array,
    images: Mapping[str, Array],
    parts: Sequence[str] = PARTS,
    *,
    origin: Sequence[int] = (0, 0, 0),
    tick: Callable[[], None] = lambda: None,
) -> Sums:
    """Sum up the objects of a label image in memory, block by block, on all cores.

    Parameters
    ----------
    labels
        (z, y, x), uint32 or uint64.
    images
        Per channel an image of the same shape: uint8, uint16, float32 or float64.
    parts
        Which of `PARTS` are wanted.
    origin
        Position of the first pixel in the image of which this is a part.
    tick
        Called between blocks; may raise to stop.

    Returns
    -------
    Sums
        `merged` with those of other parts of the image they are those of the whole; but faces between parts, and edges
        along them, are not seen unless the parts overlap: see `sum_block`.
    """
    from bioloom.measure._summing import rows_per_block, sum_block
    from bioloom.measure._threads import in_threads

    low, shape = np.zeros(3, np.int64), np.array(labels.shape)
    calls = []
    for z, y, size in rows_per_block(labels.shape):
        at, inner = np.array([z, y, 0]), np.array([size[0], size[1], shape[2]])

        def call(at: Ints = at, inner: Ints = inner) -> Sums:
            window = tuple(slice(a, a + n) for a, n in zip(at, inner, strict=True))
            here = {c: image[window] for c, image in images.items()}
            return sum_block(labels, low + at, inner, here, parts, np.asarray(origin) + at)

        calls.append(call)
    if not calls:
        return sum_block(labels, low, shape, dict(images), parts, np.asarray(origin))
    return drained(in_threads(calls, tick))
