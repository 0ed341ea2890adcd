"""Explain a classifier's answers about rows by what each feature contributes to them (SHAP values)."""

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
    from bioloom.classify.rows import RowClassifier
    from bioloom.explore._tree_shap import ForestPaths

Progress: TypeAlias = Callable[[int, int], None]

MAX_EXPLAINED = 1000
"""Rows or pixels that are explained if nothing else is asked for; more are a random sample of so many."""

_MOST_VALUES = 200_000_000
ROWS_AT_ONCE = 4096


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
    chosen = chosen_items(rows, len(values), max_rows, seed)
    paths = paths_of(classifier, values)
    return explanation_of(classifier, classifier.feature_names_, values[chosen], chosen, len(values), paths, progress)


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
    at = place_of(classifier, classifier.feature_names_, feature, class_id)
    paths = paths_of(classifier, values)
    result = np.empty(len(values))
    for start in range(0, len(values), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        result[part] = paths.shapley(bins_of(values[part], classifier.forest.edges))[:, *at]
        if progress is not None:
            progress(min(start + ROWS_AT_ONCE, len(values)), len(values))
    return result


def place_of(classifier: ForestClassifier, names: Sequence[str], feature: str, class_id: int) -> tuple[int, int]:
    """Return the numbers of a feature and a class; InputError if they are not known."""
    ids = classifier.classes_.tolist()
    if feature not in names or class_id not in ids:
        raise InputError(
            f"The classifier knows the classes {', '.join(map(str, ids))} and the features {', '.join(names)}, but "
            f"{feature!r} for class {class_id} was asked for."
        )
    return list(names).index(feature), ids.index(class_id)


def chosen_items(rows: Any, n_all: int, limit: int | None, seed: int) -> NDArray[np.intp]:
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


def paths_of(classifier: ForestClassifier, values: NDArray[np.float32]) -> ForestPaths:
    """Return the leaves of a classifier; what it was trained on, else the values at hand, tells what is usual."""
    from bioloom.classify.samples import bins_of
    from bioloom.explore._tree_shap import ForestPaths

    forest = classifier.forest
    samples = classifier.samples_
    if samples is None or not len(samples):
        return ForestPaths.of(forest, bins_of(values, forest.edges))
    same = len(samples.edges) == forest.n_features and all(map(np.array_equal, samples.edges, forest.edges))
    return ForestPaths.of(forest, samples.bins if same else bins_of(samples.values(), forest.edges))


def explanation_of(
    classifier: ForestClassifier,
    names: Sequence[str],
    values: NDArray[np.float32],
    rows: NDArray[np.intp],
    n_all: int,
    paths: ForestPaths,
    progress: Progress | None,
) -> Explanation:
    """Compute an explanation of scaled or measured values."""
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
