"""Moments of the shape and of the values of objects, as scikit-image defines them, to third order.

Coordinates are in the unit of the spacing and counted from the first row, column (and plane) of the bounding box. A
moment with the powers p and q has the column ``-p-q`` (in 3D ``-p-q-r``); its unit is that of length to the power
p + q.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.quantities import Coordinates
from bioloom.measure.registry import Objects, measured, moment_powers

Array = NDArray[Any]
Floats = NDArray[np.float64]

_ROWS = 1 << 16  # objects at a time
GROUP = "image_moments"
HU = "Hu (1962), IRE Transactions on Information Theory 8:179; skimage.measure.moments_hu"
UNIT = "lengthᵏ"  # k being the order of the moment


def _sums(sums: Floats | Coordinates, rows: slice) -> Floats:
    """Return the sums (n, 20) of some objects; those of places are in two parts, the first being whole numbers."""
    if isinstance(sums, np.ndarray):
        return sums[rows]
    return np.concatenate([sums.sums[rows].astype(np.float64), sums.cubes[rows]], axis=1)


def _about(objects: Objects, sums: Floats | Coordinates, shift: Floats) -> Floats:
    """Moments in the order of the columns, in physical units, of coordinates that are larger by `shift` (n, 3)."""
    from bioloom.measure import _merge

    powers = np.array([(0,) * (3 - objects.ndim) + p for p in moment_powers(objects.ndim)])
    scale = np.prod(objects.spacing**powers, axis=1)
    columns = _merge.COLUMN[tuple(powers.T)]
    moments = np.empty((len(shift), len(columns)))
    for start in range(0, len(shift), _ROWS):
        some = slice(start, start + _ROWS)
        part = _sums(sums, some)
        moved = np.empty_like(part)
        _merge.move_all(part, np.ascontiguousarray(shift[some]), _merge.POWERS, _merge.COLUMN, _merge.BINOMIAL, moved)
        moments[some] = moved[:, columns] * scale
    return moments


def _central(objects: Objects, sums: Floats | Coordinates) -> Floats:
    linear = (sums if isinstance(sums, np.ndarray) else sums.sums)[:, :4]
    mass = np.where(linear[:, :1] == 0, np.nan, linear[:, :1])
    moments = _about(objects, sums, -linear[:, 1:] / mass)
    # Those of first order are 0 by definition, whatever rounding leaves.
    first = [i for i, p in enumerate(moment_powers(objects.ndim)) if sum(p) == 1]
    moments[:, first] = np.where(np.isnan(mass), np.nan, 0)
    return moments


def _normalised(objects: Objects, moments: Floats) -> Floats:
    orders = np.array([sum(p) for p in moment_powers(objects.ndim)])
    unit = objects.spacing[objects.axes].min()
    mass = np.where(moments[:, :1] == 0, np.nan, moments[:, :1])
    result: Floats = moments / unit**orders / mass ** (orders / objects.ndim + 1)
    result[:, orders < 2] = np.nan
    return result


def _hu(normalised: Floats) -> Floats:
    nu = {p: normalised[:, i] for i, p in enumerate(moment_powers(2))}
    a, b, c, d = nu[3, 0], nu[1, 2], nu[2, 1], nu[0, 3]
    total, difference = nu[2, 0] + nu[0, 2], nu[2, 0] - nu[0, 2]
    p, q = a + b, c + d
    u, v = a - 3 * b, 3 * c - d
    return np.stack(
        [
            total,
            difference**2 + 4 * nu[1, 1] ** 2,
            u**2 + v**2,
            p**2 + q**2,
            u * p * (p**2 - 3 * q**2) + v * q * (3 * p**2 - q**2),
            difference * (p**2 - q**2) + 4 * nu[1, 1] * p * q,
            v * p * (p**2 - 3 * q**2) - u * q * (3 * p**2 - q**2),
        ],
        axis=1,
    )


@measured(GROUP, "length", "coordinates", parts="axes")
def centroid_local(objects: Objects, coordinates: Coordinates) -> Array:
    """Mean position of the pixel centres, per axis, from the first pixel of the bounding box."""
    mean = coordinates.first - coordinates.low + coordinates.sums[:, 1:4] / coordinates.sums[:, :1]
    return (mean * objects.spacing)[:, objects.axes]


@measured(GROUP, UNIT, "coordinates", "cubic_coordinates", parts="moments")
def moments(objects: Objects, coordinates: Coordinates, sums: Coordinates) -> Array:
    """Moments Σ yᵖ xᑫ (in 3D Σ zᵖ yᑫ xʳ) to third order, from the first pixel of the bounding box."""
    return _about(objects, sums, (coordinates.first - coordinates.low).astype(float))


@measured(GROUP, UNIT, "cubic_coordinates", parts="moments")
def moments_central(objects: Objects, sums: Coordinates) -> Array:
    """Moments to third order about the centroid: the same wherever the object lies."""
    return _central(objects, sums)


@measured(GROUP, "", "moments_central", parts="moments")
def moments_normalized(objects: Objects, central: Floats) -> Array:
    """Central moments of second and third order / number of pixels ^ (order / dimensions + 1), NaN for lower orders.

    Lengths are in the unit of the smallest pixel size. They do not change with the size of the object.
    """
    return _normalised(objects, central)


@measured(GROUP, "", "moments_normalized", parts="7", ndims=(2,), source=HU)
def moments_hu(objects: Objects, normalised: Floats) -> Array:
    """Hu's seven combinations of normalised moments, which change neither with position, size nor rotation."""
    return _hu(normalised)


