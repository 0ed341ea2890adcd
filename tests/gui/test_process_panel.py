"""The Process panel: every operation, its form, previews, steps, corrections and recipes, as a user meets them."""

import gc
import json
import weakref

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from bioloom.classify import (
    ObjectClassifier,
    ObjectSegmenter,
    ObjectSelector,
    PixelClassifier,
    ProbabilityMapper,
)
from bioloom.errors import InputError
from bioloom.files import read_image, write_image
from bioloom.operations import over_frames
from bioloom.recipe.catalogue import CATALOGUE
from bioloom.recipe.graph import Recipe
from bioloom.recipe.run_files import run_files
from bioloom.samples import nuclei_2d

pytestmark = pytest.mark.gui

SCALES = {"2d": (0.5, 0.5), "3d": (0.9, 0.3, 0.3), "time": (1.0, 0.5, 0.5)}


@pytest.fixture
def no_garbage(monkeypatch):
    """Collect no garbage: napari does whenever a layer is removed, and Python every few layers, half a second each."""
    monkeypatch.setattr("gc.collect", lambda *generation: 0)
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def truth():
    """A small 2D image with its objects."""
    return nuclei_2d(shape=(96, 104), n_nuclei=8, seed=0)


def sample_data(kind, truth):
    """A small image and its labels: 2D, 3D or over time."""
    image, labels = truth.image[16:64, 16:72].astype(np.float32), truth.labels[16:64, 16:72]
    if kind == "2d":
        return image, labels
    if kind == "time":
        return np.stack([image, image[::-1], image[:, ::-1]]), np.stack([labels, labels[::-1], labels[:, ::-1]])
    depth = np.exp(-(((np.arange(8) - 4) / 3) ** 2))[:, None, None]
    stack = (image[None, :24, :24] * depth).astype(np.float32)
    return stack, (labels[None, :24, :24] * (depth > 0.4)).astype(labels.dtype)


def train_classifiers(image, labels, folder):
    """Write a file of every kind of classifier, and return them by the operation that applies it."""
    marks = (1 + (labels > 0)).astype(np.uint8)
    types = np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8)
    made = {
        "classify_pixels": PixelClassifier(n_trees=5).fit(image, marks),
        "segment_objects": ObjectSegmenter(positive_class=2, n_trees=5).fit(image, marks),
        "map_probability": ProbabilityMapper(positive_class=2, n_trees=5).fit(image, marks),
        "classify_objects": ObjectClassifier(n_trees=5).fit(labels, types, image),
        "select_objects": ObjectSelector(positive_class=2, n_trees=5).fit(labels, types, image),
    }
    for name, classifier in made.items():
        classifier.save(folder / f"{name}.cl")
    return {name: str(folder / f"{name}.cl") for name in made}


def add_sample(viewer, kind, truth):
    """Add two images and two labels layers that lie somewhere in the world."""
    image, labels = sample_data(kind, truth)
    where = {
        "scale": SCALES[kind],
        "translate": np.arange(len(SCALES[kind])) + 3.0,
        "units": {"time": ("s", "um", "um")}.get(kind, ("um",) * len(SCALES[kind])),
        "axis_labels": {"2d": ("y", "x"), "3d": ("z", "y", "x"), "time": ("t", "y", "x")}[kind],
    }
    other = np.clip(image[..., ::-1], 1, None)
    return {
        "other image": viewer.add_image(np.ascontiguousarray(other), name="other image", **where),
        "image": viewer.add_image(image, name="image", **where),
        "other labels": viewer.add_labels(np.ascontiguousarray(labels[..., ::-1]), name="other labels", **where),
        "labels": viewer.add_labels(labels, name="labels", **where),
    }


def world_extent(layer):
    return np.asarray(layer.extent.world)


def process(user):
    return user.viewer.window.dock_widgets["Process (Bioloom)"]


# ------------------------------------------------------------------------------------------------ every operation
@pytest.mark.parametrize("kind", ["2d", "3d", "time"])
def test_every_operation_opens_by_its_menu_and_applies(user, truth, tmp_path, errors, no_garbage, kind):
    """In one window: the form opens, and Apply gives a layer (or a table) where its source lies, or says why not."""
    viewer = user.viewer
    viewer.window.resize(900, 700)
    added = add_sample(viewer, kind, truth)
    frame = [layer.data[0] if kind == "time" else layer.data for layer in (added["image"], added["labels"])]
    classifiers = train_classifiers(*frame, tmp_path)
    user.menu("operation.gaussian_blur")
    panel = process(user)
    surface = None
    if kind == "3d":
        panel.choose(surface_maker(), added["labels"])
        panel.apply_button.click()
        user.wait(panel)
        surface = viewer.layers[-1]
        assert type(surface).__name__ == "Surface"
    wrong = []
    for name, operation in CATALOGUE.items():
        if any(p.kind == "corrections" for p in operation.settings):
            continue
        wanted = {"image": added["image"], "surface": surface}.get(operation.arrays[0].kind, added["labels"])
        before = set(viewer.layers)
        added["labels"].features = None
        del errors[:]
        viewer.layers.selection.active = wanted
        user.menu(f"operation.{name}", 0)
        if panel.operation is not operation:
            wrong.append(f"{name}: its menu opened {panel.operation.name}")
            continue
        for field in panel.settings:
            if field.parameter.kind == "file":
                field.value = classifiers.get(name, "")
        if name not in classifiers and any(f.parameter.kind == "file" for f in panel.settings):
            continue
        if not panel.apply_button.isEnabled() or panel.form.source is None:
            n_axes = 3 if kind == "3d" else 2
            why = panel.apply_button.toolTip() or panel.form.missing()
            if n_axes in operation.ndims and operation.arrays[0].kind != "surface":
                wrong.append(f"{name}: cannot be applied: {why}")
            elif not why:
                wrong.append(f"{name}: does not say why it cannot be applied")
            continue
        panel.apply_button.click()
        user.until(lambda: not panel.jobs.busy and not panel.suggesting.busy, name, 60)
        user.look(0)
        made = [layer for layer in viewer.layers if layer not in before]
        if errors:
            wrong.append(f"{name}: {errors[-1]}")
        elif operation.returns == "table":
            if "label" not in added["labels"].features.columns or len(added["labels"].features.columns) < 3:
                wrong.append(f"{name}: no columns")
        elif len(made) != 1:
            wrong.append(f"{name}: {len(made)} layers")
        else:
            (layer,) = made
            if not layer.name.startswith(operation.title):
                wrong.append(f"{name}: is called {layer.name}")
            if operation.gives_pixels and not np.isfinite(np.asarray(layer.data)).all():
                wrong.append(f"{name}: holds NaN")
            stays = operation.gives_pixels and not moves_pixels(operation, panel.form.arguments())
            if stays and not lies_where(layer, wanted):
                wrong.append(f"{name}: lies elsewhere")
        for layer in made:
            viewer.layers.remove(layer)
    assert not wrong, "\n".join(wrong)


