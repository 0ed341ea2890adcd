"""Extremes and spread of boxes equal SciPy's and NumPy's."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations

SHAPES = {"2D": (40, 47), "3D": (9, 19, 23)}
REFERENCES = {
    "minimum_filter": ndimage.minimum_filter,
    "maximum_filter": ndimage.maximum_filter,
    "grey_opening": ndimage.grey_opening,
    "grey_closing": ndimage.grey_closing,
    "morphological_gradient": ndimage.morphological_gradient,
}
SPREADS = ("variance_filter", "standard_deviation_filter")


def scene(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    image = 100 + 40 * ndimage.gaussian_filter(rng.normal(0, 3, shape), 1) + rng.normal(0, 5, shape)
    return (image - 60 if dtype == np.int8 else image.clip(0, 255)).clip(-100, 255).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("radius", [0, 1, 2, 3, 6])
def test_extremes_equal_scipy(radius, name, dtype, shape):
    image = scene(shape, dtype)
    result = operations.get_operation(name)(image, radius=radius)
    wide = image.astype(np.float64)
    expected = REFERENCES[name](wide, size=2 * radius + 1, mode="nearest") if radius else wide
    if name == "morphological_gradient":
        expected = expected if radius else np.zeros(shape)
        assert result.dtype.kind == "f"
    else:
        assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("name", REFERENCES)
def test_radii_are_lengths(name):
    image = scene(SHAPES["3D"])
    result = operations.get_operation(name)(image, radius=2.0, spacing=(3.0, 1.0, 0.4))
    np.testing.assert_allclose(result, REFERENCES[name](image, size=(3, 5, 11), mode="nearest"), rtol=1e-6)


def test_extremes_of_bool():
    mask = scene(SHAPES["2D"]) > 110
    np.testing.assert_array_equal(operations.maximum_filter(mask), ndimage.binary_dilation(mask, np.ones((3, 3))))
    assert operations.minimum_filter(mask).dtype == bool


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_spread_equals_that_of_numpy(dtype, shape):
    image = scene(shape, dtype)
    radii = (0, 2, 4)[-image.ndim :] if image.ndim == 3 else (2, 4)
    padded = np.pad(image.astype(float), [(r, r) for r in radii], mode="edge")
    window = np.lib.stride_tricks.sliding_window_view(padded, [2 * r + 1 for r in radii])
    axes = tuple(range(image.ndim, 2 * image.ndim))
    spacing = (9.0, 1.0, 0.5)[-image.ndim :]
    variance = operations.variance_filter(image, radius=2.0, spacing=spacing)
    np.testing.assert_allclose(variance, window.var(axis=axes), rtol=1e-5, atol=1e-6)
    deviation = operations.standard_deviation_filter(image, radius=2.0, spacing=spacing)
    np.testing.assert_allclose(deviation, window.std(axis=axes), rtol=1e-5, atol=1e-3)


def test_the_spread_of_large_numbers():
    image = scene(SHAPES["2D"], np.int64)
    np.testing.assert_allclose(
        operations.variance_filter(image + 2_000_000_000), operations.variance_filter(image), rtol=1e-6
    )
    assert not operations.variance_filter(np.full((9, 9), 60_000, np.uint16)).any()


@pytest.mark.parametrize("name", [*REFERENCES, *SPREADS])
def test_slabs_equal_the_whole(name):
    image = scene((600, 300))
    whole = operations.get_operation(name)(image, radius=5)
    np.testing.assert_allclose(
        whole[200:300], operations.get_operation(name)(image[150:350], radius=5)[50:150], rtol=1e-6
    )


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("name", [*REFERENCES, *SPREADS])
def test_opencl_gives_the_numpy_answer(name, dtype, shape):
    image = scene(shape, dtype)
    spacing = (2.0, 1.0, 0.5)[-len(shape) :]
    there = operations.get_operation(name)(device.push(image), radius=1.0, spacing=spacing)
    here = operations.get_operation(name)(image, radius=1.0, spacing=spacing)
    np.testing.assert_allclose(device.pull(there), here, rtol=1e-4, atol=1e-3)
