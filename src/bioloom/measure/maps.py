"""Maps: images in which every object has the colour of a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import inputs
from bioloom.measure.registry import EXTRA_GROUPS, GROUPS, PROPERTIES
from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import index_labels
from bioloom.operations._types import Image, Labels, Spacing

if TYPE_CHECKING:
    import pandas as pd

assert inputs  # importing it fills PROPERTIES

_COLUMNS = {
    column: p for group in (*GROUPS, *EXTRA_GROUPS) for p in PROPERTIES.values()
    if p.group == group and not p.per_pair for column in p.columns(max(p.ndims))
}  # fmt: skip
_NAMES = tuple(_COLUMNS)


@operation(
    "Measure/Maps of labels",
    allow_nan=True,
    keywords="parametric map, feature map, mean intensity map, pixel count map, area map, volume map, "
    "extension ratio map, touching neighbor count map, standard deviation intensity map, colour by measurement",
)
def measurement_map(
    labels: Labels,
    image: Image | None = None,
    measurement: Literal[_NAMES] = "area",  # type: ignore[valid-type]
    spacing: Spacing = None,
) -> Image:
    """Give every pixel the measurement of its object.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    image
        Same shape; only needed for measurements of intensity.
    measurement
        Any column that a table of measurements can have.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        float32, 0 in background; NaN for objects for which the measurement is not defined.

    Raises
    ------
    InputError
        If the shapes differ, the image is missing, or the measurement is not defined in so many dimensions.

    Notes
    -----
    The values of `bioloom.measure.measure`. Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.measure.table import measure

    found = _COLUMNS[measurement]
    if labels.ndim in found.ndims and measurement not in found.columns(labels.ndim):
        raise InputError(
            f"measurement_map: {measurement} is of axes that the labels do not have; they are {labels.ndim}D. "
            f"There are {', '.join(found.columns(labels.ndim))}."
        )
    table = measure(labels, image if found.per_channel else None, spacing, [found.name])
    return column_map(labels, table, measurement)


def column_map(labels: Any, table: pd.DataFrame, column: str, *, frame_axis: int | None = None) -> NDArray[np.float32]:
    """Give every pixel the value that its object has in a column of a table.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x); with `frame_axis`, one axis more.
    table
        With a column `label` (or `index`, as napari has it) and, with `frame_axis`, a column `frame`.
    column
        The name of a column of numbers, or of true and false.
    frame_axis
        The axis of `labels` that is time.

    Returns
    -------
    numpy.ndarray
        float32, 0 in background; NaN for objects that the table does not have.

    Raises
    ------
    InputError
        If a column is missing or does not hold numbers, or an object has two rows.
    """
    key = "label" if "label" in table.columns else "index"
    needed = [key, column] if frame_axis is None else ["frame", key, column]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise InputError(f"The table has no column {missing[0]!r}. It has: {', '.join(map(str, table.columns))}.")
    if np.asarray(table[column]).dtype.kind not in "buif":
        raise InputError(f"The column {column!r} does not hold numbers; choose another.")
    if frame_axis is None:
        return _painted(labels, table[key], table[column])
    axis = inputs.checked_axis(frame_axis, len(inputs.shape_of(labels)), "frame_axis")
    frames = []
    for t in range(inputs.shape_of(labels)[axis]):
        rows = np.asarray(table["frame"]) == t
        frames.append(_painted(inputs.take(labels, axis, t), table[key][rows], table[column][rows]))
    return np.stack(frames, axis=axis)


def _painted(labels: Any, ids: Sequence[int] | Any, values: Any) -> NDArray[np.float32]:
    index = index_labels(inputs.checked_labels(labels))
    known, numbers = np.asarray(ids, np.int64), np.asarray(values, np.float64)
    order = np.argsort(known, kind="stable")
    known, numbers = known[order], numbers[order]
    if (known[1:] == known[:-1]).any():
        twice = int(known[1:][known[1:] == known[:-1]][0])
        raise InputError(f"The label {twice} has several rows in the table. If they are of several frames, say so.")
    at = np.searchsorted(known, index.ids)
    there = at < known.size
    there[there] = known[at[there]] == index.ids[there]
    result = np.full(index.n, np.nan, np.float32)
    result[there] = numbers[at[there]]
    return index.paint(result)
