"""What rows a classifier was trained on: beyond them its answers are guesses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MARGIN = 0.1  # of a range: so far beyond it is not yet another unit or another kind of image


def ranges_of(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the smallest and the largest finite value per column, float64 (columns, 2); NaN where there is none."""
    known = np.isfinite(values)
    low = np.where(known, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=0, initial=-np.inf)
    ranges = np.stack([low, high], axis=1).astype(np.float64)
    ranges[~np.isfinite(ranges)] = np.nan
    return ranges


def joined_ranges(one: NDArray[np.float64] | None, other: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the ranges that hold both; None if one is not known."""
    if one is None:
        return None
    return np.stack([np.fmin(one[:, 0], other[:, 0]), np.fmax(one[:, 1], other[:, 1])], axis=1)


def lie_beyond(ranges: NDArray[np.float64], values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell per column whether all values lie clearly on one side of its range."""
    low, high = ranges.T
    lowest, highest = ranges_of(values).T
    margin = _MARGIN * (high - low)
    return np.asarray((lowest > high + margin) | (highest < low - margin), np.bool_)


def ranges_as_lists(ranges: NDArray[np.float64] | None) -> list[list[float] | None] | None:
    """Return ranges as JSON knows them."""
    if ranges is None:
        return None
    return [[float(low), float(high)] if low <= high else None for low, high in ranges]


def read_ranges(given: object, n_features: int) -> NDArray[np.float64] | None:
    """Return ranges that a file tells; None if it tells none.

    Raises
    ------
    ValueError, TypeError
        If they are something else.
    """
    if given is None:
        return None
    if not isinstance(given, list) or len(given) != n_features:
        raise ValueError("the ranges of its training do not fit its features")
    ranges = np.array([[np.nan, np.nan] if one is None else one for one in given], np.float64).reshape(n_features, 2)
    if np.isinf(ranges).any() or (ranges[:, 0] > ranges[:, 1]).any():
        raise ValueError("the ranges of its training are wrong")
    return ranges


def doubt_text(names: Sequence[str], item: str) -> str:
    """Say that all rows lie beyond the ranges of some columns."""
    named = ", ".join(names[:3]) + (f", … ({len(names)} in all)" if len(names) > 3 else "")
    return (
        f"Doubtful: {named} of all {item}s {'is' if len(names) == 1 else 'are'} beyond what the classifier was trained "
        "on. Were they measured in another unit, or in an image of another kind, such as 16 bit instead of 8?"
    )
