"""What the panels share that learn from marked objects, or pairs of objects, and answer after every mark."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from bioloom import layers
from bioloom.errors import BioloomError, InputError
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.object_session import intensities
from bioloom.session.training_session import TrainingSession
from bioloom.widgets._annotating_form import AnnotatingForm
from bioloom.widgets._parts import enable

_LIVE_DELAY_MS = 30
_EDIT_DELAY_MS = 300
_BUSY_DELAY_MS = 400
_LISTED = 20


class AnnotatingPanel(AnnotatingForm):
    """Base of the panels, which say what is marked and what is shown.

    Parameters
    ----------
    viewer, session
        See :class:`bioloom.widgets._annotating_form.AnnotatingForm`.

    Attributes
    ----------
    answer
        What the classifier said last about the chosen layer; None if it said nothing yet.
    answered
        The layer that it is about.
    """

    def __init__(self, viewer: Any, session: TrainingSession[Any, Any]) -> None:
        super().__init__(viewer, session)
        self.answer: Any = None
        self.answered: Any = None
        self._ring: Any = None
        self._input: Any = ()
        self._marked: Any = ()
        self._sources: dict[int, ObjectSource] = {}
        self._busy_timer = self._timer(_BUSY_DELAY_MS, self._show_busy)
        self._live_timer = self._timer(_LIVE_DELAY_MS, self._train_live)
        self._edit_timer = self._timer(_EDIT_DELAY_MS, self._objects_edited)
        self._ring_timer = self._timer(0, self._take_ring_away)

    def _timer(self, delay: int, action: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(delay)
        timer.timeout.connect(action)
        return timer

    def lay_out(self, *results: QWidget) -> None:
        """Fill the panel and connect its parts."""
        super().lay_out(*results)
        self.labels.layer_changed.connect(self._labels_changed)
        self.images.changed.connect(self._input_changed)
        self.axes.changed.connect(self._input_changed)
        self.features.changed.connect(self._live_timer.start)
        self.marking.changed.connect(self._marks_changed)
        self.marking.edited.connect(lambda layer: self._edit_timer.start())
        self.marking.looked.connect(self._ring_timer.start)
        self.marking.classes.names_changed.connect(lambda names: self._list_doubts())
        self.marking.classes.colours_changed.connect(lambda colours: self.recolour())
        self.keep_box.toggled.connect(lambda on: self._live_timer.start())
        self.live.toggled.connect(lambda on: self._live_timer.start() if on else None)
        self.together.toggled.connect(lambda on: self._live_timer.start())
        self.uncertain.next_wanted.connect(lambda: self.attempt(self.next_uncertain))
        self.uncertain.visited.connect(lambda row: self.attempt(lambda: self.visit(row)))
        self.apply_button.clicked.connect(lambda on: self.attempt(self.apply))
        self.undo_training_button.clicked.connect(lambda on: self.attempt(self.undo_training))
        self.on_close(self.marking.close_down)
        self.on_close(self.scores.jobs.cancel)
        self.on_close(lambda: layers.remove(self.viewer, self._ring))
        for timer in (self._live_timer, self._busy_timer, self._edit_timer, self._ring_timer):
            self.on_close(timer.stop)
        self.on_close(self.session.forget)
        self._labels_changed(self.labels.layer)
        self.show_classifier()

    def recolour(self) -> None:
        """Show other colours of classes."""
        self._list_doubts()
        self.scores.set_colours(self.colours())

    # -------------------------------------------------------------------------------------------- input
    def _labels_changed(self, layer: Any) -> None:
        self.images.follow(layer)
        self.axes.follow(layer, physical=True)
        enable(self.train_button, layer is not None, "There is no layer of objects: segment an image first")
        if self.answered is not layer:
            self.answer = self.answered = None
            layers.remove(self.viewer, self._ring)
        self._list_doubts()
        self._input_changed()

    def _input_changed(self) -> None:
        layer = self.labels.layer
        chosen = (layer, tuple(map(id, self.images.images)), self.axes.has_time, self.axes.physical)
        if chosen == self._input:
            # Lists of layers are also read again where nothing that matters here changed.
            return
        self._input = chosen
        self.marking.follow(layer, self.axes.has_time)
        self.list_measurements(2 if layer is None else max(2, min(3, layer.ndim - self.axes.has_time)))
        self._live_timer.start()

    def source(self) -> ObjectSource:
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
        listed = ", ".join(f"{layer.name} ({len(marks.classes)})" for layer, marks in marked)
        self.together.setToolTip(f"Train on what is marked in every layer, not only in the one chosen: {listed}")
        with contextlib.suppress(InputError):
            # For the time when another layer is chosen, and this one still trains.
            self.source()
        if not self.live.isChecked():
            self._list_doubts()
        self._tell_marks()
        self._live_timer.start()

    def _tell_marks(self) -> None:
        """Say what is marked, where no answer will: what was said before was about other marks."""
        counts = [(id(layer), tuple(sorted(marks.counts().items()))) for layer, marks in self.marking.all_marks()]
        if counts == list(self._marked):
            return
        self._marked = tuple(counts)
        here = [c for name, c in counts if self.together.isChecked() or name == id(self.labels.layer)]
        found = {k for c in here for k, _ in c}
        if found and self.base is not None:
            found |= set(self.base.classes_.tolist())
        n = sum(number for c in here for _, number in c)
        what = f"{n} {self.noun}{' is' if n == 1 else 's are'} marked"
        if len(found) > 1:
            if not self.live.isChecked():
                self.say(f"{what}. Click ‘Train’.")
            return
        if self.live.isChecked():
            # An answer that is still on its way is about marks that are gone.
            self.jobs.cancel()
        text = f"{what}, all in {self.name_of(*found)}" if found else f"No {self.noun} is marked"
        shown = " What is shown is from the last training." if self.answer is not None else ""
        self.say(f"{text}: mark {self.noun}s of two classes to train.{shown}")

    def _objects_edited(self) -> None:
        """Measure anew if objects were edited; that a layer was merely drawn again looks the same from outside."""
        layer = self.labels.layer
        if layer is None or not isinstance(layers.pixels(layer), np.ndarray):
            return
        measured = self.session.find(id(layer))
        frame = layers.current_frame(self.viewer, layer, self.axes.has_time)
        if measured is not None and measured.still_shows(layers.pixels(layer), frame):
            return
        self.session.edited(id(layer))
        self.marking.objects_edited()
        self._live_timer.start()

    # -------------------------------------------------------------------------------------------- training
    def train(self) -> None:
        """Train on what is marked, and classify everything."""
        layer, source = self.labels.layer, self.source()
        self.marking.read()
        if self.marking.marks is None:
            ways = f"‘{self.marking.click_button.text()}’ or ‘{self.marking.brush_button.text()}’"
            raise InputError(f"There is no annotation. Click {ways} and mark {self.noun}s of two classes.")
        measured = self.session.find(id(layer))
        if measured is not None and not measured.still_shows(source.labels):
            self.session.edited(id(layer))
            self.marking.objects_edited()
        self._start_training(layer, source)

    def _start_training(self, layer: Any, source: ObjectSource) -> None:
        examples = [(id(layer), source, self.marking.marks.classes if self.marking.marks else {})]
        examples += [
            (id(other), self._sources[id(other)], marks.classes)
            for other, marks in (self.marking.all_marks() if self.together.isChecked() else [])
            if other is not layer and id(other) in self._sources
        ]
        settings = {"base": self.base, "features": self.features.checked(), **self.all_forest_settings()}
        self.jobs.start(
            "Training",
            lambda progress: self.train_and_classify(examples, settings, progress),
            lambda answer: self._show_answer(answer, layer),
        )

    def _train_live(self) -> None:
        marks = self.marking.marks
        if not self.live.isChecked() or marks is None or self.labels.layer is None:
            return
        found = set(marks.classes.values())
        if found and self.base is not None:
            found |= set(self.base.classes_.tolist())
        if self.together.isChecked():
            found |= {k for _, other in self.marking.all_marks() for k in other.classes.values()}
        if len(found) < 2 or not self.features.checked():
            # Half an annotation is no mistake while it is made; the list of classes says what is missing.
            return
        try:
            self._start_training(self.labels.layer, self.source())
        except BioloomError as error:
            self.say(str(error))

    def apply(self) -> None:
        """Apply the classifier at hand to the chosen layer."""
        self._apply()

    def _apply(self, before: str = "") -> None:
        self.session.trained()
        layer, source = self.labels.layer, self.source()
        self.jobs.start(
            "Classifying",
            lambda progress: self.session.classify(id(layer), source, progress),
            lambda answer: self._show_answer(answer, layer, before),
        )

    def undo_training(self) -> None:
        """Go back to the classifier before the last one, until the next mark is answered."""
        self._live_timer.stop()
        self.jobs.cancel()
        if self.session.undo_training():
            self.show_classifier()
            self._apply("The classifier before the last training is back. ")

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
    def _show_answer(self, answer: Any, layer: Any, before: str = "") -> None:
        if not self.still_there(layer):
            return
        self.answer, self.answered = answer, layer
        layers.note_use(layer)
        active = layers.active_layer(self.viewer)
        text = self.show_result(answer, layer)
        if active is not None and active in self.viewer.layers:
            self.viewer.layers.selection.active = active
        self.show_classifier()
        self.scores.score(answer.classifier, self.colours())
        self._list_doubts()
        self.say(" ".join(filter(None, [before + text, answer.doubt])))

    def raise_marks(self, above: Any) -> None:
        """Keep the marks above a layer."""
        marks = self.annotation.layer
        if marks is not None and self.viewer.layers.index(marks) < self.viewer.layers.index(above):
            layers.raise_layer(self.viewer, marks)

    def colours(self) -> dict[int, str]:
        """Return the colour of each class."""
        return self.marking.classes.colours()

    def name_of(self, class_id: int) -> str:
        """Return what a class is called."""
        return self.marking.classes.names().get(class_id, f"class {class_id}")

    # -------------------------------------------------------------------------------------------- what to look at next
    def marked(self) -> dict[Any, int]:
        """Return the classes of what is marked in the chosen layer."""
        return self.marking.marks.classes if self.marking.marks is not None else {}

    def _list_doubts(self) -> None:
        if self.answer is None:
            self.uncertain.show_doubts([], known=False)
        else:
            rows = self.answer.most_uncertain(self.marked(), _LISTED)
            self.uncertain.show_doubts([self.doubt(row) for row in rows.tolist()])

    def next_uncertain(self) -> None:
        """Show what the classifier is least sure of, and what was neither annotated nor visited yet."""
        if self.answer is None:
            raise InputError(f"There is no classifier yet. Annotate {self.noun}s of two classes first.")
        row = self.session.next_uncertain(id(self.answered), self.answer, self.marked())
        if row is not None:
            self.visit(row)

    def visit(self, row: int) -> None:
        """Bring an item of the answer to the middle of the view."""
        layer = self.answered
        if self.answer is None or layer not in self.viewer.layers:
            return
        frame = self.answer.key(row)[0]
        centre, size = self.place(row)
        if self.answer.objects.source.frame_axis is not None:
            centre, size = [float(frame), *centre], [1.0, *size]
        layers.look_at(self.viewer, layer, centre, size)
        self._ring = layers.show_ring(self.viewer, layer, centre, size, self._ring)
        self.session.visit(id(layer), self.answer.key(row))
        self.uncertain.mark(row)
        doubt = self.doubt(row)
        name = f"{self.noun.capitalize()} {doubt.name}"
        self.say(f"{name}: {doubt.what}, {100 * doubt.probability:.0f} %. Press a number to give it a class.")

    def _take_ring_away(self) -> None:
        # Later than what was looked at last, because who goes on to the next one looks at nothing in between.
        if self.marking.current is None:
            layers.remove(self.viewer, self._ring)

    def put_behind(self) -> None:
        """Look at nothing any more: the user does something else."""
        self.marking.look_at(None)

    # -------------------------------------------------------------------------------------------- classifier
    @property
    def classifier(self) -> Any:
        """The classifier that was trained or loaded last, or None."""
        return self.session.classifier

    @classifier.setter
    def classifier(self, classifier: Any) -> None:
        self.session.classifier = classifier

    def load(self, path: str) -> None:
        """Load a classifier from a file; the next mark would train it anew, so that Live is switched off."""
        self.live.setChecked(False)
        # What is still being trained must not take the place of what is loaded.
        self._live_timer.stop()
        self.jobs.cancel()
        super().load(path)
        self.loaded = self.classifier
        enable(self.keep_box, True, "")
        self.keep_box.setChecked(self.loaded.samples_ is not None)
        self.scores.score(self.classifier, self.colours())

    def show_classifier(self) -> None:
        """Show what there is of a classifier."""
        super().show_classifier()
        enable(self.undo_training_button, self.session.can_undo_training, "There was no training before this one")
