"""The granularity spectrum of objects: how much of their brightness is in grains of each size."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure.registry import NUMBERED, PROPERTIES, Objects, Property
from bioloom.measure.texture import GROUP

N_SCALES = 16
MAX_SCALES = 200


def _spectrum(objects: Objects, image: NDArray[Any], bbox: NDArray[np.int64], n_scales: int) -> NDArray[np.float64]:
    """Spectra (n, scales)."""
    from bioloom.measure._crops import boxes_of, for_crops
    from bioloom.measure._granularity import granularity_spectra

    out = np.full((objects.ids.size, n_scales), np.nan)
    for_crops(objects, boxes_of(objects, bbox), granularity_spectra, image, objects.ndim == 2, out)
    return out


def _declare(n_scales: int, listed: bool = False) -> Property:
    """Make the property for a number of scales."""
    if n_scales > MAX_SCALES:
        raise InputError(f"granularity={n_scales} has too many scales; there can be {MAX_SCALES}.")
    more = " Ask for ``granularity=8`` for eight sizes." if listed else ""
    return Property(
        "granularity" if listed else f"granularity={n_scales}",
        ("bbox",),
        partial(_spectrum, n_scales=n_scales),
        per_channel=True,
        group=GROUP,
        description="Percentage of the sum of the values that is lost where bright grains disappear, by an opening by "
        f"reconstruction, that a diamond of radius 1 (column 0) to {n_scales} pixels does not fit into; NaN where the "
        "values do not sum up to more than 0. Each object is taken by itself, at full resolution, and no background "
        f"is subtracted.{more}",
        source="Ravkin & Temov 1988; CellProfiler, MeasureGranularity",
        parts=str(n_scales),
    )


PROPERTIES["granularity"] = _declare(N_SCALES, listed=True)
NUMBERED["granularity"] = _declare
