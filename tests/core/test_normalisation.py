"""Bringing intensities of images to one scale."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest

from bioloom import PixelClassifier
from bioloom.classify.normalisation import Normalisation
from bioloom.errors import InputError
from bioloom.samples import strokes

RNG = np.random.default_rng(0)


def nuclei(gain: float = 1.0, offset: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Discs on noise, and their labels."""
    y, x = np.mgrid[:96, :128]
    truth = np.zeros((96, 128), np.int32)
    for number, (row, column) in enumerate(product((24, 72), (24, 64, 104)), 1):
        truth[(y - row) ** 2 + (x - column) ** 2 < 12**2] = number
    image = np.random.default_rng(1).normal(10, 2, truth.shape) + 60 * (truth > 0)
    return (image * gain + offset).astype(np.float32), truth


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("levels", ["otsu", "percentiles"])
def test_dark_is_0_and_bright_is_1_whatever_the_exposure(scale, levels):
    normalisation = Normalisation(scale, levels=levels)
    results = []
    for gain, offset in ((1, 0), (7.5, 0), (0.01, -3), (200, 10_000)):
        image, truth = nuclei(gain, offset)
        results.append(normalisation.apply(image, normalisation.measure([image])[0]))
        assert results[-1].dtype == np.float32
        assert abs(np.median(results[-1][truth == 0])) < 0.6
        assert 0.8 < np.median(results[-1][truth > 0]) < 1.2
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], atol=2e-3)


def test_percentiles_are_those_asked_for():
    image = RNG.integers(0, 1000, (50, 60), dtype=np.uint16)
    between = Normalisation("linear", 5, 90, "percentiles").measure([image])
    assert between == (tuple(np.percentile(image, (5, 90))),)


def test_otsu_levels_are_the_medians_on_either_side():
    image = np.array([[1, 2, 3, 2, 100, 110, 120]] * 3, np.uint8)
    assert Normalisation("linear").measure([image]) == ((2.0, 110.0),)


def test_a_classifier_of_one_exposure_holds_on_the_next():
    image, truth = nuclei()
    other, _ = nuclei(gain=0.3, offset=5)
    annotation = strokes(truth, n_pixels=300)
    agreement = {}
    for normalise in ("none", "linear", "log"):
        classifier = PixelClassifier(n_trees=20, normalise=normalise).fit(image, annotation)
        agreement[normalise] = np.mean((classifier.predict(other) == 2) == (truth > 0))
    assert agreement["none"] < 0.9
    assert agreement["linear"] > 0.97
    assert agreement["log"] > 0.97


def test_the_log_scale_spreads_the_dark_and_is_defined_below_0():
    normalisation = Normalisation("log")
    values = np.linspace(-5, 5, 101, dtype=np.float32)
    scaled = normalisation.apply(values, (0.0, 1.0))
    assert np.isfinite(scaled).all()
    assert (np.diff(scaled) > 0).all()
    np.testing.assert_allclose(scaled, -scaled[::-1], atol=1e-5)
    assert normalisation.apply(np.array([0.1, 1], np.float32), (0.0, 1.0)) == pytest.approx([0.289, 1.0], abs=1e-3)


def test_dark_objects_on_bright_ground_stay_dark():
    image, truth = nuclei()
    inverted = (255 - image).astype(np.uint8)
    normalisation = Normalisation("log")
    scaled = normalisation.apply(inverted, normalisation.measure([inverted])[0])
    assert np.median(scaled[truth > 0]) == pytest.approx(0, abs=0.2)
    assert np.median(scaled[truth == 0]) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint32, np.int64, np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [0, 1, 100])
def test_constant_images_and_single_pixels_become_0(dtype, value):
    for shape in ((20, 30), (1, 1), (3, 1, 4)):
        image = np.full(shape, value, dtype)
        for scale, levels in product(("linear", "log"), ("otsu", "percentiles")):
            normalisation = Normalisation(scale, levels=levels)
            (between,) = normalisation.measure([image])
            assert between[0] < between[1]
            assert not normalisation.apply(image, between).any()


def test_a_few_spots_on_black_are_not_lost():
    image = np.zeros((200, 200), np.uint16)
    image[5, 5:10] = 4000
    for levels in ("otsu", "percentiles"):
        normalisation = Normalisation("linear", levels=levels)
        scaled = normalisation.apply(image, normalisation.measure([image])[0])
        assert scaled[0, 0] == 0
        assert scaled[5, 5] == 1


@pytest.mark.parametrize("image", [
    np.array([[-1e38, 1e38]], np.float32),
    np.array([[0, 1e-20, 2e-20]], np.float32),
    np.array([[0, 1e-40, 2e-40]], np.float64),
    np.array([[-1e308, 1e308, 0]]),
    np.array([[0, 2**63 - 1]], np.int64),
    np.array([[1e9 + 1, 1e9 + 2, 1e9 + 3]]),
])  # fmt: skip
def test_extreme_intensities_stay_finite_and_in_order(image):
    for scale, levels in product(("linear", "log"), ("otsu", "percentiles")):
        normalisation = Normalisation(scale, levels=levels)
        scaled = normalisation.apply(image, normalisation.measure([image])[0])
        assert np.isfinite(scaled).all()
        assert (np.diff(scaled[0][np.argsort(image[0])]) >= 0).all()


