"""The measurements, each a formula on the shared quantities; the docstring is the description users read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import Coordinates
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


@measured("position", "", "coordinates", dtype=bool, source="ITK, LabelShapeStatistics (NumberOfPixelsOnBorder)")
def touches_border(objects: Objects, coordinates: Coordinates) -> Array:
    """Whether a pixel of the object lies at the edge of the image, so that part of it may be missing."""
    at_edge = (coordinates.low == 0) | (coordinates.high == objects.image_shape)
    touching: NDArray[np.bool_] = at_edge[:, objects.axes].any(axis=1)
    return touching


@measured("shape", "", "contacts", dtype=int, source="CLIJ, touchingNeighborCount")
def touching_neighbor_count(objects: Objects, contacts: NDArray[np.int64]) -> Array:
    """Count of the other objects that share an edge (in 3D a face) of a pixel with the object."""
    return np.bincount(contacts.ravel(), minlength=objects.ids.size)
