"""Scores without a test set: figures that can be checked by hand, and that stay fair as strokes are added."""

import json

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as sklearn_importance
from sklearn.metrics import precision_recall_fscore_support

from bioloom import samples
from bioloom.classify import ObjectClassifier, PixelClassifier
from bioloom.classify.forest import Forest, find_edges
from bioloom.classify.samples import TrainingSamples, bins_of
from bioloom.classify.scores import (
    decisions_per_depth,
    held_out,
    hold_out,
    permutation_importance,
    report,
    split_scores,
    summary,
)
from bioloom.errors import Cancelled, InputError

FEATURES = "original gaussian_blur=2 sobel_of_gaussian_blur=2"


@pytest.fixture(scope="module")
def nuclei():
    return samples.nuclei_2d(shape=(256, 256), n_nuclei=30, seed=3)


def scattered(labels, share=0.08, seed=0):
    """Annotate single pixels everywhere: class 5 in objects, class 1 elsewhere."""
    chosen = np.random.default_rng(seed).random(labels.shape) < share
    return np.where(chosen, np.where(labels > 0, 5, 1), 0).astype(np.uint8)


def trained(nuclei, annotation=None, **settings):
    classifier = PixelClassifier(FEATURES, n_trees=20, **settings)
    return classifier.fit(nuclei.image, scattered(nuclei.labels) if annotation is None else annotation)


@pytest.fixture(scope="module")
def classifier(nuclei):
    classifier = trained(nuclei)
    classifier.class_names = {5: "nuclei"}
    return classifier


def with_samples(classes, groups, values=None, **settings):
    """Return a classifier trained on given items instead of an image."""
    classes = np.asarray(classes, np.int64)
    if values is None:
        noise = np.random.default_rng(0).normal(size=(len(classes), 3)).astype(np.float32)
        values = np.concatenate([classes[:, np.newaxis] + 0.1 * noise[:, :1], noise[:, 1:]], axis=1)
    edges = [find_edges(column) for column in values.T]
    classifier = ObjectClassifier(["a", "b", "c"], n_trees=20, **settings)
    classifier._train(TrainingSamples(bins_of(values, edges), edges, classes, np.asarray(groups, np.uint64)))
    return classifier


def sides(n_groups=400):
    """Return numbers of groups that are trained on, and of groups that are held out."""
    groups = np.arange(n_groups, dtype=np.uint64)
    tested = held_out(groups)
    return groups[~tested], groups[tested]


# ------------------------------------------------------------------------------------------------ the split
def test_about_a_fifth_of_the_groups_is_held_out_whatever_their_numbers():
    for groups in (np.arange(20_000), np.arange(20_000) << 32, np.random.default_rng(0).integers(0, 2**63, 20_000)):
        assert held_out(groups.astype(np.uint64)).mean() == pytest.approx(0.2, abs=0.015)
    assert not held_out(np.arange(100, dtype=np.uint64), 0).any()
    assert held_out(np.arange(100, dtype=np.uint64), 1).all()


def test_a_group_stays_on_its_side_whatever_else_is_annotated():
    groups = np.random.default_rng(1).integers(0, 2**63, 500).astype(np.uint64)
    alone = np.array([held_out(groups[i : i + 1])[0] for i in range(len(groups))])
    np.testing.assert_array_equal(held_out(groups), alone)
    np.testing.assert_array_equal(held_out(groups[::-1])[::-1], alone)


def test_pixels_held_out_before_are_held_out_after_further_strokes(nuclei):
    painted = scattered(nuclei.labels)
    more = painted.copy()
    more[100:140] = np.where(nuclei.labels[100:140] > 0, 5, 1)
    few, many = trained(nuclei, painted).samples_, trained(nuclei, more).samples_
    side = dict(zip(many.groups.tolist(), held_out(many.groups).tolist(), strict=True))
    assert all(side[g] == tested for g, tested in zip(few.groups.tolist(), held_out(few.groups), strict=True))


