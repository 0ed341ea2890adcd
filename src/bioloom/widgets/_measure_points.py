"""Values of the images at points, and how many points each object has."""

from __future__ import annotations

from typing import Any

import pandas as pd
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bioloom import layers, tables
from bioloom.errors import InputError
from bioloom.layers.tracks import point_positions
from bioloom.session.measuring_relations import PointTask, counts_for
from bioloom.widgets._measure_tracks import length_field
from bioloom.widgets._parts import LayerCombo, enable, form
from bioloom.widgets._table_output import FILES, with_suffix

_PIXEL = "the pixel alone"


class PointValues(QWidget):
    """Measures the panel's images at the points of a layer.

    Parameters
    ----------
    panel
        The Measure panel: its images, objects, axes, pixel size and job.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self._panel = panel
        self.points = LayerCombo(panel.viewer, "points", "The points at which the images are measured")
        self.radius = length_field("Measure all pixels so far around a point: mean, spread, extremes and sum", _PIXEL)
        self.button = QPushButton("Measure points")
        self.button.setToolTip(
            "Add the intensities at the points, and the object that each lies in, to the features of the points; how "
            "many points each object has, to the table"
        )
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Save positions and measurements of the points as CSV, Parquet or AnnData")
        rows, fields = form()
        fields.addRow("Points", self.points)
        fields.addRow("Radius", self.radius)
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, stretch=1)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(rows)
        layout.addLayout(buttons)
        self.button.clicked.connect(lambda: panel.attempt(self.measure))
        self.save_button.clicked.connect(self._ask_save)
        self.points.layer_changed.connect(lambda layer: panel.more.follow())

    def follow(self) -> None:
        """Offer what can be done with the panel's images."""
        panel, there = self._panel, self.points.layer is not None
        self.radius.setSuffix(f" {panel.size.unit.text() or 'pixels'}")
        no_points = "There are no points: add a points layer above the layer list, and click on the image"
        why = no_points if not there else "Needs an image: check one above"
        enable(self.button, there and bool(panel.images.images), why)
        enable(self.save_button, there, no_points)

    def summarised(self) -> str:
        """Return what is chosen, in short."""
        return self.points.layer.name if self.button.isEnabled() else ""

    def task(self) -> PointTask:
        """Return what is to be measured.

        Raises
        ------
        InputError
            If there are no points or images, or images do not fit together.
        """
        panel, points, images = self._panel, self.points.layer, self._panel.images.images
        if points is None or not images:
            raise InputError("Choose a points layer, and check an image to measure at the points.")
        options = {"has_time": panel.axes.has_time, "physical": panel.axes.physical}
        stack = layers.image_stack(images, **options)
        labels = panel.labels.layer
        # The pixel size that is shown is that of the objects.
        spacing = panel.size.spacing if labels is not None and labels.ndim == images[0].ndim else stack.spacing
        pixels = None if labels is None else layers.pixels(labels)
        pixels = pixels if pixels is not None and tuple(pixels.shape) == tuple(stack.channels[0].shape) else None
        channels = dict(zip(stack.names, stack.channels, strict=True))
        return PointTask(
            point_positions(points, images[0]), channels, spacing, self.radius.value(),
            stack.frame_axis, pixels, "" if pixels is None else labels.name,
        )  # fmt: skip

    def measure(self) -> None:
        """Measure at the points; keep what is found with them, and their number with the objects."""
        panel, points, layer, task = self._panel, self.points.layer, self._panel.labels.layer, self.task()

        def show(found: tuple[pd.DataFrame, pd.DataFrame | None]) -> None:
            if not panel.still_there(points):
                return
            table, counts = found
            if len(table) != len(points.data):
                raise InputError("Points came or went meanwhile. Measure again.")
            old = points.features.drop(columns=list(table.columns), errors="ignore").reset_index(drop=True)
            points.features = pd.concat([old, table], axis=1)
            text = f"{len(table):,} points, {table.shape[1]} columns in the features of {points.name}"
            if counts is not None and layer in panel.viewer.layers:
                text += f"; {int(counts['count'].sum()):,} lie in objects"
                if layers.has_table(layer):
                    name = f"point_count_{points.name}"
                    layers.add_columns(layer, counts_for(layers.features(layer), counts, name))
                    text += f", see {name} in the table"
            panel.say(f"{text}.")

        panel.jobs.start("Measuring points", task.run, show)

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the points", f"{self.points.layer.name}.csv", FILES)
        if path:
            self._panel.attempt(lambda: self.save(path))

    def save(self, path: str) -> None:
        """Save positions, in the unit of the layer's scale, and features of the points."""
        points = self.points.layer
        if points is None:
            raise InputError("There are no points.")
        path = with_suffix(path)
        places = [points.data_to_world(place) for place in points.data]
        names = [f"position-{axis}" for axis in range(points.ndim)]
        table = pd.concat([pd.DataFrame(places, columns=names), points.features.reset_index(drop=True)], axis=1)
        tables.save_table(path, table.loc[:, ~table.columns.duplicated()])
        self._panel.say(f"{len(table):,} points saved to {path}.")
