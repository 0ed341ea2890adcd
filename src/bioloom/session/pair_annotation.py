"""Which touching objects were told to belong together, and which not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.painted_annotation import PaintedAnnotation
from bioloom.session.touching_pairs import PairKey, TouchingPairs


class PairAnnotation(PaintedAnnotation[PairKey]):
    """The classes of annotated pairs, written as short lines across their borders into an image that may be painted.

    The image alone says everything: the class of a pair is the highest value that pixels on both sides of their border
    have, as for :meth:`bioloom.classify.ObjectMerger.fit`. Where something else is painted across a border, what was
    there before takes the new class, so that the last stroke counts.

    Parameters
    ----------
    labels, annotation, has_frames
        See :class:`bioloom.session.painted_annotation.PaintedAnnotation`.
    pairs
        The pairs of `labels`, if they were found already.
    """

    def __init__(
        self, labels: NDArray[Any], annotation: NDArray[Any], has_frames: bool, pairs: TouchingPairs | None = None
    ) -> None:
        super().__init__(labels, annotation, has_frames)
        self._pairs = pairs
        self.relabel()

    @property
    def pairs(self) -> TouchingPairs:
        """The pairs of the objects as they are now."""
        if self._pairs is None:
            self._pairs = TouchingPairs(self.labels, self.has_frames)
        return self._pairs

    def relabel(self, labels: NDArray[Any] | None = None, pairs: TouchingPairs | None = None) -> None:
        """Read all classes anew, after objects were edited, or for other objects of the same shape."""
        if pairs is not None or labels is not None or self._classes:
            self._pairs = pairs
        super().relabel(labels)

    def assign(self, keys: Iterable[PairKey], class_id: int) -> int:
        """Give pairs a class.

        Parameters
        ----------
        keys
            (frame, label, neighbour), in any order; those that do not touch are left out.
        class_id
            1 to merge, 2 to keep apart; 0 takes the class away.

        Returns
        -------
        int
            How many pairs were changed.
        """
        self._check_class(class_id)
        found = [row for key in dict.fromkeys(keys) if (row := self.pairs.row(key)) is not None]
        rows = [row for row in dict.fromkeys(found) if self.class_of(self.pairs.key(row)) != class_id]
        flat = self.annotation.reshape(-1)
        parts = []
        for row in rows:
            first, second, _ = self.pairs.faces_of(np.array([row]))
            stroke = self.pairs.stroke(row, self.labels)
            border = np.concatenate([first, second, stroke])
            painted = border[flat[border] > 0]
            parts.append(np.union1d(painted, stroke) if class_id else painted)
        if not parts:
            return 0
        where = np.unique(np.concatenate(parts))
        self._write(where, np.full(len(where), class_id, self.annotation.dtype))
        self._read_everything()
        self.changed.emit()
        return len(rows)

    def class_of(self, key: PairKey) -> int:
        """Return the class of a pair in any order, 0 if it has none."""
        frame, a, b = key
        return self._classes.get((frame, min(a, b), max(a, b)), 0)

    def _settle(
        self, frame: int, where: NDArray[np.int64], before: NDArray[Any]
    ) -> tuple[NDArray[np.int64], NDArray[Any], NDArray[Any]]:
        flat, seen = self.annotation.reshape(-1), self._seen.reshape(-1)
        where = where + frame * self._frame(self.annotation, frame).size * self.has_frames
        new = np.zeros(flat.shape, bool)
        new[where[flat[where] > 0]] = True
        first, second, row = self.pairs.faces_of(self.pairs.rows_at(new))
        value = flat[first].astype(np.int64)
        crossed = (value > 0) & (value == flat[second]) & (new[first] | new[second])
        wanted = np.zeros(len(self.pairs), np.int64)
        np.maximum.at(wanted, row[crossed], value[crossed])
        old = []
        for side in (first, second):
            # What was painted along the same border before takes the class of the stroke.
            other = (wanted[row] > 0) & (flat[side] > 0) & (flat[side] != wanted[row])
            flat_old = side[other]
            old.append(np.stack([flat_old, flat[flat_old].astype(np.int64), wanted[row][other]]))
        changed, was, becomes = np.concatenate(old, axis=1)
        changed, at = np.unique(changed, return_index=True)
        beside = ~np.isin(changed, where)
        everything = np.concatenate([where, changed[beside]])
        before = np.concatenate([before, was[at][beside].astype(before.dtype)])
        self.annotation[np.unravel_index(changed, self.annotation.shape)] = becomes[at]
        after = self.annotation.reshape(-1)[everything]
        seen[everything] = after
        self._read_everything()
        return everything, before, after

    def _read_everything(self) -> None:
        if not self.annotation.any():
            # Pairs of large images take a moment to find, for which there is no need yet.
            self._classes = {}
            return
        classes = self.pairs.read(self.annotation)
        rows = np.flatnonzero(classes)
        self._classes = {self.pairs.key(int(row)): int(classes[row]) for row in rows}

    def _reread(self, where: NDArray[np.int64]) -> None:
        self._read_everything()

    def _check_class(self, class_id: int) -> None:
        super()._check_class(class_id)
        if class_id > 2:
            raise InputError(f"Class {class_id} does not fit: pairs are merged (1) or kept apart (2).")
