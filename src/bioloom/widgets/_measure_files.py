"""Saving the table of a labels layer, and bringing along columns of a table made elsewhere."""

from __future__ import annotations

from typing import Any

import pandas as pd
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from bioloom import layers, tables
from bioloom.errors import InputError
from bioloom.session.measuring import keys_table

FILES = "Tables (*.csv *.tsv *.parquet *.h5ad)"


class TableFiles(QWidget):
    """Buttons to load and to save a table.

    Parameters
    ----------
    panel
        The Measure panel: its objects, axes, table and job.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self._panel = panel
        self.load_button = QPushButton("Load…")
        self.load_button.setToolTip(
            "Add the columns of a table made elsewhere (CSV, Parquet, AnnData), found by label and frame"
        )
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Save the whole table as CSV, Parquet or AnnData")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.load_button)
        row.addWidget(self.save_button)
        self.load_button.clicked.connect(self._ask_load)
        self.save_button.clicked.connect(self._ask_save)

    def _ask_save(self) -> None:
        layer = self._panel.labels.layer
        name = f"{layer.name}.csv" if layer is not None else "objects.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Save the table", name, FILES)
        if path:
            self._panel.attempt(lambda: self.save(path))

    def save(self, path: str) -> None:
        """Save the whole table: CSV, TSV, Parquet or AnnData by the end of the name; without one, CSV."""
        layer = self._panel.labels.layer
        if layer is None or not layers.has_table(layer):
            raise InputError("There is no table yet. Click ‘Measure’ first.")
        path = path if path.lower().endswith(tables.SUFFIXES) else f"{path}.csv"
        tables.save_table(path, layers.features(layer))
        self._panel.say(f"Saved to {path}.")

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a table", "", f"{FILES};;All files (*)")
        if path:
            self._panel.attempt(lambda: self.load(path))

    def load(self, path: str) -> None:
        """Add the columns of a table made elsewhere; objects that are not measured yet get a table first."""
        panel, layer = self._panel, self._panel.labels.layer
        if layer is None:
            raise InputError("There is no layer of objects that the table could be about.")
        if layers.has_table(layer):
            panel.tables.load(path)
            return
        other = tables.load_table(path)
        own = layers.image_stack([layer], has_time=panel.axes.has_time)

        def show(keys: pd.DataFrame) -> None:
            if not panel.still_there(layer):
                return
            joined = tables.join_table(keys, other)
            if not joined.matched:
                raise InputError(f"No object of the layer is in the file. {joined.report()}")
            layers.add_features(layer, joined.table)
            panel.say(joined.report())

        panel.jobs.start(
            "Finding objects", lambda progress: keys_table(own.channels[0], own.frame_axis, progress), show
        )
