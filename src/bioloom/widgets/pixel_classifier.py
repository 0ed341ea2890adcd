"""The Pixel classifier panel: paint, and see every pixel's class at once."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import napari.viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QStyle

from bioloom import layers
from bioloom.classify import PixelClassifier
from bioloom.classify.model_file import describe
from bioloom.classify.scores import summary
from bioloom.errors import BioloomError, InputError
from bioloom.layers.annotating import colour_classes, on_keys
from bioloom.layers.painted import erase_class, name_classes, on_label, on_view, paint_with, view_region
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobRunner
from bioloom.session.live_apply import objects_of, of_kind, what_it_gives
from bioloom.session.live_loop import LiveLoop, Wishes
from bioloom.session.live_training import AnnotatedFrame, TrainingSettings
from bioloom.session.live_view import Scene
from bioloom.session.pixel_session import BlockAnswer, PixelSession
from bioloom.widgets._base import abandon
from bioloom.widgets._class_list import ClassList
from bioloom.widgets._classifier_panel import ClassifierPanel
from bioloom.widgets._feature_grid import FeatureGrid
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
from bioloom.widgets._pixel_apply import PixelApplication
from bioloom.widgets._pixel_members import TrainingImage, TrainingImages
from bioloom.widgets._pixel_outputs import PixelOutputs, row
from bioloom.widgets._pixel_preview import FeaturePreview
from bioloom.widgets._score_view import ScoreView
from bioloom.widgets._training_list import TrainingList, TrainingMember

_VIEW_MS = 40
_BUSY_MS = 600
_LIVE, _TRAINING, _LOOKING = "Live", "Training", "Predicting"

NORMALISATIONS = {
    "as they are": "none",
    "normalised": "linear",
    "normalised, log": "log",
}
"""What may be done to the intensities of each image, as the user reads it."""

SAVED_KINDS = {"Pixel classifier": "classes", "Object segmenter": "objects", "Probability mapper": "probability"}
"""Kinds of classifier files, by their title."""


class PixelClassifierWidget(ClassifierPanel):
    """Train a random forest on painted pixels and apply it.

    Parameters
    ----------
    viewer
        The napari viewer.
    """

    kind = PixelClassifier
    file_name = "pixels.cl"
    other_panel = "Object classifier"

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__(viewer)
        self.session = PixelSession()
        self.loop = LiveLoop(self.session, self.jobs, self._main_thread.send)
        self._side_jobs = [JobRunner(self._main_thread.send) for _ in range(4)]
        self._counting, self._apply_jobs, self._preview_jobs, self._score_jobs = self._side_jobs
        self.training = TrainingImages(self, viewer)
        self._stop_annotation: list[Any] = []
        self._asked_at = 0.0
        self._last_scores: Any = None
        self._view_timer = self._timer(_VIEW_MS, self._look)
        self._busy_timer = self._timer(_BUSY_MS, lambda: self.status.show_busy(self.jobs.busy))
        self._edit_timer = self._timer(0, self._after_edit)
        self._build()
        self._connect()
        self._features_changed(self.features.text())
        self.training.find()
        self._image_changed()
        self._annotation_changed(self.annotation.layer)
        self.show_classifier()

    def showEvent(self, event: Any) -> None:
        """Be as wide as the content, once the theme has decided how wide that is."""
        super().showEvent(event)
        # Nothing may be cut at the side, also not by the scroll bar.
        needed = self.content.minimumSize().width() + self.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
        self.setMinimumWidth(max(self.minimumWidth(), needed))

    def _timer(self, milliseconds: int, action: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(action)
        return timer

    # -------------------------------------------------------------------------------------------- building
    def _build(self) -> None:
        viewer = self.viewer
        self.images = ImageList(
            viewer, "The image to classify. Check several layers to use them as channels of one image"
        )
        self.annotation = LayerCombo(
            viewer,
            "labels",
            "The labels layer with painted classes: 1, 2, … (0 is not annotated)",
            optional=True,
            wanted_role="annotation",
        )
        self.annotation.setMinimumContentsLength(6)
        self.new_button = QPushButton("New annotation")
        self.new_button.setToolTip("Add an empty labels layer over the image and start to paint class 1")
        self.axes = AxesOptions()
        self.classes = ClassList(can_erase=True)
        self.training_list = TrainingList()
        self.features = FeatureGrid()
        self.preset = self.features.preset
        self.normalise = narrow_combo(
            "What to do about intensities before anything else. Normalised, each image by itself, dark is 0 and bright "
            "is 1: a classifier of one image holds on the next with another exposure. Log: faint objects beside bright "
            "ones count, too",
            list(NORMALISATIONS),
        )
        self.outputs = PixelOutputs(viewer)
        self.live = QCheckBox("Live")
        self.live.setToolTip("Train after every stroke, undo and redo, and keep what is in view up to date")
        self.undo_button = QPushButton("Undo training")
        self.undo_button.setToolTip("Take the classifier back that there was before the last training")
        self.predict_button = QPushButton("Apply…")
        self.predict_button.setToolTip("Apply the classifier to all frames, to other layers or to a folder of files")
        self.save_kind = narrow_combo(
            "What a saved classifier gives where it is used: the class of every pixel, the objects of the class of "
            "interest, or its probability"
        )
        for title, gives in SAVED_KINDS.items():
            self.save_kind.addItem(title, gives)
        self.scores = ScoreView()
        self.preview = FeaturePreview(self, viewer, self._preview_jobs, self._chosen_image)
        self.application = PixelApplication(self, self._apply_jobs)

        rows, layout = form()
        layout.addRow("Image", self.images)
        layout.addRow("Annotation", row(self.annotation, self.new_button))
        feature_rows, feature_layout = form()
        feature_layout.addRow("Features", self.preset)
        advanced, advanced_layout = form()
        self.add_all_forest_rows(advanced_layout)
        advanced_layout.addRow("Intensities", self.normalise)
        advanced_layout.addRow("Save as", self.save_kind)
        first = QHBoxLayout()
        first.addWidget(self.train_button, stretch=1)
        first.addWidget(self.live)
        first.addWidget(self.undo_button)

        self.feature_group = CollapsibleGroup("Edit features", self.features, key="pixel features", is_open=False)
        self.training_group = CollapsibleGroup(
            "Training images", self.training_list, key="pixel training images", is_open=False
        )
        self.advanced_group = CollapsibleGroup("Advanced", advanced, self.axes, key="pixel advanced", is_open=False)
        self.score_group = CollapsibleGroup("Scores", self.scores, key="pixel scores", is_open=False)
        self.content.addWidget(group("Training data", rows, self.classes))
        self.content.addWidget(feature_rows)
        self.content.addLayout(first)
        self.content.addWidget(group("Result", self.outputs))
        self.content.addLayout(self.file_buttons(self.predict_button))
        for part in (self.score_group, self.feature_group, self.training_group, self.advanced_group):
            self.content.addWidget(part)
        self.content.addStretch(1)
        self.train_button.setToolTip("Train on everything that is painted, and predict what is in view")

    def _connect(self) -> None:
        loop, training = self.loop, self.training
        loop.counted.connect(self._counted)
        loop.trained.connect(lambda classifier: self.show_classifier())
        loop.incomplete.connect(self._incomplete)
        loop.answered.connect(self._answered)
        loop.painted.connect(self._painted)
        loop.completed.connect(lambda scene: self.status.show_busy(False))
        loop.segmented.connect(self.outputs.show_objects)
        loop.reported.connect(self._show_scores)
        training.edited.connect(lambda entry: self._edit_timer.start())
        training.pressed.connect(loop.hand_down)
        training.changed.connect(self._list_training)
        self.images.changed.connect(self._image_changed)
        self.annotation.layer_changed.connect(self._annotation_changed)
        self.new_button.clicked.connect(lambda: self.attempt(self.new_annotation))
        self.axes.changed.connect(self._axes_changed)
        self.classes.class_chosen.connect(self._class_chosen)
        self.classes.class_removed.connect(self._class_removed)
        for signal in (self.classes.names_changed, self.classes.colours_changed, self.classes.class_added):
            signal.connect(lambda what: self._dress())
        self.features.changed.connect(self._features_changed)
        self.features.preview_requested.connect(self.preview.show)
        self.features.preview_ended.connect(self.preview.end)
        self.outputs.changed.connect(self._outputs_changed)
        self.outputs.describe_by(lambda: describe(self.session.classifier))
        self.live.toggled.connect(lambda on: self._after_edit() if on else None)
        self.undo_button.clicked.connect(lambda: self.attempt(self.undo_training))
        self.predict_button.clicked.connect(lambda: self.attempt(self.application.ask))
        self.training_list.add_requested.connect(lambda: self.attempt(self._add_current))
        self.training_list.remove_requested.connect(lambda key: self.training.remove(self._entry(key)))
        self.training_list.go_to_requested.connect(lambda key: self.go_to(self._entry(key)))
        self.training_list.used_changed.connect(self._used_changed)
        self.scores.permutation_requested.connect(self._measure_permutation)
        for jobs in self._side_jobs:
            jobs.failed.connect(self._job_failed)
            self.destroyed.connect(partial(abandon, jobs))
        self._apply_jobs.started.connect(lambda name: self.status.show_busy(True))
        self._apply_jobs.progressed.connect(self.status.show_progress)
        self._apply_jobs.ended.connect(lambda: self.status.show_busy(False))
        stop_view = on_view(self.viewer, self._view_timer.start)
        removed = self.viewer.layers.events.removed
        removed.connect(self._layer_removed)
        for action in (
            stop_view,
            lambda: removed.disconnect(self._layer_removed),
            self._leave_annotation,
            self._view_timer.stop, self._busy_timer.stop, self._edit_timer.stop,
            *(jobs.cancel for jobs in self._side_jobs),
            self.preview.stop, self.training.stop, self.outputs.stop, self.loop.forget,
        ):  # fmt: skip
            self.on_close(action)

    # -------------------------------------------------------------------------------------------- input
    def _chosen_image(self) -> tuple[Any, ImageStack] | None:
        try:
            return self.images.images[0], self.stack()
        except (BioloomError, IndexError):
            return None

    def _image_changed(self) -> None:
        chosen = self.images.images
        self.axes.follow(chosen[0] if chosen else None)
        for button in (self.new_button, self.train_button):
            enable(button, bool(chosen), "Tick an image first; open one with File > Open, or File > Open Sample")
        self.features.set_channels(sum(3 if layers.is_rgb(layer) else 1 for layer in chosen) or 1)
        if chosen:
            self._follow_image(chosen)
        self._list_training()
        self._view_timer.start()

    def _follow_image(self, chosen: list[Any]) -> None:
        """Choose the annotation that belongs to the image."""
        current = self.training.of_annotation(self.annotation.layer)
        if current is None or current.images[0] in chosen:
            return
        other = self.training.of_images(chosen)
        if other is None:
            # The first entry is none.
            self.annotation.setCurrentIndex(0)
        else:
            self.annotation.choose(other.annotation)

    def _axes_changed(self) -> None:
        unit = layers.length_unit(self.images.images[0]) if self.axes.physical and self.images.images else "px"
        self.features.set_unit(unit)
        self.outputs.set_unit(unit)
        self._view_timer.start()

    def _annotation_changed(self, layer: Any) -> None:
        self._leave_annotation()
        if layer is not None:
            chosen = self.images.images
            entry = self.training.of_annotation(layer)
            if entry is not None and entry.images[0] not in chosen:
                # The annotation of another image: go there.
                self.go_to(entry)
            elif chosen:
                entry = self.training.add(chosen, layer, self.axes.has_time)
            self.training.prune(entry)
            self._stop_annotation = [
                on_label(layer, self.classes.set_current),
                on_keys(layer, {str(k): partial(self._number_key, k) for k in range(1, 10)}),
            ]
            self.classes.set_current(int(layer.selected_label))
            self._dress()
        self._list_training()
        self._count()

    def _leave_annotation(self) -> None:
        for stop in self._stop_annotation:
            stop()
        self._stop_annotation = []

    def new_annotation(self) -> None:
        """Add an annotation layer over the image."""
        chosen = self.images.images
        if not chosen:
            raise InputError("Choose an image to annotate first.")
        self.annotation.choose(layers.new_annotation(self.viewer, chosen[0]))
        self.say(
            "Paint class 1 (such as background), then press 2 for class 2 and paint that. Then click ‘Train’, or check "
            "‘Live’."
        )

    def stack(self) -> ImageStack:
        """Return the chosen image."""
        return layers.image_stack(self.images.images, has_time=self.axes.has_time, physical=self.axes.physical)

    def scene(self) -> Scene | None:
        """Return what is looked at of the chosen image, or None if there is none."""
        chosen = self.images.images
        if not chosen:
            return None
        stack, source = self.stack(), chosen[0]
        region = view_region(self.viewer, source)
        timed = stack.n_frames is not None
        return Scene(stack, region[0].start if timed else 0, region[1:] if timed else region, source)

    # -------------------------------------------------------------------------------------------- classes
    def _number_key(self, class_id: int) -> None:
        if not self.classes.choose(class_id) and class_id == max(self.classes.ids(), default=0) + 1:
            self.classes.add_class()

    def _class_chosen(self, class_id: int) -> None:
        layer = self.annotation.layer
        if layer is not None:
            paint_with(self.viewer, layer, class_id)

    def _class_removed(self, class_id: int) -> None:
        for entry in self.training.entries:
            erase_class(entry.annotation, class_id)

    def _dress(self) -> None:
        """Show names and colours of the classes everywhere."""
        names, colours = self.classes.names(), self.classes.colours()
        self.outputs.set_classes(names, colours)
        if self._last_scores is None:
            self.scores.set_colours(colours)
        else:
            self._show_scores(self._last_scores)
        for entry in self.training.entries:
            if len(entry.counts or {}) <= len(names):
                colour_classes(entry.annotation, colours)
                name_classes(entry.annotation, names)
        self._name_classifier()

    def _name_classifier(self) -> None:
        classifier = self.session.classifier
        if classifier is not None:
            chosen = {k: v for k, v in self.classes.names().items() if v != f"class {k}"}
            classifier.class_names = {k: v for k, v in chosen.items() if k in classifier.classes_}

    def _count(self) -> None:
        """Find out how much is painted of each class."""
        self._counting.start("Counting", partial(self.loop.count, self._members_or_none()), self._counted)

    def _members_or_none(self) -> list[Any]:
        try:
            return self.training.members(self.axes.physical)
        except BioloomError:
            return []

    def _counted(self, annotated: list[AnnotatedFrame]) -> None:
        used = [entry for entry in self.training.entries if entry.included]
        frames: dict[int, list[int]] = {}
        total: dict[int, int] = {}
        if any(frame.member >= len(used) for frame in annotated):
            # The training set has changed meanwhile.
            return
        for number, entry in enumerate(used):
            entry.counts = {}
            for frame in annotated:
                if frame.member != number:
                    continue
                frames.setdefault(number, []).append(frame.index)
                for k, n in frame.counts.items():
                    entry.counts[k] = entry.counts.get(k, 0) + n
                    total[k] = total.get(k, 0) + n
            entry.frames = tuple(frames.get(number, ())) if entry.has_time else ()
        known = len(self.classes.ids())
        self.classes.set_counts(total)
        if len(self.classes.ids()) != known:
            self._dress()
        self._list_training()

    # -------------------------------------------------------------------------------------------- training set
    def _entry(self, key: int) -> TrainingImage:
        return next(entry for entry in self.training.entries if entry.key == key)

    def _list_training(self) -> None:
        entries = self.training.entries
        self.training_list.set_members(
            [
                TrainingMember(e.key, e.title, e.annotation.name, sum((e.counts or {}).values()), e.frames, e.included)
                for e in entries
            ]
        )
        current = self.training.of_annotation(self.annotation.layer)
        if current is not None:
            self.training_list.set_current(current.key)
        why = "It is in the list already" if current is not None else ""
        self.training_list.allow_add(why if self.annotation.layer is not None else "Choose an annotation first")
        self.training_group.set_summary(self.training_list.summary() if entries else "")

    def _add_current(self) -> None:
        layer = self.annotation.layer
        if layer is None or not self.images.images:
            raise InputError("Choose an image and its annotation first, or click ‘New annotation’.")
        self.training.add(self.images.images, layer, self.axes.has_time)
        self._count()

    def go_to(self, entry: TrainingImage) -> None:
        """Choose an image of the training set and its annotation again, and show them."""
        names = {layer.name for layer in entry.images}
        self.images.set_checked(names)
        self.annotation.choose(entry.annotation)
        for layer in (*entry.images, entry.annotation):
            layer.visible = True
        layers.raise_layer(self.viewer, entry.annotation)

    def _used_changed(self, key: int, used: bool) -> None:
        self._entry(key).included = used
        self._after_edit()

    def _layer_removed(self, event: Any) -> None:
        self.outputs.forget(event.value)
        if event.value is self.preview.layer:
            self.features.stop_preview()

    # -------------------------------------------------------------------------------------------- training
    def settings(self) -> TrainingSettings:
        """Return what the form says.

        Raises
        ------
        InputError
            If the features are none.
        """
        normalise = NORMALISATIONS[self.normalise.currentText()]
        return TrainingSettings(self.features.text(), **self.all_forest_settings(), normalise=normalise)

    def wishes(self, live: bool) -> Wishes:
        """Return what is to be computed besides the classes."""
        class_id = self.outputs.class_id
        segment = None
        if "objects" in self.outputs.wanted():
            segment = partial(objects_of, spacing=self.stack().spacing, objects=self.outputs.object_settings())
        return Wishes(class_id, not live, segment, live, self._report)

    @staticmethod
    def _report(classifier: PixelClassifier) -> Any:
        return summary(classifier, n_repeats=0)

    def train(self) -> None:
        """Train on everything that is painted, and predict the frame in view."""
        if self.annotation.layer is None and not self.training.entries:
            raise InputError("There is no annotation. Click ‘New annotation’ and paint at least two classes.")
        self._start(_TRAINING, live=False)

    def _start(self, name: str, *, live: bool, only_if_changed: bool = False) -> None:
        layer, chosen = self.annotation.layer, self.images.images
        if layer is not None and chosen:
            entry = self.training.add(chosen, layer, self.axes.has_time)
            if not live:
                entry.included = True
                # Pixels may be written to without any event.
                entry.version += 1
            self.stack().matching(layers.pixels(layer), "The annotation")
        settings, members, scene = self.settings(), self.training.members(self.axes.physical), self.scene()
        settings.classifier()
        if not only_if_changed:
            self._asked_at = time.perf_counter()
        if scene is not None and self.outputs.missing(scene.owner):
            self.loop.repaint()
        self.loop.train(members, settings, scene, self.wishes(live), only_if_changed=only_if_changed, name=name)

    def _after_edit(self) -> None:
        """Answer to a stroke, or only count what it painted."""
        if not self.live.isChecked():
            self._count()
            return
        self._asked_at = time.perf_counter()
        try:
            self._start(_LIVE, live=True, only_if_changed=True)
        except BioloomError as error:
            self.say(str(error))

    def _incomplete(self) -> None:
        self.status.show_busy(False)
        self.say(self.classes.hint.text())

    def undo_training(self) -> None:
        """Take the classifier back that there was before the last training."""
        self.jobs.cancel()
        classifier = self.session.undo_training()
        self._take(classifier)
        self.say(f"The classifier before the last training is back: classes {self.known_classes()}.")
        self._look(always=True)

    # -------------------------------------------------------------------------------------------- output
    def _look(self, always: bool = False) -> None:
        """Predict what came into view, where that is wanted."""
        classifier = self.session.classifier
        if classifier is None or not (always or self.live.isChecked()):
            return
        try:
            scene = self.scene()
            if scene is not None and not self._fits(scene):
                scene = None
        except BioloomError as error:
            self.say(str(error))
            return
        if scene is not None and self.outputs.missing(scene.owner):
            self.loop.repaint()
        self.loop.look(scene, self.wishes(self.live.isChecked()))

    def _fits(self, scene: Scene) -> bool:
        classifier = self.session.classifier
        assert classifier is not None
        return (classifier.n_channels, classifier.n_dim) == (len(scene.stack.channels), len(scene.stack.shape))

    def _outputs_changed(self) -> None:
        if self.session.classifier is not None and self.images.images:
            self.loop.repaint()
            self._look(always=True)

    def _answered(self, scene: Scene, answer: BlockAnswer) -> None:
        if scene.owner not in self.viewer.layers:
            return
        try:
            self.outputs.answer(scene, answer)
        except BioloomError as error:
            self.jobs.cancel()
            self.report(error)

    def _painted(self, scene: Scene) -> None:
        if not self.still_there(scene.owner):
            return
        self.outputs.refresh(thumbnail=True)
        self._busy_timer.stop()
        if self.live.isChecked():
            self.status.show_busy(False)
        classifier = self.session.classifier
        if classifier is None:
            return
        text = f"Done: classes {self.known_classes()}."
        if self._asked_at:
            text = f"Done in {time.perf_counter() - self._asked_at:.2f} s: classes {self.known_classes()}."
            self._asked_at = 0.0
        wanted = self.outputs.class_id
        if wanted not in classifier.classes_ and {"objects", "probability"} & set(self.outputs.wanted()):
            shown = int(classifier.classes_[-1])
            text += f" Class {wanted} is not among them: objects and probability are of class {shown}."
        self.say(text)

    def _show_scores(self, scores: Any) -> None:
        self._last_scores = scores
        names = self.classes.names()
        for entry in scores["classes"]:
            entry["name"] = names.get(entry["id"], entry["name"])
        self.scores.show_scores(scores, self.classes.colours())
        self.score_group.set_summary(self.scores.summary())
        self.features.show_importances(
            {f["name"]: f["importance"] for f in scores["features"] if f["importance"] is not None}
        )

    def _measure_permutation(self) -> None:
        classifier = self.session.classifier
        if classifier is not None:
            self._score_jobs.start(
                "Scoring", lambda progress: summary(classifier, progress=progress), self._show_scores
            )

    # -------------------------------------------------------------------------------------------- jobs
    def deliver(self, call: Any) -> None:
        """Run a callable on the thread of the application."""
        self._main_thread.send(call)

    def cancel(self) -> None:
        """Stop what is running."""
        if self._apply_jobs.busy:
            self._apply_jobs.cancel()
            self.outputs.refresh(thumbnail=True)
            self.say("Cancelled. What is complete stays.")
        super().cancel()

    def _job_started(self, name: str) -> None:
        # Most answers come before anyone could read that they are on their way.
        self._busy_timer.start()
        if name == _TRAINING:
            super()._job_started(name)

    def _job_ended(self) -> None:
        self._busy_timer.stop()
        if not self._apply_jobs.busy:
            super()._job_ended()

    def _job_failed(self, name: str, error: Exception) -> None:
        if name in (_LIVE, "Counting", _LOOKING) and isinstance(error, BioloomError):
            self.say(str(error))
        else:
            super()._job_failed(name, error)

    # -------------------------------------------------------------------------------------------- classifier
    @property
    def classifier(self) -> PixelClassifier | None:
        """The classifier that was trained or loaded last, or None."""
        return self.session.classifier

    @classifier.setter
    def classifier(self, classifier: PixelClassifier) -> None:
        self.jobs.cancel()
        self.session.classifier = classifier
        self._take(classifier)

    def _take(self, classifier: PixelClassifier) -> None:
        """Show the settings of another classifier."""
        self.features.set_text(classifier.features)
        scale = "none" if classifier.normalisation is None else classifier.normalisation.scale
        self.normalise.setCurrentText(next(title for title, value in NORMALISATIONS.items() if value == scale))
        ids = {*self.classes.ids(), *classifier.classes_.tolist()}
        self.classes.set_classes(ids, {**self.classes.names(), **classifier.class_names}, self.classes.colours())
        self._dress()
        self.show_classifier()

    def load(self, path: str) -> None:
        """Load a classifier of any kind that classifies pixels from a file."""
        super().load(path)
        classifier = self.session.classifier
        assert classifier is not None
        gives = what_it_gives(classifier)
        self.save_kind.setCurrentIndex(self.save_kind.findData(gives))
        if gives != "classes":
            self.outputs.choose_class(classifier.positive_class)
            if gives == "objects":
                self.outputs.take_object_settings(classifier.split_touching, classifier.minimum_size)
            (self.outputs.as_objects if gives == "objects" else self.outputs.as_probability).setChecked(True)

    def to_save(self) -> PixelClassifier:
        """Return the classifier that is written to a file, as the kind that was chosen."""
        assert self.session.classifier is not None
        outputs = self.outputs
        return of_kind(
            self.session.classifier, self.save_kind.currentData(), outputs.class_id, outputs.object_settings()
        )

    def show_classifier(self) -> None:
        """Show what there is of a classifier."""
        super().show_classifier()
        enable(self.undo_button, self.session.can_undo_training, "There is no earlier classifier to go back to")
        self._name_classifier()

    def _features_changed(self, text: str) -> None:
        self.feature_group.set_summary(self.features.info.text())
        self._after_edit() if self.live.isChecked() else None

    @property
    def apply_button(self) -> QPushButton:
        """The button that applies the classifier."""
        return self.predict_button
