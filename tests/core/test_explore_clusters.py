"""Clusters of all methods, how many there are, how far they can be trusted, and classifiers made of them."""

import importlib
import random

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import Cancelled, InputError
from bioloom.explore import _cluster_methods, choose_k, classifier_from_clusters, cluster, cluster_stability, embed

COLUMNS = ["a", "b", "c"]


def blobs(sizes=(50, 70, 40), seed=0, spread=0.5):
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(len(sizes)), sizes)
    values = np.array([[0, 0, 0], [6, 6, 0], [-6, 6, 3], [6, -6, 6]])[member]
    values = values + rng.normal(size=(len(member), 3)) * spread
    return pd.DataFrame(values, columns=COLUMNS), member


def with_strays(n=12):
    table, member = blobs()
    strays = pd.DataFrame(np.random.default_rng(5).uniform(-40, 40, (n, 3)), columns=COLUMNS)
    return pd.concat([table, strays], ignore_index=True), np.concatenate([member, np.full(n, -1)])


def same_partition(a, b):
    return len(set(zip(a.tolist(), b.tolist(), strict=True))) == len(set(a.tolist())) == len(set(b.tolist()))


def direct(method, values):
    from sklearn import cluster as library
    from sklearn.mixture import GaussianMixture

    if method == "gmm":
        return GaussianMixture(3, n_init=3, random_state=2).fit_predict(values)
    if method == "hdbscan":
        return library.HDBSCAN(min_cluster_size=10, copy=True).fit_predict(values)
    if method == "agglomerative":
        return library.AgglomerativeClustering(3).fit_predict(values)
    if method == "meanshift":
        return library.MeanShift(bandwidth=1.0, bin_seeding=True).fit_predict(values)
    model = library.SpectralClustering(3, affinity="nearest_neighbors", n_neighbors=60, random_state=2)
    return model.fit_predict(values)


@pytest.mark.parametrize("method", ["gmm", "hdbscan", "agglomerative", "meanshift", "spectral"])
def test_clusters_equal_scikit_learn_up_to_numbering(method):
    table, _ = blobs(spread=1.5)
    table.loc[3, "a"] = np.nan
    result = cluster(table, COLUMNS, method, 3, bandwidth=1.0, n_neighbors=60, seed=2)
    found = result.labels[result.prepared.kept]
    assert same_partition(found, direct(method, result.prepared.values))
    assert result.labels[3] == 0
    assert result.column_name == f"{method.upper()}_CLUSTER"
    np.testing.assert_array_equal(result.sizes, np.bincount(found[found > 0])[1:])
    assert (np.diff(result.sizes) <= 0).all()
    means = [table.loc[result.labels == k, COLUMNS].mean() for k in range(1, len(result.sizes) + 1)]
    np.testing.assert_allclose(result.centers, means)


@pytest.mark.parametrize("method", ["kmeans", "gmm", "hdbscan", "agglomerative", "meanshift", "leiden"])
def test_clear_groups_are_found_by_every_method_and_numbered_by_size(method):
    if method == "leiden":
        pytest.importorskip("igraph")
    table, member = blobs()
    result = cluster(table, COLUMNS, method, 3, resolution=0.1, seed=1)
    np.testing.assert_array_equal(result.labels, np.array([2, 1, 3])[member])
    np.testing.assert_array_equal(cluster(table, COLUMNS, method, 3, resolution=0.1, seed=1).labels, result.labels)
    assert result.note == ""


def test_spectral_says_when_its_graph_falls_apart():
    table, _ = blobs()
    assert "no neighbours connect" in cluster(table, COLUMNS, "spectral", 3, n_neighbors=10).note


@pytest.mark.parametrize("library", ["scikit-learn", "hdbscan"])
def test_noise_is_a_class_of_its_own(library):
    pytest.importorskip(library.replace("scikit-learn", "sklearn"))
    table, member = with_strays()
    table.loc[0, "a"] = np.nan
    result = cluster(table, COLUMNS, "hdbscan", library=library)
    assert (result.labels[member == -1] == -1).all()
    assert result.labels[0] == 0
    assert result.n_noise == (result.labels == -1).sum() >= 12
    assert result.names == {-1: "noise", 0: "not clustered", 1: "cluster 1", 2: "cluster 2", 3: "cluster 3"}
    assert result.sizes.sum() + result.n_noise + 1 == len(table)
    assert (result.probability[result.labels == -1] == 0).all()
    assert result.probability[result.labels > 0].mean() > 0.5
    assert result.parameters["library"] == library
    alone = cluster(table, COLUMNS, "hdbscan", min_cluster_size=150, library=library)
    assert len(alone.sizes) == 0 or alone.sizes[0] >= 150


