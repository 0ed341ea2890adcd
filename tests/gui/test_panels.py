"""Panels with every shape of data: each works, or says what to do."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea

from bioloom import layers
from bioloom.operations import CATALOGUE
from bioloom.samples import make_sample, strokes
from bioloom.widgets._apply_dialog import Application

pytestmark = pytest.mark.gui


def spatial(layer):
    placed = layers.spatial_metadata(layer)
    placed["affine"] = np.asarray(layer.affine.affine_matrix)
    return {key: str(value) for key, value in placed.items()}


@pytest.fixture
def small():
    """A small 2D image with its truth."""
    from bioloom.samples import nuclei_2d

    return nuclei_2d(shape=(160, 180), n_nuclei=12, seed=0)


@pytest.mark.parametrize("name", ["Process", "Object classifier", "Merge objects", "Measure", "Explore"])
def test_no_panel_is_cut_off_at_its_right_side(user, name):
    content = user.open(name).findChild(QScrollArea).widget()
    assert content.minimumSizeHint().width() <= 340, "what fits beside the scroll bar in a dock of 360 pixels"


# ------------------------------------------------------------------------------------------------ Process
@pytest.mark.parametrize(("key", "axes"), [("nuclei_timelapse", "tyx"), ("nuclei_3d", "zyx")])
def test_time_and_depth_are_told_apart(user, key, axes, errors):
    viewer = user.viewer
    opened = user.sample(key)
    image = next(layer for layer in opened.values() if type(layer).__name__ == "Image")
    panel = user.open("Process")
    assert panel.axes.has_time is (axes[0] == "t")
    panel.choose("gaussian_blur", image)
    panel.settings["sigma"].value = 3
    panel.apply_button.click()
    user.wait(panel)
    result = viewer.layers[-1]
    assert spatial(result) == spatial(image)
    alone = CATALOGUE["gaussian_blur"](image.data[2], sigma=3)
    assert np.allclose(result.data[2], alone) is (axes[0] == "t")
    panel.preview_box.setChecked(True)
    viewer.dims.set_point(0, image.data_to_world((2, 0, 0))[0])
    user.until(lambda: panel.preview.layer in viewer.layers, "the preview")
    user.look(0.5)
    preview = panel.preview.layer
    assert preview.data.shape == (1, *image.data.shape[1:])
    np.testing.assert_allclose(preview.data_to_world((0, 0, 0)), image.data_to_world((2, 0, 0)))
    assert not errors


def test_physical_units(user, errors):
    image = next(iter(user.sample("nuclei_3d").values()))
    panel = user.open("Process")
    panel.choose("gaussian_blur", image)
    panel.axes.sizes.setCurrentIndex(1)
    panel.settings["sigma"].value = 0.9
    assert "µm" in panel.settings["sigma"].label
    panel.apply_button.click()
    user.wait(panel)
    expected = CATALOGUE["gaussian_blur"](image.data, sigma=0.9, spacing=image.scale)
    np.testing.assert_array_equal(user.viewer.layers[-1].data, expected)


def test_rgb_is_processed_as_grey(user, small, errors):
    rgb = np.stack([small.image >> 6] * 3, -1).astype(np.uint8)
    user.viewer.add_image(rgb, name="colours", rgb=True)
    panel = user.open("Process")
    panel.apply_button.click()
    user.wait(panel)
    assert user.viewer.layers[-1].data.shape == small.image.shape
    assert not errors


@pytest.mark.parametrize("stored_as", ["dask", "zarr", "multiscale"])
def test_dask_zarr_and_multiscale_layers(user, small, tmp_path, errors, stored_as):
    import dask.array as da
    import zarr

    viewer = user.viewer
    data = {
        "dask": lambda: da.from_array(small.image, chunks=50),
        "zarr": lambda: zarr.create_array(tmp_path / "a.zarr", data=small.image, chunks=(64, 64)),
        "multiscale": lambda: [small.image, small.image[::2, ::2]],
    }[stored_as]()
    viewer.add_image(data, name="image", multiscale=stored_as == "multiscale")
    panel = user.open("Process")
    panel.choose("voronoi_otsu_labeling", viewer.layers["image"])
    panel.apply_button.click()
    user.wait(panel)
    np.testing.assert_array_equal(viewer.layers[-1].data, CATALOGUE["voronoi_otsu_labeling"](small.image))
    assert not errors


def test_nothing_is_overwritten(user, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    mine = viewer.add_labels(small.labels, name="Threshold Otsu of image")
    before = mine.data.copy()
    panel = user.open("Process")
    panel.choose("threshold_otsu", viewer.layers["image"])
    panel.apply_button.click()
    user.wait(panel)
    panel.apply_button.click()
    user.wait(panel)
    assert len(viewer.layers) == 4
    np.testing.assert_array_equal(mine.data, before)


def test_errors_tell_the_way_out(user, small, errors):
    viewer = user.viewer
    panel = user.open("Process")
    panel.apply_button.click()
    assert "Open Sample" in errors[-1]
    broken = small.image.astype(float)
    broken[3, 4] = np.nan
    viewer.add_image(broken, name="broken")
    panel.apply_button.click()
    user.wait(panel)
    assert "replace_nan" in errors[-1]
    viewer.add_image(np.zeros((2, 3, 4, 20, 20)), name="five axes")
    panel.choose("gaussian_blur", viewer.layers["five axes"])
    panel.apply_button.click()
    assert "5 axes" in errors[-1]
    user.clear()
    viewer.add_image(small.image, name="image")
    viewer.add_labels(small.labels[:50], name="seeds")
    panel.choose("seeded_watershed")
    panel.apply_button.click()
    user.wait(panel)
    assert "shapes differ" in errors[-1]
    assert len(viewer.layers) == 2


def test_cancel_leaves_everything_as_it_was(user, errors):
    viewer = user.viewer
    viewer.add_image(np.random.default_rng(0).random((40, 400, 400), np.float32), axis_labels=("t", "y", "x"))
    panel = user.open("Process")
    panel.choose("median", viewer.layers[0])
    panel.settings["radius"].value = 6
    panel.apply_button.click()
    user.until(lambda: panel.status.bar.maximum() > 0, "progress")
    assert panel.status.button.isVisible()
    panel.status.button.click()
    user.look(0.3)
    assert not panel.jobs.busy
    assert "Cancelled" in panel.status.text.text()
    assert len(viewer.layers) == 1
    assert not panel.status.bar.isVisible()
    panel.jobs.wait(20)


# ------------------------------------------------------------------------------------------------ Pixel classifier
def test_live_training_answers_to_strokes_and_undo(user, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel = user.open("Pixel classifier")
    panel.new_button.click()
    annotation = viewer.layers.selection.active
    panel.live.setChecked(True)
    inside = np.argwhere(small.labels > 0)[500]
    outside = np.argwhere(small.labels == 0)[0]
    annotation.brush_size = 4
    user.paint(annotation, 1, [tuple(outside), tuple(outside + 3)])
    user.look(0.5)
    assert not errors, "half an annotation is no error while painting live"
    user.paint(annotation, 2, [tuple(inside), tuple(inside + 1)])
    user.until(lambda: "classes of image" in viewer.layers, "the prediction")
    user.wait(panel)
    first = viewer.layers["classes of image"].data.copy()
    other = np.argwhere(small.labels == 0)[-1]
    user.paint(annotation, 2, [tuple(other), tuple(other - 3)])
    user.until(lambda: (viewer.layers["classes of image"].data != first).any(), "the new prediction")
    user.wait(panel)
    annotation.undo()
    user.until(lambda: (viewer.layers["classes of image"].data == first).all(), "the first prediction again")
    assert len([layer for layer in viewer.layers if layer.name.startswith("classes")]) == 1


@pytest.mark.parametrize("key", ["nuclei_timelapse", "nuclei_3d", "nuclei_two_channels"])
def test_pixel_classifier_on_time_depth_and_channels(user, key, errors):
    viewer = user.viewer
    opened = user.sample(key)
    sample = make_sample(key)
    truth = next(layer for layer in opened.values() if type(layer).__name__ == "Labels")
    panel = user.open("Pixel classifier")
    if key == "nuclei_two_channels":
        panel.images.set_checked({n for n, layer in opened.items() if type(layer).__name__ == "Image"})
        assert len(panel.stack().channels) == 2
    panel.features.set_text("small objects")
    panel.trees.setValue(20)
    panel.new_button.click()
    annotation = viewer.layers.selection.active
    assert annotation.data.shape == truth.data.shape
    annotation.data = strokes(sample.labels, n_pixels=400)
    panel.train_button.click()
    user.wait(panel)
    panel.application.begin(Application("frames", ("classes",)))
    user.until(lambda: not panel._apply_jobs.busy, "all frames")
    user.look()
    assert not errors
    classes = next(layer for layer in viewer.layers if layer.name.startswith("classes"))
    found, true = classes.data == 2, truth.data > 0
    assert (found & true).sum() / (found | true).sum() > 0.5
    assert spatial(classes) == spatial(truth)


def test_pixel_classifier_says_what_is_missing(user, small, errors, tmp_path):
    viewer = user.viewer
    panel = user.open("Pixel classifier")
    assert not panel.train_button.isEnabled()
    assert "Open Sample" in panel.train_button.toolTip()
    assert not panel.save_button.isEnabled()
    assert "train one" in panel.save_button.toolTip()
    viewer.add_image(small.image, name="image")
    assert "Open Sample" not in panel.train_button.toolTip()
    panel.train_button.click()
    assert "New annotation" in errors[-1]
    panel.new_button.click()
    panel.train_button.click()
    user.wait(panel)
    assert "at least two classes" in errors[-1]
    viewer.layers.selection.active.data[:4] = 1
    panel.train_button.click()
    user.wait(panel)
    assert "only class 1" in errors[-1]
    viewer.add_labels(np.ones((5, 5), int), name="other")
    panel.annotation.choose(viewer.layers["other"])
    panel.train_button.click()
    assert "Choose layers of the same pixels" in errors[-1]
    panel.features.text_line.setText("gausian_blur=2")
    panel.features.text_line.textEdited.emit("gausian_blur=2")
    panel.annotation.choose(viewer.layers["annotation of image"])
    panel.train_button.click()
    assert "gausian_blur=2" in errors[-1]
    (tmp_path / "no.cl").write_text("nothing")
    panel.attempt(lambda: panel.load(str(tmp_path / "no.cl")))
    assert "no.cl" in errors[-1]


def test_a_classifier_is_saved_and_used_again(user, small, errors, tmp_path):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel = user.open("Pixel classifier")
    panel.new_button.click()
    viewer.layers.selection.active.data = strokes(small.labels, n_pixels=200)
    panel.train_button.click()
    user.wait(panel)
    before = viewer.layers["classes of image"].data
    panel.save(str(tmp_path / "model"))
    user.clear()
    viewer.add_image(small.image, name="again")
    panel.load(str(tmp_path / "model.cl"))
    panel.application.begin(Application("image", ("classes",)))
    user.until(lambda: not panel._apply_jobs.busy, "the prediction")
    user.look()
    np.testing.assert_array_equal(viewer.layers["classes of again"].data, before)
    assert not errors


# ------------------------------------------------------------------------------------------ objects, tables, plots
def test_objects_over_time_are_kept_apart(user, errors):
    viewer = user.viewer
    opened = user.sample("nuclei_timelapse")
    labels = next(layer for layer in opened.values() if type(layer).__name__ == "Labels")
    labels.visible = True
    panel = user.open("Measure")
    panel.labels.choose(labels)
    panel.measure_button.click()
    user.wait(panel)
    table = labels.features
    assert table.groupby("frame").size().tolist() == [len(np.unique(f)) - 1 for f in labels.data]
    explore = user.open("Explore")
    explore.labels.choose(labels)
    explore.x_box.setCurrentText("area")
    explore.y_box.setCurrentText("intensity_mean")
    explore.plot.wait()
    user.look()
    rows = np.flatnonzero(table["frame"] == 3)[:2]
    mask = np.zeros(len(table), bool)
    mask[rows] = True
    explore.plot.selected.emit(mask, "replace")
    one = int(table["label"].iloc[rows[0]])
    panel.table.row_clicked.emit(int(rows[0]))
    user.look()
    assert layers.current_frame(viewer, labels, True) == 3
    in_frame = tuple(labels.colormap.map(one))
    viewer.dims.set_point(0, labels.data_to_world((5, 0, 0))[0])
    user.look()
    assert tuple(labels.colormap.map(one)) != in_frame, "the same label is not selected in another frame"
    assert not errors


def test_selection_with_modifiers_undo_and_the_users_own_colours(user, small, errors):
    viewer = user.viewer
    lut = np.zeros(small.labels.max() + 1, np.uint32)
    lut[1:] = np.random.default_rng(0).permutation(np.arange(10, 10 + 7 * small.labels.max(), 7))
    labels = viewer.add_labels(lut[small.labels], name="gaps")
    viewer.add_image(small.image, name="image")
    own = labels.colormap
    measure = user.open("Measure")
    measure.measure_button.click()
    user.wait(measure)
    labels.features = labels.features.sample(frac=1, random_state=0)
    explore = user.open("Explore")
    explore.x_box.setCurrentText("area")
    explore.y_box.setCurrentText("intensity_mean")
    # The plot gets its place in the window.
    user.look(0.5)
    explore.plot.wait()
    user.look()
    x, y = explore.plot.x, explore.plot.y
    order = np.argsort(x)
    first, last = order[:1], order[-1:]
    user.lasso(explore.plot, x[first], y[first])
    assert np.flatnonzero(explore.selection.mask).tolist() == first.tolist()
    user.lasso(explore.plot, x[last], y[last], Qt.KeyboardModifier.ShiftModifier)
    assert set(np.flatnonzero(explore.selection.mask)) == {*first, *last}
    user.lasso(explore.plot, x[first], y[first], Qt.KeyboardModifier.AltModifier)
    assert np.flatnonzero(explore.selection.mask).tolist() == last.tolist()
    lit = int(labels.features["label"].iloc[last[0]])
    assert labels.colormap.map(lit)[3] > 0.9
    assert measure.table.view.rows[measure.table.selected_places()].tolist() == last.tolist()
    explore.selection.undo()
    assert set(np.flatnonzero(explore.selection.mask)) == {*first, *last}
    explore.clear_button.click()
    user.look()
    assert labels.colormap is own
    assert not errors


def test_table_sorts_and_follows(user, small, errors):
    labels = user.viewer.add_labels(small.labels, name="labels")
    panel = user.open("Measure")
    panel.measure_button.click()
    user.wait(panel)
    model = panel.table.objects
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]
    assert "index" not in names
    model.sort(names.index("area"), Qt.SortOrder.DescendingOrder)
    areas = labels.features["area"].to_numpy()
    np.testing.assert_array_equal(areas[model.order], np.sort(areas)[::-1])
    panel.table.selectRow(0)
    user.look()
    assert np.flatnonzero(layers.selection_of(labels).mask).tolist() == [int(areas.argmax())]
    assert not errors


def test_empty_labels_and_unmeasured_objects(user, errors):
    viewer = user.viewer
    viewer.add_labels(np.zeros((20, 20), int), name="empty")
    panel = user.open("Measure")
    panel.measure_button.click()
    user.wait(panel)
    assert "no objects" in panel.status.text.text()
    explore = user.open("Explore")
    explore.embed_button.click()
    user.wait(explore)
    assert errors
    viewer.add_labels(np.ones((20, 20), int), name="new")
    explore.labels.choose(viewer.layers["new"])
    assert not explore.embed_button.isEnabled()
    assert "Measure" in explore.plot.hint
    objects = user.open("Object classifier")
    objects.labels.choose(viewer.layers["empty"])
    objects.new_button.click()
    objects.train_button.click()
    user.wait(objects)
    assert "no objects" in errors[-1]


def test_layers_may_be_renamed_and_removed_while_panels_are_open(user, small):
    viewer = user.viewer
    panels = [user.open(n) for n in ("Process", "Pixel classifier", "Object classifier", "Measure", "Explore")]
    image = viewer.add_image(small.image, name="image")
    labels = viewer.add_labels(small.labels, name="labels")
    labels.name = "renamed"
    user.look()
    assert panels[3].labels.currentText() == "renamed"
    viewer.layers.remove(labels)
    viewer.layers.remove(image)
    user.look()
    assert panels[3].labels.layer is None
    assert not panels[3].measure_button.isEnabled()
    assert not panels[1].new_button.isEnabled()


def test_panels_close_without_leaving_anything_behind(user, small):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    for name in ("Process", "Pixel classifier", "Object classifier", "Measure", "Explore"):
        dock, _ = viewer.window.add_plugin_dock_widget("napari-bioloom", name)
        user.look(0.2)
        viewer.window.remove_dock_widget(dock)
        user.look(0.1)
    viewer.add_labels(small.labels, name="later")
    user.clear()
    user.look(0.2)


# ------------------------------------------------------------------------------------------------ manners
def close(user, name):
    """Close a panel as its cross does."""
    dock = next(
        d
        for d in user.viewer.window.dock_widgets.values()
        if type(d).__name__.startswith(name.title().replace(" ", ""))
    )
    user.viewer.window.remove_dock_widget(dock)
    user.look(0.3)


def test_a_closed_panel_stops_and_leaves_nothing(user, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    labels = viewer.add_labels(small.labels, name="labels")
    own = labels.colormap
    process = user.open("Process")
    process.choose("gaussian_blur", viewer.layers["image"])
    process.preview_box.setChecked(True)
    user.until(lambda: any(layer.name.startswith("preview") for layer in viewer.layers), "the preview")
    close(user, "Process")
    assert not any(layer.name.startswith("preview") for layer in viewer.layers)

    pixels = user.open("Pixel classifier")
    pixels.new_button.click()
    annotation = viewer.layers["annotation of image"]
    annotation.data = strokes(small.labels, n_pixels=200)
    pixels.live.setChecked(True)
    user.until(lambda: "classes of image" in viewer.layers, "the prediction")
    user.wait(pixels)
    close(user, "Pixel classifier")
    viewer.layers.remove(viewer.layers["classes of image"])
    user.paint(annotation, 1, [(3, 3), (8, 8)])
    user.look(0.6)
    assert "classes of image" not in viewer.layers, "a closed panel does not train"

    measure = user.open("Measure")
    measure.labels.choose(labels)
    measure.measure_button.click()
    user.wait(measure)
    explore = user.open("Explore")
    explore.labels.choose(labels)
    explore.colour_box.setCurrentText("area")
    user.look()
    assert labels.colormap is not own
    close(user, "Explore")
    assert labels.colormap is own
    assert not errors


def test_renaming_an_image_keeps_it_chosen(user, small):
    viewer = user.viewer
    image = viewer.add_image(small.image, name="image")
    panel = user.open("Measure")
    assert panel.images.images == [image]
    image.name = "DAPI"
    user.look()
    assert panel.images.images == [image]
    assert panel.images.checked() == ["DAPI"]


def test_edited_results_are_the_users(user, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel = user.open("Pixel classifier")
    panel.new_button.click()
    viewer.layers["annotation of image"].data = strokes(small.labels, n_pixels=200)
    panel.train_button.click()
    user.wait(panel)
    corrected = viewer.layers["classes of image"]
    user.paint(corrected, 2, [(5, 5), (9, 9)])
    kept = corrected.data.copy()
    panel.train_button.click()
    user.wait(panel)
    np.testing.assert_array_equal(corrected.data, kept)
    assert "classes of image [1]" in viewer.layers


def test_results_of_removed_layers_are_dropped(user, errors):
    viewer = user.viewer
    viewer.add_image(np.random.default_rng(0).random((6, 500, 500), np.float32), axis_labels=("t", "y", "x"))
    panel = user.open("Process")
    panel.choose("median", viewer.layers[0])
    panel.settings["radius"].value = 4
    panel.apply_button.click()
    user.clear()
    user.wait(panel)
    assert len(viewer.layers) == 0
    assert "removed" in panel.status.text.text()
    assert not errors


def test_labels_are_not_taken_for_an_annotation(user, errors):
    rng = np.random.default_rng(0)
    user.viewer.add_image(rng.random((60, 60)), name="image")
    labels = user.viewer.add_labels(np.arange(3600).reshape(60, 60) // 40, name="objects")
    panel = user.open("Pixel classifier")
    panel.annotation.choose(labels)
    panel.train_button.click()
    user.wait(panel)
    assert "different values" in errors[-1]


def test_a_loaded_classifier_keeps_its_sizes(user, small, errors, tmp_path):
    viewer = user.viewer
    image = viewer.add_image(small.image, name="image", scale=(0.25, 0.25), units="um")
    panel = user.open("Pixel classifier")
    panel.axes.sizes.setCurrentIndex(1)
    panel.new_button.click()
    viewer.layers.selection.active.data = strokes(small.labels, n_pixels=200)
    panel.train_button.click()
    user.wait(panel)
    before = viewer.layers["classes of image"].data.copy()
    panel.save(str(tmp_path / "model.cl"))
    panel.axes.sizes.setCurrentIndex(0)
    panel.load(str(tmp_path / "model.cl"))
    assert panel.axes.physical
    viewer.layers["classes of image"].data[:] = 0
    panel.application.begin(Application("image", ("classes",)))
    user.until(lambda: not panel._apply_jobs.busy, "the prediction")
    user.look()
    np.testing.assert_array_equal(viewer.layers["classes of image"].data, before)
    assert image in viewer.layers


def test_flat_labels_beside_a_stack(user, small, errors):
    """Rows find their objects although the viewer has more axes than the labels."""
    viewer = user.viewer
    viewer.add_image(np.zeros((3, *small.image.shape)), name="stack")
    labels = viewer.add_labels(small.labels, name="labels")
    panel = user.open("Measure")
    panel.images.set_checked(set())
    panel.measure_button.click()
    user.wait(panel)
    panel.table.row_clicked.emit(2)
    user.look()
    assert labels.selected_label == labels.features["label"].iloc[2]
    assert viewer.layers.selection.active is labels
    assert labels.mode == "pan_zoom"
    assert not errors


def test_time_that_was_ticked_counts_for_clicks(user, small, errors):
    viewer = user.viewer
    labels = viewer.add_labels(np.stack([small.labels] * 3), name="labels")
    panel = user.open("Measure")
    panel.axes.time.setChecked(True)
    panel.measure_button.click()
    user.wait(panel)
    one = int(small.labels.max())
    y, x = np.argwhere(small.labels == one)[5]
    viewer.dims.set_point(0, 2)
    user.click_object(labels, (2, y, x))
    selection = layers.selection_of(labels)
    assert selection.frames[selection.mask].tolist() == [2]
    assert selection.labels[selection.mask].tolist() == [one]


def test_tables_made_elsewhere_do_not_keep_panels_shut(user, small):
    import pandas as pd

    labels = user.viewer.add_labels(small.labels, name="labels")
    labels.features = pd.DataFrame({"label": [1, 1, 2], "score": [0.1, 0.2, 0.3]})
    panel = user.open("Measure")
    assert "twice" in panel.status.text.text()
    assert not user.open("Explore").embed_button.isEnabled()
    panel.measure_button.click()
    user.wait(panel)
    assert len(labels.features) == small.labels.max()


def test_the_mouse_on_the_canvas_selects_pans_and_paints(user, small, errors):
    """The same through the window itself: Qt's mouse events on napari's canvas."""
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    labels = viewer.add_labels(small.labels, name="labels")
    measure = user.open("Measure")
    measure.measure_button.click()
    user.wait(measure)
    viewer.reset_view()
    user.look(0.3)
    selection = layers.selection_of(labels)

    def chosen():
        return selection.labels[selection.mask].tolist()

    def inside(label):
        where = np.argwhere(small.labels == label)
        return where[len(where) // 2]

    user.drag_on_canvas([inside(3)])
    assert chosen() == [3]
    user.drag_on_canvas([inside(5)], Qt.KeyboardModifier.ShiftModifier)
    assert chosen() == [3, 5]
    user.drag_on_canvas([inside(3)], Qt.KeyboardModifier.AltModifier)
    assert chosen() == [5]
    user.drag_on_canvas([np.add(inside(7), (0, 2 * k)) for k in range(10)])
    assert chosen() == [5], "panning is not selecting"

    viewer.reset_view()
    user.look(0.3)
    pixels = user.open("Pixel classifier")
    pixels.new_button.click()
    user.look(0.3)
    annotation = viewer.layers["annotation of image"]
    user.drag_on_canvas([(80, 60 + 2 * k) for k in range(10)])
    user.look(0.4)
    assert annotation.data[80, 60:78].all()
    assert pixels.classes.counts()[1] == (annotation.data == 1).sum()
    assert not errors
