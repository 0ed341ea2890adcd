"""Painting and predicting: only what was painted is learnt from, only what is looked at is computed, and only once."""

import time
from dataclasses import replace

import numpy as np
import pytest

from bioloom import device, samples
from bioloom.classify import PixelClassifier, load_classifier
from bioloom.classify.feature_blocks import blocks_of
from bioloom.errors import Cancelled, InputError
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import JobRunner
from bioloom.session.live_apply import apply_to_stack, objects_of, of_kind, what_it_gives
from bioloom.session.live_memory import Kept, LazyChannel
from bioloom.session.live_training import AnnotationReader, Member, TrainingSettings
from bioloom.session.live_view import in_view, key_of, out_of_view
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


def test_an_undo_gives_back_the_answer_there_was(nuclei, annotation):
    session, one, more = PixelSession(), stack(nuclei.image), annotation.copy()
    learn(session, one, annotation, live=True)
    first = session.predict(one, [0])
    more[:20, :20] = 1
    learn(session, one, more, live=True)
    assert (session.predict(one, [0]).probability != first.probability).any()
    learn(session, one, annotation.copy(), live=True)
    np.testing.assert_array_equal(session.predict(one, [0]).probability, first.probability)
    learn(session, one, annotation, live=True, max_depth=2)
    assert session.classifier.max_depth == 2, "other settings are no undo"


