"""Numba kernels that divide the rows of a label image into runs of equal pixels and number the objects they belong to.

A run is (object, row, first x, x after the last). Objects are numbered in the order in which they are met, by a hash
table, so that labels may be as large as they like and nobody needs to know them beforehand. Rows are those of all
planes, one after the other, of the *inner* box of an array: around it lies a margin that neighbours are looked up in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]

EMPTY = -1
# state of `number_runs`
N_OBJECTS, N_RUNS = range(2)


@kernel
def slot_of(label: int, keys: Array, rows: Array) -> int:
    """Return the place of a label in the hash table, or the free place where it belongs (Knuth's hash, linear)."""
    mask = np.uint64(keys.size - 1)
    key = np.uint64(label)
    mixed = key * np.uint64(0x9E3779B97F4A7C15)
    at = (mixed ^ (mixed >> np.uint64(32))) & mask
    while rows[at] != EMPTY and np.uint64(keys[at]) != key:
        at = (at + np.uint64(1)) & mask
    return int(at)


@kernel
def rehash(ids: Array, n: int, keys: Array, rows: Array) -> None:
    """Fill an empty hash table with the first `n` labels."""
    for k in range(n):
        at = slot_of(ids[k], keys, rows)
        keys[at], rows[at] = ids[k], k


@kernel
def number_runs(
    labels: Array, low: Array, shape: Array, first_row: int, keys: Array, rows: Array, ids: Array, runs: Array,
    state: Array,
) -> int:  # fmt: skip
    """Write the runs of objects from `first_row` on, and the labels of the objects in the order they are met.

    Stops before the first row for which there is no room, in `runs` or in the half of the hash table that may be full,
    and returns it: the number of rows if all are done.
    """
    ny, nx = shape[1], shape[2]
    n_objects, n_runs = state[N_OBJECTS], state[N_RUNS]
    room = min(keys.size // 2, ids.size)
    for row in range(first_row, shape[0] * ny):
        line = labels[low[0] + row // ny, low[1] + row % ny, low[2] : low[2] + nx]
        before = n_runs
        full = False
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            at = slot_of(label, keys, rows)
            if n_runs == runs.shape[0] or (rows[at] == EMPTY and n_objects == room):
                full = True
                break
            if rows[at] == EMPTY:
                keys[at], rows[at], ids[n_objects] = label, n_objects, label
                n_objects += 1
            runs[n_runs, 0], runs[n_runs, 1], runs[n_runs, 2], runs[n_runs, 3] = rows[at], row, start, x
            n_runs += 1
        if full:
            state[N_OBJECTS], state[N_RUNS] = n_objects, before
            return row
    state[N_OBJECTS], state[N_RUNS] = n_objects, n_runs
    return int(shape[0] * ny)


@kernel
def edge_runs(labels: Array, low: Array, shape: Array, runs: Array, first_run: int, found: Array, state: Array) -> int:
    """Write the runs of those pixels that share a face with a pixel of another label or background.

    Stops before the first run for which there may be no room in `found`, and returns it. The edge of the image is no
    border: `labels` ends there.
    """
    nz, ny, nx = labels.shape
    n = state[0]
    for i in range(first_run, runs.shape[0]):
        row, start, stop = runs[i, 1], runs[i, 2], runs[i, 3]
        if n + (stop - start + 1) // 2 + 1 > found.shape[0]:
            state[0] = n
            return i
        z, y = low[0] + row // shape[1], low[1] + row % shape[1]
        label = labels[z, y, low[2] + start]
        begin = -1
        for x in range(start, stop):
            u = low[2] + x
            at_edge = (
                (x == start and u > 0 and labels[z, y, u - 1] != label)
                or (x == stop - 1 and u + 1 < nx and labels[z, y, u + 1] != label)
                or (y > 0 and labels[z, y - 1, u] != label)
                or (y + 1 < ny and labels[z, y + 1, u] != label)
                or (z > 0 and labels[z - 1, y, u] != label)
                or (z + 1 < nz and labels[z + 1, y, u] != label)
            )
            if at_edge and begin < 0:
                begin = x
            if begin >= 0 and (not at_edge or x == stop - 1):
                found[n, 0], found[n, 1], found[n, 2], found[n, 3] = runs[i, 0], row, begin, x + at_edge
                n += 1
                begin = -1
    state[0] = n
    return int(runs.shape[0])


@kernel
def slot_of_pair(a: int, b: int, pairs: Array, counts: Array) -> int:
    """Return the place of a pair of labels in the hash table, or the free place where it belongs."""
    mask = np.uint64(pairs.shape[0] - 1)
    one, two = np.uint64(a), np.uint64(b)
    mixed = (one * np.uint64(0x9E3779B97F4A7C15) + two) * np.uint64(0xC2B2AE3D27D4EB4F)
    at = (mixed ^ (mixed >> np.uint64(32))) & mask
    while pairs[at, 1] != 0 and (pairs[at, 0] != one or pairs[at, 1] != two):
        at = (at + np.uint64(1)) & mask
    return int(at)


@kernel
def rehash_pairs(pairs: Array, counts: Array, new_pairs: Array, new_counts: Array) -> None:
    """Fill an empty hash table of pairs with the contents of another."""
    for i in range(pairs.shape[0]):
        if pairs[i, 1] != 0:
            at = slot_of_pair(pairs[i, 0], pairs[i, 1], new_pairs, new_counts)
            new_pairs[at] = pairs[i]
            new_counts[at] = counts[i]


@kernel
def add_faces(
    labels: Array, low: Array, shape: Array, runs: Array, first_run: int, outside: Array, pairs: Array, counts: Array,
    state: Array,
) -> int:  # fmt: skip
    """Count the faces of pixels, per axis, between objects (in `pairs`) and between objects and background.

    A face between two objects counts for the run before it along the axis, so that blocks of an image add up. Stops
    before the first run for which there may be no room in the half of the hash table that may be full; returns it.
    """
    sizes = labels.shape
    n_pairs, room = state[0], pairs.shape[0] // 2
    for i in range(first_run, runs.shape[0]):
        k, row, start, stop = runs[i, 0], runs[i, 1], low[2] + runs[i, 2], low[2] + runs[i, 3]
        if n_pairs + 2 * (stop - start) + 1 > room:
            state[0] = n_pairs
            return i
        place = (low[0] + row // shape[1], low[1] + row % shape[1])
        label = labels[place[0], place[1], start]
        if start > 0 and labels[place[0], place[1], start - 1] == 0:
            outside[k, 2] += 1
        for axis in range(3):
            if axis == 2:
                first, last = stop, min(stop + 1, sizes[2])
            else:
                first, last = (start, stop) if place[axis] + 1 < sizes[axis] else (0, 0)
            z, y = place[0] + (axis == 0), place[1] + (axis == 1)
            x = first
            while x < last:
                other = labels[z, y, x]
                n = 1
                while x + n < last and labels[z, y, x + n] == other:
                    n += 1
                x += n
                if other == 0:
                    outside[k, axis] += n
                elif other != label:
                    at = slot_of_pair(min(label, other), max(label, other), pairs, counts)
                    if pairs[at, 1] == 0:
                        pairs[at, 0], pairs[at, 1] = min(label, other), max(label, other)
                        n_pairs += 1
                    counts[at, axis] += n
            if axis < 2 and place[axis] > 0:
                z, y = place[0] - (axis == 0), place[1] - (axis == 1)
                for u in range(start, stop):
                    outside[k, axis] += labels[z, y, u] == 0
    state[0] = n_pairs
    return int(runs.shape[0])
