"""The tabs of the Explore panel: what is ranked and learned, told and recorded; cancelling and running twice."""

import numpy as np
import pytest

from bioloom import layers
from bioloom.errors import InputError

pytestmark = pytest.mark.usefixtures("cold")


@pytest.fixture
def measured(user, blobs):
    """Blobs in the viewer, measured, and the Explore panel."""
    from bioloom.measure import measure

    labels, image, long_ones = blobs()
    user.viewer.add_image(image, name="image")
    layer = user.viewer.add_labels(labels, name="blobs")
    table = measure(labels, image)
    table["treatment"] = np.array(["drug", "control"], object)[table["label"].isin(long_ones).astype(int)]
    table["touches"] = np.arange(len(table)) % 2 == 0
    layers.add_features(layer, table)
    explore = user.open("Explore")
    explore.labels.choose(layer)
    user.look()
    explore.columns.set_checked({"circularity", "aspect_ratio", "area"})
    return explore, layer, long_ones


def test_what_is_disabled_says_why(user, measured, errors):
    explore, *_ = measured
    explain = explore.explaining
    for button, why in (
        (explore.maps.save_button, "no map yet"),
        (explain.ranks.keep_button, "rank the columns first"),
        (explain.ranks.figure_button, "rank the columns first"),
        (explain.save_button, "no classifier yet"),
        (explain.explain_button, "no classifier yet"),
        (explore.data.per, "of one image"),
        (explore.gates.add_button, "Draw around points"),
        (explore.gates.save_button, "no gates yet"),
        *((explore.gates.buttons[name], "Choose") for name in ("and", "or", "not")),
    ):
        assert not button.isEnabled()
        assert why in button.toolTip(), button.toolTip()
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    assert explore.maps.save_button.isEnabled()
    assert explore.maps.save_button.toolTip().startswith("Save the map")
    assert not errors


def test_truth_values_are_no_measurements_to_check(user, measured, errors):
    explore, *_ = measured
    offered = [explore.columns.item(i).text() for i in range(explore.columns.count())]
    assert "area" in offered
    assert "touches" not in offered
    assert "touches" in [explore.x_box.itemText(i) for i in range(explore.x_box.count())]


def test_texts_are_ranked_and_learned_with_their_names(user, measured, errors):
    explore, layer, long_ones = measured
    explain = explore.explaining
    explore.tabs.setCurrentWidget(explain)
    explore.show_colour("treatment")
    targets = [explain.ranks.target.itemText(i) for i in range(explain.ranks.target.count())]
    assert targets == ["all with each other", "control", "drug"]
    explain.ranks.target.setCurrentIndex(1)
    explain.ranks.rank_button.click()
    user.wait(explore)
    assert explain.ranks.told.text() == "Ranked by treatment, control against the others; seed 0"
    explain.train_button.click()
    user.wait(explore)
    assert "2 classes" in explain.agreement.text()
    assert explain.classifier.class_names == {1: "control", 2: "drug"}
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    assert ((layer.features["CLUSTER_CLASS"] == 1) == is_long).mean() > 0.95
    explore.show_colour("CLUSTER_CLASS")
    assert {text for _, text, *_ in explore.plot.model.legend()} == {"control", "drug"}
    assert "control" in [explain.ranks.target.itemText(i) for i in range(explain.ranks.target.count())]
    assert explain.ranks.told.text().startswith("Ranked by treatment"), "what is listed did not change"
    assert not errors


def test_classes_that_the_user_gives_can_be_set_apart(user, measured, errors):
    explore, layer, long_ones = measured
    explain = explore.explaining
    explore.tabs.setCurrentWidget(explain)
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    explore.selection.select(is_long, "replace")
    explore.class_box.setValue(4)
    explore.assign_button.click()
    explore.selection.select(~is_long, "replace")
    explore.class_box.setValue(2)
    explore.assign_button.click()
    user.look()
    targets = {explain.ranks.target.itemText(i): i for i in range(explain.ranks.target.count())}
    assert list(targets) == ["all with each other", "class 2", "class 4"]
    explain.ranks.target.setCurrentIndex(targets["class 4"])
    explain.ranks.rank_button.click()
    user.wait(explore)
    assert explain.ranks.ranking.target == 4
    explore.bar.undo.click()
    explore.bar.undo.click()
    user.look()
    assert explain.ranks.target.findText("class 2") < 0
    assert not errors