def moves_pixels(operation, arguments):
    shape, settings = arguments.first.shape, dict(arguments.settings)
    if "spacing" in settings:
        settings["spacing"] = arguments.first.spacing
    placed = operation.place(shape, settings)
    return placed != type(placed)(tuple(range(len(shape))), (0.0,) * len(shape), (1.0,) * len(shape), shape)


def lies_where(layer, other):
    same = layer.data.shape == other.data.shape and layer.units == other.units
    return same and np.allclose(world_extent(layer), world_extent(other))


def surface_maker():
    return next(o.name for o in CATALOGUE.values() if o.returns == "surface" and o.arrays[0].kind == "labels")


def test_objects_beyond_the_training_are_doubted(user, truth, tmp_path, errors):
    image, labels = (np.asarray(a)[:64, :64] for a in (truth.image, truth.labels))
    types = np.where(labels > 0, 1 + labels % 2, 0).astype(np.uint8)
    ObjectClassifier("intensity_mean", n_trees=5).fit(labels, types, image).save(tmp_path / "types.cl")
    user.viewer.add_image(image, name="image")
    bright = user.viewer.add_image(image.astype(np.float32) * 257, name="bright")
    source = user.viewer.add_labels(labels, name="labels")
    panel = user.open("Process")
    panel.choose("classify_objects", source)
    panel.settings["classifier"].value = str(tmp_path / "types.cl")
    for chosen, doubted in ((user.viewer.layers["image"], False), (bright, True)):
        panel.layer_combos["image"].choose(chosen)
        panel.apply_button.click()
        user.wait(panel)
        assert panel.status.text.text().startswith("Done: layer ‘Classify objects of")
        assert ("Doubtful: intensity_mean of all objects is beyond" in panel.status.text.text()) is doubted
    assert not errors


# ------------------------------------------------------------------------------------------------ finding
def test_search_categories_favourites_and_recent(user, truth, errors):
    viewer = user.viewer
    viewer.add_image(truth.image, name="image")
    panel = user.open("Process")
    picker = panel.picker
    for typed, name in (
        ("otsu", "threshold_otsu"),
        ("tophat", "top_hat"),
        ("gausian blur", "gaussian_blur"),
        ("voronoi", "voronoi_otsu_labeling"),
        ("remove edges", "remove_labels_at_edges"),
    ):
        picker.search.setText(typed)
        assert name in [o.name for o in picker.found()][:3], typed
    QTest.keyClick(picker.search, Qt.Key.Key_Return)
    assert panel.operation.name == "remove_labels_at_edges"
    assert picker.search.text() == ""
    picker.search.setText("otsu")
    QTest.keyClick(picker.search, Qt.Key.Key_Down)
    second = picker.found()[1]
    QTest.keyClick(picker.search, Qt.Key.Key_Return)
    assert panel.operation is second
    picker.search.setText("no such thing at all")
    assert "No operation" in picker.tree.topLevelItem(0).text(0)
    QTest.keyClick(picker.search, Qt.Key.Key_Return)
    assert panel.operation is second

    picker.search.clear()
    picker.browse.setChecked(True)
    tops = [picker.tree.topLevelItem(i) for i in range(picker.tree.topLevelItemCount())]
    listed = [top.child(i).text(0) for top in tops for i in range(top.childCount())]
    assert sorted(listed) == sorted(o.title for o in CATALOGUE.values())
    assert all(not top.icon(0).isNull() for top in tops)

    panel.choose("gaussian_blur")
    picker.star.click()
    assert picker.tree.topLevelItem(0).text(0).startswith("Favourites")
    panel.apply_button.click()
    user.wait(panel)
    names = [picker.tree.topLevelItem(i).text(0) for i in range(3)]
    assert names[0].startswith("Favourites")
    assert names[1].startswith("Used last")
    again = type(picker)(list(CATALOGUE.values()))
    again.browse.setChecked(True)
    assert again.tree.topLevelItem(0).child(0).text(0) == "★ Gaussian blur"
    again.deleteLater()
    assert not errors


# ------------------------------------------------------------------------------------------------ forms
def test_lengths_follow_the_unit_and_say_it(user, truth):
    image = user.viewer.add_image(truth.image, name="image", scale=(0.5, 0.5), units="um")
    panel = user.open("Process")
    panel.choose("gaussian_blur", image)
    sigma = panel.settings["sigma"]
    sigma.value = 4
    assert "px" in sigma.label
    assert "pixels" in sigma.tooltip
    panel.axes.sizes.setCurrentIndex(1)
    assert sigma.value == pytest.approx(2.0)
    assert "µm" in sigma.label
    assert "µm" in sigma.tooltip
    panel.form.defaults_button.click()
    assert sigma.value == pytest.approx(CATALOGUE["gaussian_blur"].parameters["sigma"].default * 0.5)


def test_what_cannot_be_done_says_why(user, truth, errors):
    viewer = user.viewer
    panel = user.open("Process")
    panel.choose("remove_labels_at_edges")
    assert "segment an image first" in panel.form.missing()
    viewer.add_labels(truth.labels, name="labels")
    panel.choose("remove_labels_at_edges")
    assert panel.apply_button.isEnabled()
    needs_stack = next((o for o in CATALOGUE.values() if o.ndims == (3,) and o.arrays[0].kind == "labels"), None)
    if needs_stack is not None:
        panel.choose(needs_stack.name)
        assert not panel.apply_button.isEnabled()
        assert "no z axis" in panel.apply_button.toolTip()
    assert not errors


def test_a_layer_that_may_be_left_out_is_chosen_by_the_user_only(user, truth, errors):
    image = user.viewer.add_image(truth.image, name="image")
    mask = user.viewer.add_labels(truth.labels, name="mask")
    small = user.viewer.add_image(truth.image[:20, :20], name="small")
    panel = user.open("Process")
    panel.choose("connected_components", mask)
    panel.choose("threshold_otsu", image)
    assert panel.layer_combos["mask"].layer is None
    panel.layer_combos["mask"].choose(mask)
    panel.choose("threshold_li", image)
    assert panel.layer_combos["mask"].layer is mask
    # That would not fit another image.
    user.viewer.layers.selection.active = small
    panel.choose("threshold_otsu")
    assert panel.form.source is small
    assert panel.layer_combos["mask"].layer is None
    assert not errors


def test_suggested_settings_fill_the_form(user, truth, errors):
    operation = CATALOGUE["voronoi_otsu_labeling"]
    assert operation.can_suggest
    image = user.viewer.add_image(truth.image, name="image")
    panel = user.open("Process")
    panel.choose("voronoi_otsu_labeling", image)
    panel.form.suggest_button.click()
    user.until(lambda: not panel._look_jobs.busy, "the suggestion")
    user.look()
    for name, value in operation.suggested(truth.image).items():
        assert panel.settings[name].value == pytest.approx(value, rel=1e-3)
    assert "Suggested" in panel.status.text.text()
    assert not errors


