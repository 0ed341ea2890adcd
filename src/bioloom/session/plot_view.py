"""Which part of the axes is seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
