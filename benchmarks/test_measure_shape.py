"""Perimeter, convex hull and Feret diameter of ten thousand objects, next to scikit-image in the same run.

Of stacks scikit-image measures a part of the image only, and objects per second are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bioloom.measure import measure

# What peers warn about is not measured here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
PLANE = ("perimeter", "solidity", "feret_diameter_max")
STACK = ("surface_area", "solidity", "feret_diameter_max")
TIMES = 5  # faster than scikit-image, at least
_rates: dict[tuple[str, str], float] = {}


def _rate(benchmark: Any, job: str, who: str) -> None:
    """Keep the objects per second; compare once both are known."""
    if benchmark.stats:
        _rates[job, who] = next(v for k, v in benchmark.extra_info.items() if k == "objects/s")
    if {(job, "bioloom"), (job, "skimage")} <= set(_rates):
        times = _rates[job, "bioloom"] / _rates[job, "skimage"]
        print(f"\n{job}: {_rates[job, 'bioloom']:.0f} objects/s, {times:.0f} × scikit-image")
        assert times >= TIMES


@pytest.fixture(scope="module")
def stack() -> Array:
    """10 240 ellipsoids in (180, 576, 576)."""
    rng = np.random.default_rng(0)
    side = 18
    labels = np.zeros((10 * side, 32 * side, 32 * side), np.uint32)
    grid = np.stack(np.mgrid[:side, :side, :side], axis=-1) - side / 2 + 0.5
    for i in range(10 * 32 * 32):
        z, y, x = (side * k for k in np.unravel_index(i, (10, 32, 32)))
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        inside = np.linalg.norm(grid @ turn / rng.uniform(4, 8.5, 3), axis=-1) < 1
        labels[z : z + side, y : y + side, x : x + side][inside] = i + 1
    return labels


@pytest.mark.benchmark(group="perimeter, hull and Feret of 10 000 objects in 2048²")
class TestPlane:
    def test_bioloom(self, benchmark: Any, truth: Array, timed: Callable[..., Any]) -> None:
        table = timed(benchmark, lambda: measure(truth, properties=PLANE), 10_000, "objects/s")
        assert len(table) == 10_000
        _rate(benchmark, "planes", "bioloom")

    def test_skimage(self, benchmark: Any, truth: Array, timed: Callable[..., Any]) -> None:
        from skimage.measure import regionprops_table

        timed(benchmark, lambda: regionprops_table(truth, properties=PLANE), 10_000, "objects/s", rounds=1, warm=False)
        _rate(benchmark, "planes", "skimage")


@pytest.mark.benchmark(group="surface, hull and Feret of 10 240 objects in (180, 576, 576)")
class TestStack:
    def test_bioloom(self, benchmark: Any, stack: Array, timed: Callable[..., Any]) -> None:
        table = timed(benchmark, lambda: measure(stack, properties=STACK), 10_240, "objects/s", rounds=3)
        assert len(table) == 10_240
        _rate(benchmark, "stacks", "bioloom")

    def test_skimage(self, benchmark: Any, stack: Array, timed: Callable[..., Any]) -> None:
        """Hull and Feret; scikit-image has no surface of regions."""
        from skimage.measure import regionprops_table

        part = stack[:18, :288, :288]
        n = len(np.unique(part)) - 1
        timed(benchmark, lambda: regionprops_table(part, properties=STACK[1:]), n, "objects/s", rounds=1, warm=False)
        _rate(benchmark, "stacks", "skimage")


@pytest.mark.benchmark(group="all shapes of 10 000 objects")
class TestAll:
    def test_planes(self, benchmark: Any, truth: Array, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: measure(truth, properties="shape"), 10_000, "objects/s")

    def test_stacks(self, benchmark: Any, stack: Array, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: measure(stack, properties="shape"), 10_240, "objects/s", rounds=3)
