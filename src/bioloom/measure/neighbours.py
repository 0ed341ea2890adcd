"""Quantities of objects and their neighbours: who touches whom and how much, and who lies how near."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import Coordinates, touching_rows
from bioloom.measure.registry import Objects, quantity, summed
from bioloom.measure.sums import Sums, sum_up

if TYPE_CHECKING:
    from bioloom.measure._frame import Frame

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

PORTIONS = (0, 0.16, 0.2, 0.33, 0.5, 0.75)
_MOST = 20  # neighbours looked at at most where a property does not ask for a number of its own


@dataclass(frozen=True)
class Borders:
    """Pairs (n, 2) of rows of objects that share a face, sorted, the lower first, and how many faces they share.

    Background is a row after that of the last object.
    """

    pairs: Ints
    counts: Ints


@summed("faces")
def borders(objects: Objects, sums: Sums, channel: str) -> Borders:
    """Count the faces of pixels between objects, and between objects and background."""
    assert sums.faces is not None
    n = objects.ids.size
    open_rows = np.flatnonzero(sums.faces.outside.any(axis=1))
    pairs = np.concatenate([touching_rows(sums), np.stack([open_rows, np.full_like(open_rows, n)], axis=1)])
    counts = np.concatenate([sums.faces.counts.sum(axis=1), sums.faces.outside[open_rows].sum(axis=1)])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return Borders(pairs[order], counts[order])


def _border_means_of_blocks(objects: Objects, frame: Frame, channel: str, borders: Borders) -> Floats:
    """Add up the values of faces block by block."""

    def add(low: Ints, size: Ints) -> tuple[Floats, bool]:
        _, high = frame.around(low, low + size, 1)
        labels, image = frame.labels(low, high), frame.image(channel, low, high)
        return _face_sums(objects, np.empty(0, np.int32), borders, labels, image, size)

    sums, whole = np.zeros((len(borders.pairs), 2)), True
    for some, are_whole in frame.each_block(add):
        sums += some
        whole &= are_whole
    return _border_means(objects, borders, sums, whole)


@quantity("borders", per_channel=True, by_blocks=_border_means_of_blocks)
def border_means(objects: Objects, image: Array, borders: Borders) -> Floats:
    """Mean value along the border of each pair of `borders`; NaN for borders with background.

    The value of a face is the mean of its two pixels, rounded down in images of whole numbers, as clEsperanto does.
    """
    objects.tick()
    size = np.array(objects.labels.shape)
    return _border_means(objects, borders, *_face_sums(objects, objects.table, borders, objects.labels, image, size))


def _face_sums(
    objects: Objects, table: Array, borders: Borders, labels: Array, image: Array, size: Ints
) -> tuple[Floats, bool]:
    """Add up the mean values of faces, exact and rounded down; tell whether all values are whole numbers."""
    from bioloom.measure._touching import add_face_values

    sums = np.zeros((len(borders.pairs), 2))
    keys = borders.pairs[:, 0] * (objects.ids.size + 1) + borders.pairs[:, 1]
    add_face_values(labels.astype(objects.ids.dtype, copy=False), image, table, objects.ids, size, keys, sums)
    return sums, image.dtype.kind in "ui" or bool((image == np.floor(image)).all())


def _border_means(objects: Objects, borders: Borders, sums: Floats, whole: bool) -> Floats:
    means: Floats = np.where(borders.pairs[:, 1] < objects.ids.size, sums[:, int(whole)] / borders.counts, np.nan)
    return means


def centroids_in_pixels(coordinates: Coordinates) -> Floats:
    """Mean position (n, 3) of the pixels along z, y and x."""
    centroids: Floats = coordinates.first + coordinates.sums[:, 1:4] / coordinates.sums[:, :1]
    return centroids


@quantity("coordinates", "borders")
def touching(objects: Objects, coordinates: Coordinates, borders: Borders) -> dict[str, Array]:
    """Statistics of the neighbours that touch an object."""
    return _touching(objects.ids.size, centroids_in_pixels(coordinates), borders)


def _dilated_by_blocks(objects: Objects, frame: Frame, radius: int) -> dict[str, Array]:
    """Grow the objects of each block with those around it, and sum up the block."""
    from bioloom.measure._blocks import merged_blocks
    from bioloom.measure._summing import sum_rows

    def grown(low: Ints, size: Ints) -> Sums:
        begin, end = frame.around(low, low + size, radius + 1)
        return sum_rows(dilated(frame.labels(begin, end), radius), low - begin, size, {}, ["faces"], low)

    sums = merged_blocks(frame, grown, frame.tick)
    return _touching(objects.ids.size, centroids_in_pixels(sums.places), borders(objects, sums, ""))


@quantity(by_blocks=partial(_dilated_by_blocks, radius=5))
def touching_dilated_5(objects: Objects) -> dict[str, Array]:
    """Statistics of the neighbours that touch an object once all have grown by 5 pixels."""
    return _touching_dilated(objects, 5)


@quantity(by_blocks=partial(_dilated_by_blocks, radius=10))
def touching_dilated_10(objects: Objects) -> dict[str, Array]:
    """Statistics of the neighbours that touch an object once all have grown by 10 pixels."""
    return _touching_dilated(objects, 10)


def _touching_dilated(objects: Objects, radius: int) -> dict[str, Array]:
    n = objects.ids.size
    if objects.table.size:
        # Labels painted meanwhile may lie beyond the table.
        rows = objects.table[np.minimum(objects.labels, objects.table.size - 1)] + 1
    else:
        rows = np.searchsorted(objects.ids, objects.labels) + 1
        rows[objects.labels == 0] = 0
    numbered = dilated(rows.astype(np.uint32), radius, objects.tick)
    table = np.arange(-1, n, dtype=np.int32)
    grown = dataclasses.replace(objects, labels=numbered, ids=np.arange(1, n + 1, dtype=np.uint32), table=table)
    sums = sum_up(numbered, {}, ["faces"], tick=objects.tick).of(grown.ids)
    return _touching(n, centroids_in_pixels(sums.places), borders(grown, sums, ""))


def dilated(labels: Array, radius: int, tick: Any = lambda: None) -> Array:
    """Grow objects into the background, the highest label first, by a box and a diamond of one pixel in turn."""
    result = np.array(labels)
    for step in range(radius):
        tick()
        grown = result.copy()
        for axis in range(labels.ndim):
            # A box is the maximum along one axis after the other, a diamond that along each axis by itself.
            source = grown.copy() if step % 2 == 0 else result
            into, given = np.moveaxis(grown, axis, 0), np.moveaxis(source, axis, 0)
            np.maximum(into[1:], given[:-1], out=into[1:])
            np.maximum(into[:-1], given[1:], out=into[:-1])
        if np.array_equal(grown, result):
            break
        result = np.where(result == 0, grown, result)
    return result


def _touching(n: int, centroids: Floats, borders: Borders) -> dict[str, Array]:
    """Statistics by name, each with one value per object. Portions are float32, as where they come from."""
    a, b = np.concatenate([borders.pairs, borders.pairs[:, ::-1]]).T
    count = np.concatenate([borders.counts, borders.counts])
    objects = a < n
    a, b, count = a[objects], b[objects], count[objects]
    portion = (count / np.bincount(a, count, n)[a]).astype(np.float32)
    n_all = np.bincount(a, minlength=n)
    deviation = np.bincount(a, np.abs(portion - 1 / n_all[a]), n) / np.maximum(n_all, 1)
    touching = b < n
    a, b, count, portion = a[touching], b[touching], count[touching], portion[touching]
    distance = np.linalg.norm(centroids[a] - centroids[b], axis=1)
    n_touching = np.bincount(a, minlength=n)
    nearest = np.where(n_touching > 0, np.inf, 0)
    np.minimum.at(nearest, a, distance)
    farthest = np.zeros(n)
    np.maximum.at(farthest, a, distance)
    # Without a neighbour, the smallest count and portion are the largest of all: so they are in clEsperanto.
    least_count, least_portion = np.full(n, count.max(initial=0)), np.full(n, portion.max(initial=0))
    np.minimum.at(least_count, a, count)
    np.minimum.at(least_portion, a, portion)
    most_count, most_portion = np.zeros(n, np.int64), np.zeros(n, np.float32)
    np.maximum.at(most_count, a, count)
    np.maximum.at(most_portion, a, portion)
    return {
        "touching_neighbor_count": n_touching,
        "minimum_distance_of_touching_neighbors": nearest,
        "average_distance_of_touching_neighbors": np.bincount(a, distance, n) / np.maximum(n_touching, 1),
        "maximum_distance_of_touching_neighbors": farthest,
        "max_min_distance_ratio_of_touching_neighbors": farthest / nearest,
        **{f"touch_portion_above_{p}_neighbor_count": _count_above(a, portion, p, n) for p in PORTIONS},
        "touch_count_sum": np.bincount(a, count, n),
        "minimum_touch_count": least_count,
        "maximum_touch_count": most_count,
        "minimum_touch_portion": least_portion,
        "maximum_touch_portion": most_portion,
        "standard_deviation_touch_portion": deviation,
    }


def _count_above(a: Ints, portion: NDArray[np.float32], least: float, n: int) -> Ints:
    counts: Ints = np.bincount(a[portion > np.float32(least)], minlength=n)
    return counts


@quantity("coordinates")
def nearest(objects: Objects, coordinates: Coordinates) -> Floats:
    """Distances (n, k) in pixels between the centroid of each object and the nearest others, ascending, k ≤ 20."""
    return nearest_distances(centroids_in_pixels(coordinates), _MOST)


def nearest_distances(centroids: Floats, k: int) -> Floats:
    """Distances (n, k) to the nearest other points, ascending; fewer columns where there are fewer points."""
    from scipy.spatial import KDTree

    # An object can have no pixel left, and so no centroid, if it was painted over while it was measured.
    there = np.isfinite(centroids).all(axis=1)
    k = min(k, int(np.count_nonzero(there)) - 1)
    result = np.full((len(centroids), max(k, 0)), np.nan)
    if k > 0:
        # A point itself is among the nearest, with the distance 0, which is the first whoever else is there.
        points = centroids[there]
        result[there] = KDTree(points).query(points, k=k + 1)[0][:, 1:]
    return result


@quantity("coordinates")
def farthest(objects: Objects, coordinates: Coordinates) -> Floats:
    """Distance in pixels between the centroid of each object and the farthest other; NaN for a single object."""
    centroids = centroids_in_pixels(coordinates)
    there = np.isfinite(centroids).all(axis=1)
    result = np.where(there & (np.count_nonzero(there) > 1), 0.0, np.nan)
    if not np.isfinite(result).any():
        return result
    for corner in centroids[there][_hull_points(centroids[there])]:
        objects.tick()
        np.maximum(result, np.linalg.norm(centroids - corner, axis=1), out=result)
    return result


def _hull_points(points: Floats) -> Ints:
    """Numbers of points among which the farthest of any point is: the corners of the convex hull."""
    from scipy.spatial import ConvexHull, QhullError

    centred = points - points.mean(0)
    _, spread, axes = np.linalg.svd(centred, full_matrices=False)
    rank = int(np.count_nonzero(spread > 1e-9 * max(float(spread[0]), 1)))
    # Points in a plane or on a line have no hull in space.
    flat = centred @ axes[:rank].T
    if rank == 0:
        return np.zeros(1, np.int64)
    if rank == 1:
        return np.array([flat.argmin(), flat.argmax()])
    try:
        return np.asarray(ConvexHull(flat).vertices, np.int64)
    except QhullError:  # nearly flat: joggled points have a hull
        return np.asarray(ConvexHull(flat, qhull_options="QJ").vertices, np.int64)
