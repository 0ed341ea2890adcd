"""What the Measure panel measures beyond single objects, each folded away until it is needed."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from bioloom.widgets._collapsible import CollapsibleGroup
from bioloom.widgets._measure_nested import NestedObjects
from bioloom.widgets._measure_points import PointValues
from bioloom.widgets._measure_tracks import ObjectTracks


class MoreMeasurements(QWidget):
    """Objects inside others, tracks and motion, intensity at points.

    Parameters
    ----------
    panel
        The Measure panel.
    """

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self.nested, self.tracks, self.points = NestedObjects(panel), ObjectTracks(panel), PointValues(panel)
        self._groups = {
            "Inside other objects": self.nested,
            "Tracks and motion": self.tracks,
            "Intensity at points": self.points,
        }
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self.groups = {}
        for title, part in self._groups.items():
            key = f"measure/{title.split()[0].lower()}"
            self.groups[title] = CollapsibleGroup(title, part, key=key, is_open=False)
            self.groups[title].toggled.connect(lambda on: self._summarise())
            layout.addWidget(self.groups[title])

    def follow(self) -> None:
        """Offer what can be done with the objects and images that are chosen now."""
        for part in self._groups.values():
            part.follow()
        self._summarise()

    def _summarise(self) -> None:
        for title, part in self._groups.items():
            self.groups[title].set_summary(part.summarised())
