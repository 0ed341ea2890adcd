"""Measurements of clEsperanto under their own names: what object classifiers of APOC look at.

They are in pixels whatever the spacing, and have the values of pyclesperanto-prototype 0.24, so that a classifier that
was trained there means the same here. Where Bioloom has the very measurement under the same name
(`touching_neighbor_count`, and `area` without spacing) it stands for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.neighbours import PORTIONS, centroids_in_pixels, nearest_distances
from bioloom.measure.quantities import Coordinates
from bioloom.measure.registry import NUMBERED, PROPERTIES, Objects, Property, quantity

Array = NDArray[Any]
Floats = NDArray[np.float64]

PIXELS = "clEsperanto, statistics_of_labelled_pixels"
NEIGHBOURS = "clEsperanto, statistics_of_labelled_neighbors"
AXES = {"x": 2, "y": 1, "z": 0}
NEAREST = (1, 2, 3, 4, 5, 6, 7, 8, 10, 20)
DISTANCES = (10, 20, 40, 80, 160)


def _register(name: str, description: str, unit: str, *needs: str, compute: Callable[..., Any], **details: Any) -> None:
    details.setdefault("source", PIXELS)
    PROPERTIES[name] = Property(
        name, needs, compute, group="clesperanto", description=description, unit=unit, **details
    )


# ---------------------------------------------------------------------------------------------------- pixels
@quantity("coordinates")
def centroid_distances(objects: Objects, coordinates: Coordinates) -> tuple[Floats, Floats]:
    """Sum and maximum of the distances of the pixels to the centroid."""
    return _distances(objects, centroids_in_pixels(coordinates))


@quantity("coordinates", "weighted_sums", per_channel=True)
def mass_center(objects: Objects, image: Array, coordinates: Coordinates, weighted_sums: Floats) -> Floats:
    """Mean position (n, 3) of the pixels along z, y and x, weighted by their values."""
    centre: Floats = coordinates.first + weighted_sums[:, 1:] / weighted_sums[:, :1]
    return centre


@quantity("mass_center", per_channel=True)
def mass_center_distances(objects: Objects, image: Array, mass_center: Floats) -> tuple[Floats, Floats]:
    """Sum and maximum of the distances of the pixels to the centre of mass."""
    sums, largest = _distances(objects, mass_center)
    return sums, np.where(np.isnan(sums), np.nan, largest)


def _distances(objects: Objects, centres: Floats) -> tuple[Floats, Floats]:
    from bioloom.measure._touching import add_distances

    sums, largest = np.zeros(objects.ids.size), np.zeros(objects.ids.size)
    for rows in objects.slabs():
        add_distances(objects.labels, objects.table, objects.ids, *rows, centres, sums, largest)
    return sums, largest


_register("original_label", "Label of the object.", "", compute=lambda objects: objects.ids, dtype=np.int64)
_register("label_plus_one", "Label of the object plus 1, which APOC calls label.", "",
          compute=lambda objects: objects.ids.astype(np.float64) + 1)  # fmt: skip
for _a, _i in AXES.items():
    _register(f"bbox_min_{_a}", f"First {_a} of the object.", "px", "coordinates", dtype=int,
              compute=lambda objects, coordinates, i=_i: coordinates.low[:, i])  # fmt: skip
for _a, _i in AXES.items():
    _register(f"bbox_max_{_a}", f"Last {_a} of the object.", "px", "coordinates", dtype=int,
              compute=lambda objects, coordinates, i=_i: coordinates.high[:, i] - 1)  # fmt: skip
for (_a, _i), _name in zip(AXES.items(), ("width", "height", "depth"), strict=True):
    _register(f"bbox_{_name}", f"Extent of the bounding box along {_a}.", "px", "coordinates", dtype=int,
              compute=lambda objects, coordinates, i=_i: coordinates.high[:, i] - coordinates.low[:, i])  # fmt: skip
for _name, _ours in (("min", "min"), ("max", "max"), ("sum", "sum"), ("mean", "mean"), ("standard_deviation", "std")):
    _register(f"{_name}_intensity", f"As intensity_{_ours}.", "intensity", f"intensity_{_ours}", per_channel=True,
              compute=lambda objects, image, values: values)  # fmt: skip
for _a, _i in AXES.items():
    _register(f"sum_intensity_times_{_a}", f"Sum of value times {_a}.", "", "coordinates", "weighted_sums",
              compute=lambda objects, image, coordinates, sums, i=_i: sums[:, 1 + i]
              + coordinates.first[:, i] * sums[:, 0], per_channel=True)  # fmt: skip
    _register(f"mass_center_{_a}", f"Mean {_a}, weighted by the value.", "px", "mass_center", per_channel=True,
              compute=lambda objects, image, centre, i=_i: centre[:, i])  # fmt: skip
for _a, _i in AXES.items():
    _register(f"sum_{_a}", f"Sum of the {_a} of the pixels.", "px", "coordinates",
              compute=lambda objects, coordinates, i=_i: coordinates.sums[:, 1 + i]
              + coordinates.first[:, i] * coordinates.sums[:, 0])  # fmt: skip
    _register(f"centroid_{_a}", f"Mean {_a} of the pixels.", "px", "coordinates",
              compute=lambda objects, coordinates, i=_i: centroids_in_pixels(coordinates)[:, i])  # fmt: skip
for _name, _needs, _centre in (
    ("centroid", ("pixel_count", "centroid_distances"), "the centroid"),
    ("mass_center", ("pixel_count", "mass_center_distances"), "the centre weighted by the values"),
):
    _channel = _name == "mass_center"

    def _statistic(of: Callable[[Any, Floats, Floats], Any]) -> Callable[..., Any]:
        # The image of a channel stands before the quantities, if there is one.
        return lambda objects, *given: of(given[-2], *given[-1])

    for _column, _what, _of in (
        (f"sum_distance_to_{_name}", "Sum of the distances of the pixels to", lambda n, total, most: total),
        (f"mean_distance_to_{_name}", "Mean distance of the pixels to", lambda n, total, most: total / n),
        (f"max_distance_to_{_name}", "Largest distance of a pixel to", lambda n, total, most: most),
    ):
        _register(_column, f"{_what} {_centre}.", "px", *_needs, compute=_statistic(_of), per_channel=_channel)
    _register(f"mean_max_distance_to_{_name}_ratio", f"Largest divided by mean distance of the pixels to {_centre}.",
              "", *_needs, per_channel=_channel,
              compute=_statistic(lambda n, total, most: most / (total / n)))  # fmt: skip


# ------------------------------------------------------------------------------------------------ neighbours
_TOUCHING = {
    "touching_neighbor_count": ("Count of the objects that touch it", ""),
    "minimum_distance_of_touching_neighbors": ("Distance to the nearest centroid of an object that touches it", "px"),
    "average_distance_of_touching_neighbors": ("Mean distance to the centroids of objects that touch it", "px"),
    "maximum_distance_of_touching_neighbors": ("Distance to the farthest centroid of an object that touches it", "px"),
    "max_min_distance_ratio_of_touching_neighbors": ("Farthest divided by nearest of these distances", ""),
    **{
        f"touch_portion_above_{p}_neighbor_count": (f"Count of the objects that touch more than {p} of its border", "")
        for p in PORTIONS
    },
    "touch_count_sum": ("Count of the faces of its pixels that touch other objects", "px"),
    "minimum_touch_count": ("Smallest count of faces shared with an object that touches it", "px"),
    "maximum_touch_count": ("Largest count of faces shared with an object that touches it", "px"),
    "minimum_touch_portion": ("Smallest share of its border that touches an object", ""),
    "maximum_touch_portion": ("Largest share of its border that touches an object", ""),
    "standard_deviation_touch_portion": ("Mean deviation of the shares of its border from equal shares", ""),
}
for _source, _suffix, _when in (
    ("touching", "", ""),
    ("touching_dilated_5", "_dilated_r_5", ", once all have grown by 5 pixels"),
    ("touching_dilated_10", "_dilated_r_10", ", once all have grown by 10 pixels"),
):
    for _name, (_text, _unit) in _TOUCHING.items():
        if _name == "touching_neighbor_count" and not _suffix:
            continue  # the same as Bioloom's own
        if _suffix and ("above" in _name or _name.startswith("standard")):
            continue
        _register(_name + _suffix, f"{_text}{_when}.", _unit, _source, source=NEIGHBOURS,
                  compute=lambda objects, values, name=_name: values[name])  # fmt: skip


def _count_within(objects: Objects, coordinates: Coordinates, distance: float) -> Array:
    from scipy.spatial import KDTree

    centroids = centroids_in_pixels(coordinates)
    there = np.isfinite(centroids).all(axis=1)
    counts = np.zeros(len(centroids), np.int64)
    if there.any():
        points = centroids[there]
        counts[there] = KDTree(points).query_ball_point(points, distance, return_length=True) - 1
    return counts


for _d in DISTANCES:
    _register(f"proximal_neighbor_count_d{_d}", f"Count of the objects with a centroid within {_d} pixels.", "",
              "coordinates", source=NEIGHBOURS, dtype=int,
              compute=lambda objects, coordinates, d=_d: _count_within(objects, coordinates, d))  # fmt: skip


def _largest_of(objects: Objects, nearest: Floats, n: int) -> Floats:
    if not nearest.shape[1]:
        return np.full(len(nearest), -1.0)
    largest: Floats = nearest[:, min(n, nearest.shape[1]) - 1]
    return largest


def _average_of(objects: Objects, nearest: Floats, farthest: Floats, n: int) -> Floats:
    mean: Floats = nearest[:, :n].sum(axis=1) / n
    if n > nearest.shape[1]:
        # clEsperanto counts an object as farther from itself than any two are: seen where there are no n others.
        mean = (nearest.sum(axis=1) + np.nanmax(farthest, initial=0) + 1) / (nearest.shape[1] + 1)
    return mean


for _n in NEAREST:
    _register(f"maximum_distance_of_n{_n}_nearest_neighbors",
              f"Distance to the farthest of the {_n} nearest other centroids; -1 for a single object.", "px", "nearest",
              source=NEIGHBOURS, compute=lambda objects, nearest, n=_n: _largest_of(objects, nearest, n))  # fmt: skip
    _register(f"average_distance_of_n{_n}_nearest_neighbors",
              f"Mean distance to the {_n} nearest other centroids.", "px", "nearest", "farthest", source=NEIGHBOURS,
              compute=lambda objects, nearest, farthest, n=_n: _average_of(objects, nearest, farthest, n))  # fmt: skip
_register("distance_to_most_distant_other", "Distance to the farthest other centroid; NaN for a single object.", "px",
          "farthest", source=NEIGHBOURS, compute=lambda objects, farthest: farthest)  # fmt: skip


def _average_of_nearest(n: int) -> Property:
    def compute(objects: Objects, coordinates: Coordinates) -> Floats:
        distances = nearest_distances(centroids_in_pixels(coordinates), n)
        mean: Floats = distances.sum(axis=1) / np.float64(distances.shape[1])  # NaN without any other
        return mean

    return Property(
        f"average_distance_of_n_nearest_neighbors={n}",
        ("coordinates",),
        compute,
        group="clesperanto",
        description=f"Mean distance to the {n} nearest other centroids, or to all others where these are fewer.",
        unit="px",
        source="APOC, average_distance_of_n_nearest_neighbors",
    )


NUMBERED["average_distance_of_n_nearest_neighbors"] = _average_of_nearest
