"""Random forests as data: grown on bins as scikit-learn grows them, evaluated by fixed kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError

Answer: TypeAlias = Literal["classes", "margin", "probabilities"]

MAX_EDGES = 255
"""More edges than these would not fit bins of one byte."""

VOTES_PER_TREE = 255
"""Votes of a tree grown here: whole numbers, so that their sums are exact in any order and on any device."""


def find_edges(values: NDArray[Any], n_max: int = MAX_EDGES) -> NDArray[np.float32]:
    """Choose the edges that divide the values of one feature into bins.

    Parameters
    ----------
    values
        Any number of values; those that are not finite are left out.
    n_max
        The largest number of edges.

    Returns
    -------
    numpy.ndarray
        Increasing float32 edges, each between two values that occur; at quantiles if there are more than `n_max` gaps.
    """
    ordered = np.unique(np.asarray(values, np.float32).ravel())
    ordered = ordered[np.isfinite(ordered)]
    if ordered.size < 2:
        return np.empty(0, np.float32)
    if ordered.size - 1 > n_max:
        every = np.sort(np.asarray(values, np.float32).ravel())
        every = every[np.isfinite(every)]
        at = np.searchsorted(ordered, every[np.linspace(0, every.size - 1, n_max + 2).astype(int)[1:-1]])
        upper = np.unique(np.clip(at, 1, None))
    else:
        upper = np.arange(1, ordered.size)
    low, high = ordered[upper - 1], ordered[upper]
    # In float64: the largest float32 values are further apart than float32 can tell.
    middle = (low.astype(np.float64) + (high.astype(np.float64) - low) / 2).astype(np.float32)
    # Neighbouring floats have nothing between them: the edge is then the upper one, which belongs to the upper bin.
    edges: NDArray[np.float32] = np.where(middle > low, middle, high)
    return edges


def to_bins(values: NDArray[Any], edges: NDArray[np.float32], out: NDArray[Any] | None = None) -> NDArray[Any]:
    """Put values of one feature into bins.

    Parameters
    ----------
    values
        Any shape; compared as float32.
    edges
        Increasing float32.
    out
        Array of the same shape for the result, uint8 or uint16.

    Returns
    -------
    numpy.ndarray
        For each value the number of edges that are not above it, 0 for NaN; uint8 up to 255 edges, uint16 beyond.

    Raises
    ------
    InputError
        If edges are not finite or do not increase.
    """
    from bioloom.classify._kernels import quantise

    edges = np.asarray(edges, np.float32)
    if not (np.isfinite(edges).all() and (edges[1:] > edges[:-1]).all()):
        raise InputError("The edges of bins must be finite numbers that increase. Choose them with find_edges.")
    flat = np.ascontiguousarray(values, np.float32).ravel()
    result = out if out is not None else np.empty(np.shape(values), np.uint8 if len(edges) <= MAX_EDGES else np.uint16)
    quantise(flat, edges, result.reshape(-1))
    return result


@dataclass(frozen=True)
class Forest:
    """Decision trees in flat arrays; nodes of all trees one after the other, each tree's root first.

    Attributes
    ----------
    edges : list of numpy.ndarray
        Per feature the increasing float32 values that separate bins.
    feature : numpy.ndarray
        int32 per node: the feature it looks at, -1 for a leaf.
    threshold : numpy.ndarray
        int32 per node: go right where the bin is larger, that is where the value is not below ``edges[threshold]``.
    left, right : numpy.ndarray
        int32 per node: its children.
    weights : numpy.ndarray
        float32 (classes, nodes): the votes of a leaf. Those of trees grown here are whole numbers that add up to 255.
    roots : numpy.ndarray
        int32 per tree.
    importances : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.
    oob_accuracy : float or None
        Share of the training items that the trees not grown on them classify right, 0…1.
    """

    edges: list[NDArray[np.float32]]
    feature: NDArray[np.int32]
    threshold: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    weights: NDArray[np.float32]
    roots: NDArray[np.int32]
    importances: NDArray[np.float64]
    oob_accuracy: float | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes it votes for."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """Number of features it looks at."""
        return len(self.edges)

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    @classmethod
    def train(
        cls,
        bins: NDArray[Any],
        classes: NDArray[np.intp],
        edges: list[NDArray[np.float32]],
        *,
        n_trees: int = 100,
        max_depth: int | None = 6,
        balanced: bool = False,
        seed: int = 0,
        kind: Literal["random", "extra"] = "random",
        bag: int | None = None,
    ) -> Forest:
        """Train on bins.

        Parameters
        ----------
        bins
            (n, features), uint8 or uint16.
        classes
            n class numbers 0…k-1, each at least once.
        edges
            The edges of the bins, per feature.
        n_trees, max_depth, balanced, seed
            Settings of the forest; `balanced` weighs classes by the inverse of their frequency.
        kind
            A random forest, or extremely randomised ("extra") trees, which see all items.
        bag
            How many items, drawn with replacement, each tree of a random forest sees at most; all if left out.

        Notes
        -----
        The forest of ``sklearn.ensemble.RandomForestClassifier`` (L. Breiman, Machine Learning 45 (2001) 5-32) or
        ``ExtraTreesClassifier`` (P. Geurts et al., Machine Learning 63 (2006) 3-42) of the same settings and seed, node
        by node, but grown from histograms of the bins. The shares of classes in a leaf are rounded to whole 255ths.
        """
        from bioloom.classify.growing import grow_forest

        columns = np.ascontiguousarray(bins.T)
        grown = grow_forest(
            columns, classes, n_trees=n_trees, max_depth=max_depth, balanced=balanced, seed=seed,
            bag=min(len(bins), bag or len(bins)) if kind == "random" else None,
        )  # fmt: skip
        weights = np.ascontiguousarray(whole_votes(grown.sums).T)
        # The same list of edges, not a copy: bins that were made with it can be recognised and used again.
        forest = cls(
            edges, grown.feature, grown.threshold, grown.left, grown.right, weights, grown.roots, grown.importances
        )
        if kind == "extra":
            return forest
        return replace(forest, oob_accuracy=_oob_accuracy(forest, columns, classes, grown.in_bag))

    @cached_property
    def has_whole_votes(self) -> bool:
        """Whether votes are whole numbers that add up to 255 in every leaf."""
        votes = self.weights[:, self.feature < 0]
        return bool((votes == np.floor(votes)).all() and (votes.sum(0) == VOTES_PER_TREE).all() and (votes >= 0).all())

    @cached_property
    def compact(self) -> Forest:
        """The same forest with only those edges that it looks at: bins are found faster, and every answer is equal."""
        edges = []
        threshold = self.threshold.copy()
        for number, of_feature in enumerate(self.edges):
            here = self.feature == number
            needed, threshold[here] = np.unique(self.threshold[here], return_inverse=True)
            edges.append(of_feature[needed])
        return replace(self, edges=edges, threshold=threshold)

    @cached_property
    def _needs_two_bytes(self) -> bool:
        return any(len(e) > MAX_EDGES for e in self.edges)

    @cached_property
    def _programs(self) -> dict[bool, Any]:
        return {}

    def votes(self, bins: NDArray[Any], first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Add up the votes of trees, on one core; callers give blocks to several threads.

        Parameters
        ----------
        bins
            (features, n), uint8 or uint16.
        first, last
            The trees that vote: `first` up to but not including `last`; all if left out. Votes of parts add up to those
            of all, exactly so for trees grown here.

        Returns
        -------
        numpy.ndarray
            float32 (classes, n).

        Raises
        ------
        InputError
            If the number of features is another one.
        """
        from bioloom.classify import _kernels, _program

        if bins.shape[0] != self.n_features:
            raise InputError(f"The classifier needs {self.n_features} features, but {bins.shape[0]} were given.")
        bytes_suffice = bins.dtype == np.uint8 and not self._needs_two_bytes
        if bytes_suffice not in self._programs:
            self._programs[bytes_suffice] = _program.program_for(self, bytes_suffice)
        program = self._programs[bytes_suffice]
        n = bins.shape[1]
        last = self.n_trees if last is None else min(last, self.n_trees)
        if first >= last or not n:
            return np.zeros((self.n_classes, n), np.float32)
        flat = np.ascontiguousarray(bins).reshape(-1)
        whole = n - n % _kernels.ROW
        parts = [program.votes(flat, n, whole, first, last)] if whole else []
        if whole < n:
            # The rest is filled up to a row.
            rest = np.zeros((self.n_features, _kernels.ROW), bins.dtype)
            rest[:, : n - whole] = bins[:, whole:]
            parts.append(program.votes(rest.reshape(-1), _kernels.ROW, _kernels.ROW, first, last)[:, : n - whole])
        result: NDArray[np.float32] = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        return result


