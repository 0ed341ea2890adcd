"""Objects that are measured once, found by their key, and painted by their class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.session.jobs import Progress
from bioloom.session.object_annotation import Box, ObjectKey

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.classify import ObjectClassifier

_PLACE = "bbox"
_LARGEST_TABLE = 1 << 24


@dataclass(frozen=True)
class ObjectSource:
    """Objects and the images to measure them in.

    Attributes
    ----------
    labels : array
        (y, x) or (z, y, x), with time first if `frame_axis` is 0; NumPy, Dask or Zarr.
    image : array, mapping or None
        Of the same shape, or several by the name of their channel.
    spacing : tuple of float
        Physical size of a pixel per spatial axis.
    frame_axis : int or None
        0 if the first axis is time.
    """

    labels: Any
    image: Any
    spacing: tuple[float, ...]
    frame_axis: int | None

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels; one empty name for a single image, none without."""
        if self.image is None:
            return ()
        return tuple(self.image) if isinstance(self.image, Mapping) else ("",)

    def same_pixels(self, other: ObjectSource) -> bool:
        """Tell whether another source shows the very same arrays, understood in the same way."""
        return (
            (self.spacing, self.frame_axis, self.channels) == (other.spacing, other.frame_axis, other.channels)
            and _same(self.labels, other.labels)
            and all(map(_same, _images(self), _images(other)))
        )

    def fingerprint(self) -> int:
        """Return a number that most likely changes when an array in memory is changed in place."""
        seen = 0
        for array in (self.labels, *_images(self)):
            if isinstance(array, np.ndarray):
                # Odd, so that pixels of every column are looked at where the width is a power of two.
                step = max(1, array.size // 8192) | 1
                seen = hash((seen, array.flat[::step].tobytes()))
        return seen


class MeasuredObjects:
    """The objects of a source: their measurements, each taken once, and where they lie.

    Parameters
    ----------
    source
        Objects and images.
    progress
        Called as ``progress(done, total)``; may raise Cancelled.

    Attributes
    ----------
    frames, labels : numpy.ndarray
        int64: the key of each object, sorted; frames are 0 where there is no time.

    Raises
    ------
    InputError
        If there are no objects, shapes differ, or the labels are too large for this machine's memory.
    """

    def __init__(self, source: ObjectSource, progress: Progress | None = None) -> None:
        n_bytes = int(np.prod(source.labels.shape)) * (4 + np.dtype(source.labels.dtype).itemsize)
        if n_bytes > 2 * device.memory_budget():
            raise InputError(
                f"These labels need {n_bytes / 2**30:.1f} GiB of memory, more than half of what this machine has. "
                "Crop the layer, or classify its parts one after the other."
            )
        self.source = source
        # A copy, because painting may go on while it is measured.
        self._pixels: NDArray[Any] = np.array(source.labels)
        self._table = self._measure([_PLACE], progress)
        if self._table.empty:
            raise InputError("There are no objects in the labels layer. Segment the image first.")
        self.labels: NDArray[np.int64] = self._table["label"].to_numpy(np.int64)
        has_frames = "frame" in self._table
        self.frames: NDArray[np.int64] = (
            self._table["frame"].to_numpy(np.int64) if has_frames else np.zeros(len(self.labels), np.int64)
        )
        self._rows: dict[ObjectKey, int] | None = None
        self._boxes: NDArray[np.int64] | None = None
        self._map: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    # ------------------------------------------------------------------------------------------ measurements
    def require(self, properties: Sequence[str], progress: Progress | None = None) -> None:
        """Take those measurements that were not taken yet."""
        missing = [p for p in properties if not self.columns_of(p)]
        if missing:
            new = self._measure(missing, progress)
            self._table = self._table.join(new.drop(columns=["frame", "label"], errors="ignore"))

    def _measure(self, properties: Sequence[str], progress: Progress | None) -> pd.DataFrame:
        from bioloom.measure import measure

        source = self.source
        return measure(
            self._pixels, source.image, source.spacing, properties, frame_axis=source.frame_axis, progress=progress
        )

    def columns_of(self, name: str) -> list[str]:
        """Return the columns of a measurement; none if it was not taken."""
        from bioloom.measure import find_property

        found = find_property(name)
        if found is None:
            return [name] if name in self._table else []
        ndim = self._pixels.ndim - (self.source.frame_axis is not None)
        channels = [f"_{c}" if c else "" for c in self.source.channels]
        suffixes = ["".join(part) for part in found.suffixes(channels if len(channels) != 1 else [""])]
        columns = [column for suffix in suffixes for column in found.columns(ndim, suffix)]
        return columns if columns and all(c in self._table for c in columns) else []

    def table(self, properties: Sequence[str]) -> pd.DataFrame:
        """Return ``[frame,] label`` and the columns of some measurements, one row per object."""
        keys = [c for c in ("frame", "label") if c in self._table]
        return self._table[[*keys, *(c for p in properties for c in self.columns_of(p))]].copy()

    def measured_for(self, classifier: ObjectClassifier, progress: Progress | None = None) -> pd.DataFrame:
        """Return ``[frame,] label`` and the columns that a classifier looks at; what is missing is measured.

        Raises
        ------
        InputError
            If they cannot be measured in these objects and images.
        """
        wanted = list(classifier.feature_names_)
        if any(c not in self._table for c in wanted):
            source = self.source
            new = classifier.measure(
                self._pixels, source.image, spacing=source.spacing, frame_axis=source.frame_axis, progress=progress
            )
            self._table = self._table.join(new.drop(columns=self._table.columns, errors="ignore"))
        missing = [c for c in wanted if c not in self._table]
        if missing:
            raise InputError(
                f"The classifier needs the measurements {', '.join(missing)}, which these objects do not have. "
                "Choose as many images as in the training, and call them the same."
            )
        keys = [c for c in ("frame", "label") if c in self._table]
        return self._table[[*keys, *(c for c in dict.fromkeys(wanted) if c not in keys)]].copy()

    def still_shows(self, labels: Any, frame: int | None = None) -> bool:
        """Tell whether labels, or one frame of them, are as they were when they were measured."""
        if tuple(labels.shape) != self._pixels.shape:
            return False
        if frame is None or self.source.frame_axis is None:
            return np.array_equal(np.asarray(labels), self._pixels)
        return np.array_equal(np.asarray(labels[frame]), self._pixels[frame])

    # ------------------------------------------------------------------------------------------ places
    def key(self, row: int) -> ObjectKey:
        """Return (frame, label) of a row."""
        return int(self.frames[row]), int(self.labels[row])

    def row(self, key: ObjectKey) -> int | None:
        """Return the row of an object, None if there is no such object."""
        if self._rows is None:
            keys = zip(self.frames.tolist(), self.labels.tolist(), strict=True)
            self._rows = {key: row for row, key in enumerate(keys)}
        return self._rows.get(key)

    def rows_of(self, classes: Mapping[ObjectKey, int]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the rows and the classes of annotated objects that exist, sorted by row."""
        found = [(row, k) for key, k in classes.items() if (row := self.row(key)) is not None]
        pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
        return pairs[:, 0].astype(np.intp), pairs[:, 1]

    def box(self, key: ObjectKey) -> Box | None:
        """Return where an object lies within its frame."""
        row = self.row(key)
        if row is None:
            return None
        ndim = self._pixels.ndim - (self.source.frame_axis is not None)
        if self._boxes is None:
            self._boxes = np.stack([self._table[f"{_PLACE}-{i}"].to_numpy(np.int64) for i in range(2 * ndim)], axis=1)
        edges = self._boxes[row].tolist()
        return tuple(slice(a, b) for a, b in zip(edges[:ndim], edges[ndim:], strict=True))

    # ------------------------------------------------------------------------------------------ pixels
    def paint(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return an image in which every object has its value; 0 is background.

        Parameters
        ----------
        values
            Whole numbers, one per object, not negative.
        """
        dtype = np.min_scalar_type(int(values.max())) if len(values) else np.dtype(np.uint8)
        table = np.zeros(len(values) + 1, dtype)
        table[1:] = values
        return table[self._row_map()]

    def select(self, chosen: NDArray[np.bool_]) -> NDArray[Any]:
        """Return the labels of the chosen objects only; the others become background."""
        keep = np.zeros(len(self) + 1, bool)
        keep[1:] = chosen
        return np.where(keep[self._row_map()], self._pixels, 0).astype(self._pixels.dtype)

    def _row_map(self) -> NDArray[np.int32]:
        """Return the row of every pixel's object plus 1, and 0 for background."""
        if self._map is None:
            result = np.empty(self._pixels.shape, np.int32)
            if self.source.frame_axis is None:
                result[...] = _row_numbers(self._pixels, self.labels, 1)
            else:
                for frame in range(len(result)):
                    first, last = np.searchsorted(self.frames, [frame, frame + 1])
                    result[frame] = _row_numbers(self._pixels[frame], self.labels[first:last], int(first) + 1)
            self._map = result
        return self._map


def _row_numbers(pixels: NDArray[Any], labels: NDArray[np.int64], first: int) -> NDArray[np.int32]:
    """Return the number of every pixel's object, counted from `first` in the order of the sorted labels."""
    if not len(labels):
        return np.zeros(pixels.shape, np.int32)
    largest = int(labels[-1])
    if largest < _LARGEST_TABLE:
        table = np.zeros(largest + 1, np.int32)
        table[labels] = np.arange(first, first + len(labels))
        found: NDArray[np.int32] = table[pixels]
        return found
    # The labels were measured from these very pixels, so that every pixel's is there, or is 0.
    numbers: NDArray[np.int32] = np.searchsorted(labels, pixels.astype(np.int64)).astype(np.int32) + np.int32(first)
    numbers[pixels == 0] = 0
    return numbers


def _images(source: ObjectSource) -> list[Any]:
    if source.image is None:
        return []
    return list(source.image.values()) if isinstance(source.image, Mapping) else [source.image]


def _same(a: Any, b: Any) -> bool:
    """Tell whether two arrays are one, or two views of the same part of one."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        # Both are alive, so equal addresses are the same memory.
        return bool(a.__array_interface__ == b.__array_interface__)
    if device.is_dask(a) and device.is_dask(b):
        return bool(a.name == b.name)
    return a is b
