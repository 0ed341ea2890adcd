"""The Object classifier panel: mark a few objects, and see the class of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import napari.viewer
from qtpy.QtWidgets import QFileDialog, QPushButton

from bioloom import layers
from bioloom.classify import ObjectClassifier
from bioloom.classify.model_file import describe
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.objects import DEFAULT_FEATURES, properties_of
from bioloom.errors import InputError
from bioloom.measure import list_properties
from bioloom.session.jobs import Progress
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.object_annotation import Box, ObjectKey
from bioloom.session.object_session import CLASS_COLUMN, Example, ObjectAnswer, ObjectSession, selector_of
from bioloom.widgets._annotating_panel import AnnotatingPanel
from bioloom.widgets._object_marking import ObjectMarking
from bioloom.widgets._parts import enable, form, group, narrow_combo
from bioloom.widgets._uncertain_list import Doubt


class ObjectClassifierWidget(AnnotatingPanel):
    """Train a random forest on annotated objects and apply it.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    kind = ObjectClassifier
    file_name = "objects.cl"
    other_panel = "Pixel classifier"
    noun = "object"
    settings_key = "object"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer, ObjectSession())
        self._output = layers.ResultLayer()
        self._shown: Any = None
        self._selected = layers.ResultLayer()
        self._as_selector = False
        self.train_button.setToolTip("Train on the marked objects, and classify all of them")
        self.live.setToolTip("Train and classify all objects after every mark")
        self.apply_button.setToolTip("Classify the chosen objects with the classifier that was trained or loaded")
        self.class_box = narrow_combo("The class whose objects are wanted")
        self.select_button = QPushButton("Select as new labels")
        self.select_button.setToolTip("Add a labels layer with the objects of this class only; they keep their numbers")
        select, select_layout = form()
        select_layout.addRow("Class", self.class_box)
        select_layout.addRow("", self.select_button)
        self.lay_out(group("Objects of a class", select))
        self.select_button.clicked.connect(lambda on: self.attempt(self.select_class))
        self.marking.classes.names_changed.connect(lambda names: self._list_classes())

    def make_marking(self) -> ObjectMarking:
        """Make the ways to mark objects."""
        return ObjectMarking(self.viewer, self.attempt, self.say, self._find_box)

    def _find_box(self, layer: Any, key: ObjectKey) -> Box | None:
        objects = self.session.find(id(layer))
        return objects.box(key) if objects is not None else None

    def list_measurements(self, n_dim: int) -> None:
        """List the measurements that fit the chosen layers."""
        groups = ("size", "shape", "intensity") if self.images.images else ("size", "shape")
        known = [p for p in list_properties(n_dim) if p.group in groups and not p.name.startswith("centroid")]
        self.features.set_known(known, DEFAULT_FEATURES)

    # -------------------------------------------------------------------------------------------- training
    def train_and_classify(
        self, examples: Sequence[tuple[int, ObjectSource, Any]], settings: dict[str, Any], progress: Progress
    ) -> ObjectAnswer:
        """Train on examples and classify the first; called in a job."""
        names = {k: n for k, n in self.marking.classes.names().items() if n != f"class {k}"}
        features, base = settings.pop("features"), settings.pop("base")
        self.session.train(
            [Example(*example) for example in examples],
            features, settings, class_names=names, base=base, progress=progress,
        )  # fmt: skip
        name, source, _ = examples[0]
        return self.session.classify(name, source, progress)

    # -------------------------------------------------------------------------------------------- the answer
    def show_result(self, answer: ObjectAnswer, layer: Any) -> str:
        """Show the class of every object, as a layer and as a column of the table."""
        layers.set_columns(layer, answer.table())
        provenance = {"role": "classes", **describe(answer.classifier)}
        title = f"object classes of {layer.name}"
        shown = self._output.show(self.viewer, answer.painted, "labels", title, layer, provenance, opacity=0.6)
        hidden = shown is not self._shown and layer.visible
        if hidden:
            # Two layers of colours over one another cannot be told apart.
            layer.visible = False
        self._shown = shown
        layers.colour_classes(shown, self.colours())
        if isinstance(answer.classifier, ObjectSelector):
            self._show_selected(answer, layer)
        self.raise_marks(shown)
        self._list_classes()
        listed = ", ".join(f"{n} of {self.name_of(k)}" for k, n in answer.counts().items())
        eye = f" ‘{layer.name}’ is hidden so that the classes can be seen." if hidden else ""
        table = f"The column ‘{CLASS_COLUMN}’ is in the table of ‘{layer.name}’."
        return f"{len(answer.objects)} objects: {listed}. {table}{eye}"

    def _show_selected(self, answer: ObjectAnswer, layer: Any) -> None:
        """Show the objects that a selector keeps."""
        wanted = answer.classifier.positive_class
        chosen = answer.objects.select(answer.classes == wanted)
        title = f"{self.name_of(wanted)} of {layer.name}"
        provenance = {"role": "selected", **describe(answer.classifier)}
        self._selected.show(self.viewer, chosen, "labels", title, layer, provenance)

    def recolour(self) -> None:
        """Show the classes in other colours."""
        super().recolour()
        if self._shown in self.viewer.layers:
            layers.colour_classes(self._shown, self.colours())

    def _labels_changed(self, layer: Any) -> None:
        super()._labels_changed(layer)
        self._list_classes()

    def _list_classes(self) -> None:
        before = self.class_box.currentData()
        known = [] if self.answer is None else self.answer.classifier.classes_.tolist()
        self.class_box.clear()
        for k in known:
            self.class_box.addItem(self.name_of(k), k)
        at = self.class_box.findData(before)
        self.class_box.setCurrentIndex(at if at >= 0 else len(known) - 1)
        enable(self.select_button, bool(known), "There are no classes yet: train or apply a classifier first")

    def select_class(self) -> None:
        """Add a labels layer with the objects of the chosen class."""
        answer, layer, class_id = self.answer, self.answered, self.class_box.currentData()
        if answer is None or layer not in self.viewer.layers:
            raise InputError("There are no classes yet. Train or apply a classifier first.")
        name, chosen = self.name_of(class_id), answer.classes == class_id
        # By its role, it is not what the next panel looks at unless it is chosen.
        title, provenance = f"{name} of {layer.name}", {"role": "selected", **describe(answer.classifier)}
        layers.add_result(self.viewer, answer.objects.select(chosen), "labels", title, layer, provenance)
        self.say(f"{int(chosen.sum())} objects of {name} in a new layer; they keep their numbers.")

    # -------------------------------------------------------------------------------------------- what to look at next
    def doubt(self, row: int) -> Doubt:
        """Describe an object."""
        answer = self.answer
        frame, label = answer.key(row)
        title = f"{label}" if answer.objects.source.frame_axis is None else f"{label}, frame {frame}"
        k = int(answer.classes[row])
        return Doubt(row, title, self.name_of(k), self.colours().get(k, "#bbbbbb"), float(answer.probability[row]))

    def place(self, row: int) -> tuple[list[float], list[float]]:
        """Return the middle of an object and its extent."""
        box = self.answer.objects.box(self.answer.key(row))
        return [(s.start + s.stop - 1) / 2 for s in box], [float(s.stop - s.start) for s in box]

    def visit(self, row: int) -> None:
        """Bring an object to the middle of the view, and select it."""
        super().visit(row)
        if self.answer is not None and self.answered in self.viewer.layers:
            frame, label = self.answer.key(row)
            layers.selection_of(self.answered).select_objects([label], frame)
            self.marking.look_at((frame, label))

    # -------------------------------------------------------------------------------------------- classifier
    def load(self, path: str) -> None:
        """Load an object classifier or selector from a file."""
        super().load(path)
        classifier = self.classifier
        ids = {*self.marking.classes.ids(), *map(int, classifier.classes_)}
        names = {**self.marking.classes.names(), **classifier.class_names}
        self.marking.classes.set_classes(ids, names, self.colours())
        self.features.set_checked(properties_of(classifier.feature_names_))

    def save(self, path: str, as_selector: bool = False) -> None:
        """Save the classifier to a file, or the selector of the chosen class."""
        self._as_selector = as_selector
        super().save(path)

    def to_save(self) -> Any:
        """Return the classifier, or the selector of the chosen class."""
        wanted = self.class_box.currentData()
        if not self._as_selector or wanted is None:
            return self.classifier
        return selector_of(self.classifier, int(wanted))

    def _ask_save(self) -> None:
        whole, one = "Object classifier (*.cl)", f"Object selector of ‘{self.class_box.currentText()}’ (*.cl)"
        path, chosen = QFileDialog.getSaveFileName(self, "Save the classifier", self.file_name, f"{whole};;{one}")
        if path:
            self.attempt(lambda: self.save(path, as_selector=chosen == one))
