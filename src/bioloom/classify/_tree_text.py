"""The trees of a forest as the text of an OpenCL kernel, as APOC writes it, and back; the text is never executed."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.forest import Forest

_MAX_CLASSES = 1000
_MAX_FEATURES = 10_000
_MAX_TREES = 100_000
_MAX_WEIGHTS = 50_000_000  # nodes times classes: 200 MB


# ------------------------------------------------------------------------------------------------ writing
def kernel_text(forest: Forest, probability_of: int | None = None) -> str:
    """Return the OpenCL kernel ``predict`` of a forest.

    Parameters
    ----------
    forest
        The forest.
    probability_of
        Number of a class (from 0) whose probability the kernel gives; the number of the class, from 1, if left out.
    """
    lines = _prologue(forest)
    thresholds = [[_decimal_of(e) for e in edges] for edges in forest.edges]
    feature, threshold = forest.feature.tolist(), forest.threshold.tolist()
    left, right = forest.left.tolist(), forest.right.tolist()
    leaf_text: dict[bytes, list[str]] = {}
    weights = np.ascontiguousarray(forest.weights.T)
    for root in forest.roots.tolist():
        pending: list[tuple[int, int]] = [(root, 0)]
        while pending:
            node, depth = pending.pop()
            blanks = " " * depth
            if node < 0:
                lines.append(blanks + ("} else {" if node == _ELSE else "}"))
            elif feature[node] < 0:
                row = weights[node]
                # A tree of one leaf has all its votes written: nothing else tells where the next tree begins.
                if node == root:
                    lines += [f"s{c}+={_weight_text(w)};" for c, w in enumerate(row)]
                    continue
                key = row.tobytes()
                if key not in leaf_text:
                    leaf_text[key] = [f"s{c}+={_weight_text(row[c])};" for c in np.flatnonzero(row > 0)]
                lines += [blanks + vote for vote in leaf_text[key]]
            else:
                lines.append(f"{blanks}if(i{feature[node]}<{thresholds[feature[node]][threshold[node]]}){{")
                pending += [(_CLOSE, depth), (right[node], depth + 1), (_ELSE, depth), (left[node], depth + 1)]
    return "\n".join([*lines, *_epilogue(forest, probability_of)]) + "\n"


_ELSE, _CLOSE = -2, -3


def _decimal_of(edge: np.float32) -> str:
    """Return a decimal that divides float32 values exactly as `edge` does, also where it is read as a double.

    A literal of OpenCL is a double: of the decimals that are nearest to `edge`, one a hair above it would send the
    value `edge` itself the other way.
    """
    text = str(float(f"{edge:.9g}"))
    value = float(text)
    return text if np.nextafter(edge, np.float32(-np.inf)) < value <= float(edge) else repr(float(edge))


def _weight_text(weight: np.float32) -> str:
    return repr(float(weight))


def _prologue(forest: Forest) -> list[str]:
    inputs = ", ".join(f"IMAGE_in{i}_TYPE in{i}" for i in range(forest.n_features))
    return [
        f"__kernel void predict ({inputs}, IMAGE_out_TYPE out) {{",
        " sampler_t sampler = CLK_NORMALIZED_COORDS_FALSE | CLK_ADDRESS_CLAMP_TO_EDGE | CLK_FILTER_NEAREST;",
        *(f" const int {axis} = get_global_id({i});" for i, axis in enumerate("xyz")),
        *(
            f" float i{i} = READ_IMAGE(in{i}, sampler, POS_in{i}_INSTANCE(x,y,z,0)).x;"
            for i in range(forest.n_features)
        ),
        *(f" float s{c}=0;" for c in range(forest.n_classes)),
    ]


def _epilogue(forest: Forest, probability_of: int | None) -> list[str]:
    if probability_of is not None:
        return [
            " float sum_s=s0;",
            " int cls=1;",
            *(f" sum_s = sum_s + s{c};" for c in range(1, forest.n_classes)),
            f" WRITE_IMAGE (out, POS_out_INSTANCE(x,y,z,0), s{probability_of} / sum_s);",
            "}",
        ]
    lines = [" float max_s=s0;", " int cls=1;"]
    for c in range(1, forest.n_classes):
        lines += [f" if (max_s < s{c}) {{", f"  max_s = s{c};", f"  cls={c + 1};", " }"]
    return [*lines, " WRITE_IMAGE (out, POS_out_INSTANCE(x,y,z,0), cls);", "}"]


# ------------------------------------------------------------------------------------------------ reading
def read_forest(text: bytes, n_features: int, n_classes: int, n_trees: int, importances: list[float]) -> Forest:
    """Read a forest from the text of a kernel.

    Parameters
    ----------
    text
        The text from the kernel on, lines ending in a newline.
    n_features, n_classes, n_trees
        What the header promises.
    importances
        Of the features; NaN if they are not as many as these.

    Raises
    ------
    ValueError
        If it is anything else than trees within the known frame.
    """
    from bioloom.classify import _tree_reader as reader

    if not (0 < n_features <= _MAX_FEATURES and 0 < n_classes <= _MAX_CLASSES and 0 < n_trees <= _MAX_TREES):
        raise ValueError("the number of features, classes or trees is impossible")
    last_sum = f"\n float s{n_classes - 1}=0;\n".encode()
    start = text.find(last_sum)
    if start < 0:
        raise ValueError("it has no trees")
    # Two branches per split: a tree has one leaf more than splits.
    n_nodes = 2 * text.count(b"if(i", start) + n_trees
    n_votes = text.count(b"+=", start)
    if n_nodes * n_classes > _MAX_WEIGHTS:
        raise ValueError("its trees have too many nodes")
    feature, left, right = (np.empty(n_nodes, np.int32) for _ in range(3))
    value, roots = np.empty(n_nodes), np.empty(n_nodes, np.int32)
    vote_node, vote_class, vote_weight = np.empty(n_votes, np.int32), np.empty(n_votes, np.int32), np.empty(n_votes)
    tokens = tuple(np.frombuffer(t, np.uint8) for t in (b"} else {", b"float max_s", b"float sum_s"))
    status, at, n_nodes, n_votes, n_roots = reader.read_trees(
        np.frombuffer(text, np.uint8), start + len(last_sum), n_classes, n_features, tokens,
        feature, value, left, right, roots, vote_node, vote_class, vote_weight,
    )  # fmt: skip
    if status == reader.NO_END:
        raise ValueError("its end is missing")
    if status == reader.MANY:
        raise ValueError(f"its trees have too many nodes for {n_trees} trees")
    if status != reader.OK:
        line = text[at : at + 60].split(b"\n")[0].strip().decode("ascii", "replace")
        raise ValueError(f"the line {line!r} {reader.REASONS[status]}")
    votes = (vote_node[:n_votes], vote_class[:n_votes], vote_weight[:n_votes])
    parted = _part_merged_leaves(feature[:n_nodes], roots[:n_roots], votes, n_trees)
    if len(parted[1]) != n_trees:
        raise ValueError(f"it should hold {n_trees} trees, but holds {len(parted[1])}")
    feature, roots, node = parted
    n_more = len(feature) - n_nodes
    weights = np.zeros((n_classes, len(feature)), np.float32)
    weights[votes[1], node] = votes[2]
    edges, threshold = _thresholds(feature, np.append(value[:n_nodes], np.zeros(n_more)), n_features)
    none = np.full(n_more, -1, np.int32)
    values = np.array(importances if len(importances) == n_features else [np.nan] * n_features, np.float64)
    return Forest(
        edges, feature, threshold, np.append(left[:n_nodes], none), np.append(right[:n_nodes], none), weights, roots,
        values,
    )  # fmt: skip


def _part_merged_leaves(
    feature: NDArray[np.int32], roots: NDArray[np.int32], votes: tuple[Any, ...], n_trees: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Part trees of one leaf that were read as one, until there are as many trees as there should be.

    APOC leaves out votes of 0, so that nothing stands between "s0+=1.0;" of a tree and "s1+=1.0;" of the next.
    How they are parted changes no sum of votes. Returns the features of all nodes, the roots, and the node per vote.
    """
    node = votes[0].copy()
    more: list[int] = []
    if len(roots) < n_trees:
        single = np.isin(node, roots[feature[roots] < 0])
        # All but the first vote of such a leaf can be a tree of its own.
        later = np.flatnonzero(single[1:] & (node[1:] == node[:-1])) + 1
        for vote in later[: n_trees - len(roots)].tolist():
            more.append(len(feature) + len(more))
            node[vote] = more[-1]
    added = np.array(more, np.int32)
    return np.append(feature, np.full(len(added), -1, np.int32)), np.append(roots, added), node


