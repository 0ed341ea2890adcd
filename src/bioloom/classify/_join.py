"""Two forests of the same features as one, for classifiers whose training data are not at hand."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.forest import VOTES_PER_TREE, Forest


def join(a: Forest, ids_a: NDArray[np.int64], b: Forest, ids_b: NDArray[np.int64]) -> tuple[Forest, NDArray[np.int64]]:
    """Let the trees of two forests vote together, each tree as much as any other.

    Parameters
    ----------
    a, b
        Of the same features.
    ids_a, ids_b
        Their class ids.

    Returns
    -------
    forest, ids
        The forest of all trees, and the class ids of both, ascending.
    """
    ids = np.union1d(ids_a, ids_b)
    edges = [np.union1d(p, q) for p, q in zip(a.edges, b.edges, strict=True)]
    parts = [_renumbered(forest, own, ids, edges) for forest, own in ((a, ids_a), (b, ids_b))]
    offset = len(a.feature)
    shares = np.array([a.n_trees, b.n_trees]) / (a.n_trees + b.n_trees)
    importances = shares[0] * a.importances + shares[1] * b.importances
    joined = Forest(
        edges,
        np.concatenate([a.feature, b.feature]),
        np.concatenate([p[0] for p in parts]),
        np.concatenate([a.left, np.where(b.left < 0, -1, b.left + offset)]).astype(np.int32),
        np.concatenate([a.right, np.where(b.right < 0, -1, b.right + offset)]).astype(np.int32),
        np.concatenate([p[1] for p in parts], axis=1),
        np.concatenate([a.roots, b.roots + offset]).astype(np.int32),
        importances,
    )
    return joined, ids.astype(np.int64)


def _renumbered(
    forest: Forest, own: NDArray[np.int64], ids: NDArray[np.int64], edges: list[NDArray[Any]]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return thresholds that count the edges of both, and votes for the classes of both, 255 a leaf."""
    threshold = forest.threshold.copy()
    for number, (mine, both) in enumerate(zip(forest.edges, edges, strict=True)):
        here = forest.feature == number
        threshold[here] = np.searchsorted(both, mine[forest.threshold[here]])
    weights = np.zeros((len(ids), len(forest.feature)), np.float32)
    leaves = forest.feature < 0
    votes = forest.weights[:, leaves]
    weights[np.ix_(np.searchsorted(ids, own), leaves)] = votes * (VOTES_PER_TREE / np.maximum(votes.sum(0), 1e-12))
    return threshold, weights
