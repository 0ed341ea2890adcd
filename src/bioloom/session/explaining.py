"""What sets clusters apart: ranked columns, a classifier that repeats them, and what moves its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom.classify.table import TableClassifier
from bioloom.errors import InputError
from bioloom.explore.appearance import class_name, colour_by, value_names
from bioloom.explore.cluster import NOISE, cluster_name
from bioloom.explore.cluster_classifier import ClusterClassifier
from bioloom.explore.explanation import Explanation, Waterfall
from bioloom.explore.preprocess import is_decision
from bioloom.explore.ranking import Ranking
from bioloom.explore.scaling import is_numeric, numbers_of_column
from bioloom.explore.text_order import has_order
from bioloom.session.exploring import LEARNED, cluster_names
from bioloom.session.feature_table import keys_of
from bioloom.session.jobs import JobProgress
from bioloom.session.worker_process import shared_worker

RANK_MEASURES = {
    "effect_size": "Effect size",
    "centre_correlation": "Correlation with the distance to the centre",
    "mutual_information": "Mutual information",
    "importance": "Permutation importance",
}
"""The measures of a ranking, and what to call them."""

_FEWEST_PER_CLASS = 5
_MOST_CLASSES = 1000


class LearnedClusters(NamedTuple):
    """A classifier that was trained on clusters, and its classes, ready for the table.

    Attributes
    ----------
    table
        The keys and the class that the classifier gives each object.
    name
        The new column.
    columns
        The measurements that it looks at.
    result
        The classifier and its agreement with the clusters.
    """

    table: pd.DataFrame
    name: str
    columns: list[str]
    result: ClusterClassifier


def rank_table(
    table: pd.DataFrame,
    columns: Sequence[str],
    classes: NDArray[Any],
    target: int | None = None,
    *,
    seed: int = 0,
    progress: JobProgress,
) -> Ranking:
    """Rank columns by how well they set a class apart; see `bioloom.explore.rank_columns`."""
    _check(columns)
    result: Ranking = _call(
        "ranking:rank_columns", table, list(columns), whole(classes), target, seed=seed, progress=progress
    )
    return result


def ordered(ranking: Ranking, measure: str) -> pd.DataFrame:
    """Return the table of a ranking in the order of one of its measures, the strongest first, whatever its sign."""
    if measure == "importance":
        return ranking.table
    sizes = ranking.table[measure].abs()
    return ranking.table.loc[sizes.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


def number_text(value: float) -> str:
    """Write a value of a measure."""
    return f"{value:.3f}" if np.isfinite(value) else "∞" if value > 0 else "−∞" if value < 0 else "–"


def learn_clusters(
    table: pd.DataFrame,
    columns: Sequence[str],
    classes: NDArray[Any],
    *,
    class_names: Mapping[int, str] | None = None,
    seed: int = 0,
    progress: JobProgress,
) -> LearnedClusters:
    """Train a classifier on clusters or classes; see `bioloom.explore.classifier_from_clusters`."""
    _check(columns)
    result: ClusterClassifier = _call(
        "cluster_classifier:classifier_from_clusters",
        table,
        list(columns),
        whole(classes),
        class_names=dict(class_names or {}),
        seed=seed,
        progress=progress,
    )
    classes = as_clusters(result.classifier, result.predicted)
    return LearnedClusters(table[keys_of(table)].assign(**{LEARNED: classes}), LEARNED, list(columns), result)


def as_clusters(classifier: TableClassifier, classes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return classes as clusters are numbered: noise, which a classifier knows by its name, is -1."""
    noise = [c for c in classifier.classes_.tolist() if classifier.name_of(c) == cluster_name(NOISE)]
    return np.where(np.isin(classes, noise), NOISE, classes).astype(np.int64)


def explain_table(
    classifier: TableClassifier,
    table: pd.DataFrame,
    rows: NDArray[np.bool_] | None,
    *,
    max_rows: int,
    seed: int = 0,
    progress: JobProgress,
) -> Explanation:
    """Explain what a classifier says about rows, all if None; see `bioloom.explore.explain_rows`."""
    result: Explanation = _call(
        "explain:explain_rows", classifier, table, rows, max_rows=max_rows, seed=seed, progress=progress
    )
    return result


def contributions(
    classifier: TableClassifier, table: pd.DataFrame, feature: str, class_id: int, *, progress: JobProgress
) -> tuple[pd.DataFrame, str]:
    """Compute what a feature contributes to a class, for all rows: the keys with the new column, and its name."""
    values = _call("explain:contribution_column", classifier, table, feature, class_id, progress=progress)
    name = f"SHAP {feature} {class_id}"
    return table[keys_of(table)].assign(**{name: values}), name


def waterfall_text(steps: Waterfall) -> list[str]:
    """Say line by line how the probability of a class comes about for an object."""
    lines = [f"usual {steps.base:.3f}"]
    for name, value, step in zip(steps.names, steps.data, steps.steps, strict=True):
        shown = "" if np.isnan(value) else f" = {value:.4g}"
        lines.append(f"{step:+.3f}  {name}{shown}")
    return [*lines, f"{steps.probability:.3f}  {steps.class_name}"]


def classes_of(table: pd.DataFrame, column: str) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Return the classes that a column holds, and what to call each of them.

    Returns
    -------
    classes : numpy.ndarray
        int64 of shape (rows,); 0 where a value is missing. Texts and truth values are numbered from 1 on in natural
        order, ordered categories in their own.
    names : dict of int to str
        Of the classes that occur, without 0.

    Raises
    ------
    InputError
        If it holds measurements.
    """
    values = table[column]
    names: dict[int, str] = {}
    if is_numeric(values):
        numbers = numbers_of_column(values)
        if (numbers[np.isfinite(numbers)] % 1).any():
            raise InputError(f"‘{column}’ holds measurements, not classes. Colour the plot by clusters or classes.")
        classes = whole(numbers)
    else:
        found = colour_by(values if has_order(values) else np.asarray(values.astype(object)))
        classes, names = found.classes[found.index].astype(np.int64), dict(found.names)
    ids, counts = np.unique(classes[classes != 0], return_counts=True)
    if not is_decision(column) and len(ids) > 2 and counts.mean() < _FEWEST_PER_CLASS:
        raise InputError(
            f"‘{column}’ holds {len(ids)} different values in {counts.sum()} objects: measurements, it seems, not "
            "classes. Colour the plot by clusters or classes."
        )
    if len(ids) > _MOST_CLASSES:
        raise InputError(f"‘{column}’ holds {len(ids)} classes, more than {_MOST_CLASSES}. Make fewer clusters first.")
    names = names or cluster_names(table, column) or value_names(classes, column)
    return classes, {int(i): class_name(int(i), names) for i in ids}


def whole(classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return classes as whole numbers, 0 where a value is missing.

    Raises
    ------
    InputError
        If they are something else.
    """
    values = np.asarray(classes)
    if values.dtype.kind == "f":
        values = np.where(np.isfinite(values), values, 0)
        if (values != np.rint(values)).any():
            raise InputError("The chosen column holds measurements, not classes. Choose a column of clusters.")
    elif values.dtype.kind not in "iub":
        raise InputError("The chosen column holds text. Choose a column of clusters, or number the classes.")
    return values.astype(np.int64)


def _call(function: str, *args: Any, progress: JobProgress, **options: Any) -> Any:
    return shared_worker().call(
        f"bioloom.explore.{function}", *args, progress=progress, cancelled=progress.cancelled, **options
    )


def _check(columns: Sequence[str]) -> None:
    if not columns:
        raise InputError("No column is checked. Check the measurements to use in the tab ‘Data’.")
