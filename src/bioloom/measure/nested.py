"""Objects inside objects: which nucleus is in which cell, how many there are in each, and what they are like."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import inputs
from bioloom.measure.table import measure

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]

SUMMARIES = ("mean", "median", "std", "min", "max", "sum")
_SLAB = 1 << 23  # pixels loaded at a time


@dataclass(frozen=True)
class Relation:
    """Which objects lie in which others.

    Attributes
    ----------
    children
        One row per inner object: ``[frame,] label``, `parent` (the label of the other object that has most of its
        pixels, 0 without one), `overlap_share` (the share of its pixels that lie in the parent), `outside_share` (the
        share that lies in no object), `n_overlaps` (how many objects it lies in, with a pixel at least) and
        `parent_distance` (between both centroids, in the unit of the spacing; NaN without a parent).
    parents
        One row per outer object: ``[frame,] label``, `child_count`, `child_area` (area, in 3D volume, of its pixels
        that its children have), `child_share` (that share of its pixels), and ``<column>_<summary>`` of the children's
        columns; NaN without children, and for a standard deviation without two.
    """

    children: pd.DataFrame
    parents: pd.DataFrame


def relate(
    labels: Any,
    others: Any,
    spacing: Sequence[float] | None = None,
    *,
    table: pd.DataFrame | None = None,
    columns: Sequence[str] | None = None,
    summaries: Sequence[str] = ("mean",),
    least_share: float = 0.0,
    frame_axis: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Relation:
    """Find which objects lie in which others, and summarise them for each of these.

    Parameters
    ----------
    labels
        The inner objects (children): label image (y, x) or (z, y, x); with `frame_axis`, one axis more.
    others
        The outer objects (parents), of the same shape; their labels need not correspond.
    spacing
        Size of a pixel per spatial axis; None for pixels.
    table
        Measurements of the inner objects, by `label` (and `frame`), to be summarised for each outer object.
    columns
        Which of its columns; None for all with numbers.
    summaries
        Of ``"mean"``, ``"median"``, ``"std"`` (divided by n − 1), ``"min"``, ``"max"`` and ``"sum"``.
    least_share
        The share of its pixels, 0 to 1, that an inner object must have in an outer one to be its child.
    frame_axis
        The axis that is time. Objects are related within each frame, and the tables get a `frame` column.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    Relation
        A table of the inner and one of the outer objects.

    Raises
    ------
    InputError
        If shapes differ, labels are not whole numbers from 0 up, or a column or a summary does not exist.

    Notes
    -----
    An object belongs to the one that has most of its pixels, of several with as many to that with the lowest label, as
    in RelateObjects of CellProfiler. Pixels are counted in slabs: Dask and Zarr arrays are never loaded whole for it.
    """
    import pandas as pd

    shape = inputs.shape_of(labels)
    if inputs.shape_of(others) != shape:
        raise InputError(
            f"labels has the shape {shape} and others {inputs.shape_of(others)}; both must show the same pixels."
        )
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    size = inputs.checked_spacing(spacing, len(shape) - (axis is not None))
    if not 0 <= least_share <= 1:
        raise InputError(f"least_share={least_share} does not fit: give a share from 0 to 1.")
    keys = ["label"] if axis is None else ["frame", "label"]
    chosen = _checked_columns(table, columns, summaries, keys)
    inner, outer = (measure(image, None, spacing, ["num_pixels", "centroid"], frame_axis=frame_axis)
                    for image in (labels, others))  # fmt: skip
    n_frames = 1 if axis is None else shape[axis]
    parts = []
    for t in range(n_frames):
        if progress is not None:
            progress(t, n_frames)
        both = (array if axis is None else inputs.take(array, axis, t) for array in (labels, others))
        rows_inner, rows_outer = (np.arange(len(found)) if axis is None else np.flatnonzero(found["frame"] == t)
                                  for found in (inner, outer))  # fmt: skip
        ids_a, ids_b, pixels = count_overlaps(*both)
        rows_a = _rows_of(ids_a, inner["label"].to_numpy()[rows_inner], rows_inner)
        rows_b = _rows_of(ids_b, outer["label"].to_numpy()[rows_outer], rows_outer)
        parts.append(np.stack([rows_a, rows_b, pixels], axis=1)[rows_a >= 0])
    if progress is not None:
        progress(n_frames, n_frames)
    overlaps = np.concatenate([np.zeros((0, 3), np.int64), *parts])
    children, parent_rows = _children(inner, outer, overlaps, keys, least_share)
    parents = outer[keys].copy()
    has = parent_rows >= 0
    parents["child_count"] = np.bincount(parent_rows[has], minlength=len(outer))
    own = overlaps[(overlaps[:, 1] >= 0) & (overlaps[:, 1] == parent_rows[overlaps[:, 0]])]
    covered = np.bincount(own[:, 1], own[:, 2], len(outer))
    parents["child_area"] = covered * float(np.prod(size))
    parents["child_share"] = covered / outer["num_pixels"].to_numpy()
    if table is not None and chosen:
        known = children.assign(_parent=parent_rows).loc[has, [*keys, "_parent"]]
        joined = known.merge(table[[*keys, *chosen]], on=keys, how="left")
        found = joined.groupby("_parent")[list(chosen)].agg(list(summaries)).reindex(np.arange(len(outer)))
        found.columns = pd.Index([f"{column}_{summary}" for column in chosen for summary in summaries])
        parents = pd.concat([parents, found.reset_index(drop=True)], axis=1)
    return Relation(children, parents)


def _rows_of(ids: Ints, known: Ints, rows: Ints) -> Ints:
    """Rows of labels among the known, which are sorted; -1 for others and background."""
    at = np.searchsorted(known, ids)
    there = at < known.size
    there[there] = known[at[there]] == ids[there]
    found = np.full(ids.size, -1, np.int64)
    found[there] = rows[at[there]]
    return found


def _children(
    inner: pd.DataFrame, outer: pd.DataFrame, overlaps: Ints, keys: Sequence[str], least_share: float
) -> tuple[pd.DataFrame, Ints]:
    """Table of the inner objects, and the row of the parent of each, -1 without one."""
    n = len(inner)
    inside = overlaps[overlaps[:, 1] >= 0]
    # The last of each object in this order has most pixels and, among those, the lowest label.
    order = np.lexsort((-inside[:, 1], inside[:, 2], inside[:, 0]))
    best = inside[order]
    last = np.flatnonzero(np.diff(best[:, 0], append=-1)) if len(best) else np.zeros(0, np.int64)
    best = best[last]
    total = inner["num_pixels"].to_numpy()
    parent, share = np.full(n, -1, np.int64), np.zeros(n)
    parent[best[:, 0]], share[best[:, 0]] = best[:, 1], best[:, 2] / total[best[:, 0]]
    parent[share < least_share] = -1
    share[parent < 0] = 0
    has = parent >= 0
    children = inner[list(keys)].copy()
    children["parent"] = 0
    children.loc[has, "parent"] = outer["label"].to_numpy()[parent[has]]
    children["overlap_share"] = share
    children["outside_share"] = 1 - np.bincount(inside[:, 0], inside[:, 2], n) / total
    children["n_overlaps"] = np.bincount(inside[:, 0], minlength=n)
    axes = [c for c in inner.columns if c.startswith("centroid-")]
    distance = np.full(n, np.nan)
    apart = inner[axes].to_numpy()[has] - outer[axes].to_numpy()[parent[has]]
    distance[has] = np.linalg.norm(apart, axis=1)
    children["parent_distance"] = distance
    return children, parent


def count_overlaps(labels: Any, others: Any) -> tuple[Ints, Ints, Ints]:
    """Return the pairs of labels that share pixels, and how many they share, sorted by both labels.

    Background of `labels` is in no pair, that of `others` may be. Arrays are read in slabs along their first axis.
    """
    from bioloom.measure._overlap import list_pair_runs

    shape = inputs.shape_of(labels)
    step = max(1, _SLAB // max(1, int(np.prod(shape[1:]))))
    parts = [np.zeros((3, 0), np.int64)]
    for first in range(0, shape[0], step):
        a = inputs.checked_labels(labels[first : first + step]).ravel()
        b = inputs.checked_labels(others[first : first + step], "others").ravel()
        n = list_pair_runs(a, b, a[:0], b[:0], np.empty(0, np.int64))
        run_a, run_b, lengths = np.empty(n, a.dtype), np.empty(n, b.dtype), np.empty(n, np.int64)
        # The labels may have been painted in between, and the runs be fewer.
        n = min(list_pair_runs(a, b, run_a, run_b, lengths), n)
        runs = np.stack([run_a[:n].astype(np.int64), run_b[:n].astype(np.int64), lengths[:n]])
        parts.append(_added(runs[:, runs[0] > 0]))
    ids_a, ids_b, pixels = _added(np.concatenate(parts, axis=1))
    return ids_a, ids_b, pixels


def _added(runs: Ints) -> Ints:
    """Add up the pixels (row 2) of equal pairs (rows 0 and 1), and sort them."""
    runs = runs[:, np.lexsort((runs[1], runs[0]))]
    if not runs.shape[1]:
        return runs
    starts = np.flatnonzero(np.append(True, (np.diff(runs[:2], axis=1) != 0).any(axis=0)))
    return np.stack([runs[0][starts], runs[1][starts], np.add.reduceat(runs[2], starts)])


def _checked_columns(
    table: pd.DataFrame | None, columns: Sequence[str] | None, summaries: Sequence[str], keys: Sequence[str]
) -> list[str]:
    """Columns to be summarised."""
    wrong = [s for s in summaries if s not in SUMMARIES]
    if wrong:
        raise InputError(f"There is no summary {wrong[0]!r}; choose of {', '.join(SUMMARIES)}.")
    if table is None:
        if columns:
            raise InputError(f"columns={list(columns)} are of a table of the inner objects; give it as table.")
        return []
    missing = [c for c in (*keys, *(columns or ())) if c not in table.columns]
    if missing:
        raise InputError(f"The table has no column {missing[0]!r}. It has: {', '.join(map(str, table.columns))}.")
    if table.duplicated(list(keys)).any():
        raise InputError(f"The table has several rows of one object; there can be one for each {' and '.join(keys)}.")
    numbers = [str(c) for c in table.columns if table[c].dtype.kind in "iufb" and c not in keys]
    wrong = [c for c in columns or () if c not in numbers]
    if wrong:
        raise InputError(f"The column {wrong[0]!r} does not hold numbers; choose others.")
    return list(columns) if columns is not None else numbers
