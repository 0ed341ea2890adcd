"""How long it takes until a table of a hundred thousand objects has followed a stroke of the brush.

``pytest benchmarks/test_edits.py --benchmark-only``. What is timed runs beside the window; the pause that ends a stroke
is not in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bioloom.measure import list_properties
from bioloom.session.measuring import Measurement, MeasureTask, run

N, SIDE = 316, 20  # objects along an axis, and the pixels that each has room in


def _nothing(done: int, total: int) -> None:
    """Nobody looks."""


def _measured(frames: int) -> Measurement:
    """Discs of 197 pixels in 40 million, measured by the groups that are ticked at first."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    ids = np.arange(1, N * N + 1, dtype=np.int32).reshape(N, N)
    plane = np.kron(ids, np.ones((SIDE, SIDE), np.int32)) * np.tile(y**2 + x**2 < 64, (N, N))
    image = np.random.default_rng(0).integers(0, 4000, plane.shape).astype(np.uint16)
    names = tuple(p.name for p in list_properties(2, ("size", "position", "intensity", "shape")))
    if frames == 1:
        return run(MeasureTask(plane, image, (0.5, 0.5), names), _nothing)
    n = plane.shape[0] // frames
    parts = [one[: n * frames].reshape(frames, n, -1) for one in (plane, image)]
    return run(MeasureTask(parts[0].copy(), parts[1].copy(), (0.5, 0.5), names, 0), _nothing)


@pytest.mark.benchmark(group="a stroke in 100 k objects, 40 Mpx")
@pytest.mark.parametrize("frames", [1, 10])
def test_stroke(benchmark: Any, frames: int) -> None:
    measured = _measured(frames)
    place = 0

    def stroke() -> tuple[tuple[Any], dict[str, Any]]:
        nonlocal place
        place += 40
        labels = measured.task.labels.copy()
        plane = labels if frames == 1 else labels[frames // 2]
        plane[300:307, place : place + 30] = plane[310, place + 60] or 5000
        return (labels,), {}

    def follow(labels: Any) -> None:
        again = measured.again(labels, _nothing)
        assert again is not None
        assert again.n_again < 10

    benchmark.pedantic(follow, setup=stroke, rounds=7, warmup_rounds=1)
    if benchmark.stats:
        assert benchmark.stats.stats.median <= 0.3
