"""What the Pixel classifier panel learns from: the image, its annotation, the classes and the training set."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from bioloom import layers
from bioloom.errors import BioloomError, InputError
from bioloom.layers.annotating import colour_classes, on_keys
from bioloom.layers.painted import erase_class, name_classes, on_label, paint_with, view_region
from bioloom.session.image_stack import ImageStack
from bioloom.session.live_training import AnnotatedFrame
from bioloom.session.live_view import Scene
from bioloom.widgets._parts import enable
from bioloom.widgets._pixel_form import PixelForm
from bioloom.widgets._pixel_members import TrainingImage
from bioloom.widgets._training_list import TrainingMember

_VIEW_MS = 40


class PixelInput(PixelForm):
    """Base of the panel: follows what is chosen and painted, and says so by the timers below.

    Attributes
    ----------
    _view_timer, _edit_timer : QTimer
        Run out soon after something else came into view, and at once after an edit.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self._stop_annotation: list[Any] = []
        self._last_scores: Any = None
        self._guide = ""
        self._view_timer = self._timer(_VIEW_MS, self._look)
        self._edit_timer = self._timer(0, self._after_edit)
        self._connect_input()

    def _look(self) -> None:
        raise NotImplementedError

    def _after_edit(self) -> None:
        raise NotImplementedError

    def _show_scores(self, scores: Any) -> None:
        raise NotImplementedError

    def _connect_input(self) -> None:
        training, parts = self.training, self.training_list
        training.edited.connect(lambda entry: self._edit_timer.start())
        training.pressed.connect(self.loop.hand_down)
        training.changed.connect(self._list_training)
        self.loop.counted.connect(self._counted)
        self.images.changed.connect(self._image_changed)
        self.annotation.layer_changed.connect(self._annotation_changed)
        self.new_button.clicked.connect(lambda: self.attempt(self.new_annotation))
        self.axes.changed.connect(self._axes_changed)
        self.classes.class_chosen.connect(self._class_chosen)
        self.classes.class_removed.connect(self._class_removed)
        for signal in (self.classes.names_changed, self.classes.colours_changed, self.classes.class_added):
            signal.connect(lambda what: self._dress())
        parts.add_requested.connect(lambda: self.attempt(self._add_current))
        parts.remove_requested.connect(lambda key: training.remove(self._entry(key)))
        parts.go_to_requested.connect(lambda key: self.go_to(self._entry(key)))
        parts.used_changed.connect(self._used_changed)
        self.on_close(self._leave_annotation)
        self.on_close(self._view_timer.stop)
        self.on_close(self._edit_timer.stop)
        self.on_close(training.stop)

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
        if current is None and self.annotation.layer is not None:
            return
        if current is not None:
            if current.own in chosen:
                return
            current.leave()
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
            if entry is not None and entry.own not in chosen:
                # The annotation of another image: go there.
                self.go_to(entry)
            elif chosen:
                entry = self._take_up(chosen, layer)
            self.training.prune(entry)
            self._stop_annotation = [
                on_label(layer, self.classes.set_current),
                on_keys(layer, {str(k): partial(self._number_key, k) for k in range(1, 10)}),
            ]
            self.classes.set_current(int(layer.selected_label))
            self._dress()
        self._list_training()
        self._count()

    def _take_up(self, chosen: list[Any], layer: Any) -> TrainingImage | None:
        """Add the chosen image to the training set; one that cannot be trained on is refused with the reason."""
        try:
            if len(chosen) > 1:
                self.stack()
            return self.training.add(chosen, layer, self.axes.has_time)
        except InputError as error:
            self.report(error)
            return None

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
        self.guide(
            "Paint class 1 (such as background), then press 2 for class 2 and paint that. Then click ‘Train’, or check "
            "‘Live’."
        )

    def guide(self, text: str) -> None:
        """Say what to do next, until it is done."""
        self._guide = text
        self.say(text)

    def _guide_on(self, counts: Mapping[int, int]) -> None:
        """Say what comes after the step that was told last, where that has been done."""
        if not self._guide or self.status.text.text() != self._guide:
            return
        if len(counts) > 1:
            self.guide("" if self.live.isChecked() else "Click ‘Train’, or check ‘Live’.")
        elif counts:
            (painted,) = counts
            other = next((k for k in self.classes.ids() if k != painted), 2)
            self.guide(f"Class {painted} is painted. Press {other} for class {other}, and paint that.")

    def stack(self) -> ImageStack:
        """Return the chosen image.

        Raises
        ------
        InputError
            If the layers that are ticked cannot be the channels of one.
        """
        shapes = {layer.name: tuple(layers.pixels(layer).shape[: layer.ndim]) for layer in self.images.images}
        if len(set(shapes.values())) > 1:
            listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
            raise InputError(
                f"Images that are ticked together are the channels of one image, but these differ in shape: {listed}. "
                "To train on several images, tick one at a time and click ‘New annotation’ for each, or ‘Add current’ "
                "under Training images."
            )
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
        known = self.classes.ids()
        if not self.training.entries and self.annotation.layer is None:
            self._forget_classes()
        self.classes.set_counts(total)
        if self.classes.ids() != known:
            self._dress()
        self._list_training()
        if total:
            self._guide_on(total)

    def _forget_classes(self) -> None:
        """Forget classes that came with an annotation which is gone, but for those that have a name or are known."""
        classifier = self.session.classifier
        kept = {1, 2, *([] if classifier is None else classifier.classes_.tolist())}
        kept |= {k for k, name in self.classes.names().items() if name != f"class {k}"}
        if not kept >= set(self.classes.ids()):
            ids = [k for k in self.classes.ids() if k in kept]
            self.classes.set_classes(ids, self.classes.names(), self.classes.colours())

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
