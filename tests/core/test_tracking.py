"""Tracks: the best assignment, gaps, divisions; and motion with known answers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from bioloom.errors import Cancelled, InputError
from bioloom.measure import measure
from bioloom.measure._assignment import assign
from bioloom.measure.motion import (
    MOTION,
    TRACK_MEASUREMENTS,
    lineage_graph,
    mean_squared_displacement,
    measure_motion,
    measure_tracks,
)
from bioloom.measure.tracking import track_labels, track_objects
from bioloom.samples import nuclei_timelapse


def table_of(points: list[tuple[float, ...]]) -> pd.DataFrame:
    """A table of (frame, position, …)."""
    values = np.array(points, float)
    columns = {f"centroid-{i}": values[:, i + 1] for i in range(values.shape[1] - 1)}
    return pd.DataFrame({"frame": values[:, 0].astype(int), "label": np.arange(1, len(values) + 1), **columns})


def walk(n_tracks: int, n_frames: int, seed: int, size: float = 100, step: float = 1.5, ndim: int = 2) -> pd.DataFrame:
    """Random walks, the rows in random order, with the true track."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, step, (n_frames, n_tracks, ndim))
    steps[0] = rng.uniform(0, size, (n_tracks, ndim))
    positions = np.cumsum(steps, axis=0).reshape(-1, ndim)
    table = pd.DataFrame(positions, columns=[f"centroid-{i}" for i in range(ndim)])
    table.insert(0, "frame", np.repeat(np.arange(n_frames), n_tracks))
    table["true"] = np.tile(np.arange(n_tracks), n_frames)
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def partition(tracks: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(tracks == t).tolist()) for t in np.unique(tracks)}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 8), st.integers(1, 8), st.floats(0, 1), st.integers(1, 30))
def test_assignment_is_the_best_there_is(seed: int, n: int, m: int, share: float, alone: int) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.integers(0, 20, (n, m)).astype(float)
    possible = rng.random((n, m)) < share
    rows, columns = np.nonzero(possible)
    partners = assign(rows, columns, costs[rows, columns], (n, m), alone)
    used = partners[partners >= 0]
    assert len(set(used.tolist())) == used.size
    linked = np.flatnonzero(partners >= 0)
    assert possible[linked, partners[linked]].all()
    total = costs[linked, partners[linked]].sum() + alone * (partners < 0).sum()
    full = np.full((n, m + n), alone, float)
    full[:, :m] = np.where(possible, costs, 1e9)
    assert total == full[linear_sum_assignment(full)].sum()


def test_assignment_of_many_is_the_best_there_is() -> None:
    rng = np.random.default_rng(1)
    n = 400
    costs = rng.random((n, n)) ** 2
    rows, columns = np.nonzero(rng.random((n, n)) < 0.05)
    partners = assign(rows, columns, costs[rows, columns], (n, n), 1.5)
    full = np.full((n, 2 * n), 1.5)
    full[:, :n] = 1e9
    full[rows, columns] = costs[rows, columns]
    linked = np.flatnonzero(partners >= 0)
    total = costs[linked, partners[linked]].sum() + 1.5 * (partners < 0).sum()
    assert total == pytest.approx(full[linear_sum_assignment(full)].sum(), rel=1e-12)


@pytest.mark.parametrize("ndim", [2, 3])
def test_walks_far_apart_are_followed(ndim: int) -> None:
    table = walk(30, 20, 2, size=1000, step=2, ndim=ndim)
    tracked = track_objects(table, 15)
    assert partition(tracked["track"].to_numpy()) == partition(table["true"].to_numpy())
    assert tracked.drop(columns="track").equals(table)
    # numbered from 1, the earliest first
    assert sorted(tracked["track"].unique()) == list(range(1, 31))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_crowded_walks_are_linked_as_by_laptrack(seed: int) -> None:
    laptrack = pytest.importorskip("laptrack")
    table = walk(60, 8, seed, size=60, step=2)
    tracked = track_objects(table, 6)
    theirs = laptrack.LapTrack(
        cutoff=36, gap_closing_cutoff=False, track_start_cost=37.8, track_end_cost=37.8
    ).predict_dataframe(
        table.assign(row=np.arange(len(table))),
        ["centroid-0", "centroid-1"],
        frame_col="frame",
        only_coordinate_cols=False,
    )[0]
    expected = theirs.set_index("row")["track_id"].loc[np.arange(len(table))].to_numpy()
    assert partition(tracked["track"].to_numpy()) == partition(expected)


