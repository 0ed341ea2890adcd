"""Measurements of the gaps between the surfaces of objects, from the runs of pixels in the rows nearby."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.neighbours_stats import CELLPROFILER, GROUP, ROUNDING, label_of, number
from bioloom.measure.registry import MEASURED, Objects, Property, measured, quantity

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Runs:
    """Runs (n, 4) of pixels of objects: row of the object, row of the image, first and last x, in order of the rows.

    Those of row r are from `offsets[r]` to `offsets[r + 1]`; those of object k are ``order[starts[k]:starts[k + 1]]``.
    """

    runs: NDArray[np.int32]
    offsets: Ints
    order: Ints
    starts: Ints


@quantity(whole=True)
def pixel_runs(objects: Objects) -> Runs:
    """List the runs of pixels of each object."""
    from bioloom.measure._gaps import count_runs, write_runs
    from bioloom.measure._threads import in_threads

    nz, ny, _ = objects.labels.shape
    arguments = (objects.labels, objects.table, objects.ids)
    counts = np.zeros(nz * ny + 1, np.int64)
    in_threads([partial(count_runs, *arguments, *rows, counts[1:]) for rows in objects.slabs()], objects.tick)
    offsets = np.cumsum(counts)
    runs = np.empty((offsets[-1], 4), np.int32)
    in_threads([partial(write_runs, *arguments, *rows, offsets, runs) for rows in objects.slabs()], objects.tick)
    order = np.argsort(runs[:, 0], kind="stable")
    starts = np.searchsorted(runs[order, 0], np.arange(objects.ids.size + 1))
    return Runs(runs, offsets, order, starts)


def _over_runs(objects: Objects, runs: Runs, function: Any, *rest: Any) -> None:
    """Call a kernel for ranges of objects, in threads."""
    from bioloom.measure._threads import in_threads, ranges

    parts = ranges(np.diff(runs.starts), 1 << 15)
    given = (objects.labels.shape, runs.runs, runs.offsets, runs.order, runs.starts, objects.spacing)
    in_threads([partial(function, *given, *part, *rest) for part in parts], objects.tick)


@quantity("pixel_runs")
def surface_gaps(objects: Objects, runs: Runs) -> tuple[Floats, Ints]:
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
    def compute(objects: Objects, runs: Runs) -> Ints:
        from bioloom.measure._gaps import count_surfaces_within

        counts = np.zeros(objects.ids.size, np.int64)
        _over_runs(objects, runs, count_surfaces_within, (distance * (1 + ROUNDING)) ** 2, counts)
        return counts

    return Property(
        f"surface_neighbor_count_within={number(distance)}",
        ("pixel_runs",),
        compute,
        group=GROUP,
        description=f"Count of other objects that come within {number(distance)} of it, surface to surface.",
        source=f"{CELLPROFILER} (NumberOfNeighbors within a distance)",
        dtype=int,
    )


MEASURED["surface_neighbor_count_within"] = _surface_neighbor_count_within
