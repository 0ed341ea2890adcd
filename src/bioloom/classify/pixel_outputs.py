"""Pixel classifiers that answer with objects or with a probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bioloom.classify.base import Trees, check_whole
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.feature_set import DEFAULT_FEATURES
from bioloom.classify.forest import Forest
from bioloom.classify.pixels import PixelClassifier, filled
from bioloom.errors import InputError
from bioloom.operations import connected_components

if TYPE_CHECKING:
    from bioloom.classify.normalisation import Normalisation


class _OfOneClass(PixelClassifier):
    """A pixel classifier that is asked about one of its classes."""

    def __init__(
        self,
        positive_class: int = 2,
        features: str = DEFAULT_FEATURES,
        n_trees: int = 100,
        max_depth: int = 6,
        *,
        balanced: bool = False,
        seed: int = 0,
        trees: Trees = "random forest",
        class_names: Mapping[int, str] | None = None,
        normalise: str | Normalisation = "none",
    ) -> None:
        super().__init__(
            features, n_trees, max_depth, balanced=balanced, seed=seed, trees=trees, class_names=class_names,
            normalise=normalise,
        )  # fmt: skip
        self.positive_class = check_whole("positive_class", positive_class, 1, 2**32 - 1)

    def positive_number(self) -> int:
        """Return the place of the positive class in `classes_`.

        Raises
        ------
        InputError
            If that class was not annotated.
        """
        found = np.flatnonzero(self.classes_ == self.positive_class)
        if not len(found):
            raise InputError(
                f"The positive class is {self.positive_class}, but the classifier knows the classes "
                f"{', '.join(map(str, self.classes_))}. Annotate class {self.positive_class}, or choose another one."
            )
        return int(found[0])

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "positive_class": self.positive_class}

    def _set_state(self, state: Mapping[str, Any], forest: Forest) -> None:
        super()._set_state(state, forest)
        self.positive_class = check_whole("positive_class", state.get("positive_class", 2), 1, 2**32 - 1)


class ProbabilityMapper(_OfOneClass):
    """Map how probable one class is at every pixel.

    Parameters
    ----------
    positive_class
        Id of the class whose probability is mapped.
    features, n_trees, max_depth, balanced, seed, trees, class_names, normalise
        See :class:`~bioloom.classify.PixelClassifier`.
    """

    def predict(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        custom: Sequence[Any] | None = None,
        progress: Progress | None = None,
        out: Any = None,
    ) -> Any:
        """Return the probability of the positive class.

        Parameters
        ----------
        image, channel_axis, spacing, custom, progress, out
            As for :meth:`PixelClassifier.predict`.

        Returns
        -------
        numpy.ndarray
            float32, 0…1, (y, x) or (z, y, x).

        Raises
        ------
        InputError
            If the classifier is not trained, does not know the class, or the image does not fit it.
        """
        source = self.fitting_blocks(image, channel_axis, spacing, custom)
        number = self.positive_number()
        blocks = self.by_block(source, "probabilities", lambda shares: shares[number], progress)
        return filled(blocks, source, np.dtype(np.float32), out)


class ObjectSegmenter(_OfOneClass):
    """Segment objects: the connected regions of one class.

    Parameters
    ----------
    positive_class
        Id of the class that objects are made of.
    features, n_trees, max_depth, balanced, seed, trees, class_names, normalise
        See :class:`~bioloom.classify.PixelClassifier`.
    """

    def predict(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        custom: Sequence[Any] | None = None,
        progress: Progress | None = None,
        out: Any = None,
    ) -> Any:
        """Segment the objects of an image.

        Parameters
        ----------
        image, channel_axis, spacing, custom, progress, out
            As for :meth:`PixelClassifier.predict`.

        Returns
        -------
        numpy.ndarray
            uint32 labels 1…n, (y, x) or (z, y, x).

        Raises
        ------
        InputError
            If the classifier is not trained, does not know the class, or the image does not fit it.
        """
        source = self.fitting_blocks(image, channel_axis, spacing, custom)
        number = self.positive_number()
        blocks = self.by_block(source, "classes", lambda numbers: numbers == number, progress)
        labels = connected_components(filled(blocks, source, np.dtype(bool), None))
        if out is None:
            return labels
        out[...] = labels
        return out
