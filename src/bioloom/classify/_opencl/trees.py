"""Forests laid out for the OpenCL kernels; NumPy only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bioloom.classify.forest import Forest

LEAF_LEAF, LEAF_NODE, NODE_LEAF, NODE_NODE, NODE_NODE_RIGHT_FIRST, CONSTANT, END = range(7)
STACK = 10
"""Rows that the kernels have for results of branches; the branch that needs more goes first, so that few are needed."""


@dataclass(frozen=True)
class Levels:
    """Where the nodes of a forest are.

    Attributes
    ----------
    inner : list of numpy.ndarray
        Per number of decisions above them, the inner nodes of all trees.
    tree : numpy.ndarray
        Per node the tree that it belongs to; -1 if to none.
    depth : numpy.ndarray
        Per tree the largest number of decisions.
    """

    inner: list[NDArray[np.intp]]
    tree: NDArray[np.int32]
    depth: NDArray[np.int32]

    @classmethod
    def of(cls, forest: Forest) -> Levels:
        """Follow all trees at once, from the roots down."""
        tree = np.full(len(forest.feature), -1, np.int32)
        depth = np.zeros(len(forest.roots), np.int32)
        nodes = forest.roots.astype(np.intp)
        tree[nodes] = np.arange(len(nodes))
        inner = []
        while len(nodes := nodes[forest.feature[nodes] >= 0]):
            inner.append(nodes)
            depth[tree[nodes]] = len(inner)
            for children in (forest.left[nodes], forest.right[nodes]):
                tree[children] = tree[nodes]
            nodes = np.concatenate([forest.left[nodes], forest.right[nodes]]).astype(np.intp)
        return cls(inner, tree, depth)


@dataclass(frozen=True)
class Code:
    """Trees as instructions, children before parents.

    Attributes
    ----------
    words : numpy.ndarray
        uint32 (instructions, 2), without the bytes of leaves.
    starts : numpy.ndarray
        Where the instructions of each tree start, and where the last ends.
    left, right : numpy.ndarray
        The node on either side of an instruction, for its leaves' bytes.
    rows : int
        Rows of stack that it needs.
    """

    words: NDArray[np.uint32]
    starts: NDArray[np.int64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    rows: int

    @classmethod
    def of(cls, forest: Forest, levels: Levels) -> Code:
        """Order the nodes of all trees at once, level by level."""
        n_nodes, left, right = len(forest.feature), forest.left, forest.right
        rows, size = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
        for nodes in reversed(levels.inner):
            a, b = rows[left[nodes]], rows[right[nodes]]
            rows[nodes] = np.where(a == b, a + 1, np.maximum(a, b))
            size[nodes] = size[left[nodes]] + size[right[nodes]] + 1
        # A tree of one leaf is one instruction; each tree ends with one more.
        starts = np.concatenate([[0], np.cumsum(np.maximum(size[forest.roots], 1) + 1)])
        start = np.zeros(n_nodes, np.int64)
        start[forest.roots] = starts[:-1]
        words = np.zeros((starts[-1], 2), np.uint32)
        at_left, at_right = np.zeros(starts[-1], np.intp), np.zeros(starts[-1], np.intp)
        words[starts[1:] - 1, 0] = END << 24
        for nodes in levels.inner:
            below_left, below_right = left[nodes], right[nodes]
            a, b = rows[below_left], rows[below_right]
            first_left = a >= b
            start[below_left] = start[nodes] + np.where(first_left, 0, size[below_right])
            start[below_right] = start[nodes] + np.where(first_left, size[below_left], 0)
            operation = np.select(
                [(a == 0) & (b == 0), a == 0, b == 0, first_left],
                [LEAF_LEAF, LEAF_NODE, NODE_LEAF, NODE_NODE],
                NODE_NODE_RIGHT_FIRST,
            )
            at = start[nodes] + size[nodes] - 1
            words[at, 0] = operation << 24 | forest.feature[nodes]
            words[at, 1] = forest.threshold[nodes]
            at_left[at], at_right[at] = below_left, below_right
        alone = forest.roots[size[forest.roots] == 0]
        words[start[alone], 0] = CONSTANT << 24
        at_left[start[alone]] = at_right[start[alone]] = alone
        return cls(words, starts, at_left, at_right, int(rows[forest.roots].max(initial=1)))

    def with_bytes(self, of_node: NDArray[Any]) -> NDArray[np.uint32]:
        """Return the instructions with a byte per node; it counts where a side is a leaf."""
        result = self.words.copy()
        numbers = of_node.astype(np.uint32)
        result[:, 1] |= numbers[self.left] << np.uint32(8) | numbers[self.right] << np.uint32(16)
        return result


@dataclass(frozen=True)
class Nodes:
    """Trees to walk.

    Attributes
    ----------
    nodes : numpy.ndarray
        uint32 (nodes, 2): feature and threshold in 16 bits each, and the left child, which the right one follows.
    roots : numpy.ndarray
        uint32 (trees, 2): the root and the depth.
    place : numpy.ndarray
        Where each node of the forest went; 0 for those that belong to no tree.
    """

    nodes: NDArray[np.uint32]
    roots: NDArray[np.uint32]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, forest: Forest, levels: Levels) -> Nodes:
        """Lay out the levels of all trees one after the other, the two children of a node side by side."""
        place = np.zeros(len(forest.feature), np.int64)
        place[forest.roots] = np.arange(len(forest.roots))
        used = len(forest.roots)
        for nodes in levels.inner:
            pairs = used + 2 * np.arange(len(nodes))
            place[forest.left[nodes]], place[forest.right[nodes]] = pairs, pairs + 1
            used += 2 * len(nodes)
        words = np.empty((used, 2), np.uint32)
        # A leaf is its own left child; no bin is above the largest threshold.
        words[:, 0], words[:, 1] = 0xFFFF, np.arange(used)
        for nodes in levels.inner:
            at = place[nodes]
            words[at, 0] = forest.feature[nodes].astype(np.int64) << 16 | forest.threshold[nodes]
            words[at, 1] = place[forest.left[nodes]]
        roots = np.stack([place[forest.roots], levels.depth], axis=1).astype(np.uint32)
        return cls(words, roots, place)


def in_fours(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Divide weights (classes, items) into groups of four classes, (groups, items, 4), filled up with zeros."""
    n_classes, n_items = weights.shape
    groups = -(-n_classes // 4)
    padded = np.zeros((groups * 4, n_items), np.float32)
    padded[:n_classes] = weights
    return np.ascontiguousarray(padded.reshape(groups, 4, n_items).transpose(0, 2, 1))
