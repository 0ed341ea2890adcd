"""Painting and predicting: only what was painted is learnt from, only what is looked at is computed, and only once."""

import time
from dataclasses import replace

import numpy as np
import pytest

from bioloom import device, samples
from bioloom.classify import PixelClassifier, load_classifier
from bioloom.errors import Cancelled, InputError
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobRunner
from bioloom.session.live_training import Member, TrainingSettings
from bioloom.session.pixel_session import PixelSession

FEATURES = "original gaussian_blur=1 gaussian_blur=3 sobel_of_gaussian_blur=1"
SETTINGS = TrainingSettings(FEATURES, n_trees=20, max_depth=5)


def stack(*channels, spacing=(1.0, 1.0), n_frames=None):
    return ImageStack(channels, tuple(f"c{k}" for k in range(len(channels))), spacing, "µm", n_frames)


def learn(session, one, painted, *, live=False, progress=None, **changes):
    """Train a session on one image."""
    return session.train([Member(one, painted)], replace(SETTINGS, **changes), live=live, progress=progress)


def agreement(classes, labels):
    """Intersection over union of class 2 and the true nuclei."""
    found, true = classes == 2, labels > 0
    return (found & true).sum() / (found | true).sum()


def fresh(one, annotation, index=0):
    """What a classifier says that was trained from scratch, with nothing kept; also what its file says."""
    classifier = learn(PixelSession(), one, annotation)
    return classifier.predict_proba(one.frame(index), channel_axis=0, spacing=one.spacing)


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(160, 176), n_nuclei=12, seed=1)


@pytest.fixture(scope="module")
def annotation(nuclei):
    return samples.strokes(nuclei.labels, n_pixels=300, seed=0)


@pytest.fixture(scope="module")
def series():
    """Four frames of which two are annotated."""
    sample = samples.nuclei_timelapse(shape=(4, 96, 96), n_nuclei=5, seed=1)
    annotation = np.zeros(sample.labels.shape, np.uint8)
    for frame in (1, 3):
        annotation[frame] = samples.strokes(sample.labels[frame], n_pixels=120, seed=frame)
    return sample, annotation


