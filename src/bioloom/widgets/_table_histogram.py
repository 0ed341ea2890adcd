"""Histograms of a column: all rows, those shown, those selected; drag over them to filter."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioloom.session.table_histograms import BinnedColumn, Counts, describe_bin
from bioloom.widgets._theme import accent, faint, is_dark, small_font, text_colour


def selected_colour(widget: QWidget) -> QColor:
    """Return the colour of selected objects: an orange that the colour-blind tell from the accent, too."""
    return QColor("#f5a623") if is_dark(widget) else QColor("#d55e00")


def paint_bars(painter: QPainter, area: QRectF, counts: Counts, kept: np.ndarray, widget: QWidget) -> None:
    """Paint the bars of a histogram.

    Parameters
    ----------
    painter, area
        Where.
    counts
        How many rows lie in each bin; the highest bar of all rows fills the height.
    kept
        Which bins the column's filter lets pass; others get a darker ground.
    widget
        Whose colours are used.
    """
    n = len(counts.all)
    highest = int(counts.all.max()) if n else 0
    if not highest:
        return
    width = area.width() / n
    colours = (faint(widget, 0.3), accent(widget), selected_colour(widget))
    for place in range(n):
        left = area.left() + place * width
        if not kept[place]:
            painter.fillRect(QRectF(left, area.top(), width, area.height()), faint(widget, 0.12))
        for number, colour in zip(
            (counts.all[place], counts.shown[place], counts.selected[place]), colours, strict=True
        ):
            if number:
                # A single object among many can be seen, too.
                height = max(1.0, area.height() * int(number) / highest)
                gap = 0.5 if width > 3 else 0.0
                painter.fillRect(QRectF(left, area.bottom() - height, width - gap, height), colour)


class HistogramView(QWidget):
    """One histogram with an axis; drag to choose a range, double-click to choose all.

    Attributes
    ----------
    bins_chosen : Signal(int, int)
        First and last bin of the range that was dragged over; -1, -1 for all.
    """

    bins_chosen = Signal(int, int)

    def __init__(self) -> None:
        super().__init__()
        self.binned: BinnedColumn | None = None
        self.counts: Counts | None = None
        self.kept = np.zeros(0, bool)
        self._drag: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setMinimumHeight(80)
        self.setToolTip("Drag to show only the rows in a range; double-click to show all")

    def sizeHint(self) -> QSize:
        """Return a comfortable size."""
        return QSize(260, 110)

    def show_counts(self, binned: BinnedColumn | None, counts: Counts | None, kept: np.ndarray | None = None) -> None:
        """Show a column, or nothing."""
        self.binned, self.counts = binned, counts
        n = binned.n_bins if binned is not None else 0
        self.kept = np.ones(n, bool) if kept is None else kept
        self._drag = None
        self.update()

    def _area(self) -> QRectF:
        return QRectF(2, 4, max(1, self.width() - 4), max(1, self.height() - 8 - self.fontMetrics().height()))

    def _bin_at(self, x: float) -> int:
        assert self.binned is not None
        area = self._area()
        return int(np.clip((x - area.left()) / area.width() * self.binned.n_bins, 0, self.binned.n_bins - 1))

    def paintEvent(self, event: Any) -> None:
        """Paint bars, range and axis."""
        painter = QPainter(self)
        area = self._area()
        if self.binned is None or self.counts is None or not self.binned.n_bins:
            painter.setPen(faint(self, 0.6))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no values")
            return
        kept = self.kept
        if self._drag is not None:
            kept = np.zeros(self.binned.n_bins, bool)
            kept[min(self._drag) : max(self._drag) + 1] = True
        paint_bars(painter, area, self.counts, kept, self)
        painter.setPen(faint(self, 0.4))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        painter.setPen(text_colour(self))
        painter.setFont(small_font(self))
        below = QRectF(area.left(), area.bottom() + 2, area.width(), self.height() - area.bottom() - 2)
        left, right = describe_bin(self.binned, 0), describe_bin(self.binned, self.binned.n_bins - 1)
        if not self.binned.words and " – " in left:
            left, right = left.partition(" – ")[0], right.partition(" – ")[2]
        half = painter.fontMetrics().elidedText(left, Qt.TextElideMode.ElideRight, int(area.width() / 2) - 4)
        painter.drawText(below, Qt.AlignmentFlag.AlignLeft, half)
        if self.binned.n_bins > 1:
            half = painter.fontMetrics().elidedText(right, Qt.TextElideMode.ElideRight, int(area.width() / 2) - 4)
            painter.drawText(below, Qt.AlignmentFlag.AlignRight, half)

    def mousePressEvent(self, event: Any) -> None:
        """Begin a range."""
        if self.binned is not None and self.binned.n_bins and event.button() == Qt.MouseButton.LeftButton:
            place = self._bin_at(event.position().x())
            self._drag = (place, place)
            self.update()

    def mouseMoveEvent(self, event: Any) -> None:
        """Extend the range, or tell what is under the mouse."""
        if self.binned is None or self.counts is None or not self.binned.n_bins:
            return
        place = self._bin_at(event.position().x())
        if self._drag is not None:
            self._drag = (self._drag[0], place)
            self.update()
        QToolTip.showText(event.globalPosition().toPoint(), tell_bin(self.binned, self.counts, place), self)

    def mouseReleaseEvent(self, event: Any) -> None:
        """Choose the range."""
        if self._drag is not None:
            drag, self._drag = self._drag, None
            self.update()
            self.bins_chosen.emit(min(drag), max(drag))

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Choose all."""
        self._drag = None
        self.bins_chosen.emit(-1, -1)


def tell_bin(binned: BinnedColumn, counts: Counts, place: int) -> str:
    """Say what is in a bin, and how many rows."""
    parts = [f"{describe_bin(binned, place)}: {counts.all[place]:,}"]
    if counts.shown[place] != counts.all[place]:
        parts.append(f"{counts.shown[place]:,} shown")
    if counts.selected[place]:
        parts.append(f"{counts.selected[place]:,} selected")
    return ", ".join(parts)
