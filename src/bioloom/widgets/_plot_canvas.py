"""Where things are on a plot, and painting them."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter

from bioloom.errors import BioloomError
from bioloom.explore.axis_scales import Scale, grouped_digits
from bioloom.explore.plot_kinds import density_shades
from bioloom.session.plot_gates import outlines
from bioloom.widgets import _plot_painting as paint
from bioloom.widgets._plot_card import paint_card
from bioloom.widgets._plot_gates import paint_gates
from bioloom.widgets._plot_layout import PlotLayout, arrange
from bioloom.widgets._theme import small_font


class PlotCanvas:
    """Geometry and painting of a plot; mixed into its widget."""

    # -------------------------------------------------------------------------------------------- geometry
    def places(self) -> PlotLayout:
        """Return where everything is."""
        if self._layout is None:
            look = self.model.look
            values = look is not None and look.colouring.limits is not None
            has_bar = values or self.model.kind == "histogram 2D"
            legend = self.model.legend()
            self._layout = arrange(self.width(), self.height(), self._font(), legend, has_bar)
        return self._layout

    def area(self) -> QRectF:
        """Return where the points are."""
        return self.places().area

    def _font(self) -> Any:
        return small_font(self, 0.92)

    def _to_screen(self, x: Any, y: Any) -> tuple[Any, Any]:
        area, (x0, x1, y0, y1) = self.area(), self.model.view
        return area.left() + (x - x0) / (x1 - x0) * area.width(), area.bottom() - (y - y0) / (y1 - y0) * area.height()

    def _to_plane(self, point: QPointF) -> tuple[float, float]:
        area, (x0, x1, y0, y1) = self.area(), self.model.view
        return (
            x0 + (point.x() - area.left()) / area.width() * (x1 - x0),
            y0 + (area.bottom() - point.y()) / area.height() * (y1 - y0),
        )

    def per_unit(self) -> tuple[float, float]:
        """Return the pixels per unit of each axis."""
        area, (x0, x1, y0, y1) = self.area(), self.model.view
        return area.width() / (x1 - x0), area.height() / (y1 - y0)

    def to_screen(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Convert values of the columns into positions in the widget."""
        across, up = self.model.scales
        return self._to_screen(across.forward(x), up.forward(y))

    def to_data(self, point: QPointF) -> tuple[float, float]:
        """Convert a position in the widget into values of the columns."""
        (x, y), (across, up) = self._to_plane(point), self.model.scales
        return float(across.inverse(x)), float(up.inverse(y))

    # -------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: Any) -> None:
        """Paint axes, points, legend, what is being drawn, and what is under the mouse."""
        self._catch_up()
        painter = QPainter(self)
        painter.setFont(self._font())
        text = self.palette().color(self.foregroundRole())
        area = self.area()
        painter.fillRect(area, QColor(255, 255, 255))
        ticks: Any = ([], [])
        try:
            said = self.error or self._nothing_to_see()
            ticks = self._ticks(area)
        except BioloomError as error:
            said = str(error)
        if said:
            painter.setPen(QColor(110, 110, 110))
            words = area.adjusted(12, 8, -12, -8)
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, said)
            return
        grouped = self.model.kind in ("box", "violin")
        painter.save()
        painter.setClipRect(area)
        paint.paint_grid(painter, area, ticks, self._to_screen, across=not grouped)
        if self.picture is not None and not self._stale:
            self._paint_picture(painter)
        if self.picture is not None and self.picture.boxes and not self._stale:
            boxes, colours = self.picture.boxes, self.model.group_colours()
            paint.paint_boxes(painter, boxes, colours, self.model.kind == "violin", self._to_screen)
        paint_gates(painter, area, outlines(self.model, self.gates), self._to_screen)
        self._paint_mouse(painter, area)
        painter.restore()
        across, up = map(self.title_of, self.model.axis_names)
        paint.paint_axes(painter, area, ticks, (across, up), self._to_screen, text, grouped, self.hasFocus())
        paint.paint_legend(painter, self.places(), self.model.hidden_classes, text)
        self._paint_bar(painter, text)
        self._paint_note(painter, area)
        if self.card is not None and self.mouse is not None:
            paint_card(painter, self.card, self.mouse, QRectF(self.rect()))

    def _ticks(self, area: QRectF) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        (across, up), (x0, x1, y0, y1) = self.model.scales, self.model.view
        vertical = up.ticks(y0, y1, int(np.clip(area.height() / 45, 2, 8)))
        if self.model.kind == "histogram":
            vertical = paint.whole_ticks(vertical, up)
        if self.model.kind in ("box", "violin"):
            return [(float(i), name) for i, name in enumerate(self.model.group_names()) if x0 <= i <= x1], vertical
        return across.ticks(x0, x1, int(np.clip(area.width() / 65, 2, 10))), vertical

    def _paint_picture(self, painter: QPainter) -> None:
        x0, x1, y0, y1 = self.picture.view
        left, bottom = self._to_screen(x0, y0)
        right, top = self._to_screen(x1, y1)
        for image, smooth in self._images:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(QRectF(left, top, right - left, bottom - top), image)

    def _paint_bar(self, painter: QPainter, text: QColor) -> None:
        bar, look = self.places().bar, self.model.look
        if bar is None:
            return
        if self.model.kind == "histogram 2D":
            highest = float(max(self.model.grid().counts.max(initial=1), 2))
            ticks = paint.bar_ticks(1.0, highest, Scale("log"), whole=True)
            paint.paint_colour_bar(painter, bar, density_shades(), ticks, "objects", text)
        else:
            colouring = look.colouring
            ticks = paint.bar_ticks(*colouring.limits)
            title = self.title_of(colouring.title)
            paint.paint_colour_bar(painter, bar, colouring.palette[1:], ticks, title, text)

    def _paint_note(self, painter: QPainter, area: QRectF) -> None:
        n = self.model.n_left_out
        if not n or n == len(self.model.x):
            return
        room = area.adjusted(4, 2, -4, -2)
        how = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight | Qt.TextFlag.TextWordWrap
        words = f"{grouped_digits(n)} not shown: {self._why_left_out()}"
        box = painter.boundingRect(room, how, words)
        painter.fillRect(box.adjusted(-2, 0, 2, 0), QColor(255, 255, 255, 200))
        painter.setPen(QColor(110, 110, 110))
        painter.drawText(room, how, words)

    def _nothing_to_see(self) -> str:
        """Say why no object is drawn; empty if any is."""
        n = len(self.model.x)
        if not n or self.model.n_left_out < n:
            return "" if n else self.hint
        which = "The object" if n == 1 else f"None of {grouped_digits(n)} objects"
        return f"{which} can{'not' if n == 1 else ''} be shown: {self._why_left_out()}"

    def _why_left_out(self) -> str:
        across, up = self.model.scale_kinds
        used = {"histogram": (across,), "box": (up,), "violin": (up,)}.get(self.model.kind, (across, up))
        return "a value is missing" + (", or is not above 0" if "log" in used else "")
