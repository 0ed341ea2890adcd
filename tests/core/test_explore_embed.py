"""Scaling, embeddings of all methods, files of them, and new objects in a known map."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from bioloom import explore
from bioloom.errors import Cancelled, InputError
from bioloom.explore import EMBEDDING_METHODS, _fitted_models, embed, load_embedding, place, prepare, save_embedding

COLUMNS = ["area", "roundness", "intensity", "contrast"]
CENTERS = np.array([[100, 0.2, 10, 1], [400, 0.5, 40, 5], [900, 0.9, 5, 9]])


def blobs(sizes=(40, 60, 30), seed=0):
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(len(sizes)), sizes)
    values = CENTERS[member] + rng.normal(size=(len(member), 4)) * [20, 0.03, 1, 0.4]
    return pd.DataFrame(values, columns=COLUMNS), member


# scaling


def test_logarithms_are_natural_ones_and_then_standardised():
    table = pd.DataFrame({"size": np.exp([1.0, 2, 3, 4]), "change": [-5.0, 0, 2, 40]})
    prepared = prepare(table, ["size", "change"], "log")
    logs = np.array([1.0, 2, 3, 4])
    np.testing.assert_allclose(prepared.values[:, 0], (logs - logs.mean()) / logs.std())
    # Values of 0 and below have no logarithm; the median size of the others, 5, is where it begins.
    signed = np.arcsinh(np.array([-5.0, 0, 2, 40]) / 5)
    np.testing.assert_allclose(prepared.values[:, 1], (signed - signed.mean()) / signed.std())


def test_each_image_is_scaled_by_itself():
    table, _ = blobs((40, 40, 40))
    bright = table.assign(frame=1)
    bright["intensity"] = bright["intensity"] * 7 + 100
    both = pd.concat([table.assign(frame=0), bright], ignore_index=True)
    together = prepare(both, COLUMNS).values
    apart = prepare(both, COLUMNS, per="frame").values
    assert np.abs(together[:120] - together[120:]).max() > 1
    np.testing.assert_allclose(apart[:120], apart[120:], atol=1e-9)
    for scaling in ("standard", "robust", "log"):
        expected = prepare(table, COLUMNS, scaling).values
        np.testing.assert_allclose(prepare(both, COLUMNS, scaling, per=["frame"]).values[:120], expected, atol=1e-9)
    with pytest.raises(InputError, match="no single column plate"):
        prepare(both, COLUMNS, per="plate")


def test_a_column_that_only_tells_images_apart_says_nothing_within_them():
    table, _ = blobs()
    table["layer"] = np.where(np.arange(len(table)) % 2, "a", "b")
    table["exposure"] = np.where(table["layer"] == "a", 10.0, 20.0)
    assert prepare(table, [*COLUMNS, "exposure"], per="layer").dropped_constant == ("exposure",)


def test_what_happens_to_missing_values_is_a_choice_and_reported():
    table, _ = blobs((10, 10, 10))
    table.loc[[3, 7], "area"] = np.nan
    table.loc[5, "contrast"] = np.inf
    rows = prepare(table, COLUMNS)
    assert (len(rows.values), rows.incomplete_rows, rows.columns) == (27, 3, tuple(COLUMNS))
    assert rows.report() == "4 columns of 27 objects; 3 objects with missing values left out"
    columns = prepare(table, COLUMNS, missing="columns")
    assert (len(columns.values), columns.columns) == (30, ("roundness", "intensity"))
    assert columns.report() == "2 columns of 30 objects; columns with missing values left out: area, contrast"
    median = prepare(table, COLUMNS, "none", missing="median")
    assert median.filled == 3
    assert median.values[3, 0] == table["area"].median() == median.values[7, 0]
    assert "3 missing values replaced by the median" in median.report()
    empty = pd.concat([table, pd.DataFrame([[np.nan] * 4], columns=COLUMNS)], ignore_index=True)
    assert not prepare(empty, COLUMNS, missing="median").kept[-1]
    with pytest.raises(InputError, match="missing is 'zero'"):
        prepare(table, COLUMNS, missing="zero")


@pytest.mark.parametrize("scaling", ["standard", "robust", "log", "none"])
@pytest.mark.parametrize("missing", ["rows", "median"])
def test_other_rows_are_scaled_like_the_first_ones(scaling, missing):
    table, _ = blobs()
    table["contrast"] -= 3
    table.loc[2, "area"] = np.nan
    prepared = prepare(table, COLUMNS, scaling, missing=missing)
    values, kept = prepared.scaler.apply(table)
    np.testing.assert_allclose(values, prepared.values)
    np.testing.assert_array_equal(kept, prepared.kept)
    part, _ = prepared.scaler.apply(table.iloc[30:60])
    np.testing.assert_allclose(part, prepared.values[np.flatnonzero(prepared.kept) >= 30][:30])
    # What has no logarithm in a column of positive values has no place.
    below = table.iloc[:10].assign(roundness=-1.0)
    assert prepared.scaler.apply(below)[1].any() == (scaling != "log")


# embeddings


def direct(method, values, seed):
    from sklearn.manifold import MDS, TSNE, Isomap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "tsne":
            return TSNE(2, perplexity=20, random_state=seed).fit_transform(values)
        if method == "isomap":
            return Isomap(n_neighbors=9, n_components=2).fit_transform(values)
        model = MDS(2, n_init=1, init="classical_mds", random_state=seed, normalized_stress="auto")
        return model.fit_transform(values)


@pytest.mark.parametrize("method", ["tsne", "isomap", "mds"])
def test_embeddings_equal_scikit_learn(method):
    table, member = blobs()
    table.loc[5, "area"] = np.nan
    result = embed(table, COLUMNS, method, perplexity=20, n_neighbors=9, seed=4)
    kept = result.prepared.kept
    np.testing.assert_allclose(result.coordinates[kept], direct(method, result.prepared.values, 4), atol=1e-6)
    assert np.isnan(result.coordinates[5]).all()
    assert result.column_names[0] == {"tsne": "t-SNE-0", "isomap": "Isomap-0", "mds": "MDS-0"}[method]
    # The columns of a map are no measurements.
    assert explore.feature_columns(pd.DataFrame(result.coordinates, columns=result.column_names)) == []
    distance = np.linalg.norm(result.coordinates[kept][:, None] - result.coordinates[kept], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (member[kept][distance.argmin(axis=1)] == member[kept]).mean() > 0.98


def test_loadings_are_correlations_with_the_dimensions():
    table, _ = blobs()
    result = embed(table, COLUMNS, "pca", 3)
    expected = [
        [np.corrcoef(table[column], result.coordinates[:, axis])[0, 1] for axis in range(3)] for column in COLUMNS
    ]
    n = len(table)
    np.testing.assert_allclose(result.loadings * np.sqrt((n - 1) / n), expected, atol=1e-9)


def test_groups_that_no_neighbours_connect_are_told():
    table, _ = blobs()
    assert "3 groups that are not connected" in embed(table, COLUMNS, "isomap", n_neighbors=5).note
    assert embed(table.iloc[:40], COLUMNS, "isomap", n_neighbors=12).note == ""


def test_tsne_reports_iterations_stops_on_request_and_keeps_the_prints_of_others(capsys):
    table, _ = blobs((20, 20, 20))
    steps = []

    def report(done, total):
        print("working", done)
        steps.append((done, total))

    silent = embed(table, COLUMNS, "tsne")
    reporting = embed(table, COLUMNS, "tsne", progress=report)
    np.testing.assert_array_equal(silent.coordinates, reporting.coordinates)
    assert steps[0] == (0, 1000)
    assert steps[-1] == (1000, 1000)
    assert len(steps) > 5
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    printed = capsys.readouterr().out
    assert "t-SNE" not in printed
    assert printed.splitlines() == [f"working {done}" for done, _ in steps]

    def stop(done, total):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        embed(table, COLUMNS, "tsne", progress=stop)


@pytest.mark.parametrize("method", ["isomap", "mds", "pca"])
def test_a_part_can_be_fitted_and_the_rest_placed(method):
    table, member = blobs()
    result = embed(table, COLUMNS, method, max_fitted=50, seed=3)
    assert result.parameters["fitted_rows"] == 50
    assert result.note.endswith("Fitted to 50 of 130 objects, the others placed among them.")
    assert np.isfinite(result.coordinates).all()
    centers = np.array([result.coordinates[member == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(result.coordinates[:, None] - centers, axis=2).argmin(axis=1)
    assert (nearest == member).mean() == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "tsne", "n_components": 4}, "at most 3 dimensions"),
        ({"method": "tsne", "perplexity": 0.5}, "perplexity is 0.5"),
        ({"method": "isomap", "n_neighbors": 1}, "n_neighbors is 1"),
        ({"method": "mds", "n_components": 200}, "at most 129 dimensions"),
        ({"method": "pca", "max_fitted": 3}, "max_fitted is 3"),
        ({"seed": 2**32}, "below 2\\*\\*32"),
    ],
)
def test_options_that_cannot_be_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        embed(blobs()[0], COLUMNS, **options)


def test_one_column_has_one_dimension():
    with pytest.raises(InputError, match="at most 1 dimension from 130 complete rows and 1 column that varies, but"):
        embed(blobs()[0], COLUMNS[:1], "pca")


# new data and files


def library_transform(method, values, new, seed):
    if method == "pca":
        from sklearn.decomposition import PCA

        return PCA(2, svd_solver="full").fit(values).transform(new)
    if method == "isomap":
        from sklearn.manifold import Isomap

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Isomap(n_neighbors=15, n_components=2).fit(values).transform(new)
    with _fitted_models.quiet_umap() as umap:
        return umap.UMAP(random_state=seed, n_jobs=1).fit(values).transform(new)


@pytest.mark.parametrize("method", ["pca", "isomap", "umap"])
def test_new_objects_come_where_the_library_puts_them_also_from_a_file(method, tmp_path, monkeypatch):
    table, _ = blobs()
    new, _ = blobs((20, 10, 30), seed=9)
    new.loc[4, "area"] = np.nan
    fitted = embed(table, COLUMNS, method, seed=3)
    values, kept = fitted.prepared.scaler.apply(new)
    expected = library_transform(method, fitted.prepared.values, values, 3)
    placed = place(fitted.model, new)
    np.testing.assert_allclose(placed.coordinates[kept], expected, atol=1e-5)
    assert placed.placed_by == "transform"
    assert np.isnan(placed.coordinates[4]).all()
    save_embedding(fitted.model, tmp_path / "map.npz")
    # As in a process that never fitted it.
    _fitted_models._fitted.clear()
    loaded = load_embedding(tmp_path / "map.npz")
    np.testing.assert_allclose(place(loaded, new).coordinates, placed.coordinates, atol=1e-5)
    # Large tables have their neighbours searched in another way, with another last digit that may move a few rows.
    _fitted_models._fitted.clear()
    monkeypatch.setattr(_fitted_models, "_FEWEST_APPROXIMATE", 20)
    apart = np.abs(place(loaded, new).coordinates[kept] - expected).max(axis=1)
    assert np.median(apart) < 1e-3
    assert apart.max() < 0.1 * np.ptp(fitted.coordinates)
    assert loaded.parameters == fitted.parameters
    assert loaded.parameters["data_hash"] != embed(new, COLUMNS, "pca").parameters["data_hash"]


def test_many_new_objects_are_placed_in_parts_so_that_their_distances_fit_into_memory(monkeypatch):
    from sklearn.manifold import Isomap

    table, _ = blobs()
    new, _ = blobs((20, 10, 30), seed=9)
    fitted = embed(table, COLUMNS, "isomap")
    values, _ = fitted.prepared.scaler.apply(new)
    expected = library_transform("isomap", fitted.prepared.values, values, 0)
    sizes, transform, steps = [], Isomap.transform, []
    monkeypatch.setattr(Isomap, "transform", lambda self, rows: (sizes.append(len(rows)), transform(self, rows))[1])
    monkeypatch.setattr(_fitted_models, "_MOST_DISTANCES", 25 * len(table))
    placed = place(fitted.model, new, progress=lambda *step: steps.append(step))
    assert sizes == [25, 25, 10]
    assert steps == [(0, 60), (25, 60), (50, 60), (60, 60)]
    np.testing.assert_allclose(placed.coordinates, expected, atol=1e-9)


@pytest.mark.parametrize("method", EMBEDDING_METHODS)
def test_new_objects_come_to_their_like_and_known_ones_stay(method):
    table, member = blobs()
    new, of = blobs((15, 10, 20), seed=9)
    fitted = embed(table, COLUMNS, method, seed=1, perplexity=15)
    placed = place(fitted.model, new)
    centers = np.array([fitted.coordinates[member == k].mean(axis=0) for k in range(3)])
    nearest = np.linalg.norm(placed.coordinates[:, None] - centers, axis=2).argmin(axis=1)
    assert (nearest == of).all()
    np.testing.assert_allclose(place(fitted.model, table).coordinates, fitted.coordinates, atol=1e-6)


def test_objects_unlike_all_known_ones_are_told():
    table, _ = blobs()
    fitted = embed(table, COLUMNS, "pca")
    new, _ = blobs((15, 10, 20), seed=9)
    new.loc[0, "area"] = 1e4
    placed = place(fitted.model, new)
    assert placed.novelty[0] > 10
    assert (placed.novelty[1:] < 2).all()
    assert "lie outside of what the map knows" in placed.note
    with pytest.raises(InputError, match="no column named 'roundness'"):
        place(fitted.model, new.drop(columns="roundness"))


def changed(path, **arrays):
    with np.load(path) as stored:
        content = {name: stored[name] for name in stored.files}
    np.savez(path, **{**content, **arrays})


def test_files_of_embeddings_are_checked(tmp_path):
    table, _ = blobs()
    model = embed(table, COLUMNS, "mds").model
    path = tmp_path / "map.npz"
    with pytest.raises(InputError, match=r"saved as \.npz"):
        save_embedding(model, tmp_path / "map.pkl")
    with pytest.raises(InputError, match="cannot be read"):
        load_embedding(path)
    path.write_bytes(b"no archive")
    with pytest.raises(InputError, match="no embedding saved by Bioloom"):
        load_embedding(path)
    save_embedding(model, path)
    changed(path, values=model.values + 1)
    with pytest.raises(InputError, match="its data were changed"):
        load_embedding(path)
    save_embedding(model, path)
    changed(path, coordinates=model.coordinates[:, :1])
    with pytest.raises(InputError, match="do not fit together"):
        load_embedding(path)
    np.savez(path, header=np.array([print], dtype=object))
    with pytest.raises(InputError, match="no embedding saved by Bioloom"):
        load_embedding(path)


def test_damage_anywhere_in_a_file_is_told(tmp_path):
    table, _ = blobs()
    path = tmp_path / "map.npz"
    save_embedding(embed(table, COLUMNS, "pca").model, path)
    whole = path.read_bytes()
    told = 0
    for at in range(0, len(whole), 23):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            load_embedding(path)
        except InputError:
            told += 1
    assert told > 0.8 * len(whole) / 23


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("isomap", {"parameters": {"n_neighbors": 10**9}}, "number of neighbours"),
        ("isomap", {"parameters": {"n_neighbors": 2.5}}, "number of neighbours"),
        ("pca", {"column_names": ["label", "index"]}, "do not fit together"),
    ],
)
def test_settings_in_a_file_that_cannot_be_are_told(tmp_path, method, change, message):
    table, _ = blobs()
    path = tmp_path / "map.npz"
    save_embedding(embed(table, COLUMNS, method).model, path)
    with np.load(path) as stored:
        header = json.loads(bytes(stored["header"]))
    for name, value in change.items():
        header[name] = {**header[name], **value} if isinstance(value, dict) else value
    changed(path, header=np.frombuffer(json.dumps(header).encode(), np.uint8))
    with pytest.raises(InputError, match=message):
        load_embedding(path)


def test_mds_of_as_many_objects_as_columns_is_quiet():
    table = blobs()[0].iloc[: len(COLUMNS)]
    assert np.isfinite(embed(table, COLUMNS, "mds").coordinates).all()


def test_the_worker_process_places_embeds_and_explains():
    from bioloom.session.worker_process import WorkerProcess

    table, member = blobs((15, 20, 10))
    worker = WorkerProcess()
    try:
        steps = []
        made = worker.call(
            "bioloom.explore.embed:embed", table, COLUMNS, "tsne", seed=2, progress=lambda *step: steps.append(step)
        )
        np.testing.assert_array_equal(made.coordinates, embed(table, COLUMNS, "tsne", seed=2).coordinates)
        assert steps[-1] == (1000, 1000)
        placed = worker.call("bioloom.explore.new_data:place", made.model, table.iloc[:4])
        np.testing.assert_allclose(placed.coordinates, made.coordinates[:4])
        clusters = worker.call("bioloom.explore.cluster:cluster", table, COLUMNS, "gmm", 3)
        learnt = worker.call("bioloom.explore.cluster_classifier:classifier_from_clusters", table, COLUMNS, clusters)
        np.testing.assert_array_equal(learnt.classifier.predict(table), np.array([2, 1, 3])[member])
        found = worker.call("bioloom.explore.explain:explain_rows", learnt.classifier, table)
        np.testing.assert_allclose(found.probabilities, learnt.classifier.predict_proba(table), atol=1e-6)
    finally:
        worker.close()
