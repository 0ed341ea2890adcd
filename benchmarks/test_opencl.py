"""Speed of the pixel classifier on an OpenCL device next to NumPy's engine, on this machine, in the same run.

Each group holds one job. Which device: BIOLOOM_DEVICE, else the best that OpenCL finds, which is PoCL on the CPU where
there is no GPU; its name is in the extra information (``--benchmark-json``), with the Mpx/s of the fastest round. On a
CPU both engines have the same cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from bioloom import device
from bioloom.classify import PixelClassifier
from bioloom.classify.feature_blocks import FeatureBlocks, in_threads
from bioloom.errors import DeviceError

pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
SIDE = 2048
KINDS = ("gaussian_blur", "difference_of_gaussian", "laplace_box_of_gaussian_blur", "sobel_of_gaussian_blur")
FEATURES = " ".join(["original", *(f"{kind}={sigma}" for sigma in (1, 2, 5, 10) for kind in KINDS)])


@pytest.fixture(scope="module")
def image() -> Array:
    """A noisy fluorescence image of blobs, uint16 (2048, 2048)."""
    rng = np.random.default_rng(0)
    inside = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)).astype(np.float32), 5) > 0.01
    return rng.poisson(60 + 600 * ndimage.gaussian_filter(inside.astype(np.float32), 1.5)).astype(np.uint16)


@pytest.fixture(scope="module")
def stack(image: Array) -> Array:
    """The same pixels as a stack, (16, 512, 512)."""
    return np.ascontiguousarray(image.reshape(4, 512, 4, 512).swapaxes(1, 2)).reshape(16, 512, 512)


@pytest.fixture(scope="module")
def annotation(image: Array) -> Array:
    """4000 pixels of two classes, painted by a hesitant hand: one in ten is of the other class, so that trees grow."""
    result, rng = np.zeros(image.shape, np.uint8), np.random.default_rng(1)
    smooth = ndimage.gaussian_filter(image.astype(np.float32), 2)
    for top, left in ((300, 300), (1500, 900)):
        part = slice(top, top + 40), slice(left, left + 50)
        result[part] = 1 + ((smooth[part] > 300) ^ (rng.random((40, 50)) < 0.1))
    assert set(np.unique(result)) == {0, 1, 2}
    return result


@pytest.fixture(params=["numpy", "opencl"])
def engine(request: pytest.FixtureRequest) -> Iterator[device.Device]:
    name = request.param
    if name == "opencl":
        name = os.environ.get(device.ENVIRONMENT_VARIABLE) or name
    try:
        chosen = device.select(name)
    except DeviceError as error:
        pytest.skip(str(error))
    if chosen.engine != request.param:
        pytest.skip(f"BIOLOOM_DEVICE chose {chosen.name}")
    yield chosen
    device.select("numpy")


def timed(benchmark: Any, engine: device.Device, function: Callable[[], Any], pixels: int) -> Any:
    """Time a function; its first call, which may compile, is left out."""
    result = benchmark.pedantic(function, rounds=5, warmup_rounds=1)
    benchmark.extra_info["device"] = engine.name
    if benchmark.stats:  # None with --benchmark-disable
        benchmark.extra_info["Mpx/s"] = round(pixels / benchmark.stats.stats.min / 1e6, 3)
    return result


@pytest.mark.benchmark(group="17 features of 2048² as bins")
def test_features_of_a_plane(benchmark: Any, engine: device.Device, image: Array) -> None:
    source = PixelClassifier(FEATURES).feature_blocks(image, None, None)
    edges = source.edges
    timed(benchmark, engine, lambda: _all_bins(source, edges), image.size)


@pytest.mark.benchmark(group="9 features of 16 × 512² as bins")
def test_features_of_a_stack(benchmark: Any, engine: device.Device, stack: Array) -> None:
    text = " ".join(["original", *(f"{kind}={sigma}" for sigma in (1, 2) for kind in KINDS)])
    source = PixelClassifier(text).feature_blocks(stack, None, None)
    edges = source.edges
    timed(benchmark, engine, lambda: _all_bins(source, edges), stack.size)


@pytest.mark.benchmark(group="forest of 100 trees on 2048² with bins at hand: depth")
@pytest.mark.parametrize("max_depth", [2, 4, 6, 10])
def test_forest(benchmark: Any, engine: device.Device, image: Array, annotation: Array, max_depth: int) -> None:
    benchmark.group += f" {max_depth}"
    classifier = PixelClassifier(FEATURES, max_depth=max_depth)
    source = classifier.feature_blocks(image, None, None, budget=1 << 28)
    classifier.fit_blocks([source], [annotation], source.edges)
    timed(benchmark, engine, lambda: list(classifier.votes_by_block(source)), image.size)


@pytest.mark.benchmark(group="a stroke: train and repaint 1 Mpx with bins at hand")
def test_stroke(benchmark: Any, engine: device.Device, image: Array, annotation: Array) -> None:
    classifier = PixelClassifier(FEATURES)
    source = classifier.feature_blocks(image, None, None, budget=1 << 28)
    edges, in_view = source.edges, source.blocks[5:7] + source.blocks[9:11]

    def stroke() -> None:
        classifier.fit_blocks([source], [annotation], edges)
        for _ in classifier.votes_by_block(source, in_view):
            pass

    stroke()
    timed(benchmark, engine, stroke, 4 * 512 * 512)


@pytest.mark.benchmark(group="features, training and prediction of 2048²")
def test_everything(benchmark: Any, engine: device.Device, image: Array, annotation: Array) -> None:
    def run() -> Array:
        classifier = PixelClassifier(FEATURES)
        source = classifier.feature_blocks(image, None, None, budget=1 << 28)
        classifier.fit_blocks([source], [annotation], source.edges)
        result = np.empty(image.shape, np.uint16)
        for block, votes in classifier.votes_by_block(source):
            result[block] = votes.argmax(0).reshape(result[block].shape)
        return result

    here = timed(benchmark, engine, run, image.size)
    if engine.engine == "opencl":
        device.select("numpy")
        there = run()
        benchmark.extra_info["equal to NumPy's"] = float((here == there).mean())
        assert (here == there).mean() >= 0.9999


def _all_bins(source: FeatureBlocks, edges: list[Array]) -> None:
    for _ in in_threads(lambda block: source.bins(block, edges), source.blocks):
        pass
