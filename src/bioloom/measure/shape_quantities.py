"""Shared intermediate results of the measurements of shape, each computed once per frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._threads import in_lanes, in_threads, ranges
from bioloom.measure.quantities import Coordinates
from bioloom.measure.registry import Objects, quantity

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_PIXELS_PER_TASK = 1 << 20
_ROW_COST = {2: 20, 3: 500}  # what the hull takes per row of an object, in pixels looked at


def add_rows(objects: Objects, kernel: Callable[..., None], width: int, *arguments: Any) -> Ints:
    """Run a kernel that adds rows of the labels to `out` (n, width), in threads each of which has its own sums."""
    sums: dict[int, Ints] = {}

    def add(lane: int, first: int, last: int) -> None:
        out = sums.setdefault(lane, np.zeros((objects.ids.size, width), np.int64))
        kernel(objects.labels, objects.table, objects.ids, first, last, *arguments, out)

    in_lanes(objects.slabs(), objects.tick, add)
    total = np.zeros((objects.ids.size, width), np.int64)
    for some in sums.values():
        total += some
    return total


def visit_rows(objects: Objects, kernel: Callable[..., None], low: Ints, *arguments: Any) -> None:
    """Run a kernel on all rows, in threads; it may write what belongs to these, which begin at low[k] of object k."""
    calls = [
        partial(kernel, objects.labels, objects.table, objects.ids, *rows, low, *arguments) for rows in objects.slabs()
    ]
    in_threads(calls, objects.tick)


def for_objects(objects: Objects, costs: Ints, task: Callable[[int, int], None]) -> None:
    """Run `task(first, last)` on ranges of objects in threads; `costs` says about how many pixels each object takes."""
    in_threads([partial(task, *some) for some in ranges(costs, _PIXELS_PER_TASK)], objects.tick)


@quantity()
def contour_length(objects: Objects) -> Floats:
    """Length of the contour, in pixels."""
    from bioloom.measure._outline import CLASS_LENGTHS, N_CLASSES, add_contours, contour_classes

    lengths: Floats = add_rows(objects, add_contours, N_CLASSES, contour_classes()) @ CLASS_LENGTHS
    return lengths


@quantity()
def entries(objects: Objects) -> Ints:
    """How often lines along each of `steps_back` enter the object, and in the last column its Euler number."""
    from bioloom.measure._crofton import add_entries
    from bioloom.measure._euler import euler_table, steps_back

    steps = steps_back(objects.ndim)
    return add_rows(objects, add_entries, len(steps) + 1, steps, euler_table(objects.ndim))


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
    runs: Array
    """Number of runs of pixels per row."""


@quantity("coordinates")
def row_ends(objects: Objects, coordinates: Coordinates) -> Rows:
    """Find where each object begins and ends in each row."""
    from bioloom.measure._hull import FAR, add_row_ends

    size = coordinates.high - coordinates.low
    heights = np.ascontiguousarray(size[:, 1])
    offsets = np.concatenate([[0], np.cumsum(size[:, 0] * heights)])
    left, right = np.full(offsets[-1], FAR, np.int32), np.full(offsets[-1], -FAR, np.int32)
    runs = np.zeros(offsets[-1], np.int32)
    visit_rows(objects, add_row_ends, coordinates.low, heights, offsets, left, right, runs)
    return Rows(offsets, heights, left, right, runs)


@quantity("row_ends")
def hull_rows(objects: Objects, row_ends: Rows) -> Rows:
    """Rows of the pixels that have their centre in the convex hull."""
    from bioloom.measure._hull import fill_hulls
    from bioloom.measure._hull3d import fill_hulls_3d

    r = row_ends
    hull = replace(r, left=np.empty_like(r.left), right=np.empty_like(r.right), runs=np.ones_like(r.runs))

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


def feret_diameters(objects: Objects, r: Rows, smallest: bool) -> Floats:
    """Largest or smallest Feret diameters of objects, or of the pixels in their hulls, with these rows."""
    from bioloom.measure._feret import add_diameters, add_diameters_3d

    out = np.empty(objects.ids.size)
    scale = objects.spacing[objects.axes] / 2

    def task(first: int, last: int) -> None:
        if objects.ndim == 2:
            add_diameters(first, last, r.offsets, r.left, r.right, scale, smallest, out)
        else:
            add_diameters_3d(first, last, r.offsets, r.heights, r.left, r.right, scale, smallest, out)

    for_objects(objects, _ROW_COST[objects.ndim] * np.diff(r.offsets), task)
    return out


@quantity("coordinates", "row_ends")
def hole_count(objects: Objects, coordinates: Coordinates, row_ends: Rows) -> Ints:
    """Count the pixels in holes."""
    from bioloom.measure._filled import add_holes, add_runs, room_for_runs

    r = row_ends
    out = np.zeros(objects.ids.size, np.int64)
    firsts = np.empty(r.left.size + 1, np.int64)
    runs = np.zeros((room_for_runs(r.offsets, r.runs, firsts), 2), np.int32)
    if len(runs):
        visit_rows(objects, add_runs, coordinates.low, r.heights, r.offsets, firsts, np.zeros_like(r.runs), runs)
        widths = coordinates.high[:, 2] - coordinates.low[:, 2]

        def task(first: int, last: int) -> None:
            add_holes(first, last, r.offsets, r.heights, widths, firsts, runs, objects.ndim == 2, out)

        for_objects(objects, _ROW_COST[2] * np.diff(r.offsets), task)
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
