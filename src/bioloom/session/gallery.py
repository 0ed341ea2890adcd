"""Small pictures of objects, side by side: crops of the images with the outline of the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError
from bioloom.explore.text_order import numbered_texts

if TYPE_CHECKING:
    import pandas as pd

_BACK = 24
"""Grey of what lies outside the image."""


@dataclass(frozen=True)
class GallerySource:
    """A labels layer and the images under it.

    Attributes
    ----------
    labels
        Label image, ([t,] [z,] y, x); NumPy, Dask or Zarr.
    channels
        Intensities, each of the shape of the labels; may be none.
    limits
        Intensities shown as black and as full colour, per channel.
    colours
        RGB from 0 to 1 per channel, (n, 3); channels are added up.
    has_frames
        Whether axis 0 is time.
    """

    labels: Any
    channels: Sequence[Any] = ()
    limits: Sequence[tuple[float, float]] = ()
    colours: Sequence[Sequence[float]] = ()
    has_frames: bool = False

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.limits) == len(self.colours):
            raise InputError(
                f"Limits and a colour per channel are needed, but there are {len(self.channels)} channels, "
                f"{len(self.limits)} limits and {len(self.colours)} colours."
            )
        for channel in self.channels:
            if tuple(channel.shape) != tuple(self.labels.shape):
                raise InputError(
                    f"An image of the shape {tuple(channel.shape)} does not fit labels of the shape "
                    f"{tuple(self.labels.shape)}."
                )

    def crop(self, array: Any, frame: int, part: tuple[int | slice, ...]) -> NDArray[Any]:
        """Read a part (z, y, x) of one frame of an array, and no more of it; of an image z is ignored."""
        whole = ((frame,) if self.has_frames else ()) + part
        return np.asarray(array[whole if len(whole) == array.ndim else (*whole[:-3], *whole[-2:])])

    def volume(self, frame: int) -> NDArray[Any]:
        """Read the labels of one frame, always with a z axis."""
        read = np.asarray(self.labels[frame] if self.has_frames else self.labels[...])
        return read[None] if read.ndim == 2 else read


@dataclass
class Gallery:
    """Pictures of the objects of one or several labels layers.

    Parameters
    ----------
    sources
        The layers.
    source, frames, labels
        Which object each row is, (n,): the number of its layer, its frame (0 where there is no time) and its id.
    boxes
        Bounding boxes found so far, by layer and frame; to be handed on to pictures of the same objects.
    """

    sources: Sequence[GallerySource]
    source: NDArray[np.integer]
    frames: NDArray[np.integer]
    labels: NDArray[np.integer]
    boxes: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not len(self.source) == len(self.frames) == len(self.labels):
            raise InputError("Each object needs the number of its layer, its frame and its label.")

    def __len__(self) -> int:
        return len(self.labels)

    def box(self, row: int) -> NDArray[np.int64] | None:
        """Return where an object is, one row of :func:`object_boxes`; None if it is gone."""
        source, frame = int(self.source[row]), int(self.frames[row])
        if (source, frame) not in self.boxes:
            one = self.sources[source]
            if one.has_frames and not 0 <= frame < one.labels.shape[0]:
                return None
            here = (self.source == source) & (self.frames == frame)
            ids = np.unique(self.labels[here]).astype(np.int64)
            self.boxes[source, frame] = (ids, object_boxes(one.volume(frame), ids))
        ids, boxes = self.boxes[source, frame]
        box = boxes[np.searchsorted(ids, int(self.labels[row]))]
        return box if box[1] else None

    def field_of_view(self, rows: NDArray[np.integer]) -> float:
        """Return the side, in pixels of the image, of a square that holds nearly all of some objects."""
        boxes = [box for row in rows[:1000] if (box := self.box(int(row))) is not None]
        if not boxes:
            return 16.0
        sizes = np.array([max(box[3] - box[2], box[5] - box[4]) for box in boxes])
        return float(max(8.0, 1.3 * np.percentile(sizes, 95)))

    def picture(
        self, row: int, size: int, side: float | None = None, outline: Sequence[int] | None = (255, 230, 0)
    ) -> NDArray[np.uint8]:
        """Return the picture of an object.

        Parameters
        ----------
        row
            The object.
        size
            Height and width of the picture in pixels of the screen.
        side
            Height and width of what it shows in pixels of the image, so that objects can be compared; the object
            with a margin if left out.
        outline
            RGB of the outline, 0…255; none if None.

        Returns
        -------
        numpy.ndarray
            uint8 RGBA, (size, size, 4). Of a volume it is the plane where the object is largest. Dark grey if the
            object is gone, and outside the image.
        """
        result = np.full((size, size, 4), _BACK, np.uint8)
        result[..., 3] = 255
        box = self.box(row)
        if box is None:
            return result
        source = self.sources[int(self.source[row])]
        frame, z = int(self.frames[row]), int(box[6])
        side = side or max(8.0, 1.3 * max(box[3] - box[2], box[5] - box[4]))
        ys, in_y, rows = _samples(float(box[2] + box[3] - 1) / 2, side, size, source.labels.shape[-2])
        xs, in_x, columns = _samples(float(box[4] + box[5] - 1) / 2, side, size, source.labels.shape[-1])
        if not in_y.any() or not in_x.any():
            return result
        top, left = int(rows.min()), int(columns.min())
        part = (z, slice(top, int(rows.max())), slice(left, int(columns.max())))
        take = np.ix_(ys[in_y] - top, xs[in_x] - left)
        own = source.crop(source.labels, frame, part) == self.labels[row]
        mask = _any_within(_any_within(own, rows - top).T, columns - left).T
        shade = np.zeros((int(in_y.sum()), int(in_x.sum()), 3), np.float32)
        for channel, (low, high), colour in zip(source.channels, source.limits, source.colours, strict=True):
            values = source.crop(channel, frame, part)[take].astype(np.float32)
            shade += np.clip((values - low) / max(high - low, 1e-12), 0, 1)[..., None] * np.asarray(colour, np.float32)
        if not source.channels:
            shade += np.where(mask[np.ix_(in_y, in_x)], 0.75, 0.25)[..., None]
        result[np.ix_(in_y, in_x, np.arange(3))] = np.rint(np.clip(np.nan_to_num(shade), 0, 1) * 255)
        if outline is not None:
            result[_edge(mask), :3] = outline
        return result

    def montage(
        self, rows: ArrayLike, columns: int, size: int = 64, *, gap: int = 2, outlines: ArrayLike | None = None
    ) -> NDArray[np.uint8]:
        """Return the pictures of objects side by side at the same scale.

        Parameters
        ----------
        rows
            The objects, in the order in which they are shown.
        columns
            Pictures per line.
        size, gap
            Of a picture and between pictures, in pixels.
        outlines
            RGB per object shown, (m, 3).

        Returns
        -------
        numpy.ndarray
            uint8 RGBA.
        """
        chosen = np.asarray(rows, np.intp)
        columns = max(1, min(columns, len(chosen)))
        lines = max(1, -(-len(chosen) // columns))
        sheet = np.full((lines * (size + gap) - gap, columns * (size + gap) - gap, 4), 255, np.uint8)
        side = self.field_of_view(chosen)
        colours = None if outlines is None else np.asarray(outlines)
        for k, row in enumerate(chosen.tolist()):
            y, x = (k // columns) * (size + gap), (k % columns) * (size + gap)
            outline = (255, 230, 0) if colours is None else colours[k].tolist()
            sheet[y : y + size, x : x + size] = self.picture(row, size, side, outline)
        return sheet


def object_boxes(labels: NDArray[Any], ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the bounding boxes of objects, and the planes where they are largest, in one pass over the image.

    Parameters
    ----------
    labels
        Label image, (z, y, x).
    ids
        The objects, ascending; any gaps.

    Returns
    -------
    numpy.ndarray
        int64, (n, 7): z0, z1, y0, y1, x0, x1 with ends past the object, and the plane, the middle one of several in a
        row; z1 is 0 for objects that are not there.
    """
    from bioloom.session._label_kernels import boxes_of

    boxes = np.zeros((len(ids), 7), np.int64)
    boxes[:, :6:2] = labels.shape
    native = labels if labels.dtype.isnative and labels.dtype.kind in "iu" else labels.astype(np.int64)
    boxes_of(native, np.ascontiguousarray(ids, np.int64), boxes)
    return boxes


