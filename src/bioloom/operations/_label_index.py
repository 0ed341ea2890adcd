"""Which objects a label image has, and which of them meet: by sorted ids and sparse pairs, never by label × label.

Ids may have gaps and be as large as 2**32 - 1. A pixel's *row* is the position of its label among the sorted ids,
counted from 1; background has the row 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelIndex:
    """The objects of a label image.

    Attributes
    ----------
    ids
        The labels that occur, sorted, without background; uint32.
    rows
        Per pixel 0 for background, else 1 + the position of its label in `ids`; int32.
    """

    ids: NDArray[np.uint32]
    rows: NDArray[np.int32]

    @property
    def n(self) -> int:
        """Number of objects."""
        return int(self.ids.size)

    def sizes(self) -> Ints:
        """Count the pixels (n,) of each object."""
        from bioloom.operations._label_tables import count_labels

        return count_labels(self.rows, self.n)[1:]

    def paint(self, values: Array, background: float = 0) -> Array:
        """Return an image that has at each pixel the value (n,) of its object."""
        from bioloom.operations._label_tables import look_up

        return look_up(np.concatenate([np.array([background], values.dtype), values]), self.rows)

    def relabelled(self, ids: Array) -> NDArray[np.uint32]:
        """Return labels in which the objects have these ids (n,); 0 removes an object."""
        return self.paint(np.asarray(ids).astype(np.uint32))


def index_labels(labels: Array) -> LabelIndex:
    """Find the objects of a label image of unsigned integers."""
    largest = int(labels.max(initial=0))
    if largest <= max(2 * labels.size, 1 << 16):
        from bioloom.operations._label_tables import look_up, present_labels

        present = present_labels(labels, largest)
        present[0] = False
        ids = np.flatnonzero(present)
        table = np.zeros(largest + 1, np.int32)
        table[ids] = np.arange(1, ids.size + 1)
        return LabelIndex(ids.astype(np.uint32), look_up(table, labels))
    starts, lengths = _runs(labels.ravel())
    values, position = np.unique(labels.ravel()[starts], return_inverse=True)
    has_background = int(values[0] == 0)
    rows = np.repeat((position + 1 - has_background).astype(np.int32), lengths).reshape(labels.shape)
    return LabelIndex(values[has_background:].astype(np.uint32), rows)


def _runs(*flat: Array) -> tuple[Ints, Ints]:
    """Return starts and lengths of the runs in which none of some flat arrays of the same length changes."""
    changes = np.zeros(flat[0].size - 1, bool)
    for values in flat:
        changes |= values[1:] != values[:-1]
    starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
    return starts, np.diff(starts, append=flat[0].size)


@dataclass(frozen=True)
class Touching:
    """Pairs (m, 2) of rows, the lower first, of objects that share faces of pixels, sorted.

    `counts` (m,) says how many faces, `sums` (m,) the sum of a value over the faces.
    """

    pairs: Ints
    counts: Ints
    sums: Floats


def touching(rows: Array, image: Array | None = None, only: Array | None = None) -> Touching:
    """Find the pairs of objects that share a face of a pixel.

    Parameters
    ----------
    rows
        Rows of objects, (y, x) or (z, y, x).
    image
        Values to sum up over the faces; the value of a face is the mean of its two pixels.
    only
        bool, same shape; faces count only if it is True on both sides. Everywhere if left out.
    """
    n = int(rows.max(initial=0)) + 1
    keys, values = [np.zeros(0, np.int64)], [np.zeros(0)]
    for axis in range(rows.ndim):
        before, after = _neighbours(rows, axis)
        meet = (before != after) & (before != 0) & (after != 0)
        if only is not None:
            meet &= np.logical_and(*_neighbours(only, axis))
        a, b = before[meet].astype(np.int64), after[meet].astype(np.int64)
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
        if image is not None:
            first, second = (side[meet].astype(np.float64) for side in _neighbours(image, axis))
            values.append(first / 2 + second / 2)
    key, inverse, counts = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
    sums = np.zeros(key.size)
    if image is not None:
        sums = np.bincount(inverse, np.concatenate(values), key.size).astype(np.float64)
    return Touching(np.stack(np.divmod(key, n), axis=1), counts, sums)


def _neighbours(array: Array, axis: int) -> tuple[Array, Array]:
    """Return views of all pixels but the last, and all but the first, along an axis."""
    along = (slice(None),) * axis
    return array[(*along, slice(None, -1))], array[(*along, slice(1, None))]


def groups_of(n: int, pairs: Ints) -> Ints:
    """Return for objects 1…n the lowest row (n,) of those that pairs connect it with, directly or by others."""
    from scipy import sparse
    from scipy.sparse import csgraph

    graph = sparse.coo_array((np.ones(len(pairs), bool), (pairs[:, 0] - 1, pairs[:, 1] - 1)), shape=(n, n))
    _, group = csgraph.connected_components(graph, directed=False)
    # Objects are met in ascending order, so the first of each group is its lowest.
    _, first = np.unique(group, return_index=True)
    lowest: Ints = first[group] + 1
    return lowest


@dataclass(frozen=True)
class Overlaps:
    """Pairs (m, 2) of rows of two label images that share pixels, sorted, and how many they share (m,).

    Row 0 is background, of either image.
    """

    pairs: Ints
    counts: Ints


def overlaps(a: LabelIndex, b: LabelIndex) -> Overlaps:
    """Find which objects of two label images share pixels."""
    flat_a, flat_b = a.rows.ravel(), b.rows.ravel()
    starts, lengths = _runs(flat_a, flat_b)
    keys = flat_a[starts].astype(np.int64) * (b.n + 1) + flat_b[starts]
    key, inverse = np.unique(keys, return_inverse=True)
    counts = np.bincount(inverse, lengths, key.size).astype(np.int64)
    return Overlaps(np.stack(np.divmod(key, b.n + 1), axis=1), counts)


def means(index: LabelIndex, image: Array) -> Floats:
    """Mean value (n,) of an image in each object; NaN pixels are left out, NaN where there are no others."""
    return spread_of(index, image, "mean")


def spread_of(index: LabelIndex, image: Array, statistic: str) -> Floats:
    """Mean, minimum, maximum or median (n,) of an image in each object; NaN pixels are left out."""
    rows, values = index.rows.ravel(), image.ravel()
    inside = rows != 0
    if values.dtype.kind == "f":
        inside &= ~np.isnan(values)
    rows, values = rows[inside] - 1, values[inside].astype(np.float64)
    if statistic == "mean":
        counts = np.bincount(rows, minlength=index.n)
        # Sums of differences from a value of the object itself keep their digits, and constants stay what they are.
        base = np.full(index.n, np.nan)
        base[rows] = values
        with np.errstate(invalid="ignore"):
            shift = np.bincount(rows, values - base[rows], index.n) / counts
        result: Floats = base + shift
        return result
    result = np.full(index.n, np.nan)
    if statistic == "minimum":
        np.fmin.at(result, rows, values)
    elif statistic == "maximum":
        np.fmax.at(result, rows, values)
    else:
        order = np.lexsort((values, rows))
        rows, values = rows[order], values[order]
        there, first, counts = np.unique(rows, return_index=True, return_counts=True)
        result[there] = values[first + (counts - 1) // 2] / 2 + values[first + counts // 2] / 2
    return result


def centroids(index: LabelIndex) -> Floats:
    """Mean position (n, ndim) of the pixels of each object, in pixels."""
    rows = index.rows
    totals = np.zeros((index.n + 1, rows.ndim))
    step = max(1, (1 << 22) * rows.shape[0] // rows.size)
    for first in range(0, rows.shape[0], step):
        part = rows[first : first + step]
        for axis in range(rows.ndim):
            along = np.arange(part.shape[axis], dtype=np.float64) + (first if axis == 0 else 0)
            position = along.reshape([-1 if a == axis else 1 for a in range(rows.ndim)])
            weights = np.broadcast_to(position, part.shape).ravel()
            totals[:, axis] += np.bincount(part.ravel(), weights, index.n + 1)
    result: Floats = totals[1:] / index.sizes()[:, None]
    return result


def boxes(index: LabelIndex) -> list[tuple[slice, ...]]:
    """Bounding box of each object."""
    from scipy import ndimage

    found: list[tuple[slice, ...]] = ndimage.find_objects(index.rows, max_label=index.n)
    return found


def padded(box: Sequence[slice], by: Sequence[int], shape: Sequence[int]) -> tuple[slice, ...]:
    """Bounding box made larger by some pixels along each axis, within the image."""
    return tuple(slice(max(s.start - p, 0), min(s.stop + p, n)) for s, p, n in zip(box, by, shape, strict=True))
