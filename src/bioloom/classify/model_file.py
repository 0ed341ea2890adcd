"""Classifier files: one text file that APOC and CLIJ can run; Bioloom parses it and never executes it.

The header is a C comment with one ``key = value`` a line; readers of other programs ignore the keys they do not know,
so ours stand among them. The body is an OpenCL kernel in which every tree is nested ``if`` text.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import bioloom
from bioloom.classify.forest import Forest
from bioloom.errors import InputError, ModelFileError
from bioloom.files import replacing
from bioloom.operations.checks import check_spacing

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier
    from bioloom.classify.objects import ObjectClassifier
    from bioloom.classify.pixels import PixelClassifier

_MAGIC = "OpenCL RandomForestClassifier"
_MAX_BYTES = 64 << 20
_MAX_CLASSES = 1000
_MAX_WEIGHTS = 50_000_000  # nodes times classes: 200 MB
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_HEADER_LINES = 25
# One token per line; the longest alternatives of a real file are far below these bounds.
_SPLIT = re.compile(r" {0,64}if\(i(\d{1,5})<([-+0-9.eE]{1,40}|inf)\)\{")
_VOTE = re.compile(r" {0,64}s(\d{1,5})\+=([-+0-9.eE]{1,40});")
_ELSE = re.compile(r" {0,64}\} else \{")
_CLOSE = re.compile(r" {0,64}\}")


def save_classifier(classifier: ForestClassifier, path: str | Path) -> None:
    """Write a classifier to a ``.cl`` file; an existing file is replaced only once the new one is complete.

    Raises
    ------
    InputError
        If it is not trained, the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".cl":
        raise InputError(f"Classifiers are saved as .cl files, but {path.name} was asked for.")
    text = to_text(classifier)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def to_text(classifier: ForestClassifier) -> str:
    """Return the text of a classifier's file."""
    from bioloom.classify.objects import ObjectClassifier
    from bioloom.classify.pixels import PixelClassifier

    forest = classifier.forest
    specification, n_dim = "", 1
    if isinstance(classifier, PixelClassifier):
        specification, n_dim = str(classifier.features.in_pixels(classifier.spacing)), classifier.n_dim
    elif isinstance(classifier, ObjectClassifier):
        # Other programs split this at blanks and compile the text: a name of a channel must not end the comment.
        specification = " ".join(re.sub(r"\s|\*/", "_", name) for name in classifier.feature_names_)
    header = {
        "classifier_class_name": type(classifier).__name__,
        "feature_specification": specification,
        "num_ground_truth_dimensions": n_dim,
        "num_classes": forest.n_classes,
        "num_features": forest.n_features,
        "max_depth": classifier.max_depth,
        "num_trees": classifier.n_trees,
        "feature_importances": ",".join(repr(float(v)) for v in forest.importances),
        "apoc_version": "0.12.0",
        "class_ids": json.dumps([int(c) for c in classifier.classes_]),
        "seed": classifier.seed,
        "written_by": f"Bioloom {bioloom.__version__}",
    }
    header["spacing"] = json.dumps(classifier.spacing)
    if isinstance(classifier, PixelClassifier):
        header["physical_features"] = str(classifier.features)
        header["num_channels"] = classifier.n_channels
        header["channel_axis"] = json.dumps(classifier.channel_axis)
    elif isinstance(classifier, ObjectClassifier):
        header["feature_names"] = json.dumps(classifier.feature_names_).replace("*/", "*\\/")
    lines = ["/*", _MAGIC, *(f"{key} = {value}" for key, value in header.items()), "*/"]
    lines += _prologue(forest)
    for root in forest.roots:
        _write_tree(forest, int(root), lines)
    return "\n".join([*lines, *_epilogue(forest)]) + "\n"


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


def _epilogue(forest: Forest) -> list[str]:
    lines = [" float max_s=s0;", " int cls=1;"]
    for c in range(1, forest.n_classes):
        lines += [f" if (max_s < s{c}) {{", f"  max_s = s{c};", f"  cls={c + 1};", " }"]
    return [*lines, " WRITE_IMAGE (out, POS_out_INSTANCE(x,y,z,0), cls);", "}"]


