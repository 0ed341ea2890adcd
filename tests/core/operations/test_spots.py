"""Spots are found where they are, and noise is none."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import feature

from bioloom import operations
from bioloom.operations import CATALOGUE

NAMES = ("spots_log", "spots_dog")


def spotted(shape, radius, n=12, seed=0, noise=1.0, spacing=None):
    """Round spots of 50 above ground, and their places."""
    rng = np.random.default_rng(seed)
    spacing = spacing or (1.0,) * len(shape)
    grid = [g * s for g, s in zip(np.indices(shape), spacing, strict=True)]
    image, places = np.full(shape, 100.0), []
    while len(places) < n:
        place = np.array([rng.uniform(2 * radius, m * s - 2 * radius) for m, s in zip(shape, spacing, strict=True)])
        if all(np.linalg.norm(place - other) > 4 * radius for other in places):
            places.append(place)
            image += 50 * np.exp(-sum((g - c) ** 2 for g, c in zip(grid, place, strict=True)) / radius**2)
    return image + rng.normal(0, noise, shape), np.array(places)


def centres(labels, spacing=None):
    found = np.array(ndimage.center_of_mass(labels > 0, labels, np.arange(1, labels.max() + 1)))
    return found.reshape(-1, labels.ndim) * (spacing or (1.0,) * labels.ndim)


def farthest(places, found):
    """Return how far the nearest spot found is from a place, at most."""
    return max(np.linalg.norm(found - place, axis=1).min() for place in places)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("shape", "radius"), [((80, 90), 3.0), ((80, 90), 2.0), ((24, 50, 50), 3.0)])
def test_every_spot_is_found_and_no_other(name, shape, radius, dtype):
    image, places = spotted(shape, radius)
    labels = CATALOGUE[name](image.astype(dtype), radius)
    assert labels.dtype == np.uint32
    assert labels.max() == len(places)
    assert farthest(places, centres(labels)) < 1
    assert list(np.unique(labels, return_index=True)[1][1:]) == sorted(np.unique(labels, return_index=True)[1][1:])
    sizes = np.bincount(labels.ravel())[1:]
    ball = np.count_nonzero(sum(g**2 for g in np.indices((9,) * len(shape)) - 4) <= radius**2)
    assert (sizes == ball).mean() > 0.9
    points = CATALOGUE[name](image.astype(dtype), radius, mark="point")
    assert points.max() == len(places)
    assert (np.bincount(points.ravel())[1:] <= 4).all()


@pytest.mark.parametrize("name", NAMES)
def test_places_are_those_of_scikit_image(name):
    image, _ = spotted((80, 90), 3.0)
    sigma = 3 / np.sqrt(2)
    blobs = feature.blob_log(image / 100, sigma, sigma, 1, threshold=0.1)[:, :2]
    found = centres(CATALOGUE[name](image, 3.0, mark="point"))
    assert len(found) == len(blobs)
    assert farthest(blobs, found) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_spots_in_units_of_an_anisotropic_stack(name):
    spacing = (2.0, 0.5, 0.5)
    image, places = spotted((16, 60, 60), 2.5, n=5, spacing=spacing)
    labels = CATALOGUE[name](image, 2.5, spacing=spacing)
    assert labels.max() == 5
    assert farthest(places, centres(labels, spacing)) < 1.2


@pytest.mark.parametrize("name", NAMES)
def test_noise_and_even_ground_hold_no_spots(name):
    rng = np.random.default_rng(0)
    assert CATALOGUE[name](rng.normal(100, 5, (80, 80))).max() <= 1
    for value in (0.1, 1e6):
        assert not CATALOGUE[name](np.full((9, 9), value)).any()
        assert not CATALOGUE[name](np.full((4, 9, 9), value), 3).any()


@pytest.mark.parametrize("name", NAMES)
def test_the_threshold_leaves_faint_spots_out(name):
    image = np.zeros((40, 80))
    y, x = np.indices(image.shape)
    for place, height in ((20, 10), (60, 40)):
        image += height * np.exp(-((y - 20) ** 2 + (x - place) ** 2) / 9)
    assert CATALOGUE[name](image, 3, threshold=1).max() == 2
    only = CATALOGUE[name](image, 3, threshold=8)
    assert only.max() == 1
    assert only[20, 60] == 1
    # As documented: about a half and about a quarter of how bright a spot is.
    share = {"spots_log": 0.5, "spots_dog": 0.25}[name]
    assert CATALOGUE[name](image, 3, threshold=0.8 * share * 40).max() == 1
    assert not CATALOGUE[name](image, 3, threshold=1.3 * share * 40).any()


@pytest.mark.parametrize("radius", [2.0, 4.0, 6.0])
def test_the_radius_is_suggested(radius):
    image, places = spotted((130, 130), radius, n=9)
    settings = operations.spots_log.suggested(image)
    assert settings["radius"] == pytest.approx(radius, rel=0.5)
    assert operations.spots_log(image, **settings).max() == len(places)
    assert operations.spots_dog.suggested(image, spacing=(0.5, 0.5))["radius"] == pytest.approx(
        settings["radius"] / 2, rel=0.1
    )
