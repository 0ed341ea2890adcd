"""Chooses what to measure: groups to tick, and single measurements below."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from bioloom.measure import EXTRA_GROUPS, GROUPS, Property, list_properties
from bioloom.session.measuring import fitting
from bioloom.widgets._collapsible import CollapsibleGroup
from bioloom.widgets._measurement_list import MeasurementList
from bioloom.widgets._parts import enable, in_grid

_TITLES = {"image_moments": "Image moments", "clesperanto": "clEsperanto names"}
_TIPS = {
    "size": "Number of pixels, area or volume, equivalent diameter",
    "position": "Centroid, bounding box, whether the border of the image is touched",
    "intensity": "Mean, median, quartiles, minimum, maximum, spread, skewness, at the edge, displacement of mass; "
    "in each image",
    "shape": "Axes, eccentricity, orientation, perimeter, circularity, solidity, Feret diameters, Euler number …",
    "image_moments": "Raw, central, normalised and Hu moments, inertia tensor",
    "neighbours": "Contact with others, distances to those that touch and to the nearest ones, density",
    "radial": "How intensity is spread from the centre to the edge, in rings; in each image",
    "texture": "Haralick features, local binary patterns, granularity; in each image. Takes longer than the others",
    "colocalisation": "Pearson, Spearman, Manders, overlap, Costes; in each pair of images",
    "clesperanto": "The measurements of clEsperanto and APOC under their own names, in pixels",
}
_NEEDED = {1: "Needs an image: check one above", 2: "Needs two images: check them above"}


class MeasureGroups(QWidget):
    """Groups of measurements to tick, and a list of the single ones to fold out.

    Attributes
    ----------
    changed : Signal()
        Other measurements are chosen.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._ndim, self._n_images = 2, 0
        self._members: dict[str, list[Property]] = {}
        self.boxes: dict[str, QCheckBox] = {}
        for name in (*GROUPS, *EXTRA_GROUPS):
            box = self.boxes[name] = QCheckBox(_TITLES.get(name, name.capitalize()))
            box.setToolTip(_TIPS.get(name, ""))
            box.clicked.connect(lambda on, name=name: self.set_group(name, bool(on)))
        self.list = MeasurementList()
        self.list.tree.setToolTip("The measurements to take; Space checks and unchecks")
        self.folded = CollapsibleGroup("Single measurements", self.list, is_open=False)
        self.note = QLabel()
        self.note.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(in_grid(list(self.boxes.values()), 2))
        layout.addWidget(self.folded)
        self.list.changed.connect(self._show_groups)
        self.set_data(2, 0)

    def set_data(self, ndim: int, n_images: int) -> None:
        """Offer what can be measured in so many spatial dimensions and images; marks stay."""
        self._ndim, self._n_images = ndim, n_images
        self._members = {name: list(list_properties(ndim, [name])) for name in self.boxes}
        default = [p.name for name in GROUPS for p in self._members[name]]
        self.list.set_known([p for members in self._members.values() for p in members], default)
        for name, box in self.boxes.items():
            least = min((p.n_images for p in self._members[name]), default=0)
            enable(box, n_images >= least, _NEEDED.get(least, ""))
        self._show_groups()

    def set_group(self, name: str, on: bool) -> None:
        """Choose all measurements of a group, or none."""
        members = {p.name for p in self._members[name]}
        checked = set(self.list.checked())
        self.list.set_checked(checked | members if on else checked - members)
        self._show_groups()

    def chosen(self) -> list[str]:
        """Return the measurements that are checked and can be taken."""
        return fitting(self.list.checked(), self._ndim, self._n_images)

    def _show_groups(self) -> None:
        checked = set(self.list.checked())
        for name, box in self.boxes.items():
            members = {p.name for p in self._members.get(name, [])}
            part = checked & members
            whole = bool(part) and part == members
            # With three states, a click on a part makes it whole.
            box.setTristate(bool(part) and not whole)
            some = Qt.CheckState.PartiallyChecked if part else Qt.CheckState.Unchecked
            box.setCheckState(Qt.CheckState.Checked if whole else some)
        self.folded.set_summary(f"{len(self.chosen())} chosen")
        self.changed.emit()
