"""Speed of Bioloom next to its peers, on this machine, in the same run.

Each group holds one job and who does it. Peers that take long get fewer rounds. Jobs done per second are in the
extra information (``--benchmark-json``): Mpx/s, objects/s or points/s, of the fastest round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bioloom import device
from bioloom.classify import PRESETS, PixelClassifier
from bioloom.classify.forest import Forest, find_edges, to_bins
from bioloom.errors import DeviceError
from bioloom.explore import points_in_polygon, rasterise_points
from bioloom.measure import measure
from bioloom.operations import gaussian_blur, voronoi_otsu_labeling
from bioloom.samples import strokes

# What peers warn about is not measured here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
SIDE = 2048
SPOT, OUTLINE = 4.0, 1.0


@pytest.fixture(scope="module")
def truth() -> Array:
    """10 000 touching or nearly touching ellipses, (2048, 2048)."""
    rng = np.random.default_rng(0)
    labels = np.zeros((SIDE, SIDE), np.uint32)
    step = SIDE / 100
    for i in range(10_000):
        y, x = (np.array(divmod(i, 100)) + 0.5) * step + rng.uniform(-2, 2, 2)
        a, b, angle = rng.uniform(6, 10), rng.uniform(4, 8), rng.uniform(0, np.pi)
        top, left = max(int(y) - 12, 0), max(int(x) - 12, 0)
        yy, xx = np.mgrid[top : min(top + 25, SIDE), left : min(left + 25, SIDE)]
        u = (yy - y) * np.sin(angle) + (xx - x) * np.cos(angle)
        v = (yy - y) * np.cos(angle) - (xx - x) * np.sin(angle)
        labels[yy, xx] = np.where((u / a) ** 2 + (v / b) ** 2 < 1, i + 1, labels[yy, xx])
    assert len(np.unique(labels)) == 10_001
    return labels


@pytest.fixture(scope="module")
def image(truth: Array) -> Array:
    """A noisy fluorescence image of them, uint16."""
    rng = np.random.default_rng(1)
    brightness = rng.uniform(300, 900, int(truth.max()) + 1)
    brightness[0] = 60
    return rng.poisson(ndimage.gaussian_filter(brightness[truth], 1.5)).astype(np.uint16)


@pytest.fixture(scope="module")
def cle() -> Iterator[Any]:
    try:
        device.select("opencl")
    except DeviceError as error:
        pytest.skip(str(error))
    yield device.clesperanto()
    device.select("numpy")


def timed(
    benchmark: Any, function: Callable[[], Any], amount: float, unit: str, rounds: int = 5, warm: bool = True
) -> Any:
    """Time a function; its first call, which may compile or load, is left out if `warm`."""
    result = benchmark.pedantic(function, rounds=rounds, warmup_rounds=int(warm))
    if benchmark.stats:  # None with --benchmark-disable
        benchmark.extra_info[unit] = round(amount / benchmark.stats.stats.min, 3)
    return result


MEGAPIXELS = SIDE * SIDE / 1e6


@pytest.mark.benchmark(group="gaussian 2048², sigma 2")
class TestGaussian:
    def test_bioloom(self, benchmark: Any, image: Array) -> None:
        timed(benchmark, lambda: gaussian_blur(image, 2.0), MEGAPIXELS, "Mpx/s")

    def test_skimage(self, benchmark: Any, image: Array) -> None:
        from skimage.filters import gaussian

        timed(benchmark, lambda: gaussian(image, 2.0, preserve_range=True), MEGAPIXELS, "Mpx/s")

    def test_clesperanto(self, benchmark: Any, image: Array, cle: Any) -> None:
        def blur() -> Array:
            return device.pull(cle.gaussian_blur(device.push(image), sigma_x=2, sigma_y=2))

        benchmark.extra_info["device"] = device.current().name
        timed(benchmark, blur, MEGAPIXELS, "Mpx/s", rounds=2)


@pytest.mark.benchmark(group="Voronoi-Otsu 2048², 10k objects")
class TestVoronoiOtsu:
    def test_bioloom(self, benchmark: Any, image: Array) -> None:
        labels = timed(benchmark, lambda: voronoi_otsu_labeling(image, SPOT, OUTLINE), MEGAPIXELS, "Mpx/s", rounds=3)
        assert labels.max() > 5000

    def test_skimage(self, benchmark: Any, image: Array) -> None:
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

    def test_clesperanto(self, benchmark: Any, image: Array, cle: Any) -> None:
        def chain() -> Array:
            return device.pull(cle.voronoi_otsu_labeling(device.push(image), spot_sigma=SPOT, outline_sigma=OUTLINE))

        benchmark.extra_info["device"] = device.current().name
        labels = timed(benchmark, chain, MEGAPIXELS, "Mpx/s", rounds=2)
        assert labels.max() > 5000


@pytest.mark.benchmark(group="pixel classifier 2048²: features, training, prediction")
class TestPixelClassifier:
    def test_bioloom(self, benchmark: Any, image: Array, truth: Array) -> None:
        """17 features, 100 trees of depth 6."""
        annotation = strokes(truth, n_pixels=2000)

        def fit_predict() -> Array:
            classifier = PixelClassifier(PRESETS["small, medium and large objects"], n_trees=100, max_depth=6)
            benchmark.extra_info["features"] = len(classifier.fit(image, annotation).feature_names_)
            return classifier.predict(image)

        classes = timed(benchmark, fit_predict, MEGAPIXELS, "Mpx/s", rounds=3)
        assert np.mean((classes == 2) == (truth > 0)) > 0.85

    def test_skimage_sklearn(self, benchmark: Any, image: Array, truth: Array) -> None:
        """24 features and 100 trees of unlimited depth, the defaults."""
        from skimage.feature import multiscale_basic_features
        from skimage.future import fit_segmenter, predict_segmenter
        from sklearn.ensemble import RandomForestClassifier

        annotation = strokes(truth, n_pixels=2000)

        def fit_predict() -> Array:
            features = multiscale_basic_features(image)
            benchmark.extra_info["features"] = features.shape[-1]
            forest = fit_segmenter(annotation, features, RandomForestClassifier(100, n_jobs=-1, random_state=0))
            return predict_segmenter(features, forest)

        classes = timed(benchmark, fit_predict, MEGAPIXELS, "Mpx/s", rounds=1, warm=False)
        assert np.mean((classes == 2) == (truth > 0)) > 0.85


@pytest.mark.parametrize(
    "depth",
    [
        pytest.param(d, marks=pytest.mark.benchmark(group=f"forest alone, 1 Mpx, one core, depth {d}"))
        for d in (2, 4, 6)
    ],
)
class TestForest:
    """The same 100 trees on 20 features of one byte; scikit-learn is given float32, which it would convert to."""

    @staticmethod
    def data() -> tuple[Array, Array, list[Array]]:
        rng = np.random.default_rng(0)
        values = rng.normal(size=(20, 1 << 20)).astype(np.float32)
        edges = [find_edges(v[:5000]) for v in values]
        bins = np.stack([to_bins(v, e) for v, e in zip(values, edges, strict=True)])
        mixed = values[0] + values[1] * values[2] + 0.5 * np.sin(3 * values[3]) + values[4:10].sum(0) / 3
        return bins, (mixed[:5000] > 0).astype(np.intp), edges

    def test_bioloom(self, benchmark: Any, depth: int) -> None:
        bins, classes, edges = self.data()
        forest = Forest.train(bins[:, :5000].T, classes, edges, n_trees=100, max_depth=depth)
        votes = timed(benchmark, lambda: forest.votes(bins), bins.shape[1] / 1e6, "Mpx/s")
        assert np.allclose(votes.sum(0), 100, atol=0.01)

    def test_sklearn(self, benchmark: Any, depth: int) -> None:
        from sklearn.ensemble import RandomForestClassifier

        bins, classes, _ = self.data()
        forest = RandomForestClassifier(100, max_depth=depth, random_state=0, n_jobs=1)
        forest.fit(bins[:, :5000].T.astype(np.float32), classes)
        rows = np.ascontiguousarray(bins.T, np.float32)
        timed(benchmark, lambda: forest.predict_proba(rows), bins.shape[1] / 1e6, "Mpx/s", rounds=2, warm=False)


PROPERTIES = (
    "area", "area_bbox", "equivalent_diameter_area", "centroid", "bbox", "intensity_mean", "intensity_min",
    "intensity_max", "intensity_std", "intensity_median", "centroid_weighted", "axis_major_length",
    "axis_minor_length", "eccentricity", "orientation", "extent", "solidity", "perimeter",
)  # fmt: skip


@pytest.mark.benchmark(group="measure 10k objects, 2048²")
class TestMeasure:
    def test_bioloom(self, benchmark: Any, truth: Array, image: Array) -> None:
        table = timed(benchmark, lambda: measure(truth, image, properties=PROPERTIES), 10_000, "objects/s", rounds=3)
        assert len(table) == 10_000

    def test_skimage(self, benchmark: Any, truth: Array, image: Array) -> None:
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
    def test_bioloom(self, benchmark: Any) -> None:
        x, y, groups = points()
        palette = np.random.default_rng(0).integers(0, 255, (8, 4)).astype(np.uint8)
        palette[:, 3] = 255

        def draw() -> Any:
            return rasterise_points(x, y, groups, palette, (-8, 8, -8, 8), (800, 800), radius=2)

        rgba, _ = timed(benchmark, draw, 1e6, "points/s")
        assert (rgba[..., 3] > 0).mean() > 0.2

    def test_matplotlib(self, benchmark: Any) -> None:
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

    def test_bioloom(self, benchmark: Any) -> None:
        x, y, _ = points()
        polygon = self.polygon()
        inside = timed(benchmark, lambda: points_in_polygon(x, y, polygon), 1e6, "points/s")
        assert 0.2 < inside.mean() < 0.8

    def test_matplotlib(self, benchmark: Any) -> None:
        from matplotlib.path import Path

        x, y, _ = points()
        path, where = Path(self.polygon()), np.stack([x, y], axis=1)
        inside = timed(benchmark, lambda: path.contains_points(where), 1e6, "points/s", rounds=3)
        assert 0.2 < inside.mean() < 0.8
