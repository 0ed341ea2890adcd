"""Values in groups: boxes, violins, and where the single objects lie in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_HALF_WIDTH = 0.38
_GRID = 128


@dataclass(frozen=True)
class Box:
    """What a box shows of one group.

    Attributes
    ----------
    n : int
        Values; those that are missing or infinite are left out.
    median, first, third : float
        Quartiles.
    low, high : float
        Ends of the whiskers: the outermost values within 1.5 times the box's height from the box (Tukey).
    grid, density : numpy.ndarray
        The violin: positions along the axis, and the density there, 1 at its highest.
    """

    n: int
    median: float
    first: float
    third: float
    low: float
    high: float
    grid: NDArray[np.float64]
    density: NDArray[np.float64]


def group_boxes(values: NDArray[np.float64], groups: NDArray[np.intp], n_groups: int) -> list[Box | None]:
    """Summarise the values of each group.

    Parameters
    ----------
    values
        Positions on the axis, shape (n,).
    groups
        Group of each value, 0…n_groups - 1; others are left out.
    n_groups
        Number of groups.

    Returns
    -------
    list of Box
        One per group, None for those without a finite value.
    """
    kept = np.flatnonzero(np.isfinite(values) & (groups >= 0) & (groups < n_groups))
    # By group; a byte sorts in linear time.
    keys = groups[kept].astype(np.uint8 if n_groups <= 256 else np.int64)
    ordered = kept[np.argsort(keys, kind="stable")]
    ends = np.cumsum(np.bincount(groups[kept], minlength=n_groups))
    parts = np.split(values[ordered], ends[:-1]) if n_groups else []
    return [_box(part) if part.size else None for part in parts]


def strip_positions(
    values: NDArray[np.float64], groups: NDArray[np.intp], boxes: list[Box | None], violin: bool
) -> NDArray[np.float64]:
    """Spread objects sideways around the position of their group, so that they do not cover each other.

    Parameters
    ----------
    values, groups
        As for :func:`group_boxes`.
    boxes
        Its result.
    violin
        Whether they fill the violin; else a strip of the same width everywhere.

    Returns
    -------
    numpy.ndarray
        Horizontal positions, float64: within 0.38 of the group's number; NaN without a group or value. An object always
        gets the same place.
    """
    from bioloom.explore._plot_kernels import spread_sideways

    widths = np.full((max(len(boxes), 1), _GRID), 0.8 * _HALF_WIDTH)
    low, step = np.zeros(len(widths)), np.ones(len(widths))
    for number, box in enumerate(boxes):
        if violin and box is not None and len(box.grid) == _GRID:
            widths[number] = 0.9 * _HALF_WIDTH * box.density
            low[number], step[number] = box.grid[0], box.grid[1] - box.grid[0]
    return spread_sideways(values, groups, len(boxes), widths, low, step)


def _box(values: NDArray[np.float64]) -> Box:
    first, median, third = np.percentile(values, (25, 50, 75)).tolist()
    reach = 1.5 * (third - first)
    low = float(values[values >= first - reach].min())
    high = float(values[values <= third + reach].max())
    grid, density = _violin(values, third - first)
    return Box(len(values), median, first, third, low, high, grid, density)


def _violin(values: NDArray[np.float64], between_quartiles: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimate a density by a Gaussian of Silverman's width on a grid from the lowest to the highest value."""
    from scipy import ndimage

    low, high = float(values.min()), float(values.max())
    spread = float(values.std())
    if not high > low or spread == 0:
        return np.array([low, low]), np.ones(2)
    narrow = min(spread, between_quartiles / 1.34) if between_quartiles > 0 else spread
    bandwidth = 0.9 * narrow * len(values) ** -0.2
    counts, edges = np.histogram(values, bins=_GRID, range=(low, high))
    step = edges[1] - edges[0]
    sigma = float(np.clip(bandwidth / step, 0.7, _GRID / 4))
    # Mirrored at the ends: the violin ends where the values do, at its true width.
    density = ndimage.gaussian_filter1d(counts.astype(float), sigma, mode="reflect")
    return (edges[:-1] + edges[1:]) / 2, density / density.max()
