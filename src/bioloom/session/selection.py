"""Which objects are selected, and which class the user gave them: one state for plot, table and image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Mode: TypeAlias = Literal["replace", "add", "remove"]

_State: TypeAlias = tuple[NDArray[np.bool_], NDArray[np.int64]]

_HISTORY = 100


class Selection:
    """Selected objects and their classes, by row of a table whose rows are known by (frame, label).

    Parameters
    ----------
    table
        One row per object with a ``label`` and, for time series, a ``frame`` column, in any order.

    Attributes
    ----------
    changed : Signal()
        The mask or the classes changed.
    labels, frames : numpy.ndarray
        The key of each row; frames are 0 where there is no time.

    Raises
    ------
    InputError
        If a column is missing or an object occurs twice.
    """

    changed = Signal()

    def __init__(self, table: pd.DataFrame) -> None:
        self._mask = np.zeros(0, bool)
        self._classes = np.zeros(0, np.int64)
        self._past: list[_State] = []
        self._future: list[_State] = []
        # Rows by frame and label; None where they are so already.
        self._order: NDArray[np.intp] | None = None
        self._sorted_frames = self._sorted_labels = np.zeros(0, np.int64)
        self.labels: NDArray[np.int64] = np.zeros(0, np.int64)
        self.frames: NDArray[np.int64] = np.zeros(0, np.int64)
        self.has_frames = False
        self.rekey(table)

    def rekey(self, table: pd.DataFrame) -> None:
        """Follow a table whose rows changed: objects that are still there keep their selection and class.

        Steps can be taken back still if the objects are the same, in another order.

        Raises
        ------
        InputError
            If a column is missing or holds no whole numbers, or an object occurs twice.
        """
        if "label" not in table.columns:
            raise InputError(
                "The table has no column 'label', so its rows cannot be found in the image. Measure first."
            )
        labels = _whole_numbers(table, "label")
        has_frames = "frame" in table.columns
        frames = _whole_numbers(table, "frame") if has_frames else np.zeros(len(table), np.int64)
        known = has_frames == self.has_frames
        if known and np.array_equal(labels, self.labels) and np.array_equal(frames, self.frames):
            return
        order = _order_of(frames, labels)
        sorted_frames, sorted_labels = (frames, labels) if order is None else (frames[order], labels[order])
        if ((np.diff(sorted_frames) == 0) & (np.diff(sorted_labels) == 0)).any():
            raise InputError("Some objects occur twice in the table. Measure again: one row per object is needed.")
        mask, classes = np.zeros(len(table), bool), np.zeros(len(table), np.int64)
        before, after = _same_objects((self.frames, self.labels), (frames, labels))
        mask[after], classes[after] = self._mask[before], self._classes[before]
        self.labels, self.frames, self.has_frames = labels, frames, has_frames
        self._order, self._sorted_frames, self._sorted_labels = order, sorted_frames, sorted_labels
        self._mask, self._classes = mask, classes
        for steps in (self._past, self._future):
            steps[:] = [_moved(state, before, after) for state in steps if len(before) == len(state[0]) == len(labels)]
        self.changed.emit()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which rows are selected; read-only."""
        view = self._mask.view()
        view.flags.writeable = False
        return view

    @property
    def classes(self) -> NDArray[np.int64]:
        """The class of each row, 0 for none; read-only."""
        view = self._classes.view()
        view.flags.writeable = False
        return view

    def row(self, label: int, frame: int = 0) -> int | None:
        """Return the row of an object, or None if the table does not have it."""
        rows = self.rows([label], frame)
        return int(rows[0]) if len(rows) else None

    def rows(self, labels: Sequence[int] | NDArray[np.integer], frame: int = 0) -> NDArray[np.intp]:
        """Return the rows of objects of one frame; labels that the table does not have are ignored."""
        frame = int(frame) if self.has_frames else 0
        first, last = np.searchsorted(self._sorted_frames, [frame, frame + 1])
        there, wanted = self._sorted_labels[first:last], np.asarray(labels, np.int64)
        places = np.searchsorted(there, wanted)
        inside = places < len(there)
        places, wanted = places[inside], wanted[inside]
        found = first + places[there[places] == wanted]
        return np.asarray(found if self._order is None else self._order[found], np.intp)

    def select(self, mask: NDArray[np.bool_], mode: Mode = "replace") -> None:
        """Select rows.

        Parameters
        ----------
        mask
            bool per row.
        mode
            ``replace`` the selection, ``add`` to it or ``remove`` from it.
        """
        new = np.asarray(mask, bool)
        if new.shape != self._mask.shape:
            raise InputError(f"A mask of {len(self)} rows is needed, but one of the shape {new.shape} was given.")
        if mode == "add":
            new = self._mask | new
        elif mode == "remove":
            new = self._mask & ~new
        self._set(new.copy(), self._classes)

    def select_objects(
        self, labels: Sequence[int] | NDArray[np.integer], frame: int = 0, mode: Mode = "replace"
    ) -> None:
        """Select objects by their labels in one frame; labels that the table does not have are ignored."""
        mask = np.zeros(len(self), bool)
        mask[self.rows(labels, frame)] = True
        self.select(mask, mode)

    def clear(self) -> None:
        """Select nothing."""
        self._set(np.zeros(len(self), bool), self._classes)

    def assign(self, class_id: int, *, clear: bool = False) -> None:
        """Put the selected rows into a class, 0 for none; select nothing in the same step if wanted."""
        classes = self._classes.copy()
        classes[self._mask] = class_id
        self._set(np.zeros(len(self), bool) if clear else self._mask, classes)

    def set_classes(self, classes: NDArray[np.int64]) -> None:
        """Replace the classes of all rows, for example by the result of a clustering."""
        new = np.asarray(classes, np.int64)
        if new.shape != self._classes.shape:
            raise InputError(f"Classes of {len(self)} rows are needed, but the shape {new.shape} was given.")
        self._set(self._mask, new.copy())

    def undo(self) -> bool:
        """Take the last change back; return whether there was one."""
        return self._travel(self._past, self._future)

    def redo(self) -> bool:
        """Make the change again that was taken back last; return whether there was one."""
        return self._travel(self._future, self._past)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to make again."""
        return bool(self._future)

    @property
    def steps(self) -> tuple[int, int]:
        """How many changes can be taken back, and how many made again."""
        return len(self._past), len(self._future)

    def _travel(
        self,
        source: list[_State],
        target: list[_State],
    ) -> bool:
        if not source:
            return False
        target.append((self._mask, self._classes))
        self._mask, self._classes = source.pop()
        self.changed.emit()
        return True

    def _set(self, mask: NDArray[np.bool_], classes: NDArray[np.int64]) -> None:
        if np.array_equal(mask, self._mask) and np.array_equal(classes, self._classes):
            return
        self._past.append((self._mask, self._classes))
        del self._past[:-_HISTORY]
        self._future.clear()
        self._mask, self._classes = mask, classes
        self.changed.emit()


def _moved(state: _State, before: NDArray[np.intp], after: NDArray[np.intp]) -> _State:
    """Return a state whose rows went from places to others."""
    mask, classes = np.empty_like(state[0]), np.empty_like(state[1])
    mask[after], classes[after] = state[0][before], state[1][before]
    return mask, classes


def _order_of(frames: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.intp] | None:
    """Return the rows by frame and label, or None if they are in that order, as measured tables are."""
    later, same = np.diff(frames) > 0, np.diff(frames) == 0
    if (later | (same & (np.diff(labels) > 0))).all():
        return None
    return np.lexsort((labels, frames))


_Keys: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]


def _same_objects(old: _Keys, new: _Keys) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the rows of the objects that two tables share, in the old and in the new one."""
    if not len(old[0]) or not len(new[0]):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    n = len(old[0])
    _, frames = np.unique(np.concatenate([old[0], new[0]]), return_inverse=True)
    _, labels = np.unique(np.concatenate([old[1], new[1]]), return_inverse=True)
    keys = frames * (labels.max() + 1) + labels
    _, before, after = np.intersect1d(keys[:n], keys[n:], assume_unique=True, return_indices=True)
    return before, after


def _whole_numbers(table: pd.DataFrame, column: str) -> NDArray[np.int64]:
    kept = table[column].to_numpy()
    if kept.dtype.kind in "iu" and kept.dtype != np.uint64:
        return kept.astype(np.int64)
    try:
        values = table[column].to_numpy(np.float64)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise InputError(
            f"The column {column!r} must hold whole numbers, so that rows can be found in the image. Measure again."
        )
    return values.astype(np.int64)
