"""Which objects of successive frames are the same: tracks, gaps in them, and divisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import inputs
from bioloom.measure._linking import Series, link_frames, link_segments, number_tracks

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]

TRACK, PARENT = "track", "parent"


def track_objects(
    objects: Any,
    max_distance: float,
    *,
    spacing: Sequence[float] | None = None,
    frame_axis: int = 0,
    positions: Sequence[str] | None = None,
    max_gap: int = 0,
    gap_distance: float | None = None,
    division_distance: float | None = None,
    weights: Mapping[str, float] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Find which objects of successive frames are the same.

    Parameters
    ----------
    objects
        A table with a column `frame` and the positions of the objects, as `bioloom.measure` makes it of a time series;
        or the label images themselves, (t, y, x) or (t, z, y, x), of which the centroids are then measured.
    max_distance
        How far an object can move from a frame to the next, in the unit of the positions.
    spacing
        Size of a pixel per spatial axis, for label images.
    frame_axis
        The axis of label images that is time.
    positions
        Names of the columns with the positions; by default ``centroid-0``, ``centroid-1``, …
    max_gap
        For how many frames an object may be missing within a track.
    gap_distance
        How far it can have moved after being missing; by default `max_distance`.
    division_distance
        How far an object that is new can be from the one it was divided from; None if objects do not divide.
    weights
        Columns of which the same object should have about the same value, with their weights: a difference of
        ``|a − b|`` makes a move longer by the factor ``1 + 3 × weight × |a − b| / (|a| + |b|)``.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        The table, its rows in the same order, with the column `track`: numbers from 1 up, the earliest first. With
        `division_distance` also the column `parent`: the track of the object that it was divided from, 0 for none. A
        track ends where it divides, and both that come of it are new tracks.

    Raises
    ------
    InputError
        If a column is missing, a position is not finite, or a number does not fit.

    Notes
    -----
    Jaqaman et al. 2008, "Robust single-particle tracking in live-cell time-lapse sequences": first the objects of each
    two frames are linked so that the sum of the squares of the distances is least, with as many links as possible;
    then, at once for all frames, the ends of tracks with later beginnings, and beginnings with the tracks that may have
    divided. A link that is not made costs 2.1 times the square of the largest distance allowed. The factor for
    other columns is that of TrackMate (Tinevez et al. 2017). Where more than 32 objects on average are in reach of each
    other, only the nearest 32 of each are considered.
    """
    limit = _distance(max_distance, "max_distance")
    gap_limit = limit if gap_distance is None else _distance(gap_distance, "gap_distance")
    division_limit = None if division_distance is None else _distance(division_distance, "division_distance")
    if max_gap != int(max_gap) or max_gap < 0:
        raise InputError(f"max_gap={max_gap} does not fit: give a whole number of frames from 0.")
    weights = dict(weights or {})
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0):
            raise InputError(f"The weight of {name!r} is {weight}; give a number from 0.")
    table = _table(objects, spacing, frame_axis, positions, list(weights), progress)
    frames, points = read_positions(table, positions)
    others = [(_numbers(table, name), float(weight)) for name, weight in weights.items()]
    # Rows of the same frame one after the other; within it in the order of the labels, so that tracks are numbered so.
    keys = [np.asarray(table["label"])] if "label" in table.columns else []
    order = np.lexsort([*keys, frames])
    series = Series(frames[order], points[order], [(values[order], weight) for values, weight in others])

    following = link_frames(series, limit, progress)
    pairs = np.zeros((0, 2), np.int64)
    if max_gap > 0 or division_limit is not None:
        pairs = link_segments(series, following, int(max_gap), gap_limit, division_limit, progress)
    tracks, parents = number_tracks(following, pairs)
    result = table.copy()
    result[TRACK] = _unsorted(tracks, order)
    if division_limit is not None:
        result[PARENT] = _unsorted(parents, order)
    return result


def read_positions(table: pd.DataFrame, positions: Sequence[str] | None = None) -> tuple[Ints, Floats]:
    """Return the frames (n,) and positions (n, axes) of a table, or say what is wrong with them."""
    if "frame" not in table.columns:
        raise InputError(
            "The table has no column 'frame'. Measure the time series with frame_axis, or rename the column of time."
        )
    names = list(positions) if positions is not None else [n for n in map(str, table.columns) if _is_centroid(n)]
    if not names:
        raise InputError(
            "The table has no columns with positions. Measure 'centroid' with it, or name its columns (positions=…)."
        )
    return read_whole_numbers(table, "frame"), np.stack([_numbers(table, name) for name in names], axis=1)


