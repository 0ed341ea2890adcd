"""The fixed kernels that put features into bins and evaluate forests; nothing here is compiled per training.

Shallow trees are evaluated for a whole row of pixels at a time. Their nodes are visited children first, and each
blends what its two children gave by `bin > threshold`: no branches and no gathers that depend on pixels, so that the
compiler turns a row into vector instructions on bytes. What is blended are the votes for one class where these are
whole bytes, else the numbers of leaves, which then pick the votes of all classes from a small table. Deep trees are
walked from the root, by all pixels of a row in step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uintp

ROW = 4096
"""Pixels that are evaluated together."""

LEAF_LEAF, LEAF_NODE, NODE_LEAF, NODE_NODE, END, CONSTANT = range(6)

_CELLS = 4096
_CHUNK = 1024


@njit(nogil=True, cache=True, error_model="numpy")
def _ordered(value: Any) -> Any:
    """Return a whole number that grows with a float32, by about the same for each factor of two."""
    bits = np.int64(np.float32(value).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


@njit(nogil=True, cache=True, error_model="numpy")
def _linear_cell(value: Any, lowest: Any, highest: Any, scale: Any) -> Any:
    inside = value if value > lowest else lowest  # so is NaN
    inside = inside if inside < highest else highest
    return np.int32((inside - lowest) * scale)


@njit(nogil=True, cache=True, error_model="numpy")
def _ordered_cell(value: Any, lowest: Any, highest: Any, shift: int) -> Any:
    inside = value if value > lowest else lowest
    inside = inside if inside < highest else highest
    return (_ordered(inside) - _ordered(lowest)) >> shift


@njit(nogil=True, cache=True, error_model="numpy")
def _add_up(before: Any) -> Any:
    """Turn the numbers of edges per cell, each one place late, into those in earlier cells; return the largest."""
    most = before.max()
    for c in range(before.shape[0] - 1):
        before[c + 1] += before[c]
    return most


@njit(nogil=True, cache=True, error_model="numpy")
def _count_one_more(values: Any, first: int, edges: Any, count: Any) -> None:
    for i in range(count.shape[0]):
        count[i] += np.int32(edges[count[i]] <= values[first + i])


@njit(nogil=True, cache=True, error_model="numpy")
def _packed(before: Any, edges: Any) -> Any:
    """Return per cell, in one number: the count of edges in earlier cells above, the bits of the next edge below."""
    table = np.empty(before.shape[0], np.int64)
    for c in range(before.shape[0]):
        bits = np.int64(np.float32(edges[before[c]]).view(np.int32)) & 0xFFFFFFFF
        table[c] = (np.int64(before[c]) << 32) | bits
    return table


@njit(nogil=True, cache=True, error_model="numpy")
def _counted(entry: Any, value: Any) -> Any:
    return np.int32(entry >> 32) + np.int32(np.int32(entry).view(np.float32) <= value)


@njit(nogil=True, cache=True, error_model="numpy")
def quantise(values: Any, edges: Any, out: Any) -> None:
    """Count, for each value, the edges that are not above it; NaN counts none. Edges must be finite and increase.

    A table over cells of the edges' range, of equal width or of equal ratio, tells how many edges lie in the cells
    before a value's own, and the next edge; only the edges of its cell are looked at, at most so many as the fullest
    cell holds. Larger values never fall into an earlier cell, so the count is exact.
    """
    n = edges.shape[0]
    if n == 0:
        out[:] = 0
        return
    lowest, highest = edges[0], edges[n - 1]
    shift = 0
    while (_ordered(highest) - _ordered(lowest)) >> shift >= _CELLS:
        shift += 1
    by_ratio = np.zeros(_CELLS + 1, np.int32)
    for k in range(n):
        by_ratio[_ordered_cell(edges[k], lowest, highest, shift) + 1] += 1
    most = _add_up(by_ratio)
    linear = np.zeros(_CELLS + 1, np.int32)
    scale = np.float32(0)
    most_linear = n
    if highest - lowest < np.float32(1e30) and highest - lowest > np.float32(1e-30):
        scale = np.float32(_CELLS - 1) / (highest - lowest)
        for k in range(n):
            linear[_linear_cell(edges[k], lowest, highest, scale) + 1] += 1
        most_linear = _add_up(linear)
    # Beyond the last edge there is one that no value reaches.
    padded = np.full(n + 1, np.float32(np.nan))
    padded[:n] = edges
    is_linear = most_linear <= most
    table = _packed(linear if is_linear else by_ratio, padded)
    if is_linear and most_linear == 1:
        for i in range(values.shape[0]):
            out[i] = _counted(table[uintp(_linear_cell(values[i], lowest, highest, scale))], values[i])
        return
    count = np.empty(_CHUNK, np.int32)
    for first in range(0, values.shape[0], _CHUNK):
        part = count[: min(_CHUNK, values.shape[0] - first)]
        if is_linear:
            for i in range(part.shape[0]):
                value = values[first + i]
                part[i] = _counted(table[uintp(_linear_cell(value, lowest, highest, scale))], value)
        else:
            for i in range(part.shape[0]):
                value = values[first + i]
                part[i] = _counted(table[_ordered_cell(value, lowest, highest, shift)], value)
        for _ in range(min(most, most_linear) - 1):
            _count_one_more(values, first, padded, part)
        for i in range(part.shape[0]):
            out[first + i] = part[i]


# What makes the compiler vectorise the following: each is a function of its own, both sides are loaded before the
# choice, offsets are unsigned and arrays flat.
@njit(nogil=True, cache=True, error_model="numpy")
def _blend_leaves(stack: Any, at: int, bins: Any, start: int, threshold: int, left: int, right: int) -> None:
    for i in range(ROW):
        stack[at + uintp(i)] = right if bins[start + uintp(i)] > threshold else left


@njit(nogil=True, cache=True, error_model="numpy")
def _blend_left_leaf(stack: Any, at: int, bins: Any, start: int, threshold: int, left: int) -> None:
    for i in range(ROW):
        node = stack[at + uintp(i)]
        stack[at + uintp(i)] = node if bins[start + uintp(i)] > threshold else left


@njit(nogil=True, cache=True, error_model="numpy")
def _blend_right_leaf(stack: Any, at: int, bins: Any, start: int, threshold: int, right: int) -> None:
    for i in range(ROW):
        node = stack[at + uintp(i)]
        stack[at + uintp(i)] = right if bins[start + uintp(i)] > threshold else node


@njit(nogil=True, cache=True, error_model="numpy")
def _blend_nodes(stack: Any, at: int, bins: Any, start: int, threshold: int) -> None:
    for i in range(ROW):
        left = stack[at + uintp(i)]
        right = stack[at + uintp(ROW) + uintp(i)]
        stack[at + uintp(i)] = right if bins[start + uintp(i)] > threshold else left


@njit(nogil=True, cache=True, error_model="numpy")
def _add_bytes(sums: Any, stack: Any) -> None:
    for i in range(ROW):
        sums[i] += np.uint16(stack[i])


@njit(nogil=True, cache=True, error_model="numpy")
def _add_leaves(sums: Any, offset: int, weights: Any, base: int, stack: Any) -> None:
    for i in range(ROW):
        sums[offset + uintp(i)] += weights[uintp(base) + uintp(stack[uintp(i)])]


@njit(nogil=True, cache=True, error_model="numpy")
def vote_in_bytes(
    bins: Any, n: int, first: int, code: Any, feature: Any, threshold: Any, left: Any, right: Any, stack: Any,
    row_sums: Any, sums: Any,
) -> None:  # fmt: skip
    """Add the votes of at most 257 trees for one class, each a byte, to one row of pixels.

    `bins` is flat uint8 (features × n), `first` the number of the row's first pixel, `sums` float32 for the row.
    """
    row_sums[:] = 0
    top = -1
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
            stack[top * ROW : top * ROW + ROW] = left[k]
        else:
            _add_bytes(row_sums, stack)
            top = -1
    for i in range(ROW):
        sums[i] += row_sums[i]


@njit(nogil=True, cache=True, error_model="numpy")
def vote_in_bytes_all(
    bins: Any, n: int, starts: Any, code: Any, feature: Any, threshold: Any, left: Any, right: Any, stack: Any,
    row_sums: Any, total: Any, sums: Any,
) -> None:  # fmt: skip
    """Do so for all classes and rows; `left` and `right` are (classes - 1, nodes), `total` the votes in all.

    `starts` divides the nodes into runs of at most 257 trees; `sums` is float32 (classes, n), n a multiple of ROW.
    """
    n_classes = sums.shape[0]
    for row in range(sums.shape[1] // ROW):
        first = row * ROW
        last = sums[n_classes - 1, first : first + ROW]
        for i in range(ROW):
            last[i] = total
        for c in range(n_classes - 1):
            own = sums[c, first : first + ROW]
            for i in range(ROW):
                own[i] = 0
            for r in range(starts.shape[0] - 1):
                a, b = starts[r], starts[r + 1]
                vote_in_bytes(
                    bins, n, first, code[a:b], feature[a:b], threshold[a:b], left[c, a:b], right[c, a:b], stack,
                    row_sums, own,
                )  # fmt: skip
            for i in range(ROW):
                last[i] -= own[i]


@njit(nogil=True, cache=True, error_model="numpy")
def vote_by_leaves(
    bins: Any, n: int, code: Any, feature: Any, threshold: Any, left: Any, right: Any, weights: Any, leaf_base: Any,
    stack: Any, row_sums: Any, sums: Any,
) -> None:  # fmt: skip
    """Add the votes of trees of at most 256 leaves for all classes; `left` and `right` are numbers of leaves.

    `bins` is flat uint8 (features × n), `sums` float32 (classes, n), n a multiple of ROW; `weights` is flat
    (classes × leaves), the leaves of tree t start at `leaf_base[t]`.
    """
    n_classes = sums.shape[0]
    stride = weights.shape[0] // n_classes
    for row in range(sums.shape[1] // ROW):
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
                stack[top * ROW : top * ROW + ROW] = left[k]
            else:
                for c in range(n_classes):
                    _add_leaves(row_sums, uintp(c * ROW), weights, leaf_base[tree] + c * stride, stack)
                top = -1
                tree += 1
        for c in range(n_classes):
            sums[c, first : first + ROW] = row_sums[c * ROW : c * ROW + ROW]


@njit(nogil=True, cache=True, error_model="numpy")
def vote_by_walking(
    bins: Any, n: int, roots: Any, depths: Any, feature: Any, threshold: Any, child: Any, weights: Any, sums: Any
) -> None:
    """Add the votes of trees, walked by all pixels of a row in step; `sums` is float32 (classes, pixels).

    `bins` is flat uint8 or uint16 (features × n). Of the node k, child[k] is the left child and child[k] + 1 the
    right one; a leaf is its own left child and has a threshold that no bin exceeds.
    """
    n_classes, n_pixels = sums.shape
    at = np.empty(ROW, np.int32)
    for first in range(0, n_pixels, ROW):
        width = min(ROW, n_pixels - first)
        for c in range(n_classes):
            sums[c, first : first + width] = 0
        for tree in range(roots.shape[0]):
            at[:] = roots[tree]
            for _ in range(depths[tree]):
                for i in range(width):
                    node = uintp(at[i])
                    value = bins[uintp(feature[node]) * uintp(n) + uintp(first) + uintp(i)]
                    at[i] = child[node] + np.int32(value > threshold[node])
            for c in range(n_classes):
                for i in range(width):
                    sums[c, first + i] += weights[c, at[i]]


@njit(nogil=True, cache=True, error_model="numpy")
def decide(votes: Any, classes: Any, best: Any, margin: Any) -> None:
    """Find, for each pixel, the class of most votes (the lower of equals), its probability, and its lead.

    `votes` is float32 (classes, n); `classes` gets class numbers from 0, `best` the largest probability, `margin` by
    how much it is above the second largest.
    """
    n_classes, n = votes.shape
    for i in range(n):
        total = votes[0, i]
        first, second, number = votes[0, i], np.float32(0), 0
        for c in range(1, n_classes):
            v = votes[c, i]
            total += v
            if v > first:
                second = first
                first = v
                number = c
            elif v > second:
                second = v
        scale = np.float32(1) / total if total > 0 else np.float32(0)
        classes[i] = number
        best[i] = first * scale
        margin[i] = (first - second) * scale


@njit(nogil=True, cache=True, error_model="numpy")
def out_of_bag(
    bins: Any, roots: Any, feature: Any, threshold: Any, left: Any, right: Any, weights: Any, in_bag: Any, votes: Any
) -> None:
    """Add to each item (n, classes) the votes of the trees it is not in the bag of; `bins` is (features, n)."""
    n, n_classes = votes.shape
    for tree in range(roots.shape[0]):
        for i in range(n):
            if in_bag[tree, i]:
                continue
            node = roots[tree]
            while feature[node] >= 0:
                node = right[node] if bins[feature[node], i] > threshold[node] else left[node]
            for c in range(n_classes):
                votes[i, c] += weights[c, node]
