"""The Explore panel in a real viewer: maps, clusters, gates, ranks, classifiers, SHAP, gallery and lasso."""

import itertools
import json
import os
import re

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest

from bioloom import layers
from bioloom.session.worker_process import shared_worker

OWN = {"pca": "n_components", "tsne": "perplexity", "isomap": "n_neighbors", "mds": "max_fitted"}


pytestmark = pytest.mark.usefixtures("cold")


@pytest.fixture
def measured(user, blobs):
    """Blobs in the viewer, measured, and the Explore panel."""
    from bioloom.measure import measure

    labels, image, long_ones = blobs()
    user.viewer.add_image(image, name="image")
    layer = user.viewer.add_labels(labels, name="blobs")
    layers.add_features(layer, measure(labels, image))
    explore = user.open("Explore")
    explore.labels.choose(layer)
    user.look()
    return explore, layer, long_ones


def picture(panel, name):
    """Save what the panel looks like, where that is wanted."""
    folder = os.environ.get("BIOLOOM_SHOTS")
    if folder:
        panel.plot.wait()
        panel.repaint()
        panel.window().grab().save(f"{folder}/{name}.png")


def agreement(a, b):
    """The share of objects that two clusterings of two clusters put together, whatever the numbers."""
    return max((a == b).mean(), (a == 3 - b).mean())


def test_every_map_comes_with_its_settings_and_seed(user, measured, errors, tmp_path):
    explore, layer, _ = measured
    rows = explore.maps._rows
    for method, own in (
        ("pca", "n_components"),
        ("tsne", "perplexity"),
        ("isomap", "n_neighbors"),
        ("mds", "max_fitted"),
    ):
        explore.maps.choose(method)
        shown = {k for k, (field, _) in explore.maps._fields.items() if rows.isRowVisible(field)}
        assert own in shown
        assert ("min_dist" in shown) is False
        explore.maps.seed.setValue(3)
        explore.embed_button.click()
        user.wait(explore)
        name = explore.x_box.currentText()
        assert name.endswith("-0")
        assert np.isfinite(layer.features[name]).all()
        assert "seed 3" in explore.status.text.text()
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    assert re.search(r"PCA-0 \(\d+ % of the variance\): \w+ [+-]", explore.maps.loadings.text())
    assert "Explained variance" in explore.status.text.text()
    assert "PCA of" in explore.x_box.toolTip()
    assert "seed 3" in explore.x_box.toolTip()
    made = layers.made_by(layer, "PCA-0")
    assert made["seed"] == 3
    assert set(made["columns"]) <= set(explore.columns.checked())
    assert "seed 3" in explore.x_box.toolTip()

    made = layer.features[["PCA-0", "PCA-1"]].to_numpy()
    explore.analysis.save_map(str(tmp_path / "map.npz"))
    layer.features = layer.features.drop(columns=["PCA-0", "PCA-1"])
    user.look()
    explore.analysis.place_in(str(tmp_path / "map.npz"))
    user.wait(explore)
    np.testing.assert_allclose(layer.features[["PCA-0", "PCA-1"]].to_numpy(), made, atol=1e-6)
    assert explore.x_box.currentText() == "PCA-0"
    assert not errors


def test_scaling_and_missing_values_are_chosen_and_reported(user, measured, errors):
    explore, layer, _ = measured
    table = layer.features.copy()
    table.loc[:4, "area"] = np.nan
    layer.features = table
    user.look()
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    assert "5 objects with missing values left out" in explore.status.text.text()
    before = layer.features["PCA-0"].to_numpy()
    assert np.isnan(before).sum() == 5
    explore.data.missing.setCurrentIndex(explore.data.missing.findData("median"))
    explore.data.scaling.setCurrentIndex(explore.data.scaling.findData("robust"))
    explore.embed_button.click()
    user.wait(explore)
    assert "5 missing values replaced by the median" in explore.status.text.text()
    after = layer.features["PCA-0"].to_numpy()
    assert np.isfinite(after).all()
    assert not np.allclose(after[5:], before[5:])
    assert not errors


