"""Ridges are told by second derivatives as the papers say."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import device, operations

SHAPES = {"2D": (40, 47), "3D": (15, 19, 23)}


def scene(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    hills = ndimage.gaussian_filter(rng.normal(0, 1, shape), 2)
    return (30 * hills / hills.std() + 120).clip(0, 255).astype(dtype)


def eigenvalues(image, sigma, steps):
    """Of the matrix of second differences, rising along the last axis."""
    smooth = ndimage.gaussian_filter(image.astype(float), [sigma / s for s in steps], mode="nearest", truncate=4)
    padded = np.pad(smooth, 1, mode="edge")
    inner = (slice(1, -1),) * image.ndim

    def difference(a, axis):
        return (np.roll(a, -1, axis) - np.roll(a, 1, axis)) / (2 * steps[axis])

    def second(a, axis):
        return (np.roll(a, -1, axis) + np.roll(a, 1, axis) - 2 * a) / steps[axis] ** 2

    n = image.ndim
    matrix = [
        [(second(padded, i) if i == j else difference(difference(padded, i), j))[inner] for j in range(n)]
        for i in range(n)
    ]
    return np.linalg.eigvalsh(np.moveaxis(np.array(matrix), (0, 1), (-2, -1)))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_eigenvalues_equal_those_of_lapack(dtype, shape):
    image = scene(shape, dtype)
    steps = (2.0, 1.0, 0.5)[-image.ndim :]
    expected = eigenvalues(image, 1.5, steps)
    small = operations.small_hessian_eigenvalue(image, sigma=1.5, spacing=steps)
    large = operations.large_hessian_eigenvalue(image, sigma=1.5, spacing=steps)
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(small, expected[..., 0], atol=tolerance)
    np.testing.assert_allclose(large, expected[..., -1], atol=tolerance)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_eigenvalues_agree_with_scikit_image_within_the_image(shape):
    from skimage import feature

    image = scene((31, 33, 35) if len(shape) == 3 else (60, 60), np.float64)
    inner = (slice(9, -9),) * image.ndim
    theirs = feature.hessian_matrix_eigvals(
        feature.hessian_matrix(image, 2.0, mode="nearest", use_gaussian_derivatives=True)
    )
    for name, index in (("small_hessian_eigenvalue", -1), ("large_hessian_eigenvalue", 0)):
        ours = operations.get_operation(name)(image, sigma=2.0)[inner]
        assert np.corrcoef(ours.ravel(), theirs[index][inner].ravel())[0, 1] > 0.999
        np.testing.assert_allclose(ours, theirs[index][inner], atol=0.1 * np.abs(theirs[index][inner]).max())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("sign", [1, -1], ids=["bright", "dark"])
def test_sato_follows_its_formula(sign, shape):
    image = scene(shape, np.float64)
    steps = (2.0, 1.0, 1.0)[-image.ndim :]
    expected = np.zeros(shape)
    for sigma in (1.0, 2.0, 4.0):
        across = np.maximum(-np.sort(sign * eigenvalues(image, sigma, steps))[..., :-1], 0) * sigma**2
        expected = np.maximum(expected, np.prod(across, axis=-1) ** (1 / (image.ndim - 1)))
    result = operations.sato(
        image, smallest=1, largest=4, scales=3, ridges="bright" if sign == 1 else "dark", spacing=steps
    )
    np.testing.assert_allclose(result, expected, atol=1e-6 * expected.max())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("sign", [1, -1], ids=["bright", "dark"])
@pytest.mark.parametrize("gamma", [None, 5.0])
def test_frangi_follows_its_formula(gamma, sign, shape):
    image = scene(shape, np.float64)
    steps = (2.0, 1.0, 1.0)[-image.ndim :]
    values = -sign * 4 * eigenvalues(image, 2.0, steps)
    values = np.take_along_axis(values, np.abs(values).argsort(-1), -1)
    strength = np.sqrt((values**2).sum(-1))
    half = strength.max() / 2 if gamma is None else gamma
    ridge = (values[..., 1:] > 0).all(-1)
    one, two = np.abs(values[..., 0]), np.where(ridge, values[..., 1], 1)
    if len(shape) == 2:
        expected = np.exp(-((one / two) ** 2) / 0.5)
    else:
        three = np.where(ridge, values[..., 2], 1)
        expected = (1 - np.exp(-((two / three) ** 2) / 0.5)) * np.exp(-(one**2) / (two * three) / 0.5)
    expected = np.where(ridge, expected * (1 - np.exp(-(strength**2) / (2 * half**2))), 0)
    result = operations.frangi(
        image, smallest=2, largest=2, ridges="bright" if sign == 1 else "dark", gamma=gamma, spacing=steps
    )
    np.testing.assert_allclose(result, expected, atol=1e-6)


def line(shape, width, spacing):
    """A bright line along x, of Gaussian profile."""
    away = sum(((g - n // 2) * s) ** 2 for g, n, s in zip(np.indices(shape), shape, spacing, strict=True))
    along = ((np.indices(shape)[-1] - shape[-1] // 2) * spacing[-1]) ** 2
    return 100 * np.exp(-(away - along) / (2 * width**2))


@pytest.mark.parametrize("name", ["sato", "frangi"])
@pytest.mark.parametrize("ndim", [2, 3])
def test_a_line_is_found_and_a_spot_is_not(name, ndim):
    spacing = (2.0, 1.0, 1.0)[-ndim:]
    shape = (15, 31, 31)[-ndim:]
    image = line(shape, 2.0, spacing)
    found = operations.get_operation(name)(image, smallest=1, largest=4, scales=5, spacing=spacing)
    centre = tuple(n // 2 for n in shape)
    assert found[centre] == pytest.approx(found.max(), rel=0.02)
    assert found[(0,) * ndim] < 0.02 * found[centre]
    if name == "sato":
        # The second derivative of a line of width t smoothed by s, times s², is largest for s² = 2 t² (2D), t² (3D).
        best = max(((s / 2) ** 2 * (1 + (s / 2) ** 2) ** (-1.5 if ndim == 2 else -2)) for s in np.geomspace(1, 4, 5))
        assert found[centre] == pytest.approx(100 * best, rel=0.1)
    dark = operations.get_operation(name)(-image, smallest=1, largest=4, scales=5, ridges="dark", spacing=spacing)
    np.testing.assert_allclose(dark, found, atol=1e-9 * found.max())
    away = sum(((g - n // 2) * s) ** 2 for g, n, s in zip(np.indices(shape), shape, spacing, strict=True))
    spot = 100 * np.exp(-away / 8)
    if name == "frangi":
        gamma = 10.0
        on_line, on_spot = (
            operations.frangi(i, smallest=2, largest=2, gamma=gamma, spacing=spacing)[centre] for i in (image, spot)
        )
        assert on_spot < 0.3 * on_line


def test_large_matrices_with_equal_eigenvalues_are_finite():
    away = sum((g - 6.0) ** 2 for g in np.indices((13, 13, 13)))
    for image in (away, np.zeros((5, 5, 5)), 1e6 * away, np.full((3, 3, 3), 7, np.uint8)):
        for name in ("small_hessian_eigenvalue", "large_hessian_eigenvalue", "sato", "frangi"):
            assert np.isfinite(operations.get_operation(name)(image)).all()
    np.testing.assert_allclose(operations.large_hessian_eigenvalue(away, sigma=0)[2:-2, 2:-2, 2:-2], 2, rtol=1e-6)


@pytest.mark.opencl
@pytest.mark.usefixtures("opencl")
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (2.0, 1.0, 0.5)], ids=["equal", "unequal"])
@pytest.mark.parametrize("name", ["small_hessian_eigenvalue", "large_hessian_eigenvalue"])
def test_opencl_gives_the_numpy_answer(name, spacing, dtype, shape):
    image = scene(shape, dtype)
    for pixels in (image, np.full_like(image, 7)):
        there = operations.get_operation(name)(device.push(pixels), sigma=1.0, spacing=spacing[-len(shape) :])
        here = operations.get_operation(name)(pixels, sigma=1.0, spacing=spacing[-len(shape) :])
        assert device.is_opencl(there)
        # Its cubic equation is solved in float32.
        np.testing.assert_allclose(device.pull(there), here, atol=1e-3 * max(np.abs(here).max(), 1))
