"""Speed of Bioloom next to its peers, on this machine, in the same run.

Each group holds one job and who does it. Peers that take long get fewer rounds. Jobs done per second are in the
extra information (``--benchmark-json``): Mpx/s, objects/s or points/s, of the fastest round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bioloom import device
from bioloom.explore import points_in_polygon, rasterise_points
from bioloom.measure import measure
from bioloom.operations import gaussian_blur, voronoi_otsu_labeling

# What peers warn about is not measured here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
SIDE = 2048
SPOT, OUTLINE = 4.0, 1.0
MEGAPIXELS = SIDE * SIDE / 1e6


@pytest.mark.benchmark(group="gaussian 2048², sigma 2")
class TestGaussian:
    def test_bioloom(self, benchmark: Any, image: Array, timed: Callable[..., Any]) -> None:
        timed(benchmark, lambda: gaussian_blur(image, 2.0), MEGAPIXELS, "Mpx/s")

    def test_skimage(self, benchmark: Any, image: Array, timed: Callable[..., Any]) -> None:
        from skimage.filters import gaussian

        timed(benchmark, lambda: gaussian(image, 2.0, preserve_range=True), MEGAPIXELS, "Mpx/s")

    def test_clesperanto(self, benchmark: Any, image: Array, cle: Any, timed: Callable[..., Any]) -> None:
        def blur() -> Array:
            return device.pull(cle.gaussian_blur(device.push(image), sigma_x=2, sigma_y=2))

        benchmark.extra_info["device"] = device.current().name
        timed(benchmark, blur, MEGAPIXELS, "Mpx/s", rounds=2)


@pytest.mark.benchmark(group="Voronoi-Otsu 2048², 10k objects")
class TestVoronoiOtsu:
    def test_bioloom(self, benchmark: Any, image: Array, timed: Callable[..., Any]) -> None:
        labels = timed(benchmark, lambda: voronoi_otsu_labeling(image, SPOT, OUTLINE), MEGAPIXELS, "Mpx/s", rounds=3)
        assert labels.max() > 5000

    def test_skimage(self, benchmark: Any, image: Array, timed: Callable[..., Any]) -> None:
        """Gaussian, Otsu, maxima, watershed in the mask."""
        from skimage.feature import peak_local_max
        from skimage.filters import gaussian, threshold_otsu
        from skimage.segmentation import watershed

        def chain() -> Array:
            outline = gaussian(image, OUTLINE, preserve_range=True)
            mask = outline > threshold_otsu(outline)
            spots = gaussian(image, SPOT, preserve_range=True)
            seeds = np.zeros(image.shape, np.int32)
            peaks = peak_local_max(spots, min_distance=1, exclude_border=False, labels=mask.astype(np.int32))
            seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
            return watershed(-spots, seeds, mask=mask)

        labels = timed(benchmark, chain, MEGAPIXELS, "Mpx/s", rounds=2)
        assert labels.max() > 5000

    def test_clesperanto(self, benchmark: Any, image: Array, cle: Any, timed: Callable[..., Any]) -> None:
        def chain() -> Array:
            return device.pull(cle.voronoi_otsu_labeling(device.push(image), spot_sigma=SPOT, outline_sigma=OUTLINE))

        benchmark.extra_info["device"] = device.current().name
        labels = timed(benchmark, chain, MEGAPIXELS, "Mpx/s", rounds=2)
        assert labels.max() > 5000


PROPERTIES = (
    "area", "area_bbox", "equivalent_diameter_area", "centroid", "bbox", "intensity_mean", "intensity_min",
    "intensity_max", "intensity_std", "intensity_median", "centroid_weighted", "axis_major_length",
    "axis_minor_length", "eccentricity", "orientation", "extent", "solidity", "perimeter",
)  # fmt: skip


@pytest.mark.benchmark(group="measure 10k objects, 2048²")
class TestMeasure:
    def test_bioloom(self, benchmark: Any, truth: Array, image: Array, timed: Callable[..., Any]) -> None:
        table = timed(benchmark, lambda: measure(truth, image, properties=PROPERTIES), 10_000, "objects/s", rounds=3)
        assert len(table) == 10_000

    def test_skimage(self, benchmark: Any, truth: Array, image: Array, timed: Callable[..., Any]) -> None:
        from skimage.measure import regionprops_table

        labels = truth.astype(np.int32)
        table = timed(
            benchmark,
            lambda: regionprops_table(labels, image, properties=("label", *PROPERTIES)),
            10_000,
            "objects/s",
            rounds=1,
            warm=False,
        )
        assert len(table["label"]) == 10_000


def points(n: int = 1_000_000) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 8, n)
    angle = groups * np.pi / 4
    return np.cos(angle) * 3 + rng.normal(size=n), np.sin(angle) * 3 + rng.normal(size=n), groups


@pytest.mark.benchmark(group="draw 1M points, 800 × 800 pixels")
class TestDraw:
    def test_bioloom(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        x, y, groups = points()
        palette = np.random.default_rng(0).integers(0, 255, (8, 4)).astype(np.uint8)
        palette[:, 3] = 255

        def draw() -> Any:
            return rasterise_points(x, y, groups, palette, (-8, 8, -8, 8), (800, 800), radius=2)

        rgba, _ = timed(benchmark, draw, 1e6, "points/s")
        assert (rgba[..., 3] > 0).mean() > 0.2

    def test_matplotlib(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        x, y, groups = points()
        figure = Figure(figsize=(8, 8), dpi=100)
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.scatter(x, y, c=groups, s=(4 * 0.72) ** 2, cmap="tab10", linewidths=0)
        timed(benchmark, canvas.draw, 1e6, "points/s", rounds=2)


@pytest.mark.benchmark(group="lasso of 200 vertices, 1M points")
class TestLasso:
    @staticmethod
    def polygon() -> Array:
        angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
        radius = 3 + np.sin(7 * angle)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)

    def test_bioloom(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        x, y, _ = points()
        polygon = self.polygon()
        inside = timed(benchmark, lambda: points_in_polygon(x, y, polygon), 1e6, "points/s")
        assert 0.2 < inside.mean() < 0.8

    def test_matplotlib(self, benchmark: Any, timed: Callable[..., Any]) -> None:
        from matplotlib.path import Path

        x, y, _ = points()
        path, where = Path(self.polygon()), np.stack([x, y], axis=1)
        inside = timed(benchmark, lambda: path.contains_points(where), 1e6, "points/s", rounds=3)
        assert 0.2 < inside.mean() < 0.8
