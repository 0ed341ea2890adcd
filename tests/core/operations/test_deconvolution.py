"""Blur is undone."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations

SHAPES = {"2D": (48, 50), "3D": (20, 32, 34)}


def scene(shape, seed=0):
    """A few bright spots on dark ground, none near the edge."""
    rng = np.random.default_rng(seed)
    image = np.zeros(shape)
    image[tuple(rng.integers(n // 4, 3 * n // 4, 12) for n in shape)] = 3000
    return ndimage.gaussian_filter(image, 0.7) + 20


def psf(sigmas):
    grids = [np.arange(-int(4 * s + 0.5), int(4 * s + 0.5) + 1) for s in sigmas]
    kernel = np.ones(())
    for grid, s in zip(grids, sigmas, strict=True):
        line = np.exp(-(grid**2) / (2 * s * s))
        kernel = np.multiply.outer(kernel, line / line.sum())
    return kernel


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_richardson_lucy_follows_its_formula(shape):
    sigmas = (2.0, 1.5, 1.5)[-len(shape) :]
    spacing = (2.0, 1.0, 1.0)[-len(shape) :]
    observed = ndimage.gaussian_filter(scene(shape), sigmas, mode="nearest", truncate=4)
    kernel, estimate = psf(sigmas), observed.copy()
    for _ in range(3):
        expected = ndimage.convolve(estimate, kernel, mode="nearest")
        estimate = estimate * ndimage.convolve(observed / expected, kernel, mode="nearest")
    result = operations.richardson_lucy(observed, sigma=1.5, sigma_z=4.0, iterations=3, spacing=spacing)
    np.testing.assert_allclose(result, estimate, rtol=1e-8)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_richardson_lucy_agrees_with_scikit_image_within_the_image(shape):
    from skimage import restoration

    observed = ndimage.gaussian_filter(scene(shape), 1.5, mode="nearest", truncate=4)
    theirs = restoration.richardson_lucy(observed, psf((1.5,) * len(shape)), num_iter=60, clip=False)
    ours = operations.richardson_lucy(observed, sigma=1.5, iterations=60)
    inner = (slice(8, -8),) * len(shape)
    # The first guess differs, and is forgotten slowly.
    assert np.corrcoef(ours[inner].ravel(), theirs[inner].ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", ["richardson_lucy", "wiener"])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_sharpening_brings_back_what_was_blurred(shape, dtype, name):
    spacing = (2.0, 1.0, 1.0)[-len(shape) :]
    sharp = scene(shape)
    blurred = ndimage.gaussian_filter(sharp, [1.5 / s for s in spacing], mode="nearest").astype(dtype)
    result = operations.get_operation(name)(blurred, sigma=1.5, spacing=spacing)
    assert result.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert np.linalg.norm(result - sharp) < 0.85 * np.linalg.norm(blurred - sharp)
    assert result.mean() == pytest.approx(blurred.mean(), rel=0.02)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_wiener_equals_scikit_image_within_the_image(shape):
    from skimage import restoration

    sigmas = (3.0, 1.5, 1.5)[-len(shape) :]
    observed = ndimage.gaussian_filter(scene(shape), sigmas, mode="nearest", truncate=4)
    # Theirs takes opposite edges for neighbours: far from the edges that makes no difference.
    wide = np.pad(observed, 16, mode="edge") - observed.mean()
    flat = np.zeros((3,) * observed.ndim)
    flat[(1,) * observed.ndim] = 1
    theirs = restoration.wiener(wide, psf(sigmas), balance=0.02, reg=flat, clip=False)
    ours = operations.wiener(observed, sigma=1.5, sigma_z=3.0, noise=0.02)
    inner, outer = (slice(8, -8),) * observed.ndim, (slice(24, -24),) * observed.ndim
    np.testing.assert_allclose(ours[inner] - observed.mean(), theirs[outer], atol=0.01 * ours.max())


def test_no_blur_and_flat_images():
    image = scene(SHAPES["2D"])
    np.testing.assert_allclose(operations.richardson_lucy(image, sigma=0), image)
    np.testing.assert_allclose(operations.wiener(image, sigma=0, noise=1e-9), image, rtol=1e-5)
    for value in (0, 7):
        flat = np.full((6, 7), value, np.uint8)
        np.testing.assert_allclose(operations.richardson_lucy(flat), flat, rtol=1e-5)
        np.testing.assert_allclose(operations.wiener(flat), flat, atol=1e-5)
    below = operations.richardson_lucy(image - 100, sigma=1)
    assert below.min() >= 0


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_opencl_gives_the_numpy_answer(dtype, shape):
    settings = {"sigma": 1.5, "sigma_z": 3.0, "iterations": 5, "spacing": (2.0, 1.0, 1.0)[-len(shape) :]}
    for image in (scene(shape).astype(dtype), np.zeros(shape, dtype)):
        there = operations.richardson_lucy(device.push(image), **settings)
        here = operations.richardson_lucy(image, **settings)
        np.testing.assert_allclose(device.pull(there), here, rtol=1e-4, atol=1e-3)
