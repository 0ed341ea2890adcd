"""Measuring again, after labels were edited, only the objects that changed, in a window of the image around them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Pixels = NDArray[Any]
Measure = Callable[[Pixels, Any, Sequence[str]], "pd.DataFrame"]
Window = tuple[slice, ...]

BOX = "bbox"
_LARGEST_LOOKUP = 1 << 24
_ROWS = 256


@dataclass(frozen=True)
class Frame:
    """A frame as it was measured.

    Attributes
    ----------
    labels
        Its pixels, (y, x) or (z, y, x).
    table
        ``label`` and the measurements, sorted.
    boxes
        ``label``, ``bbox-0`` …: where each object is; the rows of `table`.
    """

    labels: Pixels
    table: pd.DataFrame
    boxes: pd.DataFrame


def measure_changes(
    before: Frame, now: Pixels, image: Any, spacing: Sequence[float], names: Sequence[str], measured: Measure
) -> tuple[Frame, int]:
    """Measure the objects that changed, and what of the others depends on them.

    Parameters
    ----------
    before
        The frame as it was.
    now
        Its labels as they are, of the same shape.
    image
        Its image, images by name, or None.
    spacing
        Size of a pixel per spatial axis.
    names
        The measurements of the table.
    measured
        Measures labels and image: ``measured(labels, image, names)``.

    Returns
    -------
    frame : Frame
        As everything measured anew.
    n : int
        How many objects were measured for it.
    """
    import pandas as pd

    old, columns = before.table, list(before.table.columns)
    edit = changed_window(now, before.labels)
    if edit is None:
        return before, 0
    different = now[edit] != before.labels[edit]
    ids = np.union1d(now[edit][different], before.labels[edit][different])
    ids = ids[ids != 0]
    here = old["label"].isin(ids).to_numpy()
    if here.sum() > len(old) / 2 or not len(old):
        table = measured(now, image, [*names, BOX])
        return Frame(now, table[columns], boxes_of(table)), len(table)
    window = _around(edit, before.boxes[here], now.shape)
    alone = [name for name in names if not depends_on_others(name)]
    found = measured(only(now[window], ids), _cut(image, window), [*alone, BOX])
    _shift(found, [*alone, BOX], window, spacing)
    boxes = _joined(before.boxes[~here], boxes_of(found))
    touching = [name for name in names if depends_on_others(name) and depends_on_touch_only(name)]
    together = [name for name in names if depends_on_others(name) and name not in touching]
    beside = pd.DataFrame()
    if touching:
        # Whatever is next to a pixel that changed may touch more or fewer objects now.
        beyond = _around(edit, before.boxes[:0], now.shape)
        near = np.union1d(now[beyond], before.labels[beyond])
        wider = _around(edit, boxes[boxes["label"].isin(near)], now.shape)
        beside = measured(now[wider], _cut(image, wider), touching)
        beside = beside[beside["label"].isin(near)]
        rows = np.searchsorted(beside["label"].to_numpy(), found["label"].to_numpy())
        for name in beside.columns.drop("label"):
            found[name] = beside[name].to_numpy()[rows]
    for name in [c for c in columns if c not in found.columns]:
        # Taken from the whole image below.
        found[name] = np.zeros(len(found), old[name].to_numpy().dtype)
    table = _joined(old[~here], found[columns])
    if len(beside):
        rows = np.searchsorted(table["label"].to_numpy(), beside["label"].to_numpy())
        for name in beside.columns.drop("label"):
            values = table[name].to_numpy(copy=True)
            values[rows] = beside[name]
            table[name] = values
    if together:
        # The rows are those of the same pixels, in the order of their labels.
        shared = measured(now, image, together)
        for name in shared.columns.drop("label"):
            table[name] = shared[name].to_numpy()
    return Frame(now, table[columns], boxes), len(found)


def changed_window(now: Pixels, before: Pixels) -> Window | None:
    """Return where two images of the same shape differ, as the smallest box; None if they do not."""
    rows = [
        first
        for first in range(0, now.shape[0], _ROWS)
        if not np.array_equal(now[first : first + _ROWS], before[first : first + _ROWS])
    ]
    if not rows:
        return None
    start = rows[0]
    different = now[start : rows[-1] + _ROWS] != before[start : rows[-1] + _ROWS]
    window = []
    for axis in range(now.ndim):
        there = np.flatnonzero(different.any(axis=tuple(a for a in range(now.ndim) if a != axis)))
        offset = start if axis == 0 else 0
        window.append(slice(offset + int(there[0]), offset + int(there[-1]) + 1))
    return tuple(window)


def boxes_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of a table that say where its objects are."""
    return table[[c for c in table.columns if c in ("frame", "label") or c.startswith(f"{BOX}-")]]


