"""Classifiers as operations give what the classifiers give."""

import numpy as np
import pytest

from bioloom import samples
from bioloom.classify import ObjectSegmenter, PixelClassifier, ProbabilityMapper
from bioloom.errors import InputError
from bioloom.recipe.catalogue import get_operation

FEATURES = "original gaussian_blur=1 gaussian_blur=3"


@pytest.fixture(scope="module")
def sample():
    return samples.nuclei_2d(shape=(96, 96), n_nuclei=12, seed=2)


@pytest.fixture(scope="module")
def strokes(sample):
    return samples.strokes(sample.labels, n_pixels=300)


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        (PixelClassifier, "classify_pixels"),
        (ObjectSegmenter, "segment_objects"),
        (ProbabilityMapper, "map_probability"),
    ],
)
def test_the_operation_gives_what_the_classifier_predicts(sample, strokes, kind, operation, tmp_path):
    classifier = kind(features=FEATURES, n_trees=10).fit(sample.image, strokes)
    classifier.save(tmp_path / "c.cl")
    found = get_operation(operation)(sample.image, classifier=str(tmp_path / "c.cl"))
    np.testing.assert_array_equal(found, classifier.predict(sample.image))


def test_another_kind_of_classifier_is_refused(sample, strokes, tmp_path):
    PixelClassifier(FEATURES, n_trees=3).fit(sample.image, strokes).save(tmp_path / "c.cl")
    with pytest.raises(InputError, match=r"ProbabilityMapper|probabilit"):
        get_operation("map_probability")(sample.image, classifier=str(tmp_path / "c.cl"))