@pytest.mark.parametrize("method", ["gmm", "agglomerative", "spectral", "meanshift", "hdbscan"])
def test_clusters_of_other_methods(user, measured, errors, method):
    explore, layer, long_ones = measured
    explore.columns.set_checked({"circularity", "aspect_ratio"})
    explore.clusters.choose(method)
    explore.clusters.n_clusters.setValue(2)
    explore.cluster_button.click()
    user.wait(explore)
    assert not errors
    column = f"{method.upper()}_CLUSTER"
    assert explore.colour_box.currentText() == column
    clusters = layer.features[column].to_numpy()
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    if method != "meanshift":
        known = clusters > 0
        assert known.mean() > 0.7
        assert agreement(clusters[known], 1 + is_long[known]) > 0.95
    legend = {text for _, text, *_ in explore.plot.model.legend()}
    assert "cluster 1" in legend
    assert ("noise" in legend) == bool((clusters == -1).any())


def test_noise_is_a_class_of_its_own_everywhere(user, measured, errors):
    explore, layer, _ = measured
    n, rng = len(layer.features), np.random.default_rng(0)
    group = np.arange(n) % 3
    values = np.array([[0, 0], [10, 0], [0, 10]])[group] + rng.normal(0, 0.3, (n, 2))
    lost = np.arange(0, n, 9)
    values[lost] = rng.uniform(20, 200, (len(lost), 2))
    layer.features = layer.features.assign(a=values[:, 0], b=values[:, 1])
    explore.columns.set_checked({"a", "b"})
    explore.clusters.choose("hdbscan")
    explore.cluster_button.click()
    user.wait(explore)
    clusters = layer.features["HDBSCAN_CLUSTER"].to_numpy()
    assert set(np.flatnonzero(clusters == -1)) >= set(lost)
    assert (clusters > 0).sum() > n // 2
    assert f"{(clusters == -1).sum()} objects are noise" in explore.status.text.text()
    colours = explore.plot.palette_[explore.plot.colour_index]
    for number in np.unique(clusters[clusters > 0]):
        assert len({tuple(c) for c in colours[clusters == number]}) == 1
        assert tuple(colours[clusters == number][0]) != tuple(colours[lost[0]])
    of_lost = layer.get_color(int(layer.features["label"][lost[0]]))
    np.testing.assert_allclose(of_lost[:3], colours[lost[0]][:3] / 255, atol=0.01)

    explain = explore.explaining
    explore.tabs.setCurrentWidget(explain)
    assert explain.ranks.target.findData(-1) >= 0
    explain.ranks.target.setCurrentIndex(explain.ranks.target.findData(-1))
    explain.ranks.rank_button.click()
    user.wait(explore)
    assert explain.ranks.ranking.target == -1
    explain.train_button.click()
    user.wait(explore)
    assert "and noise" in explain.agreement.text()
    learned = layer.features["CLUSTER_CLASS"].to_numpy()
    assert (learned == clusters).mean() > 0.9
    assert (learned[lost] == -1).all()
    assert "noise" in explain.classifier.class_names.values()
    explore.show_colour("CLUSTER_CLASS")
    assert "noise" in {text for _, text, *_ in explore.plot.model.legend()}
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("classes"))
    explore.save_classes.click()
    saved = user.viewer.layers["classes of blobs"].data
    at = np.isin(layer.data, layer.features["label"][lost])
    assert np.unique(saved[at]).tolist() == [clusters.max() + 1]
    assert not errors


def test_how_many_clusters_and_how_stable_they_are(user, measured, errors):
    explore, layer, _ = measured
    explore.columns.set_checked({"circularity", "aspect_ratio", "eccentricity"})
    explore.clusters.n_clusters.setValue(7)
    explore.clusters.suggest_button.click()
    user.wait(explore)
    assert explore.clusters.n_clusters.value() == 2
    assert "stability" in explore.clusters.told.text()
    explore.clusters.repeat_button.click()
    user.wait(explore)
    assert "mean adjusted Rand index 1.00" in explore.status.text.text()
    assert (layer.features["KMEANS_CLUSTER_STABILITY"] == 1).all()

    explore.maps.choose("pca")
    explore.maps.seed.setValue(3)
    explore.embed_button.click()
    user.wait(explore)
    explore.clusters.space.setCurrentIndex(explore.clusters.space.findData("plot"))
    explore.clusters.repeat_button.click()
    user.wait(explore)
    told = explore.status.text.text()
    assert "k-means of PCA, 5 runs with the seeds 3 to 7" in told, "every run has a map of its own"
    assert not errors