def only(labels: Pixels, ids: Pixels) -> Pixels:
    """Return labels in which all other objects are background."""
    largest = int(labels.max(initial=0))
    if labels.min(initial=0) < 0 or largest >= _LARGEST_LOOKUP:
        return np.where(np.isin(labels, ids), labels, 0).astype(labels.dtype)
    chosen = np.zeros(largest + 1, labels.dtype)
    there = ids[ids <= largest].astype(np.int64)
    chosen[there] = there
    result: Pixels = chosen[labels]
    return result


@lru_cache(maxsize=1000)
def depends_on_others(name: str) -> bool:
    """Tell whether a measurement of an object changes when only other objects change."""
    from bioloom.measure import find_property
    from bioloom.measure.registry import closure

    found = find_property(name)
    if found is None or found.group in ("neighbours", "clesperanto"):
        return True
    return any(step.sums == "faces" or step.whole for step in closure([name]))


@lru_cache(maxsize=1000)
def depends_on_touch_only(name: str) -> bool:
    """Tell whether a measurement that depends on other objects depends on those that touch it and on no others."""
    from bioloom.measure import find_property
    from bioloom.measure.registry import closure

    found = find_property(name)
    if found is None or found.group in ("neighbours", "clesperanto"):
        return False
    return not any(step.whole for step in closure([name]))


def _joined(kept: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    table = pd.concat([kept, new], ignore_index=True) if len(new) else kept
    return table.sort_values("label", ignore_index=True)


def _around(window: Window, boxes: pd.DataFrame, shape: Sequence[int]) -> Window:
    """Return a window that also holds some objects, and a pixel more to each side where the image has one."""
    ndim, corners = len(window), boxes_of(boxes).drop(columns=["frame", "label"], errors="ignore").to_numpy()
    low, high = np.array([s.start for s in window]), np.array([s.stop for s in window])
    if len(corners):
        low, high = np.minimum(low, corners[:, :ndim].min(0)), np.maximum(high, corners[:, ndim:].max(0))
    return tuple(slice(max(int(a) - 1, 0), min(int(b) + 1, n)) for a, b, n in zip(low, high, shape, strict=True))


def _cut(image: Any, window: Window) -> Any:
    if image is None:
        return None
    return {name: one[window] for name, one in image.items()} if isinstance(image, Mapping) else image[window]


def _shift(table: pd.DataFrame, names: Collection[str], window: Window, spacing: Sequence[float]) -> None:
    """Turn positions within a window into those in the image."""
    from bioloom.measure import column_measurement

    for column in table.columns.drop("label"):
        known = column_measurement(column)
        if known is None or known[0].name not in names:
            continue
        axis = column.removeprefix(known[0].name + "-").partition("_")[0]
        if known[0].parts == "box":
            table[column] += window[int(axis) % len(window)].start
        elif known[0].parts == "axes" and (known[0].name.startswith("centroid") or known[0].name.endswith("_position")):
            table[column] += window[int(axis)].start * spacing[int(axis)]
