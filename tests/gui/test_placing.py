"""Where results lie in the world that cover other pixels than their source."""

import numpy as np
import pytest

pytest.importorskip("napari")

from napari.components import ViewerModel
from napari.layers import Image

from bioloom.layers import place_plane, place_result
from bioloom.layers.correcting import painted_corrections
from bioloom.operations import Placement, get_operation
from bioloom.operations.corrections import apply_corrections


def stack(n_axes, **options):
    shape = (4, 6, 10, 12)[-n_axes:]
    names, scale, start = ("t", "z", "y", "x"), (2.0, 0.9, 0.3, 0.2), (0.0, 1.0, 2.0, 3.0)
    units = ("s", "um", "um", "um")
    rng = np.random.default_rng(0)
    return Image(
        rng.random(shape),
        scale=scale[-n_axes:],
        translate=start[-n_axes:],
        axis_labels=names[-n_axes:],
        units=units[-n_axes:],
        **options,
    )


def world(layer, index):
    return np.asarray(layer.data_to_world(index))


def place(source, placement, has_time=False, frame=None):
    lead = [len(source.data)] if has_time and frame is None else []
    data, options = place_result(np.zeros([*lead, *placement.shape]), source, placement, has_time=has_time, frame=frame)
    return Image(data, **options)


@pytest.mark.parametrize("rotated", [False, True])
def test_a_crop_lies_where_its_pixels_were(rotated):
    turn = np.eye(3)
    turn[1:, 1:] = [[np.cos(0.3), np.sin(0.3)], [-np.sin(0.3), np.cos(0.3)]]
    source = stack(3, rotate=turn) if rotated else stack(3)
    made = place(source, Placement((0, 1, 2), (1.0, 2.0, 3.0), (1.0, 2.0, 2.0), (4, 4, 4)))
    np.testing.assert_allclose(world(made, (0, 0, 0)), world(source, (1, 2, 3)))
    np.testing.assert_allclose(world(made, (2, 1, 3)), world(source, (3, 4, 9)))
    assert made.units == source.units


def test_a_projection_lies_over_its_stack():
    source = stack(3)
    made = place(source, Placement((1, 2), (0.0, 0.0), (1.0, 1.0), (10, 12)))
    assert made.ndim == 2
    np.testing.assert_allclose(world(made, (3, 4)), world(source, (0, 3, 4))[1:])
    assert made.axis_labels == ("y", "x")


def test_a_projection_of_a_film_is_seen_at_every_depth():
    source = stack(4)
    made = place(source, Placement((1, 2), (0.0, 0.0), (1.0, 1.0), (10, 12)), has_time=True)
    assert made.data.shape == (4, 1, 10, 12)
    for z in range(6):
        index = np.rint(made.world_to_data(world(source, (2, z, 3, 4)))).astype(int)
        assert index.tolist() == [2, 0, 3, 4]


def test_a_frame_lies_at_its_time():
    source = stack(4)
    made = place(source, Placement((0, 1, 2), (0.0,) * 3, (1.0,) * 3, (6, 10, 12)), has_time=True, frame=3)
    np.testing.assert_allclose(world(made, (0, 1, 2, 3)), world(source, (3, 1, 2, 3)))


def test_swapped_axes_are_shown_as_they_are():
    source = stack(3)
    made = place(source, Placement((2, 1, 0), (0.0,) * 3, (1.0,) * 3, (12, 10, 6)))
    np.testing.assert_allclose(made.scale, source.scale[::-1])
    side = place(source, Placement((0, 2), (0.0, 0.0), (1.0, 1.0), (6, 12)))
    np.testing.assert_allclose(side.scale, source.scale[[0, 2]])


def test_what_runs_backwards_covers_the_same_place():
    source = stack(2)
    made = place(source, Placement((0, 1), (0.0, 11.0), (1.0, -1.0), (10, 12)))
    np.testing.assert_allclose(made.extent.world, source.extent.world)


def test_a_plane_lies_in_its_stack():
    source = stack(4)
    data, options = place_plane(source.data[1, 2], source, (1, 2))
    made = Image(data, **options)
    np.testing.assert_allclose(world(made, (0, 0, 3, 4)), world(source, (1, 2, 3, 4)))


@pytest.mark.parametrize("name", ["maximum_projection", "crop", "bin_pixels", "make_isotropic"])
def test_results_of_operations_lie_within_their_source(name):
    operation = get_operation(name)
    source = stack(3)
    settings = {"spacing": tuple(source.scale)} if "spacing" in operation.parameters else {}
    result = operation(source.data, **settings)
    data, options = place_result(result, source, operation.place(source.data.shape, settings))
    made = ViewerModel().add_image(data, **options)
    outer, inner = np.asarray(source.extent.world)[:, -made.ndim :], np.asarray(made.extent.world)
    margin = np.maximum(np.asarray(made.scale), np.asarray(source.scale)[-made.ndim :])
    assert (inner[0] >= outer[0] - margin).all()
    assert (inner[1] <= outer[1] + margin).all()


@pytest.mark.parametrize("has_time", [False, True])
def test_painting_becomes_corrections_that_give_the_same(has_time):
    rng = np.random.default_rng(3)
    before = np.zeros((3, 20, 24) if has_time else (20, 24), np.int32)
    before[..., 2:8, 2:8], before[..., 10:16, 10:20] = 1, 5
    after = before.copy()
    after[..., 3:5, 6:11] = 1
    after[..., 12:14, 12:15] = 0
    after[..., 1:4, 18:22] = 9
    if has_time:
        after[1] = before[1]
    corrections = painted_corrections(before, after, has_time=has_time)
    rng.shuffle(corrections)
    frames = range(3) if has_time else [None]
    for frame in frames:
        own = [{k: v for k, v in c.items() if k != "frame"} for c in corrections if c.get("frame") == frame]
        made, lost = apply_corrections(before if frame is None else before[frame], own)
        wanted = after if frame is None else after[frame]
        assert not lost
        np.testing.assert_array_equal(made > 0, wanted > 0)
        np.testing.assert_array_equal(made == 1, wanted == 1)
        np.testing.assert_array_equal(made == 5, wanted == 5)