def test_gates_are_kept_combined_saved_and_applied(user, measured, errors, tmp_path, blobs):
    explore, layer, long_ones = measured
    explore.show_axes("area", "eccentricity")
    user.look()
    explore.plot.wait()
    x, y = explore.plot.x, explore.plot.y
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    user.lasso(explore.plot, x[is_long], y[is_long])
    assert explore.selection.mask.tolist() == is_long.tolist()
    explore.tabs.setCurrentWidget(explore.gates)
    explore.gates.name.setText("long")
    explore.gates.add_button.click()
    explore.plot.tool = "brush"
    user.lasso(explore.plot, x[:1], y[:1])
    assert not explore.gates.add_button.isEnabled(), "what was painted is no outline, and the lasso is not it"
    assert "brush" in explore.gates.add_button.toolTip()
    explore.plot.tool = "lasso"
    user.lasso(explore.plot, x[is_long], y[is_long])
    assert explore.gates.add_button.isEnabled()
    explore.clear_button.click()
    explore.gates.list.clearSelection()
    explore.gates.list.item(0).setSelected(True)
    explore.gates.buttons["not"].click()
    assert explore.selection.mask.tolist() == (~is_long).tolist()
    assert explore.gates.gates["gate 2"].operator == "not"
    gates = explore.gates.list
    gates.setFocus()
    QTest.keyClick(gates, Qt.Key.Key_Home)
    assert explore.selection.mask.tolist() == is_long.tolist(), "the gate that a key leads to"
    explore.clear_button.click()
    QTest.mouseClick(gates.viewport(), Qt.MouseButton.LeftButton, pos=gates.visualItemRect(gates.item(0)).center())
    assert explore.selection.mask.tolist() == is_long.tolist(), "the gate that was chosen already"
    path = tmp_path / "gates.json"
    explore.gates.save(str(path))
    assert [g["name"] for g in json.loads(path.read_text())["gates"]] == ["long", "gate 2"]
    picture(explore, "gates")

    other_labels, other_image, other_long = blobs(n_side=6, seed=5)
    from bioloom.measure import measure

    other = user.viewer.add_labels(other_labels, name="other")
    layers.add_features(other, measure(other_labels, other_image))
    explore.labels.choose(other)
    explore.gates.load(str(path))
    explore.gates.list.item(0).setSelected(True)
    explore.gates.apply()
    found = set(layers.selection_of(other).labels[layers.selection_of(other).mask].tolist())
    assert len(found ^ set(other_long)) <= 2
    assert not errors
    gates.setFocus()
    gates.selectAll()
    QTest.keyClick(gates, Qt.Key.Key_Delete)
    assert gates.count() == len(explore.gates.gates) == 0


