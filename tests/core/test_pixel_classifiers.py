"""Pixel classifiers to their full depth: going on training, custom images, outputs, big images."""

from __future__ import annotations

import numpy as np
import pytest

from bioloom import samples
from bioloom.classify import Normalisation, ObjectSegmenter, PixelClassifier, ProbabilityMapper, load_classifier
from bioloom.classify.annotation import MAX_SAMPLES
from bioloom.classify.samples import hashed, stratified
from bioloom.errors import InputError


@pytest.fixture(scope="module")
def nuclei():
    sample = samples.nuclei_2d(shape=(256, 300), n_nuclei=30, seed=1)
    return sample, samples.strokes(sample.labels, n_pixels=300, seed=0)


def agreement(a, b):
    return np.mean(a == b)


# ------------------------------------------------------------------------------------------------ going on
def test_training_on_keeps_what_was_learnt(nuclei):
    sample, annotation = nuclei
    left, right = annotation.copy(), annotation.copy()
    left[:, 150:] = 0
    right[:, :150] = 0
    classifier = PixelClassifier(n_trees=30).fit(sample.image, left)
    n = len(classifier.samples_)
    classifier.fit(sample.image, right, keep=True)
    assert len(classifier.samples_) == n + np.count_nonzero(right)
    together = PixelClassifier(n_trees=30).fit(sample.image, annotation).predict(sample.image)
    assert agreement(classifier.predict(sample.image), together) > 0.97
    classifier.fit(sample.image, right)
    assert len(classifier.samples_) == np.count_nonzero(right)


def test_what_is_given_again_counts_once(nuclei):
    sample, annotation = nuclei
    half = annotation.copy()
    half[:, 150:] = 0
    n, n_half = np.count_nonzero(annotation), np.count_nonzero(half)
    once = PixelClassifier(n_trees=10).fit(sample.image, annotation)
    twice = PixelClassifier(n_trees=10).fit(sample.image, annotation).fit(sample.image, annotation, keep=True)
    assert len(twice.samples_) == twice.samples_.n_known == n
    np.testing.assert_array_equal(twice.predict(sample.image), once.predict(sample.image))

    # More is annotated in the same image, which divides all features into other bins.
    more = PixelClassifier(n_trees=10).fit(sample.image, half).fit(sample.image, annotation, keep=True)
    assert more.samples_.n_known == n_half
    assert len(more.samples_) == n
    more.fit(sample.image, annotation, keep=True)
    assert len(more.samples_) <= 1.05 * n


def test_what_is_given_again_in_another_class_counts_too(nuclei):
    sample, annotation = nuclei
    classifier = PixelClassifier(n_trees=10).fit(sample.image, annotation)
    classifier.fit(sample.image, np.where(annotation == 2, 3, 0), keep=True)
    assert classifier.samples_.n_known == 0
    assert len(classifier.samples_) == np.count_nonzero(annotation) + np.count_nonzero(annotation == 2)


def test_images_of_a_list_that_grows_count_once():
    several = [samples.nuclei_2d(shape=(128, 128), n_nuclei=8, seed=seed) for seed in (1, 2, 3)]
    images = [sample.image for sample in several]
    painted = [samples.strokes(sample.labels, n_pixels=200) for sample in several]
    n = sum(map(np.count_nonzero, painted))
    classifier = PixelClassifier(n_trees=5)
    for stop in (1, 2, 3, 3, 3):
        classifier.fit(images[:stop], painted[:stop], keep=True)
    # What was joined was rounded to bins, so that a few items may not be known again.
    assert n <= len(classifier.samples_) <= 1.02 * n


def test_a_class_can_be_added_later_alone(nuclei):
    sample, annotation = nuclei
    third = np.zeros_like(annotation)
    third[sample.image > np.quantile(sample.image, 0.999)] = 7
    classifier = PixelClassifier(n_trees=30).fit(sample.image, annotation)
    with pytest.raises(InputError, match="only class 7"):
        PixelClassifier(n_trees=30).fit(sample.image, third)
    classifier.fit(sample.image, third, keep=True)
    assert classifier.classes_.tolist() == [1, 2, 7]
    assert set(np.unique(classifier.predict(sample.image))) == {1, 2, 7}


def test_a_loaded_classifier_is_trained_on(nuclei, tmp_path):
    sample, annotation = nuclei
    top, bottom = annotation.copy(), annotation.copy()
    top[128:] = 0
    bottom[:128] = 0
    first = PixelClassifier(n_trees=30, class_names={2: "nucleus"}).fit(sample.image, top)
    first.save(tmp_path / "first.cl")
    loaded = load_classifier(tmp_path / "first.cl")
    assert loaded.class_names == {2: "nucleus"}
    assert loaded.name_of(2) == "nucleus"
    assert loaded.name_of(1) == "class 1"
    assert loaded.oob_score_ == pytest.approx(first.oob_score_)
    np.testing.assert_array_equal(loaded.predict(sample.image), first.predict(sample.image))
    for classifier in (first, loaded):
        classifier.fit(sample.image, bottom, keep=True)
    np.testing.assert_array_equal(loaded.predict(sample.image), first.predict(sample.image))