def test_a_form_opens_with_settings_that_suit_the_image(user, truth, errors):
    import dask.array as da

    operation = CATALOGUE["voronoi_otsu_labeling"]
    image = user.viewer.add_image(truth.image, name="image")
    suggested, usual = operation.suggested(truth.image), operation.parameters["spot_sigma"].default
    assert suggested["spot_sigma"] != usual
    user.menu("operation.voronoi_otsu_labeling", 0)
    panel = process(user)
    panel.apply_button.click()
    user.until(lambda: len(user.viewer.layers) == 2, "the labels")
    np.testing.assert_array_equal(user.viewer.layers[-1].data, operation(truth.image, **suggested))
    # What the user typed meanwhile stays.
    panel.open("voronoi_otsu_labeling", image)
    panel.settings["outline_sigma"].value = 2.5
    user.wait(panel)
    assert (panel.settings["outline_sigma"].value, panel.settings["spot_sigma"].value) == (2.5, usual)
    # Of dark objects the foot tells, without an alarm; files are not read before somebody asks.
    dark = user.viewer.add_image(truth.image.max() - truth.image, name="dark")
    large = user.viewer.add_image(da.from_array(truth.image), name="large")
    for layer in (dark, large):
        user.viewer.layers.selection.active = layer
        user.menu("operation.voronoi_otsu_labeling", 0)
        assert panel.form.source is layer
        user.wait(panel)
        assert panel.settings["spot_sigma"].value == usual
        assert ("darker than what is around them" in panel.status.text.text()) == (layer is dark)
    assert not errors


def test_apply_waits_for_the_suggestion(user, truth, errors):
    operation = CATALOGUE["voronoi_otsu_labeling"]
    image = user.viewer.add_image(truth.image, name="image")
    panel = user.open("Process")
    panel.choose("voronoi_otsu_labeling", image)
    panel.form.suggest_button.click()
    panel.apply_button.click()
    user.until(lambda: len(user.viewer.layers) == 2, "the labels")
    suggested = operation.suggested(truth.image)
    np.testing.assert_array_equal(user.viewer.layers[-1].data, operation(truth.image, **suggested))
    # Cancelled, nothing is applied later; nor is anything if other settings were chosen meanwhile.
    panel.form.suggest_button.click()
    panel.apply_button.click()
    panel.status.button.click()
    user.look(0.5)
    panel.form.suggest_button.click()
    panel.apply_button.click()
    panel.choose("gaussian_blur", image)
    user.look(0.5)
    assert "Not applied" in panel.status.text.text()
    assert len(user.viewer.layers) == 2
    assert not errors


def test_dark_objects_are_refused_a_suggestion(user, truth, errors):
    bright = truth.image
    image = user.viewer.add_image(bright.max() + bright.min() - bright, name="image")
    panel = user.open("Process")
    panel.choose("voronoi_otsu_labeling", image)
    before = {name: panel.settings[name].value for name in ("spot_sigma", "minimum_size")}
    panel.form.suggest_button.click()
    panel.apply_button.click()
    user.until(lambda: not panel._look_jobs.busy, "the suggestion")
    user.look(0.3)
    assert "darker than what is around them" in panel.status.text.text()
    assert {name: panel.settings[name].value for name in before} == before
    assert len(user.viewer.layers) == 1
    assert any("Filter > Enhance > Invert" in str(error) for error in errors)
    del errors[:]


def test_a_frame_all_frames_or_all_selected_layers(user, truth, errors):
    viewer = user.viewer
    film = sample_data("time", truth)[0]
    layer = viewer.add_image(film, name="film", axis_labels=("t", "y", "x"), scale=(2, 1, 1))
    panel = user.open("Process")
    panel.choose("gaussian_blur", layer)
    viewer.dims.set_point(0, layer.data_to_world((1, 0, 0))[0])
    panel.target_box.setCurrentIndex(panel.target_box.findData("frame"))
    panel.apply_button.click()
    user.wait(panel)
    made = viewer.layers[-1]
    assert made.data.shape == (1, *film.shape[1:])
    assert world_extent(made)[0][0] == pytest.approx(layer.data_to_world((1, 0, 0))[0])
    np.testing.assert_allclose(made.data[0], CATALOGUE["gaussian_blur"](film[1]), rtol=1e-5)
    panel.choose("gaussian_blur", layer)
    panel.target_box.setCurrentIndex(panel.target_box.findData("all"))
    panel.apply_button.click()
    user.wait(panel)
    np.testing.assert_allclose(viewer.layers[-1].data, over_frames("gaussian_blur", film), rtol=1e-5)

    user.clear()
    both = [viewer.add_image(truth.image, name=n) for n in ("first", "second")]
    panel.choose("gaussian_blur", both[0])
    viewer.layers.selection = set(both)
    panel.target_box.setCurrentIndex(panel.target_box.findData("layers"))
    panel.apply_button.click()
    user.wait(panel)
    assert {layer.name for layer in viewer.layers} == {
        "first", "second", "Gaussian blur of first", "Gaussian blur of second",
    }  # fmt: skip
    assert not errors


# ------------------------------------------------------------------------------------------------ previews
def test_preview_of_a_stack_is_what_apply_gives(user, truth, errors):
    viewer = user.viewer
    layer = add_sample(viewer, "3d", truth)["image"]
    panel = user.open("Process")
    for name in ("gaussian_blur", "voronoi_otsu_labeling"):
        panel.choose(name, layer)
        viewer.dims.set_point(0, layer.data_to_world((4, 0, 0))[0])
        panel.preview_box.setChecked(True)
        user.until(lambda: panel.preview.layer in viewer.layers and not panel.preview._jobs.busy, "the preview")
        user.look(0.2)
        shown = np.asarray(panel.preview.layer.data)[0]
        panel.apply_button.click()
        user.wait(panel)
        assert panel.preview.layer is None
        np.testing.assert_allclose(shown, viewer.layers[-1].data[4], rtol=1e-5)
    assert not errors


def test_preview_follows_settings_and_time_and_goes(user, truth, errors):
    viewer = user.viewer
    film = viewer.add_image(sample_data("time", truth)[0], name="film", axis_labels=("t", "y", "x"))
    panel = user.open("Process")
    panel.choose("gaussian_blur", film)
    viewer.layers.selection.active = film
    panel.preview_box.setChecked(True)
    user.until(lambda: panel.preview.layer in viewer.layers, "the preview")
    panel.settings["sigma"].value = 3
    viewer.dims.set_point(0, 2)

    def right():
        layer = panel.preview.layer
        wanted = CATALOGUE["gaussian_blur"](film.data[2], sigma=3)
        return layer is not None and np.allclose(layer.data[0], wanted, rtol=1e-4)

    user.until(right, "the preview of the third frame")
    assert viewer.layers.selection.active is film
    panel.preview_box.setChecked(False)
    user.look()
    assert list(viewer.layers) == [film]
    assert not errors


def test_a_preview_goes_with_its_image(user, truth, errors):
    image = user.viewer.add_image(truth.image, name="image")
    panel = user.open("Process")
    panel.choose("threshold_otsu", image)
    panel.preview_box.setChecked(True)
    user.until(lambda: panel.preview.layer in user.viewer.layers, "the preview")
    user.viewer.layers.remove(image)
    user.look(0.3)
    assert not panel.preview_box.isChecked()
    assert not user.viewer.layers
    assert not errors


