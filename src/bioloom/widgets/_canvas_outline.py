"""An outline over napari's canvas while the mouse draws it: no layer, and nothing of the picture is drawn anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QApplication, QWidget


class CanvasOutline:
    """The outline of a lasso on the canvas under the mouse."""

    def __init__(self) -> None:
        self._sheet: _Sheet | None = None

    def show_path(self, vertices: NDArray[np.float64] | None) -> None:
        """Draw a closed outline through vertices (x, y) in pixels of the canvas, (m, 2); None takes it away."""
        if vertices is None:
            self.close()
            return
        if self._sheet is None:
            canvas = _canvas_under_mouse()
            if canvas is None:
                return
            self._sheet = _Sheet(canvas)
        self._sheet.draw(vertices)

    def close(self) -> None:
        """Take the outline away."""
        sheet, self._sheet = self._sheet, None
        if sheet is not None:
            try:
                sheet.hide()
                sheet.deleteLater()
            except RuntimeError:
                pass  # the canvas is gone, and the sheet with it


class _Sheet(QWidget):
    """A transparent sheet over the canvas, through which the mouse goes."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setGeometry(canvas.rect())
        self._polygon = QPolygonF()
        self.show()

    def draw(self, vertices: NDArray[np.float64]) -> None:
        self._polygon = QPolygonF([QPointF(float(x), float(y)) for x, y in vertices])
        self.setGeometry(self.parentWidget().rect())
        self.update()

    def paintEvent(self, event: Any) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(255, 255, 255, 40))
        # A dark line under the light one is seen on any picture.
        for colour, width in ((QColor(0, 0, 0, 160), 3.5), (QColor(255, 255, 255), 1.5)):
            painter.setPen(QPen(colour, width))
            painter.drawPolygon(self._polygon, Qt.FillRule.WindingFill)
            painter.setBrush(Qt.BrushStyle.NoBrush)


def _canvas_under_mouse() -> QWidget | None:
    """Return the canvas that the mouse is over; the only one there is if none says so."""
    canvases = [w for w in QApplication.allWidgets() if hasattr(w, "_vispy_canvas") and w.isVisible()]
    under = [w for w in canvases if w.underMouse()]
    return under[0] if under else canvases[0] if len(canvases) == 1 else None
