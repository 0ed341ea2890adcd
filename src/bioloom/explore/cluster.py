"""Group objects whose measurements are alike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.preprocess import Prepared, Scaling, prepare

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Clustering:
    """Which cluster each row of a table belongs to.

    Attributes
    ----------
    labels
        int32 of shape (rows of the table,): 1…k, and 0 where the row was left out because a value is missing.
    column_name
        Name for a column that holds `labels`.
    centers
        float64 of shape (k, used columns): mean of each cluster in the units of the table, row 0 for cluster 1.
    sizes
        int64 of shape (k,): number of rows per cluster, descending.
    parameters
        What is needed to compute it again: method, columns, scaling, number of clusters, seed and library versions.
    prepared
        The values the method worked on, and what was left out.
    """

    labels: NDArray[np.int32]
    column_name: str
    centers: NDArray[np.float64]
    sizes: NDArray[np.int64]
    parameters: dict[str, Any]
    prepared: Prepared


def cluster(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: Literal["kmeans"] = "kmeans",
    n_clusters: int = 3,
    *,
    scaling: Scaling = "standard",
    seed: int = 0,
) -> Clustering:
    """Divide the rows of a table into clusters.

    Clusters are numbered by size, 1 being the largest, so that a number does not depend on the random start; clusters
    of equal size are ordered by their centres.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of numeric columns; `feature_columns` proposes them.
    method
        "kmeans": each row belongs to the nearest of k means.
    n_clusters
        Number of clusters, from 1 to the number of different complete rows.
    scaling
        How columns are made comparable first, see `prepare`.
    seed
        The same seed, data and library version give the same result.

    Returns
    -------
    Clustering
        One cluster number per row of the table; 0 = not clustered.

    Raises
    ------
    InputError
        If columns or rows do not fit (see `prepare`), `method` is unknown, or there are fewer different rows than
        clusters.

    Notes
    -----
    Equal to scikit-learn's ``KMeans(n_clusters, n_init=10, random_state=seed)`` up to the numbering. Lloyd: Least
    squares quantization in PCM, IEEE Trans. Inf. Theory 28 (1982); Arthur & Vassilvitskii: k-means++, SODA 2007.
    """
    if method != "kmeans":
        raise InputError(f'method is {method!r}, but must be "kmeans".')
    if seed < 0:
        raise InputError(f"seed is {seed}, but must be 0 or more.")
    prepared = prepare(table, columns, scaling)
    n_rows = len(prepared.values)
    if not 1 <= n_clusters <= n_rows:
        raise InputError(f"n_clusters is {n_clusters}, but must be 1 to {n_rows}, the number of complete rows.")
    found, centers = _kmeans(prepared.values, n_clusters, seed)
    sizes = np.bincount(found, minlength=n_clusters)
    # lexsort: the last key counts first.
    order = np.lexsort((*centers.T[::-1], -sizes))
    rank = np.empty(n_clusters, dtype=np.int32)
    rank[order] = np.arange(1, n_clusters + 1, dtype=np.int32)
    labels = np.zeros(len(prepared.kept), dtype=np.int32)
    labels[prepared.kept] = rank[found]
    parameters = {
        "method": method,
        "columns": list(prepared.columns),
        "scaling": scaling,
        "n_clusters": n_clusters,
        "seed": seed,
        "versions": {name: version(name) for name in ("numpy", "scikit-learn")},
    }
    return Clustering(
        labels=labels,
        column_name=f"{method.upper()}_CLUSTER",
        centers=centers[order] * prepared.scale + prepared.offset,
        sizes=sizes[order].astype(np.int64),
        parameters=parameters,
        prepared=prepared,
    )


def _kmeans(values: NDArray[np.float64], n_clusters: int, seed: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Too few different rows are an error below; the leak of MKL on Windows is small and ends with the process.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="KMeans is known to have a memory leak", category=UserWarning)
        model = KMeans(n_clusters=n_clusters, n_init=10, random_state=seed).fit(values)
    found = np.asarray(model.labels_, dtype=np.int32)
    n_found = len(np.unique(found))
    if n_found < n_clusters:
        raise InputError(
            f"There are only {n_found} different rows in the chosen columns, but {n_clusters} clusters were asked for. "
            "Lower n_clusters, or choose more columns."
        )
    return found, np.asarray(model.cluster_centers_, dtype=np.float64)
