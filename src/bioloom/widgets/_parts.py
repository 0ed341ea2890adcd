"""Pieces that several dock widgets are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGridLayout,
    QGroupBox,
    QLayout,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from bioloom import layers
from bioloom.widgets._collapsible import CollapsibleGroup as CollapsibleGroup

_WIDEST_LABEL = 130
_PICTURES = ("preview", "map")  # roles of images that show what is known already: nothing to measure or to learn from


def group(title: str, *parts: QWidget) -> QGroupBox:
    """Put parts under a title."""
    box = QGroupBox(title)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(6, 6, 6, 6)
    for part in parts:
        layout.addWidget(part)
    return box


def form() -> tuple[QWidget, QFormLayout]:
    """Make a widget with labelled rows whose fields use the whole width."""
    widget = QWidget()
    layout = QFormLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return widget, layout


def align_labels(widget: QWidget) -> None:
    """Let the fields of all forms within a widget begin at the same place."""
    labels = [
        layout.itemAt(row, QFormLayout.ItemRole.LabelRole).widget()
        for layout in widget.findChildren(QFormLayout)
        for row in range(layout.rowCount())
        if layout.itemAt(row, QFormLayout.ItemRole.LabelRole) is not None
    ]
    width = max((min(label.sizeHint().width(), _WIDEST_LABEL) for label in labels), default=0)
    for label in labels:
        label.setMinimumWidth(width)


def clear_layout(layout: QLayout) -> None:
    """Take everything out of a layout; it is gone at once, and deleted when nobody waits for it."""
    while layout.count():
        item = layout.takeAt(0)
        if item is not None and item.widget() is not None:
            item.widget().hide()
            item.widget().deleteLater()


def narrow_combo(tooltip: str, items: Sequence[str] = ()) -> QComboBox:
    """Make a combo box that does not grow with its longest entry."""
    box = QComboBox()
    box.addItems(list(items))
    box.setToolTip(tooltip)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(12)
    return box


def in_grid(widgets: Sequence[QWidget], columns: int) -> QGridLayout:
    """Lay widgets out in rows of so many columns."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    for number, widget in enumerate(widgets):
        grid.addWidget(widget, *divmod(number, columns))
    return grid


def whole_number(value: int, low: int, high: int, tooltip: str) -> QSpinBox:
    """Make a field for a whole number."""
    field = QSpinBox()
    field.setRange(low, high)
    field.setValue(value)
    field.setToolTip(tooltip)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return field


def enable(button: QWidget, on: bool, why: str) -> None:
    """Enable or disable a button; while it is disabled, its tooltip says why and what to do."""
    told = button.property("told")
    if told is None:
        told = button.toolTip()
        button.setProperty("told", told)
    button.setEnabled(on)
    button.setToolTip(told if on else f"{why}\n({told})" if told else why)


class _LayerWatcher:
    """Calls back when layers come, go, move or are renamed."""

    def __init__(self, viewer: Any, callback: Callable[[], None]) -> None:
        self._viewer, self._callback = viewer, callback
        for name in ("inserted", "removed", "reordered"):
            getattr(viewer.layers.events, name).connect(self._changed)
        for layer in viewer.layers:
            layer.events.name.connect(self._changed)

    def _changed(self, event: Any = None) -> None:
        if event is not None and getattr(event, "type", "") == "inserted":
            event.value.events.name.connect(self._changed)
        self._callback()

    def stop(self) -> None:
        for name in ("inserted", "removed", "reordered"):
            getattr(self._viewer.layers.events, name).disconnect(self._changed)
        for layer in self._viewer.layers:
            layer.events.name.disconnect(self._changed)


class LayerCombo(QComboBox):
    """Chooses one image or labels layer; follows the layer list."""

    layer_changed = Signal(object)

    def __init__(
        self,
        viewer: Any,
        kind: layers.Kind,
        tooltip: str,
        *,
        optional: bool = False,
        prefer_table: bool = False,
        wanted_role: str = "",
    ) -> None:
        super().__init__()
        self._tooltip, self._wanted_role = tooltip, wanted_role
        self._viewer, self._kind, self._optional, self._prefer_table = viewer, kind, optional, prefer_table
        self._layers: list[Any] = []
        self._last: Any = None
        self.setToolTip(tooltip)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self._watcher = _LayerWatcher(viewer, self.refresh)
        self.stop = self._watcher.stop
        self.currentIndexChanged.connect(self._emit)
        self.refresh()

    @property
    def kind(self) -> layers.Kind:
        """What it lists."""
        return self._kind

    @property
    def optional(self) -> bool:
        """Whether none may be chosen."""
        return self._optional

    @property
    def layer(self) -> Any:
        """The chosen layer, or None."""
        index = self.currentIndex() - self._optional
        return self._layers[index] if 0 <= index < len(self._layers) else None

    def choose(self, layer: Any) -> None:
        """Choose a layer if it is listed."""
        if layer in self._layers:
            self.setCurrentIndex(self._layers.index(layer) + self._optional)

    def refresh(self) -> None:
        """Read the layer list again and keep the choice where it is still there."""
        before, known = self.layer, self._layers
        self.blockSignals(True)
        self.clear()
        self._layers = [one for one in layers.of_kind(self._viewer, self._kind) if layers.role(one) != "preview"]
        if self._optional:
            self.addItem("none")
        self.addItems([layer.name for layer in self._layers])
        if not self._layers and not self._optional:
            self.setPlaceholderText(f"no {self._kind} layer")
        if before in self._layers:
            self.setCurrentIndex(self._layers.index(before) + self._optional)
        elif self._layers and not self._optional:
            self.setCurrentIndex(self._default())
        elif self._wanted_role:
            # Whoever chose none is not asked again because of a layer that was there.
            new = [layer for layer in self._layers if layer not in known]
            made = [layer for layer in new if layers.role(layer) == self._wanted_role]
            self.setCurrentIndex(1 + self._layers.index(made[0]) if made else 0)
        self.blockSignals(False)
        self._emit()

    def _default(self) -> int:
        """Return the most likely layer: not made for something else, measured if wanted, active, visible, topmost."""
        active = layers.active_layer(self._viewer)

        def likely(layer: Any) -> tuple[bool, ...]:
            measured = self._prefer_table and layers.has_table(layer)
            return layers.role(layer) == "", measured, layer is active, layer.visible

        return max(range(len(self._layers)), key=lambda i: (*likely(self._layers[i]), -i))

    def _emit(self, index: int = 0) -> None:
        if self.layer is not self._last:
            self._last = self.layer
            self.setToolTip(self._tooltip + (f"\nNow: {self.layer.name}" if self.layer is not None else ""))
            self.layer_changed.emit(self.layer)


