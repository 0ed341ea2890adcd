"""Speed of pixel classification next to scikit-image + scikit-learn and APOC, on this machine, in the same run.

APOC takes part if the environment variable BIOLOOM_APOC_PYTHON names a Python that has apoc and an OpenCL device.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bioloom.classify import PRESETS, PixelClassifier
from bioloom.classify.forest import Forest, find_edges, to_bins
from bioloom.samples import strokes

# What peers warn about is not measured here.
pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
MEGAPIXELS = 2048 * 2048 / 1e6
FEATURES = PRESETS["small, medium and large objects"]

APOC = """
import sys, time, warnings
warnings.simplefilter("ignore")
import apoc, numpy as np
import pyclesperanto_prototype as cle
for name in cle.available_device_names():
    cle.select_device(name)
    try:
        cle.pull(cle.gaussian_blur(np.zeros((8, 8), np.float32), sigma_x=1, sigma_y=1))
        break
    except Exception:
        continue
folder, features = sys.argv[1:]
with np.load(folder + "/data.npz") as data:
    image, annotation = data["image"], data["annotation"]
for line in sys.stdin:
    classifier = apoc.PixelClassifier(opencl_filename=folder + "/model.cl")
    apoc.erase_classifier(folder + "/model.cl")
    classifier.train(features, annotation, image)
    print("answer", np.mean(np.asarray(classifier.predict(image)) == 2), flush=True)
"""


@pytest.mark.benchmark(group="pixel classifier 2048²: features, training, prediction")
class TestPixelClassifier:
    def test_bioloom(self, benchmark: Any, image: Array, truth: Array, timed: Callable[..., Any]) -> None:
        """17 features, 100 trees of depth 6."""
        annotation = strokes(truth, n_pixels=2000)

        def fit_predict() -> Array:
            classifier = PixelClassifier(FEATURES, n_trees=100, max_depth=6)
            benchmark.extra_info["features"] = len(classifier.fit(image, annotation).feature_names_)
            return classifier.predict(image)

        classes = timed(benchmark, fit_predict, MEGAPIXELS, "Mpx/s", rounds=5)
        assert np.mean((classes == 2) == (truth > 0)) > 0.85

    def test_skimage_sklearn(self, benchmark: Any, image: Array, truth: Array, timed: Callable[..., Any]) -> None:
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

        classes = timed(benchmark, fit_predict, MEGAPIXELS, "Mpx/s", rounds=2, warm=False)
        assert np.mean((classes == 2) == (truth > 0)) > 0.85

    def test_apoc(self, benchmark: Any, image: Array, truth: Array, timed: Callable[..., Any], tmp_path: Path) -> None:
        """The same 17 features, 100 trees of depth 2, its default: deeper ones take OpenCL minutes to compile."""
        python = os.environ.get("BIOLOOM_APOC_PYTHON")
        if not python:
            pytest.skip("BIOLOOM_APOC_PYTHON names no Python with apoc")
        np.savez(tmp_path / "data.npz", image=image, annotation=strokes(truth, n_pixels=2000))
        with subprocess.Popen(
            [python, "-c", APOC, str(tmp_path), FEATURES],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip

            def fit_predict() -> float:
                print("go", file=process.stdin, flush=True)
                # Other lines are chatter of the OpenCL compiler.
                return next(float(line.split()[1]) for line in process.stdout if line.startswith("answer"))

            share = timed(benchmark, fit_predict, MEGAPIXELS, "Mpx/s", rounds=3)
            process.stdin.close()
        assert 0.2 < share < 0.8


@pytest.mark.parametrize(
    "depth",
    [
        pytest.param(d, marks=pytest.mark.benchmark(group=f"forest alone, 1 Mpx, one core, depth {d}"))
        for d in (2, 4, 6, 10)
    ],
)
class TestForest:
    """The same 100 trees on 20 features of one byte; scikit-learn is given float32, which it would convert to."""

    @staticmethod
    def data() -> tuple[Array, Array, list[Array]]:
        rng = np.random.default_rng(0)
        signal = rng.normal(size=1 << 20)
        values = [signal * weight + rng.normal(size=1 << 20) for weight in np.linspace(0.2, 1.5, 20)]
        edges = [find_edges(v[:20_000]) for v in values]
        bins = np.stack([to_bins(v, e) for v, e in zip(values, edges, strict=True)])
        return bins, (signal + 0.3 * rng.normal(size=1 << 20) > 0)[:5000].astype(np.intp), edges

    def test_bioloom(self, benchmark: Any, depth: int, timed: Callable[..., Any]) -> None:
        bins, classes, edges = self.data()
        forest = Forest.train(bins[:, :5000].T, classes, edges, n_trees=100, max_depth=depth)
        votes = timed(benchmark, lambda: forest.votes(bins), bins.shape[1] / 1e6, "Mpx/s")
        assert (votes.sum(0) == 25_500).all()

    def test_sklearn(self, benchmark: Any, depth: int, timed: Callable[..., Any]) -> None:
        from sklearn.ensemble import RandomForestClassifier

        bins, classes, _ = self.data()
        forest = RandomForestClassifier(100, max_depth=depth, random_state=0, n_jobs=1)
        forest.fit(bins[:, :5000].T.astype(np.float32), classes)
        rows = np.ascontiguousarray(bins.T, np.float32)
        timed(benchmark, lambda: forest.predict_proba(rows), bins.shape[1] / 1e6, "Mpx/s", rounds=3, warm=False)
