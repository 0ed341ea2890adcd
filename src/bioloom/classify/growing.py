"""Growing a forest on bins in the thread pool, as scikit-learn would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device

_MOST = 2**31 - 1  # random seeds of trees and of their draws are below it, as in scikit-learn
_UNLIMITED = 1 << 30
_NODES_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Grown:
    """Trees, their nodes one after the other, each tree's root first.

    Attributes
    ----------
    roots : numpy.ndarray
        int32 per tree.
    feature, threshold : numpy.ndarray
        int32 per node; the feature is -1 for a leaf. Bins up to the threshold go left.
    left, right : numpy.ndarray
        int32 per node: its children, -1 for a leaf.
    sums : numpy.ndarray
        float64 (nodes, classes): weights of the items in each node.
    importances : numpy.ndarray
        float64 per feature, adding up to 1 (to 0 if no tree has a decision).
    in_bag : numpy.ndarray
        bool (trees, items): which items each tree saw.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    sums: NDArray[np.float64]
    importances: NDArray[np.float64]
    in_bag: NDArray[np.bool_]


def grow_forest(
    columns: NDArray[Any],
    classes: NDArray[np.intp],
    *,
    n_trees: int,
    max_depth: int | None,
    balanced: bool,
    seed: int,
    bag: int | None,
) -> Grown:
    """Grow a random forest, or one of extra trees.

    Parameters
    ----------
    columns
        (features, n), uint8 or uint16, C-contiguous.
    classes
        n class numbers 0…k-1.
    n_trees, max_depth, balanced, seed
        See :meth:`bioloom.classify.forest.Forest.train`.
    bag
        How many items, drawn with replacement, each tree of a random forest sees; None grows extra trees on all items.

    Notes
    -----
    ``RandomForestClassifier`` and ``ExtraTreesClassifier`` of scikit-learn 1.9 with ``max_features="sqrt"``: the draws
    are those of NumPy's ``RandomState``, as there, so that forests are equal.
    """
    n = columns.shape[1]
    per_class = np.bincount(classes)
    of_class = n / (len(per_class) * per_class) if balanced else np.ones(len(per_class))
    weights = of_class[classes]
    seeds = np.random.RandomState(seed).randint(_MOST, size=n_trees)
    depth = _UNLIMITED if max_depth is None else max_depth
    most = 2 * (n if bag is None else min(n, bag)) - 1
    if depth < 30:
        most = min(most, 2 ** (depth + 1) - 1)

    def part(some: NDArray[Any]) -> tuple[NDArray[Any], ...]:
        draws = np.empty((len(some), bag or 0), np.int64)
        if bag is not None:
            for row, tree_seed in zip(draws, some, strict=True):
                state = np.random.RandomState(tree_seed)
                row[:] = state.choice(n, bag, p=weights / weights.sum()) if balanced else state.randint(0, n, bag)
        return _grow(columns, classes, weights, draws, depth, most, some)

    n_parts = max(2 * device.n_cores(), -(-n_trees * most // _NODES_AT_ONCE))
    parts = list(device.thread_pool().map(part, np.array_split(seeds, min(n_trees, n_parts))))
    sizes, feature, threshold, child, sums, importance, in_bag = (
        np.concatenate(same) for same in zip(*parts, strict=True)
    )
    roots = np.cumsum(sizes) - sizes
    child += np.where(child < 0, 0, np.repeat(roots, sizes)[:, np.newaxis])
    # Trees without any decision tell nothing about features.
    total = importance[sizes > 1].sum(0)
    importances = total / total.sum() if total.sum() > 0 else total
    left, right = np.ascontiguousarray(child.T)
    return Grown(roots.astype(np.int32), feature, threshold, left, right, sums, importances, in_bag)


def _grow(
    columns: NDArray[Any],
    classes: NDArray[np.intp],
    weights: NDArray[np.float64],
    draws: NDArray[np.int64],
    depth: int,
    most: int,
    seeds: NDArray[Any],
) -> tuple[NDArray[Any], ...]:
    """Return the numbers of nodes of some trees, their nodes, importances (trees, features) and bags (trees, items)."""
    from bioloom.classify._growing import grow_trees

    n_trees, n_features, n = len(seeds), *columns.shape
    sizes = np.empty(n_trees, np.int64)
    feature, threshold = np.empty((n_trees, most), np.int32), np.empty((n_trees, most), np.int32)
    child, sums = np.empty((n_trees, most, 2), np.int32), np.empty((n_trees, most, int(classes.max()) + 1))
    importance, in_bag = np.empty((n_trees, n_features)), np.empty((n_trees, n), np.bool_)
    n_bins = 256 if columns.dtype == np.uint8 else int(columns.max()) + 1
    of_draws = np.array([np.random.RandomState(s).randint(0, _MOST) for s in seeds], np.uint32)
    grow_trees(
        columns, classes, weights, draws, n_bins, depth, max(1, int(np.sqrt(n_features))), of_draws, sizes, feature,
        threshold, child, sums, importance, in_bag,
    )  # fmt: skip
    used = np.arange(most) < sizes[:, np.newaxis]
    return sizes, feature[used], threshold[used], child[used], sums[used], importance, in_bag
