"""The objects in the image follow the selection: colours, lasso, saved layers and gallery, in a real viewer."""

import napari
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from bioloom import layers
from bioloom.layers import colouring
from bioloom.session.gallery import Gallery
from bioloom.widgets._base import MainThread
from bioloom.widgets._canvas_outline import CanvasOutline
from bioloom.widgets._gallery import GalleryView

RED, BLUE = (220, 30, 20, 255), (20, 40, 230, 255)


def squares(n_side=6, size=10, gap=4, dtype=np.int32, first=1, step=1):
    """A grid of square objects, and the id of each by row and column."""
    pitch = size + gap
    labels = np.zeros((n_side * pitch + gap,) * 2, dtype)
    ids = first + step * np.arange(n_side**2).reshape(n_side, n_side)
    for row in range(n_side):
        for column in range(n_side):
            y, x = gap + row * pitch, gap + column * pitch
            labels[y : y + size, x : x + size] = ids[row, column]
    return labels, ids


def table_of(labels, frame_axis=False):
    """A measured table: label, frame and centroid, rows not in order."""
    rows = []
    for frame, plane in enumerate(labels) if frame_axis else [(0, labels)]:
        for label in np.unique(plane[plane > 0]):
            y, x = np.argwhere(plane == label).mean(0)
            rows.append({"frame": frame, "label": label, "centroid-0": y, "centroid-1": x})
    table = pd.DataFrame(rows).sample(frac=1, random_state=0).reset_index(drop=True)
    table["index"] = table["label"]
    return table if frame_axis else table.drop(columns="frame")


def shot(user):
    """What the canvas shows, as whole numbers."""
    user.look(0.2)
    return user.viewer.screenshot(canvas_only=True, flash=False).astype(int)


def seen(user, layer, point):
    """The colour on the canvas at a point of a layer."""
    canvas = user.viewer.window._qt_viewer.canvas
    picture = shot(user)
    world = layer.data_to_world(point)
    x, y = canvas.view.scene.transform.map([world[-1], world[-2], 0, 1])[:2]
    ratio = picture.shape[0] / canvas.native.height()
    return picture[round(y * ratio), round(x * ratio)][:3]


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64])
def test_napari_shows_labels_through_a_table_of_colours(user, dtype):
    """Private parts of napari are used: this is the test for its version."""
    assert colouring.tables_work()
    labels, ids = squares(dtype=dtype, first=3)
    layer = user.viewer.add_labels(labels, opacity=1)
    own = layer.colormap
    layers.colour_objects(layer, np.array([ids[2, 2], ids[3, 3]]), np.array([RED, BLUE], np.uint8))
    assert np.abs(seen(user, layer, (36, 36)) - RED[:3]).max() <= 2
    assert np.abs(seen(user, layer, (50, 50)) - BLUE[:3]).max() <= 2
    assert np.abs(seen(user, layer, (50, 36)) - 153).max() <= 2
    assert seen(user, layer, (44, 44)).max() <= 2
    layers.restore_colours(layer)
    assert layer.colormap is own


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_same_picture_as_with_the_colour_table_of_napari(user, dtype):
    labels, ids = squares(16, 8, 2, dtype=dtype)
    layer = user.viewer.add_labels(labels, opacity=1)
    colours = np.random.default_rng(0).integers(0, 256, (ids.size, 4), np.uint8)
    colours[:, 3] = 255
    layers.colour_objects(layer, ids.ravel(), colours)
    ours = shot(user)
    shades = dict(zip(ids.ravel().tolist(), colours / np.float32(255), strict=True))
    layer.colormap = napari.utils.DirectLabelColormap(color_dict={**shades, None: np.zeros(4), 0: np.zeros(4)})
    assert np.abs(ours - shot(user)).max() <= 2
    assert len(np.unique(ours @ 256 ** np.arange(4))) > 200


def test_more_colours_than_a_byte_holds_and_labels_with_large_gaps(user):
    labels, ids = squares(18, 8, 2, dtype=np.uint32, first=7, step=13_000_000)
    layer = user.viewer.add_labels(labels, opacity=1)
    colours = np.random.default_rng(1).integers(0, 256, (ids.size, 4), np.uint8)
    colours[:, 3] = 255
    order = np.random.default_rng(2).permutation(ids.size)
    layers.colour_objects(layer, ids.ravel()[order], colours[order])
    for row, column in ((0, 0), (9, 9), (17, 17), (3, 12)):
        point = 2 + 10 * row + 4, 2 + 10 * column + 4
        assert np.abs(seen(user, layer, point) - colours[row * 18 + column, :3]).max() <= 2