# ------------------------------------------------------------------------------------------------ steps
def apply(user, panel, name, layer=None, **settings):
    """Choose, fill in, apply, and return the new layer."""
    panel.choose(name, layer)
    for key, value in settings.items():
        panel.settings[key].value = value
    panel.apply_button.click()
    user.wait(panel)
    return user.viewer.layers[-1]


@pytest.fixture
def three(user, truth, errors):
    """A panel after blurring, a threshold and labelling."""
    image = user.viewer.add_image(truth.image, name="image", scale=(0.5, 0.5), units="um")
    panel = user.open("Process")
    blurred = apply(user, panel, "gaussian_blur", image, sigma=1)
    mask = apply(user, panel, "threshold_otsu", blurred)
    labels = apply(user, panel, "connected_components", mask)
    assert f"‘{labels.name}’, {labels.data.max()} objects." in panel.status.text.text()
    return panel, image, blurred, mask, labels


def by_hand(image, sigma):
    blurred = CATALOGUE["gaussian_blur"](image, sigma=sigma)
    return CATALOGUE["connected_components"](CATALOGUE["threshold_otsu"](blurred))


def settled(user, panel):
    user.look(0.3)
    user.until(lambda: not panel.jobs.busy, "the steps")
    user.look(0.05)


def test_the_steps_of_a_layer_are_listed_and_a_change_goes_all_the_way(user, three, truth, errors):
    panel, *_, labels = three
    view = panel.chain_view
    assert [row.title for row in view.rows.rows] == ["image", "Gaussian blur", "Threshold Otsu", "Connected components"]
    labels.name = "my nuclei"
    view.rows.choose("gaussian_blur")
    view.settings["sigma"].value = 4
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 4))
    assert labels.name == "my nuclei"
    assert len(user.viewer.layers) == 4
    view.undo_button.click()
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 1))
    assert view.settings["sigma"].value == 1
    view.redo_button.click()
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 4))
    assert not errors


def test_steps_are_switched_off_moved_removed_and_undone(user, three, truth, errors):
    panel, image, blurred, _, labels = three
    view = panel.chain_view
    view.rows.item(1).setCheckState(Qt.CheckState.Unchecked)
    settled(user, panel)
    plain = CATALOGUE["connected_components"](CATALOGUE["threshold_otsu"](truth.image))
    np.testing.assert_array_equal(labels.data, plain)
    view.rows.item(1).setCheckState(Qt.CheckState.Checked)
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 1))

    view.rows.choose("threshold_otsu")
    view.up_button.click()
    settled(user, panel)
    assert [row.title for row in view.rows.rows][1:3] == ["Threshold Otsu", "Gaussian blur"]
    view.undo_button.click()
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 1))

    view.rows.choose("gaussian_blur")
    view.remove_button.click()
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, plain)
    assert blurred not in user.viewer.layers
    view.undo_button.click()
    settled(user, panel)
    assert blurred in user.viewer.layers
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 1))
    for _ in range(8):
        view.undo_button.click()
        settled(user, panel)
    assert list(user.viewer.layers) == [image]
    for _ in range(3):
        view.redo_button.click()
        settled(user, panel)
    assert labels in user.viewer.layers
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 1))
    assert not errors


def test_what_would_not_fit_is_refused(user, truth, errors):
    labels = add_sample(user.viewer, "3d", truth)["labels"]
    panel, view = user.open("Process"), process(user).chain_view
    surface = apply(user, panel, surface_maker(), apply(user, panel, "expand_labels", labels))
    smoother = next(o.name for o in CATALOGUE.values() if o.returns == o.arrays[0].kind == "surface")
    smooth = apply(user, panel, smoother, surface)
    before = smooth.data[0].copy()
    view.rows.choose(view.rows.rows[2].id)
    view.remove_button.click()
    assert "cannot be removed" in errors.pop()
    view.down_button.click()
    assert "cannot be moved" in errors.pop()
    view.rows.item(2).setCheckState(Qt.CheckState.Unchecked)
    settled(user, panel)
    assert errors.pop()
    assert view.rows.item(2).checkState() == Qt.CheckState.Checked
    assert len(view.rows.rows) == 4
    np.testing.assert_array_equal(smooth.data[0], before)
    assert not errors


@pytest.mark.parametrize("name", ["crop", "flip", "rotate"])
def test_labels_stay_labels_where_pixels_only_move(user, truth, errors, name):
    labels = user.viewer.add_labels(truth.labels, name="labels", scale=(2, 2))
    image = user.viewer.add_image(truth.image, name="image", scale=(2, 2))
    settings = {"crop": {"y_start": 20, "x_start": 10}, "rotate": {"angle": 30.0}}.get(name, {})
    panel = user.open("Process")
    panel.choose(name, image)
    panel.form.choose(labels)
    for key, value in settings.items():
        panel.settings[key].value = value
    panel.preview_box.setChecked(True)
    user.until(lambda: panel.preview.layer in user.viewer.layers, "the preview")
    assert type(panel.preview.layer).__name__ == "Labels"
    shown = panel.preview.layer.data.copy()
    panel.apply_button.click()
    user.wait(panel)
    made = user.viewer.layers[-1]
    assert type(made).__name__ == "Labels"
    np.testing.assert_array_equal(made.data, shown)
    assert set(np.unique(made.data)) <= set(np.unique(truth.labels))
    assert not np.array_equal(made.data, truth.labels)
    if name == "crop":
        np.testing.assert_array_equal(made.data, truth.labels[20:, 10:])
        np.testing.assert_allclose(made.data_to_world((0, 0)), labels.data_to_world((20, 10)))
    grown = apply(user, panel, "expand_labels", made)
    assert type(grown).__name__ == "Labels"
    assert not errors


def test_what_an_image_cannot_be_is_refused(user, three, errors):
    panel, *_, labels = three
    before = labels.data.copy()
    panel.chain_view.rows.item(2).setCheckState(Qt.CheckState.Unchecked)
    settled(user, panel)
    assert errors.pop().startswith("Threshold Otsu cannot be switched off, because of what follows it: ")
    assert panel.chain_view.rows.item(2).checkState() == Qt.CheckState.Checked
    np.testing.assert_array_equal(labels.data, before)


def test_what_was_deleted_is_let_go(user, three, truth, errors):
    panel, image, *results = three
    viewer, chain = user.viewer, panel.steps.chain
    other = viewer.add_image(truth.image[::-1].copy(), name="other")
    kept = apply(user, panel, "gaussian_blur", other)
    pixels = weakref.ref(chain.input("image").data)
    viewer.layers.remove(image)
    user.look(0.3)
    # Its results can be changed still.
    panel.chain_view.show_layer(results[-1])
    panel.chain_view.rows.choose("gaussian_blur")
    panel.chain_view.settings["sigma"].value = 3
    settled(user, panel)
    np.testing.assert_array_equal(results[-1].data, by_hand(truth.image, 3))
    for layer in results:
        viewer.layers.remove(layer)
        user.look(0.3)
    del image, results, layer, three
    assert chain.inputs == ("other",)
    assert [step.id for step in chain.steps] == [panel.steps.layers.step_of(kept)]
    assert chain.undo_text == "Add Gaussian blur"
    gc.collect()
    assert pixels() is None or pixels().base is None
    panel.chain_view.undo_button.click()
    settled(user, panel)
    assert list(viewer.layers) == [other]
    assert not chain.can_undo
    panel.chain_view.redo_button.click()
    settled(user, panel)
    assert list(viewer.layers) == [other, kept]
    assert not errors


