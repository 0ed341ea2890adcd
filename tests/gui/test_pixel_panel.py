"""The Pixel classifier panel as a user meets it: paint, see, name, undo, save, apply."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from bioloom import layers
from bioloom.classify import ObjectSegmenter, PixelClassifier, ProbabilityMapper, load_classifier
from bioloom.files import read_image, write_image
from bioloom.samples import nuclei_2d, nuclei_3d, nuclei_timelapse, strokes
from bioloom.widgets._apply_dialog import Application

pytestmark = pytest.mark.gui

SMALL = "original gaussian_blur=1 gaussian_blur=3 sobel_of_gaussian_blur=1"


@pytest.fixture(scope="module")
def small():
    return nuclei_2d(shape=(160, 180), n_nuclei=12, seed=0)


@pytest.fixture
def panel(user):
    opened = user.open("Pixel classifier")
    opened.features.set_text(SMALL)
    opened.trees.setValue(30)
    return opened


def agreement(classes, labels):
    found, true = classes == 2, labels > 0
    return (found & true).sum() / (found | true).sum()


def trained(user, panel, sample, name="image"):
    """Add an image, annotate it and train."""
    user.viewer.add_image(sample.image, name=name)
    panel.new_button.click()
    user.viewer.layers[f"annotation of {name}"].data = strokes(sample.labels, n_pixels=300)
    panel.train_button.click()
    user.wait(panel)


def segmenter(panel):
    """What the panel would save as an object segmenter."""
    panel.save_kind.setCurrentText("Object segmenter")
    return panel.to_save()


def applied(user, panel, application):
    panel.application.begin(application)
    user.until(lambda: not panel._apply_jobs.busy, "what is applied")
    user.look(0.1)


# ------------------------------------------------------------------------------------------------ classes
def test_number_keys_choose_the_class_to_paint(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel.new_button.click()
    annotation = viewer.layers["annotation of image"]
    canvas = viewer.window._qt_viewer.canvas.native
    assert (annotation.selected_label, annotation.mode) == (1, "paint")
    QTest.keyClick(canvas, Qt.Key.Key_2)
    user.look()
    assert (annotation.selected_label, annotation.mode) == (2, "paint")
    assert panel.classes.current == 2
    QTest.keyClick(canvas, Qt.Key.Key_3)
    user.look()
    assert panel.classes.ids() == [1, 2, 3], "the next number is a new class"
    assert annotation.selected_label == 3
    QTest.keyClick(canvas, Qt.Key.Key_9)
    assert annotation.selected_label == 3, "there is no ninth class"
    annotation.selected_label = 1
    assert panel.classes.current == 1
    panel.classes.choose(2)
    assert annotation.selected_label == 2
    viewer.window.remove_dock_widget(panel)
    user.look(0.2)
    viewer.layers.selection.active = annotation
    QTest.keyClick(canvas, Qt.Key.Key_1)
    user.look()
    assert (annotation.selected_label, annotation.mode) == (2, "erase"), "the keys mean again what they meant"
    assert not errors


def test_names_and_colours_of_classes_are_shown_everywhere(user, panel, small, errors, tmp_path):
    viewer = user.viewer
    trained(user, panel, small)
    panel.classes.rename(2, "nucleus")
    panel.classes.recolour(2, "#ff0000")
    annotation, classes = viewer.layers["annotation of image"], viewer.layers["classes of image"]
    for layer in (annotation, classes):
        np.testing.assert_allclose(layer.colormap.map(2), (1, 0, 0, 1), atol=0.01)
        assert layer.features.set_index("index")["class"][2] == "nucleus"
    y, x = np.argwhere(classes.data == 2)[0]
    told = classes.get_status((y, x), view_direction=None, dims_displayed=[0, 1], world=True)
    assert "nucleus" in str(told)
    assert "nucleus" in panel.outputs.class_box.currentText()
    panel.save(str(tmp_path / "a.cl"))
    assert load_classifier(tmp_path / "a.cl").class_names == {2: "nucleus"}
    panel.classes.rename(2, "")
    panel.load(str(tmp_path / "a.cl"))
    assert panel.classes.names()[2] == "nucleus"
    assert not errors


def test_a_removed_class_is_erased_and_that_can_be_undone(user, panel, small):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel.new_button.click()
    annotation = viewer.layers["annotation of image"]
    user.paint(annotation, 3, [(5, 5), (5, 20)])
    user.until(lambda: panel.classes.counts().get(3), "the third class")
    n = panel.classes.counts()[3]
    assert n == (annotation.data == 3).sum()
    panel.classes.remove_class(3)
    assert not annotation.data.any()
    annotation.undo()
    user.until(lambda: panel.classes.counts().get(3) == n, "the third class again")


# ------------------------------------------------------------------------------------------------ live
def test_every_output_follows_the_strokes(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    for box in (panel.outputs.as_objects, panel.outputs.as_probability, panel.outputs.as_uncertainty):
        box.setChecked(True)
    panel.new_button.click()
    annotation = viewer.layers["annotation of image"]
    panel.live.setChecked(True)
    annotation.data = strokes(small.labels, n_pixels=300)
    user.until(lambda: "objects of image" in viewer.layers, "the objects")
    user.wait(panel)
    shown = {what: viewer.layers[f"{what} of image"] for what in ("classes", "objects", "probability", "uncertainty")}
    before = {what: layer.data.copy() for what, layer in shown.items()}
    proba = panel.session.classifier.predict_proba(small.image)
    np.testing.assert_array_equal(before["probability"], proba[1])
    np.testing.assert_allclose(before["uncertainty"], 1 - np.abs(proba[0] - proba[1]), atol=1e-6)
    np.testing.assert_array_equal(before["objects"], segmenter(panel).predict(small.image))
    assert viewer.layers.selection.active is annotation, "painting goes on"
    outside = np.argwhere(small.labels == 0)[40]
    user.paint(annotation, 2, [tuple(outside), tuple(outside + 6)])
    user.until(lambda: (shown["probability"].data != before["probability"]).any(), "the answer")
    user.wait(panel)
    assert (shown["objects"].data != before["objects"]).any()
    annotation.undo()
    user.until(lambda: (shown["probability"].data == before["probability"]).all(), "the answer there was")
    user.wait(panel)
    np.testing.assert_array_equal(shown["objects"].data, before["objects"])
    panel.outputs.choose_class(1)
    user.wait(panel)
    np.testing.assert_array_equal(shown["probability"].data, proba[0])
    panel.outputs.choose_class(2)
    panel.outputs.split.setChecked(False)
    panel.outputs.smallest.setValue(60)
    panel.outputs.smallest.editingFinished.emit()
    user.wait(panel)
    np.testing.assert_array_equal(shown["objects"].data, segmenter(panel).predict(small.image))
    assert np.bincount(shown["objects"].data.ravel())[1:].min() >= 60
    assert len(viewer.layers) == 6
    assert not errors


def test_what_comes_into_view_is_predicted(user, panel, errors):
    sample = nuclei_timelapse(shape=(3, 96, 96), n_nuclei=5, seed=1)
    viewer = user.viewer
    viewer.add_image(sample.image, name="series", axis_labels=("t", "y", "x"))
    panel.new_button.click()
    annotation = viewer.layers["annotation of series"]
    painted = np.zeros(sample.labels.shape, np.uint8)
    painted[0] = strokes(sample.labels[0], n_pixels=200)
    viewer.dims.set_current_step(0, 0)
    panel.live.setChecked(True)
    annotation.data = painted
    user.until(lambda: "classes of series" in viewer.layers, "the prediction")
    user.wait(panel)
    classes = viewer.layers["classes of series"]
    assert not classes.data[1:].any()
    viewer.dims.set_current_step(0, 2)
    user.until(lambda: classes.data[2].any(), "the prediction of the frame in view")
    user.wait(panel)
    assert not classes.data[1].any()
    assert agreement(classes.data[2], sample.labels[2]) > 0.4
    assert panel.training_list.members[0].frames == (0,)
    applied(user, panel, Application("frames", ("classes", "probability")))
    for k in range(3):
        np.testing.assert_array_equal(classes.data[k], panel.session.classifier.predict(sample.image[k]))
    assert viewer.layers["probability of series"].data[1].any()
    assert not errors


def test_zooming_in_predicts_only_what_is_in_view_where_memory_is_short(user, panel, errors, monkeypatch):
    from bioloom import device

    sample = nuclei_2d(shape=(1300, 1300), n_nuclei=150, seed=1)
    viewer = user.viewer
    viewer.add_image(sample.image, name="image")
    panel.new_button.click()
    annotation = viewer.layers["annotation of image"]
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    camera.zoom, camera.center = 4, (0, 100, 100)
    user.look(0.3)
    monkeypatch.setattr(device, "memory_budget", lambda: 6_000_000)
    panel.live.setChecked(True)
    annotation.data = strokes(sample.labels, n_pixels=300)
    user.until(lambda: "classes of image" in viewer.layers, "the prediction")
    user.wait(panel)
    classes = viewer.layers["classes of image"]
    assert classes.data[:200, :200].all()
    assert not classes.data[1024:].any()
    camera.center = (0, 1200, 1200)
    user.until(lambda: classes.data[1100:, 1100:].all(), "what was panned to")
    user.wait(panel)
    assert not classes.data[1024:, :512].any()
    np.testing.assert_array_equal(
        classes.data[1100:, 1100:], panel.session.classifier.predict(sample.image)[1100:, 1100:]
    )
    assert not errors


def test_training_is_undone(user, panel, small, errors):
    viewer = user.viewer
    trained(user, panel, small)
    assert not panel.undo_button.isEnabled()
    assert "no earlier classifier" in panel.undo_button.toolTip()
    first = viewer.layers["classes of image"].data.copy()
    annotation = viewer.layers["annotation of image"]
    annotation.data = np.where(annotation.data > 0, 3 - annotation.data, 0).astype(np.uint8)
    panel.train_button.click()
    user.wait(panel)
    assert (viewer.layers["classes of image"].data != first).mean() > 0.5
    panel.undo_button.click()
    user.wait(panel)
    np.testing.assert_array_equal(viewer.layers["classes of image"].data, first)
    assert not panel.undo_button.isEnabled()
    assert not errors


def test_scores_appear_and_name_the_classes(user, panel, errors):
    sample = nuclei_2d(shape=(400, 400), n_nuclei=40, seed=2)
    panel.score_group.set_open(True)
    trained(user, panel, sample)
    assert "%" in panel.scores.headline.text()
    assert "%" in panel.score_group.summary.toolTip()
    panel.classes.rename(1, "ground")
    assert "ground" in panel.scores.as_text()
    assert panel.features.cells.importances
    panel.scores.what.setCurrentIndex(1)
    user.until(lambda: not panel._score_jobs.busy, "permutation importances")
    user.look(0.1)
    assert "Measuring" not in panel.scores.feature_note.text() or panel.scores.feature_note.isHidden()
    assert not errors


def test_settings_that_are_not_possible_say_why(user, panel, small, errors):
    viewer = user.viewer
    trained(user, panel, small)
    panel.live.setChecked(True)
    panel.features.text_line.setText("gaussian_blur=0")
    panel.features.text_line.textEdited.emit("gaussian_blur=0")
    assert "sigma" in panel.features.info.text()
    user.paint(viewer.layers["annotation of image"], 1, [(3, 3), (3, 9)])
    user.look(0.2)
    assert "sigma" in panel.status.text.text()
    assert not errors, "no window pops up while the hand moves"
    panel.train_button.click()
    assert "sigma" in errors[-1]


# ------------------------------------------------------------------------------------------------ features
def test_a_feature_is_previewed_where_it_lies(user, panel, errors):
    sample = nuclei_3d(shape=(8, 60, 64), n_nuclei=3, seed=1)
    viewer = user.viewer
    image = viewer.add_image(sample.image, name="deep", scale=(2, 0.5, 0.5), units="um", translate=(1, 2, 3))
    viewer.dims.set_current_step(0, 5)
    panel.features.preview_requested.emit("gaussian_blur=2")
    user.until(lambda: panel.preview.layer in viewer.layers, "the preview")
    from bioloom.operations import CATALOGUE

    stack = panel.stack()
    expected = CATALOGUE["gaussian_blur"](sample.image.astype(np.float32), sigma=2, spacing=stack.spacing)
    shown = panel.preview.layer
    np.testing.assert_allclose(shown.data[0], expected[5], rtol=1e-4)
    np.testing.assert_allclose(shown.data_to_world((0, 0, 0)), image.data_to_world((5, 0, 0)))
    viewer.dims.set_current_step(0, 2)
    user.until(lambda: np.allclose(panel.preview.layer.data[0], expected[2], rtol=1e-4), "another plane")
    panel.features.preview_ended.emit()
    assert not any(layers.role(layer) == "preview" for layer in viewer.layers)
    assert not errors


@pytest.mark.parametrize("normalise", ["normalised", "normalised, log"])
def test_a_normalised_classifier_holds_on_another_exposure(user, panel, small, errors, normalise):
    viewer = user.viewer
    panel.normalise.setCurrentText(normalise)
    trained(user, panel, small)
    viewer.add_image((small.image // 6 + 3).astype(np.uint16), name="darker")
    applied(user, panel, Application("layers", ("classes",), layers=(viewer.layers["darker"],)))
    assert agreement(viewer.layers["classes of darker"].data, small.labels) > 0.7
    assert not errors


def test_all_settings_reach_the_classifier_and_come_back(user, panel, small, errors, tmp_path):
    panel.trees.setValue(7)
    panel.depth.setValue(3)
    panel.seed.setValue(11)
    panel.balanced.setChecked(True)
    panel.tree_kind.setCurrentText("extra trees")
    trained(user, panel, small)
    made = panel.session.classifier
    assert (made.n_trees, made.max_depth, made.seed, made.balanced, made.trees) == (7, 3, 11, True, "extra trees")
    panel.save(str(tmp_path / "a.cl"))
    for field, value in ((panel.trees, 50), (panel.depth, 9), (panel.seed, 0)):
        field.setValue(value)
    panel.balanced.setChecked(False)
    panel.load(str(tmp_path / "a.cl"))
    settings = panel.settings()
    assert (settings.n_trees, settings.max_depth, settings.seed) == (7, 3, 11)
    assert (settings.balanced, settings.trees) == (True, "extra trees")
    assert not errors


# ------------------------------------------------------------------------------------------------ several images
def test_images_are_trained_on_together_and_switched_between(user, panel, small, errors):
    viewer = user.viewer
    other = nuclei_2d(shape=(140, 150), n_nuclei=9, seed=5)
    viewer.add_image(small.image, name="one")
    viewer.add_image(other.image, name="two")
    panel.images.set_checked({"one"})
    panel.new_button.click()
    user.look()
    viewer.layers["annotation of one"].data = strokes(small.labels, n_pixels=300)
    # At once, before anything could be counted.
    panel.images.set_checked({"two"})
    assert panel.annotation.layer is None, "an annotation belongs to its image"
    panel.new_button.click()
    viewer.layers["annotation of two"].data = strokes(other.labels, n_pixels=300)
    user.until(lambda: len(panel.training_list.members) == 2, "two images")
    assert [m.image for m in panel.training_list.members] == ["one", "two"]
    panel.live.setChecked(True)
    user.until(lambda: "classes of two" in viewer.layers, "the prediction")
    user.wait(panel)
    assert len(panel.session.classifier.samples_) == 600
    panel.images.set_checked({"one"})
    assert panel.annotation.layer is viewer.layers["annotation of one"]
    user.until(lambda: "classes of one" in viewer.layers, "the prediction of the other image")
    user.wait(panel)
    for name, sample in (("one", small), ("two", other)):
        np.testing.assert_array_equal(
            viewer.layers[f"classes of {name}"].data, panel.session.classifier.predict(sample.image)
        )
    first, second = panel.training_list.members
    panel.training_list.used_changed.emit(second.key, False)
    user.until(lambda: len(panel.session.classifier.samples_) == 300, "training without the second image")
    user.wait(panel)
    panel.training_list.go_to_requested.emit(second.key)
    assert panel.images.checked() == ["two"]
    assert panel.annotation.layer is viewer.layers["annotation of two"]
    panel.training_list.remove_requested.emit(first.key)
    assert [m.image for m in panel.training_list.members] == ["two"]
    assert "annotation of one" in viewer.layers
    assert not errors


def test_a_panel_that_is_opened_again_knows_its_training_images(user, panel, small, errors):
    viewer = user.viewer
    for name in ("one", "two"):
        viewer.add_image(small.image, name=name)
        panel.images.set_checked({name})
        panel.new_button.click()
        viewer.layers[f"annotation of {name}"].data = strokes(small.labels, n_pixels=100)
    user.until(lambda: len(panel.training_list.members) == 2, "two images")
    viewer.window.remove_dock_widget(panel)
    user.look(0.3)
    again = user.open("Pixel classifier")
    user.until(lambda: sum(m.annotated for m in again.training_list.members) == 200, "the annotations")
    assert {m.image for m in again.training_list.members} == {"one", "two"}
    assert not errors


def test_several_layers_and_colours_are_channels(user, panel, small, errors):
    viewer = user.viewer
    noise = np.random.default_rng(0).integers(0, 99, small.image.shape).astype(np.uint16)
    viewer.add_image(noise, name="noise")
    viewer.add_image(small.image, name="signal")
    panel.images.set_checked({"noise", "signal"})
    panel.new_button.click()
    viewer.layers.selection.active.data = strokes(small.labels, n_pixels=300)
    panel.train_button.click()
    user.wait(panel)
    assert panel.session.classifier.n_channels == 2
    assert agreement(viewer.layers["classes of noise"].data, small.labels) > 0.7
    user.clear()
    rgb = np.stack([small.image >> 4, noise, noise], -1).clip(0, 255).astype(np.uint8)
    viewer.add_image(rgb, name="colours", rgb=True)
    panel.images.set_checked({"colours"})
    panel.new_button.click()
    viewer.layers.selection.active.data = strokes(small.labels, n_pixels=300)
    panel.train_button.click()
    user.wait(panel)
    assert panel.session.classifier.n_channels == 3
    assert agreement(viewer.layers["classes of colours"].data, small.labels) > 0.7
    assert not errors


@pytest.mark.parametrize("stored_as", ["dask", "zarr", "multiscale"])
def test_dask_zarr_and_multiscale_images(user, panel, small, tmp_path, errors, stored_as):
    import dask.array as da
    import zarr

    data = {
        "dask": lambda: da.from_array(small.image, chunks=50),
        "zarr": lambda: zarr.create_array(tmp_path / "a.zarr", data=small.image, chunks=(64, 64)),
        "multiscale": lambda: [small.image, small.image[::2, ::2]],
    }[stored_as]()
    viewer = user.viewer
    viewer.add_image(data, name="image", multiscale=stored_as == "multiscale")
    panel.live.setChecked(True)
    panel.new_button.click()
    viewer.layers["annotation of image"].data = strokes(small.labels, n_pixels=300)
    user.until(lambda: "classes of image" in viewer.layers, "the prediction")
    user.wait(panel)
    np.testing.assert_array_equal(viewer.layers["classes of image"].data, panel.session.classifier.predict(small.image))
    assert not errors


def test_a_stack_is_looked_at_plane_by_plane_and_in_3d(user, panel, errors):
    sample = nuclei_3d(shape=(40, 60, 64), n_nuclei=5, seed=1)
    viewer = user.viewer
    viewer.add_image(sample.image, name="deep", scale=sample.spacing, units=sample.units)
    panel.new_button.click()
    viewer.dims.set_current_step(0, 10)
    panel.live.setChecked(True)
    viewer.layers["annotation of deep"].data = strokes(sample.labels, n_pixels=500)
    user.until(lambda: "classes of deep" in viewer.layers, "the prediction")
    user.wait(panel)
    assert panel.session.classifier.n_dim == 3
    assert agreement(viewer.layers["classes of deep"].data, sample.labels) > 0.6
    viewer.dims.ndisplay = 3
    user.look(0.3)
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    user.look(0.3)
    user.wait(panel)
    assert panel.scene().region[0] == slice(0, 40)
    assert not errors


@pytest.mark.parametrize("kind", ["colours over time", "stacks over time"])
def test_time_with_colours_and_with_depth(user, panel, small, errors, kind):
    viewer = user.viewer
    painted = strokes(small.labels, n_pixels=300)
    if kind == "colours over time":
        frame = np.stack([small.image >> 4] * 3, -1).clip(0, 255).astype(np.uint8)
        viewer.add_image(np.stack([frame, frame[::-1]]), name="film", rgb=True, axis_labels=("t", "y", "x"))
        annotation = np.stack([painted, 0 * painted])
        truth = small.labels[::-1]
    else:
        deep = nuclei_3d(shape=(8, 60, 64), n_nuclei=3, seed=1)
        viewer.add_image(np.stack([deep.image, deep.image[:, ::-1]]), name="film")
        annotation = np.stack([strokes(deep.labels, n_pixels=400), np.zeros(deep.labels.shape, np.uint8)])
        truth = deep.labels[:, ::-1]
    panel.new_button.click()
    panel.live.setChecked(True)
    viewer.layers["annotation of film"].data = annotation
    user.until(lambda: "classes of film" in viewer.layers, "the prediction")
    user.wait(panel)
    classes = viewer.layers["classes of film"]
    viewer.dims.set_current_step(0, 1)
    user.until(lambda: classes.data[1].any(), "the second frame")
    user.wait(panel)
    assert classes.data.shape == annotation.shape
    assert agreement(classes.data[1], truth) > 0.6
    assert panel.session.classifier.n_channels == (3 if kind == "colours over time" else 1)
    assert not errors


def test_images_that_cannot_be_trained_on_together_are_refused(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="one")
    panel.new_button.click()
    viewer.layers["annotation of one"].data = strokes(small.labels, n_pixels=300)
    viewer.add_image(np.stack([small.image] * 3), name="deep")
    panel.images.set_checked({"deep"})
    panel.new_button.click()
    viewer.layers["annotation of deep"].data[1] = strokes(small.labels, n_pixels=300)
    panel.train_button.click()
    user.wait(panel)
    assert "same number of channels and of axes" in errors[-1]
    assert "one: 1 channel(s) in 2D; deep: 1 channel(s) in 3D" in errors[-1]


# ------------------------------------------------------------------------------------------------ files
@pytest.mark.parametrize("kind", [PixelClassifier, ObjectSegmenter, ProbabilityMapper])
def test_every_pixel_kind_is_saved_and_loaded(user, panel, small, errors, tmp_path, kind):
    trained(user, panel, small)
    titles = {PixelClassifier: "Pixel classifier", ObjectSegmenter: "Object segmenter"}
    panel.save_kind.setCurrentText(titles.get(kind, "Probability mapper"))
    panel.outputs.choose_class(1)
    panel.save(str(tmp_path / "a.cl"))
    loaded = load_classifier(tmp_path / "a.cl")
    assert type(loaded) is kind
    panel.outputs.choose_class(2)
    panel.save_kind.setCurrentIndex(0)
    panel.load(str(tmp_path / "a.cl"))
    assert panel.save_kind.currentText() == titles.get(kind, "Probability mapper")
    if kind is not PixelClassifier:
        assert panel.outputs.class_id == 1
        assert panel.outputs.as_objects.isChecked() is (kind is ObjectSegmenter)
        assert panel.outputs.as_probability.isChecked() is (kind is ProbabilityMapper)
    assert not errors


def test_a_loaded_classifier_learns_more_without_losing_the_old(user, panel, small, errors, tmp_path):
    viewer = user.viewer
    assert not panel.keep_box.isEnabled()
    trained(user, panel, small)
    panel.save(str(tmp_path / "a.cl"))
    user.clear()
    panel.load(str(tmp_path / "a.cl"))
    assert panel.keep_box.isChecked()
    viewer.add_image(65535 - small.image, name="inverted")
    panel.images.set_checked({"inverted"})
    panel.new_button.click()
    panel.live.setChecked(True)
    annotation = viewer.layers["annotation of inverted"]
    annotation.data = np.where(strokes(small.labels, n_pixels=300) == 1, 1, 0).astype(np.uint8)
    user.until(lambda: "classes of inverted" in viewer.layers, "the prediction")
    user.wait(panel)
    assert len(panel.session.classifier.samples_) == 450, "one class is enough: the other is known"
    assert agreement(panel.session.classifier.predict(small.image), small.labels) > 0.7
    panel.keep_box.setChecked(False)
    annotation.data = strokes(small.labels, n_pixels=300)
    user.until(lambda: len(panel.session.classifier.samples_) == 300, "training anew")
    user.wait(panel)
    assert not errors


def test_layers_that_are_removed_leave_the_training_set(user, panel, small, errors):
    viewer = user.viewer
    for name in ("one", "two"):
        viewer.add_image(small.image, name=name)
        panel.images.set_checked({name})
        panel.new_button.click()
        viewer.layers[f"annotation of {name}"].data = strokes(small.labels, n_pixels=100)
    panel.live.setChecked(True)
    user.until(lambda: "classes of two" in viewer.layers, "the prediction")
    user.wait(panel)
    viewer.layers.remove(viewer.layers["annotation of one"])
    assert [m.image for m in panel.training_list.members] == ["two"]
    viewer.layers.remove(viewer.layers["classes of two"])
    user.look(0.1)
    assert not panel.outputs.as_classes.isChecked(), "what the user removes does not come back by itself"
    assert "‘Classes’ is unchecked" in panel.status.text.text()
    panel.outputs.as_classes.click()
    user.paint(viewer.layers["annotation of two"], 1, [(2, 2), (2, 9)])
    user.until(lambda: "classes of two" in viewer.layers, "the prediction again")
    user.wait(panel)
    assert (viewer.layers["classes of two"].data > 0).all()
    viewer.layers.remove(viewer.layers["two"])
    assert panel.training_list.members == ()
    user.look(0.3)
    assert not errors


def test_a_prediction_that_does_not_fit_into_memory_is_refused(user, panel, small, errors, monkeypatch):
    import dask.array as da

    from bioloom import device

    trained(user, panel, small)
    viewer = user.viewer
    viewer.add_image([da.zeros((n, n), chunks=4096, dtype=np.uint8) for n in (60_000, 500)], name="huge")
    monkeypatch.setattr(device, "memory_budget", lambda: 1 << 30)
    panel.images.set_checked({"huge"})
    panel.attempt(lambda: panel.application.begin(Application("image", ("classes",))))
    user.look(0.2)
    assert "3.4 GB of memory. Crop the image" in errors[-1]
    assert not any(layer.name == "classes of huge" for layer in viewer.layers)


def test_a_folder_is_classified_and_a_bad_file_does_not_stop_it(user, panel, small, errors, tmp_path):
    trained(user, panel, small)
    files = [tmp_path / f"{name}.tif" for name in ("a", "b", "c")]
    for path in files[::2]:
        write_image(path, small.image)
    files[1].write_bytes(b"no image")
    out = tmp_path / "out"
    applied(user, panel, Application("folder", ("classes", "objects"), files=tuple(files), out=out))
    text = panel.status.text.text()
    assert "2 of 3 files" in text
    assert "b.tif" in text
    expected = user.viewer.layers["classes of image"].data
    for name in ("a", "c"):
        np.testing.assert_array_equal(read_image(out / f"{name}_classes.tif"), expected)
        np.testing.assert_array_equal(read_image(out / f"{name}_objects.tif"), segmenter(panel).predict(small.image))
    applied(user, panel, Application("folder", ("probability",), files=(files[0],), out=out))
    np.testing.assert_array_equal(
        read_image(out / "a_probability.tif"), panel.session.classifier.predict_proba(small.image)[1]
    )
    assert not errors


def test_other_layers_are_classified_also_where_one_does_not_fit(user, panel, small, errors):
    viewer = user.viewer
    trained(user, panel, small)
    viewer.add_image(small.image[::-1], name="flipped")
    viewer.add_image(np.stack([small.image] * 3), name="deep")
    chosen = tuple(viewer.layers[n] for n in ("deep", "flipped"))
    assert panel.application._others() == [viewer.layers["deep"], viewer.layers["flipped"]]
    applied(user, panel, Application("layers", ("classes", "objects"), layers=chosen))
    np.testing.assert_array_equal(
        viewer.layers["classes of flipped"].data, panel.session.classifier.predict(small.image[::-1])
    )
    assert viewer.layers["objects of flipped"].data.any()
    assert "1 of 2 images" in panel.status.text.text()
    assert "deep has 1 channel(s) in 3D" in panel.status.text.text()
    assert not errors


def test_applying_is_cancelled_and_does_not_disturb_painting(user, panel, errors):
    sample = nuclei_2d(shape=(200, 220), n_nuclei=12, seed=0)
    viewer = user.viewer
    many = viewer.add_image(np.stack([sample.image] * 200), name="many", axis_labels=("t", "y", "x"))
    panel.new_button.click()
    painted = np.zeros(many.data.shape, np.uint8)
    painted[0] = strokes(sample.labels, n_pixels=300)
    viewer.dims.set_current_step(0, 0)
    panel.live.setChecked(True)
    viewer.layers["annotation of many"].data = painted
    user.until(lambda: "classes of many" in viewer.layers, "the prediction")
    user.wait(panel)
    panel.features.set_text(SMALL)
    panel.application.begin(Application("frames", ("classes",)))
    classes = viewer.layers["classes of many"]
    user.until(lambda: classes.data[1].any(), "the second frame")
    assert panel.status.button.isVisible()
    before = classes.data[0].copy()
    user.paint(viewer.layers["annotation of many"], 2, [(0, 5, 5), (0, 5, 50)])
    user.until(lambda: (classes.data[0] != before).any() or not panel._apply_jobs.busy, "the answer to a stroke")
    panel.status.button.click()
    user.look(0.2)
    assert "Cancelled" in panel.status.text.text()
    assert not classes.data[-1].any()
    assert not errors


def test_the_panel_fits_on_a_screen(user, panel):
    for group in (panel.score_group, panel.feature_group, panel.training_group, panel.advanced_group):
        group.set_open(False)
    user.look()
    assert panel.content.minimumSize().height() < 700
    assert panel.content.minimumSize().width() <= panel.minimumWidth() < 420


# ------------------------------------------------------------------------------------------------ a second look
def annotated_live(user, panel, small, others=("B",)):
    """Annotate an image with Live on, beside others."""
    viewer = user.viewer
    viewer.add_image(small.image, name="A")
    for name in others:
        viewer.add_image(small.image[::-1].copy(), name=name)
    panel.images.set_checked({"A"})
    panel.new_button.click()
    viewer.layers["annotation of A"].data = strokes(small.labels, n_pixels=300)
    panel.live.setChecked(True)
    user.until(lambda: "classes of A" in viewer.layers, "the prediction")
    user.wait(panel)


@pytest.mark.parametrize("steps", [({"A", "B"}, {"B"}), (set(), {"B"}), ({"B"},)])
@pytest.mark.parametrize("first", ["A", "B"])
def test_another_image_is_ticked_while_live(user, panel, small, errors, steps, first):
    viewer = user.viewer
    annotated_live(user, panel, small)
    if first == "B":
        # Which of two layers comes first must not decide whose annotation it is.
        viewer.layers.move(viewer.layers.index(viewer.layers["B"]), 0)
    for ticked in steps:
        panel.images.set_checked(ticked)
        user.look(0.3)
        user.wait(panel)
    user.until(lambda: "classes of B" in viewer.layers, "the prediction of the other image")
    user.wait(panel)
    user.look(0.2)
    assert panel.images.checked() == ["B"]
    assert panel.annotation.layer is None
    panel.new_button.click()
    viewer.layers["annotation of B"].data = strokes(small.labels[::-1], n_pixels=200)
    user.until(lambda: len(panel.session.classifier.samples_) == 500, "training on both images")
    user.wait(panel)
    assert [m.image for m in panel.training_list.members] == ["A", "B"]
    assert panel.session.classifier.n_channels == 1
    panel.images.set_checked(set())
    panel.images.set_checked({"A"})
    assert panel.annotation.layer is viewer.layers["annotation of A"]
    user.wait(panel)
    assert panel.images.checked() == ["A"]
    assert not errors


def test_an_annotation_comes_back_with_its_image_also_after_one_without(user, panel, small, errors):
    viewer = user.viewer
    annotated_live(user, panel, small)
    for ticked in ({"B"}, set(), {"A"}):
        panel.images.set_checked(ticked)
        user.look(0.2)
        user.wait(panel)
    assert panel.annotation.layer is viewer.layers["annotation of A"]
    assert not errors


def test_objects_are_no_annotation(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    objects = viewer.add_labels(small.labels.astype(np.int32), name="nuclei")
    colours = objects.colormap
    panel.annotation.choose(objects)
    user.wait(panel)
    user.look(0.2)
    assert "a layer of objects" in errors[-1]
    assert panel.classes.ids() == [1, 2]
    assert panel.training_list.members == ()
    assert objects.colormap is colours, "the colours of the layer are the user's"
    panel.train_button.click()
    assert "a layer of objects" in errors[-1]
    assert panel.session.classifier is None


def test_classes_go_with_their_layer(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel.new_button.click()
    annotation = viewer.layers["annotation of image"]
    panel.classes.rename(2, "nucleus")
    painted = np.zeros(small.labels.shape, np.uint8)
    painted[:6] = np.arange(6)[:, None]
    annotation.data = painted
    user.until(lambda: panel.classes.ids() == [1, 2, 3, 4, 5], "the classes")
    user.clear()
    user.until(lambda: panel.classes.ids() == [1, 2], "an empty list")
    assert panel.classes.names()[2] == "nucleus"
    assert not errors


def test_nothing_annotated_any_more_is_said_and_redone(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel.new_button.click()
    annotation = viewer.layers["annotation of image"]
    assert "Paint class 1" in panel.status.text.text()
    inside, outside = np.argwhere(small.labels > 0)[200], np.argwhere(small.labels == 0)[0]
    user.paint(annotation, 1, [tuple(outside), tuple(outside + 5)])
    user.until(lambda: "Press 2 for class 2" in panel.status.text.text(), "the next step")
    user.paint(annotation, 2, [tuple(inside), tuple(inside + 1)])
    user.until(lambda: panel.status.text.text().startswith("Click ‘Train’"), "the last step")
    panel.live.setChecked(True)
    user.until(lambda: "classes of image" in viewer.layers, "the prediction")
    user.wait(panel)
    shown = viewer.layers["classes of image"].data.copy()
    annotation.undo()
    user.until(lambda: "second class" in panel.status.text.text(), "what is missing")
    annotation.undo()
    user.until(lambda: "Nothing annotated" in panel.status.text.text(), "what is missing")
    assert "of the earlier strokes" in panel.status.text.text()
    for _ in range(2):
        annotation.redo()
    user.until(lambda: panel.status.text.text().startswith("Done"), "the answer")
    user.wait(panel)
    np.testing.assert_array_equal(viewer.layers["classes of image"].data, shown)
    assert not errors


def test_time_stands_beside_the_image(user, panel, small, errors):
    user.viewer.add_image(small.image, name="flat")
    assert not panel.axes.time.isVisible()
    user.viewer.add_image(np.stack([small.image] * 3), name="series")
    panel.images.set_checked({"series"})
    user.look()
    assert panel.axes.time.isVisible()
    assert panel.axes.time.isEnabled()
    panel.new_button.click()
    user.viewer.layers["annotation of series"].data = np.stack([strokes(small.labels, n_pixels=200)] * 3)
    panel.live.setChecked(True)
    user.until(lambda: panel.session.classifier is not None, "the classifier")
    user.wait(panel)
    assert panel.session.classifier.n_dim == 3
    panel.axes.time.click()
    user.until(lambda: panel.session.classifier.n_dim == 2, "training frame by frame")
    user.wait(panel)
    assert not errors


def test_other_settings_are_followed_live_and_told_otherwise(user, panel, small, errors):
    trained(user, panel, small)
    panel.trees.setValue(7)
    assert "earlier settings" in panel.status.text.text()
    assert panel.session.classifier.n_trees == 30
    panel.live.setChecked(True)
    user.until(lambda: panel.session.classifier.n_trees == 7, "a forest of this size")
    user.wait(panel)
    panel.trees.setValue(11)
    user.until(lambda: panel.session.classifier.n_trees == 11, "a forest of that size")
    user.wait(panel)
    assert not errors


def test_channels_are_told_and_other_shapes_explained(user, panel, small, errors):
    viewer = user.viewer
    annotated_live(user, panel, small)
    viewer.add_image(small.image[:50], name="C")
    panel.images.set_checked({"A", "B"})
    panel.train_button.click()
    user.wait(panel)
    assert "from 2 channels" in panel.status.text.text()
    panel.images.set_checked({"A", "C"})
    panel.train_button.click()
    assert "channels of one image" in errors[-1]
    assert "tick one at a time" in errors[-1]
    assert "A (160, 180)" in errors[-1]
    assert "C (50, 180)" in errors[-1]


def test_the_class_of_interest_is_one_that_is_known(user, panel, small, errors):
    viewer = user.viewer
    viewer.add_image(small.image, name="image")
    panel.new_button.click()
    painted = strokes(small.labels, n_pixels=300)
    viewer.layers["annotation of image"].data = np.choose(painted, (0, 3, 7)).astype(np.uint8)
    panel.outputs.as_probability.setChecked(True)
    panel.train_button.click()
    user.wait(panel)
    box = panel.outputs.class_box
    assert panel.outputs.class_id == 7
    assert [box.itemData(k) for k in range(box.count()) if box.model().item(k).isEnabled()] == [3, 7]
    proba = panel.session.classifier.predict_proba(small.image)
    np.testing.assert_array_equal(viewer.layers["probability of image"].data, proba[1])
    panel.outputs.choose_class(3)
    user.wait(panel)
    np.testing.assert_array_equal(viewer.layers["probability of image"].data, proba[0])
    assert not errors