def test_trees_of_another_program_go_on_voting(nuclei, tmp_path):
    sample, annotation = nuclei
    old = PixelClassifier(n_trees=20).fit(sample.image, annotation)
    old.save(tmp_path / "old.cl")
    lines = (tmp_path / "old.cl").read_text().splitlines(keepends=True)
    (tmp_path / "old.cl").write_text("".join(line for line in lines if not line.startswith("training_samples")))
    classifier = load_classifier(tmp_path / "old.cl")
    assert classifier.samples_ is None
    swapped = np.where(annotation == 2, 5, 0).astype(np.uint8)
    classifier.fit(sample.image, swapped, keep=True)
    assert classifier.classes_.tolist() == [1, 2, 5]
    assert classifier.forest.n_trees == 40
    # 20 trees know class 5 only, 20 trees the others.
    probability = classifier.predict_proba(sample.image)
    np.testing.assert_allclose(probability[2], 0.5, rtol=1e-4)
    np.testing.assert_allclose(probability[:2] * 2, old.predict_proba(sample.image), atol=1e-3)


# ------------------------------------------------------------------------------------------------ what is learnt from
def test_samples_are_capped_evenly_and_mostly_stay_when_more_is_painted():
    rng = np.random.default_rng(0)
    classes = np.repeat([1, 2, 5], [50_000, 30_000, 100])
    keys = hashed(np.arange(len(classes)))
    chosen = stratified(classes, keys, 10_000)
    assert np.unique(classes[chosen], return_counts=True)[1].tolist() == [4950, 4950, 100]
    fewer = np.flatnonzero(rng.random(len(classes)) < 0.95)
    again = fewer[stratified(classes[fewer], keys[fewer], 10_000)]
    assert len(np.intersect1d(chosen, again)) > 9000


def test_a_fully_painted_image_is_learnt_from_evenly():
    sample = samples.nuclei_2d(shape=(300, 300), n_nuclei=20, seed=1)
    annotation = (sample.labels > 0).astype(np.uint8) + 1
    classifier = PixelClassifier("original gaussian_blur=2", n_trees=20).fit(sample.image, annotation)
    assert len(classifier.samples_) == MAX_SAMPLES
    assert np.unique(classifier.samples_.classes, return_counts=True)[1].tolist() == [5000, 5000]
    assert len(np.unique(classifier.samples_.groups)) == 100  # tiles of 32 pixels


@pytest.mark.parametrize("trees", ["random forest", "extra trees"])
@pytest.mark.parametrize("balanced", [False, True])
def test_kinds_of_forests(nuclei, trees, balanced):
    sample, annotation = nuclei
    classifier = PixelClassifier(n_trees=40, trees=trees, balanced=balanced).fit(sample.image, annotation)
    assert agreement(classifier.predict(sample.image) == 2, sample.labels > 0) > 0.93
    if trees == "random forest":
        assert classifier.oob_score_ > 0.9
    else:
        assert classifier.oob_score_ is None


# ------------------------------------------------------------------------------------------------ answers
def test_uncertainty_is_one_minus_the_lead(nuclei):
    sample, annotation = nuclei
    classifier = PixelClassifier(n_trees=30).fit(sample.image, annotation)
    first, second = np.sort(classifier.predict_proba(sample.image), axis=0)[::-1][:2]
    np.testing.assert_allclose(classifier.predict_uncertainty(sample.image), 1 - (first - second), atol=1e-5)


def test_probability_mapper_and_object_segmenter_ask_about_one_class(nuclei, tmp_path):
    sample, annotation = nuclei
    pixels = PixelClassifier(n_trees=30).fit(sample.image, annotation)
    mapper = ProbabilityMapper(positive_class=1, n_trees=30).fit(sample.image, annotation)
    probability = mapper.predict(sample.image)
    assert probability.dtype == np.float32
    np.testing.assert_array_equal(probability, pixels.predict_proba(sample.image)[0])
    segmenter = ObjectSegmenter(n_trees=30).fit(sample.image, annotation)
    labels = segmenter.predict(sample.image)
    assert labels.max() > 5
    for classifier in (mapper, segmenter):
        classifier.save(tmp_path / "model.cl")
        loaded = load_classifier(tmp_path / "model.cl")
        assert type(loaded) is type(classifier)
        np.testing.assert_array_equal(loaded.predict(sample.image), classifier.predict(sample.image))
    plain = ObjectSegmenter(
        n_trees=30, normalise="none", trees="random forest", smoothing=0, fill_holes=False, split_touching=False
    ).fit(sample.image, annotation)
    regions = plain.predict(sample.image)
    np.testing.assert_array_equal(regions > 0, pixels.predict(sample.image) == 2)
    mapper.positive_class = 9
    with pytest.raises(InputError, match=r"9.*knows the classes 1, 2"):
        mapper.predict(sample.image)


