"""The pixel classifier on an OpenCL device gives what it gives on NumPy."""

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device
from bioloom.classify import ObjectSegmenter, PixelClassifier, ProbabilityMapper
from bioloom.classify.feature_blocks import FeatureBlocks
from bioloom.classify.feature_set import KINDS, FeatureSet
from bioloom.classify.forest import Forest, decide, find_edges, to_bins
from bioloom.errors import InputError

pytestmark = pytest.mark.opencl

SAME = 0.9999


@pytest.fixture(autouse=True)
def _opencl(opencl):
    return opencl


@pytest.fixture(scope="module")
def runtime_of():
    """Runtimes with vectors of 16 bytes, which every driver has, and of 64."""
    made = {}

    def get(wide):
        from bioloom.classify._opencl.runtime import Runtime, current_runtime

        if wide not in made:
            current = current_runtime()
            made[wide] = Runtime(current.context, current.queue, wide=wide)
        return made[wide]

    return get


def blobs(shape, seed=0, n_channels=0):
    rng = np.random.default_rng(seed)
    inside = ndimage.gaussian_filter(rng.normal(size=shape), 3) > 0.01
    image = rng.poisson(30 + 300 * inside).astype(np.uint16)
    image[tuple(slice(0, n // 4) for n in shape)] = 7  # a region where all filters must give the same zeros
    if not n_channels:
        return image
    return np.stack([image, *(rng.poisson(100, shape).astype(np.uint16) for _ in range(n_channels - 1))], -1)


def strokes(shape, n_classes, seed=1):
    rng = np.random.default_rng(seed)
    annotation = np.zeros(shape, np.uint8)
    for class_id in range(1, n_classes + 1):
        for _ in range(5):
            corner = [rng.integers(0, n - 6) for n in shape]
            annotation[tuple(slice(c, c + 6) for c in corner)] = class_id
    return annotation


def with_numpy(function):
    """Call a function with NumPy, then go back to the OpenCL device."""
    chosen = device.current()
    device.select("numpy")
    try:
        return function()
    finally:
        device.select(chosen.name)


def items(n_classes, n_edges=255, n=4000, n_features=7, seed=0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=n)
    values = np.stack([signal * w + rng.normal(size=n) for w in np.linspace(0.2, 1.5, n_features)]).astype(np.float32)
    edges = [find_edges(row, n_edges) for row in values]
    bins = np.stack([to_bins(row, e) for row, e in zip(values, edges, strict=True)])
    return bins, np.digitize(signal, np.quantile(signal, np.linspace(0, 1, n_classes + 1)[1:-1])), edges


# ---------------------------------------------------------------------------------------------------- forests
@pytest.mark.parametrize("wide", [False, True], ids=["portable", "wide"])
@pytest.mark.parametrize("way", ["bytes", "leaves", "walk"])
@pytest.mark.parametrize("max_depth", [1, 6, 8])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("kind", ["random", "extra"])
def test_every_way_to_evaluate_a_forest_gives_exactly_its_votes(runtime_of, wide, way, max_depth, n_classes, kind):
    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(wide)
    bins, classes, edges = items(n_classes)
    forest = Forest.train(bins[:, :1500].T, classes[:1500], edges, n_trees=40, max_depth=max_depth, kind=kind)
    ready = DeviceForest(runtime, forest, way=way)
    for n in (1, 1023, 4000):
        pushed = DeviceBins.push(runtime, bins[:, :n])
        for first, last in ((0, None), (0, 20), (20, None), (7, 8), (13, 13), (40, 90)):
            expected = forest.votes(bins[:, :n], first, last)
            np.testing.assert_array_equal(ready.pull_votes(pushed, ready.votes(pushed, first, last)), expected)


def test_the_first_answer_and_the_rest_add_up(runtime_of):
    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(None)
    bins, classes, edges = items(3)
    forest = Forest.train(bins.T, classes, edges, n_trees=30)
    ready, pushed = DeviceForest(runtime, forest), DeviceBins.push(runtime, bins)
    early, rest, all_of_them = (
        ready.pull_votes(pushed, ready.votes(pushed, a, b)) for a, b in ((0, 20), (20, None), (0, None))
    )
    assert early.any()
    np.testing.assert_array_equal(early + rest, all_of_them)


def test_more_trees_than_a_sum_of_two_bytes_can_hold(runtime_of):
    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(None)
    bins, classes, edges = items(2, n=600)
    forest = Forest.train(bins.T, classes, edges, n_trees=600, max_depth=2)
    ready, pushed = DeviceForest(runtime, forest, way="bytes"), DeviceBins.push(runtime, bins)
    votes = ready.pull_votes(pushed, ready.votes(pushed))
    np.testing.assert_array_equal(votes, forest.votes(bins))
    np.testing.assert_array_equal(votes.sum(0), np.full(600, 600 * 255))


def test_bins_of_two_bytes(runtime_of):
    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(None)
    bins, classes, edges = items(3, n_edges=1000)
    assert bins.dtype == np.uint16
    forest = Forest.train(bins.T, classes, edges, n_trees=30, max_depth=8)
    ready, pushed = DeviceForest(runtime, forest, small=False), DeviceBins.push(runtime, bins)
    np.testing.assert_array_equal(ready.pull_votes(pushed, ready.votes(pushed)), forest.votes(bins))
    with pytest.raises(InputError, match="only in: walk"):
        DeviceForest(runtime, forest, small=False, way="bytes")


@pytest.mark.parametrize("way", ["leaves", "walk"])
def test_votes_that_are_no_whole_numbers(runtime_of, way):
    """As in files of APOC: sums may be rounded differently, decisions may not differ."""
    from dataclasses import replace

    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(None)
    bins, classes, edges = items(3)
    forest = Forest.train(bins.T, classes, edges, n_trees=50, max_depth=4)
    forest = replace(forest, weights=forest.weights / np.float32(255))
    ready, pushed = DeviceForest(runtime, forest, way=way), DeviceBins.push(runtime, bins)
    votes = ready.pull_votes(pushed, ready.votes(pushed))
    np.testing.assert_allclose(votes, forest.votes(bins), atol=1e-4)
    assert (votes.argmax(0) == forest.votes(bins).argmax(0)).mean() >= SAME
    with pytest.raises(InputError, match="cannot be evaluated in the way 'bytes'"):
        DeviceForest(runtime, forest, way="bytes")


def test_answers_are_those_of_numpy_and_ties_go_to_the_lower_class(runtime_of):
    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(None)
    bins, classes, edges = items(4)
    forest = Forest.train(bins.T, classes, edges, n_trees=3, max_depth=3)
    # Every leaf gives two classes the same, so that there are many ties.
    forest.weights[:] = np.array([[0], [127], [127], [1]], np.float32)
    ready, pushed = DeviceForest(runtime, forest), DeviceBins.push(runtime, bins)
    votes = ready.votes(pushed)
    number, _, margin = decide(forest.votes(bins))
    np.testing.assert_array_equal(ready.answer(pushed, votes, "classes"), number)
    np.testing.assert_array_equal(ready.answer(pushed, votes, "margin"), margin)
    assert (number == 1).all()
    shares = ready.answer(pushed, votes, "probabilities")
    np.testing.assert_allclose(shares.sum(0), 1, rtol=1e-6)
    np.testing.assert_allclose(shares[:, 0], [0, 127 / 255, 127 / 255, 1 / 255], rtol=1e-6)


def test_another_number_of_features_is_refused(runtime_of):
    from bioloom.classify._opencl.forest import DeviceBins, DeviceForest

    runtime = runtime_of(None)
    bins, classes, edges = items(2, n_features=5)
    forest = Forest.train(bins.T, classes, edges, n_trees=3)
    with pytest.raises(InputError, match="needs 5 features, but 4 were given"):
        DeviceForest(runtime, forest).votes(DeviceBins.push(runtime, bins[:4]))


# ---------------------------------------------------------------------------------------------------- bins
@pytest.mark.parametrize("n_edges", [0, 1, 2, 100, 255, 256, 700])
def test_bins_are_exactly_those_of_numpy(n_edges):
    rng = np.random.default_rng(n_edges)
    edges = np.unique(rng.normal(size=n_edges).astype(np.float32))
    values = np.concatenate([edges, np.nextafter(edges, np.float32(-np.inf)), rng.normal(size=1000).astype(np.float32)])
    values = np.concatenate([values, np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32)])
    image = np.resize(rng.permutation(values), (37, 61))
    source = FeatureBlocks([image], FeatureSet.parse("original"))
    bins = source.bins(source.blocks[0], [edges])
    assert bins.dtype == (np.uint8 if n_edges <= 255 else np.uint16)
    np.testing.assert_array_equal(bins[0], to_bins(image.ravel(), edges))


@pytest.mark.parametrize(
    "edges",
    [
        [-3e38, -1.0, 0.0, 1e-38, 3e38],
        [0.0, 1e-45, 1e-40, 1e-38],
        [1.0, 1.0000001, 1.0000002, 1e6],
        [-1e-20, 0.0, 1e-20],
        [-5.0, -4.0, -3.0],
    ],
    ids=["the whole range of floats", "hardly above zero", "neighbours", "around zero", "below zero"],
)
def test_edges_at_the_limits_of_floats(edges):
    edges = np.array(edges, np.float32)
    steps = [np.nextafter(edges, np.float32(towards)) for towards in (-np.inf, np.inf)]
    values = np.concatenate([edges, *steps, np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 7.0], np.float32)])
    source = FeatureBlocks([values.reshape(1, -1)], FeatureSet.parse("original"))
    np.testing.assert_array_equal(source.bins(source.blocks[0], [edges])[0], to_bins(values, edges))