def decide(votes: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.float32], NDArray[np.float32]]:
    """Turn votes into answers.

    Parameters
    ----------
    votes
        float32 (classes, n); see :meth:`Forest.votes`.

    Returns
    -------
    number : numpy.ndarray
        uint16 (n,): the class of most votes, from 0; the lower one of equals.
    probability : numpy.ndarray
        float32 (n,), 0…1: the share of its votes.
    margin : numpy.ndarray
        float32 (n,), 0…1: how far it is ahead of the second; 1 minus this is the uncertainty.
    """
    from bioloom.classify import _kernels

    n = votes.shape[1]
    number, best, margin = np.empty(n, np.uint16), np.empty(n, np.float32), np.empty(n, np.float32)
    _kernels.decide(votes, number, best, margin)
    return number, best, margin


def answer(votes: NDArray[np.float32], what: Answer) -> NDArray[Any]:
    """Turn votes into one kind of answer.

    Parameters
    ----------
    votes
        float32 (classes, n); see :meth:`Forest.votes`.
    what
        ``"classes"``, ``"margin"`` or ``"probabilities"``.

    Returns
    -------
    numpy.ndarray
        uint16 (n,): the class of most votes, the lower of equals. Or float32 (n,), 0…1: by how much its share of the
        votes is above that of the second. Or float32 (classes, n): the shares of all.
    """
    if what == "probabilities":
        shares: NDArray[np.float32] = votes / votes.sum(0)
        return shares
    number, _, margin = decide(votes)
    return number if what == "classes" else margin


