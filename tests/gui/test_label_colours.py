"""Colours of objects on labels of every kind, and on a napari whose private parts changed, in a real viewer."""

import napari
import numpy as np
import pytest

from bioloom import layers
from bioloom.layers import _colour_table, colouring

RED, BLUE = np.array([(220, 30, 20, 255), (20, 40, 230, 255)], np.uint8)


def halves(dtype=np.int32, first=3, second=70_000):
    """Two objects side by side."""
    labels = np.zeros((60, 80), dtype)
    labels[5:55, 5:38], labels[5:55, 42:75] = first, second
    return labels


def share(user, colour):
    """How much of the canvas has a colour."""
    user.look(0.1)
    shown = user.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    return float((np.abs(shown - colour[:3]).max(-1) <= 3).mean())


@pytest.fixture
def fresh():
    """Lets napari be tried anew, now and in the end."""

    def forget():
        colouring.tables_work.cache_clear()
        _colour_table.table_class.cache_clear()
        colouring._refusals.clear()

    forget()
    yield forget
    forget()


class _NoView:
    """A slice that keeps what is drawn elsewhere."""


def _without_slice(patch):
    patch.setattr(napari.layers.Labels, "_slice", _NoView(), raising=False)


def _reads_colours_otherwise(patch):
    patch.setattr(napari.layers.Labels, "_raw_to_displayed", lambda self, raw, data_slice=None: np.asarray(raw) * 0)


def _without_the_class(patch):
    patch.delattr(napari.utils.colormaps, "DirectLabelColormap")


def _refuses_own_tables(patch):
    def refuse(*given, **named):
        raise TypeError("unknown colours")

    patch.setattr(napari.utils.colormaps.DirectLabelColormap, "__init__", refuse)


@pytest.mark.parametrize("change", [_without_slice, _reads_colours_otherwise, _without_the_class, _refuses_own_tables])
def test_a_napari_that_changed_inside_is_noticed(fresh, change):
    assert colouring.tables_work()
    fresh()
    with pytest.MonkeyPatch.context() as patch:
        change(patch)
        assert not colouring.tables_work()
    fresh()
    assert colouring.tables_work()


def test_a_napari_that_cannot_draw_a_table_gets_a_layer_of_colours(user, fresh, monkeypatch):
    from napari._vispy.layers.labels import VispyLabelsLayer

    draw = VispyLabelsLayer._on_colormap_change

    def only_its_own(self, event=None):
        if type(self.layer.colormap).__name__ == "TableLabelColormap":
            raise AttributeError("textures are made otherwise now")
        draw(self, event)

    monkeypatch.setattr(VispyLabelsLayer, "_on_colormap_change", only_its_own)
    labels, half = many()
    layer = user.viewer.add_labels(labels, opacity=1)
    own = layer.colormap
    for colours in (np.stack([RED, BLUE]), np.stack([BLUE, RED])):
        layers.colour_objects(layer, np.arange(1, labels.size + 1), colours[half])
        assert share(user, RED) > 0.2
    assert layers.is_coloured(layer)
    layers.restore_colours(layer)
    assert layer.colormap is own
    assert list(user.viewer.layers) == [layer]


def test_labels_sliced_in_the_background_are_coloured_at_once_too(user, fresh, monkeypatch):
    from napari.settings import get_settings

    monkeypatch.setattr(get_settings().experimental, "async_", True)
    assert colouring.tables_work()
    labels, half = many()
    layer = user.viewer.add_labels(np.stack([labels, labels * 0]), opacity=1)
    user.viewer.dims.set_point(0, 0)
    user.look(0.3)
    for colours in (np.stack([RED, BLUE]), np.stack([BLUE, RED])):
        layers.colour_objects(layer, np.arange(1, labels.size + 1), colours[half])
        user.look(0.3)
        assert share(user, RED) > 0.2
        assert share(user, BLUE) > 0.2
    layers.restore_colours(layer)
    user.look(0.3)
    assert share(user, RED) < 0.05