def test_as_many_links_as_possible_at_the_least_cost() -> None:
    # The nearest pair is not taken where it would leave the others without a partner.
    table = table_of([(0, 0, 0), (0, 10, 0), (1, 9, 0), (1, 19, 0)])
    assert track_objects(table, 10)["track"].tolist() == [1, 2, 1, 2]
    assert track_objects(table, 8)["track"].tolist() == [1, 2, 2, 3]


def test_distances_are_inclusive_and_in_the_unit_of_the_positions() -> None:
    table = table_of([(0, 0, 0), (1, 3, 4)])
    assert track_objects(table, 5)["track"].tolist() == [1, 1]
    assert track_objects(table, 4.999)["track"].tolist() == [1, 2]


def test_gaps() -> None:
    table = table_of([(0, 0, 0), (1, 1, 0), (4, 2, 0), (5, 3, 0), (0, 50, 50), (5, 50, 50)])
    assert track_objects(table, 5)["track"].tolist() == [1, 1, 3, 3, 2, 4]
    assert track_objects(table, 5, max_gap=1)["track"].tolist() == [1, 1, 3, 3, 2, 4]
    assert track_objects(table, 5, max_gap=2)["track"].tolist() == [1, 1, 1, 1, 2, 3]
    assert track_objects(table, 5, max_gap=4)["track"].tolist() == [1, 1, 1, 1, 2, 2]
    assert track_objects(table, 5, max_gap=4, gap_distance=0.5)["track"].tolist() == [1, 1, 3, 3, 2, 2]


def test_divisions() -> None:
    table = table_of(
        [(0, 0, 0), (1, 0, 1), (2, -2, 1), (2, 2, 1), (3, -4, 1), (3, 4, 1), (4, 4, -2), (4, 4, 3), (0, 90, 90)]
    )
    alone = track_objects(table, 4)
    assert "parent" not in alone.columns
    assert alone["track"].nunique() == 4
    tracked = track_objects(table, 4, division_distance=4)
    assert tracked["track"].tolist() == [1, 1, 3, 4, 3, 4, 5, 6, 2]
    assert tracked["parent"].tolist() == [0, 0, 1, 1, 1, 1, 4, 4, 0]
    assert lineage_graph(tracked) == {3: [1], 4: [1], 5: [4], 6: [4]}
    tracks = measure_tracks(tracked).set_index("track")
    assert tracks["generation"].to_dict() == {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 2}
    assert tracks["lineage"].to_dict() == {1: 1, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1}
    assert tracks["num_children"].to_dict() == {1: 2, 2: 0, 3: 0, 4: 2, 5: 0, 6: 0}
    assert lineage_graph(tracks.reset_index()) == lineage_graph(tracked)


def test_weights_decide_between_objects_that_are_as_near() -> None:
    table = table_of([(0, 0, 0), (0, 0, 4), (1, 0, 1.9), (1, 0, 2.1)])
    table["area"] = [10, 100, 100, 10]
    assert track_objects(table, 9)["track"].tolist() == [1, 2, 1, 2]
    assert track_objects(table, 9, weights={"area": 1})["track"].tolist() == [1, 2, 2, 1]


