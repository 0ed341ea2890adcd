"""The table of measurements of pairs of objects that touch each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import _blocks, inputs
from bioloom.measure.evaluation import evaluate
from bioloom.measure.neighbours import Borders
from bioloom.measure.registry import Property, closure, find_property, node
from bioloom.measure.table import _frame, _Progress

if TYPE_CHECKING:
    import pandas as pd

PAIR_FEATURES = {
    "touch_count": "Count of the faces of pixels that the two share.",
    "touch_portion": "Share of the border of the object, without the edge of the image, that touches the neighbour.",
    "centroid_distance": "Distance between the centroids.",
    "mean_touch_intensity": "Mean value of the pixels on both sides of the common border.",
    "touch_intensity_ratio": "mean_touch_intensity divided by the mean of the mean values of the two.",
}
"""What is measured of a pair; besides, ``<measurement>_difference`` of any measurement of objects with one column."""

_DIFFERENCE = "_difference"
_PER_CHANNEL = ("mean_touch_intensity", "touch_intensity_ratio")


def pair_needs_image(name: str) -> bool:
    """Tell whether a measurement of pairs is taken in an image.

    Raises
    ------
    InputError
        If there is no such measurement.
    """
    if name in PAIR_FEATURES:
        return name in _PER_CHANNEL
    return _of_objects(name).per_channel


def pair_measurement_of(column: str) -> str:
    """Return the measurement of pairs that gives a column: what stands before the name of a channel.

    Raises
    ------
    InputError
        If there is none.
    """
    for name in _PER_CHANNEL:
        if column == name or column.startswith(f"{name}_"):
            return name
    if column in PAIR_FEATURES:
        return column
    stem, difference, _ = column.partition(_DIFFERENCE)
    _of_objects(stem + difference)
    return stem + difference


def measure_pairs(
    labels: Any,
    image: Any = None,
    spacing: Sequence[float] | None = None,
    properties: Sequence[str] = ("touch_count", "touch_portion", "centroid_distance"),
    *,
    frame_axis: int | None = None,
    block_shape: Sequence[int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Measure every pair of objects that share an edge (in 3D a face) of a pixel.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x) of whole numbers, 0 being background; with `frame_axis`, one axis more.
    image
        Image of the shape of `labels`, or several: a list, or a mapping from names to arrays. With more than one, the
        columns that depend on it end in ``_<name>``.
    spacing
        Size of a pixel per spatial axis; None measures in pixels.
    properties
        Names from `PAIR_FEATURES`, or ``<measurement>_difference`` for the difference between the two objects, such as
        ``area_difference``.
    frame_axis
        The axis of `labels` that is time. The table gets a `frame` column.
    block_shape
        Read and measure the image in blocks of this size; by default large arrays of Dask and Zarr, as in `measure`.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        ``[frame,] label, neighbor`` and the measurements. Each pair has two rows, one from the side of each object:
        `touch_portion` is that of the border of `label`.

    Raises
    ------
    InputError
        If labels are not whole numbers from 0 up, shapes or spacing do not fit, or a measurement is unknown.

    Notes
    -----
    Names and values are those of APOC's ObjectMerger where it has them: the value of a face is the mean of its two
    pixels, rounded down in images of whole numbers.
    """
    import pandas as pd

    shape = inputs.shape_of(labels)
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    ndim = len(shape) - (axis is not None)
    if ndim not in (2, 3):
        raise InputError(f"labels has {ndim} spatial axes (shape {shape}); (y, x) or (z, y, x) is needed.")
    size = inputs.checked_spacing(spacing, ndim)
    channels = inputs.checked_channels(image, None, None, shape)
    names = list(dict.fromkeys(properties))
    missing = [n for n in names if pair_needs_image(n)]
    if missing and not channels:
        raise InputError(f"{missing[0]!r} is measured in an image: give one.")
    needed = _needs(names)
    steps = closure(needed)
    if not any(step.per_channel for step in steps):
        channels = {}

    frames: list[int | None] = [None] if axis is None else list(range(shape[axis]))
    first = [_frame(array, axis, 0) for array in (labels, *channels.values())] if frames else []
    blocks = _blocks.blocks_for(first, block_shape)
    if blocks is None:
        n_steps = 1 + sum(len(step.suffixes(list(channels))) for step in steps)
    else:
        n_steps = _blocks.n_steps(_frame(labels, axis, 0), blocks)
    report = _Progress(progress, len(frames) * n_steps)
    parts = []
    for t in frames:
        here, images = _frame(labels, axis, t), {c: _frame(i, axis, t) for c, i in channels.items()}
        if blocks is not None:
            ids, values = _blocks.measure_blocks(here, images, [node(n) for n in needed], size, blocks, report)
        else:
            images = {c: inputs.as_stack(inputs.checked_image(i, c[1:])) for c, i in images.items()}
            objects = inputs.index_objects(inputs.as_stack(inputs.checked_labels(here)), ndim, size, report.tick)
            report.finished()
            ids, values = objects.ids, evaluate(steps, objects, images, report.finished)
        with np.errstate(all="ignore"):
            parts.append(_columns(ids, t, names, list(channels), values, size))
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _of_objects(name: str) -> Property:
    """Return the measurement of objects whose difference is meant."""
    found = find_property(name.removesuffix(_DIFFERENCE)) if name.endswith(_DIFFERENCE) else None
    if found is None or found.parts or found.per_pair:
        raise InputError(
            f"Unknown measurement of pairs {name!r}. There are {', '.join(PAIR_FEATURES)}, and the difference of any "
            "measurement of objects with one column, such as area_difference."
        )
    return found


