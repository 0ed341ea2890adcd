"""Forests: grown as scikit-learn grows them, evaluated by the kernels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bioloom.classify import _program
from bioloom.classify.forest import Forest, decide, find_edges, to_bins, whole_votes


def grown(n_classes=2, max_depth=6, n_trees=20, kind="random", two_bytes=False, n=2400, **settings):
    """Return a forest, and bins (features, n), classes and scikit-learn's forest of the same settings."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, 6)).astype(np.float32)
    classes = np.digitize(values[:, 0] + 0.7 * rng.normal(size=n), np.linspace(-1, 1, n_classes - 1))
    edges = [find_edges(column, 2000 if two_bytes else 255) for column in values.T]
    bins = np.stack([to_bins(column, e) for column, e in zip(values.T, edges, strict=True)])
    forest = Forest.train(bins.T, classes, edges, n_trees=n_trees, max_depth=max_depth, seed=3, kind=kind, **settings)
    peer = {"random": RandomForestClassifier, "extra": ExtraTreesClassifier}[kind]
    weights = "balanced" if settings.get("balanced") else None
    model = peer(n_trees, max_depth=max_depth, random_state=3, class_weight=weights)
    return forest, bins, classes, model.fit(bins.T.astype(np.float32), classes)


@pytest.mark.parametrize("two_bytes", [False, True])
@pytest.mark.parametrize("kind", ["random", "extra"])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("max_depth", [1, 2, 6, 12, None])
def test_votes_are_those_of_scikit_learn(max_depth, n_classes, kind, two_bytes):
    forest, bins, _, peer = grown(n_classes, max_depth, kind=kind, two_bytes=two_bytes)
    votes = forest.votes(bins)
    # Shares of a leaf are rounded to whole 255ths.
    np.testing.assert_allclose((votes / votes.sum(0)).T, peer.predict_proba(bins.T.astype(np.float32)), atol=1 / 255)
    np.testing.assert_allclose(forest.importances, peer.feature_importances_)
    assert (votes.sum(0) == 255 * 20).all()


@pytest.mark.parametrize("n", [1, 4095, 4096, 9000])
@pytest.mark.parametrize("max_depth", [1, 3, 14])
def test_all_ways_to_evaluate_a_forest_agree(n, max_depth):
    forest, bins, _, _ = grown(3, max_depth, n=9000)
    bins = bins[:, :n]
    votes = forest.votes(bins)
    fractions = replace(forest, weights=forest.weights / np.float32(3))
    for way in (_program.InBytes, _program.Walked, *([_program.ByLeaves] if max_depth < 8 else [])):
        again = replace(forest)
        again._programs[True] = way(forest)
        np.testing.assert_array_equal(again.votes(bins), votes, err_msg=way.__name__)
    assert not fractions.has_whole_votes
    np.testing.assert_allclose(fractions.votes(bins), votes / 3, rtol=1e-5)


@pytest.mark.parametrize("max_depth", [2, 12])
def test_votes_of_parts_add_up_exactly(max_depth):
    forest, bins, _, _ = grown(3, max_depth, n_trees=300)
    parts = [forest.votes(bins, a, b) for a, b in ((0, 20), (20, 290), (290, None))]
    np.testing.assert_array_equal(sum(parts), forest.votes(bins))
    assert (forest.votes(bins, 300) == 0).all()
    assert forest.votes(bins[:, :0]).shape == (3, 0)


@pytest.mark.parametrize("two_bytes", [False, True])
def test_a_compact_forest_gives_the_same_votes_on_bins_of_its_own(two_bytes):
    forest, bins, _, _ = grown(3, 6, two_bytes=two_bytes)
    values = np.random.default_rng(0).normal(size=(2400, 6)).astype(np.float32)
    fewer = np.stack([to_bins(column, e) for column, e in zip(values.T, forest.compact.edges, strict=True)])
    assert sum(map(len, forest.compact.edges)) < sum(map(len, forest.edges))
    np.testing.assert_array_equal(forest.compact.votes(fewer), forest.votes(bins))


def test_balanced_classes_weigh_the_same():
    forest, bins, _, peer = grown(2, 3, balanced=True)
    votes = forest.votes(bins)
    np.testing.assert_allclose((votes / votes.sum(0)).T, peer.predict_proba(bins.T.astype(np.float32)), atol=1 / 255)


def test_out_of_bag_accuracy_is_that_of_scikit_learn():
    from sklearn.ensemble import RandomForestClassifier

    forest, bins, classes, _ = grown(3, 8, n_trees=60)
    peer = RandomForestClassifier(60, max_depth=8, random_state=3, oob_score=True).fit(
        bins.T.astype(np.float32), classes
    )
    assert forest.oob_accuracy == pytest.approx(peer.oob_score_, abs=2e-3)
    assert grown(kind="extra")[0].oob_accuracy is None


def test_rounded_votes_add_up_and_stay_close():
    shares = np.random.default_rng(0).dirichlet([0.3] * 5, 1000)
    votes = whole_votes(shares)
    assert (votes.sum(1) == 255).all()
    assert np.abs(votes / 255 - shares).max() < 1 / 255
    np.testing.assert_array_equal(whole_votes(np.array([[3.0, 0.0], [1.0, 1.0]])), [[255, 0], [128, 127]])


def test_decide_gives_class_probability_and_margin():
    votes = np.array([[2, 5, 1, 0], [2, 1, 7, 0], [0, 4, 2, 0]], np.float32)
    number, probability, margin = decide(votes)
    assert number.tolist() == [0, 0, 1, 0]
    np.testing.assert_allclose(probability, [0.5, 0.5, 0.7, 0])
    np.testing.assert_allclose(margin, [0, 0.1, 0.5, 0], atol=1e-6)
