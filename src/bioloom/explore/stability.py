"""How alike clusters are when everything is run again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.cluster import CLUSTER_METHODS, Clustering, ClusterMethod, cluster
from bioloom.explore.embed import EMBEDDING_METHODS, NAMES, embed
from bioloom.explore.scaling import Missing, Scaling

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[int, int], None]

_SHARE = 0.8


@dataclass(frozen=True)
class Stability:
    """How far clusters depend on chance.

    Attributes
    ----------
    first
        The clusters of the first run, on all rows, with the seed that was given.
    rand
        float64 of shape (runs, runs): adjusted Rand index between runs, on the rows that both clustered; 1 = the same
        clusters, 0 = as alike as by chance.
    clusters
        float64 of shape (k,), 0…1: per cluster of the first run how well the best match in the other runs covers it,
        as mean Jaccard index. Below 0.6 a cluster should not be trusted, above 0.85 it is stable.
    objects
        float64 of shape (rows of the table,), 0…1: in what share of the other runs the object lies in the cluster that
        matches its own; NaN where it was left out, or in none of the other runs.
    seeds
        The seed of each run.
    note
        What was done, for the user.
    """

    first: Clustering
    rand: NDArray[np.float64]
    clusters: NDArray[np.float64]
    objects: NDArray[np.float64]
    seeds: tuple[int, ...]
    note: str

    @property
    def mean_rand(self) -> float:
        """Mean adjusted Rand index between different runs."""
        return float(self.rand[np.triu_indices(len(self.rand), 1)].mean())


def cluster_stability(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: ClusterMethod = "kmeans",
    n_clusters: int = 3,
    *,
    n_runs: int = 5,
    embedding: str | None = None,
    resample: bool = False,
    cluster_options: Mapping[str, Any] | None = None,
    embedding_options: Mapping[str, Any] | None = None,
    scaling: Scaling = "standard",
    missing: Missing = "rows",
    per: str | Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Stability:
    """Cluster several times and compare.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of numeric columns.
    method, n_clusters
        As for `cluster`.
    n_runs
        Number of runs, 2 or more.
    embedding
        Embed by this method ("umap", "tsne", …) before, anew in each run, and cluster the map: embeddings differ from
        seed to seed. None clusters the columns.
    resample
        Let all runs but the first see a random 80 % of the rows. Methods that do not depend on the seed (HDBSCAN,
        agglomerative) always give the same clusters otherwise.
    cluster_options, embedding_options
        More options for `cluster` and `embed`.
    scaling, missing, per
        See `prepare`.
    seed
        The first seed; the runs use this one and the following ones.
    progress
        Called as ``progress(done, total)``, once per run. May raise Cancelled.

    Returns
    -------
    Stability
        Agreement between runs, of clusters and of objects.

    Raises
    ------
    InputError
        As `cluster` and `embed`.

    Notes
    -----
    Hubert & Arabie: Comparing partitions, J. Classif. 2 (1985); Hennig: Cluster-wise assessment of cluster stability,
    Comput. Stat. Data Anal. 52 (2007).
    """
    from sklearn.metrics import adjusted_rand_score

    if n_runs < 2:
        raise InputError(f"n_runs is {n_runs}, but must be 2 or more.")
    if embedding is not None and embedding not in EMBEDDING_METHODS:
        raise InputError(f"embedding is {embedding!r}, but must be one of: {', '.join(EMBEDDING_METHODS)}.")
    rng = np.random.default_rng(seed)
    found: list[Clustering] = []
    labels = np.zeros((n_runs, len(table)), np.int32)
    for run in range(n_runs):
        if progress is not None:
            progress(run, n_runs)
        rows = np.arange(len(table))
        if resample and run:
            rows = np.sort(rng.choice(len(table), round(len(table) * _SHARE), replace=False))
        part = table.iloc[rows]
        own: dict[str, Any] = {"scaling": scaling, "missing": missing, "per": per, "seed": seed + run}
        used = columns
        if embedding is not None:
            part, used = _map_of(part, columns, embedding, {**(embedding_options or {}), **own})
            own |= {"scaling": "none", "missing": "rows", "per": None}
        found.append(cluster(part, used, method, n_clusters, **{**(cluster_options or {}), **own}))
        labels[run, rows] = found[-1].labels
    if progress is not None:
        progress(n_runs, n_runs)
    rand = np.eye(n_runs)
    for i in range(n_runs):
        for j in range(i):
            both = (labels[i] != 0) & (labels[j] != 0)
            rand[i, j] = rand[j, i] = adjusted_rand_score(labels[i][both], labels[j][both])
    jaccard, objects = _compared(labels)
    mean = float(rand[np.triu_indices(n_runs, 1)].mean())
    how = CLUSTER_METHODS[method] + (f" of {NAMES[embedding]}" if embedding else "")
    note = (
        f"{how}, {n_runs} runs with the seeds {seed} to {seed + n_runs - 1}"
        f"{', on 80 % of the objects each' if resample else ''}: mean adjusted Rand index {mean:.2f}."
    )
    return Stability(found[0], rand, jaccard, objects, tuple(range(seed, seed + n_runs)), note)


def _map_of(
    table: pd.DataFrame, columns: Sequence[str], method: str, options: dict[str, Any]
) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    made = embed(table, columns, method, **options)  # type: ignore[arg-type]
    return pd.DataFrame(made.coordinates, columns=list(made.column_names)), list(made.column_names)


def _compared(labels: NDArray[np.int32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compare the first run with the others: per cluster and per object."""
    from scipy.optimize import linear_sum_assignment

    first = labels[0]
    k = max(int(first.max()), 0)
    jaccard = np.zeros((len(labels) - 1, k))
    agreeing, compared = np.zeros(len(first)), np.zeros(len(first))
    for run, other in enumerate(labels[1:]):
        both = (first != 0) & (other != 0)
        # Row and column 0 are noise.
        a, b = np.maximum(first[both], 0), np.maximum(other[both], 0)
        n_other = max(int(other.max()), 0)
        counts = np.zeros((k + 1, n_other + 1))
        np.add.at(counts, (a, b), 1)
        union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
        overlap = np.divide(counts, union, out=np.zeros_like(counts), where=union > 0)
        if k and n_other:
            jaccard[run] = overlap[1:, 1:].max(axis=1)
            own, theirs = linear_sum_assignment(-overlap[1:, 1:])
            match = np.full(k + 1, -2)
            match[own + 1] = theirs + 1
        else:
            match = np.full(k + 1, -2)
        match[0] = 0
        agreeing[both] += match[a] == b
        compared[both] += 1
    with np.errstate(invalid="ignore"):
        objects = np.where(compared > 0, agreeing / compared, np.nan)
    objects[first == 0] = np.nan
    return jaccard.mean(axis=0), objects
