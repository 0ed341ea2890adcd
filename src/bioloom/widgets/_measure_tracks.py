"""Tracks of objects through time, and how they move."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QPushButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.layers.tracks import frame_interval, show_tracks
from bioloom.session.measuring_relations import Tracked, TrackTask
from bioloom.widgets._parts import enable, form, whole_number

_AUTOMATIC = "automatic"
_LARGEST = 1e6


class ObjectTracks(QWidget):
    """Tracks the panel's objects and measures their motion.

    Parameters
    ----------
    panel
        The Measure panel: its objects, axes, pixel size and job.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self._panel = panel
        self._of: Any = None
        self._time = ""
        self.move = length_field("How far an object can move from a frame to the next", _AUTOMATIC)
        self.gap = whole_number(
            0, 0, 99, "For how many frames an object may be missing, such as one that was not segmented"
        )
        self.gap.setSuffix(" frames")
        self.interval = QDoubleSpinBox()
        self.interval.setDecimals(4)
        self.interval.setRange(1e-4, 1e6)
        self.interval.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.interval.setToolTip("The time between two frames, for speeds; that of the layer, where it knows it")
        self.divides = QCheckBox("Objects divide")
        self.divides.setToolTip("A new object close to another one may come of it; the column parent tells its track")
        self.lines = QCheckBox("Show lines")
        self.lines.setChecked(True)
        self.lines.setToolTip("Show the tracks as a layer of lines")
        self.button = QPushButton("Track")
        self.button.setToolTip(
            "Find which objects of successive frames are the same: the columns track, displacement, speed, "
            "acceleration and so on are added to the table"
        )
        rows, fields = form()
        fields.addRow("Largest move", self.move)
        fields.addRow("May be missing", self.gap)
        fields.addRow("Frame every", self.interval)
        fields.addRow(self.divides)
        fields.addRow(self.lines)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(rows)
        layout.addWidget(self.button)
        self.button.clicked.connect(lambda: panel.attempt(self.track))

    def follow(self) -> None:
        """Offer what can be done with the panel's objects, in their units."""
        panel, layer = self._panel, self._panel.labels.layer
        self.move.setSuffix(f" {panel.size.unit.text() or 'pixels'}")
        if layer is not None and layer is not self._of:
            self._of = layer
            step, self._time = frame_interval(layer)
            self.interval.setValue(step)
            self.interval.setSuffix(f" {self._time}".rstrip())
        why = "There is no time: choose objects whose first axis is time, or check ‘First axis is time’ above"
        enable(self.button, layer is not None and panel.axes.has_time, why)

    def summarised(self) -> str:
        """Return what is chosen, in short."""
        return f"largest move: {self.move.text()}" if self.button.isEnabled() else ""

    def task(self) -> TrackTask:
        """Return what is to be tracked.

        Raises
        ------
        InputError
            If there is no time.
        """
        panel, layer = self._panel, self._panel.labels.layer
        if layer is None or not panel.axes.has_time:
            raise InputError("There is no time to track objects through. Check ‘First axis is time’ if it is.")
        move = self.move.value() or None
        return TrackTask(
            layers.pixels(layer), panel.size.spacing, move, self.gap.value(), self.divides.isChecked(),
            self.interval.value(),
        )  # fmt: skip

    def track(self) -> None:
        """Track the objects, and keep tracks and motion in the table."""
        panel, layer, task = self._panel, self._panel.labels.layer, self.task()
        unit, per, lines = panel.size.unit.text() or "pixels", self._time or "unit of time", self.lines.isChecked()

        def show(found: Tracked) -> None:
            if not panel.still_there(layer) or not panel.may_replace(layer, found.table):
                return
            layers.add_features(layer, found.table)
            panel.tables.columns.go_to("track")
            if lines:
                show_tracks(panel.viewer, layer, found.points, found.graph)
            panel.say(
                f"{found.n_tracks:,} tracks of {len(found.table):,} objects, moves up to {found.max_distance:.4g} "
                f"{unit}; speeds in {unit} per {per}."
            )

        panel.jobs.start("Tracking", task.run, show)


def length_field(tooltip: str, at_zero: str) -> QDoubleSpinBox:
    """Make a field for a length, 0 standing for something else."""
    field = QDoubleSpinBox()
    field.setDecimals(3)
    field.setRange(0, _LARGEST)
    field.setSpecialValueText(at_zero)
    field.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    field.setToolTip(tooltip)
    return field
