"""Annotating objects by clicks, keys and strokes, and classifying them after every one."""

import numpy as np
import pytest
from scipy import ndimage

from bioloom import samples
from bioloom.classify import ObjectClassifier
from bioloom.errors import Cancelled, InputError
from bioloom.session.measured_objects import MeasuredObjects, ObjectSource
from bioloom.session.object_annotation import ObjectAnnotation
from bioloom.session.object_session import CLASS_COLUMN, Example, ObjectSession

FEATURES = ["area", "eccentricity", "intensity_mean", "intensity_std"]


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(288, 288), n_nuclei=40, seed=1)


@pytest.fixture(scope="module")
def types(nuclei):
    return dict(zip(nuclei.cell_types["label"], nuclei.cell_types["cell_type"], strict=True))


@pytest.fixture
def marks(nuclei):
    return ObjectAnnotation(nuclei.labels, np.zeros(nuclei.labels.shape, np.uint8), has_frames=False)


def highest_inside(labels, annotation):
    """The class of each object as the classifiers define it."""
    ids = np.unique(labels)[1:]
    found = ndimage.maximum(annotation, labels, ids).astype(int)
    return {(0, int(i)): int(k) for i, k in zip(ids, found, strict=True) if k}


def centre_of(labels, label):
    """A pixel in the middle of an object."""
    where = np.argwhere(labels == label)
    return tuple(where[np.abs(where - where.mean(0)).sum(1).argmin()])


# ------------------------------------------------------------------------------------------------- annotating
def test_a_click_marks_the_middle_of_an_object_and_another_click_removes_it(nuclei, marks):
    assert marks.click((0, 5), 2) == 2
    painted = marks.annotation > 0
    assert set(np.unique(nuclei.labels[painted])) == {5}
    assert set(np.unique(marks.annotation)) == {0, 2}
    assert 0 < painted.sum() < (nuclei.labels == 5).sum() / 2, "a mark, not the whole object"
    assert marks.click((0, 5), 1) == 1, "another class replaces the first"
    assert set(np.unique(marks.annotation)) == {0, 1}
    assert marks.click((0, 5), 1) == 0
    assert not marks.annotation.any()
    assert marks.classes == {}


def test_marks_say_the_same_as_the_classifiers_read(nuclei, marks):
    for label in (1, 2, 3, 4):
        marks.click((0, label), 1 + label % 2)
    assert marks.classes == highest_inside(nuclei.labels, marks.annotation) == {(0, k): 1 + k % 2 for k in (1, 2, 3, 4)}
    assert marks.counts() == {1: 2, 2: 2}


def test_many_objects_get_a_class_at_once(nuclei, marks):
    heard = []
    marks.changed.connect(lambda: heard.append(1))
    assert marks.assign([(0, k) for k in range(1, 31)], 3) == 30
    assert marks.counts() == {3: 30}
    assert len(heard) == 1
    assert marks.assign([(0, 3), (0, 99999)], 3) == 0, "nothing new, and objects that do not exist"
    assert marks.undo()
    assert marks.counts() == {}


def test_strokes_are_read_and_the_last_one_counts(nuclei, marks):
    y, x = centre_of(nuclei.labels, 7)
    marks.annotation[y, x - 1 : x + 2] = 2
    assert marks.read()
    assert marks.classes == {(0, 7): 2}
    marks.annotation[y, x] = 1
    assert marks.read()
    assert marks.classes == {(0, 7): 1}
    assert marks.annotation[y, x - 1 : x + 2].tolist() == [1, 1, 1], "the image alone says it, too"
    assert not marks.read(), "nothing was painted since"
    marks.annotation[y, x - 1 : x + 2] = 0
    assert marks.read()
    assert marks.classes == {}


def test_erasing_a_part_of_a_stroke_keeps_the_class(nuclei, marks):
    y, x = centre_of(nuclei.labels, 7)
    marks.annotation[y, x : x + 2] = 2
    marks.read()
    marks.annotation[y, x] = 0
    marks.read()
    assert marks.class_of((0, 7)) == 2


