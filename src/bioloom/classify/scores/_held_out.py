"""A part of the annotation that a forest of the same settings has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.forest import Forest
from bioloom.classify.samples import TrainingSamples, hashed
from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier

HELD_OUT_SHARE = 0.2
"""Share of the blocks (or objects) that the scores are taken on."""


@dataclass(frozen=True)
class HeldOut:
    """A forest trained on part of the annotation, and the part that it has not seen.

    Attributes
    ----------
    classes : numpy.ndarray
        int64: all annotated class ids, ascending.
    names : tuple of str
        What to call them.
    forest : Forest or None
        None if fewer than two classes lie outside the held-out part: there is nothing to decide then.
    forest_classes : numpy.ndarray
        int64: the class ids that the forest votes for.
    n_trained : numpy.ndarray
        int64: per class of `classes` the number of items that the forest was trained on.
    test : TrainingSamples
        The held-out items of all classes.
    """

    classes: NDArray[np.int64]
    names: tuple[str, ...]
    forest: Forest | None
    forest_classes: NDArray[np.int64]
    n_trained: NDArray[np.int64]
    test: TrainingSamples


def hold_out(classifier: ForestClassifier, share: float = HELD_OUT_SHARE) -> HeldOut:
    """Train a forest of the same settings on the annotation outside the held-out blocks.

    Parameters
    ----------
    classifier
        Trained in this process, or loaded with its samples.
    share
        Share of blocks of pixels (or of objects) to hold out, above 0 and below 1.

    Returns
    -------
    HeldOut
        Whether a block is held out depends on where it lies and on nothing else: it stays so when more is annotated.

    Raises
    ------
    InputError
        If the classifier is not trained, or its samples are not known.
    """
    samples = samples_of(classifier)
    classes = np.unique(samples.classes)
    tested = held_out(samples.groups, share)
    train = samples.at(~tested)
    known = np.unique(train.classes)
    forest = None
    if len(known) > 1:
        forest, _ = classifier.grow(train)
    counts = np.array([np.count_nonzero(train.classes == c) for c in classes], np.int64)
    names = tuple(classifier.name_of(c) for c in classes)
    return HeldOut(classes, names, forest, known, counts, samples.at(tested))


def held_out(groups: NDArray[np.uint64], share: float = HELD_OUT_SHARE) -> NDArray[np.bool_]:
    """Tell which items are held out, by the number of their group alone.

    Parameters
    ----------
    groups
        uint64 (n,); items of equal number stay together.
    share
        Share of groups to hold out.

    Returns
    -------
    numpy.ndarray
        bool (n,). Neighbouring numbers fall on either side independently.
    """
    result: NDArray[np.bool_] = (hashed(groups) >> np.uint64(11)).astype(np.float64) * 2.0**-53 < share
    return result


def samples_of(classifier: ForestClassifier) -> TrainingSamples:
    """Return what a classifier was trained on.

    Raises
    ------
    InputError
        If it is not trained, or its samples are not known.
    """
    _ = classifier.forest
    if classifier.samples_ is None:
        raise InputError(
            "This classifier comes from a file, which holds the forest but not the annotation it was trained on: there "
            "is nothing to score it with. Train it on an annotation to see scores."
        )
    return classifier.samples_


def feature_names(classifier: ForestClassifier, n: int) -> list[str]:
    """Return the names of the classifier's features, numbers where a file does not tell them."""
    names = list(getattr(classifier, "feature_names_", ()))
    return names if len(names) == n else [f"feature {i}" for i in range(n)]


def decide(forest: Forest, bins: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class number of items whose bins are (features, n)."""
    decided: NDArray[np.intp] = forest.votes(np.ascontiguousarray(bins)).argmax(0)
    return decided


def notes_on(held: HeldOut) -> list[str]:
    """Say which classes cannot be scored, and what to do about it."""
    notes = []
    tested = np.array([np.count_nonzero(held.test.classes == c) for c in held.classes])
    if held.forest is None:
        where = "outside the held-out part" if len(held.test) else "the annotation"
        notes.append(f"Fewer than two classes lie {where}: nothing can be scored. Annotate in more places.")
    elif not len(held.test):
        notes.append("No block of the annotation is held out: nothing can be scored. Annotate in more places.")
    if held.forest is not None and len(held.test):
        for name, c, n_tested, n_trained in zip(held.names, held.classes, tested, held.n_trained, strict=True):
            title = name if name == f"class {c}" else f"{name} (class {c})"
            if not n_trained:
                notes.append(f"{title} lies only in held-out blocks and is not scored. Annotate it in more places.")
            elif not n_tested:
                notes.append(f"{title} lies in no held-out block and is not scored. Annotate it in more places.")
    return notes
