"""Pixel classification from painted annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.base import ForestClassifier
from bioloom.classify.feature_blocks import Block, FeatureBlocks, Progress, as_channels, in_threads
from bioloom.classify.feature_set import DEFAULT_FEATURES, FeatureSet
from bioloom.classify.forest import find_edges, to_bins
from bioloom.classify.samples import TrainingSamples, hashed
from bioloom.errors import InputError
from bioloom.operations import connected_components
from bioloom.operations.checks import as_labels, check_spacing

_MAX_TRAINING_PIXELS = 200_000
_TILE = 32


class PixelClassifier(ForestClassifier):
    """Classify pixels by a random forest on image features.

    Parameters
    ----------
    features
        Text such as ``"original gaussian_blur=2 sobel_of_gaussian_blur=2"``, or a name from `bioloom.classify.PRESETS`.
    n_trees
        Number of trees, 1…1000.
    max_depth
        Largest number of decisions in a row, 1…30.
    balanced
        Weigh classes by the inverse of their number of annotated pixels.
    seed
        Seed of the forest; the same data and seed give the same classifier.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The annotation's own class ids, ascending.
    feature_names_ : list of str
        Names of the features, per channel.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.

    Notes
    -----
    L. Breiman, Machine Learning 45 (2001) 5-32, trained by scikit-learn on features put into at most 256 bins.
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
    ) -> None:
        self.features = FeatureSet.parse(features)
        super().__init__(n_trees, max_depth, balanced=balanced, seed=seed)
        self.n_channels = 0
        self.n_dim = 0
        self.channel_axis: int | None = None

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
        progress: Progress | None = None,
    ) -> PixelClassifier:
        """Train on annotated pixels.

        Parameters
        ----------
        image
            (y, x) or (z, y, x), with one more axis for channels if `channel_axis` is given; or a list of such images,
            for example the frames of a time series.
        annotation
            Whole numbers of the image's shape (without channels): 0 where nothing is annotated, the class id
            elsewhere. Ids are free, {1, 5} stays {1, 5}. A list if `image` is one.
        channel_axis
            The axis of channels; -1 for RGB.
        spacing
            Physical size of a pixel per spatial axis; sigmas are then in its units.
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
        sources = [self.feature_blocks(one, channel_axis, spacing) for one in images]
        if len({(len(s.channels), len(s.shape)) for s in sources}) > 1:
            raise InputError("All images must have the same number of channels and dimensions.")
        self.channel_axis = channel_axis
        return self.fit_blocks(sources, annotations, progress=progress)

    def fit_blocks(
        self,
        sources: Sequence[FeatureBlocks],
        annotations: Sequence[Any],
        edges: list[NDArray[np.float32]] | None = None,
        progress: Progress | None = None,
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
        """
        checked = [check_annotation(a, s.shape) for a, s in zip(annotations, sources, strict=True)]
        ids = np.unique(np.concatenate([np.unique(a) for a in checked]))
        ids = ids[ids > 0]
        if len(ids) < 2:
            found = f"only class {ids[0]} is annotated" if len(ids) else "nothing is annotated"
            raise InputError(f"Cannot train: {found}. Paint some pixels of at least two classes, such as 1 and 2.")
        masks = [self._sampled(a) for a in checked]
        bins: list[NDArray[Any]] = []
        if edges is None:
            values = np.concatenate([s.at(m, progress) for s, m in zip(sources, masks, strict=True)])
            edges = [find_edges(column) for column in values.T]
            bins.append(np.stack([to_bins(column, e) for column, e in zip(values.T, edges, strict=True)], axis=1))
        else:
            bins += [_bins_at(s, m, edges, progress) for s, m in zip(sources, masks, strict=True)]
        classes = np.concatenate([a[m] for a, m in zip(checked, masks, strict=True)])
        groups = np.concatenate([_tiles(m, number) for number, m in enumerate(masks)])
        self._train(TrainingSamples(np.concatenate(bins), edges, classes.astype(np.int64), groups))
        self.n_channels, self.n_dim = len(sources[0].channels), len(sources[0].shape)
        self.spacing = sources[0].spacing
        return self

    def predict(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Classify every pixel.

        Parameters
        ----------
        image
            As for :meth:`fit`, one image.
        channel_axis
            The axis of channels; that of the training if left out.
        spacing
            Physical size of a pixel per spatial axis; that of the training if left out.
        progress
            Called as ``progress(done, total)``.

        Returns
        -------
        numpy.ndarray
            Class ids of the annotation, uint8 (or the smallest unsigned type that holds them), (y, x) or (z, y, x).

        Raises
        ------
        InputError
            If the classifier is not trained or the image does not fit it.
        """
        source = self._fitting_blocks(image, channel_axis, spacing)
        dtype = np.min_scalar_type(int(self.classes_.max()))
        result = np.empty(source.shape, dtype)
        for block, votes in self.votes_by_block(source, progress=progress):
            shape = result[block].shape
            result[block] = self.classes_[votes.argmax(0)].astype(dtype).reshape(shape)
        return result

    def predict_proba(
        self,
        image: Any,
        *,
        channel_axis: int | None = None,
        spacing: Sequence[float] | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Return how probable each class is at every pixel.

        Parameters
        ----------
        image, channel_axis, spacing, progress
            As for :meth:`predict`.

        Returns
        -------
        numpy.ndarray
            float32 (classes, y, x) or (classes, z, y, x) in the order of `classes_`, adding up to 1.

        Raises
        ------
        InputError
            If the classifier is not trained or the image does not fit it.
        """
        source = self._fitting_blocks(image, channel_axis, spacing)
        result = np.empty((len(self.classes_), *source.shape), np.float32)
        for block, votes in self.votes_by_block(source, progress=progress):
            part = result[(slice(None), *block)]
            result[(slice(None), *block)] = (votes / votes.sum(0)).reshape(part.shape)
        return result

    def votes_by_block(
        self, source: FeatureBlocks, blocks: Sequence[Block] | None = None, progress: Progress | None = None
    ) -> Iterator[tuple[Block, NDArray[np.float32]]]:
        """Yield each block with the votes of the forest, float32 (classes, pixels of the block), as they come."""
        forest = self.forest
        return in_threads(
            lambda block: forest.votes(source.bins(block, forest.edges)),
            source.blocks if blocks is None else blocks,
            progress,
        )

    def feature_blocks(
        self, image: Any, channel_axis: int | None, spacing: Sequence[float] | None, budget: int = 0
    ) -> FeatureBlocks:
        """Return the features of an image on demand, of which at most `budget` bytes are kept."""
        channels = as_channels(image, channel_axis, "The image")
        return FeatureBlocks(channels, self.features, check_spacing(spacing, channels.ndim - 1, "The image"), budget)

    def _fitting_blocks(self, image: Any, channel_axis: int | None, spacing: Sequence[float] | None) -> FeatureBlocks:
        _ = self.forest
        axis = self.channel_axis if channel_axis is None else channel_axis
        if axis is None and self.n_channels > 1:
            axis = 0
        source = self.feature_blocks(image, axis, None)
        given = (len(source.channels), len(source.shape))
        if given != (self.n_channels, self.n_dim):
            raise InputError(
                f"The classifier was trained on {self.n_channels} channel(s) in {self.n_dim}D, but this image has "
                f"{given[0]} channel(s) in {given[1]}D (shape {np.shape(image)})."
            )
        return self.feature_blocks(image, axis, spacing or self.spacing)

    def _sampled(self, annotation: NDArray[Any]) -> NDArray[np.bool_]:
        """Choose the pixels to train on: all, or at most so many per class where very much is annotated."""
        mask = annotation > 0
        if np.count_nonzero(mask) > _MAX_TRAINING_PIXELS:
            rng = np.random.default_rng(self.seed)
            mask[:] = False
            ids = np.unique(annotation[annotation > 0])
            for k in ids:
                where = np.flatnonzero(annotation == k)
                share = max(1, _MAX_TRAINING_PIXELS // len(ids))
                mask.reshape(-1)[rng.choice(where, min(share, where.size), replace=False)] = True
        return mask


def _tiles(mask: NDArray[np.bool_], image: int) -> NDArray[np.uint64]:
    """Return, for the pixels of a mask, a number of the small tile of the image that each lies in."""
    return hashed(image, *(axis // _TILE for axis in np.nonzero(mask)))


def _bins_at(
    source: FeatureBlocks, mask: NDArray[np.bool_], edges: list[NDArray[np.float32]], progress: Progress | None
) -> NDArray[Any]:
    """Gather the bins of single pixels, (n, features), in reading order of the mask."""
    numbers = np.zeros(mask.shape, np.int64)
    n = int(np.count_nonzero(mask))
    numbers[mask] = np.arange(n)
    result: NDArray[Any] | None = None
    for block, bins in in_threads(
        lambda b: source.bins(b, edges), [b for b in source.blocks if mask[b].any()], progress
    ):
        here = mask[block]
        if result is None:
            result = np.empty((n, bins.shape[0]), bins.dtype)
        result[numbers[block][here]] = bins[:, here.ravel()].T
    return np.empty((0, len(source.names)), np.uint8) if result is None else result


def objects_of_class(classes: Any, class_id: int = 2) -> NDArray[Any]:
    """Turn the pixels of one class into objects.

    Parameters
    ----------
    classes
        Class ids, (y, x) or (z, y, x), as :meth:`PixelClassifier.predict` gives them.
    class_id
        The class whose connected regions become objects.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.
    """
    objects: NDArray[Any] = connected_components(np.asarray(classes) == class_id)
    return objects


def check_annotation(annotation: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an annotation as unsigned integers.

    Raises
    ------
    InputError
        If its shape is another one, or it holds fractions or negative values.
    """
    array = np.asarray(annotation)
    if array.shape != shape:
        raise InputError(
            f"The annotation has the shape {array.shape}, but the image {shape}. Make a new annotation for this image."
        )
    return as_labels(array, "The annotation")


def _as_lists(image: Any, annotation: Any) -> tuple[list[Any], list[Any]]:
    if not isinstance(image, (list, tuple)):
        return [image], [annotation]
    if not isinstance(annotation, (list, tuple)) or len(annotation) != len(image):
        n = len(annotation) if isinstance(annotation, (list, tuple)) else 1
        raise InputError(f"{len(image)} images were given with {n} annotation(s). Give one annotation per image.")
    if not image:
        raise InputError("No image was given to train on.")
    return list(image), list(annotation)
