"""Which objects the Explore panel shows: those of one labels layer, or of several together."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from bioloom import layers
from bioloom.widgets._layer_combo import LayerWatcher
from bioloom.widgets._parts import CheckList, CollapsibleGroup, LayerCombo, form


class ObjectsForm(QWidget):
    """Chooses a labels layer, and others whose objects are explored together with its own.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    changed = Signal()
    """Other layers are chosen, or a chosen one has another name."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._others: list[Any] = []
        self._heard: list[Any] = []
        self._names: list[str] = []
        self.labels = LayerCombo(viewer, "labels", "The measured objects", prefer_table=True)
        self.others = CheckList("Explore the objects of these layers together with those above, in one plot", rows=3)
        self.group = CollapsibleGroup("Together with other layers", self.others, is_open=False)
        row, layout = form()
        layout.addRow("Objects", self.labels)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(row)
        column.addWidget(self.group)
        self._watcher = LayerWatcher(viewer, self._follow)
        self.labels.layer_changed.connect(lambda layer: self._follow())
        self.others.changed.connect(self._tell)
        self._follow()

    def chosen(self) -> list[Any]:
        """Return the chosen layers, that of the combo box first."""
        first = self.labels.layer
        # By position, not by name: names may have changed.
        marks = [self.others.item(i).checkState() == Qt.CheckState.Checked for i in range(self.others.count())]
        others = [layer for layer, mark in zip(self._others, marks, strict=False) if mark]
        return ([] if first is None else [first]) + others

    def choose(self, chosen: list[Any]) -> None:
        """Choose layers."""
        self.labels.choose(chosen[0])
        self.others.set_checked({layer.name for layer in chosen[1:]})

    def stop(self) -> None:
        """Follow the layer list no longer."""
        self._watcher.stop()
        self._hear([])

    def _follow(self, event: Any = None) -> None:
        """Offer the other layers whose objects are measured."""
        checked = {id(layer) for layer in self.chosen()[1:]}
        every = [layer for layer in layers.of_kind(self._viewer, "labels") if layers.role(layer) != "preview"]
        self._hear(every)
        offered = [one for one in every if one is not self.labels.layer and layers.has_table(one)]
        self.group.setVisible(bool(offered))
        self._others = offered
        self.others.set_items([one.name for one in offered], {one.name for one in offered if id(one) in checked})

    def _hear(self, every: list[Any]) -> None:
        """Notice when a layer is measured."""
        for layer in self._heard:
            if layer not in every:
                layer.events.features.disconnect(self._measured)
        for layer in every:
            if layer not in self._heard:
                layer.events.features.connect(self._measured)
        self._heard = every

    def _measured(self, event: Any = None) -> None:
        offered = [one for one in self._heard if one is not self.labels.layer and layers.has_table(one)]
        if offered != self._others:
            self._follow()

    def _tell(self) -> None:
        chosen = self.chosen()
        others = [layer.name for layer in chosen[1:]]
        self.group.set_summary(", ".join(others))
        names = [layer.name for layer in chosen]
        # The name of a layer matters only where it tells objects apart.
        key = [*map(str, map(id, chosen)), *(names if others else [])]
        if key != self._names:
            self._names = key
            self.changed.emit()