def test_whole_numbers_of_64_bits_keep_small_differences():
    image = 10**9 + np.arange(100, dtype=np.int64).reshape(10, 10)
    normalisation = Normalisation("linear", 0, 100, "percentiles")
    scaled = normalisation.apply(image, normalisation.measure([image])[0])
    np.testing.assert_allclose(scaled.ravel(), np.arange(100) / 99, atol=1e-6)


def test_parts_give_the_same_bits_as_the_whole():
    image = RNG.normal(100, 30, (257, 131)).astype(np.float32)
    for scale in ("linear", "log"):
        normalisation = Normalisation(scale)
        (between,) = normalisation.measure([image])
        whole = normalisation.apply(image, between)
        for part in (np.s_[3:77, 5:6], np.s_[:, 100:], np.s_[200:201, ::2]):
            np.testing.assert_array_equal(normalisation.apply(image[part], between), whole[part])


def test_pixels_that_are_not_finite_are_left_out_of_the_measure():
    image, _ = nuclei()
    holed = image.copy()
    holed[:5, :5] = np.nan
    holed[0, 0] = np.inf
    normalisation = Normalisation("linear", 0, 100, "percentiles")
    assert normalisation.measure([holed]) == ((float(np.nanmin(holed)), float(holed[np.isfinite(holed)].max())),)
    assert normalisation.measure([np.full((4, 4), np.nan)]) == ((0.0, 1.0),)


def test_only_the_region_counts():
    image = np.zeros((40, 40), np.uint8)
    image[10:20, 10:20] = np.arange(100, dtype=np.uint8).reshape(10, 10) + 50
    normalisation = Normalisation("linear", 0, 100, "percentiles")
    assert normalisation.measure([image], (slice(10, 20), slice(10, 20))) == ((50.0, 149.0),)
    assert normalisation.measure([image], (slice(10, None), slice(None, -20))) == ((0.0, 149.0),)


@pytest.mark.parametrize("region", [(slice(0, 5),), (slice(5, 5), slice(None)), (slice(90, 95), slice(None)), (0, 1)])
def test_regions_without_pixels_are_refused(region):
    with pytest.raises(InputError, match="region"):
        Normalisation("linear").measure([np.zeros((40, 40))], region)


def test_channels_are_measured_apart():
    image, _ = nuclei()
    faint, bright = image, image * 50
    one, two = Normalisation("log").measure([faint, bright])
    assert two == pytest.approx(tuple(50 * v for v in one), rel=1e-5)


@pytest.mark.parametrize("shape", [(3000, 5000), (60, 400, 300)])
def test_lazy_arrays_are_read_in_few_blocks_with_the_same_answer(shape):
    da = pytest.importorskip("dask.array")
    image = RNG.integers(0, 50, shape, dtype=np.uint8)
    image[..., 100:180, 20:200] += 150
    read = []

    class Spy:
        def __init__(self, array):
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, key):
            part = self.array[key]
            read.append(part.size)
            return part

    normalisation = Normalisation("log")
    expected = normalisation.measure([image])
    assert normalisation.measure([Spy(image)]) == expected
    assert sum(read) <= 1 << 20
    assert normalisation.measure([da.from_array(image, chunks=(512,) * len(shape))]) == expected
    exact = np.percentile(image, (1, 99.8))
    assert Normalisation("linear", levels="percentiles").measure([image])[0] == pytest.approx(exact, abs=3)


def test_it_survives_being_written():
    for normalisation in (Normalisation(), Normalisation("linear", 0.5, 99, "percentiles"), Normalisation("none")):
        assert Normalisation.from_json(json.loads(json.dumps(normalisation.to_json()))) == normalisation


@pytest.mark.parametrize("settings", [
    {"scale": "logarithmic"}, {"scale": "log", "levels": "mean"}, {"scale": "log", "low": 99.9},
    {"scale": "log", "low": -1}, {"scale": "log", "high": 101}, {"scale": "log", "high": float("nan")},
    {"scale": "log", "low": "1"}, {"scale": "log", "low": True},
])  # fmt: skip
def test_wrong_settings_are_refused(settings):
    with pytest.raises(InputError):
        Normalisation(**settings)
    with pytest.raises(InputError):
        Normalisation.from_json(settings)


@pytest.mark.parametrize("state", [None, 3, "log", [], {}, {"scale": "log", "gain": 2}, {"scale": ["log"]}])
def test_what_is_no_normalisation_is_not_read(state):
    with pytest.raises(InputError):
        Normalisation.from_json(state)
