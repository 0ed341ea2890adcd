"""The outlines of gates on the axes of a plot: exact on any scale, and only as far as they are in view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.axis_scales import Scale
from bioloom.explore.gate_kinds import PolygonGate, RangeGate
from bioloom.explore.plot_kinds import View

Columns: TypeAlias = tuple[str | None, str | None]
Positions: TypeAlias = NDArray[np.float64]

# Lines go on a little beyond the view, so that their ends are not seen.
_MARGIN = 0.02
# Edges that are not straight get a corner wherever they cross one of so many lines across the view.
_CELLS = 256
_FARTHEST = 1e300


@dataclass(frozen=True)
class Outline:
    """What is seen of a gate.

    Attributes
    ----------
    lines : tuple of numpy.ndarray
        Each float64 (m, 2), positions on both axes; nothing if no edge is in view.
    axis : int or None
        For a range, the axis that it is a range of: 0 across, 1 up. None for a polygon.
    ends : tuple of float or None
        For a range, the positions between which it is seen; an open or distant end lies at the edge of the view. None
        for a polygon, and for a range that is not in view.
    """

    lines: tuple[Positions, ...]
    axis: int | None = None
    ends: tuple[float, float] | None = None


def columns_of(kind: str, columns: tuple[str, str]) -> Columns:
    """Return what the axes of a kind of plot show of two columns: None for counts and groups."""
    if kind == "histogram":
        return columns[0], None
    return (None, columns[1]) if kind in ("box", "violin") else columns


def axes_of(gate: RangeGate | PolygonGate, columns: Columns) -> tuple[int, ...] | None:
    """Return the axis that each column of a gate is on: 0 across, 1 up; None if the axes do not show them.

    Parameters
    ----------
    gate
        A range or polygon.
    columns
        The columns on the two axes; None for an axis that shows none, such as the counts of a histogram.
    """
    wanted = [gate.column] if isinstance(gate, RangeGate) else [gate.x, gate.y]
    if any(name not in columns for name in wanted):
        return None
    if tuple(wanted) == columns:
        return 0, 1
    found = tuple(columns.index(name) for name in wanted)
    return found if len(set(found)) == len(found) else None


def outline(
    gate: RangeGate | PolygonGate,
    columns: Columns,
    scales: tuple[Scale, Scale],
    view: View,
    everywhere_curved: bool = False,
) -> Outline | None:
    """Return the edges of a gate on the axes of a plot.

    Parameters
    ----------
    gate
        A range or polygon.
    columns, scales
        What the two axes show, and how.
    view
        (x0, x1, y0, y1), positions on these axes that are in view.
    everywhere_curved
        Whether also edges that are straight on these axes get many corners, for axes that differ a little from these.

    Returns
    -------
    Outline or None
        The edges, cut off a little beyond the view; None if the axes do not show the columns. An edge that is straight
        where the gate was drawn follows the scales of these axes: it has corners no farther apart than 1/256 of the
        view. What has no place on an axis, such as 0 on a logarithmic one, is left out.
    """
    axes = axes_of(gate, columns)
    if axes is None:
        return None
    if isinstance(gate, RangeGate):
        return _range(gate, axes[0], scales[axes[0]], view)
    corners = np.array([*gate.vertices, gate.vertices[0]], np.float64)[:, list(axes)]
    own = [(gate.x_scale, gate.y_scale)[axis] for axis in axes]
    places = np.stack([scale.forward(corners[:, i]) for i, scale in enumerate(own)], axis=1)
    if everywhere_curved or any(_bends(a, b) for a, b in zip(own, scales, strict=True)):
        grids = []
        for i, (low, high) in enumerate(_wider(view)):
            share = np.linspace(0, 1, _CELLS + 1)
            grid = own[i].forward(scales[i].inverse(low * (1 - share) + high * share))
            grids.append(grid[np.isfinite(grid)])
        places = _with_crossings(places, grids)
        places = np.stack([scales[i].forward(own[i].inverse(places[:, i])) for i in (0, 1)], axis=1)
    return Outline(tuple(clipped(places, view)))


def _range(gate: RangeGate, axis: int, scale: Scale, view: View) -> Outline:
    """Return lines at both ends of a range, through the whole view."""
    (low, high), across = _wider(view)[axis], _wider(view)[1 - axis]
    found = [float(scale.forward(end)) for end in (gate.low, gate.high)]
    lines = []
    for place in found:
        if low <= place <= high:
            line = np.array([(place, across[0]), (place, across[1])])
            lines.append(line if axis == 0 else line[:, ::-1])
    # On a logarithmic axis 0 and what is below lie infinitely far to the left.
    first, last = (-np.inf if np.isnan(place) else place for place in found)
    first, last = max(first, view[2 * axis]), min(last, view[2 * axis + 1])
    return Outline(tuple(lines), axis, (first, last)) if first <= last else Outline((), axis)


def clipped(path: Positions, view: View) -> list[Positions]:
    """Cut a path to what is in view (Liang & Barsky).

    Parameters
    ----------
    path
        float64 (m, 2), corners of any size; a corner with NaN has no place, and the lines to it are left out.
    view
        (x0, x1, y0, y1).

    Returns
    -------
    list of numpy.ndarray
        Connected pieces, each float64 (m, 2), all within the view and a margin of 2 % of it.
    """
    ends = np.array(view, np.float64).reshape(2, 2)
    # Halved first: the distance of huge numbers overflows.
    middle, half = ends[:, 0] / 2 + ends[:, 1] / 2, ends[:, 1] / 2 - ends[:, 0] / 2
    with np.errstate(over="ignore", invalid="ignore"):
        seen = np.clip((path / 2 - middle / 2) / (half / 2), -_FARTHEST, _FARTHEST)
    # Each line is followed from the end nearer to the view: from a far one, rounding would miss it.
    turned = np.abs(seen[1:]).max(axis=1) < np.abs(seen[:-1]).max(axis=1)
    start, stop = _from_near(seen, turned)
    step = stop - start
    edge = 1 + 2 * _MARGIN
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        one, other = (-edge - start) / step, (edge - start) / step
    # A line along an axis crosses its borders nowhere: it is within them all the way, or not at all.
    along = step == 0
    within = along & (np.abs(start) <= edge)
    enter = np.where(along, np.where(within, -np.inf, np.inf), np.fmin(one, other)).max(axis=1, initial=0.0)
    leave = np.where(along, np.where(within, np.inf, -np.inf), np.fmax(one, other)).min(axis=1, initial=1.0)
    kept = np.flatnonzero((enter <= leave) & np.isfinite(start).all(axis=1) & np.isfinite(step).all(axis=1))
    if not kept.size:
        return []
    enter, leave, start, stop, step, turned = (p[kept] for p in (enter, leave, start, stop, step, turned))
    ahead = start + enter[:, None] * step
    behind = np.where(leave[:, None] == 1, stop, start + leave[:, None] * step)
    first, last = np.where(turned[:, None], behind, ahead), np.where(turned[:, None], ahead, behind)
    cut_first, cut_last = np.where(turned, leave < 1, enter > 0), np.where(turned, enter > 0, leave < 1)
    breaks = np.flatnonzero((np.diff(kept) > 1) | cut_last[:-1] | cut_first[1:]) + 1
    pieces = []
    for part in np.split(np.arange(len(kept)), breaks):
        piece = np.concatenate([first[part[:1]], last[part]])
        pieces.append(middle + np.clip(piece, -edge, edge) * half)
    return pieces


def _bends(own: Scale, shown: Scale) -> bool:
    """Tell whether what is straight on one scale is not on another."""
    return own.kind != shown.kind or (own.kind == "symlog" and own.knee != shown.knee)


def _wider(view: View) -> tuple[tuple[float, float], tuple[float, float]]:
    x0, x1, y0, y1 = view
    across, up = 2 * _MARGIN * (x1 / 2 - x0 / 2), 2 * _MARGIN * (y1 / 2 - y0 / 2)
    return (x0 - across, x1 + across), (y0 - up, y1 + up)


def _with_crossings(path: Positions, grids: Sequence[Positions]) -> Positions:
    """Add corners where a path crosses ascending positions on the first or the second axis."""
    n = len(path) - 1
    # From the nearer end on, as above.
    turned = np.abs(path[1:]).max(axis=1) < np.abs(path[:-1]).max(axis=1)
    start, stop = _from_near(path, turned)
    numbers, shares = [np.arange(n)], [turned.astype(np.float64)]
    for axis, grid in enumerate(grids):
        near, far = start[:, axis], stop[:, axis]
        below = np.searchsorted(grid, np.minimum(near, far), "right")
        n_crossed = np.maximum(np.searchsorted(grid, np.maximum(near, far), "left") - below, 0)
        number = np.repeat(np.arange(n), n_crossed)
        which = np.arange(len(number)) - np.repeat(np.cumsum(n_crossed) - n_crossed, n_crossed) + below[number]
        with np.errstate(over="ignore"):
            shares.append((grid[which] - near[number]) / (far - near)[number])
        numbers.append(number)
    edge, share = np.concatenate(numbers), np.concatenate(shares)
    order = np.lexsort((np.where(turned[edge], -share, share), edge))
    edge, share = edge[order], share[order, None]
    return np.concatenate([start[edge] * (1 - share) + stop[edge] * share, path[-1:]])


def _from_near(path: Positions, turned: NDArray[np.bool_]) -> tuple[Positions, Positions]:
    """Return both ends of each line of a path, those of some the other way round."""
    other = turned[:, None]
    return np.where(other, path[1:], path[:-1]), np.where(other, path[:-1], path[1:])
