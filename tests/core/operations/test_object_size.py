"""Settings suggested from the image: what is refused, and what is not."""

import numpy as np
import pytest

from bioloom import operations, samples
from bioloom.errors import InputError

BRIGHT = ("voronoi_otsu_labeling", "watershed_otsu_labeling", "spots_log", "spots_dog")
SAMPLES = (samples.nuclei_2d, samples.nuclei_3d, samples.nuclei_two_channels, samples.nuclei_timelapse)


@pytest.fixture(scope="module")
def truth():
    return samples.nuclei_2d(shape=(160, 160), n_nuclei=12, seed=3)


def turned_over(image):
    return image.max() + image.min() - image


@pytest.mark.parametrize("name", BRIGHT)
def test_dark_objects_are_refused_with_the_way_out(name, truth):
    with pytest.raises(InputError, match=r"darker than what is around them.*Filter > Enhance > Invert"):
        operations.get_operation(name).suggested(turned_over(truth.image))
    operations.get_operation(name).suggested(operations.invert(turned_over(truth.image)))


def test_the_way_out_is_where_it_says():
    assert (operations.invert.category, operations.invert.title) == ("Filter/Enhance", "Invert")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)
def test_usual_fluorescence_is_not_refused(sample):
    made = sample()
    for image in made.image if made.axes[0] in "ct" else [made.image]:
        assert operations.voronoi_otsu_labeling.suggested(image)["spot_sigma"] < 10


def test_dense_bright_cells_are_not_refused():
    # Cells that differ in brightness cover three quarters of the image, and of its border.
    rng = np.random.default_rng(0)
    y, x = np.indices((200, 200))
    inside = (y % 20 > 1) & (x % 20 > 2)
    image = rng.normal(20, 4, inside.shape) + inside * np.kron(rng.uniform(80, 200, (10, 10)), np.ones((20, 20)))
    assert operations.voronoi_otsu_labeling.suggested(image)["spot_sigma"] == pytest.approx(4.5, rel=0.25)


def test_only_what_the_mask_shows_is_judged(truth):
    # Beside the dark objects there is a black margin, as around a slide.
    image = np.pad(turned_over(truth.image), 60)
    inside = np.pad(np.ones((150, 150), bool), 65)
    with pytest.raises(InputError, match="darker"):
        operations.voronoi_otsu_labeling.suggested(image, mask=inside)
    image = np.pad(truth.image, 60)
    assert operations.voronoi_otsu_labeling.suggested(image, mask=inside)


def test_superpixels_have_the_size_of_dark_objects_too(truth):
    bright = operations.slic.suggested(truth.image)["size"]
    assert operations.slic.suggested(turned_over(truth.image))["size"] == pytest.approx(bright, rel=0.1)
