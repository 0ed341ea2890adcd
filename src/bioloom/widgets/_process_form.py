"""The form of one operation: its layers, how their axes are understood, and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.layers import ChainLayers, View, sources_for
from bioloom.operations import Operation, Parameter
from bioloom.widgets._parts import AxesOptions, LayerCombo, clear_layout, enable, form
from bioloom.widgets._process_choosing import preselect
from bioloom.widgets._settings_form import SettingsForm

_LAYER_KIND: dict[str, layers.Kind] = {"image": "image", "labels": "labels", "mask": "labels", "surface": "surface"}
_SHORTEST = 6
_WHAT = {"mask": "Labels or a mask: every pixel other than 0 is foreground", "labels": "Labels", "image": "An image"}


@dataclass(frozen=True)
class Arguments:
    """What an operation is to be applied to.

    Attributes
    ----------
    source : Layer
        The layer of its first array.
    views : dict
        The pixels of every array that was chosen, by name; the first is that of the source.
    settings : dict
        Checked.
    """

    source: Any
    views: dict[str, View]
    settings: dict[str, Any]

    @property
    def first(self) -> View:
        """The pixels of the source."""
        return next(iter(self.views.values()))


class OperationForm:
    """Two widgets: `inputs` chooses layers, `settings_box` the other parameters.

    Parameters
    ----------
    viewer
        The napari viewer.
    chain_layers
        Knows which layers are results of steps, and what their axes are.
    owner
        The panel, whose child the notifier is.
    """

    def __init__(self, viewer: Any, chain_layers: ChainLayers, owner: QWidget) -> None:
        self._viewer, self._chain_layers = viewer, chain_layers
        self._notifier = _Notifier(owner)
        self.changed = self._notifier.changed
        self.source_changed = self._notifier.source_changed
        self.suggest_asked = self._notifier.suggest_asked
        self.operation: Operation | None = None
        self.settings: SettingsForm | None = None
        self.layer_combos: dict[str, LayerCombo] = {}
        self.axes = AxesOptions(viewer)
        # Beside the longest label there must be room for a scroll bar.
        self.axes.sizes.setMinimumContentsLength(_SHORTEST)
        self._unit_factor = 1.0
        self._of_labels = False
        self._locked = ""
        self.inputs, self._inputs_layout = _column()
        self._combos_box, self._combos_layout = _column()
        self._inputs_layout.addWidget(self._combos_box)
        self._inputs_layout.addWidget(self.axes)
        self.settings_box, settings_layout = _column()
        self._fields_box, self._fields_layout = _column()
        self.suggest_button = QPushButton("Suggest from the image")
        self.suggest_button.setToolTip("Look at the image, or the frame in view, and fill in settings that suit it")
        self.defaults_button = QPushButton("Defaults")
        self.defaults_button.setToolTip("Go back to the usual settings")
        row = QHBoxLayout()
        row.addWidget(self.suggest_button, stretch=1)
        row.addStretch()
        row.addWidget(self.defaults_button)
        settings_layout.addWidget(self._fields_box)
        settings_layout.addLayout(row)
        self.axes.changed.connect(self._axes_changed)
        self.suggest_button.clicked.connect(lambda on: self.suggest_asked.emit())
        self.defaults_button.clicked.connect(self.reset)

    # -------------------------------------------------------------------------------------------- showing
    def show(self, operation: Operation, layer: Any = None) -> None:
        """Show the form of another operation; `layer`, else the active one, comes first, others stay in their roles."""
        # The old form belongs to the old operation: nothing may read it while the new one is made.
        self.settings = None
        before = {(name, combo.optional): combo.layer for name, combo in self.layer_combos.items()}
        for combo in self.layer_combos.values():
            combo.stop()
        clear_layout(self._combos_layout)
        clear_layout(self._fields_layout)
        self.operation = operation
        self.layer_combos = {}
        rows, rows_layout = form()
        for parameter in operation.arrays:
            tip = parameter.description or _WHAT.get(parameter.kind, "")
            combo = LayerCombo(self._viewer, _layer_kind(operation, parameter), tip, optional=parameter.optional)
            combo.setMinimumContentsLength(_SHORTEST)
            rows_layout.addRow(parameter.name.replace("_", " ").capitalize(), combo)
            self.layer_combos[parameter.name] = combo
            preselect(self._viewer, self._chain_layers, self.layer_combos, parameter, before, layer)
        self._combos_layout.addWidget(rows)
        for combo in self.layer_combos.values():
            combo.layer_changed.connect(self._layer_changed)
        self.settings = SettingsForm(operation)
        self.settings.changed.connect(self.changed)
        self._fields_layout.addWidget(self.settings)
        has_fields = len(self.settings) > 0
        self.suggest_button.setVisible(operation.can_suggest)
        self.defaults_button.setVisible(has_fields)
        self.settings_box.setVisible(has_fields)
        self._unit_factor = 1.0
        self._of_labels = False
        self._follow_kind()
        self.axes.setVisible(operation.arrays[0].kind != "surface")
        self._follow_axes()
        self._axes_changed()

    def choose(self, layer: Any) -> None:
        """Choose the layer of the first array."""
        next(iter(self.layer_combos.values())).choose(layer)

    def reset(self) -> None:
        """Show the default of every setting."""
        if self.operation is not None:
            defaults = {p.name: p.default for p in self.operation.settings if not p.required}
            self.settings.write(defaults)
            self.settings.scale_lengths(self._unit_factor, self.n_spatial)
            self._of_labels = False
            self._follow_kind()

    def fill_in(self, values: dict[str, Any]) -> None:
        """Show other values of some settings."""
        if self.operation is not None:
            self.settings.write(values)

    # -------------------------------------------------------------------------------------------- reading
    @property
    def source(self) -> Any:
        """The layer of the first array, or None."""
        return next(iter(self.layer_combos.values())).layer if self.layer_combos else None

    @property
    def n_spatial(self) -> int:
        """The number of axes of the source without time; 0 if there is none, or it has too many."""
        try:
            return 0 if self.source is None else self.view(self.source).n_spatial
        except InputError:
            return 0

    def view(self, layer: Any) -> View:
        """Return what an operation gets of a layer.

        Raises
        ------
        InputError
            If it has too many or too few axes.
        """
        return self._chain_layers.view(layer, has_time=self.has_time(layer), physical=self.axes.physical)

    def missing(self) -> str:
        """Say what stands against applying the operation; nothing if it can be applied."""
        operation, source = self.operation, self.source
        if operation is None or source is None:
            kind = operation.arrays[0].kind if operation is not None else "image"
            return {
                "image": "There is no image: open one with File > Open, or File > Open Sample.",
                "surface": "There is no surface: make one of labels in Visualize > Surfaces.",
            }.get(kind, "There are no labels: segment an image first, for example with Voronoi–Otsu labeling.")
        for parameter in operation.arrays:
            if not parameter.optional and self.layer_combos[parameter.name].layer is None:
                return f"Choose a layer for ‘{parameter.name.replace('_', ' ')}’: there is none of the right kind yet."
        if operation.arrays[0].kind != "surface" and self.n_spatial not in (0, *operation.ndims):
            if self.n_spatial == 2 and operation.ndims == (3,):
                return f"{operation.title} needs a stack (z, y, x), but {source.name} has no z axis."
            if self.n_spatial == 3 and operation.ndims == (2,):
                return f"{operation.title} works on (y, x) only, but {source.name} is a stack."
        return ""

    def arguments(self, source: Any = None) -> Arguments:
        """Return what is chosen, checked; `source` takes the place of the first layer.

        Raises
        ------
        InputError
            If something is missing or does not fit.
        """
        operation = self.operation
        source = self.source if source is None else source
        if operation is None or self.settings is None:
            raise InputError("Choose an operation first.")
        if source is None:
            raise InputError(self.missing())
        chosen = {name: combo.layer for name, combo in self.layer_combos.items() if combo.layer is not None}
        chosen[operation.arrays[0].name] = source
        sources_for(chosen)
        names = [p.name for p in operation.arrays if p.name in chosen]
        return Arguments(source, {name: self.view(chosen[name]) for name in names}, self.settings.read())

    def has_time(self, layer: Any) -> bool:
        """Tell whether the first axis of a layer is time: as the box says for the source, else as the layer says."""
        if layer is self.source or layer.ndim == self.source.ndim:
            return self.axes.has_time
        return layers.time_axis(layer) == 0

    # -------------------------------------------------------------------------------------------- following
    def _layer_changed(self, layer: Any) -> None:
        if self.settings is None:
            return
        self._follow_kind()
        self._follow_axes()
        self._axes_changed()
        self.source_changed.emit(self.source)

    def _follow_kind(self) -> None:
        """Move labels without mixing them: between objects 2 and 4 there is no object 3."""
        mixes = self.operation.parameters.get("interpolation") if self.operation.keeps_kind else None
        of_labels = type(self.source).__name__ == "Labels"
        if mixes is not None and of_labels != self._of_labels:
            self.settings.write({mixes.name: "nearest" if of_labels else mixes.default})
        self._of_labels = of_labels

    def _follow_axes(self) -> None:
        """Understand the axes of the source as before; a result has those of the image that its steps begin with."""
        source = self.source
        self.axes.follow(source)
        step = self._chain_layers.step_of(source) if source is not None else None
        root = self._chain_layers.root_of(step) if step is not None else None
        if root is not None:
            self.axes.time.setChecked(root.has_time)
            self.axes.sizes.setCurrentIndex(int(root.physical and self.axes.sizes.count() > 1))
        why = "As in the steps that made this layer, which begin with another one"
        self._locked = why if root is not None else ""
        enable(self.axes.time, root is None and source is not None and source.ndim == 3, why)

    def _axes_changed(self) -> None:
        if self.settings is None or self.operation is None:
            return
        source, physical = self.source, self.axes.physical
        factor = float(min(abs(source.scale[-n]) for n in range(1, max(self.n_spatial, 2) + 1))) if physical else 1.0
        if factor != self._unit_factor:
            self.settings.scale_lengths(factor / self._unit_factor, self.n_spatial)
            self._unit_factor = factor
        unit = layers.length_unit(source) if physical else "px"
        self.settings.show_unit(unit if unit != "pixel" else "units", self.n_spatial)
        uses_lengths = any(p.limits.unit in ("length", "size") for p in self.operation.settings)
        if self.axes.sizes.count() > 1:
            why = self._locked or f"{self.operation.title} has no lengths among its settings"
            enable(self.axes.sizes, uses_lengths and not self._locked, why)
        self.changed.emit()


class _Notifier(QWidget):
    """Carries the signals of a form."""

    changed = Signal()
    source_changed = Signal(object)
    suggest_asked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.hide()


def _column() -> tuple[QWidget, QVBoxLayout]:
    widget = QWidget()
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    return widget, layout


def _layer_kind(operation: Operation, parameter: Parameter) -> layers.Kind:
    """Return which layers to offer: what only moves pixels moves labels as well."""
    return "pixels" if operation.keeps_kind and parameter.kind == "image" else _LAYER_KIND[parameter.kind]
