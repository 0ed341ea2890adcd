"""Which objects were given which class: by a click, a key, or a stroke of the brush."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from bioloom.errors import InputError

ObjectKey: TypeAlias = tuple[int, int]
"""(frame, label); the frame is 0 where there is no time."""

Box: TypeAlias = tuple[slice, ...]

_HISTORY = 200
_LARGEST_REGION = 1 << 16
_CORE = 0.5  # of the largest distance to the edge of an object: what a mark fills


@dataclass(frozen=True)
class _Step:
    """Pixels of the annotation that were changed, as positions in the flattened array."""

    where: NDArray[np.int64]
    before: NDArray[Any]
    after: NDArray[Any]


class ObjectAnnotation:
    """The classes of annotated objects, written into an image of annotations that may be painted, too.

    The image alone says everything: the class of an object is the highest value inside it, as for
    :meth:`bioloom.classify.ObjectClassifier.fit`. An object that is marked gets a spot in its middle. Where something
    else is painted over an object that had a class, what was there before takes the new class, so that the last stroke
    counts.

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
        Objects got or lost a class.
    find_box : callable or None
        Returns where an object lies within its frame, if that is known; otherwise the frame is searched for it.

    Raises
    ------
    InputError
        If shapes differ or the annotation cannot be written to.
    """

    changed = Signal()

    def __init__(self, labels: NDArray[Any], annotation: NDArray[Any], has_frames: bool) -> None:
        if labels.shape != annotation.shape:
            raise InputError(
                f"The annotation has the shape {annotation.shape}, but the objects {labels.shape}. "
                "Click ‘New annotation’ for one that fits."
            )
        self.labels, self.annotation, self.has_frames = labels, annotation, has_frames
        self.find_box: Callable[[ObjectKey], Box | None] | None = None
        self._seen: NDArray[Any] = annotation.copy()
        self._classes: dict[ObjectKey, int] = {}
        self._past: list[_Step] = []
        self._future: list[_Step] = []
        self.relabel()

    # ------------------------------------------------------------------------------------------ what there is
    @property
    def classes(self) -> dict[ObjectKey, int]:
        """Class id by object; a copy."""
        return dict(self._classes)

    def class_of(self, key: ObjectKey) -> int:
        """Return the class of an object, 0 if it has none."""
        return self._classes.get(key, 0)

    def counts(self) -> dict[int, int]:
        """Return the number of objects per class."""
        return dict(sorted(Counter(self._classes.values()).items()))

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to make again."""
        return bool(self._future)

    # ------------------------------------------------------------------------------------------ marking
    def click(self, key: ObjectKey, class_id: int) -> int:
        """Give an object a class, or take it away if it has this class already; return the class it has now."""
        wanted = 0 if self.class_of(key) == class_id else class_id
        self.assign([key], wanted)
        return self.class_of(key)

    def assign(self, keys: Iterable[ObjectKey], class_id: int) -> int:
        """Give objects a class.

        Parameters
        ----------
        keys
            (frame, label); objects that do not exist are left out.
        class_id
            1 or higher; 0 takes the class away.

        Returns
        -------
        int
            How many objects were changed.

        Raises
        ------
        InputError
            If the annotation cannot hold such a class.
        """
        self._check_class(class_id)
        wanted = [key for key in dict.fromkeys(keys) if key[1] > 0 and self.class_of(key) != class_id]
        where, values, found = [], [], []
        for key, box, mask in self._regions(wanted):
            painted = self._frame(self.annotation, key[0])[box]
            marked = mask & (painted > 0)
            if class_id and not marked.any():
                marked = _core(mask)
            where.append(self._flat(key[0], box, marked))
            values.append(np.full(len(where[-1]), class_id, self.annotation.dtype))
            found.append(key)
        if not found:
            return 0
        self._write(np.concatenate(where), np.concatenate(values))
        for key in found:
            self._set_class(key, class_id)
        self.changed.emit()
        return len(found)

    def remove_class(self, class_id: int) -> int:
        """Take a class away from all objects that have it, and its strokes beside objects, too."""
        where = np.flatnonzero(self.annotation == class_id)
        n = sum(k == class_id for k in self._classes.values())
        if len(where):
            self._write(where, np.zeros(len(where), self.annotation.dtype))
            self._classes = {key: k for key, k in self._classes.items() if k != class_id}
            self.changed.emit()
        return n

    # ------------------------------------------------------------------------------------------ painting
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
        self._remember(_Step(*(np.concatenate(arrays) for arrays in zip(*steps, strict=True))))
        self.changed.emit()
        return True

    def _settle(
        self, frame: int, where: NDArray[np.int64], before: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        """Let the last stroke count in a frame; return all pixels that changed, what they were and what they are."""
        now = self._frame(self.annotation, frame)
        labels = self._frame(self.labels, frame)
        painted = now.ravel()[where].astype(np.int64)
        inside = labels.ravel()[where]
        touched = np.unique(inside[inside > 0])
        wanted = _highest(touched, inside, painted)
        at = np.flatnonzero(now)
        owner, value = labels.ravel()[at], now.ravel()[at].astype(np.int64)
        # Only erased: what is left decides.
        wanted = np.where(wanted > 0, wanted, _highest(touched, owner, value))
        row = _rows(touched, owner)
        old = at[(row >= 0) & (wanted[np.maximum(row, 0)] != value)] if len(touched) else at[:0]
        old = np.setdiff1d(old, where, assume_unique=True)
        before = np.concatenate([before, now.ravel()[old]])
        if len(old):
            now[np.unravel_index(old, now.shape)] = wanted[_rows(touched, labels.ravel()[old])]
        # Of two strokes of different classes over one object at a time, the higher one counts, too.
        both = where[(painted > 0) & (inside > 0)]
        if len(both):
            now[np.unravel_index(both, now.shape)] = wanted[_rows(touched, labels.ravel()[both])]
        everything = np.concatenate([where, old])
        after = now.ravel()[everything]
        seen = self._frame(self._seen, frame)
        seen[np.unravel_index(everything, seen.shape)] = after
        for label, class_id in zip(touched.tolist(), wanted.tolist(), strict=True):
            self._set_class((frame, label), class_id)
        return everything + frame * now.size * self.has_frames, before, after

    def relabel(self, labels: NDArray[Any] | None = None) -> None:
        """Read all classes anew, after objects were edited, or for other objects of the same shape."""
        if labels is not None:
            if labels.shape != self.annotation.shape:
                raise InputError(
                    f"The objects have the shape {labels.shape} now, but the annotation {self.annotation.shape}. "
                    "Click ‘New annotation’ for one that fits."
                )
            self.labels = labels
        before = self._classes
        self._classes = {}
        for frame in self._frames():
            now = self._frame(self.annotation, frame)
            at = np.flatnonzero(now)
            self._read_classes(frame, np.unique(self._frame(self.labels, frame).ravel()[at]), at)
        if self._classes != before:
            self.changed.emit()

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
        size = self._frame(self.annotation, 0).size
        frames = where // size if self.has_frames else np.zeros(len(where), np.int64)
        for frame in np.unique(frames).tolist():
            inside = self._frame(self.labels, frame).ravel()[where[frames == frame] - frame * size * self.has_frames]
            self._read_classes(frame, np.unique(inside), np.flatnonzero(self._frame(self.annotation, frame)))
        self.changed.emit()

    def _read_classes(self, frame: int, touched: NDArray[Any], at: NDArray[np.int64]) -> None:
        """Set the classes of some objects of a frame by the annotated pixels at these positions."""
        touched = touched[touched > 0]
        highest = _highest(
            touched, self._frame(self.labels, frame).ravel()[at], self._frame(self.annotation, frame).ravel()[at]
        )
        for label, class_id in zip(touched.tolist(), highest.tolist(), strict=True):
            self._set_class((frame, label), class_id)

    # ------------------------------------------------------------------------------------------ inside
    def _check_class(self, class_id: int) -> None:
        largest = int(np.iinfo(self.annotation.dtype).max)
        if not 0 <= class_id <= largest:
            raise InputError(f"Class {class_id} does not fit: this annotation holds classes up to {largest}.")
        if not self.annotation.flags.writeable:
            raise InputError("This annotation cannot be changed. Click ‘New annotation’ for one that can.")

    def _set_class(self, key: ObjectKey, class_id: int) -> None:
        if class_id:
            self._classes[key] = class_id
        else:
            self._classes.pop(key, None)

    def _frames(self) -> range:
        return range(len(self.labels)) if self.has_frames else range(1)

    def _frame(self, array: NDArray[Any], frame: int) -> NDArray[Any]:
        return array[frame] if self.has_frames else array

    def _regions(self, keys: list[ObjectKey]) -> Iterator[tuple[ObjectKey, Box, NDArray[np.bool_]]]:
        """Yield where objects lie in their frames, and their pixels there."""
        unknown: dict[int, list[int]] = {}
        for key in keys:
            frame, label = key
            if self.has_frames and not 0 <= frame < len(self.labels):
                continue
            box = self.find_box(key) if self.find_box else None
            mask = None if box is None else self._frame(self.labels, frame)[box] == label
            if box is None or mask is None or not mask.any():
                unknown.setdefault(frame, []).append(label)
            else:
                yield key, box, mask
        for frame, ids in unknown.items():
            labels = self._frame(self.labels, frame)
            for label, box in zip(sorted(ids), _boxes(labels, np.array(sorted(ids)).astype(labels.dtype)), strict=True):
                if box is not None:
                    yield (frame, label), box, labels[box] == label

    def _flat(self, frame: int, box: Box, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
        shape = self._frame(self.annotation, frame).shape
        at = tuple(np.asarray(a) + s.start for a, s in zip(np.nonzero(mask), box, strict=True))
        flat = np.ravel_multi_index(at, shape).astype(np.int64)
        return flat + frame * int(np.prod(shape)) * self.has_frames

    def _write(self, where: NDArray[np.int64], values: NDArray[Any]) -> None:
        at = np.unravel_index(where, self.annotation.shape)
        step = _Step(where, self.annotation[at], values)
        self.annotation[at] = values
        self._seen[at] = values
        self._remember(step)

    def _remember(self, step: _Step) -> None:
        self._past.append(step)
        del self._past[:-_HISTORY]
        self._future.clear()


def _highest(labels: NDArray[Any], owner: NDArray[Any], value: NDArray[Any]) -> NDArray[np.int64]:
    """Return the highest value that pixels of each label have; 0 where there are none. Labels are sorted."""
    result = np.zeros(len(labels), np.int64)
    row = _rows(labels, owner)
    known = row >= 0
    np.maximum.at(result, row[known], value[known].astype(np.int64))
    return result


def _rows(labels: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.intp]:
    """Find numbers in a sorted array, -1 where they are not."""
    if not len(labels):
        return np.full(len(wanted), -1, np.intp)
    at: NDArray[np.intp] = np.minimum(np.searchsorted(labels, wanted), len(labels) - 1)
    at[labels[at] != wanted] = -1
    return at


def _boxes(labels: NDArray[Any], ids: NDArray[Any]) -> list[Box | None]:
    """Return where some objects lie; None for those that do not exist."""
    from scipy import ndimage

    if len(ids) == 1:
        mask = labels == ids[0]
        return list(ndimage.find_objects(mask.view(np.uint8), 1))
    dense = np.zeros(labels.shape, np.int32)
    at = np.flatnonzero(labels)
    dense.ravel()[at] = _rows(ids, labels.ravel()[at]) + 1
    return list(ndimage.find_objects(dense, len(ids)))


def _core(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the middle of an object: what is at least half as far from its edge as any of its pixels."""
    from scipy import ndimage

    step = max(1, int(np.ceil((mask.size / _LARGEST_REGION) ** (1 / mask.ndim))))
    thin = mask[(slice(None, None, step),) * mask.ndim]
    if not thin.any():
        return mask
    distance = ndimage.distance_transform_edt(np.pad(thin, 1))[(slice(1, -1),) * mask.ndim]
    core = distance >= _CORE * distance.max()
    for axis in range(mask.ndim):
        core = np.repeat(core, step, axis=axis)
    core = core[tuple(slice(n) for n in mask.shape)] & mask
    return core if core.any() else mask
