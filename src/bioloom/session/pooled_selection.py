"""One selection over the objects of several layers, such as the images of an experiment in one plot."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.session.feature_table import keys_of, new_column_name
from bioloom.session.selection import Mode, Selection


def joined_tables(tables: Sequence[pd.DataFrame], names: Sequence[str]) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Put the tables of several layers below each other.

    Parameters
    ----------
    tables
        One row per object, known by label and, in time series, frame.
    names
        What to call each.

    Returns
    -------
    table : pandas.DataFrame
        The columns that all have; a frame, 0 where there is no time, if any has one; and what each row is of.
    named_by : str
        The column of the names: ``layer``, numbered if the tables have such a column.
    left_out : tuple of str
        The columns that not all have.
    """
    every = dict.fromkeys(str(c) for table in tables for c in table.columns if c not in ("index", "frame"))
    common = [c for c in every if all(c in table.columns for table in tables)]
    timed = any("frame" in table.columns for table in tables)
    parts = []
    for table in tables:
        part = table[common]
        if timed:
            frames = table["frame"].to_numpy() if "frame" in table.columns else np.zeros(len(table), np.int64)
            part = part.assign(frame=frames)
        parts.append(part)
    joined = pd.concat(parts, ignore_index=True)
    named_by = new_column_name(joined, "layer")
    joined[named_by] = np.repeat(np.array(names, object), [len(table) for table in tables])
    first = [named_by, *keys_of(joined)]
    left_out = tuple(c for c in every if c not in common)
    return joined[[*first, *(c for c in common if c not in first)]], named_by, left_out


