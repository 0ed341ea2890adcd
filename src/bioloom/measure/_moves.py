"""The objects of a tracked table in order, and the moves from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure.tracking import TRACK, read_positions, read_whole_numbers

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class Moves:
    """The objects of a table sorted by track and frame, and the moves to each from the one before it in its track."""

    def __init__(self, table: pd.DataFrame, frame_interval: float, positions: Sequence[str] | None) -> None:
        if not (np.isfinite(frame_interval) and frame_interval > 0):
            raise InputError(f"frame_interval={frame_interval} does not fit: give the time between two frames.")
        if TRACK not in table.columns:
            raise InputError("The table has no column 'track'. Track its objects first: track_objects(table, …).")
        tracks = read_whole_numbers(table, TRACK)
        frames, points = read_positions(table, positions)
        self.interval = float(frame_interval)
        self.order = np.lexsort([frames, tracks])
        self.tracks, self.frames, self.points = tracks[self.order], frames[self.order], points[self.order]
        _, self.firsts, self.group = np.unique(self.tracks, return_index=True, return_inverse=True)
        moves = np.full(self.points.shape, np.nan)
        moves[1:] = np.diff(self.points, axis=0)
        times = np.full(self.frames.size, np.nan)
        times[1:] = np.diff(self.frames) * self.interval
        moves[self.firsts], times[self.firsts] = np.nan, np.nan
        if (times == 0).any():
            at = int(np.flatnonzero(times == 0)[0])
            raise InputError(f"Track {self.tracks[at]} has two objects in frame {self.frames[at]}.")
        self.moves, self.times = moves, times
        self.length: Floats = np.sqrt((moves**2).sum(axis=1))
        self.velocity: Floats = moves / times[:, None]
        self.speed: Floats = self.length / times

    def unsorted(self, values: Floats) -> Floats:
        """Return values in the order of the table."""
        out = np.empty_like(values)
        out[self.order] = values
        return out

    def acceleration(self) -> Floats:
        """Change of the velocity at each object, by the time from the middle of the move to it to that from it."""
        out = np.full(self.frames.size, np.nan)
        # The first of a track has no velocity, so that nothing goes over from one track to the next.
        changes = np.sqrt((np.diff(self.velocity, axis=0) ** 2).sum(axis=1))
        out[:-1] = changes / ((self.times[:-1] + self.times[1:]) / 2)
        return out

    def direction_change(self) -> Floats:
        """Angle between the moves to and from each object."""
        out = np.full(self.frames.size, np.nan)
        length = np.where(self.length > 0, self.length, np.nan)
        unit = self.moves / length[:, None]
        # Half the angle by its tangent: exact also for small angles, unlike the arc cosine.
        apart = np.sqrt((np.diff(unit, axis=0) ** 2).sum(axis=1))
        together = np.sqrt(((unit[1:] + unit[:-1]) ** 2).sum(axis=1))
        out[:-1] = 2 * np.arctan2(apart, together)
        return out

    def displacement(self) -> Floats:
        """Distance from the beginning of the track."""
        away = self.points - self.points[self.firsts][self.group]
        distance: Floats = np.sqrt((away**2).sum(axis=1))
        return distance

    def path_length(self) -> Floats:
        """Length of the moves so far."""
        import pandas as pd

        # Tracks are summed up apart: a difference of sums over all of them would lose digits.
        sums = pd.Series(np.nan_to_num(self.length)).groupby(self.group).cumsum()
        return np.asarray(sums, np.float64)

    def reduced(self, function: np.ufunc, values: Floats) -> Floats:
        """Reduce the values of each track; NaN where all are."""
        return np.asarray(function.reduceat(values, self.firsts), np.float64) if self.firsts.size else np.zeros(0)

    def mean(self, values: Floats) -> Floats:
        """Mean of the values of each track that are not NaN."""
        there = ~np.isnan(values)
        count = np.bincount(self.group[there], minlength=self.firsts.size)
        return np.bincount(self.group[there], values[there], self.firsts.size) / np.where(count, count, np.nan)

    def spread(self, values: Floats) -> Floats:
        """Return the standard deviation, divided by n, of the values of each track that are not NaN."""
        return np.sqrt(self.mean((values - self.mean(values)[self.group]) ** 2))
