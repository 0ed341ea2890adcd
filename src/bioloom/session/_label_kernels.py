"""Loops over the pixels of label images that look up what is known about each object; importing it imports Numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _kernel(function: Kernel) -> Kernel:
    return cast(Kernel, njit(nogil=True, cache=True)(function))


@_kernel
def find(ids: Any, value: Any) -> int:
    """Return the place of a value in ascending ids, -1 if it is not there."""
    low, high = 0, len(ids)
    while low < high:
        middle = (low + high) // 2
        if ids[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low if low < len(ids) and ids[low] == value else -1


@_kernel
def codes_by_table(labels: Any, table: Any, other: Any, out: Any) -> None:
    """Write ``table[label]`` for each pixel; `other` outside the table, 0 for background."""
    n = len(table)
    for i in range(labels.size):
        value = np.int64(labels[i])
        if value == 0:
            out[i] = 0
        elif 0 < value < n:
            out[i] = table[value]
        else:
            out[i] = other


@_kernel
def codes_by_search(labels: Any, ids: Any, codes: Any, other: Any, out: Any) -> None:
    """Write the code of each pixel's label, found among ascending ids; `other` if not there, 0 for background.

    Neighbouring pixels mostly belong to the same object, so that few of them need a search.
    """
    last, code = np.int64(0), out.dtype.type(0)
    for i in range(labels.size):
        value = np.int64(labels[i])
        if value != last:
            last = value
            place = find(ids, value)
            code = codes[place] if place >= 0 else other
            if value == 0:
                code = out.dtype.type(0)
        out[i] = code


@_kernel
def _note_area(place: Any, z: Any, area: Any, largest: Any, first: Any, last: Any) -> None:
    """Take a plane of an object into account: `first` to `last` are those in a row where it is largest."""
    if area[place] > largest[place]:
        largest[place], first[place], last[place] = area[place], z, z
    elif area[place] == largest[place] and last[place] == z - 1:
        last[place] = z


@_kernel
def boxes_of(labels: Any, ids: Any, boxes: Any) -> None:
    """Find the bounding box of each known object of a (z, y, x) image, and the plane where it is largest.

    `boxes` is (n, 7): first and past-the-end indices, filled with the image's shape and 0 before, and the plane; of
    several such planes in a row it is the middle one.
    """
    width = labels.shape[2]
    n = len(ids)
    plane = np.full(n, -1, np.int64)
    area = np.zeros(n, np.int64)
    largest = np.zeros(n, np.int64)
    first = np.zeros(n, np.int64)
    last = np.zeros(n, np.int64)
    for z in range(labels.shape[0]):
        for y in range(labels.shape[1]):
            x = 0
            while x < width:
                value, start = labels[z, y, x], x
                x += 1
                while x < width and labels[z, y, x] == value:
                    x += 1
                place = find(ids, np.int64(value)) if value else -1
                if place < 0:
                    continue
                if plane[place] != z:
                    _note_area(place, plane[place], area, largest, first, last)
                    plane[place], area[place] = z, 0
                area[place] += x - start
                box = boxes[place]
                box[0] = min(box[0], z)
                box[1] = max(box[1], z + 1)
                box[2] = min(box[2], y)
                box[3] = max(box[3], y + 1)
                box[4] = min(box[4], start)
                box[5] = max(box[5], x)
    for place in range(n):
        _note_area(place, plane[place], area, largest, first, last)
        boxes[place, 6] = (first[place] + last[place]) // 2


@_kernel
def count_labels(labels: Any, ids: Any, counts: Any) -> None:
    """Count the pixels of each known object in a plane."""
    last, place = np.int64(0), -1
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            value = np.int64(labels[y, x])
            if value != last:
                last = value
                place = find(ids, value) if value else -1
            if place >= 0:
                counts[place] += 1


@_kernel
def count_inside(labels: Any, polygon: Any, ids: Any, counts: Any) -> None:
    """Count the pixels of each known object whose centres lie in a polygon of (y, x), by non-zero winding."""
    n = len(polygon)
    xs = np.empty(n, np.float64)
    turns = np.empty(n, np.int64)
    top = max(0, int(np.ceil(polygon[:, 0].min())))
    bottom = min(labels.shape[0] - 1, int(np.floor(polygon[:, 0].max())))
    for y in range(top, bottom + 1):
        n_crossings = 0
        for i in range(n):
            y0, x0 = polygon[i, 0], polygon[i, 1]
            y1, x1 = polygon[(i + 1) % n, 0], polygon[(i + 1) % n, 1]
            if (y0 <= y) != (y1 <= y):
                xs[n_crossings] = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
                turns[n_crossings] = 1 if y1 > y0 else -1
                n_crossings += 1
        order = np.argsort(xs[:n_crossings])
        winding = 0
        for k in range(n_crossings - 1):
            winding += turns[order[k]]
            if winding == 0:
                continue
            left = max(0, int(np.ceil(xs[order[k]])))
            right = min(labels.shape[1], int(np.ceil(xs[order[k + 1]])))
            last, place = np.int64(0), -1
            for x in range(left, right):
                value = np.int64(labels[y, x])
                if value != last:
                    last = value
                    place = find(ids, value) if value else -1
                if place >= 0:
                    counts[place] += 1
