"""Between images of objects and tables of them: what is painted in an object, and objects painted with a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.annotation import check_annotation
from bioloom.errors import InputError
from bioloom.operations.checks import as_labels

if TYPE_CHECKING:
    import pandas as pd


def annotated_classes(
    labels: Any, annotation: Any, table: pd.DataFrame, *, frame_axis: int | None = None
) -> NDArray[np.int64]:
    """Return the class of every object in a table: the highest annotation value inside it, 0 for none.

    Parameters
    ----------
    labels, annotation
        Same shape; see :meth:`bioloom.classify.ObjectClassifier.fit`.
    table
        One row per object with ``label`` and, with `frame_axis`, ``frame``.

    Raises
    ------
    InputError
        If shapes differ or the annotation holds no class ids.
    """
    label_array = np.asarray(labels)
    painted = check_annotation(annotation, label_array.shape)
    if frame_axis is not None:
        label_array, painted = np.moveaxis(label_array, frame_axis, 0), np.moveaxis(painted, frame_axis, 0)
    where = np.nonzero(painted)
    result = np.zeros(len(table), np.int64)
    if not where[0].size or not len(table):
        return result
    rows = rows_of(table, label_array[where], where[0] if frame_axis is not None else None)
    inside = rows >= 0
    np.maximum.at(result, rows[inside], painted[where][inside].astype(np.int64))
    return result


def paint_objects(labels: Any, table: pd.DataFrame, column: str, *, frame_axis: int | None = None) -> NDArray[Any]:
    """Return an image in which every object has its value of a whole-number column; 0 is background.

    Parameters
    ----------
    labels
        Objects; see :meth:`bioloom.classify.ObjectClassifier.fit`.
    table
        ``[frame,] label`` and the column; objects that are not in it become 0.
    column
        Name of a column of numbers that are not negative.
    frame_axis
        The axis of time, if there is one.
    """
    label_array = as_labels(np.asarray(labels), "labels")
    values = table[column].to_numpy()
    dtype = np.min_scalar_type(int(values.max())) if len(values) else np.dtype(np.uint8)
    result = np.zeros(label_array.shape, dtype)
    moved, source = (result, label_array)
    if frame_axis is not None:
        moved, source = np.moveaxis(result, frame_axis, 0), np.moveaxis(label_array, frame_axis, 0)
    where = np.nonzero(source)
    rows = rows_of(table, source[where], where[0] if frame_axis is not None else None)
    found = rows >= 0
    moved[tuple(w[found] for w in where)] = values[rows[found]].astype(dtype)
    return result


def rows_of(table: pd.DataFrame, labels: NDArray[Any], frames: NDArray[Any] | None) -> NDArray[np.intp]:
    """Find the row of each (frame, label), -1 where there is none."""
    factor = 1 << 32
    keys = table["label"].to_numpy(np.int64)
    wanted = labels.astype(np.int64)
    if frames is not None:
        keys = keys + table["frame"].to_numpy(np.int64) * factor
        wanted = wanted + frames.astype(np.int64) * factor
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    rows: NDArray[np.intp] = order[at]
    rows[keys[rows] != wanted] = -1
    return rows


def as_examples(labels: Any, annotation: Any, image: Any) -> list[tuple[Any, Any, Any]]:
    """Return (labels, annotation, image) per image; `labels` is one array or a list of arrays.

    Raises
    ------
    InputError
        If the lists have different lengths.
    """
    if not isinstance(labels, (list, tuple)) or (len(labels) and np.ndim(labels[0]) < 2):
        return [(labels, annotation, image)]
    images = [None] * len(labels) if image is None else image
    for name, given in (("annotation", annotation), ("image", images)):
        n = len(given) if isinstance(given, (list, tuple)) else 1
        if not isinstance(given, (list, tuple)) or n != len(labels):
            raise InputError(f"{len(labels)} label images were given with {n} {name}(s). Give one {name} per image.")
    if not labels:
        raise InputError("No label image was given to train on.")
    return list(zip(labels, annotation, images, strict=True))


def keys_in(table: pd.DataFrame) -> list[str]:
    """Return which of the columns ``frame`` and ``label`` a table has."""
    return [c for c in ("frame", "label") if c in table.columns]
