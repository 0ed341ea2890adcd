"""Pairs of touching objects: found, annotated by strokes across their border, merged after every one."""

import numpy as np
import pytest

from bioloom import samples
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.object_pairs import annotated_pairs
from bioloom.errors import Cancelled, InputError
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.merge_session import MeasuredPairs, MergeSession, PairExample
from bioloom.session.pair_annotation import PairAnnotation
from bioloom.session.touching_pairs import TouchingPairs

FEATURES = ["touch_portion", "touch_count", "centroid_distance", "mean_touch_intensity", "mean_intensity_difference"]


def cut_up(labels, seed=0):
    """Cut every object into two along its middle row, as a segmentation that splits too much; return the parts.

    Pairs that should be merged are (label, label + 1000).
    """
    parts = labels.astype(np.int32).copy()
    for label in np.unique(labels)[1:]:
        ys, xs = np.nonzero(labels == label)
        lower = ys > np.median(ys)
        parts[ys[lower], xs[lower]] = label + 1000
    return parts


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(288, 288), n_nuclei=50, seed=1)


@pytest.fixture(scope="module")
def parts(nuclei):
    return cut_up(nuclei.labels)


@pytest.fixture(scope="module")
def pairs(parts):
    return TouchingPairs(parts, has_frames=False)


def belongs(key):
    return key[1] % 1000 == key[2] % 1000


@pytest.fixture
def marks(parts, pairs):
    return PairAnnotation(parts, np.zeros(parts.shape, np.uint8), has_frames=False, pairs=pairs)


def table_of(pairs):
    import pandas as pd

    return pd.DataFrame({"label": pairs.labels, "neighbor": pairs.neighbours})


def as_read_by_the_classifier(pairs, annotation, labels):
    found = annotated_pairs(labels, annotation, table_of(pairs))
    return {pairs.key(r): int(k) for r, k in enumerate(found) if k}


# ------------------------------------------------------------------------------------------------- pairs
def test_every_pair_that_shares_a_face_is_found(parts, pairs):
    expected = set()
    for a, b in ((parts[:-1], parts[1:]), (parts[:, :-1], parts[:, 1:])):
        at = (a != b) & (a > 0) & (b > 0)
        expected |= {(0, min(p), max(p)) for p in zip(a[at].tolist(), b[at].tolist(), strict=True)}
    assert {pairs.key(r) for r in range(len(pairs))} == expected
    assert [pairs.key(r) for r in range(len(pairs))] == sorted(expected)
    for row in range(len(pairs)):
        frame, a, b = pairs.key(row)
        assert pairs.row((frame, b, a)) == row, "in any order"
    assert pairs.row((0, 1, 99999)) is None


def test_corners_and_other_frames_do_not_touch():
    labels = np.array([[[1, 0], [0, 2]], [[3, 3], [1, 1]]], np.uint64)
    pairs = TouchingPairs(labels, has_frames=True)
    assert [pairs.key(r) for r in range(len(pairs))] == [(1, 1, 3)]
    assert len(TouchingPairs(np.zeros((5, 5), int), has_frames=False)) == 0
    stack = TouchingPairs(labels, has_frames=False)
    assert [stack.key(r) for r in range(len(stack))] == [(0, 1, 2), (0, 1, 3)], "planes of a stack do"


def test_big_ids_are_kept():
    labels = np.array([[4_000_000_001, 4_000_000_002]], np.uint64)
    assert TouchingPairs(labels, has_frames=False).key(0) == (0, 4_000_000_001, 4_000_000_002)


# ------------------------------------------------------------------------------------------------- annotating
def test_a_mark_annotates_its_pair_and_no_other(pairs, parts, marks):
    rng = np.random.default_rng(0)
    expected = {}
    for row in rng.permutation(len(pairs))[:20].tolist():
        key, class_id = pairs.key(row), int(rng.integers(1, 3))
        assert marks.click(key, class_id) == class_id
        expected[key] = class_id
        assert marks.classes[key] == class_id
    assert marks.classes == as_read_by_the_classifier(pairs, marks.annotation, parts)
    assert expected.items() <= marks.classes.items()
    assert len(marks.classes) <= len(expected) + 1, "strokes are short enough to spare other borders"
    for key in expected:
        marks.assign([key], 0)
    assert not marks.annotation.any()


