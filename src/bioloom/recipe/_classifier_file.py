"""Classifiers that steps name by their file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from bioloom.errors import InputError

CATEGORY = "Classify/Apply a classifier"


def classifier_of(path: str, *kinds: str) -> Any:
    """Read a classifier, once for as long as its file stays the same.

    Parameters
    ----------
    path
        The ``.cl`` file.
    *kinds
        Names of the classes that it may be of.

    Raises
    ------
    InputError
        If there is no such file, or it holds a classifier of another kind.
    ModelFileError
        If it is broken.
    """
    file = Path(path)
    if not path or not file.is_file():
        raise InputError(f"There is no classifier file {path!r}. Choose a .cl file.")
    state = file.stat()
    classifier = _read(str(file.resolve()), state.st_mtime_ns, state.st_size)
    name = type(classifier).__name__
    if name not in kinds:
        step = _STEPS.get(name)
        advice = f" Use {step} for it." if step else ""
        raise InputError(f"{file.name} holds {_an(name)}, but {_an(' or '.join(kinds))} is needed here.{advice}")
    return classifier


_STEPS = {
    "PixelClassifier": "classify_pixels",
    "ObjectSegmenter": "segment_objects",
    "ProbabilityMapper": "map_probability",
    "ObjectClassifier": "classify_objects",
    "ObjectSelector": "select_objects",
    "ObjectMerger": "merge_objects",
}


@lru_cache(maxsize=8)
def _read(path: str, mtime: int, size: int) -> Any:
    from bioloom.classify import load_classifier

    return load_classifier(path)


def _an(name: str) -> str:
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