def test_hdbscan_equals_its_library():
    library = pytest.importorskip("hdbscan")
    table, _ = with_strays(60)
    result = cluster(table, COLUMNS, "hdbscan", min_cluster_size=8, min_samples=4, library="hdbscan")
    expected = library.HDBSCAN(min_cluster_size=8, min_samples=4).fit_predict(result.prepared.values)
    assert same_partition(result.labels, expected)
    assert ((result.labels == -1) == (expected == -1)).all()


@pytest.mark.parametrize("n_columns", [3, 20])
def test_neighbours_equal_scikit_learn_even_among_equal_rows(n_columns):
    from sklearn.neighbors import NearestNeighbors

    values = np.random.default_rng(0).normal(size=(200, n_columns))
    expected = NearestNeighbors(n_neighbors=7).fit(values).kneighbors(return_distance=False)
    np.testing.assert_array_equal(_cluster_methods._nearest(values, 7), expected)
    equal = np.repeat(values[:3], 20, axis=0)
    near = _cluster_methods._nearest(equal, 7)
    assert (near != np.arange(60)[:, None]).all()
    np.testing.assert_array_equal(equal[near], np.broadcast_to(equal[:, None], (60, 7, n_columns)))


def test_leiden_equals_its_library_with_the_same_seed_and_is_as_good_as_another():
    igraph = pytest.importorskip("igraph")
    values = np.random.default_rng(1).normal(size=(400, 3))
    table = pd.DataFrame(values, columns=COLUMNS)
    before = random.getstate()
    result = cluster(table, COLUMNS, "leiden", scaling="none", seed=5)
    pairs, weights = _cluster_methods._shared_neighbours(values, 15)
    graph = igraph.Graph(n=400, edges=pairs)
    igraph.set_random_number_generator(random.Random(5))
    expected = graph.community_leiden("modularity", weights=weights.tolist(), n_iterations=10)
    igraph.set_random_number_generator(random)
    assert same_partition(result.labels, np.array(expected.membership))
    assert random.getstate() == before
    leidenalg = pytest.importorskip("leidenalg")
    kind = leidenalg.RBConfigurationVertexPartition
    other = leidenalg.find_partition(graph, kind, weights=weights.tolist(), n_iterations=-1, seed=5)
    own = kind(graph, initial_membership=(result.labels - 1).tolist(), weights=weights.tolist())
    assert own.quality() > 0.995 * other.quality()


@pytest.mark.parametrize(("method", "interfaces"), [("gmm", {"blas"}), ("kmeans", {"blas", "openmp"})])
def test_small_computations_are_not_shared_among_threads_and_others_get_theirs_back(method, interfaces, monkeypatch):
    from sklearn.cluster import KMeans
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_info, threadpool_limits

    def threads():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] in interfaces}

    seen, kind = [], GaussianMixture if method == "gmm" else KMeans
    fit = kind.fit
    monkeypatch.setattr(kind, "fit", lambda self, *rows: (seen.append(threads()), fit(self, *rows))[1])
    with threadpool_limits(2):
        before = threads()
        cluster(blobs()[0], COLUMNS, method)
        assert threads() == before
        assert seen == [{1}]
        if method == "kmeans":
            monkeypatch.setattr(_cluster_methods, "_PRODUCTS_FOR_ONE_THREAD", 100)
            cluster(blobs()[0], COLUMNS, method)
            assert seen[1] == before


def test_what_is_not_installed_is_named(monkeypatch):
    real = importlib.import_module

    def without(name, *args):
        if name in ("hdbscan", "igraph"):
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    table, _ = blobs()
    with pytest.raises(InputError, match=r'igraph.*pip install "napari-bioloom\[explore\]"'):
        cluster(table, COLUMNS, "leiden")
    with pytest.raises(InputError, match=r'hdbscan.*pip install "napari-bioloom\[explore\]"'):
        cluster(table, COLUMNS, "hdbscan", library="hdbscan")