# ------------------------------------------------------------------------------------------------ kinds of images
def test_an_image_is_learnt_from_strokes(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    classifier = learn(session, one, annotation)
    assert session.classifier is classifier
    said = session.predict(one, [0])
    assert agreement(said.classes, nuclei.labels) > 0.8
    assert (said.classes.shape, said.classes.dtype) == (nuclei.image.shape, np.uint8)
    assert (said.probability.dtype, said.class_id) == (np.float32, 2)
    assert ((said.probability > 0.5) == (said.classes == 2)).mean() > 0.999
    expected = fresh(one, annotation)
    np.testing.assert_array_equal(said.probability, expected[1])
    background = session.predict(one, [0], class_id=1)
    np.testing.assert_array_equal(background.probability, expected[0])


def test_class_ids_are_those_that_were_painted(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    learn(session, one, annotation)
    plain = session.predict(one, [0])
    ids = np.array([0, 3, 700], np.uint16)
    learn(session, one, ids[annotation])
    said = session.predict(one, [0])
    assert said.class_id == 700
    np.testing.assert_array_equal(said.classes, ids[plain.classes])


def test_only_annotated_frames_are_learnt_from_and_only_the_asked_one_is_predicted(series):
    da = pytest.importorskip("dask.array")
    sample, annotation = series
    read = []

    def note(block, block_info):
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(sample.image, chunks=(1, 96, 96)).map_blocks(note, dtype="u2", meta=np.empty((0, 0, 0), "u2"))
    session, many = PixelSession(), stack(lazy, n_frames=4)
    learn(session, many, annotation)
    assert read == [1, 3]
    said = session.predict(many, [2])
    assert read == [1, 3, 2]
    assert said.classes.shape == sample.image.shape
    assert not said.classes[[0, 1, 3]].any()
    assert not said.probability[[0, 1, 3]].any()
    assert agreement(said.classes[2], sample.labels[2]) > 0.75
    learn(session, many, annotation)
    session.predict(many, [1, 2, 3])
    assert read == [1, 3, 2], "frames are read once"
    reference = stack(sample.image, n_frames=4)
    np.testing.assert_array_equal(said.probability[2], fresh(reference, annotation, 2)[1])


def test_all_frames_at_once_equal_frame_after_frame(series):
    sample, annotation = series
    session, many, steps = PixelSession(), stack(sample.image, n_frames=4), []
    learn(session, many, annotation)
    together = session.predict(many, many.frames(), progress=lambda *step: steps.append(step))
    for k in many.frames():
        np.testing.assert_array_equal(together.classes[k], session.predict(many, [k]).classes[k])
    assert steps[-1][0] == steps[-1][1]
    assert steps == sorted(steps)


def test_a_second_channel_helps_where_the_first_does_not_tell(nuclei, annotation):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 400, nuclei.image.shape).astype(np.uint16)
    session = PixelSession()
    learn(session, stack(noise), annotation)
    blind = agreement(session.predict(stack(noise), [0]).classes, nuclei.labels)
    both = stack(noise, nuclei.image)
    classifier = learn(session, both, annotation)
    said = session.predict(both, [0])
    assert blind < 0.5
    assert agreement(said.classes, nuclei.labels) > 0.75
    assert (classifier.n_channels, len(classifier.feature_names_)) == (2, 8)
    assert classifier.feature_importances_[4:].sum() > 0.8
    np.testing.assert_array_equal(said.probability, fresh(both, annotation)[1])


def test_anisotropic_stacks_are_smoothed_by_their_physical_size():
    sample = samples.nuclei_3d(shape=(16, 72, 80), n_nuclei=3, seed=1)
    annotation = samples.strokes(sample.labels, n_pixels=400, seed=0)
    session, deep = PixelSession(), stack(sample.image, spacing=sample.spatial_spacing)
    classifier = learn(session, deep, annotation)
    said = session.predict(deep, [0])
    assert classifier.spacing == sample.spatial_spacing != (1.0, 1.0, 1.0)
    assert agreement(said.classes, sample.labels) > 0.75
    np.testing.assert_array_equal(said.probability, fresh(deep, annotation)[1])
    pixels = stack(sample.image, spacing=(1.0, 1.0, 1.0))
    learn(session, pixels, annotation)
    assert (session.predict(pixels, [0]).probability != said.probability).any()


def test_the_classifier_can_be_saved_and_applied_elsewhere(nuclei, annotation, tmp_path):
    session, both = PixelSession(), stack(nuclei.image, nuclei.image // 2)
    learn(session, both, annotation)
    expected = session.predict(both, [0]).classes
    session.classifier.save(tmp_path / "pixels.cl")
    alone = load_classifier(tmp_path / "pixels.cl")
    np.testing.assert_array_equal(alone.predict(both.frame(0)), expected)
    other = PixelSession()
    other.classifier = alone
    np.testing.assert_array_equal(other.predict(both, [0]).classes, expected)


# ------------------------------------------------------------------------------------------------ kept features
def test_training_again_uses_the_features_at_hand(nuclei, annotation):
    sample = samples.nuclei_2d(shape=(640, 640), n_nuclei=60, seed=1)
    first = samples.strokes(sample.labels, n_pixels=300, seed=0)
    second = np.where(first > 0, first, samples.strokes(sample.labels, n_pixels=200, seed=5))
    settings = {"features": "gaussian_blur=4 sobel_of_gaussian_blur=4 gaussian_blur=8", "n_trees": 5}
    learn(PixelSession(), stack(nuclei.image), annotation, **settings)  # compiles
    session, one, times = PixelSession(), stack(sample.image), []
    for painted in (first, second, first, second):
        start = time.perf_counter()
        learn(session, one, painted, **settings, live=True)
        times.append(time.perf_counter() - start)
    assert min(times[1:]) < 0.5 * times[0]
    learn(session, one, second, **settings)
    other = PixelSession()
    learn(other, stack(sample.image), second, **settings)
    np.testing.assert_array_equal(
        session.predict(one, [0]).probability, other.predict(stack(sample.image), [0]).probability
    )


def test_another_image_is_not_taken_for_the_old_one(nuclei, annotation):
    session = PixelSession()
    learn(session, stack(nuclei.image), annotation)
    brighter = stack(nuclei.image * 3 + 50)
    learn(session, brighter, annotation)
    np.testing.assert_array_equal(session.predict(brighter, [0]).probability, fresh(brighter, annotation)[1])
    finer = stack(nuclei.image, spacing=(0.5, 0.5))
    learn(session, finer, annotation)
    np.testing.assert_array_equal(session.predict(finer, [0]).probability, fresh(finer, annotation)[1])


def test_an_edited_image_can_be_forgotten(nuclei, annotation):
    image = nuclei.image.copy()
    session, one = PixelSession(), stack(image)
    learn(session, one, annotation)
    before = session.predict(one, [0])
    image[:] = image[:, ::-1]
    session.forget()
    after = session.predict(one, [0])
    assert (after.classes != before.classes).any()
    np.testing.assert_array_equal(after.classes, session.classifier.predict(image, spacing=(1.0, 1.0)))
    learn(session, one, annotation)
    np.testing.assert_array_equal(session.predict(one, [0]).probability, fresh(one, annotation)[1])


def test_other_features_of_the_same_image_are_computed_anew(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    learn(session, one, annotation, features="gaussian_blur=5")
    learn(session, one, annotation)
    np.testing.assert_array_equal(session.predict(one, [0]).probability, fresh(one, annotation)[1])


@pytest.mark.parametrize(("frames_that_fit", "expected"), [(4.5, [0, 1, 2, 3]), (2.5, [0, 1, 2, 3, 0]), (0.1, None)])
def test_of_a_long_series_only_as_many_frames_are_kept_as_fit_into_memory(
    series, monkeypatch, frames_that_fit, expected
):
    da = pytest.importorskip("dask.array")
    sample, annotation = series
    read = []

    def note(block, block_info):
        read.append(block_info[0]["chunk-location"][0])
        return block

    lazy = da.from_array(sample.image, chunks=(1, 96, 96)).map_blocks(note, dtype="u2", meta=np.empty((0, 0, 0), "u2"))
    frame_bytes = 96 * 96 * (2 + 4)
    monkeypatch.setattr(device, "memory_budget", lambda: int(frames_that_fit * frame_bytes))
    session, many = PixelSession(), stack(lazy, n_frames=4)
    session.classifier = PixelClassifier(FEATURES, 20, 5).fit(
        [sample.image[k] for k in (1, 3)], [annotation[k] for k in (1, 3)], spacing=(1.0, 1.0)
    )
    expected_classes = [session.classifier.predict(frame, spacing=(1.0, 1.0)) for frame in sample.image]
    for k in (0, 1, 2, 3, 3, 2 if frames_that_fit > 1 else 3, 0):
        np.testing.assert_array_equal(session.predict(many, [k]).classes[k], expected_classes[k])
    assert read == (expected or [0, 1, 2, 3, 0])
    # Training on more frames than fit is slower, not impossible.
    learn(session, many, annotation)
    np.testing.assert_array_equal(
        session.predict(many, [1]).probability[1], fresh(stack(sample.image, n_frames=4), annotation, 1)[1]
    )


# ------------------------------------------------------------------------------------------------ cancel and errors
def test_a_cancel_at_any_time_leaves_the_last_classifier(series):
    sample, annotation = series
    session, many = PixelSession(), stack(sample.image, n_frames=4)
    first = learn(session, many, annotation)
    calls = []
    learn(PixelSession(), many, annotation, progress=lambda *step: calls.append(step))
    assert len(calls) > 1
    for last in range(len(calls)):
        left = iter(range(last))

        def stop(done, total, left=left):
            if next(left, None) is None:
                raise Cancelled

        session.forget()
        with pytest.raises(Cancelled):
            learn(session, many, annotation, seed=1, progress=stop)
        assert session.classifier is first
        with pytest.raises(Cancelled):
            session.predict(many, [0], progress=lambda done, total: stop(done, total))
    np.testing.assert_array_equal(session.predict(many, [0]).probability[0], first.predict_proba(sample.image[0])[1])


def test_a_cancel_while_the_trees_grow_leaves_the_last_classifier(series):
    sample, annotation = series
    session, many, reported = PixelSession(), stack(sample.image, n_frames=4), []
    first = learn(session, many, annotation)

    def cancelled_after_the_features(done, total):
        # Two frames are annotated, of one block each.
        if len(reported) == 2:
            raise Cancelled
        reported.append((done, total))

    with pytest.raises(Cancelled):
        learn(session, many, annotation, seed=1, progress=cancelled_after_the_features)
    assert reported == [(1, 1), (1, 1)]
    assert session.classifier is first


def test_the_classifier_of_the_last_stroke_wins(nuclei, annotation):
    """As strokes follow each other faster than they can be learnt from."""
    session, one, runner, shown = PixelSession(), stack(nuclei.image), JobRunner(), []
    grown = [np.where(np.arange(annotation.shape[1]) < x, annotation, 0) for x in (100, 120, 140, 160, 176)]

    def learnt(painted):
        def job(progress):
            learn(session, one, painted, progress=progress)
            return session.predict(one, [0], progress=progress)

        return job

    for painted in grown:
        runner.start("Training", learnt(painted), shown.append)
        time.sleep(0.01)
    assert runner.wait(20)
    np.testing.assert_array_equal(shown[-1].probability, fresh(one, annotation)[1])
    np.testing.assert_array_equal(session.predict(one, [0]).probability, shown[-1].probability)


def test_what_cannot_be_learnt_from_is_said(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    with pytest.raises(InputError, match=r"Nothing is annotated yet\. Paint some pixels of at least two classes"):
        learn(session, one, np.zeros_like(annotation))
    with pytest.raises(InputError, match="only class 2 is annotated"):
        learn(session, one, np.where(annotation == 2, 2, 0))
    with pytest.raises(InputError, match=r"annotation has the shape \(150, 176\), but the image \(160, 176\)"):
        learn(session, one, annotation[:150])
    with pytest.raises(InputError, match="NaN"):
        learn(session, stack(np.where(annotation == 2, np.nan, 1.0)), annotation)
    with pytest.raises(InputError, match="gaussian_blurr"):
        learn(session, one, annotation, features="gaussian_blurr=1")
    assert session.classifier is None


def test_what_cannot_be_predicted_is_said(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    with pytest.raises(InputError, match=r"no classifier yet\. Train one, or load one"):
        session.predict(one, [0])
    learn(session, one, annotation)
    with pytest.raises(InputError, match="knows the classes 1, 2, but not 5"):
        session.predict(one, [0], class_id=5)
    with pytest.raises(InputError, match=r"trained on 1 channel\(s\) in 2D, but .* 2 channel\(s\) in 2D"):
        session.predict(stack(nuclei.image, nuclei.image), [0])
    deep = np.stack([nuclei.image] * 3)
    with pytest.raises(InputError, match=r"in 2D, but .* 1 channel\(s\) in 3D"):
        session.predict(stack(deep, spacing=(1.0, 1.0, 1.0)), [0])
    assert agreement(session.predict(one, [0]).classes, nuclei.labels) > 0.8


# ------------------------------------------------------------------------------------------------ what is rare
def test_rare_structures_are_learnt_as_well_as_from_python():
    """Two kinds of rare spots that quantiles of the whole image cannot tell apart."""
    rng = np.random.default_rng(0)
    image = rng.normal(100, 5, (700, 700)).astype(np.float32)
    truth = np.zeros(image.shape, np.uint8)
    for k, height in ((1, 900), (2, 1000)):
        for y, x in rng.integers(10, 690, (25, 2)):
            truth[y - 2 : y + 3, x - 2 : x + 3] = k
            image[y - 2 : y + 3, x - 2 : x + 3] = height + rng.normal(0, 5, (5, 5))
    annotation = np.where(np.cumsum(truth > 0).reshape(truth.shape) < 600, truth, 0)
    annotation[:4] = 3
    one = stack(image)
    session = PixelSession()
    learn(session, one, annotation, features="original gaussian_blur=1", max_depth=6)
    said = session.predict(one, [0]).classes
    for k in (1, 2):
        assert (said[truth == k] == k).mean() > 0.95


def test_frames_of_different_brightness_are_learnt_together():
    rng = np.random.default_rng(0)
    truth = np.zeros((2, 64, 64), np.uint8)
    truth[:, :, 32:] = 1
    image = (truth * 20.0 + rng.normal(0, 2, truth.shape) + np.array([0, 5000])[:, None, None]).astype(np.float32)
    one = stack(image, n_frames=2)
    session = PixelSession()
    learn(session, one, truth + 1, features="original gaussian_blur=1", max_depth=8)
    said = session.predict(one, [0, 1]).classes
    assert (said == truth + 1).mean(axis=(1, 2)).min() > 0.95


def test_live_training_keeps_its_bins_until_much_more_is_painted(nuclei, annotation):
    one = stack(nuclei.image)
    session = PixelSession()
    first = learn(session, one, annotation, live=True)
    more = annotation.copy()
    more[:2, :2] = 1
    second = learn(session, one, more, live=True)
    assert second.forest.edges is first.forest.edges
    more[:6] = 1
    third = learn(session, one, more, live=True)
    assert third.forest.edges is not first.forest.edges
