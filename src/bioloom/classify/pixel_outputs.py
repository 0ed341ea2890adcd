"""Pixel classifiers that answer with objects or with a probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.base import Trees, check_whole
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.feature_set import DEFAULT_FEATURES
from bioloom.classify.forest import Forest
from bioloom.classify.pixels import PixelClassifier, filled
from bioloom.classify.segmentation import objects_from_probability
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
    """Segment objects: the regions of one class, split where they touch.

    Parameters
    ----------
    positive_class
        Id of the class that objects are made of.
    features, n_trees, max_depth, balanced, seed, trees, class_names, normalise
        See :class:`~bioloom.classify.PixelClassifier`; if nothing else is said, intensities are normalised on a log
        scale and trees are extra trees, which did best on images of nuclei that were not learnt from.
    threshold, smoothing, fill_holes, split_touching, neck, minimum_size
        How probabilities become objects; see :func:`bioloom.classify.segmentation.objects_from_probability`. Sizes are
        in units of `spacing`.

    Notes
    -----
    With ``normalise="none", smoothing=0, fill_holes=False, split_touching=False`` objects are the connected regions of
    the pixels that are most probably of the class. Classifiers of APOC are that.
    """

    def __init__(
        self,
        positive_class: int = 2,
        features: str = DEFAULT_FEATURES,
        n_trees: int = 100,
        max_depth: int = 6,
        *,
        balanced: bool = False,
        seed: int = 0,
        trees: Trees = "extra trees",
        class_names: Mapping[int, str] | None = None,
        normalise: str | Normalisation = "log",
        threshold: float = 0.5,
        smoothing: float | None = None,
        fill_holes: bool = True,
        split_touching: bool = True,
        neck: float = 0.8,
        minimum_size: float = 0.0,
    ) -> None:
        super().__init__(
            positive_class, features, n_trees, max_depth, balanced=balanced, seed=seed, trees=trees,
            class_names=class_names, normalise=normalise,
        )  # fmt: skip
        self.threshold = threshold
        self.smoothing = smoothing
        self.fill_holes = fill_holes
        self.split_touching = split_touching
        self.neck = neck
        self.minimum_size = minimum_size

    def object_settings(self) -> dict[str, Any]:
        """Return how probabilities become objects, for :func:`objects_from_probability`."""
        return {name: getattr(self, name) for name in _PLAIN}

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
            As for :meth:`PixelClassifier.predict`. The probability of the whole image is held in memory.

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
        blocks: Any
        if self.object_settings() == _PLAIN:
            blocks = self.by_block(source, "classes", lambda numbers: numbers == number, progress)
            labels = connected_components(filled(blocks, source, np.dtype(bool), None))
        else:
            blocks = self.by_block(source, "probabilities", lambda shares: lead_of(shares, number), progress)
            lead = filled(blocks, source, np.dtype(np.float32), None)
            labels = objects_from_probability(lead, spacing=spacing or self.spacing, **self.object_settings())
        if out is None:
            return labels
        out[...] = labels
        return out

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "objects": self.object_settings()}

    def _set_state(self, state: Mapping[str, Any], forest: Forest) -> None:
        super()._set_state(state, forest)
        stored = dict(state.get("objects") or _PLAIN)
        if set(stored) - set(_PLAIN):
            raise ValueError(f"its objects have the settings {', '.join(stored)}")
        for name, value in {**_PLAIN, **stored}.items():
            kinds = (bool,) if isinstance(_PLAIN[name], bool) else (int, float)
            if not isinstance(value, kinds) and not (name == "smoothing" and value is None):
                raise ValueError(f"{name} of its objects is {value!r}")
            setattr(self, name, value)


_PLAIN: dict[str, Any] = {
    "threshold": 0.5, "smoothing": 0.0, "fill_holes": False, "split_touching": False, "neck": 0.8, "minimum_size": 0.0,
}  # fmt: skip
"""What gives the connected regions of a class and nothing else."""


def lead_of(probabilities: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    """Return how far a class is ahead of the most probable other one, from 0 to 1; 0.5 is where they are equal.

    Parameters
    ----------
    probabilities
        (classes, …).
    number
        The class, by its place.
    """
    others = np.delete(probabilities, number, axis=0).max(0, initial=0)
    lead: NDArray[np.float32] = (1 + probabilities[number] - others) / np.float32(2)
    return lead
