"""Clusters of 100 000 objects with twelve measurements, beside scikit-learn and leidenalg.

``pytest benchmarks/test_analysis.py --benchmark-only --benchmark-group-by=group`` takes minutes. Peers get the same
scaled measurements, parameters and seeds. Two sets of objects: five clear groups, and one cloud of related
measurements, some of them skewed, without groups. No peer compares numbers of clusters by silhouette, elbow and
stability at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bioloom.explore import choose_k, cluster, cluster_stability

pytestmark = pytest.mark.filterwarnings("ignore")

N, COLUMNS, ROUNDS = 100_000, [f"feature {i}" for i in range(12)], 3
NEIGHBOURS, LEIDEN_ROUNDS = 15, 10


def objects(kind: str) -> pd.DataFrame:
    """Return N objects, in ``groups`` or as one ``cloud``."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(N, len(COLUMNS)))
    if kind == "groups":
        values += rng.normal(0, 4, (5, len(COLUMNS)))[rng.integers(0, 5, N)]
    else:
        values = values @ rng.normal(size=(len(COLUMNS),) * 2)
        values[:, ::3] = np.exp(values[:, ::3] / 3)
    return pd.DataFrame(values, columns=COLUMNS)


of_both_kinds = pytest.mark.parametrize("kind", ["groups", "cloud"])


def scaled(table: pd.DataFrame) -> np.ndarray:
    """Return the measurements as the panel scales them."""
    from sklearn.preprocessing import StandardScaler

    return np.asarray(StandardScaler().fit_transform(table.to_numpy()))


def timed(benchmark: Any, group: str, kind: str, call: Callable[[], object], rounds: int = ROUNDS) -> None:
    """Time a call under the name of a group."""
    benchmark.group = f"{group}, {N} objects, {kind}"
    benchmark.pedantic(call, rounds=rounds, warmup_rounds=0)


@of_both_kinds
@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_choice_of_k(benchmark: Any, kind: str, method: Any) -> None:
    """Two to ten clusters compared by silhouette, elbow and stability over five runs."""
    table = objects(kind)
    timed(benchmark, f"how many clusters, {method}", kind, lambda: choose_k(table, COLUMNS, method))


@of_both_kinds
@pytest.mark.parametrize("who", ["bioloom", "scikit-learn"])
def test_mixture(benchmark: Any, kind: str, who: str) -> None:
    """A Gaussian mixture of three, the best of three starts."""
    from sklearn.mixture import GaussianMixture

    table = objects(kind)

    def peer() -> object:
        return GaussianMixture(3, n_init=3, random_state=0).fit_predict(scaled(table))

    timed(benchmark, "mixture", kind, (lambda: cluster(table, COLUMNS, "gmm")) if who == "bioloom" else peer)


@of_both_kinds
@pytest.mark.parametrize("who", ["bioloom", "scikit-learn"])
def test_repeated_k_means(benchmark: Any, kind: str, who: str) -> None:
    """K-means with five seeds; Bioloom also compares the five with each other."""
    from sklearn.cluster import KMeans

    table = objects(kind)

    def peer() -> object:
        return [KMeans(3, n_init=10, random_state=seed).fit_predict(scaled(table)) for seed in range(5)]

    timed(benchmark, "k-means, 5 x", kind, (lambda: cluster_stability(table, COLUMNS)) if who == "bioloom" else peer)


@pytest.mark.parametrize("who", ["bioloom", "leidenalg"])
def test_leiden(benchmark: Any, who: str) -> None:
    """Communities of the graph of 15 nearest neighbours; leidenalg gets scikit-learn's, without weights."""
    table = objects("groups")

    def peer() -> object:
        import igraph
        import leidenalg
        from scipy import sparse
        from sklearn.neighbors import kneighbors_graph

        near = kneighbors_graph(scaled(table), NEIGHBOURS)
        pairs = np.stack(sparse.triu(near + near.T, k=1).nonzero(), axis=1)
        graph = igraph.Graph(n=N, edges=pairs)
        kind = leidenalg.RBConfigurationVertexPartition
        return leidenalg.find_partition(graph, kind, n_iterations=LEIDEN_ROUNDS, seed=0)

    call = (lambda: cluster(table, COLUMNS, "leiden")) if who == "bioloom" else peer
    timed(benchmark, "Leiden", "groups", call, rounds=1 if who == "leidenalg" else ROUNDS)
