"""Shared intermediate results of the measurements, each computed once per frame (and channel)."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects, quantity, summed
from bioloom.measure.sums import Places, Sums, Values

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

Coordinates = Places
Intensities = Values

_ROWS = 1 << 16  # objects at a time


# ---------------------------------------------------------------------------------------- sums over the pixels
@summed("places")
def coordinates(objects: Objects, sums: Sums, channel: str) -> Coordinates:
    """Return where the pixels of each object are."""
    return sums.places


@summed("cubes")
def cubic_coordinates(objects: Objects, sums: Sums, channel: str) -> Coordinates:
    """Return where the pixels of each object are, with sums to third order."""
    return sums.places


@summed("values", per_channel=True)
def intensities(objects: Objects, sums: Sums, channel: str) -> Intensities:
    """Return what values the pixels of each object have."""
    return sums.values[channel]


@summed("positions", per_channel=True)
def extreme_positions(objects: Objects, sums: Sums, channel: str) -> Ints:
    """Return the first pixels (n, 2, 3) with the minimum and with the maximum; -1 where there is no value."""
    values = sums.values[channel]
    return np.where(values.counts[:, None, None] > 0, values.where, -1)


@summed("edges", per_channel=True)
def edge_intensities(objects: Objects, sums: Sums, channel: str) -> Intensities:
    """Return what values those pixels have that share a face with another object or background."""
    return sums.edges[channel]


@summed("weighted_cubes", per_channel=True)
def weighted_cubes(objects: Objects, sums: Sums, channel: str) -> Floats:
    """Return sums (n, 20) of value × powers of the coordinates from the first pixel, to third order; see `Places`."""
    return sums.weighted[channel]


@summed("weighted", per_channel=True)
def weighted_sums(objects: Objects, sums: Sums, channel: str) -> Floats:
    """Return sums (n, 4) of the value, and of the value times z, y and x from the first pixel."""
    return sums.weighted[channel][:, :4]


@summed("faces")
def contacts(objects: Objects, sums: Sums, channel: str) -> Ints:
    """Return pairs (n, 2) of rows of objects that share a face, the lower row first, sorted."""
    return touching_rows(sums)


def touching_rows(sums: Sums) -> Ints:
    """Return the rows of the objects of each pair of `sums.faces`."""
    assert sums.faces is not None
    return np.searchsorted(sums.ids, sums.faces.pairs.astype(sums.ids.dtype)).astype(np.int64).reshape(-1, 2)


# ---------------------------------------------------------------------------------------------------- moments
@quantity("coordinates")
def pixel_count(objects: Objects, coordinates: Coordinates) -> Ints:
    """Count the pixels."""
    return coordinates.sums[:, 0]


@quantity("coordinates")
def covariance(objects: Objects, coordinates: Coordinates) -> Floats:
    """Covariance (n, ndim, ndim) of the pixel positions, in physical units."""
    whole = coordinates.sums
    scale = np.outer(objects.spacing, objects.spacing)
    out = np.empty((len(whole), objects.ndim, objects.ndim))
    for start in range(0, len(whole), _ROWS):
        part = _covariance(whole[start : start + _ROWS]) * scale
        out[start : start + _ROWS] = part[:, objects.axes, objects.axes]
    return out


def _covariance(whole: Ints) -> Floats:
    """Covariance (n, 3, 3) of the positions with these sums, in pixels."""
    order = np.array([[4, 7, 8], [7, 5, 9], [8, 9, 6]])
    raw = np.zeros((len(whole), 3, 3))
    # Whole numbers make symmetric objects exactly symmetric, unless they are so large that the products overflow.
    small = whole[:, 0].astype(float) * whole[:, 4:7].max(axis=1, initial=0) < 2.0**62
    for exact, sums in ((small, whole[small]), (~small, whole[~small].astype(np.float64))):
        # An object can have no pixel left if it was painted over while it was measured.
        count, first = np.maximum(sums[:, :1, None], 1), sums[:, 1:4]
        products = count * sums[:, order] - first[:, :, None] * first[:, None, :]
        raw[exact] = products / count.astype(np.float64) ** 2
    return raw


@quantity("covariance")
def inertia(objects: Objects, covariance: Floats) -> Floats:
    """Inertia tensor (n, ndim, ndim): the spread about each axis, as scikit-image defines it."""
    spread: Floats = np.trace(covariance, axis1=1, axis2=2)
    return spread[:, None, None] * np.eye(objects.ndim) - covariance


@quantity("inertia")
def inertia_eigenvalues(objects: Objects, inertia: Floats) -> Floats:
    """Eigenvalues (n, ndim) of the inertia tensor, largest first, none below 0."""
    if len(inertia) == 0:
        return np.zeros((0, objects.ndim))
    values: Floats = np.clip(np.linalg.eigvalsh(inertia), 0, None)[:, ::-1]
    # Rounding leaves a hair of width to lines, and of length to points.
    values[values < 1e-13 * values[:, :1]] = 0
    return values


# ------------------------------------------------------------------------------------------------------ ranks
@quantity("coordinates", "intensities", per_channel=True)
def quartiles(objects: Objects, image: Array, coordinates: Coordinates, intensities: Intensities) -> Floats:
    """Lower quartile, median, upper quartile, and median absolute deviation from the median (n, 4)."""
    return ranked(objects, image, coordinates, intensities)


def ranked(
    objects: Objects, image: Array, coordinates: Coordinates, intensities: Intensities, percent: float | None = None
) -> Floats:
    """Return a percentile (n, 1) of the values of every object, or what `quartiles` does; NaN where there are none."""
    from bioloom.measure import _ranks, _regions
    from bioloom.measure._threads import in_threads, ranges

    out = np.full((objects.ids.size, 4 if percent is None else 1), np.nan)
    share = float(percent or 0)
    low, high = np.ascontiguousarray(coordinates.low), np.ascontiguousarray(coordinates.high)
    boxes = np.prod(high - low, axis=1)
    # Those that fill their box so little that looking through it would take too long are gathered row by row.
    sparse = boxes > 8 * intensities.counts + 4096
    counts = np.where(sparse, 0, intensities.counts)
    given = objects.labels, image, objects.ids
    room = 1 << 16 if image.dtype.kind == "u" else 0
    in_threads(
        [
            partial(_ranks.of_boxes, *given, *some, low, high, counts, share, room, out)
            for some in ranges(np.where(sparse, 0, boxes))
        ],
        objects.tick,
    )
    if sparse.any():
        offsets = np.concatenate([[0], np.cumsum(np.where(sparse, intensities.counts, 0))])
        gathered = np.empty(offsets[-1], image.dtype)
        cursor = offsets[:-1].copy()
        for rows in objects.slabs():
            _regions.gather_values(
                objects.labels, image, objects.table, objects.ids, *rows, cursor, offsets[1:], gathered
            )
        _ranks.of_gathered(gathered, offsets[:-1], cursor, share, out)
    return out
