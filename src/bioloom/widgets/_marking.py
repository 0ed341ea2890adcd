"""Gives classes to what is seen on the canvas: by clicks, by brush, and by number keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QTimer, Signal

from bioloom import layers
from bioloom.errors import BioloomError, InputError
from bioloom.session.painted_annotation import PaintedAnnotation
from bioloom.widgets._marking_form import MarkingForm
from bioloom.widgets._number_keys import NumberKeys
from bioloom.widgets._parts import enable

_READ_DELAY_MS = 60
_MOST_VALUES = 60
_DRAWING = ("paint", "erase", "fill", "polygon")


class Marking(MarkingForm):
    """The classes, and the ways to give them to objects, or to pairs of objects.

    Parameters
    ----------
    viewer
        The napari viewer.
    attempt
        Does something, and tells the user of errors.
    say
        Tells the user something.

    Attributes
    ----------
    current : tuple of int or None
        What is looked at: number keys give it a class, also while others are painted over.
    """

    current: Any = None

    changed = Signal()
    """Something in the chosen layer got or lost a class."""
    edited = Signal(object)
    """The objects of a layer themselves were edited."""
    looked = Signal()
    """Something else is looked at, or nothing any more."""

    def __init__(
        self, viewer: Any, attempt: Callable[[Callable[[], object]], None], say: Callable[[str], None]
    ) -> None:
        super().__init__(viewer)
        self._viewer, self._attempt, self._say = viewer, attempt, say
        self.objects: Any = None
        self.marks: PaintedAnnotation[Any] | None = None
        self._has_time = False
        self._stale = False
        self._all_marks: dict[int, tuple[Any, Any, PaintedAnnotation[Any]]] = {}
        self._release: list[Callable[[], object]] = []
        self.keys = NumberKeys(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_READ_DELAY_MS)
        self._timer.timeout.connect(lambda: self._attempt(self.read))

        self.annotation.layer_changed.connect(lambda layer: self._bind())
        self.new_button.clicked.connect(lambda on: attempt(self.new_annotation))
        self.click_button.toggled.connect(lambda on: attempt(self._click_mode))
        self.brush_button.clicked.connect(lambda on: attempt(self.paint))
        self.undo_button.clicked.connect(lambda on: self.undo())
        self.redo_button.clicked.connect(lambda on: self.redo())
        self.classes.class_chosen.connect(self._class_chosen)
        self.classes.class_removed.connect(self._class_removed)
        self.classes.colours_changed.connect(lambda colours: self._colour())
        self.keys.pressed.connect(lambda k: self._attempt(lambda: self.key_pressed(k)))
        viewer.layers.selection.events.active.connect(self._update_keys)
        viewer.layers.events.removed.connect(self._layer_removed)
        self._show_state()

    # ------------------------------------------------------------------------------------------ which objects
    def follow(self, objects: Any, has_time: bool) -> None:
        """Mark the objects of another layer; its marks so far are found again."""
        if objects is self.objects and has_time == self._has_time:
            return
        other = objects is not self.objects
        self.objects, self._has_time, self._stale = objects, has_time, True
        if other and objects is not None:
            self.annotation.choose(self._annotation_of(objects))
            if not self._fits(self.annotation.layer):
                self.annotation.setCurrentIndex(0)
        self._bind()
        if other and self.marks is None:
            # Clicks would mark nothing: there is nothing yet to keep the marks in.
            self.click_button.setChecked(False)

    def _annotation_of(self, objects: Any) -> Any:
        known = self._all_marks.get(id(objects))
        if known and known[1] in self._viewer.layers:
            return known[1]
        made = [a for a in layers.of_kind(self._viewer, "labels") if layers.role(a) == self.role]
        used = [entry[1] for entry in self._all_marks.values()]
        fitting = [a for a in made if self._fits(a) and (a not in used or layers.made_of(a) == objects.name)]
        return next((a for a in fitting if layers.made_of(a) == objects.name), next(iter(fitting), None))

    def _fits(self, annotation: Any) -> bool:
        if annotation is None or self.objects is None:
            return False
        return tuple(layers.pixels(annotation).shape) == tuple(layers.pixels(self.objects).shape)

    def all_marks(self) -> list[tuple[Any, PaintedAnnotation[Any]]]:
        """Return all layers of objects that are marked, and their marks; the chosen one comes first."""
        there = [(o, m) for o, _, m in self._all_marks.values() if o in self._viewer.layers and m.classes]
        return sorted(there, key=lambda pair: pair[0] is not self.objects)

    def _bind(self) -> None:
        """Read and watch the annotation that is chosen."""
        self._unbind()
        objects, annotation = self.objects, self.annotation.layer
        self.marks = None
        if objects is not None:
            self._release += [layers.on_edit(objects, self._objects_touched)]
            self.watch(objects)
        if objects is not None and annotation is not None and annotation is not objects:
            try:
                self._read_marks(objects, annotation)
            except BioloomError as error:
                self._say(str(error))
        if self.marks is not None:
            keys: dict[str, Callable[[], object]] = {
                str(k): lambda k=k: self.classes.choose(k)
                for k in range(1, 10)  # type: ignore[misc]
            }
            keys |= {"Control-Z": self.undo, "Control-Shift-Z": self.redo}
            self._release += [layers.on_keys(annotation, keys), layers.on_edit(annotation, self._timer.start)]
            annotation.events.selected_label.connect(self._label_chosen)
            annotation.events.mode.connect(self._update_keys)
            self._release += [lambda: annotation.events.selected_label.disconnect(self._label_chosen)]
            self._release += [lambda: annotation.events.mode.disconnect(self._update_keys)]
            if self.click_button.isChecked():
                self._watch_clicks(keys)
        self._colour()
        self._show_state()
        self.changed.emit()

    def _read_marks(self, objects: Any, annotation: Any) -> None:
        image = layers.pixels(annotation)
        if not isinstance(image, np.ndarray):
            raise InputError(f"‘{annotation.name}’ is not in memory, so it cannot be marked. Click ‘New annotation’.")
        known = self._all_marks.get(id(objects))
        same = known is not None and known[1] is annotation and known[2].annotation is image
        if known is not None and same and known[2].has_frames == self._has_time:
            self.marks = known[2]
            # It may have been painted, and the objects edited, while nobody looked.
            self.marks.read()
            if self._stale and isinstance(layers.pixels(objects), np.ndarray):
                self.marks.relabel(layers.pixels(objects))
        else:
            _check_annotation(image, annotation.name)
            self.marks = self.make_marks(objects, np.asarray(layers.pixels(objects)), image, self._has_time)
            self._all_marks[id(objects)] = objects, annotation, self.marks
        self._stale = False
        marks = self.marks
        marks.changed.connect(self._marks_changed)
        self._release += [lambda: marks.changed.disconnect(self._marks_changed)]

    def _unbind(self) -> None:
        for release in self._release:
            release()
        self._release.clear()

    def close_down(self) -> None:
        """Let go of everything outside of the panel."""
        self._timer.stop()
        self._unbind()
        self._viewer.layers.selection.events.active.disconnect(self._update_keys)
        self._viewer.layers.events.removed.disconnect(self._layer_removed)
        self.keys.close()

    def _layer_removed(self, event: Any) -> None:
        gone = getattr(event.value, "__wrapped__", event.value)
        self._all_marks = {k: entry for k, entry in self._all_marks.items() if gone not in entry[:2]}

    # ------------------------------------------------------------------------------------------ ways to mark
    def new_annotation(self) -> None:
        """Add an annotation layer over the objects, and paint on it."""
        self.need_annotation(new=True)
        self.paint()
        self._say(self.how_to_start)

    def need_annotation(self, new: bool = False) -> None:
        """Add an annotation layer if there is none yet; what is active stays so."""
        if self.objects is None:
            raise InputError("Choose a labels layer with objects first.")
        if self.marks is None or new:
            active = layers.active_layer(self._viewer)
            layer = layers.new_annotation(self._viewer, self.objects, self.class_id, name=self.role)
            # To mark objects that are selected is not to paint.
            layer.mode = "pan_zoom"
            if active is not None:
                self._viewer.layers.selection.active = active
            self.annotation.choose(layer)

    def paint(self) -> None:
        """Mark objects with the brush."""
        is_new = self.marks is None
        self.need_annotation()
        if is_new:
            self._say(self.how_to_start)
        self.click_button.setChecked(False)
        layer = self.annotation.layer
        self._viewer.layers.selection.active = layer
        layer.selected_label = self.class_id
        layer.mode = "paint"

    @property
    def class_id(self) -> int:
        """The class that is given now."""
        return self.classes.current or 1

    def _click_mode(self) -> None:
        if self.click_button.isChecked():
            is_new = self.marks is None
            try:
                self.need_annotation()
            except BioloomError:
                self.click_button.setChecked(False)
                raise
            if is_new:
                self._say(self.how_to_click)
            layers.activate(self._viewer, self.objects)
            self.annotation.layer.mode = "pan_zoom"
        self._bind()

    def _watch_clicks(self, keys: dict[str, Callable[[], object]]) -> None:
        self._release += [
            layers.on_canvas_click(
                self._viewer, self.objects, lambda click: self._attempt(lambda: self._clicked(click))
            ),
            layers.on_keys(self.objects, keys),
        ]

    def _clicked(self, click: layers.Click) -> None:
        if self.marks is None:
            return
        if not click.label:
            self._say(f"There is no object where you clicked in ‘{self.objects.name}’: it is background.")
            return
        if self._has_time and layers.shows_axis(self._viewer, self.objects, 0):
            self._say("Show time as a slider (2D view, time not rolled into the plane) to click objects of one frame.")
            return
        frame = round(click.position[0]) if self._has_time else 0
        self.clicked(frame, click.label, not click.left or "Alt" in click.modifiers, not click.modifiers)

    def undo(self) -> None:
        """Take the last mark back."""
        if self.marks is not None:
            self.marks.read()
            self.marks.undo()

    def redo(self) -> None:
        """Make the last mark again that was taken back."""
        if self.marks is not None:
            self.marks.read()
            self.marks.redo()

    def read(self) -> None:
        """Read what was painted since the last time."""
        if self.marks is None or self.annotation.layer is None:
            return
        if layers.pixels(self.annotation.layer) is not self.marks.annotation:
            self._bind()
        elif self.marks.read():
            # Who paints goes on elsewhere: a key then chooses the class of the next stroke.
            self.look_at(None)

    # ------------------------------------------------------------------------------------------ what happened
    def _marks_changed(self) -> None:
        # Marks are written beside napari, which shows them only when it is told to.
        if self.annotation.layer is not None:
            self.annotation.layer.refresh(extent=False)
        self._show_state()
        self.changed.emit()

    def _objects_touched(self) -> None:
        self._stale = True
        self.edited.emit(self.objects)

    def objects_edited(self) -> None:
        """Read the classes of all objects anew, because they were edited."""
        if self.marks is not None:
            self.marks.relabel(np.asarray(layers.pixels(self.objects)))

    def _class_chosen(self, class_id: int) -> None:
        if self.annotation.layer is not None:
            self.annotation.layer.selected_label = class_id

    def _label_chosen(self, event: Any = None) -> None:
        wanted = int(self.annotation.layer.selected_label)
        if wanted and wanted != self.classes.current:
            if wanted not in self.classes.ids() and wanted <= _MOST_VALUES:
                # Such as by M, napari's key for a label that is not used yet.
                ids = [*self.classes.ids(), wanted]
                self.classes.set_classes(ids, self.classes.names(), self.classes.colours())
                self._colour()
            self.classes.set_current(wanted)

    def _class_removed(self, class_id: int) -> None:
        if self.marks is not None:
            self._attempt(lambda: self.marks.remove_class(class_id))

    def _colour(self) -> None:
        if self.marks is not None:
            layers.colour_classes(self.annotation.layer, self.classes.colours())

    def _show_state(self) -> None:
        marks = self.marks
        for button in (self.new_button, self.click_button, self.brush_button):
            enable(button, self.objects is not None, "There is no layer of objects: segment an image first")
        enable(self.undo_button, marks is not None and marks.can_undo, "Nothing was marked yet")
        enable(self.redo_button, marks is not None and marks.can_redo, "No mark was taken back")
        before = self.classes.ids()
        self.classes.set_counts(marks.counts() if marks is not None else {})
        if self.classes.ids() != before:
            self._colour()
        self._update_keys()

    # ------------------------------------------------------------------------------------------ number keys
    def showEvent(self, event: Any) -> None:
        """Listen to number keys in the whole window: in plots and tables, too."""
        super().showEvent(event)
        self.keys.listen()
        self._update_keys()

    def _update_keys(self, event: Any = None) -> None:
        """Let number keys give what is looked at a class, and, while nothing is painted, what is chosen."""
        painting = self.is_painting()
        on = self.current is not None if painting else self.something_chosen()
        self.keys.set_enabled(on)
        hint = self.hint_painting if painting else self.hint_else
        keys = self.keys_of_current if self.current is not None else self.keys_of_chosen
        self.hint.setText(
            f"{self.hint_clicking if self.click_button.isChecked() else hint} {keys if on else self.keys_of_classes}"
        )

    def is_painting(self) -> bool:
        """Tell whether a stroke on the canvas would paint."""
        active = layers.active_layer(self._viewer)
        return active is not None and str(active.mode) in _DRAWING

    def look_at(self, key: Any) -> None:
        """Let number keys give this a class; None, such as once it has its answer, for nothing."""
        self.current = key
        self._update_keys()
        self.looked.emit()

    # ------------------------------------------------------------------------------------------ for subclasses
    def make_marks(
        self, objects: Any, labels: np.ndarray, image: np.ndarray, has_frames: bool
    ) -> PaintedAnnotation[Any]:
        """Read the marks in an image of annotations."""
        raise NotImplementedError

    def watch(self, objects: Any) -> None:
        """Begin to watch the chosen layer; what undoes it goes into `_release`."""

    def clicked(self, frame: int, label: int, remove: bool, plain: bool) -> None:
        """Mark what was clicked; `plain` tells that no key was held."""
        raise NotImplementedError

    def key_pressed(self, class_id: int) -> None:
        """Give what is chosen a class."""
        raise NotImplementedError

    def something_chosen(self) -> bool:
        """Tell whether there is something that a number key gives a class."""
        raise NotImplementedError


def _check_annotation(image: np.ndarray, name: str) -> None:
    if image.dtype.itemsize == 1:
        return
    n = len(np.unique(image[:: max(1, len(image) // 64)]))
    if n > _MOST_VALUES:
        raise InputError(
            f"‘{name}’ holds more than {_MOST_VALUES} different values, as a layer of objects does. "
            "Choose the layer in which you marked classes, or click ‘New annotation’."
        )
