"""The Object classifier panel: mark a few objects, and see the class of all."""

from __future__ import annotations

import contextlib
from typing import Any

import napari.viewer
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QPushButton

from bioloom import layers
from bioloom.classify import ObjectClassifier
from bioloom.classify.model_file import describe
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.objects import DEFAULT_FEATURES, properties_of
from bioloom.errors import BioloomError, InputError
from bioloom.measure import list_properties
from bioloom.session.jobs import JobRunner, Progress
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.object_annotation import Box, ObjectKey
from bioloom.session.object_session import (
    CLASS_COLUMN,
    Example,
    ObjectAnswer,
    ObjectSession,
    intensities,
    selector_of,
)
from bioloom.widgets._classifier_panel import ClassifierPanel
from bioloom.widgets._object_features import ObjectFeatures
from bioloom.widgets._object_marking import ObjectMarking
from bioloom.widgets._object_scores import ObjectScores
from bioloom.widgets._parts import (
    AxesOptions,
    CollapsibleGroup,
    ImageList,
    LayerCombo,
    enable,
    form,
    group,
    narrow_combo,
)
from bioloom.widgets._uncertain_list import Doubt, UncertainList

_LIVE_DELAY_MS = 30
_EDIT_DELAY_MS = 300
_LISTED = 20
_BUSY_DELAY_MS = 400


