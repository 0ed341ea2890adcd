"""The Measure panel: from labels and images to a table."""

from __future__ import annotations

from typing import Any

import napari.viewer
import numpy as np
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QPushButton

from bioloom import layers
from bioloom.errors import InputError
from bioloom.files import write_table
from bioloom.measure import GROUPS, measure
from bioloom.session.object_session import intensities
from bioloom.widgets._base import BioloomWidget
from bioloom.widgets._parts import AxesOptions, ImageList, LayerCombo, enable, form, group, in_grid
from bioloom.widgets._table import ObjectTable

_GROUP_TIPS = {
    "size": "Number of pixels, area or volume, equivalent diameter, bounding box",
    "position": "Centroid and bounding box",
    "intensity": "Mean, minimum, maximum, standard deviation, sum, median; needs an image",
    "shape": "Axes, eccentricity, orientation, perimeter, circularity, solidity, …",
}


class MeasureWidget(BioloomWidget):
    """Measure objects and show their table, linked with the image.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self._unlink: Any = None
        self.labels = LayerCombo(viewer, "labels", "The objects to measure")
        self.labels.choose(layers.likely_objects(viewer))
        self.images = ImageList(viewer, "Images to measure intensities in; none for size, position and shape only")
        self.axes = AxesOptions()
        rows, layout = form()
        layout.addRow("Objects", self.labels)
        layout.addRow("Images", self.images)
        self.groups = {name: QCheckBox(name.capitalize()) for name in GROUPS}
        for name, box in self.groups.items():
            box.setChecked(True)
            box.setToolTip(_GROUP_TIPS.get(name, ""))
        layout.addRow("Measure", in_grid(list(self.groups.values()), 2))
        self.measure_button = QPushButton("Measure")
        self.measure_button.setToolTip("Measure every object; the table is kept with the labels layer")
        self.save_button = QPushButton("Save CSV…")
        self.save_button.setToolTip("Save the table as a CSV file")
        buttons = QHBoxLayout()
        buttons.addWidget(self.measure_button, stretch=1)
        buttons.addWidget(self.save_button)
        self.table = ObjectTable()
        self.table.setMinimumHeight(220)
        self.content.addWidget(group("Input", rows, self.axes))
        self.content.addLayout(buttons)
        self.content.addWidget(self.table, stretch=1)
        self.labels.layer_changed.connect(self._labels_changed)
        self.measure_button.clicked.connect(lambda: self.attempt(self.measure))
        self.save_button.clicked.connect(self._ask_save)
        self.table.rows_selected.connect(self._rows_selected)
        self.table.row_clicked.connect(self._row_clicked)
        self.on_close(self._leave_layer)
        self._labels_changed(self.labels.layer)

    # -------------------------------------------------------------------------------------------- table and image
    def _labels_changed(self, layer: Any) -> None:
        self._leave_layer()
        self.axes.follow(layer, physical=True)
        enable(self.measure_button, layer is not None, "There is no layer of objects: segment an image first")
        if layer is not None:
            layer.events.features.connect(self._show_table)
            self._unlink = lambda: layer.events.features.disconnect(self._show_table)
        self._show_table()

    def _leave_layer(self) -> None:
        if self._unlink:
            self._unlink()
            self._unlink = None

    def _show_table(self, event: Any = None) -> None:
        layer = self.labels.layer
        table = layers.features(layer) if layer is not None else None
        enable(self.save_button, table is not None and "label" in table.columns, "There is no table yet: measure first")
        if table is None or "label" not in table.columns:
            self.table.show_table(_empty(), np.zeros(0, bool))
            return
        try:
            selection = layers.selection_of(layer)
        except InputError as error:
            # A table made elsewhere that does not fit; measuring replaces it.
            self.say(str(error))
            self.table.show_table(_empty(), np.zeros(0, bool))
            return
        selection.changed.connect(self._show_selection, unique=True)
        self.table.show_table(table, selection.mask)

    def _show_selection(self) -> None:
        layer = self.labels.layer
        if layer is not None:
            self.table.show_selection(layers.selection_of(layer).mask)

    def _rows_selected(self, mask: np.ndarray) -> None:
        if self.labels.layer is not None:
            layers.selection_of(self.labels.layer).select(mask)

    def _row_clicked(self, row: int) -> None:
        layer = self.labels.layer
        if layer is None:
            return
        selection = layers.selection_of(layer)
        frame = int(selection.frames[row]) if selection.has_frames else None
        layers.show_object(self.viewer, layer, int(selection.labels[row]), frame)

    # -------------------------------------------------------------------------------------------- measuring
    def measure(self) -> None:
        """Measure every object and keep the table with the layer."""
        layer = self.labels.layer
        if layer is None:
            raise InputError("There are no objects. Segment an image first, for example with Voronoi–Otsu.")
        options = {"has_time": self.axes.has_time, "physical": self.axes.physical}
        own = layers.image_stack([layer], **options)
        # A copy, because painting may go on while it is measured.
        labels = np.array(own.channels[0])
        images = self.images.images
        image = intensities(layers.image_stack(images, **options) if images else None, labels)
        chosen = [name for name, box in self.groups.items() if box.isChecked()]
        if image is None and "intensity" in chosen:
            chosen.remove("intensity")
        if not chosen:
            raise InputError("Nothing to measure is checked. Check at least one group, such as size.")

        def show(table: Any) -> None:
            if not self.still_there(layer):
                return
            layers.add_features(layer, table)
            layers.note_use(layer)
            layers.activate(self.viewer, layer)
            where = f" in {own.unit}" if own.unit != "pixel" else " in pixels"
            none = " The layer has no objects." if table.empty else ""
            self.say(f"{len(table)} objects, {len(table.columns)} columns; lengths{where}.{none}")

        self.jobs.start(
            "Measuring",
            lambda progress: measure(labels, image, own.spacing, chosen, frame_axis=own.frame_axis, progress=progress),
            show,
        )

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", "features.csv", "Tables (*.csv)")
        if path:
            self.attempt(lambda: self.save(path))

    def save(self, path: str) -> None:
        """Save the table as a CSV file."""
        layer = self.labels.layer
        if layer is None or not layers.has_table(layer):
            raise InputError("There is no table yet. Click ‘Measure’ first.")
        path = path if path.endswith(".csv") else f"{path}.csv"
        write_table(path, layers.features(layer).drop(columns="index", errors="ignore"))
        self.say(f"Saved to {path}.")


def _empty() -> Any:
    import pandas as pd

    return pd.DataFrame()
