"""Speed of texture, of 100 000 objects in 41 Mpx, and of tracking and motion, of a million objects.

Objects per second of the fastest round are in the extra information (``--benchmark-json``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bioloom.measure import mean_squared_displacement, measure, measure_motion, measure_tracks, track_objects
from bioloom.measure.texture import haralick

Array = NDArray[Any]
SIDE, CELL = 6400, 20
N = (SIDE // CELL) ** 2
N_TRACKS, N_FRAMES = 10_000, 100


@cache
def scene() -> tuple[Array, Array]:
    """Labels of disks on a grid, and an image with texture at several scales."""
    from scipy.ndimage import gaussian_filter

    n = SIDE // CELL
    y, x = np.ogrid[:CELL, :CELL]
    inside = ((y - 9.5) ** 2 + (x - 9.5) ** 2 < 90).astype(np.uint32)
    labels = np.kron(np.arange(1, N + 1, dtype=np.uint32).reshape(n, n), inside)
    noise = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    image = gaussian_filter(noise, 1.5)
    return labels, ((image - image.min()) / np.ptp(image) * 255).astype(np.uint8)


@cache
def walks() -> pd.DataFrame:
    """Random walks of which one object in a hundred is missing."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 1.5, (N_FRAMES, N_TRACKS, 2))
    steps[0] = rng.uniform(0, 10 * np.sqrt(N_TRACKS), (N_TRACKS, 2))
    y, x = np.cumsum(steps, axis=0).reshape(-1, 2).T
    frame, label = np.repeat(np.arange(N_FRAMES), N_TRACKS), np.tile(np.arange(1, N_TRACKS + 1), N_FRAMES)
    table = pd.DataFrame({"frame": frame, "label": label, "centroid-0": y, "centroid-1": x})
    return table[rng.random(len(table)) > 0.01].reset_index(drop=True)


@cache
def tracked() -> pd.DataFrame:
    return track_objects(walks(), 8, max_gap=2, division_distance=5)


@pytest.mark.benchmark(group="texture of 100 k objects")
class TestTexture:
    def test_haralick(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: measure(*scene(), properties="haralick_contrast"), N, "objects/s", rounds=3)

    def test_haralick_of_256_levels(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: haralick(*scene(), levels=256, value_range=(0, 256)), N, "objects/s", rounds=3)

    def test_local_binary_patterns(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: measure(*scene(), properties="lbp"), N, "objects/s", rounds=3)

    def test_granularity(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: measure(*scene(), properties="granularity"), N, "objects/s", rounds=3)


@pytest.mark.benchmark(group="tracks of a million objects")
class TestTracks:
    def test_tracking(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        table = walks()
        timed(benchmark, lambda: track_objects(table, 8), len(table), "objects/s", rounds=3)

    def test_tracking_over_gaps_and_divisions(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        table = walks()
        timed(
            benchmark,
            lambda: track_objects(table, 8, max_gap=2, division_distance=5),
            len(table),
            "objects/s",
            rounds=3,
        )

    def test_motion(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        table = tracked()
        timed(benchmark, lambda: (measure_motion(table), measure_tracks(table)), len(table), "objects/s", rounds=3)

    def test_mean_squared_displacement(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        table = tracked()
        timed(benchmark, lambda: mean_squared_displacement(table, max_lag=20), len(table), "objects/s", rounds=3)
