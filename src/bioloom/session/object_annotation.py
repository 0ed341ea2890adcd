"""Which objects were given which class: by a click, a key, or a stroke of the brush."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.session.painted_annotation import PaintedAnnotation

ObjectKey: TypeAlias = tuple[int, int]
"""(frame, label); the frame is 0 where there is no time."""

Box: TypeAlias = tuple[slice, ...]

_LARGEST_REGION = 1 << 16
_CORE = 0.5  # of the largest distance to the edge of an object: what a mark fills


class ObjectAnnotation(PaintedAnnotation[ObjectKey]):
    """The classes of annotated objects, written into an image of annotations that may be painted, too.

    The image alone says everything: the class of an object is the highest value inside it, as for
    :meth:`bioloom.classify.ObjectClassifier.fit`. An object that is marked gets a spot in its middle. Where something
    else is painted over an object that had a class, what was there before takes the new class, so that the last stroke
    counts.

    Parameters
    ----------
    labels, annotation, has_frames
        See :class:`bioloom.session.painted_annotation.PaintedAnnotation`.

    Attributes
    ----------
    find_box : callable or None
        Returns where an object lies within its frame, if that is known; otherwise the frame is searched for it.
    """

    def __init__(self, labels: NDArray[Any], annotation: NDArray[Any], has_frames: bool) -> None:
        super().__init__(labels, annotation, has_frames)
        self.find_box: Callable[[ObjectKey], Box | None] | None = None
        self.relabel()

    # ------------------------------------------------------------------------------------------ marking
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

    # ------------------------------------------------------------------------------------------ painting
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

    def _read_everything(self) -> None:
        for frame in self._frames():
            at = np.flatnonzero(self._frame(self.annotation, frame))
            self._read_classes(frame, np.unique(self._frame(self.labels, frame).ravel()[at]), at)

    def _reread(self, where: NDArray[np.int64]) -> None:
        size = self._frame(self.annotation, 0).size
        frames = where // size if self.has_frames else np.zeros(len(where), np.int64)
        for frame in np.unique(frames).tolist():
            inside = self._frame(self.labels, frame).ravel()[where[frames == frame] - frame * size * self.has_frames]
            self._read_classes(frame, np.unique(inside), np.flatnonzero(self._frame(self.annotation, frame)))

    def _read_classes(self, frame: int, touched: NDArray[Any], at: NDArray[np.int64]) -> None:
        """Set the classes of some objects of a frame by the annotated pixels at these positions."""
        touched = touched[touched > 0]
        highest = _highest(
            touched, self._frame(self.labels, frame).ravel()[at], self._frame(self.annotation, frame).ravel()[at]
        )
        for label, class_id in zip(touched.tolist(), highest.tolist(), strict=True):
            self._set_class((frame, label), class_id)

    # ------------------------------------------------------------------------------------------ inside
    def _set_class(self, key: ObjectKey, class_id: int) -> None:
        if class_id:
            self._classes[key] = class_id
        else:
            self._classes.pop(key, None)

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
        flat: NDArray[np.int64] = np.ravel_multi_index(at, shape).astype(np.int64)
        return flat + frame * int(np.prod(shape)) * self.has_frames


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
