"""The measurements, each a formula on the shared quantities; the docstring is the description users read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import Coordinates, Intensities
from bioloom.measure.registry import Objects, measured

Array = NDArray[Any]
Floats = NDArray[np.float64]
CROFTON = "Legland, Kiêu and Devaux (2007), Image Analysis & Stereology 26:83, with 13 directions; as in MorphoLibJ"


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


@measured("shape", "length", "inertia_eigenvalues")
def axis_major_length(objects: Objects, values: Floats) -> Array:
    """Longest axis of the ellipse (ellipsoid) with the same second moments."""
    squares = 16 * values[:, 0]
    if objects.ndim == 3:
        squares = 10 * np.maximum(values[:, 0] + values[:, 1] - values[:, 2], 0)
    lengths: Floats = np.sqrt(squares)
    return lengths


@measured("shape", "length", "inertia_eigenvalues")
def axis_minor_length(objects: Objects, values: Floats) -> Array:
    """Shortest axis of the ellipse (ellipsoid) with the same second moments; 0 for a line (in 3D, a plane)."""
    squares = 16 * values[:, -1]
    if objects.ndim == 3:
        spread = values[:, 1] + values[:, 2] - values[:, 0]
        # In a plane the sum of two moments is the third: what is left of their difference is rounding.
        squares = 10 * np.where(spread > 1e-13 * values[:, 0], spread, 0)
    lengths: Floats = np.sqrt(squares)
    return lengths


@measured("shape", "", "axis_major_length", "axis_minor_length", source="")
def aspect_ratio(objects: Objects, major: Floats, minor: Floats) -> Array:
    """Major axis divided by minor axis; NaN if the minor axis is 0."""
    return major / np.where(minor > 0, minor, np.nan)


@measured("shape", "", "inertia_eigenvalues", ndims=(2,))
def eccentricity(objects: Objects, values: Floats) -> Array:
    """Eccentricity of the ellipse with the same second moments: 0 for a circle and for one pixel, 1 for a line."""
    ratio = np.divide(values[:, 1], values[:, 0], out=np.ones(len(values)), where=values[:, 0] > 0)
    eccentricities: Floats = np.sqrt(1 - ratio)
    return eccentricities


@measured("shape", "rad", "inertia", ndims=(2,))
def orientation(objects: Objects, inertia: Floats) -> Array:
    """Angle from axis 0 (y) to the major axis, counter-clockwise, from −π/2 to π/2."""
    a, b, c = inertia[:, 0, 0], inertia[:, 0, 1], inertia[:, 1, 1]
    round_object = np.where(b < 0, np.pi / 4, -np.pi / 4)
    # 0 - 2 b is never -0, for which the angle of a horizontal line would be -π/2.
    return np.where(a == c, round_object, 0.5 * np.arctan2(0.0 - 2 * b, c - a))


@measured("shape", "", "area", "area_bbox")
def extent(objects: Objects, area: Floats, area_bbox: Floats) -> Array:
    """Share of the bounding box that the object fills."""
    return area / area_bbox


@measured("shape", "", "pixel_count", "hull_count")
def solidity(objects: Objects, pixel_count: NDArray[np.int64], hull_count: NDArray[np.int64]) -> Array:
    """Share of the convex hull that the object fills."""
    return pixel_count / hull_count


@measured("shape", "length", "contour_length", ndims=(2,))
def perimeter(objects: Objects, contour_length: Floats) -> Array:
    """Length of the line through the centres of the border pixels; NaN unless pixels are square."""
    y, x = objects.spacing[1:]
    return contour_length * (y if np.isclose(y, x, rtol=1e-9, atol=0) else np.nan)


@measured("shape", "", "area", "perimeter", ndims=(2,), source="Cox (1927), Journal of Paleontology 1:179")
def circularity(objects: Objects, area: Floats, perimeter: Floats) -> Array:
    """4π area / perimeter²: 1 for a disk; small objects can exceed 1; NaN where the perimeter is 0 or NaN."""
    return 4 * np.pi * area / np.square(np.where(perimeter > 0, perimeter, np.nan))


@measured("shape", "length²", "crofton_surface", ndims=(3,), source=CROFTON)
def surface_area(objects: Objects, crofton_surface: Floats) -> Array:
    """Area of the surface, estimated by counting where lines in 13 directions enter the object (Crofton)."""
    return crofton_surface


@measured("shape", "", "area", "surface_area", ndims=(3,), source="Wadell (1935), Journal of Geology 43:250")
def sphericity(objects: Objects, area: Floats, surface_area: Floats) -> Array:
    """Surface of the ball of the same volume divided by the surface: 1 for a ball; small objects can exceed 1."""
    return np.cbrt(np.pi * np.square(6 * area)) / surface_area


@measured("shape", "", "contacts", dtype=int, source="CLIJ, touchingNeighborCount")
def touching_neighbor_count(objects: Objects, contacts: NDArray[np.int64]) -> Array:
    """Count of the other objects that share an edge (in 3D a face) of a pixel with the object."""
    return np.bincount(contacts.ravel(), minlength=objects.ids.size)
