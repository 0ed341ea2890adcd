"""Measurements of the shape of planar objects and of objects in stacks alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects, measured
from bioloom.measure.shape_quantities import Rows, feret_diameters

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ITK = "ITK, LabelShapeStatistics"


@measured("shape", "length", "inertia_eigenvalues")
def axis_major_length(objects: Objects, values: Floats) -> Array:
    """Longest axis of the ellipse (ellipsoid) with the same second moments; 0 for one pixel."""
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
        squares = 10 * without_rounding(values[:, 1] + values[:, 2] - values[:, 0], values[:, 0])
    lengths: Floats = np.sqrt(squares)
    return lengths


def without_rounding(difference: Floats, scale: Floats) -> Floats:
    """Set to 0 what is left of the difference of equal numbers of about the size `scale`."""
    return np.where(difference > 1e-13 * scale, difference, 0)


def intermediate(values: Floats) -> Floats:
    """Middle axis of the ellipsoids with these eigenvalues (n, 3) of the inertia tensor."""
    lengths: Floats = np.sqrt(10 * without_rounding(values[:, 0] + values[:, 2] - values[:, 1], values[:, 0]))
    return lengths


def ratio(a: Floats, b: Floats) -> Floats:
    """Divide, with NaN where the divisor is 0."""
    quotient: Floats = a / np.where(b > 0, b, np.nan)
    return quotient


@measured("shape", "", "axis_major_length", "axis_minor_length", source="ImageJ, AR")
def aspect_ratio(objects: Objects, major: Floats, minor: Floats) -> Array:
    """Major axis divided by minor axis; NaN if the minor axis is 0."""
    return ratio(major, minor)


@measured("shape", "", "axis_major_length", "axis_minor_length", "inertia_eigenvalues", source=ITK)
def elongation(objects: Objects, major: Floats, minor: Floats, values: Floats) -> Array:
    """Major axis divided by the next shorter one, in 2D the minor axis; NaN if that is 0."""
    return ratio(major, intermediate(values) if objects.ndim == 3 else minor)


@measured("shape", "", "area", "area_bbox")
def extent(objects: Objects, area: Floats, area_bbox: Floats) -> Array:
    """Share of the bounding box that the object fills."""
    return area / area_bbox


@measured("shape", "lengthⁿ", "hull_count")
def area_convex(objects: Objects, hull_count: Ints) -> Array:
    """Area (in 3D volume) of the pixels that have their centre in the convex hull, a pixel being a diamond."""
    return hull_count * objects.pixel_size


@measured("shape", "", "pixel_count", "hull_count")
def solidity(objects: Objects, pixel_count: Ints, hull_count: Ints) -> Array:
    """Share of the convex hull that the object fills."""
    return pixel_count / hull_count


@measured("shape", "lengthⁿ", "pixel_count", "hole_count")
def area_filled(objects: Objects, pixel_count: Ints, hole_count: Ints) -> Array:
    """Area (in 3D volume) with the holes, from which no way leads out, not even over corners of pixels."""
    return (pixel_count + hole_count) * objects.pixel_size


@measured("shape", "", "entries", dtype=int)
def euler_number(objects: Objects, entries: Ints) -> Array:
    """Count of pieces less that of holes; in 3D pieces − tunnels + cavities. Pixels that share a corner touch."""
    return entries[:, -1]


@measured("shape", "length", "hull_rows")
def feret_diameter_max(objects: Objects, hull_rows: Rows) -> Array:
    """Largest distance between two tips of the convex hull, a pixel being a diamond: 1 pixel for one pixel."""
    return feret_diameters(objects, hull_rows, smallest=False)


@measured("shape", "length", "row_ends", source="Feret (1931); in 3D Houle and Toussaint (1988)")
def feret_diameter_min(objects: Objects, row_ends: Rows) -> Array:
    """Smallest distance between two parallel lines (in 3D planes) around the object, a pixel being a diamond."""
    return feret_diameters(objects, row_ends, smallest=True)
