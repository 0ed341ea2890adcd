"""The Measure panel as someone uses it: measure, edit, filter, see a map, bring a table along."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QInputDialog, QMessageBox

from bioloom import layers, tables
from bioloom.measure import measure
from bioloom.widgets._table_join import JoinDialog
from bioloom.widgets._table_menus import column_menu

pytestmark = pytest.mark.usefixtures("errors")


@pytest.fixture(scope="module")
def small():
    """A small 2D image with its truth."""
    from bioloom.samples import nuclei_2d

    return nuclei_2d(shape=(160, 180), n_nuclei=12, seed=0)


@pytest.fixture
def nuclei(user, small):
    """Labels over two images, in micrometres."""
    where = {"scale": (0.5, 0.5), "units": "um"}
    user.viewer.add_image(small.image, name="DAPI", **where)
    user.viewer.add_image(small.image[::-1].copy(), name="GFP", **where)
    return user.viewer.add_labels(small.labels.copy(), name="nuclei", **where)


def measured(user, groups=("size", "intensity")):
    """Open the panel and measure some groups."""
    panel = user.open("Measure")
    choose(panel, groups)
    panel.measure_button.click()
    user.wait(panel)
    return panel


def choose(panel, groups):
    """Tick these groups only."""
    for name, box in panel.groups.items():
        if box.isChecked() != (name in groups):
            box.click()


def followed(user, panel):
    """Wait until edits are measured, and maps show it."""
    user.until(lambda: not (panel.follow_edits.busy or panel.maps.busy), "what changed", 60)
    user.look()


# ------------------------------------------------------------------------------------------------ what is measured
def test_groups_images_and_units(user, nuclei, small, errors):
    panel = user.open("Measure")
    assert panel.size.spacing == (0.5, 0.5)
    assert panel.size.unit.text() == "µm"
    assert not panel.groups["colocalisation"].isEnabled()
    assert "two images" in panel.groups["colocalisation"].toolTip()
    panel.images.set_checked({"DAPI", "GFP"})
    groups = ("size", "neighbours", "radial", "texture", "colocalisation")
    choose(panel, groups)
    panel.measure_button.click()
    user.wait(panel)
    images = {"DAPI": small.image, "GFP": small.image[::-1]}
    expected = measure(small.labels, images, (0.5, 0.5), groups)
    found = nuclei.features.drop(columns="index")
    pd.testing.assert_frame_equal(found, expected)
    assert {"radial_cv-0_GFP", "pearson_corr_coeff_DAPI_GFP", "nearest_neighbor_distance"} <= set(found.columns)
    assert "lengths in µm" in panel.status.text.text()
    assert not errors


def test_labels_are_measured_in_the_image_that_they_were_made_from(user, nuclei, small, errors):
    other = user.viewer.add_image(small.image[:, ::-1] + 100, name="well 2", scale=(0.5, 0.5), units="um")
    mirrored = user.viewer.add_labels(small.labels[:, ::-1], name="well 2_nuclei", scale=(0.5, 0.5), units="um")
    panel = user.open("Measure")
    panel.labels.choose(nuclei)
    panel.images.set_checked({"DAPI"})
    panel.labels.choose(mirrored)
    assert panel.images.images == [other]
    choose(panel, ("intensity",))
    panel.measure_button.click()
    user.wait(panel)
    expected = measure(small.labels, small.image + 100, properties=["intensity_mean"])["intensity_mean"]
    np.testing.assert_allclose(mirrored.features["intensity_mean"], expected)
    # What the user wants instead stays, also when layers come and go.
    panel.images.set_checked({"DAPI", "well 2"})
    user.viewer.add_labels(small.labels, name="more")
    assert [one.name for one in panel.images.images] == ["DAPI", "well 2"]
    panel.images.set_checked(set())
    panel.labels.choose(user.viewer.layers["more"])
    panel.labels.choose(mirrored)
    assert panel.images.images == []
    assert not errors


def test_a_preview_of_labels_where_there_are_none_is_no_object(user, small, errors):
    user.viewer.add_image(small.image, name="image")
    panel = user.open("Measure")
    process = user.open("Process")
    process.open("gauss_otsu_labeling", user.viewer.layers["image"])
    process.preview_box.setChecked(True)
    user.until(lambda: len(user.viewer.layers) == 2, "the preview")
    assert panel.labels.layer is None
    assert not panel.more.nested.button.isEnabled()


def test_another_pixel_size(user, nuclei, small, errors):
    panel = user.open("Measure")
    choose(panel, ("size",))
    for field, text in zip(panel.size.fields[1:], ("2", "0,25"), strict=True):
        field.selectAll()
        QTest.keyClicks(field, text)
    panel.measure_button.click()
    user.wait(panel)
    np.testing.assert_allclose(nuclei.features["area"], nuclei.features["num_pixels"] * 0.5)
    np.testing.assert_array_equal(nuclei.scale, (0.5, 0.5))
    panel.size.reset_button.click()
    assert panel.size.spacing == (0.5, 0.5)
    QTest.keyClicks(panel.size.fields[2], "x")
    panel.measure_button.click()
    assert "along x" in errors[-1]
    # Where the layer has no unit, lengths are in whatever the typed size counts, and not in pixels.
    nuclei.units = ("pixel", "pixel")
    nuclei.scale = (1, 1)
    panel.size.fields[2].setText("0.5")
    panel.measure_button.click()
    user.wait(panel)
    assert "lengths in the unit of the pixel size" in panel.status.text.text()
    typed = layers.measured_in(nuclei)
    panel.size.reset()
    panel.measure_button.click()
    user.wait(panel)
    assert layers.measured_in(nuclei) == "pixel" != typed


def test_single_measurements(user, nuclei, errors):
    panel = user.open("Measure")
    panel.choice.folded.button.click()
    panel.choice.list.set_checked({"area", "solidity", "orientation"})
    assert panel.groups["shape"].checkState() == Qt.CheckState.PartiallyChecked
    assert panel.groups["position"].checkState() == Qt.CheckState.Unchecked
    panel.measure_button.click()
    user.wait(panel)
    assert list(nuclei.features.columns) == ["index", "label", "area", "solidity", "orientation"]
    panel.groups["shape"].click()
    assert panel.groups["shape"].checkState() == Qt.CheckState.Checked
    assert "perimeter" in panel.choice.chosen()
    panel.choice.list.set_checked(())
    panel.measure_button.click()
    assert "Nothing to measure" in errors[-1]


def test_other_columns_stay(user, nuclei, errors):
    nuclei.features = pd.DataFrame({"index": [3, 2, 1], "mine": ["c", "b", "a"]})
    panel = measured(user, ("size",))
    assert nuclei.features["mine"].tolist()[:3] == ["a", "b", "c"]
    assert nuclei.features["mine"][3:].isna().all()
    choose(panel, ("shape",))
    panel.measure_button.click()
    user.wait(panel)
    assert {"mine", "area", "solidity"} <= set(nuclei.features.columns)
    assert not errors


def test_one_frame_and_all_of_them(user, small, errors):
    series = np.stack([small.labels, np.where(small.labels == 3, 0, small.labels), small.labels])
    labels = user.viewer.add_labels(series, name="series", axis_labels=("t", "y", "x"))
    panel = user.open("Measure")
    choose(panel, ("size",))
    assert panel.all_frames.isVisible()
    panel.all_frames.click()
    user.viewer.dims.set_point(0, 1)
    panel.measure_button.click()
    user.wait(panel)
    n = int(small.labels.max())
    assert labels.features["frame"].unique().tolist() == [1]
    assert len(labels.features) == n - 1
    panel.all_frames.click()
    panel.measure_button.click()
    user.wait(panel)
    assert labels.features.groupby("frame").size().tolist() == [n, n - 1, n]
    # Of one frame again, with other measurements: the rows of the others stay.
    panel.all_frames.click()
    choose(panel, ("shape",))
    panel.measure_button.click()
    user.wait(panel)
    assert labels.features.groupby("frame").size().tolist() == [n, n - 1, n]
    assert labels.features.groupby("frame")["extent"].count().tolist() == [0, n - 1, 0]
    panel.table.selectRow(n)
    panel.table.row_clicked.emit(n)
    user.look()
    assert layers.current_frame(user.viewer, labels, True) == 1
    assert not errors


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_a_table_over_time_is_not_replaced_unasked(user, small, errors, monkeypatch, answer):
    asked = []
    monkeypatch.setattr(
        QMessageBox, "question", lambda *a: asked.append(a[-1]) or getattr(QMessageBox.StandardButton, answer)
    )
    labels = user.viewer.add_labels(np.stack([small.labels] * 3), name="stack")
    panel = user.open("Measure")
    panel.axes.time.setChecked(True)
    choose(panel, ("size",))
    panel.measure_button.click()
    user.wait(panel)
    labels.features = labels.features.assign(mine=1)
    panel.axes.time.setChecked(False)
    panel.measure_button.click()
    user.wait(panel)
    assert "mine" in asked[0]
    assert ("mine" in labels.features) is (answer == "No")
    assert ("frame" in labels.features) is (answer == "No")


def test_cancelling_leaves_the_table(user, nuclei, errors):
    panel = measured(user, ("size",))
    before = nuclei.features.copy()
    choose(panel, ("texture",))
    panel.measure_button.click()
    panel.status.button.click()
    user.look(0.3)
    pd.testing.assert_frame_equal(nuclei.features, before)
    assert "Cancelled" in panel.status.text.text()


# ------------------------------------------------------------------------------------------------ edits
def test_edits_are_followed(user, nuclei, errors):
    panel = measured(user, ("size", "shape"))
    nuclei.features = nuclei.features.assign(mine=np.arange(len(nuclei.features)))
    before = nuclei.features.set_index("label")
    nuclei.brush_size = 7
    y, x = np.argwhere(nuclei.data == 4).mean(0)
    user.paint(nuclei, 500, [(y, x), (y, x + 3)])
    followed(user, panel)
    after = nuclei.features.set_index("label")
    expected = measure(nuclei.data, None, (0.5, 0.5), panel.choice.chosen()).set_index("label")
    pd.testing.assert_frame_equal(after[expected.columns], expected)
    assert after.loc[4, "area"] < before.loc[4, "area"]
    assert after["mine"].drop(500).tolist() == before["mine"].tolist()
    assert np.isnan(after.loc[500, "mine"])
    assert f"2 of {len(after)}" in panel.status.text.text()
    nuclei.undo()
    followed(user, panel)
    again = nuclei.features.set_index("label")
    assert 500 not in again.index
    assert again.loc[4, "area"] == before.loc[4, "area"]
    assert not errors


def test_edits_are_left_alone_where_that_is_wanted(user, nuclei, errors):
    panel = measured(user, ("size",))
    panel.follow_edits.click()
    before = nuclei.features.copy()
    user.paint(nuclei, 500, [(20, 20), (20, 40)])
    followed(user, panel)
    pd.testing.assert_frame_equal(nuclei.features, before)
    panel.follow_edits.click()
    followed(user, panel)
    assert 500 in nuclei.features["label"].tolist()


def test_replaced_labels_are_measured_again(user, nuclei, errors):
    measure_panel = measured(user, ("size",))
    nuclei.data = np.where(nuclei.data == 1, 0, nuclei.data)
    followed(user, measure_panel)
    assert 1 not in nuclei.features["label"].tolist()
    nuclei.data = nuclei.data[:100, :100]
    followed(user, measure_panel)
    assert set(nuclei.features["label"]) == set(np.unique(nuclei.data)) - {0}
    assert not errors


# ------------------------------------------------------------------------------------------------ beyond single objects
def test_objects_inside_others(user, nuclei, small, errors):
    panel = measured(user, ("size",))
    part = panel.more.nested
    panel.more.groups["Inside other objects"].button.click()
    assert not part.button.isEnabled()
    assert "no other layer" in part.button.toolTip()
    cells = np.where(small.labels > 0, (small.labels + 1) // 2, 0)
    where = {"scale": (0.5, 0.5), "units": "um"}
    outer = user.viewer.add_labels(cells, name="cells", features={"mine": range(int(cells.max()) + 1)}, **where)
    assert part.outer.layer is outer
    part.summary.setCurrentText("mean")
    part.button.click()
    user.wait(panel)
    names = list(panel.tables.view.columns)
    header = panel.table.horizontalHeader()
    left = header.sectionViewportPosition(names.index("parent_cells"))
    assert 0 <= left < panel.table.viewport().width(), "the new columns come into view"
    np.testing.assert_array_equal(nuclei.features["parent_cells"], (nuclei.features["label"] + 1) // 2)
    assert "area" in nuclei.features
    table = outer.features.set_index("label")
    assert table["child_count_nuclei"].max() == 2
    areas = nuclei.features.set_index("label")["area"]
    np.testing.assert_allclose(table.loc[1, "area_mean_nuclei"], areas[[1, 2]].mean())
    assert "objects lie in one of cells" in panel.status.text.text()
    panel.labels.choose(outer)
    assert part.outer.layer is nuclei
    assert "child_count_nuclei" in panel.tables.view.columns
    assert not errors


def test_tracks_and_motion(user, errors):
    from bioloom.samples import nuclei_timelapse

    film = nuclei_timelapse(shape=(4, 96, 96), n_nuclei=8)
    where = {"scale": (30, 0.5, 0.5), "units": ("s", "um", "um"), "axis_labels": ("t", "y", "x")}
    labels = user.viewer.add_labels(film.labels, name="film", **where)
    panel = measured(user, ("size",))
    part = panel.more.tracks
    panel.more.groups["Tracks and motion"].button.click()
    assert part.interval.value() == 30
    assert part.interval.suffix() == " s"
    part.divides.click()
    part.button.click()
    user.wait(panel)
    assert {"area", "track", "parent", "speed", "acceleration", "displacement"} <= set(labels.features.columns)
    moving = labels.features[labels.features["track"] == labels.features["track"].iloc[0]]
    np.testing.assert_allclose(moving["speed"].iloc[1:], moving["step_length"].iloc[1:] / 30)
    lines = user.viewer.layers["tracks of film"]
    assert len(lines.data) == len(labels.features)
    np.testing.assert_array_equal(lines.scale, labels.scale)
    assert "speeds in µm per s" in panel.status.text.text()
    # Again: the same layer of lines; a move too short breaks the tracks.
    n_tracks = labels.features["track"].nunique()
    part.move.setValue(0.1)
    part.button.click()
    user.wait(panel)
    assert labels.features["track"].nunique() > n_tracks
    assert len(user.viewer.layers) == 2
    panel.axes.time.setChecked(False)
    assert "no time" in part.button.toolTip()
    assert not errors


def test_intensity_at_points(user, nuclei, small, errors, tmp_path):
    panel = measured(user, ("size",))
    part = panel.more.points
    panel.more.groups["Intensity at points"].button.click()
    assert "no points" in part.button.toolTip()
    inside = np.argwhere(small.labels == 3)[:5]
    spots = user.viewer.add_points(
        np.add([*inside, (0, 0)], (4, 6)), name="spots", features={"mine": range(6)}, scale=(0.5, 0.5), units="um",
        translate=(-2, -3),
    )  # fmt: skip
    panel.images.set_checked({"DAPI", "GFP"})
    part.button.click()
    user.wait(panel)
    assert spots.features["label_nuclei"].tolist() == [3, 3, 3, 3, 3, small.labels[0, 0]]
    assert spots.features["intensity_DAPI"].tolist()[:5] == small.image[tuple(inside.T)].tolist()
    assert spots.features["mine"].tolist() == list(range(6))
    assert nuclei.features.set_index("label").loc[3, "point_count_spots"] == 5
    part.radius.setValue(1)
    part.button.click()
    user.wait(panel)
    assert {"intensity_mean_GFP", "num_pixels_GFP", "mine"} <= set(spots.features.columns)
    part.save(str(tmp_path / "spots.csv"))
    saved = tables.load_table(tmp_path / "spots.csv")
    np.testing.assert_allclose(saved["position-0"][0], inside[0, 0] * 0.5)
    panel.images.set_checked(set())
    assert "check one above" in part.button.toolTip()
    assert not errors


# ------------------------------------------------------------------------------------------------ table and image
def test_rows_objects_and_filters(user, nuclei, errors):
    panel = measured(user)
    areas = nuclei.features["area"].to_numpy()
    limit = float(np.median(areas))
    panel.tables.filter_line.setFocus()
    QTest.keyClicks(panel.tables.filter_line, f"area > {limit}")
    QTest.keyClick(panel.tables.filter_line, Qt.Key.Key_Return)
    assert sorted(panel.tables.view.rows.tolist()) == np.flatnonzero(areas > limit).tolist()
    panel.table.selectRow(1)
    selection = layers.selection_of(nuclei)
    assert np.flatnonzero(selection.mask).tolist() == [int(panel.tables.view.rows[1])]
    one = int(nuclei.features["label"].iloc[panel.tables.view.rows[2]])
    y, x = np.argwhere(nuclei.data == one)[len(np.argwhere(nuclei.data == one)) // 2]
    user.click_object(nuclei, (y, x))
    assert selection.labels[selection.mask].tolist() == [one]
    assert panel.table.selected_places().tolist() == [2]
    panel.tables.pages.setCurrentWidget(panel.tables.statistics)
    user.until(lambda: panel.tables.statistics.result().shape[0] > 0, "the statistics")
    stats = panel.tables.statistics.result().set_index("column")
    assert stats.loc["area", "n"] == (areas > limit).sum()
    np.testing.assert_allclose(stats.loc["area", "mean"], areas[areas > limit].mean())
    assert not errors


def test_objects_that_are_not_in_memory_are_found_by_their_boxes(user, small, errors):
    import dask.array as da

    labels = user.viewer.add_labels(da.from_array(small.labels, chunks=64), name="lazy", scale=(0.5, 0.5))
    panel = measured(user, ("position",))
    panel.table.row_clicked.emit(4)
    assert labels.selected_label == 5
    y, x = np.nonzero(small.labels == 5)
    center = np.array(user.viewer.scene.camera.center if hasattr(user.viewer, "scene") else user.viewer.camera.center)
    middle = np.array([y.min() + y.max(), x.min() + x.max()]) / 2
    assert not np.allclose(middle, (y.mean(), x.mean())), "where it would be if all pixels were read"
    np.testing.assert_allclose(center[-2:], middle / 2)
    assert not errors


def test_selected_rows_are_seen_in_the_image(user, nuclei, errors):
    own = nuclei.colormap
    panel = measured(user, ("size",))
    panel.table.selectRow(3)
    user.look()
    one = int(nuclei.features["label"].iloc[3])
    assert nuclei.colormap.map(one)[3] > 0.9
    assert tuple(nuclei.colormap.map(one)) != tuple(nuclei.colormap.map(one + 1))
    panel.table.clearSelection()
    user.look()
    assert nuclei.colormap is own
    # What Explore shows is more than a selection, and stays its own.
    explore = user.open("Explore")
    explore.colour_box.setCurrentText("area")
    user.look()
    panel.table.selectRow(2)
    user.look()
    panel.table.clearSelection()
    user.look()
    assert nuclei.colormap is not own
    explore.colour_box.setCurrentIndex(0)
    user.look()
    assert nuclei.colormap is own
    assert not errors


def test_computed_columns_follow_edits(user, nuclei, errors):
    panel = measured(user, ("size",))
    panel.tables.columns.compute("twice", "area * 2")
    user.look()
    np.testing.assert_allclose(nuclei.features["twice"], nuclei.features["area"] * 2)
    nuclei.fill((0, 0), 77)
    followed(user, panel)
    np.testing.assert_allclose(nuclei.features["twice"], nuclei.features["area"] * 2)
    assert 77 in nuclei.features["label"].tolist()
    assert not errors


def test_map_with_colour_bar(user, nuclei, errors):
    panel = measured(user)
    panel.map.column.setCurrentText("area")
    panel.map.button.click()
    user.wait(panel)
    shown = user.viewer.layers["area of nuclei"]
    table = nuclei.features.set_index("label")["area"]
    inside = nuclei.data > 0
    np.testing.assert_allclose(shown.data[inside], table[nuclei.data[inside]], rtol=1e-6)
    assert np.isnan(shown.data[~inside]).all()
    assert shown.contrast_limits == pytest.approx([table.min(), table.max()])
    np.testing.assert_array_equal(shown.scale, nuclei.scale)
    if hasattr(shown, "colorbar"):
        assert shown.colorbar.visible
    assert panel.images.checked() == ["DAPI"]
    panel.map.colormap.setCurrentText("magma")
    assert shown.colormap.name == "magma"
    # Its column by the header's menu; the first map makes way.
    menu = column_menu(panel.tables, "intensity_mean")
    next(a for a in menu.actions() if "colours" in a.text()).trigger()
    user.wait(panel)
    assert user.viewer.layers["intensity_mean of nuclei"].visible
    assert not shown.visible
    # Maps follow edits, and the table.
    nuclei.fill((0, 0), 99)
    followed(user, panel)
    assert shown.data[0, 0] == nuclei.features.set_index("label")["area"][99]
    nuclei.features = nuclei.features.assign(area=1.0)
    followed(user, panel)
    assert np.unique(shown.data[nuclei.data > 0]).tolist() == [1]
    user.viewer.layers.remove(shown)
    nuclei.fill((0, 0), 98)
    followed(user, panel)
    assert not errors


def test_map_of_a_series(user, small, errors):
    series = np.stack([small.labels, np.where(small.labels < 6, small.labels, 0)])
    labels = user.viewer.add_labels(series, name="series", axis_labels=("t", "y", "x"))
    panel = measured(user, ("neighbours",))
    panel.show_map("nearest_neighbor_distance")
    user.wait(panel)
    shown = user.viewer.layers[-1]
    for t in (0, 1):
        row = labels.features[(labels.features["frame"] == t) & (labels.features["label"] == 2)]
        assert np.unique(shown.data[t][series[t] == 2]) == np.float32(row["nearest_neighbor_distance"].iloc[0])
    assert not errors


def test_two_columns_go_to_the_plot(user, nuclei, errors):
    panel = measured(user)
    panel.tables.plot_wanted.emit("area", "intensity_std")
    user.look(0.3)
    from bioloom.widgets.explore import ExploreWidget

    explore = next(w for w in user.viewer.window._qt_window.findChildren(ExploreWidget))
    assert (explore.x_box.currentText(), explore.y_box.currentText()) == ("area", "intensity_std")
    assert not errors


# ------------------------------------------------------------------------------------------------ files
@pytest.mark.filterwarnings("ignore::Warning:anndata", "ignore:The 'future.infer_string' option")
@pytest.mark.parametrize("suffix", ["csv", "parquet", "h5ad"])
def test_save_and_bring_along(user, nuclei, errors, tmp_path, suffix):
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    if suffix == "h5ad":
        pytest.importorskip("anndata")
    panel = measured(user, ("size", "position", "shape"))
    path = str(tmp_path / f"objects.{suffix}")
    panel.save(path)
    user.wait(panel)
    loaded = tables.load_table(path)
    for name in ("label", "area", "centroid-0"):
        np.testing.assert_allclose(loaded[name], nuclei.features[name])
    nuclei.features = pd.DataFrame()
    other = loaded[["label", "area"]].rename(columns={"area": "theirs"}).iloc[2:]
    tables.save_table(path, pd.concat([other, other.tail(1).assign(label=900)]))
    panel.load(path)
    user.wait(panel)
    text = panel.status.text.text()
    assert "2 of the table are not in the file (1, 2)" in text
    assert "900" in text
    assert len(nuclei.features) == int(nuclei.data.max())
    assert nuclei.features["theirs"].isna().sum() == 2
    # A second time, beside the columns that are there.
    panel.load(path)
    user.wait(panel)
    assert {"theirs", "theirs_2"} <= set(nuclei.features.columns)
    assert not errors


def test_a_table_of_other_objects_is_refused(user, nuclei, errors, tmp_path):
    panel = user.open("Measure")
    path = str(tmp_path / "other.csv")
    tables.save_table(path, pd.DataFrame({"label": [901, 902], "score": [1.0, 2.0]}))
    panel.attempt(lambda: panel.load(path))
    user.wait(panel)
    assert "No object" in errors[-1]
    assert "label" not in nuclei.features


def test_key_columns_are_chosen_when_a_table_is_joined(user, nuclei, errors, tmp_path, monkeypatch):
    panel = measured(user, ("size",))
    labels = nuclei.features["label"].to_numpy()
    path = str(tmp_path / "other.csv")
    tables.save_table(path, pd.DataFrame({"nr": labels, "place": labels[::-1] + 500, "score": labels * 2.0, "x": 1}))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (path, ""))
    seen = []

    def choose_keys(dialog):
        ok = dialog.buttons.buttons()[0]
        seen.append((dialog.answer.text(), ok.isEnabled()))
        dialog.keys["label"].setCurrentText("place")
        seen.append((dialog.answer.text(), ok.isEnabled()))
        dialog.keys["label"].setCurrentText("nr")
        dialog.columns.item(1).setCheckState(Qt.CheckState.Unchecked)
        dialog.columns.item(2).setCheckState(Qt.CheckState.Unchecked)
        seen.append((dialog.answer.text(), ok.isEnabled(), dialog.columns.checked()))
        ok.click()
        return dialog.result()

    monkeypatch.setattr(JoinDialog, "exec", choose_keys)
    panel.load_button.click()
    user.wait(panel)
    assert "Say which column" in seen[0][0]
    assert "No object is found" in seen[1][0]
    assert "501, 502" in seen[1][0]
    assert [enabled for _, enabled, *_ in seen] == [False, False, True]
    assert f"{len(labels)} objects matched, 1 column to add" in seen[2][0]
    assert seen[2][2] == ["place"]
    assert nuclei.features["place"].tolist() == (labels[::-1] + 500).tolist()
    assert "score" not in nuclei.features
    assert not errors


def test_columns_are_renamed_and_deleted_for_good(user, nuclei, errors, monkeypatch):
    panel = measured(user, ("size",))
    actions = {action.text(): action for action in column_menu(panel.tables, "num_pixels").actions()}
    monkeypatch.setattr(QInputDialog, "getText", lambda *a, **k: ("count", True))
    actions["Rename …"].trigger()
    user.look()
    assert "count" in nuclei.features
    assert "num_pixels" not in nuclei.features
    panel.table.setColumnHidden(list(panel.tables.view.columns).index("area_bbox"), True)
    panel.tables.menu_button.menu().aboutToShow.emit()
    columns = next(a.menu() for a in panel.tables.menu_button.menu().actions() if a.text() == "Columns")
    monkeypatch.setattr(QMessageBox, "question", lambda *a: QMessageBox.StandardButton.Yes)
    next(a for a in columns.actions() if a.text().startswith("Delete the hidden")).trigger()
    user.look()
    assert "area_bbox" not in nuclei.features
    assert not {a.text(): a for a in column_menu(panel.tables, "label").actions()}["Delete …"].isEnabled()
    # What is measured again because of an edit does not bring them back.
    nuclei.fill((0, 0), 99)
    followed(user, panel)
    assert 99 in nuclei.features["label"].tolist()
    assert not {"num_pixels", "area_bbox"} & set(nuclei.features.columns)
    assert not errors


# ------------------------------------------------------------------------------------------------ manners
def test_a_closed_panel_follows_no_longer(user, nuclei, errors):
    dock, panel = user.viewer.window.add_plugin_dock_widget("napari-bioloom", "Measure")
    user.look()
    panel.measure_button.click()
    user.wait(panel)
    user.viewer.window.remove_dock_widget(dock)
    user.look(0.3)
    before = nuclei.features.copy()
    nuclei.fill((0, 0), 55)
    user.look(0.6)
    pd.testing.assert_frame_equal(nuclei.features, before)
    assert not errors


def test_everything_says_what_it_is(user, nuclei):
    panel = measured(user)
    for widget in (
        *panel.groups.values(),
        panel.measure_button,
        panel.follow_edits,
        panel.map.column,
        panel.map.colormap,
        panel.map.button,
        panel.load_button,
        panel.save_button,
        *panel.size.fields,
    ):
        assert widget.toolTip()
    inner = panel.content.parentWidget()
    assert inner.minimumSizeHint().width() <= panel.minimumWidth(), "it must fit beside the image"