def test_measurements_are_neither_ranked_nor_learned_as_classes(user, measured, errors):
    explore, layer, _ = measured
    for column in ("label", "num_pixels"):
        explore.show_colour(column)
        for button in (explore.explaining.ranks.rank_button, explore.explaining.train_button):
            errors.clear()
            button.click()
            user.wait(explore)
            assert f"‘{column}’ holds" in errors[0]
            assert "measurements" in errors[0]
    assert "CLUSTER_CLASS" not in layer.features


def test_every_column_that_is_made_says_how(user, measured, errors, tmp_path):
    explore, layer, _ = measured
    explore.clusters.n_clusters.setValue(2)
    explore.clusters.seed.setValue(5)
    explore.cluster_button.click()
    user.wait(explore)
    explore.clusters.repeat_button.click()
    user.wait(explore)
    stability = layers.made_by(layer, "KMEANS_CLUSTER_STABILITY")
    assert stability["seed"] == 5
    assert stability["runs"] == 5
    assert stability["n_clusters"] == 2
    explain = explore.explaining
    explain.ranks.seed.setValue(3)
    explain.train_button.click()
    user.wait(explore)
    explain.explain_button.click()
    user.wait(explore)
    explain.shap.feature_clicked.emit("circularity")
    user.wait(explore)
    name = explore.colour_column()
    made = layers.made_by(layer, name)
    assert (made["method"], made["feature"], made["class"]) == ("SHAP", "circularity", "cluster 1")
    assert "feature circularity, class cluster 1" in explore.colour_box.toolTip()
    explain.save_classifier(str(tmp_path / "mine.cl"))
    explain.load_classifier(str(tmp_path / "mine.cl"))
    assert layers.made_by(layer, "CLUSTER_CLASS")["method"] == "Classifier of mine.cl"
    assert not errors


def test_what_was_told_of_other_objects_goes(user, measured, errors):
    explore, layer, _ = measured
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    explore.clusters.repeat_button.click()
    user.wait(explore)
    assert not explore.maps.loadings.isHidden()
    assert not explore.clusters.told.isHidden()
    other = user.viewer.add_labels(layer.data.copy(), name="other")
    layers.add_features(other, layer.features[["index", "label", "area", "circularity"]].copy())
    explore.labels.choose(other)
    user.look()
    assert explore.maps.loadings.isHidden()
    assert explore.clusters.told.isHidden()


def test_settings_that_cannot_be_are_named_as_in_the_panel(user, measured, errors):
    explore, layer, _ = measured
    layer.features = layer.features.iloc[:4].reset_index(drop=True)
    user.look()
    explore.clusters.choose("hdbscan")
    explore.cluster_button.click()
    user.wait(explore)
    assert errors == ["‘Smallest cluster’ is 10, but must be 2 to 4, the number of complete rows."]


def test_of_two_maps_at_once_the_last_one_is_made_and_a_cancelled_one_is_not(user, measured, errors):
    explore, layer, _ = measured
    explore.maps.choose("tsne")
    explore.embed_button.click()
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    assert "PCA-0" in layer.features
    explore.maps.choose("tsne")
    explore.embed_button.click()
    explore.status.button.click()
    user.look(0.1)
    assert not explore.jobs.busy
    assert "Cancelled" in explore.status.text.text()
    assert "t-SNE-0" not in layer.features
    assert not errors


def test_a_ranking_for_a_layer_that_was_removed_is_dropped(user, measured, errors):
    explore, layer, _ = measured
    other = user.viewer.add_labels(layer.data.copy(), name="other")
    layers.add_features(other, layer.features.copy())
    explore.labels.choose(other)
    explore.show_colour("treatment")
    user.look()
    explore.explaining.ranks.rank_button.click()
    user.viewer.layers.remove(other)
    user.wait(explore)
    assert "‘other’ was removed meanwhile" in explore.status.text.text()
    assert explore.explaining.ranks.ranking is None
    assert not errors


