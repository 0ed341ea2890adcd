"""Edges and spots are where calculus says."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations
from bioloom.errors import InputError

SHAPES = {"2D": (40, 47), "3D": (13, 19, 23)}


def scene(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    hills = ndimage.gaussian_filter(rng.normal(0, 1, shape), 2)
    return (30 * hills / hills.std() + 120).clip(0, 255).astype(dtype)


def ramp(shape, slopes):
    return 7 + sum(s * g for s, g in zip(slopes, np.indices(shape), strict=True))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_sobel_and_laplace_equal_the_libraries(dtype, shape):
    from skimage import filters

    image = scene(shape, dtype)
    edges = np.sqrt(sum(ndimage.sobel(image.astype(float), a, mode="nearest") ** 2 for a in range(image.ndim)))
    np.testing.assert_allclose(operations.sobel(image), edges, rtol=1e-5, atol=1e-3)
    result = operations.laplace(image)
    assert result.dtype == (np.float64 if dtype == np.float64 else np.float32)
    inner = (slice(1, -1),) * image.ndim
    np.testing.assert_allclose(result[inner], filters.laplace(image.astype(float))[inner], atol=1e-3)
    np.testing.assert_allclose(result, -ndimage.laplace(image.astype(float), mode="nearest"), atol=1e-3)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_derivatives_are_per_unit_of_length(shape):
    spacing = (2.0, 0.5, 0.25)[-len(shape) :]
    slopes = (3.0, -2.0, 5.0)[-len(shape) :]
    image = ramp(shape, [m * s for m, s in zip(slopes, spacing, strict=True)])
    inner = (slice(8, -8),) * len(shape) if len(shape) == 2 else (slice(5, -5), slice(8, -8), slice(9, -9))
    for name, slope in zip(("gradient_z", "gradient_y", "gradient_x")[-len(shape) :], slopes, strict=True):
        found = operations.get_operation(name)(image, sigma=0.5, spacing=spacing)
        np.testing.assert_allclose(found[inner], slope, rtol=1e-4)
    length = operations.gradient_magnitude(image, sigma=0.5, spacing=spacing)
    np.testing.assert_allclose(length[inner], np.linalg.norm(slopes), rtol=1e-4)
    # A bowl of 1, 2 and 3 per square unit.
    bowl = sum(k * (g * s) ** 2 / 2 for k, g, s in zip((3, 2, 1), np.indices(shape), spacing, strict=False))
    np.testing.assert_allclose(
        operations.laplace(bowl, spacing=spacing)[(slice(1, -1),) * len(shape)],
        -sum((3, 2, 1)[: len(shape)]),
        rtol=1e-6,
    )


@pytest.mark.parametrize("sigma", [0.0, 1.5])
def test_gradients_equal_those_of_numpy(sigma):
    image = scene(SHAPES["3D"], np.float64)
    smooth = ndimage.gaussian_filter(image, sigma, mode="nearest", truncate=4)
    inner = (slice(1, -1),) * 3
    for axis, name in enumerate(("gradient_z", "gradient_y", "gradient_x")):
        found = operations.get_operation(name)(image, sigma=sigma)
        np.testing.assert_allclose(found[inner], np.gradient(smooth, axis=axis)[inner], atol=1e-10)
    length = np.sqrt(sum(g**2 for g in np.gradient(smooth)))
    np.testing.assert_allclose(operations.gradient_magnitude(image, sigma=sigma)[inner], length[inner], atol=1e-10)


def test_a_plane_has_no_gradient_along_z():
    with pytest.raises(InputError, match=r"\(z, y, x\)"):
        operations.gradient_z(np.zeros((4, 5)))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_the_laplacian_of_gaussian_equals_that_of_scipy(dtype, shape):
    image = scene(shape, dtype)
    result = operations.laplacian_of_gaussian(image, sigma=2)
    theirs = -4 * ndimage.gaussian_laplace(image.astype(float), 2, mode="nearest", truncate=4)
    inner = (slice(4, -4),) * image.ndim
    np.testing.assert_allclose(result[inner], theirs[inner], atol=0.06 * np.abs(theirs).max())
    smooth = ndimage.gaussian_filter(image.astype(float), 2, mode="nearest", truncate=4)
    np.testing.assert_allclose(result, -4 * ndimage.laplace(smooth, mode="nearest"), atol=1e-3)
    assert not operations.laplacian_of_gaussian(image, sigma=0).any()
    assert not operations.laplacian_of_gaussian(np.full(shape, 7.0), sigma=0.5).any()


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_spot_is_shown_best_at_its_own_size(ndim):
    spacing = (2.0, 1.0, 1.0)[-ndim:]
    shape = (21, 41, 41)[-ndim:]
    away = sum(((g - n // 2) * s) ** 2 for g, n, s in zip(np.indices(shape), shape, spacing, strict=True))
    spot = 100 * np.exp(-away / (2 * 3.0**2))
    centre = tuple(n // 2 for n in shape)
    answers = {s: operations.laplacian_of_gaussian(spot, sigma=s, spacing=spacing)[centre] for s in (1, 2, 3, 5, 8)}
    # For a Gaussian spot of size t the answer is 100 n (s/t)² (1 + (s/t)²)^(-n/2 - 1).
    for s, answer in answers.items():
        ratio = (s / 3) ** 2
        assert answer == pytest.approx(100 * ndim * ratio * (1 + ratio) ** (-ndim / 2 - 1), rel=0.1)


def test_canny_finds_the_outline_of_a_disc_once():
    y, x = np.mgrid[:60, :60]
    away = np.hypot(y - 30, x - 30)
    edges = operations.canny(np.where(away < 15, 100.0, 20.0), sigma=1.5)
    assert edges.dtype == bool
    assert np.abs(away[edges] - 14.5).max() < 1.3
    # A closed line, at most two pixels thick.
    assert ndimage.label(~edges)[1] == 2
    assert 70 < edges.sum() < 140


def test_canny_agrees_with_scikit_image():
    from skimage import feature

    image = scene((70, 80), seed=4)
    ours = operations.canny(image, sigma=1.5, low=2, high=4)
    # Sobel's weights, divided by 8 in a plane, give slopes; scikit-image leaves them at 4.
    theirs = feature.canny(image, sigma=1.5, low_threshold=8, high_threshold=16, mode="nearest")
    near = ndimage.binary_dilation(theirs, np.ones((3, 3)))
    assert (ours & near).sum() > 0.95 * ours.sum()
    inner = (slice(4, -4),) * 2
    assert (theirs & ndimage.binary_dilation(ours, np.ones((3, 3))))[inner].sum() > 0.75 * theirs[inner].sum()


def test_canny_finds_the_surface_of_a_ball_in_anisotropic_pixels():
    spacing = (2.0, 1.0, 1.0)
    z, y, x = np.indices((17, 34, 34))
    away = np.sqrt(((z - 8) * 2) ** 2 + (y - 17) ** 2 + (x - 17) ** 2)
    edges = operations.canny(np.where(away < 10, 100.0, 0.0), sigma=1.5, spacing=spacing)
    assert np.abs(away[edges] - 9.7).max() < 2
    assert ndimage.label(~edges)[1] == 2


def test_canny_thresholds():
    image = np.zeros((30, 60))
    image[:, 15:] += 10
    image[:, 45:] += 100
    strong = operations.canny(image, sigma=1, low=5, high=10)
    both = operations.canny(image, sigma=1, low=1, high=2)
    np.testing.assert_array_equal(np.flatnonzero(strong[15]), np.flatnonzero(both[15])[1:])
    assert both[15].sum() == 2
    # A weak line stays where it touches a strong one: its far end, too.
    rising = np.linspace(10, 100, 40)[:, None] * (np.arange(40) >= 20)
    joined = operations.canny(rising, sigma=1, low=3, high=20)
    assert joined[2].sum() == 1
    assert not operations.canny(rising[:12], sigma=1, low=3, high=20).any()
    # The default tells noise from edges.
    rng = np.random.default_rng(0)
    step = np.where(np.arange(50) < 25, 0.0, 100.0) + rng.normal(0, 3, (50, 50))
    assert 45 <= operations.canny(step, sigma=1.5).sum() <= 60
    assert not operations.canny(np.full((6, 6), 3)).any()


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("name", "settings", "spacing"),
    [
        ("sobel", {}, None),
        ("laplace", {}, (0.5, 0.5, 0.5)),
        ("laplace", {}, (2.0, 1.0, 0.5)),
        ("laplacian_of_gaussian", {"sigma": 1.0}, (0.5, 0.5, 0.5)),
        ("laplacian_of_gaussian", {"sigma": 1.0}, (2.0, 1.0, 0.5)),
        ("gradient_magnitude", {"sigma": 1.0}, (2.0, 1.0, 0.5)),
        ("gradient_x", {"sigma": 1.0}, (2.0, 1.0, 0.5)),
        ("gradient_y", {"sigma": 1.0}, (2.0, 1.0, 0.5)),
        ("gradient_z", {"sigma": 1.0}, (2.0, 1.0, 0.5)),
    ],
)
def test_opencl_gives_the_numpy_answer(name, settings, spacing, dtype, shape):
    if name == "gradient_z" and len(shape) == 2:
        pytest.skip("a plane has no z")
    image = scene(shape, dtype)
    given = settings | ({"spacing": spacing[-len(shape) :]} if spacing else {})
    there = operations.get_operation(name)(device.push(image), **given)
    assert device.is_opencl(there)
    np.testing.assert_allclose(device.pull(there), operations.get_operation(name)(image, **given), rtol=1e-4, atol=1e-2)