def test_layers_are_the_users_to_delete(user, three, truth, errors):
    panel, _, blurred, mask, labels = three
    user.viewer.layers.remove(blurred)
    user.viewer.layers.remove(mask)
    view = panel.chain_view
    view.rows.choose("gaussian_blur")
    view.settings["sigma"].value = 3
    settled(user, panel)
    assert len(user.viewer.layers) == 2
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 3))
    view.rows.itemDoubleClicked.emit(view.rows.item(2))
    settled(user, panel)
    assert [layer.name for layer in user.viewer.layers][-1] == "Threshold Otsu of image"
    assert not errors


def test_the_chain_outlives_the_panel(user, three, truth, errors):
    panel, image, *_, labels = three
    user.viewer.window.remove_dock_widget(panel)
    user.look(0.3)
    again = user.open("Process")
    user.viewer.layers.selection.active = image
    user.viewer.layers.selection.active = labels
    assert len(again.chain_view.rows.rows) == 4
    again.chain_view.rows.choose("gaussian_blur")
    again.chain_view.settings["sigma"].value = 2
    settled(user, again)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 2))
    assert not errors


def test_labels_hide_those_they_were_made_from(user, three, errors):
    panel, image, _, mask, labels = three
    assert (image.visible, mask.visible, labels.visible) == (True, False, True)
    grown = apply(user, panel, "expand_labels", labels, distance=2)
    assert (labels.visible, grown.visible) == (False, True)
    for button, seen in ((panel.chain_view.undo_button, True), (panel.chain_view.redo_button, False)):
        button.click()
        settled(user, panel)
        assert labels.visible == seen
    panel.chain_view.rows.choose("expand_labels")
    for on in (False, True):
        panel.steps.chain.enable("expand_labels", on)
        settled(user, panel)
        assert (labels.visible, grown.visible) == (not on, on)
    grown.visible = False
    assert not labels.visible, "who hides the result wants to see the image"
    grown.visible = True
    user.viewer.layers.remove(grown)
    assert labels.visible
    assert not errors


def test_next_steps_go_on_from_the_result(user, three, errors):
    panel, *_, labels = three
    assert panel.next_steps.isVisible()
    texts = [b.text() for b in panel.next_steps.buttons]
    assert texts == [b.accessibleName() for b in panel.next_steps.buttons], "none is cut in a panel of the usual width"
    button = panel.next_steps.buttons[0]
    button.click()
    assert panel.operation.title == button.accessibleName()
    assert panel.form.source is labels


def test_a_failed_step_leaves_nothing(user, truth, errors):
    broken = truth.image.astype(float)
    broken[3, 4] = np.nan
    user.viewer.add_image(broken, name="broken")
    panel = user.open("Process")
    apply(user, panel, "gaussian_blur", user.viewer.layers["broken"])
    assert "replace_nan" in errors.pop()
    assert len(user.viewer.layers) == 1
    assert not panel.steps.chain.steps
    fixed = apply(user, panel, "replace_nan", user.viewer.layers["broken"])
    assert np.isfinite(fixed.data).all()
    assert not errors


# ------------------------------------------------------------------------------------------------ corrections
def click(user, layer, position):
    """Click on the canvas where a position of a layer is shown."""
    user.drag_on_canvas([layer.data_to_world(position)[-2:]])


def middle_of(labels, label):
    where = np.argwhere(np.asarray(labels) == label)
    return tuple(int(i) for i in where[np.abs(where - where.mean(0)).sum(1).argmin()])


def test_labels_are_corrected_by_hand_and_stay_so(user, three, truth, errors):
    panel, *_, labels = three
    viewer = user.viewer
    panel.corrections_group.set_open(True)
    viewer.reset_view()
    before = labels.data.copy()
    first, second, third = np.unique(before)[1:4]

    panel.corrections.buttons["delete"].click()
    click(user, labels, middle_of(before, first))
    settled(user, panel)
    assert not (labels.data[before == first]).any()

    panel.corrections.buttons["merge"].click()
    click(user, labels, middle_of(before, second))
    click(user, labels, middle_of(before, third))
    settled(user, panel)
    merged = labels.data[(before == second) | (before == third)]
    assert len(np.unique(merged)) == 1
    assert merged[0]
    # Ctrl+Z in the image takes corrections back, and nothing else.
    canvas, corrected = viewer.window._qt_viewer.canvas.native, labels.data.copy()
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    for _ in range(3):
        QTest.keyClick(canvas, Qt.Key.Key_Z, control)
        settled(user, panel)
    np.testing.assert_array_equal(labels.data, before)
    assert len(viewer.layers) == 4
    for _ in range(3):
        QTest.keyClick(canvas, Qt.Key.Key_Z, control | shift)
        settled(user, panel)
    np.testing.assert_array_equal(labels.data, corrected)
    panel.corrections.choose("")

    assert panel.chain_view.rows.rows[-1].title == CATALOGUE["correct_labels"].title
    assert len(viewer.layers) == 4
    # The steps before change, and the corrections are made again.
    panel.chain_view.rows.choose("gaussian_blur")
    panel.chain_view.settings["sigma"].value = 1.5
    settled(user, panel)
    fresh = by_hand(truth.image, 1.5)
    assert not labels.data[middle_of(before, first)]
    assert labels.data[middle_of(before, second)] == labels.data[middle_of(before, third)]
    assert not np.array_equal(labels.data, fresh)
    for _ in range(3):
        panel.chain_view.undo_button.click()
        settled(user, panel)
    np.testing.assert_array_equal(labels.data, before)
    assert not errors


def test_painting_on_a_result_is_a_correction(user, three, errors):
    panel, *_, labels = three
    panel.corrections_group.set_open(True)
    panel.corrections.buttons["draw"].click()
    before = labels.data.copy()
    empty = np.argwhere(before == 0)[40]
    labels.brush_size = 3
    user.paint(labels, int(before.max()) + 1, [tuple(empty), (empty[0], empty[1] + 4)])
    settled(user, panel)
    user.look(0.5)
    settled(user, panel)
    drawn = labels.data != before
    assert drawn.sum() >= 10
    assert len(np.unique(labels.data[drawn])) == 1
    step = panel.steps.chain.step(panel.steps.layers.step_of(labels))
    assert step.operation == "correct_labels"
    np.testing.assert_array_equal(panel.steps.chain.result(step.id), labels.data)
    panel.chain_view.undo_button.click()
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, before)
    assert not errors