def _write_tree(forest: Forest, root: int, lines: list[str]) -> None:
    pending: list[tuple[str, int, int]] = [("node", root, 0)]
    while pending:
        what, node, depth = pending.pop()
        blanks = " " * depth
        if what != "node":
            lines.append(blanks + what)
        elif forest.feature[node] < 0:
            for c, weight in enumerate(forest.weights[:, node]):
                # A tree of one leaf has all its votes written: nothing else tells where the next tree begins.
                if weight > 0 or node == root:
                    lines.append(f"{blanks}s{c}+={float(weight)!r};")
        else:
            feature = int(forest.feature[node])
            edge = float(forest.edges[feature][forest.threshold[node]])
            lines.append(f"{blanks}if(i{feature}<{edge!r}){{")
            pending += [
                ("}", node, depth),
                ("node", int(forest.right[node]), depth + 1),
                ("} else {", node, depth),
                ("node", int(forest.left[node]), depth + 1),
            ]


def load_classifier(path: str | Path) -> PixelClassifier | ObjectClassifier:
    """Read a classifier from a ``.cl`` file.

    Parameters
    ----------
    path
        A file that Bioloom wrote, or one of APOC's PixelClassifier. Its text is parsed, never executed.

    Returns
    -------
    PixelClassifier or ObjectClassifier
        The classifier that the file holds, ready to predict.

    Raises
    ------
    InputError
        If there is no such file.
    ModelFileError
        If it is broken, or holds a classifier that is not known here.
    """
    from bioloom.classify.objects import ObjectClassifier
    from bioloom.classify.pixels import PixelClassifier

    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no classifier file {path}. Check the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise ModelFileError(f"{path.name} is larger than {_MAX_BYTES >> 20} MiB: no classifier is.")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"Cannot read {path.name}: {error}. Is it a classifier file?") from error
    try:
        header, body_start = _read_header(lines)
        forest = _read_forest(lines[body_start:], header)
        name = header["classifier_class_name"]
        ids = np.array(json.loads(header.get("class_ids", "null")) or range(1, forest.n_classes + 1), np.int64)
        if len(ids) != forest.n_classes or ids.min() < 1 or len(set(ids.tolist())) < len(ids):
            raise ValueError("its class ids do not fit its classes")
        settings: dict[str, Any] = {
            "n_trees": len(forest.roots),
            "max_depth": int(header.get("max_depth", 2)),
            "seed": int(header.get("seed", 0)),
        }
        if name == "PixelClassifier":
            # Other programs know sigmas in pixels only; ours are in the units of the spacing.
            features = header.get("physical_features", header["feature_specification"])
            pixel = PixelClassifier(features, **settings)
            return _restore_pixels(pixel, header, forest, ids)
        if name == "ObjectClassifier":
            objects = ObjectClassifier(_feature_names(header), **settings)
            objects._restore(forest, ids)
            objects.spacing = _spacing(header)
            return objects
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise ModelFileError(f"{path.name} is not a complete classifier file: {reason}.") from error
    raise ModelFileError(
        f"{path.name} holds another kind of classifier ({name}); PixelClassifier and ObjectClassifier can be read."
    )


def _restore_pixels(
    classifier: PixelClassifier, header: dict[str, str], forest: Forest, ids: NDArray[np.int64]
) -> PixelClassifier:
    per_channel = len(classifier.features.features)
    if forest.n_features % per_channel:
        raise ValueError("the number of features does not fit the feature specification")
    classifier.n_channels = forest.n_features // per_channel
    classifier.n_dim = int(header.get("num_ground_truth_dimensions", 2))
    classifier.spacing = _spacing(header)
    axis = json.loads(header.get("channel_axis", "null"))
    classifier.channel_axis = None if axis is None else int(axis)
    if classifier.n_dim not in (2, 3) or (classifier.spacing and len(classifier.spacing) != classifier.n_dim):
        raise ValueError("its number of dimensions is wrong")
    classifier.classes_ = ids
    classifier._forest = forest
    return classifier