def test_methods_refuse_more_rows_than_they_can_deal_with():
    many = pd.DataFrame(np.random.default_rng(0).normal(size=(15_001, 1)), columns=["a"])
    for method, limit in (("spectral", 10_000), ("agglomerative", 15_000)):
        with pytest.raises(InputError, match=f"can deal with {limit} objects, but there are 15001"):
            cluster(many, ["a"], method)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "dbscan"}, "method is 'dbscan'"),
        ({"method": "gmm", "n_clusters": 0}, "n_clusters is 0"),
        ({"method": "hdbscan", "min_cluster_size": 1}, "min_cluster_size is 1"),
        ({"method": "hdbscan", "min_samples": 0}, "min_samples is 0"),
        ({"method": "hdbscan", "library": "other"}, "library is 'other'"),
        ({"method": "agglomerative", "linkage": "median"}, "linkage is 'median'"),
        ({"method": "meanshift", "bandwidth": -1.0}, "bandwidth is -1"),
        ({"method": "spectral", "n_neighbors": 1}, "n_neighbors is 1"),
        ({"method": "leiden", "resolution": 0.0}, "resolution is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_clusterings_refuse_what_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        cluster(blobs()[0], COLUMNS, **options)


@pytest.mark.parametrize("method", ["kmeans", "agglomerative", "spectral"])
def test_equal_rows_are_not_torn_apart(method):
    table = pd.DataFrame({"a": np.repeat([0.0, 1.0], 20), "b": np.repeat([0.0, 5.0], 20)})
    assert len(cluster(table, ["a", "b"], method, 2).sizes) == 2
    with pytest.raises(InputError, match="only 2 different rows"):
        cluster(table, ["a", "b"], method, 3)


def test_a_radius_below_all_distances_makes_each_row_a_cluster_quietly():
    assert len(cluster(blobs()[0], COLUMNS, "meanshift", bandwidth=1e-6).sizes) == 160


# the number of clusters, and trust in them


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_every_criterion_finds_the_number_of_clear_groups(method):
    table, _ = blobs((60, 60, 60, 60))
    steps = []
    choice = choose_k(table, COLUMNS, method, 2, 6, n_runs=4, progress=lambda *step: steps.append(step))
    assert choice.table["k"].tolist() == [2, 3, 4, 5, 6]
    assert (choice.by_silhouette, choice.by_elbow, choice.by_stability) == (4, 4, 4)
    assert choice.table["silhouette"].idxmax() == 2
    assert choice.table["stability"][2] == 1
    assert choice.table["stability"][4] < 0.95
    assert (choice.table["spread"].diff()[1:3] < 0).all()
    assert steps == [(k, 5) for k in range(6)]
    assert "silhouette proposes 4, elbow 4, stability 4" in choice.note


def test_spread_and_silhouette_equal_scikit_learn():
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    table, _ = blobs(spread=2)
    choice = choose_k(table, COLUMNS, k_min=3, k_max=3, scaling="none", seed=2)
    model = KMeans(3, n_init=10, random_state=2).fit(table.to_numpy())
    assert choice.table["spread"][0] == pytest.approx(model.inertia_)
    assert choice.table["silhouette"][0] == pytest.approx(silhouette_score(table.to_numpy(), model.labels_))


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_many_rows_are_represented_by_a_sample_that_is_told(method, monkeypatch):
    monkeypatch.setattr("bioloom.explore.k_choice._MOST_ROWS", {method: 300})
    monkeypatch.setattr("bioloom.explore.k_choice._MOST_FOR_SILHOUETTE", 200)
    few, enough, many = (choose_k(blobs((n,) * 3)[0], COLUMNS, method, 2, 4, n_runs=2) for n in (50, 100, 400))
    assert [choice.by_silhouette for choice in (few, enough, many)] == [3, 3, 3]
    assert "drawn" not in few.note
    assert "The silhouette is that of 200 objects drawn by the seed." in enough.note
    assert "Compared on 300 objects drawn by the seed, the silhouette on 200 of them." in many.note
    # Distances to the means of 300 rows, not of 1200.
    assert many.table["spread"][1] == pytest.approx(enough.table["spread"][1], rel=0.2)


def test_numbers_that_fit_alike_propose_the_fewest_clusters_and_a_warning():
    one_cloud = pd.DataFrame(np.random.default_rng(0).normal(size=(120, 2)), columns=["a", "b"])
    choice = choose_k(one_cloud, ["a", "b"], k_max=6, n_runs=3)
    silhouettes = choice.table.set_index("k")["silhouette"]
    assert silhouettes.idxmax() > choice.by_silhouette
    assert silhouettes.max() - silhouettes[choice.by_silhouette] < 0.03
    assert "hardly repeat" in choice.note


def test_too_few_different_rows_have_no_clusters_to_compare():
    with pytest.raises(InputError, match="only 2 different rows"):
        choose_k(pd.DataFrame({"a": [1.0, 1, 2, 2, 1]}), ["a"])
    table, _ = blobs()
    with pytest.raises(InputError, match="2 ≤ k_min ≤ k_max"):
        choose_k(table, COLUMNS, k_min=1)
    few = choose_k(table.iloc[:6], COLUMNS, k_max=10)
    assert few.table["k"].max() == 4


def test_clear_groups_are_stable_and_a_cloud_is_not():
    table, member = blobs()
    clear = cluster_stability(table, COLUMNS, n_clusters=3, n_runs=4, resample=True)
    assert clear.mean_rand == 1
    assert clear.clusters.tolist() == [1, 1, 1]
    # A few objects may be in none of the other runs.
    assert np.nanmin(clear.objects) == 1
    assert np.isfinite(clear.objects).mean() > 0.9
    np.testing.assert_array_equal(clear.first.labels, np.array([2, 1, 3])[member])
    cloud = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=COLUMNS)
    cloud.loc[7, "b"] = np.nan
    unclear = cluster_stability(cloud, COLUMNS, n_clusters=6, n_runs=4, resample=True)
    assert unclear.mean_rand < 0.8
    assert unclear.clusters.mean() < 0.85
    assert np.isnan(unclear.objects[7])
    assert np.nanmean(unclear.objects) < 0.95
    assert "mean adjusted Rand index" in unclear.note


