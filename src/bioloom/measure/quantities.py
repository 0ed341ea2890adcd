"""Shared intermediate results of the measurements, each computed once per frame (and channel)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects, quantity

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coordinates:
    """First pixel, bounding box (`high` is exclusive), and sums of coordinates from the first pixel, per object."""

    first: Ints
    low: Ints
    high: Ints
    sums: Ints


@quantity()
def coordinates(objects: Objects) -> Coordinates:
    """Add up where the pixels of each object are."""
    from bioloom.measure._regions import N_SUMS, add_coordinates

    n = objects.ids.size
    first, low, high = (np.zeros((n, 3), np.int64) for _ in range(3))
    sums = np.zeros((n, N_SUMS), np.int64)
    for rows in objects.slabs():
        add_coordinates(objects.labels, objects.table, objects.ids, *rows, first, low, high, sums)
    return Coordinates(first, low, high, sums)


@quantity("coordinates")
def pixel_count(objects: Objects, coordinates: Coordinates) -> Ints:
    """Count the pixels."""
    return coordinates.sums[:, 0]


@quantity("coordinates")
def covariance(objects: Objects, coordinates: Coordinates) -> Floats:
    """Covariance (n, ndim, ndim) of the pixel positions, in physical units."""
    order = np.array([[4, 7, 8], [7, 5, 9], [8, 9, 6]])
    whole = coordinates.sums
    raw = np.zeros((len(whole), 3, 3))
    # Whole numbers make symmetric objects exactly symmetric, unless they are so large that the products overflow.
    small = whole[:, 0].astype(float) * whole[:, 4:7].max(axis=1, initial=0) < 2.0**62
    for exact, sums in ((small, whole[small]), (~small, whole[~small].astype(np.float64))):
        # An object can have no pixel left if it was painted over while it was measured.
        count, first = np.maximum(sums[:, :1, None], 1), sums[:, 1:4]
        products = count * sums[:, order] - first[:, :, None] * first[:, None, :]
        raw[exact] = products / count.astype(np.float64) ** 2
    scaled = raw * np.outer(objects.spacing, objects.spacing)
    return np.ascontiguousarray(scaled[:, objects.axes, objects.axes])


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


@quantity()
def contacts(objects: Objects) -> Array:
    """Pairs (n, 2) of rows of objects that share a face, the lower row first, sorted."""
    from bioloom.measure._outline import list_contacts

    n = objects.ids.size
    keys = [np.zeros(0, np.int64)]
    for rows in objects.slabs():
        arguments = (objects.labels, objects.table, objects.ids, *rows)
        found = np.empty(list_contacts(*arguments, np.empty(0, np.int64)), np.int64)
        # The labels may have been painted in between, and the contacts be fewer.
        n_found = min(list_contacts(*arguments, found), found.size)
        keys.append(np.unique(found[:n_found]))
    unique = np.unique(np.concatenate(keys))
    return np.stack(np.divmod(unique, max(n, 1)), axis=1)


@dataclass(frozen=True)
class Intensities:
    """Number of values that are not NaN, sums of (value − shift) and its square, and (minimum, maximum), per object."""

    counts: Ints
    shift: Floats
    sums: Floats
    extremes: Floats


@quantity(per_channel=True)
def intensities(objects: Objects, image: Array) -> Intensities:
    """Add up the values of the pixels of each object."""
    from bioloom.measure._regions import add_intensities

    n = objects.ids.size
    counts, shift, sums = np.zeros(n, np.int64), np.zeros(n), np.zeros((n, 2))
    extremes = np.tile([np.inf, -np.inf], (n, 1))
    for rows in objects.slabs():
        add_intensities(objects.labels, image, objects.table, objects.ids, *rows, counts, shift, sums, extremes)
    extremes[counts == 0] = np.nan
    return Intensities(counts, shift, sums, extremes)


@quantity("coordinates", per_channel=True)
def weighted_sums(objects: Objects, image: Array, coordinates: Coordinates) -> Floats:
    """Add up (n, 4) the value, and the value times z, y and x from the first pixel."""
    from bioloom.measure._regions import add_weighted_coordinates

    sums = np.zeros((objects.ids.size, 4))
    for rows in objects.slabs():
        add_weighted_coordinates(objects.labels, image, objects.table, objects.ids, *rows, coordinates.first, sums)
    return sums


@quantity("intensities", per_channel=True)
def median_values(objects: Objects, image: Array, intensities: Intensities) -> Floats:
    """Median of the values that are not NaN."""
    from bioloom.measure._regions import gather_values, medians

    offsets = np.concatenate([[0], np.cumsum(intensities.counts)])
    gathered = np.empty(offsets[-1], image.dtype)
    starts, ends = offsets[:-1], offsets[1:]
    cursor = starts.copy()
    for rows in objects.slabs():
        gather_values(objects.labels, image, objects.table, objects.ids, *rows, cursor, ends, gathered)
    out = np.empty(objects.ids.size)
    medians(gathered, starts, cursor, out)
    return out
