"""Selection of the objects of one class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.base import Trees, check_whole
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.forest import Forest
from bioloom.classify.objects import ObjectClassifier, paint_objects


class ObjectSelector(ObjectClassifier):
    """Classify labelled objects and keep those of one class.

    Parameters
    ----------
    features
        Names of measurements; see :class:`bioloom.classify.ObjectClassifier`.
    n_trees, max_depth, balanced, seed, trees, class_names
        See :class:`bioloom.classify.ObjectClassifier`.
    positive_class
        The class whose objects are kept.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The annotation's own class ids, ascending.
    feature_names_ : list of str
        Columns of measurements that it uses.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.
    """

    def __init__(
        self,
        features: Sequence[str] | str | None = None,
        n_trees: int = 100,
        max_depth: int = 6,
        *,
        positive_class: int = 2,
        balanced: bool = False,
        seed: int = 0,
        trees: Trees = "random forest",
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        super().__init__(
            features, n_trees, max_depth, balanced=balanced, seed=seed, trees=trees, class_names=class_names
        )
        self.positive_class = check_whole("positive_class", positive_class, 1, 2**32 - 1)

    def predict(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
        relabel: bool = False,
    ) -> NDArray[Any]:
        """Return the labels of the objects of the positive class; all else is 0.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.
        relabel
            Number the objects anew from 1 without gaps, per frame, as APOC does; else each keeps its label, so that
            tables about it still fit.

        Returns
        -------
        numpy.ndarray
            Labels in the shape of `labels`; its dtype, or uint32 with `relabel`.

        Raises
        ------
        InputError
            If the classifier is not trained or the measurements do not fit it.
        """
        result = self.predict_objects(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
        chosen = result[result["class"] == self.positive_class].copy()
        frames = chosen["frame"] if "frame" in chosen else np.zeros(len(chosen), int)
        chosen["new"] = chosen.groupby(np.asarray(frames)).cumcount() + 1 if relabel else chosen["label"]
        kept = paint_objects(labels, chosen, "new", frame_axis=frame_axis)
        return kept.astype(np.uint32 if relabel else np.asarray(labels).dtype)

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "positive_class": self.positive_class}

    def _set_state(self, state: Mapping[str, Any], forest: Forest) -> None:
        super()._set_state(state, forest)
        self.positive_class = check_whole("positive_class", state.get("positive_class", 2), 1, 2**32 - 1)
