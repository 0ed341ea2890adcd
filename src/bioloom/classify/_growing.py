"""Trees grown on bins: those that scikit-learn grows, found from histograms instead of by sorting.

The draws of features and thresholds and the sums are taken in scikit-learn's order, so that the same seed gives the
same forest. A node costs one pass over its items per feature that is looked at, on one byte each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_EPSILON = 2.220446049250313e-16
_SPARSE = 4  # bins per item above which a node's items are sorted, as most bins of a histogram would be empty


@njit(nogil=True, cache=True, error_model="numpy")
def _draw(state: Any) -> Any:
    """Return a random whole number below 2**31 (xorshift: G. Marsaglia, J. Statistical Software 8 (2003) 14)."""
    x = state[0]
    if x == 0:
        x = np.uint32(1)
    x ^= np.uint32(x << np.uint32(13))
    x ^= np.uint32(x >> np.uint32(17))
    x ^= np.uint32(x << np.uint32(5))
    state[0] = x
    return np.int64(x) % 2147483648


@njit(nogil=True, cache=True, error_model="numpy")
def _purity(left: Any, total: Any) -> Any:
    """Return what grows as Gini's impurity of two parts falls, from the sums of weights of one part and of both.

    The rounding decides between thresholds that are equally good: the order of the terms is scikit-learn's.
    """
    square_left, square_right, weight_left, weight_right = 0.0, 0.0, 0.0, 0.0
    for c in range(left.shape[0]):
        right = total[c] - left[c]
        square_left += left[c] * left[c]
        square_right += right * right
        weight_left += left[c]
        weight_right += right
    impurity_left = 1.0 - square_left / (weight_left * weight_left)
    impurity_right = 1.0 - square_right / (weight_right * weight_right)
    return -weight_right * impurity_right - weight_left * impurity_left


@njit(nogil=True, cache=True, error_model="numpy")
def _gini(sums: Any) -> Any:
    weight, square = 0.0, 0.0
    for s in sums:
        weight += s
        square += s * s
    return 1.0 - square / (weight * weight)


@njit(nogil=True, cache=True, error_model="numpy")
def _best_threshold(
    column: Any, classes: Any, weights: Any, items: Any, low: int, high: int, total: Any, left: Any, histogram: Any
) -> Any:
    """Return the best threshold of a feature and its purity: items of a bin up to it go left."""
    n_classes = total.shape[0]
    left[:] = 0
    best, threshold, before = -np.inf, 0, low
    if high - low > _SPARSE * items.shape[0]:
        keys = np.empty(items.shape[0], np.int64)
        for i in range(items.shape[0]):
            keys[i] = (np.int64(column[items[i]]) << 32) | items[i]
        keys.sort()
        for key in keys:
            value = key >> 32
            if value != before:
                purity = _purity(left, total)
                if purity > best:
                    best, threshold = purity, (before + value) // 2
                before = value
            item = key & 0xFFFFFFFF
            left[classes[item]] += weights[item]
        return threshold, best
    for item in items:
        histogram[column[item], classes[item]] += weights[item]
    for value in range(low, high + 1):
        occupied = False
        for c in range(n_classes):
            occupied |= histogram[value, c] > 0
        if not occupied:
            continue
        if value > low:
            purity = _purity(left, total)
            if purity > best:
                best, threshold = purity, (before + value) // 2
            before = value
        for c in range(n_classes):
            left[c] += histogram[value, c]
            histogram[value, c] = 0
    return threshold, best


@njit(nogil=True, cache=True, error_model="numpy")
def _random_threshold(
    column: Any, classes: Any, weights: Any, items: Any, low: int, high: int, total: Any, left: Any, state: Any
) -> Any:
    """Return a threshold drawn between the smallest and largest bin, and its purity."""
    drawn = np.float64(high - low) * np.float64(_draw(state)) / 2147483647.0 + low
    threshold = low if drawn == high else int(np.floor(drawn))
    left[:] = 0
    for item in items:
        if column[item] <= threshold:
            left[classes[item]] += weights[item]
    return threshold, _purity(left, total)


@njit(nogil=True, cache=True, error_model="numpy")
def _split(
    bins: Any, classes: Any, weights: Any, items: Any, features: Any, constants: Any, n_known: int, max_features: int,
    is_extra: bool, total: Any, left: Any, histogram: Any, state: Any,
) -> Any:  # fmt: skip
    """Return the feature (-1 if none helps) and threshold to split items at, and how many features are constant.

    `features` holds all numbers of features, first those that are known to be constant here.
    """
    best, best_feature, best_threshold = -np.inf, -1, 0
    n_left, n_visited, n_found, n_drawn = features.shape[0], 0, 0, 0
    while n_left > n_known + n_found and (n_visited < max_features or n_visited <= n_found + n_drawn):
        n_visited += 1
        at = n_drawn + _draw(state) % (n_left - n_found - n_drawn)
        if at < n_known:
            features[n_drawn], features[at] = features[at], features[n_drawn]
            n_drawn += 1
            continue
        at += n_found
        feature = features[at]
        column = bins[feature]
        low = high = np.int64(column[items[0]])
        for item in items:
            value = np.int64(column[item])
            low = min(low, value)
            high = max(high, value)
        if low == high:
            features[at], features[n_known + n_found] = features[n_known + n_found], feature
            n_found += 1
            continue
        n_left -= 1
        features[n_left], features[at] = features[at], features[n_left]
        if is_extra:
            threshold, purity = _random_threshold(column, classes, weights, items, low, high, total, left, state)
        else:
            threshold, purity = _best_threshold(column, classes, weights, items, low, high, total, left, histogram)
        if purity > best:
            best, best_feature, best_threshold = purity, feature, threshold
    features[:n_known] = constants[:n_known]
    constants[n_known : n_known + n_found] = features[n_known : n_known + n_found]
    return best_feature, best_threshold, n_known + n_found


@njit(nogil=True, cache=True, error_model="numpy")
def _grow_tree(
    bins: Any, classes: Any, weights: Any, n_bins: int, max_depth: int, max_features: int, is_extra: bool, seed: int,
    feature: Any, threshold: Any, child: Any, sums: Any, importance: Any,
) -> int:  # fmt: skip
    """Grow one tree depth first and return its number of nodes; items of weight 0 are left out."""
    n_classes = sums.shape[1]
    state = np.array([seed], np.uint32)
    order = np.flatnonzero(weights)
    features, constants = np.arange(bins.shape[0]), np.empty(bins.shape[0], np.int64)
    histogram, left = np.zeros((n_bins, n_classes)), np.zeros(n_classes)
    spare = np.empty_like(order)
    # First and last item, depth, parent, side, known constants.
    stack = np.empty((max(2, min(max_depth, order.shape[0]) + 2), 6), np.int64)
    stack[0] = (0, order.shape[0], 0, -1, 0, 0)
    height, n_nodes = 1, 0
    importance[:] = 0
    while height:
        height -= 1
        start, stop, depth, parent, side, n_known = stack[height]
        node = n_nodes
        n_nodes += 1
        if parent >= 0:
            child[parent, side] = node
        total = sums[node]
        total[:] = 0
        items = order[start:stop]
        for item in items:
            total[classes[item]] += weights[item]
        impurity = _gini(total)
        feature[node], threshold[node] = -1, 0
        child[node] = -1
        if depth >= max_depth or stop - start < 2 or impurity <= _EPSILON:
            continue
        best, at, n_known = _split(
            bins, classes, weights, items, features, constants, n_known, max_features, is_extra, total, left,
            histogram, state,
        )  # fmt: skip
        if best < 0:
            continue
        column = bins[best]
        n_low = n_high = 0
        left[:] = 0
        for i in range(items.shape[0]):
            item = items[i]
            if column[item] <= at:
                items[n_low] = item
                n_low += 1
                left[classes[item]] += weights[item]
            else:
                spare[n_high] = item
                n_high += 1
        items[n_low:] = spare[:n_high]
        feature[node], threshold[node] = best, at
        weight, weight_left = total.sum(), left.sum()
        importance[best] += weight * impurity - weight_left * _gini(left) - (weight - weight_left) * _gini(total - left)
        stack[height] = (start + n_low, stop, depth + 1, node, 1, n_known)
        stack[height + 1] = (start, start + n_low, depth + 1, node, 0, n_known)
        height += 2
    if importance.sum() > 0:
        importance /= importance.sum()
    return n_nodes


@njit(nogil=True, cache=True, error_model="numpy")
def grow_trees(
    bins: Any, classes: Any, weights: Any, draws: Any, n_bins: int, max_depth: int, max_features: int, seeds: Any,
    n_nodes: Any, feature: Any, threshold: Any, child: Any, sums: Any, importance: Any, in_bag: Any,
) -> None:  # fmt: skip
    """Grow trees depth first.

    Parameters
    ----------
    bins
        (features, items), uint8 or uint16, all below `n_bins`.
    classes
        int64 (items,).
    weights
        float64 (items,), for trees that see all items.
    draws
        (trees, n): the items each tree sees, as often as they are drawn; n is 0 for extra trees, which see all of them
        and draw their thresholds.
    max_depth, max_features
        Decisions in a row at most, and how many features each looks at.
    seeds
        uint32 (trees,): of the draws of features and thresholds.
    n_nodes
        (trees,): filled with their numbers of nodes.
    feature, threshold
        int32 (trees, nodes): filled; the feature is -1 for a leaf.
    child
        int32 (trees, nodes, 2): filled with the children of each node, -1 for a leaf.
    sums
        float64 (trees, nodes, classes): filled with the weights of the classes in each node.
    importance
        float64 (trees, features): filled with what each feature adds to purity, adding up to 1.
    in_bag
        bool (trees, items): filled with which items each tree saw.
    """
    is_extra = draws.shape[1] == 0
    own = weights.copy()
    for tree in range(seeds.shape[0]):
        if not is_extra:
            own[:] = 0
            for item in draws[tree]:
                own[item] += 1
        for i in range(own.shape[0]):
            in_bag[tree, i] = own[i] > 0
        n_nodes[tree] = _grow_tree(
            bins, classes, own, n_bins, max_depth, max_features, is_extra, seeds[tree], feature[tree],
            threshold[tree], child[tree], sums[tree], importance[tree],
        )  # fmt: skip
