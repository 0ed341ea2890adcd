"""Explain a classifier's answers by what each feature contributes to them (SHAP values)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.explanation import Explanation

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.classify.base import ForestClassifier
    from bioloom.classify.pixels import PixelClassifier
    from bioloom.classify.rows import RowClassifier
    from bioloom.explore._tree_shap import ForestPaths

Progress: TypeAlias = Callable[[int, int], None]

MAX_EXPLAINED = 1000
"""Rows or pixels that are explained if nothing else is asked for; more are a random sample of so many."""

_MOST_VALUES = 200_000_000
_ROWS_AT_ONCE = 4096


def explain_rows(
    classifier: RowClassifier,
    table: pd.DataFrame | Mapping[str, Any],
    rows: Sequence[int] | NDArray[Any] | None = None,
    *,
    max_rows: int | None = MAX_EXPLAINED,
    seed: int = 0,
    progress: Progress | None = None,
) -> Explanation:
    """Explain what a classifier says about the rows of a table.

    Parameters
    ----------
    classifier
        A trained `TableClassifier` or `ObjectClassifier`.
    table
        Measurements with the columns of the training.
    rows
        The rows to explain: their numbers from 0, or a bool per row. All if left out.
    max_rows
        If there are more rows, a random sample of so many is explained. None explains all; deep trees take up to
        15 ms a row.
    seed
        Seed of the sample.
    progress
        Called as ``progress(done, total)``. May raise Cancelled.

    Returns
    -------
    Explanation
        Contributions per row, feature and class.

    Raises
    ------
    InputError
        If the classifier is not trained, a column is missing, there is no row, or the result would not fit into memory.

    Notes
    -----
    Exact Shapley values of the probabilities, where a feature that is not known follows the training samples down the
    trees ("tree path dependent"): Lundberg et al.: From local explanations to global understanding with explainable AI
    for trees, Nat. Mach. Intell. 2 (2020), computed leaf by leaf as in Mitchell et al.: GPUTreeShap, PeerJ Comput. Sci.
    8 (2022). Equal to the shap library's TreeExplainer.
    """
    values = classifier.measurements(table)
    chosen = _chosen(rows, len(values), max_rows, seed)
    paths = _paths(classifier, values)
    return _explanation(classifier, classifier.feature_names_, values[chosen], chosen, len(values), paths, progress)


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
    chosen = _chosen(None if where is None else np.asarray(where, np.bool_).ravel(), n_all, max_pixels, seed)
    mask = np.zeros(n_all, np.bool_)
    mask[chosen] = True
    # Features come in reading order.
    values = source.at(mask.reshape(source.shape))
    paths = _paths(classifier, values)
    return _explanation(classifier, source.names, values, chosen, n_all, paths, progress)


def contribution_column(
    classifier: RowClassifier,
    table: pd.DataFrame | Mapping[str, Any],
    feature: str,
    class_id: int,
    *,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Compute what one feature contributes to one class, for all rows: a column to colour objects by.

    Parameters
    ----------
    classifier, table, progress
        As for `explain_rows`.
    feature
        Name of a feature of the classifier.
    class_id
        Id of a class.

    Returns
    -------
    numpy.ndarray
        float64 of shape (rows,), -1…1.

    Raises
    ------
    InputError
        As `explain_rows`, or if the feature or class is unknown.
    """
    from bioloom.classify.samples import bins_of

    values = classifier.measurements(table)
    at = _place_of(classifier, classifier.feature_names_, feature, class_id)
    paths = _paths(classifier, values)
    result = np.empty(len(values))
    for start in range(0, len(values), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        result[part] = paths.shapley(bins_of(values[part], classifier.forest.edges))[:, *at]
        if progress is not None:
            progress(min(start + _ROWS_AT_ONCE, len(values)), len(values))
    return result


def contribution_image(
    classifier: PixelClassifier,
    image: Any,
    feature: str,
    class_id: int,
    *,
    channel_axis: int | None = None,
    spacing: Sequence[float] | None = None,
    custom: Sequence[Any] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Compute what one feature contributes to one class at every pixel: where in the image it matters.

    Parameters
    ----------
    classifier, image, channel_axis, spacing, custom
        As for `explain_pixels`. A million pixels take minutes: choose a part of a large image.
    feature
        Name of a feature of the classifier.
    class_id
        Id of a class.
    progress
        Called as ``progress(done, total)`` with numbers of pixels. May raise Cancelled.

    Returns
    -------
    numpy.ndarray
        float32 of the image's shape (without channels), -1…1.

    Raises
    ------
    InputError
        As `explain_pixels`, or if the feature or class is unknown.
    """
    source = classifier.fitting_blocks(image, channel_axis, spacing, custom)
    at = _place_of(classifier, source.names, feature, class_id)
    result = np.empty(source.shape, np.float32)
    usual = np.empty((0, len(source.names)), np.float32)
    if classifier.samples_ is None:
        # Nobody knows what it was trained on: some pixels of this image stand in.
        mask = np.zeros(result.size, np.bool_)
        mask[_chosen(None, result.size, MAX_EXPLAINED, 0)] = True
        usual = source.at(mask.reshape(source.shape))
    paths = _paths(classifier, usual)
    done = 0
    for block in source.blocks:
        bins = source.bins(block, classifier.forest.edges).T
        found = np.empty(len(bins), np.float32)
        for start in range(0, len(bins), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            found[part] = paths.shapley(bins[part])[:, *at]
            done += len(found[part])
            if progress is not None:
                progress(done, result.size)
        result[block] = found.reshape(result[block].shape)
    return result


def _place_of(classifier: ForestClassifier, names: Sequence[str], feature: str, class_id: int) -> tuple[int, int]:
    ids = classifier.classes_.tolist()
    if feature not in names or class_id not in ids:
        raise InputError(
            f"The classifier knows the classes {', '.join(map(str, ids))} and the features {', '.join(names)}, but "
            f"{feature!r} for class {class_id} was asked for."
        )
    return list(names).index(feature), ids.index(class_id)


def _chosen(rows: Any, n_all: int, limit: int | None, seed: int) -> NDArray[np.intp]:
    """Return the numbers of the items to explain, ascending if they are a sample."""
    if rows is None:
        numbers = np.arange(n_all)
    else:
        given = np.asarray(rows)
        if given.dtype == np.bool_ and given.shape == (n_all,):
            numbers = np.flatnonzero(given)
        elif given.ndim == 1 and (given.dtype.kind in "iu" or not given.size):
            numbers = given.astype(np.intp)
        else:
            raise InputError(f"The rows to explain must be numbers from 0 to {n_all - 1}, or a bool for each row.")
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= n_all):
            raise InputError(f"Row {numbers.max()} was asked for, but there are rows 0 to {n_all - 1}.")
    if not len(numbers):
        raise InputError("There is nothing to explain: choose at least one object.")
    if limit is not None and limit < 1:
        raise InputError(f"The number of items to explain is {limit}, but must be 1 or more.")
    if limit is not None and len(numbers) > limit:
        numbers = np.sort(np.random.default_rng(seed).choice(numbers, limit, replace=False))
    return numbers


def _paths(classifier: ForestClassifier, values: NDArray[np.float32]) -> ForestPaths:
    """Return the leaves of a classifier; what it was trained on, else the values at hand, tells what is usual."""
    from bioloom.classify.samples import bins_of
    from bioloom.explore._tree_shap import ForestPaths

    forest = classifier.forest
    samples = classifier.samples_
    if samples is None or not len(samples):
        return ForestPaths.of(forest, bins_of(values, forest.edges))
    same = len(samples.edges) == forest.n_features and all(map(np.array_equal, samples.edges, forest.edges))
    return ForestPaths.of(forest, samples.bins if same else bins_of(samples.values(), forest.edges))


def _explanation(
    classifier: ForestClassifier,
    names: Sequence[str],
    values: NDArray[np.float32],
    rows: NDArray[np.intp],
    n_all: int,
    paths: ForestPaths,
    progress: Progress | None,
) -> Explanation:
    from bioloom.classify.samples import bins_of

    size = values.size * classifier.forest.n_classes
    if size > _MOST_VALUES:
        raise InputError(
            f"{len(values)} items × {len(names)} features × {classifier.forest.n_classes} classes do not fit into "
            "memory. Explain fewer rows, or one feature at a time with contribution_column."
        )
    found = paths.shapley(bins_of(values, classifier.forest.edges), progress)
    ids = tuple(int(c) for c in classifier.classes_)
    return Explanation(
        found, paths.base, values, rows, tuple(names), ids, {c: classifier.name_of(c) for c in ids}, n_all
    )