def _thresholds(
    feature: NDArray[np.int32], values: NDArray[np.float64], n_features: int
) -> tuple[list[NDArray[np.float32]], NDArray[np.int32]]:
    """Return the edges per feature, and per node which of them it compares with."""
    # A float32 is below a double if it is below the next float32 from there on; the decimal of a float32 is that one.
    rounded = values.astype(np.float32)
    above = (rounded < values) & (np.abs(values - rounded) > 2.0**-48 * np.abs(values))
    rounded[above] = np.nextafter(rounded[above], np.float32(np.inf))
    # Nodes sorted by feature, so that each is looked at once however many features there are.
    order = np.argsort(feature, kind="stable")
    bounds = np.searchsorted(feature[order], np.arange(n_features + 1))
    threshold = np.zeros(len(feature), np.int32)
    edges = []
    for start, stop in itertools.pairwise(bounds):
        nodes = order[start:stop]
        unique, inverse = np.unique(rounded[nodes], return_inverse=True)
        edges.append(unique)
        threshold[nodes] = inverse
    return edges, threshold


def probability_class(text: bytes) -> int | None:
    """Return the number (from 0) of the class whose probability the last statement writes; None for classes."""
    found = re.search(rb", s(\d{1,4}) / sum_s\);\s*\}\s*\Z", text[-400:])
    return int(found[1]) if found else None