def in_order(rows: ArrayLike, values: ArrayLike | pd.Series[Any] | None, descending: bool = False) -> NDArray[np.intp]:
    """Sort rows by a column, texts in natural order; missing values come last, equal ones stay as they are.

    Parameters
    ----------
    rows
        Rows of the table.
    values
        The column, one value per row of the table; ordered categories of pandas keep their order. If None, that of
        the rows stays.
    descending
        The largest first.
    """
    import pandas as pd

    chosen = np.asarray(rows, np.intp)
    if values is None:
        return chosen
    column = pd.Series(values).iloc[chosen]
    if isinstance(column.dtype, pd.CategoricalDtype) or column.dtype.kind not in "biuf":
        codes, _ = numbered_texts(column)
        keys = np.where(codes > 0, codes, np.nan)
    else:
        keys = column.to_numpy(np.float64, na_value=np.nan)
    return chosen[np.argsort(-keys if descending else keys, kind="stable")]


def _samples(
    centre: float, side: float, size: int, length: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_], NDArray[np.intp]]:
    """Return which pixel of the image each pixel of the picture shows, which of them are in the image, and their parts.

    A part is where the pixels begin and end that one of the picture covers, (2, size), as far as they are in the image.
    """
    at = np.floor(centre + 0.5 + ((np.arange(size) + 0.5) / size - 0.5) * side).astype(np.intp)
    edges = np.floor(centre + 0.5 + (np.arange(size + 1) / size - 0.5) * side).astype(np.intp)
    parts = np.stack([edges[:-1], edges[1:]] if side > size else [at, at + 1])
    return at, (at >= 0) & (at < length), np.clip(parts, 0, length)


def _any_within(mask: NDArray[np.bool_], parts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell for some parts of the rows of a mask, and each column, whether anything there is set."""
    counts = np.zeros((len(mask) + 1, mask.shape[1]), np.int32)
    np.cumsum(mask, axis=0, out=counts[1:])
    return np.asarray(counts[parts[1]] > counts[parts[0]])


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    return np.asarray(mask & ~inner)
