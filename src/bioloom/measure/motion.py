"""How tracked objects move: per object, per track, and as the mean squared displacement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure._moves import Moves
from bioloom.measure.tracking import PARENT, TRACK, read_whole_numbers

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOTION = {
    "velocity": ("length/time", "Move since the object was last seen, per axis, divided by the time between."),
    "step_length": ("length", "Length of that move."),
    "speed": ("length/time", "Length of that move divided by the time between."),
    "acceleration": (
        "length/time²",
        "Length of the change of the velocity between the moves to and from an object, divided by half the time that "
        "both took.",
    ),
    "direction_change": ("rad", "Angle between the moves to and from an object, 0 to π; NaN if one has no length."),
    "displacement": ("length", "Distance from where the track begins."),
    "path_length": ("length", "Length of all moves since the track began."),
}
"""What `measure_motion` adds to a table, with unit and definition; velocity has one column per axis."""

TRACK_MEASUREMENTS = {
    "first_frame": ("", "Frame in which the track begins."),
    "last_frame": ("", "Frame in which it ends."),
    "num_objects": ("", "In how many frames the object was seen."),
    "num_missing": ("", "In how many frames between the first and the last it was not."),
    "duration": ("time", "Time from the first to the last frame."),
    "displacement": ("length", "Distance between beginning and end."),
    "max_displacement": ("length", "Largest distance from the beginning."),
    "path_length": ("length", "Length of all moves."),
    "straightness": ("", "Displacement / path length: 1 for a straight line; NaN if nothing moved."),
    "speed_mean": ("length/time", "Path length / duration."),
    "speed_min": ("length/time", "Least speed of a move."),
    "speed_max": ("length/time", "Largest speed of a move."),
    "speed_std": ("length/time", "Standard deviation of the speeds of the moves, divided by n."),
    "velocity_mean": ("length/time", "Displacement / duration."),
    "acceleration_mean": ("length/time²", "Mean of the accelerations."),
    "direction_change_mean": ("rad", "Mean of the changes of direction."),
}
"""What `measure_tracks` measures, with unit and definition; NaN where it takes more objects than the track has."""


def measure_motion(
    table: pd.DataFrame, frame_interval: float = 1.0, *, positions: Sequence[str] | None = None
) -> pd.DataFrame:
    """Measure how every object of a tracked table moves.

    Parameters
    ----------
    table
        With the columns `track`, `frame` and positions, as `track_objects` returns it.
    frame_interval
        Time between two frames, in any unit.
    positions
        Names of the columns with the positions; by default ``centroid-0``, ``centroid-1``, …

    Returns
    -------
    pandas.DataFrame
        The table with the columns of `MOTION`. What is of a move is NaN for the first object of a track, what is of two
        moves also for the last. After frames in which the object is missing, a move spans several of them.

    Raises
    ------
    InputError
        If a column is missing, or a track has two objects in a frame.

    Notes
    -----
    Acceleration and change of direction stand at the object between the two moves.
    """
    result = table.copy()
    steps = Moves(table, frame_interval, positions)
    for i in range(steps.points.shape[1]):
        result[f"velocity-{i}"] = steps.unsorted(steps.velocity[:, i])
    result["step_length"] = steps.unsorted(steps.length)
    result["speed"] = steps.unsorted(steps.speed)
    result["acceleration"] = steps.unsorted(steps.acceleration())
    result["direction_change"] = steps.unsorted(steps.direction_change())
    result["displacement"] = steps.unsorted(steps.displacement())
    result["path_length"] = steps.unsorted(steps.path_length())
    return result


def measure_tracks(
    table: pd.DataFrame, frame_interval: float = 1.0, *, positions: Sequence[str] | None = None
) -> pd.DataFrame:
    """Measure every track of a tracked table.

    Parameters
    ----------
    table
        With the columns `track`, `frame` and positions, as `track_objects` returns it.
    frame_interval
        Time between two frames, in any unit.
    positions
        Names of the columns with the positions; by default ``centroid-0``, ``centroid-1``, …

    Returns
    -------
    pandas.DataFrame
        One row per track, sorted: `track` and the columns of `TRACK_MEASUREMENTS`. If the table has the column
        `parent`, also `parent`, `num_children`, `lineage` (the track that all in a family come from) and `generation`
        (0 for that one).

    Raises
    ------
    InputError
        If a column is missing, a track has two objects in a frame, or a track descends from itself.

    Notes
    -----
    Definitions as in TrackMate (Tinevez et al. 2017), whose confinement ratio is the straightness.
    """
    import pandas as pd

    steps = Moves(table, frame_interval, positions)
    firsts, group = steps.firsts, steps.group
    n = firsts.size
    lasts = np.append(firsts[1:], group.size) - 1 if n else firsts
    count = np.bincount(group, minlength=n)
    span = steps.frames[lasts] - steps.frames[firsts]
    duration = span * steps.interval
    displacement, path = steps.displacement(), steps.path_length()
    moving = np.where(count > 1, duration, np.nan)
    columns: dict[str, Any] = {
        TRACK: steps.tracks[firsts],
        "first_frame": steps.frames[firsts],
        "last_frame": steps.frames[lasts],
        "num_objects": count,
        "num_missing": span + 1 - count,
        "duration": duration,
        "displacement": displacement[lasts],
        "max_displacement": np.maximum.reduceat(displacement, firsts) if n else displacement,
        "path_length": path[lasts],
        "straightness": np.minimum(displacement[lasts] / np.where(path[lasts] > 0, path[lasts], np.nan), 1),
        "speed_mean": path[lasts] / moving,
        "speed_min": steps.reduced(np.fmin, steps.speed),
        "speed_max": steps.reduced(np.fmax, steps.speed),
        "speed_std": steps.spread(steps.speed),
        "velocity_mean": displacement[lasts] / moving,
        "acceleration_mean": steps.mean(steps.acceleration()),
        "direction_change_mean": steps.mean(steps.direction_change()),
    }
    if PARENT in table.columns:
        parents = read_whole_numbers(table, PARENT)[steps.order][firsts]
        columns.update(_families(columns[TRACK], parents))
    return pd.DataFrame(columns)


def lineage_graph(table: pd.DataFrame) -> dict[int, list[int]]:
    """Return the parent of each track that has one, as ``{track: [parent]}``: the graph of a Tracks layer of napari.

    Parameters
    ----------
    table
        With the columns `track` and `parent` (0 for none); of objects or of tracks.
    """
    tracks, firsts = np.unique(read_whole_numbers(table, TRACK), return_index=True)
    parents = read_whole_numbers(table, PARENT)[firsts]
    return {int(t): [int(p)] for t, p in zip(tracks, parents, strict=True) if p}


def mean_squared_displacement(
    table: pd.DataFrame,
    frame_interval: float = 1.0,
    *,
    max_lag: int | None = None,
    per_track: bool = False,
    positions: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure the mean of the square of how far objects get in a time.

    Parameters
    ----------
    table
        With the columns `track`, `frame` and positions, as `track_objects` returns it.
    frame_interval
        Time between two frames, in any unit.
    max_lag
        The longest time, in frames; by default a quarter of the longest track, and at least 1.
    per_track
        Whether to take the mean of each track, instead of that over all of them.
    positions
        Names of the columns with the positions; by default ``centroid-0``, ``centroid-1``, …

    Returns
    -------
    pandas.DataFrame
        Columns `track` (with `per_track`), `lag` (frames), `time`, `msd` (length²) and `num_pairs`: over how many pairs
        of positions so many frames apart the mean is taken, overlapping ones included. Lags without a pair are left
        out.

    Raises
    ------
    InputError
        If a column is missing, a track has two objects in a frame, or `max_lag` is not a whole number from 1.

    Notes
    -----
    Qian, Sheetz & Elson 1991, "Single particle tracking". As in trackpy, whose `imsd` is the one per track.
    """
    import pandas as pd

    steps = Moves(table, frame_interval, positions)
    n = steps.firsts.size
    spans = np.diff(np.append(steps.firsts, steps.group.size)) if n else np.zeros(0, np.int64)
    if max_lag is None:
        max_lag = max(1, int(spans.max(initial=0)) // 4)
    if max_lag != int(max_lag) or max_lag < 1:
        raise InputError(f"max_lag={max_lag} does not fit: give a whole number of frames from 1.")
    # Track and frame in one number, with room for any lag between the tracks, so that partners are found by bisection.
    start = steps.frames.min() if n else 0
    reach = int(steps.frames.max() - start) + 1 if n else 1
    max_lag = min(int(max_lag), reach)
    keys = steps.group * (reach + max_lag) + steps.frames - start
    parts = []
    for lag in range(1, max_lag + 1):
        at = np.searchsorted(keys, keys + lag)
        here = np.flatnonzero(at < keys.size)
        here = here[keys[at[here]] == keys[here] + lag]
        squares = ((steps.points[at[here]] - steps.points[here]) ** 2).sum(axis=1)
        group = steps.group[here] if per_track else np.zeros(here.size, np.int64)
        pairs = np.bincount(group, minlength=n if per_track else 1)
        totals = np.bincount(group, squares, minlength=n if per_track else 1)
        there = np.flatnonzero(pairs)
        part: dict[str, Any] = {TRACK: steps.tracks[steps.firsts][there]} if per_track else {}
        part |= {"lag": np.full(there.size, lag), "time": np.full(there.size, lag * steps.interval)}
        parts.append(part | {"msd": totals[there] / pairs[there], "num_pairs": pairs[there]})
    result = pd.DataFrame({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    return result.sort_values([TRACK, "lag"], ignore_index=True) if per_track else result


def _families(tracks: Ints, parents: Ints) -> dict[str, Ints]:
    """Parent, number of children, first ancestor and generation of each track."""
    n = tracks.size
    at = np.searchsorted(tracks, parents)
    known = (parents != 0) & (at < n)
    known[known] = tracks[at[known]] == parents[known]
    ancestor = np.where(known, at, np.arange(n))
    generation = (ancestor != np.arange(n)).astype(np.int64)
    above = ancestor
    # Each round goes twice as far up as the one before.
    for _ in range(int(n).bit_length()):
        generation += generation[ancestor]
        ancestor = ancestor[ancestor]
    if (above[ancestor] != ancestor).any() or (known & (parents == tracks)).any():
        raise InputError("The column 'parent' goes round in circles: a track descends from itself.")
    children = np.bincount(at[known], minlength=n)
    return {PARENT: parents, "num_children": children, "lineage": tracks[ancestor], "generation": generation}
