"""The fixed kernels that put features into bins and evaluate forests; nothing here is compiled per training.

A tree is evaluated for a whole row of pixels at a time. Its nodes are visited children first, and each blends the leaf
numbers of its two children by `bin > threshold`: no branches and no gathers that depend on pixels, so that the compiler
turns a row into vector instructions on bytes. The leaf numbers then pick the leaf's class weights from a small table.
Trees of more than 256 leaves are walked pixel by pixel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uintp

ROW = 1024
"""Pixels that are evaluated together."""

LEAF_LEAF, LEAF_NODE, NODE_LEAF, NODE_NODE, END, CONSTANT = range(6)


_CELLS = 2048


@njit(nogil=True, cache=True, error_model="numpy")
def quantise(values: Any, edges: Any, out: Any) -> None:
    """Count, for each value, the edges that are not above it; NaN counts none. Edges must be finite and increase.

    A table over equal cells of the edges' range tells how many edges lie in the cells before a value's own; only the
    edges of its cell are looked at. Equal or larger values never fall into an earlier cell, so the count is exact.
    """
    n = edges.shape[0]
    if n == 0:
        out[:] = 0
        return
    lowest, highest = np.float64(edges[0]), np.float64(edges[n - 1])
    scale = (_CELLS - 1) / (highest - lowest) if highest > lowest else 0.0
    before = np.zeros(_CELLS + 1, np.int32)
    for k in range(n):
        before[int((edges[k] - lowest) * scale) + 1] += 1
    for c in range(_CELLS):
        before[c + 1] += before[c]
    for i in range(values.shape[0]):
        value = values[i]
        if value >= highest:
            out[i] = n
        elif value >= lowest:
            cell = int((value - lowest) * scale)
            low, high = before[cell], before[cell + 1]
            while low < high:
                middle = (low + high) >> 1
                if edges[middle] <= value:
                    low = middle + 1
                else:
                    high = middle
            out[i] = low
        else:
            out[i] = 0


@njit(nogil=True, cache=True, error_model="numpy", inline="never")
def _blend_leaves(stack: Any, at: int, bins: Any, start: int, threshold: int, left: int, right: int) -> None:
    for i in range(ROW):
        stack[at + uintp(i)] = right if bins[start + uintp(i)] > threshold else left


@njit(nogil=True, cache=True, error_model="numpy", inline="never")
def _blend_left_leaf(stack: Any, at: int, bins: Any, start: int, threshold: int, left: int) -> None:
    for i in range(ROW):
        node = stack[at + uintp(i)]
        stack[at + uintp(i)] = node if bins[start + uintp(i)] > threshold else left


@njit(nogil=True, cache=True, error_model="numpy", inline="never")
def _blend_right_leaf(stack: Any, at: int, bins: Any, start: int, threshold: int, right: int) -> None:
    for i in range(ROW):
        node = stack[at + uintp(i)]
        stack[at + uintp(i)] = right if bins[start + uintp(i)] > threshold else node


@njit(nogil=True, cache=True, error_model="numpy", inline="never")
def _blend_nodes(stack: Any, at: int, bins: Any, start: int, threshold: int) -> None:
    for i in range(ROW):
        left = stack[at + uintp(i)]
        right = stack[at + uintp(ROW) + uintp(i)]
        stack[at + uintp(i)] = right if bins[start + uintp(i)] > threshold else left


@njit(nogil=True, cache=True, error_model="numpy", inline="never")
def _add_leaves(sums: Any, offset: int, weights: Any, base: int, stack: Any) -> None:
    for i in range(ROW):
        sums[offset + uintp(i)] += weights[uintp(base) + uintp(stack[uintp(i)])]


@njit(nogil=True, cache=True, error_model="numpy")
def vote_by_rows(
    bins: Any, n: int, code: Any, feature: Any, threshold: Any, left: Any, right: Any, weights: Any, leaf_base: Any,
    leaf_stride: int, n_classes: int, stack: Any, row_sums: Any, sums: Any,
) -> None:  # fmt: skip
    """Add the class weights of all trees of at most 256 leaves.

    `bins` is flat uint8 (features × n) with n a multiple of ROW, `sums` float32 (classes, n); `weights` is flat
    (classes × leaf_stride), the leaves of tree t start at `leaf_base[t]`.
    """
    for row in range(n // ROW):
        first = row * ROW
        row_sums[:] = 0
        top = -1
        tree = 0
        for k in range(code.shape[0]):
            operation = code[k]
            start = uintp(feature[k] * n + first)
            if operation == LEAF_LEAF:
                top += 1
                _blend_leaves(stack, uintp(top * ROW), bins, start, threshold[k], left[k], right[k])
            elif operation == LEAF_NODE:
                _blend_left_leaf(stack, uintp(top * ROW), bins, start, threshold[k], left[k])
            elif operation == NODE_LEAF:
                _blend_right_leaf(stack, uintp(top * ROW), bins, start, threshold[k], right[k])
            elif operation == NODE_NODE:
                top -= 1
                _blend_nodes(stack, uintp(top * ROW), bins, start, threshold[k])
            elif operation == CONSTANT:
                top += 1
                stack[top * ROW : top * ROW + ROW] = 0
            else:
                for c in range(n_classes):
                    _add_leaves(row_sums, uintp(c * ROW), weights, leaf_base[tree] + c * leaf_stride, stack)
                top = -1
                tree += 1
        for c in range(n_classes):
            sums[c, first : first + ROW] += row_sums[c * ROW : c * ROW + ROW]


@njit(nogil=True, cache=True, error_model="numpy")
def vote_by_walking(
    bins: Any, roots: Any, feature: Any, threshold: Any, left: Any, right: Any, weights: Any, sums: Any
) -> None:
    """Add the class weights of the trees that start at `roots`, pixel by pixel; `bins` is (features, n)."""
    n_classes, n = sums.shape
    for first in range(0, n, ROW):
        for tree in range(roots.shape[0]):
            for i in range(first, min(first + ROW, n)):
                node = roots[tree]
                while feature[node] >= 0:
                    node = right[node] if bins[feature[node], i] > threshold[node] else left[node]
                for c in range(n_classes):
                    sums[c, i] += weights[c, node]


def padded(n: int) -> int:
    """Return the next multiple of ROW."""
    return -(-n // ROW) * ROW


def scratch(depth: int, n_classes: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Allocate the stack of rows and the sums of one row, for one thread."""
    return np.zeros((depth + 1) * ROW, np.uint8), np.zeros(n_classes * ROW, np.float32)
