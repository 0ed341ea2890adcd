"""Sum up one block of a label image: number its objects, list their runs of pixels, and hand these to the kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure import _accumulate as add
from bioloom.measure import _accumulate_runs as kernels
from bioloom.measure import _merge
from bioloom.measure.sums import Faces, Places, Sums, Values, added_pairs, drained

Array = NDArray[Any]
Ints = NDArray[np.int64]

BLOCK = 1 << 20  # pixels that a thread sums up at a time
_FEWEST = 1 << 10  # entries that a hash table begins with


def rows_per_block(shape: tuple[int, ...], pixels: int = 0) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Divide the rows of a (z, y, x) array: first plane, first row, and how many (planes, rows) of each block."""
    nz, ny, nx = shape
    pixels = pixels or BLOCK
    if not nz * ny * nx:
        return
    planes = max(1, pixels // (ny * nx))
    rows = ny if planes > 1 else max(1, min(ny, pixels // nx))
    for z in range(0, nz, planes):
        for y in range(0, ny, rows):
            yield z, y, (min(planes, nz - z), min(rows, ny - y))


def runs_of(labels: Array, low: Ints, shape: Ints) -> tuple[Array, NDArray[np.int32]]:
    """List the labels of the inner box of an array, as they are met, and the runs (n, 4) of their pixels."""
    size = int(np.prod(shape))
    capacity = _FEWEST
    keys, rows = np.zeros(capacity, labels.dtype), np.full(capacity, kernels.EMPTY, np.int32)
    ids = np.empty(capacity // 2, labels.dtype)
    runs = np.empty((max(64, min(size, size // 16 + 1024)), 4), np.int32)
    state = np.zeros(2, np.int64)
    row, n_rows = 0, int(shape[0] * shape[1])
    while True:
        row = kernels.number_runs(labels, low, shape, row, keys, rows, ids, runs, state)
        if row == n_rows:
            n_objects, n_runs = state
            return ids[:n_objects], runs[:n_runs]
        if state[kernels.N_RUNS] + shape[2] > len(runs):
            done = max(row, 1) / n_rows
            more = max(int(1.2 * state[kernels.N_RUNS] / done), 2 * len(runs), len(runs) + int(shape[2]))
            runs = np.concatenate([runs, np.empty((more - len(runs), 4), np.int32)])
        if state[kernels.N_OBJECTS] == ids.size:
            capacity *= 4
            ids = np.concatenate([ids, np.empty(capacity // 2 - ids.size, labels.dtype)])
            keys, rows = np.zeros(capacity, labels.dtype), np.full(capacity, kernels.EMPTY, np.int32)
            kernels.rehash(ids, int(state[kernels.N_OBJECTS]), keys, rows)


def _edges_of(labels: Array, low: Ints, shape: Ints, runs: NDArray[np.int32]) -> NDArray[np.int32]:
    found = np.empty((len(runs) * 2 + int(shape[2]) + 64, 4), np.int32)
    state = np.zeros(1, np.int64)
    at = 0
    while True:
        at = kernels.edge_runs(labels, low, shape, runs, at, found, state)
        if at == len(runs):
            return found[: state[0]]
        found = np.concatenate([found, np.empty((len(found) + int(shape[2]), 4), np.int32)])


def _faces_of(labels: Array, low: Ints, shape: Ints, runs: NDArray[np.int32], n: int) -> Faces:
    capacity = 1 << int(np.ceil(np.log2(max(_FEWEST, 4 * n, 8 * int(shape[2]) + 4))))
    pairs, counts = np.zeros((capacity, 2), np.uint64), np.zeros((capacity, 3), np.int64)
    outside, state = np.zeros((n, 3), np.int64), np.zeros(1, np.int64)
    at = 0
    while True:
        at = kernels.add_faces(labels, low, shape, runs, at, outside, pairs, counts, state)
        if at == len(runs):
            used = pairs[:, 1] != 0
            return Faces(outside, *added_pairs(pairs[used], counts[used]))
        more = np.zeros((2 * len(pairs), 2), np.uint64), np.zeros((2 * len(pairs), 3), np.int64)
        kernels.rehash_pairs(pairs, counts, *more)
        pairs, counts = more


def sum_rows(
    labels: Array, low: Ints, shape: Ints, images: Mapping[str, Array], parts: Sequence[str], origin: Ints
) -> Sums:
    """Sum up as `sum_block` does, some rows at a time, so that the lists of runs stay short."""
    found = []
    for z, y, (planes, rows) in rows_per_block(tuple(shape.tolist())):
        at, size = np.array([z, y, 0]), np.array([planes, rows, shape[2]])
        window = tuple(slice(a, a + n) for a, n in zip(at.tolist(), size.tolist(), strict=True))
        here = {c: np.ascontiguousarray(image[window]) for c, image in images.items()}
        found.append(sum_block(labels, low + at, size, here, parts, origin + at))
    return drained(found)


def sum_block(
    labels: Array, low: Ints, shape: Ints, images: Mapping[str, Array], parts: Sequence[str], origin: Ints
) -> Sums:
    """Sum up the objects of the inner box of an array.

    Parameters
    ----------
    labels
        (z, y, x) with what is around the box, as far as there is any: there, neighbours are looked up.
    low, shape
        First pixel and size of the box.
    images
        Per channel the values in the box.
    parts
        What to sum up.
    origin
        Position of the first pixel of the box in the whole image.
    """
    ids, runs = runs_of(labels, low, shape)
    n, ny = ids.size, int(shape[1])
    places = Places.zeros(n, "cubes" in parts)
    add.add_places(runs, ny, origin, places.first, places.low, places.high, places.sums, places.cubes)
    values: dict[str, Values] = {}
    edges: dict[str, Values] = {}
    weighted: dict[str, NDArray[np.float64]] = {}
    border = _edges_of(labels, low, shape, runs) if "edges" in parts and images else runs[:0]
    for channel, image in images.items():
        if "values" in parts or "positions" in parts:
            values[channel] = Values.zeros(n, "positions" in parts)
            add.add_values(runs, image, origin, *values[channel].arrays)
        if "edges" in parts:
            edges[channel] = Values.zeros(n, False)
            add.add_values(border, image, origin, *edges[channel].arrays)
        if "weighted" in parts or "weighted_cubes" in parts:
            weighted[channel] = np.zeros((n, _merge.N_POWERS if "weighted_cubes" in parts else _merge.N_LINEAR))
            add.add_weighted(runs, image, origin, places.first, _merge.COLUMN, weighted[channel])
    faces = _faces_of(labels, low, shape, runs, n) if "faces" in parts else None
    return Sums(ids, places, values, edges, weighted, faces).take(np.argsort(ids))