def test_labels_are_tracked_and_numbered_by_track() -> None:
    labels = np.zeros((4, 40, 60), np.uint32)
    for t in range(4):
        labels[t, 2 + t : 8 + t, 3:9] = 7 if t % 2 else 4_000_000_000
        labels[t, 20:26, 50 - 3 * t : 56 - 3 * t] = 3 + t
    tracked = track_objects(labels, 4, spacing=(1, 1))
    assert tracked.groupby("track").size().tolist() == [4, 4]
    numbered = track_labels(labels, tracked)
    assert numbered.dtype == np.uint32
    assert [np.unique(frame).tolist() for frame in numbered] == [[0, 1, 2]] * 4
    for t in range(4):
        assert numbered[t, 22, 52 - 3 * t] == tracked.set_index(["frame", "label"])["track"][t, 3 + t]
    np.testing.assert_array_equal(numbered > 0, labels > 0)
    # steps of 3 pixels along x are too far where pixels are twice as wide
    assert track_objects(labels, 4, spacing=(1, 2))["track"].nunique() == 5
    assert track_objects(labels.transpose(1, 0, 2), 4, frame_axis=1)["track"].equals(tracked["track"])
    fewer = track_labels(labels, tracked[tracked["track"] == 1])
    assert set(np.unique(fewer)) == {0, 1}


def test_crowds_are_tracked_without_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    from bioloom.measure import _linking

    table = walk(300, 3, 4, size=100, step=0.3)
    whole = track_objects(table, 6)
    monkeypatch.setattr(_linking, "CROWD", 2)
    assert track_objects(table, 6)["track"].equals(whole["track"])
    # any distance: 300 × 300 pairs are in reach
    assert partition(track_objects(table, 1e6)["track"].to_numpy()) == partition(whole["track"].to_numpy())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_dividing_nuclei_get_their_true_lineage(seed: int) -> None:
    film = nuclei_timelapse(seed=seed)
    assert film.parents is not None
    truth = film.parents.set_index("label")["parent"]
    tracked = track_objects(film.labels, 6, spacing=film.spatial_spacing, division_distance=8)
    # In the sample a nucleus has the same label in all frames, and each half of a divided one a new one.
    labels = tracked.groupby("track")["label"].unique()
    assert all(len(one) == 1 for one in labels)
    label_of = {track: int(one[0]) for track, one in labels.items()}
    assert sorted(label_of.values()) == truth.index.tolist()
    found = {label_of[child]: label_of[parent] for child, (parent,) in lineage_graph(tracked).items()}
    assert found == truth[truth > 0].to_dict()
    assert len(found) >= 8


def test_nothing_and_single_objects() -> None:
    empty = track_objects(table_of([(0, 0, 0)]).iloc[:0], 5, max_gap=2, division_distance=3)
    assert list(empty.columns) == ["frame", "label", "centroid-0", "centroid-1", "track", "parent"]
    assert len(measure_tracks(empty)) == len(measure_motion(empty)) == len(mean_squared_displacement(empty)) == 0
    one = track_objects(table_of([(3, 1, 1)]), 5, max_gap=2, division_distance=3)
    assert one["track"].tolist() == [1]
    row = measure_tracks(one).iloc[0]
    assert row["duration"] == row["path_length"] == 0
    assert np.isnan([row["speed_mean"], row["speed_max"], row["straightness"], row["acceleration_mean"]]).all()