def test_gates_are_outlined_where_the_axes_show_their_columns(user, measured, errors, tmp_path):
    explore, _, _ = measured
    plot, gates = explore.plot, explore.gates
    explore.show_axes("area", "eccentricity")
    explore.tabs.setCurrentWidget(gates)
    user.look()

    def shown():
        user.look()
        plot.wait()
        image = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        data = image.constBits()
        data.setsize(image.sizeInBytes())
        return np.frombuffer(bytes(data), np.uint8).reshape(image.height(), image.width(), 4)[..., :3].astype(int)

    def switch():
        QTest.mouseClick(gates.outlined, Qt.MouseButton.LeftButton, pos=QPoint(8, gates.outlined.height() // 2))

    def added():
        """Find the pixels that outlines and names change."""
        with_gates = shown()
        switch()
        changed = np.abs(with_gates - shown()).max(axis=2) > 30
        switch()
        return changed

    def touched(changed, places):
        return np.mean([changed[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].any() for x, y in places])

    area = plot.area()
    left, right = area.left() + 0.3 * area.width(), area.left() + 0.7 * area.width()
    top, bottom = area.top() + 0.4 * area.height(), area.top() + 0.8 * area.height()
    user.drag(plot, [(left, top), (right, top), (right, bottom), (left, bottom)])
    gates.name.setText("drawn")
    QTest.mouseClick(gates.add_button, Qt.MouseButton.LeftButton)
    along = np.linspace(0, 1, 50)[:, None]
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom), (left, top)])
    edges = np.concatenate([a * (1 - along) + b * along for a, b in itertools.pairwise(corners)])
    strong = added()
    picture(explore, "gate_chosen")
    assert touched(strong, edges) == 1
    name = strong[round(top) - 25 : round(top) - 4, round(left) : round(right)]
    assert name.sum() > 40
    assert strong.sum() < 6 * len(corners) * (right - left), "nothing else"
    gates.list.clearSelection()
    assert touched(added(), edges) == 1
    assert 0.3 < added().sum() / strong.sum() < 0.8, "what is not chosen is thinner"

    # What is saved and loaded again is outlined too.
    gates.save(str(tmp_path / "gates.json"))
    gates.list.selectAll()
    QTest.keyClick(gates.list, Qt.Key.Key_Delete)
    assert not added().any()
    gates.load(str(tmp_path / "gates.json"))
    assert touched(added(), edges) == 1
    plot.set_scales("log", "linear")
    x, y = plot.to_screen(*gates.gates["drawn"].vertices[0])
    assert touched(added(), [(x, y)]) == 1, "on any axes"
    plot.set_scales("linear", "linear")

    assert gates.list.item(0).toolTip() == ""
    explore.y_box.setCurrentText("perimeter")
    assert not added().any()
    assert gates.list.item(0).toolTip() == "On area and eccentricity; plot these to see it"
    explore.show_axes("eccentricity", "area")
    x, y = (float(v) for v in plot.to_screen(*gates.gates["drawn"].vertices[0][::-1]))
    assert touched(added(), [(x, y)]) == 1, "also with axes swapped"
    assert gates.list.item(0).toolTip() == ""

    plot.set_kind("histogram")
    plot.wait()
    assert gates.list.item(0).toolTip().endswith("choose a scatter, density or 2D histogram to see it")
    user.drag(plot, [(left, top), (right, top)])
    QTest.mouseClick(gates.add_button, Qt.MouseButton.LeftButton)
    upright = [(x, y) for x in (left, right) for y in np.linspace(area.top() + 30, area.bottom() - 5, 30)]
    assert touched(added(), upright) == 1
    picture(explore, "gate_range")
    for n_lines in (2, 0):
        explore.view.save_figure(str(tmp_path / "plot.svg"))
        assert (tmp_path / "plot.svg").read_text().count('id="gate-') == n_lines, "a figure shows what the plot shows"
        switch()
    assert not errors


@pytest.mark.parametrize("kind", ["points", "density", "histogram", "histogram 2D", "box", "violin"])
def test_every_kind_of_plot_becomes_a_figure(user, measured, errors, tmp_path, kind):
    explore, layer, _ = measured
    clusters = np.where(np.arange(len(layer.features)) % 9 == 0, -1, 1 + np.arange(len(layer.features)) % 2)
    layer.features = layer.features.assign(HDBSCAN_CLUSTER=clusters)
    explore.show_axes("area", "eccentricity")
    explore.show_colour("HDBSCAN_CLUSTER")
    explore.plot.set_kind(kind)
    explore.plot.wait()
    for suffix in ("png", "svg"):
        explore.view.save_figure(str(tmp_path / f"plot.{suffix}"))
    text = (tmp_path / "plot.svg").read_text()
    assert ("<!-- noise -->" in text) == (kind not in ("density", "histogram 2D"))
    assert "<!-- area -->" in text or kind in ("box", "violin")
    explore.show_colour("label")
    explore.view.save_figure(str(tmp_path / "values.pdf"))
    if kind == "points":
        explore.plot.set_scales("log", "linear")
        explore.view.save_figure(str(tmp_path / "log.svg"))
        assert (tmp_path / "log.svg").read_text() != text
    assert not errors


def test_number_keys_classify_and_undo_takes_it_back(user, measured, errors):
    explore, layer, long_ones = measured
    explore.show_axes("area", "eccentricity")
    explore.plot.wait()
    x, y = explore.plot.x, explore.plot.y
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    user.lasso(explore.plot, x[is_long], y[is_long])
    explore.plot.setFocus()
    QTest.keyClick(explore.plot, Qt.Key.Key_4)
    user.look()
    assert (explore.selection.classes == 4 * is_long).all()
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("classes"))
    explore.save_classes.click()
    user.look()
    saved = user.viewer.layers["classes of blobs"].data
    np.testing.assert_array_equal(saved, np.where(np.isin(layer.data, long_ones), 4, 0))
    explore.bar.undo.click()
    assert not explore.selection.classes.any()
    assert explore.selection.mask.tolist() == is_long.tolist(), "one key is one step"
    explore.bar.redo.click()
    assert (explore.selection.classes == 4 * is_long).all()
    assert not errors