def read_whole_numbers(table: pd.DataFrame, name: str) -> Ints:
    """Return a column of whole numbers of a table, or say what is wrong with it."""
    values = _numbers(table, name)
    if not np.array_equal(values, np.floor(values)):
        raise InputError(f"The column {name!r} has values that are not whole numbers.")
    return values.astype(np.int64)


def track_labels(labels: Any, table: pd.DataFrame, frame_axis: int = 0) -> NDArray[np.uint32]:
    """Give the objects of a time series the numbers of their tracks, so that each keeps its number through time.

    Parameters
    ----------
    labels
        The label images that the table was measured in, (t, y, x) or (t, z, y, x).
    table
        With the columns `frame`, `label` and `track`.
    frame_axis
        The axis of `labels` that is time.

    Returns
    -------
    numpy.ndarray
        uint32, of the shape of `labels`; 0 where the table does not have the object.

    Raises
    ------
    InputError
        If a column is missing, or an object has two rows.
    """
    from bioloom.operations._label_index import index_labels

    for name in ("frame", "label", TRACK):
        if name not in table.columns:
            raise InputError(f"The table has no column {name!r}. It has: {', '.join(map(str, table.columns))}.")
    shape = inputs.shape_of(labels)
    axis = inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    out = np.zeros(shape, np.uint32)
    frames, ids, tracks = (np.asarray(table[name]).astype(np.int64) for name in ("frame", "label", TRACK))
    for t in range(shape[axis]):
        rows = np.flatnonzero(frames == t)
        rows = rows[np.argsort(ids[rows], kind="stable")]
        known = ids[rows]
        if (known[1:] == known[:-1]).any():
            raise InputError(f"The label {known[1:][known[1:] == known[:-1]][0]} has several rows in frame {t}.")
        index = index_labels(inputs.checked_labels(inputs.take(labels, axis, t)))
        at = np.searchsorted(known, index.ids)
        there = at < known.size
        there[there] = known[at[there]] == index.ids[there]
        numbers = np.zeros(index.n, np.int64)
        numbers[there] = tracks[rows[at[there]]]
        out[(slice(None),) * axis + (t,)] = index.relabelled(numbers)
    return out


def _unsorted(values: Ints, order: Ints) -> Ints:
    """Return values of the sorted rows in the order of the table."""
    out = np.empty_like(values)
    out[order] = values
    return out


def _table(
    objects: Any, spacing: Sequence[float] | None, frame_axis: int, positions: Sequence[str] | None,
    others: list[str], progress: Progress | None,
) -> pd.DataFrame:  # fmt: skip
    """Return the table that was given, or that of the centroids of label images."""
    import pandas as pd

    if isinstance(objects, pd.DataFrame):
        if spacing is not None:
            raise InputError("spacing is for label images; the positions in a table have their unit already.")
        return objects
    if positions is not None:
        raise InputError(
            "positions names columns of a table; label images are tracked by the centroids of the objects."
        )
    from bioloom.measure.table import measure

    return measure(objects, None, spacing, ["centroid", *others], frame_axis=frame_axis, progress=progress)


def _is_centroid(name: str) -> bool:
    stem, _, number = name.partition("-")
    return stem == "centroid" and number.isdigit()


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    """Return a column of finite numbers."""
    if name not in table.columns:
        raise InputError(f"The table has no column {name!r}. It has: {', '.join(map(str, table.columns))}.")
    values = np.asarray(table[name])
    if values.dtype.kind not in "biuf":
        raise InputError(f"The column {name!r} does not hold numbers.")
    if not np.isfinite(values.astype(np.float64)).all():
        raise InputError(f"The column {name!r} has values that are missing or infinite. Leave out those rows.")
    return values.astype(np.float64)


def _distance(value: float, name: str) -> float:
    """Check a distance."""
    if not (np.isfinite(value) and value > 0):
        raise InputError(f"{name}={value} does not fit: give a distance above 0, in the unit of the positions.")
    return float(value)
