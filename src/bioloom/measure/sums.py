"""Everything about objects that adds up: blocks of an image, and files, can be summed one by one and then merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PARTS = ("cubes", "faces", "values", "weighted", "edges")
"""What can be summed besides places: third-order sums, faces, and per channel values, weighted sums and edge values."""


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
        The first pixel (z, y, x) that has the minimum, and the maximum, (n, 2, 3).
    """

    counts: Ints
    shift: Floats
    sums: Floats
    extremes: Floats
    where: Ints

    @classmethod
    def zeros(cls, n: int) -> Values:
        """Return those of n objects without values."""
        extremes = np.full((n, 2), np.nan)
        return cls(np.zeros(n, np.int64), np.zeros(n), np.zeros((n, 4)), extremes, np.zeros((n, 2, 3), np.int64))

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays in the order of the attributes."""
        return self.counts, self.shift, self.sums, self.extremes, self.where


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
        Per channel sums (n, 20) of value × powers of z, y and x from `places.first`, up to third order, in the order
        of `Places.sums` and then `Places.cubes`.
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

    def of(self, ids: Array) -> Sums:
        """Return the sums of some labels, sorted; those that are not there have no pixels."""
        if np.array_equal(ids, self.ids):
            return self
        there = self.ids[np.isin(self.ids, ids)]
        return _added(np.asarray(ids, self.ids.dtype), [self], there)


def merged(parts: Sequence[Sums]) -> Sums:
    """Return the sums of the pixels of all parts, of which there must be at least one.

    Parts are added in their order, so that the result does not depend on which was done first.
    """
    if len(parts) == 1:
        return parts[0]
    ids = np.unique(np.concatenate([part.ids for part in parts]))
    return _added(ids, parts, ids)


def _added(ids: Array, parts: Sequence[Sums], wanted: Array) -> Sums:
    """Add parts up for the labels `ids`, leaving out objects that are not `wanted`."""
    from bioloom.measure import _accumulate as add

    model = parts[0]
    places = Places.zeros(ids.size, any(len(part.places.cubes) for part in parts))
    weighted = np.zeros((len(model.weighted), ids.size, add.N_POWERS))
    values = {c: Values.zeros(ids.size) for c in model.values}
    edges = {c: Values.zeros(ids.size) for c in model.edges}
    outside = np.zeros((ids.size, 3), np.int64)
    for part in parts:
        if wanted is not ids:
            part = _chosen(part, wanted)
        if not part.ids.size:
            continue
        rows = np.searchsorted(ids, part.ids)
        p = part.places
        stacked = np.stack(list(part.weighted.values())) if part.weighted else np.zeros((0, part.ids.size, 20))
        add.merge_places(
            rows, p.first, p.low, p.high, p.sums, p.cubes, stacked,
            places.first, places.low, places.high, places.sums, places.cubes, weighted,
            add.POWERS, add.COLUMN, add.BINOMIAL,
        )  # fmt: skip
        for mine, its in ((values, part.values), (edges, part.edges)):
            for channel, total in mine.items():
                add.merge_values(rows, *its[channel].arrays, *total.arrays)
        if part.faces is not None:
            outside[rows] += part.faces.outside
    faces = None
    if model.faces is not None:
        found = [part.faces for part in parts if part.faces is not None]
        pairs, counts = added_pairs(np.concatenate([f.pairs for f in found]), np.concatenate([f.counts for f in found]))
        if wanted is not ids:
            known = np.isin(pairs, ids.astype(np.uint64)).all(axis=1)
            pairs, counts = pairs[known], counts[known]
        faces = Faces(outside, pairs, counts)
    return Sums(ids, places, values, edges, dict(zip(model.weighted, weighted, strict=True)), faces)


def _chosen(part: Sums, wanted: Array) -> Sums:
    """Leave out objects that are not wanted."""
    rows = np.flatnonzero(np.isin(part.ids, wanted))
    p = part.places
    places = Places(p.first[rows], p.low[rows], p.high[rows], p.sums[rows], p.cubes[rows] if len(p.cubes) else p.cubes)
    values, edges = (
        {c: Values(*(a[rows] for a in v.arrays)) for c, v in some.items()} for some in (part.values, part.edges)
    )
    faces = None if part.faces is None else Faces(part.faces.outside[rows], part.faces.pairs, part.faces.counts)
    return Sums(part.ids[rows], places, values, edges, {c: w[rows] for c, w in part.weighted.items()}, faces)


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
    return merged(in_threads(calls, tick))
