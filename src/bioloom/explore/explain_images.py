"""Explain a pixel classifier's answers by what each feature contributes to them (SHAP values)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.explain import (
    MAX_EXPLAINED,
    ROWS_AT_ONCE,
    chosen_items,
    explanation_of,
    paths_of,
    place_of,
)
from bioloom.explore.explanation import Explanation

if TYPE_CHECKING:
    from bioloom.classify.pixels import PixelClassifier

Progress: TypeAlias = Callable[[int, int], None]


def explain_pixels(
    classifier: PixelClassifier,
    image: Any,
    where: NDArray[np.bool_] | None = None,
    *,
    channel_axis: int | None = None,
    spacing: Sequence[float] | None = None,
    custom: Sequence[Any] | None = None,
    max_pixels: int = MAX_EXPLAINED,
    seed: int = 0,
    progress: Progress | None = None,
) -> Explanation:
    """Explain what a classifier says about pixels of an image.

    Parameters
    ----------
    classifier
        A trained `PixelClassifier`.
    image, channel_axis, spacing, custom
        As for `PixelClassifier.predict`.
    where
        bool of the image's shape (without channels): the pixels to explain. All if left out.
    max_pixels
        If there are more pixels, a random sample of so many is explained.
    seed
        Seed of the sample.
    progress
        Called as ``progress(done, total)``. May raise Cancelled.

    Returns
    -------
    Explanation
        Contributions per pixel, feature and class; `Explanation.rows` are places in reading order:
        ``numpy.unravel_index(rows, shape)``.

    Raises
    ------
    InputError
        If the classifier is not trained, the image or `where` does not fit, or no pixel is chosen.
    """
    source = classifier.fitting_blocks(image, channel_axis, spacing, custom)
    if where is not None and np.shape(where) != source.shape:
        raise InputError(f"`where` has the shape {np.shape(where)}, but the image {source.shape}.")
    n_all = int(np.prod(source.shape))
    chosen = chosen_items(None if where is None else np.asarray(where, np.bool_).ravel(), n_all, max_pixels, seed)
    mask = np.zeros(n_all, np.bool_)
    mask[chosen] = True
    # Features come in reading order.
    values = source.at(mask.reshape(source.shape))
    paths = paths_of(classifier, values)
    return explanation_of(classifier, source.names, values, chosen, n_all, paths, progress)


def contribution_image(
    classifier: PixelClassifier,
    image: Any,
    feature: str,
    class_id: int,
    *,
    channel_axis: int | None = None,
    spacing: Sequence[float] | None = None,
    custom: Sequence[Any] | None = None,
    every: int = 1,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Compute what one feature contributes to one class at every pixel: where in the image it matters.

    Parameters
    ----------
    classifier, image, channel_axis, spacing, custom
        As for `explain_pixels`. A million pixels take minutes.
    feature
        Name of a feature of the classifier.
    class_id
        Id of a class.
    every
        Look at every second, third, … pixel only, along each axis from the first on.
    progress
        Called as ``progress(done, total)`` with numbers of pixels. May raise Cancelled.

    Returns
    -------
    numpy.ndarray
        float32 of the image's shape (without channels), -1…1; with `every`, of ``image[::every, …]``.

    Raises
    ------
    InputError
        As `explain_pixels`, or if the feature or class is unknown, or `every` is below 1.
    """
    if every < 1:
        raise InputError(f"every is {every}, but must be 1 or more.")
    source = classifier.fitting_blocks(image, channel_axis, spacing, custom)
    at = place_of(classifier, source.names, feature, class_id)
    result = np.empty(tuple(-(-n // every) for n in source.shape), np.float32)
    usual = np.empty((0, len(source.names)), np.float32)
    if classifier.samples_ is None:
        # Nobody knows what it was trained on: some pixels of this image stand in.
        n_all = int(np.prod(source.shape))
        mask = np.zeros(n_all, np.bool_)
        mask[chosen_items(None, n_all, MAX_EXPLAINED, 0)] = True
        usual = source.at(mask.reshape(source.shape))
    paths = paths_of(classifier, usual)
    done = 0
    for block in source.blocks:
        here = tuple(slice((-p.start) % every, None, every) for p in block)
        there = tuple(slice(-(-p.start // every), -(-p.stop // every)) for p in block)
        bins = source.bins(block, classifier.forest.edges).T
        bins = bins.reshape(*(p.stop - p.start for p in block), -1)[here].reshape(-1, bins.shape[1])
        found = np.empty(len(bins), np.float32)
        for start in range(0, len(bins), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            found[part] = paths.shapley(bins[part])[:, *at]
            done += len(found[part])
            if progress is not None:
                progress(done, result.size)
        result[there] = found.reshape(result[there].shape)
    return result
