"""The kernel that reads the trees of a classifier file, byte by byte: a large file must not make anybody wait.

A tree is nested text, one token a line: ``if(i<feature><<threshold>){``, ``} else {``, ``}``, and for leaves
``s<class>+=<weight>;`` per class. Anything else is an error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

OK, NO_TOKEN, BAD_NUMBER, BAD_FEATURE, BAD_CLASS, BRACE, BRANCH, TWICE, DEEP, MANY, NO_END = range(11)

REASONS = {
    NO_TOKEN: "is no part of a tree",
    BAD_NUMBER: "has a number that is out of range",
    BAD_FEATURE: "asks for a feature that there is not",
    BAD_CLASS: "votes for a class that there is not",
    BRACE: "has a brace too many",
    BRANCH: "makes a branch too many, too few or an empty one",
    TWICE: "lets a leaf vote twice for a class",
    DEEP: "makes a tree that is too deep",
}

MAX_DEPTH = 500
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_MAX_WEIGHT = 1e12
_NEWLINE, _BLANK, _MINUS, _PLUS, _DOT, _SEMICOLON = 10, 32, 45, 43, 46, 59
_LESS, _EQUAL, _ROUND, _CLOSE_ROUND, _CURLY, _CLOSE_CURLY = 60, 61, 40, 41, 123, 125
_E, _BIG_E, _F, _I, _S, _ZERO = 101, 69, 102, 105, 115, 48


@njit(cache=True, nogil=True)
def _integer(text: Any, at: int) -> tuple[int, int]:
    """Read up to 6 digits; return the number, -1 for none, and where it ends."""
    value, start = 0, at
    while at < text.size and 0 <= int(text[at]) - _ZERO <= 9 and at - start < 6:
        value = value * 10 + int(text[at]) - _ZERO
        at += 1
    return (value if at > start else -1), at


@njit(cache=True, nogil=True)
def _decimal(text: Any, at: int) -> tuple[float, int]:
    """Read a decimal number, right to some units of the last of 52 bits; NaN if there is none."""
    sign = 1.0
    if at < text.size and text[at] in (_MINUS, _PLUS):
        sign = -1.0 if text[at] == _MINUS else 1.0
        at += 1
    digits, power, n, seen_dot, seen_digit = np.uint64(0), 0, 0, False, False
    while at < text.size:
        c = int(text[at])
        if 0 <= c - _ZERO <= 9:
            seen_digit = True
            if n < 19:
                digits = digits * np.uint64(10) + np.uint64(c - _ZERO)
                n += int(digits > 0)
                power -= int(seen_dot)
            else:
                power += int(not seen_dot)
        elif c == _DOT and not seen_dot:
            seen_dot = True
        else:
            break
        at += 1
    if not seen_digit:
        return np.nan, at
    if at < text.size and text[at] in (_E, _BIG_E):
        at += 1
        down = at < text.size and text[at] == _MINUS
        if at < text.size and text[at] in (_MINUS, _PLUS):
            at += 1
        exponent, at = _integer(text, at)
        if exponent < 0:
            return np.nan, at
        power += -exponent if down else exponent
    value = float(digits)
    power = max(-700, min(700, power))
    while power < 0 and value != 0.0:
        step = min(-power, 22)
        value /= 10.0**step
        power += step
    while power > 0 and value != 0.0:
        step = min(power, 22)
        value *= 10.0**step
        power -= step
    return sign * value, at


@njit(cache=True, nogil=True)
def _follows(text: Any, at: int, token: Any) -> bool:
    if at + token.size > text.size:
        return False
    for k in range(token.size):  # noqa: SIM110 (compiled)
        if text[at + k] != token[k]:
            return False
    return True


@njit(cache=True, nogil=True)
def read_trees(
    text: Any, at: int, n_classes: int, n_features: int, tokens: tuple[Any, Any, Any],
    feature: Any, value: Any, left: Any, right: Any, roots: Any, vote_node: Any, vote_class: Any, vote_weight: Any,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Read all trees from `at` to the line that ends them.

    Parameters
    ----------
    text
        uint8, lines ending in a newline.
    at
        Where the first line of the first tree begins.
    n_classes, n_features
        What classes and features there are.
    tokens
        The bytes of ``} else {``, and the two beginnings of the line after the trees.
    feature, value, left, right
        Filled per node; `feature` is -1 for leaves.
    roots
        Filled per tree.
    vote_node, vote_class, vote_weight
        Filled per vote of a leaf.

    Returns
    -------
    tuple
        What went wrong (0 for nothing), where the line begins, and the numbers of nodes, votes and roots.
    """
    otherwise, end_classes, end_probability = tokens
    stack = np.empty(MAX_DEPTH, np.int64)
    turned = np.empty(MAX_DEPTH, np.bool_)
    depth = n_nodes = n_votes = n_roots = 0
    leaf, last_class = -1, -1
    while at < text.size:
        line = at
        while at < text.size and text[at] == _BLANK:
            at += 1
        if at == text.size:
            break
        c = text[at]
        if c == _NEWLINE:
            at += 1
            continue
        new_node = -1
        if c == _CLOSE_CURLY:
            if depth == 0:
                return BRACE, line, n_nodes, n_votes, n_roots
            node = stack[depth - 1]
            leaf = -1
            if _follows(text, at, otherwise):
                if turned[depth - 1] or left[node] < 0:
                    return BRANCH, line, n_nodes, n_votes, n_roots
                turned[depth - 1] = True
                at += otherwise.size
            else:
                if not turned[depth - 1] or right[node] < 0:
                    return BRANCH, line, n_nodes, n_votes, n_roots
                depth -= 1
                at += 1
        elif c == _I:
            if not (at + 3 < text.size and text[at + 1] == _F and text[at + 2] == _ROUND and text[at + 3] == _I):
                return NO_TOKEN, line, n_nodes, n_votes, n_roots
            number, at = _integer(text, at + 4)
            if at >= text.size or text[at] != _LESS or number < 0:
                return NO_TOKEN, line, n_nodes, n_votes, n_roots
            threshold, at = _decimal(text, at + 1)
            if at + 1 >= text.size or text[at] != _CLOSE_ROUND or text[at + 1] != _CURLY:
                return NO_TOKEN, line, n_nodes, n_votes, n_roots
            at += 2
            if number >= n_features:
                return BAD_FEATURE, line, n_nodes, n_votes, n_roots
            if not abs(threshold) <= _MAX_FLOAT32:
                return BAD_NUMBER, line, n_nodes, n_votes, n_roots
            if depth == MAX_DEPTH:
                return DEEP, line, n_nodes, n_votes, n_roots
            if n_nodes == feature.size:
                return MANY, line, n_nodes, n_votes, n_roots
            new_node = n_nodes
            feature[new_node], value[new_node] = number, threshold
            leaf = -1
        elif c == _S:
            number, at = _integer(text, at + 1)
            if at + 1 >= text.size or text[at] != _PLUS or text[at + 1] != _EQUAL or number < 0:
                return NO_TOKEN, line, n_nodes, n_votes, n_roots
            weight, at = _decimal(text, at + 2)
            if at >= text.size or text[at] != _SEMICOLON:
                return NO_TOKEN, line, n_nodes, n_votes, n_roots
            at += 1
            if number >= n_classes:
                return BAD_CLASS, line, n_nodes, n_votes, n_roots
            if not 0.0 <= weight < _MAX_WEIGHT:
                return BAD_NUMBER, line, n_nodes, n_votes, n_roots
            # Votes of ascending classes belong to one leaf; outside of any split, a new tree begins where they do not.
            if leaf < 0 or number <= last_class:
                if leaf >= 0 and depth > 0:
                    return TWICE, line, n_nodes, n_votes, n_roots
                if n_nodes == feature.size:
                    return MANY, line, n_nodes, n_votes, n_roots
                new_node = leaf = n_nodes
                feature[new_node], value[new_node] = -1, 0.0
            if n_votes == vote_node.size:
                return MANY, line, n_nodes, n_votes, n_roots
            vote_node[n_votes], vote_class[n_votes], vote_weight[n_votes] = leaf, number, weight
            n_votes += 1
            last_class = number
        elif depth == 0 and (_follows(text, at, end_classes) or _follows(text, at, end_probability)):
            return OK, line, n_nodes, n_votes, n_roots
        else:
            return NO_TOKEN, line, n_nodes, n_votes, n_roots
        if new_node >= 0:
            n_nodes += 1
            left[new_node] = right[new_node] = -1
            if depth == 0:
                if n_roots == roots.size:
                    return MANY, line, n_nodes, n_votes, n_roots
                roots[n_roots] = new_node
                n_roots += 1
            else:
                parent = stack[depth - 1]
                if turned[depth - 1]:
                    if right[parent] >= 0:
                        return BRANCH, line, n_nodes, n_votes, n_roots
                    right[parent] = new_node
                else:
                    if left[parent] >= 0:
                        return BRANCH, line, n_nodes, n_votes, n_roots
                    left[parent] = new_node
            if feature[new_node] >= 0:
                stack[depth], turned[depth] = new_node, False
                depth += 1
        if at < text.size:
            if text[at] != _NEWLINE:
                return NO_TOKEN, line, n_nodes, n_votes, n_roots
            at += 1
    return NO_END, at, n_nodes, n_votes, n_roots
