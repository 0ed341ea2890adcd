"""What all classifiers by random forest have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._join import join
from bioloom.classify.forest import Forest
from bioloom.classify.samples import TrainingSamples
from bioloom.errors import InputError

Trees = Literal["random forest", "extra trees"]

TREES: tuple[Trees, ...] = ("random forest", "extra trees")


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
    trees
        ``"random forest"`` or ``"extra trees"``, whose thresholds are drawn at random.
    class_names
        Names of classes by their id, where they have names.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The annotation's own class ids, ascending.
    samples_ : TrainingSamples or None
        What it was trained on; None for files of other programs.
    """

    _fit_call: ClassVar[str] = "fit(…)"

    def __init__(
        self,
        n_trees: int,
        max_depth: int,
        *,
        balanced: bool,
        seed: int,
        trees: Trees = "random forest",
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        self.n_trees = check_whole("n_trees", n_trees, 1, 1000)
        self.max_depth = check_whole("max_depth", max_depth, 1, 30)
        self.balanced = bool(balanced)
        self.seed = check_whole("seed", seed, 0, 2**32 - 1)
        if trees not in TREES:
            raise InputError(f"trees is {trees!r}, but must be one of: {', '.join(TREES)}.")
        self.trees: Trees = trees
        self.class_names = {int(k): str(name) for k, name in (class_names or {}).items()}
        self.spacing: tuple[float, ...] | None = None
        self.classes_: NDArray[np.int64] = np.empty(0, np.int64)
        self.samples_: TrainingSamples | None = None
        self._forest: Forest | None = None

    @property
    def _bag(self) -> int | None:
        """How many samples each tree of a random forest sees at most; None for all."""
        return None

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

    @property
    def oob_score_(self) -> float | None:
        """Share of training items, 0…1, that the trees which were not grown on them classify right.

        None where it is not known: for files of other programs, and for trees that are grown on all items.
        """
        return self.forest.oob_accuracy

    def name_of(self, class_id: int) -> str:
        """Return what to call a class: its name, or ``class <id>``."""
        return self.class_names.get(int(class_id)) or f"class {int(class_id)}"

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

    def _train(self, samples: TrainingSamples, keep: bool = False) -> None:
        """Train on annotated items, all of whose class ids are above 0, and if `keep` on those of earlier trainings.

        Where these are not at hand, as in files of other programs, the old trees go on to vote beside the new ones.
        """
        if keep and self.samples_ is not None:
            samples = self.samples_.joined(samples)
        before = (self._forest, self.classes_) if keep and self.samples_ is None else (None, self.classes_)
        forest, ids = self.grow(samples)
        if before[0] is not None:
            self._forest, self.classes_ = join(before[0], before[1], forest, ids)
            return
        self._forest, self.classes_, self.samples_ = forest, ids, samples

    def grow(self, samples: TrainingSamples) -> tuple[Forest, NDArray[np.int64]]:
        """Grow a forest of the classifier's settings on samples; return it with the class ids. Nothing is kept."""
        ids = np.unique(samples.classes).astype(np.int64)
        forest = Forest.train(
            samples.bins,
            np.searchsorted(ids, samples.classes),
            samples.edges,
            bag=self._bag,
            n_trees=self.n_trees,
            max_depth=self.max_depth,
            balanced=self.balanced,
            seed=self.seed,
            kind="extra" if self.trees == "extra trees" else "random",
        )
        return forest, ids

    def _state(self) -> dict[str, Any]:
        """Return what a file must tell beyond the forest; each value can be written as JSON."""
        return {
            "class_ids": [int(c) for c in self.classes_],
            "class_names": {str(k): name for k, name in self.class_names.items()},
            "training": {
                "seed": self.seed,
                "balanced": self.balanced,
                "trees": self.trees,
                "oob_accuracy": self.forest.oob_accuracy,
            },
            "spacing": self.spacing,
        }

    def _set_state(self, state: Mapping[str, Any], forest: Forest) -> None:
        """Take over what a file tells; keys may be missing.

        Raises
        ------
        ValueError, TypeError, KeyError
            If something does not fit.
        """
        ids = np.array(state.get("class_ids") or range(1, forest.n_classes + 1), np.int64)
        if ids.shape != (forest.n_classes,) or ids.min() < 1 or len(set(ids.tolist())) < len(ids):
            raise ValueError("its class ids do not fit its classes")
        training = state.get("training") or {}
        self.seed = check_whole("seed", training.get("seed", 0), 0, 2**32 - 1)
        self.balanced = bool(training.get("balanced", False))
        trees = training.get("trees", "random forest")
        if trees not in TREES:
            raise ValueError(f"its trees are {trees!r}")
        self.trees = trees
        accuracy = training.get("oob_accuracy")
        if accuracy is not None:
            object.__setattr__(forest, "oob_accuracy", float(accuracy))
        self.class_names = {int(k): str(name) for k, name in dict(state.get("class_names") or {}).items()}
        spacing = state.get("spacing")
        self.spacing = None if spacing is None else tuple(float(s) for s in spacing)
        if self.spacing and not all(0 < s < float("inf") for s in self.spacing):
            raise ValueError(f"its spacing is {spacing}")
        self.classes_ = ids
        self._forest = forest


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
