"""Background is removed as the libraries do it."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations

SHAPES = {"2D": (40, 47), "3D": (9, 19, 23)}


def scene(shape, dtype=np.uint8, seed=0):
    """Spots on a slope."""
    rng = np.random.default_rng(seed)
    points = np.zeros(shape)
    points[tuple(rng.integers(3, n - 3, 8) for n in shape)] = 1
    spots = ndimage.gaussian_filter(points, 1.2)
    slope = np.linspace(10, 90, shape[-1])
    return (120 * spots / spots.max() + slope + rng.normal(0, 2, shape)).clip(1, 255).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize(("name", "reference"), [("top_hat", "white_tophat"), ("bottom_hat", "black_tophat")])
def test_hats_equal_scipy(name, reference, dtype, shape):
    image = scene(shape, dtype)
    result = operations.get_operation(name)(image, radius=3)
    assert result.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_allclose(result, getattr(ndimage, reference)(image, size=7, mode="nearest"), rtol=1e-6)
    if len(shape) == 3:
        flat = operations.get_operation(name)(image, radius=3, spacing=(9, 1, 3))
        expected = getattr(ndimage, reference)(image, size=(1, 7, 3), mode="nearest")
        np.testing.assert_allclose(flat, expected, rtol=1e-6)


def ball(radii, height):
    """The footprint of a ball and how far its upper side lies below the top."""
    grid = np.indices([2 * int(r) + 1 for r in radii])
    away = sum(((g - int(r)) / r) ** 2 for g, r in zip(grid, radii, strict=True))
    return away <= 1, height * (np.sqrt(np.maximum(1 - away, 0)) - 1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("spacing", [None, (2.0, 1.0, 1.0)])
def test_a_small_ball_is_the_opening_by_a_ball(shape, spacing):
    image = scene(shape, np.float32)
    steps = (spacing or (1.0, 1.0, 1.0))[-image.ndim :]
    inside, structure = ball([5 / s for s in steps], 5)
    opened = ndimage.grey_opening(image, footprint=inside, structure=structure, mode="nearest")
    # At the edges SciPy repeats the pixels of the eroded image, too.
    result = operations.rolling_ball(image, radius=5, spacing=tuple(steps))
    np.testing.assert_allclose(result, image - opened, atol=1e-4)
    assert result.min() >= 0


def test_a_large_ball_leaves_spots_and_no_slope():
    y, x = np.mgrid[:160, :200]
    spots = sum(100 * np.exp(-((y - a) ** 2 + (x - b) ** 2) / 18) for a, b in ((40, 50), (90, 150), (130, 60)))
    image = (spots + 20 + 0.3 * x).astype(np.float32)
    result = operations.rolling_ball(image, radius=40)
    away = spots < 0.01
    assert result[away].max() < 3
    assert result[40, 50] == pytest.approx(100, abs=4)
    # The flatter the ball, the more it takes along.
    assert operations.rolling_ball(image, radius=40, height=1.0).sum() > result.sum()


def test_rolling_as_fast_as_imagej_gives_nearly_the_same_background():
    image = scene((120, 140), np.float32) + 50
    fast = operations.rolling_ball(image, radius=12)
    inside, structure = ball([12, 12], 12)
    exact = image - ndimage.grey_opening(image, footprint=inside, structure=structure, mode="nearest")
    assert np.abs(fast - exact).mean() < 2
    assert np.corrcoef(fast.ravel(), exact.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_gaussian_backgrounds(dtype, shape):
    image = scene(shape, dtype)
    spacing = (2.0, 1.0, 1.0)[-image.ndim :]
    smooth = ndimage.gaussian_filter(image.astype(float), [4 / s for s in spacing], mode="nearest", truncate=4)
    subtracted = operations.subtract_gaussian_background(image, sigma=4, spacing=spacing)
    divided = operations.divide_by_gaussian_background(image, sigma=4, spacing=spacing)
    np.testing.assert_allclose(subtracted, image - smooth, atol=1e-3)
    np.testing.assert_allclose(divided, image / smooth, rtol=1e-4)
    assert subtracted.min() < 0
    narrow = ndimage.gaussian_filter(image.astype(float), [1 / s for s in spacing], mode="nearest", truncate=4)
    difference = operations.difference_of_gaussians(image, sigma_small=1, sigma_large=4, spacing=spacing)
    np.testing.assert_allclose(difference, narrow - smooth, atol=1e-3)


def test_a_background_of_zero_gives_zero():
    image = np.zeros((30, 30), np.float32)
    image[15, 15] = 1e-30
    divided = operations.divide_by_gaussian_background(image, sigma=1)
    assert np.isfinite(divided).all()
    assert divided[0, 0] == 0
    assert divided[15, 15] > 1
    assert not operations.divide_by_gaussian_background(np.zeros((5, 5))).any()


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("top_hat", {"radius": 3.0}),
        ("bottom_hat", {"radius": 3.0}),
        ("subtract_gaussian_background", {"sigma": 3.0}),
        ("divide_by_gaussian_background", {"sigma": 3.0}),
        ("difference_of_gaussians", {"sigma_small": 1.0, "sigma_large": 3.0}),
    ],
)
def test_opencl_gives_the_numpy_answer(name, settings, dtype, shape):
    image = scene(shape, dtype)
    spacing = (2.0, 1.0, 1.0)[-len(shape) :]
    there = operations.get_operation(name)(device.push(image), spacing=spacing, **settings)
    here = operations.get_operation(name)(image, spacing=spacing, **settings)
    np.testing.assert_allclose(device.pull(there), here, rtol=1e-4, atol=1e-3)
