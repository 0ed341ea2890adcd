"""A beeswarm of SHAP values, a row per feature, and the waterfall of one object; both paint themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioloom.explore.appearance import shades
from bioloom.explore.explanation import Explanation, Swarm, Waterfall
from bioloom.session.explaining import waterfall_text
from bioloom.widgets._theme import small_font, text_colour

_ROW = 22
_RADIUS = 1.8
_UP, _DOWN = QColor("#d55e00"), QColor("#0072b2")


class ShapView(QWidget):
    """What moves a classifier's answers: a point per object and feature, or the steps of one object."""

    feature_clicked = Signal(str)
    row_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName("SHAP values")
        self.swarms: list[Swarm] = []
        self.waterfall: Waterfall | None = None
        self.of = ""
        self.bars = False
        self._palette = [QColor(*map(int, c[:3]), 190) for c in shades("coolwarm")[::8]]

    def show_swarms(self, explanation: Explanation, class_id: int, bars: bool = False) -> None:
        """Show the most important features of a class, as points or as bars of their mean size."""
        self.swarms, self.waterfall, self.bars = explanation.beeswarm(class_id, 12), None, bars
        self._fit()

    def show_waterfall(self, steps: Waterfall, of: str) -> None:
        """Show how the answer for one object, called so, comes about."""
        self.waterfall, self.of = steps, of
        self.setToolTip("\n".join(waterfall_text(steps)))
        self._fit()

    def clear(self) -> None:
        """Show nothing."""
        self.swarms, self.waterfall = [], None
        self._fit()

    def _fit(self) -> None:
        if self.waterfall is None:
            self.setToolTip("")
        self.setFixedHeight(self.sizeHint().height())
        self.setVisible(bool(self.swarms or self.waterfall))
        self.update()

    def sizeHint(self) -> QSize:
        """As high as its rows."""
        n = len(self.waterfall.names) + 1 if self.waterfall is not None else len(self.swarms)
        return QSize(300, n * _ROW + 24)

    # -------------------------------------------------------------------------------------------- geometry
    def _area(self) -> QRectF:
        names = self.waterfall.names if self.waterfall is not None else [s.feature for s in self.swarms]
        metrics = self.fontMetrics()
        longest = max((metrics.horizontalAdvance(name) for name in names), default=0)
        left = min(longest + 8, round(self.width() * 0.45))
        return QRectF(left, 0, max(self.width() - left - 40 * bool(self.waterfall) - 6, 20), self.height() - 22)

    def _range(self) -> tuple[float, float]:
        if self.waterfall is not None:
            ends = np.array(self.waterfall.edges)
            return float(ends.min()), float(ends.max())
        if self.bars:
            return 0.0, max(float(np.abs(s.x).mean()) for s in self.swarms)
        low = min(float(s.x.min(initial=0)) for s in self.swarms)
        return min(low, 0.0), max(*(float(s.x.max(initial=0)) for s in self.swarms), 0.0)

    def _across(self, value: Any) -> Any:
        (low, high), area = self._range(), self._area()
        return area.left() + 4 + (value - low) / max(high - low, 1e-9) * (area.width() - 8)

    # -------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: Any) -> None:
        """Paint names, points or bars, and the axis."""
        if not self.swarms and self.waterfall is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small_font(self, 0.92))
        names = self.waterfall.names if self.waterfall is not None else [s.feature for s in self.swarms]
        area, text = self._area(), text_colour(self)
        faint = QColor(text)
        faint.setAlpha(70)
        painter.setPen(QPen(faint))
        zero = self._across(self.waterfall.base if self.waterfall is not None else 0.0)
        painter.drawLine(QPointF(zero, 0), QPointF(zero, len(names) * _ROW))
        painter.setPen(text)
        for row, name in enumerate(names):
            short = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, int(area.left()) - 6)
            flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
            painter.drawText(QRectF(0, row * _ROW, area.left() - 4, _ROW), flags, short)
        if self.waterfall is not None:
            self._paint_waterfall(painter, text)
        else:
            self._paint_swarms(painter)
        low, high = self._range()
        painter.setPen(text)
        below = QRectF(area.left(), area.bottom(), area.width(), 20)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, f"{low:.2f}")
        painter.drawText(below, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{high:.2f}")
        what = "probability" if self.waterfall is not None else "mean |SHAP|" if self.bars else "SHAP value"
        told = f"{what} (red: high value of the feature)"
        if what == "SHAP value" and painter.fontMetrics().horizontalAdvance(told) < area.width() - 90:
            what = told
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, what)

    def _paint_swarms(self, painter: QPainter) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        grey, last = QColor(140, 140, 140, 190), len(self._palette) - 1
        for row, swarm in enumerate(self.swarms):
            middle = (row + 0.5) * _ROW
            if self.bars:
                painter.setBrush(_DOWN)
                start = self._across(0.0)
                painter.drawRect(QRectF(start, middle - 6, self._across(float(np.abs(swarm.x).mean())) - start, 12))
                continue
            xs, ys = self._across(swarm.x), middle + swarm.y * (_ROW - 4)
            for x, y, colour in zip(xs.tolist(), ys.tolist(), swarm.colour.tolist(), strict=True):
                painter.setBrush(grey if colour != colour else self._palette[round(colour * last)])
                painter.drawEllipse(QPointF(x, y), _RADIUS, _RADIUS)

    def _paint_waterfall(self, painter: QPainter, text: QColor) -> None:
        steps = self.waterfall
        assert steps is not None
        for row, ((start, end), step) in enumerate(zip(steps.edges, steps.steps, strict=True)):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(_UP if step > 0 else _DOWN)
            left, right = sorted((self._across(start), self._across(end)))
            painter.drawRect(QRectF(left, row * _ROW + 4, max(right - left, 1.0), _ROW - 8))
            painter.setPen(text)
            painter.drawText(QPointF(right + 3, (row + 0.7) * _ROW), f"{step:+.2f}")
        painter.setPen(text)
        told = f"{self.of}: {steps.class_name} {steps.probability:.2f}, usual {steps.base:.2f}"
        line = QRectF(0, len(steps.names) * _ROW, self.width(), _ROW)
        painter.drawText(line, Qt.AlignmentFlag.AlignCenter, told)

    # -------------------------------------------------------------------------------------------- mouse
    def mouseMoveEvent(self, event: Any) -> None:
        """Name the feature under the mouse."""
        row = int(event.position().y() // _ROW)
        if self.waterfall is None and 0 <= row < len(self.swarms):
            size = float(np.abs(self.swarms[row].x).mean())
            told = f"{self.swarms[row].feature}: mean |SHAP| {size:.3f}"
            told += "" if self.bars else "\nRed: high values of the measurement, blue: low ones"
            told += "\nClick the name to see it in the image"
            QToolTip.showText(event.globalPosition().toPoint(), told, self)

    def mouseReleaseEvent(self, event: Any) -> None:
        """Report the feature or the object that was clicked."""
        if self.waterfall is not None:
            self.waterfall = None
            self._fit()
            return
        place, row = event.position(), int(event.position().y() // _ROW)
        if not 0 <= row < len(self.swarms):
            return
        swarm = self.swarms[row]
        if place.x() < self._area().left() or self.bars:
            self.feature_clicked.emit(swarm.feature)
            return
        xs, ys = self._across(swarm.x), (row + 0.5) * _ROW + swarm.y * (_ROW - 4)
        distance = np.hypot(xs - place.x(), ys - place.y())
        if distance.min() <= 5:
            self.row_clicked.emit(int(swarm.rows[int(distance.argmin())]))