def test_only_the_selected_label_is_shown_if_the_user_wants_so(user):
    labels, ids = squares()
    layer = user.viewer.add_labels(labels, opacity=1)
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(RED, np.uint8), (36, 1)))
    layer.selected_label, layer.show_selected_label = int(ids[2, 2]), True
    assert np.abs(seen(user, layer, (36, 36)) - RED[:3]).max() <= 2
    assert seen(user, layer, (50, 50)).max() <= 2
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(BLUE, np.uint8), (36, 1)))
    assert np.abs(seen(user, layer, (36, 36)) - BLUE[:3]).max() <= 2
    assert seen(user, layer, (50, 50)).max() <= 2
    layers.restore_colours(layer)
    assert seen(user, layer, (50, 50)).max() <= 2, "the user still wants to see one label only"


def test_painting_on_coloured_labels_shows_the_stroke(user):
    labels, ids = squares()
    layer = user.viewer.add_labels(labels, opacity=1)
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(RED, np.uint8), (36, 1)))
    layer.brush_size = 6
    user.paint(layer, int(ids[0, 0]), [(30, 30), (30, 31)])
    assert np.abs(seen(user, layer, (30, 30)) - RED[:3]).max() <= 2
    user.paint(layer, 999, [(44, 44), (44, 45)])
    assert np.abs(seen(user, layer, (44, 44)) - 153).max() <= 2


def test_contours_and_volumes_are_coloured_too(user):
    labels, ids = squares()
    layer = user.viewer.add_labels(np.repeat(labels[None], 20, 0), opacity=1)
    layer.contour = 2
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(RED, np.uint8), (36, 1)))
    assert seen(user, layer, (10, 36, 37)).max() <= 2, "only the outline is drawn"
    assert np.abs(seen(user, layer, (10, 33, 37)) - RED[:3]).max() <= 2
    layer.contour = 0
    user.viewer.dims.ndisplay = 3
    reddish = shot(user)[..., :3]
    assert (reddish[..., 0] > 2 * reddish[..., 2] + 40).sum() > 1000


def test_colours_the_user_chose_meanwhile_stay(user):
    labels, ids = squares()
    layer = user.viewer.add_labels(labels)
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(RED, np.uint8), (36, 1)))
    assert layers.is_coloured(layer)
    layer.new_colormap(seed=4)
    chosen = layer.colormap
    layers.restore_colours(layer)
    assert layer.colormap is chosen
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(RED, np.uint8), (36, 1)))
    layers.restore_colours(layer)
    assert layer.colormap is chosen


def test_another_napari_gets_a_layer_of_colours(user, monkeypatch):
    monkeypatch.setattr(colouring, "tables_work", lambda: False)
    labels, ids = squares(50, 4, 1, first=5)
    layer = user.viewer.add_labels(labels, opacity=1)
    own = layer.colormap
    colours = np.tile(np.array(RED, np.uint8), (ids.size, 1))
    colours[1::2] = BLUE
    layers.colour_objects(layer, ids.ravel(), colours)
    assert len(user.viewer.layers) == 2
    assert user.viewer.layers.selection.active is layer
    at = (1 + 5 * 25 + 1, 1 + 5 * 25 + 1)
    wanted = colours[25 * 50 + 25]
    assert np.abs(seen(user, layer, at) - wanted[:3]).max() <= 2
    layers.colour_objects(layer, ids.ravel(), colours[::-1])
    assert len(user.viewer.layers) == 2
    assert np.abs(seen(user, layer, at) - colours[::-1][25 * 50 + 25, :3]).max() <= 2
    layers.restore_colours(layer)
    assert list(user.viewer.layers) == [layer]
    assert layer.visible
    assert layer.colormap is own
    few = ids.ravel()[:10]
    layers.colour_objects(layer, few, colours[:10])
    assert len(user.viewer.layers) == 1
    assert np.abs(layer.get_color(int(few[0])) * 255 - RED).max() <= 1


