"""Every measurement of motion is that of a track followed step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from bioloom.measure import MOTION, TRACK_MEASUREMENTS, measure_motion, measure_tracks

NONE = float("nan")


@dataclass(frozen=True)
class Track:
    """Frames and positions of one object in order, and the time between two frames."""

    frames: list[int]
    points: list[np.ndarray]
    interval: float

    def __len__(self) -> int:
        return len(self.frames)

    def time(self, i: int) -> float:
        """Time of the move to the ith position."""
        return (self.frames[i] - self.frames[i - 1]) * self.interval

    def move(self, i: int) -> np.ndarray:
        """The move to the ith position; NaN for the first, and behind the last."""
        return self.points[i] - self.points[i - 1] if 0 < i < len(self) else self.points[0] * NONE

    def velocity(self, i: int) -> np.ndarray:
        return self.move(i) / self.time(i) if 0 < i < len(self) else self.move(0)

    def acceleration(self, i: int) -> float:
        if not 0 < i < len(self) - 1:
            return NONE
        change = self.velocity(i + 1) - self.velocity(i)
        return float(np.linalg.norm(change) / ((self.time(i) + self.time(i + 1)) / 2))

    def turn(self, i: int) -> float:
        if not 0 < i < len(self) - 1:
            return NONE
        u, v = self.move(i), self.move(i + 1)
        size = np.linalg.norm(u) * np.linalg.norm(v)
        return float(np.arccos(np.clip(u @ v / size, -1, 1))) if size else NONE

    def away(self, i: int) -> float:
        return float(np.linalg.norm(self.points[i] - self.points[0]))

    def path(self, i: int) -> float:
        return float(sum(np.linalg.norm(self.move(j)) for j in range(1, i + 1)))

    @property
    def speeds(self) -> list[float]:
        return [float(np.linalg.norm(self.velocity(i))) for i in range(1, len(self))]

    @property
    def duration(self) -> float:
        return (self.frames[-1] - self.frames[0]) * self.interval


def mean(values: list[float]) -> float:
    there = [v for v in values if v == v]
    return float(np.mean(there)) if there else NONE


OF_OBJECTS: dict[str, Callable[[Track, int], object]] = {
    "velocity": lambda track, i: track.velocity(i),
    "step_length": lambda track, i: np.linalg.norm(track.move(i)),
    "speed": lambda track, i: np.linalg.norm(track.velocity(i)),
    "acceleration": Track.acceleration,
    "direction_change": Track.turn,
    "displacement": Track.away,
    "path_length": Track.path,
}
OF_TRACKS: dict[str, Callable[[Track], float]] = {
    "first_frame": lambda track: track.frames[0],
    "last_frame": lambda track: track.frames[-1],
    "num_objects": len,
    "num_missing": lambda track: len(set(range(track.frames[0], track.frames[-1] + 1)) - set(track.frames)),
    "duration": lambda track: track.duration,
    "displacement": lambda track: track.away(len(track) - 1),
    "max_displacement": lambda track: max(track.away(i) for i in range(len(track))),
    "path_length": lambda track: track.path(len(track) - 1),
    "straightness": lambda track: track.away(len(track) - 1) / (track.path(len(track) - 1) or NONE),
    "speed_mean": lambda track: track.path(len(track) - 1) / (track.duration or NONE),
    "speed_min": lambda track: min(track.speeds, default=NONE),
    "speed_max": lambda track: max(track.speeds, default=NONE),
    "speed_std": lambda track: float(np.std(track.speeds)) if track.speeds else NONE,
    "velocity_mean": lambda track: track.away(len(track) - 1) / (track.duration or NONE),
    "acceleration_mean": lambda track: mean([track.acceleration(i) for i in range(len(track))]),
    "direction_change_mean": lambda track: mean([track.turn(i) for i in range(len(track))]),
}


def tracks(ndim: int, seed: int) -> tuple[pd.DataFrame, dict[int, Track]]:
    """Random walks with gaps, rests and single positions, their rows shuffled."""
    rng = np.random.default_rng(seed)
    found, rows = {}, []
    for track in range(2, 30, 3):
        n = int(rng.integers(1, 9)) if track > 5 else track - 1
        frames = np.sort(rng.choice(20, n, replace=False)).tolist()
        steps = rng.normal(size=(n, ndim)) * rng.integers(0, 2, (n, 1))
        points = np.cumsum(steps, axis=0) + 50
        found[track] = Track(frames, list(points), 0.5)
        rows += [
            {"track": track, "frame": f, **{f"centroid-{i}": x for i, x in enumerate(p)}}
            for f, p in zip(frames, points, strict=True)
        ]
    return pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True), found


def test_every_measurement_of_motion_has_a_reference() -> None:
    assert sorted(OF_OBJECTS) == sorted(MOTION)
    assert sorted(OF_TRACKS) == sorted(TRACK_MEASUREMENTS)


@pytest.mark.parametrize("name", sorted(MOTION))
@pytest.mark.parametrize("ndim", [2, 3])
def test_motion_of_objects_is_that_of_the_steps(name: str, ndim: int) -> None:
    table, known = tracks(ndim, 3)
    moved = measure_motion(table, 0.5)
    columns = [f"{name}-{i}" for i in range(ndim)] if name == "velocity" else [name]
    for row, found in zip(moved.itertuples(), moved[columns].to_numpy(), strict=True):
        track = known[row.track]  # type: ignore[index]
        expected = OF_OBJECTS[name](track, track.frames.index(row.frame))  # type: ignore[arg-type]
        np.testing.assert_allclose(found, np.ravel(expected), rtol=1e-9, atol=1e-7, err_msg=f"track {row.track}")


@pytest.mark.parametrize("name", sorted(TRACK_MEASUREMENTS))
@pytest.mark.parametrize("ndim", [2, 3])
def test_motion_of_tracks_is_that_of_the_steps(name: str, ndim: int) -> None:
    table, known = tracks(ndim, 4)
    measured = measure_tracks(table, 0.5).set_index("track")[name]
    assert measured.index.tolist() == sorted(known)
    expected = [float(OF_TRACKS[name](known[track])) for track in measured.index]
    np.testing.assert_allclose(measured, expected, rtol=1e-9, atol=1e-7)