def test_a_lasso_on_the_image_fills_the_gallery(user, measured, errors):
    explore, layer, _ = measured
    user.viewer.reset_view()
    explore.gallery_group.set_open(True)
    user.look(0.3)
    explore.image_lasso.shape.setCurrentIndex(explore.image_lasso.shape.findData("rectangle"))
    explore.image_lasso.button.setChecked(True)
    user.look(0.2)
    user.drag_on_canvas([(1, 1), (20, 30), (55, 83)])
    wanted = set(np.unique(layer.data[:55, :83])) - {0}
    selection = explore.selection
    assert set(selection.labels[selection.mask].tolist()) == wanted
    assert set(explore.pictures.view.shown()) == set(np.flatnonzero(selection.mask))
    user.until(lambda: len(explore.pictures.view.wall._pictures) == len(wanted), "the pictures")
    picture(explore, "gallery")
    canvas, pixels = user.viewer.window._qt_viewer.canvas.native, layer.data.copy()
    for active in (layer, user.viewer.layers["image"]):
        user.viewer.layers.selection.active = active
        canvas.setFocus()
        QTest.keyClick(canvas, Qt.Key.Key_2)
        user.look()
        assert set(selection.labels[selection.classes == 2].tolist()) == wanted, "not napari's brush or eraser"
        assert str(active.mode) == "pan_zoom"
        QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        assert not selection.classes.any()
        assert set(selection.labels[selection.mask].tolist()) == wanted
    user.viewer.layers.selection.active = layer
    user.drag_on_canvas([(1, 1), (20, 30), (55, 83)])
    np.testing.assert_array_equal(layer.data, pixels)
    explore.image_lasso.button.setChecked(False)
    QTest.keyClick(canvas, Qt.Key.Key_2)
    assert str(layer.mode) == "paint", "the keys are napari's again"
    layer.mode = "pan_zoom"
    user.drag_on_canvas([(100, 100), (140, 140)])
    assert set(selection.labels[selection.mask].tolist()) == wanted, "the mouse pans again"
    explore.pictures.view.object_clicked.emit(int(np.flatnonzero(selection.mask)[0]))
    assert layer.selected_label == min(wanted)
    assert not errors


def test_from_blobs_to_a_classifier_that_does_not_depend_on_the_map(user, measured, errors, tmp_path):
    """Measure, embed, cluster the map, rank, train, explain; twice, with other seeds."""
    explore, layer, long_ones = measured
    maps, classes = [], []
    for seed in (0, 7):
        explore.maps.choose("umap")
        explore.maps.seed.setValue(seed)
        explore.embed_button.click()
        user.wait(explore)
        explore.clusters.choose("kmeans")
        explore.clusters.n_clusters.setValue(2)
        explore.clusters.space.setCurrentIndex(explore.clusters.space.findData("plot"))
        explore.cluster_button.click()
        user.wait(explore)
        explore.tabs.setCurrentWidget(explore.explaining)
        explore.explaining.train_button.click()
        user.wait(explore)
        maps.append(layer.features[["UMAP-0", "UMAP-1"]].to_numpy())
        classes.append(layer.features["CLUSTER_CLASS"].to_numpy())
    assert not errors
    assert not np.allclose(maps[0], maps[1], atol=0.5)
    assert agreement(*classes) >= 0.95
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    assert agreement(classes[0], 1 + is_long) >= 0.95
    assert "it agrees on" in explore.explaining.agreement.text()

    ranks = explore.explaining.ranks
    ranks.measure.setCurrentIndex(ranks.measure.findData("centre_correlation"))
    ranks.rank_button.click()
    user.wait(explore)
    ranked = [ranks.list.item(row, 0).text() for row in range(ranks.list.rowCount())]
    values = [abs(float(ranks.list.item(row, 1).text())) for row in range(len(ranked))]
    assert values == sorted(values, reverse=True)
    assert values[0] > 0.5
    assert set(ranked) == set(explore.columns.checked())

    explore.explaining.explain_button.click()
    user.wait(explore)
    found = explore.explaining.shap.explanation
    assert len(found.rows) == len(layer.features)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-6)
    user.look(0.3)
    picture(explore, "shap")
    feature = explore.explaining.shap.view.swarms[0].feature
    explore.explaining.shap.feature_clicked.emit(feature)
    user.wait(explore)
    assert explore.colour_box.currentText().startswith(f"SHAP {feature}")
    np.testing.assert_allclose(
        layer.features[explore.colour_box.currentText()],
        found.column(feature, explore.explaining.shap.class_box.currentData()),
        atol=1e-9,
    )
    explore.plot.point_clicked.emit(5)
    steps = explore.explaining.shap.view.waterfall
    assert steps.row == 5
    user.look(0.2)
    picture(explore, "waterfall")

    layer.features = layer.features.iloc[::-1].reset_index(drop=True)
    user.look()
    assert explore.explaining.shap.explanation is None, "its rows are others now"
    path = tmp_path / "clusters.cl"
    explore.explaining.save_classifier(str(path))
    layer.features = layer.features.drop(columns="CLUSTER_CLASS")
    user.look()
    explore.explaining.load_classifier(str(path))
    assert (layer.features["CLUSTER_CLASS"].to_numpy() == classes[1]).all()
    assert "Doubtful" not in explore.status.text.text()
    # Measured in another unit, all objects look alike to the classifier.
    used = explore.explaining.classifier.feature_names_
    layer.features = layer.features.assign(**{name: layer.features[name] * 1e6 + 1e9 for name in used})
    user.look()
    explore.explaining.load_classifier(str(path))
    assert layer.features["CLUSTER_CLASS"].nunique() == 1
    assert " Doubtful: " in explore.status.text.text()
    assert "beyond what the classifier was trained on" in explore.status.text.text()
    assert not errors


