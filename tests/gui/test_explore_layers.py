"""Objects of several layers in one plot of the Explore panel, very many, and pixels."""

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from bioloom import layers
from bioloom.classify import PixelClassifier
from bioloom.session.image_lasso import Region

pytestmark = pytest.mark.usefixtures("cold")


def squares(n_side, sizes, ids, pitch=12):
    """Squares of these sizes in a grid, row by row, with these ids."""
    labels = np.zeros((n_side * pitch,) * 2, np.int32)
    for number, (size, label) in enumerate(zip(sizes, ids, strict=True)):
        y, x = (part * pitch + 2 for part in divmod(number, n_side))
        labels[y : y + size, x : x + size] = label
    return labels


def table_of(labels, seed, dropped=()):
    """What measuring gives, with rows in any order and some of them filtered out."""
    ids = np.unique(labels[labels > 0])
    areas = np.array([(labels == label).sum() for label in ids])
    centres = np.array([np.argwhere(labels == label).mean(0) for label in ids])
    table = pd.DataFrame({
        "index": ids, "label": ids, "area": areas.astype(float), "centroid-0": centres[:, 0],
        "shape": np.sqrt(areas) + np.random.default_rng(seed).normal(0, 0.01, len(ids)),
    })  # fmt: skip
    table = table[~table["label"].isin(dropped)]
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.fixture
def pooled(user):
    """Two layers side by side with ids in common, each with small and large objects, and the Explore panel."""
    first_ids = np.array([3, 9, 10, 400, 17, 18, 70_000, 21, 5])
    second_ids = np.array([9, 3, 2, 5, 30, 18, 90_000, 400, 6])
    sizes = np.array([3, 8, 3, 8, 3, 8, 3, 8, 3])
    made = []
    for name, ids, sized, shift, dropped in (
        ("one", first_ids, sizes, 0, [17]),
        ("two", second_ids, sizes[::-1], 40, []),
    ):
        labels = squares(3, sized, ids)
        user.viewer.add_image(labels.astype(np.float32), name=f"image {name}", translate=(0, shift))
        layer = user.viewer.add_labels(labels, name=name, translate=(0, shift))
        layer.features = table_of(labels, shift + 1, dropped).assign(**({"only here": 1.0} if shift else {}))
        made.append(layer)
    user.viewer.reset_view()
    explore = user.open("Explore")
    explore.labels.choose(made[0])
    user.look()
    choice = explore.choice
    choice.group.button.click()
    user.look()
    item = choice.others.visualItemRect(choice.others.item(0))
    QTest.mouseClick(
        choice.others.viewport(), Qt.MouseButton.LeftButton, pos=item.topLeft() + QPoint(10, item.height() // 2)
    )
    user.look()
    assert choice.chosen() == made
    return explore, *made


def chosen(layer):
    """The labels that are selected in a layer."""
    selection = layers.selection_of(layer)
    return set(selection.labels[selection.mask].tolist())


def large(layer):
    """The labels of the large objects that the table of a layer has."""
    table = layer.features
    return set(table["label"][table["area"] > 20].tolist())


def test_two_layers_are_one_plot_and_each_object_is_its_own(user, pooled):
    explore, one, two = pooled
    assert len(explore.table) == len(one.features) + len(two.features) == 17
    assert explore.objects.named_by == "layer"
    assert explore.table["layer"].tolist() == ["one"] * 8 + ["two"] * 9
    assert explore.objects.left_out == ("only here",)
    assert "only here" in explore.status.text.text()
    assert explore.columns.checked() == ["area", "shape"]
    explore.show_axes("area", "shape")
    explore.plot.wait()
    x, y = explore.plot.x, explore.plot.y
    user.lasso(explore.plot, x[x > 20], y[x > 20])
    assert chosen(one) == large(one)
    assert chosen(two) == large(two)
    assert chosen(one) != chosen(two)
    card = dict(explore.plot.describe(12).values)
    assert (card["layer"], card["label"]) == ("two", str(two.features["label"][4]))

    explore.plot.setFocus()
    QTest.keyClick(explore.plot, Qt.Key.Key_2)
    user.look()
    for layer in (one, two):
        here, there = next(iter(large(layer))), next(iter(set(layer.features["label"]) - large(layer)))
        assert layers.is_coloured(layer)
        assert not np.allclose(layer.get_color(here), layer.get_color(there))
    assert np.allclose(one.get_color(9), two.get_color(6)) == ((9 in large(one)) == (6 in large(two)))
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("classes"))
    explore.save_classes.click()
    for layer in (one, two):
        saved = user.viewer.layers[f"classes of {layer.name}"].data
        np.testing.assert_array_equal(saved, 2 * np.isin(layer.data, list(large(layer))))
    explore.classes.target.setCurrentIndex(explore.classes.target.findData("column"))
    explore.save_classes.click()
    for layer in (one, two):
        table = layer.features
        np.testing.assert_array_equal(table["MANUAL_CLASS"] == 2, table["area"] > 20)
    for _ in range(2):
        QTest.keyClick(explore.plot, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not layers.selection_of(one).classes.any()
    assert not layers.selection_of(two).classes.any()
    assert not chosen(one) | chosen(two)
    explore.bar.redo.click()
    before = explore.selection.mask.tolist()
    two.name = "second"
    user.look()
    assert explore.table["layer"].unique().tolist() == ["one", "second"]
    assert explore.selection.mask.tolist() == before
    assert any(before)
    explore.bar.undo.click()
    assert not explore.selection.mask.any(), "a new name is no reason to forget the steps"
    explore.choice.others.set_checked(set())
    user.look()
    assert len(explore.table) == 8
    assert not layers.is_coloured(two)


def test_sizes_in_pixels_and_in_micrometres_are_not_compared_unsaid(user, pooled, tmp_path):
    explore, one, two = pooled
    assert "cannot be compared" not in explore.status.text.text()
    explore.choice.others.set_checked(set())
    layers.note_unit(one, "µm")
    layers.note_unit(two, "pixel")
    explore.choice.others.set_checked({"two"})
    user.look()
    assert "µm in one, pixel in two" in explore.status.text.text()
    # A gate that was drawn over the one says so where it is applied to the other.
    explore.choice.others.set_checked(set())
    user.look()
    user.lasso(explore.plot, explore.plot.x, explore.plot.y)
    explore.gates.name.setText("all")
    explore.gates.keep()
    assert "Drawn" not in explore.status.text.text()
    explore.labels.choose(two)
    explore.gates.apply()
    assert "Drawn where lengths are in µm, but here in pixel." in explore.status.text.text()
    # Its file says so, too.
    explore.gates.save(str(tmp_path / "gates.json"))
    explore.gates.remove()
    explore.gates.load(str(tmp_path / "gates.json"))
    explore.gates.list.item(0).setSelected(True)
    assert "Drawn where lengths are in µm, but here in pixel." in explore.status.text.text()


def test_two_layers_are_selected_in_the_image_and_seen_in_the_gallery(user, pooled):
    explore, one, two = pooled
    explore.gallery_group.set_open(True)
    user.look(0.2)
    explore.image_lasso.shape.setCurrentIndex(explore.image_lasso.shape.findData("rectangle"))
    explore.image_lasso.button.setChecked(True)
    user.look()
    # The last column of one and the first of the other, of the upper two rows.
    user.drag_on_canvas([(0, 25), (10, 40), (23, 51)])
    assert chosen(one) == {10, 18}
    assert chosen(two) == {9, 5}
    view = explore.pictures.view
    keys = {explore.selection.key(row) for row in view.shown()}
    assert keys == {(0, 0, 10), (0, 0, 18), (1, 0, 9), (1, 0, 5)}
    user.until(lambda: len(view.wall._pictures) == 4, "the pictures")
    one.visible = False
    user.drag_on_canvas([(0, 25), (10, 40), (23, 51)], Qt.KeyboardModifier.AltModifier)
    assert chosen(one) == {10, 18}, "what is hidden is not drawn around"
    assert not chosen(two)
    one.visible = True
    explore.image_lasso.button.setChecked(False)

    layers.activate(user.viewer, two)
    user.click_object(two, (4, 4))
    assert (chosen(one), chosen(two)) == (set(), {9})
    explore.bar.undo.click()
    assert (chosen(one), chosen(two)) == ({10, 18}, set())
    row = explore.selection.row(9, source=1)
    view.object_clicked.emit(row)
    assert user.viewer.layers.selection.active is two
    assert two.selected_label == 9
    np.testing.assert_allclose(user.viewer.scene.camera.center[-2:], (3, 43), atol=0.6)


def test_results_come_to_the_objects_of_each_layer(user, pooled):
    explore, one, two = pooled
    # Twice the exposure in the second image: scaled by itself, it does not matter.
    two.features = two.features.assign(shape=10 * two.features["shape"], area=10 * two.features["area"])
    user.look()
    explore.data.per.setCurrentIndex(explore.data.per.findData("layer"))
    explore.clusters.n_clusters.setValue(2)
    explore.cluster_button.click()
    user.wait(explore)
    smaller = {layer: layer.features["KMEANS_CLUSTER"][layer.features["area"].idxmin()] for layer in (one, two)}
    assert smaller[one] == smaller[two]
    for layer in (one, two):
        table = layer.features
        small = table["area"] < table["area"].mean()
        np.testing.assert_array_equal(table["KMEANS_CLUSTER"] == smaller[layer], small)
        assert "frame" not in table.columns
        assert "layer" not in table.columns
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    both = np.concatenate([layer.features["PCA-0"] for layer in (one, two)])
    np.testing.assert_allclose(both, explore.plot.x)
    assert abs(one.features["PCA-0"].mean()) < 1e-6
    two.name = "renamed"
    user.look()
    assert set(explore.table["layer"]) == {"one", "renamed"}
    user.viewer.layers.remove(two)
    user.look()
    assert len(explore.table) == 8


def test_a_hundred_thousand_objects_with_gaps_follow_lasso_keys_and_undo(user):
    per_row, pitch = 316, 5
    n = per_row**2
    ids = (np.random.default_rng(0).permutation(n) + 1) * 40_000
    at = np.arange(per_row * pitch)
    grid = ids.reshape(per_row, per_row).astype(np.uint32)
    labels = np.where((at[:, None] % pitch > 0) & (at % pitch > 0), np.repeat(np.repeat(grid, pitch, 0), pitch, 1), 0)
    layer = user.viewer.add_labels(labels.astype(np.uint32), opacity=1)
    own = layer.colormap
    rows, columns = np.divmod(np.arange(n), per_row)
    order = np.random.default_rng(1).permutation(n)
    layer.features = pd.DataFrame({
        "index": ids[order], "label": ids[order], "right": columns[order] * 1.0, "down": rows[order] * 1.0
    })  # fmt: skip
    explore = user.open("Explore")
    explore.labels.choose(layer)
    explore.show_axes("right", "down")
    explore.plot.wait()
    x, y = explore.plot.x, explore.plot.y
    inside = (x > 99.5) & (x < 200.5) & (y > 99.5) & (y < 150.5)
    corners = [explore.plot.to_screen(a, b) for a, b in ((99.5, 99.5), (200.5, 99.5), (200.5, 150.5), (99.5, 150.5))]
    user.drag(explore.plot, corners)
    selected = explore.selection.mask
    # A pixel of the screen is more than an object here.
    assert selected.sum() == pytest.approx(inside.sum(), rel=0.1)
    explore.plot.setFocus()
    QTest.keyClick(explore.plot, Qt.Key.Key_3)
    user.look()
    classes = explore.selection.classes
    assert (classes == 3).sum() == selected.sum()
    middle, outside = grid[125, 150], grid[20, 20]
    wanted = explore.plot.palette_[explore.plot.colour_index[explore.selection.row(int(middle))]] / 255
    np.testing.assert_allclose(layer.get_color(int(middle))[:3], wanted[:3], atol=0.01)
    assert not np.allclose(layer.get_color(int(outside)), layer.get_color(int(middle)))
    shot = user.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    near = (np.abs(shot - wanted[:3] * 255).max(axis=-1) < 40).mean()
    assert near > 0.01, "the class is seen on the canvas"
    explore.bar.undo.click()
    assert not explore.selection.classes.any()
    explore.bar.undo.click()
    assert not explore.selection.mask.any()
    assert layer.colormap is own


def test_a_long_map_is_cancelled_and_the_next_one_works(user, pooled):
    explore, one, _ = pooled
    explore.choice.others.set_checked(set())
    rng = np.random.default_rng(0)
    n = 8000
    many = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("abcdef")).assign(label=np.arange(n) + 1)
    one.features = many.assign(index=many["label"])
    user.look()
    explore.columns.set_checked(set("abcdef"))
    explore.maps.choose("tsne")
    explore.embed_button.click()
    user.look(0.3)
    assert explore.jobs.busy
    assert explore.status.button.isVisible()
    explore.status.button.click()
    user.look()
    assert not explore.jobs.busy
    assert explore.status.text.text() == "Cancelled. Nothing was changed."
    assert "t-SNE-0" not in one.features.columns
    explore.maps.choose("pca")
    explore.embed_button.click()
    user.wait(explore)
    assert np.isfinite(one.features["PCA-0"]).all()


