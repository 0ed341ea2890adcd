"""Numba kernels that find which labels an image has, and gather the values of objects.

Label images come as (z, y, x) uint32 or uint64, a plane having one z. The kernels walk along the rows in runs of equal
labels, so that an object is looked up once per run.

Pixels may change while kernels run, since a layer that is measured can be painted: labels that are not in `ids` are
skipped, and no index is taken from a pixel without a check.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def mark_labels(labels: Array, first_row: int, last_row: int, present: Array) -> None:
    """Set `present[label]` for every label in the rows [first_row, last_row)."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line = labels[row // ny, row % ny]
        previous = line[0]
        if previous < present.size:
            present[previous] = True
        for x in range(1, nx):
            label = line[x]
            if label != previous:
                previous = label
                if label < present.size:
                    present[label] = True


@kernel
def list_runs(labels: Array, first_row: int, last_row: int, found: Array) -> int:
    """Write the label of every run into `found` as far as it reaches; return the number of runs."""
    ny, nx = labels.shape[1], labels.shape[2]
    n = 0
    for row in range(first_row, last_row):
        line = labels[row // ny, row % ny]
        for x in range(nx):
            if x == 0 or line[x] != line[x - 1]:
                if n < found.size:
                    found[n] = line[x]
                n += 1
    return n


@kernel
def position_of(label: int, table: Array, ids: Array) -> int:
    """Row of a label in the sorted `ids`, -1 if it is not there: by a lookup table, or by bisection without one."""
    if table.size > 0:
        return int(table[label]) if label < table.size else -1
    if ids.size == 0:
        return -1
    low, high = 0, ids.size - 1
    while low < high:
        middle = (low + high) >> 1
        if ids[middle] < label:
            low = middle + 1
        else:
            high = middle
    return low if ids[low] == label else -1


@kernel
def gather_values(
    labels: Array,
    image: Array,
    table: Array,
    ids: Array,
    first_row: int,
    last_row: int,
    cursor: Array,
    ends: Array,
    gathered: Array,
) -> None:
    """Copy the values that are not NaN: those of object k to `cursor[k]`, which moves along, up to `ends[k]`."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line, values = labels[row // ny, row % ny], image[row // ny, row % ny]
        x = 0
        while x < nx:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            if label == 0:
                continue
            k = position_of(label, table, ids)
            if k < 0:
                continue
            at = cursor[k]
            for i in range(start, x):
                value = values[i]
                if value == value and at < ends[k]:
                    gathered[at] = value
                    at += 1
            cursor[k] = at


@kernel
def select(values: Array, start: int, stop: int, rank: int) -> float:
    """Return the value that sorting values[start:stop] would put at `rank`, rearranging them (Hoare 1961)."""
    low, high, wanted = start, stop - 1, start + rank
    state = 12345
    while low < high:
        # A pivot drawn by a small generator: ramps and plateaus, common in images, must not make this quadratic.
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        pivot = values[low + state % (high - low + 1)]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break
    return float(values[wanted])