class ObjectClassifierWidget(ClassifierPanel):
    """Train a random forest on annotated objects and apply it.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    kind = ObjectClassifier
    file_name = "objects.cl"
    other_panel = "Pixel classifier"
    apply_button: Any = None

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self.session = ObjectSession()
        super().__init__(viewer)
        self.answer: ObjectAnswer | None = None
        self._answered: Any = None
        self._output = layers.ResultLayer()
        self._shown: Any = None
        self._selected = layers.ResultLayer()
        self._as_selector = False
        self._ring: Any = None
        self._input: Any = ()
        self._sources: dict[int, ObjectSource] = {}
        self._busy_timer = self._timer(_BUSY_DELAY_MS, self._show_busy)
        self._live_timer = self._timer(_LIVE_DELAY_MS, self._train_live)
        self._edit_timer = self._timer(_EDIT_DELAY_MS, self._objects_edited)

        self.labels = LayerCombo(viewer, "labels", "The segmented objects")
        self.images = ImageList(viewer, "Images to measure intensities in; none for size and shape only")
        self.axes = AxesOptions()
        rows, layout = form()
        layout.addRow("Objects", self.labels)
        layout.addRow("Images", self.images)
        self.marking = ObjectMarking(viewer, self.attempt, self.say, self._find_box)
        self.annotation, self.new_button = self.marking.annotation, self.marking.new_button
        self.features = ObjectFeatures()
        settings, settings_layout = form()
        self.add_all_forest_rows(settings_layout)
        self.train_button.setToolTip("Train on the marked objects, and classify all of them")
        self.live = QCheckBox("Live")
        self.live.setToolTip("Train and classify all objects after every mark")
        self.live.setChecked(True)
        self.together = QCheckBox("Train on all annotated layers")
        self.together.setToolTip("Train on the marked objects of every layer, not only of the one chosen above")
        self.together.setChecked(True)
        self.undo_training_button = QPushButton("Undo training")
        self.undo_training_button.setToolTip("Go back to the classifier before the last training")
        self.uncertain = UncertainList("object")
        self.class_box = narrow_combo("The class whose objects are wanted")
        self.select_button = QPushButton("Select as new labels")
        self.select_button.setToolTip("Add a labels layer with the objects of this class only; they keep their numbers")
        select, select_layout = form()
        select_layout.addRow("Class", self.class_box)
        select_layout.addRow("", self.select_button)
        self.apply_button = QPushButton("Apply")
        self.apply_button.setToolTip("Classify the chosen objects with the classifier that was trained or loaded")
        self.scores = ObjectScores(JobRunner(self._main_thread.send))
        first = QHBoxLayout()
        first.addWidget(self.train_button, stretch=1)
        first.addWidget(self.live)
        self.content.addWidget(group("Objects", rows, self.axes))
        self.content.addWidget(group("Annotate", self.marking))
        self.content.addLayout(first)
        self.content.addWidget(self.together)
        self.content.addWidget(group("Look at next", self.uncertain))
        self.content.addWidget(CollapsibleGroup("Measurements", self.features, key="object measurements"))
        self.content.addWidget(CollapsibleGroup("Forest", settings, key="object forest", is_open=False))
        self.content.addWidget(CollapsibleGroup("Scores", self.scores, key="object scores"))
        self.content.addWidget(group("Objects of a class", select))
        last = self.file_buttons(self.apply_button)
        self.content.addLayout(last)
        self.content.addWidget(self.undo_training_button)
        self.content.addStretch(1)

        self.labels.layer_changed.connect(self._labels_changed)
        self.images.changed.connect(self._input_changed)
        self.axes.changed.connect(self._input_changed)
        self.features.changed.connect(self._live_timer.start)
        self.marking.changed.connect(self._marks_changed)
        self.marking.edited.connect(lambda layer: self._edit_timer.start())
        self.marking.classes.names_changed.connect(lambda names: self._list_classes())
        self.marking.classes.colours_changed.connect(lambda colours: self._recolour())
        self.live.toggled.connect(lambda on: self._live_timer.start() if on else None)
        self.together.toggled.connect(lambda on: self._live_timer.start())
        self.uncertain.next_wanted.connect(lambda: self.attempt(self.next_uncertain))
        self.uncertain.visited.connect(lambda row: self.attempt(lambda: self.visit(row)))
        self.select_button.clicked.connect(lambda on: self.attempt(self.select_class))
        self.apply_button.clicked.connect(lambda on: self.attempt(self.apply))
        self.undo_training_button.clicked.connect(lambda on: self.attempt(self.undo_training))
        self.on_close(self.marking.close_down)
        self.on_close(self.scores.jobs.cancel)
        self.on_close(lambda: layers.remove(self.viewer, self._ring))
        self.on_close(self._live_timer.stop)
        self.on_close(self._busy_timer.stop)
        self.on_close(self._edit_timer.stop)
        self.on_close(self.session.forget)
        self._labels_changed(self.labels.layer)
        self.show_classifier()

    def _timer(self, delay: int, action: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(delay)
        timer.timeout.connect(action)
        return timer

    # -------------------------------------------------------------------------------------------- input
    def _labels_changed(self, layer: Any) -> None:
        self.axes.follow(layer, physical=True)
        enable(self.train_button, layer is not None, "There is no layer of objects: segment an image first")
        self._forget_answer()
        self._input_changed()

    def _input_changed(self) -> None:
        layer = self.labels.layer
        chosen = (layer, tuple(map(id, self.images.images)), self.axes.has_time, self.axes.physical)
        if chosen == self._input:
            # Lists of layers are also read again where nothing that matters here changed.
            return
        self._input = chosen
        self.marking.follow(layer, self.axes.has_time)
        ndim = 2 if layer is None else max(2, min(3, layer.ndim - self.axes.has_time))
        groups = ("size", "shape", "intensity") if self.images.images else ("size", "shape")
        known = [p for p in list_properties(ndim) if p.group in groups and not p.name.startswith("centroid")]
        self.features.set_known(known, DEFAULT_FEATURES)
        self._live_timer.start()

    def _find_box(self, layer: Any, key: ObjectKey) -> Box | None:
        objects = self.session.find(id(layer))
        return objects.box(key) if objects is not None else None

    def _source(self) -> ObjectSource:
        """Return the chosen objects and images; remembered for the training with other layers."""
        layer = self.labels.layer
        if layer is None:
            raise InputError("There are no objects. Segment an image first, for example with Voronoi–Otsu.")
        options = {"has_time": self.axes.has_time, "physical": self.axes.physical}
        own = layers.image_stack([layer], **options)
        images = self.images.images
        image = intensities(layers.image_stack(images, **options) if images else None, own.channels[0])
        source = ObjectSource(own.channels[0], image, own.spacing, own.frame_axis)
        self._sources[id(layer)] = source
        return source

    def _marks_changed(self) -> None:
        marked = self.marking.all_marks()
        self.together.setVisible(len(marked) > 1)
        others = ", ".join(f"{layer.name} ({len(marks.classes)})" for layer, marks in marked)
        self.together.setToolTip(f"Train on the marked objects of every layer: {others}")
        with contextlib.suppress(InputError):
            # For the time when another layer is chosen, and this one still trains.
            self._source()
        if not self.live.isChecked():
            self._list_doubts()
        self._live_timer.start()

    def _objects_edited(self) -> None:
        """Measure anew if objects were edited; that a layer was merely drawn again looks the same from outside."""
        layer = self.labels.layer
        objects = self.session.find(id(layer)) if layer is not None else None
        if layer is None or not isinstance(layers.pixels(layer), np.ndarray):
            return
        frame = layers.current_frame(self.viewer, layer, self.axes.has_time)
        if objects is not None and objects.still_shows(layers.pixels(layer), frame):
            return
        self.session.edited(id(layer))
        self.marking.objects_edited()
        self._live_timer.start()

    # -------------------------------------------------------------------------------------------- training
    def train(self) -> None:
        """Train on the marked objects and classify all."""
        layer = self.labels.layer
        source = self._source()
        self.marking.read()
        if self.marking.marks is None:
            raise InputError("There is no annotation. Click ‘Click objects’ and mark objects of at least two classes.")
        objects = self.session.find(id(layer))
        if objects is not None and not objects.still_shows(source.labels):
            self.session.edited(id(layer))
            self.marking.objects_edited()
        self._start_training(layer, source)

    def _start_training(self, layer: Any, source: ObjectSource) -> None:
        own = Example(id(layer), source, self.marking.marks.classes if self.marking.marks else {})
        others = [
            Example(id(other), self._sources[id(other)], marks.classes)
            for other, marks in (self.marking.all_marks() if self.together.isChecked() else [])
            if other is not layer and id(other) in self._sources
        ]
        features, settings = self.features.checked(), self.all_forest_settings()
        names = {k: n for k, n in self.marking.classes.names().items() if n != f"class {k}"}

        def work(progress: Progress) -> ObjectAnswer:
            self.session.train([own, *others], features, settings, class_names=names, progress=progress)
            return self.session.classify(id(layer), source, progress)

        self.jobs.start("Training", work, lambda answer: self._show_answer(answer, layer))

    def _train_live(self) -> None:
        marks = self.marking.marks
        if not self.live.isChecked() or marks is None or self.labels.layer is None:
            return
        found = set(marks.classes.values())
        if self.together.isChecked():
            found |= {k for _, other in self.marking.all_marks() for k in other.classes.values()}
        if len(found) < 2 or not self.features.checked():
            # Half an annotation is no mistake while it is made; the list of classes says what is missing.
            return
        try:
            self._start_training(self.labels.layer, self._source())
        except BioloomError as error:
            self.say(str(error))

    def apply(self) -> None:
        """Classify the chosen objects with the classifier at hand."""
        if self.classifier is None:
            raise InputError("There is no classifier yet. Train one, or load one from a file.")
        layer, source = self.labels.layer, self._source()
        self.jobs.start(
            "Classifying",
            lambda progress: self.session.classify(id(layer), source, progress),
            lambda answer: self._show_answer(answer, layer),
        )

    def undo_training(self) -> None:
        """Go back to the classifier before the last one."""
        if self.session.undo_training():
            self.live.setChecked(False)
            self.show_classifier()
            self.apply()

    def _job_started(self, name: str) -> None:
        """Show progress of what takes long; for a live answer it would only flicker."""
        if self.answer is None or not self.live.isChecked():
            super()._job_started(name)
        else:
            self._busy_timer.start()

    def _show_busy(self) -> None:
        if self.jobs.busy:
            super()._job_started("Training")

    # -------------------------------------------------------------------------------------------- the answer
    def _show_answer(self, answer: ObjectAnswer, layer: Any) -> None:
        if not self.still_there(layer):
            return
        self.answer, self._answered = answer, layer
        layers.set_columns(layer, answer.table())
        active = layers.active_layer(self.viewer)
        provenance = {"role": "classes", **describe(answer.classifier)}
        title = f"object classes of {layer.name}"
        shown = self._output.show(self.viewer, answer.painted, "labels", title, layer, provenance, opacity=0.6)
        hidden = shown is not self._shown and layer.visible
        if hidden:
            # Two layers of colours over one another cannot be told apart.
            layer.visible = False
        self._shown = shown
        layers.colour_classes(shown, self._colours())
        marks = self.annotation.layer
        if marks is not None and (self.viewer.layers.index(marks) < self.viewer.layers.index(shown)):
            layers.raise_layer(self.viewer, marks)
        if isinstance(answer.classifier, ObjectSelector):
            self._show_selected(answer, layer)
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active
        self.show_classifier()
        self.scores.score(answer.classifier, self._colours())
        self._list_doubts()
        self._list_classes()
        names = self._names()
        listed = ", ".join(f"{n} of {names.get(k, f'class {k}')}" for k, n in answer.counts().items())
        table = f"The column ‘{CLASS_COLUMN}’ is in the table of ‘{layer.name}’."
        eye = f" ‘{layer.name}’ is hidden so that the classes can be seen." if hidden else ""
        self.say(f"{len(answer.objects)} objects: {listed}. {table}{eye}")

    def _show_selected(self, answer: ObjectAnswer, layer: Any) -> None:
        """Show the objects that a selector keeps."""
        wanted = answer.classifier.positive_class
        chosen = answer.objects.select(answer.classes == wanted)
        title = f"{self._names().get(wanted, f'class {wanted}')} of {layer.name}"
        self._selected.show(self.viewer, chosen, "labels", title, layer, describe(answer.classifier))

    def _forget_answer(self) -> None:
        if self.answer is not None and self._answered is not self.labels.layer:
            self.answer = self._answered = None
            layers.remove(self.viewer, self._ring)
        self._list_doubts()
        self._list_classes()

    def _colours(self) -> dict[int, str]:
        return self.marking.classes.colours()

    def _names(self) -> dict[int, str]:
        return self.marking.classes.names()

    def _recolour(self) -> None:
        if self._shown in self.viewer.layers:
            layers.colour_classes(self._shown, self._colours())
        self._list_doubts()
        self.scores.set_colours(self._colours())

    def _list_classes(self) -> None:
        before = self.class_box.currentData()
        known = [] if self.answer is None else self.answer.classifier.classes_.tolist()
        self.class_box.clear()
        for k in known:
            self.class_box.addItem(self._names().get(k, f"class {k}"), k)
        at = self.class_box.findData(before)
        self.class_box.setCurrentIndex(at if at >= 0 else len(known) - 1)
        enable(self.select_button, bool(known), "There are no classes yet: train or apply a classifier first")

    def select_class(self) -> None:
        """Add a labels layer with the objects of the chosen class."""
        answer, layer, class_id = self.answer, self._answered, self.class_box.currentData()
        if answer is None or layer not in self.viewer.layers:
            raise InputError("There are no classes yet. Train or apply a classifier first.")
        name = self._names().get(class_id, f"class {class_id}")
        chosen = answer.classes == class_id
        provenance = describe(answer.classifier)
        layers.add_result(
            self.viewer, answer.objects.select(chosen), "labels", f"{name} of {layer.name}", layer, provenance
        )
        self.say(f"{int(chosen.sum())} objects of {name} in a new layer; they keep their numbers.")

    # -------------------------------------------------------------------------------------------- what to look at next
    def _marked(self) -> dict[ObjectKey, int]:
        return self.marking.marks.classes if self.marking.marks is not None else {}

    def _list_doubts(self) -> None:
        answer = self.answer
        if answer is None:
            self.uncertain.show_doubts([], known=False)
            return
        colours, names, doubts = self._colours(), self._names(), []
        for row in answer.most_uncertain(self._marked(), _LISTED).tolist():
            frame, label = answer.objects.key(row)
            title = f"{label}" if answer.objects.source.frame_axis is None else f"{label}, frame {frame}"
            k = int(answer.classes[row])
            doubts.append(
                Doubt(row, title, names.get(k, f"class {k}"), colours.get(k, "#bbbbbb"), answer.probability[row])
            )
        self.uncertain.show_doubts(doubts)

    def next_uncertain(self) -> None:
        """Show the most uncertain object that was neither annotated nor visited yet."""
        if self.answer is None:
            raise InputError("There is no classifier yet. Annotate objects of two classes first.")
        row = self.session.next_uncertain(id(self._answered), self.answer, self._marked())
        if row is not None:
            self.visit(row)

    def visit(self, row: int) -> None:
        """Bring an object to the middle of the view, and select it."""
        answer, layer = self.answer, self._answered
        if answer is None or layer not in self.viewer.layers:
            return
        key = frame, label = answer.objects.key(row)
        box = answer.objects.box(key)
        assert box is not None
        start = [frame] if answer.objects.source.frame_axis is not None else []
        centre = start + [(s.start + s.stop - 1) / 2 for s in box]
        size = [1.0] * len(start) + [float(s.stop - s.start) for s in box]
        layers.look_at(self.viewer, layer, centre, size)
        self._ring = layers.show_ring(self.viewer, layer, centre, size, self._ring)
        layers.selection_of(layer).select_objects([label], frame)
        self.session.visit(id(layer), key)
        self.uncertain.mark(row)
        k, share = int(answer.classes[row]), 100 * float(answer.probability[row])
        self.say(f"Object {label}: {self._names().get(k, f'class {k}')}, {share:.0f} %. Press 1–9 to give it a class.")

    # -------------------------------------------------------------------------------------------- classifier
    @property
    def classifier(self) -> ObjectClassifier | None:
        """The classifier that was trained or loaded last, or None."""
        return self.session.classifier

    @classifier.setter
    def classifier(self, classifier: ObjectClassifier) -> None:
        self.session.classifier = classifier
        ids = {*self.marking.classes.ids(), *map(int, classifier.classes_)}
        names = {**self._names(), **classifier.class_names}
        self.marking.classes.set_classes(ids, names, self._colours())

    def load(self, path: str) -> None:
        """Load a classifier from a file; the next mark would replace it, so that Live is switched off."""
        self.live.setChecked(False)
        super().load(path)
        if self.classifier is not None:
            self.features.set_checked(properties_of(self.classifier.feature_names_))
            self.scores.score(self.classifier, self._colours())

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

    def show_classifier(self) -> None:
        """Show what there is of a classifier."""
        super().show_classifier()
        enable(self.undo_training_button, self.session.can_undo_training, "There was no training before this one")