def test_a_stroke_that_is_undone_in_the_layer_is_no_correction(user, three, errors):
    """Ctrl+Z in the image takes the stroke out of the steps, too: it would come back with the next result."""
    panel, *_, labels = three
    panel.corrections_group.set_open(True)
    panel.corrections.buttons["draw"].click()
    before = labels.data.copy()
    labels.brush_size = 3
    canvas = user.viewer.window._qt_viewer.canvas.native
    chain, seen = panel.steps.chain, [before]

    def steps_follow():
        user.until(lambda: np.array_equal(chain.result(panel.steps.layers.step_of(labels)), labels.data), "the steps")
        settled(user, panel)

    for k, empty in enumerate(np.argwhere(before == 0)[[40, 400]]):
        user.paint(labels, int(before.max()) + 1 + k, [tuple(empty), (empty[0], empty[1] + 4)])
        assert not np.array_equal(labels.data, seen[-1])
        steps_follow()
        seen.append(labels.data.copy())
    for wanted in seen[-2::-1]:
        QTest.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        steps_follow()
        np.testing.assert_array_equal(labels.data, wanted)
    assert "correct_labels" not in [step.operation for step in chain.steps]
    # Changed by something else meanwhile, an undone stroke is one more correction.
    user.paint(labels, int(before.max()) + 1, [(5, 5), (5, 9)])
    steps_follow()
    panel.chain_view.rows.choose("gaussian_blur")
    panel.chain_view.settings["sigma"].value = 1.5
    settled(user, panel)
    labels.undo()
    user.look(0.5)
    steps_follow()
    assert not errors


def test_corrections_are_switched_off_where_a_recipe_is_loaded_for_another_image(user, three, truth, errors, tmp_path):
    panel, image, *_, labels = three
    at = np.argwhere(labels.data)[len(np.argwhere(labels.data)) // 2]
    panel.steps.layers.correct(labels, {"kind": "delete", "point": at.tolist()})
    settled(user, panel)
    corrected = labels.data.copy()
    assert not corrected[tuple(at)]
    panel.chain_view.show_layer(labels)
    panel.recipe_menu.save(tmp_path / "corrected.yaml")
    user.viewer.add_image(truth.image.copy(), name="another")
    panel.recipe_menu.load(tmp_path / "corrected.yaml")
    settled(user, panel)
    assert user.viewer.layers[-1].data[tuple(at)]
    assert "switched off" in panel.status.text.text()
    user.viewer.layers.selection.active = image
    panel.recipe_menu.load(tmp_path / "corrected.yaml")
    settled(user, panel)
    np.testing.assert_array_equal(user.viewer.layers[-1].data, corrected)
    assert not errors


def test_a_line_cuts_an_object(user, truth, errors):
    viewer = user.viewer
    disc = np.zeros((60, 60), np.uint8)
    yy, xx = np.mgrid[:60, :60]
    disc[(yy - 30) ** 2 + (xx - 30) ** 2 < 200] = 1
    labels = viewer.add_labels(disc, name="disc")
    viewer.reset_view()
    panel = user.open("Process")
    viewer.layers.selection.active = labels
    panel.corrections_group.set_open(True)
    panel.corrections.buttons["split"].click()
    user.look(0.3)
    user.drag_on_canvas([(30, 8), (30, 20), (30, 30), (30, 40), (30, 52)])
    settled(user, panel)
    made = viewer.layers[-1]
    assert made is not labels
    assert len(np.unique(made.data)) == 3
    np.testing.assert_array_equal(labels.data, disc)
    assert not errors


@pytest.mark.parametrize("across", [0, 1, 2])
def test_a_line_cuts_an_object_in_slices_along_any_axis(user, errors, across):
    viewer = user.viewer
    ball = (np.indices((20, 24, 28)) - np.reshape((10, 12, 14), (3, 1, 1, 1))) ** 2
    labels = viewer.add_labels((ball.sum(0) < 50).astype(np.uint8), name="ball", scale=(2, 1, 1))
    viewer.dims.order = (across, *(axis for axis in range(3) if axis != across))
    viewer.dims.set_point(across, (20, 12, 14)[across])
    viewer.reset_view()
    panel = user.open("Process")
    viewer.layers.selection.active = labels
    panel.corrections_group.set_open(True)
    panel.corrections.buttons["split"].click()
    user.look(0.3)
    first, second = (axis for axis in range(3) if axis != across)
    middle = np.array((20, 12, 14))
    reach = np.array((18, 9, 9))
    path = [(middle[first], middle[second] + reach[second] * t) for t in (-1, -0.4, 0, 0.4, 1)]
    user.drag_on_canvas(path)
    settled(user, panel)
    made = viewer.layers[-1]
    assert made is not labels
    assert len(np.unique(made.data)) == 3
    # The cut goes through all slices, where the line was drawn.
    parts = np.moveaxis(made.data, (across, first), (0, 1))
    half = (20, 12, 14)[first] // (2 if first == 0 else 1)
    assert len(np.unique(parts[:, : half - 1])) == 2
    assert len(np.unique(parts[:, half + 2 :])) == 2
    assert not errors


def test_corrections_are_not_made_in_3d_and_clicks_are_in_any_slice(user, errors):
    viewer = user.viewer
    labels = viewer.add_labels(np.zeros((20, 24, 28), np.uint8), name="balls")
    labels.data[8:12, 4:10, 4:10] = 1
    labels.data[8:12, 14:20, 14:20] = 2
    panel = user.open("Process")
    viewer.layers.selection.active = labels
    panel.corrections_group.set_open(True)
    viewer.dims.ndisplay = 3
    user.look(0.3)
    for tool in ("split", "delete"):
        panel.corrections.buttons[tool].click()
        assert "Switch to 2D" in panel.corrections.hint.text()
        user.drag_on_canvas([(7, 7), (7, 9)] if tool == "split" else [(7, 7)])
        assert "cannot be told in 3D" in errors.pop()
    viewer.dims.ndisplay = 2
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 16)
    viewer.reset_view()
    user.look(0.3)
    assert "Click an object" in panel.corrections.hint.text()
    user.drag_on_canvas([(10, 16)])
    settled(user, panel)
    assert np.unique(viewer.layers[-1].data).tolist() == [0, 1]
    assert not errors


def test_previews_of_slices_along_any_axis(user, truth, errors):
    viewer = user.viewer
    layer = add_sample(viewer, "3d", truth)["image"]
    viewer.dims.order = (1, 0, 2)
    panel = user.open("Process")
    panel.choose("gaussian_blur", layer)
    panel.preview_box.setChecked(True)
    user.until(lambda: panel.preview.layer in viewer.layers, "the preview")
    assert panel.preview.layer.data.shape == layer.data.shape
    shown = panel.preview.layer.data.copy()
    viewer.dims.order = (0, 1, 2)
    user.until(lambda: panel.preview.layer.data.shape == (1, *layer.data.shape[1:]), "the preview of a plane")
    panel.apply_button.click()
    user.wait(panel)
    np.testing.assert_allclose(viewer.layers[-1].data, shown, rtol=1e-6)
    assert not errors


