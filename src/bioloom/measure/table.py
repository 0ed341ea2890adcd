"""The table of measurements of all objects of a label image or time series."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import _blocks, inputs
from bioloom.measure.evaluation import evaluate
from bioloom.measure.registry import EXTRA_GROUPS, GROUPS, PROPERTIES, Property, closure

if TYPE_CHECKING:
    import pandas as pd


_LARGE = 1 << 24  # values of a table that is not copied
_MANY_COLUMNS = 80  # of which pandas wants to have those of a type in one array


def list_properties(ndim: int | None = None, groups: Sequence[str] = GROUPS) -> tuple[Property, ...]:
    """List the measurements, with group, description, unit and source.

    Parameters
    ----------
    ndim
        2 or 3 to list only what is defined for planes or for stacks, with units that fit; None for all.
    groups
        Names of groups; by default those that are measured where no names are given. ``"clesperanto"`` is the group
        of the measurements of clEsperanto and APOC under their own names, in pixels.

    Returns
    -------
    tuple of Property
        In the order of the columns of a table.

    Raises
    ------
    InputError
        If `ndim` is not 2, 3 or None, or there is no such group.
    """
    wrong = [g for g in groups if g not in (*GROUPS, *EXTRA_GROUPS)]
    if wrong:
        raise InputError(f"There is no group {wrong[0]!r}. The groups are {', '.join((*GROUPS, *EXTRA_GROUPS))}.")
    listed = [p for p in PROPERTIES.values() if p.group in groups]
    if ndim is None:
        return tuple(listed)
    if ndim not in (2, 3):
        raise InputError(f"ndim={ndim} does not fit: objects are measured in 2 or 3 dimensions.")
    power = {2: "length²", 3: "length³"}[ndim]
    return tuple(dataclasses.replace(p, unit=p.unit.replace("lengthⁿ", power)) for p in listed if ndim in p.ndims)


def measure(
    labels: Any,
    image: Any = None,
    spacing: Sequence[float] | None = None,
    properties: Sequence[str] | str | None = None,
    *,
    frame_axis: int | None = None,
    channel_axis: int | None = None,
    channel_names: Sequence[str] | None = None,
    block_shape: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Measure every object of a label image.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x) of whole numbers, 0 being background; with `frame_axis`, one axis more. Labels
        may have gaps. All pixels of a label are one object, also if they do not touch.
    image
        Image of the shape of `labels` (bool, integers or floats), or several: an array with `channel_axis`, a list, or
        a mapping from names to arrays. With more than one, the columns of the intensity group end in ``_<name>``, and
        those of pairs of channels (colocalisation) in ``_<first>_<second>``.
        NaN pixels are left out of the measurements of intensity; an object with nothing but NaN gets NaN.
    spacing
        Size of a pixel per spatial axis, in any unit of length; None measures in pixels.
    properties
        Names of measurements or of groups (see `list_properties`); None for all that fit the data, without those
        of the groups `EXTRA_GROUPS`.
    frame_axis
        The axis of `labels` that is time. Frames are measured one by one; the table gets a `frame` column.
    channel_axis
        The axis of `image` that holds the channels.
    channel_names
        Their names; by default channel0, channel1, …
    block_shape
        Read and measure the image in blocks of this size, (y, x) or (z, y, x) in pixels; the table is the same but for
        rounding. None does so, in blocks that suit the chunks, with arrays of Dask, Zarr and the like that have more
        than 64 million pixels (a frame), and reads smaller ones as a whole.
    progress
        Called as ``progress(done, total)``, several times with the same number in long steps. It may raise
        `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        One row per object, sorted by frame and label. Columns `frame` (with `frame_axis`), `label`, then the
        measurements in the order asked for; those with several parts end in -0, -1, … Values that are not defined,
        such as the perimeter where pixels are not square, are NaN.

    Raises
    ------
    InputError
        If labels are not whole numbers from 0 up, shapes or spacing do not fit, or a property is unknown.

    Notes
    -----
    Dask and Zarr arrays are read frame by frame if there is a `frame_axis`, and in blocks if frames are large: first
    all that adds up over pixels, such as areas, means and moments; then thresholds of the frame and distances between
    surfaces, if asked for; then for measurements such as the median, the hull or texture the surroundings of the
    objects of each block. An object is held in memory as a whole for the latter.
    Names and values are those of `skimage.measure.regionprops_table` (0.26) where it has the measurement.
    """
    import pandas as pd

    shape = inputs.shape_of(labels)
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    ndim = len(shape) - (axis is not None)
    if ndim not in (2, 3):
        hint = " If one axis is time, say which (frame_axis)." if axis is None and ndim > 1 else ""
        raise InputError(f"labels has {ndim} spatial axes (shape {shape}); (y, x) or (z, y, x) is needed.{hint}")
    size = inputs.checked_spacing(spacing, ndim)
    channels = inputs.checked_channels(image, channel_axis, channel_names, shape)
    chosen = inputs.checked_properties(properties, ndim, len(channels))
    steps = closure(p.name for p in chosen)
    if not any(step.n_images for step in steps):
        channels = {}

    frames: list[int | None] = [None] if axis is None else list(range(shape[axis]))
    first = [_frame(array, axis, 0) for array in (labels, *channels.values())] if frames else []
    blocks = _blocks.blocks_for(first, block_shape)
    if blocks is None:
        report = _Progress(progress, len(frames) * (1 + sum(len(s.suffixes(list(channels))) for s in steps)))
    else:
        report = _Progress(progress, len(frames) * _blocks.n_steps(_frame(labels, axis, 0), blocks))
    parts = []
    for t in frames:
        if blocks is not None:
            label_frame, image_frames = _frame(labels, axis, t), {c: _frame(i, axis, t) for c, i in channels.items()}
            ids, found = _blocks.measure_blocks(label_frame, image_frames, chosen, size, blocks, report)
            parts.append(_columns(ids, t, chosen, list(channels), found, ndim))
            continue
        stack = inputs.as_stack(inputs.checked_labels(_frame(labels, axis, t)))
        images = {c: inputs.as_stack(inputs.checked_image(_frame(i, axis, t), c[1:])) for c, i in channels.items()}
        objects = inputs.index_objects(stack, ndim, size, report.tick)
        report.finished()
        values = evaluate(steps, objects, images, report.finished, keep={p.name for p in chosen})
        parts.append(_columns(objects.ids, t, chosen, list(channels), values, ndim))
    if not parts:
        nothing = inputs.index_objects(np.zeros((1, 1, 1), np.uint32), ndim, size, report.tick)
        images = {c: np.zeros((1, 1, 1)) for c in channels}
        parts.append(_columns(nothing.ids, 0, chosen, list(channels), evaluate(steps, nothing, images, _ignore), ndim))
    columns = (
        parts[0] if len(parts) == 1 else {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    )
    # A copy puts all columns of a type into one array, which is faster to work with but takes twice the memory.
    large = len(columns) * len(columns["label"]) > _LARGE
    return pd.DataFrame(columns, copy=not large or len(columns) > _MANY_COLUMNS)


def _ignore() -> None:
    """Do nothing."""


def _frame(array: Any, axis: int | None, index: int | None) -> Any:
    """Take one frame of an array, or all of it if it has no frames."""
    return array if axis is None or index is None else inputs.take(array, axis, index)


def _columns(
    ids: NDArray[Any],
    frame: int | None,
    chosen: Sequence[Property],
    channels: Sequence[str],
    values: Mapping[tuple[str, str], Any],
    ndim: int,
) -> dict[str, NDArray[Any]]:
    """Columns of the table for one frame."""
    columns: dict[str, NDArray[Any]] = {}
    if frame is not None:
        columns["frame"] = np.full(ids.size, frame, np.int64)
    largest = int(ids[-1]) if ids.size else 0
    columns["label"] = ids.astype(np.int64 if largest < 2**63 else np.uint64)
    for p in chosen:
        for channel in map("".join, p.suffixes(channels)):
            names = p.columns(ndim, channel)
            parts: NDArray[Any] = np.asarray(values[p.name, channel], dtype=p.dtype).reshape(ids.size, len(names))
            columns.update({name: np.ascontiguousarray(parts[:, i]) for i, name in enumerate(names)})
    return columns


class _Progress:
    """Counts the steps done and tells the caller."""

    def __init__(self, callback: Callable[[int, int], None] | None, total: int) -> None:
        self._callback = callback
        self._done, self._total = 0, total

    def tick(self) -> None:
        """Tell the same number again, so that the caller can stop a long step."""
        if self._callback is not None:
            self._callback(self._done, self._total)

    def finished(self, steps: int = 1) -> None:
        """Count one step more, or several."""
        self._done += steps
        self.tick()
