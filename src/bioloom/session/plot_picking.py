"""What lies under the mouse of a plot, and which objects are inside what was drawn on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.axis_scales import grouped_digits, tick_texts
from bioloom.explore.plot_kinds_bars import in_bin
from bioloom.explore.polygon import points_in_polygon, points_near_path
from bioloom.session.plot_model import PlotModel
from bioloom.session.plot_tools import Drawn

_CORNERS_PER_EDGE = 24


@dataclass(frozen=True)
class DrawnGate:
    """An outline in the values of columns, from which a gate can be made.

    Attributes
    ----------
    kind : str
        "polygon" or "range".
    columns : tuple of str
        Horizontal and vertical column; for a range the one column.
    vertices : numpy.ndarray
        float64: for a polygon (m, 2); for a range its lower and upper end, (2,).
    """

    kind: Literal["polygon", "range"]
    columns: tuple[str, ...]
    vertices: NDArray[np.float64]


def objects_in(
    model: PlotModel, drawn: Drawn, per_unit: tuple[float, float] = (1.0, 1.0), brush_radius: float = 1.0
) -> NDArray[np.bool_]:
    """Return which visible objects lie inside what was drawn.

    Parameters
    ----------
    model
        The plot.
    drawn
        The shape, its points as positions on the axes. In a histogram every shape is the range that it spans.
    per_unit
        Pixels of the screen per unit of each axis: a brush is round on the screen.
    brush_radius
        In pixels of the screen.
    """
    x, y = model.positions()
    if model.kind == "histogram" or drawn.tool == "span":
        low, high = drawn.points[:, 0].min(), drawn.points[:, 0].max()
        return np.asarray((x >= low) & (x <= high) & model.visible(), np.bool_)
    if drawn.tool == "brush":
        # Measured from the middle of the view, where numbers are small however far it is from 0.
        middle, scale = np.reshape(model.view, (2, 2)).mean(axis=1), np.array(per_unit)
        places = (drawn.points - middle) * scale
        on_screen = (x - middle[0]) * scale[0], (y - middle[1]) * scale[1]
        return points_near_path(*on_screen, places, brush_radius) & model.visible()
    return points_in_polygon(x, y, drawn.points) & model.visible()


def gate_of(model: PlotModel, drawn: Drawn) -> DrawnGate | None:
    """Return what was drawn as an outline in the values of the columns.

    Straight edges on a logarithmic axis are curves in values: they get more corners. None for a brush, for a click, and
    where an axis is no column.
    """
    across, up = model.scales
    if model.kind == "histogram" or (drawn.tool == "span" and model.kind not in ("box", "violin")):
        ends = np.array([drawn.points[:, 0].min(), drawn.points[:, 0].max()])
        return DrawnGate("range", model.names[:1], across.inverse(ends))
    if drawn.tool in ("brush", "click") or model.kind in ("box", "violin"):
        return None
    corners = drawn.points
    if drawn.tool in ("polygon", "rectangle") and (across.kind, up.kind) != ("linear", "linear"):
        corners = _with_more_corners(corners)
    return DrawnGate("polygon", model.names, np.stack([across.inverse(corners[:, 0]), up.inverse(corners[:, 1])], 1))


def nearest(model: PlotModel, x: float, y: float, per_unit: tuple[float, float], reach: float) -> int:
    """Return the row of the visible object nearest to a position, -1 if none is within so many pixels."""
    across, up = model.positions()
    dx, dy = (across - x) * per_unit[0], (up - y) * per_unit[1]
    close = np.flatnonzero((np.abs(dx) <= reach) & (np.abs(dy) <= reach))
    close = close[model.palette()[model.index[close], 3] > 0]
    distances = dx[close] ** 2 + dy[close] ** 2
    if not close.size or distances.min() > reach**2:
        return -1
    return int(close[distances.argmin()])


def objects_of_bin(model: PlotModel, x: float, y: float) -> NDArray[np.bool_] | None:
    """Return which visible objects the bar or bin at a position stands for; None if the plot has no bins."""
    across, up = model.positions()
    if model.kind == "histogram":
        bars = model.bars()
        number = bars.bin_at(x)
        if number is None:
            return np.zeros(len(across), bool)
        return bars.members(across, number) & model.visible()
    if model.kind != "histogram 2D":
        return None
    grid = model.grid()
    place = grid.bin_at(x, y)
    if place is None:
        return np.zeros(len(across), bool)
    x0, x1, y0, y1 = grid.extent
    rows, columns = grid.counts.shape
    found = in_bin(across, x0, x1, columns, place[1]) & in_bin(up, y0, y1, rows, place[0])
    return found & model.visible()


def describe_place(model: PlotModel, x: float, y: float) -> list[tuple[str, str]]:
    """Describe the bar, bin, box or violin at a position: names and texts; nothing where none is."""
    across, up = model.scales
    if model.kind == "histogram":
        bars = model.bars()
        number = bars.bin_at(x)
        if number is None or not bars.heights[number]:
            return []
        low, high = across.inverse(bars.edges(number))
        return [(model.names[0], _between(low, high)), ("objects", grouped_digits(int(bars.heights[number])))]
    if model.kind == "histogram 2D":
        grid = model.grid()
        place = grid.bin_at(x, y)
        if place is None or not grid.counts[place]:
            return []
        x0, x1, y0, y1 = grid.edges(*place)
        return [
            (model.names[0], _between(*across.inverse([x0, x1]))),
            (model.names[1], _between(*up.inverse([y0, y1]))),
            ("objects", grouped_digits(int(grid.counts[place]))),
        ]
    if model.kind in ("box", "violin"):
        number, boxes = round(x), model.layout().boxes
        box = boxes[number] if 0 <= number < len(boxes) else None
        if box is None or abs(x - number) > 0.4 or not box.low <= y <= box.high:
            return []
        first, median, third = up.inverse([box.first, box.median, box.third])
        return [
            ("", model.group_names()[number]),
            ("objects", grouped_digits(box.n)),
            ("median", f"{median:.5g}"),
            ("quartiles", _between(first, third)),
        ]
    return []


def _between(low: float, high: float) -> str:
    return " – ".join(tick_texts(np.array([float(f"{low:.4g}"), float(f"{high:.4g}")]), even=False))


def _with_more_corners(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    following = np.roll(corners, -1, axis=0)
    share = np.linspace(0, 1, _CORNERS_PER_EDGE, endpoint=False)[None, :, None]
    return np.asarray((corners[:, None] + (following - corners)[:, None] * share).reshape(-1, 2), np.float64)
