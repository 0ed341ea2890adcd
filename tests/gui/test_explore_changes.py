"""What changes while the Explore panel shows it: tables, layers, classes; and layers of every kind and place."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from bioloom import layers

pytestmark = pytest.mark.usefixtures("cold")


@pytest.fixture
def measured(user, blobs):
    """Return a function that adds blobs, measures them, and opens the Explore panel on them."""
    from bioloom.measure import measure

    def add(**placed):
        labels, image, _ = blobs(n_side=5)
        user.viewer.add_image(image, name="image", **placed)
        layer = user.viewer.add_labels(labels, name="blobs", **placed)
        layers.add_features(layer, measure(labels))
        explore = user.open("Explore")
        explore.labels.choose(layer)
        user.look()
        return explore, layer

    return add


def test_other_measurements_are_checked_when_none_of_the_chosen_ones_is_left(user, measured, errors):
    explore, layer = measured()
    explore.columns.set_checked({"area", "eccentricity"})
    keys = layer.features[["index", "label"]]
    layer.features = layer.features.drop(columns="area")
    user.look()
    assert explore.columns.checked() == ["eccentricity"], "a choice stays"
    layer.features = keys.assign(**{"centroid-0": 1.0, "bright": np.arange(25.0), "even": np.arange(25) % 2 * 1.0})
    user.look()
    assert explore.columns.checked() == ["bright", "even"]
    explore.cluster_button.click()
    user.wait(explore)
    assert "KMEANS_CLUSTER" in layer.features.columns
    explore.data.none_button.click()
    layer.features = layer.features.assign(more=np.arange(25.0))
    user.look()
    assert explore.columns.checked() == [], "the user wants none"
    assert not errors


def click(widget, x, y):
    """Click a place of a widget."""
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)))


def test_a_click_shows_how_the_answer_for_an_object_comes_about(user, measured, errors):
    explore, layer = measured()
    layer.features = layer.features.assign(kind=np.where(layer.features["eccentricity"] > 0.8, "long", "round"))
    user.look()
    explore.show_colour("kind")
    explore.tabs.setCurrentWidget(explore.explaining)
    for button in (explore.explaining.train_button, explore.explaining.explain_button):
        button.click()
        user.wait(explore)
    shap, labels = explore.explaining.shap, layer.features["label"].tolist()
    view = shap.view
    assert "Click a point, or an object" in explore.status.text.text()

    def explained():
        """The object whose steps are shown; a click there goes back."""
        row = view.waterfall.row
        assert view.of == f"label {labels[row]}"
        click(view, 100, 30)
        assert view.waterfall is None
        return row

    swarm, row_height = view.swarms[1], view.height() / (len(view.swarms) + 1)
    most = int(np.argmax(swarm.x))
    # Its points fill the width between the least and the largest of all values.
    low, high = (f([f(s.x) for s in view.swarms] + [0.0]) for f in (min, max))
    area = view._area()
    x = area.left() + 4 + (swarm.x[most] - low) / (high - low) * (area.width() - 8)
    click(view, x, 1.5 * row_height + swarm.y[most] * 18)
    assert layer.selected_label == labels[view.waterfall.row], "the viewer goes there"
    row = explained()
    at = swarm.rows.tolist().index(row)
    assert abs(swarm.x[at] - swarm.x[most]) < 0.05 * (high - low), "that, or one beside it"

    user.viewer.reset_view()
    user.viewer.layers.selection.active = layer
    user.look()
    user.drag_on_canvas([tuple(np.argwhere(layer.data == labels[7]).mean(0))])
    assert explained() == 7, "a click in the image"
    explore.plot.wait()
    click(explore.plot, *explore.plot.to_screen(explore.plot.x[4], explore.plot.y[4]))
    assert explained() == 4, "a click in the plot"
    explore.gallery_group.set_open(True)
    explore.selection.select(np.arange(25) < 6)
    assert view.waterfall is None
    user.look(0.2)
    wall = explore.pictures.view.wall
    cell = wall.cell(2).center()
    user.drag(wall.viewport(), [(cell.x(), cell.y())])
    assert explained() == 2, "a click in the gallery"

    shap.bars.setChecked(True)
    middle = view.grab().toImage().pixelColor(round(area.center().x()), round(0.5 * row_height))
    assert middle.blue() > 150 > middle.red(), "the longest bar"
    feature = view.swarms[2].feature
    click(view, 20, 2.5 * row_height)
    user.wait(explore)
    column = f"SHAP {feature} {shap.class_id}"
    assert explore.colour_box.currentText() == column
    values = layer.features[column].to_numpy()
    np.testing.assert_allclose(values, shap.explanation.column(feature, shap.class_id), atol=1e-9)
    ends = [layer.get_color(labels[at]) for at in (int(values.argmin()), int(values.argmax()))]
    assert np.abs(ends[0][:3] - ends[1][:3]).max() > 0.3, "a map on the labels"
    assert not errors


def test_what_was_found_of_other_objects_is_not_told_of_these(user, measured, errors):
    explore, layer = measured()
    other = user.viewer.add_labels(layer.data[::-1], name="other")
    other.features = layer.features
    explore.labels.choose(layer)
    explore.columns.set_checked({"area", "eccentricity"})
    explore.cluster_button.click()
    user.wait(explore)
    ranks, clusters = explore.explaining.ranks, explore.clusters
    for button in (ranks.rank_button, clusters.suggest_button):
        explore.labels.choose(layer)
        button.click()
        explore.labels.choose(other)
        user.wait(explore)
        assert "Other objects were chosen meanwhile" in explore.status.text.text()
        assert ranks.ranking is None
        assert clusters.told.text() == ""
        assert clusters.n_clusters.value() == 3
    explore.labels.choose(layer)
    clusters.repeat_button.click()
    explore.labels.choose(other)
    user.wait(explore)
    assert "KMEANS_CLUSTER_STABILITY" in layer.features.columns, "what became a column is kept"
    assert "KMEANS_CLUSTER_STABILITY" not in other.features.columns
    assert clusters.told.text() == ""
    assert not errors


def test_steps_are_taken_back_although_another_layer_came(user, measured, errors):
    explore, layer = measured()
    other = user.viewer.add_labels(layer.data, name="other", translate=(0, 150))
    other.features = layer.features
    user.look()
    explore.show_axes("area", "eccentricity")
    explore.plot.wait()
    is_long = explore.plot.y > 0.8
    user.lasso(explore.plot, explore.plot.x[is_long], explore.plot.y[is_long])
    explore.plot.setFocus()
    QTest.keyClick(explore.plot, Qt.Key.Key_3)
    explore.choice.others.set_checked({"other"})
    user.look()
    assert explore.selection.classes.sum() == 3 * is_long.sum()
    for left in (is_long.tolist(), [False] * 25):
        explore.bar.undo.click()
        assert not explore.selection.classes.any()
        assert explore.selection.mask.tolist() == left + [False] * 25
    assert not explore.bar.undo.isEnabled()
    assert explore.bar.redo.isEnabled()
    for one in (layer, other):
        user.viewer.layers.remove(one)
        user.look(0.2)
    assert not explore.bar.redo.isEnabled(), "nothing is left to redo"
    assert not errors


def test_gates_of_two_layers_and_frames_are_combined_by_mouse(user, blobs, errors):
    from bioloom.measure import measure

    labels, _, _ = blobs(n_side=4)
    movie = np.stack([labels, labels[::-1], labels])
    first = user.viewer.add_labels(movie, name="movie")
    layers.add_features(first, measure(movie, frame_axis=0))
    first.features = first.features.sample(frac=1, random_state=1).reset_index(drop=True)
    still = user.viewer.add_labels(labels, name="still", translate=(0, 120))
    layers.add_features(still, measure(labels))
    explore = user.open("Explore")
    explore.labels.choose(first)
    user.look()
    explore.choice.others.set_checked({"still"})
    user.look()
    gates, plot = explore.gates, explore.plot
    explore.tabs.setCurrentWidget(gates)
    wanted = {}
    for name, column, low in (("long", "eccentricity", 0.8), ("second", "frame", 0.5)):
        explore.show_axes("area", column)
        user.look()
        plot.wait()
        inside = (plot.y > low) & (plot.y < 1.5)
        user.lasso(plot, plot.x[inside], plot.y[inside])
        QTest.keyClicks(gates.name, name)
        QTest.mouseClick(gates.add_button, Qt.MouseButton.LeftButton)
        assert explore.selection.mask.tolist() == inside.tolist()
        wanted[name] = inside

    def choose(*numbers):
        key = Qt.KeyboardModifier.NoModifier
        for number in numbers:
            place = gates.list.visualItemRect(gates.list.item(number)).center()
            QTest.mouseClick(gates.list.viewport(), Qt.MouseButton.LeftButton, key, place)
            key = Qt.KeyboardModifier.ControlModifier
        user.look()

    both = wanted["long"] & wanted["second"]
    for operator, chosen, inside in (
        ("and", (0, 1), both),
        ("or", (0, 1), wanted["long"] | wanted["second"]),
        ("not", (2,), ~both),
    ):
        choose(*chosen)
        QTest.mouseClick(gates.buttons[operator], Qt.MouseButton.LeftButton)
        assert explore.selection.mask.tolist() == inside.tolist()
    choose(2)
    plot.setFocus()
    QTest.keyClick(plot, Qt.Key.Key_7)
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("classes"))
    explore.save_classes.click()
    ids = first.features["label"][both[:48]]
    assert len(ids) == 8
    there = np.zeros(movie.shape, bool)
    there[1] = np.isin(movie[1], ids)
    np.testing.assert_array_equal(user.viewer.layers["classes of movie"].data, 7 * there)
    assert not user.viewer.layers["classes of still"].data.any()
    assert not errors


@pytest.mark.parametrize("placed", [{"scale": (2, 0.5), "rotate": 25}, {"scale": (-1, 1)}, {"shear": [0.4]}])
def test_outlines_and_clicks_on_an_image_with_its_axes_exchanged(user, measured, errors, placed):
    explore, layer = measured(**placed)
    user.viewer.dims.order = (1, 0)
    user.viewer.reset_view()
    explore.image_lasso.button.setChecked(True)
    user.look(0.2)
    corners = [np.array(c, float) for c in ((29, 29), (29, 83), (55, 83), (55, 29))]
    path = [a + (b - a) * k / 6 for a, b in zip(corners, [*corners[1:], corners[0]], strict=True) for k in range(6)]
    user.drag_on_canvas([tuple(layer.data_to_world(p))[::-1] for p in path])
    selection, wanted = explore.selection, sorted(set(np.unique(layer.data[29:55, 29:83]).tolist()) - {0})
    assert selection.labels[selection.mask].tolist() == wanted
    explore.image_lasso.button.setChecked(False)
    middle = tuple(layer.data_to_world(np.argwhere(layer.data == wanted[1]).mean(0)))[::-1]
    user.viewer.layers.selection.active = layer
    user.drag_on_canvas([middle])
    assert selection.labels[selection.mask].tolist() == wanted[1:2]
    explore.jump(int(np.flatnonzero(selection.mask)[0]))
    np.testing.assert_allclose(user.viewer.scene.camera.center[-2:], middle, atol=0.5)
    assert not errors


@pytest.mark.parametrize("stored_as", ["zarr", "dask", "uint64"])
def test_labels_on_disk_and_enormous_ids_are_explored(user, measured, errors, tmp_path, stored_as):
    explore, layer = measured()
    pixels, table = layer.data.astype(np.uint64), layer.features
    if stored_as == "uint64":
        pixels, table = pixels + np.uint64(2**40) * (pixels > 0), table.assign(label=table["label"] + 2**40)
    kept = pixels
    if stored_as == "zarr":
        kept = pytest.importorskip("zarr").create_array(tmp_path / "a.zarr", data=pixels, chunks=(64, 64))
    elif stored_as == "dask":
        kept = pytest.importorskip("dask.array").from_array(pixels, chunks=64)
    user.viewer.layers.remove(layer)
    layer = user.viewer.add_labels(kept, name="kept")
    layer.features = table.assign(index=table["label"])
    user.look()
    explore.show_axes("area", "eccentricity")
    explore.plot.wait()
    is_long = explore.plot.y > 0.8
    user.lasso(explore.plot, explore.plot.x[is_long], explore.plot.y[is_long])
    explore.gallery_group.set_open(True)
    wall = explore.pictures.view.wall
    user.until(lambda: len(wall._pictures) >= min(8, is_long.sum()), "the pictures", 20)
    card = explore.plot.describe(1)
    assert dict(card.values)["label"] == str(int(layer.features["label"][1]))
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("selected"))
    explore.save_classes.click()
    inside = np.isin(pixels, layer.features["label"][is_long].to_numpy().astype(np.uint64))
    np.testing.assert_array_equal(np.asarray(user.viewer.layers["selected of kept"].data), np.where(inside, pixels, 0))
    explore.plot.setFocus()
    QTest.keyClick(explore.plot, Qt.Key.Key_2)
    ids = layer.features["label"].tolist()
    assert not np.allclose(layer.get_color(ids[int(np.argmax(is_long))]), layer.get_color(ids[int(np.argmin(is_long))]))
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("classes"))
    explore.save_classes.click()
    np.testing.assert_array_equal(np.asarray(user.viewer.layers["classes of kept"].data), 2 * inside)
    assert not errors


@pytest.mark.parametrize("name", ["frame", "index", "label"])
def test_classes_of_any_name_leave_the_table_as_it_was(user, measured, errors, name):
    explore, layer = measured()
    before = layer.features
    explore.selection.select(np.arange(25) < 5)
    explore.classes.class_name.setText(name)
    explore.save_classes.click()
    assert f"Saved as column ‘{name}_2’" in explore.status.text.text()
    np.testing.assert_array_equal(layer.features[f"{name}_2"], np.arange(25) < 5)
    assert layer.features[before.columns].equals(before)
    assert not errors


def test_a_result_does_not_replace_what_was_measured_with_time_meanwhile(user, measured, errors):
    explore, layer = measured()
    layer.data = np.stack([layer.data, layer.data])
    user.look()
    once = layer.features
    twice = pd.concat([once.assign(frame=0), once.assign(frame=1)], ignore_index=True)
    for before, now in ((once, twice), (twice, once)):
        layer.features = before
        user.look()
        explore.columns.set_checked({"area", "eccentricity"})
        explore.cluster_button.click()
        layer.features = now
        user.wait(explore)
        assert explore.status.text.text() == "The objects changed meanwhile, so the result was dropped."
        assert layer.features.equals(now)
    assert not errors