def test_undo_and_redo_give_back_every_pixel_and_class(nuclei, marks):
    rng = np.random.default_rng(0)
    states = [(marks.annotation.copy(), marks.classes)]
    for step in range(40):
        label, class_id = int(rng.integers(1, 30)), int(rng.integers(1, 4))
        if step % 3 == 0:
            y, x = centre_of(nuclei.labels, label)
            marks.annotation[max(0, y - 6) : y + 6, max(0, x - 6) : x + 6] = rng.integers(0, 4)
            if not marks.read():
                continue
        else:
            marks.click((0, label), class_id)
        assert marks.classes == highest_inside(nuclei.labels, marks.annotation)
        states.append((marks.annotation.copy(), marks.classes))
    for image, classes in states[-2::-1]:
        assert marks.undo()
        np.testing.assert_array_equal(marks.annotation, image)
        assert marks.classes == classes
    assert not marks.undo()
    for image, classes in states[1:]:
        assert marks.redo()
        np.testing.assert_array_equal(marks.annotation, image)
        assert marks.classes == classes
    assert not marks.redo()
    assert not marks.read(), "undo and redo are not taken for strokes"


def test_a_new_mark_ends_the_redo(marks):
    marks.click((0, 1), 1)
    marks.undo()
    marks.click((0, 2), 1)
    assert not marks.redo()
    assert marks.classes == {(0, 2): 1}


def test_frames_are_kept_apart():
    labels = np.zeros((3, 20, 20), np.int32)
    labels[:, 2:8, 2:8], labels[1, 10:16, 10:16] = 1, 2
    marks = ObjectAnnotation(labels, np.zeros(labels.shape, np.uint8), has_frames=True)
    marks.click((1, 1), 1)
    marks.assign([(2, 1), (1, 2), (0, 2), (9, 1)], 2)
    assert marks.classes == {(1, 1): 1, (2, 1): 2, (1, 2): 2}, "object 2 is in frame 1 only"
    assert not marks.annotation[0].any()
    marks.annotation[0, 4, 4] = 3
    marks.read()
    assert marks.class_of((0, 1)) == 3
    marks.undo()
    marks.undo()
    assert marks.classes == {(1, 1): 1}


def test_objects_that_were_edited_are_read_anew(nuclei):
    labels = nuclei.labels.copy()
    marks = ObjectAnnotation(labels, np.zeros(labels.shape, np.uint8), has_frames=False)
    marks.click((0, 4), 2)
    labels[labels == 4] = 900
    marks.relabel()
    assert marks.classes == {(0, 900): 2}
    marks.relabel(np.zeros_like(labels))
    assert marks.classes == {}
    with pytest.raises(InputError, match="New annotation"):
        marks.relabel(labels[1:])


def test_a_class_is_removed_everywhere(nuclei, marks):
    marks.assign([(0, 1), (0, 2)], 1)
    marks.assign([(0, 3)], 2)
    y, x = np.argwhere(nuclei.labels == 0)[0]
    marks.annotation[y, x] = 1
    marks.read()
    assert marks.remove_class(1) == 2
    assert set(np.unique(marks.annotation)) == {0, 2}
    assert marks.counts() == {2: 1}


def test_what_an_annotation_cannot_hold_is_refused(nuclei, marks):
    with pytest.raises(InputError, match="up to 255"):
        marks.assign([(0, 1)], 256)
    with pytest.raises(InputError, match="shape"):
        ObjectAnnotation(nuclei.labels, np.zeros((3, 3), np.uint8), has_frames=False)
    fixed = np.zeros(nuclei.labels.shape, np.uint8)
    fixed.flags.writeable = False
    with pytest.raises(InputError, match="cannot be changed"):
        ObjectAnnotation(nuclei.labels, fixed, has_frames=False).click((0, 1), 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint64])
def test_large_and_odd_objects_get_a_mark_inside(dtype):
    labels = np.zeros((12, 80, 90), dtype)
    labels[1:11, 5:60, 5:60] = 3  # larger than what is looked at pixel by pixel
    labels[0, 70, 70] = 4  # a single voxel
    labels[5, 65:75, 80] = 5  # a line
    marks = ObjectAnnotation(labels, np.zeros(labels.shape, np.uint8), has_frames=False)
    marks.assign([(0, 3), (0, 4), (0, 5)], 1)
    assert marks.classes == {(0, 3): 1, (0, 4): 1, (0, 5): 1} == highest_inside(labels, marks.annotation)


# ------------------------------------------------------------------------------------------------- measuring
@pytest.fixture(scope="module")
def source(nuclei):
    return ObjectSource(nuclei.labels, nuclei.image, nuclei.spacing, None)


def test_objects_are_measured_once(source, monkeypatch):
    import bioloom.measure

    asked = []
    honest = bioloom.measure.table.measure
    monkeypatch.setattr(bioloom.measure, "measure", lambda *a, **k: asked.append(list(a[3])) or honest(*a, **k))
    session = ObjectSession()
    session.measured("nuclei", source, ["area"])
    session.measured("nuclei", source, ["area", "intensity_mean"])
    session.measured("nuclei", ObjectSource(source.labels, source.image, source.spacing, None), ["area"])
    assert [a for a in asked if a != ["bbox"]] == [["area"], ["intensity_mean"]]
    session.edited("nuclei")
    session.measured("nuclei", source, ["area"])
    assert asked[-1] == ["area"]


