"""Measuring the objects of a layer, and again what changed when they are edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.session.feature_table import keys_of, merge_tables
from bioloom.session.jobs import Progress

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_LOOKUP = 1 << 24
_SPACE_OF_LABELS = 0.2  # of the memory for computations may go to a copy to find edits by


@dataclass(frozen=True)
class MeasureTask:
    """What to measure in which objects.

    Attributes
    ----------
    labels : array
        (y, x) or (z, y, x), with time first if `frame_axis` is 0; NumPy, Dask or Zarr.
    image : array, mapping or None
        Of the same shape, or several by name.
    spacing : tuple of float
        Size of a pixel per spatial axis.
    properties : tuple of str
        Names of measurements.
    frame_axis : int or None
        0 if the first axis is time.
    frames : tuple of int or None
        The frames to measure; None for all.
    """

    labels: Any
    image: Any
    spacing: tuple[float, ...]
    properties: tuple[str, ...]
    frame_axis: int | None = None
    frames: tuple[int, ...] | None = None

    def same_but_properties(self, other: MeasureTask) -> bool:
        """Tell whether another task measures the same images in the same way, whichever measurements it takes."""
        return (
            (self.spacing, self.frame_axis, self.frames) == (other.spacing, other.frame_axis, other.frames)
            and tuple(self.labels.shape) == tuple(other.labels.shape)
            and _channels(self.image).keys() == _channels(other.image).keys()
            and all(image is _channels(other.image)[name] for name, image in _channels(self.image).items())
        )

    def image_of(self, frame: int) -> Any:
        """Return the image, or the images, of a frame."""
        if self.image is None or self.frame_axis is None:
            return self.image
        if isinstance(self.image, Mapping):
            return {name: image[frame] for name, image in self.image.items()}
        return self.image[frame]

    def frames_of(self) -> tuple[int, ...]:
        """Return the numbers of the frames to measure; 0 alone where there is no time."""
        if self.frame_axis is None:
            return (0,)
        return tuple(range(self.labels.shape[0])) if self.frames is None else self.frames


@dataclass(frozen=True)
class Measurement:
    """What was measured, with what is needed to measure again only what changed.

    Attributes
    ----------
    task : MeasureTask
        What was asked for.
    table : pandas.DataFrame
        ``[frame,] label`` and the measurements.
    pixels : dict of int to numpy.ndarray
        The labels of each frame as they were measured; empty where they are too large to be kept, or not in memory.
    n_again : int
        How many objects were measured anew, of those of a table that was there already.
    """

    task: MeasureTask
    table: pd.DataFrame
    pixels: dict[int, NDArray[Any]]
    n_again: int = 0

    @property
    def can_follow(self) -> bool:
        """Whether edits of the labels can be found."""
        return bool(self.pixels)

    def with_earlier(self, earlier: Measurement | None) -> Measurement:
        """Return this together with the measurements taken before, if they were of the same pixels."""
        if earlier is None or not self.task.same_but_properties(earlier.task) or not self.can_follow:
            return self
        same = self.pixels.keys() == earlier.pixels.keys() and all(
            np.array_equal(pixels, earlier.pixels[frame]) for frame, pixels in self.pixels.items()
        )
        if not same:
            return self
        names = tuple(dict.fromkeys((*earlier.task.properties, *self.task.properties)))
        table = merge_tables(earlier.table, self.table).drop(columns="index")
        return replace(self, task=replace(self.task, properties=names), table=table)

    def again(self, labels: Any, progress: Progress) -> Measurement | None:
        """Measure the objects that changed, and what of the others depends on them.

        Parameters
        ----------
        labels
            The labels as they are now.
        progress
            Called as ``progress(done, total)``; may raise Cancelled.

        Returns
        -------
        Measurement or None
            The whole table as it is now; None if nothing changed.
        """
        import pandas as pd

        if tuple(labels.shape) != tuple(self.task.labels.shape):
            task = replace(self.task, labels=labels)
            image = next(iter(_channels(task.image).values()), None)
            if len(labels.shape) != len(self.task.labels.shape) or (image is not None and image.shape != labels.shape):
                raise InputError("The labels have another shape now. Measure again, with images of the same pixels.")
            found = run(replace(task, frames=None), progress)
            return replace(found, n_again=len(found.table))
        timed = self.task.frame_axis is not None
        changed: dict[int, NDArray[Any]] = {}
        for frame, before in self.pixels.items():
            progress(0, 1)
            now = np.asarray(labels[frame] if timed else labels)
            if not np.array_equal(now, before):
                # A copy, because painting may go on.
                changed[frame] = np.array(now)
        if not changed:
            return None
        parts, n_again = [], 0
        for done, (frame, now) in enumerate(changed.items()):
            old = self.table[self.table["frame"] == frame] if timed else self.table
            new, n = self._frame_again(frame, now, old, progress)
            n_again += n
            parts.append(new)
            progress(done + 1, len(changed))
        if timed:
            parts.append(self.table[~self.table["frame"].isin(list(changed))])
        table = pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
        table = table.sort_values(keys_of(table), ignore_index=True)
        return Measurement(replace(self.task, labels=labels), table, {**self.pixels, **changed}, n_again)

    def _frame_again(
        self, frame: int, now: NDArray[Any], old: pd.DataFrame, progress: Progress
    ) -> tuple[pd.DataFrame, int]:
        """Return the table of a frame that changed, and how many objects were measured for it."""
        import pandas as pd

        from bioloom.measure import measure

        def tick(done: int, total: int) -> None:
            progress(0, 1)

        before = self.pixels[frame]
        different = now != before
        ids = np.union1d(now[different], before[different])
        ids = ids[ids != 0]
        image, spacing, names = self.task.image_of(frame), self.task.spacing, self.task.properties
        kept = old[~old["label"].isin(ids)]
        if len(kept) < len(old) / 2:
            new = measure(now, image, spacing, names, progress=tick)
            return self._with_frame(new, frame)[list(old.columns)], len(new)
        alone = [name for name in names if not depends_on_others(name)]
        together = [name for name in names if depends_on_others(name)]
        new = self._with_frame(measure(_only(now, ids), image, spacing, alone or ["label"], progress=tick), frame)
        table = pd.concat([kept, new], ignore_index=True) if len(new) else kept
        table = table.sort_values("label", ignore_index=True)
        if together:
            shared = measure(now, image, spacing, together, progress=tick)
            # The rows are those of the same pixels, in the order of their labels.
            for name in shared.columns.drop("label"):
                table[name] = shared[name].to_numpy()
        return table[list(old.columns)], len(new)

    def _with_frame(self, table: pd.DataFrame, frame: int) -> pd.DataFrame:
        if self.task.frame_axis is not None:
            table.insert(0, "frame", np.full(len(table), frame, np.int64))
        return table


def run(task: MeasureTask, progress: Progress) -> Measurement:
    """Measure.

    Labels in memory are copied first, because painting may go on meanwhile; others are read part by part.

    Raises
    ------
    InputError
        As of :func:`bioloom.measure.measure`.
    """
    import pandas as pd

    from bioloom.measure import measure

    timed = task.frame_axis is not None
    frames = task.frames_of()
    labels, pixels = task.labels, {}
    if isinstance(labels, np.ndarray):
        if task.frames is None:
            labels = labels.copy()
            pixels = {frame: labels[frame] if timed else labels for frame in frames}
        else:
            pixels = {frame: labels[frame].copy() for frame in frames}
    names = task.properties
    if task.frames is None:
        table = measure(labels, task.image, task.spacing, names, frame_axis=task.frame_axis, progress=progress)
    else:
        parts = []
        for done, frame in enumerate(frames):
            progress(done, len(frames))
            one = pixels[frame] if pixels else labels[frame]
            part = measure(one, task.image_of(frame), task.spacing, names, progress=lambda a, b: progress(0, 1))
            part.insert(0, "frame", np.full(len(part), frame, np.int64))
            parts.append(part)
        table = pd.concat(parts, ignore_index=True)
    if sum(p.nbytes for p in pixels.values()) > _SPACE_OF_LABELS * device.memory_budget():
        pixels = {}
    return Measurement(task, table, pixels)


def depends_on_others(name: str) -> bool:
    """Tell whether a measurement of an object changes when only other objects change."""
    from bioloom.measure import find_property
    from bioloom.measure.registry import closure

    found = find_property(name)
    if found is None or found.group in ("neighbours", "clesperanto"):
        return True
    return any(step.sums == "faces" or step.whole for step in closure([name]))


def fitting(names: Sequence[str], ndim: int, n_images: int) -> list[str]:
    """Return the measurements of some that can be taken in so many spatial dimensions and images."""
    from bioloom.measure import find_property

    found = [(name, find_property(name)) for name in names]
    return [name for name, p in found if p is not None and ndim in p.ndims and p.n_images <= n_images]


def joined_frames(old: pd.DataFrame, new: pd.DataFrame, frames: Sequence[int] | None) -> pd.DataFrame:
    """Merge the measurements of some frames into a table; the rows of its other frames stay.

    Parameters
    ----------
    old
        The table so far.
    new
        ``frame, label`` and measurements, of `frames` only.
    frames
        The frames that were measured; None for all.

    Returns
    -------
    pandas.DataFrame
        As of :func:`bioloom.session.feature_table.merge_tables`.
    """
    import pandas as pd

    if frames is None or keys_of(old) != keys_of(new):
        return merge_tables(old, new)
    here = old["frame"].isin(list(frames))
    merged = merge_tables(old[here], new)
    result = pd.concat([part for part in (old[~here], merged) if len(part)] or [merged], ignore_index=True)
    ordered = [*merged.columns, *(c for c in result.columns if c not in merged.columns)]
    return result[ordered].sort_values(["frame", "label"], ignore_index=True)


def keys_table(labels: Any, frame_axis: int | None, progress: Progress) -> pd.DataFrame:
    """Return ``[frame,] label`` of all objects, with nothing measured."""
    from bioloom.measure import measure

    return measure(labels, properties=["label"], frame_axis=frame_axis, progress=progress)


def lost_columns(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    """Return the columns of a table that could not be kept if another were merged into it.

    Rows of a table with frames and of one without do not mean the same objects.
    """
    if "label" not in old.columns or keys_of(old) == keys_of(new):
        return []
    return [str(c) for c in old.columns if c not in (*new.columns, "index", "frame", "label")]


def map_pixels(labels: Any, table: pd.DataFrame, column: str, frame_axis: int | None) -> NDArray[np.float32]:
    """Return an image in which every object has its value in a column; NaN in background and where there is none.

    Raises
    ------
    InputError
        If the column does not hold numbers, or the image does not fit into memory.
    """
    from bioloom.measure.maps import column_map

    n_bytes = 4 * int(np.prod(labels.shape))
    if n_bytes > device.memory_budget():
        raise InputError(f"A map of these labels needs {n_bytes / 2**30:.1f} GiB of memory. Crop the layer first.")
    pixels = np.asarray(labels)
    result = column_map(pixels, table, column, frame_axis=frame_axis)
    result[pixels == 0] = np.nan
    return result


def _channels(image: Any) -> Mapping[str, Any]:
    if image is None:
        return {}
    return image if isinstance(image, Mapping) else {"": image}


def _only(labels: NDArray[Any], ids: NDArray[Any]) -> NDArray[Any]:
    """Return labels in which all other objects are background."""
    largest = int(labels.max(initial=0))
    if labels.min(initial=0) < 0 or largest >= _LARGEST_LOOKUP:
        return np.where(np.isin(labels, ids), labels, 0).astype(labels.dtype)
    chosen = np.zeros(largest + 1, labels.dtype)
    there = ids[ids <= largest].astype(np.int64)
    chosen[there] = there
    result: NDArray[Any] = chosen[labels]
    return result