def test_stability_compares_maps_made_anew_with_other_seeds():
    table, _ = blobs()
    steps = []
    result = cluster_stability(
        table, COLUMNS, n_clusters=3, n_runs=2, embedding="umap", seed=3, progress=lambda *s: steps.append(s)
    )
    assert result.seeds == (3, 4)
    expected = embed(table, COLUMNS, "umap", seed=3)
    np.testing.assert_allclose(result.first.prepared.values, expected.coordinates)
    assert result.mean_rand == 1
    assert steps == [(0, 2), (1, 2), (2, 2)]
    assert result.note.startswith("k-means of UMAP, 2 runs with the seeds 3 to 4")


def test_noise_counts_as_its_own_in_comparisons():
    table, member = with_strays()
    result = cluster_stability(table, COLUMNS, "hdbscan", n_runs=3, resample=True)
    assert result.objects[member == -1].mean() == 1
    assert result.clusters.min() > 0.8


# clusters to classifiers


def test_a_classifier_knows_its_clusters_and_says_how_well():
    table, _ = blobs(spread=1.2)
    clusters = cluster(table, COLUMNS, n_clusters=3)
    steps = []
    result = classifier_from_clusters(table, COLUMNS, clusters, progress=lambda *s: steps.append(s))
    assert result.agreement == (result.predicted == clusters.labels).mean() > 0.97
    assert 0.9 < result.held_out_agreement <= result.agreement
    assert result.confusion.to_numpy().sum() == len(table)
    assert np.trace(result.confusion.to_numpy()) / len(table) == pytest.approx(result.held_out_agreement)
    assert result.classifier.classes_.tolist() == [1, 2, 3]
    assert result.classifier.name_of(2) == "cluster 2"
    assert steps == [(k, 6) for k in range(1, 7)]
    new, member = blobs((30, 20, 10), seed=8)
    assert (result.classifier.predict(new) == np.array([2, 1, 3])[member]).mean() == 1


def test_clusters_that_mean_nothing_are_not_repeatable():
    table, _ = blobs()
    nonsense = np.random.default_rng(0).integers(1, 4, len(table))
    result = classifier_from_clusters(table, COLUMNS, nonsense)
    assert result.held_out_agreement < 0.5 < result.agreement


def test_noise_becomes_a_class_or_is_left_out():
    table, member = with_strays(40)
    clusters = cluster(table, COLUMNS, "hdbscan")
    table.loc[2, "a"] = np.nan
    clusters.labels[2] = 0
    as_class = classifier_from_clusters(table, COLUMNS, clusters)
    assert as_class.classifier.classes_.tolist() == [1, 2, 3, 4]
    assert as_class.classifier.name_of(4) == "noise"
    assert (as_class.predicted[member == -1] == 4).mean() > 0.8
    left_out = classifier_from_clusters(table, COLUMNS, clusters, noise="leave out", class_names={1: "round"})
    assert set(left_out.predicted) == {1, 2, 3}
    assert left_out.classifier.name_of(1) == "round"


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (np.ones(160, int), "There is only 1 cluster"),
        (np.full(160, -1), "There is only noise"),
        (np.zeros(160, int), "There is no cluster"),
        (np.ones(3, int), "160 rows"),
        (np.ones(160), "float64"),
        (np.full(160, -2), "-2 is no cluster"),
    ],
)
def test_clusters_that_cannot_be_learnt_are_refused(clusters, message):
    with pytest.raises(InputError, match=message):
        classifier_from_clusters(blobs()[0], COLUMNS, clusters)


def test_two_rows_per_cluster_cannot_be_held_out_but_one_can_learn_from_them():
    table = pd.DataFrame({"a": [0.0, 0.1, 5.0]})
    result = classifier_from_clusters(table, ["a"], np.array([1, 1, 2]))
    assert result.held_out_agreement is None
    assert "left out" not in result.note


def test_cancelling_stops_between_trainings():
    def stop(done, total):
        raise Cancelled

    table, _ = blobs()
    with pytest.raises(Cancelled):
        classifier_from_clusters(table, COLUMNS, cluster(table, COLUMNS), progress=stop)
    with pytest.raises(Cancelled):
        cluster_stability(table, COLUMNS, progress=stop)
    with pytest.raises(Cancelled):
        choose_k(table, COLUMNS, progress=stop)