def test_edges_that_do_not_increase_are_refused():
    source = FeatureBlocks([np.ones((5, 5), np.float32)], FeatureSet.parse("original"))
    with pytest.raises(InputError, match="must be finite numbers that increase"):
        source.bins(source.blocks[0], [np.array([1, 1], np.float32)])


# ---------------------------------------------------------------------------------------------------- features
CASES = {
    "2D": ((530, 541), (1.0, 1.0)),
    "2D, oblong pixels": ((60, 90), (0.5, 0.2)),
    "2D, a narrow image": ((3, 40), (1.0, 1.0)),
    "3D": ((34, 40, 50), (1.0, 1.0, 1.0)),
    "3D, thick slices": ((9, 60, 35), (2.5, 1.0, 1.0)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_those_of_numpy(case, kind):
    shape, spacing = CASES[case]
    if kind.startswith("middle") and len(shape) == 2:
        pytest.skip("exists in stacks only")
    sigmas = (0.8, 1.5)
    text = kind if kind == "original" else " ".join(f"{kind}={sigma}" for sigma in sigmas)
    source = FeatureBlocks([blobs(shape)], FeatureSet.parse(text), spacing)
    # The last block: at the edge of the image, and beside others where there are several.
    block = source.blocks[-1]
    here, there = list(source.values(block)), with_numpy(lambda: list(source.values(block)))
    assert len(here) == len(there) == len(source.names)
    edges = [find_edges(values) for values in there]
    bins = source.bins(block, edges)
    for row, (a, b) in enumerate(zip(here, there, strict=True)):
        assert a.shape == b.shape
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6 * max(1.0, float(np.abs(b).max())))
        assert (bins[row] == to_bins(b.ravel(), edges[row])).mean() >= SAME


def test_features_without_a_kernel_are_computed_by_numpy(monkeypatch):
    from bioloom.classify._opencl import features

    monkeypatch.setattr(features, "_EVERYWHERE", {"original", "gaussian_blur"})
    text = "sobel_of_gaussian_blur=1 gaussian_blur=2 original laplace_box_of_gaussian_blur=1"
    source = FeatureBlocks([blobs((40, 50)), blobs((40, 50), 1)], FeatureSet.parse(text))
    here = list(source.values(source.blocks[0]))
    there = with_numpy(lambda: list(source.values(source.blocks[0])))
    assert len(here) == 8
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


def test_images_of_ones_own_are_features():
    image, own = blobs((40, 50)), np.random.default_rng(3).normal(size=(40, 50))
    source = FeatureBlocks([image], FeatureSet.parse("gaussian_blur=1 custom=0"), custom=[own])
    np.testing.assert_array_equal(list(source.values(source.blocks[0]))[1], own.astype(np.float32))


# ---------------------------------------------------------------------------------------------------- classifiers
@pytest.mark.parametrize("trees", ["random forest", "extra trees"])
@pytest.mark.parametrize(
    ("shape", "n_channels", "spacing", "n_classes", "max_depth"),
    [
        ((520, 530), 0, None, 2, 6),
        ((120, 130), 3, (0.5, 0.25), 5, 14),
        ((12, 60, 70), 0, (2.0, 1.0, 1.0), 3, 8),
        ((8, 40, 50), 2, None, 2, 3),
    ],
    ids=["2D", "2D, channels, deep", "3D, anisotropic", "3D, channels, shallow"],
)
def test_a_classifier_gives_the_same_on_both_engines(shape, n_channels, spacing, n_classes, max_depth, trees):
    image, annotation = blobs(shape, n_channels=n_channels), strokes(shape, n_classes)

    def trained():
        classifier = PixelClassifier(n_trees=40, max_depth=max_depth, trees=trees)
        classifier.fit(image, annotation, channel_axis=-1 if n_channels else None, spacing=spacing)
        return (
            classifier.predict(image),
            classifier.predict_proba(image),
            classifier.predict_uncertainty(image),
        )

    here, again, there = trained(), trained(), with_numpy(trained)
    for a, b in zip(here, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(np.unique(here[0])) == n_classes
    assert (here[0] == there[0]).mean() >= SAME
    for a, b in zip(here[1:], there[1:], strict=True):
        assert (np.abs(a - b) <= 1e-4).mean() >= SAME


@pytest.mark.parametrize("kind", [ObjectSegmenter, ProbabilityMapper])
def test_objects_and_probabilities(kind):
    image, annotation = blobs((150, 160)), strokes((150, 160), 2)

    def result():
        return kind(n_trees=20).fit(image, annotation).predict(image)

    here, there = result(), with_numpy(result)
    assert len(np.unique(here)) > 2
    assert (here == there).mean() >= SAME


def test_a_classifier_trained_elsewhere_predicts_the_same():
    image, annotation = blobs((200, 210)), strokes((200, 210), 2)
    classifier = with_numpy(lambda: PixelClassifier(n_trees=20).fit(image, annotation))
    there = with_numpy(lambda: classifier.predict(image))
    assert (classifier.predict(image) == there).mean() >= SAME


def test_training_on_kept_blocks_gives_the_same_forest():
    image, annotation = blobs((530, 530)), strokes((530, 530), 2)

    def forest():
        classifier = PixelClassifier("original gaussian_blur=2", n_trees=10)
        source = classifier.feature_blocks(image, None, None, budget=1 << 24)
        return classifier.fit_blocks([source], [annotation], source.edges).forest

    here, there = forest(), with_numpy(forest)
    np.testing.assert_array_equal(here.threshold, there.threshold)
    np.testing.assert_array_equal(here.weights, there.weights)


# ---------------------------------------------------------------------------------------------------- what is kept
def kept_bytes():
    from bioloom.classify._opencl.runtime import current_runtime

    return current_runtime().kept.n_bytes


def test_bins_stay_on_the_device_until_their_image_is_gone(monkeypatch):
    source = FeatureBlocks([blobs((600, 600))], FeatureSet.parse("original gaussian_blur=1"), budget=1 << 26)
    edges = source.edges
    before = kept_bytes()
    assert not source.has_bins(source.blocks[0], edges)
    first = [source.bins(b, edges) for b in source.blocks]
    assert kept_bytes() - before >= 2 * 600 * 600
    assert source.has_bins(source.blocks[0], edges)

    def fail(*_):
        raise AssertionError("computed again")

    monkeypatch.setattr(FeatureBlocks, "surroundings", fail)
    for block, bins in zip(source.blocks, first, strict=True):
        np.testing.assert_array_equal(source.bins(block, edges), bins)
    assert not source.has_bins(source.blocks[0], list(edges))
    del source
    gc.collect()
    assert kept_bytes() == before


def test_nothing_is_kept_for_images_seen_once():
    before_any = FeatureBlocks([blobs((20, 20))], FeatureSet.parse("original"), budget=1)
    before_any.bins(before_any.blocks[0], before_any.edges)
    before = kept_bytes()
    source = FeatureBlocks([blobs((100, 100))], FeatureSet.parse("original"))
    source.bins(source.blocks[0], source.edges)
    assert kept_bytes() == before


def test_what_was_used_longest_ago_goes_first():
    from bioloom.classify._opencl.blocks import KeptBins
    from bioloom.classify._opencl.forest import DeviceBins

    kept, edges = KeptBins(100), [np.zeros(1, np.float32)]

    def bins(n):
        return DeviceBins(None, 1, n, n, np.dtype(np.uint8))

    kept.keep(1, "a", edges, bins(40))
    kept.keep(1, "b", edges, bins(40))
    assert kept.get(1, "a", edges) is not None
    kept.keep(2, "c", edges, bins(40))
    assert [kept.has(1, "a", edges), kept.has(1, "b", edges), kept.has(2, "c", edges)] == [True, False, True]
    kept.keep(2, "too large", edges, bins(101))
    assert kept.n_bytes == 80
    kept.drop(1)
    assert kept.n_bytes == 40
    assert not kept.has(2, "c", list(edges))


def test_several_threads_may_ask_at_once():
    source = FeatureBlocks([blobs((700, 700))], FeatureSet.parse("gaussian_blur=1 sobel_of_gaussian_blur=2"))
    edges = source.edges
    alone = [source.bins(b, edges) for b in source.blocks]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda b: source.bins(b, edges), source.blocks * 3))
    for n, bins in enumerate(together):
        np.testing.assert_array_equal(bins, alone[n % len(alone)])


