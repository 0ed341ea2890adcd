"""Group objects whose measurements are alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore import _cluster_methods as methods
from bioloom.explore.preprocess import Prepared, prepare
from bioloom.explore.scaling import Missing, Scaling, gather

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[int, int], None]
ClusterMethod: TypeAlias = Literal["kmeans", "hdbscan", "gmm", "agglomerative", "meanshift", "spectral", "leiden"]

CLUSTER_METHODS: dict[ClusterMethod, str] = {
    "kmeans": "k-means",
    "hdbscan": "HDBSCAN",
    "gmm": "Gaussian mixture",
    "agglomerative": "Agglomerative",
    "meanshift": "Mean shift",
    "spectral": "Spectral",
    "leiden": "Leiden",
}
"""What to call each method."""

WITH_NUMBER: tuple[ClusterMethod, ...] = ("kmeans", "gmm", "agglomerative", "spectral")
"""Methods that are told how many clusters to find; the others find out."""

NOISE = -1
"""The class of rows that belong to no cluster, as HDBSCAN finds them."""

NOT_CLUSTERED = 0
"""The class of rows that were left out because a value is missing."""


@dataclass(frozen=True)
class Clustering:
    """Which cluster each row of a table belongs to.

    Attributes
    ----------
    labels
        int32 of shape (rows of the table,): 1…k; -1 for noise, which belongs to no cluster; 0 where the row was left
        out because a value is missing.
    column_name
        Name for a column that holds `labels`.
    centers
        float64 of shape (k, used columns): mean of each cluster in the units of the table, row 0 for cluster 1.
    sizes
        int64 of shape (k,): number of rows per cluster, descending.
    parameters
        What is needed to compute it again: method, columns, scaling, the method's own parameters as they were used,
        seed and library versions.
    prepared
        The values the method worked on, and what was left out.
    probability
        float64 of shape (rows of the table,), 0…1: how surely a row belongs to its cluster, NaN where it was left out.
        For HDBSCAN and Gaussian mixtures; None for other methods.
    note
        What a user should know about this result; may be empty.
    """

    labels: NDArray[np.int32]
    column_name: str
    centers: NDArray[np.float64]
    sizes: NDArray[np.int64]
    parameters: dict[str, Any]
    prepared: Prepared
    probability: NDArray[np.float64] | None = None
    note: str = ""

    @property
    def n_noise(self) -> int:
        """Number of rows that belong to no cluster."""
        return int((self.labels == NOISE).sum())

    @property
    def names(self) -> dict[int, str]:
        """What to call each value of `labels` that occurs."""
        return {int(number): cluster_name(int(number)) for number in np.unique(self.labels)}


def cluster_name(number: int) -> str:
    """Return what to call a cluster: "cluster 3", "noise", "not clustered"."""
    return {NOISE: "noise", NOT_CLUSTERED: "not clustered"}.get(number, f"cluster {number}")


def cluster(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: ClusterMethod = "kmeans",
    n_clusters: int = 3,
    *,
    min_cluster_size: int = 10,
    min_samples: int | None = None,
    library: Literal["scikit-learn", "hdbscan"] = "scikit-learn",
    linkage: Literal["ward", "average", "complete", "single"] = "ward",
    bandwidth: float | None = None,
    n_neighbors: int = 15,
    resolution: float = 1.0,
    scaling: Scaling = "standard",
    missing: Missing = "rows",
    per: str | Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
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
        "kmeans": each row belongs to the nearest of k means. "gmm": a mixture of normal distributions. "agglomerative":
        the closest groups are joined until k are left. "spectral": the graph of neighbours is cut into k parts.
        "hdbscan": dense regions, whatever their shape; what lies between is noise. "meanshift": hills of density.
        "leiden": communities in the graph of neighbours; needs the extra "explore".
    n_clusters
        k-means, Gaussian mixture, agglomerative and spectral: number of clusters, from 1 to the number of different
        complete rows.
    min_cluster_size
        HDBSCAN: fewer rows are no cluster, 2 or more.
    min_samples
        HDBSCAN: how many rows make a region dense, 1 or more; more of them make more noise. `min_cluster_size` if left
        out.
    library
        HDBSCAN: "scikit-learn", or "hdbscan" (needs the extra "explore"), which is faster with many rows. They count
        neighbours differently, so that their clusters can differ.
    linkage
        Agglomerative: which distance between groups counts; "ward" is the increase of variance.
    bandwidth
        Mean shift: radius of a hill in scaled units, above 0; estimated if left out.
    n_neighbors
        Spectral and Leiden: neighbours per row in the graph, 2 or more; lowered to the number of rows - 1.
    resolution
        Leiden: more makes more and smaller clusters, above 0.
    scaling, missing, per
        How columns are made comparable and what happens to missing values, see `prepare`.
    seed
        The same seed, data and library version give the same result. HDBSCAN and agglomerative clustering do not use
        it.
    progress
        Called as ``progress(done, total)`` before and after. May raise Cancelled.

    Returns
    -------
    Clustering
        One cluster number per row of the table; -1 = noise, 0 = not clustered.

    Raises
    ------
    InputError
        If columns or rows do not fit (see `prepare`), `method` or another option is unknown, there are fewer different
        rows than clusters, there are more rows than the method can deal with (agglomerative 15 000, mean shift 50 000,
        spectral 10 000), or a library is not installed.

    Notes
    -----
    Equal, up to the numbering, to scikit-learn's ``KMeans(n_clusters, n_init=10, random_state=seed)``, ``HDBSCAN``,
    ``GaussianMixture(n_clusters, n_init=3, random_state=seed)``, ``AgglomerativeClustering``,
    ``MeanShift(bin_seeding=True)``, ``SpectralClustering(affinity="nearest_neighbors", random_state=seed)``; Leiden is
    10 rounds of igraph's ``community_leiden("modularity")`` with Python's ``random.Random(seed)``. Lloyd: Least
    squares quantization in PCM, IEEE Trans. Inf. Theory 28 (1982); Arthur & Vassilvitskii: k-means++, SODA 2007;
    Campello, Moulavi & Sander: Density-based clustering based on hierarchical density estimates, PAKDD 2013; Comaniciu
    & Meer: Mean shift, IEEE TPAMI 24 (2002); Traag, Waltman & van Eck: From Louvain to Leiden, Sci. Rep. 9 (2019), on
    graphs weighted as in Levine et al.: Data-driven phenotypic dissection of AML, Cell 162 (2015).
    """
    if method not in CLUSTER_METHODS:
        raise InputError(f"method is {method!r}, but must be one of: {', '.join(CLUSTER_METHODS)}.")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed is {seed}, but must be 0 or more and below 2**32.")
    prepared = prepare(table, columns, scaling, missing=missing, per=per)
    values = prepared.values
    _check_size(method, len(values), n_clusters)
    if progress is not None:
        progress(0, 1)
    if method == "kmeans":
        found = methods.kmeans(values, n_clusters, seed)
    elif method == "hdbscan":
        found = methods.hdbscan(values, min_cluster_size, min_samples, library)
    elif method == "gmm":
        found = methods.gmm(values, n_clusters, seed)
    elif method == "agglomerative":
        found = methods.agglomerative(values, n_clusters, linkage)
    elif method == "meanshift":
        found = methods.meanshift(values, bandwidth, seed)
    elif method == "spectral":
        found = methods.spectral(values, n_clusters, n_neighbors, seed)
    else:
        found = methods.leiden(values, n_neighbors, resolution, seed)
    if progress is not None:
        progress(1, 1)
    numbers, sizes = _numbered_by_size(values, found.numbers)
    if method in WITH_NUMBER and len(sizes) < n_clusters:
        found.notes.append(f"Only {len(sizes)} of {n_clusters} clusters have objects.")
    labels = np.full(len(prepared.kept), NOT_CLUSTERED, np.int32)
    labels[prepared.kept] = numbers
    probability = None
    if found.probability is not None:
        probability = np.full(len(labels), np.nan)
        probability[prepared.kept] = found.probability
    return Clustering(
        labels=labels,
        column_name=f"{method.upper()}_CLUSTER",
        centers=_centers(table, prepared, labels, len(sizes)),
        sizes=sizes,
        parameters={
            "method": method,
            "columns": list(prepared.columns),
            "scaling": scaling,
            "missing": missing,
            "per": list(prepared.scaler.per),
            **found.used,
            "seed": seed,
            "versions": {name: version(name) for name in ("numpy", *found.libraries)},
        },
        prepared=prepared,
        probability=probability,
        note=" ".join(found.notes),
    )


