"""From clusters to a classifier, which gives the same classes on new objects, however the next map looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.cluster import NOISE, NOT_CLUSTERED, Clustering, cluster_name
from bioloom.explore.scaling import gather

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.classify.table import TableClassifier

Progress: TypeAlias = Callable[[int, int], None]

_FOLDS = 5


@dataclass(frozen=True)
class ClusterClassifier:
    """A classifier that was trained on clusters, and how well it knows them.

    Attributes
    ----------
    classifier
        Its class ids are the numbers of the clusters; noise, if it is a class, has the number after the last cluster.
    predicted
        int64 of shape (rows of the table,): what it says about the rows it was trained on, and about those without a
        cluster.
    agreement
        Share of the clustered rows, 0…1, that the classifier gives to their cluster.
    held_out_agreement
        The same on rows that were not in the training: the mean of five parts of the table, each left out once. None if
        a cluster has fewer than two rows.
    confusion
        Number of rows per cluster (rows of the table) and held-out prediction (columns), by class id; predictions of
        the training rows where there are no held-out ones.
    note
        What was done, for the user.
    """

    classifier: TableClassifier
    predicted: NDArray[np.int64]
    agreement: float
    held_out_agreement: float | None
    confusion: pd.DataFrame
    note: str


def classifier_from_clusters(
    table: pd.DataFrame,
    columns: Sequence[str],
    clusters: Clustering | NDArray[Any] | Sequence[int],
    *,
    noise: Literal["class", "leave out"] = "class",
    class_names: dict[int, str] | None = None,
    n_trees: int = 100,
    max_depth: int = 6,
    balanced: bool = True,
    seed: int = 0,
    progress: Progress | None = None,
) -> ClusterClassifier:
    """Train a classifier to tell clusters apart by measurements.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of the columns to learn from: measurements, not the coordinates of a map, so that it holds on new objects.
    clusters
        What `cluster` returned, or a number per row: -1 noise, 0 not clustered, 1… clusters.
    noise
        "class": noise is a class of its own. "leave out": learn from the clusters only, so that every object gets one.
    class_names
        Names of classes by number; "cluster 1" and so on if left out.
    n_trees, max_depth, balanced, seed
        Settings of the `TableClassifier`.
    progress
        Called as ``progress(done, total)``, once per training. May raise Cancelled.

    Returns
    -------
    ClusterClassifier
        The classifier and its agreement with the clusters.

    Raises
    ------
    InputError
        If there are fewer than two clusters, the number of rows differs, or columns do not fit.
    """
    from bioloom.classify.table import TableClassifier

    labels = np.asarray(clusters.labels if isinstance(clusters, Clustering) else clusters)
    if labels.shape != (len(table),) or labels.dtype.kind not in "iu":
        raise InputError(
            f"One whole number per row is needed ({len(table)} rows), but the clusters are {labels.dtype} of shape "
            f"{labels.shape}."
        )
    if labels.size and labels.min() < NOISE:
        raise InputError(f"{labels.min()} is no cluster: they have numbers above 0, -1 is noise, 0 is not clustered.")
    if noise not in ("class", "leave out"):
        raise InputError(f'noise is {noise!r}, but must be "class" or "leave out".')
    gather(table, columns)
    classes = labels.astype(np.int64)
    noise_id = int(classes.max(initial=0)) + 1
    is_noise = classes == NOISE
    classes[is_noise] = noise_id if noise == "class" else NOT_CLUSTERED
    ids = np.unique(classes[classes > 0])
    if len(ids) < 2:
        found = "no cluster" if not len(ids) else "only noise" if is_noise.any() else "only 1 cluster"
        raise InputError(f"There is {found}, but at least two are needed to tell them apart.")
    names = {int(i): cluster_name(NOISE if i == noise_id and is_noise.any() else int(i)) for i in ids}
    names |= {k: v for k, v in (class_names or {}).items() if k in names}

    def trained(rows: NDArray[np.bool_]) -> TableClassifier:
        model = TableClassifier(
            list(columns), n_trees, max_depth, balanced=balanced, seed=seed, class_names=names
        )  # fmt: skip
        return model.fit(table, np.where(rows, classes, 0))

    clustered = classes > 0
    total = _FOLDS + 1
    held_out = np.zeros(len(table), np.int64)
    folds = _folds(classes, seed)
    for fold in range(_FOLDS if folds is not None else 0):
        out = clustered & (folds == fold)
        if out.any():
            held_out[out] = trained(clustered & ~out).predict(table[out])
        if progress is not None:
            progress(fold + 1, total)
    model = trained(clustered)
    predicted = model.predict(table)
    if progress is not None:
        progress(total, total)
    agreement = float((predicted == classes)[clustered].mean())
    honest = float((held_out == classes)[clustered].mean()) if folds is not None else None
    shown = predicted if folds is None else held_out
    groups = f"{len(ids)} {'classes' if class_names else 'clusters'}"
    if noise_id in ids:
        groups = f"{len(ids) - 1} cluster{'s' * (len(ids) > 2)} and noise"
    note = f"Trained on {int(clustered.sum())} objects in {groups}: it agrees on {100 * agreement:.1f} %"
    note += "." if honest is None else f", on objects left out of the training on {100 * honest:.1f} %."
    return ClusterClassifier(model, predicted, agreement, honest, _confusion(classes, shown, ids), note)


def _folds(classes: NDArray[np.int64], seed: int) -> NDArray[np.int64] | None:
    """Deal the rows of each class out to the parts; None if a class has too few."""
    from bioloom.classify.samples import hashed

    folds = np.full(len(classes), -1, np.int64)
    keys = hashed(seed, np.arange(len(classes)))
    for number in np.unique(classes[classes > 0]):
        rows = np.flatnonzero(classes == number)
        if len(rows) < 2:
            return None
        folds[rows[np.argsort(keys[rows])]] = np.arange(len(rows)) % _FOLDS
    return folds


def _confusion(truth: NDArray[np.int64], predicted: NDArray[np.int64], ids: NDArray[np.int64]) -> pd.DataFrame:
    import pandas as pd

    counts = np.zeros((len(ids), len(ids)), np.int64)
    known = np.isin(truth, ids) & np.isin(predicted, ids)
    np.add.at(counts, (np.searchsorted(ids, truth[known]), np.searchsorted(ids, predicted[known])), 1)
    return pd.DataFrame(counts, index=pd.Index(ids, name="cluster"), columns=pd.Index(ids, name="predicted"))
