"""Loops over the pixels and the runs of masks and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def count_runs(stack: Any, first: Any) -> None:
    """Set `first` (rows + 1) to the number of runs of foreground in the rows before each."""
    depth, height, width = stack.shape
    for row in range(depth * height):
        z, y = divmod(row, height)
        count = 0
        before = False
        for x in range(width):
            here = stack[z, y, x]
            count += here and not before
            before = here
        first[row + 1] = first[row] + count


@njit(nogil=True, cache=True)
def fill_runs(stack: Any, first: Any, starts: Any, stops: Any) -> None:
    depth, height, width = stack.shape
    for row in range(depth * height):
        z, y = divmod(row, height)
        run = first[row]
        before = False
        for x in range(width):
            here = stack[z, y, x]
            if here and not before:
                starts[run] = x
            elif before and not here:
                stops[run] = x
                run += 1
            before = here
        if before:
            stops[run] = width


@njit(nogil=True, cache=True)
def _root(parent: Any, run: int) -> int:
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@njit(nogil=True, cache=True)
def _join_rows(first: Any, starts: Any, stops: Any, parent: Any, row: int, other: int, reach: int) -> None:
    """Join the runs of two rows that overlap, or with `reach` 1 touch at a corner."""
    run, near = first[row], first[other]
    while run < first[row + 1] and near < first[other + 1]:
        if starts[run] < stops[near] + reach and starts[near] < stops[run] + reach:
            one, two = _root(parent, run), _root(parent, near)
            # The root is the first run, in reading order.
            if one < two:
                parent[two] = one
            else:
                parent[one] = two
        if stops[run] < stops[near]:
            run += 1
        else:
            near += 1


@njit(nogil=True, cache=True)
def join(shape: Any, diagonal: bool, first: Any, starts: Any, stops: Any, parent: Any) -> None:
    depth, height = shape[0], shape[1]
    reach = 1 if diagonal else 0
    for z in range(depth):
        for y in range(height):
            row = z * height + y
            if y:
                _join_rows(first, starts, stops, parent, row, row - 1, reach)
            if z:
                _join_rows(first, starts, stops, parent, row, row - height, reach)
                if diagonal:
                    if y:
                        _join_rows(first, starts, stops, parent, row, row - height - 1, reach)
                    if y < height - 1:
                        _join_rows(first, starts, stops, parent, row, row - height + 1, reach)


@njit(nogil=True, cache=True)
def paint(first: Any, starts: Any, stops: Any, parent: Any, labels: Any) -> None:
    depth, height, _ = labels.shape
    numbers = np.zeros(parent.size, np.uint32)
    count = 0
    for row in range(depth * height):
        z, y = divmod(row, height)
        line = labels[z, y]
        for run in range(first[row], first[row + 1]):
            root = _root(parent, run)
            if numbers[root] == 0:
                count += 1
                numbers[root] = count
            line[starts[run] : stops[run]] = numbers[root]


@njit(nogil=True, cache=True)
def first_of_each(flat: Any, firsts: Any) -> None:
    for index in range(flat.size):
        label = flat[index]
        if label and firsts[label - 1] < 0:
            firsts[label - 1] = index


@njit(nogil=True, cache=True)
def renumber(flat: Any, counts: Any, least: Any, names: Any, result: Any) -> int:
    count = 0
    for index in range(flat.size):
        label = flat[index]
        if label == 0 or counts[label] < least:
            result[index] = 0
            continue
        if names[label] == 0:
            count += 1
            names[label] = count
        result[index] = names[label]
    return count


@njit(nogil=True, cache=True)
def count_pixels(flat: Any, counts: Any) -> None:
    for index in range(flat.size):
        counts[flat[index]] += 1
