"""Classifier files: one text file that APOC and CLIJ can run; Bioloom parses it and never executes it.

The header is a C comment with one ``key = value`` a line; readers of other programs look at 25 lines and ignore the
keys they do not know, so ours stand among them, each with a value in JSON. The body is an OpenCL kernel in which every
tree is nested ``if`` text.
"""

from __future__ import annotations

import binascii
import importlib
import json
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bioloom
from bioloom.classify._samples_text import decode_samples, encode_samples
from bioloom.classify._tree_text import kernel_text, probability_class, read_forest
from bioloom.errors import InputError, ModelFileError
from bioloom.files import replacing

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier

_MAGIC = "OpenCL RandomForestClassifier"
_MAX_BYTES = 128 << 20
_MAX_LINE = 1 << 20
_HEADER_LINES = 25
_APOC_VERSION = "0.12.0"
_SAMPLES = "training_samples"

CLASSES = {
    "PixelClassifier": ("pixels", "PixelClassifier"),
    "ObjectSegmenter": ("pixel_outputs", "ObjectSegmenter"),
    "ProbabilityMapper": ("pixel_outputs", "ProbabilityMapper"),
    "ObjectClassifier": ("objects", "ObjectClassifier"),
    "ObjectSelector": ("object_selector", "ObjectSelector"),
    "ObjectMerger": ("object_merger", "ObjectMerger"),
    "TableRowClassifier": ("table", "TableClassifier"),
}
"""Module and class by the name that a file has for it, which is that of APOC."""

_APOC_KEYS = (
    "classifier_class_name", "feature_specification", "num_ground_truth_dimensions", "num_classes", "num_features",
    "max_depth", "num_trees", "feature_importances", "positive_class_identifier", "apoc_version",
)  # fmt: skip


# ------------------------------------------------------------------------------------------------ writing
def save_classifier(classifier: ForestClassifier, path: str | Path) -> None:
    """Write a classifier to a ``.cl`` file; an existing file is replaced only once the new one is complete.

    Raises
    ------
    InputError
        If it is not trained or too large for a file, the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".cl":
        raise InputError(f"Classifiers are saved as .cl files, but {path.name} was asked for.")
    text = to_text(classifier).encode("utf-8")
    if len(text) > _MAX_BYTES:
        raise InputError(
            f"The classifier would take {len(text) >> 20} MiB, but a file may have {_MAX_BYTES >> 20} MiB. "
            "Train fewer or less deep trees: make n_trees or max_depth smaller."
        )
    with replacing(path) as temporary:
        temporary.write_bytes(text)


def to_text(classifier: ForestClassifier) -> str:
    """Return the text of a classifier's file."""
    forest = classifier.forest
    name = _name_of(classifier)
    specification, n_dim = _specification(classifier)
    header: dict[str, Any] = {
        "classifier_class_name": name,
        # Other programs split this at blanks and compile the text: a name of a channel must not end the comment.
        "feature_specification": " ".join(re.sub(r"\s|\*/|,", "_", one) for one in specification),
        "num_ground_truth_dimensions": n_dim,
        "num_classes": forest.n_classes,
        "num_features": forest.n_features,
        "max_depth": classifier.max_depth,
        "num_trees": len(forest.roots),
        "feature_importances": ",".join(repr(float(v)) for v in forest.importances),
    }
    number = _positive_number(classifier)
    if number is not None and name != "ProbabilityMapper":
        header["positive_class_identifier"] = number + 1
    header["apoc_version"] = _APOC_VERSION
    header["written_by"] = _as_json(f"Bioloom {bioloom.__version__}")
    state = classifier._state()
    if taken := set(state) & {*_APOC_KEYS, "written_by", _SAMPLES}:
        raise ValueError(f"the state of {name} has keys that a file has for something else: {taken}")
    header.update({key: _as_json(value) for key, value in state.items()})
    if classifier.samples_ is not None:
        samples = encode_samples(classifier.samples_)
        if samples is not None:
            header[_SAMPLES] = samples
    lines = ["/*", _MAGIC, *(f"{key} = {value}" for key, value in header.items()), "*/"]
    if len(lines) > _HEADER_LINES:
        raise ValueError(f"the header of {name} has {len(lines)} lines, but only {_HEADER_LINES} are read")
    return "\n".join(lines) + "\n" + kernel_text(forest, number if name == "ProbabilityMapper" else None)


def _as_json(value: Any) -> str:
    return json.dumps(value).replace("*/", "*\\/")


def _name_of(classifier: ForestClassifier) -> str:
    for cls in type(classifier).__mro__:
        for name, (_, ours) in CLASSES.items():
            if cls.__name__ == ours and cls.__module__.startswith("bioloom.classify"):
                return name
    raise InputError(f"A {type(classifier).__name__} cannot be saved; known are {', '.join(CLASSES)}.")


def _specification(classifier: ForestClassifier) -> tuple[list[str], int]:
    """Return the names of the features for other programs, and the number of dimensions of their annotation."""
    from bioloom.classify.pixels import PixelClassifier
    from bioloom.classify.rows import RowClassifier

    if isinstance(classifier, PixelClassifier):
        # Other programs know sigmas in pixels only; ours are in the units of the spacing.
        return str(classifier.features.in_pixels(classifier.spacing)).split(), classifier.n_dim
    assert isinstance(classifier, RowClassifier)
    return classifier._specification(), classifier._n_dim