# ---------------------------------------------------------------------------------------------------- which engine
def test_nothing_is_looked_for_until_a_device_is_chosen(monkeypatch):
    def fail():
        raise AssertionError("looked for devices")

    with monkeypatch.context() as patched:
        patched.setattr(device, "_current", None)
        patched.setattr(device, "list_devices", fail)
        patched.delenv(device.ENVIRONMENT_VARIABLE, raising=False)
        assert device.chosen() is device.NUMPY
        patched.setenv(device.ENVIRONMENT_VARIABLE, "opencl")
        with pytest.raises(AssertionError, match="looked for devices"):
            device.chosen()
    assert device.chosen() is device.current()


def test_an_image_follows_the_device_in_use(monkeypatch):
    source = FeatureBlocks([blobs((50, 60))], FeatureSet.parse("gaussian_blur=1"))
    from bioloom.classify._opencl import DeviceBlocks

    used = []
    original = DeviceBlocks.bins
    monkeypatch.setattr(DeviceBlocks, "bins", lambda *args: used.append(1) or original(*args))
    edges = source.edges
    here = source.bins(source.blocks[0], edges)
    assert used == [1]
    there = with_numpy(lambda: source.bins(source.blocks[0], edges))
    assert used == [1]
    np.testing.assert_array_equal(here, there)
    source.bins(source.blocks[0], edges)
    assert used == [1, 1]


def test_a_driver_that_fails_is_named(monkeypatch):
    from bioloom.classify._opencl.runtime import current_runtime
    from bioloom.errors import DeviceError

    source = FeatureBlocks([blobs((50, 60))], FeatureSet.parse("gaussian_blur=1"))
    edges, runtime = source.edges, current_runtime()

    def fail(*_, **__):
        raise runtime._cl.MemoryError("out of memory")

    monkeypatch.setattr(runtime, "run", fail)
    with pytest.raises(
        DeviceError, match=r"failed on .*, computing features: .*out of memory.*Choose the device 'numpy'"
    ):
        source.bins(source.blocks[0], edges)
