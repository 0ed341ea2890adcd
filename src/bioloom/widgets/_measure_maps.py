"""Maps of the objects of a panel: shown when asked for, and kept up to date."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QTimer

from bioloom import layers
from bioloom.errors import InputError
from bioloom.session.jobs import JobProgress, JobRunner
from bioloom.session.measuring import map_pixels
from bioloom.widgets._measure_map import MapRow

_PAUSE = 300


class ObjectMaps:
    """Shows columns of the table of a labels layer as images over it.

    Parameters
    ----------
    panel
        The Measure panel: its viewer, objects, images and job.
    row
        Where column and colormap are chosen.
    """

    def __init__(self, panel: Any, row: MapRow) -> None:
        self._panel, self._row = panel, row
        # Beside the job that the user waits for.
        self.jobs = JobRunner(panel._main_thread.send)
        self.jobs.failed.connect(panel._job_failed)
        self._pause = QTimer(panel)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._renew)
        row.wanted.connect(lambda column: panel.attempt(lambda: self.show(column)))
        row.recoloured.connect(self._recolour)

    @property
    def busy(self) -> bool:
        """Whether maps are about to change."""
        return self._pause.isActive() or self.jobs.busy

    def stop(self) -> None:
        """Leave the maps as they are."""
        self._pause.stop()
        self.jobs.cancel()

    def show(self, column: str) -> None:
        """Show a column.

        Raises
        ------
        InputError
            If there is no such column.
        """
        panel, layer = self._panel, self._panel.labels.layer
        if layer is None or column not in layers.features(layer):
            raise InputError("There is no table yet. Measure first.")
        colormap = self._row.colormap.currentText()
        self._row.column.setCurrentText(column)

        def show(data: np.ndarray) -> None:
            if not panel.still_there(layer):
                return
            shown = layers.show_map(panel.viewer, layer, column, data, colormap)
            low, high = shown.contrast_limits
            panel.say(f"Map of {column}, from {low:.4g} to {high:.4g}.")

        panel.jobs.start(f"Map of {column}", _job(layer, column), show)

    def renew_soon(self) -> None:
        """Let maps follow the table and the labels, once they stay as they are for a moment."""
        self._pause.start()

    def _renew(self) -> None:
        viewer, layer = self._panel.viewer, self._panel.labels.layer
        if layer is None:
            return
        table = layers.features(layer)
        jobs = [(shown, _job(layer, column)) for shown, column in layers.maps_of(viewer, layer) if column in table]

        def show(maps: list[Any]) -> None:
            for shown, data in maps:
                there = shown in viewer.layers and shown.data.shape == data.shape
                if there and not np.array_equal(shown.data, data, equal_nan=True):
                    layers.update_map(shown, data)

        if jobs:
            self.jobs.start("Maps", lambda progress: [(shown, job(progress)) for shown, job in jobs], show)

    def _recolour(self, colormap: str) -> None:
        layer = self._panel.labels.layer
        for shown, _ in layers.maps_of(self._panel.viewer, layer) if layer is not None else ():
            if shown.visible:
                shown.colormap = colormap


def _job(layer: Any, column: str) -> Any:
    table, pixels = layers.features(layer), layers.pixels(layer)
    frame_axis = 0 if "frame" in table.columns else None

    def job(progress: JobProgress) -> np.ndarray:
        progress(0, 1)
        return map_pixels(pixels, table, column, frame_axis)

    return job
