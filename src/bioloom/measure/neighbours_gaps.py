"""Measurements of the gaps between the surfaces of objects, from the runs of pixels in the rows nearby."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.device import n_cores
from bioloom.measure.neighbours_stats import CELLPROFILER, GROUP, ROUNDING, label_of, nearest_points, number
from bioloom.measure.quantities import Coordinates
from bioloom.measure.registry import MEASURED, Objects, Property, measured, quantity

if TYPE_CHECKING:
    from bioloom.measure._frame import Frame

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Runs:
    """Runs (n, 4) of pixels of objects: row of the object, row of the image, first and last x, in order of the rows.

    Those of row r of an image or part of one, of the given shape, are from `offsets[r]` to `offsets[r + 1]`; those of
    the kth of the objects in question are ``order[starts[k]:stops[k]]``.
    """

    shape: tuple[int, ...]
    runs: NDArray[np.int32]
    offsets: Ints
    order: Ints
    starts: Ints
    stops: Ints


def _list_runs(
    labels: Array, table: Array, ids: Array, rows: Sequence[tuple[int, int]], do: Callable[[list[Any]], Any]
) -> tuple[Ints, NDArray[np.int32]]:
    """Count the runs of each row, and list them all; `do` calls functions for ranges of rows."""
    from bioloom.measure._gaps import count_runs, write_runs

    counts = np.zeros(labels.shape[0] * labels.shape[1], np.int64)
    do([partial(count_runs, labels, table, ids, *some, counts) for some in rows])
    offsets = np.concatenate([[0], np.cumsum(counts)])
    runs = np.empty((offsets[-1], 4), np.int32)
    do([partial(write_runs, labels, table, ids, *some, offsets, runs) for some in rows])
    return counts, runs


def _sorted(shape: tuple[int, ...], counts: Ints, runs: Array, wanted: Array) -> Runs:
    """Find the runs of the objects with the rows `wanted`."""
    order = np.argsort(runs[:, 0], kind="stable")
    rows = runs[order, 0]
    starts, stops = np.searchsorted(rows, wanted), np.searchsorted(rows, wanted, "right")
    return Runs(shape, runs, np.concatenate([[0], np.cumsum(counts)]), order, starts, stops)


@quantity()
def pixel_runs(objects: Objects) -> Runs:
    """List the runs of pixels of each object."""
    from bioloom.measure._threads import in_threads

    rows = list(objects.slabs())
    do = partial(in_threads, tick=objects.tick)
    counts, runs = _list_runs(objects.labels, objects.table, objects.ids, rows, do)
    return _sorted(objects.labels.shape, counts, runs, np.arange(objects.ids.size))


def _over_runs(objects: Objects, runs: Runs, function: Any, *rest: Any) -> None:
    """Call a kernel for ranges of objects, in threads."""
    from bioloom.measure._threads import in_threads, ranges

    parts = ranges(runs.stops - runs.starts, 1 << 15)
    given = (runs.shape, runs.runs, runs.offsets, runs.order, runs.starts, runs.stops, objects.spacing)
    in_threads([partial(function, *given, *part, *rest) for part in parts], objects.tick)


# ------------------------------------------------------------------------------- frames read block by block
def _reach(objects: Objects, coordinates: Coordinates) -> Floats:
    """How far the surface of each object is at most from that of the object with the nearest centroid; 0 for one.

    An object has a pixel at each side of its bounding box. Of two whose boxes are apart along an axis, those at the
    sides that face each other are no farther apart than this gap and, along the other axes, the extent of both.
    """
    axes = objects.axes
    spacing = objects.spacing[axes]
    centroids = (coordinates.first + coordinates.sums[:, 1:4] / coordinates.sums[:, :1])[:, axes] * spacing
    rows = nearest_points(centroids, 1)[1]
    if not rows.size:
        return np.zeros(objects.ids.size)
    low, high = coordinates.low[:, axes] * spacing, coordinates.high[:, axes] * spacing
    other_low, other_high = low[rows[:, 0]], high[rows[:, 0]]
    gap = np.maximum(other_low - high, low - other_high)
    extent = np.maximum(high, other_high) - np.minimum(low, other_low)
    squares = np.where(gap >= 0, np.square(gap) - np.square(extent), 0)
    reach: Floats = np.sqrt(np.square(extent).sum(axis=1) + squares.min(axis=1))
    return reach


def _runs_within(objects: Objects, frame: Frame, low: Ints, high: Ints, wanted: Ints) -> tuple[Ints, Runs]:
    """List the runs in a part of a frame, read in strips; return the rows of all objects there, too."""
    found, counts = [], []
    height = max(1, int(np.prod(frame.block)) // max(1, int(high[2] - low[2])))
    planes = max(1, height // max(1, int(high[1] - low[1])))
    height = int(high[1] - low[1]) if planes > 1 else height
    for z in range(int(low[0]), int(high[0]), planes):
        for y in range(int(low[1]), int(high[1]), height):
            top, bottom = np.array([z, y, low[2]]), np.minimum([z + planes, y + height, high[2]], high)
            labels = frame.labels(top, bottom).astype(objects.ids.dtype, copy=False)
            rows = [(0, labels.shape[0] * labels.shape[1])]
            counted, of_strip = _list_runs(labels, np.empty(0, np.int32), objects.ids, rows, _call)
            of_strip[:, 1] += ((z - low[0]) * (high[1] - low[1]) + y - low[1]).astype(np.int32)
            found.append(of_strip)
            counts.append(counted)
            frame.tick()
    runs = np.concatenate(found)
    present, local = np.unique(runs[:, 0].astype(np.int64), return_inverse=True)
    runs[:, 0] = local
    return present, _sorted(
        tuple((high - low).tolist()), np.concatenate(counts), runs, np.searchsorted(present, wanted)
    )


def _call(functions: Sequence[Callable[[], None]]) -> None:
    """Call functions one after the other: those of a tile are in a thread of the pool already."""
    for function in functions:
        function()


def _by_tiles(
    objects: Objects, frame: Frame, coordinates: Coordinates, reach: Floats, look: Callable[[Ints, Ints, Runs], None]
) -> None:
    """Call ``look(rows, present, runs)`` for groups of objects, with the runs as far as the objects reach."""
    from bioloom.measure._frame import in_order

    def of_tile(rows: Ints) -> None:
        margin = np.ceil(reach[rows, None] / objects.spacing).astype(np.int64) + 1
        low, high = coordinates.low[rows] - margin, coordinates.high[rows] + margin
        corners = np.maximum(low.min(axis=0), 0), np.minimum(high.max(axis=0), frame.shape)
        look(rows, *_runs_within(objects, frame, *corners, rows))

    tiles = frame.tiles(coordinates.low, coordinates.high)
    for _ in in_order([partial(of_tile, rows) for rows in tiles], n_cores()):
        frame.tick()


def _surface_gaps_of_blocks(
    objects: Objects, frame: Frame, runs: None, coordinates: Coordinates
) -> tuple[Floats, Ints]:
    """Find the gaps of the objects of each block, looking as far as another object is for sure."""
    from bioloom.measure._gaps import nearest_surfaces

    square, nearest = np.full(objects.ids.size, np.nan), np.full(objects.ids.size, -1, np.int64)

    def look(rows: Ints, present: Ints, found: Runs) -> None:
        gaps, who = np.full(rows.size, np.nan), np.full(rows.size, -1, np.int64)
        nearest_surfaces(found.shape, found.runs, found.offsets, found.order, found.starts, found.stops,
                         objects.spacing, 0, rows.size, gaps, who)  # fmt: skip
        square[rows], nearest[rows] = gaps, np.where(who >= 0, present[who], -1)

    if objects.ids.size > 1:
        _by_tiles(objects, frame, coordinates, _reach(objects, coordinates), look)
    return np.sqrt(square), nearest


@quantity("pixel_runs", "coordinates", by_blocks=_surface_gaps_of_blocks)
def surface_gaps(objects: Objects, runs: Runs, coordinates: Coordinates) -> tuple[Floats, Ints]:
    """Gap between each object and the nearest other, and the row of the latter; NaN and -1 if there is no other."""
    from bioloom.measure._gaps import nearest_surfaces

    square, nearest = np.full(objects.ids.size, np.nan), np.full(objects.ids.size, -1, np.int64)
    if objects.ids.size > 1:
        _over_runs(objects, runs, nearest_surfaces, square, nearest)
    return np.sqrt(square), nearest


@measured(GROUP, "length", "surface_gaps", source="")
def nearest_surface_distance(objects: Objects, gaps: tuple[Floats, Ints]) -> Array:
    """Smallest distance between its surface and that of another object; NaN if there is no other.

    Pixels are boxes: objects that touch, also at a corner, are 0 apart, and those with three pixels of background
    between them three times the size of a pixel.
    """
    return gaps[0]


@measured(GROUP, "", "surface_gaps", dtype=int, source="")
def nearest_surface_label(objects: Objects, gaps: tuple[Floats, Ints]) -> Array:
    """Label of the object with the nearest surface, the lowest of several; 0 if there is no other."""
    return label_of(objects, gaps[1])


def _surface_neighbor_count_within(distance: float) -> Property:
    limit = (distance * (1 + ROUNDING)) ** 2

    def compute(objects: Objects, runs: Runs, coordinates: Coordinates) -> Ints:
        from bioloom.measure._gaps import count_surfaces_within

        counts = np.zeros(objects.ids.size, np.int64)
        _over_runs(objects, runs, count_surfaces_within, limit, objects.ids.size, counts)
        return counts

    def by_blocks(objects: Objects, frame: Frame, runs: None, coordinates: Coordinates) -> Ints:
        from bioloom.measure._gaps import count_surfaces_within

        counts = np.zeros(objects.ids.size, np.int64)

        def look(rows: Ints, present: Ints, found: Runs) -> None:
            here = np.zeros(rows.size, np.int64)
            count_surfaces_within(found.shape, found.runs, found.offsets, found.order, found.starts, found.stops,
                                  objects.spacing, 0, rows.size, limit, present.size, here)  # fmt: skip
            counts[rows] = here

        _by_tiles(objects, frame, coordinates, np.full(objects.ids.size, np.sqrt(limit)), look)
        return counts

    return Property(
        f"surface_neighbor_count_within={number(distance)}",
        ("pixel_runs", "coordinates"),
        compute,
        by_blocks=by_blocks,
        group=GROUP,
        description=f"Count of other objects that come within {number(distance)} of it, surface to surface.",
        source=f"{CELLPROFILER} (NumberOfNeighbors within a distance)",
        dtype=int,
    )


MEASURED["surface_neighbor_count_within"] = _surface_neighbor_count_within
