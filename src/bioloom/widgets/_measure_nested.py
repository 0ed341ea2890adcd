"""Objects inside others: which nucleus lies in which cell, and what each cell has in it."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QPushButton, QSpinBox, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.session.feature_table import KEYS
from bioloom.session.measuring_relations import Nested, NestTask
from bioloom.widgets._parts import LayerCombo, enable, form, narrow_combo

_SUMMARIES = ("mean", "median", "std", "min", "max", "sum")
_NO_SUMMARY = "only count them"


class NestedObjects(QWidget):
    """Finds which of the panel's objects lie in which of another layer.

    Parameters
    ----------
    panel
        The Measure panel: its objects, axes, pixel size and job.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self._panel = panel
        self.outer = LayerCombo(panel.viewer, "labels", "The larger objects, such as cells, that these may lie in")
        self.least = QSpinBox()
        self.least.setRange(0, 100)
        self.least.setValue(50)
        self.least.setSuffix(" %")
        self.least.setToolTip(
            "So much of an object must lie in another one to belong to it; it belongs to the one that has most of it"
        )
        self.summary = narrow_combo(
            "For each of the larger objects: count what lies in it, and also summarise its measurements",
            [_NO_SUMMARY, *_SUMMARIES],
        )
        self.button = QPushButton("Relate")
        self.button.setToolTip(
            "Find which of the larger objects each object lies in (table of the objects), and what each of them has in "
            "it (table of the larger objects)"
        )
        rows, fields = form()
        fields.addRow("Lie inside", self.outer)
        fields.addRow("At least", self.least)
        fields.addRow("Summarise", self.summary)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(rows)
        layout.addWidget(self.button)
        self.button.clicked.connect(lambda: panel.attempt(self.relate))
        self.outer.layer_changed.connect(lambda layer: panel.more.follow())

    def follow(self) -> None:
        """Offer what can be done with the panel's objects."""
        self.outer.refresh()
        layer, outer = self._panel.labels.layer, self.outer.layer
        listed = layers.of_kind(self._panel.viewer, "labels")
        others = [one for one in listed if one is not layer and layers.role(one) != "preview"]
        if layer is not None and outer is layer and others:
            fitting = [one for one in others if one.ndim == layer.ndim and not layers.role(one)]
            self.outer.choose((fitting or others)[0])
            return
        why = "There is no other layer of objects: segment what these lie in, too"
        enable(self.button, layer is not None and bool(others) and outer is not layer, why)

    def summarised(self) -> str:
        """Return what is chosen, in short."""
        return f"in {self.outer.layer.name}" if self.button.isEnabled() else ""

    def task(self) -> NestTask:
        """Return what is to be found.

        Raises
        ------
        InputError
            If the layers are not two, or the objects are to be summarised and not measured yet.
        """
        panel, layer, outer = self._panel, self._panel.labels.layer, self.outer.layer
        if layer is None or outer is None or outer is layer:
            raise InputError("Choose two layers of objects: small ones, and those that they may lie in.")
        has_time = panel.axes.has_time
        table, summary = None, self.summary.currentText()
        if summary != _NO_SUMMARY:
            table = layers.features(layer)
            keys = ["frame", "label"] if has_time else ["label"]
            if [key for key in KEYS if key in table.columns] != keys:
                raise InputError(f"The objects of {layer.name} are not measured yet. Click ‘Measure’ first.")
        frame_axis = 0 if has_time else None
        return NestTask(
            layers.pixels(layer), layers.pixels(outer), layer.name, outer.name, panel.size.spacing, frame_axis,
            panel.frames(), self.least.value() / 100, table, "mean" if summary == _NO_SUMMARY else summary,
        )  # fmt: skip

    def relate(self) -> None:
        """Find what lies in what, and keep it in both tables."""
        panel, layer, outer, task = self._panel, self._panel.labels.layer, self.outer.layer, self.task()

        def show(found: Nested) -> None:
            if not (panel.still_there(layer) and panel.still_there(outer)):
                return
            if not (panel.may_replace(layer, found.inner) and panel.may_replace(outer, found.outer)):
                return
            layers.add_frames(outer, found.outer, task.frames)
            layers.add_frames(layer, found.inner, task.frames)
            panel.tables.columns.go_to(f"parent_{task.outer_name}")
            panel.say(
                f"{found.n_inside:,} of {len(found.inner):,} objects lie in one of {outer.name}. Which one is in this "
                f"table; how many each has is in that of {outer.name}."
            )

        panel.jobs.start("Relating", task.run, show)