def test_the_size_of_a_voxel_is_taken_from_the_file_so_that_a_run_gives_the_same(user, truth, errors, tmp_path):
    stack, _ = sample_data("3d", truth)
    write_image(tmp_path / "embryo.tif", stack.astype(np.uint16), axes="ZYX", spacing=(0.9, 0.3, 0.3))
    (image,) = user.viewer.open(str(tmp_path / "embryo.tif"), plugin="napari")
    user.viewer.layers.selection.active = image
    panel = user.open("Process")
    panel.open("voronoi_otsu_labeling", image)
    user.wait(panel)
    as_cubes = panel.form.arguments().settings
    button = panel.axes.file_size
    assert button.isVisible()
    assert "0.9 × 0.3 × 0.3 µm" in button.text()
    button.click()
    assert not button.isVisible()
    user.wait(panel)
    assert panel.form.arguments().settings != as_cubes, "other settings suit voxels that are no cubes"
    np.testing.assert_allclose(image.scale, (0.9, 0.3, 0.3))
    assert panel.axes.sizes.isEnabled()
    apply(user, panel, "gaussian_blur", image, sigma=1)
    blurred = apply(user, panel, "gaussian_blur", image, sigma=2)
    panel.chain_view.show_layer(blurred)
    panel.recipe_menu.save(tmp_path / "blur.yaml")
    run_files(tmp_path / "blur.yaml", [tmp_path / "embryo.tif"], tmp_path / "out")
    # It is called by the step, whatever was done before it.
    out = tmp_path / "out" / "embryo_gaussian_blur.tif"
    np.testing.assert_allclose(read_image(out), blurred.data, rtol=1e-5)
    assert not errors


