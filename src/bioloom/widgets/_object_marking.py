"""Marks objects with classes: by clicks, by brush, and by number keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bioloom import layers
from bioloom.errors import InputError
from bioloom.session.object_annotation import Box, ObjectAnnotation, ObjectKey
from bioloom.session.selection import Selection
from bioloom.widgets._marking import Marking


class ObjectMarking(Marking):
    """The classes, and the ways to give them to objects.

    Parameters
    ----------
    viewer, attempt, say
        See :class:`bioloom.widgets._marking.Marking`.
    find_box
        Returns where an object of a layer lies, if that is known.
    """

    role = "object annotation"
    noun = "object"
    how_to_start = "Dab a few objects with class 1, press 2 for class 2, and dab some others."
    how_to_click = "Click a few objects of class 1; then choose class 2 and click some others."
    hint_clicking = "Click: give the class. Again, Alt or right click: take it away."
    hint_painting = "Paint over objects."
    hint_else = "Select objects (click, lasso, rows of the table) to give them a class."
    keys_of_current = "1–9: give the object in the ring a class."
    keys_of_chosen = "1–9: give the selected objects a class."
    keys_of_classes = "1–9: choose the class."

    def __init__(
        self,
        viewer: Any,
        attempt: Callable[[Callable[[], object]], None],
        say: Callable[[str], None],
        find_box: Callable[[Any, ObjectKey], Box | None],
    ) -> None:
        self._find_box = find_box
        self._selection: Selection | None = None
        self._answered: ObjectKey | None = None
        super().__init__(viewer, attempt, say)
        self.click_button.setText("Click objects")
        self.click_button.setToolTip(
            "Click an object to give it the chosen class; click it again, with Alt or with the right button to take "
            "the class away. Dragging still moves the view"
        )
        self.brush_button.setText("Brush")
        self.brush_button.setToolTip("Paint over objects with the brush of the annotation layer")

    def make_marks(self, objects: Any, labels: np.ndarray, image: np.ndarray, has_frames: bool) -> ObjectAnnotation:
        """Read the marks in an image of annotations."""
        marks = ObjectAnnotation(labels, image, has_frames)
        marks.find_box = lambda key: self._find_box(objects, key)
        return marks

    def clicked(self, frame: int, label: int, remove: bool, plain: bool) -> None:
        """Give the object that was clicked the chosen class, or take it away."""
        if remove:
            self.marks.assign([(frame, label)], 0)
        elif plain:
            self.marks.click((frame, label), self.class_id)
        if remove or plain:
            # It has its answer: a number key now chooses the class of the next click.
            self._answered = (frame, label)
            self.look_at(None)

    # ------------------------------------------------------------------------------------------ selected objects
    def watch(self, objects: Any) -> None:
        """Follow the selection that the image shares with tables and plots."""
        self.look_at(None)
        objects.events.features.connect(self._find_selection)
        self._release += [lambda: objects.events.features.disconnect(self._find_selection), self._leave_selection]
        self._find_selection()

    def _find_selection(self, event: Any = None) -> None:
        if self._selection is None and self.objects is not None and layers.has_table(self.objects):
            try:
                self._selection = layers.selection_of(self.objects)
            except InputError:
                # A table made elsewhere that does not fit; measuring replaces it.
                return
            self._selection.changed.connect(self._selection_changed)
        self._update_keys()

    def _leave_selection(self) -> None:
        if self._selection is not None:
            self._selection.changed.disconnect(self._selection_changed)
            self._selection = None

    def _selection_changed(self) -> None:
        # Another choice than what was looked at.
        if self._chosen() != [self._answered]:
            self._answered = None
        self.look_at(None)

    def something_chosen(self) -> bool:
        """Tell whether objects are selected, other than the one whose click gave it a class."""
        chosen = self._chosen()
        return bool(chosen) and (chosen != [self._answered] or self.current is not None)

    def _chosen(self) -> list[ObjectKey]:
        """Return frame and label of every selected object."""
        selection = self._selection
        if selection is None:
            return []
        rows = np.flatnonzero(selection.mask)
        frames = selection.frames[rows] if selection.has_frames else np.zeros(len(rows), int)
        return list(zip(frames.tolist(), selection.labels[rows].tolist(), strict=True))

    def key_pressed(self, class_id: int) -> None:
        """Give the objects that are selected in the image, a table or a plot a class."""
        if self.is_painting():
            self._mark_current(class_id)
            return
        chosen = self._chosen()
        if not chosen:
            return
        self.need_annotation()
        n = self.marks.assign(chosen, class_id)
        self.classes.set_current(class_id)
        self.look_at(None)
        self._say(f"{len(chosen)} selected object{'s' * (len(chosen) != 1)} in class {class_id} ({n} changed).")

    def _mark_current(self, class_id: int) -> None:
        """Give the object that is looked at a class."""
        if self.current is None:
            return
        key = self.current
        self.need_annotation()
        self.marks.assign([key], class_id)
        self.classes.set_current(class_id)
        self.look_at(None)
        self._say(f"Object {key[1]} in class {class_id}.")
