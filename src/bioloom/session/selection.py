"""Which objects are selected, and which class the user gave them: one state for plot, table and image."""

from __future__ import annotations

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
        self._rows: dict[tuple[int, int], int] = {}
        self.labels: NDArray[np.int64] = np.zeros(0, np.int64)
        self.frames: NDArray[np.int64] = np.zeros(0, np.int64)
        self.has_frames = False
        self.rekey(table)

    def rekey(self, table: pd.DataFrame) -> None:
        """Follow a table whose rows changed: objects that are still there keep their selection and class.

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
        known = has_frames == self.has_frames and len(self._rows) == len(table)
        if known and np.array_equal(labels, self.labels) and np.array_equal(frames, self.frames):
            return
        rows = {key: row for row, key in enumerate(zip(frames.tolist(), labels.tolist(), strict=True))}
        if len(rows) < len(table):
            raise InputError("Some objects occur twice in the table. Measure again: one row per object is needed.")
        mask, classes = np.zeros(len(table), bool), np.zeros(len(table), np.int64)
        for key, row in rows.items():
            before = self._rows.get(key)
            if before is not None:
                mask[row], classes[row] = self._mask[before], self._classes[before]
        self.labels, self.frames, self.has_frames = labels, frames, has_frames
        self._rows, self._mask, self._classes = rows, mask, classes
        self._past.clear()
        self._future.clear()
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
        return self._rows.get((int(frame) if self.has_frames else 0, int(label)))

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

    def select_objects(self, labels: list[int], frame: int = 0, mode: Mode = "replace") -> None:
        """Select objects by their labels in one frame; labels that the table does not have are ignored."""
        mask = np.zeros(len(self), bool)
        rows = [row for label in labels if (row := self.row(label, frame)) is not None]
        mask[rows] = True
        self.select(mask, mode)

    def clear(self) -> None:
        """Select nothing."""
        self._set(np.zeros(len(self), bool), self._classes)

    def assign(self, class_id: int) -> None:
        """Put the selected rows into a class; 0 takes them out of theirs."""
        classes = self._classes.copy()
        classes[self._mask] = class_id
        self._set(self._mask, classes)

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


def _whole_numbers(table: pd.DataFrame, column: str) -> NDArray[np.int64]:
    try:
        values = table[column].to_numpy(np.float64)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if not np.isfinite(values).all() or (values != np.rint(values)).any():
        raise InputError(
            f"The column {column!r} must hold whole numbers, so that rows can be found in the image. Measure again."
        )
    return values.astype(np.int64)