def test_the_last_stroke_across_a_border_counts(pairs, parts, marks):
    row = next(r for r in range(len(pairs)) if belongs(pairs.key(r)))
    key = pairs.key(row)
    at = np.unravel_index(pairs.stroke(row, parts), parts.shape)
    marks.annotation[at] = 2
    assert marks.read()
    assert marks.classes[key] == 2
    inner = [a[len(a) // 3 : -len(a) // 3] for a in at]
    first, second, _ = pairs.faces_of(np.array([row]))
    middle = len(first) // 2
    for flat in (first[middle], second[middle]):
        marks.annotation[np.unravel_index(flat, parts.shape)] = 1
    assert len(inner) == 2
    assert marks.read()
    assert marks.classes[key] == 1
    assert as_read_by_the_classifier(pairs, marks.annotation, parts)[key] == 1, "the image alone says it, too"
    assert marks.undo()
    assert marks.classes[key] == 2
    assert marks.undo()
    assert not marks.annotation.any()
    assert marks.classes == {}
    assert marks.redo()
    assert marks.redo()
    assert marks.classes[key] == 1


def test_a_stroke_within_one_object_says_nothing(parts, marks):
    ys, xs = np.nonzero(parts == parts.max())
    marks.annotation[ys[:3], xs[:3]] = 1
    assert marks.read()
    assert marks.classes == {}


def test_pairs_have_two_classes_only(pairs, marks):
    with pytest.raises(InputError, match=r"merged \(1\) or kept apart \(2\)"):
        marks.assign([pairs.key(0)], 3)
    assert marks.assign([(0, 1, 99999)], 1) == 0


def test_edited_objects_are_read_anew(parts):
    labels = parts.copy()
    marks = PairAnnotation(labels, np.zeros(labels.shape, np.uint8), has_frames=False)
    key = marks.pairs.key(0)
    marks.click(key, 1)
    labels[labels == key[2]] = 5000
    marks.relabel(labels)
    assert marks.classes == {(0, key[1], 5000): 1}


# ------------------------------------------------------------------------------------------------- training
@pytest.fixture(scope="module")
def source(nuclei, parts):
    return ObjectSource(parts, nuclei.image, nuclei.spacing, None)


def annotated(pairs, n=8):
    keys = [pairs.key(r) for r in range(len(pairs))]
    chosen = dict.fromkeys([k for k in keys if belongs(k)][:n], 1)
    return chosen | dict.fromkeys([k for k in keys if not belongs(k)][:n], 2)


def test_the_session_merges_as_the_classifier_in_python(nuclei, parts, pairs, source, marks):
    chosen = annotated(pairs)
    for class_id in (1, 2):
        marks.assign([k for k, c in chosen.items() if c == class_id], class_id)
    session = MergeSession()
    session.train([PairExample("a", source, marks.classes)], FEATURES, {"n_trees": 40, "seed": 2})
    answer = session.classify("a", source)
    plain = ObjectMerger(FEATURES, 40, seed=2).fit(parts, marks.annotation, nuclei.image, spacing=nuclei.spacing)
    np.testing.assert_array_equal(answer.merged, plain.predict(parts, nuclei.image))
    right = np.mean([(k == 1) == belongs(answer.key(r)) for r, k in enumerate(answer.classes)])
    assert right > 0.85
    assert len(np.unique(answer.merged)) < len(np.unique(parts))
    order = answer.most_uncertain(chosen)
    assert len(order) == len(answer.classes) - len(chosen)
    assert (np.diff(answer.uncertainty[order]) <= 0).all()
    assert session.next_uncertain("a", answer, chosen) == order[0]
    assert session.next_uncertain("a", answer, chosen) == order[1]


def test_pairs_beyond_the_training_are_doubted(nuclei, parts, pairs, source):
    session = MergeSession()
    session.train([PairExample("a", source, annotated(pairs))], ["centroid_distance", "mean_touch_intensity"])
    assert session.classify("a", source).doubt == ""
    other = ObjectSource(parts, nuclei.image.astype(np.uint32) * 257, (100.0, 100.0), None)
    assert " of all pairs are beyond what the classifier was trained on" in session.classify("b", other).doubt


def test_pairs_are_measured_once(source, monkeypatch):
    import bioloom.measure

    asked = []
    honest = bioloom.measure.measure_pairs
    monkeypatch.setattr(bioloom.measure, "measure_pairs", lambda *a, **k: asked.append(list(a[3])) or honest(*a, **k))
    session = MergeSession()
    session.measured("a", source, ["touch_count"])
    session.measured("a", source, ["touch_count", "area_difference"])
    session.measured("a", source, ["area_difference"])
    assert asked == [["touch_count"], ["area_difference"]]


def test_several_channels_and_layers(nuclei, parts, pairs):
    here = ObjectSource(parts, {"DNA": nuclei.image, "other": nuclei.image // 2}, nuclei.spacing, None)
    other = samples.nuclei_2d(shape=(256, 256), n_nuclei=40, seed=8)
    cut = cut_up(other.labels)
    there = ObjectSource(cut, {"A": other.image, "B": other.image // 2}, other.spacing, None)
    chosen = annotated(TouchingPairs(cut, has_frames=False))
    session = MergeSession()
    classifier = session.train([PairExample("a", here, annotated(pairs, 2)), PairExample("b", there, chosen)], FEATURES)
    assert "mean_touch_intensity_DNA" in classifier.feature_names_
    assert "mean_touch_intensity_other" in classifier.feature_names_
    answer = session.classify("a", here)
    assert np.mean([(k == 1) == belongs(answer.key(r)) for r, k in enumerate(answer.classes)]) > 0.75


def test_objects_merge_within_their_frame():
    series = samples.nuclei_timelapse(shape=(3, 160, 160), n_nuclei=12, seed=2)
    parts = np.stack([cut_up(frame) for frame in series.labels])
    source = ObjectSource(parts, series.image, series.spatial_spacing, 0)
    pairs = TouchingPairs(parts, has_frames=True)
    keys = [pairs.key(r) for r in range(len(pairs))]
    apart = [k for k in keys if not belongs(k)]
    assert apart, "some nuclei touch"
    chosen = {k: 1 for k in keys if belongs(k) and k[0] == 0} | dict.fromkeys(apart, 2)
    session = MergeSession()
    session.train([PairExample("a", source, chosen)], FEATURES)
    answer = session.classify("a", source)
    for frame in range(3):
        assert len(np.unique(answer.merged[frame])) < len(np.unique(parts[frame]))
        for label in np.unique(answer.merged[frame])[1:]:
            assert len(set(np.unique(parts[frame][answer.merged[frame] == label]) % 1000)) == 1


def test_the_last_training_can_be_undone(source, pairs):
    session = MergeSession()
    first = session.train([PairExample("a", source, annotated(pairs))], FEATURES)
    session.train([PairExample("a", source, annotated(pairs, 3))], FEATURES)
    assert session.undo_training()
    assert session.classifier is first


def test_what_keeps_pairs_from_being_merged_is_said(nuclei, source, pairs):
    session = MergeSession()
    with pytest.raises(InputError, match="No measurement is checked"):
        session.train([PairExample("a", source, annotated(pairs))], [])
    with pytest.raises(InputError, match="No pair is annotated"):
        session.train([], FEATURES)
    with pytest.raises(InputError, match="two classes"):
        session.train([PairExample("a", source, {pairs.key(0): 1})], FEATURES)
    with pytest.raises(InputError, match="touch each other"):
        MeasuredPairs(ObjectSource(np.eye(9, dtype=int), None, (1, 1), None))
    with pytest.raises(InputError, match="no classifier yet"):
        session.classify("a", source)

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        session.train([PairExample("z", source, annotated(pairs))], FEATURES, progress=stop)
    assert session.classifier is None
