"""The libraries' clustering methods behind one interface."""

from __future__ import annotations

import importlib
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

Values: TypeAlias = NDArray[np.float64]

LIMITS = {"agglomerative": 15_000, "meanshift": 50_000, "spectral": 10_000}
"""Rows above which a method is refused: its memory or time grows with the square of them, or faster."""

_PAIRS_AT_ONCE = 500_000
# In more dimensions, scikit-learn's search by brute force is quicker.
_MOST_COLUMNS_IN_TREE = 15
_LEIDEN_ROUNDS = 10
# Rows x columns x clusters below which one thread is as quick as two, and far quicker where other programs compute.
_PRODUCTS_FOR_ONE_THREAD = 12_000_000

_EXTRA = 'pip install "napari-bioloom[explore]"'


@dataclass
class Found:
    """What a method found.

    Attributes
    ----------
    numbers
        int of shape (rows,): 0…k-1 in any order, -1 for noise.
    used
        The method's parameters as they were used.
    libraries
        The distributions that computed it.
    probability
        float64 of shape (rows,), 0…1: how surely a row belongs to its cluster, where the method tells.
    notes
        What a user should know about this result.
    """

    numbers: NDArray[np.integer]
    used: dict[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ("scikit-learn",)
    probability: Values | None = None
    notes: list[str] = field(default_factory=list)


def kmeans(values: Values, n_clusters: int, seed: int, n_init: int = 10) -> Found:
    """Give each row to the nearest of k means."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    n_threads = 1 if values.size * n_clusters <= _PRODUCTS_FOR_ONE_THREAD else None
    with warnings.catch_warnings(), threadpool_limits(n_threads):
        # Too few different rows are an error below; the leak of MKL on Windows is small and ends with the process.
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="KMeans is known to have a memory leak", category=UserWarning)
        model = KMeans(n_clusters=n_clusters, n_init=n_init, random_state=seed).fit(values)
    _check_different(len(np.unique(model.labels_)), n_clusters)
    return Found(model.labels_, {"n_clusters": n_clusters})


def _check_different(n_found: int, n_clusters: int) -> None:
    if n_found < n_clusters:
        raise InputError(
            f"There are only {n_found} different rows in the chosen columns, but {n_clusters} clusters were asked for. "
            "Lower n_clusters, or choose more columns."
        )


def hdbscan(values: Values, min_cluster_size: int, min_samples: int | None, library: str) -> Found:
    """Find dense regions; what lies between them is noise."""
    if not 2 <= min_cluster_size <= len(values):
        raise InputError(
            f"min_cluster_size is {min_cluster_size}, but must be 2 to {len(values)}, the number of complete rows."
        )
    if min_samples is not None and not 1 <= min_samples <= len(values):
        raise InputError(f"min_samples is {min_samples}, but must be 1 to {len(values)}, the number of complete rows.")
    used = {"min_cluster_size": min_cluster_size, "min_samples": min_samples, "library": library}
    if library == "hdbscan":
        model = _optional("hdbscan").HDBSCAN(
            min_cluster_size=min_cluster_size, min_samples=min_samples, core_dist_n_jobs=1
        )
    elif library == "scikit-learn":
        from sklearn.cluster import HDBSCAN

        model = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, copy=True)
    else:
        raise InputError(f'library is {library!r}, but must be "scikit-learn" or "hdbscan".')
    with _quiet():
        model.fit(values)
    notes = []
    if not (model.labels_ >= 0).any():
        notes.append("No dense group was found. Lower min_cluster_size, or choose fewer columns.")
    return Found(model.labels_, used, (library,), np.asarray(model.probabilities_, np.float64), notes)


def gmm(values: Values, n_clusters: int, seed: int, n_init: int = 3) -> Found:
    """Fit a mixture of normal distributions, each with a covariance of its own."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    notes = []
    # Its many products of narrow matrices take several times as long where threads share them.
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(1, user_api="blas"):
        warnings.simplefilter("always")
        model = GaussianMixture(n_components=n_clusters, n_init=n_init, random_state=seed)
        try:
            model.fit(values)
        except ValueError as error:
            raise InputError(
                f"The mixture of {n_clusters} distributions cannot be fitted to {values.shape[1]} columns ({error}). "
                "Choose fewer clusters or columns, or cluster a map of the columns."
            ) from error
        shares = model.predict_proba(values)
    if any(issubclass(w.category, ConvergenceWarning) for w in caught):
        notes.append("The fit of the mixture did not settle: repeat it with another seed or fewer clusters.")
    numbers = shares.argmax(axis=1)
    return Found(numbers, {"n_clusters": n_clusters}, probability=shares.max(axis=1), notes=notes)


def agglomerative(values: Values, n_clusters: int, linkage: str) -> Found:
    """Join the closest groups until so many are left."""
    from sklearn.cluster import AgglomerativeClustering

    if linkage not in ("ward", "average", "complete", "single"):
        raise InputError(f'linkage is {linkage!r}, but must be "ward", "average", "complete" or "single".')
    # Rows that are equal would be torn apart.
    _check_different(len(np.unique(values, axis=0)), n_clusters)
    model = AgglomerativeClustering(n_clusters=n_clusters, linkage=linkage).fit(values)
    return Found(model.labels_, {"n_clusters": n_clusters, "linkage": linkage})


def meanshift(values: Values, bandwidth: float | None, seed: int) -> Found:
    """Move each row uphill to where rows are densest."""
    from sklearn.cluster import MeanShift, estimate_bandwidth

    if bandwidth is None:
        width = float(estimate_bandwidth(values, n_samples=min(len(values), 1000), random_state=seed))
        if not width > 0:
            raise InputError(
                "The bandwidth cannot be estimated, because there are few rows or most are equal. Give one yourself."
            )
    elif not 0 < bandwidth < float("inf"):
        raise InputError(f"bandwidth is {bandwidth}, but must be a number above 0.")
    else:
        width = float(bandwidth)
    model = MeanShift(bandwidth=width, bin_seeding=True)
    try:
        with warnings.catch_warnings():
            # Of a radius so small that each row is a hill: the number of clusters says it.
            warnings.filterwarnings("ignore", message="Binning data failed")
            model.fit(values)
    except ValueError as error:
        raise InputError(f"Mean shift found no cluster with the bandwidth {width:g} ({error}). Raise it.") from error
    return Found(model.labels_, {"bandwidth": width, "bandwidth_given": bandwidth is not None})


def spectral(values: Values, n_clusters: int, n_neighbors: int, seed: int) -> Found:
    """Cut the graph of nearest neighbours where it is thin."""
    from sklearn.cluster import SpectralClustering

    if n_neighbors < 2:
        raise InputError(f"n_neighbors is {n_neighbors}, but must be 2 or more.")
    if n_clusters >= len(values):
        raise InputError(f"n_clusters is {n_clusters}, but must be below {len(values)}, the number of complete rows.")
    _check_different(len(np.unique(values, axis=0)), n_clusters)
    used = min(n_neighbors, len(values) - 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SpectralClustering(
            n_clusters=n_clusters, affinity="nearest_neighbors", n_neighbors=used, random_state=seed
        ).fit(values)
    notes = []
    if any("not fully connected" in str(w.message) for w in caught):
        notes.append(
            "The objects form groups that no neighbours connect; spectral clustering may cut them strangely. Raise "
            "n_neighbors, or use HDBSCAN."
        )
    return Found(model.labels_, {"n_clusters": n_clusters, "n_neighbors": used}, notes=notes)


def leiden(values: Values, n_neighbors: int, resolution: float, seed: int) -> Found:
    """Find communities in the graph of nearest neighbours, weighted by the neighbours that two rows share."""
    if n_neighbors < 2:
        raise InputError(f"n_neighbors is {n_neighbors}, but must be 2 or more.")
    if not 0 < resolution < float("inf"):
        raise InputError(f"resolution is {resolution}, but must be a number above 0.")
    igraph = _optional("igraph")
    used = min(n_neighbors, len(values) - 1)
    pairs, weights = _shared_neighbours(values, used)
    graph = igraph.Graph(n=len(values), edges=pairs)
    igraph.set_random_number_generator(random.Random(seed))
    try:
        found = graph.community_leiden(
            "modularity", weights=weights.tolist(), resolution=resolution, n_iterations=_LEIDEN_ROUNDS
        )
    finally:
        igraph.set_random_number_generator(random)
    numbers = np.asarray(found.membership, np.int32)
    return Found(numbers, {"n_neighbors": used, "resolution": resolution}, ("scipy", "scikit-learn", "igraph"))


def _shared_neighbours(values: Values, k: int) -> tuple[NDArray[np.intp], Values]:
    """Return pairs of neighbouring rows, and per pair the Jaccard index of their neighbourhoods."""
    from scipy import sparse

    n = len(values)
    near = _nearest(values, k)
    graph = sparse.csr_array((np.ones(n * k), near.ravel(), np.arange(0, n * k + 1, k)), shape=(n, n))
    own = (graph + sparse.eye_array(n, format="csr")).tocsr()
    pairs = sparse.triu(graph + graph.T, k=1).tocoo()
    shared = np.empty(pairs.nnz)
    for start in range(0, pairs.nnz, _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        shared[part] = np.asarray(own[pairs.row[part]].multiply(own[pairs.col[part]]).sum(axis=1)).ravel()
    return np.stack([pairs.row, pairs.col], axis=1).astype(np.intp), shared / (2 * (k + 1) - shared)


def _nearest(values: Values, k: int) -> NDArray[np.intp]:
    """Return the numbers of the k rows nearest to each row, itself left out, (rows, k)."""
    if values.shape[1] > _MOST_COLUMNS_IN_TREE:
        from sklearn.neighbors import NearestNeighbors

        return np.asarray(NearestNeighbors(n_neighbors=k).fit(values).kneighbors(return_distance=False), np.intp)
    from scipy.spatial import KDTree

    _, near = KDTree(values, leafsize=30, balanced_tree=False).query(values, k + 1, workers=-1)
    other = near != np.arange(len(values))[:, None]
    # Among more than k rows that are equal, a row need not be found itself.
    other[other.all(axis=1), 0] = False
    return np.asarray(near[other].reshape(len(values), k), np.intp)


def _optional(name: str) -> Any:
    try:
        with _quiet():
            return importlib.import_module(name)
    except ImportError as error:
        raise InputError(f"This needs {name}, which is not installed. Install it with: {_EXTRA}") from error


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        # About what a library's code uses; nothing a user could act on.
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, SyntaxWarning):
            warnings.simplefilter("ignore", category)
        yield