def test_a_pixel_classifier_is_explained_by_its_features(user, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (150, 160)).astype(np.float32)
    image[:, 80:] += 8
    painted = np.zeros(image.shape, np.uint8)
    painted[5:20, 5:20], painted[5:20, 100:120] = 1, 2
    classifier = PixelClassifier("original gaussian_blur=2 sobel_of_gaussian_blur=2", n_trees=20)
    classifier.class_names = {1: "dark", 2: "bright"}
    classifier.fit(image, painted)
    source = user.viewer.add_image(image, name="halves", scale=(0.5, 0.5))
    explore = user.open("Explore")
    told = []
    monkeypatch.setattr("bioloom.widgets._base.show_error", told.append)
    form = explore.pixels
    explore.tabs.setCurrentWidget(form)
    form.button.click()
    assert "no pixel classifier yet" in told.pop()
    user.open("Pixel classifier").classifier = classifier
    form.button.click()
    user.wait(explore)
    assert "dark, bright" in form.used.text()
    found = form.shap.explanation
    assert len(found.rows) == 1000
    y, x = np.unravel_index(found.rows, image.shape)
    np.testing.assert_allclose(found.probabilities.T, classifier.predict_proba(image)[:, y, x], atol=1e-5)
    form.shap.class_box.setCurrentText("bright")
    swarms = form.shap.view.swarms
    assert {s.feature for s in swarms} == set(found.feature_names)
    assert swarms[-1].feature == "sobel_of_gaussian_blur=2"
    for name in ("swarm.png", "swarm.svg", "swarm.pdf"):
        form.shap.save_figure(str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 1000
    form.shap.row_clicked.emit(int(found.rows[7]))
    place = np.array([y[7], x[7]]) * 0.5
    np.testing.assert_allclose(user.viewer.scene.camera.center[-2:], place, atol=0.01)
    assert form.shap.view.waterfall.row == found.rows[7]
    form.shap.save_figure(str(tmp_path / "steps.svg"))
    assert f"pixel y {y[7]}, x {x[7]}" in (tmp_path / "steps.svg").read_text()

    form.shap.feature_clicked.emit("gaussian_blur=2")
    user.wait(explore)
    shown = user.viewer.layers["SHAP gaussian_blur=2 for bright"]
    assert shown.data.shape == (75, 80)
    np.testing.assert_allclose(shown.extent.world, source.extent.world, atol=0.6)
    assert shown.data[:, 45:].mean() > 0.1 > -0.1 > shown.data[:, :35].mean()

    labels = np.zeros(image.shape, np.int32)
    labels[50:60, 50:60], labels[50:60, 100:110] = 4, 9
    cells = user.viewer.add_labels(labels, name="cells", scale=(0.5, 0.5))
    cells.features = pd.DataFrame({"index": [4, 9], "label": [4, 9], "area": [100.0, 100.0]})
    explore.labels.choose(cells)
    layers.selection_of(cells).select_objects([9])
    form.images.set_checked({"halves"})
    form.where.setCurrentIndex(1)
    classifier.save(tmp_path / "halves.cl")
    form.load(str(tmp_path / "halves.cl"))
    form.button.click()
    user.wait(explore)
    y, x = np.unravel_index(form.shap.explanation.rows, image.shape)
    assert (labels[y, x] == 9).all()
    assert len(y) == 100
    assert not told


def test_a_time_series_and_a_still_image_are_explored_together():
    viewer = ViewerModel()
    frame = squares(2, [3, 8, 3, 8], [7, 2, 90, 5])
    movie = viewer.add_labels(np.stack([frame, frame[::-1]]), name="movie")
    still = viewer.add_labels(frame, name="still")
    ids = np.array([7, 2, 90, 5])
    movie.features = pd.DataFrame(
        {"index": np.tile(ids, 2), "frame": np.repeat([1, 0], 4), "label": np.tile(ids, 2), "area": np.arange(8.0)}
    )
    still.features = pd.DataFrame({"index": ids, "label": ids, "area": np.arange(4.0)})
    pool = layers.ObjectPool(viewer, [movie, still])
    table = pool.objects.table
    assert table["frame"].tolist() == [1] * 4 + [0] * 8
    assert table["layer"].tolist() == ["movie"] * 8 + ["still"] * 4
    viewer.dims.set_point(0, 1)
    assert pool.frame() == 1
    assert pool.in_view().tolist() == [True] * 4 + [False] * 4 + [True] * 4
    values = pd.DataFrame({"frame": table["frame"], "label": table["label"], "rank": np.arange(12)})
    assert pool.add_columns(pool.objects, values, {"seed": 4})
    assert layers.made_by(still, "rank") == {"seed": 4}
    assert dict(zip(still.features["label"], still.features["rank"], strict=True)) == {7: 8, 2: 9, 90: 10, 5: 11}
    of_movie = movie.features.set_index(["frame", "label"])["rank"]
    assert of_movie[(1, 90)] == 2
    assert of_movie[(0, 7)] == 4
    row = pool.selection.row(90, 1, source=0)
    viewer.dims.set_point(0, 0)
    pool.show_object(row)
    assert viewer.dims.point[0] == 1
    assert movie.selected_label == 90
    pictures = pool.gallery()
    up, down = (pictures.box(pool.selection.row(2, at, source=0))[2] for at in (0, 1))
    assert up < 12 <= down, "each frame has its own boxes"
    region = Region(np.array([[-1.0, -1], [-1, 24], [24, 24], [24, -1]]), (1, slice(None), slice(None)))
    flat = Region(region.polygon, (slice(None), slice(None)))
    assert pool.select_inside({movie: region, still: flat}) == 8
    assert pool.select_inside({movie: region, still: flat}, all_frames=True) == 12
    colours = np.zeros(12, np.intp)
    colours[pool.selection.row(7, 1, source=0)] = 1
    pool.show(colours, np.array([[200, 0, 0, 255], [0, 0, 200, 255]], np.uint8))
    np.testing.assert_allclose(movie.get_color(7)[:3], [0, 0, 200 / 255], atol=0.01)
    np.testing.assert_allclose(still.get_color(7)[:3], [200 / 255, 0, 0], atol=0.01)
    viewer.dims.set_point(0, 0)
    np.testing.assert_allclose(movie.get_color(7)[:3], [200 / 255, 0, 0], atol=0.01)
    pool.close()
    assert not layers.is_coloured(movie)
    assert not layers.is_coloured(still)


def test_rows_that_cannot_be_told_apart_are_explained_until_they_can():
    viewer = ViewerModel()
    layer = viewer.add_labels(squares(2, [3, 8, 3, 8], [7, 2, 90, 5]))
    pool = layers.ObjectPool(viewer, [layer])
    assert pool.selection is None
    assert pool.problem == ""
    layer.features = pd.DataFrame({"index": [7, 7], "label": [7, 7], "area": [1.0, 2.0]})
    assert pool.selection is None
    assert "occur twice" in pool.problem
    told = []
    pool.changed.connect(lambda: told.append(len(pool.objects.table)))
    layer.features = pd.DataFrame({"index": [7, 2], "label": [7, 2], "area": [1.0, 2.0]})
    assert told == [2]
    assert pool.problem == ""
    assert len(pool.selection) == 2
    pool.selection.select(np.array([True, False]))
    for wrong in ([2, 2, 5], [2, np.nan, 5], ["a", "b", "c"]):
        layer.features = pd.DataFrame({"label": wrong, "area": [1.0, 2.0, 3.0]})
        assert pool.selection is None, "also where they could be told apart before"
        assert "Measure again" in pool.problem
    layer.features = pd.DataFrame({"label": [5, 7], "area": [1.0, 2.0]})
    assert pool.problem == ""
    assert pool.selection.mask.tolist() == [False, True]
    layer.features = pd.DataFrame({"label": [5, 7], "area": [1.0, 2.0], "frame": [0, 1]})
    assert pool.selection is None
    assert "no axis of time" in pool.problem


def test_columns_are_known_by_their_names_as_texts():
    viewer = ViewerModel()
    made = []
    for _ in range(2):
        layer = viewer.add_labels(squares(2, [3, 8, 3, 8], [7, 2, 90, 5]))
        layer.features = pd.DataFrame({"label": [2, 5], 0: [1.0, 2.0], "area": [3.0, 4.0]})
        made.append(layer)
    for chosen in (made[:1], made):
        pool = layers.ObjectPool(viewer, chosen)
        assert {"label", "0", "area"} <= set(pool.objects.table.columns)
        pool.close()


def test_a_map_of_contributions_lies_on_the_frame_that_it_is_of():
    viewer = ViewerModel()
    movie = viewer.add_image(np.zeros((3, 20, 30)), scale=(1, 0.5, 0.5), translate=(0, 4, 5))
    values = np.random.default_rng(0).normal(size=(7, 10)).astype(np.float32)
    shown = layers.show_contributions(viewer, movie, values, 3, 1, "SHAP")
    np.testing.assert_array_equal(shown.data[1], values)
    assert np.isnan(shown.data[[0, 2]]).all()
    np.testing.assert_allclose(shown.data_to_world((1, 2, 3)), movie.data_to_world((1, 6, 9)))
    assert shown.contrast_limits[0] == -shown.contrast_limits[1]
    assert viewer.layers.selection.active is movie