def test_custom_images_teach_what_the_image_does_not_show(nuclei):
    sample, _ = nuclei
    rng = np.random.default_rng(0)
    noise = rng.random(sample.image.shape).astype(np.float32)
    annotation = np.zeros(noise.shape, np.uint8)
    annotation[:60] = 1 + (sample.labels[:60] > 0)
    classifier = PixelClassifier("gaussian_blur=1 custom=0", n_trees=20).fit(noise, annotation, custom=[sample.image])
    assert classifier.feature_importances_[1] > 0.8
    assert agreement(classifier.predict(noise, custom=[sample.image]) == 2, sample.labels > 0) > 0.9
    with pytest.raises(InputError, match="needs 1 images"):
        classifier.predict(noise)


def test_answers_are_written_where_one_wants_them(nuclei):
    zarr = pytest.importorskip("zarr")
    sample, annotation = nuclei
    classifier = PixelClassifier(n_trees=20).fit(sample.image, annotation)
    out = zarr.zeros(sample.image.shape, dtype=np.uint8, chunks=(64, 64))
    assert classifier.predict(zarr.array(sample.image), out=out) is out
    np.testing.assert_array_equal(out[:], classifier.predict(sample.image))
    with pytest.raises(InputError, match="shape"):
        classifier.predict(sample.image, out=np.zeros((3, 3), np.uint8))


def test_objects_of_three_classes_are_where_the_class_leads():
    sample = samples.nuclei_2d(shape=(200, 200), n_nuclei=20, seed=2)
    annotation = samples.strokes(sample.labels, n_pixels=300, seed=0)
    annotation[(annotation == 2) & (sample.image > np.median(sample.image[annotation == 2]))] = 3
    settings = {"n_trees": 30, "normalise": "none", "trees": "random forest"}
    segmenter = ObjectSegmenter(2, smoothing=0, fill_holes=False, **settings).fit(sample.image, annotation)
    classes = PixelClassifier(**settings).fit(sample.image, annotation).predict(sample.image)
    labels = segmenter.predict(sample.image)
    assert agreement(labels > 0, classes == 2) > 0.995


def test_touching_nuclei_are_split_by_a_segmenter():
    sample = samples.nuclei_2d(shape=(300, 300), n_nuclei=60, seed=3)
    annotation = samples.strokes(sample.labels, n_pixels=500, seed=0)
    together = ObjectSegmenter(n_trees=30, split_touching=False).fit(sample.image, annotation).predict(sample.image)
    split = ObjectSegmenter(n_trees=30).fit(sample.image, annotation).predict(sample.image)
    truth = len(np.unique(sample.labels)) - 1
    assert abs(int(split.max()) - truth) < abs(int(together.max()) - truth)


# ------------------------------------------------------------------------------------------------ normalisation
@pytest.mark.parametrize("how", ["linear", "log"])
def test_a_normalising_classifier_holds_at_another_exposure(nuclei, how, tmp_path):
    sample, annotation = nuclei
    dim = (sample.image.astype(float) * 0.4 + 30).astype(np.uint16)
    truth = sample.labels > 0
    plain = PixelClassifier(n_trees=30).fit(sample.image, annotation)
    classifier = PixelClassifier(n_trees=30, normalise=how).fit(sample.image, annotation)
    at_home = agreement(classifier.predict(sample.image) == 2, truth)
    assert at_home > 0.93
    assert agreement(classifier.predict(dim) == 2, truth) > at_home - 0.03
    assert agreement(plain.predict(dim) == 2, truth) < at_home - 0.03
    classifier.save(tmp_path / "model.cl")
    np.testing.assert_array_equal(load_classifier(tmp_path / "model.cl").predict(dim), classifier.predict(dim))


def test_intensities_of_a_chosen_part_decide(nuclei, tmp_path):
    sample, annotation = nuclei
    spoilt = sample.image.copy()
    spoilt[200:] = 60_000  # a burnt-in scale bar, say
    part = Normalisation("linear", levels="percentiles", region=((0, 200), (0, 300)))
    classifier = PixelClassifier(n_trees=30, normalise=part).fit(sample.image, annotation)
    whole = PixelClassifier(n_trees=30, normalise=Normalisation("linear", levels="percentiles"))
    whole.fit(sample.image, annotation)
    upper = (slice(0, 170), slice(None))
    truth = sample.labels[upper] > 0
    assert agreement(classifier.predict(spoilt)[upper] == 2, truth) > 0.93
    assert agreement(whole.predict(spoilt)[upper] == 2, truth) < 0.9
    classifier.save(tmp_path / "model.cl")
    assert load_classifier(tmp_path / "model.cl").normalisation == part
    with pytest.raises(InputError, match="pairs of first and last"):
        Normalisation(region=((5, 2), (0, 9)))
