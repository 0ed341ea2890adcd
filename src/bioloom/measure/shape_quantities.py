"""Shared intermediate results of the measurements of shape, each computed once per frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.measure._threads import in_threads, ranges
from bioloom.measure.quantities import Coordinates
from bioloom.measure.registry import Objects, quantity, slabs

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_PIXELS_PER_TASK = 1 << 20
_ROW_COST = {2: 20, 3: 500}  # what the hull takes per row of an object, in pixels looked at


def in_lanes(objects: Objects, work: Callable[[int, int, int], None]) -> None:
    """Run `work(lane, first row, last row)` for all rows of the labels, in threads that each have their own lane."""
    rows, lanes = list(slabs(objects.labels, _nothing)), device.n_cores()
    for first in range(0, len(rows), lanes):
        calls = [partial(work, lane, *some) for lane, some in enumerate(rows[first : first + lanes])]
        in_threads(calls, objects.tick)


def add_rows(objects: Objects, kernel: Callable[..., None], labels: Array, width: int, *arguments: Any) -> Ints:
    """Run a kernel that adds rows of the labels to `out` (n, width), in threads each of which has its own sums."""
    sums: dict[int, Ints] = {}

    def add(lane: int, first: int, last: int) -> None:
        out = sums.setdefault(lane, np.zeros((objects.ids.size, width), np.int64))
        kernel(labels, objects.table, objects.ids, first, last, *arguments, out)

    in_lanes(objects, add)
    total = np.zeros((objects.ids.size, width), np.int64)
    for some in sums.values():
        total += some
    return total


def for_objects(objects: Objects, costs: Ints, task: Callable[[int, int], None]) -> None:
    """Run `task(first, last)` on ranges of objects in threads; `costs` says about how many pixels each object takes."""
    in_threads([partial(task, *some) for some in ranges(costs, _PIXELS_PER_TASK)], objects.tick)


def _nothing() -> None:
    """Do nothing."""


@quantity()
def contour_length(objects: Objects) -> Floats:
    """Length of the contour, in pixels."""
    from bioloom.measure._outline import CLASS_LENGTHS, N_CLASSES, add_contours, contour_classes

    lengths: Floats = add_rows(objects, add_contours, objects.labels[0], N_CLASSES, contour_classes()) @ CLASS_LENGTHS
    return lengths


@quantity()
def entries(objects: Objects) -> Ints:
    """How often lines along each of `steps_back` enter the object, and in the last column its Euler number."""
    from bioloom.measure._crofton import add_entries
    from bioloom.measure._euler import euler_table, steps_back

    steps = steps_back(objects.ndim)
    return add_rows(objects, add_entries, objects.labels, len(steps) + 1, steps, euler_table(objects.ndim))


@quantity("entries")
def crofton_measure(objects: Objects, entries: Ints) -> Floats:
    """Length of the outline, or area of the surface, by the formula of Crofton."""
    return crofton(objects, entries[:, :-1])


def crofton(objects: Objects, entries: Ints) -> Floats:
    """Length or area of a boundary that lines along each of `steps_back` enter so often."""
    from bioloom.measure._crofton import measures_per_entry
    from bioloom.measure._euler import steps_back

    measure: Floats = entries @ measures_per_entry(steps_back(objects.ndim), objects.spacing)
    return measure


@dataclass(frozen=True)
class Rows:
    """First and last pixel per row of each object, from the first pixel of its bounding box.

    Row (z, y) of object k, from the first of the bounding box, is at offsets[k] + z * heights[k] + y.
    """

    offsets: Ints
    heights: Ints
    left: Array
    right: Array


@quantity("coordinates")
def row_ends(objects: Objects, coordinates: Coordinates) -> Rows:
    """Find where each object begins and ends in each row."""
    from bioloom.measure._hull import FAR, add_row_ends

    size = coordinates.high - coordinates.low
    heights = np.ascontiguousarray(size[:, 1])
    offsets = np.concatenate([[0], np.cumsum(size[:, 0] * heights)])
    left, right = np.full(offsets[-1], FAR, np.int32), np.full(offsets[-1], -FAR, np.int32)
    low = np.ascontiguousarray(coordinates.low)

    def add(lane: int, first: int, last: int) -> None:
        # Threads do not get into each other's way: every row of an object belongs to one of them.
        add_row_ends(objects.labels, objects.table, objects.ids, first, last, low, heights, offsets, left, right)

    in_lanes(objects, add)
    return Rows(offsets, heights, left, right)


@quantity("row_ends")
def hull_rows(objects: Objects, row_ends: Rows) -> Rows:
    """Rows of the pixels that have their centre in the convex hull."""
    from bioloom.measure._hull import fill_hulls
    from bioloom.measure._hull3d import fill_hulls_3d

    r = row_ends
    hull = Rows(r.offsets, r.heights, np.empty_like(r.left), np.empty_like(r.right))

    def task(first: int, last: int) -> None:
        if objects.ndim == 2:
            fill_hulls(first, last, r.offsets, r.left, r.right, True, hull.left, hull.right)
        else:
            fill_hulls_3d(first, last, r.offsets, r.heights, r.left, r.right, hull.left, hull.right)

    for_objects(objects, _ROW_COST[objects.ndim] * np.diff(r.offsets), task)
    return hull


@quantity("hull_rows")
def hull_count(objects: Objects, hull_rows: Rows) -> Ints:
    """Count the pixels in the convex hull."""
    from bioloom.measure._hull import count_rows

    out = np.zeros(objects.ids.size, np.int64)
    count_rows(0, len(out), hull_rows.offsets, hull_rows.left, hull_rows.right, out)
    return out


@quantity("row_ends")
def hull_outline(objects: Objects, row_ends: Rows) -> Floats:
    """Length of the outline of the pixels in the convex hull of the pixel centres, by the formula of Crofton.

    This hull, unlike that of diamonds around the pixels, adds no pixel to a digital disk or polygon.
    """
    from bioloom.measure._hull import count_entries, fill_hulls

    r = row_ends
    n = objects.ids.size
    starts, stops, out = np.empty_like(r.left), np.empty_like(r.right), np.zeros((n, 4), np.int64)
    fill_hulls(0, n, r.offsets, r.left, r.right, False, starts, stops)
    count_entries(0, n, r.offsets, starts, stops, out)
    return crofton(objects, out)


@quantity("hull_rows")
def feret_diameters(objects: Objects, hull_rows: Rows) -> Floats:
    """Largest and smallest Feret diameter (n, 2), in stacks only the largest (n, 1)."""
    from bioloom.measure._feret import add_diameters, add_diameters_3d

    r = hull_rows
    out = np.empty((objects.ids.size, 2 if objects.ndim == 2 else 1))

    def task(first: int, last: int) -> None:
        if objects.ndim == 2:
            add_diameters(first, last, r.offsets, r.left, r.right, objects.spacing, out)
        else:
            add_diameters_3d(first, last, r.offsets, r.heights, r.left, r.right, objects.spacing, out[:, 0])

    for_objects(objects, _ROW_COST[objects.ndim] * np.diff(r.offsets), task)
    return out


@quantity("coordinates")
def hole_count(objects: Objects, coordinates: Coordinates) -> Ints:
    """Count the pixels in holes."""
    from bioloom.measure._filled import add_holes

    out = np.zeros(objects.ids.size, np.int64)
    low, high = np.ascontiguousarray(coordinates.low), np.ascontiguousarray(coordinates.high)

    def task(first: int, last: int) -> None:
        add_holes(objects.labels, objects.ids, first, last, low, high, out)

    for_objects(objects, np.prod(high - low, axis=1), task)
    return out


@quantity("covariance")
def principal_axes(objects: Objects, covariance: Floats) -> Floats:
    """Find the unit vectors (n, axis, ndim) along which the object extends most, …, least; NaN for one pixel.

    The largest component of each is above 0, since an axis has no front.
    """
    _, vectors = np.linalg.eigh(covariance)
    axes = np.swapaxes(vectors, 1, 2)[:, ::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=2)[:, :, None], axis=2)
    axes = np.where(largest < 0, -axes, axes)
    axes[np.trace(covariance, axis1=1, axis2=2) == 0] = np.nan
    turned: Floats = axes
    return turned
