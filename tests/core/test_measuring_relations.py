"""Objects inside others, tracks and points, as the Measure panel asks for them."""

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import Cancelled, InputError
from bioloom.measure import measure, measure_motion, measure_points, relate, track_objects
from bioloom.session.measuring_relations import NestTask, PointTask, TrackTask, counts_for


def no_progress(done, total):
    """Nobody looks."""


@pytest.fixture
def cells():
    """Two cells in two frames; three nuclei, of which one lies outside, and one leaves."""
    outer = np.zeros((2, 20, 40), np.int32)
    outer[:, 2:18, 2:18], outer[:, 2:18, 22:38] = 5, 9
    inner = np.zeros_like(outer)
    inner[:, 4:8, 4:8], inner[:, 10:14, 10:14], inner[:, 4:8, 16:20] = 1, 2, 3
    inner[1][inner[1] == 2] = 0
    return inner, outer


def test_nested_columns_are_named_after_the_other_layer(cells):
    task = NestTask(*cells, "nuclei", "cells", (0.5, 0.5), 0, least_share=0.6)
    found = task.run(no_progress)
    expected = relate(*cells, (0.5, 0.5), frame_axis=0, least_share=0.6)
    np.testing.assert_array_equal(found.inner["parent_cells"], [5, 5, 0, 5, 0])
    np.testing.assert_array_equal(found.outer["child_count_nuclei"], [2, 0, 1, 0])
    assert found.n_inside == 3
    assert found.inner.columns.tolist() == ["frame", "label", *(f"{c}_cells" for c in expected.children.columns[2:])]
    np.testing.assert_allclose(found.inner["parent_distance_cells"], expected.children["parent_distance"])


@pytest.mark.parametrize("frames", [None, (1,)])
def test_measurements_of_what_is_inside_are_summarised(cells, frames):
    table = measure(cells[0], properties=["area"], frame_axis=0).assign(index=1, note="text", flag=True, track=3)
    task = NestTask(*cells, "nuclei", "cells", (1.0, 1.0), 0, frames, table=table, summary="sum")
    outer = task.run(no_progress).outer
    assert outer["frame"].unique().tolist() == ([0, 1] if frames is None else [1])
    assert outer["area_sum_nuclei"].dropna().tolist() == ([32] if frames else [48, 32])
    assert not any("note" in c or "index" in c or "track" in c for c in outer.columns)


def test_nested_layers_must_show_the_same_pixels(cells):
    with pytest.raises(InputError, match="cells"):
        NestTask(cells[0], cells[1][:, :10], "nuclei", "cells", (1.0, 1.0), 0).run(no_progress)


def test_tracks_as_the_functions_give_them():
    from bioloom.samples import nuclei_timelapse

    film = nuclei_timelapse(shape=(4, 96, 96), n_nuclei=8)
    found = TrackTask(film.labels, (0.5, 0.5), 6.0, 1, True, 30.0).run(no_progress)
    table = measure(film.labels, None, (0.5, 0.5), ["centroid"], frame_axis=0)
    tracked = track_objects(table, 6.0, max_gap=1, division_distance=6.0)
    expected = measure_motion(tracked, 30.0)
    pd.testing.assert_frame_equal(found.table, expected[found.table.columns.tolist()])
    assert {"track", "parent", "speed", "acceleration", "displacement", "velocity-1"} <= set(found.table.columns)
    track, frame, y, x = found.points[0]
    row = expected[(expected["track"] == track) & (expected["frame"] == frame)].iloc[0]
    np.testing.assert_allclose([y, x], row[["centroid-0", "centroid-1"]].astype(float) * 2)
    assert (np.diff(found.points[:, 0]) >= 0).all()


def test_the_largest_move_is_a_diameter_unless_one_is_given():
    labels = np.zeros((2, 30, 60), np.int32)
    labels[0, 5:15, 5:15] = 1
    labels[1, 5:15, 13:23] = 1
    near = TrackTask(labels, (1.0, 1.0)).run(no_progress)
    assert near.max_distance == pytest.approx(np.sqrt(400 / np.pi))
    assert near.n_tracks == 1
    assert TrackTask(labels, (1.0, 1.0), 7.9).run(no_progress).n_tracks == 2
    with pytest.raises(InputError, match="no object"):
        TrackTask(labels * 0, (1.0, 1.0)).run(no_progress)


def test_points_and_the_objects_they_lie_in(cells):
    rng = np.random.default_rng(0)
    images = {"a": rng.random(cells[0].shape), "b": rng.random(cells[0].shape)}
    points = np.array([[0, 5, 5], [0, 6, 6], [1, 5, 17], [1, 0, 0], [0, 900, 0]], float)
    task = PointTask(points, images, (0.5, 0.25), 1.0, 0, cells[0], "nuclei")
    table, counts = task.run(no_progress)
    expected = measure_points(points * (1, 0.5, 0.25), images, (0.5, 0.25), radius=1.0, frame_axis=0)
    np.testing.assert_array_equal(table["label_nuclei"], [1, 1, 3, 0, 0])
    np.testing.assert_allclose(table["intensity_mean_b"], expected["intensity_mean_b"])
    assert np.isnan(table["intensity_max_a"].iloc[-1])
    assert counts.to_numpy().tolist() == [[0, 1, 2], [1, 3, 1]]
    objects = measure(cells[0], properties=["area"], frame_axis=0)
    assert counts_for(objects, counts, "spots")["spots"].tolist() == [2, 0, 0, 0, 1]
    with pytest.raises(InputError, match="over time"):
        counts_for(objects.drop(columns="frame"), counts, "spots")
    with pytest.raises(InputError, match="2 axes"):
        PointTask(points[:, 1:], images, (0.5, 0.25), 1.0, 0).run(no_progress)
    alone, none = PointTask(points, {"a": images["a"]}, (0.5, 0.25), frame_axis=0).run(no_progress)
    assert alone.columns.tolist() == ["intensity"]
    assert none is None
    assert alone["intensity"].iloc[0] == images["a"][0, 5, 5]


def test_all_can_be_cancelled(cells):
    def stop(done, total):
        raise Cancelled

    points = PointTask(np.zeros((1, 3)), {"a": cells[0]}, (1.0, 1.0), frame_axis=0)
    for task in (NestTask(*cells, "a", "b", (1.0, 1.0), 0), TrackTask(cells[0], (1.0, 1.0)), points):
        with pytest.raises(Cancelled):
            task.run(stop)
