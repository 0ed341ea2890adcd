"""Which image labels belong to, where images of several files lie on each other."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers._source import layer_source

from bioloom import layers
from bioloom.layers.gallery_pictures import images_of


@pytest.fixture
def two_wells(tmp_path):
    """A viewer with two images that were opened from files, one over the other."""
    viewer = ViewerModel()
    for k in (1, 11):
        with layer_source(path=str(tmp_path / f"well {k}.tif")):
            viewer.add_image(np.full((20, 30), k, np.uint8), name=f"well {k}")
    return viewer, *viewer.layers


def test_labels_belong_to_the_image_that_they_were_made_from(two_wells):
    viewer, first, second = two_wells
    blurred = layers.add_result(viewer, np.zeros((20, 30)), "image", "blurred", first, provenance={"source": "well 1"})
    made = layers.add_result(
        viewer, np.ones((20, 30), int), "labels", "nuclei", first, provenance={"source": "blurred"}
    )
    assert layers.own_image(viewer, made) is first
    of_file = viewer.add_labels(np.ones((20, 30), int), name="well 11_nuclei")
    assert layers.own_image(viewer, of_file) is second, "and not that of well 1"
    unknown = viewer.add_labels(np.ones((20, 30), int), name="mine")
    assert layers.own_image(viewer, unknown) is None
    assert set(images_of(viewer, made)) == {first, blurred}
    assert set(images_of(viewer, of_file)) == {second}
    assert set(images_of(viewer, unknown)) == {first, second, blurred}


def test_channels_of_one_file_and_blended_ones_are_seen_together(two_wells):
    viewer, first, second = two_wells
    nuclei = viewer.add_labels(np.ones((20, 30), int), name="nuclei of well 1")
    assert set(images_of(viewer, nuclei)) == {first}
    second.blending = "additive"
    assert set(images_of(viewer, nuclei)) == {first, second}
    first.visible = False
    assert set(images_of(viewer, nuclei)) == {second}
    without_file = viewer.add_image(np.zeros((20, 30)), name="computed")
    second.visible = False
    assert set(images_of(viewer, nuclei)) == {without_file}
