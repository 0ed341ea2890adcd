"""Measurements of an object and its neighbours: which it touches and how much, and which lie how near.

All lengths are in the unit of the spacing, whatever the pixels' proportions. Nothing is ever computed for all pairs of
objects: contacts come from pairs of pixels, and distances of centroids from a KD-tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import touching_rows
from bioloom.measure.registry import MEASURED, NUMBERED, Objects, Property, measured, quantity, summed
from bioloom.measure.sums import Sums

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_NEAREST = 6
GROUP = "neighbours"
CELLPROFILER = "CellProfiler, MeasureObjectNeighbors"
ROUNDING = 1e-9  # share of a distance that is rounding: objects 0.3 apart are within 0.1 + 0.2


@dataclass(frozen=True)
class Contacts:
    """Pairs (n, 2) of rows of objects that share faces of pixels, sorted, and the size of what they share.

    Each pair is there in both directions. The size is a length in planes and an area in stacks. `border` is the size
    (n objects,) of all faces of an object but those at the edge of the image.
    """

    pairs: Ints
    sizes: Floats
    border: Floats


@summed("faces")
def contact_sizes(objects: Objects, sums: Sums, channel: str) -> Contacts:
    """Sizes of the faces of pixels between objects, and between objects and background."""
    assert sums.faces is not None
    face = objects.pixel_size / objects.spacing
    sizes = sums.faces.counts @ face
    pairs = touching_rows(sums)
    both, sizes = np.concatenate([pairs, pairs[:, ::-1]]), np.concatenate([sizes, sizes])
    order = np.lexsort((both[:, 1], both[:, 0]))
    border = sums.faces.outside @ face + _sums(both[:, 0], sizes, objects.ids.size)
    return Contacts(both[order], sizes[order], border)


def _sums(rows: Ints, values: Floats, n: int) -> Floats:
    """Add up values by row."""
    return np.bincount(rows, values, n).astype(np.float64)


def _contact_size(objects: Objects, contacts: Contacts) -> Floats:
    return _sums(contacts.pairs[:, 0], contacts.sizes, objects.ids.size)


@measured(GROUP, "length", "contact_sizes", ndims=(2,), source="")
def contact_length(objects: Objects, contacts: Contacts) -> Array:
    """Length of the edges of pixels that the object shares with other objects; 0 if it touches none."""
    return _contact_size(objects, contacts)


@measured(GROUP, "length²", "contact_sizes", ndims=(3,), source="")
def contact_area(objects: Objects, contacts: Contacts) -> Array:
    """Area of the faces of voxels that the object shares with other objects; 0 if it touches none."""
    return _contact_size(objects, contacts)


@measured(GROUP, "", "contact_sizes", source=f"{CELLPROFILER} (PercentTouching)")
def touching_portion(objects: Objects, contacts: Contacts) -> Array:
    """Share of its border, without that at the edge of the image, that touches other objects; NaN without border."""
    return _contact_size(objects, contacts) / np.where(contacts.border > 0, contacts.border, np.nan)


@measured(GROUP, "", "contact_sizes", source="CLIJ, touch portion")
def touching_portion_max(objects: Objects, contacts: Contacts) -> Array:
    """Share of its border that touches the object with the longest contact; 0 if it touches none."""
    largest = np.zeros(objects.ids.size)
    np.maximum.at(largest, contacts.pairs[:, 0], contacts.sizes)
    return largest / np.where(contacts.border > 0, contacts.border, np.nan)


@quantity("contact_sizes", "centroid")
def touching_distances(objects: Objects, contacts: Contacts, centroid: Floats) -> dict[str, Floats]:
    """Smallest, mean and largest distance to the centroids of the objects it touches; NaN if it touches none."""
    n = objects.ids.size
    a, b = contacts.pairs.T
    distances = np.linalg.norm(centroid[a] - centroid[b], axis=1)
    least, most = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(least, a, distances)
    np.maximum.at(most, a, distances)
    counts = np.bincount(a, minlength=n)
    some = counts > 0
    found = {"min": least, "mean": np.bincount(a, distances, n) / np.maximum(counts, 1), "max": most}
    return {name: np.where(some, values, np.nan) for name, values in found.items()}


@measured(GROUP, "length", "touching_distances", source="CLIJ, minimum distance of touching neighbors")
def touching_distance_min(objects: Objects, distances: dict[str, Floats]) -> Array:
    """Distance to the nearest centroid of an object it touches; NaN if it touches none."""
    return distances["min"]


@measured(GROUP, "length", "touching_distances", source="CLIJ, average distance of touching neighbors")
def touching_distance_mean(objects: Objects, distances: dict[str, Floats]) -> Array:
    """Mean distance to the centroids of the objects it touches; NaN if it touches none."""
    return distances["mean"]


@measured(GROUP, "length", "touching_distances", source="CLIJ, maximum distance of touching neighbors")
def touching_distance_max(objects: Objects, distances: dict[str, Floats]) -> Array:
    """Distance to the farthest centroid of an object it touches; NaN if it touches none."""
    return distances["max"]


# ------------------------------------------------------------------------------------------------ centroids
def nearest_points(points: Floats, k: int) -> tuple[Floats, Ints]:
    """Distances and rows (n, ≤ k) of the nearest other points, the nearest first, by a KD-tree.

    Of points equally near that are found, those with lower rows come first. Points with NaN have no neighbours and are
    none: their distances are NaN and their rows -1.
    """
    from scipy.spatial import KDTree

    from bioloom.device import n_cores

    there = np.flatnonzero(np.isfinite(points).all(axis=1))
    k = max(0, min(k, there.size - 1))
    distances, rows = np.full((len(points), k), np.nan), np.full((len(points), k), -1, np.int64)
    if k == 0:
        return distances, rows
    found, index = KDTree(points[there]).query(points[there], k=k + 1, workers=n_cores())
    # Where many points coincide, a point itself need not be among those found; then the last is as good as any.
    own = index == np.arange(there.size)[:, None]
    own[~own.any(axis=1), -1] = True
    found, index = found[~own].reshape(-1, k), index[~own].reshape(-1, k)
    order = np.lexsort((index, found), axis=1)
    distances[there] = np.take_along_axis(found, order, 1)
    rows[there] = there[np.take_along_axis(index, order, 1)]
    return distances, rows


@quantity("centroid")
def nearest_centroids(objects: Objects, centroid: Floats) -> tuple[Floats, Ints]:
    """Distances and rows of the six nearest other centroids, or of all others where they are fewer."""
    return nearest_points(centroid, N_NEAREST)


def number(length: float) -> str:
    """Write a length as in the name of a measurement: without exponent."""
    return np.format_float_positional(length, trim="-")


def _column(values: Floats, i: int) -> Floats:
    return values[:, i] if i < values.shape[1] else np.full(len(values), np.nan)


def label_of(objects: Objects, rows: Ints) -> Array:
    """Label of the objects of some rows, 0 for rows below 0."""
    if not objects.ids.size:
        return np.zeros(0, np.int64)
    return np.where(rows >= 0, objects.ids[np.maximum(rows, 0)], 0).astype(np.int64)


@measured(GROUP, "", "nearest_centroids", dtype=int, source=f"{CELLPROFILER} (FirstClosestObjectNumber)")
def nearest_neighbor_label(objects: Objects, nearest: tuple[Floats, Ints]) -> Array:
    """Label of the object with the nearest centroid; 0 if there is no other."""
    rows = nearest[1][:, 0] if nearest[1].shape[1] else np.full(objects.ids.size, -1)
    return label_of(objects, rows)


@measured(GROUP, "length", "nearest_centroids", source=f"{CELLPROFILER} (FirstClosestDistance)")
def nearest_neighbor_distance(objects: Objects, nearest: tuple[Floats, Ints]) -> Array:
    """Distance to the nearest centroid of another object; NaN if there is no other."""
    return _column(nearest[0], 0)


@measured(GROUP, "length", "nearest_centroids", source=f"{CELLPROFILER} (SecondClosestDistance)")
def second_nearest_neighbor_distance(objects: Objects, nearest: tuple[Floats, Ints]) -> Array:
    """Distance to the second nearest centroid of another object; NaN if there are no two others."""
    return _column(nearest[0], 1)


@measured(GROUP, "rad", "nearest_centroids", "centroid", source=f"{CELLPROFILER} (AngleBetweenNeighbors, in degrees)")
def nearest_neighbors_angle(objects: Objects, nearest: tuple[Floats, Ints], centroid: Floats) -> Array:
    """Angle at its centroid between those of the two nearest others, 0 to π; NaN if there are no two others."""
    distances, rows = nearest
    if distances.shape[1] < 2:
        return np.full(len(distances), np.nan)
    first, second = centroid[rows[:, 0]] - centroid, centroid[rows[:, 1]] - centroid
    cosine = (first * second).sum(axis=1) / (distances[:, 0] * distances[:, 1])
    angles: Floats = np.arccos(np.clip(cosine, -1, 1))
    return angles


@measured(GROUP, "1/lengthⁿ", "nearest_centroids", source="Moore (1954), Annals of Mathematical Statistics 25:112")
def local_density(objects: Objects, nearest: tuple[Floats, Ints]) -> Array:
    """Density (k − 1) / area (volume) of the disk (ball) out to the 6th nearest centroid, or kth if there are fewer.

    Without bias where objects are scattered at random; the edge of the image is not accounted for; NaN if there are no
    two others.
    """
    distances = nearest[0]
    k = distances.shape[1]
    if k < 2:
        return np.full(len(distances), np.nan)
    radius = distances[:, -1]
    ball = np.pi * radius**2 if objects.ndim == 2 else 4 / 3 * np.pi * radius**3
    density: Floats = (k - 1) / np.where(ball > 0, ball, np.nan)
    return density


def _of_n_nearest(name: str, of: Any, what: str, n: int) -> Property:
    def compute(objects: Objects, centroid: Floats) -> Floats:
        distances = nearest_points(centroid, n)[0]
        if distances.shape[1] < n:
            return np.full(len(distances), np.nan)
        found: Floats = of(distances, axis=1)
        return found

    return Property(
        f"{name}={n}",
        ("centroid",),
        compute,
        group=GROUP,
        description=f"{what} the {n} nearest centroids of other objects; NaN if there are fewer.",
        unit="length",
        source="CLIJ, average distance of n nearest neighbors",
    )


NUMBERED["nearest_neighbors_distance_mean"] = partial(
    _of_n_nearest, "nearest_neighbors_distance_mean", np.mean, "Mean distance to"
)
NUMBERED["nearest_neighbors_distance_max"] = partial(
    _of_n_nearest, "nearest_neighbors_distance_max", np.max, "Largest distance to"
)
NUMBERED["nearest_neighbors_distance_std"] = partial(
    _of_n_nearest, "nearest_neighbors_distance_std", np.std, "Standard deviation (divided by n) of the distances to"
)


@measured(GROUP, "length", "nearest_centroids", source="CLIJ, average distance of n nearest neighbors")
def nearest_neighbors_distance_mean(objects: Objects, nearest: tuple[Floats, Ints]) -> Array:
    """Mean distance to the 6 nearest centroids of other objects, or to all others where there are fewer; NaN for none.

    For another number of neighbours ask for ``nearest_neighbors_distance_mean=3``, and likewise
    ``nearest_neighbors_distance_max=3`` and ``nearest_neighbors_distance_std=3``.
    """
    distances = nearest[0]
    if not distances.shape[1]:
        return np.full(len(distances), np.nan)
    mean: Floats = distances.mean(axis=1)
    return mean


def count_within(points: Floats, radius: float) -> Ints:
    """Count the other points within a distance of each; 0 for points with NaN."""
    from scipy.spatial import KDTree

    from bioloom.device import n_cores

    there = np.isfinite(points).all(axis=1)
    counts = np.zeros(len(points), np.int64)
    if there.any():
        limit = radius * (1 + ROUNDING)
        tree = KDTree(points[there])
        found = tree.query_ball_point(points[there], limit, return_length=True, workers=n_cores())
        counts[there] = np.asarray(found) - 1
    return counts


def _neighbor_count_within(radius: float) -> Property:
    return Property(
        f"neighbor_count_within={number(radius)}",
        ("centroid",),
        lambda objects, centroid: count_within(centroid, radius),
        group=GROUP,
        description=f"Count of other objects with a centroid within {number(radius)} of its own.",
        source="CLIJ, proximal neighbor count",
        dtype=int,
    )


MEASURED["neighbor_count_within"] = _neighbor_count_within
