"""Measurements of the shape of planar objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects, measured
from bioloom.measure.shape import ratio

Array = NDArray[Any]
Floats = NDArray[np.float64]

CELL_PROFILER = "CellProfiler, MeasureObjectSizeShape"
CROFTON = "scikit-image; with other than square pixels as Legland, Kiêu and Devaux (2007), Image Anal. Stereol. 26:83"


@measured("shape", "", "inertia_eigenvalues", ndims=(2,))
def eccentricity(objects: Objects, values: Floats) -> Array:
    """Eccentricity of the ellipse with the same second moments: 0 for a circle and for one pixel, 1 for a line."""
    squares = np.divide(values[:, 1], values[:, 0], out=np.ones(len(values)), where=values[:, 0] > 0)
    eccentricities: Floats = np.sqrt(1 - squares)
    return eccentricities


@measured("shape", "rad", "inertia", ndims=(2,))
def orientation(objects: Objects, inertia: Floats) -> Array:
    """Angle from axis 0 (y) to the major axis, counter-clockwise, from −π/2 to π/2."""
    a, b, c = inertia[:, 0, 0], inertia[:, 0, 1], inertia[:, 1, 1]
    round_object = np.where(b < 0, np.pi / 4, -np.pi / 4)
    # 0 - 2 b is never -0, for which the angle of a horizontal line would be -π/2.
    return np.where(a == c, round_object, 0.5 * np.arctan2(0.0 - 2 * b, c - a))


@measured("shape", "length", "contour_length", ndims=(2,))
def perimeter(objects: Objects, contour_length: Floats) -> Array:
    """Length of the line through the centres of the border pixels; NaN unless pixels are square."""
    y, x = objects.spacing[1:]
    return contour_length * (y if np.isclose(y, x, rtol=1e-9, atol=0) else np.nan)


@measured("shape", "length", "crofton_measure", ndims=(2,), source=CROFTON)
def perimeter_crofton(objects: Objects, crofton_measure: Floats) -> Array:
    """Length of the outline, estimated by counting where lines in 4 directions enter the object; any pixel size."""
    return crofton_measure


@measured("shape", "", "area", "perimeter", ndims=(2,), source="Cox (1927), Journal of Paleontology 1:179")
def circularity(objects: Objects, area: Floats, perimeter: Floats) -> Array:
    """4π area / perimeter²: 1 for a disk; small objects can exceed 1; NaN where the perimeter is 0 or NaN."""
    return ratio(4 * np.pi * area, np.square(perimeter))


@measured("shape", "", "area", "perimeter_crofton", ndims=(2,), source=CELL_PROFILER + ", with Crofton's perimeter")
def form_factor(objects: Objects, area: Floats, perimeter_crofton: Floats) -> Array:
    """4π area / perimeter_crofton²: 1 for a disk, less for what is long or frayed; defined for any pixel size."""
    return ratio(4 * np.pi * area, np.square(perimeter_crofton))


@measured("shape", "", "area", "perimeter", ndims=(2,), source=CELL_PROFILER)
def compactness(objects: Objects, area: Floats, perimeter: Floats) -> Array:
    """perimeter² / (4π area): 1 for a disk, more for what is long or frayed; NaN unless pixels are square."""
    return np.square(perimeter) / (4 * np.pi * area)


@measured("shape", "", "area", "axis_major_length", ndims=(2,), source="ImageJ, Roundness")
def roundness(objects: Objects, area: Floats, major: Floats) -> Array:
    """4 area / (π major axis²): 1 for a disk, less for what is long; NaN for one pixel."""
    return ratio(4 * area, np.pi * np.square(major))


@measured("shape", "", "hull_outline", "crofton_measure", ndims=(2,), source=CROFTON)
def convexity(objects: Objects, hull_outline: Floats, crofton_measure: Floats) -> Array:
    """Perimeter of the convex hull divided by that of the object, both as in perimeter_crofton: 1 if it is convex."""
    return ratio(hull_outline, crofton_measure)
