"""Pieces that several dock widgets are made of."""

from __future__ import annotations

from collections.abc import Sequence
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
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from bioloom import layers
from bioloom.widgets._collapsible import CollapsibleGroup as CollapsibleGroup
from bioloom.widgets._layer_combo import LayerCombo as LayerCombo
from bioloom.widgets._layer_combo import LayerWatcher

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
        self._labels: Any = None
        self._own: Any = None
        self._watcher = LayerWatcher(viewer, self.refresh)
        self.stop = self._watcher.stop
        self.refresh()

    @property
    def images(self) -> list[Any]:
        """The chosen layers, in the order of the layer list."""
        marks = [self.item(i).checkState() == Qt.CheckState.Checked for i in range(self.count())]
        return [layer for layer, mark in zip(self._known, marks, strict=True) if mark][::-1]

    def follow(self, labels: Any) -> None:
        """Check the image that labels were made from, if it is another than that of the labels before."""
        if labels is None or labels is self._labels:
            return
        before, none_wanted = self._own, self._labels is not None and not self.images
        self._labels, self._own = labels, layers.own_image(self._viewer, labels)
        if self._own not in (None, before, *self.images) and not none_wanted:
            self.set_checked({self._own.name})

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

    def __init__(self, viewer: Any = None) -> None:
        super().__init__()
        self._viewer = viewer
        self._row, layout = form()
        self.sizes = narrow_combo(
            "Lengths are in pixels (of the finest axis, if pixels are not cubes), or in the unit of the layer's scale"
        )
        self.time = QCheckBox("First axis is time")
        self.time.setToolTip(
            "Treat the first axis as time: every frame is computed by itself. Otherwise it is depth (z)"
        )
        self.file_size = QPushButton()
        self.file_size.clicked.connect(self._take_file_size)
        layout.addRow("Sizes in", self.sizes)
        layout.addRow(self.file_size)
        layout.addRow(self.time)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._row)
        self.sizes.currentIndexChanged.connect(lambda index: self.changed.emit())
        self.time.toggled.connect(self._time_toggled)
        self._followed: Any = None
        self._seen: Any = ()
        self.follow(None)

    def follow(self, layer: Any, physical: bool = False) -> None:
        """Take the defaults from a layer; what was chosen for it stays as long as it is the same."""
        seen = None if layer is None else (layer, tuple(layer.scale), layers.length_unit(layer))
        if seen == self._seen:
            return
        self._followed, self._seen, self._physical = layer, seen, physical
        size = None if layer is None or self._viewer is None else layers.untold_size(self._viewer, layer)
        self.file_size.setVisible(size is not None)
        if size is not None:
            sizes = " × ".join(f"{one:.3g}" for one in size)
            self.file_size.setText(f"Take {sizes} µm from the file")
            self.file_size.setToolTip(
                "The file tells the size of a pixel, but the layer does not, because napari has not read it.\n"
                "A click gives it to the layer, to those made from it, and to open files that tell the same.\n"
                "A recipe that runs over files heeds what they tell anyway"
            )
        unit = "pixel" if layer is None else layers.length_unit(layer)
        scaled = layer is not None and not np.allclose(layer.scale[-2:], 1)
        self.sizes.clear()
        self.sizes.addItem("pixels")
        if unit != "pixel" or scaled:
            self.sizes.addItem("units of the scale" if unit == "pixel" else unit)
            self.sizes.setCurrentIndex(int(physical))
        enable(self.sizes, self.sizes.count() > 1, "The layer does not tell the size of its pixels")
        possible = layer is not None and layer.ndim in (3, 4)
        self.time.setEnabled(possible and layer.ndim == 3)
        self.time.setChecked(possible and layers.time_axis(layer) == 0)
        self.time.setVisible(possible)

    def _time_toggled(self, on: bool) -> None:
        if self._followed is not None and self._followed.ndim == 3:
            # For the other panels, and for what is made from it.
            layers.note_time(self._followed, on)
        self.changed.emit()

    def _take_file_size(self) -> None:
        if self._followed is not None:
            layers.take_size(self._viewer, self._followed)
            self.follow(self._followed, self._physical)
            self.changed.emit()

    @property
    def physical(self) -> bool:
        """Whether sizes are in the layer's unit."""
        return self.sizes.currentIndex() == 1

    @property
    def has_time(self) -> bool:
        """Whether the first axis is time."""
        return self.time.isChecked()
