"""The measures by which columns are ranked."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.explore.preprocess import Prepared

_MOST_ROWS = 5000
_REPEATS = 5


def unit_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks within each column, with mean 0 and length 1, so that products are rank correlations."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=0).astype(np.float64)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    result: NDArray[np.float64] = ranks / np.where(length > 0, length, 1)
    return result


def column_groups(ranks: NDArray[np.float64], correlated: float) -> NDArray[np.intp]:
    """Give each column the number of its group of correlated columns, from 0."""
    n = ranks.shape[1]
    if n < 2:
        return np.zeros(n, np.intp)
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1 - np.abs(ranks.T @ ranks), 0, 1)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    return np.asarray(fcluster(tree, 1 - correlated + 1e-12, "distance") - 1, np.intp)


def places_in(rows: pd.DataFrame, space: Sequence[str], prepared: Prepared) -> NDArray[np.float64]:
    """Return the coordinates in which distances to the centres are measured, (rows, columns)."""
    from bioloom.explore.scaling import gather

    places, names = gather(rows, space)
    places = places[prepared.kept]
    if not np.isfinite(places).all():
        missing = names[int(np.argmax(~np.isfinite(places).all(axis=0)))]
        raise InputError(f"Some objects have no place in {missing!r}. Make the map again with the same columns.")
    return places


def centre_correlations(
    ranks: NDArray[np.float64], places: NDArray[np.float64], labels: NDArray[np.int64], ids: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the rank correlation of each column with the distance to the centre of each class, (columns, classes)."""
    centers = np.stack([places[labels == number].mean(axis=0) for number in ids])
    distances = np.stack([np.linalg.norm(places - center, axis=1) for center in centers], axis=1)
    return np.asarray(ranks.T @ unit_ranks(distances), np.float64)


def cohens_d(values: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the effect size of each column between some rows and the others."""
    a, b = values[own], values[~own]
    spread = (len(a) - 1) * _variance(a) + (len(b) - 1) * _variance(b)
    pooled = np.sqrt(spread / max(len(a) + len(b) - 2, 1))
    difference = a.mean(axis=0) - b.mean(axis=0)
    # What is equal within both but for rounding differs without end.
    pooled[pooled < 1e-9 * np.abs(difference)] = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(difference == 0, 0, difference / pooled), np.float64)


def _variance(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(values.var(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1]), np.float64)


def eta_squared(values: NDArray[np.float64], labels: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of each column's variance that lies between the classes."""
    mean = values.mean(axis=0)
    between = sum(
        (labels == number).sum() * (values[labels == number].mean(axis=0) - mean) ** 2 for number in ids
    )  # fmt: skip
    return np.asarray(between / ((values - mean) ** 2).sum(axis=0), np.float64)


def mutual_information(values: NDArray[np.float64], asked: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Return the mutual information of each column with the classes, in nats."""
    from sklearn.feature_selection import mutual_info_classif

    if len(values) > _MOST_ROWS:
        rows = np.random.default_rng(seed).choice(len(values), _MOST_ROWS, replace=False)
        values, asked = values[rows], asked[rows]
    neighbors = min(3, len(values) - 1)
    with warnings.catch_warnings():
        # Of small classes: the user chose them.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        return np.asarray(mutual_info_classif(values, asked, n_neighbors=neighbors, random_state=seed), np.float64)


def permutation_importance(
    values: NDArray[np.float64], columns: Sequence[str], asked: NDArray[np.int64], groups: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.float64], float]:
    """Return the drop of balanced accuracy per group, and the accuracy itself."""
    from bioloom.classify.forest import decide, to_bins
    from bioloom.classify.table import TableClassifier

    rng = np.random.default_rng(seed)
    # Class ids above 0, as the classifier wants them, and two thirds of each class to learn from.
    _, classes = np.unique(asked, return_inverse=True)
    classes = classes.astype(np.int64) + 1
    learn = np.zeros(len(classes), np.bool_)
    for number in np.unique(classes):
        rows = rng.permutation(np.flatnonzero(classes == number))
        learn[rows[: max(1, round(len(rows) * 2 / 3))]] = True
    names = [str(k) for k in range(len(columns))]

    def as_columns(array: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        return {name: array[:, k] for k, name in enumerate(names)}

    model = TableClassifier(names, balanced=True, seed=seed)
    model.fit(as_columns(values[learn]), classes[learn])
    test = ~learn if (~learn).any() else learn
    truth, forest = classes[test], model.forest
    measured = model.measurements(as_columns(values[test]))
    # Shuffled values are in the same bins as before: all are put into bins once.
    bins = np.stack([to_bins(column, edges) for column, edges in zip(measured.T, forest.edges, strict=True)])
    group_of = groups[[int(name) for name in model.feature_names_]]

    def accuracy_of(shuffled: NDArray[np.integer]) -> float:
        return _balanced_accuracy(np.asarray(model.classes_)[decide(forest.votes(shuffled))[0]], truth)

    accuracy = accuracy_of(bins)
    drops = np.zeros(int(groups.max()) + 1)
    for group in range(len(drops)):
        own = group_of == group
        for _ in range(_REPEATS):
            shuffled = bins.copy()
            shuffled[own] = bins[own][:, rng.permutation(len(truth))]
            drops[group] += accuracy - accuracy_of(shuffled)
    return drops / _REPEATS, accuracy


def _balanced_accuracy(predicted: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    return float(np.mean([(predicted[truth == number] == number).mean() for number in np.unique(truth)]))
