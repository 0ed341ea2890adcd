"""Contrast is changed as asked for, and nothing else."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations

SHAPES = {"2D": (40, 47), "3D": (10, 19, 23)}


def scene(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    hills = ndimage.gaussian_filter(rng.normal(0, 1, shape), 2)
    return (30 * hills / hills.std() + 120).clip(1, 255).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.2])
def test_gamma(gamma, dtype):
    image = scene(SHAPES["3D"], dtype)
    expected = (image / image.max()) ** gamma * image.max()
    np.testing.assert_allclose(operations.gamma_correction(image, gamma=gamma), expected, rtol=1e-5)


def test_gamma_of_negative_pixels_keeps_both_ends():
    image = np.linspace(-50, 150, 40).reshape(5, 8)
    result = operations.gamma_correction(image, gamma=2)
    assert (result.min(), result.max()) == pytest.approx((-50, 150))
    np.testing.assert_allclose(result, ((image + 50) / 200) ** 2 * 200 - 50)
    assert not operations.gamma_correction(np.zeros((3, 3))).any()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_clahe_equals_scikit_image_in_the_range_of_the_image(dtype, shape):
    from skimage import exposure

    image = scene(shape, dtype)
    if dtype == np.float64:
        # Steps of a 65535th, to which theirs rounds floats.
        image = np.rint((image - image.min()) / np.ptp(image) * 65535) / 32
    low, high = float(image.min()), float(image.max())
    expected = exposure.equalize_adapthist((image - low) / (high - low), clip_limit=0.02)
    result = operations.clahe(image, clip_limit=0.02)
    # Theirs rounds down to a 16384th of the range.
    off = np.abs(result - (expected * (high - low) + low)) > 2e-4 * (high - low)
    assert not off.any()
    assert low - 1e-3 <= result.min() <= result.max() <= high + 1e-3
    tiles = (5, 8, 16)[-image.ndim :]
    by_length = operations.clahe(image, tile=8.0, spacing=(1.6, 1.0, 0.5)[-image.ndim :])
    expected = exposure.equalize_adapthist((image - low) / (high - low), kernel_size=tiles, clip_limit=0.01)
    off = np.abs(by_length - (expected * (high - low) + low)) > 2e-4 * (high - low)
    assert not off.any()


def test_clahe_brings_out_detail_in_the_dark():
    x = np.arange(96)
    image = (
        np.where(x < 48, 20, 180) + np.where(x < 48, 4, 40) * np.sin(x / 2)[None] * np.sin(np.arange(96) / 2)[:, None]
    )
    result = operations.clahe(image, clip_limit=0.05)
    assert result[:, :36].std() > 3 * image[:, :36].std()


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_rescaling(dtype):
    from skimage import exposure

    image = scene(SHAPES["3D"], dtype)
    result = operations.rescale_intensity(image)
    assert (result.min(), result.max()) == (0, 1)
    low, high = np.percentile(image, (2, 99))
    expected = exposure.rescale_intensity(image.astype(float), in_range=(low, high), out_range=(-3, 500))
    result = operations.rescale_intensity(image, lower=2, upper=99, new_minimum=-3, new_maximum=500)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-3)
    turned = operations.rescale_intensity(image, new_minimum=1, new_maximum=0)
    np.testing.assert_allclose(turned, 1 - operations.rescale_intensity(image), atol=1e-6)


def test_rescaling_what_has_no_range():
    np.testing.assert_array_equal(operations.rescale_intensity(np.full((3, 3), 9), new_minimum=2), np.full((3, 3), 2))
    image = np.zeros((20, 20), np.uint8)
    image[0, 0] = 200
    np.testing.assert_array_equal(operations.rescale_intensity(image, upper=90), image > 0)


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int64, np.uint64, np.float32, np.float64]
)
def test_inverting_keeps_dtype_and_range_and_does_not_overflow(dtype):
    image = scene(SHAPES["2D"], np.float64).astype(dtype)
    if np.dtype(dtype).kind != "f":
        image[0, 0], image[1, 1] = np.iinfo(dtype).min, np.iinfo(dtype).max
    result = operations.invert(image)
    assert result.dtype == dtype
    assert (result.min(), result.max()) == (image.min(), image.max())
    exact = [int(image.min()) + int(image.max()) - int(v) for v in image.ravel()] if image.dtype.kind != "f" else None
    expected = np.array(exact, dtype).reshape(image.shape) if exact else image.max() - image + image.min()
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_allclose(operations.invert(result).astype(float), image.astype(float), rtol=1e-5)


def test_inverting_a_mask():
    mask = scene(SHAPES["2D"]) > 120
    np.testing.assert_array_equal(operations.invert(mask), ~mask)


def test_butterworth_equals_scikit_image_within_the_image():
    from skimage import filters

    image = scene((90, 100), np.float64)
    inner = (slice(30, -30),) * 2
    for keep, high_pass in (("coarse", False), ("fine", True)):
        theirs = filters.butterworth(image, 1 / 8, high_pass=high_pass, order=2, squared_butterworth=True, npad=40)
        ours = operations.butterworth(image, cutoff=8, keep=keep, order=2)
        assert np.corrcoef(ours[inner].ravel(), theirs[inner].ravel())[0, 1] > 0.999
        np.testing.assert_allclose(ours[inner], theirs[inner], atol=0.5)


@pytest.mark.parametrize("wavelength", [5.0, 10.0, 20.0])
def test_butterworth_passes_half_of_the_cutoff(wavelength):
    spacing = (2.0, 0.5, 0.5)
    x = np.arange(400) * 0.5
    image = np.broadcast_to(10 * np.cos(2 * np.pi * x / wavelength) + 50, (3, 4, 400))
    coarse = operations.butterworth(image, cutoff=10, order=2, spacing=spacing)
    share = 1 / (1 + (10 / wavelength) ** 4)
    inner = coarse[1, 1, 100:300]
    assert (inner.max() - inner.min()) / 20 == pytest.approx(share, rel=0.03)
    assert coarse.mean() == pytest.approx(image.mean(), rel=1e-3)
    fine = operations.butterworth(image, cutoff=10, keep="fine", order=2, spacing=spacing)
    np.testing.assert_allclose(coarse + fine, image, atol=1e-9)


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(("name", "settings"), [("gamma_correction", {"gamma": 0.7}), ("invert", {})])
def test_opencl_gives_the_numpy_answer(name, settings, dtype, shape):
    image = scene(shape, dtype)
    images = [image, np.zeros_like(image), image - 300.0] if dtype == np.float32 else [image, np.zeros_like(image)]
    for pixels in images:
        there = operations.get_operation(name)(device.push(pixels.astype(dtype)), **settings)
        here = operations.get_operation(name)(pixels.astype(dtype), **settings)
        np.testing.assert_allclose(device.pull(there), here, rtol=1e-4, atol=1e-2)