def test_frames_are_bright_alone_or_alike(user, errors, blobs):
    from bioloom.measure import measure

    labels, image, _ = blobs(n_side=4)
    series, images = np.stack([labels, labels[::-1]]), np.stack([image, image[::-1]])
    user.viewer.add_image(images, name="image")
    layer = user.viewer.add_labels(series, name="series")
    layers.add_features(layer, measure(series, images, frame_axis=0))
    explore = user.open("Explore")
    explore.labels.choose(layer)
    user.viewer.dims.set_point(0, 0)
    user.look()
    plot, frames = explore.plot, layer.features["frame"].to_numpy()
    assert explore.data.per.count() == 2

    def alphas():
        return plot.palette_[plot.colour_index][:, 3]

    assert len(set(alphas())) == 1
    explore.bar.frames.setCurrentIndex(explore.bar.frames.findData("current"))
    assert alphas()[frames == 0].min() > alphas()[frames == 1].max()
    user.viewer.dims.set_point(0, 1)
    user.look()
    assert alphas()[frames == 1].min() > alphas()[frames == 0].max()
    explore.bar.frames.setCurrentIndex(explore.bar.frames.findData("only"))
    assert not alphas()[frames == 0].any()
    assert alphas()[frames == 1].all()
    explore.bar.frames.setCurrentIndex(explore.bar.frames.findData("trails"))
    assert "track" in explore.status.text.text()
    layer.features = layer.features.assign(track=layer.features["label"])
    user.look()
    for order in (["frame", "label"], ["label", "frame"]):
        layer.features = layer.features.sort_values(order, ignore_index=True)
        user.look()
        steps = plot.model.trails.at(1)
        assert len(steps.starts) == 16
        for rows, frame in ((steps.starts, 0), (steps.ends, 1)):
            assert set(explore.table["frame"][rows]) == {frame}
        assert explore.table["label"][steps.starts].tolist() == explore.table["label"][steps.ends].tolist()
    other = user.viewer.add_labels(series, name="other")
    other.features = layer.features
    explore.labels.choose(other)
    user.look()
    assert len(plot.model.trails.at(1).starts) == 16, "what the bar says holds for another layer too"
    other.features = other.features.drop(columns="track")
    user.look()
    assert plot.model.trails is None
    still = user.viewer.add_labels(labels, name="still")
    layers.add_features(still, measure(labels, image))
    for mode in ("only", "current", "trails"):
        explore.bar.frames.setCurrentIndex(explore.bar.frames.findData(mode))
        explore.labels.choose(still)
        user.look()
        assert explore.bar.frame_mode == "all"
        assert (alphas() == 255).all(), "there are no frames any more"
        explore.labels.choose(layer)
        user.look()
    assert not errors


