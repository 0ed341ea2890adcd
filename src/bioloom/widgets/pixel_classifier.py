"""The Pixel classifier panel: paint, and see every pixel's class at once."""

from __future__ import annotations

import contextlib
import threading
import time
from functools import partial
from typing import Any

import napari.viewer
from qtpy.QtWidgets import QPushButton

from bioloom import device, layers
from bioloom.classify import PixelClassifier
from bioloom.classify.model_file import describe
from bioloom.classify.scores import summary
from bioloom.errors import BioloomError, DeviceError, InputError
from bioloom.layers.painted import on_view
from bioloom.session.live_answers import BlockAnswer
from bioloom.session.live_apply import objects_of, of_kind, what_it_gives
from bioloom.session.live_loop import Wishes
from bioloom.session.live_view import Scene
from bioloom.widgets._base import abandon
from bioloom.widgets._parts import enable
from bioloom.widgets._pixel_apply import PixelApplication
from bioloom.widgets._pixel_form import NORMALISATIONS
from bioloom.widgets._pixel_input import PixelInput
from bioloom.widgets._pixel_preview import FeaturePreview

_BUSY_MS, _SETTINGS_MS = 600, 200
_LIVE, _TRAINING, _LOOKING = "Live", "Training", "Predicting"


def _find_device() -> None:
    """Choose the device in use; where the one that the environment names does not work, NumPy stays in use."""
    with contextlib.suppress(DeviceError):
        device.current()


class PixelClassifierWidget(PixelInput):
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
        self._asked_at = 0.0
        self._taking = False
        self._refusal = ""
        self._removed: list[tuple[str, Any]] = []
        self._removed_timer = self._timer(0, self._answers_removed)
        self._settings_timer = self._timer(_SETTINGS_MS, lambda: self._after_edit() if self.live.isChecked() else None)
        self._busy_timer = self._timer(_BUSY_MS, lambda: self.status.show_busy(self.jobs.busy))
        self.preview = FeaturePreview(self, viewer, self._preview_jobs, self._chosen_image)
        self.application = PixelApplication(self, self._apply_jobs)
        self._connect()
        # A GPU is used from when it was found on; looking for one takes a second or two.
        threading.Thread(target=_find_device, name="bioloom devices", daemon=True).start()
        self._features_changed(self.features.text())
        self.training.find()
        self._image_changed()
        self._annotation_changed(self.annotation.layer)
        self.show_classifier()

    def _connect(self) -> None:
        loop = self.loop
        loop.trained.connect(self._trained)
        loop.incomplete.connect(self._incomplete)
        loop.answered.connect(self._answered)
        loop.painted.connect(self._painted)
        loop.completed.connect(lambda scene: self.status.show_busy(False))
        loop.segmented.connect(self.outputs.show_objects)
        loop.reported.connect(self._show_scores)
        self.features.changed.connect(self._features_changed)
        for signal in (
            self.trees.valueChanged, self.depth.valueChanged, self.seed.valueChanged, self.balanced.toggled,
            self.keep_box.toggled, self.tree_kind.activated, self.normalise.activated,
            self.axes.time.clicked, self.axes.sizes.activated,
        ):  # fmt: skip
            signal.connect(lambda value: self._settings_changed())
        self.features.preview_requested.connect(self.preview.show)
        self.features.preview_ended.connect(self.preview.end)
        self.outputs.changed.connect(self._outputs_changed)
        self.outputs.describe_by(lambda: describe(self.session.classifier))
        self.live.toggled.connect(lambda on: self._after_edit() if on else None)
        self.undo_button.clicked.connect(lambda: self.attempt(self.undo_training))
        self.predict_button.clicked.connect(lambda: self.attempt(self.application.ask))
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
            self._busy_timer.stop, self._settings_timer.stop, self._removed_timer.stop,
            *(jobs.cancel for jobs in self._side_jobs),
            self.preview.stop, self.outputs.stop, self.loop.forget,
        ):  # fmt: skip
            self.on_close(action)

    def _layer_removed(self, event: Any) -> None:
        shown = self.outputs.shows(event.value)
        if shown is not None and self.live.isChecked():
            # Later, because the image may be removed together with it.
            self._removed.append(shown)
            self._removed_timer.start()
        self.outputs.forget(event.value)
        if event.value is self.preview.layer:
            self.features.stop_preview()

    def _answers_removed(self) -> None:
        """Do not bring a layer back that the user removed while live."""
        removed, self._removed = self._removed, []
        for what, source in removed:
            if source in self.images.images and what in self.outputs.wanted():
                title = self.outputs.uncheck(what)
                self.say(f"‘{title}’ is unchecked, because its layer was removed. Check it to see it again.")

    # -------------------------------------------------------------------------------------------- training
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
            self.stack().matching(layers.pixels(layer), "The annotation")
            entry = self.training.add(chosen, layer, self.axes.has_time)
            if not live:
                entry.included = True
                # Pixels may be written to without any event.
                entry.version += 1
        settings, members, scene = self.settings(), self.training.members(self.axes.physical), self.scene()
        settings.classifier()
        self._refusal = ""
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
            self._refusal = str(error)
            self.say(self._refusal)

    def _trained(self, classifier: PixelClassifier) -> None:
        self.show_classifier()
        if self.loop.scene is None:
            # What is in view did not fit the classifier before.
            self._look(always=True)

    def _incomplete(self) -> None:
        self.status.show_busy(False)
        text = self.classes.hint.text()
        if self.session.classifier is not None:
            text += ". What is shown is of the earlier strokes."
        self.guide(text)

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
        if classifier is None or self._refusal:
            return
        text = "Done"
        if self._asked_at:
            text = f"Done in {time.perf_counter() - self._asked_at:.2f} s"
            self._asked_at = 0.0
        channels = f", from {classifier.n_channels} channels" if classifier.n_channels > 1 else ""
        text += f": classes {self.known_classes()}{channels}."
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
        self._taking = True
        try:
            self._load(path)
        finally:
            self._taking = False

    def _load(self, path: str) -> None:
        super().load(path)
        classifier = self.session.classifier
        assert classifier is not None
        self.loaded = classifier
        enable(self.keep_box, True, "")
        self.keep_box.setChecked(classifier.samples_ is not None)
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
        classifier = self.session.classifier
        self.outputs.allow_classes(() if classifier is None else classifier.classes_.tolist())

    def _features_changed(self, text: str) -> None:
        self.feature_group.set_summary(self.features.info.text())
        self._settings_changed()

    def _settings_changed(self) -> None:
        """Follow other settings where the answer follows everything; otherwise say that it does not."""
        if self._taking:
            return
        if self.live.isChecked():
            self._settings_timer.start()
        elif self.session.classifier is not None and self.training.entries:
            self.say("What is shown is of the earlier settings. Click ‘Train’ to train with these.")

    @property
    def apply_button(self) -> QPushButton:
        """The button that applies the classifier."""
        return self.predict_button