class PooledSelection:
    """The selections of several layers as one, in the order of the layers and of the rows of their tables.

    What is selected or classified here is so in the layers and the other way round. It has the methods of
    :class:`~bioloom.session.selection.Selection` that a plot needs, so that it can take its place.

    Parameters
    ----------
    members
        The selections of the layers; they stay the owners of what is selected.

    Attributes
    ----------
    changed : Signal()
        The mask, the classes or the rows of a member changed.
    source, frames, labels : numpy.ndarray
        The key of each row: the number of its layer, its frame (0 where there is no time) and its label.

    Raises
    ------
    InputError
        If there is no member, or one occurs twice.
    """

    changed = Signal()

    def __init__(self, members: Sequence[Selection]) -> None:
        if not members or len({id(m) for m in members}) < len(members):
            raise InputError("Choose one layer of measured objects or more, each once.")
        self.members = tuple(members)
        # Which layers each step changed.
        self._past: list[tuple[int, ...]] = []
        self._future: list[tuple[int, ...]] = []
        self._acting = False
        self._touched: list[int] = []
        self._followers: list[Callable[[], None]] = []
        for number, member in enumerate(self.members):
            follower = self._follower(number)
            member.changed.connect(follower)
            self._followers.append(follower)
        self.source: NDArray[np.int64] = np.zeros(0, np.int64)
        self.frames: NDArray[np.int64] = np.zeros(0, np.int64)
        self.labels: NDArray[np.int64] = np.zeros(0, np.int64)
        self._rekey()
        # What was done before, layer by layer, can be taken back, too.
        for number, member in enumerate(self.members):
            back, again = member.steps
            self._past += [(number,)] * back
            self._future += [(number,)] * again

    def close(self) -> None:
        """Follow the layers no longer."""
        for member, follower in zip(self.members, self._followers, strict=True):
            member.changed.disconnect(follower, missing_ok=True)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_frames(self) -> bool:
        """Whether any layer is a time series."""
        return any(m.has_frames for m in self.members)

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which rows are selected; a copy."""
        return np.concatenate([m.mask for m in self.members])

    @property
    def classes(self) -> NDArray[np.int64]:
        """The class of each row, 0 for none; a copy."""
        return np.concatenate([m.classes for m in self.members])

    def part(self, number: int) -> slice:
        """Return the rows of a layer."""
        return slice(int(self._starts[number]), int(self._starts[number + 1]))

    def key(self, row: int) -> tuple[int, int, int]:
        """Return the number of the layer, the frame and the label of a row."""
        return int(self.source[row]), int(self.frames[row]), int(self.labels[row])

    def row(self, label: int, frame: int = 0, source: int = 0) -> int | None:
        """Return the row of an object, or None if the tables do not have it."""
        found = self.members[source].row(label, frame)
        return None if found is None else found + int(self._starts[source])

    def select(self, mask: NDArray[np.bool_], mode: Mode = "replace") -> None:
        """Select rows, as :meth:`Selection.select <bioloom.session.selection.Selection.select>`."""
        new = np.asarray(mask, bool)
        if new.shape != (len(self),):
            raise InputError(f"A mask of {len(self)} rows is needed, but one of the shape {new.shape} was given.")
        with _Acting(self):
            for number, member in enumerate(self.members):
                member.select(new[self.part(number)], mode)

    def clear(self) -> None:
        """Select nothing."""
        self.select(np.zeros(len(self), bool))

    def clear_others(self, number: int) -> None:
        """Select nothing in the other layers, as a part of the last step if that was in this layer."""
        before = len(self._past)
        with _Acting(self):
            for other, member in enumerate(self.members):
                if other != number:
                    member.clear()
        if len(self._past) > before and self._past[-2:-1] == [(number,)]:
            others = self._past.pop()
            self._past[-1] = (number, *others)

    def assign(self, class_id: int, *, clear: bool = False) -> None:
        """Put the selected rows into a class, 0 for none; select nothing in the same step if wanted."""
        with _Acting(self):
            for member in self.members:
                member.assign(class_id, clear=clear)

    def set_classes(self, classes: NDArray[np.int64]) -> None:
        """Replace the classes of all rows."""
        new = np.asarray(classes, np.int64)
        if new.shape != (len(self),):
            raise InputError(f"Classes of {len(self)} rows are needed, but the shape {new.shape} was given.")
        with _Acting(self):
            for number, member in enumerate(self.members):
                member.set_classes(new[self.part(number)])

    def undo(self) -> bool:
        """Take the last change back, in all layers that it changed; return whether there was one."""
        return self._travel(self._past, self._future, "undo")

    def redo(self) -> bool:
        """Make the change again that was taken back last; return whether there was one."""
        return self._travel(self._future, self._past, "redo")

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return bool(self._past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a change to make again."""
        return bool(self._future)

    # ------------------------------------------------------------------------------------------------
    def _follower(self, number: int) -> Callable[[], None]:
        def follow() -> None:
            member = self.members[number]
            rows = self.part(number)
            same = np.array_equal(self.labels[rows], member.labels) and np.array_equal(self.frames[rows], member.frames)
            if not same:
                self._rekey()
            if self._acting:
                self._touched.append(number)
                return
            if same:
                # A click in the image: one step, of this layer only.
                self._past.append((number,))
                self._future.clear()
            self.changed.emit()

        return follow

    def _rekey(self) -> None:
        before = self.source, self.frames, self.labels
        sizes = [len(m) for m in self.members]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self.source = np.repeat(np.arange(len(sizes)), sizes)
        self.frames = np.concatenate([m.frames for m in self.members])
        self.labels = np.concatenate([m.labels for m in self.members])
        if not self._same_objects(before):
            # A table with other objects has no history any more.
            self._past.clear()
            self._future.clear()

    def _same_objects(self, before: tuple[NDArray[np.int64], ...]) -> bool:
        """Tell whether the objects are the same ones, perhaps in another order."""
        now = self.source, self.frames, self.labels
        if len(before[0]) != len(self.source):
            return False
        first, second = (np.lexsort(keys[::-1]) for keys in (before, now))
        return all(np.array_equal(a[first], b[second]) for a, b in zip(before, now, strict=True))

    def _travel(self, source: list[tuple[int, ...]], target: list[tuple[int, ...]], step: str) -> bool:
        if not source:
            return False
        numbers = source.pop()
        self._acting = True
        try:
            for number in numbers:
                getattr(self.members[number], step)()
        finally:
            self._acting = False
            self._touched.clear()
        target.append(numbers)
        self.changed.emit()
        return True


class _Acting:
    """Several layers change in one step."""

    def __init__(self, pool: PooledSelection) -> None:
        self._pool = pool

    def __enter__(self) -> None:
        self._pool._acting = True

    def __exit__(self, *error: object) -> None:
        pool = self._pool
        pool._acting = False
        touched, pool._touched = tuple(dict.fromkeys(pool._touched)), []
        if touched:
            pool._past.append(touched)
            del pool._past[:-100]
            pool._future.clear()
            pool.changed.emit()