def test_no_group_is_both_trained_on_and_tested(classifier):
    held = hold_out(classifier)
    n_tested = len(held.test)
    assert held.n_trained.sum() + n_tested == len(classifier.samples_)
    trained_groups = classifier.samples_.groups[~held_out(classifier.samples_.groups)]
    assert not set(trained_groups.tolist()) & set(held.test.groups.tolist())
    assert 0.1 < n_tested / len(classifier.samples_) < 0.35


# ------------------------------------------------------------------------------------------------ the figures
def test_scores_are_those_of_scikit_learn_on_the_same_split(classifier):
    scores = split_scores(classifier)
    held = hold_out(classifier)
    votes = held.forest.votes(np.ascontiguousarray(held.test.bins.T))
    predicted, true = held.forest_classes[votes.argmax(0)], held.test.classes
    precision, recall, f1, support = precision_recall_fscore_support(true, predicted, labels=[1, 5])
    np.testing.assert_allclose(scores.precision, precision)
    np.testing.assert_allclose(scores.recall, recall)
    np.testing.assert_allclose(scores.f1, f1)
    np.testing.assert_array_equal(scores.support, support)
    assert scores.accuracy == pytest.approx((predicted == true).mean())
    assert scores.accuracy > 0.9
    for row, c in enumerate((1, 5)):
        assert scores.confusion[row].tolist() == [np.count_nonzero(predicted[true == c] == k) for k in (1, 5)]
    assert scores.notes == ()


def test_classes_keep_their_ids_and_names(classifier):
    table = split_scores(classifier).table()
    assert table["class"].tolist() == [1, 5]
    assert table["name"].tolist() == ["class 1", "nuclei"]
    assert table.columns.tolist() == ["class", "name", "precision", "recall", "f1", "support", "trained"]


def test_labels_without_meaning_score_like_guesses_though_the_forest_learned_them_by_heart(nuclei):
    rng = np.random.default_rng(4)
    tiles = np.kron(rng.integers(1, 3, (32, 32)), np.ones((8, 8), int)).astype(np.uint8)
    painted = np.where(rng.random(nuclei.image.shape) < 0.1, tiles, 0).astype(np.uint8)
    known_by_heart = trained(nuclei, painted, max_depth=30)
    seen = known_by_heart.predict(nuclei.image)[painted > 0] == painted[painted > 0]
    assert seen.mean() > 0.8
    assert split_scores(known_by_heart).accuracy == pytest.approx(0.5, abs=0.08)


def test_the_scored_forest_has_the_settings_of_the_classifier(nuclei):
    deep, flat = trained(nuclei, max_depth=8), trained(nuclei, max_depth=1)
    assert len(decisions_per_depth(hold_out(deep).forest).columns) > 4
    assert len(decisions_per_depth(hold_out(flat).forest).columns) == 1
    assert split_scores(deep).accuracy >= split_scores(flat).accuracy
    np.testing.assert_array_equal(split_scores(deep).confusion, split_scores(deep).confusion)


def test_balanced_classes_are_balanced_in_the_scores_too(nuclei):
    painted = scattered(nuclei.labels)
    objects = np.flatnonzero(painted == 5)
    painted.reshape(-1)[np.random.default_rng(0).permutation(objects)[40:]] = 0
    plain, balanced = (split_scores(trained(nuclei, painted, balanced=b, max_depth=1)) for b in (False, True))
    assert balanced.recall[1] >= plain.recall[1]
    assert balanced.confusion[:, 1].sum() > plain.confusion[:, 1].sum()


# ------------------------------------------------------------------------------------------------ what is missing
def test_a_class_only_in_the_trained_part_has_no_figures():
    inside, outside = sides()
    groups = np.concatenate([inside[:100], outside[:30], inside[100:200], outside[30:60], inside[200:220]])
    classifier = with_samples([1] * 130 + [2] * 130 + [7] * 20, groups)
    classifier.class_names = {7: "debris"}
    scores = split_scores(classifier)
    assert np.isnan(scores.recall[2])
    assert np.isnan(scores.precision[2])
    assert np.isnan(scores.f1[2])
    assert scores.support.tolist() == [30, 30, 0]
    assert scores.n_trained.tolist() == [100, 100, 20]
    (note,) = scores.notes
    assert note.startswith("debris (class 7) lies in no held-out block")