def test_each_frame_has_the_colours_of_its_own_objects(user):
    labels, ids = squares()
    layer = user.viewer.add_labels(np.stack([labels, labels[::-1]]), opacity=1)
    n = ids.size
    rows = np.random.default_rng(0).permutation(2 * n)
    both, frames = np.tile(ids.ravel(), 2)[rows], np.repeat([0, 1], n)[rows]
    shown = layers.ObjectColours(user.viewer, layer)
    user.viewer.dims.set_point(0, 0)
    shown.show(both, frames, frames, np.array([RED, BLUE], np.uint8))
    assert np.abs(seen(user, layer, (0, 36, 36)) - RED[:3]).max() <= 2
    user.viewer.dims.set_point(0, 1)
    assert np.abs(seen(user, layer, (1, 36, 36)) - BLUE[:3]).max() <= 2
    shown.close()
    assert not layers.is_coloured(layer)


def measured(user, labels, frame_axis=False, **options):
    """A labels layer whose objects have a table."""
    layer = user.viewer.add_labels(labels, **options)
    layer.features = table_of(labels, frame_axis)
    user.look(0.2)
    return layer


def drawing(user, layer, shape="lasso", **how):
    """The lasso on the image, which selects at once."""
    said = []
    outline = CanvasOutline()
    pool = layers.ObjectPool(user.viewer, [layer])
    lasso = layers.ImageLasso(
        user.viewer, [layer], lambda regions: pool.select_inside(regions, **how), said.append, outline.show_path
    )
    lasso.start(shape)
    return lasso, said


def world(layer, points):
    """Points of the plane (y, x) of a layer in the world."""
    first = layer.ndim - 2
    return [tuple(layer.data_to_world((0,) * first + tuple(p))[-2:]) for p in points]


def selected(layer):
    """What is selected: label, or frame and label."""
    selection = layers.selection_of(layer)
    rows = np.flatnonzero(selection.mask)
    if selection.has_frames:
        return sorted(zip(selection.frames[rows].tolist(), selection.labels[rows].tolist(), strict=True))
    return sorted(selection.labels[rows].tolist())


def around(*corners):
    """A loop with more points than corners, as a hand draws it."""
    path = []
    for start, stop in zip(corners, [*corners[1:], corners[0]], strict=True):
        path += [np.array(start) + (np.array(stop) - np.array(start)) * k / 6 for k in range(6)]
    return path


@pytest.mark.parametrize("placed", [{}, {"scale": (0.5, 0.25), "translate": (7, -3)}, {"rotate": 30}])
def test_lasso_on_the_image_selects_objects(user, placed):
    labels, ids = squares(first=3, step=7)
    layer = measured(user, labels, **placed)
    layer.opacity = 0.6
    user.viewer.reset_view()
    lasso, _ = drawing(user, layer)
    # Around the objects (1..2, 1..2); of those in row 3 a third, of column 0 nothing.
    before = user.viewer.scene.camera.center, user.viewer.scene.camera.zoom
    user.drag_on_canvas(world(layer, around((16, 16), (16, 45), (49, 45), (49, 16))))
    assert selected(layer) == sorted(ids[1:3, 1:3].ravel().tolist())
    assert (user.viewer.scene.camera.center, user.viewer.scene.camera.zoom) == before
    assert list(user.viewer.layers) == [layer]
    shift, alt = napari_keys()
    user.drag_on_canvas(world(layer, around((58, 58), (58, 72), (72, 72), (72, 58))), shift)
    assert selected(layer) == sorted([*ids[1:3, 1:3].ravel().tolist(), int(ids[4, 4])])
    user.drag_on_canvas(world(layer, around((16, 16), (16, 30), (45, 30), (45, 16))), alt)
    assert selected(layer) == sorted([*ids[1:3, 2].tolist(), int(ids[4, 4])])
    layers.selection_of(layer).undo()
    assert len(selected(layer)) == 5
    lasso.stop()
    assert layer.mouse_pan
    user.drag_on_canvas(world(layer, around((16, 16), (16, 45), (49, 45), (49, 16))))
    assert len(selected(layer)) == 5, "the mouse belongs to the camera again"
    assert user.viewer.scene.camera.center != before[0]


def napari_keys():
    """Shift and Alt."""
    from qtpy.QtCore import Qt

    return Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier


def test_what_of_an_object_must_lie_inside(user):
    labels, ids = squares()
    layer = measured(user, labels)
    path = world(
        layer, around((16, 16), (16, 30), (36, 30), (36, 16))
    )  # the whole of one object, a half less of another
    lasso, _ = drawing(user, layer, rule="whole")
    user.drag_on_canvas(path)
    assert selected(layer) == [ids[1, 1]]
    lasso.stop()
    lasso, _ = drawing(user, layer, rule="any")
    user.drag_on_canvas(path)
    assert selected(layer) == [ids[1, 1], ids[2, 1]]
    lasso.stop()


