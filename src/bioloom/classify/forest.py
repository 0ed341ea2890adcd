"""Random forests as data: trained by scikit-learn on bins, evaluated by fixed kernels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError

MAX_EDGES = 255
"""More edges than these would not fit bins of one byte."""

_BLOCK = 1 << 16


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
        float32 (classes, nodes): the votes of a leaf.
    roots : numpy.ndarray
        int32 per tree.
    importances : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.
    """

    edges: list[NDArray[np.float32]]
    feature: NDArray[np.int32]
    threshold: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    weights: NDArray[np.float32]
    roots: NDArray[np.int32]
    importances: NDArray[np.float64]

    @property
    def n_classes(self) -> int:
        """Number of classes it votes for."""
        return len(self.weights)

    @property
    def n_features(self) -> int:
        """Number of features it looks at."""
        return len(self.edges)

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

        Notes
        -----
        ``sklearn.ensemble.RandomForestClassifier`` (L. Breiman, Machine Learning 45 (2001) 5-32).
        """
        from sklearn.ensemble import RandomForestClassifier

        model = RandomForestClassifier(
            n_estimators=n_trees,
            max_depth=max_depth,
            random_state=seed,
            class_weight="balanced" if balanced else None,
            n_jobs=device.n_cores(),
        )
        model.fit(bins.astype(np.float32), classes)
        parts: list[tuple[NDArray[Any], ...]] = []
        roots, offset = [], 0
        for estimator in model.estimators_:
            tree = estimator.tree_
            inner = tree.children_left >= 0
            votes = tree.value[:, 0, :]
            votes = votes / votes.sum(1, keepdims=True)
            parts.append(
                (
                    np.where(inner, tree.feature, -1),
                    np.where(inner, np.floor(tree.threshold), 0),
                    np.where(inner, tree.children_left + offset, -1),
                    np.where(inner, tree.children_right + offset, -1),
                    votes,
                )
            )
            roots.append(offset)
            offset += tree.node_count
        feature, threshold, left, right = (np.concatenate([p[k] for p in parts]).astype(np.int32) for k in range(4))
        weights = np.ascontiguousarray(np.concatenate([p[4] for p in parts]).T, np.float32)
        root_array = np.array(roots, np.int32)
        # The same list, not a copy: bins that were made with it can be recognised and used again.
        return cls(edges, feature, threshold, left, right, weights, root_array, model.feature_importances_)

    @cached_property
    def _program(self) -> tuple[Any, ...]:
        """Split the trees into programs for rows and trees to walk; see the kernels."""
        from bioloom.classify import _kernels as k

        code: list[tuple[int, int, int, int, int]] = []
        leaf_base: list[int] = []
        leaves: list[int] = []
        walked: list[int] = []
        depth = 1
        use_rows = all(len(e) <= MAX_EDGES for e in self.edges)
        for root in self.roots:
            order, tree_leaves = self._postorder(int(root))
            if len(tree_leaves) > 256 or not use_rows:
                walked.append(int(root))
                continue
            number = {node: i for i, node in enumerate(tree_leaves)}
            if not order:
                code.append((k.CONSTANT, 0, 0, 0, 0))
            height = 0
            for node in order:
                left, right = int(self.left[node]), int(self.right[node])
                left_leaf, right_leaf = left in number, right in number
                operation = (
                    (k.LEAF_LEAF if right_leaf else k.LEAF_NODE)
                    if left_leaf
                    else (k.NODE_LEAF if right_leaf else k.NODE_NODE)
                )
                height += {k.LEAF_LEAF: 1, k.NODE_NODE: -1}.get(operation, 0)
                depth = max(depth, height + 1)
                code.append(
                    (
                        operation,
                        int(self.feature[node]),
                        int(self.threshold[node]),
                        number.get(left, 0),
                        number.get(right, 0),
                    )
                )
            code.append((k.END, 0, 0, 0, 0))
            leaf_base.append(len(leaves))
            leaves += tree_leaves
        columns = np.array(code, np.int64).reshape(-1, 5).T
        program = (
            columns[0].astype(np.uint8),
            columns[1].astype(np.int64),
            *(c.astype(np.uint8) for c in columns[2:]),
            np.ascontiguousarray(self.weights[:, leaves]).ravel(),
            np.array(leaf_base, np.int64),
            len(leaves),
        )
        return program, np.array(walked, np.int32), depth + 1

    def _postorder(self, root: int) -> tuple[list[int], list[int]]:
        """Return the inner nodes of a tree, children before parents, and its leaves."""
        inner: list[int] = []
        leaves: list[int] = []
        stack = [root]
        while stack:
            node = stack.pop()
            if self.feature[node] < 0:
                leaves.append(node)
            else:
                inner.append(node)
                # Popped in the order node, right, left: reversed, this is left, right, node.
                stack += [int(self.left[node]), int(self.right[node])]
        return inner[::-1], leaves

    def votes(self, bins: NDArray[Any]) -> NDArray[np.float32]:
        """Add up the votes of all trees, on one core; callers give blocks to several threads.

        Parameters
        ----------
        bins
            (features, n), uint8 or uint16.

        Returns
        -------
        numpy.ndarray
            float32 (classes, n).

        Raises
        ------
        InputError
            If the number of features is another one.
        """
        if bins.shape[0] != self.n_features:
            raise InputError(f"The classifier needs {self.n_features} features, but {bins.shape[0]} were given.")
        result = np.zeros((self.n_classes, bins.shape[1]), np.float32)
        for start in range(0, bins.shape[1], _BLOCK):
            self._vote(bins[:, start : start + _BLOCK], result[:, start : start + _BLOCK])
        return result

    def _vote(self, bins: NDArray[Any], result: NDArray[np.float32]) -> None:
        from bioloom.classify import _kernels as k

        (code, feature, threshold, left, right, weights, leaf_base, n_leaves), walked, depth = self._program
        n = bins.shape[1]
        if len(leaf_base):
            width = k.padded(n)
            rows = np.zeros((self.n_features, width), np.uint8)
            rows[:, :n] = bins
            sums = np.zeros((self.n_classes, width), np.float32)
            stack, row_sums = k.scratch(depth, self.n_classes)
            k.vote_by_rows(
                rows.ravel(), width, code, feature, threshold, left, right, weights, leaf_base,
                n_leaves, self.n_classes, stack, row_sums, sums,
            )  # fmt: skip
            result += sums[:, :n]
        if len(walked):
            k.vote_by_walking(
                np.ascontiguousarray(bins),
                walked,
                self.feature,
                self.threshold,
                self.left,
                self.right,
                self.weights,
                result,
            )
