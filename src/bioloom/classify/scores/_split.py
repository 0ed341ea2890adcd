"""Precision, recall and confusion on a part of the annotation that the forest has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.scores._held_out import HeldOut, decide, hold_out, notes_on

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.classify.base import ForestClassifier


@dataclass(frozen=True)
class Scores:
    """How a forest trained on four fifths of the annotation classifies the last fifth.

    Attributes
    ----------
    classes : numpy.ndarray
        int64 (k,): the annotated class ids, ascending.
    names : tuple of str
        What to call them.
    confusion : numpy.ndarray
        int64 (k, k): held-out items by annotated class (rows) and predicted class (columns).
    n_trained : numpy.ndarray
        int64 (k,): number of items the forest was trained on.
    notes : tuple of str
        What could not be scored, and what to do about it; empty if nothing is missing.
    """

    classes: NDArray[np.int64]
    names: tuple[str, ...]
    confusion: NDArray[np.int64]
    n_trained: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def support(self) -> NDArray[np.int64]:
        """Number of held-out items per annotated class."""
        counts: NDArray[np.int64] = self.confusion.sum(1)
        return counts

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share, 0…1, of the items classified so that are annotated so; NaN if there are none, or none held out."""
        return self._share(self.confusion.sum(0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share, 0…1, of the items annotated so that are classified so; NaN for classes without held-out items."""
        return self._share(self.support)

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall, 0…1; NaN for classes without held-out items."""
        return self._share((self.confusion.sum(0) + self.support) / 2)

    @property
    def accuracy(self) -> float | None:
        """Share of held-out items classified as they are annotated, 0…1; None if there are none."""
        total = int(self.confusion.sum())
        return float(self.confusion.trace() / total) if total else None

    def _share(self, of: NDArray[Any]) -> NDArray[np.float64]:
        known = (self.support > 0) & (of > 0)
        result = np.full(len(self.classes), np.nan)
        result[known] = self.confusion.diagonal()[known] / of[known]
        return result

    def table(self) -> pd.DataFrame:
        """Return one row per class: ``class, name, precision, recall, f1, support, trained``."""
        import pandas as pd

        return pd.DataFrame(
            {
                "class": self.classes,
                "name": self.names,
                "precision": self.precision,
                "recall": self.recall,
                "f1": self.f1,
                "support": self.support,
                "trained": self.n_trained,
            }
        )


def split_scores(classifier: ForestClassifier, held: HeldOut | None = None) -> Scores:
    """Score a classifier on blocks of its annotation that a forest of the same settings has not seen.

    Neighbouring pixels look alike, so that a forest tested on the neighbours of its training pixels seems better than
    it is on the next image. Whole blocks of pixels are therefore held out.

    Parameters
    ----------
    classifier
        Trained in this process, or loaded with its samples.
    held
        What :func:`hold_out` returned for it, so that it need not be trained again.

    Returns
    -------
    Scores
        Classes that lie on one side only have no figures, and a note says so.

    Raises
    ------
    InputError
        If the classifier is not trained, or its samples are not known.
    """
    held = held or hold_out(classifier)
    k = len(held.classes)
    confusion = np.zeros((k, k), np.int64)
    scored = np.isin(held.test.classes, held.forest_classes)
    if held.forest is not None and scored.any():
        predicted = held.forest_classes[decide(held.forest, held.test.bins[scored].T)]
        rows = np.searchsorted(held.classes, held.test.classes[scored])
        np.add.at(confusion, (rows, np.searchsorted(held.classes, predicted)), 1)
    return Scores(held.classes, held.names, confusion, held.n_trained, tuple(notes_on(held)))
