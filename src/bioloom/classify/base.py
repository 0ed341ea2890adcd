"""What all classifiers by random forest have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.forest import Forest
from bioloom.errors import InputError


class ForestClassifier:
    """Settings, the trained forest, and its file.

    Parameters
    ----------
    n_trees
        Number of trees, 1…1000.
    max_depth
        Largest number of decisions in a row, 1…30.
    balanced
        Weigh classes by the inverse of their frequency in the annotation.
    seed
        Seed of the forest; the same data and seed give the same classifier.
    """

    _fit_call: ClassVar[str] = "fit(…)"

    def __init__(self, n_trees: int, max_depth: int, *, balanced: bool, seed: int) -> None:
        self.n_trees = check_whole("n_trees", n_trees, 1, 1000)
        self.max_depth = check_whole("max_depth", max_depth, 1, 30)
        self.balanced = balanced
        self.seed = check_whole("seed", seed, 0, 2**32 - 1)
        self.spacing: tuple[float, ...] | None = None
        self.classes_: NDArray[np.int64] = np.empty(0, np.int64)
        self._forest: Forest | None = None

    @property
    def forest(self) -> Forest:
        """The trained forest.

        Raises
        ------
        InputError
            If the classifier was not trained.
        """
        if self._forest is None:
            raise InputError(f"The classifier is not trained yet. Call {self._fit_call}, or load one.")
        return self._forest

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Impurity-based importance per feature, adding up to 1."""
        return self.forest.importances

    def save(self, path: str | Path) -> None:
        """Write the classifier to one text file.

        Parameters
        ----------
        path
            File ending in .cl; replaced if it exists.

        Raises
        ------
        InputError
            If the classifier is not trained or the file cannot be written.
        """
        from bioloom.classify.model_file import save_classifier

        save_classifier(self, path)

    def _train(self, bins: NDArray[Any], annotated: NDArray[Any], edges: list[NDArray[np.float32]]) -> None:
        """Train on the bins (n, features) of annotated items and their class ids, all above 0."""
        ids = np.unique(annotated)
        self._forest = Forest.train(
            bins,
            np.searchsorted(ids, annotated),
            edges,
            n_trees=self.n_trees,
            max_depth=self.max_depth,
            balanced=self.balanced,
            seed=self.seed,
        )
        self.classes_ = ids.astype(np.int64)


def check_whole(name: str, value: Any, low: int, high: int) -> int:
    """Return a whole number in its range.

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}, but must be a whole number from {low} to {high}.")
    return int(value)
