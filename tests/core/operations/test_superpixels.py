"""Superpixels and classes follow the image."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import adjusted_rand_score

from bioloom import operations


def patches(shape=(60, 60), noise=3.0, seed=0):
    """Three brightnesses in patches, and which is where."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 5)
    truth = np.digitize(smooth, np.quantile(smooth, [0.4, 0.8]))
    return np.array([20, 80, 160])[truth] + rng.normal(0, noise, shape), truth


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
@pytest.mark.parametrize("size", [6.0, 12.0])
def test_superpixels_are_of_one_size_and_do_not_cross_edges(size, dtype):
    image, truth = patches()
    labels = operations.slic(image.astype(dtype), size, compactness=0.05)
    assert labels.dtype == np.uint32
    assert labels.min() == 1
    assert labels.max() == len(np.unique(labels))
    expected = (60 / size) ** 2
    assert 0.5 * expected < labels.max() < 2 * expected
    assert all(ndimage.label(labels == k)[1] == 1 for k in range(1, labels.max() + 1))
    purity = sum(np.bincount(truth[labels == k]).max() for k in range(1, labels.max() + 1)) / truth.size
    assert purity > 0.85


def test_superpixels_in_units_of_an_anisotropic_stack():
    image = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(8, 32, 32)), (1, 2, 2))
    labels = operations.slic(image, 8, compactness=5, spacing=(4, 1, 1))
    extents = np.array([[s.stop - s.start for s in box] for box in ndimage.find_objects(labels.astype(int))])
    # About 2 × 8 × 8 pixels each.
    assert 1.5 < np.median(extents[:, 0]) < 4
    assert 6 < np.median(extents[:, 1]) < 13


def test_superpixels_in_a_mask_and_of_even_images():
    image, _ = patches()
    mask = np.zeros(image.shape, bool)
    mask[:30] = True
    labels = operations.slic(image, 10, mask=mask)
    np.testing.assert_array_equal(labels > 0, mask)
    even = operations.slic(np.full((20, 30), 7), 10)
    assert even.max() == 6
    assert (np.bincount(even.ravel())[1:] == 100).all()
    assert (operations.slic(np.zeros((3, 4)), 20) == 1).all()


def test_a_size_is_suggested():
    y, x = np.indices((80, 80))
    image = 100.0 * ((y - 20) ** 2 + (x - 20) ** 2 < 100) + 100 * ((y - 55) ** 2 + (x - 50) ** 2 < 100)
    assert operations.slic.suggested(image)["size"] == pytest.approx(10, rel=0.3)


@pytest.mark.parametrize("shape", [(60, 60), (8, 30, 30)])
def test_classes_are_those_of_brightness(shape):
    image, truth = patches(shape)
    found = operations.kmeans(image, 3)
    assert found.dtype == np.uint32
    assert (found == truth).mean() > 0.99
    np.testing.assert_array_equal(found, operations.kmeans(image, 3, seed=0))
    np.testing.assert_array_equal(found, operations.kmeans(image * 1000 + 7, 3))
    assert operations.kmeans(image, 5).max() == 4


def test_large_images_are_classified_from_a_sample():
    image, truth = patches((600, 600))
    assert (operations.kmeans(image.astype(np.float32), 3, seed=3) == truth).mean() > 0.99


def test_several_channels_part_what_one_does_not():
    image, truth = patches()
    other = np.where(np.indices(image.shape)[1] < 30, 0, 5000) + np.random.default_rng(1).normal(0, 50, image.shape)
    both = truth * 2 + (np.indices(image.shape)[1] >= 30)
    assert adjusted_rand_score(both.ravel(), operations.kmeans(image, 6, other).ravel()) > 0.9
    assert adjusted_rand_score(both.ravel(), operations.kmeans(image, 6).ravel()) < 0.7
    third = np.random.default_rng(2).normal(size=image.shape) * 0
    np.testing.assert_array_equal(operations.kmeans(image, 6, other, third), operations.kmeans(image, 6, other))


def test_few_values_give_few_classes():
    image = np.array([[1, 1, 5], [5, 1, 1]])
    np.testing.assert_array_equal(operations.kmeans(image, 4), image == 5)
    assert not operations.kmeans(np.full((4, 4), 0.3), 3).any()
    assert not operations.kmeans(np.zeros((1, 1)), 2).any()