def whole_votes(shares: NDArray[Any]) -> NDArray[np.float32]:
    """Round shares of classes (n, classes) to whole numbers that add up to 255: those most cut off are rounded up."""
    exact = shares / shares.sum(1, keepdims=True) * VOTES_PER_TREE
    votes = np.floor(exact)
    missing = VOTES_PER_TREE - votes.sum(1)
    rank = np.argsort(np.argsort(votes - exact, axis=1, kind="stable"), axis=1, kind="stable")
    votes += rank < missing[:, np.newaxis]
    rounded: NDArray[np.float32] = votes.astype(np.float32)
    return rounded


def _oob_accuracy(
    forest: Forest, columns: NDArray[Any], classes: NDArray[np.intp], in_bag: NDArray[np.bool_]
) -> float | None:
    from bioloom.classify._kernels import out_of_bag

    def votes_of(part: slice) -> NDArray[np.float32]:
        votes = np.zeros((columns.shape[1], forest.n_classes), np.float32)
        out_of_bag(
            columns, forest.roots[part], forest.feature, forest.threshold, forest.left, forest.right, forest.weights,
            in_bag[part], votes,
        )  # fmt: skip
        return votes

    step = -(-forest.n_trees // device.n_cores())
    parts = [slice(k, k + step) for k in range(0, forest.n_trees, step)]
    votes = np.sum(list(device.thread_pool().map(votes_of, parts)), axis=0)
    asked = votes.sum(1) > 0
    return float((votes.argmax(1) == classes)[asked].mean()) if asked.any() else None