def test_two_measurements_in_the_plot_count_alike_in_clusters(user, measured, errors):
    explore, layer, long_ones = measured
    # The larger numbers say nothing.
    large = 1e4 * np.random.default_rng(0).random(len(layer.features))
    layer.features = layer.features.assign(large=large)
    user.look()
    explore.show_axes("circularity", "large")
    explore.clusters.space.setCurrentIndex(explore.clusters.space.findData("plot"))
    explore.clusters.choose("gmm")
    explore.clusters.n_clusters.setValue(2)
    explore.cluster_button.click()
    user.wait(explore)
    assert layers.made_by(layer, "GMM_CLUSTER")["scaling"] == "standard"
    is_long = layer.features["label"].isin(long_ones).to_numpy()
    same = (layer.features["GMM_CLUSTER"].to_numpy() == 1) == is_long
    assert max(same.mean(), 1 - same.mean()) > 0.9
    assert not errors


def test_an_object_that_was_not_explained_is_said_so(user, measured, errors):
    explore, layer, _ = measured
    explore.show_colour("treatment")
    explain = explore.explaining
    explain.train_button.click()
    user.wait(explore)
    explore.selection.select(np.arange(len(layer.features)) == 4, "replace")
    explain.explain_button.click()
    user.wait(explore)
    assert "SHAP values of 1 selected object, seed 0" in explore.status.text.text()
    explore.plot.point_clicked.emit(20)
    assert f"label {layer.features['label'][20]} was not among those explained" in explore.status.text.text()
    assert explain.shap.view.waterfall is None
    explore.plot.point_clicked.emit(4)
    assert explain.shap.view.waterfall.row == 4
    assert not errors


def test_plots_and_figures_tell_units(user, measured, errors, tmp_path):
    from qtpy.QtSvg import QSvgGenerator

    explore, layer, _ = measured
    layers.note_unit(layer, "µm")
    explore.show_axes("area", "perimeter")
    explore.show_colour("axis_major_length")
    explore.plot.wait()
    explore.view.save_figure(str(tmp_path / "plot.svg"))
    text = (tmp_path / "plot.svg").read_text()
    names = "area (µm²)", "perimeter (µm)", "axis_major_length (µm)"
    assert all(f"<!-- {name} -->" in text for name in names)
    # The same as painted in the window.
    painted = QSvgGenerator()
    painted.setFileName(str(tmp_path / "painted.svg"))
    explore.plot.render(painted)
    text = (tmp_path / "painted.svg").read_text("utf-8")
    assert all(f">{name}<" in text for name in names)
    assert not errors


def test_files_get_the_ending_that_was_not_typed(user, measured, errors, tmp_path):
    explore, *_ = measured
    explain = explore.explaining
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    explore.show_colour("treatment")
    for button in (explain.ranks.rank_button, explain.train_button, explain.explain_button):
        button.click()
        user.wait(explore)
    explore.plot.wait()
    name = str(tmp_path / "run.2")
    for save, suffix in (
        (explore.analysis.save_map, ".npz"),
        (explain.save_classifier, ".cl"),
        (explore.gates.save, ".json"),
        (explain.ranks.save_figure, ".png"),
    ):
        save(name)
        assert (tmp_path / f"run.2{suffix}").exists()
        assert f"run.2{suffix}" in explore.status.text.text()
    kept = (tmp_path / "run.2.png").read_bytes()
    for save in (explain.shap.save_figure, explore.view.save_figure):
        with pytest.raises(InputError, match=r"run\.2\.png exists already"):
            save(name)
        with pytest.raises(InputError, match=r"run\.jpg"):
            save(str(tmp_path / "run.jpg"))
    assert (tmp_path / "run.2.png").read_bytes() == kept
    assert not errors


def test_an_axis_more_than_a_pixel_classifier_knows_is_time(user, errors, blobs):
    from bioloom.classify import PixelClassifier

    labels, image, _ = blobs(n_side=2)
    explore = user.open("Explore")
    user.viewer.add_image(np.stack([image, image[::-1], image]), name="film")
    user.viewer.dims.set_point(0, 1)
    user.look()
    explore.pixels.loaded = PixelClassifier("original gaussian_blur=2").fit(image, (labels > 0) + 1)
    explore.pixels.button.click()
    user.wait(explore)
    assert "of frame 1" in explore.status.text.text()
    np.testing.assert_array_equal(
        explore.pixels.shap.explanation.data[:, 0], image[::-1].ravel()[explore.pixels.shap.explanation.rows]
    )
    assert not errors