def _feature_names(header: dict[str, str]) -> list[str]:
    """Names of the columns an object classifier looks at; names with blanks are whole only under our own key."""
    if "feature_names" not in header:
        names = header["feature_specification"].split()
        _check_measurements(names)
        return names
    listed = json.loads(header["feature_names"])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ValueError("its feature_names are no list of names")
    return listed


def _check_measurements(names: list[str]) -> None:
    """Refuse object classifiers of programs whose measurements are others, before they fail in use."""
    from bioloom.measure import list_properties

    known = {p.name for p in (*list_properties(2), *list_properties(3))}
    unknown = [
        n
        for n in names
        if n not in known and not n.startswith(tuple(f"{k}-" for k in known) + tuple(f"{k}_" for k in known))
    ]
    if unknown:
        raise ValueError(f"it needs measurements that Bioloom does not have: {', '.join(unknown)}")


def _spacing(header: dict[str, str]) -> tuple[float, ...] | None:
    spacing = json.loads(header.get("spacing", "null"))
    if spacing is None:
        return None
    return check_spacing(spacing, len(spacing), "its spacing")


def _read_header(lines: list[str]) -> tuple[dict[str, str], int]:
    if len(lines) < 3 or lines[0].strip() != "/*" or lines[1].strip() != _MAGIC:
        raise ValueError(f"it does not begin with '{_MAGIC}'")
    header: dict[str, str] = {}
    for number, line in enumerate(lines[2:_HEADER_LINES], start=3):
        if line.strip() == "*/":
            return header, number
        key, separator, value = line.partition("=")
        if separator:
            header[key.strip()] = value.strip()
    raise ValueError("its header has no end")


def _read_forest(lines: list[str], header: dict[str, str]) -> Forest:
    """Parse the trees; anything that is neither a tree nor part of the known frame is an error."""
    n_features, n_classes = int(header["num_features"]), int(header["num_classes"])
    if not (0 < n_features <= 10_000 and 0 < n_classes <= _MAX_CLASSES):
        raise ValueError("the number of features or classes is impossible")
    start = next((i + 1 for i, line in enumerate(lines) if re.fullmatch(rf" float s{n_classes - 1}=0;", line)), None)
    if start is None:
        raise ValueError("it has no trees")
    reader = _TreeReader(n_features, n_classes)
    for line in lines[start:]:
        if line.startswith((" float max_s", " float sum_s")) and not reader.open:
            break
        if line.strip():
            reader.take(line)
    else:
        raise ValueError("its end is missing")
    wanted = int(header.get("num_trees", len(reader.roots)))
    reader.part_merged_leaves(wanted)
    forest = reader.forest(_importances(header, n_features))
    if wanted != len(forest.roots):
        raise ValueError(f"it should hold {wanted} trees, but holds {len(forest.roots)}")
    return forest


def _importances(header: dict[str, str], n_features: int) -> NDArray[np.float64]:
    values = np.array([float(v) for v in header.get("feature_importances", "").split(",") if v], np.float64)
    return values if len(values) == n_features else np.full(n_features, np.nan)