def many(shape=(60, 80)):
    """More objects than napari's own table takes quickly: one pixel each, in two halves."""
    labels = np.arange(1, np.prod(shape) + 1).reshape(shape).astype(np.int32)
    return labels, np.where(np.arange(labels.size) % shape[1] < shape[1] // 2, 0, 1)


@pytest.mark.parametrize("works", [True, False], ids=["table", "layer of colours"])
@pytest.mark.parametrize("kind", ["blocks", "pyramid of blocks"])
def test_labels_of_every_kind_are_coloured_and_get_their_colours_back(user, monkeypatch, works, kind):
    da = pytest.importorskip("dask.array")
    monkeypatch.setattr(colouring, "tables_work", lambda: works)
    labels, half = many()
    whole, small = da.from_array(labels, chunks=25), da.from_array(labels[::2, ::2], chunks=25)
    pyramid = kind.startswith("pyramid")
    layer = user.viewer.add_labels([whole, small] if pyramid else whole, multiscale=pyramid, opacity=1)
    own = layer.colormap
    ids = np.arange(1, labels.size + 1)
    for colours in (np.stack([RED, BLUE]), np.stack([BLUE, RED])):
        layers.colour_objects(layer, ids, colours[half])
        assert share(user, RED) > 0.2
        assert share(user, BLUE) > 0.2
    layers.restore_colours(layer)
    assert layer.colormap is own
    assert layer.visible
    assert list(user.viewer.layers) == [layer]
    assert share(user, RED) < 0.05


@pytest.mark.parametrize("works", [True, False], ids=["table", "layer of colours"])
def test_each_frame_has_its_own_colours_also_in_blocks_and_in_volumes(user, monkeypatch, works):
    da = pytest.importorskip("dask.array")
    monkeypatch.setattr(colouring, "tables_work", lambda: works)
    labels, half = many()
    movie = da.from_array(np.stack([np.stack([labels] * 3)] * 2), chunks=(1, 3, 30, 40))
    layer = user.viewer.add_labels(movie, opacity=1)
    ids, n = np.arange(1, labels.size + 1), labels.size
    shown = layers.ObjectColours(user.viewer, layer)
    user.viewer.dims.set_point(0, 0)
    # Everything red in the first frame; the halves in two colours in the second.
    index = np.concatenate([np.zeros(n, int), half])
    shown.show(np.tile(ids, 2), np.repeat([0, 1], n), index, np.stack([RED, BLUE]))
    assert share(user, RED) > 0.4
    assert share(user, BLUE) < 0.01
    user.viewer.dims.set_point(0, 1)
    assert share(user, BLUE) > 0.2
    user.viewer.dims.ndisplay = 3
    user.look(0.1)
    volume = user.viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert (volume[..., 0] > 2 * volume[..., 2] + 30).mean() > 0.02
    assert (volume[..., 2] > 2 * volume[..., 0] + 30).mean() > 0.02
    user.viewer.dims.ndisplay = 2
    shown.close()
    assert not layers.is_coloured(layer)
    assert list(user.viewer.layers) == [layer]


def test_one_selected_label_contours_and_large_ids_in_two_colours(user):
    layer = user.viewer.add_labels(halves(np.uint32, second=4_000_000_000), opacity=1)
    own = layer.colormap
    layers.colour_objects(layer, np.array([4_000_000_000, 3]), np.stack([BLUE, RED]))
    assert share(user, RED) > 0.1
    assert share(user, BLUE) > 0.1
    layer.contour = 2
    assert 0.001 < share(user, RED) < 0.1
    layer.contour = 0
    layer.selected_label, layer.show_selected_label = 3, True
    assert share(user, BLUE) == 0
    assert share(user, RED) > 0.1
    layer.show_selected_label = False
    layers.restore_colours(layer)
    assert layer.colormap is own