def _check_size(method: ClusterMethod, n_rows: int, n_clusters: int) -> None:
    if method in WITH_NUMBER and not 1 <= n_clusters <= n_rows:
        raise InputError(f"n_clusters is {n_clusters}, but must be 1 to {n_rows}, the number of complete rows.")
    limit = methods.LIMITS.get(method, n_rows)
    if n_rows > limit:
        raise InputError(
            f"{CLUSTER_METHODS[method]} clustering can deal with {limit} objects, but there are {n_rows}. Use k-means, "
            "HDBSCAN or Leiden, or cluster a part of the objects and train a classifier on its clusters."
        )


def _numbered_by_size(
    values: NDArray[np.float64], found: NDArray[np.integer]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Give clusters the numbers 1…k by size, those of equal size by their centres; noise stays -1."""
    ids, inverse, counts = np.unique(found, return_inverse=True, return_counts=True)
    if not len(ids):
        return np.empty(0, np.int32), np.empty(0, np.int64)
    centers = np.stack([values[found == number].mean(axis=0) for number in ids])
    # lexsort: the last key counts first. Means of the same rows in another order differ by their rounding.
    order = np.lexsort((*np.round(centers, 9).T[::-1], -counts))
    order = order[ids[order] >= 0]
    rank = np.full(len(ids), NOISE, np.int32)
    rank[order] = np.arange(1, len(order) + 1, dtype=np.int32)
    return rank[inverse], counts[order].astype(np.int64)


def _centers(table: pd.DataFrame, prepared: Prepared, labels: NDArray[np.int32], k: int) -> NDArray[np.float64]:
    raw, names = gather(table, prepared.columns)
    raw[~np.isfinite(raw)] = np.nan
    result = np.full((k, len(names)), np.nan)
    for number in range(1, k + 1):
        rows = raw[labels == number]
        known = ~np.isnan(rows).all(axis=0)
        result[number - 1, known] = np.nanmean(rows[:, known], axis=0)
    return result
