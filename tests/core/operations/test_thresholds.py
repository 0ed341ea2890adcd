"""Thresholds are those of scikit-image and ITK, for every type of number, on blocks as on the whole."""

import warnings

import numpy as np
import pytest
from scipy import ndimage
from skimage import data, filters

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations import CATALOGUE
from bioloom.operations._cutting import METHODS, threshold_value
from bioloom.operations._histogram import histogram

AS_SKIMAGE = ("otsu", "li", "yen", "isodata", "mean", "minimum", "triangle")
AS_ITK = {
    "huang": "Huang",
    "intermodes": "Intermodes",
    "kittler_illingworth": "KittlerIllingworth",
    "moments": "Moments",
    "renyi_entropy": "RenyiEntropy",
    "maximum_entropy": "MaximumEntropy",
    "shanbhag": "Shanbhag",
}


def two_peaks(seed, shape=(60, 50)):
    """Dark and bright pixels of two normal distributions, whole numbers from 0 to 255."""
    rng = np.random.default_rng(seed)
    n = np.prod(shape)
    dark = rng.normal(60, rng.uniform(5, 25), n - n // 3)
    pixels = np.concatenate([dark, rng.normal(160, rng.uniform(5, 30), n // 3)])
    image = np.clip(pixels, 0, 255).astype(np.uint8)
    image[:2] = 0, 255
    return rng.permutation(image).reshape(shape)


IMAGES = {
    "camera": lambda: data.camera()[::4, ::4],
    "coins": lambda: data.coins()[::3, ::3],
    "stack": lambda: two_peaks(1, (5, 24, 24)),
    **{f"peaks {seed}": lambda seed=seed: two_peaks(seed) for seed in range(4)},
}


def test_every_method_of_the_list_is_there():
    assert {*AS_SKIMAGE, *AS_ITK} == set(METHODS)
    assert all(f"threshold_{name}" in CATALOGUE for name in METHODS)
    assert {"threshold_multi_otsu", "threshold_hysteresis", "threshold_local", "threshold_constant"} <= set(CATALOGUE)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize("method", AS_SKIMAGE)
def test_thresholds_equal_those_of_scikit_image(method, image, dtype):
    pixels = image().astype(dtype)
    if pixels.dtype.kind == "f":
        pixels = ndimage.gaussian_filter(pixels, 1) / 7
    expected = getattr(filters, f"threshold_{method}")(pixels)
    # Averages are taken in other orders.
    exact = 1e-6 if method in ("mean", "li") and pixels.dtype.kind != "f" else 1e-4 * float(np.ptp(pixels))
    assert threshold_value(pixels, method) == pytest.approx(expected, rel=0, abs=exact)
    mask = CATALOGUE[f"threshold_{method}"](pixels)
    assert mask.dtype == bool
    assert (mask != (pixels > expected)).mean() < 1e-3


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize(("method", "name"), AS_ITK.items(), ids=AS_ITK)
def test_thresholds_equal_those_of_itk(method, name, image):
    itk = pytest.importorskip("SimpleITK")
    pixels = image().copy()
    # ITK counts from 0 to 255, whatever there is.
    pixels.flat[:2] = 0, 255
    found = getattr(itk, f"{name}ThresholdImageFilter")()
    found.SetNumberOfHistogramBins(256)
    found.SetInsideValue(0)
    found.SetOutsideValue(1)
    mask = itk.GetArrayFromImage(found.Execute(itk.GetImageFromArray(pixels))).astype(bool)
    assert threshold_value(pixels, method) == found.GetThreshold()
    np.testing.assert_array_equal(CATALOGUE[f"threshold_{method}"](pixels), mask)


@pytest.mark.parametrize("method", [m for m in METHODS if m != "mean"])
def test_whole_numbers_of_any_type_have_one_threshold(method):
    image = two_peaks(3)
    expected = threshold_value(image, method)
    for dtype in (np.int16, np.uint16, np.int32, np.uint64, np.float32, np.float64):
        assert threshold_value(image.astype(dtype), method) == expected
    moved = threshold_value(image.astype(np.int64) + 2_000_000_000, method)
    assert moved - 2_000_000_000 == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_hopeless_images(method):
    operation = CATALOGUE[f"threshold_{method}"]
    assert not operation(np.full((3, 4), 0.1)).any()
    assert not operation(np.full((3, 4), np.nan)).any()
    two = np.array([[3, 3, 8], [3, 8, 3]], np.uint16)
    np.testing.assert_array_equal(operation(two), two == 8)
    image = two_peaks(2).astype(np.float32)
    expected = operation(image)
    image = np.concatenate([image, np.full((3, 50), np.nan), np.full((1, 50), -np.inf)])
    np.testing.assert_array_equal(operation(image)[:-4], expected)
    assert not operation(image)[-4:].any()


@pytest.mark.parametrize("method", ["minimum", "intermodes"])
def test_methods_that_need_two_peaks_say_so(method):
    slope = np.repeat(np.arange(10), np.arange(10) + 1)[None]
    with pytest.raises(InputError, match="two peaks"):
        CATALOGUE[f"threshold_{method}"](slope)


@pytest.mark.parametrize("method", METHODS)
def test_only_pixels_of_the_mask_count(method):
    image = two_peaks(1)
    disturbed = np.concatenate([image, np.full_like(image, 255)])
    mask = np.arange(len(disturbed))[:, None] * np.ones(50) < len(image)
    operation = CATALOGUE[f"threshold_{method}"]
    found = operation(disturbed, mask=mask)
    np.testing.assert_array_equal(found[: len(image)], operation(image))
    assert not found[len(image) :].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_counts_are_those_of_numpy(dtype):
    image = ndimage.gaussian_filter(two_peaks(0).astype(float) * 200, 1).astype(dtype)
    counted = histogram(image, max_counted=256)
    edges = np.histogram_bin_edges(image if dtype in (np.float32, np.float64) else image.astype(float), 256)
    if dtype == np.uint8:
        np.testing.assert_array_equal(counted.counts, np.bincount(image.ravel())[image.min() :])
    else:
        pixels = image if image.dtype.kind == "f" else image.astype(float)
        np.testing.assert_array_equal(counted.counts, np.histogram(pixels, edges)[0])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_blocks_have_the_threshold_of_the_whole(method, dtype):
    da = pytest.importorskip("dask.array")
    image = two_peaks(1)
    image = image if dtype is np.uint8 else ndimage.gaussian_filter(image.astype(np.float32), 1)
    image[:20] //= 2  # blocks alone would be cut elsewhere
    operation = CATALOGUE[f"threshold_{method}"]
    lazy = da.from_array(image, chunks=17)
    np.testing.assert_array_equal(operation(lazy).compute(scheduler="synchronous"), operation(image))
    mask = np.arange(50) < 30 * np.ones((60, 1))
    masked = operation(lazy, mask=da.from_array(mask, chunks=25)).compute(scheduler="synchronous")
    np.testing.assert_array_equal(masked, operation(image, mask=mask))


def test_multi_otsu_equals_scikit_image():
    image = data.camera()[::4, ::4]
    for classes in (2, 3, 4):
        cuts = filters.threshold_multiotsu(image, classes)
        found = operations.threshold_multi_otsu(image, classes=classes)
        assert found.dtype == np.uint32
        np.testing.assert_array_equal(found, np.digitize(image, cuts, right=True))
    wide = operations.threshold_multi_otsu(image.astype(np.float64) / 3, classes=3)
    assert (wide != operations.threshold_multi_otsu(image, classes=3)).mean() < 0.02
    np.testing.assert_array_equal(operations.threshold_multi_otsu(image > 100, classes=4), image > 100)
    assert not operations.threshold_multi_otsu(np.full((2, 3), 7.5)).any()


def test_multi_otsu_on_blocks():
    da = pytest.importorskip("dask.array")
    image = two_peaks(1, (6, 30, 20))
    lazy = operations.threshold_multi_otsu(da.from_array(image, chunks=11), classes=3)
    np.testing.assert_array_equal(
        lazy.compute(scheduler="synchronous"), operations.threshold_multi_otsu(image, classes=3)
    )


def test_a_given_threshold_and_a_band():
    image = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 2.5]])
    np.testing.assert_array_equal(operations.threshold_constant(image, 2), [[0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(operations.threshold_constant(image, 2, 3), [[0, 0, 0], [1, 0, 1]])
    pixels = two_peaks(0)
    assert operations.threshold_constant.suggested(pixels) == {"threshold": filters.threshold_otsu(pixels)}


@pytest.mark.parametrize("shape", [(60, 50), (8, 24, 24)])
@pytest.mark.parametrize("diagonal", [False, True])
def test_hysteresis_keeps_regions_with_a_bright_pixel(shape, diagonal):
    image = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=shape), 1)
    low, high = np.percentile(image, [70, 98])
    found = operations.threshold_hysteresis(image, low, high, diagonal=diagonal)
    if not diagonal:
        np.testing.assert_array_equal(found, filters.apply_hysteresis_threshold(image, low, high))
    structure = ndimage.generate_binary_structure(len(shape), len(shape) if diagonal else 1)
    grown = ndimage.binary_propagation(image > high, structure, image > low)
    np.testing.assert_array_equal(found, grown)


def test_hysteresis_finds_its_levels_and_crosses_blocks():
    da = pytest.importorskip("dask.array")
    image = data.camera()[::4, ::4]
    cuts = filters.threshold_multiotsu(image, 3)
    expected = filters.apply_hysteresis_threshold(image, *cuts)
    np.testing.assert_array_equal(operations.threshold_hysteresis(image), expected)
    # A line over all blocks with one bright end.
    line = np.zeros((40, 40))
    line[20] = 1
    line[20, 39] = 5
    for pixels, settings in ((image, {}), (line, {"low": 0.5, "high": 2.0})):
        lazy = operations.threshold_hysteresis(da.from_array(pixels, chunks=17), **settings)
        np.testing.assert_array_equal(
            lazy.compute(scheduler="synchronous"), operations.threshold_hysteresis(pixels, **settings)
        )
    assert operations.threshold_hysteresis(line, 0.5, 2.0)[20].all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_local_thresholds_equal_scikit_image(dtype):
    image = data.page()[:80:2, :120:2].astype(dtype)
    if dtype is np.float64:
        image /= 255
    for method in ("mean", "gaussian", "median"):
        expected = image > filters.threshold_local(image, 15, method, offset=0.05)
        found = operations.threshold_local(image, 7, method, offset=0.05)
        assert (found != expected).mean() < 2e-3
    for k in (0.1, -0.2):
        np.testing.assert_array_equal(
            operations.threshold_local(image, 7, "niblack", k=k), image > filters.threshold_niblack(image, 15, k)
        )
        np.testing.assert_array_equal(
            operations.threshold_local(image, 7, "sauvola", k=k), image > filters.threshold_sauvola(image, 15, k)
        )


def test_local_threshold_in_units_of_an_anisotropic_stack():
    image = np.random.default_rng(0).normal(size=(6, 20, 20))
    mean = ndimage.uniform_filter(image, (3, 9, 9), mode="reflect")
    np.testing.assert_array_equal(operations.threshold_local(image, 2, spacing=(2, 0.5, 0.5)), image > mean)


def test_local_threshold_finds_objects_on_a_slope():
    y, x = np.mgrid[:60, :60]
    image = 3.0 * x + 40 * ((y // 10 + x // 10) % 3 == 0)
    objects = (y // 10 + x // 10) % 3 == 0
    assert (operations.threshold_local(image, 12) == objects).mean() > 0.9
    assert (operations.threshold_otsu(image) == objects).mean() < 0.8


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(60, 50), (5, 24, 24)])
def test_opencl_cuts_at_the_same_value(method, shape):
    image = two_peaks(1, shape).astype(np.uint16) * 3
    operation = CATALOGUE[f"threshold_{method}"]
    mask = (np.arange(shape[-1]) < 20) * np.ones(shape) > 0
    for more in ({}, {"mask": mask}):
        there = operation(device.push(image), **{k: device.push(v) for k, v in more.items()})
        assert device.is_opencl(there)
        np.testing.assert_array_equal(device.pull(there).astype(bool), operation(image, **more))


def test_no_method_warns_about_odd_histograms():
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for pixels in (rng.integers(0, 3, (4, 4)), rng.exponential(1, (9, 9)) ** 6, np.arange(6.0).reshape(2, 3)):
            for method in METHODS:
                try:
                    threshold_value(pixels, method)
                except InputError:
                    assert method in ("minimum", "intermodes")