def test_a_class_only_in_the_held_out_part_is_not_counted_as_wrong():
    inside, outside = sides()
    groups = np.concatenate([inside[:100], outside[:30], inside[100:200], outside[30:50], outside[50:60]])
    scores = split_scores(with_samples([1] * 130 + [2] * 120 + [7] * 10, groups))
    assert scores.accuracy > 0.95
    assert scores.support.tolist() == [30, 20, 0]
    (note,) = scores.notes
    assert note.startswith("class 7 lies only in held-out blocks")


@pytest.mark.parametrize("held_back", [False, True])
def test_all_in_one_block_cannot_be_scored_and_says_so(held_back):
    inside, outside = sides()
    group = (outside if held_back else inside)[0]
    classifier = with_samples([1] * 20 + [2] * 20, [group] * 40)
    scores = split_scores(classifier)
    assert scores.accuracy is None
    assert not scores.confusion.any()
    assert np.isnan(scores.f1).all()
    (note,) = scores.notes
    assert "nothing can be scored" in note
    assert "more places" in note
    with pytest.raises(InputError, match="nothing can be scored"):
        permutation_importance(classifier)
    assert note in report(classifier)
    assert summary(classifier)["confusion"] is None


def test_untrained_and_unknown_are_refused(classifier, tmp_path):
    with pytest.raises(InputError, match="not trained"):
        split_scores(PixelClassifier())
    copy = trained(samples.nuclei_2d(shape=(64, 64), n_nuclei=4, seed=1))
    copy.samples_ = None
    for function in (split_scores, permutation_importance):
        with pytest.raises(InputError, match="nothing to score it with"):
            function(copy)
    assert "nothing to score it with" in report(copy)
    assert summary(copy)["accuracy"] is None


# ------------------------------------------------------------------------------------------------ importances
def test_permutation_importance_agrees_with_scikit_learn():
    rng = np.random.default_rng(2)
    classes = rng.integers(1, 3, 3000)
    values = rng.normal(size=(3000, 6)).astype(np.float32)
    values[:, 1] += 2 * classes
    values[:, 4] += 0.7 * classes
    groups = rng.integers(0, 300, 3000)
    classifier = with_samples(classes, groups, values)
    classifier.feature_names_ = list("abcdef")
    table = permutation_importance(classifier, n_repeats=10)
    train = ~held_out(groups.astype(np.uint64))
    model = RandomForestClassifier(20, max_depth=6, random_state=0).fit(values[train], classes[train])
    reference = sklearn_importance(model, values[~train], classes[~train], n_repeats=10, random_state=0)
    assert table["feature"].tolist() == list("abcdef")
    np.testing.assert_allclose(table["importance"], reference.importances_mean, atol=0.02)
    assert table["importance"].idxmax() == 1
    assert (table["std"] >= 0).all()


