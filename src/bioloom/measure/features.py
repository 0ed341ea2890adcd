"""The measurements, each a formula on the shared quantities; the docstring is the description users read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import Coordinates, Intensities
from bioloom.measure.registry import Objects, measured

Array = NDArray[Any]
Floats = NDArray[np.float64]


@measured("size", "px", "pixel_count", dtype=int)
def num_pixels(objects: Objects, pixel_count: NDArray[np.int64]) -> Array:
    """Count of the pixels."""
    return pixel_count


@measured("size", "lengthⁿ", "pixel_count")
def area(objects: Objects, pixel_count: NDArray[np.int64]) -> Array:
    """Area of the object; in 3D its volume."""
    return pixel_count * objects.pixel_size


@measured("size", "lengthⁿ", "coordinates")
def area_bbox(objects: Objects, coordinates: Coordinates) -> Array:
    """Area (in 3D volume) of the bounding box."""
    pixels: Floats = np.prod(coordinates.high - coordinates.low, axis=1)
    return pixels * objects.pixel_size


@measured("size", "length", "area")
def equivalent_diameter_area(objects: Objects, area: Floats) -> Array:
    """Diameter of the disk (in 3D ball) of the same area (volume)."""
    return np.power(2 * objects.ndim * area / np.pi, 1 / objects.ndim)


@measured("position", "length", "coordinates", parts="axes")
def centroid(objects: Objects, coordinates: Coordinates) -> Array:
    """Mean position of the pixel centres, per axis; the centre of the first pixel of the image is at 0."""
    mean = coordinates.first + coordinates.sums[:, 1:4] / coordinates.sums[:, :1]
    return (mean * objects.spacing)[:, objects.axes]


@measured("position", "px", "coordinates", parts="box", dtype=int)
def bbox(objects: Objects, coordinates: Coordinates) -> Array:
    """Bounding box: the first pixel per axis, then the pixel after the last per axis."""
    return np.concatenate([coordinates.low[:, objects.axes], coordinates.high[:, objects.axes]], axis=1)


@measured("position", "", "coordinates", dtype=bool, source="")
def touches_border(objects: Objects, coordinates: Coordinates) -> Array:
    """Whether a pixel of the object lies at the edge of the image, so that part of it may be missing."""
    at_edge = (coordinates.low == 0) | (coordinates.high == objects.labels.shape)
    touching: NDArray[np.bool_] = at_edge[:, objects.axes].any(axis=1)
    return touching


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_mean(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Mean value; NaN pixels are left out."""
    return intensities.shift + intensities.sums[:, 0] / intensities.counts


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_min(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Smallest value; NaN pixels are left out."""
    return intensities.extremes[:, 0]


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_max(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Largest value; NaN pixels are left out."""
    return intensities.extremes[:, 1]


@measured("intensity", "intensity", "intensities", per_channel=True)
def intensity_std(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Spread of the values: their standard deviation, divided by n, not n − 1; NaN pixels are left out."""
    mean = intensities.sums / intensities.counts[:, None]
    return np.sqrt(np.maximum(mean[:, 1] - mean[:, 0] ** 2, 0))


@measured("intensity", "intensity", "intensities", per_channel=True, source="")
def intensity_sum(objects: Objects, image: Array, intensities: Intensities) -> Array:
    """Sum of the values; NaN pixels are left out."""
    total = intensities.counts * intensities.shift + intensities.sums[:, 0]
    return np.where(intensities.counts > 0, total, np.nan)


@measured("intensity", "intensity", "median_values", per_channel=True)
def intensity_median(objects: Objects, image: Array, median_values: Floats) -> Array:
    """Median value; NaN pixels are left out."""
    return median_values


@measured("intensity", "length", "coordinates", "weighted_sums", per_channel=True, parts="axes")
def centroid_weighted(objects: Objects, image: Array, coordinates: Coordinates, weighted_sums: Floats) -> Array:
    """Mean position weighted by the value, per axis; NaN pixels are left out; NaN if the values sum up to 0."""
    total = np.where(weighted_sums[:, :1] == 0, np.nan, weighted_sums[:, :1])
    return ((coordinates.first + weighted_sums[:, 1:] / total) * objects.spacing)[:, objects.axes]


@measured("shape", "", "contacts", dtype=int, source="CLIJ, touchingNeighborCount")
def touching_neighbor_count(objects: Objects, contacts: NDArray[np.int64]) -> Array:
    """Count of the other objects that share an edge (in 3D a face) of a pixel with the object."""
    return np.bincount(contacts.ravel(), minlength=objects.ids.size)