def test_rectangle_ellipse_and_polygon(user):
    labels, ids = squares(first=4, step=2)
    layer = measured(user, labels)
    lasso, _ = drawing(user, layer, "rectangle")
    user.drag_on_canvas(world(layer, [(15, 15), (30, 30), (59, 59)]))
    assert selected(layer) == sorted(ids[1:4, 1:4].ravel().tolist())
    lasso.start("ellipse")
    user.drag_on_canvas(world(layer, [(15, 15), (30, 30), (59, 59)]))
    cross = [ids[1, 2], ids[2, 1], ids[2, 2], ids[2, 3], ids[3, 2]]
    assert set(cross) <= set(selected(layer))
    lasso.start("polygon")
    for corner in ((2, 2), (2, 30), (30, 2)):
        user.drag_on_canvas(world(layer, [corner]))
    assert len(user.viewer.layers) <= 2
    user.drag_on_canvas(world(layer, [(2, 2)]))
    assert selected(layer) == sorted([ids[0, 0], ids[0, 1], ids[1, 0]])
    assert list(user.viewer.layers) == [layer]
    layers.selection_of(layer).clear()
    # Far from the last click, which would be a double click otherwise.
    for corner in ((59, 59), (59, 2), (2, 59)):
        user.drag_on_canvas(world(layer, [corner]))
    zoom, canvas = user.viewer.scene.camera.zoom, user.viewer.window._qt_viewer.canvas
    place = QPoint(*(round(float(c)) for c in canvas.view.scene.transform.map([2, 59, 0, 1])[:2]))
    QTest.mouseDClick(canvas.native, Qt.MouseButton.LeftButton, pos=place)
    user.look(0.4)
    assert len(selected(layer)) > 3
    assert user.viewer.scene.camera.zoom == zoom, "the double click closes the polygon, and does not zoom"
    lasso.stop()
    QTest.mouseDClick(canvas.native, Qt.MouseButton.LeftButton, pos=place)
    user.until(lambda: user.viewer.scene.camera.zoom > 1.5 * zoom, "napari zooms again", 5)


def test_lasso_in_one_frame_and_in_all(user):
    labels, ids = squares()
    movie = np.stack([labels, np.where(labels == ids[1, 1], 0, labels), labels[::-1]])
    layer = measured(user, movie, frame_axis=True)
    path = around((16, 16), (16, 45), (31, 45), (31, 16))
    user.viewer.dims.set_point(0, 1)
    lasso, _ = drawing(user, layer)
    user.drag_on_canvas(world(layer, path))
    assert selected(layer) == [(1, int(ids[1, 2]))]
    lasso.stop()
    lasso, _ = drawing(user, layer, all_frames=True)
    user.drag_on_canvas(world(layer, path))
    assert selected(layer) == [
        (0, int(ids[1, 1])), (0, int(ids[1, 2])), (1, int(ids[1, 2])), (2, int(ids[4, 1])), (2, int(ids[4, 2]))
    ]  # fmt: skip
    lasso.stop()


def test_lasso_in_a_volume_takes_the_slice_in_view_whichever_way_it_is_cut(user):
    labels = np.zeros((20, 40, 60), np.int32)
    labels[2:8, 5:15, 5:15], labels[12:18, 5:15, 5:15], labels[2:18, 25:35, 40:50] = 5, 9, 1_000_000_007
    layer = user.viewer.add_labels(labels)
    layer.features = pd.DataFrame({"label": [1_000_000_007, 9, 5], "index": [1_000_000_007, 9, 5]})
    user.look(0.2)
    user.viewer.dims.set_point(0, 14)
    lasso, said = drawing(user, layer)
    user.drag_on_canvas(around((1, 1), (1, 55), (39, 55), (39, 1)))
    assert selected(layer) == [9, 1_000_000_007]
    user.viewer.dims.order = (1, 0, 2)
    user.viewer.dims.set_point(1, 10)
    user.viewer.reset_view()
    user.look(0.2)
    user.drag_on_canvas(around((0, 1), (0, 20), (10, 20), (10, 1)))
    assert selected(layer) == [5]
    user.viewer.dims.ndisplay = 3
    user.look(0.2)
    user.drag_on_canvas(around((1, 1), (1, 55), (39, 55), (39, 1)))
    assert selected(layer) == [5]
    assert said
    assert "2D" in said[0]
    lasso.stop()


