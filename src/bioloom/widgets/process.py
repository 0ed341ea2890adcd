"""The Process panel: choose an operation, see what it does, apply it."""

from __future__ import annotations

from functools import partial
from typing import Any

import napari.viewer
from qtpy.QtCore import QStringListModel, Qt, QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QCompleter, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from bioloom import device, layers
from bioloom.errors import BioloomError
from bioloom.operations import CATALOGUE, Operation, get_operation
from bioloom.session.jobs import JobRunner
from bioloom.session.processing import run_on_plane, run_operation
from bioloom.widgets._base import BioloomWidget, abandon
from bioloom.widgets._parts import AxesOptions, LayerCombo, form, group
from bioloom.widgets._settings_form import read_settings, settings_form, show_unit

_PREVIEW_DELAY_MS = 120


def _path(operation: Operation) -> str:
    return " › ".join([*operation.category.split("/"), operation.title])


class ProcessWidget(BioloomWidget):
    """Apply any operation of the catalogue to layers.

    Parameters
    ----------
    viewer
        The napari viewer.
    operation
        Name of the operation to begin with.
    """

    def __init__(self, viewer: napari.viewer.Viewer, operation: str = "gaussian_blur") -> None:
        super().__init__(viewer)
        self._operations = sorted(CATALOGUE.values(), key=_path)
        self._preview_layer: Any = None
        self._preview_jobs = JobRunner(self._main_thread.send)
        self._preview_jobs.failed.connect(self._preview_failed)
        self.destroyed.connect(partial(abandon, self._preview_jobs))
        self._preview_timer = QTimer(self)
        self._preview_timer.setSingleShot(True)
        self._preview_timer.setInterval(_PREVIEW_DELAY_MS)
        self._preview_timer.timeout.connect(self.show_preview)

        self.operation_box = QComboBox()
        self.operation_box.setEditable(True)
        self.operation_box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.operation_box.setToolTip("Type a part of a name to search, such as 'otsu'")
        self.operation_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.operation_box.setMinimumContentsLength(20)
        names = [_path(o) for o in self._operations]
        self.operation_box.addItems(names)
        completer = QCompleter(QStringListModel(names, self), self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.operation_box.setCompleter(completer)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self._inputs = QWidget()
        self._inputs_layout = QVBoxLayout(self._inputs)
        self._inputs_layout.setContentsMargins(0, 0, 0, 0)
        self._settings_box = QWidget()
        self._settings_layout = QVBoxLayout(self._settings_box)
        self._settings_layout.setContentsMargins(0, 0, 0, 0)
        self.axes = AxesOptions()
        self.device_box = QComboBox()
        self.device_box.setToolTip("Where to compute: NumPy in main memory, or an OpenCL device")
        device_row, device_layout = form()
        device_layout.addRow("Compute on", self.device_box)
        self.preview_box = QCheckBox("Preview")
        self.preview_box.setToolTip(
            "Show at once what the operation does to the plane in view, while you change settings"
        )
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Compute the whole image, and add the result as a new layer")
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview_box)
        buttons.addWidget(self.apply_button, stretch=1)

        self.content.addWidget(group("Operation", self.operation_box, self.summary))
        self.content.addWidget(group("Input", self._inputs, self.axes))
        self.settings_group = group("Settings", self._settings_box, device_row)
        self.content.addWidget(self.settings_group)
        self.content.addLayout(buttons)
        self.content.addStretch(1)

        self.layer_combos: dict[str, LayerCombo] = {}
        self.settings: Any = None
        self.operation: Operation = self._operations[0]
        self.operation_box.currentIndexChanged.connect(self._operation_chosen)
        self.operation_box.lineEdit().editingFinished.connect(self._typed)
        self.axes.changed.connect(self._axes_changed)
        self.apply_button.clicked.connect(lambda: self.attempt(self.apply))
        self.preview_box.toggled.connect(self._preview_toggled)
        viewer.dims.events.point.connect(self._request_preview)
        self.on_close(lambda: viewer.dims.events.point.disconnect(self._request_preview))
        self.on_close(lambda: self.preview_box.setChecked(False))
        self.choose(operation)
        self._list_devices()

    # -------------------------------------------------------------------------------------------- choosing
    def choose(self, name: str, layer: Any = None) -> None:
        """Show an operation's form; `layer` becomes its first input."""
        self.operation_box.setCurrentIndex(self._operations.index(get_operation(name)))
        self._operation_chosen(self.operation_box.currentIndex())
        if layer is not None:
            next(iter(self.layer_combos.values())).choose(layer)

    def _typed(self) -> None:
        """Choose what was typed: a part of a name is enough."""
        text = self.operation_box.currentText().strip().lower()
        names = [_path(o).lower() for o in self._operations]
        found = [i for i, name in enumerate(names) if text and text in name.rpartition(" › ")[2]]
        found += [i for i, name in enumerate(names) if text and text in name and i not in found]
        current = self._operations.index(self.operation)
        if names[current] == text:
            return
        if not found:
            self.say(f"No operation is called ‘{text}’.")
            found = [current]
        chosen = current if current in found else found[0]
        self.operation_box.setCurrentIndex(chosen)
        self.operation_box.setEditText(_path(self._operations[chosen]))

    def _operation_chosen(self, index: int) -> None:
        if index < 0:
            return
        self.operation = self._operations[index]
        # The old form belongs to the old operation: nothing may read it while the new one is made.
        self.settings = None
        self.summary.setText(self.operation.summary)
        chosen = {name: combo.layer for name, combo in self.layer_combos.items()}
        for combo in self.layer_combos.values():
            combo.stop()
        _clear(self._inputs_layout)
        _clear(self._settings_layout)
        rows, rows_layout = form()
        self.layer_combos = {}
        for parameter in self.operation.arrays:
            kind: layers.Kind = "image" if parameter.kind == "image" else "labels"
            combo = LayerCombo(self.viewer, kind, parameter.description, optional=parameter.optional)
            rows_layout.addRow(parameter.name.capitalize(), combo)
            self.layer_combos[parameter.name] = combo
            combo.choose(chosen.get(parameter.name) or layers.active_layer(self.viewer))
        self._inputs_layout.addWidget(rows)
        first = next(iter(self.layer_combos.values()))
        first.layer_changed.connect(self.axes.follow)
        for combo in self.layer_combos.values():
            combo.layer_changed.connect(self._request_preview)
        self.axes.follow(first.layer)
        self.settings = settings_form(self.operation)
        self.settings.changed.connect(self._request_preview)
        self._settings_layout.addWidget(self.settings.native)
        self._axes_changed()

    def _axes_changed(self) -> None:
        if self.settings is None:
            return
        layer = self._source
        unit = layers.length_unit(layer) if layer is not None and self.axes.physical else "px"
        show_unit(self.settings, self.operation, unit)
        self._request_preview()

    @property
    def _source(self) -> Any:
        return next(iter(self.layer_combos.values())).layer

    # -------------------------------------------------------------------------------------------- devices
    def _list_devices(self) -> None:
        self.device_box.addItem("numpy", "numpy")
        self.device_box.setEnabled(False)
        self._device_jobs = JobRunner(self._main_thread.send)
        self.destroyed.connect(partial(abandon, self._device_jobs))
        self._device_jobs.start(
            "Looking for devices", lambda progress: (device.list_devices(), device.current()), self._show_devices
        )

    def _show_devices(self, found: tuple[tuple[device.Device, ...], device.Device]) -> None:
        devices, current = found
        self.device_box.clear()
        for one in devices:
            if one.works:
                self.device_box.addItem(
                    one.name if one.engine == "numpy" else f"{one.name} (OpenCL {one.kind})", one.name
                )
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(current.name)))
        self.device_box.setEnabled(self.device_box.count() > 1)
        if self.device_box.count() == 1:
            self.device_box.setToolTip("No OpenCL device works here; `bioloom devices` in a terminal tells why")
        self.device_box.currentIndexChanged.connect(self._device_chosen)

    def _device_chosen(self, index: int) -> None:
        self.attempt(lambda: device.select(self.device_box.itemData(index)))
        self._request_preview()

    # -------------------------------------------------------------------------------------------- running
    def _arguments(self) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Return the source layer, the arrays and the settings."""
        source = self._source
        stack = layers.image_stack(
            [source] if source is not None else [], has_time=self.axes.has_time, physical=self.axes.physical
        )
        arrays = {
            name: None if combo.layer is None else layers.grey(combo.layer) for name, combo in self.layer_combos.items()
        }
        values = read_settings(self.settings, self.operation)
        if "spacing" in values and len(set(stack.spacing)) + self.axes.physical > 1:
            values["spacing"] = stack.spacing
        return source, arrays, values

    def apply(self) -> None:
        """Compute the whole image and add the result as a new layer."""
        source, arrays, values = self._arguments()
        operation, has_time = self.operation, self.axes.has_time
        self.preview_box.setChecked(False)
        provenance = {"operation": operation.name, "settings": values, "source": source.name}

        def show(result: Any) -> None:
            if not self.still_there(source):
                return
            kind: layers.Kind = "image" if operation.returns == "image" else "labels"
            if operation.returns == "mask":
                result = result.astype("uint8")
            layer = layers.add_result(
                self.viewer, result, kind, f"{operation.title} of {source.name}", source, provenance
            )
            self.say(f"Done: layer ‘{layer.name}’.")

        self.jobs.start(
            operation.title,
            lambda progress: run_operation(operation, arrays, values, has_time=has_time, progress=progress),
            show,
        )

    # -------------------------------------------------------------------------------------------- preview
    def _preview_toggled(self, on: bool) -> None:
        if on:
            self._request_preview()
        else:
            self._preview_jobs.cancel()
            layers.remove(self.viewer, self._preview_layer)
            self._preview_layer = None

    def _request_preview(self, event: Any = None) -> None:
        if self.preview_box.isChecked():
            self._preview_timer.start()

    def show_preview(self) -> None:
        """Compute the plane in view and show it."""
        if not self.preview_box.isChecked():
            return
        try:
            source, arrays, values = self._arguments()
        except BioloomError as error:
            self.say(str(error))
            return
        operation = self.operation
        index = layers.position(self.viewer, source)

        def show(plane: Any) -> None:
            kind: layers.Kind = "image" if operation.returns == "image" else "labels"
            data = plane.astype("uint8") if operation.returns == "mask" else plane
            self._preview_layer = layers.show_preview(self.viewer, data, kind, source, index, self._preview_layer)
            self.say(
                "Preview of the plane in view" + (", computed in 2D." if source.ndim - self.axes.has_time > 2 else ".")
            )

        self._preview_jobs.start("Preview", lambda progress: run_on_plane(operation, arrays, values, index), show)

    def _preview_failed(self, name: str, error: Exception) -> None:
        # No notification: it would come again with every turn of a knob.
        self.say(str(error))


def _clear(layout: QVBoxLayout) -> None:
    while layout.count():
        item = layout.takeAt(0)
        if item.widget() is not None:
            item.widget().deleteLater()
