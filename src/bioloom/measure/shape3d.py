"""Measurements of the shape of objects in stacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects, measured
from bioloom.measure.shape import ITK, intermediate, ratio

Array = NDArray[Any]
Floats = NDArray[np.float64]

CROFTON = "Legland, Kiêu and Devaux (2007), Image Analysis & Stereology 26:83, with 13 directions; as in MorphoLibJ"


@measured("shape", "length", "inertia_eigenvalues", ndims=(3,), source="as axis_major_length of scikit-image")
def axis_intermediate_length(objects: Objects, values: Floats) -> Array:
    """Middle axis of the ellipsoid with the same second moments; 0 for a line."""
    return intermediate(values)


@measured("shape", "", "axis_intermediate_length", "axis_minor_length", ndims=(3,), source=ITK)
def flatness(objects: Objects, middle: Floats, minor: Floats) -> Array:
    """Intermediate axis divided by minor axis; NaN if the minor axis is 0."""
    return ratio(middle, minor)


@measured("shape", "", "principal_axes", ndims=(3,), parts="axes", source=ITK)
def principal_axis_major(objects: Objects, axes: Floats) -> Array:
    """Unit-length direction (z, y, x) of the major axis, its largest component above 0; NaN for one voxel."""
    return axes[:, 0]


@measured("shape", "", "principal_axes", ndims=(3,), parts="axes", source=ITK)
def principal_axis_intermediate(objects: Objects, axes: Floats) -> Array:
    """Unit-length direction (z, y, x) of the intermediate axis, its largest component above 0; NaN for one voxel."""
    return axes[:, 1]


@measured("shape", "", "principal_axes", ndims=(3,), parts="axes", source=ITK)
def principal_axis_minor(objects: Objects, axes: Floats) -> Array:
    """Unit-length direction (z, y, x) of the minor axis, its largest component above 0; NaN for one voxel."""
    return axes[:, 2]


@measured("shape", "length²", "crofton_measure", ndims=(3,), source=CROFTON)
def surface_area(objects: Objects, crofton_measure: Floats) -> Array:
    """Area of the surface, estimated by counting where lines in 13 directions enter the object (Crofton)."""
    return crofton_measure


@measured("shape", "", "area", "surface_area", ndims=(3,), source="Wadell (1935), Journal of Geology 43:250")
def sphericity(objects: Objects, area: Floats, surface_area: Floats) -> Array:
    """Surface of the ball of the same volume divided by the surface: 1 for a ball; small objects can exceed 1."""
    return np.cbrt(np.pi * np.square(6 * area)) / surface_area
