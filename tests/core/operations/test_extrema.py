"""Maxima and minima, and how far they rise."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import morphology

from bioloom import operations

SHAPES = {"2D": (40, 47), "3D": (9, 19, 23)}
DTYPES = [bool, np.uint8, np.int8, np.int16, np.uint16, np.int64, np.uint64, np.float32, np.float64]


def scene(shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(0, 1, shape), 1.5)
    image = image / np.abs(image).max() * 100
    if dtype is bool:
        return image > 20
    return (image if np.dtype(dtype).kind != "u" else image + 120).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_maxima_and_minima_equal_scikit_image(dtype, shape):
    image = scene(shape, dtype)
    wide = image.astype(np.float64)
    np.testing.assert_array_equal(operations.local_maxima(image), morphology.local_maxima(wide).astype(bool))
    np.testing.assert_array_equal(operations.local_minima(image), morphology.local_minima(wide).astype(bool))


def test_maxima_by_their_definition():
    image = np.array([[1, 1, 1, 1, 1], [1, 3, 3, 1, 2], [1, 1, 4, 1, 2], [1, 1, 1, 1, 1]], np.uint8)
    np.testing.assert_array_equal(np.argwhere(operations.local_maxima(image)), [[1, 4], [2, 2], [2, 4]])
    # The largest and smallest numbers there are count as any other.
    image = np.full((5, 5), np.iinfo(np.int16).min, np.int16)
    image[2, 2] = np.iinfo(np.int16).max
    assert operations.local_maxima(image).sum() == 1
    assert operations.local_minima(-1 - image).sum() == 1


def test_smoothing_first_removes_maxima_of_noise():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:50, :50]
    image = 100 * np.exp(-((y - 15) ** 2 + (x - 15) ** 2) / 50) + 100 * np.exp(-((y - 35) ** 2 + (x - 33) ** 2) / 50)
    noisy = image + rng.normal(0, 4, image.shape)
    assert operations.local_maxima(noisy).sum() > 20
    smooth = ndimage.gaussian_filter(noisy, (2, 4), mode="nearest", truncate=4)
    np.testing.assert_array_equal(
        operations.local_maxima(noisy, sigma=2, spacing=(1, 0.5)), morphology.local_maxima(smooth).astype(bool)
    )


def reconstructed_maxima(image, h):
    """The definition: pixels that the reconstruction of the lowered image stays below by h."""
    image = image.astype(np.float64)
    lowered = morphology.reconstruction(image - h, image, footprint=np.ones((3,) * image.ndim))
    return image - lowered >= h - 1e-9


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("h", [1, 10, 40])
def test_h_maxima_are_those_that_reconstruction_lowers(h, dtype, shape):
    image = scene(shape, dtype)
    np.testing.assert_array_equal(operations.h_maxima(image, h=h), reconstructed_maxima(image, h))
    np.testing.assert_array_equal(operations.h_minima(image, h=h), reconstructed_maxima(-image.astype(float), h))


@pytest.mark.parametrize("seed", range(6))
def test_h_maxima_of_few_grey_values(seed):
    image = np.random.default_rng(seed).integers(0, 5, (12, 13)).astype(np.uint8)
    for h in (1, 2, 3):
        np.testing.assert_array_equal(operations.h_maxima(image, h=h), reconstructed_maxima(image, h))
        np.testing.assert_array_equal(operations.h_minima(image, h=h), reconstructed_maxima(4.0 - image, h))


def test_two_equal_peaks_are_both_kept_and_a_flat_image_has_none():
    profile = np.array([[0, 9, 5, 9, 9, 0, 3, 0.0]])
    np.testing.assert_array_equal(np.flatnonzero(operations.h_maxima(profile, h=4)), [1, 3, 4])
    # Whatever the pass between peaks of one height: neither is lower than the other.
    np.testing.assert_array_equal(np.flatnonzero(operations.h_maxima(profile, h=9)), [1, 3, 4])
    assert operations.h_maxima(profile, h=3).sum() == 4
    assert not operations.h_maxima(np.full((4, 5), 7)).any()
    assert not operations.h_maxima(profile, h=100).any()
    assert operations.h_maxima(np.pad(profile, 1)).sum() == 4


def test_the_suggested_height_is_above_the_noise():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64]
    image = 1000 * np.exp(-((y - 20) ** 2 + (x - 20) ** 2) / 60) + 600 * np.exp(-((y - 45) ** 2 + (x - 42) ** 2) / 60)
    noisy = image + rng.normal(0, 20, image.shape)
    settings = operations.h_maxima.suggested(noisy)
    found = operations.h_maxima(noisy, **settings)
    assert found.sum() == 2
    assert operations.h_minima.suggested(-noisy) == pytest.approx(settings)