def test_training_can_be_undone(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    assert not session.can_undo_training
    with pytest.raises(InputError, match="no earlier classifier"):
        session.undo_training()
    first = learn(session, one, annotation)
    assert not session.can_undo_training
    second = learn(session, one, np.where(annotation == 2, 1, 2) * (annotation > 0))
    learn(session, one, annotation, n_trees=5)
    assert session.undo_training() is second
    assert session.undo_training() is first
    assert agreement(session.predict(one, [0]).classes, nuclei.labels) > 0.8
    assert not session.can_undo_training


def test_what_is_trained_while_another_classifier_is_loaded_is_dropped(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    loaded = learn(PixelSession(), one, annotation)

    def load_meanwhile(done, total):
        session.classifier = loaded

    with pytest.raises(Cancelled):
        learn(session, one, annotation, n_trees=3, progress=load_meanwhile)
    assert session.classifier is loaded


# ------------------------------------------------------------------------------------------------ several images
def test_images_of_a_training_set_are_learnt_together(nuclei, annotation):
    """Of which the second has the intensities of the background of the first."""
    dark, half = stack((nuclei.image // 12).astype(np.uint16)), np.arange(annotation.shape[1]) < 90
    painted = np.where(half, (nuclei.labels > 0) + 1, 0)
    session, bright = PixelSession(), stack(nuclei.image)
    learn(session, bright, painted)
    assert agreement(session.predict(dark, [0]).classes, nuclei.labels) < 0.5
    session.train([Member(bright, painted), Member(dark, painted)], SETTINGS, live=True)
    for one in (bright, dark):
        assert agreement(session.predict(one, [0]).classes, nuclei.labels) > 0.75
    with pytest.raises(InputError, match=r"same number of channels .* a: 1 channel\(s\) in 2D; b: 2 channel\(s\)"):
        session.train([Member(bright, painted, "a"), Member(stack(nuclei.image, nuclei.image), painted, "b")], SETTINGS)


def test_the_order_of_strokes_does_not_matter_to_a_plain_training(nuclei, annotation, series):
    sample, painted = series
    members = [Member(stack(nuclei.image), annotation), Member(stack(sample.image, n_frames=4), painted)]
    session = PixelSession()
    learn(session, members[0].stack, annotation, live=True)
    session.train(members[::-1], SETTINGS, live=True)
    expected = PixelSession().train(members, SETTINGS).predict_proba(nuclei.image)
    np.testing.assert_array_equal(session.train(members, SETTINGS).predict_proba(nuclei.image), expected)


def test_annotations_that_did_not_change_are_not_read_again(series, nuclei, annotation):
    sample, painted = series
    read = []

    class Noted:
        shape = painted.shape

        def __getitem__(self, index):
            read.append(index)
            return painted[index]

    reader, noted = AnnotationReader(), Noted()

    def members(version):
        return [Member(stack(sample.image, n_frames=4), noted, "", version), Member(stack(nuclei.image), annotation)]

    first = reader.read(members(1))
    assert [(f.member, f.index) for f in first] == [(0, 1), (0, 3), (1, 0)]
    assert [f.fingerprint for f in reader.read(members(1))] == [f.fingerprint for f in first]
    assert read == [0, 1, 2, 3]
    reader.read(members(2))
    assert read == [0, 1, 2, 3] * 2
    reader.read(members(None))
    assert len(read) == 12


def test_objects_are_not_taken_for_an_annotation(nuclei):
    with pytest.raises(InputError, match="40 different values, as a layer of objects"):
        learn(PixelSession(), stack(nuclei.image), np.arange(160 * 176).reshape(160, 176) % 41)


# ------------------------------------------------------------------------------------------------ block by block
def test_the_first_trees_answer_first_and_all_trees_give_the_exact_answer(nuclei, annotation):
    sample = samples.nuclei_2d(shape=(1100, 700), n_nuclei=60, seed=1)
    session, one = PixelSession(), stack(sample.image)
    learn(session, one, samples.strokes(sample.labels, n_pixels=400), n_trees=100, live=True)
    blocks = session.source(one, 0).blocks
    list(session.answers(one, 0, blocks))
    learn(session, one, samples.strokes(sample.labels, n_pixels=400), n_trees=100, live=True)
    session.early.seconds_per_vote = None
    answers = list(session.answers(one, 0, blocks, early=True))
    assert [a.final for a in answers] == [False] * 6 + [True] * 6
    session.early.seconds_per_vote = 1e-12
    assert [a.final for a in session.answers(one, 0, blocks, early=True)] == [True] * 6, "a quick forest need not hurry"
    session.early.seconds_per_vote = None
    other = stack(sample.image[::-1])
    assert all(a.final for a in session.answers(other, 0, blocks, early=True)), "features take longer than the forest"
    said, early = np.zeros(one.shape, np.uint8), np.zeros(one.shape, np.uint8)
    probability, uncertainty = np.zeros(one.shape, np.float32), np.zeros(one.shape, np.float32)
    for answer in answers:
        (said if answer.final else early)[answer.block] = answer.classes
        if answer.final:
            probability[answer.block] = answer.probability
            uncertainty[answer.block] = answer.uncertainty
    expected = session.classifier.predict_proba(sample.image)
    np.testing.assert_array_equal(said, session.classifier.predict(sample.image))
    np.testing.assert_array_equal(probability, expected[1])
    np.testing.assert_allclose(uncertainty, 1 - np.abs(expected[1] - expected[0]), atol=1e-6)
    assert 0.97 < (early == said).mean() <= 1


def test_few_trees_or_pixels_answer_at_once(nuclei, annotation):
    session, one = PixelSession(), stack(nuclei.image)
    learn(session, one, annotation, n_trees=100, live=True)
    blocks = session.source(one, 0).blocks
    for _ in range(2):
        assert [a.final for a in session.answers(one, 0, blocks, early=True)] == [True]


def test_blocks_in_view_come_first_from_the_centre_outwards():
    blocks = blocks_of((2048, 2048))
    region = (slice(700, 1500), slice(1100, 1900))
    near = in_view(blocks, region)
    centres = [((b[0].start + b[0].stop) / 2, (b[1].start + b[1].stop) / 2) for b in near]
    distances = [(y - 1100) ** 2 + (x - 1500) ** 2 for y, x in centres]
    assert len(near) == 4
    assert distances == sorted(distances)
    assert sorted(map(key_of, near + out_of_view(blocks, region))) == sorted(map(key_of, blocks))
    assert in_view(blocks, (slice(-500, -10), slice(0, 10))) == []
    deep = blocks_of((64, 300, 300))
    plane = in_view(deep, (slice(40, 41), slice(0, 300), slice(0, 300)))
    assert {b[0].start for b in plane} == {32}


# ------------------------------------------------------------------------------------------------ memory
def test_what_was_used_longest_ago_is_forgotten_first():
    kept = Kept(lambda: 300)
    for name in "abc":
        kept.keep(1, name, np.zeros(100, np.uint8))
    assert kept.get(1, "a") is not None
    kept.keep(2, "d", np.zeros(100, np.uint8))
    assert [kept.has(1, name) for name in "abc"] == [True, False, True]
    assert kept.n_bytes == 300
    kept.keep(1, "a", np.zeros(20, np.uint8))
    assert kept.n_bytes == 220
    kept.drop(1)
    assert (kept.n_bytes, kept.has(2, "d")) == (100, True)
    kept.keep(3, "large", np.zeros(1000, np.uint8))
    assert kept.has(3, "large"), "what is needed now is kept, even alone"
    assert not kept.has(2, "d")


def test_bins_of_all_images_share_one_budget(nuclei, annotation, monkeypatch):
    session = PixelSession()
    images = [stack(np.roll(nuclei.image, k, 0)) for k in range(4)]
    n_bytes = 4 * nuclei.image.size
    monkeypatch.setattr(device, "memory_budget", lambda: 2 * n_bytes)
    learn(session, images[0], annotation, live=True)
    edges = session.classifier.forest.edges
    for one in images:
        session.predict(one, [0])
        assert session.features.kept.n_bytes <= 2 * n_bytes
    at_hand = [session.source(one, 0).has_bins(session.source(one, 0).blocks[0], edges) for one in images]
    assert at_hand == [False, False, True, True]


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_of_a_lazy_image_only_the_chunks_that_are_needed_are_read(kind, tmp_path):
    da = pytest.importorskip("dask.array")
    zarr = pytest.importorskip("zarr")
    sample = samples.nuclei_2d(shape=(1300, 1300), n_nuclei=150, seed=1)
    annotation = np.zeros(sample.labels.shape, np.uint8)
    annotation[:200, :200] = samples.strokes(sample.labels[:200, :200], n_pixels=300)
    read = []

    class Noted:
        """Notes what is read of an array."""

        def __init__(self, array):
            self.array, self.shape, self.dtype, self.chunks = array, array.shape, array.dtype, array.chunks

        def __getitem__(self, key):
            read.append(tuple((s.start, s.stop) for s in key))
            return self.array[key]

    if kind == "dask":
        lazy = Noted(da.from_array(sample.image, chunks=256))
    else:
        lazy = Noted(zarr.create_array(tmp_path / "a.zarr", data=sample.image, chunks=(256, 256)))
    session, one = PixelSession(), stack(lazy)
    # Bins of a given image need no look at other places.
    session.classifier = PixelClassifier(FEATURES, 20, 5).fit(sample.image, annotation)
    blocks = in_view(session.source(one, 0).blocks, (slice(0, 300), slice(0, 300)))
    (answer,) = session.answers(one, 0, blocks)
    assert {part for key in read for part in key} == {(0, 256), (256, 512), (512, 768)}
    assert len(read) == len(set(read)) == 9, "each chunk once"
    np.testing.assert_array_equal(answer.classes, session.classifier.predict(sample.image)[:512, :512])
    assert agreement(answer.classes, sample.labels[:512, :512]) > 0.7


def test_lazy_pixels_that_cannot_be_computed_with_are_refused(nuclei, annotation):
    da = pytest.importorskip("dask.array")
    broken = nuclei.image.astype(np.float32)
    broken[3, 4] = np.nan
    with pytest.raises(InputError, match="1 NaN or infinite"):
        learn(PixelSession(), stack(da.from_array(broken, chunks=64)), annotation)
    with pytest.raises(InputError, match="complex"):
        learn(PixelSession(), stack(da.from_array(nuclei.image.astype(complex), chunks=64)), annotation)


@pytest.mark.parametrize("key", [(slice(3, 50), slice(60, 61)), (7, slice(None, None, 5)), slice(90, 100), 12, (3, 4)])
def test_a_lazy_channel_reads_like_its_array(key):
    da = pytest.importorskip("dask.array")
    array = np.arange(3 * 101 * 97).reshape(3, 101, 97)
    lazy = LazyChannel(da.from_array(array, chunks=(1, (20, 50, 31), 33)), "lazy", (2,), Kept(), 0)
    assert (lazy.shape, lazy.dtype, lazy.ndim) == ((101, 97), array.dtype, 2)
    np.testing.assert_array_equal(lazy[key], array[2][key])
    np.testing.assert_array_equal(np.asarray(lazy), array[2])


# ------------------------------------------------------------------------------------------------ applying
@pytest.mark.parametrize("gives", ["classes", "objects", "probability"])
def test_a_classifier_is_saved_as_the_kind_that_is_wanted(nuclei, annotation, tmp_path, gives):
    trained = learn(PixelSession(), stack(nuclei.image), annotation)
    trained.class_names = {2: "nucleus"}
    plain = {"smoothing": 0.0, "fill_holes": False, "split_touching": False}
    of_kind(trained, gives, 2, plain).save(tmp_path / "a.cl")
    loaded = load_classifier(tmp_path / "a.cl")
    assert what_it_gives(loaded) == gives
    assert loaded.class_names == {2: "nucleus"}
    said = loaded.predict(nuclei.image)
    classes = trained.predict(nuclei.image)
    if gives == "classes":
        np.testing.assert_array_equal(said, classes)
    elif gives == "objects":
        np.testing.assert_array_equal(said > 0, classes == 2)
        assert of_kind(trained, gives).split_touching
    else:
        np.testing.assert_array_equal(said, trained.predict_proba(nuclei.image)[1])
    assert what_it_gives(of_kind(loaded, "classes")) == "classes"


def test_a_classifier_is_applied_apart_from_its_session(series):
    sample, annotation = series
    many = stack(sample.image, n_frames=4)
    trained = learn(PixelSession(), many, annotation)
    said, steps = np.zeros(sample.image.shape, np.uint8), []
    for answer in apply_to_stack(trained, many, [1, 2], class_id=1, progress=lambda *step: steps.append(step)):
        said[(answer.frame, *answer.block)] = answer.classes
    np.testing.assert_array_equal(said[1], trained.predict(sample.image[1]))
    np.testing.assert_array_equal(said[2], trained.predict(sample.image[2]))
    assert not said[[0, 3]].any()
    assert steps == [(1, 2), (2, 2)]
    with pytest.raises(InputError, match=r"but c0, c1 has 2 channel\(s\) in 2D"):
        next(apply_to_stack(trained, stack(sample.image[0], sample.image[0]), [0]))


def test_objects_of_blocks_are_those_of_a_segmenter(nuclei):
    painted = samples.strokes(nuclei.labels, n_pixels=300, seed=0)
    painted[:3] = 3
    session, one = PixelSession(), stack(nuclei.image, spacing=(0.5, 0.5))
    trained = learn(session, one, painted)
    settings = {"split_touching": True, "minimum_size": 4.0}
    for class_id in (1, 2, 3):
        lead = np.zeros(one.shape, np.float32)
        for answer in apply_to_stack(trained, one, [0], class_id=class_id, with_lead=True):
            lead[answer.block] = answer.lead
        found = objects_of(lead, one.spacing, settings)
        np.testing.assert_array_equal(found, of_kind(trained, "objects", class_id, settings).predict(nuclei.image))
    assert answer.lead.max() <= 1
    assert next(apply_to_stack(trained, one, [0])).lead is None


@pytest.mark.parametrize("live", [False, True])
def test_training_goes_on_from_a_loaded_classifier(nuclei, annotation, live, tmp_path):
    """It knows the first image from its file, and learns only a corner of the second."""
    one, other = stack(nuclei.image), stack(65535 - nuclei.image)
    learn(PixelSession(), one, annotation).save(tmp_path / "a.cl")
    loaded = load_classifier(tmp_path / "a.cl")
    corner = np.where(np.arange(annotation.shape[1]) < 90, annotation, 0)
    session = PixelSession()
    learn(session, other, corner, live=live)
    assert agreement(session.predict(one, [0]).classes, nuclei.labels) < 0.5, "it knows the second image only"
    for painted in (corner, np.where(corner == 2, 2, 0)):
        classifier = learn(session, other, painted, live=live, base=loaded)
        assert agreement(session.predict(one, [0]).classes, nuclei.labels) > 0.7
        assert len(classifier.samples_) == 300 + np.count_nonzero(painted)
    learn(session, other, corner, live=live, base=loaded)
    assert agreement(session.predict(other, [0]).classes, nuclei.labels) > 0.7
    assert len(loaded.samples_) == 300, "what was loaded stays as it was"
    with pytest.raises(InputError, match="other features or intensities"):
        learn(session, other, corner, base=loaded, features="gaussian_blur=1")
    with pytest.raises(InputError, match="other features or intensities"):
        learn(session, other, corner, base=loaded, normalise="log")