def _positive_number(classifier: ForestClassifier) -> int | None:
    """Return the number (from 0) of the positive class, None for classifiers without one."""
    positive = getattr(classifier, "positive_class", None)
    if positive is None:
        return None
    ids = classifier.classes_.tolist()
    if positive not in ids:
        raise InputError(
            f"The positive class {positive} was not annotated, only {', '.join(map(str, ids))}: other programs cannot "
            "read such a classifier. Set positive_class to one of them."
        )
    return int(ids.index(positive))


# ------------------------------------------------------------------------------------------------ reading
def load_classifier(path: str | Path) -> Any:
    """Read a classifier from a ``.cl`` file.

    Parameters
    ----------
    path
        A file that Bioloom or APOC wrote. Its text is parsed, never executed.

    Returns
    -------
    ForestClassifier
        The classifier that the file holds, ready to predict: a PixelClassifier, ObjectSegmenter, ProbabilityMapper,
        ObjectClassifier, ObjectSelector, ObjectMerger or TableClassifier, which APOC calls TableRowClassifier.

    Raises
    ------
    InputError
        If there is no such file.
    ModelFileError
        If it is broken, or holds a classifier that is not known here.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no classifier file {path}. Check the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise ModelFileError(f"{path.name} is larger than {_MAX_BYTES >> 20} MiB: no classifier is.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"Cannot read {path.name}: {error}. Is it a classifier file?") from error
    if [line.strip() for line in data[:200].split(b"\n")[:2]] != [b"/*", _MAGIC.encode()]:
        raise ModelFileError(
            f"{path.name} is no classifier file: these begin with '/*' and '{_MAGIC}'. Choose a .cl file "
            "that Bioloom or APOC saved."
        )
    try:
        return _parse(data)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, OverflowError, RecursionError, zlib.error,
            binascii.Error) as error:  # fmt: skip
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else error
        raise ModelFileError(
            f"{path.name} is not a complete classifier file: {str(reason)[:300].rstrip('.')}."
        ) from error


def _parse(data: bytes) -> Any:
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    header, body_start = _read_header(data)
    name = header["classifier_class_name"]
    if name not in CLASSES:
        raise ValueError(f"it holds another kind of classifier ({name[:40]!r}); known are {', '.join(CLASSES)}")
    importances = [float(v) for v in header.get("feature_importances", "").split(",") if v.strip()]
    n_trees = _whole(header, "num_trees")
    forest = read_forest(
        data[body_start:], _whole(header, "num_features"), _whole(header, "num_classes"), n_trees, importances
    )
    state = {key: json.loads(value) for key, value in header.items() if key not in (*_APOC_KEYS, _SAMPLES)}
    state["feature_specification"] = header.get("feature_specification", "")
    state["num_ground_truth_dimensions"] = _whole(header, "num_ground_truth_dimensions", 2)
    if "positive_class" not in state:
        state.update(_positive_class(header, data, forest.n_classes))
    module, ours = CLASSES[name]
    cls = getattr(importlib.import_module(f"bioloom.classify.{module}"), ours)
    # What APOC allows here may be more than what is sensible to train with.
    depth = min(max(_whole(header, "max_depth", 2), 1), 30)
    classifier: ForestClassifier = cls(n_trees=min(n_trees, 1000), max_depth=depth)
    classifier._set_state(state, forest)
    if _SAMPLES in header:
        samples = decode_samples(header[_SAMPLES], forest.n_features)
        if not set(samples.classes.tolist()) <= set(classifier.classes_.tolist()):
            raise ValueError("its training samples are of other classes")
        classifier.samples_ = samples
    return classifier


def _positive_class(header: dict[str, str], data: bytes, n_classes: int) -> dict[str, int]:
    """Return the positive class of a file of APOC, if it has one.

    A file of its ProbabilityMapper tells it in its last statement only, or not at all where the class was left 0.
    """
    if "positive_class_identifier" in header:
        return {"positive_class": _whole(header, "positive_class_identifier")}
    number = probability_class(data)
    if number is None:
        return {}
    if number >= n_classes:
        raise ValueError(f"it maps the probability of class {number} of {n_classes}")
    return {"positive_class": number + 1}


def _whole(header: dict[str, str], key: str, default: int | None = None) -> int:
    """Return a number of the header that is not negative and not so large that anybody would have to count so far."""
    if key not in header and default is not None:
        return default
    text = header[key]
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise ValueError(f"{key} is {text[:40]!r}, but must be a whole number")
    return int(text)


def _read_header(data: bytes) -> tuple[dict[str, str], int]:
    """Return the header's values, and where the text after it begins."""
    at = 0
    header: dict[str, str] = {}
    for number in range(_HEADER_LINES):
        end = data.find(b"\n", at)
        if end < 0:
            break
        raw, at = data[at:end], end + 1
        if len(raw) > _MAX_LINE and not raw.startswith(_SAMPLES.encode()):
            raise ValueError(f"line {number + 1} of its header is too long")
        line = raw.decode("utf-8").strip()
        if line == "*/":
            return header, at - 1
        key, separator, value = line.partition("=")
        if separator:
            header[key.strip()] = value.strip()
    raise ValueError("its header has no end")


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
