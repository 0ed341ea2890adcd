"""Measurements of how the values of an object are distributed between its centre and its border.

Each object is divided into rings: by the length of the way from its innermost pixel through the object to a pixel,
divided by that length plus the distance of the pixel to the border. Ring 0 is the innermost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure.registry import NUMBERED, PROPERTIES, QUANTITIES, Objects, Property, Quantity

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

GROUP = "radial"
N_RINGS = 4
CELLPROFILER = "CellProfiler, MeasureObjectIntensityDistribution"
_WEDGES = 8


@dataclass(frozen=True)
class RingSums:
    """Counts of pixels that are not NaN and sums of their values (n, rings, 8 wedges) of each object."""

    counts: Floats
    sums: Floats


def _codes(objects: Objects, bbox: Ints, n_rings: int) -> Array:
    """Ring × 8 + wedge per pixel; the largest number of the type outside of objects."""
    from bioloom.measure._rings import write_rings
    from bioloom.measure._threads import in_threads, ranges

    boxes = np.zeros((objects.ids.size, 6), np.int64)
    boxes[:, 3] = 1
    low = boxes[:, :3][:, objects.axes]
    low[:], boxes[:, 3:][:, objects.axes] = bbox[:, : objects.ndim], bbox[:, objects.ndim :]
    back = (-1, 0) if objects.ndim == 3 else (0,)
    steps = np.array([s for s in product(back, (-1, 0, 1), (-1, 0, 1)) if s < (0, 0, 0)])
    lengths = np.linalg.norm(steps * objects.spacing, axis=1)
    dtype = np.uint8 if n_rings * _WEDGES < 255 else np.uint16
    codes = np.full(objects.labels.shape, np.iinfo(dtype).max, dtype)
    given: tuple[Any, ...] = (objects.spacing, steps, lengths, objects.ndim == 2, n_rings, codes)
    parts = ranges(np.prod(boxes[:, 3:] - boxes[:, :3], axis=1), 1 << 19)
    in_threads([partial(write_rings, objects.labels, objects.ids, boxes, *p, *given) for p in parts], objects.tick)
    return codes


def _ring_sums(objects: Objects, image: Array, codes: Array, n_rings: int) -> RingSums:
    """Add up the values by ring and wedge."""
    from bioloom.measure._rings import add_by_ring

    counts, sums = (np.zeros((objects.ids.size, n_rings * _WEDGES)) for _ in range(2))
    for rows in objects.slabs():
        add_by_ring(objects.labels, codes, image, objects.table, objects.ids, *rows, counts, sums)
    shape = (objects.ids.size, n_rings, _WEDGES)
    return RingSums(counts.reshape(shape), sums.reshape(shape))


def _divided(part: Floats, whole: Floats, where: NDArray[np.bool_]) -> Floats:
    """Divide; NaN elsewhere."""
    result: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=where)
    return result


def radial_fraction(objects: Objects, image: Array, rings: RingSums) -> Floats:
    """Share of the sum of the values that lies in a ring; NaN where they sum up to 0."""
    sums = rings.sums.sum(axis=2)
    total = sums.sum(axis=1, keepdims=True)
    return _divided(sums, total, total != 0)


def radial_mean_fraction(objects: Objects, image: Array, rings: RingSums) -> Floats:
    """Share of the sum of the values divided by the share of the pixels of a ring; NaN for a ring without pixels."""
    counts = rings.counts.sum(axis=2)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    fractions = radial_fraction(objects, image, rings)
    return _divided(fractions, shares, shares > 0)


def radial_cv(objects: Objects, image: Array, rings: RingSums) -> Floats:
    """Spread of the mean values of the eighths of a ring divided by their mean; NaN for a ring without pixels."""
    there = rings.counts > 0
    means = rings.sums / np.maximum(rings.counts, 1)
    n = np.maximum(there.sum(axis=2), 1)
    mean = means.sum(axis=2) / n
    spread = np.sqrt((there * (means - mean[:, :, None]) ** 2).sum(axis=2) / n)
    return _divided(spread, mean, there.any(axis=2) & (mean != 0))


_COMPUTED = {
    "radial_fraction": (radial_fraction, "FracAtD"),
    "radial_mean_fraction": (radial_mean_fraction, "MeanFrac"),
    "radial_cv": (radial_cv, "RadialCV"),
}


def _declare(name: str, n: int, listed: bool = False) -> Property:
    """Make the property for a number of rings, and the quantities that it needs."""
    if n * _WEDGES >= 1 << 16:
        raise InputError(f"{name}={n} has too many rings; there can be 8000.")
    codes, sums = f"ring_codes={n}", f"ring_sums={n}"
    if codes not in QUANTITIES:
        QUANTITIES[codes] = Quantity(codes, ("bbox",), partial(_codes, n_rings=n))
        QUANTITIES[sums] = Quantity(sums, (codes,), partial(_ring_sums, n_rings=n), per_channel=True)
    compute, original = _COMPUTED[name]
    text = " ".join((compute.__doc__ or "").split())
    more = f" Ask for ``{name}=8`` for eight rings." if listed else ""
    return Property(
        name if listed else f"{name}={n}",
        (sums,),
        compute,
        per_channel=True,
        group=GROUP,
        description=f"{text} One column for each of {n} rings from the centre to the border.{more}",
        source=f"{CELLPROFILER} ({original})",
        parts=str(n),
    )


for _name in _COMPUTED:
    PROPERTIES[_name] = _declare(_name, N_RINGS, listed=True)
    NUMBERED[_name] = partial(_declare, _name)
