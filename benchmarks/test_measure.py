"""Thirty measurements of a hundred thousand objects, next to scikit-image in the same run; and who touches whom.

scikit-image measures a tenth of the objects, in a tenth of the image, as Bioloom does for the comparison; for all it
would take minutes. Bioloom also measures all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bioloom.measure import measure, touching_labels

# What peers warn about is not measured here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
SIDE, CELL = 6400, 20
N_OBJECTS = (SIDE // CELL) ** 2
SHARED = (
    "area", "area_bbox", "axis_major_length", "axis_minor_length", "bbox", "centroid", "centroid_local",
    "centroid_weighted", "centroid_weighted_local", "eccentricity", "equivalent_diameter_area", "extent",
    "inertia_tensor", "inertia_tensor_eigvals", "intensity_max", "intensity_mean", "intensity_median", "intensity_min",
    "intensity_std", "moments", "moments_central", "moments_hu", "moments_normalized", "moments_weighted",
    "moments_weighted_central", "moments_weighted_hu", "moments_weighted_normalized", "num_pixels", "orientation",
    "perimeter",
)  # fmt: skip
OWN = (
    "area", "area_bbox", "num_pixels", "equivalent_diameter_area", "centroid", "bbox", "touches_border",
    "axis_major_length", "axis_minor_length", "eccentricity", "orientation", "extent", "aspect_ratio",
    "intensity_mean", "intensity_std", "intensity_min", "intensity_max", "intensity_sum", "intensity_median",
    "intensity_lower_quartile", "intensity_upper_quartile", "intensity_mad", "intensity_skewness",
    "intensity_kurtosis", "intensity_edge_mean", "intensity_edge_std", "intensity_mass_displacement",
    "intensity_max_position", "centroid_weighted", "touching_neighbor_count",
)  # fmt: skip
LEAST_TIMES, MOST_SECONDS, MOST_SECONDS_TOUCHING = 20, 1.5, 1.0
assert len(SHARED) == len(OWN) == 30
_seconds: dict[str, float] = {}


@pytest.fixture(scope="module")
def many() -> tuple[Array, Array]:
    """102 400 ellipses of about 270 pixels in 6400 × 6400, many of which touch, uint32; and a noisy image, uint16."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.mgrid[:CELL, :CELL], axis=-1) - CELL / 2 + 0.5
    shapes = []
    for _ in range(64):
        angle = rng.uniform(0, np.pi)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        shapes.append(np.linalg.norm((grid - rng.uniform(-2, 2, 2)) @ turn / rng.uniform(7, 14, 2), axis=-1) < 1)
    n = SIDE // CELL
    chosen = np.stack(shapes)[rng.integers(0, len(shapes), (n, n))]
    numbers = np.arange(1, n * n + 1, dtype=np.uint32).reshape(n, n, 1, 1)
    labels = np.where(chosen, numbers, 0).swapaxes(1, 2).reshape(SIDE, SIDE)
    image = rng.poisson(100 + 400 * ndimage.gaussian_filter((labels > 0).astype(np.float32), 2)).astype(np.uint16)
    return labels, image


@pytest.fixture(scope="module")
def tenth(many: tuple[Array, Array]) -> tuple[Array, Array]:
    """A tenth of them."""
    labels, image = (np.ascontiguousarray(a[: SIDE // 10]) for a in many)
    return labels, image


def _keep(benchmark: Any, who: str) -> None:
    if benchmark.stats:
        _seconds[who] = benchmark.stats.stats.min


@pytest.mark.benchmark(group="30 measurements of 102 400 objects in 6400²")
class TestAll:
    def test_names_of_skimage(self, benchmark: Any, many: tuple[Array, Array], timed: Callable[..., Any]) -> None:
        table = timed(benchmark, lambda: measure(*many, properties=SHARED), N_OBJECTS, "objects/s", rounds=3)
        assert len(table) == N_OBJECTS
        assert not benchmark.stats or benchmark.stats.stats.min <= MOST_SECONDS

    def test_others(self, benchmark: Any, many: tuple[Array, Array], timed: Callable[..., Any]) -> None:
        table = timed(benchmark, lambda: measure(*many, properties=OWN), N_OBJECTS, "objects/s", rounds=3)
        assert len(table) == N_OBJECTS
        assert not benchmark.stats or benchmark.stats.stats.min <= MOST_SECONDS


@pytest.mark.benchmark(group="the same 30 measurements of 10 240 objects in 640 × 6400")
class TestNextToSkimage:
    def test_bioloom(self, benchmark: Any, tenth: tuple[Array, Array], timed: Callable[..., Any]) -> None:
        table = timed(benchmark, lambda: measure(*tenth, properties=SHARED), N_OBJECTS // 10, "objects/s")
        assert len(table) == N_OBJECTS // 10
        _keep(benchmark, "bioloom")

    def test_skimage(self, benchmark: Any, tenth: tuple[Array, Array], timed: Callable[..., Any]) -> None:
        from skimage.measure import regionprops_table

        def measured() -> Any:
            return regionprops_table(*tenth, properties=("label", *SHARED))

        table = timed(benchmark, measured, N_OBJECTS // 10, "objects/s", rounds=1, warm=False)
        ours = measure(*tenth, properties=SHARED)
        for name in set(ours) & set(table):
            # Rounding is that of all moments, of which some are 0.
            family = [table[c] for c in table if c.split("-")[0] == name.split("-")[0]]
            scale = max(np.abs(values[np.isfinite(values)]).max(initial=0) for values in family)
            np.testing.assert_allclose(ours[name], table[name], rtol=1e-6, atol=1e-9 * scale, err_msg=name)
        _keep(benchmark, "skimage")
        if len(_seconds) == 2:
            times = _seconds["skimage"] / _seconds["bioloom"]
            print(f"\n{times:.0f} × as fast as regionprops_table")
            assert times >= LEAST_TIMES


@pytest.mark.benchmark(group="who touches whom among 102 400 objects in 6400²")
class TestTouching:
    def test_counts(self, benchmark: Any, many: tuple[Array, Array], timed: Callable[..., Any]) -> None:
        table = timed(
            benchmark, lambda: measure(many[0], properties="touching_neighbor_count"), N_OBJECTS, "objects/s", rounds=3
        )
        assert table["touching_neighbor_count"].sum() > N_OBJECTS
        assert not benchmark.stats or benchmark.stats.stats.min <= MOST_SECONDS_TOUCHING

    def test_pairs(self, benchmark: Any, many: tuple[Array, Array], timed: Callable[..., Any]) -> None:
        pairs = timed(benchmark, lambda: touching_labels(many[0]), N_OBJECTS, "objects/s", rounds=3)
        assert len(pairs) > N_OBJECTS // 2
        assert not benchmark.stats or benchmark.stats.stats.min <= MOST_SECONDS_TOUCHING
