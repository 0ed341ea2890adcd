"""Compiled loops for exact Shapley values of forests; see `bioloom.explore._tree_shap`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

CACHED = 10
"""Leaves below so many features keep what they computed per outcome of their conditions: at most 2**10 of them."""


@njit(nogil=True, cache=True)
def count_visits(bins: Any, roots: Any, feature: Any, threshold: Any, left: Any, right: Any, visits: Any) -> None:
    """Count how many items (items, features) pass each node."""
    for tree in range(roots.shape[0]):
        for i in range(bins.shape[0]):
            node = roots[tree]
            visits[node] += 1
            while feature[node] >= 0:
                node = right[node] if bins[i, feature[node]] > threshold[node] else left[node]
                visits[node] += 1


@njit(nogil=True, cache=True)
def follow_paths(
    roots: Any, feature: Any, threshold: Any, left: Any, right: Any, visits: Any, depth: int, starts: Any,
    path_feature: Any, low: Any, high: Any, share: Any, leaf: Any,
) -> Any:  # fmt: skip
    """Describe the path to each leaf by the features it depends on, each once.

    Path p is described by the elements ``starts[p]`` up to ``starts[p + 1]``: the bins of `path_feature` from `low` to
    `high` lead to its leaf, and so does the `share` of the visits if the feature is not known. Returns the number of
    paths and of elements; fills nothing beyond the size of the arrays, so that a first call can count.
    """
    n_paths = 0
    n_elements = 0
    stack_node = np.empty(depth + 2, np.int64)
    stack_level = np.empty(depth + 2, np.int64)
    # What holds above each level of the tree: the elements so far.
    own_feature = np.empty((depth + 2, depth + 2), np.int64)
    own_low = np.empty((depth + 2, depth + 2), np.int64)
    own_high = np.empty((depth + 2, depth + 2), np.int64)
    own_share = np.empty((depth + 2, depth + 2), np.float64)
    own_size = np.zeros(depth + 2, np.int64)
    parent = np.empty(depth + 2, np.int64)
    for tree in range(roots.shape[0]):
        stack_node[0], stack_level[0], parent[0] = roots[tree], 0, -1
        top = 1
        while top > 0:
            top -= 1
            node, level, above = stack_node[top], stack_level[top], parent[top]
            if above < 0:
                own_size[0] = 0
            else:
                size = own_size[level - 1]
                for k in range(size):
                    own_feature[level, k] = own_feature[level - 1, k]
                    own_low[level, k] = own_low[level - 1, k]
                    own_high[level, k] = own_high[level - 1, k]
                    own_share[level, k] = own_share[level - 1, k]
                at = size
                for k in range(size):
                    if own_feature[level, k] == feature[above]:
                        at = k
                if at == size:
                    own_feature[level, at] = feature[above]
                    own_low[level, at], own_high[level, at], own_share[level, at] = 0, 1 << 30, 1.0
                    size += 1
                own_size[level] = size
                if node == left[above]:
                    own_high[level, at] = min(own_high[level, at], threshold[above])
                else:
                    own_low[level, at] = max(own_low[level, at], threshold[above] + 1)
                # A node that nothing passed says nothing about its children.
                own_share[level, at] *= visits[node] / visits[above] if visits[above] > 0 else 0.5
            if feature[node] >= 0:
                stack_node[top], stack_level[top], parent[top] = right[node], level + 1, node
                stack_node[top + 1], stack_level[top + 1], parent[top + 1] = left[node], level + 1, node
                top += 2
                continue
            if n_paths < leaf.shape[0]:
                leaf[n_paths] = node
                for k in range(own_size[level]):
                    path_feature[n_elements + k] = own_feature[level, k]
                    low[n_elements + k] = own_low[level, k]
                    high[n_elements + k] = own_high[level, k]
                    share[n_elements + k] = own_share[level, k]
                starts[n_paths + 1] = n_elements + own_size[level]
            n_paths += 1
            n_elements += own_size[level]
    return n_paths, n_elements


@njit(nogil=True, cache=True)
def _weigh(share: Any, holds: Any, d: int, weight: Any, poly: Any, result: Any) -> None:
    """Compute what each of d conditions contributes to whether a leaf is reached.

    `weight` holds s! (d - 1 - s)! / d! for s conditions that are known. `poly` is the sum over all sets of known
    conditions, by their number, of the probability that the leaf is reached.
    """
    cold = 1.0
    for j in range(d):
        if not holds[j]:
            cold *= share[j]
    poly[0] = cold
    size = 1
    for j in range(d):
        if holds[j]:
            poly[size] = poly[size - 1]
            for k in range(size - 1, 0, -1):
                poly[k] = poly[k] * share[j] + poly[k - 1]
            poly[0] *= share[j]
            size += 1
    # Conditions that do not hold: a known one makes the leaf unreachable, and without it all others stay.
    none = 0.0
    for s in range(min(size, d)):
        none += poly[s] * weight[s]
    for j in range(d):
        if not holds[j]:
            result[j] = -none
            continue
        # Without this one the polynomial is divided by (share + t), from the highest power down.
        rest = poly[size - 1]
        total = rest * weight[size - 2]
        for s in range(size - 3, -1, -1):
            rest = poly[s + 1] - share[j] * rest
            total += rest * weight[s]
        result[j] = total * (1.0 - share[j])


@njit(nogil=True, cache=True)
def add_contributions(
    bins: Any, starts: Any, path_feature: Any, low: Any, high: Any, share: Any, votes: Any, weights: Any, result: Any
) -> None:
    """Add the Shapley values of items (items, features) to `result` (items, features, classes).

    `votes` is (paths, classes); row d of `weights` is for leaves of d features.
    """
    n, n_classes = bins.shape[0], votes.shape[1]
    longest = 1
    for p in range(starts.shape[0] - 1):
        longest = max(longest, starts[p + 1] - starts[p])
    holds = np.empty(longest, np.bool_)
    poly = np.empty(longest + 1, np.float64)
    single = np.empty(longest, np.float64)
    known = np.full(1 << CACHED, -1, np.int64)
    cached = np.empty((1 << CACHED, CACHED), np.float64)
    for p in range(starts.shape[0] - 1):
        a = starts[p]
        d = starts[p + 1] - a
        if d == 0:
            continue
        for i in range(n):
            mask = 0
            for j in range(d):
                value = bins[i, path_feature[a + j]]
                holds[j] = low[a + j] <= value <= high[a + j]
                if holds[j] and d <= CACHED:
                    mask |= 1 << j
            if d <= CACHED:
                if known[mask] != p:
                    _weigh(share[a : a + d], holds, d, weights[d], poly, cached[mask])
                    known[mask] = p
                one = cached[mask]
            else:
                _weigh(share[a : a + d], holds, d, weights[d], poly, single)
                one = single
            for j in range(d):
                f = path_feature[a + j]
                for c in range(n_classes):
                    result[i, f, c] += one[j] * votes[p, c]
