"""Measuring again, once edits of the labels pause, what they changed."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox

from bioloom import layers
from bioloom.session.jobs import JobRunner
from bioloom.session.measuring import Measurement

_PAUSE = 300


class FollowEdits(QCheckBox):
    """A box to tick; while it is, the table follows what is painted.

    Parameters
    ----------
    panel
        The Measure panel: its objects, maps and job.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__("Follow edits")
        self._panel = panel
        self._measured: WeakKeyDictionary[Any, Measurement] = WeakKeyDictionary()
        # Beside the job that the user waits for.
        self.jobs = JobRunner(panel._main_thread.send)
        self.jobs.failed.connect(panel._job_failed)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._follow)
        self.setChecked(True)
        self.setToolTip("Once measured: measure again what changes when labels are painted or replaced")
        self.toggled.connect(lambda on: self.follow_soon() if on else self.jobs.cancel())

    @property
    def busy(self) -> bool:
        """Whether the table is about to change."""
        return self._pause.isActive() or self.jobs.busy

    def remember(self, layer: Any, found: Measurement) -> None:
        """Follow edits from what was measured now."""
        self._measured[layer] = found.with_earlier(self._measured.get(layer))

    def follow_soon(self) -> None:
        """Measure what changed once the labels stay as they are for a moment."""
        self._pause.start()

    def stop(self) -> None:
        """Leave the table as it is."""
        self._pause.stop()
        self.jobs.cancel()

    def _follow(self) -> None:
        panel, layer = self._panel, self._panel.labels.layer
        before = self._measured.get(layer) if layer is not None else None
        if before is None or not before.can_follow or not self.isChecked():
            panel.maps.renew_soon()
            return
        if panel.jobs.busy:
            self._pause.start()
            return
        labels = layers.pixels(layer)

        def show(found: Measurement | None) -> None:
            if found is None or layer not in panel.viewer.layers:
                return
            self._measured[layer] = found
            known = set(layers.features(layer).columns)
            # Columns that were deleted or renamed since do not come back.
            table = found.table[[c for c in found.table.columns if c in known]] if "label" in known else found.table
            if found.task.frames is None:
                layers.set_columns(layer, table)
            else:
                layers.add_frames(layer, table, found.task.frames)
            panel.say(f"Labels changed: {found.n_again:,} of {len(found.table):,} objects measured again.")
            panel.maps.renew_soon()

        self.jobs.start("Measuring what changed", lambda progress: before.again(labels, progress), show)