def test_selection_saved_as_layers_and_as_a_column(user):
    labels, ids = squares(first=3, step=70_001)
    movie = np.stack([labels, labels[::-1]])
    layer = measured(user, movie, frame_axis=True, scale=(1, 0.5, 0.5))
    selection = layers.selection_of(layer)
    selection.select_objects([int(ids[0, 0]), int(ids[2, 3])], 1)
    kept = layers.save_selected(user.viewer, layer)
    assert np.unique(kept.data[0]).tolist() == [0]
    assert np.unique(kept.data[1]).tolist() == [0, ids[0, 0], ids[2, 3]]
    assert kept.data[1][movie[1] == ids[2, 3]].min() == ids[2, 3]
    assert sorted(zip(kept.features["frame"], kept.features["label"], strict=True)) == [(1, 3), (1, int(ids[2, 3]))]
    np.testing.assert_allclose(kept.scale, layer.scale)
    classes = np.where(selection.frames == 0, 0, np.where(selection.mask, -1, 2))
    saved = layers.save_classes(user.viewer, layer, classes)
    assert not saved.data[0].any()
    assert set(saved.data[1][movie[1] == ids[2, 3]].tolist()) == {3}, "noise is a class of its own"
    assert set(saved.data[1][movie[1] == ids[1, 1]].tolist()) == {2}
    name = layers.save_column(layer, selection.mask.astype(int), "picked")
    table = layer.features
    chosen = table[table[name] == 1]
    assert sorted(zip(chosen["frame"], chosen["label"], strict=True)) == [(1, 3), (1, int(ids[2, 3]))]


def test_the_plane_that_is_shown_holds_the_object():
    from napari.components import ViewerModel

    viewer = ViewerModel()
    volume = np.zeros((9, 20, 20), np.uint8)
    volume[0:2, 5:10, 5:10] = volume[6:8, 5:10, 5:10] = 3  # in two pieces, with nothing in the middle
    volume[2:7, 12:15, 12:15] = 4
    layer = viewer.add_labels(np.stack([np.zeros_like(volume), volume]), scale=(1, 2, 1, 1))
    for label, plane in ((3, 1), (4, 4)):
        assert layers.show_object(viewer, layer, label, 1)
        assert viewer.dims.current_step[:2] == (1, plane)
        assert (layer.data[1, plane] == label).any()


def gallery_of(user, layer, has_frames=False):
    """A gallery of all objects of a layer in a window, linked to the selection as a panel does it."""
    selection = layers.selection_of(layer)
    source = layers.gallery_source(layer, layers.images_of(user.viewer, layer), has_frames)
    gallery = Gallery([source], np.zeros(len(selection), int), selection.frames, selection.labels)
    send = MainThread()
    view = GalleryView(send.send)
    view.resize(420, 400)
    view.show()
    view.set_gallery(gallery, layers.features(layer))
    selection.changed.connect(lambda: view.show_rows(np.flatnonzero(selection.mask)))
    frame = (lambda row: int(selection.frames[row])) if has_frames else (lambda row: None)
    view.object_clicked.connect(
        lambda row: layers.show_object(user.viewer, layer, int(selection.labels[row]), frame(row))
    )
    view._send = send
    return view


def test_gallery_shows_what_is_selected_sorted_and_jumps(user, qtbot):
    labels, ids = squares(first=3, step=1_000_003)
    movie = np.stack([labels, labels[::-1]])
    image = (movie > 0) * 50.0 + np.arange(movie.shape[2]) * 1.0
    user.viewer.add_image(image, colormap="green", contrast_limits=(0, 134), blending="additive")
    layer = measured(user, movie, frame_axis=True)
    view = gallery_of(user, layer, has_frames=True)
    qtbot.addWidget(view)
    selection = layers.selection_of(layer)
    selection.select_objects([int(i) for i in ids[2:4, 1:4].ravel()], 1)
    user.until(lambda: not view.wall.jobs.busy, "pictures")
    assert len(view.shown()) == 6
    view.sort_box.setCurrentText("label")
    view.descending.setChecked(True)
    assert selection.labels[view.shown()].tolist() == sorted(ids[2:4, 1:4].ravel().tolist(), reverse=True)
    user.until(lambda: not view.wall.jobs.busy, "pictures")
    user.look()
    picture = view.wall.viewport().grab().toImage()
    middle = view.wall.cell(0).center()
    colour = picture.pixelColor(middle)
    x = movie.shape[2] // 2
    assert colour.green() > 60, x
    assert colour.red() < 10
    edge = [picture.pixelColor(px, middle.y()) for px in range(view.wall.cell(0).left(), view.wall.cell(0).right())]
    assert any(c.red() > 200 and c.green() > 200 and c.blue() < 60 for c in edge), "the outline is yellow"
    user.viewer.dims.set_point(0, 0)
    user.drag(view.wall.viewport(), [(view.wall.cell(2).center().x(), view.wall.cell(2).center().y())])
    wanted = int(selection.labels[view.shown()[2]])
    assert layer.selected_label == wanted
    assert user.viewer.dims.point[0] == 1
    centre = np.argwhere(movie[1] == wanted).mean(0)
    np.testing.assert_allclose(user.viewer.scene.camera.center[-2:], centre, atol=0.01)
    selection.clear()
    assert len(view.shown()) == 0