def test_permutation_importance_repeats_with_its_seed_and_can_be_stopped(classifier):
    first, again, other = (permutation_importance(classifier, 2, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first["importance"], again["importance"])
    assert (first["importance"] != other["importance"]).any()
    assert first["feature"].tolist() == classifier.feature_names_

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        permutation_importance(classifier, progress=stop)
    with pytest.raises(InputError, match="n_repeats"):
        permutation_importance(classifier, 0)


def test_a_feature_that_no_tree_asks_for_has_no_importance():
    rng = np.random.default_rng(0)
    classes = rng.integers(1, 3, 500)
    values = np.zeros((500, 3), np.float32)
    values[:, 0] = classes
    table = permutation_importance(with_samples(classes, rng.integers(0, 100, 500), values))
    assert table["importance"][0] > 0.3
    assert table["importance"][1:].tolist() == [0, 0]


# ------------------------------------------------------------------------------------------------ decisions
def test_decisions_per_depth_of_a_tree_that_can_be_counted_by_hand():
    #        0: feature 1
    #   1: feature 0     2: leaf
    # 3: leaf   4: feature 1 -> leaves 5, 6; and a second tree of one leaf, 7
    forest = Forest(
        edges=[np.array([0.5], np.float32), np.array([0.25, 0.75], np.float32), np.array([1], np.float32)],
        feature=np.array([1, 0, -1, -1, 1, -1, -1, -1], np.int32),
        threshold=np.array([0, 0, 0, 0, 1, 0, 0, 0], np.int32),
        left=np.array([1, 3, -1, -1, 5, -1, -1, -1], np.int32),
        right=np.array([2, 4, -1, -1, 6, -1, -1, -1], np.int32),
        weights=np.ones((2, 8), np.float32),
        roots=np.array([0, 7], np.int32),
        importances=np.full(3, 1 / 3),
    )
    counts = decisions_per_depth(forest, list("abc"), counts=True)
    assert counts.index.tolist() == list("abc")
    assert counts.columns.tolist() == [0, 1, 2]
    assert counts.to_numpy().tolist() == [[0, 1, 0], [1, 0, 1], [0, 0, 0]]


def test_shares_of_decisions_add_up_to_one_at_every_depth(classifier):
    forest = classifier.forest
    shares = decisions_per_depth(forest, classifier.feature_names_)
    np.testing.assert_allclose(shares.sum(), 1)
    assert 1 <= len(shares.columns) <= classifier.max_depth
    counts = decisions_per_depth(forest, counts=True)
    assert counts.to_numpy().sum() == np.count_nonzero(forest.feature >= 0)
    assert counts[0].sum() == len(forest.roots)


# ------------------------------------------------------------------------------------------------ text and values
def test_the_report_shows_every_class_and_the_best_features(classifier):
    text = report(classifier)
    scores = split_scores(classifier)
    assert f"{classifier.oob_score_:.3f}" in text
    assert f"accuracy on held-out parts of the annotation: {scores.accuracy:.3f}" in text
    lines = text.splitlines()
    (row,) = [line for line in lines if line.startswith("5 ") and "nuclei" in line]
    assert row.split()[2:5] == [f"{v[1]:.3f}" for v in (scores.precision, scores.recall, scores.f1)]
    start = next(i for i, line in enumerate(lines) if line.startswith("annotated"))
    assert lines[start].split()[-2:] == ["1", "5"]
    assert lines[start + 1].split() == ["1", *map(str, scores.confusion[0])]
    best = classifier.feature_names_[int(np.argmax(classifier.feature_importances_))]
    assert lines[lines.index(next(line for line in lines if line.startswith("feature"))) + 1].startswith(best)


def test_the_summary_is_json_and_says_what_the_functions_say(classifier):
    values = summary(classifier, n_repeats=2, seed=3)
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    scores = split_scores(classifier)
    assert values["accuracy"] == scores.accuracy
    assert values["oob_accuracy"] == classifier.oob_score_
    assert values["confusion"] == scores.confusion.tolist()
    assert [c["id"] for c in values["classes"]] == [1, 5]
    assert values["classes"][1]["name"] == "nuclei"
    assert values["classes"][1]["f1"] == pytest.approx(scores.f1[1])
    table = permutation_importance(classifier, 2, 3)
    assert [f["name"] for f in values["features"]] == classifier.feature_names_
    assert [f["permutation"] for f in values["features"]] == table["importance"].tolist()
    assert np.shape(values["decisions"])[0] == len(classifier.feature_names_)
    assert summary(classifier, n_repeats=0)["features"][0]["permutation"] is None


def test_objects_are_scored_too(nuclei):
    marked = samples.annotate_objects(nuclei, n_per_type=12)
    classifier = ObjectClassifier(n_trees=20).fit(nuclei.labels, marked, nuclei.image)
    scores = split_scores(classifier)
    assert scores.support.sum() + scores.n_trained.sum() == len(classifier.samples_) == 24
    assert scores.classes.tolist() == [1, 2]