class CheckList(QListWidget):
    """A list of names with check marks."""

    changed = Signal()

    def __init__(self, tooltip: str, rows: int = 4) -> None:
        super().__init__()
        self.setToolTip(tooltip)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setMaximumHeight(rows * self.fontMetrics().height() + 24)
        self.itemChanged.connect(lambda item: self.changed.emit())

    def set_items(self, names: list[str], checked: set[str]) -> None:
        """Show other names."""
        self.blockSignals(True)
        self.clear()
        for name in names:
            item = QListWidgetItem(name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if name in checked else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)
        self.changed.emit()

    def checked(self) -> list[str]:
        """Return the names that are checked, in order."""
        items = [self.item(i) for i in range(self.count())]
        return [item.text() for item in items if item.checkState() == Qt.CheckState.Checked]

    def set_checked(self, names: set[str]) -> None:
        """Check exactly these names."""
        self.set_items([self.item(i).text() for i in range(self.count())], names)


class ImageList(CheckList):
    """Chooses image layers, the channels of one image; follows the layer list."""

    def __init__(self, viewer: Any, tooltip: str) -> None:
        super().__init__(tooltip, rows=3)
        self._viewer = viewer
        self._known: list[Any] = []
        self._watcher = _LayerWatcher(viewer, self.refresh)
        self.stop = self._watcher.stop
        self.refresh()

    @property
    def images(self) -> list[Any]:
        """The chosen layers, in the order of the layer list."""
        marks = [self.item(i).checkState() == Qt.CheckState.Checked for i in range(self.count())]
        return [layer for layer, mark in zip(self._known, marks, strict=True) if mark][::-1]

    def refresh(self) -> None:
        """Read the layer list again; the first image ever is checked by itself, later ones keep their marks."""
        # By position, not by name: names may have changed.
        before = {id(layer) for layer in self.images}
        listed = [layer for layer in layers.of_kind(self._viewer, "image") if layers.role(layer) not in _PICTURES]
        marked = {layer.name for layer in listed if id(layer) in before}
        if listed and not self._known:
            marked = {listed[-1].name}
        self._known = listed
        self.set_items([layer.name for layer in listed], marked)


class AxesOptions(QWidget):
    """How the axes of a layer are to be understood: sizes in pixels or in its unit, and whether time comes first."""

    changed = Signal()

    def __init__(self, with_sizes: bool = True) -> None:
        super().__init__()
        self._row, layout = form()
        self.sizes = narrow_combo(
            "Lengths are in pixels (of the finest axis, if pixels are not cubes), or in the unit of the layer's scale"
        )
        self.time = QCheckBox("First axis is time")
        self.time.setToolTip(
            "Treat the first axis as time: every frame is computed by itself. Otherwise it is depth (z)"
        )
        if with_sizes:
            layout.addRow("Sizes in", self.sizes)
        layout.addRow(self.time)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._row)
        self.sizes.currentIndexChanged.connect(lambda index: self.changed.emit())
        self.time.toggled.connect(lambda on: self.changed.emit())
        self._followed: Any = None
        self.follow(None)

    def follow(self, layer: Any, physical: bool = False) -> None:
        """Take the defaults from a layer; what was chosen for it stays as long as it is the same."""
        if layer is not None and layer is self._followed:
            return
        self._followed = layer
        unit = "pixel" if layer is None else layers.length_unit(layer)
        scaled = layer is not None and not np.allclose(layer.scale[-2:], 1)
        self.sizes.clear()
        self.sizes.addItem("pixels")
        if unit != "pixel" or scaled:
            self.sizes.addItem("units of the scale" if unit == "pixel" else unit)
            self.sizes.setCurrentIndex(int(physical))
        self.sizes.setEnabled(self.sizes.count() > 1)
        possible = layer is not None and layer.ndim in (3, 4)
        self.time.setEnabled(possible and layer.ndim == 3)
        self.time.setChecked(possible and layers.time_axis(layer) == 0)
        self.time.setVisible(possible)

    @property
    def physical(self) -> bool:
        """Whether sizes are in the layer's unit."""
        return self.sizes.currentIndex() == 1

    @property
    def has_time(self) -> bool:
        """Whether the first axis is time."""
        return self.time.isChecked()
