"""Where axes, legend and colour bar go in the rectangle of a plot."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QRectF
from qtpy.QtGui import QFontMetricsF

from bioloom.explore.axis_scales import grouped_digits

_RIGHT_LEGEND_FROM = 470
_ROWS_BELOW = 3
_SWATCH, _GAP = 10, 5


@dataclass
class LegendEntry:
    """One line of the legend."""

    class_id: int
    text: str
    colour: tuple[int, ...]
    box: QRectF


@dataclass
class PlotLayout:
    """Rectangles in widget coordinates.

    Attributes
    ----------
    area : QRectF
        Where the points are.
    legend : list of LegendEntry
        Those that have a place.
    n_more : int
        How many entries have none.
    more_box : QRectF
        Where that is said.
    bar : QRectF or None
        The colour bar.
    """

    area: QRectF
    legend: list[LegendEntry] = field(default_factory=list)
    n_more: int = 0
    more_box: QRectF = field(default_factory=QRectF)
    bar: QRectF | None = None


def arrange(width: float, height: float, font: Any, entries: list[tuple[Any, ...]], has_bar: bool) -> PlotLayout:
    """Give everything its place.

    Parameters
    ----------
    width, height
        Of the widget.
    font
        Of the texts.
    entries
        Class, name, colour and number of objects of each line of the legend.
    has_bar
        Whether there is a colour bar.
    """
    metrics = QFontMetricsF(font)
    line = metrics.height()
    left, top, right, bottom = line + metrics.horizontalAdvance("−0.0000") + 12, line / 2 + 3, 10.0, 2 * line + 12
    if has_bar:
        right += 14 + metrics.horizontalAdvance("0.0·10⁻⁵") + line + 8
    texts = [f"{name} ({grouped_digits(n)})" for _, name, _, n in entries]
    widths = [_SWATCH + _GAP + metrics.horizontalAdvance(t) + 12 for t in texts]
    row = line + 3
    if entries and width >= _RIGHT_LEGEND_FROM:
        needed = min(max(widths), 0.3 * width)
        area = QRectF(left, top, max(width - left - right - needed, 1), max(height - top - bottom, 1))
        fits = max(int(area.height() // row), 1)
        n = len(entries) if len(entries) <= fits else fits - 1
        x = area.right() + 10
        boxes = [QRectF(x, top + i * row, needed, row) for i in range(n + 1)]
    else:
        boxes, x, y = [], 6.0, 0.0
        for w in [*widths, 60.0]:
            w = min(w, width - 12)
            if x + w > width - 4 and x > 6:
                x, y = 6.0, y + row
            boxes.append(QRectF(x, y, w, row))
            x += w
        n = sum(box.top() < _ROWS_BELOW * row for box in boxes[:-1])
        if n < len(entries):
            n = max(n - 1, 0)
        n_rows = round(max((box.top() for box in boxes[: max(n, 1)]), default=0) / row) + 1 if entries else 0
        below = n_rows * row + (4 if n_rows else 0)
        area = QRectF(left, top, max(width - left - right, 1), max(height - top - bottom - below, 1))
        start = height - below + 2
        boxes = [box.translated(0, start) for box in boxes]
    layout = PlotLayout(area)
    for (class_id, _, colour, _), text, box in zip(entries[:n], texts, boxes, strict=False):
        layout.legend.append(LegendEntry(class_id, text, colour, box))
    layout.n_more = len(entries) - n
    layout.more_box = boxes[n] if n < len(boxes) else QRectF()
    if has_bar:
        tall = min(area.height(), 220.0)
        layout.bar = QRectF(area.right() + 12, area.top(), 12, tall)
    return layout