def test_gallery_of_thousands_makes_only_what_is_in_view(user, qtbot):
    labels, ids = squares(100, 5, 1)
    layer = user.viewer.add_labels(labels)
    layer.features = pd.DataFrame({"label": ids.ravel(), "index": ids.ravel(), "size": np.arange(ids.size)[::-1]})
    view = gallery_of(user, layer)
    qtbot.addWidget(view)
    layers.selection_of(layer).select(np.ones(ids.size, bool))
    user.until(lambda: not view.wall.jobs.busy and view.wall._pictures, "pictures")
    assert 10 < len(view.wall._pictures) < 200
    view.wall.verticalScrollBar().setValue(view.wall.verticalScrollBar().maximum())
    user.until(lambda: int(view.shown()[-1]) in view.wall._pictures, "the last picture")
    view.sort_box.setCurrentText("size")
    assert view.shown()[0] == ids.size - 1


def test_a_coloured_layer_can_be_duplicated_and_edited(user):
    from napari.layers._layer_actions import _duplicate_layer

    labels, ids = squares()
    layer = user.viewer.add_labels(labels, opacity=1)
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(RED, np.uint8), (36, 1)))
    _duplicate_layer(user.viewer.layers)
    layer.visible = False
    twin = user.viewer.layers[-1]
    assert twin is not layer
    assert np.abs(seen(user, twin, (36, 36)) - RED[:3]).max() <= 2
    layers.colour_objects(layer, ids.ravel(), np.tile(np.array(BLUE, np.uint8), (36, 1)))
    assert np.abs(seen(user, twin, (36, 36)) - RED[:3]).max() <= 2, "the copy has colours of its own"
    layers.restore_colours(layer)
    layer.visible, twin.visible = True, False
    assert np.abs(seen(user, layer, (36, 36)) - RED[:3]).max() > 2


def test_colours_of_labels_in_blocks_and_of_a_pyramid(user):
    da = pytest.importorskip("dask.array")
    labels, ids = squares(16, 8, 2)
    blocks = user.viewer.add_labels(da.from_array(labels, chunks=50), opacity=1)
    layers.colour_objects(blocks, ids.ravel(), np.tile(np.array(RED, np.uint8), (ids.size, 1)))
    assert np.abs(seen(user, blocks, (86, 86)) - RED[:3]).max() <= 2
    blocks.visible = False
    pyramid = user.viewer.add_labels([labels, labels[::2, ::2]], multiscale=True, opacity=1)
    layers.colour_objects(pyramid, ids.ravel(), np.tile(np.array(BLUE, np.uint8), (ids.size, 1)))
    assert np.abs(seen(user, pyramid, (86, 86)) - BLUE[:3]).max() <= 2


def test_the_lasso_leaves_the_brush_and_the_clicks_alone(user):
    labels, ids = squares()
    layer = measured(user, labels)
    layers.selection_of(layer)
    lasso, _ = drawing(user, layer)
    user.drag_on_canvas(world(layer, [(36, 36)]))
    assert selected(layer) == [ids[2, 2]], "a click selects the object under it"
    layer.mode, layer.selected_label = "paint", 77
    user.drag_on_canvas(world(layer, around((16, 16), (16, 45), (49, 45), (49, 16))))
    assert selected(layer) == [ids[2, 2]]
    assert (layer.data == 77).any()
    layer.mode = "pan_zoom"
    lasso.start("polygon")
    user.drag_on_canvas(world(layer, [(64, 64)]))
    assert selected(layer) == [ids[2, 2]], "a vertex is no click on an object"
    lasso.give_up()
    lasso.stop()
    user.drag_on_canvas(world(layer, [(64, 64)]))
    assert selected(layer) == [ids[4, 4]]
