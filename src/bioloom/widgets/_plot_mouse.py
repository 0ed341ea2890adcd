"""The mouse on a plot: select, pan, zoom, look at single objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, QTimer
from qtpy.QtGui import QPainter

from bioloom.explore.gate_kinds import PolygonGate, RangeGate
from bioloom.session.plot_card import ObjectCard
from bioloom.session.plot_picking import describe_place, gate_of, nearest, objects_in, objects_of_bin
from bioloom.session.plot_tools import Drawing, Drawn
from bioloom.widgets import _plot_painting as paint

_PICK_PIXELS = 4
_NEAR_PIXELS = 6.0
_DRAG_PIXELS = 4
_HOVER_MS = 35
# The picture of an object may come a little later than what is known about it.
_LOOK_AGAIN_MS, _MOST_LOOKS = 150, 12


class PlotMouse:
    """What the mouse does on a plot; mixed into its widget.

    Attributes
    ----------
    mode : str
        "replace", "add" or "remove" where no key says otherwise.
    last_gate : RangeGate, PolygonGate or None
        What was drawn last, in values.
    card, mouse
        What is shown about the object under the mouse, and where the mouse is.
    """

    def _init_mouse(self) -> None:
        self.mode = "replace"
        self.last_gate: RangeGate | PolygonGate | None = None
        self.card: ObjectCard | None = None
        self.mouse: QPointF | None = None
        self.hovered_row = -1
        self._looks = 0
        self._hover = QTimer(self)
        self._hover.setSingleShot(True)
        self._hover.timeout.connect(self._look_under_mouse)
        self._drawing = Drawing()
        self._panning_tool = False
        self._pan_from: tuple[QPointF, tuple[float, float, float, float]] | None = None
        self._pan_moved = False
        self._legend_press = -1
        self._click_selected = False

    def _forget_mouse(self) -> None:
        self._drawing.cancel()
        self._pan_from = None
        self.card, self.hovered_row = None, -1
        self._hover.stop()

    @property
    def tool(self) -> str:
        """What the left button does: a tool of `bioloom.session.plot_tools`, or "pan"."""
        return "pan" if self._panning_tool else self._drawing.tool

    @tool.setter
    def tool(self, tool: str) -> None:
        self._panning_tool = tool == "pan"
        if not self._panning_tool:
            self._drawing.tool = tool
        self.setCursor(Qt.CursorShape.OpenHandCursor if tool == "pan" else Qt.CursorShape.ArrowCursor)
        self.tool_changed.emit(tool)
        self.update()

    @property
    def brush_radius(self) -> float:
        """Radius of the brush in pixels of the screen."""
        return self._drawing.brush_radius

    @brush_radius.setter
    def brush_radius(self, radius: float) -> None:
        self._drawing.brush_radius = float(np.clip(radius, 2, 200))
        self.update()

    # -------------------------------------------------------------------------------------------- picking
    def point_at(self, point: QPointF) -> int:
        """Return the row of the point that is drawn at a position in the widget or close to it, -1 for none."""
        area = self.area()
        if not area.contains(point) or self.picture is None:
            return -1
        if self.model.kind == "density":
            return nearest(self.model, *self._to_plane(point), self.per_unit(), _NEAR_PIXELS)
        ids, (x0, x1, y0, y1) = self.picture.ids, self.picture.view
        height, width = ids.shape
        x, y = self._to_plane(point)
        column, row = int((x - x0) / (x1 - x0) * width), int((y1 - y) / (y1 - y0) * height)
        reach = round(_PICK_PIXELS * self.devicePixelRatioF())
        top, left = max(row - reach, 0), max(column - reach, 0)
        near = ids[top : max(row + reach + 1, 0), left : max(column + reach + 1, 0)]
        rows, columns = np.nonzero(near >= 0)
        if not len(rows):
            return -1
        closest = np.argmin((rows + top - row) ** 2 + (columns + left - column) ** 2)
        return int(near[rows[closest], columns[closest]])

    def _look_under_mouse(self) -> None:
        if self.mouse is None or self._drawing.active or self._pan_from or not len(self.model.x):
            return
        row = self.point_at(self.mouse)
        if row != self.hovered_row:
            self.hovered_row = row
            self.hovered.emit(row)
        card = _card_of(self.describe(row)) if row >= 0 and self.describe else None
        if row < 0 and self.area().contains(self.mouse):
            values = describe_place(self.model, *self._to_plane(self.mouse))
            title = values[0][1] if values and not values[0][0] else ""
            card = ObjectCard(title, [v for v in values if v[0]]) if values else None
        self.card = card
        if row >= 0 and card is not None and card.picture is None and self._looks < _MOST_LOOKS:
            self._looks += 1
            self._hover.start(_LOOK_AGAIN_MS)
        self.update()

    def _paint_mouse(self, painter: QPainter, area: QRectF) -> None:
        tool = "span" if self.model.kind == "histogram" and self._drawing.tool != "span" else self._drawing.tool
        paint.paint_outline(painter, tool, self._drawing.outline(), area, self.brush_radius)
        if self.tool == "brush" and self.mouse is not None and area.contains(self.mouse):
            paint.paint_brush_tip(painter, self.mouse, self.brush_radius)
        if 0 <= self.hovered_row < len(self.model.x) and not self._drawing.active and self.card is not None:
            x, y = self.model.positions()
            place = self._to_screen(x[self.hovered_row], y[self.hovered_row])
            if np.isfinite(place).all():
                paint.paint_ring(painter, QPointF(*place), self.model.radius())

    # -------------------------------------------------------------------------------------------- selecting
    def _mode_of(self, event: Any) -> str:
        modifiers = event.modifiers()
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            return "add"
        return "remove" if modifiers & Qt.KeyboardModifier.AltModifier else self.mode

    def _finish(self, drawn: Drawn | None, mode: str) -> None:
        self.update()
        if drawn is None:
            return
        if drawn.tool == "click":
            self._clicked(QPointF(*drawn.points[0]), mode)
            return
        places = np.array([self._to_plane(QPointF(*p)) for p in drawn.points.tolist()])
        shape = Drawn(drawn.tool, places)
        self.last_gate = gate_of(self.model, shape)
        mask = objects_in(self.model, shape, self.per_unit(), self.brush_radius)
        self.gate_drawn.emit(self.last_gate)
        self.selected.emit(mask, mode)

    def _clicked(self, place: QPointF, mode: str) -> None:
        row = self.point_at(place)
        mask = objects_of_bin(self.model, *self._to_plane(place)) if row < 0 else None
        if mask is None:
            mask = np.zeros(len(self.model.x), bool)
            mask[row : row + 1] = row >= 0
        before = self.model.look
        self.selected.emit(mask, mode)
        self._click_selected = self.model.look is not before
        if row >= 0:
            self.point_clicked.emit(row)

    def _entry_at(self, place: QPointF) -> int:
        for number, entry in enumerate(self.places().legend):
            if entry.box.contains(place):
                return number
        return -1

    def _legend_clicked(self, number: int, event: Any) -> None:
        class_id = self.places().legend[number].class_id
        if event.button() == Qt.MouseButton.RightButton:
            self.model.hide(self.model.hidden_classes ^ {class_id}, self.model.hide_others)
            self.classes_hidden.emit(self.model.hidden_classes)
            self.refresh()
            return
        colouring = self.model.look.colouring
        mask = (colouring.classes == class_id)[colouring.index] & self.model.visible()
        self.selected.emit(mask, self._mode_of(event))

    # -------------------------------------------------------------------------------------------- events
    def mousePressEvent(self, event: Any) -> None:
        """Begin to draw (left) or to pan (right or middle)."""
        if not len(self.model.x):
            return
        place, left = event.position(), event.button() == Qt.MouseButton.LeftButton
        self.card, self._click_selected = None, False
        self._legend_press = self._entry_at(place)
        if self._legend_press >= 0:
            return
        if left and not self._panning_tool:
            self._press_mode = self._mode_of(event)
            self._finish(self._drawing.press((place.x(), place.y())), self._press_mode)
        elif not self._drawing.active:
            self._pan_from, self._pan_moved = (place, self.model.view), False
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: Any) -> None:
        """Draw, pan, or tell about the object under the mouse."""
        place = self.mouse = event.position()
        if self._pan_from:
            start, (x0, x1, y0, y1) = self._pan_from
            moved = place - start
            self._pan_moved |= max(abs(moved.x()), abs(moved.y())) > _DRAG_PIXELS
            across, up = self.per_unit()
            dx, dy = moved.x() / across, moved.y() / up
            self.model.view = (x0 - dx, x1 - dx, y0 + dy, y1 + dy)
            self._request()
            self.update()
        elif self._drawing.active:
            if self._drawing.move((place.x(), place.y())):
                self.update()
        else:
            self.setCursor(self._cursor_at(place))
            if self.tool == "brush":
                self.update()
            self._looks = 0
            self._hover.start(_HOVER_MS)

    def _cursor_at(self, place: QPointF) -> Any:
        if self._entry_at(place) >= 0:
            return Qt.CursorShape.PointingHandCursor
        if not self.area().contains(place):
            return Qt.CursorShape.ArrowCursor
        return Qt.CursorShape.OpenHandCursor if self._panning_tool else Qt.CursorShape.CrossCursor

    def mouseReleaseEvent(self, event: Any) -> None:
        """Select what was drawn around, or the point that was clicked."""
        place = event.position()
        if self._legend_press >= 0:
            if self._entry_at(place) == self._legend_press:
                self._legend_clicked(self._legend_press, event)
            self._legend_press = -1
            return
        if self._pan_from:
            self._pan_from = None
            self.setCursor(self._cursor_at(place))
            if self._panning_tool and not self._pan_moved and event.button() == Qt.MouseButton.LeftButton:
                self._clicked(place, self._mode_of(event))
            return
        if event.button() == Qt.MouseButton.LeftButton and not self._panning_tool:
            mode = self._mode_of(event)
            if mode == self.mode:
                mode = getattr(self, "_press_mode", mode)
            self._finish(self._drawing.release((place.x(), place.y())), mode)
        elif event.button() == Qt.MouseButton.RightButton and self._drawing.tool == "polygon":
            self._finish(self._drawing.finish(), self._mode_of(event))

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Close the polygon, or see all points again."""
        if self._drawing.tool == "polygon" and self._drawing.active:
            self._finish(self._drawing.finish(), self._mode_of(event))
        elif len(self.model.x) and self._entry_at(event.position()) < 0:
            self._drawing.cancel()
            if self._click_selected:
                # The first of the two clicks was not meant to select.
                self.travel_wanted.emit("undo")
            self.show_all()

    def wheelEvent(self, event: Any) -> None:
        """Zoom around the mouse, over an axis along that axis alone; with Ctrl, change the size of the brush."""
        event.accept()
        if not len(self.model.x):
            return
        delta = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier and self.tool == "brush":
            self.brush_radius *= 1.001**delta
            return
        place, area = event.position(), self.area()
        across, up = place.x() >= area.left(), place.y() <= area.bottom()
        self.model.zoom(*self._to_plane(place), 0.999**delta, across or not up, up or not across)
        self.card = None
        self._request()
        self.update()

    def leaveEvent(self, event: Any) -> None:
        """Forget what was under the mouse."""
        self.mouse, self.card = None, None
        self._hover.stop()
        if self.hovered_row >= 0:
            self.hovered_row = -1
            self.hovered.emit(-1)
        self.update()


def _card_of(told: Any) -> ObjectCard | None:
    if told is None or isinstance(told, ObjectCard):
        return told
    lines = [line.partition(": ") for line in str(told).splitlines()]
    title = next((name for name, colon, _ in lines if not colon), "")
    values = [(name, value) for name, colon, value in lines if colon]
    return ObjectCard(title, values) if title or values else None
