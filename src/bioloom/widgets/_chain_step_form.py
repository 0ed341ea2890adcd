"""The settings of one step of a chain, and where its images come from."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from bioloom.errors import BioloomError, InputError
from bioloom.layers import ChainLayers
from bioloom.recipe.catalogue import get_operation
from bioloom.session.chain import Chain
from bioloom.widgets._parts import align_labels, clear_layout, form, narrow_combo
from bioloom.widgets._settings_form import SettingsForm

_EDIT_DELAY_MS = 200
_SHORTEST = 6


class StepForm(QWidget):
    """Shows the settings of a step; what is edited is told a moment later, so that turning a number is one edit.

    Parameters
    ----------
    chain
        The steps.
    chain_layers
        Which layers show them.
    """

    changed = Signal(str, object)
    """Step, and a dict of those settings that are others now."""
    rewired = Signal(str, object)
    """Step, and a dict of an array and where it is to come from."""
    refused = Signal(object)
    """A value that is none: the error that says why."""

    def __init__(self, chain: Chain, chain_layers: ChainLayers) -> None:
        super().__init__()
        self._chain, self._layers = chain, chain_layers
        self._step = ""
        self._edited = False
        self._offered: Any = None
        self.settings: SettingsForm | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EDIT_DELAY_MS)
        self._timer.timeout.connect(self.flush)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 4, 0, 0)
        self._fields, self._sources = QVBoxLayout(), QVBoxLayout()
        self._column.addLayout(self._fields)
        self._column.addLayout(self._sources)

    def stop(self) -> None:
        """Forget what was edited last."""
        self._timer.stop()
        self._edited = False

    def show_step(self, name: str) -> None:
        """Show the settings of a step as they are; nothing for what is no step."""
        if name not in self._chain:
            self._clear()
            return
        if name != self._step:
            self._clear()
            self._build(name)
        elif not self._edited and self.settings is not None:
            self.settings.blockSignals(True)
            self.settings.write({k: v for k, v in self._chain.step(name).settings.items() if self._differs(k, v)})
            self.settings.blockSignals(False)
        self._show_unit(name)
        self._show_sources(name)
        self.show()

    def flush(self) -> None:
        """Tell at once what was edited."""
        self._timer.stop()
        edited, self._edited = self._edited, False
        if not edited or self.settings is None or self._step not in self._chain:
            return
        try:
            values = self.settings.read()
        except BioloomError as error:
            self.refused.emit(error)
            return
        old = self._chain.step(self._step).settings
        shown = {field.name for field in self.settings}
        new = {k: v for k, v in values.items() if k in shown and old.get(k) != v}
        if new:
            self.changed.emit(self._step, new)

    def _clear(self) -> None:
        self.flush()
        self._step, self._offered, self.settings = "", None, None
        clear_layout(self._fields)
        clear_layout(self._sources)
        self.hide()

    def _build(self, name: str) -> None:
        step = self._chain.step(name)
        self._step = name
        self.settings = SettingsForm(get_operation(step.operation), step.settings)
        self.settings.changed.connect(self._note_edit)
        self._fields.addWidget(self.settings)

    def _note_edit(self) -> None:
        self._edited = True
        self._timer.start()

    def _differs(self, name: str, value: Any) -> bool:
        if self.settings is None or name not in {field.name for field in self.settings}:
            return False
        try:
            return bool(self.settings[name].value != value)
        except InputError:
            return True

    def _show_unit(self, name: str) -> None:
        result = self._chain.result_of(name)
        root = self._layers.input_at_root(name)
        unit = self._chain.input(root).unit if root else "pixel"
        n_axes = result.value.ndim - result.has_time if hasattr(getattr(result, "value", None), "ndim") else None
        if self.settings is not None:
            self.settings.show_unit("px" if unit == "pixel" else unit, n_axes)

    def _show_sources(self, name: str) -> None:
        """Show for steps of several arrays where each comes from."""
        step = self._chain.step(name)
        operation = get_operation(step.operation)
        if len(operation.arrays) < 2:
            return
        later = {name, *(s.id for s in self._chain.followers(name))}
        sources = [*self._chain.inputs, *(s.id for s in self._chain.steps if s.id not in later)]
        named = {source: (self._name_of(source), self._layers.kind_of(source)) for source in sources}
        offered = (named, dict(step.inputs))
        if offered == self._offered:
            return
        self._offered = offered
        clear_layout(self._sources)
        rows, layout = form()
        for parameter in operation.arrays:
            box = narrow_combo(f"{parameter.description}\nWhere it comes from")
            box.setMinimumContentsLength(_SHORTEST)
            if parameter.optional:
                box.addItem("none", None)
            for source, (title, kind) in named.items():
                if _fits(kind, parameter.kind, operation.keeps_kind):
                    box.addItem(title, source)
            box.setCurrentIndex(box.findData(step.inputs.get(parameter.name)))
            box.activated.connect(lambda index, b=box, p=parameter.name: self.rewired.emit(name, {p: b.currentData()}))
            layout.addRow(parameter.name.replace("_", " ").capitalize(), box)
        self._sources.addWidget(rows)
        align_labels(self)

    def _name_of(self, name: str) -> str:
        layer = self._layers.layer_of(name)
        return str(layer.name) if layer is not None else name.replace("_", " ")


def _fits(given: str, wanted: str, any_pixels: bool) -> bool:
    """Tell whether a user may want such pixels for an array."""
    if any_pixels and wanted == "image":
        return given in ("image", "labels", "mask")
    return given == wanted or {given, wanted} <= {"labels", "mask"}
