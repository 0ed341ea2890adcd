"""A scatter plot that draws points off the GUI thread and selects them with a lasso."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from bioloom.explore import nice_ticks, points_in_polygon, rasterise_points
from bioloom.session.jobs import JobRunner
from bioloom.widgets._base import abandon

_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 10, 10, 40
_CLICK_PIXELS = 4


class ScatterPlot(QWidget):
    """Points with axes; drag to lasso, wheel to zoom, right-drag to pan, double-click to see all.

    Parameters
    ----------
    send
        Runs a callable on the GUI thread.
    """

    selected = Signal(object, str)
    """A bool mask over the points, and ``replace``, ``add`` or ``remove``."""
    point_clicked = Signal(int)
    drawn = Signal()

    def __init__(self, send: Any) -> None:
        super().__init__()
        self.setMinimumSize(260, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.x = self.y = np.zeros(0)
        self.names = ("", "")
        self.describe: Any = None
        self.colour_index = np.zeros(0, np.intp)
        self.palette_ = np.array([[153, 153, 153, 255]], np.uint8)
        self.order: np.ndarray | None = None
        self.view = (0.0, 1.0, 0.0, 1.0)
        self.hint = "Nothing to plot yet"
        self._image: QImage | None = None
        self._image_view = self.view
        self._ids = np.zeros((0, 0), np.int32)
        self._lasso: list[QPointF] = []
        self._pan_from: tuple[QPointF, tuple[float, float, float, float]] | None = None
        self._jobs = JobRunner(send)
        self._jobs.failed.connect(self._failed)
        self.destroyed.connect(partial(abandon, self._jobs))

    # -------------------------------------------------------------------------------------------- content
    def set_points(self, x: np.ndarray, y: np.ndarray, names: tuple[str, str]) -> None:
        """Show other points, all of them in view."""
        self.x, self.y, self.names = np.asarray(x, float), np.asarray(y, float), names
        self.colour_index = np.zeros(len(x), np.intp)
        self.order = None
        self.show_all()

    def set_colours(self, index: np.ndarray, palette: np.ndarray, order: np.ndarray | None = None) -> None:
        """Colour the points by rows of an RGBA palette; later ones in `order` lie on top."""
        self.colour_index, self.palette_, self.order = np.asarray(index), np.asarray(palette), order
        self._draw()

    def show_all(self) -> None:
        """Choose the view so that all points are in it."""
        self.view = (*_range(self.x), *_range(self.y))
        self._draw()

    def wait(self) -> None:
        """Wait until the points are rastered; for tests."""
        self._jobs.wait(10)

    def close_jobs(self) -> None:
        """Stop drawing."""
        self._jobs.cancel()

    def _area(self) -> QRectF:
        return QRectF(_LEFT, _TOP, max(1, self.width() - _LEFT - _RIGHT), max(1, self.height() - _TOP - _BOTTOM))

    def _draw(self) -> None:
        area, ratio = self._area(), self.devicePixelRatioF()
        shape = (max(1, round(area.height() * ratio)), max(1, round(area.width() * ratio)))
        view, radius = self.view, ratio * (3.0 if len(self.x) < 5_000 else 2.0 if len(self.x) < 50_000 else 1.0)
        arguments = (self.x, self.y, self.colour_index, self.palette_, view, shape, radius, self.order)

        def show(result: tuple[np.ndarray, np.ndarray]) -> None:
            pixels, self._ids = result
            height, width = self._ids.shape
            self._image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
            self._image_view = view
            self.update()
            self.drawn.emit()

        self._jobs.start("Plot", lambda progress: rasterise_points(*arguments), show)

    def _failed(self, name: str, error: Exception) -> None:
        self.hint = str(error)
        self._image = None
        self.update()

    # -------------------------------------------------------------------------------------------- coordinates
    def to_screen(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Convert data coordinates into positions in the widget."""
        area, (x0, x1, y0, y1) = self._area(), self.view
        return area.left() + (x - x0) / (x1 - x0) * area.width(), area.bottom() - (y - y0) / (y1 - y0) * area.height()

    def to_data(self, point: QPointF) -> tuple[float, float]:
        """Convert a position in the widget into data coordinates."""
        area, (x0, x1, y0, y1) = self._area(), self.view
        return (
            x0 + (point.x() - area.left()) / area.width() * (x1 - x0),
            y0 + (area.bottom() - point.y()) / area.height() * (y1 - y0),
        )

    def point_at(self, point: QPointF) -> int:
        """Return the row of the point that is drawn at a position in the widget, -1 for none."""
        area = self._area()
        if not area.contains(point) or not self._ids.size:
            return -1
        height, width = self._ids.shape
        row = int((point.y() - area.top()) / area.height() * height)
        column = int((point.x() - area.left()) / area.width() * width)
        return int(self._ids[min(row, height - 1), min(column, width - 1)])

    # -------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: Any) -> None:
        """Paint axes, points and lasso."""
        painter = QPainter(self)
        text = self.palette().color(self.foregroundRole())
        area = self._area()
        painter.fillRect(area, QColor(255, 255, 255))
        if not len(self.x) or self._image is None:
            painter.setPen(QColor(110, 110, 110))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hint)
            return
        self._paint_axes(painter, area, text)
        painter.setClipRect(area)
        x0, x1, y0, y1 = self._image_view
        left, bottom = self.to_screen(x0, y0)
        right, top = self.to_screen(x1, y1)
        painter.drawImage(QRectF(left, top, right - left, bottom - top), self._image)
        if len(self._lasso) > 1:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(30, 30, 30), 1.5, Qt.PenStyle.DashLine))
            painter.setBrush(QColor(30, 30, 30, 25))
            painter.drawPolygon(QPolygonF(self._lasso))

    def _paint_axes(self, painter: QPainter, area: QRectF, text: QColor) -> None:
        x0, x1, y0, y1 = self.view
        grid = QPen(QColor(228, 228, 228))
        for value in nice_ticks(x0, x1):
            x = self.to_screen(value, y0)[0]
            painter.setPen(grid)
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
            painter.setPen(text)
            box = QRectF(x - 40, area.bottom() + 3, 80, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{value:.6g}")
        for value in nice_ticks(y0, y1):
            y = self.to_screen(x0, value)[1]
            painter.setPen(grid)
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(text)
            box = QRectF(16, y - 8, _LEFT - 20, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:.4g}")
        box = QRectF(area.left(), area.bottom() + 20, area.width(), 18)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.names[0])
        painter.save()
        painter.rotate(-90)
        painter.drawText(QRectF(-area.bottom(), 0, area.height(), 16), Qt.AlignmentFlag.AlignCenter, self.names[1])
        painter.restore()
        painter.setPen(QColor(150, 150, 150))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(area)

    def resizeEvent(self, event: Any) -> None:
        """Raster again for the new size."""
        super().resizeEvent(event)
        if len(self.x):
            self._draw()

    # -------------------------------------------------------------------------------------------- mouse
    def mousePressEvent(self, event: Any) -> None:
        """Begin a lasso (left) or a pan (right or middle)."""
        if not len(self.x):
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self._lasso = [event.position()]
        else:
            self._pan_from = (event.position(), self.view)

    def mouseMoveEvent(self, event: Any) -> None:
        """Draw the lasso, pan, or tell about the point under the mouse."""
        if self._lasso:
            self._lasso.append(event.position())
            self.update()
        elif self._pan_from:
            start, (x0, x1, y0, y1) = self._pan_from
            area, moved = self._area(), event.position() - start
            dx, dy = moved.x() / area.width() * (x1 - x0), moved.y() / area.height() * (y1 - y0)
            self.view = (x0 - dx, x1 - dx, y0 + dy, y1 + dy)
            self._draw()
            self.update()
        else:
            row = self.point_at(event.position())
            text = self.describe(row) if row >= 0 and self.describe else ""
            QToolTip.showText(event.globalPosition().toPoint(), text, self)

    def mouseReleaseEvent(self, event: Any) -> None:
        """Select what the lasso encloses, or the point that was clicked."""
        if event.button() != Qt.MouseButton.LeftButton:
            self._pan_from = None
            return
        path, self._lasso = self._lasso, []
        if not path:
            return
        modifiers = event.modifiers()
        mode = "replace"
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            mode = "add"
        elif modifiers & Qt.KeyboardModifier.AltModifier:
            mode = "remove"
        extent = QPolygonF(path).boundingRect()
        if max(extent.width(), extent.height()) <= _CLICK_PIXELS:
            row = self.point_at(path[0])
            mask = np.zeros(len(self.x), bool)
            mask[row : row + 1] = row >= 0
            self.selected.emit(mask, mode)
            if row >= 0:
                self.point_clicked.emit(row)
        else:
            polygon = np.array([self.to_data(p) for p in path])
            self.selected.emit(points_in_polygon(self.x, self.y, polygon), mode)
        self.update()

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """See all points again."""
        self._lasso = []
        if len(self.x):
            self.show_all()

    def wheelEvent(self, event: Any) -> None:
        """Zoom around the mouse."""
        if not len(self.x):
            return
        x, y = self.to_data(event.position())
        factor = 0.999 ** event.angleDelta().y()
        x0, x1, y0, y1 = self.view
        self.view = (x + (x0 - x) * factor, x + (x1 - x) * factor, y + (y0 - y) * factor, y + (y1 - y) * factor)
        self._draw()
        self.update()


def _range(values: np.ndarray) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    return low - margin, high + margin