def test_pixels_changed_in_place_are_noticed(nuclei):
    labels = nuclei.labels.copy()
    session, own = ObjectSession(), ObjectSource(labels, None, nuclei.spacing, None)
    before = len(session.measured("a", own, ["area"]))
    labels[:150] = 0
    assert len(session.measured("a", own, ["area"])) < before


def test_boxes_and_rows_lead_to_the_object(nuclei, source):
    objects = MeasuredObjects(source)
    for label in (1, 17, 40):
        box = objects.box((0, label))
        assert (nuclei.labels[box] == label).sum() == (nuclei.labels == label).sum()
        assert objects.key(objects.row((0, label))) == (0, label)
    assert objects.box((0, 999)) is None


@pytest.mark.parametrize("factor", [1, 90_000_001])
def test_objects_are_painted_by_row(nuclei, factor):
    labels = nuclei.labels.astype(np.uint64) * factor
    objects = MeasuredObjects(ObjectSource(labels, None, nuclei.spacing, None))
    values = np.arange(len(objects)) % 3 + 1
    table = np.zeros(int(nuclei.labels.max()) + 1, int)
    table[(objects.labels // factor).astype(int)] = values
    np.testing.assert_array_equal(objects.paint(values), table[nuclei.labels])
    np.testing.assert_array_equal(objects.select(values == 2), np.where(table[nuclei.labels] == 2, labels, 0))


def test_dask_and_zarr_labels_are_loaded(nuclei, source, tmp_path):
    import dask.array as da
    import zarr

    stored = zarr.create_array(str(tmp_path / "labels.zarr"), shape=nuclei.labels.shape, dtype="i4", chunks=(100, 100))
    stored[:] = nuclei.labels
    expected = MeasuredObjects(source)
    expected.require(FEATURES)
    for lazy in (da.from_array(nuclei.labels, (100, 100)), stored):
        objects = MeasuredObjects(ObjectSource(lazy, nuclei.image, nuclei.spacing, None))
        objects.require(FEATURES)
        np.testing.assert_array_equal(objects.table(FEATURES), expected.table(FEATURES))


def test_labels_beyond_memory_are_refused():
    import dask.array as da

    with pytest.raises(InputError, match="GiB of memory"):
        MeasuredObjects(ObjectSource(da.zeros((2_000_000, 1_000_000), int), None, (1, 1), None))


# ------------------------------------------------------------------------------------------------- training
def annotated(types, n=5):
    """The first objects of each type."""
    return {(0, k): t for t in (1, 2) for k in [k for k, v in types.items() if v == t][:n]}


def test_training_equals_the_classifier_in_python(nuclei, source, types, marks):
    chosen = annotated(types)
    for class_id in (1, 2):
        marks.assign([key for key, k in chosen.items() if k == class_id], class_id)
    session = ObjectSession()
    session.train([Example("a", source, marks.classes)], FEATURES, {"n_trees": 30, "seed": 3})
    answer = session.classify("a", source)
    plain = ObjectClassifier(FEATURES, 30, seed=3).fit(
        nuclei.labels, marks.annotation, nuclei.image, spacing=nuclei.spacing
    )
    expected = plain.predict_objects(nuclei.labels, nuclei.image)
    np.testing.assert_array_equal(answer.classes, expected["class"])
    np.testing.assert_allclose(answer.probability, expected["probability"])
    np.testing.assert_array_equal(answer.painted, plain.predict(nuclei.labels, nuclei.image))
    truth = np.array([types[k] for k in answer.objects.labels])
    assert (answer.classes == truth).mean() > 0.85
    assert answer.table()[CLASS_COLUMN].tolist() == answer.classes.tolist()
    assert sum(answer.counts().values()) == len(truth)


def test_uncertain_objects_come_first_and_each_is_visited_once(source, types):
    session = ObjectSession()
    chosen = annotated(types)
    session.train([Example("a", source, chosen)], FEATURES)
    answer = session.classify("a", source)
    order = answer.most_uncertain(chosen)
    assert len(order) == len(answer.objects) - len(chosen)
    assert not {answer.objects.key(r) for r in order} & set(chosen)
    assert (np.diff(answer.uncertainty[order]) <= 0).all()
    assert answer.uncertainty.min() >= 0
    assert answer.uncertainty.max() <= 1
    visited = [session.next_uncertain("a", answer, chosen) for _ in range(len(order))]
    assert visited == order.tolist()
    assert session.next_uncertain("a", answer, chosen) == order[0], "then from the beginning"
    assert (
        session.next_uncertain("a", answer, dict.fromkeys(map(answer.objects.key, range(len(answer.objects))), 1))
        is None
    )


def test_the_last_training_can_be_undone(source, types):
    session = ObjectSession()
    first = session.train([Example("a", source, annotated(types, 3))], FEATURES)
    before = session.classify("a", source).painted
    assert not session.can_undo_training
    session.train([Example("a", source, dict.fromkeys(annotated(types, 3), 1) | {(0, 30): 2})], FEATURES)
    assert session.undo_training()
    assert session.classifier is first
    np.testing.assert_array_equal(session.classify("a", source).painted, before)
    assert not session.undo_training()


def test_layers_with_other_channel_names_train_together(source, types):
    other = samples.nuclei_2d(shape=(256, 256), n_nuclei=30, seed=8)
    types_there = dict(zip(other.cell_types["label"], other.cell_types["cell_type"], strict=True))
    here = ObjectSource(source.labels, {"DNA": source.image, "twice": 2 * source.image}, source.spacing, None)
    there = ObjectSource(other.labels, {"C1": other.image, "C2": 2 * other.image}, other.spacing, None)
    session = ObjectSession()
    classifier = session.train(
        [Example("a", here, annotated(types, 2)), Example("b", there, annotated(types_there, 6))], FEATURES
    )
    assert "intensity_mean_DNA" in classifier.feature_names_
    alone = ObjectSession().train([Example("a", here, annotated(types, 2))], FEATURES)
    truth = np.array([types[k] for k in session.classify("a", here).objects.labels])
    joint = (session.classify("a", here).classes == truth).mean()
    assert joint > 0.8
    assert not np.array_equal(classifier.feature_importances_, alone.feature_importances_), "both were used"
    with pytest.raises(InputError, match="same number of channels"):
        session.train([Example("a", here, annotated(types)), Example("b", source, annotated(types))], FEATURES)


def test_objects_of_a_time_series_are_classified_in_every_frame():
    series = samples.nuclei_timelapse(shape=(4, 128, 128), n_nuclei=9, seed=1)
    own = ObjectSource(series.labels, series.image, series.spatial_spacing, 0)
    truth = {(f, k): t for f, k, t in series.cell_types[["frame", "label", "cell_type"]].itertuples(index=False)}
    chosen = {key: t for key, t in truth.items() if key[0] in (0, 3)}
    session = ObjectSession()
    session.train([Example("a", own, chosen)], FEATURES)
    answer = session.classify("a", own)
    found = {answer.objects.key(r): k for r, k in enumerate(answer.classes)}
    assert found.keys() == truth.keys()
    assert np.mean([found[key] == t for key, t in truth.items()]) > 0.8
    for (frame, label), class_id in list(found.items())[::7]:
        assert set(np.unique(answer.painted[frame][series.labels[frame] == label])) == {class_id}


def test_a_loaded_classifier_says_what_it_needs(source, types, tmp_path):
    session = ObjectSession()
    session.train([Example("a", source, annotated(types))], FEATURES)
    expected = session.classify("a", source).classes
    session.classifier.save(tmp_path / "objects.cl")
    from bioloom import load_classifier

    fresh = ObjectSession()
    fresh.classifier = load_classifier(tmp_path / "objects.cl")
    assert list(fresh.classifier.feature_names_) == FEATURES
    np.testing.assert_array_equal(fresh.classify("a", source).classes, expected)
    with pytest.raises(InputError):
        fresh.classify("b", ObjectSource(source.labels, None, source.spacing, None))


def test_what_keeps_a_training_from_happening_is_said(source, types):
    session = ObjectSession()
    with pytest.raises(InputError, match="No feature is checked"):
        session.train([Example("a", source, annotated(types))], [])
    with pytest.raises(InputError, match="two classes"):
        session.train([Example("a", source, {(0, 1): 2})], FEATURES)
    with pytest.raises(InputError, match="two classes"):
        session.train([], FEATURES)
    with pytest.raises(InputError, match="no classifier yet"):
        session.classify("a", source)
    with pytest.raises(InputError, match="no objects"):
        session.measured("e", ObjectSource(np.zeros((9, 9), int), None, (1, 1), None), ["area"])

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        session.train([Example("z", source, annotated(types))], FEATURES, progress=stop)
    assert session.classifier is None