class _TreeReader:
    """Collects nodes line by line; `open` holds the splits whose braces are not closed yet."""

    def __init__(self, n_features: int, n_classes: int) -> None:
        self.n_features, self.n_classes = n_features, n_classes
        self.features: list[int] = []
        self.values: list[float] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.votes: list[dict[int, float]] = []
        self.roots: list[int] = []
        self.open: list[tuple[int, bool]] = []
        self.leaf: int | None = None

    def take(self, line: str) -> None:
        if match := _VOTE.fullmatch(line):
            self._vote(int(match[1]), float(match[2]))
        elif match := _SPLIT.fullmatch(line):
            feature, value = int(match[1]), float(match[2])
            if feature >= self.n_features:
                raise ValueError(f"a tree asks for feature {feature} of {self.n_features}")
            if not abs(value) <= _MAX_FLOAT32:
                raise ValueError(f"a tree asks for the threshold {match[2]}")
            node = self._add(feature, value)
            self.open.append((node, False))
            if len(self.open) > 500:
                raise ValueError("a tree is too deep")
        elif _ELSE.fullmatch(line):
            node, right = self._pop()
            if right or self.left[node] < 0:
                raise ValueError("a tree has a branch too many or an empty one")
            self.open.append((node, True))
        elif _CLOSE.fullmatch(line):
            node, right = self._pop()
            if not right or self.right[node] < 0:
                raise ValueError("a tree has a branch too few or an empty one")
        else:
            raise ValueError(f"the line {line.strip()[:60]!r} is no part of a tree")

    def _pop(self) -> tuple[int, bool]:
        self.leaf = None
        if not self.open:
            raise ValueError("a tree has a brace too many")
        return self.open.pop()

    def _add(self, feature: int, value: float) -> int:
        node = len(self.features)
        if (node + 1) * self.n_classes > _MAX_WEIGHTS:
            raise ValueError("its trees have too many nodes")
        self.leaf = None
        self.features.append(feature)
        self.values.append(value)
        self.left.append(-1)
        self.right.append(-1)
        self.votes.append({})
        if not self.open:
            self.roots.append(node)
            return node
        parent, right = self.open[-1]
        side = self.right if right else self.left
        if side[parent] >= 0:
            raise ValueError("a branch of a tree holds two")
        side[parent] = node
        return node

    def _vote(self, c: int, weight: float) -> None:
        if c >= self.n_classes:
            raise ValueError(f"a leaf votes for class {c} of {self.n_classes}")
        if not 0 <= weight < 1e12:
            raise ValueError(f"a leaf votes with the weight {weight}")
        # Votes of ascending classes belong to one leaf; outside of any split, a new tree begins where they do not.
        if self.leaf is None or c <= max(self.votes[self.leaf]):
            if self.leaf is not None and self.open:
                raise ValueError("a leaf votes twice for a class")
            self.leaf = self._add(-1, 0.0)
        self.votes[self.leaf][c] = weight

    def part_merged_leaves(self, n_trees: int) -> None:
        """Part trees of one leaf that were read as one, until there are as many trees as there should be.

        APOC leaves out votes of 0, so that nothing stands between "s0+=1.0;" of a tree and "s1+=1.0;" of the next.
        How they are parted changes no sum of votes.
        """
        for node in list(self.roots):
            votes = self.votes[node]
            while len(votes) > 1 and len(self.roots) < n_trees:
                c = max(votes)
                self.leaf = None
                new = self._add(-1, 0.0)
                self.votes[new][c] = votes.pop(c)

    def forest(self, importances: NDArray[np.float64]) -> Forest:
        if not self.roots:
            raise ValueError("it has no trees")
        features = np.array(self.features, np.int32)
        values = np.array(self.values, np.float32)
        # Nodes sorted by feature, so that each is looked at once however many features there are.
        order = np.argsort(features, kind="stable")
        bounds = np.searchsorted(features[order], np.arange(self.n_features + 1))
        threshold = np.zeros(len(features), np.int32)
        edges = []
        for start, stop in itertools.pairwise(bounds):
            nodes = order[start:stop]
            edges.append(np.unique(values[nodes]))
            threshold[nodes] = np.searchsorted(edges[-1], values[nodes])
        weights = np.zeros((self.n_classes, len(features)), np.float32)
        for node, votes in enumerate(self.votes):
            for c, weight in votes.items():
                weights[c, node] = weight
        return Forest(
            edges,
            features,
            threshold,
            np.array(self.left, np.int32),
            np.array(self.right, np.int32),
            weights,
            np.array(self.roots, np.int32),
            importances,
        )


def describe(classifier: Any) -> dict[str, Any]:
    """Return a classifier's settings for reports and provenance."""
    return {
        "classifier": type(classifier).__name__,
        "classes": [int(c) for c in classifier.classes_],
        "features": list(classifier.feature_names_),
        "n_trees": classifier.n_trees,
        "max_depth": classifier.max_depth,
        "seed": classifier.seed,
    }
