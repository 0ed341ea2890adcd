"""Correcting labels by hand: merge, split, delete, draw; every correction becomes part of a step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.errors import BioloomError, InputError
from bioloom.layers.correcting import on_line, on_undo
from bioloom.widgets._parts import enable
from bioloom.widgets._process_icons import icon
from bioloom.widgets._process_steps import ProcessSteps

_TOOLS = {
    "merge": ("Merge", "Click an object, then the one that it is to become part of… or begin again with a right click"),
    "split": ("Split", "Draw a line across an object with the left mouse button to cut it in two"),
    "delete": ("Delete", "Click an object to make it background"),
    "draw": ("Draw", "Paint a new object with the brush, or go on with the colour of one that you picked; 0 erases"),
}
_HINTS = {
    "merge": "Click the first of two objects.",
    "split": "Draw a line across an object.",
    "delete": "Click an object to delete it.",
    "draw": "Paint with the brush. M chooses a new label, a right click or 5 picks one; each stroke is a correction.",
}


_OWN_EDITS = ("Correct by hand", "Insert Correct labels by hand")
"""How edits of the chain that are corrections begin."""

_NOT_IN_3D = (
    "Objects are corrected in slices: where the mouse is in depth cannot be told in 3D. "
    "Switch to 2D, by the cube below the layer list or Ctrl+Y."
)


class Corrections(QWidget):
    """Tools that act on the labels layer that is selected.

    Parameters
    ----------
    viewer
        The napari viewer.
    steps
        The chain that the corrections go to.
    axes_of
        Returns of a layer that the chain does not know yet whether its first axis is time, and whether lengths are
        counted in its unit.
    """

    refused = Signal(object)
    """What could not be corrected: the error that says why."""
    done = Signal(str)
    """What was done."""

    def __init__(self, viewer: Any, steps: ProcessSteps, axes_of: Callable[[Any], tuple[bool, bool]]) -> None:
        super().__init__()
        self._viewer, self._steps, self._axes_of = viewer, steps, axes_of
        self._leave_tool: list[Callable[[], object]] = []
        self._first: tuple[float, ...] | None = None
        self._layer: Any = None
        self._on_layer: Any = None
        self.buttons: dict[str, QToolButton] = {}
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for name, (title, tip) in _TOOLS.items():
            button = QToolButton()
            button.setText(title)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setIconSize(QSize(18, 18))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            button.setStyleSheet(
                "QToolButton { padding: 3px; } QToolButton:checked { background: rgba(86, 180, 233, 90); }"
            )
            button.toggled.connect(lambda on, n=name: self._toggled(n, on))
            self.buttons[name] = button
            row.addWidget(button)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.lost_button = QPushButton("Forget what no longer fits")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self.hint)
        layout.addWidget(self.lost_button)
        self.lost_button.clicked.connect(lambda on: self._forget_lost())
        steps.layers.edited.connect(self._painted)
        viewer.layers.selection.events.active.connect(self._active_changed)
        viewer.dims.events.ndisplay.connect(self.show_state)
        self.show_state()

    def stop(self) -> None:
        """End, and follow the viewer no more."""
        self.choose("")
        self._steps.layers.edited.disconnect(self._painted)
        self._viewer.layers.selection.events.active.disconnect(self._active_changed)
        self._viewer.dims.events.ndisplay.disconnect(self.show_state)

    def showEvent(self, event: Any) -> None:
        """Draw the pictures in the colours that are known only now."""
        super().showEvent(event)
        for name, button in self.buttons.items():
            button.setIcon(icon(self, name, size=18))

    # -------------------------------------------------------------------------------------------- tools
    @property
    def layer(self) -> Any:
        """The labels that would be corrected: those selected, else those used last; None if there are none."""
        if self._on_layer is not None and self._on_layer in self._viewer.layers:
            return self._on_layer
        return layers.likely_objects(self._viewer)

    @property
    def tool(self) -> str:
        """The tool in use; empty if there is none."""
        return next((name for name, button in self.buttons.items() if button.isChecked()), "")

    def choose(self, tool: str) -> None:
        """Take a tool in the hand, or none."""
        for name, button in self.buttons.items():
            button.setChecked(name == tool)

    def _toggled(self, name: str, on: bool) -> None:
        if on:
            for other, button in self.buttons.items():
                if other != name:
                    button.setChecked(False)
        for leave in self._leave_tool:
            leave()
        self._leave_tool, self._first = [], None
        if on and self.layer is not None:
            self._take(name)
        elif not on:
            self._on_layer = None
        self.show_state()

    def _take(self, name: str) -> None:
        layer = self._on_layer = self.layer
        if name == "draw":
            layers.raise_layer(self._viewer, layer)
            labels = np.asarray(layer.data)
            layer.selected_label = int(labels.max()) + 1 if labels.size else 1
            layer.mode = "paint"
            self._leave_tool.append(lambda: _pan(layer))
            return
        layers.activate(self._viewer, layer)
        self._leave_tool.append(on_undo(layer, self._undo, self._redo))
        if name == "split":
            refuse = partial(self._refuse, _NOT_IN_3D)
            self._leave_tool.append(on_line(self._viewer, layer, self._line_drawn, refuse))
        else:
            self._leave_tool.append(layers.on_canvas_click(self._viewer, layer, self._clicked))

    def _active_changed(self, event: Any = None) -> None:
        active = layers.active_layer(self._viewer)
        tool = self.tool
        if tool and type(active).__name__ == "Labels" and active is not self._on_layer and not layers.role(active):
            # Other labels were selected: the tool goes with them.
            self.choose("")
            self._on_layer = active
            self.choose(tool)
        self.show_state()

    # -------------------------------------------------------------------------------------------- the user
    def _clicked(self, click: layers.Click) -> None:
        if not click.left:
            self._first = None
            self.show_state()
            return
        layer = self._on_layer
        if self._viewer.dims.ndisplay != 2:
            self._refuse(_NOT_IN_3D)
            return
        if not click.label:
            self.hint.setText("There is no object. " + _HINTS[self.tool])
            return
        if self.tool == "delete":
            self._correct({"kind": "delete", "point": click.position}, layer, f"Deleted object {click.label}")
        elif self._first is None:
            self._first = click.position
            self.hint.setText(f"Object {click.label} is chosen. Click the one that is to be merged with it.")
        else:
            first, self._first = self._first, None
            self._correct({"kind": "merge", "points": [first, click.position]}, layer, f"Merged object {click.label}")

    def _line_drawn(self, points: list[tuple[float, ...]], axes: tuple[int, ...]) -> None:
        self._correct({"kind": "split", "line": points}, self._on_layer, "Cut the object", axes)

    def _undo(self) -> None:
        chain = self._steps.chain
        if chain.undo_text.startswith(_OWN_EDITS) and chain.undo():
            self.done.emit("Took the last correction back. Ctrl+Shift+Z makes it again.")

    def _redo(self) -> None:
        chain = self._steps.chain
        if chain.redo_text.startswith(_OWN_EDITS) and chain.redo():
            self.done.emit("Made the correction again. Ctrl+Z takes it back.")

    def _refuse(self, why: str) -> None:
        self.refused.emit(InputError(why))

    def _correct(self, correction: dict[str, Any], layer: Any, said: str, axes: tuple[int, ...] = ()) -> None:
        if layer is None or layer not in self._viewer.layers:
            return
        try:
            name = self._known(layer)
            view = self._steps.layers.view(layer, has_time=self._axes_of(layer)[0], physical=False)
            made = self._in_frame(correction, view) | _across(axes, layer, view)
            self._steps.layers.correct(layer, made)
        except BioloomError as error:
            self.refused.emit(error)
            return
        self.done.emit(f"{said}. Ctrl+Z takes it back.")
        if name in self._steps.chain.inputs:
            # A layer of its own shows the corrected labels; go on there.
            self._on_layer = None
        self.show_state()

    def _known(self, layer: Any) -> str:
        """Let the chain know a layer."""
        has_time, physical = self._axes_of(layer)
        name = self._steps.layers.id_of(layer, has_time=has_time, physical=physical)
        if self._steps.chain.result(name) is None:
            raise InputError("The labels are being computed. Correct them when they are there.")
        return name

    @staticmethod
    def _in_frame(correction: dict[str, Any], view: layers.View) -> dict[str, Any]:
        """Turn positions in the layer into those in a frame of its pixels."""
        made = dict(correction)
        points = made.get("points") or made.get("line") or [made["point"]]
        if view.has_time:
            made["frame"] = round(float(points[0][0]))
        spatial = [[round(float(c), 1) for c in point[-view.n_spatial :]] for point in points]
        for key in ("points", "line"):
            if key in made:
                made[key] = spatial
        if "point" in made:
            made["point"] = spatial[0]
        return made

    # -------------------------------------------------------------------------------------------- painting
    def _painted(self, layer: Any) -> None:
        self.show_state()

    # -------------------------------------------------------------------------------------------- what is shown
    def show_state(self, *args: Any) -> None:
        """Say what the tool in use does, and what became of the corrections."""
        layer = self.layer
        why = "There are no labels: segment an image first, for example with Voronoi–Otsu labeling"
        for button in self.buttons.values():
            enable(button, layer is not None, why)
        self._layer = layer
        tool = self.tool
        if layer is None:
            self.hint.setText(why + ".")
        elif tool and tool != "draw" and self._viewer.dims.ndisplay != 2:
            self.hint.setText(_NOT_IN_3D)
        elif tool:
            self.hint.setText(f"{_HINTS[tool]} In ‘{layer.name}’.")
        else:
            self.hint.setText(f"Correct ‘{layer.name}’. Every correction is kept, and made again when steps change.")
        step = self._step()
        lost = self._steps.chain.lost_corrections(step) if step else []
        self.lost_button.setVisible(bool(lost))
        if lost:
            reasons = "\n".join(f"{one.correction.get('kind')}: {one.reason}" for one in lost[:12])
            self.lost_button.setText(f"Forget {len(lost)} that no longer fit")
            self.lost_button.setToolTip(reasons)

    def _step(self) -> str:
        """Return the id of the step whose corrections are shown."""
        step = self._steps.layers.step_of(self._layer) if self._layer is not None else None
        if step is None or self._steps.chain.step(step).operation != "correct_labels":
            return ""
        return step

    def _forget_lost(self) -> None:
        step = self._step()
        if step:
            self._steps.chain.forget_lost(step)
            self.show_state()


def _across(axes: tuple[int, ...], layer: Any, view: layers.View) -> dict[str, int]:
    """Return along which axis of a stack a line cuts through all planes: that which is not drawn on the canvas.

    Raises
    ------
    InputError
        If time is drawn as an axis.
    """
    before = layer.ndim - view.n_spatial
    if any(axis < before for axis in axes):
        raise InputError("Time is an axis of the picture now. Show an object at one point in time to cut it.")
    if not axes or view.n_spatial != 3:
        return {}
    return {"axis": next(axis for axis in range(3) if axis + before not in axes)}


def _pan(layer: Any) -> None:
    layer.mode = "pan_zoom"
