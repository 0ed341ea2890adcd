"""Marks pairs of touching objects: to be merged, or to be kept apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bioloom.classify.object_pairs import KEEP, MERGE
from bioloom.session.pair_annotation import PairAnnotation
from bioloom.widgets._marking import Marking

NAMES = {MERGE: "merge", KEEP: "keep apart"}


class PairMarking(Marking):
    """The two classes, and the ways to give them to pairs.

    Parameters
    ----------
    viewer, attempt, say
        See :class:`bioloom.widgets._marking.Marking`.
    """

    role = "pair annotation"
    noun = "pair"
    how_to_start = "Draw short lines across borders that should vanish; press 2 and draw across some that should stay."
    how_to_click = "Click an object, then one that touches it and belongs to it; then choose class 2 and go on."
    hint_clicking = "Click an object, then its neighbour. With Alt or the right button: take the class away."
    hint_painting = "Draw across borders between objects."
    hint_else = "Press ‘Draw’ or ‘Click two objects’ to mark pairs."
    keys_of_current = keys_of_chosen = "Pair in the ring: 1 merges, 2 keeps apart."
    keys_of_classes = "1: merge, 2: keep apart."

    def __init__(
        self, viewer: Any, attempt: Callable[[Callable[[], object]], None], say: Callable[[str], None]
    ) -> None:
        self._first: tuple[int, int] | None = None
        super().__init__(viewer, attempt, say)
        self.classes.set_classes(NAMES, NAMES)
        self.classes.add_button.hide()
        self.classes.remove_button.hide()
        self.click_button.setText("Click two objects")
        self.click_button.setToolTip(
            "Click an object and then one that touches it to give the pair the chosen class; again, with Alt or with "
            "the right button to take the class away. Dragging still moves the view"
        )
        self.brush_button.setText("Draw")
        self.brush_button.setToolTip("Draw short lines across borders with the brush of the annotation layer")
        self.click_button.toggled.connect(lambda on: self._forget_first())

    def make_marks(self, objects: Any, labels: np.ndarray, image: np.ndarray, has_frames: bool) -> PairAnnotation:
        """Read the marks in an image of annotations."""
        return PairAnnotation(labels, image, has_frames)

    def watch(self, objects: Any) -> None:
        """Forget what was begun in another layer."""
        self.look_at(None)
        self._forget_first()

    def _forget_first(self) -> None:
        self._first = None

    def clicked(self, frame: int, label: int, remove: bool, plain: bool) -> None:
        """Remember the first object of a pair; with the second, give the pair the chosen class or take it away."""
        if not remove and not plain:
            return
        first, self._first = self._first, (frame, label)
        if first is None or first[0] != frame:
            self._say(f"Object {label}: now click the one that touches it.")
            return
        self._first = None
        if first[1] == label:
            self._say("")
            return
        key = frame, first[1], label
        if self.marks.pairs.row(key) is None:
            self._say(f"Objects {first[1]} and {label} do not touch each other.")
        elif remove:
            self.marks.assign([key], 0)
        else:
            now = self.marks.click(key, self.class_id)
            self.look_at(None)
            self._say(f"Objects {first[1]} and {label}: {NAMES.get(now, 'no class')}.")

    def something_chosen(self) -> bool:
        """Tell whether a pair is looked at."""
        return self.current is not None

    def key_pressed(self, class_id: int) -> None:
        """Give the pair that is looked at a class."""
        if self.current is None or class_id not in NAMES:
            return
        key = self.current
        self.need_annotation()
        self.marks.assign([key], class_id)
        self.classes.set_current(class_id)
        self.look_at(None)
        self._say(f"Objects {key[1]} and {key[2]}: {NAMES[class_id]}.")