def test_motion_along_a_line_and_a_circle() -> None:
    line = track_objects(table_of([(t, 3 * t, 4 * t) for t in range(6)]), 6)
    moving = measure_motion(line, 0.5)
    assert moving["speed"].tolist()[1:] == pytest.approx([10] * 5)
    assert np.isnan(moving["speed"][0])
    assert moving[["velocity-0", "velocity-1"]].to_numpy()[1:] == pytest.approx(np.tile([6, 8], (5, 1)))
    assert moving["acceleration"].tolist()[1:-1] == pytest.approx([0] * 4)
    assert moving["direction_change"].tolist()[1:-1] == pytest.approx([0] * 4)
    assert moving["displacement"].tolist() == pytest.approx([0, 5, 10, 15, 20, 25])
    track = measure_tracks(line, 0.5).iloc[0]
    assert track["straightness"] == pytest.approx(1)
    assert track["duration"] == 2.5
    assert track["speed_std"] == pytest.approx(0)

    angle, radius, interval = 2 * np.pi / 40, 7.0, 0.25
    circle = table_of([(t, radius * np.sin(t * angle), radius * np.cos(t * angle)) for t in range(41)])
    circle["track"] = 5
    speed = 2 * radius * np.sin(angle / 2) / interval
    moving = measure_motion(circle, interval)
    assert moving["direction_change"].iloc[1:-1].tolist() == pytest.approx([angle] * 39)
    assert moving["acceleration"].iloc[1:-1].tolist() == pytest.approx([2 * speed * np.sin(angle / 2) / interval] * 39)
    track = measure_tracks(circle, interval).iloc[0]
    assert track["track"] == 5
    assert track[["speed_mean", "speed_max", "speed_min"]].tolist() == pytest.approx([speed] * 3)
    assert track["path_length"] == pytest.approx(40 * speed * interval)
    assert track["displacement"] == pytest.approx(0, abs=1e-12)
    assert track["max_displacement"] == pytest.approx(2 * radius)


def test_motion_over_gaps_and_turns() -> None:
    table = table_of([(0, 0, 0), (2, 4, 0), (3, 2, 0), (3, 9, 9), (4, 9, 9)])
    table["track"] = [1, 1, 1, 0, 0]
    moving = measure_motion(table)
    assert moving["speed"].tolist() == pytest.approx([np.nan, 2, 2, np.nan, 0], nan_ok=True)
    # from 2 forwards to 2 backwards, between frame 1 and frame 2.5
    assert moving["acceleration"].tolist() == pytest.approx([np.nan, 4 / 1.5, np.nan, np.nan, np.nan], nan_ok=True)
    assert moving["direction_change"][1] == pytest.approx(np.pi)
    tracks = measure_tracks(table).set_index("track")
    assert tracks["num_missing"].to_dict() == {0: 0, 1: 1}
    assert tracks["speed_mean"].to_dict() == {0: 0, 1: 2}
    assert np.isnan(tracks["straightness"][0])
    assert tracks["straightness"][1] == pytest.approx(2 / 6)


def test_measurements_do_not_depend_on_the_order_of_rows() -> None:
    table = walk(12, 15, 7).rename(columns={"true": "track"})
    ordered = table.sort_values(["track", "frame"])
    moving = measure_motion(table)
    pd.testing.assert_frame_equal(moving.loc[ordered.index], measure_motion(ordered))
    pd.testing.assert_frame_equal(measure_tracks(table), measure_tracks(ordered))
    assert [c for c in moving.columns if c not in table.columns] == ["velocity-0", "velocity-1", *list(MOTION)[1:]]
    assert list(measure_tracks(table).columns) == ["track", *TRACK_MEASUREMENTS]
    # What pandas gets for each track by itself.
    for track, rows in ordered.groupby("track"):
        steps = np.linalg.norm(np.diff(rows[["centroid-0", "centroid-1"]], axis=0), axis=1)
        row = measure_tracks(table).set_index("track").loc[track]
        assert row["path_length"] == pytest.approx(steps.sum())
        assert row["speed_min"] == pytest.approx(steps.min())
        assert row["speed_std"] == pytest.approx(steps.std())


def test_mean_squared_displacement_is_that_of_trackpy() -> None:
    trackpy = pytest.importorskip("trackpy")
    table = walk(5, 30, 8).rename(columns={"true": "track"})
    table = table.drop(table.index[[3, 40, 77]])  # with gaps
    ours = mean_squared_displacement(table, 0.5, max_lag=10, per_track=True)
    renamed = table.rename(columns={"track": "particle", "centroid-0": "y", "centroid-1": "x"})
    renamed = renamed.sort_values(["particle", "frame"])  # which it relies on
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its calls of pandas are on their way out
        theirs = trackpy.imsd(renamed, mpp=1, fps=2, max_lagtime=10)
    assert ours["time"].unique() == pytest.approx(theirs.index.to_numpy())
    for track, rows in ours.groupby("track"):
        assert rows["msd"].to_numpy() == pytest.approx(theirs[track].to_numpy())