def test_a_killed_worker_process_is_reported_and_the_next_run_works(user, measured, errors):
    explore, layer, _ = measured
    explore.maps.choose("tsne")
    explore.embed_button.click()
    user.wait(explore)
    errors.clear()
    big = pd.concat([layer.features] * 60, ignore_index=True)
    big["label"] = np.arange(len(big)) + 1
    big["index"] = big["label"]
    big["area"] += np.random.default_rng(0).normal(size=len(big))
    layer.features = big
    user.look()
    explore.embed_button.click()
    user.look(0.5)
    pid = shared_worker().pid
    assert explore.jobs.busy
    assert pid
    os.kill(pid, 9)
    user.wait(explore)
    assert len(errors) == 1
    assert "stopped" in errors[0]
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    assert np.isfinite(layer.features["PCA-0"]).all()
    assert len(errors) == 1


def test_the_card_beside_the_mouse_shows_the_object(user, measured, errors):
    explore, layer, _ = measured
    user.until(lambda: explore.plot.describe(4).picture is not None, "the picture")
    card = explore.plot.describe(4)
    values = dict(card.values)
    assert values["label"] == str(layer.features["label"][4])
    assert float(values["area"]) == pytest.approx(layer.features["area"][4], rel=1e-4)
    shown = card.picture[..., :3].astype(int)
    assert (shown == (255, 230, 0)).all(axis=-1).sum() > 20, "the outline of the object"
    # Labels of a table that has numbers only, and those that are kept as such.
    explore.gallery_group.set_open(True)
    for kept in (np.int64, np.float64):
        layer.features = pd.DataFrame({"label": np.array([2_251_507, 3_000_001], kept), "area": [1.5, 250_000.0]})
        user.look()
        values = dict(explore.plot.describe(0).values)
        assert values == {"label": "2251507", "area": "1.5"}
        assert dict(explore.plot.describe(1).values)["area"] == "250000"
        explore.selection.select(np.ones(2, bool))
        assert explore.pictures.view.wall.describe(1) == "label: 3000001"
    assert not errors


