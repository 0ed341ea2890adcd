"""Saving the table of a labels layer, and bringing along columns of a table made elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPushButton, QWidget

from bioloom import layers, tables
from bioloom.errors import InputError
from bioloom.session.jobs import JobProgress
from bioloom.session.measuring import keys_table
from bioloom.widgets._table_join import JoinDialog
from bioloom.widgets._table_output import FILES, with_suffix


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
        self.load_button.clicked.connect(self.ask_load)
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
        path, table = with_suffix(path), layers.features(layer)
        tables.check_table_file(path)
        self._panel.jobs.start(
            "Saving",
            lambda progress: tables.save_table(path, table, progress),
            lambda _: self._panel.say(f"Saved to {path}."),
        )

    def ask_load(self) -> None:
        """Ask for a file, then how it is to be joined."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a table", "", f"{FILES};;All files (*)")
        if path:
            self._panel.attempt(lambda: self.load(path, ask=True))

    def load(self, path: str, ask: bool = False) -> None:
        """Add the columns of a table made elsewhere; objects that are not measured yet get a table first.

        Parameters
        ----------
        path
            The file.
        ask
            Whether to ask which of its columns say the object, and which are taken; else its names tell.
        """
        panel, layer = self._panel, self._panel.labels.layer
        if layer is None:
            raise InputError("There is no layer of objects that the table could be about.")
        own = layers.image_stack([layer], has_time=panel.axes.has_time)
        known = layers.features(layer).drop(columns="index", errors="ignore") if layers.has_table(layer) else None

        def read(progress: JobProgress) -> tuple[pd.DataFrame, pd.DataFrame]:
            other = tables.load_table(path)
            progress(0, 1)
            return keys_table(own.channels[0], own.frame_axis, progress) if known is None else known, other

        def show(found: tuple[pd.DataFrame, pd.DataFrame]) -> None:
            if not panel.still_there(layer):
                return
            choice: dict[str, Any] = {}
            if ask:
                dialog = JoinDialog(*found, self)
                accepted = dialog.exec() == QDialog.DialogCode.Accepted
                choice = dialog.chosen()
                dialog.deleteLater()
                if not accepted:
                    panel.say("Nothing was joined.")
                    return
            panel.attempt(lambda: self._join(layer, *found, choice))

        panel.jobs.start(f"Reading {Path(path).name}", read, show)

    def _join(self, layer: Any, own: pd.DataFrame, other: pd.DataFrame, choice: dict[str, Any]) -> None:
        joined = tables.join_table(own, other, **choice)
        if not joined.matched:
            raise InputError(f"No object of the layer is in the file. {joined.report()}")
        keys = [key for key in ("frame", "label") if key in own.columns]
        new = joined.table[[*keys, *joined.columns]]
        if layers.has_table(layer):
            layers.add_columns(layer, new)
        else:
            layers.add_features(layer, new)
        self._panel.tables.columns.go_to("".join(joined.columns[:1]))
        self._panel.say(joined.report())