def test_time_is_said_once_and_settings_are_looked_for_again(user, truth, errors):
    """Whether the first axis is time holds for all panels and results; what is suggested for a stack suits no film."""
    image, _ = sample_data("time", truth)
    film = user.viewer.add_image(image, name="film")
    panel = user.open("Process")
    panel.open("voronoi_otsu_labeling", film)
    user.wait(panel)
    for_stack = panel.form.arguments().settings
    QTest.mouseClick(panel.axes.time, Qt.MouseButton.LeftButton, pos=QPoint(8, panel.axes.time.height() // 2))
    assert panel.axes.has_time
    user.wait(panel)
    frame = CATALOGUE["voronoi_otsu_labeling"].suggested(image=image[0])
    assert panel.form.arguments().settings["minimum_size"] == pytest.approx(frame["minimum_size"])
    assert panel.form.arguments().settings != for_stack
    panel.apply_button.click()
    user.wait(panel)
    measure = user.open("Measure")
    assert measure.labels.layer is user.viewer.layers[-1]
    assert measure.axes.has_time
    # What follows on a layer is not offered when it is gone.
    assert panel.next_steps.buttons
    user.viewer.layers.remove(user.viewer.layers[-1])
    user.look(0.2)
    assert not panel.next_steps.buttons
    # What was said of another operation's settings is not said of this one's.
    panel.open("gaussian_blur", film)
    assert panel.axes.has_time
    assert "suit" not in panel.status.text.text()
    assert not errors


# ------------------------------------------------------------------------------------------------ recipes
def test_recipes_are_saved_loaded_exported_and_run(user, three, truth, errors, tmp_path, monkeypatch):
    import subprocess
    import sys

    panel, *_, labels = three
    viewer = user.viewer
    menu = panel.recipe_menu
    menu.save(tmp_path / "chain")
    recipe = Recipe.load(tmp_path / "chain.yaml")
    assert [step.operation for step in recipe.steps] == ["gaussian_blur", "threshold_otsu", "connected_components"]
    np.testing.assert_array_equal(recipe.run({recipe.inputs[0]: truth.image})[recipe.outputs[0]], labels.data)

    other = viewer.add_image(truth.image[::-1].copy(), name="other")
    n_layers = len(viewer.layers)
    chain = panel.steps.chain
    want = chain.want
    with monkeypatch.context() as busy:
        # Steps are computed before the window gets round to saying that their layers are not wanted.
        busy.setattr(chain, "want", lambda *which: (chain.wait(10), want(*which)))
        menu.load(tmp_path / "chain.yaml")
    settled(user, panel)
    assert len(viewer.layers) == n_layers + 1
    np.testing.assert_array_equal(viewer.layers[-1].data, by_hand(other.data, 1))

    panel.chain_view.show_layer(labels)
    menu.export_script(tmp_path / "chain.py")
    menu.export_notebook(tmp_path / "chain.ipynb")
    assert json.loads((tmp_path / "chain.ipynb").read_text(encoding="utf-8"))["cells"]
    write_image(tmp_path / "cells.tif", truth.image)
    script = [sys.executable, str(tmp_path / "chain.py"), f"--{recipe.inputs[0]}", str(tmp_path / "cells.tif")]
    subprocess.run([*script, "--out", str(tmp_path / "by_script")], check=True, capture_output=True, cwd=tmp_path)
    assert any((tmp_path / "by_script").iterdir())
    assert not errors


@pytest.mark.parametrize("unit", ["um", None])
def test_recipes_of_scaled_layers_count_in_their_unit(user, truth, errors, tmp_path, unit):
    viewer = user.viewer
    stack = sample_data("3d", truth)[0]
    where = {"scale": (2, 0.5, 0.5), **({"units": (unit,) * 3} if unit else {})}
    image = viewer.add_image(stack, name="image", **where)
    panel = user.open("Process")
    panel.choose("gaussian_blur", image)
    panel.axes.sizes.setCurrentIndex(1)
    blurred = apply(user, panel, "gaussian_blur", image, sigma=0.8)
    made = apply(user, panel, "median", blurred, radius=1.1)
    panel.recipe_menu.save(tmp_path / "physical")
    recipe = Recipe.load(tmp_path / "physical.yaml")
    assert recipe.unit == ("µm" if unit else "unit")
    assert recipe.steps[0].settings["sigma"] == 0.8
    again = recipe.run({recipe.inputs[0]: stack}, spacing=(2, 0.5, 0.5))[recipe.outputs[0]]
    np.testing.assert_array_equal(again, made.data)

    write_image(tmp_path / "cells.ome.tif", stack, axes="ZYX", spacing=(2, 0.5, 0.5))
    given = {} if unit else {"spacing": (2, 0.5, 0.5)}
    result = run_files(recipe, [tmp_path / "cells.ome.tif"], tmp_path / "out", **given)
    np.testing.assert_array_equal(read_image(result.outputs[0]), made.data)
    refused = run_files(recipe, [tmp_path / "cells.ome.tif"], tmp_path / "none").failures if not unit else ()
    assert all("--spacing" in one.error for one in refused)

    viewer.layers.selection.active = viewer.add_image(stack.copy(), name="same", **where)
    panel.recipe_menu.load(tmp_path / "physical.yaml")
    settled(user, panel)
    np.testing.assert_array_equal(viewer.layers[-1].data, made.data)
    viewer.layers.selection.active = viewer.add_image(stack.copy(), name="other", scale=(2, 1, 1), units=("nm",) * 3)
    with pytest.raises(InputError, match=r"counts lengths in .* of other counts in nm"):
        panel.recipe_menu.load(tmp_path / "physical.yaml")
    assert not errors


def test_recipes_in_pixels_know_that_a_stack_is_deep(user, truth, errors, tmp_path):
    stack = sample_data("3d", truth)[0]
    image = user.viewer.add_image(stack, name="image", scale=(2, 0.5, 0.5), units=("um",) * 3)
    panel = user.open("Process")
    made = apply(user, panel, "gaussian_blur", image, sigma=2)
    panel.recipe_menu.save(tmp_path / "pixels")
    write_image(tmp_path / "cells.ome.tif", stack, axes="ZYX", spacing=(2, 0.5, 0.5))
    result = run_files(tmp_path / "pixels.yaml", [tmp_path / "cells.ome.tif"], tmp_path / "out")
    np.testing.assert_array_equal(read_image(result.outputs[0]), made.data)
    assert not errors


def test_a_batch_runs_over_files_and_reports(user, three, truth, errors, tmp_path):
    panel, *_ = three
    (tmp_path / "in").mkdir()
    for number in range(3):
        write_image(tmp_path / "in" / f"cells{number}.tif", np.roll(truth.image, number, 0))
    (tmp_path / "in" / "broken.tif").write_bytes(b"nothing")
    menu = panel.recipe_menu
    menu.actions_by_name["batch"].trigger()
    dialog = menu.batch_dialog
    assert not dialog.run_button.isEnabled()
    assert "Choose the images" in dialog.run_button.toolTip()
    dialog.images.setText(str(tmp_path / "in" / "*.tif"))
    dialog.out.setText(str(tmp_path / "in"))
    assert "another folder" in dialog.hint.text()
    dialog.out.setText(str(tmp_path / "out"))
    dialog.n_jobs.setValue(1)
    dialog.run_button.click()
    user.until(lambda: not dialog.jobs.busy, "the batch")
    user.look(0.1)
    assert "3 of 4 files" in dialog.hint.text()
    assert dialog.table.topLevelItemCount() == 4
    name = dialog.recipe.outputs[0]
    for number in range(3):
        found = read_image(tmp_path / "out" / f"cells{number}_{name}.tif")
        np.testing.assert_array_equal(found, by_hand(np.roll(truth.image, number, 0), 1))
    assert "broken.tif" in (tmp_path / "out" / "bioloom-report.csv").read_text(encoding="utf-8")
    dialog.run_button.click()
    user.until(lambda: not dialog.jobs.busy, "the second batch")
    user.look(0.1)
    assert "3 had results already" in dialog.hint.text()
    dialog.close()
    assert not errors


# ------------------------------------------------------------------------------------------------ menus
def entries_of(menu):
    """Open a menu with all its submenus and return the titles of its entries, by the path of titles to them."""
    menu.aboutToShow.emit()
    found = {}
    for action in menu.actions():
        title = action.text().replace("&", "").removesuffix(" (Bioloom)").removesuffix(" (napari-bioloom)")
        if action.menu() is not None:
            found |= {(title, *path): entry for path, entry in entries_of(action.menu()).items()}
        elif title:
            found[(title,)] = action
    return found


def test_all_operations_are_in_the_layers_menu(user, truth):
    user.viewer.add_image(truth.image, name="image")
    panel = user.open("Process")
    bar = panel.window().menuBar()
    layers_menu = next(a.menu() for a in bar.actions() if a.text().replace("&", "") == "Layers")
    found = entries_of(layers_menu)
    user.look()
    for operation in CATALOGUE.values():
        place, _, submenu = operation.category.partition("/")
        assert (place, submenu, operation.title) in found, operation.name
    found["Filter", "Remove noise", "Median"].trigger()
    user.look(0.2)
    assert panel.operation.name == "median"


def test_both_menus_open_the_same_dock(user, truth):
    user.viewer.add_image(truth.image, name="image")
    user.menu("operation.median", 0.2)
    assert list(user.viewer.window.dock_widgets) == ["Process (Bioloom)"]
    panel = process(user)
    # The entry of the Plugins menu hides it, and another operation shows it again.
    user.plugins_menu("Process")
    assert not panel.isVisible()
    user.menu("operation.gaussian_blur", 0.2)
    assert list(user.viewer.window.dock_widgets) == ["Process (Bioloom)"]
    assert process(user) is panel
    assert panel.isVisible()
    assert panel.operation.name == "gaussian_blur"


# ------------------------------------------------------------------------------------------------ coming and going
def test_painting_on_a_film_corrects_its_frame(user, truth, errors):
    film = user.viewer.add_image(sample_data("time", truth)[0], name="film", axis_labels=("t", "y", "x"))
    panel = user.open("Process")
    labels = apply(user, panel, "voronoi_otsu_labeling", film)
    before = labels.data.copy()
    user.viewer.dims.set_point(0, 1)
    y, x = np.argwhere(before[1] == 0)[30]
    labels.brush_size = 2
    user.paint(labels, int(before.max()) + 1, [(1, y, x), (1, y, x + 3)])
    settled(user, panel)
    user.look(0.5)
    settled(user, panel)
    (correction,) = panel.steps.chain.steps[-1].settings["corrections"]
    assert correction["frame"] == 1
    assert (labels.data[[0, 2]] == before[[0, 2]]).all()
    assert labels.data[1, y, x]
    assert not errors


def test_the_panel_may_be_closed_while_it_computes(user, errors):
    noise = np.random.default_rng(0).random((8, 600, 600), np.float32)
    image = user.viewer.add_image(noise, name="noise", axis_labels=("t", "y", "x"))
    panel = user.open("Process")
    panel.choose("median", image)
    panel.settings["radius"].value = 8
    panel.preview_box.setChecked(True)
    panel.apply_button.click()
    user.viewer.window.remove_dock_widget(panel)
    user.look(0.5)
    again = user.open("Process")
    assert not again.steps.chain.steps
    assert list(user.viewer.layers) == [image]
    done = apply(user, again, "gaussian_blur", image)
    assert done.name == "Gaussian blur of noise"
    assert not errors


def test_a_change_while_it_computes_counts(user, three, truth, errors):
    panel, *_, labels = three
    panel.chain_view.rows.choose("gaussian_blur")

    def turn(sigma):
        panel.chain_view.settings["sigma"].value = sigma
        user.until(lambda: panel.steps.chain.step("gaussian_blur").settings["sigma"] == sigma, "the edit")

    for sigma in (2, 3, 5):
        turn(sigma)
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 5))
    turn(7)
    panel.cancel()
    panel.chain_view.undo_button.click()
    settled(user, panel)
    np.testing.assert_array_equal(labels.data, by_hand(truth.image, 5))
    assert not errors


def test_a_source_that_is_painted_on_changes_what_follows(user, truth, errors):
    labels = user.viewer.add_labels(truth.labels.astype(np.int32), name="labels")
    panel = user.open("Process")
    grown = apply(user, panel, "expand_labels", labels)
    before = grown.data.copy()
    y, x = np.argwhere(before == 0)[0]
    labels.brush_size = 1
    # The result hides what it was made of.
    labels.visible = True
    user.paint(labels, 77, [(y, x), (y, x)])
    user.look(0.5)
    settled(user, panel)
    assert grown.data[y, x] == 77
    labels.undo()
    user.look(0.6)
    settled(user, panel)
    np.testing.assert_array_equal(grown.data, before)
    assert not errors
