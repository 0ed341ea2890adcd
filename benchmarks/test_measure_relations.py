"""Speed of measurements of neighbours, rings and pairs of channels: 100 000 objects in 41 Mpx.

Objects per second of the fastest round are in the extra information (``--benchmark-json``).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bioloom.measure import list_neighbors, measure, relate

Array = NDArray[Any]
SIDE, CELL = 6400, 20
N = (SIDE // CELL) ** 2


@cache
def scene() -> tuple[Array, Array, Array]:
    """Labels of ellipses of many sizes on a grid, some of which touch, and two images that go together in part."""
    rng = np.random.default_rng(0)
    n = SIDE // CELL
    ry, rx = rng.uniform(5, 11, (2, n, 1, n, 1))
    y, x = (np.arange(CELL) - (CELL - 1) / 2 for _ in range(2))
    inside = (y[None, :, None, None] / ry) ** 2 + (x / rx) ** 2 < 1
    ids = np.arange(1, N + 1, dtype=np.uint32).reshape(n, 1, n, 1)
    labels = np.where(inside, ids, 0).astype(np.uint32).reshape(SIDE, SIDE)
    first = rng.integers(0, 4000, labels.shape).astype(np.uint16)
    return labels, first, (first // 2 + rng.integers(0, 2000, labels.shape)).astype(np.uint16)


@pytest.mark.benchmark(group="relations of 100 k objects")
class TestRelations:
    def test_neighbours(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, _, _ = scene()
        table = timed(benchmark, lambda: measure(labels, properties="neighbours"), N, "objects/s", rounds=3)
        assert len(table) == N

    def test_touching(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, _, _ = scene()
        names = ("touching_neighbor_count", "contact_length", "touching_portion")
        timed(benchmark, lambda: measure(labels, properties=names), N, "objects/s", rounds=3)

    def test_nearest_surfaces(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, _, _ = scene()
        timed(benchmark, lambda: measure(labels, properties="nearest_surface_distance"), N, "objects/s", rounds=3)

    def test_six_nearest_listed(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, _, _ = scene()
        table = timed(benchmark, lambda: list_neighbors(labels, n_nearest=6), N, "objects/s", rounds=3)
        assert len(table) == 6 * N

    def test_objects_in_objects(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, _, _ = scene()
        others = np.roll(labels, 7, 0)
        timed(benchmark, lambda: relate(labels, others), N, "objects/s", rounds=2)

    def test_radial(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, first, _ = scene()
        timed(benchmark, lambda: measure(labels, first, properties="radial"), N, "objects/s", rounds=2)

    def test_colocalisation(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        labels, first, second = scene()
        timed(
            benchmark, lambda: measure(labels, [first, second], properties="colocalisation"), N, "objects/s", rounds=2
        )
