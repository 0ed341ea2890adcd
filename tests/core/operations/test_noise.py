"""Filters against noise equal their definitions and the libraries they are known from."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations
from bioloom.errors import InputError
from bioloom.operations._noise_level import noise_level

SHAPES = {"2D": (40, 47), "3D": (9, 19, 23)}


def scene(shape, dtype=np.float32, seed=0):
    """Smooth hills and noise of 5."""
    rng = np.random.default_rng(seed)
    hills = ndimage.gaussian_filter(rng.normal(0, 1, shape), 2)
    return (100 * hills / hills.std() + 500 + rng.normal(0, 5, shape)).clip(1).astype(dtype)


def boxes(image, radii, mode="edge"):
    """All pixels of the box around each pixel, along a last axis."""
    padded = np.pad(image, [(r, r) for r in radii], mode=mode)
    sizes = [2 * r + 1 for r in radii]
    return np.lib.stride_tricks.sliding_window_view(padded, sizes).reshape(*image.shape, -1)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int8, np.int16, np.uint16, np.int32, np.int64, np.uint64, np.float32]
)
def test_the_median_equals_that_of_scipy_for_every_dtype(dtype, shape):
    image = scene(shape, np.float64)
    image = image > 500 if dtype is bool else (image / 10 - 50 if dtype == np.int8 else image).astype(dtype)
    expected = ndimage.median_filter(image.astype(np.float64), 3, mode="nearest").astype(dtype)
    result = operations.median(image, radius=1)
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
@pytest.mark.parametrize(("radius", "shape"), [(2, (30, 33)), (7, (30, 33)), (2, (7, 12, 13)), (3, (5, 12, 13))])
def test_large_medians_equal_those_of_scipy(dtype, radius, shape):
    image = (scene(shape, np.float64) / 4).astype(dtype)
    expected = ndimage.median_filter(image, 2 * radius + 1, mode="nearest")
    np.testing.assert_array_equal(operations.median(image, radius=radius), expected)


def test_the_median_of_numbers_at_the_ends_of_their_type():
    for dtype in (np.int64, np.uint64, np.int16, np.uint32):
        limits = np.iinfo(dtype)
        image = np.where(np.eye(7, dtype=bool), limits.min, limits.max).astype(dtype)
        np.testing.assert_array_equal(operations.median(image), np.sort(boxes(image, (1, 1)))[..., 4])


@pytest.mark.parametrize("name", ["median", "mean_filter", "percentile_filter"])
def test_radii_are_lengths(name):
    image = scene(SHAPES["3D"])
    physical = operations.get_operation(name)(image, radius=1.0, spacing=(2.5, 0.5, 0.5))
    window = boxes(image, (0, 2, 2))
    expected = np.mean(window, -1) if name == "mean_filter" else np.median(window, -1)
    np.testing.assert_allclose(physical, expected, rtol=1e-5)


@pytest.mark.parametrize("percentile", [0, 10, 50, 99.9, 100])
@pytest.mark.parametrize("radius", [1, 5])
def test_percentiles_equal_those_of_scipy(percentile, radius):
    image = scene(SHAPES["2D"], np.uint16)
    expected = ndimage.percentile_filter(image, percentile, 2 * radius + 1, mode="nearest")
    np.testing.assert_array_equal(operations.percentile_filter(image, percentile=percentile, radius=radius), expected)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_the_mean_equals_that_of_scipy(dtype, shape):
    image = (scene(shape) / 4).astype(dtype)
    result = operations.mean_filter(image, radius=2)
    assert result.dtype == (np.float64 if dtype == np.float64 else np.float32)
    np.testing.assert_allclose(
        result,
        ndimage.uniform_filter(image.astype(float), 5, mode="nearest"),
        rtol=1e-6 if dtype != np.float64 else 1e-13,
    )


@pytest.mark.parametrize("shape", [(40, 47), (9, 19, 23), (700, 260), (1, 1), (3, 2, 1)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.uint8, 3e-6), (np.float32, 3e-6), (np.float64, 1e-13)])
def test_the_gaussian_equals_that_of_scipy(dtype, tolerance, shape):
    image = (scene(shape, np.float64) / 4 if min(shape) > 3 else np.arange(np.prod(shape)).reshape(shape)).astype(dtype)
    for sigma in (0, 0.1, 0.7, 3, 20):
        spacing = (2.0, 0.5, 1.0)[-len(shape) :]
        sigmas = [sigma / s for s in spacing]
        expected = ndimage.gaussian_filter(image.astype(float), sigmas, mode="nearest", truncate=4)
        result = operations.gaussian_blur(image, sigma=sigma, spacing=spacing)
        assert result.dtype == (np.float64 if dtype == np.float64 else np.float32)
        np.testing.assert_allclose(result, expected, rtol=tolerance)


def test_a_flat_image_stays_flat_and_as_bright():
    for sigma in (0.7, 2, 9):
        result = operations.gaussian_blur(np.full((30, 31), 200, np.uint8), sigma=sigma)
        assert np.ptp(result) == 0
        assert result[0, 0] == pytest.approx(200, rel=1e-6)


def test_binomial_weights():
    point = np.zeros((9, 9), np.float32)
    point[4, 4] = 256
    once = operations.binomial_blur(point)
    np.testing.assert_allclose(once[3:6, 3:6], [[16, 32, 16], [32, 64, 32], [16, 32, 16]])
    twice = operations.binomial_blur(point, repetitions=2)
    np.testing.assert_allclose(twice, operations.binomial_blur(once), atol=1e-4)
    # Very many weights do not overflow, and are a Gaussian.
    wide = operations.binomial_blur(np.pad(point, 100), repetitions=200)
    np.testing.assert_allclose(wide, ndimage.gaussian_filter(np.pad(point, 100), 10), atol=3e-3 * wide.max())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_binomial_blur_and_curvature_flow_equal_simpleitk(shape):
    sitk = pytest.importorskip("SimpleITK")
    image = scene(shape)
    inner = (slice(3, -3),) * image.ndim
    blurred = sitk.GetArrayFromImage(sitk.BinomialBlur(sitk.GetImageFromArray(image), 2))
    np.testing.assert_allclose(operations.binomial_blur(image, repetitions=2)[inner], blurred[inner], rtol=1e-5)
    spacing = (2.0, 0.5, 0.5)[-image.ndim :]
    given = sitk.GetImageFromArray(image)
    given.SetSpacing([s / 0.5 for s in spacing[::-1]])
    flowed = sitk.GetArrayFromImage(sitk.CurvatureFlow(given, timeStep=0.05, numberOfIterations=6))
    result = operations.curvature_flow(image, iterations=6, time_step=0.05, spacing=spacing)
    np.testing.assert_allclose(result, flowed, rtol=1e-5)


def test_curvature_flow_shrinks_a_disc_and_leaves_a_straight_edge():
    y, x = np.mgrid[:41, :41]
    disc = ndimage.gaussian_filter(100.0 * (np.hypot(y - 20, x - 20) < 10), 1)
    flowed = operations.curvature_flow(disc, iterations=100, time_step=0.1)
    # The area within a line of equal intensity falls by 2 pi per unit of time (M. Gage, 1983).
    assert (disc > 50).sum() - (flowed > 50).sum() == pytest.approx(2 * np.pi * 10, rel=0.15)
    edge = ndimage.gaussian_filter(100.0 * (x > 20), 1)
    np.testing.assert_allclose(operations.curvature_flow(edge, iterations=100), edge, atol=1e-9)


@pytest.mark.parametrize("shape", [(14, 17), (4, 8, 9)], ids=SHAPES)
@pytest.mark.parametrize("spacing", [None, (1.5, 1.0, 0.8)])
def test_the_bilateral_filter_follows_its_formula(shape, spacing):
    image = scene(shape)
    steps = np.array(spacing or (1, 1, 1))[-image.ndim :]
    radii = [int(np.ceil(3 / s - 1e-9)) for s in steps]
    window = boxes(image.astype(float), radii)
    grid = np.array(list(itertools.product(*(np.arange(-r, r + 1) for r in radii)))) * steps
    weights = np.exp(-(grid**2).sum(1) / 2 - (window - image[..., None]) ** 2 / (2 * 40.0**2))
    expected = (weights * window).sum(-1) / weights.sum(-1)
    result = operations.bilateral_filter(image, sigma=1, sigma_intensity=40, spacing=tuple(steps))
    np.testing.assert_allclose(result, expected, rtol=2e-6)


@pytest.mark.parametrize("shape", [(13, 15), (4, 7, 8)], ids=SHAPES)
def test_non_local_means_follow_their_formula(shape):
    image = scene(shape)
    n, p, s, noise, h = image.ndim, 1, 2, 5.0, 0.8 * 5
    padded = np.pad(image.astype(float), p + s, mode="edge")
    total, weights = np.zeros(shape), np.zeros(shape)
    centre = tuple(slice(s, -s) for _ in range(n))
    for shift in itertools.product(range(-s, s + 1), repeat=n):
        there = padded[tuple(slice(s + d, padded.shape[a] - s + d) for a, d in enumerate(shift))]
        squares = np.lib.stride_tricks.sliding_window_view((padded[centre] - there) ** 2, (2 * p + 1,) * n)
        w = np.exp(-np.maximum(squares.mean(axis=tuple(range(n, 2 * n))) - 2 * noise**2, 0) / h**2)
        total += w * there[(slice(p, -p),) * n]
        weights += w
    result = operations.non_local_means(image, noise=noise, strength=0.8, patch_radius=p, search_radius=s)
    np.testing.assert_allclose(result, total / weights, rtol=2e-6)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_total_variation_equals_scikit_image(dtype, shape):
    from skimage import restoration

    image = scene(shape, dtype)
    expected = restoration.denoise_tv_chambolle(image, weight=20.0)
    result = operations.total_variation(image, weight=20.0)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, expected, rtol=1e-4 if dtype == np.float32 else 1e-10)


def test_total_variation_in_parts_equals_the_whole_and_minds_the_spacing():
    image = scene((300, 310), np.float64)
    from skimage import restoration

    np.testing.assert_allclose(
        operations.total_variation(image, weight=20.0), restoration.denoise_tv_chambolle(image, weight=20.0), rtol=1e-10
    )
    stack = scene(SHAPES["3D"], np.float64)
    # Planes that are far apart are smoothed one by one.
    apart = operations.total_variation(stack, weight=20, tolerance=0, iterations=100, spacing=(1e6, 1, 1))
    alone = operations.total_variation(stack[3], weight=20, tolerance=0, iterations=100)
    np.testing.assert_allclose(apart[3], alone, rtol=1e-3)


@pytest.mark.parametrize("name", ["bilateral_filter", "non_local_means", "total_variation"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_noise_is_removed_with_the_settings_left_empty(name, dtype):
    rng = np.random.default_rng(1)
    clean = np.where(np.add.outer(np.arange(60) // 20, np.arange(60) // 20) % 2, 150.0, 50.0)
    noisy = (clean + rng.normal(0, 8, clean.shape)).astype(dtype)
    restored = operations.get_operation(name)(noisy)
    assert np.sqrt(np.mean((restored - clean) ** 2)) < 0.6 * 8
    suggested = operations.get_operation(name).suggested(noisy)
    np.testing.assert_allclose(operations.get_operation(name)(noisy, **suggested), restored, atol=0.5)
    flat = np.full((9, 9), 7, dtype)
    np.testing.assert_array_equal(operations.get_operation(name)(flat), flat)


@pytest.mark.parametrize(
    ("sigma", "dtype"), [(0.5, np.float32), (0.5, np.float64), (5.0, np.uint8), (5.0, np.uint16), (5.0, np.float32)]
)
def test_the_noise_is_estimated(sigma, dtype):
    rng = np.random.default_rng(0)
    hills = 100 + 30 * np.sin(np.arange(200) / 15)[:, None] * np.sin(np.arange(180) / 11)
    assert noise_level((hills + rng.normal(0, sigma, hills.shape)).astype(dtype)) == pytest.approx(sigma, rel=0.25)


def test_filters_that_would_take_hours_are_refused():
    stack = scene(SHAPES["3D"])
    with pytest.raises(InputError, match="reaches over"):
        operations.bilateral_filter(stack, sigma=100, sigma_intensity=5)
    with pytest.raises(InputError, match="reaches over"):
        operations.rolling_ball(stack, radius=1000)


def test_bits_do_not_depend_on_where_a_slab_begins():
    image = scene((900, 300))
    for name, settings in {
        "mean_filter": {"radius": 3},
        "median": {"radius": 5},
        "bilateral_filter": {"sigma": 1, "sigma_intensity": 20},
        "non_local_means": {"noise": 5.0, "search_radius": 1},
        "curvature_flow": {"iterations": 3},
    }.items():
        whole = operations.get_operation(name)(image, **settings)
        part = operations.get_operation(name)(image[200:450], **settings)
        np.testing.assert_array_equal(whole[220:430], part[20:-20])


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(("name", "settings"), [("gaussian_blur", {"sigma": 2.0}), ("mean_filter", {"radius": 2.0})])
def test_opencl_gives_the_numpy_answer(name, settings, dtype, shape):
    image = (scene(shape) / 4).astype(dtype)
    spacing = (2.0, 1.0, 1.0)[-len(shape) :]
    there = operations.get_operation(name)(device.push(image), spacing=spacing, **settings)
    here = operations.get_operation(name)(image, spacing=spacing, **settings)
    np.testing.assert_allclose(device.pull(there), here, rtol=1e-5)
