"""Forests laid out for the kernels: trees as small programs for rows of pixels, or as nodes to walk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify import _kernels as kernels

if TYPE_CHECKING:
    from bioloom.classify.forest import Forest

_TREES_PER_SUM = 256  # of bytes, before a sum of two bytes could overflow
_WALKED_NODES = 1200  # inner nodes per tree above which walking is faster
_LOOKUP = 32  # how many nodes cost as much as looking up one weight
_MAX_LEAVES = 256


class InBytes:
    """Trees that pass on votes of one byte, one class at a time; the last class gets what is left."""

    def __init__(self, forest: Forest) -> None:
        self._n_classes = forest.n_classes
        self._code = _Code(forest)
        votes = forest.weights.astype(np.uint8)
        leaves = self._code.leaves
        self._left = votes[:-1, leaves[self._code.left]]
        self._right = votes[:-1, leaves[self._code.right]]

    def votes(self, bins: NDArray[Any], n: int, n_pixels: int, first: int, last: int) -> NDArray[np.float32]:
        code = self._code
        starts = code.tree_starts[np.append(np.arange(first, last, _TREES_PER_SUM), last)]
        sums = np.empty((self._n_classes, n_pixels), np.float32)
        stack = np.empty(code.height * kernels.ROW, np.uint8)
        row_sums = np.empty(kernels.ROW, np.uint16)
        total = np.float32(255 * (last - first))
        kernels.vote_in_bytes_all(
            bins, n, starts, code.operation, code.feature, code.threshold, self._left, self._right, stack, row_sums,
            total, sums,
        )  # fmt: skip
        return sums


class ByLeaves:
    """Trees that pass on the numbers of their leaves, which pick the votes of all classes."""

    def __init__(self, forest: Forest) -> None:
        self._n_classes = forest.n_classes
        self._code = code = _Code(forest)
        # Numbers count from the tree's first leaf, to fit into bytes.
        base = np.repeat(code.leaf_starts[:-1], np.diff(code.tree_starts))
        self._left = (code.left - base).astype(np.uint8)
        self._right = (code.right - base).astype(np.uint8)
        self._weights = np.ascontiguousarray(forest.weights[:, code.leaves]).ravel()

    def votes(self, bins: NDArray[Any], n: int, n_pixels: int, first: int, last: int) -> NDArray[np.float32]:
        code = self._code
        part = slice(code.tree_starts[first], code.tree_starts[last])
        sums = np.empty((self._n_classes, n_pixels), np.float32)
        stack = np.empty(code.height * kernels.ROW, np.uint8)
        row_sums = np.empty(self._n_classes * kernels.ROW, np.float32)
        kernels.vote_by_leaves(
            bins, n, code.operation[part], code.feature[part], code.threshold[part], self._left[part],
            self._right[part], self._weights, code.leaf_starts[first:last], stack, row_sums, sums,
        )  # fmt: skip
        return sums


class Walked:
    """Trees of any size and bins of one or two bytes; the two children of a node lie side by side."""

    def __init__(self, forest: Forest) -> None:
        n = len(forest.feature)
        inner = forest.feature >= 0
        # Roots first, then the children of each inner node as a pair.
        place = np.empty(n, np.int32)
        place[forest.roots] = np.arange(len(forest.roots))
        parents = np.flatnonzero(inner)
        pairs = len(forest.roots) + 2 * np.arange(len(parents), dtype=np.int32)
        place[forest.left[parents]] = pairs
        place[forest.right[parents]] = pairs + 1
        self._roots = place[forest.roots]
        self._feature = np.zeros(n, np.uint16)
        self._threshold = np.full(n, 65535, np.uint16)
        self._child = np.arange(n, dtype=np.int32)
        self._weights = np.empty_like(forest.weights)
        self._feature[place[parents]] = forest.feature[parents]
        self._threshold[place[parents]] = forest.threshold[parents]
        self._child[place[parents]] = pairs
        self._weights[:, place] = forest.weights
        self._depths = np.array([_depth(forest, int(root)) for root in forest.roots], np.int32)

    def votes(self, bins: NDArray[Any], n: int, n_pixels: int, first: int, last: int) -> NDArray[np.float32]:
        sums = np.empty((len(self._weights), n_pixels), np.float32)
        kernels.vote_by_walking(
            bins, n, self._roots[first:last], self._depths[first:last], self._feature, self._threshold, self._child,
            self._weights, sums,
        )  # fmt: skip
        return sums


def program_for(forest: Forest, bytes_suffice: bool) -> InBytes | ByLeaves | Walked:
    """Choose how to evaluate a forest, given whether its bins are of one byte."""
    inner = np.count_nonzero(forest.feature >= 0) / len(forest.roots)
    if not bytes_suffice:
        return Walked(forest)
    if forest.has_whole_votes and (forest.n_classes - 2) * inner <= _LOOKUP * forest.n_classes:
        return InBytes(forest) if (forest.n_classes - 1) * inner <= _WALKED_NODES else Walked(forest)
    # Trees in one array, leaf after leaf of each: the distance of two roots is the size of the tree between them.
    sizes = np.diff(np.append(forest.roots, len(forest.feature)))
    if sizes.min() > 0 and sizes.max() < 2 * _MAX_LEAVES:
        return ByLeaves(forest)
    return Walked(forest)


class _Code:
    """The nodes of all trees, children before parents, as operations on a stack of rows."""

    def __init__(self, forest: Forest) -> None:
        rows: list[tuple[int, int, int, int, int]] = []
        leaves: list[int] = []
        tree_starts, leaf_starts = [0], [0]
        self.height = 2
        for root in forest.roots:
            self._add_tree(forest, int(root), rows, leaves)
            tree_starts.append(len(rows))
            leaf_starts.append(len(leaves))
        columns = np.array(rows, np.int64).T
        self.operation = columns[0].astype(np.uint8)
        self.feature = columns[1].copy()
        self.threshold = columns[2].astype(np.uint8)
        self.left, self.right = columns[3].copy(), columns[4].copy()
        self.leaves = np.array(leaves, np.intp)
        self.tree_starts = np.array(tree_starts, np.int64)
        self.leaf_starts = np.array(leaf_starts, np.int64)

    def _add_tree(
        self, forest: Forest, root: int, rows: list[tuple[int, int, int, int, int]], leaves: list[int]
    ) -> None:
        order, tree_leaves = _children_first(forest, root)
        number = {node: len(leaves) + i for i, node in enumerate(tree_leaves)}
        leaves += tree_leaves
        any_leaf = number[tree_leaves[0]]
        if not order:
            rows.append((kernels.CONSTANT, 0, 0, any_leaf, any_leaf))
        height = 0
        for node in order:
            left, right = int(forest.left[node]), int(forest.right[node])
            left_leaf, right_leaf = left in number, right in number
            operation = (
                (kernels.LEAF_LEAF if right_leaf else kernels.LEAF_NODE)
                if left_leaf
                else (kernels.NODE_LEAF if right_leaf else kernels.NODE_NODE)
            )
            height += {kernels.LEAF_LEAF: 1, kernels.NODE_NODE: -1}.get(operation, 0)
            self.height = max(self.height, height + 1)
            # A side that is no leaf is not looked at; it gets the number of some leaf, to be a valid one.
            rows.append(
                (
                    operation,
                    int(forest.feature[node]),
                    int(forest.threshold[node]),
                    number.get(left, any_leaf),
                    number.get(right, any_leaf),
                )
            )
        rows.append((kernels.END, 0, 0, any_leaf, any_leaf))


def _children_first(forest: Forest, root: int) -> tuple[list[int], list[int]]:
    """Return the inner nodes of a tree, children before parents, and its leaves."""
    inner: list[int] = []
    leaves: list[int] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if forest.feature[node] < 0:
            leaves.append(node)
        else:
            inner.append(node)
            # Popped in the order node, right, left: reversed, this is left, right, node.
            stack += [int(forest.left[node]), int(forest.right[node])]
    return inner[::-1], leaves


def _depth(forest: Forest, root: int) -> int:
    """Return the number of decisions on the longest path."""
    level = np.array([root])
    depth = 0
    while len(level := level[forest.feature[level] >= 0]):
        level = np.concatenate([forest.left[level], forest.right[level]])
        depth += 1
    return depth
