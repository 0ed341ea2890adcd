"""A plot of many objects: drawn off the GUI thread, panned and zoomed, and drawn on to select.

How a panel uses it
-------------------
``plot = ScatterPlot(main_thread.send)``; ``plot.set_points(x, y, names)`` for other points, all of them in view;
``plot.set_look(appearance(…))`` for other colours, selection or frame: the view stays. Kind, axes and points are wishes
in ``plot.model`` (kind, scale_kinds, point_size, alpha, n_bins, groups, trails, frame), followed by ``plot.refresh()``;
`bioloom.widgets._plot_bar.PlotBar` has the controls for them.

- ``selected(mask, mode)``: what was drawn or clicked; mode is "replace", "add" or "remove" (Shift, Alt, `plot.mode`).
- ``point_clicked(row)`` and ``hovered(row)``, -1 for none.
- ``class_chosen(number)``: a number key, 0 to 9, was pressed on the plot.
- ``gate_drawn(DrawnGate)``: before `selected`, the outline in values, where it can become a gate.
- ``classes_hidden(frozenset)``: classes of the legend were hidden or shown (right click on the legend).

``describe(row)`` returns an `ObjectCard`, or a text of lines "name: value", to be shown beside the mouse.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from bioloom.errors import BioloomError
from bioloom.explore.appearance import Appearance
from bioloom.explore.axis_scales import Scale
from bioloom.explore.plot_kinds import density_shades
from bioloom.session.plot_drawing import Picture, draw
from bioloom.session.plot_model import PlotModel
from bioloom.session.plot_renderer import LatestRenderer
from bioloom.widgets import _plot_painting as paint
from bioloom.widgets._plot_layout import PlotLayout, arrange
from bioloom.widgets._plot_mouse import PlotMouse
from bioloom.widgets._theme import small_font

_HOVER_MS = 35


class ScatterPlot(PlotMouse, QWidget):
    """Objects with axes, legend and colour bar.

    Drag to select, wheel to zoom (over an axis: that axis alone), right-drag to pan, double-click to see all.

    Parameters
    ----------
    send
        Runs a callable on the GUI thread.

    Attributes
    ----------
    model : PlotModel
        What is shown, and how; call `refresh` after a change.
    describe : callable or None
        Returns what to show about a row.
    hint : str
        What is said where there is nothing to plot.
    """

    selected = Signal(object, str)
    """A bool mask over the points, and ``replace``, ``add`` or ``remove``."""
    point_clicked = Signal(int)
    hovered = Signal(int)
    class_chosen = Signal(int)
    gate_drawn = Signal(object)
    classes_hidden = Signal(object)
    kind_changed = Signal()
    tool_changed = Signal(str)
    drawn = Signal()

    def __init__(self, send: Any) -> None:
        super().__init__()
        self.setMinimumSize(260, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setAccessibleName("Plot of the objects")
        self.model = PlotModel()
        self.describe: Any = None
        self.hint = "Nothing to plot yet"
        self.picture: Picture | None = None
        self._images: list[tuple[QImage, bool]] = []
        self._layout: PlotLayout | None = None
        self._stale = False
        self._dirty = QTimer(self)
        self._dirty.setSingleShot(True)
        self._dirty.timeout.connect(self._request)
        self._hover = QTimer(self)
        self._hover.setSingleShot(True)
        self._hover.setInterval(_HOVER_MS)
        self._hover.timeout.connect(self._look_under_mouse)
        self._init_mouse()
        self._renderer = LatestRenderer(draw, send, self._show, self._failed)
        self._renderer.request(None)
        self.destroyed.connect(partial(_close, self._renderer))

    def sizeHint(self) -> QSize:
        """Propose a size for a narrow dock."""
        return QSize(360, 340)

    # -------------------------------------------------------------------------------------------- content
    def set_points(self, x: np.ndarray, y: np.ndarray, names: tuple[str, str]) -> None:
        """Show other points, all of them in view."""
        self.model.set_points(x, y, names)
        self._forget_mouse()
        self._stale = True
        self.refresh()

    def set_look(self, look: Appearance) -> None:
        """Colour the points, with legend or colour bar."""
        self.model.set_look(look)
        self.refresh()

    def set_colours(self, index: np.ndarray, palette: np.ndarray, order: np.ndarray | None = None) -> None:
        """Colour the points by rows of an RGBA palette; later ones in `order` lie on top. No legend is known."""
        self.model.set_colours(index, palette, order)
        self.refresh()

    def set_kind(self, kind: str) -> None:
        """Show another kind of plot, all of it in view."""
        if kind != self.model.kind:
            self._forget_mouse()
            self._stale = True
            self._try(lambda: setattr(self.model, "kind", kind))
            self.kind_changed.emit()

    def set_scales(self, across: str, up: str) -> None:
        """Choose linear, log or symlog axes; all is in view then."""
        if (across, up) != self.model.scale_kinds:
            self._forget_mouse()
            self._stale = True
            self._try(lambda: setattr(self.model, "scale_kinds", (across, up)))
            self.kind_changed.emit()

    def show_all(self) -> None:
        """Choose the view so that all points are in it."""
        self._try(self.model.show_all)

    def refresh(self) -> None:
        """Draw what changed; several changes in a row are drawn once."""
        self._layout = None
        self._dirty.start(0)
        self.update()

    def wait(self) -> None:
        """Wait until the points are drawn; for tests."""
        if self._dirty.isActive():
            self._dirty.stop()
            self._request()
        self._renderer.wait(10)

    def close_jobs(self) -> None:
        """Stop drawing."""
        self._dirty.stop()
        self._hover.stop()
        self._renderer.close()

    # What the plot shows, as those who look at it know it.
    x = property(lambda self: self.model.x)
    y = property(lambda self: self.model.y)
    names = property(lambda self: self.model.names)
    colour_index = property(lambda self: self.model.index)
    palette_ = property(lambda self: self.model.palette())
    order = property(lambda self: self.model.order)
    view = property(lambda self: self.model.view)

    # -------------------------------------------------------------------------------------------- drawing
    def _try(self, change: Any) -> None:
        try:
            change()
        except BioloomError as error:
            self._failed(error)
            return
        self.refresh()

    def _request(self) -> None:
        if not len(self.model.x):
            return
        area, ratio = self.area(), self.devicePixelRatioF()
        shape = (max(1, round(area.height() * ratio)), max(1, round(area.width() * ratio)))
        try:
            scene = self.model.scene(shape, ratio)
        except BioloomError as error:
            self._failed(error)
            return
        self._renderer.request(scene)

    def _show(self, picture: Picture | None) -> None:
        if picture is None:
            return
        self.picture, self._stale = picture, False
        self._images = []
        for pixels, smooth in ((picture.ground, self.model.kind == "density"), (picture.points, False)):
            if pixels is not None:
                pixels = np.ascontiguousarray(pixels)
                height, width = pixels.shape[:2]
                image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
                # What the screen holds is premultiplied: converted once here, not at every paint.
                image = image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)
                self._images.append((image, smooth))
        self.update()
        self.drawn.emit()

    def _failed(self, error: Exception) -> None:
        self.hint = str(error)
        self.picture, self._images = None, []
        self.update()

    # -------------------------------------------------------------------------------------------- geometry
    def places(self) -> PlotLayout:
        """Return where everything is."""
        if self._layout is None:
            look = self.model.look
            values = look is not None and look.colouring.limits is not None
            has_bar = (values and self.model.kind != "histogram 2D") or self.model.kind == "histogram 2D"
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
        painter = QPainter(self)
        painter.setFont(self._font())
        text = self.palette().color(self.foregroundRole())
        area = self.area()
        painter.fillRect(area, QColor(255, 255, 255))
        if not len(self.model.x) or (self.picture is None and self.hint and not self._renderer.busy):
            painter.setPen(QColor(110, 110, 110))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.hint)
            return
        grouped = self.model.kind in ("box", "violin")
        ticks = self._ticks(area)
        painter.save()
        painter.setClipRect(area)
        paint.paint_grid(painter, area, ticks, self._to_screen, across=not grouped)
        if self.picture is not None and not self._stale:
            self._paint_picture(painter)
        if self.picture is not None and self.picture.boxes and not self._stale:
            boxes, colours = self.picture.boxes, self.model.group_colours()
            paint.paint_boxes(painter, boxes, colours, self.model.kind == "violin", self._to_screen)
        self._paint_mouse(painter, area)
        painter.restore()
        paint.paint_axes(painter, area, ticks, self.model.axis_names, self._to_screen, text, grouped)
        paint.paint_legend(painter, self.places(), self.model.hidden_classes, text)
        self._paint_bar(painter, text)
        self._paint_note(painter, area)
        if self.card is not None and self.mouse is not None:
            paint.paint_card(painter, self.card, self.mouse, QRectF(self.rect()))

    def _ticks(self, area: QRectF) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
        (across, up), (x0, x1, y0, y1) = self.model.scales, self.model.view
        vertical = up.ticks(y0, y1, int(np.clip(area.height() / 45, 2, 8)))
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
            ticks = paint.bar_ticks(1.0, highest, Scale("log"))
            paint.paint_colour_bar(painter, bar, density_shades(), ticks, "objects", text)
        else:
            colouring = look.colouring
            ticks = paint.bar_ticks(*colouring.limits)
            paint.paint_colour_bar(painter, bar, colouring.palette[1:], ticks, colouring.title, text)

    def _paint_note(self, painter: QPainter, area: QRectF) -> None:
        n = self.model.n_left_out
        if not n:
            return
        why = "a value is missing"
        if "log" in self.model.scale_kinds:
            why += ", or is not above 0"
        painter.setPen(QColor(120, 120, 120))
        words = f"{n} not shown: {why}"
        painter.drawText(area.adjusted(4, 2, -4, -2), Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, words)

    def resizeEvent(self, event: Any) -> None:
        """Draw again for the new size."""
        super().resizeEvent(event)
        self.refresh()

    def changeEvent(self, event: Any) -> None:
        """Give texts their new place if the font changed."""
        super().changeEvent(event)
        self._layout = None


def _close(renderer: LatestRenderer[Any, Any], *_: object) -> None:
    renderer.close()
