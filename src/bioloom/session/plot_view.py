"""Which part of the axes is seen."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.axis_scales import Scale


def zoomed(low: float, high: float, fixed: float, factor: float, whole: float) -> tuple[float, float]:
    """Make the seen part of an axis `factor` times as long around a fixed position, within reason.

    Parameters
    ----------
    low, high
        Its ends.
    fixed
        The position that stays where it is.
    factor
        Below 1 to zoom in.
    whole
        Length of all there is to see: at least 10⁻⁷ and at most 1000 times as much is seen.
    """
    span = (high - low) * factor
    least = max(whole * 1e-7, max(abs(low), abs(high)) * 1e-12)
    factor *= min(max(span, least), whole * 1e3) / span
    return fixed + (low - fixed) * factor, fixed + (high - fixed) * factor


def value_range(positions: NDArray[np.float64], margin: float = 0.05) -> tuple[float, float]:
    """Return two different ends between which all finite positions lie, with a margin as a share of their distance."""
    if not positions.size:
        return 0.0, 1.0
    low, high = float(positions.min()), float(positions.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = positions[np.isfinite(positions)]
        if not finite.size:
            return 0.0, 1.0
        low, high = float(finite.min()), float(finite.max())
    if low == high:
        aside = 0.05 * abs(high) or 0.5
        return low - aside, high + aside
    # Halved first: the distance of huge numbers overflows.
    aside = margin * 2 * (high / 2 - low / 2)
    return low - aside, high + aside


def count_range(highest: int, scale: Scale) -> tuple[float, float]:
    """Return the positions between which bars up to a number of objects are seen, on a linear or logarithmic axis."""
    highest = max(highest, 1)
    return (math.log10(0.7), math.log10(highest * 1.3)) if scale.kind == "log" else (0.0, highest * 1.06)


def usual_radius(n_points: int) -> float:
    """Return the radius of points on the screen: smaller the more there are."""
    return 3.5 if n_points < 1_000 else 3.0 if n_points < 5_000 else 2.0 if n_points < 50_000 else 1.0
