"""Measuring the objects of a layer, and again what changed when they are edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.session.changed_objects import BOX, Frame, boxes_of, measure_changes
from bioloom.session.feature_table import keys_of, merge_tables
from bioloom.session.jobs import Progress

if TYPE_CHECKING:
    import pandas as pd

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
    boxes : pandas.DataFrame
        ``[frame,] label, bbox-0`` …: where the objects are; the rows of `table`.
    n_again : int
        How many objects were measured anew, of those of a table that was there already.
    """

    task: MeasureTask
    table: pd.DataFrame
    pixels: dict[int, NDArray[Any]]
    boxes: pd.DataFrame
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
        parts: list[pd.DataFrame] = []
        boxes: list[pd.DataFrame] = []
        changed: dict[int, NDArray[Any]] = {}
        n_again = 0
        for done, (frame, before) in enumerate(self.pixels.items()):
            progress(done, len(self.pixels))
            if np.array_equal(labels[frame] if timed else labels, before):
                continue
            # A copy, because painting may go on.
            now = np.array(labels[frame] if timed else labels)
            mine = [one[one["frame"] == frame].drop(columns="frame") if timed else one for one in self._tables()]
            frame_now, n = measure_changes(
                Frame(before, *mine), now, self.task.image_of(frame), self.task.spacing, self.task.properties,
                lambda pixels, image, names: self._measured(pixels, image, names, progress),
            )  # fmt: skip
            n_again += n
            changed[frame] = now
            for one, new in ((frame_now.table, parts), (frame_now.boxes, boxes)):
                new.append(_with_frame(one, frame) if timed else one)
        if not changed:
            return None
        if timed:
            for one, new in zip(self._tables(), (parts, boxes), strict=True):
                new.append(one[~one["frame"].isin(list(changed))])
                table = pd.concat([p for p in new if len(p)] or new[:1], ignore_index=True)
                new[:] = [table.sort_values(keys_of(table), ignore_index=True)]
        return Measurement(replace(self.task, labels=labels), parts[0], {**self.pixels, **changed}, boxes[0], n_again)

    def _tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return self.table, self.boxes

    def _measured(self, pixels: NDArray[Any], image: Any, names: Sequence[str], progress: Progress) -> pd.DataFrame:
        from bioloom.measure import measure

        return measure(pixels, image, self.task.spacing, names, progress=lambda done, total: progress(0, 1))


def _with_frame(table: pd.DataFrame, frame: int) -> pd.DataFrame:
    table = table.copy(deep=False)
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
    small = sum(p.nbytes for p in pixels.values()) <= _SPACE_OF_LABELS * device.memory_budget()
    # Where objects are is known at no cost, and says where to look when some change.
    names = (*task.properties, BOX) if pixels and small and BOX not in task.properties else task.properties
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
    boxes = boxes_of(table)
    if names is not task.properties:
        table = table.drop(columns=[c for c in boxes.columns if c.startswith(f"{BOX}-")])
    return Measurement(task, table, pixels if small else {}, boxes)


def fitting(names: Sequence[str], ndim: int, n_images: int) -> list[str]:
    """Return the measurements of some that can be taken in so many spatial dimensions and images."""
    from bioloom.measure import find_property

    found = [(name, find_property(name)) for name in names]
    return [name for name, p in found if p is not None and ndim in p.ndims and p.n_images <= n_images]


def keys_table(labels: Any, frame_axis: int | None, progress: Progress) -> pd.DataFrame:
    """Return ``[frame,] label`` of all objects, with nothing measured."""
    from bioloom.measure import measure

    return measure(labels, properties=["label"], frame_axis=frame_axis, progress=progress)


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
