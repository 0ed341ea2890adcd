"""Pairs of touching objects: what is painted across their border, and what they are once they are merged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.annotation import check_annotation
from bioloom.classify.object_images import paint_objects, rows_of
from bioloom.errors import InputError
from bioloom.operations.checks import as_labels

if TYPE_CHECKING:
    import pandas as pd

MERGE, KEEP = 1, 2
"""Classes of pairs, as in APOC."""


def annotated_pairs(
    labels: Any, annotation: Any, table: pd.DataFrame, *, frame_axis: int | None = None
) -> NDArray[np.int64]:
    """Return the class of every pair in a table: 1 for merge, 2 for keep, 0 where nothing is painted.

    Parameters
    ----------
    labels, annotation
        Same shape; see :meth:`bioloom.classify.ObjectMerger.fit`.
    table
        Pairs with ``label``, ``neighbor`` and, with `frame_axis`, ``frame``.

    Raises
    ------
    InputError
        If shapes differ, or the annotation holds other numbers than 0, 1 and 2.
    """
    from bioloom.measure import touching_labels

    label_array = as_labels(np.asarray(labels), "labels")
    painted = check_annotation(annotation, label_array.shape)
    if painted.size and painted.max() > KEEP:
        raise InputError(
            f"The annotation holds the class {painted.max()}, but pairs have two: paint 1 across borders that should "
            "vanish and 2 across borders that should stay."
        )
    ends = table[["label", "neighbor"]].to_numpy(np.int64)
    low, high = ends.min(axis=1), ends.max(axis=1)
    frames = table["frame"].to_numpy(np.int64) if "frame" in table.columns else np.zeros(len(table), np.int64)
    result = np.zeros(len(table), np.int64)
    for number in (MERGE, KEEP):
        pairs = touching_labels(np.where(painted == number, label_array, 0), frame_axis)
        known = set(map(tuple, pairs.tolist()))
        hit = [key in known for key in zip(frames.tolist(), low.tolist(), high.tolist(), strict=True)]
        result[np.array(hit, bool)] = number
    return result


def merge_objects(
    labels: Any, pairs: pd.DataFrame, *, frame_axis: int | None = None, relabel: bool = False
) -> NDArray[Any]:
    """Merge pairs of objects, and so all objects that pairs connect.

    Parameters
    ----------
    labels
        Objects; see :meth:`bioloom.classify.ObjectMerger.fit`.
    pairs
        ``[frame,] label, neighbor``: the pairs to merge.
    frame_axis
        The axis of time, if there is one.
    relabel
        Number the objects anew from 1 without gaps, per frame; else merged objects have the highest of their labels.

    Returns
    -------
    numpy.ndarray
        Labels in the shape of `labels`; its dtype, or uint32 with `relabel`.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    from bioloom.measure import measure

    objects = measure(labels, properties=[], frame_axis=frame_axis)
    by_frame = "frame" in objects.columns
    ends = [
        rows_of(objects, pairs[end].to_numpy(np.int64), pairs["frame"].to_numpy(np.int64) if by_frame else None)
        for end in ("label", "neighbor")
    ]
    joined = (ends[0] >= 0) & (ends[1] >= 0)
    n = len(objects)
    edges = coo_array((np.ones(joined.sum(), np.int8), (ends[0][joined], ends[1][joined])), shape=(n, n))
    group = connected_components(edges, directed=False)[1]
    objects["new"] = objects.groupby(group)["label"].transform("max")
    if relabel:
        frames = objects["frame"] if by_frame else np.zeros(n, np.int64)
        objects["new"] = objects.groupby(frames)["new"].rank(method="dense").astype(np.int64)
    merged = paint_objects(labels, objects, "new", frame_axis=frame_axis)
    return merged.astype(np.uint32 if relabel else np.asarray(labels).dtype)
