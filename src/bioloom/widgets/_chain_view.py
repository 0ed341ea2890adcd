"""The steps that made the selected layer: seen, edited, moved, switched off, removed, undone."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from bioloom.errors import BioloomError
from bioloom.layers import ChainLayers
from bioloom.recipe.catalogue import get_operation
from bioloom.session.chain import Chain
from bioloom.widgets._chain_rows import ChainRows, Row
from bioloom.widgets._chain_step_form import StepForm
from bioloom.widgets._parts import enable
from bioloom.widgets._process_icons import icon
from bioloom.widgets._settings_form import SettingsForm

_WORDS = {
    "failed": "It could not be computed",
    "blocked": "A step before it could not be computed",
    "computing": "It is being computed",
    "waiting": "It waits to be computed",
    "not wanted": "Its layer was deleted; a double click makes it again",
}


class ChainView(QWidget):
    """Shows the steps from an image to a layer; a change of one computes it and all that follow.

    Parameters
    ----------
    chain
        The steps of the viewer.
    chain_layers
        Which layers show them.
    """

    refused = Signal(object)
    """An edit that does not fit: the error that says why."""
    layer_wanted = Signal(object)
    """A step was opened: its layer is to be shown."""

    def __init__(self, chain: Chain, chain_layers: ChainLayers) -> None:
        super().__init__()
        self.chain, self.chain_layers = chain, chain_layers
        self._shown = ""
        self.rows = ChainRows()
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.up_button = self._tool("up", "Let the step come earlier (Alt+↑)", lambda: self._step(-1))
        self.down_button = self._tool("down", "Let the step come later (Alt+↓)", lambda: self._step(1))
        self.remove_button = self._tool("remove", "Remove the step (Delete)", lambda: self._remove(self.rows.current))
        self.undo_button = self._tool("undo", "Undo", self.chain.undo)
        self.redo_button = self._tool("redo", "Redo", self.chain.redo)
        self.compute_button = QPushButton("Compute")
        self.compute_button.setToolTip("Go on computing what was cancelled, and try again what failed")
        self.compute_button.clicked.connect(lambda on: self.chain.compute())
        tools = self._tools = QHBoxLayout()
        tools.setContentsMargins(0, 0, 0, 0)
        for button in (self.up_button, self.down_button, self.remove_button):
            tools.addWidget(button)
        tools.addWidget(self.compute_button)
        tools.addStretch(1)
        tools.addWidget(self.undo_button)
        tools.addWidget(self.redo_button)
        self.step_form = StepForm(chain, chain_layers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.hint)
        layout.addWidget(self.rows)
        layout.addLayout(tools)
        layout.addWidget(self.step_form)
        self.rows.step_chosen.connect(self._chosen)
        self.step_form.changed.connect(lambda step, new: self._try(lambda: self.chain.change(step, **new)))
        self.step_form.rewired.connect(lambda step, new: self._try(lambda: self.chain.rewire(step, new)))
        self.step_form.refused.connect(self.refused)
        self.rows.step_enabled.connect(lambda step, on: self._try(lambda: self.chain.enable(step, on)))
        self.rows.step_moved.connect(self._move)
        self.rows.step_removed.connect(self._remove)
        self.rows.step_opened.connect(self._open)
        self._connections = [
            (chain.structure_changed, self._structure_changed),
            (chain.result_changed, self._status_changed),
            (chain.computing, self._status_changed),
            (chain.failed, self._status_changed),
        ]
        self._connections.append((chain_layers.shown, self._layer_shown))
        self._connections.append((chain_layers.taken_over, self._layer_shown))
        for signal, slot in self._connections:
            signal.connect(slot)
        self.refresh()

    def stop(self) -> None:
        """Follow the chain no more."""
        self.step_form.stop()
        for signal, slot in self._connections:
            signal.disconnect(slot)
        self._connections = []

    def add_tool(self, tool: QWidget) -> None:
        """Put another button before undo and redo."""
        self._tools.insertWidget(self._tools.count() - 2, tool)

    def _tool(self, picture: str, tip: str, action: Any) -> QToolButton:
        button = QToolButton()
        button.setProperty("picture", picture)
        button.setAccessibleName(tip.partition(" (")[0])
        button.setToolTip(tip)
        button.clicked.connect(lambda on: self._try(action))
        return button

    def showEvent(self, event: Any) -> None:
        """Draw the pictures in the colours that are known only now."""
        super().showEvent(event)
        for button in self.findChildren(QToolButton):
            if button.property("picture"):
                button.setIcon(icon(self, button.property("picture")))
        self.refresh(redraw=True)

    # -------------------------------------------------------------------------------------------- what is shown
    @property
    def settings(self) -> SettingsForm | None:
        """The fields of the chosen step."""
        return self.step_form.settings

    @property
    def shown(self) -> str:
        """The id of the step, or input, whose steps are listed; empty if there is none."""
        return self._shown

    def show_layer(self, layer: Any) -> None:
        """List the steps of a layer; one that is nothing to the chain leaves the list as it is."""
        if layer is None:
            return
        name = self.chain_layers.step_of(layer) or self.chain_layers.input_of(layer) or ""
        if name and name in [row.id for row in self.rows.rows]:
            # It is in the list already: the steps after it stay in view.
            self.rows.choose(name)
        elif name:
            self._shown = name
            self.refresh(current=name)
        elif not name and not self.chain.steps:
            self._shown = ""
            self.refresh()

    def show_step(self, step_id: str) -> None:
        """List the steps up to one."""
        self._shown = step_id
        self.refresh(current=step_id)

    def listed_steps(self) -> list[str]:
        """Return the ids of the listed steps, without the images that they begin with."""
        return [name for name in self._listed() if name in self.chain]

    def _listed(self) -> list[str]:
        """Return the ids to list: inputs, the steps up to the shown one, and tables made of it."""
        if not self._shown or (self._shown not in self.chain and self._shown not in self.chain.inputs):
            # It was undone: what its layer shows now, else the last step.
            viewer = self.chain_layers.viewer
            active = None if viewer is None else self.chain_layers.step_of(viewer.layers.selection.active)
            self._shown = active or (self.chain.steps[-1].id if self.chain.steps else "")
        if not self._shown:
            return []
        steps = list(self.chain.steps_of(self._shown)) if self._shown in self.chain else []
        used = {source for step in steps for source in step.inputs.values()} | {self._shown}
        inputs = [name for name in self.chain.inputs if name in used]
        ids = [step.id for step in steps]
        tables = [s.id for s in self.chain.followers(self._shown) if get_operation(s.operation).returns == "table"]
        return [*inputs, *ids, *(t for t in tables if self._shown in self.chain.step(t).inputs.values())]

    def _row(self, name: str) -> Row:
        if name in self.chain.inputs:
            source = self.chain_layers.layer_of(name)
            one = self.chain.input(name)
            shape = " × ".join(str(n) for n in getattr(one.data, "shape", ()))
            title = source.name if source is not None else name
            return Row(name, title, "", "", True, "input", f"{title}: {shape} {getattr(one.data, 'dtype', '')}".strip())
        step = self.chain.step(name)
        operation = get_operation(step.operation)
        status = self.chain.status(name)
        lines = [operation.title, operation.summary, *self._all_settings(name)]
        if len(step.inputs) > 1:
            lines += [f"{a.replace('_', ' ')}: {self._name_of(s)}" for a, s in step.inputs.items()]
        error = self.chain.error(name)
        lines += [str(error)] if error is not None else [_WORDS[status]] if status in _WORDS else []
        has_layer = self.chain_layers.layer_of(name) is not None or operation.returns == "table"
        return Row(
            name, operation.title, self._in_short(name), operation.category, step.enabled, status, "\n".join(lines),
            has_layer,
        )  # fmt: skip

    def _name_of(self, name: str) -> str:
        layer = self.chain_layers.layer_of(name)
        return str(layer.name) if layer is not None else name.replace("_", " ")

    def _in_short(self, name: str) -> str:
        step = self.chain.step(name)
        corrections = step.settings.get("corrections")
        if corrections is not None:
            lost = len(self.chain.lost_corrections(name))
            return f"{len(corrections)}" + (f", {lost} no longer fit" if lost else "")
        settings = get_operation(step.operation).settings
        values = [
            f"{step.settings[p.name]:g}"
            for p in settings
            if p.kind in ("number", "integer") and step.settings.get(p.name) is not None and p.limits.unit != "seed"
        ]
        return ", ".join(values[:3])

    def _all_settings(self, name: str) -> list[str]:
        step = self.chain.step(name)
        hidden = ("spacing", "corrections")
        return [f"{k.replace('_', ' ')}: {v}" for k, v in step.settings.items() if k not in hidden]

    def refresh(self, *args: Any, current: str = "", redraw: bool = False) -> None:
        """Write the list anew."""
        if redraw:
            current = current or self.rows.current
            self.rows.show_rows([])
        ids = self._listed()
        self.rows.show_rows([self._row(name) for name in ids], current)
        root = self.chain_layers.root_of(self._shown) if self._shown else None
        self.hint.setText("" if ids else "Nothing was applied yet. Steps appear here; select a layer to see its own.")
        self.hint.setVisible(not ids)
        self.rows.setVisible(bool(ids))
        self.step_form.show_step(self.rows.current)
        self._show_buttons(root)

    def _show_buttons(self, root: Any) -> None:
        name = self.rows.current
        is_step = name in self.chain
        run = self.chain.run_of(name) if is_step else ()
        at = run.index(name) if is_step else 0
        nothing = "Choose a step first"
        alone = "No other step stands in a row with it"
        enable(self.up_button, is_step and at > 0, nothing if not is_step else "It is the first step of its row")
        enable(
            self.down_button,
            is_step and at < len(run) - 1,
            nothing if not is_step else alone if len(run) == 1 else "It is the last step of its row",
        )
        enable(self.remove_button, is_step, nothing)
        for button, can, text, verb in (
            (self.undo_button, self.chain.can_undo, self.chain.undo_text, "Undo"),
            (self.redo_button, self.chain.can_redo, self.chain.redo_text, "Redo"),
        ):
            button.setEnabled(can)
            button.setToolTip(f"{verb}: {text}" if can else f"There is nothing to {verb.lower()}")
        stuck = any(self.chain.status(s.id) in ("waiting", "failed") for s in self.chain.steps)
        self.compute_button.setVisible(stuck and not self.chain.busy)

    # -------------------------------------------------------------------------------------------- the user
    def _try(self, action: Any) -> None:
        try:
            action()
        except BioloomError as error:
            self.refused.emit(error)
            self.refresh(redraw=True)

    def _chosen(self, name: str) -> None:
        self.step_form.flush()
        self.refresh()

    def _step(self, by: int) -> None:
        name = self.rows.current
        run = self.chain.run_of(name)
        self.chain.move(name, run.index(name) + by)

    def _move(self, name: str, row: int) -> None:
        """Move a dragged step to a row of the list, which may hold other branches."""
        run = self.chain.run_of(name)
        listed = [r.id for r in self.rows.rows if r.status != "input" and r.id != name]
        before = [one for one in listed[:row] if one in run]
        self._try(lambda: self.chain.move(name, len(before)))
        self.refresh(current=name, redraw=True)

    def _remove(self, name: str) -> None:
        if name not in self.chain:
            return
        if self._shown == name:
            first = next(iter(self.chain.step(name).inputs.values()))
            self._try(lambda: self.chain.remove(name))
            if name not in self.chain:
                self._shown = first
                self.refresh(current=first)
            return
        self._try(lambda: self.chain.remove(name))

    def _open(self, name: str) -> None:
        if name in self.chain and self.chain_layers.layer_of(name) is None:
            self.chain_layers.show(name)
        layer = self.chain_layers.layer_of(name)
        if layer is not None:
            self.layer_wanted.emit(layer)

    # -------------------------------------------------------------------------------------------- following
    def _structure_changed(self) -> None:
        self.refresh()

    def _layer_shown(self, step_id: str, layer: Any) -> None:
        if not self.chain.followers(step_id):
            self.show_step(step_id)

    def _status_changed(self, *args: Any) -> None:
        self.refresh()
