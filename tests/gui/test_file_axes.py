"""What a file tells of its axes, where napari that opened it does not."""

import numpy as np
from napari.components import ViewerModel
from napari.layers._source import layer_source

from bioloom import layers
from bioloom.files import read_axes, write_image


def opened(viewer, path, pixels, **told):
    """Write an image, and add it to the viewer as napari opens it: without what the file tells."""
    write_image(path, pixels, **told)
    with layer_source(path=str(path)):
        return viewer.add_image(pixels, name=path.stem)


def test_axes_are_read_without_pixels(tmp_path):
    write_image(tmp_path / "stack.tif", np.zeros((3, 8, 9), np.uint16), axes="ZYX", spacing=(0.9, 0.3, 0.3))
    told = read_axes(tmp_path / "stack.tif")
    assert told.pixels is None
    assert told.axes == "ZYX"
    np.testing.assert_allclose(told.spacing(), (0.9, 0.3, 0.3))
    (tmp_path / "broken.tif").write_bytes(b"no image")
    for nothing in ("broken.tif", "gone.tif", "table.csv"):
        assert read_axes(tmp_path / nothing).axes == ""


def test_a_layer_takes_the_size_of_its_file_and_all_made_from_it_do(tmp_path):
    viewer = ViewerModel()
    pixels = np.zeros((3, 8, 9), np.uint16)
    stack = opened(viewer, tmp_path / "stack.tif", pixels, axes="ZYX", spacing=(0.9, 0.3, 0.3))
    other = opened(viewer, tmp_path / "other.tif", pixels)
    like_it = opened(viewer, tmp_path / "stack_nuclei.tif", pixels, axes="ZYX", spacing=(0.9, 0.3, 0.3))
    labels = layers.add_result(viewer, pixels, "labels", "nuclei", stack, provenance={"source": "stack"})
    assert layers.time_axis(stack) is None
    assert layers.untold_size(viewer, other) is None
    np.testing.assert_allclose(layers.untold_size(viewer, labels), (0.9, 0.3, 0.3))
    layers.take_size(viewer, labels)
    for layer in (stack, labels, like_it):
        np.testing.assert_allclose(layer.scale, (0.9, 0.3, 0.3))
        assert layers.length_unit(layer) == "µm"
        assert layers.untold_size(viewer, layer) is None
    np.testing.assert_array_equal(other.scale, 1)


def test_time_is_known_from_the_file_or_from_what_was_said(tmp_path):
    viewer = ViewerModel()
    pixels = np.zeros((3, 8, 9), np.uint16)
    film = opened(viewer, tmp_path / "film.tif", pixels, axes="TYX", spacing=(0.5, 0.5))
    assert layers.time_axis(film) == 0
    layers.take_size(viewer, film)
    np.testing.assert_array_equal(film.scale, (1, 0.5, 0.5))
    plain = viewer.add_image(pixels)
    assert layers.time_axis(plain) is None
    layers.note_time(plain, True)
    assert layers.time_axis(plain) == 0
    layers.note_time(plain, False)
    assert layers.time_axis(plain) is None
