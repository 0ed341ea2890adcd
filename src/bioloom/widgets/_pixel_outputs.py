"""What the Pixel classifier panel shows of its predictions, and the layers that show it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.layers.annotating import colour_classes
from bioloom.layers.painted import PaintedLayer
from bioloom.session.live_answers import BlockAnswer
from bioloom.session.live_view import Scene
from bioloom.widgets._parts import form, in_grid, narrow_combo

_FIRST_MS, _NEXT_MS = 15, 150

_LOOKS: Mapping[str, dict[str, Any]] = {
    "classes": {"opacity": 0.4},
    "probability": {
        "contrast_limits": (0, 1), "colormap": "magma", "opacity": 0.6, "blending": "translucent"
    },
    "uncertainty": {
        "contrast_limits": (0, 1), "colormap": "inferno", "opacity": 0.6, "blending": "translucent"
    },
}  # fmt: skip


class PixelOutputs(QWidget):
    """Chooses what is shown, and paints it."""

    changed = Signal()
    """Something else is to be shown."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._painted: dict[tuple[str, Any], PaintedLayer] = {}
        self._objects: dict[Any, layers.ResultLayer] = {}
        self._object_layers: dict[Any, Any] = {}
        self._names: dict[int, str] = {}
        self._known: set[int] = set()
        self._chose_class = False
        self._colours: dict[int, str] = {}
        self._provenance: Callable[[], dict[str, Any]] = dict
        self.as_classes = _box("Classes", "A labels layer with the class of every pixel", True)
        self.as_objects = _box("Objects", "A labels layer with the objects of the class of interest")
        self.as_probability = _box("Probability", "An image layer, 0 to 1, of the class of interest")
        self.as_uncertainty = _box(
            "Uncertainty", "An image layer, 0 to 1: bright where the two likeliest classes are about as likely"
        )
        self._boxes = {
            "classes": self.as_classes,
            "objects": self.as_objects,
            "probability": self.as_probability,
            "uncertainty": self.as_uncertainty,
        }
        self.split = _box(
            "Split touching",
            "Objects: cut them where they narrow, as touching nuclei do; otherwise they stay one",
            True,
        )
        self.smallest = QDoubleSpinBox()
        self.smallest.setRange(0, 1e9)
        self.smallest.setToolTip("Objects: leave out those of a smaller area, or volume in 3D")
        self.class_box = narrow_combo("The class that objects and probability are of")
        self.class_box.setMinimumContentsLength(6)
        rows, layout = form()
        layout.addRow("Show", in_grid(list(self._boxes.values()), 2))
        layout.addRow("Class of interest", self.class_box)
        self.object_row = row(self.split, QLabel("Smallest"), self.smallest)
        layout.addRow(self.object_row)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(rows)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_FIRST_MS)
        self._timer.timeout.connect(self._refresh_now)
        for box in self._boxes.values():
            box.toggled.connect(lambda on: self.changed.emit())
        self.as_objects.toggled.connect(self._show_state)
        self.split.toggled.connect(lambda on: self._objects_changed())
        self.smallest.editingFinished.connect(self._objects_changed)
        self._show_state()
        self.class_box.activated.connect(lambda index: self._class_chosen())

    # -------------------------------------------------------------------------------------------- what is wanted
    @property
    def class_id(self) -> int | None:
        """The class of interest."""
        chosen = self.class_box.currentData()
        return None if chosen is None else int(chosen)

    def object_settings(self) -> dict[str, Any]:
        """Return how objects are made; see :class:`bioloom.classify.ObjectSegmenter`."""
        return {"split_touching": self.split.isChecked(), "minimum_size": self.smallest.value()}

    def take_object_settings(self, split_touching: bool, minimum_size: float) -> None:
        """Show how objects are made by a classifier that was loaded."""
        self.split.setChecked(split_touching)
        self.smallest.setValue(minimum_size)

    def set_unit(self, unit: str) -> None:
        """Say in which unit the smallest object is, per axis: ``"px"`` or such as ``"µm"``."""
        self.smallest.setSuffix(f" {unit}ⁿ" if unit != "px" else " px")

    def _show_state(self, on: bool = False) -> None:
        self.object_row.setVisible(self.as_objects.isChecked())

    def _objects_changed(self) -> None:
        if self.as_objects.isChecked():
            self.changed.emit()

    def allow_classes(self, known: Collection[int]) -> None:
        """Offer only classes that a classifier knows; where the chosen one is unknown, what is shown is of the last.

        A class that the user chose stays chosen.
        """
        self._known = {int(k) for k in known}
        model = self.class_box.model()
        for index in range(self.class_box.count()):
            model.item(index).setEnabled(not self._known or self.class_box.itemData(index) in self._known)
        if self._known and not self._chose_class and self.class_id not in self._known:
            self.class_box.setCurrentIndex(self.class_box.findData(max(self._known)))

    def _class_chosen(self) -> None:
        self._chose_class = True
        self.changed.emit()

    def choose_class(self, class_id: int) -> None:
        """Choose the class of interest."""
        index = self.class_box.findData(int(class_id))
        if index >= 0 and index != self.class_box.currentIndex():
            self.class_box.setCurrentIndex(index)
            self._class_chosen()

    def wanted(self) -> list[str]:
        """Return what is to be shown: ``classes``, ``objects``, ``probability``, ``uncertainty``."""
        return [what for what, box in self._boxes.items() if box.isChecked()]

    def set_classes(self, names: Mapping[int, str], colours: Mapping[int, str]) -> None:
        """Take other names and colours of classes."""
        before = self.class_id
        self._names, self._colours = dict(names), dict(colours)
        self.class_box.clear()
        for k, name in names.items():
            self.class_box.addItem(name if name == f"class {k}" else f"{k}: {name}", k)
        chosen = before if before in names else (2 if 2 in names else next(iter(names), None))
        self.class_box.setCurrentIndex(self.class_box.findData(chosen))
        self.allow_classes(self._known)
        for (what, _), painted in self._painted.items():
            if what == "classes" and painted.is_ours:
                self._dress(painted)

    def describe_by(self, provenance: Callable[[], dict[str, Any]]) -> None:
        """Say how to find out how a prediction is made."""
        self._provenance = provenance

    # -------------------------------------------------------------------------------------------- painting
    def open(self, source: Any, dtype: Any, wanted: Sequence[str] | None = None) -> bool:
        """Make sure that all layers are there that show predictions for a layer; return whether one is new.

        Parameters
        ----------
        source
            The layer.
        dtype
            Of class ids.
        wanted
            What is to be shown; what is checked if left out.

        Raises
        ------
        InputError
            If they would not fit into memory.
        """
        new = False
        for what in self.wanted() if wanted is None else wanted:
            if what == "objects":
                continue
            painted = self._painted.get((what, source))
            if painted is None:
                kind: layers.Kind = "labels" if what == "classes" else "image"
                role = {"role": "classes"} if what == "classes" else {"role": "prediction"}
                painted = PaintedLayer(
                    self._viewer, kind, source, f"{what} of {source.name}", {**role, **self._provenance()},
                    **_LOOKS[what],
                )  # fmt: skip
                self._painted[what, source] = painted
            if painted.open(dtype if what == "classes" else np.float32):
                new = True
                if what == "classes":
                    self._dress(painted)
        return new

    def missing(self, source: Any) -> bool:
        """Tell whether a layer that is wanted is not there."""
        wanted = [self._painted.get((what, source)) for what in self.wanted() if what != "objects"]
        return any(painted is None or not painted.is_ours for painted in wanted)

    def answer(self, scene: Scene, answer: BlockAnswer, wanted: Sequence[str] | None = None) -> None:
        """Paint what the classifier says about a block; what is checked, or what is wanted."""
        source = scene.owner
        wanted = self.wanted() if wanted is None else wanted
        self.open(source, answer.classes.dtype, wanted)
        index = answer.block if scene.stack.n_frames is None else (answer.frame, *answer.block)
        values = {"classes": answer.classes, "probability": answer.probability, "uncertainty": answer.uncertainty}
        for what in wanted:
            if what in values:
                self._painted[what, source].write(index, values[what])
        if not self._timer.isActive():
            self._timer.start()

    def show_objects(self, scene: Scene, labels: np.ndarray, wanted: bool | None = None) -> None:
        """Show the objects of a frame, if that is checked or wanted."""
        if not (self.as_objects.isChecked() if wanted is None else wanted):
            return
        source, stack = scene.owner, scene.stack
        shown = self._objects.setdefault(source, layers.ResultLayer())
        frames = None
        if stack.n_frames is not None:
            whole = np.zeros((stack.n_frames, *stack.shape), labels.dtype)
            whole[scene.frame] = labels
            labels, frames = whole, [scene.frame]
        active = layers.active_layer(self._viewer)
        self._object_layers[source] = shown.show(
            self._viewer, labels, "labels", f"objects of {source.name}", source, self._provenance(), frames
        )
        if active is not None and active in self._viewer.layers and active is not layers.active_layer(self._viewer):
            if layers.role(active) == "annotation":
                layers.raise_layer(self._viewer, active)
            self._viewer.layers.selection.active = active

    def _refresh_now(self) -> None:
        self.refresh()
        # The first blocks are shown at once. Drawing takes from computing, so the next ones are shown together.
        self._timer.setInterval(_NEXT_MS)

    def refresh(self, thumbnail: bool = False) -> None:
        """Show what was painted."""
        self._timer.stop()
        self._timer.setInterval(_FIRST_MS)
        for painted in self._painted.values():
            painted.refresh(thumbnail)

    def stop(self) -> None:
        """Leave the layers to the user."""
        self._timer.stop()
        for painted in self._painted.values():
            painted.release()
        self._painted.clear()
        self._objects.clear()
        self._object_layers.clear()

    def shows(self, layer: Any) -> tuple[str, Any] | None:
        """Return what a layer of ours shows, and of which source; None if it is no such layer."""
        for (what, source), painted in self._painted.items():
            if painted.layer is layer:
                return what, source
        return next((("objects", s) for s, shown in self._object_layers.items() if shown is layer), None)

    def uncheck(self, what: str) -> str:
        """Show something no longer, without a signal; return what its box is called."""
        self.blockSignals(True)
        self._boxes[what].setChecked(False)
        self.blockSignals(False)
        return self._boxes[what].text()

    def forget(self, source: Any) -> None:
        """Forget a layer that is gone."""
        for key in [key for key in self._painted if key[1] is source]:
            self._painted.pop(key).release()
        self._objects.pop(source, None)
        self._object_layers.pop(source, None)

    def _dress(self, painted: PaintedLayer) -> None:
        colour_classes(painted.layer, self._colours)
        painted.name_classes(self._names)


def _box(text: str, tooltip: str, on: bool = False) -> QCheckBox:
    box = QCheckBox(text)
    box.setToolTip(tooltip)
    box.setChecked(on)
    return box


def row(*parts: QWidget) -> QWidget:
    """Put parts beside each other; the first takes what is left."""
    widget = QWidget()
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    for number, part in enumerate(parts):
        layout.addWidget(part, stretch=int(number == 0))
    return widget
