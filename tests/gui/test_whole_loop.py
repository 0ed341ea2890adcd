"""From the first pixel to the lasso, as a user does it, in a real napari window."""

import os

import numpy as np
import pytest

from bioloom.measure import compare_segmentations
from bioloom.samples import annotate_objects, make_sample, strokes

pytestmark = pytest.mark.gui


def stroke_paths(annotation, label, n=12):
    """Short strokes through the pixels of a drawn annotation, as the hand would move."""
    where = np.argwhere(annotation == label)
    chosen = where[np.linspace(0, len(where) - 1, n).astype(int)]
    return [[tuple(p), tuple(np.add(p, (0, 1))), tuple(np.add(p, (1, 1)))] for p in chosen]


def test_the_whole_loop(user, tmp_path):
    viewer = user.viewer
    opened = user.sample("nuclei_2d")
    image, truth = opened["Nuclei"], opened["Nuclei: ground truth"]
    sample = make_sample("nuclei_2d")

    # Segment by the menu, with a preview first.
    viewer.layers.selection.active = image
    user.menu("operation.voronoi_otsu_labeling")
    process = viewer.window.dock_widgets["Process (Bioloom)"]
    process.settings["spot_sigma"].value = 4
    process.preview_box.setChecked(True)
    user.until(lambda: any(layer.name.startswith("preview") for layer in viewer.layers), "the preview")
    process.apply_button.click()
    user.wait(process)
    assert not any(layer.name.startswith("preview") for layer in viewer.layers)
    labels = viewer.layers["Voronoi–Otsu labeling of Nuclei"]
    assert compare_segmentations(labels.data, truth.data).f1[0] > 0.8
    assert labels.units == image.units
    np.testing.assert_allclose(labels.scale, image.scale)

    # Paint with the layer's own brush, train, predict.
    pixels = user.open("Pixel classifier")
    pixels.new_button.click()
    annotation = viewer.layers.selection.active
    annotation.brush_size = 3
    drawn = strokes(truth.data, n_pixels=400)
    for label in (1, 2):
        for path in stroke_paths(drawn, label):
            user.paint(annotation, label, path)
    assert set(np.unique(annotation.data)) == {0, 1, 2}
    user.until(lambda: pixels.classes.counts()[2] == (annotation.data == 2).sum(), "the counts")
    pixels.outputs.as_objects.setChecked(True)
    pixels.outputs.as_probability.setChecked(True)
    pixels.train_button.click()
    user.wait(pixels)
    classes = viewer.layers["classes of Nuclei"]
    found, true = classes.data == 2, truth.data > 0
    assert (found & true).sum() / (found | true).sum() > 0.75
    assert viewer.layers["objects of Nuclei"].data.max() > 20
    probability = viewer.layers["probability of Nuclei"]
    assert 0 <= probability.data.min() < probability.data.max() <= 1
    assert viewer.layers.selection.active is annotation, "painting can go on"
    pixels.save(str(tmp_path / "pixels.cl"))

    # Classify objects.
    objects = user.open("Object classifier")
    objects.labels.choose(labels)
    objects.new_button.click()
    marks = viewer.layers.selection.active
    drawn = annotate_objects(sample, n_per_type=8)
    marks.brush_size = 3
    for label in (1, 2):
        for number in np.unique(truth.data[drawn == label]):
            centre = np.argwhere(truth.data == number).mean(0)
            user.paint(marks, label, [tuple(centre), tuple(centre + 1)])
    objects.train_button.click()
    user.wait(objects)
    table = labels.features
    assert set(table["object_class"]) == {1, 2}
    assert list(table["index"]) == list(table["label"])
    assert set(np.unique(viewer.layers[f"object classes of {labels.name}"].data)) == {0, 1, 2}

    # Measure.
    measure = user.open("Measure")
    measure.labels.choose(labels)
    measure.measure_button.click()
    user.wait(measure)
    table = labels.features
    n = len(np.unique(labels.data)) - 1
    assert len(table) == n
    assert "object_class" in table, "measuring keeps other columns"
    largest = table.loc[table["area"].idxmax()]
    assert largest["area"] == pytest.approx((labels.data == largest["label"]).sum() * 0.25), "square micrometres"
    measure.save(str(tmp_path / "features.csv"))
    user.wait(measure)
    assert len((tmp_path / "features.csv").read_text().splitlines()) == n + 1

    # Row to object and object to row.
    measure.table.selectRow(3)
    measure.table.row_clicked.emit(int(measure.table.objects.order[3]))
    user.look()
    assert labels.selected_label == table["label"].iloc[3]
    wanted = table.iloc[10]
    inside = np.argwhere(labels.data == wanted["label"])
    user.click_object(labels, tuple(inside[len(inside) // 2]))
    assert measure.table.view.rows[measure.table.selected_places()].tolist() == [10]

    # Embed and cluster.
    explore = user.open("Explore")
    explore.labels.choose(labels)
    user.look()
    explore.embed_button.click()
    user.wait(explore)
    assert np.isfinite(labels.features[["UMAP-0", "UMAP-1"]].to_numpy()).all()
    assert explore.x_box.currentText() == "UMAP-0"
    explore.cluster_button.click()
    user.wait(explore)
    clusters = labels.features["KMEANS_CLUSTER"].to_numpy()
    assert set(clusters) == {1, 2, 3}
    colours = {k: tuple(labels.colormap.map(labels.features["label"].to_numpy()[clusters == k][0])) for k in (1, 2, 3)}
    assert len(set(colours.values())) == 3, "each cluster has its own colour in the labels"

    # Lasso one cluster in the plot; its objects light up in the image.
    explore.colour_box.setCurrentText("selection and classes")
    explore.x_box.setCurrentText("area")
    explore.y_box.setCurrentText("eccentricity")
    explore.plot.wait()
    user.look()
    x, y = labels.features["area"].to_numpy(), labels.features["eccentricity"].to_numpy()
    ordered = np.sort(y)[n // 4 : 3 * n // 4]
    widest = np.diff(ordered).argmax()
    round_ones = y <= ordered[widest]
    user.lasso(explore.plot, x[round_ones], y[round_ones])
    selected = explore.selection.mask
    np.testing.assert_array_equal(selected, round_ones)
    ids = labels.features["label"].to_numpy()
    shown = labels.colormap.map(ids)
    assert len(np.unique(shown[selected], axis=0)) == 1
    assert not (shown[selected][0] == shown[~selected]).all(1).any()
    assert f"{round_ones.sum()} of {n}" in explore.count.text()

    # A click on an object in the image selects its point in the plot.
    one = int(ids[np.flatnonzero(~round_ones)[0]])
    inside = np.argwhere(labels.data == one)
    user.click_object(labels, tuple(inside[len(inside) // 2]))
    assert ids[explore.selection.mask].tolist() == [one]
    explore.plot.wait()
    user.look()
    vivid = explore.plot.palette_[explore.plot.colour_index[explore.selection.mask][0]]
    assert tuple(vivid) == (216, 27, 196, 255)

    # The class is saved as a column.
    user.lasso(explore.plot, x[round_ones], y[round_ones])
    explore.class_box.setValue(2)
    explore.assign_button.click()
    explore.save_classes.click()
    user.look()
    np.testing.assert_array_equal(labels.features["MANUAL_CLASS"].to_numpy() == 2, round_ones)

    # The picture of the README: clusters in plot and image. BIOLOOM_PICTURE=docs/images/bioloom.png writes it.
    for layer in viewer.layers:
        layer.visible = layer in (image, labels)
    labels.opacity = 0.6
    viewer.layers.selection.active = labels
    explore.clear_button.click()
    explore.x_box.setCurrentText("UMAP-0")
    explore.y_box.setCurrentText("UMAP-1")
    explore.colour_box.setCurrentText("KMEANS_CLUSTER")
    explore.plot.wait()
    viewer.reset_view()
    user.look(0.5)
    picture = viewer.window.screenshot(os.environ.get("BIOLOOM_PICTURE"), flash=False, canvas_only=False)
    shown = np.unique(picture[..., :3].reshape(-1, 3), axis=0)
    assert len(shown) > 500, "the window is not blank"
