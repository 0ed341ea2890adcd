"""The correlation matrix of the columns of a table, like columns beside each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from bioloom.session.feature_table import KEYS
from bioloom.session.table_correlation import METHODS, Correlation, correlate
from bioloom.session.table_view import TableView
from bioloom.widgets._parts import enable, form, narrow_combo
from bioloom.widgets._table_statistics import Page
from bioloom.widgets._theme import faint, ground_colour, is_dark, small_font, text_colour

_TITLES = {"pearson": "Pearson (values)", "spearman": "Spearman (ranks)", "kendall": "Kendall (pairs)"}
_SCALE = 12
_NARROW = 180
_BESIDE = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextDontClip


class CorrelationMap(QWidget):
    """Paints the matrix: blue −1, ground 0, red 1; grey where there is no coefficient."""

    pair_chosen = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self.correlation: Correlation | None = None
        self.hint = ""
        self._at: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(200)
        self.setAccessibleName("Correlation matrix")

    def sizeHint(self) -> QSize:
        """Return a comfortable size."""
        return QSize(320, 360)

    def show_correlation(self, correlation: Correlation | None, hint: str = "") -> None:
        """Show a matrix, or a text instead."""
        self.correlation, self.hint, self._at = correlation, hint, None
        self.update()

    # -------------------------------------------------------------------------------------------- places
    def _font_and_names(self) -> tuple[Any, float, bool]:
        """Return the font, the width of the names, and whether there is any room for them."""
        assert self.correlation is not None
        from qtpy.QtGui import QFontMetricsF

        font = small_font(self, 0.8)
        metrics = QFontMetricsF(font)
        widest = max(metrics.horizontalAdvance(name) for name in self.correlation.names)
        width = min(widest + 6, 0.4 * self.width())
        return font, width, self.width() > _NARROW

    def _area(self) -> QRectF:
        assert self.correlation is not None
        _, names, named = self._font_and_names()
        left = names if named else 2.0
        # Rows may be higher than columns are wide, so that there is room for names.
        width, height = max(1.0, self.width() - left - 2), max(1.0, self.height() - _SCALE - 26)
        return QRectF(left, 2, width, min(height, 2.6 * width))

    def _cell(self, x: float, y: float) -> tuple[int, int] | None:
        if self.correlation is None:
            return None
        area, n = self._area(), len(self.correlation.names)
        if not area.contains(x, y):
            return None
        return min(int((y - area.top()) / area.height() * n), n - 1), min(
            int((x - area.left()) / area.width() * n), n - 1
        )

    # -------------------------------------------------------------------------------------------- painting
    def colours(self, values: np.ndarray) -> np.ndarray:
        """Return uint8 RGBA of coefficients."""
        cold, warm, middle = (
            np.array([c.red(), c.green(), c.blue()], float)
            for c in (
                QColor("#4aa3ff" if is_dark(self) else "#2166ac"),
                QColor("#ff6b57" if is_dark(self) else "#b2182b"),
                ground_colour(self) if is_dark(self) else QColor("#f7f7f7"),
            )
        )
        share = np.abs(np.nan_to_num(values))[..., None]
        end = np.where((np.nan_to_num(values) < 0)[..., None], cold, warm)
        rgba = np.full((*values.shape, 4), 255, np.uint8)
        rgba[..., :3] = np.rint(middle + share * (end - middle))
        rgba[np.isnan(values)] = (128, 128, 128, 90)
        return rgba

    def paintEvent(self, event: Any) -> None:
        """Paint names, cells and scale."""
        painter = QPainter(self)
        painter.setPen(text_colour(self))
        if self.correlation is None:
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()), flags, self.hint)
            return
        area, (font, width, named) = self._area(), self._font_and_names()
        names, n = self.correlation.names, len(self.correlation.names)
        pixels = np.ascontiguousarray(self.colours(self.correlation.values))
        image = QImage(pixels.data, n, n, 4 * n, QImage.Format.Format_RGBA8888)
        painter.drawImage(area, image)
        painter.setFont(font)
        metrics, step = painter.fontMetrics(), area.height() / n
        if named:
            every = int(np.ceil(0.85 * metrics.height() / step))
            for place, name in enumerate(names):
                if place % every and not (self._at is not None and place in self._at):
                    continue
                box = QRectF(0, area.top() + place * step, width - 4, step)
                strong = self._at is not None and place in self._at
                painter.setPen(text_colour(self) if strong or self._at is None else faint(self, 0.6))
                text = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, int(width) - 4)
                painter.drawText(box, _BESIDE, text)
        if self._at is not None:
            painter.setPen(QPen(text_colour(self), 1.5))
            row, column = self._at
            painter.drawRect(QRectF(area.left() + column * step, area.top() + row * step, step, step))
        self._paint_scale(painter, QRectF(area.left(), area.bottom() + 6, area.width(), _SCALE))

    def _paint_scale(self, painter: QPainter, box: QRectF) -> None:
        pixels = np.ascontiguousarray(self.colours(np.linspace(-1, 1, 101))[None])
        bar = QRectF(box.left() + 24, box.top(), max(1.0, box.width() - 48), box.height())
        painter.drawImage(bar, QImage(pixels.data, 101, 1, 404, QImage.Format.Format_RGBA8888))
        painter.setPen(text_colour(self))
        for text, x in (("−1", box.left() + 12), ("1", box.right() - 12)):
            painter.drawText(QRectF(x - 20, box.top() - 4, 40, box.height() + 8), Qt.AlignmentFlag.AlignCenter, text)

    # -------------------------------------------------------------------------------------------- mouse
    def tell(self, row: int, column: int) -> str:
        """Say what a cell shows."""
        assert self.correlation is not None
        value = self.correlation.values[row, column]
        first, second = self.correlation.names[row], self.correlation.names[column]
        number = "no coefficient (constant or missing)" if np.isnan(value) else f"{value:.3f}"
        return f"{first}\n{second}\n{number}"

    def mouseMoveEvent(self, event: Any) -> None:
        """Tell about the cell under the mouse."""
        self._at = self._cell(event.position().x(), event.position().y())
        self.update()
        text = f"{self.tell(*self._at)}\nClick to plot them" if self._at else ""
        QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def leaveEvent(self, event: Any) -> None:
        """Forget the cell."""
        self._at = None
        self.update()

    def mousePressEvent(self, event: Any) -> None:
        """Choose a pair of columns."""
        at = self._cell(event.position().x(), event.position().y())
        if at is not None and at[0] != at[1] and self.correlation is not None:
            self.pair_chosen.emit(self.correlation.names[at[1]], self.correlation.names[at[0]])


class CorrelationPage(Page):
    """The matrix, its method, and columns that stand for the others.

    Attributes
    ----------
    pair_chosen : Signal(str, str)
        Two columns, to be plotted.
    columns_chosen : Signal(list)
        Columns of which no two correlate by more than the limit.
    """

    pair_chosen = Signal(str, str)
    columns_chosen = Signal(object)

    def __init__(self, view: TableView, deliver: Callable[[Callable[[], object]], None]) -> None:
        super().__init__(view, deliver)
        self.method = narrow_combo("How the correlation is measured", [_TITLES[m] for m in METHODS])
        self.map = CorrelationMap()
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.limit = QDoubleSpinBox()
        self.limit.setRange(0.1, 1.0)
        self.limit.setSingleStep(0.05)
        self.limit.setValue(0.9)
        self.limit.setToolTip("Two columns that correlate by more than this say nearly the same")
        self.choose_button = QPushButton("Show one of each")
        self.choose_button.setToolTip("Hide columns that say nearly the same as one that stays")
        fields_widget, fields = form()
        fields.addRow("Method", self.method)
        below, limits = form()
        limits.addRow("Alike above", self.limit)
        limits.addRow(self.choose_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(fields_widget)
        layout.addWidget(self.map, stretch=1)
        layout.addWidget(self.note)
        layout.addWidget(below)
        self.method.currentIndexChanged.connect(lambda _: self.outdate())
        self.map.pair_chosen.connect(self.pair_chosen)
        self.choose_button.clicked.connect(self._choose)
        self.limit.valueChanged.connect(lambda _: self._tell())
        self.map.show_correlation(None)
        enable(self.choose_button, False, "There is no matrix yet")

    def compute(self) -> None:
        """Correlate the columns of numbers."""
        columns = [c for c in self.view.columns.values() if not c.is_text and c.name not in KEYS]
        rows = self.view.rows if self.view.filtered else None
        if len(columns) < 2 or not self.view.n_rows:
            self.map.show_correlation(None, "A correlation needs at least two columns of numbers.")
            self._tell()
            return
        method = METHODS[self.method.currentIndex()]
        self.note.setText("Computing …")
        self.jobs.start("Correlation", lambda progress: correlate(columns, rows, method, progress=progress), self._show)

    def _show(self, correlation: Correlation) -> None:
        self.map.show_correlation(correlation)
        self._tell()

    def _tell(self) -> None:
        found = self.map.correlation
        enable(self.choose_button, found is not None, "There is no matrix yet")
        if found is None:
            self.note.setText("")
            return
        kept = found.representatives(self.limit.value())
        sample = "a random sample of " if found.sampled else ""
        self.note.setText(
            f"{len(found.names)} columns, {sample}{found.n_rows:,} rows; {len(kept)} columns stand for the others."
        )

    def _choose(self) -> None:
        if self.map.correlation is not None:
            self.columns_chosen.emit(self.map.correlation.representatives(self.limit.value()))

    def result(self) -> pd.DataFrame:
        """Return the matrix."""
        found = self.map.correlation
        if found is None:
            return pd.DataFrame()
        table = pd.DataFrame(found.values, columns=list(found.names))
        table.insert(0, "column", list(found.names))
        return table
