"""What labelling shares: connected regions of masks and distances within them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._numbering import in_reading_order, pixels_of_size


@njit(nogil=True, cache=True)
def _count_runs(stack: Any, first: Any) -> None:
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
def _fill_runs(stack: Any, first: Any, starts: Any, stops: Any) -> None:
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
def _join(shape: Any, diagonal: bool, first: Any, starts: Any, stops: Any, parent: Any) -> None:
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
def _paint(first: Any, starts: Any, stops: Any, parent: Any, labels: Any) -> None:
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


def connected(mask: NDArray[Any], diagonal: bool) -> NDArray[np.uint32]:
    """Label the connected regions of a mask.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order, as by ``scipy.ndimage.label``; rows are joined run by run.
    """
    binary = foreground(mask)
    stack = binary.reshape((1,) * (3 - mask.ndim) + mask.shape)
    first = np.zeros(stack.shape[0] * stack.shape[1] + 1, np.int64)
    _count_runs(stack, first)
    starts, stops = np.empty(first[-1], np.int32), np.empty(first[-1], np.int32)
    _fill_runs(stack, first, starts, stops)
    parent = np.arange(first[-1])
    _join(np.array(stack.shape), diagonal, first, starts, stops, parent)
    labels = np.zeros(stack.shape, np.uint32)
    _paint(first, starts, stops, parent, labels)
    return labels.reshape(mask.shape)


def distances_to_background(inside: NDArray[np.bool_], spacing: Sequence[float] | None) -> NDArray[np.float32]:
    """Return the distance of each foreground pixel to the nearest background, 1 where there is no background at all."""
    from bioloom.operations._label_distances import distance_to_others

    if inside.all():
        return np.ones(inside.shape, np.float32)
    return np.where(inside, distance_to_others(inside, spacing), 0).astype(np.float32)


def label_regions(mask: NDArray[np.bool_], diagonal: bool, least: float) -> NDArray[np.uint32]:
    """Label the connected regions of a mask that have at least so many pixels, in reading order."""
    labels = connected(mask, diagonal)
    return labels if least <= 1 else in_reading_order(labels, least)


def without_small_on_device(labels: Any, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    """Return labels of an OpenCL device without objects that are too small, numbered anew if there is a limit."""
    least = pixels_of_size(minimum_size, spacing)
    return device.push(in_reading_order(device.pull(labels).astype(np.uint32), least)) if least > 1 else labels


def foreground(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask as a contiguous array of bool."""
    found: NDArray[np.bool_] = np.ascontiguousarray(mask if mask.dtype == bool else mask != 0)
    return found
