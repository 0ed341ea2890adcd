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
- ``gate_drawn(gate)``: before `selected`, the gate that selects the same by values; None if there is none.
- ``classes_hidden(frozenset)``: classes of the legend were hidden or shown (right click on the legend).

Frames: ``appearance(…, bright=frames == current)`` makes those of the current frame bright and the others faint,
``hidden=frames != current`` leaves only them; ``plot.model.trails = Trails(tracks, frames)`` with ``plot.model.frame``
adds where they came from.

``describe(row)`` returns an `ObjectCard`, or a text of lines "name: value", to be shown beside the mouse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QSizePolicy, QWidget

from bioloom.errors import BioloomError
from bioloom.explore.appearance import Appearance
from bioloom.session.plot_drawing import Picture, Scene, draw, warm_up
from bioloom.session.plot_gates import ShownGate
from bioloom.session.plot_model import PlotModel
from bioloom.session.plot_renderer import LatestRenderer
from bioloom.widgets._plot_canvas import PlotCanvas
from bioloom.widgets._plot_keys import PlotKeys
from bioloom.widgets._plot_layout import PlotLayout
from bioloom.widgets._plot_mouse import PlotMouse

_PATIENCE = 0.02
"""Seconds for which painting waits for a picture that is nearly done: to paint the window twice takes longer."""


class ScatterPlot(PlotMouse, PlotKeys, PlotCanvas, QWidget):
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
    title_of : callable
        Returns what to call a column on an axis or colour bar; at first its name.
    hint : str
        What is said where there is nothing to plot.
    gates : list of ShownGate
        Outlined over the points; see `set_gates`.
    error : str
        What went wrong in drawing, said instead of the plot; empty after the next change.
    """

    selected = Signal(object, str)
    """A bool mask over the points, and ``replace``, ``add`` or ``remove``."""
    point_clicked = Signal(int)
    hovered = Signal(int)
    class_chosen = Signal(int)
    travel_wanted = Signal(str)
    """``undo`` or ``redo``, by the keyboard."""
    gate_drawn = Signal(object)
    classes_hidden = Signal(object)
    kind_changed = Signal()
    columns_changed = Signal()
    tool_changed = Signal(str)
    drawn = Signal()
    """A picture is done and about to be painted, or being painted: do not repaint at once."""

    def __init__(self, send: Any) -> None:
        super().__init__()
        self.setMinimumSize(260, 240)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Plot of the objects")
        self.model = PlotModel()
        self.describe: Any = None
        self.title_of: Callable[[str], str] = str
        self.hint = "Nothing to plot yet"
        self.gates: list[ShownGate] = []
        self.error = ""
        self.picture: Picture | None = None
        self._images: list[tuple[QImage, bool]] = []
        self._layout: PlotLayout | None = None
        self._stale = self._painting = False
        self._dirty = QTimer(self)
        self._dirty.setSingleShot(True)
        self._dirty.timeout.connect(self._request)
        self._init_mouse()
        self._renderer = LatestRenderer(_drawn, send, self._show, self._failed)
        self._renderer.request(None)
        self.destroyed.connect(partial(_close, self._renderer))

    def sizeHint(self) -> QSize:
        """Propose a size for a narrow dock."""
        return QSize(360, 340)

    # -------------------------------------------------------------------------------------------- content
    def set_points(self, x: np.ndarray, y: np.ndarray, names: tuple[str, str]) -> None:
        """Show other points, all of them in view."""
        others = names != self.model.names
        self.model.set_points(x, y, names)
        self._forget_mouse()
        self._stale = True
        self.refresh()
        if others:
            self.columns_changed.emit()

    def set_look(self, look: Appearance) -> None:
        """Colour the points, with legend or colour bar."""
        self.model.set_look(look)
        self.refresh()

    def set_colours(self, index: np.ndarray, palette: np.ndarray, order: np.ndarray | None = None) -> None:
        """Colour the points by rows of an RGBA palette; later ones in `order` lie on top. No legend is known."""
        self.model.set_colours(index, palette, order)
        self.refresh()

    def set_gates(self, gates: Sequence[ShownGate]) -> None:
        """Outline gates over the points; those of other columns are seen when these are plotted."""
        if list(gates) != self.gates:
            self.gates = list(gates)
            self.update()

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
        self._layout, self.error = None, ""
        self._dirty.start(0)
        self.update()

    def wait(self) -> None:
        """Wait until the points are drawn; for tests."""
        if self._dirty.isActive():
            self._dirty.stop()
            self._request()
        self._renderer.wait(10)
        self._renderer.hand_over()

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

    def _catch_up(self) -> None:
        """Take the picture that is asked for into the painting that begins, if it is done in a moment."""
        if self._dirty.isActive():
            self._dirty.stop()
            self._request()
        self._painting = True
        try:
            self._renderer.hand_over(_PATIENCE)
        finally:
            self._painting = False

    def _show(self, drawn: tuple[Scene, Picture] | None) -> None:
        # What was begun before the points changed shows others: their rows must not be picked.
        if drawn is None or not self.model.is_of_now(drawn[0]):
            return
        picture = drawn[1]
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
        if not self._painting:
            self.update()
        self.drawn.emit()

    def _failed(self, error: Exception) -> None:
        self.error = str(error)
        self.picture, self._images = None, []
        if not self._painting:
            self.update()

    def resizeEvent(self, event: Any) -> None:
        """Draw again for the new size."""
        super().resizeEvent(event)
        self.refresh()

    def changeEvent(self, event: Any) -> None:
        """Give texts their new place if the font changed."""
        super().changeEvent(event)
        self._layout = None


def _drawn(scene: Scene | None) -> tuple[Scene, Picture] | None:
    """Draw a scene; None only loads what draws."""
    if scene is None:
        warm_up()
        return None
    return scene, draw(scene)


def _close(renderer: LatestRenderer[Any, Any], *_: object) -> None:
    renderer.close()
