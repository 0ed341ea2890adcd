"""Exact Shapley values of random forests."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify.forest import VOTES_PER_TREE, Forest
from bioloom.errors import InputError

Progress: TypeAlias = Callable[[int, int], None]

# What a block of rows adds to stays in the cache of a core.
_ROWS_AT_ONCE = 128


@dataclass(frozen=True)
class ForestPaths:
    """The leaves of a forest, each described by the conditions that lead to it; see `_shap_kernels.follow_paths`.

    Attributes
    ----------
    votes
        float64 (leaves, classes): what each leaf adds to the shares of the classes.
    base
        float64 (classes,): the mean share of each class among the background.
    """

    starts: NDArray[np.int64]
    feature: NDArray[np.int32]
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    share: NDArray[np.float64]
    votes: NDArray[np.float64]
    base: NDArray[np.float64]
    weights: NDArray[np.float64]
    n_features: int

    @classmethod
    def of(cls, forest: Forest, background: NDArray[Any]) -> ForestPaths:
        """Describe a forest.

        Parameters
        ----------
        forest
            Trained here or elsewhere.
        background
            Bins (items, features) of what the forest usually meets, such as what it was trained on: they tell how
            often each branch is taken where a feature is not known.

        Raises
        ------
        InputError
            If there is no background, or the features do not fit.
        """
        from bioloom.explore import _shap_kernels as kernels

        if background.ndim != 2 or not len(background) or background.shape[1] != forest.n_features:
            raise InputError(
                f"The classifier looks at {forest.n_features} features, but the background has the shape "
                f"{background.shape}. Give rows with the features of the classifier."
            )
        visits = np.zeros(len(forest.feature), np.int64)
        tree = (forest.feature, forest.threshold, forest.left, forest.right)
        kernels.count_visits(np.ascontiguousarray(background), forest.roots, *tree, visits)
        depth = _depth(forest)
        nothing = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0))
        n_paths, n_elements = kernels.follow_paths(
            forest.roots, *tree, visits, depth, np.zeros(1, np.int64), *nothing, np.empty(0, np.int64)
        )
        starts, leaf = np.zeros(n_paths + 1, np.int64), np.empty(n_paths, np.int64)
        feature, low, high = (np.empty(n_elements, np.int32) for _ in range(3))
        share = np.empty(n_elements)
        kernels.follow_paths(forest.roots, *tree, visits, depth, starts, feature, low, high, share, leaf)
        votes = np.ascontiguousarray(forest.weights[:, leaf].T, np.float64) / _votes_in_all(forest)
        reach = np.ones(n_paths)
        filled = starts[1:] > starts[:-1]
        reach[filled] = np.multiply.reduceat(share, starts[:-1][filled]) if filled.any() else 1
        return cls(
            starts, feature, low, high, share, votes, reach @ votes, _weights(depth), forest.n_features
        )  # fmt: skip

    def shapley(self, bins: NDArray[Any], progress: Progress | None = None) -> NDArray[np.float64]:
        """Return the Shapley values of items.

        Parameters
        ----------
        bins
            (items, features).
        progress
            Called as ``progress(done, total)``. May raise Cancelled.

        Returns
        -------
        numpy.ndarray
            float64 (items, features, classes). With `base` they add up to the shares of the votes.
        """
        from bioloom.explore._shap_kernels import add_contributions

        result = np.zeros((len(bins), self.n_features, self.votes.shape[1]))
        bins = np.ascontiguousarray(bins)

        def one(start: int) -> None:
            part = slice(start, start + _ROWS_AT_ONCE)
            add_contributions(
                bins[part], self.starts, self.feature, self.low, self.high, self.share, self.votes, self.weights,
                result[part],
            )  # fmt: skip

        starts = range(0, len(bins), _ROWS_AT_ONCE)
        ahead = 4 * device.n_cores()
        for first in range(0, len(starts), ahead):
            done = starts[first : first + ahead]
            list(device.thread_pool().map(one, done))
            if progress is not None:
                progress(min(done[-1] + _ROWS_AT_ONCE, len(bins)), len(bins))
        return result


def _votes_in_all(forest: Forest) -> float:
    """Return by what to divide votes so that they are shares."""
    if forest.has_whole_votes:
        return float(forest.n_trees * VOTES_PER_TREE)
    sums = forest.weights[:, forest.feature < 0].sum(axis=0, dtype=np.float64)
    if sums.min() < 0.99 * sums.max():
        raise InputError(
            "This classifier was trained by a program whose leaves hold counts instead of shares, so that its "
            "probabilities are no sums over trees. Train it here to explain it."
        )
    return float(forest.n_trees * sums.mean())


def _depth(forest: Forest) -> int:
    """Return the number of decisions on the longest path."""
    level = forest.roots
    depth = 0
    while len(level := level[forest.feature[level] >= 0]):
        level = np.concatenate([forest.left[level], forest.right[level]])
        depth += 1
    return depth


def _weights(depth: int) -> NDArray[np.float64]:
    """Return s! (d - 1 - s)! / d! in row d, column s."""
    result = np.zeros((depth + 1, max(depth, 1)))
    for d in range(1, depth + 1):
        for s in range(d):
            result[d, s] = 1 / (d * math.comb(d - 1, s))
    return result
