"""What lies under the mouse of a plot, and which objects are inside what was drawn on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.axis_scales import grouped_digits, tick_texts
from bioloom.explore.gate_kinds import PolygonGate, RangeGate
from bioloom.explore.plot_kinds_bars import in_bin
from bioloom.explore.polygon import points_in_polygon, points_near_path
from bioloom.session.plot_model import PlotModel
from bioloom.session.plot_tools import Drawn


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


def gate_of(model: PlotModel, drawn: Drawn) -> RangeGate | PolygonGate | None:
    """Return the gate that selects what was drawn by the values of the columns.

    None for a brush, for a click, for what has no area, and where an axis is no column.
    """
    across, up = model.scales
    if model.kind == "histogram" or (drawn.tool == "span" and model.kind not in ("box", "violin")):
        low, high = across.inverse([drawn.points[:, 0].min(), drawn.points[:, 0].max()])
        return RangeGate(model.names[0], float(low), float(high))
    if drawn.tool in ("brush", "click") or model.kind in ("box", "violin"):
        return None
    corners = zip(across.inverse(drawn.points[:, 0]).tolist(), up.inverse(drawn.points[:, 1]).tolist(), strict=True)
    try:
        return PolygonGate(*model.names, tuple(corners), across, up)
    except InputError:
        return None


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
