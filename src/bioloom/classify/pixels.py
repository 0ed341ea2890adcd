"""Pixel classification from painted annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.annotation import bins_at, check_annotation, choose_pixels, values_at
from bioloom.classify.base import ForestClassifier, Trees
from bioloom.classify.channels import as_channels
from bioloom.classify.feature_blocks import Block, FeatureBlocks, Progress, in_threads
from bioloom.classify.feature_set import DEFAULT_FEATURES, FeatureSet
from bioloom.classify.forest import Answer, Forest, find_edges
from bioloom.classify.normalisation import Normalisation
from bioloom.classify.samples import TrainingSamples, bins_of
from bioloom.errors import InputError
from bioloom.operations.checks import check_spacing

_SHALLOW, _SHALLOW_BAG = 8, 1500


class PixelClassifier(ForestClassifier):
    """Classify pixels by a random forest on image features.

    Parameters
    ----------
    features
        Text such as ``"original gaussian_blur=2 sobel_of_gaussian_blur=2"``, or a name from `bioloom.classify.PRESETS`.
        ``custom=0``, ``custom=1``, … stand for images of one's own.
    n_trees
        Number of trees, 1…1000.
    max_depth
        Largest number of decisions in a row, 1…30.
    balanced
        Weigh classes by the inverse of their number of annotated pixels.
    seed
        Seed of the forest; the same data and seed give the same classifier.
    trees
        ``"random forest"`` or ``"extra trees"``.
    class_names
        Names of classes by their id.
    normalise
        Bring the intensities of each image to one scale before anything else, so that a classifier holds on images of
        other exposure: ``"none"``, ``"linear"``, ``"log"``, or a
        :class:`~bioloom.classify.normalisation.Normalisation`.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The annotation's own class ids, ascending.
    feature_names_ : list of str
        Names of the features, per channel.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.
    oob_score_ : float or None
        Share of training pixels that the trees not grown on them classify right.

    Notes
    -----
    L. Breiman, Machine Learning 45 (2001) 5-32, trained by scikit-learn on features put into at most 256 bins, on at
    most 10 000 annotated pixels that are spread evenly over the classes, of which each tree of a
    depth of up to 8 sees 1500.
    """

    _fit_call = "fit(image, annotation)"

    def __init__(
        self,
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
        self.features = FeatureSet.parse(features)
        super().__init__(n_trees, max_depth, balanced=balanced, seed=seed, trees=trees, class_names=class_names)
        self.normalisation = _normalisation(normalise)
        self.n_channels = 0
        self.n_dim = 0
        self.channel_axis: int | None = None

    @property
    def _bag(self) -> int | None:
        # Neighbouring pixels are alike: shallow trees that see more of them are slower, and no better on other images.
        return _SHALLOW_BAG if self.max_depth <= _SHALLOW else None

    @property
    def feature_names_(self) -> list[str]:
        """Names of the features, per channel."""
        return self.features.names(self.n_channels)

    def fit(
        self,
        image: Any,
        annotation: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        custom: Sequence[Any] | None = None,
        keep: bool = False,
        progress: Progress | None = None,
    ) -> PixelClassifier:
        """Train on annotated pixels.

        Parameters
        ----------
        image
            (y, x) or (z, y, x), with one more axis for channels if `channel_axis` is given; or a list of such images,
            for example the frames of a time series. Arrays of Dask and Zarr are read where they are annotated.
        annotation
            Whole numbers of the image's shape (without channels): 0 where nothing is annotated, the class id
            elsewhere. Ids are free, {1, 5} stays {1, 5}. A list if `image` is one.
        channel_axis
            The axis of channels; -1 for RGB.
        spacing
            Physical size of a pixel per spatial axis; sigmas are then in its units.
        custom
            Images of one's own, for ``custom=0``, ``custom=1``, …; a list of these per image if `image` is a list.
        keep
            Go on training: what was learnt before stays, new annotations are added.
        progress
            Called as ``progress(done, total)``.

        Returns
        -------
        PixelClassifier
            Itself.

        Raises
        ------
        InputError
            If shapes do not match, values are NaN, or fewer than two classes are annotated.
        """
        images, annotations = _as_lists(image, annotation)
        customs = list(custom or ()) if isinstance(image, (list, tuple)) else [list(custom or ())]
        customs += [[]] * (len(images) - len(customs))
        sources = [
            self.feature_blocks(one, channel_axis, spacing, custom=own)
            for one, own in zip(images, customs, strict=True)
        ]
        if len({(len(s.channels), len(s.shape)) for s in sources}) > 1:
            raise InputError("All images must have the same number of channels and dimensions.")
        self.fit_blocks(sources, annotations, progress=progress, keep=keep)
        self.channel_axis = channel_axis
        return self

    def fit_blocks(
        self,
        sources: Sequence[FeatureBlocks],
        annotations: Sequence[Any],
        edges: list[NDArray[np.float32]] | None = None,
        progress: Progress | None = None,
        keep: bool = False,
        keys: Sequence[int] | None = None,
    ) -> PixelClassifier:
        """Train on images whose features are at hand.

        Parameters
        ----------
        sources
            The images' features.
        annotations
            One per source; see :meth:`fit`.
        edges
            Edges of the bins; chosen from the annotated pixels if left out. Edges that stay the same let bins be
            reused between trainings.
        progress
            Called as ``progress(done, total)`` within each image.
        keep
            See :meth:`fit`.
        keys
            A number per source by which it is known, so that the held-out part of its annotation stays the same; the
            place in the list if left out.
        """
        checked = [check_annotation(a, s.shape) for a, s in zip(annotations, sources, strict=True)]
        keep = keep and self._forest is not None
        if keep:
            self._check_fits(sources[0], sources[0].shape)
        painted = choose_pixels(checked, range(len(sources)) if keys is None else keys, self.seed)
        classes = np.concatenate([p.classes for p in painted])
        if not len(classes):
            raise InputError("Cannot train: nothing is annotated. Paint some pixels of at least two classes.")
        ids = np.union1d(classes, self.classes_ if keep else [])
        if len(ids) < 2:
            raise InputError(
                f"Cannot train: only class {int(ids[0])} is annotated. Paint some pixels of at least two classes, such "
                "as 1 and 2."
            )
        if edges is None:
            values = np.concatenate([values_at(s, p, progress) for s, p in zip(sources, painted, strict=True)])
            edges = [find_edges(column) for column in values.T]
            bins = bins_of(values, edges)
        else:
            bins = np.concatenate([bins_at(s, p, edges, progress) for s, p in zip(sources, painted, strict=True)])
        samples = TrainingSamples(bins, edges, classes, np.concatenate([p.groups for p in painted]))
        self._train(samples, keep)
        self.n_channels, self.n_dim = len(sources[0].channels), len(sources[0].shape)
        self.spacing = sources[0].spacing
        return self

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
        """Classify every pixel.

        Parameters
        ----------
        image
            As for :meth:`fit`, one image.
        channel_axis
            The axis of channels; that of the training if left out.
        spacing
            Physical size of a pixel per spatial axis; that of the training if left out.
        custom
            Images of one's own, as in the training.
        progress
            Called as ``progress(done, total)``.
        out
            Array of the image's shape to write into, of NumPy or Zarr; a new one if left out.

        Returns
        -------
        numpy.ndarray
            Class ids of the annotation, uint8 (or the smallest unsigned type that holds them), (y, x) or (z, y, x).

        Raises
        ------
        InputError
            If the classifier is not trained or the image does not fit it.
        """
        source = self.fitting_blocks(image, channel_axis, spacing, custom)
        ids = self.classes_.astype(np.min_scalar_type(int(self.classes_.max())))
        blocks = self.by_block(source, "classes", lambda numbers: ids[numbers], progress)
        return filled(blocks, source, ids.dtype, out)

    def predict_proba(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        custom: Sequence[Any] | None = None,
        progress: Progress | None = None,
        out: Any = None,
    ) -> Any:
        """Return how probable each class is at every pixel.

        Parameters
        ----------
        image, channel_axis, spacing, custom, progress, out
            As for :meth:`predict`; `out` has the classes first.

        Returns
        -------
        numpy.ndarray
            float32 (classes, y, x) or (classes, z, y, x) in the order of `classes_`, adding up to 1.

        Raises
        ------
        InputError
            If the classifier is not trained or the image does not fit it.
        """
        source = self.fitting_blocks(image, channel_axis, spacing, custom)
        blocks = self.by_block(source, "probabilities", lambda shares: shares, progress)
        return filled(blocks, source, np.dtype(np.float32), out, len(self.classes_))

    def predict_uncertainty(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        custom: Sequence[Any] | None = None,
        progress: Progress | None = None,
        out: Any = None,
    ) -> Any:
        """Return how uncertain the class of every pixel is.

        Parameters
        ----------
        image, channel_axis, spacing, custom, progress, out
            As for :meth:`predict`.

        Returns
        -------
        numpy.ndarray
            float32 (y, x) or (z, y, x), 0…1: 1 minus how far the most probable class is ahead of the second.

        Raises
        ------
        InputError
            If the classifier is not trained or the image does not fit it.
        """
        source = self.fitting_blocks(image, channel_axis, spacing, custom)
        blocks = self.by_block(source, "margin", lambda margin: 1 - margin, progress)
        return filled(blocks, source, np.dtype(np.float32), out)

    def votes_by_block(
        self,
        source: FeatureBlocks,
        blocks: Sequence[Block] | None = None,
        progress: Progress | None = None,
        first: int = 0,
        last: int | None = None,
    ) -> Iterator[tuple[Block, NDArray[np.float32]]]:
        """Yield each block with the votes of trees `first` up to `last`, float32 (classes, pixels), as they come."""
        forest = self.forest
        return in_threads(
            lambda block: source.votes(block, forest, first, last),
            source.blocks if blocks is None else blocks,
            progress,
        )

    def by_block(
        self,
        source: FeatureBlocks,
        what: Answer,
        function: Callable[[NDArray[Any]], NDArray[Any]],
        progress: Progress | None,
    ) -> Iterator[tuple[Block, NDArray[Any]]]:
        """Yield each block with what a function makes of an answer of the forest; it is called in the thread pool."""
        forest = self.forest
        return in_threads(lambda block: function(source.answer(block, forest, what)), source.blocks, progress)

    def feature_blocks(
        self,
        image: Any,
        channel_axis: int | None,
        spacing: Sequence[float] | None,
        budget: int = 0,
        *,
        custom: Sequence[Any] | None = None,
    ) -> FeatureBlocks:
        """Return the features of an image on demand, of which at most `budget` bytes are kept."""
        channels = as_channels(image, channel_axis, "The image")
        checked = check_spacing(spacing, channels[0].ndim, "The image")
        return FeatureBlocks(channels, self.features, checked, budget, self.normalisation, custom=custom or ())

    def fitting_blocks(
        self, image: Any, channel_axis: int | None, spacing: Sequence[float] | None, custom: Sequence[Any] | None = None
    ) -> FeatureBlocks:
        """Return the features of an image to predict.

        Raises
        ------
        InputError
            If the classifier is not trained or the image does not fit it.
        """
        _ = self.forest
        axis = self.channel_axis if channel_axis is None else channel_axis
        if axis is None and self.n_channels > 1:
            axis = 0
        source = self.feature_blocks(image, axis, None, custom=custom)
        self._check_fits(source, np.shape(image))
        return self.feature_blocks(image, axis, spacing or self.spacing, custom=custom)

    def _check_fits(self, source: FeatureBlocks, shape: Sequence[int]) -> None:
        given = (len(source.channels), len(source.shape))
        if given != (self.n_channels, self.n_dim):
            raise InputError(
                f"The classifier was trained on {self.n_channels} channel(s) in {self.n_dim}D, but this image has "
                f"{given[0]} channel(s) in {given[1]}D (shape {tuple(shape)})."
            )

    def _state(self) -> dict[str, Any]:
        return {
            **super()._state(),
            # Other programs know sigmas in pixels only; ours are in the units of the spacing.
            "physical_features": str(self.features),
            "channels": {"number": self.n_channels, "axis": self.channel_axis},
            "normalisation": None if self.normalisation is None else self.normalisation.to_json(),
        }

    def _set_state(self, state: Mapping[str, Any], forest: Forest) -> None:
        super()._set_state(state, forest)
        text = str(state.get("physical_features") or state["feature_specification"])
        if text.startswith("Custom/no feature stack"):
            # What APOC writes for images of one's own.
            text = " ".join(f"custom={k}" for k in range(forest.n_features))
        self.features = FeatureSet.parse(text)
        stored = state.get("normalisation")
        self.normalisation = None if stored is None else _normalisation(Normalisation.from_json(stored))
        n_filters, n_own = len(self.features.filters), len(self.features.customs)
        self.n_channels, rest = (
            divmod(forest.n_features - n_own, n_filters) if n_filters else (1, forest.n_features - n_own)
        )
        if rest or self.n_channels < 1:
            raise ValueError("the number of features does not fit the feature specification")
        channels = dict(state.get("channels") or {})
        axis = channels.get("axis")
        self.channel_axis = None if axis is None else int(axis)
        self.n_dim = int(state["num_ground_truth_dimensions"])
        if self.n_dim not in (2, 3) or (self.spacing and len(self.spacing) != self.n_dim):
            raise ValueError("its number of dimensions is wrong")
        self.features.check_dimensions(self.n_dim)


def _normalisation(wanted: str | Normalisation) -> Normalisation | None:
    found = wanted if isinstance(wanted, Normalisation) else Normalisation(wanted)  # type: ignore[arg-type]
    return None if found.scale == "none" else found


def filled(
    blocks: Iterator[tuple[Block, NDArray[Any]]],
    source: FeatureBlocks,
    dtype: np.dtype[Any],
    out: Any,
    n_classes: int | None = None,
) -> Any:
    """Put the answers of blocks together, with the classes first if there are several values per pixel."""
    lead: tuple[slice, ...] = () if n_classes is None else (slice(None),)
    shape = source.shape if n_classes is None else (n_classes, *source.shape)
    if out is None:
        out = np.empty(shape, dtype)
    elif tuple(out.shape) != shape:
        raise InputError(f"out has the shape {tuple(out.shape)}, but must have {shape}.")
    for block, values in blocks:
        size = tuple(s.stop - s.start for s in block)
        out[(*lead, *block)] = values.reshape(size if n_classes is None else (n_classes, *size))
    return out


def _as_lists(image: Any, annotation: Any) -> tuple[list[Any], list[Any]]:
    if not isinstance(image, (list, tuple)):
        return [image], [annotation]
    if not isinstance(annotation, (list, tuple)) or len(annotation) != len(image):
        n = len(annotation) if isinstance(annotation, (list, tuple)) else 1
        raise InputError(f"{len(image)} images were given with {n} annotation(s). Give one annotation per image.")
    if not image:
        raise InputError("No image was given to train on.")
    return list(image), list(annotation)
