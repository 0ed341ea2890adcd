"""Classes that were painted over objects, with a history: what annotations of objects and of pairs share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from bioloom.errors import InputError

_HISTORY = 200

Key = TypeVar("Key", bound=tuple[int, ...])


@dataclass(frozen=True)
class Step:
    """Pixels of the annotation that were changed, as positions in the flattened array."""

    where: NDArray[np.int64]
    before: NDArray[Any]
    after: NDArray[Any]


class PaintedAnnotation(Generic[Key]):
    """An image of class ids that is painted from outside and written to from inside; both can be undone.

    Parameters
    ----------
    labels
        Objects, (y, x) or (z, y, x), with time first if `has_frames`; in memory.
    annotation
        Same shape, whole numbers: 0 where nothing is annotated. It is written to.
    has_frames
        Whether the first axis is time.

    Attributes
    ----------
    changed : Signal()
        Something got or lost a class.

    Raises
    ------
    InputError
        If shapes differ.
    """

    changed = Signal()

    def __init__(self, labels: NDArray[Any], annotation: NDArray[Any], has_frames: bool) -> None:
        if labels.shape != annotation.shape:
            raise InputError(
                f"The annotation has the shape {annotation.shape}, but the objects {labels.shape}. "
                "Click ‘New annotation’ for one that fits."
            )
        self.labels, self.annotation, self.has_frames = labels, annotation, has_frames
        self._seen: NDArray[Any] = annotation.copy()
        self._classes: dict[Key, int] = {}
        self._past: list[Step] = []
        self._future: list[Step] = []

    # ------------------------------------------------------------------------------------------ what there is
    @property
    def classes(self) -> dict[Key, int]:
        """Class id by what is annotated; a copy."""
        return dict(self._classes)

    def class_of(self, key: Key) -> int:
        """Return the class of one, 0 if it has none."""
        return self._classes.get(key, 0)

    def counts(self) -> dict[int, int]:
        """Return how many are annotated per class."""
        return dict(sorted(Counter(self._classes.values()).items()))

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to make again."""
        return bool(self._future)

    # ------------------------------------------------------------------------------------------ painting
    def assign(self, keys: Iterable[Key], class_id: int) -> int:
        """Give some a class, 0 taking it away; return how many were changed."""
        raise NotImplementedError

    def click(self, key: Key, class_id: int) -> int:
        """Give one a class, or take it away if it has this class already; return the class it has now."""
        self.assign([key], 0 if self.class_of(key) == class_id else class_id)
        return self.class_of(key)

    def relabel(self, labels: NDArray[Any] | None = None) -> None:
        """Read all classes anew, after objects were edited, or for other objects of the same shape."""
        if labels is not None:
            if labels.shape != self.annotation.shape:
                raise InputError(
                    f"The objects have the shape {labels.shape} now, but the annotation {self.annotation.shape}. "
                    "Click ‘New annotation’ for one that fits."
                )
            self.labels = labels
        before, self._classes = self._classes, {}
        self._read_everything()
        if self._classes != before:
            self.changed.emit()

    def remove_class(self, class_id: int) -> int:
        """Take a class away from all that have it, and its strokes beside them, too."""
        where = np.flatnonzero(self.annotation == class_id)
        n = sum(k == class_id for k in self._classes.values())
        if len(where):
            self._check_class(0)
            self._write(where, np.zeros(len(where), self.annotation.dtype))
            self._classes = {key: k for key, k in self._classes.items() if k != class_id}
            self.changed.emit()
        return n

    def read(self) -> bool:
        """Look for what was painted or erased since the last time; return whether anything was."""
        parts = []
        for frame in self._frames():
            now, seen = self._frame(self.annotation, frame), self._frame(self._seen, frame)
            if np.array_equal(now, seen):
                continue
            where = np.flatnonzero(now != seen)
            parts.append((frame, where, seen.ravel()[where]))
        if not parts:
            return False
        self._check_class(0)
        steps = [self._settle(frame, where, before) for frame, where, before in parts]
        self._remember(Step(*(np.concatenate(arrays) for arrays in zip(*steps, strict=True))))
        self.changed.emit()
        return True

    def _settle(
        self, frame: int, where: NDArray[np.int64], before: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """Let the last stroke count in a frame.

        Parameters
        ----------
        frame
            Its number.
        where
            Positions in the flattened frame of the pixels that were painted or erased.
        before
            What they were.

        Returns
        -------
        tuple of numpy.ndarray
            Positions in the flattened annotation of all pixels that changed, what they were, and what they are.
        """
        raise NotImplementedError

    def _read_everything(self) -> None:
        """Set the classes by the annotation."""
        raise NotImplementedError

    def _reread(self, where: NDArray[np.int64]) -> None:
        """Set the classes again of what lies at these positions of the flattened annotation."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------ history
    def undo(self) -> bool:
        """Take the last change back; return whether there was one."""
        if not self._past:
            return False
        step = self._past.pop()
        self._future.append(step)
        self._restore(step.where, step.before)
        return True

    def redo(self) -> bool:
        """Make the change again that was taken back last; return whether there was one."""
        if not self._future:
            return False
        step = self._future.pop()
        self._past.append(step)
        self._restore(step.where, step.after)
        return True

    def _restore(self, where: NDArray[np.int64], values: NDArray[Any]) -> None:
        for array in (self.annotation, self._seen):
            array[np.unravel_index(where, array.shape)] = values
        self._reread(where)
        self.changed.emit()

    # ------------------------------------------------------------------------------------------ inside
    def _check_class(self, class_id: int) -> None:
        largest = int(np.iinfo(self.annotation.dtype).max)
        if not 0 <= class_id <= largest:
            raise InputError(f"Class {class_id} does not fit: this annotation holds classes up to {largest}.")
        if not self.annotation.flags.writeable:
            raise InputError("This annotation cannot be changed. Click ‘New annotation’ for one that can.")

    def _frames(self) -> range:
        return range(len(self.labels)) if self.has_frames else range(1)

    def _frame(self, array: NDArray[Any], frame: int) -> NDArray[Any]:
        return array[frame] if self.has_frames else array

    def _write(self, where: NDArray[np.int64], values: NDArray[Any]) -> None:
        at = np.unravel_index(where, self.annotation.shape)
        step = Step(where, self.annotation[at], values)
        self.annotation[at] = values
        self._seen[at] = values
        self._remember(step)

    def _remember(self, step: Step) -> None:
        self._past.append(step)
        del self._past[:-_HISTORY]
        self._future.clear()