def test_hidden_classes_come_back_with_the_legend_that_hid_them(user, measured, errors):
    explore = measured[0]
    plot = explore.plot
    explore.show_axes("area", "eccentricity")
    plot.wait()
    user.lasso(plot, plot.x[:1], plot.y[:1])
    QTest.keyClick(plot, Qt.Key.Key_1)
    user.look()
    plot.wait()
    entry = plot.places().legend[0]
    assert entry.text.startswith("no class")
    QTest.mouseClick(plot, Qt.MouseButton.RightButton, pos=entry.box.center().toPoint())
    assert plot.model.visible().sum() < len(plot.x) / 2
    QTest.keyClick(plot, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(plot, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    user.look()
    assert not plot.places().legend
    assert plot.model.visible().all(), "without a legend nothing could show them again"


def test_columns_of_every_type_give_colours_and_names(user, measured, errors):
    explore, layer, _ = measured
    rows = np.arange(len(layer.features))
    odd = pd.Series(rows % 2 == 1)
    layer.features = layer.features.assign(
        touches=odd.to_numpy(), maybe=odd.astype("boolean").mask(rows == 0), n=rows % 3,
        text=odd.map({True: "long", False: "round"}).astype("string").mask(rows == 0),
        well=np.array([f"well {1 + i % 10}" for i in rows]),
        step=pd.Categorical(np.where(odd, "before", "after"), ["before", "after"], ordered=True),
    )  # fmt: skip
    user.look()
    named = {}
    for column in ("touches", "maybe", "n", "text", "well", "step"):
        explore.colour_box.setCurrentText(column)
        user.look()
        named[column] = [name for _, name, _, _ in explore.plot.model.legend()]
    assert named == {
        "touches": ["False", "True"],
        "maybe": ["no value", "False", "True"],
        "n": ["0", "1", "2"],
        "text": ["no value", "long", "round"],
        "well": [f"well {i}" for i in range(1, 11)],
        "step": ["before", "after"],
    }
    labels = np.arange(10, 1_211)
    wrong = np.where(labels == 12, -5, 1)
    layer.features = pd.DataFrame({"label": labels, "area": labels, "name": labels.astype(str), "A_CLUSTER": wrong})
    for column, said in (("name", "1201 different texts"), ("A_CLUSTER", "-5 was given")):
        explore.colour_box.setCurrentText(column)
        user.look()
        assert said in explore.status.text.text()
        assert not explore.plot.model.legend()
        assert explore.plot.model.visible().all()
    assert not errors


def test_the_gallery_shows_the_image_as_it_looks_now(user, measured, errors):
    explore, layer, _ = measured
    image = user.viewer.layers["image"]
    explore.gallery_group.set_open(True)
    explore.plot.setFocus()
    QTest.keyClick(explore.plot, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    wall = explore.pictures.view.wall

    def middle():
        """The colour in the middle of the first picture."""
        pictures = wall._pictures.get(int(wall.rows[0])) if len(wall.rows) else None
        return None if pictures is None else pictures.pixelColor(36, 36).getRgb()[:3]

    user.until(lambda: middle() is not None, "pictures", 10)
    grey = middle()
    wall.verticalScrollBar().setValue(20)
    image.contrast_limits = (0, 1000)
    user.until(lambda: max(middle()) < 0.5 * max(grey), "darker pictures", 10)
    assert wall.verticalScrollBar().value() == 20, "the place in the gallery stays"
    wall.verticalScrollBar().setValue(0)
    image.colormap = "red"
    user.until(lambda: middle()[0] > 0 == middle()[1], "red pictures", 10)
    marker = user.viewer.add_image(np.full(layer.data.shape, 5.0), colormap="blue", contrast_limits=(0, 10))
    user.until(lambda: middle()[2] > 100, "a second channel", 10)
    marker.visible = False
    user.until(lambda: middle()[2] == 0, "one channel again", 10)
    user.viewer.layers.remove(marker)

    shown = wall._pictures[int(wall.rows[0])].copy()
    label = int(explore.selection.labels[wall.rows[0]])
    place = np.argwhere(layer.data == label).mean(0)
    user.paint(layer, 0, [place, place + 6])
    user.until(lambda: wall._pictures[int(wall.rows[0])] != shown, "what was painted", 10)
    layer.mode = "pan_zoom"

    user.viewer.layers.remove(layer)
    user.look(0.2)
    assert not len(wall.rows)
    assert explore.pictures.view.count.text() == "Select objects to see their pictures."
    assert not errors


def test_few_objects_and_lost_ones_are_told_of(user, measured, errors):
    explore, layer, _ = measured
    plot, area = explore.plot, explore.table["area"]
    explore.show_axes("area", "label")
    layer.features = pd.DataFrame({"label": [10, 5000], "area": [20.0, 30.0]})
    user.look()
    plot.wait()
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, pos=QPoint(*map(round, plot.to_screen(30.0, 5000))))
    assert explore.status.text.text() == "Label 5000 is not in ‘blobs’. Measure again."
    assert explore.count.text() == "1 of 2 objects selected."
    QTest.keyClick(plot, Qt.Key.Key_3)
    assert explore.status.text.text() == "1 object put into class 3."
    other = user.viewer.add_labels(layer.data, name="nothing in it")
    other.features = pd.DataFrame({"label": np.zeros(0, int), "area": np.zeros(0)})
    explore.labels.choose(other)
    user.look()
    assert explore.status.text.text() == "", "what was said of other objects is gone"
    assert plot.hint == "The table has no objects."
    other.features = pd.DataFrame({"label": [10], "area": area[:1]})
    user.look()
    assert explore.count.text() == "1 object. Drag around points to select."
    assert not errors


def test_a_double_click_shows_all_and_keeps_the_selection(user, measured, errors):
    explore, layer, long_ones = measured
    plot = explore.plot
    explore.show_axes("area", "eccentricity")
    plot.wait()
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    user.lasso(plot, plot.x[is_long], plot.y[is_long])
    whole = plot.view
    row = int(np.flatnonzero(~is_long)[0])
    for tool in ("lasso", "pan"):
        plot.tool = tool
        for place in (plot.area().center().toPoint(), QPoint(*map(round, plot.to_screen(plot.x[row], plot.y[row])))):
            plot.model.zoom(plot.x[row], plot.y[row], 0.9)
            plot.wait()
            assert plot.view != whole
            QTest.mouseDClick(plot, Qt.MouseButton.LeftButton, pos=place)
            user.look()
            assert plot.view == whole
            assert explore.selection.mask.tolist() == is_long.tolist()
    assert explore.selection.can_undo, "the lasso"
    explore.bar.undo.click()
    assert not explore.selection.mask.any()
    assert not errors
