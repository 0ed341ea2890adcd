"""What the Explore panel makes of tables before and after the analysis: classes, words, and the quicker library."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from bioloom.errors import InputError
from bioloom.explore import cluster, embed, place
from bioloom.session.explaining import classes_of, learn_clusters, number_text
from bioloom.session.exploring import cluster_table, knows_no_chance, one_map, place_table, quick_hdbscan
from bioloom.session.exploring_words import as_in_the_panel, clusters_note, how_made, with_unit
from bioloom.session.jobs import JobProgress

N = 60


def objects():
    group = np.arange(N) % 3
    return pd.DataFrame(
        {
            "label": 2**33 + 7 * np.arange(N),
            "area": (50 + np.arange(N) // 3).astype(np.int64),
            "treatment": np.array(["drug", "control", "wash"], object)[group],
            "touches_border": group == 0,
            "gaps": np.array([1, 5, 900])[group],
            "with_missing": np.where(np.arange(N) % 5 == 0, np.nan, 1.0 + group),
            "counted": pd.array([None, *([1, 2] * N)][:N], "Int64"),
            "kind": pd.Categorical(np.array(["b", "a", "b"])[group]),
            "HDBSCAN_CLUSTER": np.where(group == 0, -1, group),
            "tiny_CLUSTER": np.arange(N) + 1,
        }
    )


@pytest.mark.parametrize(
    ("column", "classes", "names"),
    [
        ("treatment", [2, 1, 3], {1: "control", 2: "drug", 3: "wash"}),
        ("touches_border", [2, 1, 1], {1: "False", 2: "True"}),
        ("kind", [2, 1, 2], {1: "a", 2: "b"}),
        ("gaps", [1, 5, 900], {1: "class 1", 5: "class 5", 900: "class 900"}),
        ("with_missing", [0, 2, 3], {1: "1", 2: "2", 3: "3"}),
        ("counted", [0, 1, 2], {1: "1", 2: "2"}),
        ("HDBSCAN_CLUSTER", [-1, 1, 2], {-1: "noise", 1: "cluster 1", 2: "cluster 2"}),
    ],
)
def test_columns_of_every_type_are_classes(column, classes, names):
    found, known = classes_of(objects(), column)
    assert found[:3].tolist() == classes
    assert {k: v for k, v in known.items() if k} == names


def test_classes_of_texts_are_in_natural_order_and_ordered_ones_in_their_own():
    texts = np.array([f"class {1 + i % 10}" for i in range(N)])
    steps = pd.Categorical(np.where(np.arange(N) % 2, "b", "a"), ["b", "a"], ordered=True)
    table = objects().assign(text=texts, step=steps)
    classes, names = classes_of(table, "text")
    assert list(names.items()) == [(i, f"class {i}") for i in range(1, 11)]
    assert classes[:10].tolist() == list(range(1, 11))
    assert classes_of(table, "step")[1] == {1: "b", 2: "a"}


def test_fractions_are_no_classes():
    with pytest.raises(InputError, match="‘size’ holds measurements, not classes"):
        classes_of(objects().assign(size=0.5), "size")


@pytest.mark.parametrize("column", ["label", "area"])
def test_measurements_are_no_classes(column):
    with pytest.raises(InputError, match=f"‘{column}’ holds .* different values in 60 objects: measurements"):
        classes_of(objects(), column)
    assert len(classes_of(objects(), "tiny_CLUSTER")[1]) == N, "what is called a cluster is one, however small"
    with pytest.raises(InputError, match="holds 1001 classes, more than 1000"):
        classes_of(pd.DataFrame({"HDBSCAN_CLUSTER": np.arange(2002) // 2 + 1}), "HDBSCAN_CLUSTER")


def never(*_):
    return JobProgress(lambda done, total: None, lambda: False)


def test_a_classifier_knows_the_names_of_texts(monkeypatch):
    import bioloom.session.explaining as explaining
    from bioloom.explore.cluster_classifier import classifier_from_clusters

    monkeypatch.setattr(
        explaining, "_call", lambda name, *a, progress, **options: classifier_from_clusters(*a, **options, n_trees=5)
    )
    table = objects().assign(size=np.arange(N) % 3 + np.linspace(0, 0.1, N))
    classes, names = classes_of(table, "treatment")
    learned = learn_clusters(table, ["size"], classes, class_names=names, progress=never())
    assert learned.result.classifier.class_names == names
    assert "in 3 classes" in learned.result.note
    assert learned.table["CLUSTER_CLASS"].tolist() == classes.tolist()


def test_hdbscan_of_many_objects_is_left_to_the_quicker_library_with_the_same_result(monkeypatch):
    pytest.importorskip("hdbscan")
    import bioloom.session.exploring as exploring

    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        np.repeat(rng.normal(size=(4, 3)) * 6, 200, axis=0) + rng.normal(size=(800, 3)), columns=[*"abc"]
    )
    table["label"] = np.arange(800) + 1
    assert quick_hdbscan("hdbscan", 800, {}) == {}
    assert quick_hdbscan("kmeans", 10**6, {}) == {}
    monkeypatch.setattr(exploring, "_MANY_FOR_HDBSCAN", 500)
    monkeypatch.setattr(exploring, "_call", lambda name, *a, progress, **options: cluster(*a, **options))
    for options in ({"min_cluster_size": 10}, {"min_cluster_size": 20, "min_samples": 5}):
        quick = cluster_table(table, [*"abc"], "hdbscan", seed=0, progress=never(), **options).clustering
        assert quick.parameters["library"] == "hdbscan"
        slow = cluster(table, [*"abc"], "hdbscan", **options)
        assert adjusted_rand_score(quick.labels, slow.labels) > 0.99


def test_messages_speak_of_settings_as_the_panel_does():
    assert as_in_the_panel("n_clusters is 3. Lower n_clusters.") == "‘Clusters’ is 3. Lower ‘Clusters’."
    assert as_in_the_panel("column 'n_clusters_of_mine'") == "column 'n_clusters_of_mine'"
    assert number_text(np.inf) == "∞"
    assert number_text(0.12345) == "0.123"


def test_one_cluster_and_one_column_are_said_so():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=40)})
    note = clusters_note(cluster(table, ["a"], "kmeans", 1))
    assert "of 1 column, seed 0: one cluster of 40 objects" in note
    note = clusters_note(cluster(table, ["a"], "agglomerative", 20))
    assert "20 clusters of" in note
    assert "…" in note
    assert how_made({"method": "kmeans", "columns": ["a"], "seed": 2}) == "k-means of 1 column, seed 2"
    made = {"method": "tsne", "columns": ["a", "b"], "seed": 2, "per": ["layer"], "perplexity": 26.666666666666668}
    assert how_made(made) == "t-SNE of 2 columns, seed 2\nper layer, perplexity 26.67"
    assert how_made({"method": "pca", "per": []}) == "PCA"


def test_a_table_that_does_not_name_its_images_is_placed_as_one(monkeypatch):
    import bioloom.session.exploring as exploring

    monkeypatch.setattr(exploring, "_call", lambda name, *a, progress, **options: place(*a, **options))
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(80, 3)), columns=[*"abc"]).assign(
        layer=["one", "two"] * 40, label=np.arange(80)
    )
    fitted = embed(table, [*"abc"], "pca", per="layer")
    new = table[table["layer"] == "two"].drop(columns="layer").reset_index(drop=True) * 3 + 10
    placed, result = place_table(fitted.model, new, progress=never())
    np.testing.assert_allclose(placed[["PCA-0", "PCA-1"]], fitted.coordinates[1::2], atol=1e-9)
    assert "as one layer" in result.note


def test_runs_that_would_always_agree_see_other_objects():
    assert not knows_no_chance("kmeans", {})
    assert not knows_no_chance("kmeans", {"method": "umap"})
    assert knows_no_chance("hdbscan", {"method": "umap"})
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(25, 5)), columns=[*"abcde"])
    for method in ("pca", "tsne", "isomap", "mds"):
        first, second = (embed(table, [*"abcde"], method, seed=seed).coordinates for seed in (0, 1))
        np.testing.assert_allclose(first, second, atol=1e-6)
        assert knows_no_chance("kmeans", {"method": method})


def test_axes_of_a_map_are_told_from_measurements():
    assert one_map("UMAP-0", "UMAP-3")
    assert one_map("t-SNE-1", "t-SNE-0")
    assert not one_map("UMAP-0", "PCA-1")
    assert not one_map("UMAP-0", "area")
    assert not one_map("centroid-0", "centroid-1")


@pytest.mark.parametrize(
    ("column", "length", "n_axes", "text"),
    [
        ("area", "µm", 2, "area (µm²)"),
        ("area", "µm", 3, "area (µm³)"),
        ("area", "pixel", 2, "area (px²)"),
        ("perimeter", "nm", 2, "perimeter (nm)"),
        ("area", "", 2, "area"),
        ("area", "units of 0.2 a pixel", 2, "area"),
        ("num_pixels", "µm", 2, "num_pixels (px)"),
        ("orientation", "µm", 2, "orientation (rad)"),
        ("intensity_mean", "µm", 2, "intensity_mean"),
        ("UMAP-0", "µm", 2, "UMAP-0"),
    ],
)
def test_figures_name_measurements_with_their_units(column, length, n_axes, text):
    assert with_unit(column, length, n_axes) == text
