"""A wall of small pictures of objects, sorted by a column; a click goes to the object."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractScrollArea,
    QHBoxLayout,
    QLabel,
    QSlider,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from bioloom.explore.axis_scales import grouped_digits
from bioloom.session.gallery import Gallery, in_order
from bioloom.session.jobs import JobRunner
from bioloom.session.plot_card import value_text
from bioloom.widgets._base import abandon
from bioloom.widgets._parts import narrow_combo

AS_IN_TABLE = "order of the table"

_GAP = 4
_KEPT = 3000
_BATCH = 48


class GalleryView(QWidget):
    """Pictures of objects with their order and size.

    Call :meth:`set_gallery` when the objects or images change and :meth:`show_rows` when the selection does.

    Parameters
    ----------
    send
        Runs a callable on the GUI thread.
    """

    object_clicked = Signal(int)
    """The row of the object whose picture was clicked."""

    def __init__(self, send: Any) -> None:
        super().__init__()
        self._table = pd.DataFrame()
        self._rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self.sort_box = narrow_combo("Sort the pictures by this column")
        self.sort_box.addItem(AS_IN_TABLE)
        self.descending = QToolButton()
        self.descending.setText("↓")
        self.descending.setCheckable(True)
        self.descending.setToolTip("The largest first")
        self.size_slider = QSlider(Qt.Orientation.Horizontal)
        self.size_slider.setRange(32, 192)
        self.size_slider.setValue(72)
        self.size_slider.setToolTip("Size of the pictures")
        self.size_slider.setMinimumWidth(48)
        self.count = QLabel()
        self.wall = _Wall(send)
        self.wall.clicked.connect(self.object_clicked)
        self.wall.describe = self._describe
        top = QHBoxLayout()
        top.addWidget(self.sort_box, stretch=2)
        top.addWidget(self.descending)
        top.addWidget(self.size_slider, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        self.setMinimumWidth(220)
        layout.addLayout(top)
        layout.addWidget(self.wall, stretch=1)
        layout.addWidget(self.count)
        self.sort_box.currentTextChanged.connect(self._sort)
        self.descending.toggled.connect(self._sort)
        self.size_slider.valueChanged.connect(self.wall.set_size)

    def set_gallery(
        self, gallery: Gallery | None, table: pd.DataFrame, outlines: NDArray[np.uint8] | None = None
    ) -> None:
        """Show other objects or images.

        Parameters
        ----------
        gallery
            The pictures; None for nothing.
        table
            A row per object of the gallery: what can be sorted by, and what the tooltip tells.
        outlines
            RGB per object, such as the colours of classes.
        """
        before, self._table = self.sort_box.currentText(), table
        self.sort_box.blockSignals(True)
        self.sort_box.clear()
        self.sort_box.addItems([AS_IN_TABLE, *(str(c) for c in table.columns if c != "index")])
        self.sort_box.setCurrentText(before if before in table.columns else AS_IN_TABLE)
        self.sort_box.blockSignals(False)
        self._rows = self._rows[self._rows < (len(gallery) if gallery is not None else 0)]
        self.wall.set_gallery(gallery, outlines)
        self._sort()

    def show_rows(self, rows: NDArray[np.integer]) -> None:
        """Show the pictures of some rows, such as the selected ones."""
        self._rows = np.asarray(rows, np.intp)
        self._sort()

    def shown(self) -> NDArray[np.intp]:
        """Return the rows in the order in which their pictures are shown."""
        return self.wall.rows

    def close_jobs(self) -> None:
        """Stop drawing."""
        self.wall.jobs.cancel()

    def _sort(self, changed: Any = None) -> None:
        name = self.sort_box.currentText()
        values = self._table[name] if name in self._table.columns else None
        self.wall.set_rows(in_order(self._rows, values, self.descending.isChecked()))
        n = len(self._rows)
        told = f"{grouped_digits(n)} object{'s' * (n != 1)}"
        self.count.setText(told if n else "Select objects to see their pictures.")

    def _describe(self, row: int) -> str:
        if row >= len(self._table):
            return ""
        names = [c for c in ("frame", "label", self.sort_box.currentText()) if c in self._table.columns]
        # Column by column: a row of numbers has one type, in which labels are no whole numbers any more.
        return "\n".join(f"{name}: {value_text(self._table[name].iloc[row])}" for name in dict.fromkeys(names))


class _Wall(QAbstractScrollArea):
    """The pictures; only those in view are made, off the GUI thread."""

    clicked = Signal(int)
    drawn = Signal()

    def __init__(self, send: Any) -> None:
        super().__init__()
        self.rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self.describe: Any = None
        self._gallery: Gallery | None = None
        self._outlines: NDArray[np.uint8] | None = None
        self._size, self._side = 72, 0.0
        self._pictures: dict[int, QImage] = {}
        self._outdated: set[int] = set()
        self.setMinimumSize(QSize(160, 120))
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.jobs = JobRunner(send)
        self.destroyed.connect(partial(abandon, self.jobs))

    def set_gallery(self, gallery: Gallery | None, outlines: NDArray[np.uint8] | None) -> None:
        if not _alike(self._gallery, gallery):
            self._pictures.clear()
        self._gallery, self._outlines, self._side = gallery, outlines, 0.0
        self.jobs.cancel()
        # Pictures of the same objects are seen until the new ones are made: they would flicker as contrast changes.
        self._outdated = set(self._pictures)

    def set_rows(self, rows: NDArray[np.intp]) -> None:
        if set(rows.tolist()) != set(self.rows.tolist()):
            # All pictures are at the same scale, which depends on the objects.
            self._side = 0.0
            self._pictures.clear()
        if not np.array_equal(rows, self.rows):
            self.rows = rows
            self.verticalScrollBar().setValue(0)
        self._arrange()

    def set_size(self, size: int) -> None:
        self._size = size
        self._pictures.clear()
        self._arrange()

    def cell(self, place: int) -> QRect:
        """Return where a picture lies in the viewport."""
        columns, pitch = self._columns(), self._size + _GAP
        y = _GAP + (place // columns) * pitch - self.verticalScrollBar().value()
        return QRect(_GAP + (place % columns) * pitch, y, self._size, self._size)

    def row_at(self, x: float, y: float) -> int:
        """Return the row of the picture at a position in the viewport, -1 for none."""
        columns, pitch = self._columns(), self._size + _GAP
        column, line = int(x - _GAP) // pitch, int(y - _GAP + self.verticalScrollBar().value()) // pitch
        place = line * columns + column
        if x < _GAP or not 0 <= column < columns or not 0 <= place < len(self.rows):
            return -1
        return int(self.rows[place]) if self.cell(place).contains(int(x), int(y)) else -1

    def _columns(self) -> int:
        return max(1, (self.viewport().width() - _GAP) // (self._size + _GAP))

    def _in_view(self) -> range:
        columns, pitch, top = self._columns(), self._size + _GAP, self.verticalScrollBar().value()
        first = (top // pitch) * columns
        lines = self.viewport().height() // pitch + 2
        return range(first, min(first + lines * columns, len(self.rows)))

    def _arrange(self) -> None:
        lines = -(-len(self.rows) // self._columns())
        height = lines * (self._size + _GAP) + _GAP
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, height - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(self._size + _GAP)
        self._make()
        self.viewport().update()

    def _make(self) -> None:
        """Make the pictures in view that are not there yet, some at a time."""
        gallery = self._gallery
        made = self._pictures.keys() - self._outdated
        missing = [r for r in self.rows[self._in_view()].tolist() if r not in made] if len(self.rows) else []
        if gallery is None or not missing or missing[0] >= len(gallery):
            return
        if len(self._pictures) > _KEPT:
            self._pictures.clear()
        ratio = self.devicePixelRatioF()
        size, side, rows, outlines = round(self._size * ratio), self._side, self.rows, self._outlines
        made_for = (gallery, rows, self._size)

        def make(progress: Any) -> tuple[float, dict[int, NDArray[np.uint8]]]:
            scale = side or gallery.field_of_view(rows)
            made = {}
            for row in missing[:_BATCH]:
                colour = (255, 230, 0) if outlines is None else outlines[row, :3].tolist()
                made[row] = gallery.picture(row, size, scale, colour)
            return scale, made

        def show(result: tuple[float, dict[int, NDArray[np.uint8]]]) -> None:
            if made_for[0] is not self._gallery or made_for[1] is not self.rows or made_for[2] != self._size:
                self._make()
                return
            self._side = result[0]
            for row, pixels in result[1].items():
                image = QImage(pixels.data, size, size, 4 * size, QImage.Format.Format_RGBA8888)
                self._pictures[row] = image.copy()
                self._outdated.discard(row)
            self.viewport().update()
            if len(missing) > _BATCH:
                self._make()
            else:
                self.drawn.emit()

        self.jobs.start("Gallery", make, show)

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self.viewport())
        painter.setPen(QPen(QColor(128, 128, 128, 90)))
        for place in self._in_view():
            picture, cell = self._pictures.get(int(self.rows[place])), self.cell(place)
            if picture is None:
                painter.drawRect(cell)
            else:
                painter.drawImage(cell, picture)

    def resizeEvent(self, event: Any) -> None:
        super().resizeEvent(event)
        self._arrange()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._make()
        self.viewport().update()

    def mouseReleaseEvent(self, event: Any) -> None:
        row = self.row_at(event.position().x(), event.position().y())
        if row >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(row)

    def mouseMoveEvent(self, event: Any) -> None:
        row = self.row_at(event.position().x(), event.position().y())
        text = self.describe(row) if row >= 0 and self.describe else ""
        QToolTip.showText(event.globalPosition().toPoint(), text, self)


def _alike(before: Gallery | None, now: Gallery | None) -> bool:
    """Tell whether two galleries are of the same objects, as far as their numbers tell."""
    if before is None or now is None:
        return False
    return all(np.array_equal(getattr(before, key), getattr(now, key)) for key in ("source", "frames", "labels"))