def test_mean_squared_displacement_of_straight_and_random_walks() -> None:
    straight = table_of([(t, 3 * t, 4 * t) for t in range(8)]).assign(track=1)
    result = mean_squared_displacement(straight, 2, max_lag=100)
    assert result["msd"].tolist() == pytest.approx([25 * lag**2 for lag in range(1, 8)])
    assert result["time"].tolist() == [2 * lag for lag in range(1, 8)]
    assert result["num_pairs"].tolist() == [7, 6, 5, 4, 3, 2, 1]
    random = walk(2000, 12, 9, step=1.5).rename(columns={"true": "track"})
    result = mean_squared_displacement(random)
    assert result["msd"].to_numpy() == pytest.approx(2 * 1.5**2 * result["lag"].to_numpy(), rel=0.05)


def test_bad_input_is_explained() -> None:
    table = table_of([(0, 0, 0), (1, 1, 1)])
    for wrong, message in (
        (table.drop(columns="frame"), "frame"),
        (table[["frame", "label"]], "positions"),
        (table.assign(**{"centroid-0": [0, np.nan]}), "centroid-0"),
        (table.assign(frame=[0, 0.5]), "whole"),
        (table.assign(**{"centroid-0": ["a", "b"]}), "numbers"),
    ):
        with pytest.raises(InputError, match=message):
            track_objects(wrong, 5)
    for keywords in (
        {"max_distance": 0}, {"max_distance": np.nan}, {"max_gap": -1}, {"max_gap": 0.5}, {"gap_distance": -2},
        {"division_distance": 0}, {"weights": {"area": 1}}, {"weights": {"centroid-0": -1}}, {"spacing": (1, 1)},
        {"positions": ["y", "x"]},
    ):  # fmt: skip
        with pytest.raises(InputError):
            track_objects(table, **{"max_distance": 5, **keywords})
    with pytest.raises(InputError, match="'track'"):
        measure_motion(table)
    with pytest.raises(InputError, match="two objects in frame 0"):
        measure_tracks(table.assign(track=1, frame=0))
    with pytest.raises(InputError, match="frame_interval"):
        measure_tracks(table.assign(track=1), 0)
    with pytest.raises(InputError, match="max_lag"):
        mean_squared_displacement(table.assign(track=1), max_lag=0)
    with pytest.raises(InputError, match="circles"):
        measure_tracks(table.assign(track=[1, 2], parent=[2, 1]))
    with pytest.raises(InputError, match="circles"):
        measure_tracks(table.assign(track=[1, 2], parent=[1, 0]))
    with pytest.raises(InputError, match="several rows"):
        track_labels(np.ones((1, 4, 4), int), pd.DataFrame({"frame": [0, 0], "label": [1, 1], "track": [1, 2]}))


def test_progress_and_cancelling() -> None:
    table = walk(10, 10, 3)
    calls: list[tuple[int, int]] = []
    track_objects(table, 5, max_gap=1, progress=lambda *c: calls.append(c))
    assert calls[-1][0] <= calls[-1][1]

    def stop(done: int, total: int) -> None:
        if done >= 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        track_objects(table, 5, progress=stop)


def test_tables_of_measure_can_be_tracked() -> None:
    labels = np.zeros((3, 8, 30, 30), int)
    for t in range(3):
        labels[t, 2:6, 5 + t : 12 + t, 4:9] = 5 - t
    tracked = track_objects(measure(labels, spacing=(2, 0.5, 0.5), frame_axis=0), 1)
    assert tracked["track"].tolist() == [1, 1, 1]
    assert measure_motion(tracked, 10)["speed"].tolist()[1:] == pytest.approx([0.05, 0.05])