def _needs(names: Sequence[str]) -> list[str]:
    needs = {
        "centroid_distance": ["coordinates"],
        "mean_touch_intensity": ["border_means"],
        "touch_intensity_ratio": ["border_means", "intensity_mean"],
    }
    found = ["borders"]
    for name in names:
        found += needs.get(name, []) if name in PAIR_FEATURES else [_of_objects(name).name]
    return list(dict.fromkeys(found))


def _columns(
    ids: NDArray[Any], frame: int | None, names: Sequence[str], channels: Sequence[str],
    values: dict[tuple[str, str], Any], spacing: NDArray[np.float64],
) -> dict[str, NDArray[Any]]:  # fmt: skip
    """Columns of the table for one frame."""
    borders: Borders = values["borders", ""]
    n = ids.size
    both = np.concatenate([borders.pairs, borders.pairs[:, ::-1]])
    counts = np.concatenate([borders.counts, borders.counts])
    from_objects = both[:, 0] < n
    total = np.bincount(both[from_objects, 0], counts[from_objects], n)
    order = np.lexsort((both[:, 1], both[:, 0]))
    order = order[(both[order] < n).all(axis=1)]
    a, b = both[order].T
    columns: dict[str, NDArray[Any]] = {}
    if frame is not None:
        columns["frame"] = np.full(len(order), frame, np.int64)
    columns["label"], columns["neighbor"] = ids[a].astype(np.int64), ids[b].astype(np.int64)
    for name in names:
        for channel in channels if pair_needs_image(name) else [""]:
            if name == "touch_count":
                column = counts[order].astype(np.float64)
            elif name == "touch_portion":
                column = counts[order] / total[a]
            elif name == "centroid_distance":
                found = values["coordinates", ""]
                centroids = (found.first + found.sums[:, 1:4] / found.sums[:, :1]) * spacing
                column = np.linalg.norm(centroids[a] - centroids[b], axis=1)
            elif name in _PER_CHANNEL:
                column = np.concatenate([values["border_means", channel]] * 2)[order]
                if name == "touch_intensity_ratio":
                    means = values["intensity_mean", channel]
                    column = column / ((means[a] + means[b]) / 2)
            else:
                each = np.asarray(values[_of_objects(name).name, channel], np.float64)
                column = np.abs(each[a] - each[b])
            columns[name + channel] = column
    return columns


def touching_labels(labels: NDArray[Any], frame_axis: int | None = None) -> NDArray[np.int64]:
    """Return the pairs (n, 3) of frame (0 without time) and two labels, the lower first, that share a face."""
    from bioloom.measure.quantities import contacts
    from bioloom.measure.sums import sum_up

    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, labels.ndim, "frame_axis")
    frames: list[int | None] = [None] if axis is None else list(range(labels.shape[axis]))
    found = [np.zeros((0, 3), np.int64)]
    for t in frames:
        part = inputs.as_stack(inputs.checked_labels(_frame(labels, axis, t)))
        objects = inputs.index_objects(part, part.ndim, np.ones(3), lambda: None)
        pairs = objects.ids[contacts(objects, sum_up(part, {}, ["faces"]).of(objects.ids), "")].astype(np.int64)
        found.append(np.column_stack([np.full(len(pairs), t or 0), pairs]))
    return np.concatenate(found)