@measured(GROUP, "length²", "inertia", parts="tensor")
def inertia_tensor(objects: Objects, inertia: Floats) -> Array:
    """Spread of the pixels about each axis, as a symmetric matrix; 0 for one pixel."""
    return inertia


@measured(GROUP, "length²", "inertia_eigenvalues", parts="axes")
def inertia_tensor_eigvals(objects: Objects, values: Floats) -> Array:
    """Eigenvalues of the inertia tensor, largest first."""
    return values


# ---------------------------------------------------------------------------------------------------- weighted
@measured(GROUP, "length", "coordinates", "weighted_sums", per_channel=True, parts="axes")
def centroid_weighted_local(objects: Objects, image: Array, coordinates: Coordinates, sums: Floats) -> Array:
    """Mean position weighted by the value, from the first pixel of the bounding box; NaN if the values sum up to 0."""
    total = np.where(sums[:, :1] == 0, np.nan, sums[:, :1])
    return ((coordinates.first - coordinates.low + sums[:, 1:] / total) * objects.spacing)[:, objects.axes]


@measured(GROUP, "intensity × " + UNIT, "coordinates", "weighted_cubes", per_channel=True, parts="moments")
def moments_weighted(objects: Objects, image: Array, coordinates: Coordinates, sums: Floats) -> Array:
    """Moments Σ value yᵖ xᑫ to third order, from the first pixel of the bounding box; NaN pixels are left out."""
    return _about(objects, sums, (coordinates.first - coordinates.low).astype(float))


@measured(GROUP, "intensity × " + UNIT, "weighted_cubes", per_channel=True, parts="moments")
def moments_weighted_central(objects: Objects, image: Array, sums: Floats) -> Array:
    """Weighted moments to third order about the weighted centroid; NaN if the values sum up to 0."""
    return _central(objects, sums)


@measured(GROUP, "", "moments_weighted_central", per_channel=True, parts="moments")
def moments_weighted_normalized(objects: Objects, image: Array, central: Floats) -> Array:
    """Weighted central moments of second and third order / sum of the values ^ (order / dimensions + 1)."""
    return _normalised(objects, central)


@measured(GROUP, "", "moments_weighted_normalized", per_channel=True, parts="7", ndims=(2,), source=HU)
def moments_weighted_hu(objects: Objects, image: Array, normalised: Floats) -> Array:
    """Hu's seven invariants of the weighted moments."""
    return _hu(normalised)
