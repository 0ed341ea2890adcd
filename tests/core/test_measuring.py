"""Measuring again what changed gives the table that measuring everything would give."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioloom.errors import Cancelled, InputError
from bioloom.measure import list_properties
from bioloom.session import measuring
from bioloom.session.changed_objects import depends_on_others
from bioloom.session.feature_table import joined_frames, lost_columns, merge_tables
from bioloom.session.measuring import MeasureTask, map_pixels, run


def no_progress(done, total):
    """Nobody looks."""


GROUPS = ("size", "position", "intensity", "shape", "neighbours", "radial", "texture", "colocalisation")


@pytest.fixture(scope="module")
def squares():
    """Nine squares, some of which touch, in three frames, and two images."""
    labels = np.zeros((3, 60, 60), np.int32)
    for k in range(9):
        y, x = divmod(k, 3)
        labels[:, 4 + 18 * y : 18 + 18 * y, 4 + 18 * x : 22 + 18 * x] = k + 1
    rng = np.random.default_rng(0)
    images = {"a": rng.integers(0, 4000, labels.shape, np.uint16), "b": rng.random(labels.shape).astype(np.float32)}
    return labels, images


def task(labels, images, groups=GROUPS, frame_axis=0, frames=None):
    """What a user asks for."""
    names = tuple(p.name for p in list_properties(2, groups))
    return MeasureTask(labels, images, (0.5, 0.25), names, frame_axis, frames)


def same(one, other):
    """The same columns, rows and values; sums may be added up in another order."""
    pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-9, atol=1e-9)


def paint(labels):
    """Objects grow, shrink, vanish, come and touch, in the first and the last frame."""
    labels[0, 10:14, 4:60] = 2
    labels[2][labels[2] == 5] = 0
    labels[2, 50:53, 50:53] = 40


def test_what_changed_is_measured_as_everything_is(squares):
    labels, images = squares[0].copy(), squares[1]
    first = run(task(labels, images), no_progress)
    assert first.again(labels, no_progress) is None
    paint(labels)
    again = first.again(labels, no_progress)
    whole = run(task(labels, images), no_progress)
    same(again.table, whole.table)
    assert 0 < again.n_again < len(whole.table) / 2
    assert again.again(labels, no_progress) is None


def test_only_what_changed_is_given_to_costly_measurements(squares, monkeypatch):
    import bioloom.measure

    labels, images = squares[0].copy(), squares[1]
    first = run(task(labels, images), no_progress)
    paint(labels)
    seen = []
    real = bioloom.measure.measure

    def noted(pixels, image, spacing, names, **rest):
        seen.append((set(np.unique(pixels)) - {0}, set(names)))
        return real(pixels, image, spacing, names, **rest)

    monkeypatch.setattr(bioloom.measure, "measure", noted)
    first.again(labels, no_progress)
    costly = [objects for objects, names in seen if "haralick_contrast" in names or "solidity" in names]
    assert costly == [{1, 2, 3}, {9, 40}]


def test_frames_by_themselves(squares):
    labels, images = squares[0].copy(), squares[1]
    whole = run(task(labels, images), no_progress).table
    one = run(task(labels, images, frames=(1,)), no_progress)
    same(one.table, whole[whole["frame"] == 1].reset_index(drop=True))
    labels[1][labels[1] == 3] = 0
    labels[2][labels[2] == 4] = 0
    again = one.again(labels, no_progress)
    assert again.table["label"].tolist() == [1, 2, 4, 5, 6, 7, 8, 9]
    assert set(again.table["frame"]) == {1}


def test_planes_without_time_and_another_shape(squares):
    labels = squares[0][0].copy()
    first = run(task(labels, squares[1]["a"][0], ("size", "intensity"), None), no_progress)
    assert "frame" not in first.table
    bigger = np.pad(labels, 3)
    with pytest.raises(InputError, match="another shape"):
        first.again(bigger, no_progress)
    alone = run(task(labels, None, ("size",), None), no_progress)
    assert len(alone.again(np.pad(labels, ((0, 0), (0, 9))), no_progress).table) == 9
    everything = np.zeros_like(labels)
    assert alone.again(everything, no_progress).table.empty


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), n_edits=st.integers(1, 4), ndim=st.integers(2, 3), large=st.booleans())
def test_random_edits(seed, n_edits, ndim, large):
    rng = np.random.default_rng(seed)
    names = np.array([0, 3, 70_000, 2**31, 2**32 - 1] if large else [0, *range(1, 30)], np.uint32)
    labels = np.kron(
        names[rng.integers(0, len(names), (2, *(4, 4, 8)[3 - ndim :]))], np.ones((1, 3, 4, 5)[-ndim - 1 :])
    )
    labels = labels.astype(np.uint32)
    image = rng.random(labels.shape)
    groups = ("size", "position", "intensity", "shape", "neighbours")
    chosen = tuple(p.name for p in list_properties(ndim, groups))
    measured = run(MeasureTask(labels, image, (0.5, 0.25, 0.3)[:ndim], chosen, 0), no_progress)
    for _ in range(n_edits):
        t, *corner = rng.integers(0, labels.shape)
        labels[(t, *(slice(c, c + 4) for c in corner))] = rng.choice([*names, 31])
        measured = measured.again(labels, no_progress) or measured
        same(measured.table, run(measured.task, no_progress).table)


def test_earlier_measurements_are_followed_too(squares):
    labels = squares[0].copy()
    first = run(task(labels, None, ("size",)), no_progress)
    second = run(task(labels, None, ("shape",)), no_progress).with_earlier(first)
    labels[0, 30:34, 30:34] = 1
    again = second.again(labels, no_progress)
    assert {"area", "solidity"} <= set(again.table.columns)
    assert again.table["area"].iloc[0] == (labels[0] == 1).sum() * 0.125
    # Of other pixels they would be wrong.
    third = run(task(labels, None, ("shape",)), no_progress).with_earlier(first)
    assert "area" not in third.table


def test_cancelling(squares):
    labels = squares[0].copy()
    first = run(task(labels, None, ("size",)), no_progress)
    labels[0, :3] = 1

    def stop(done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        first.again(labels, stop)


def test_which_measurements_depend_on_others():
    assert depends_on_others("touching_neighbor_count")
    assert depends_on_others("nearest_neighbor_distance")
    assert depends_on_others("manders_coloc_coeff_costes_m1")
    for name in ("area", "perimeter", "intensity_edge_mean", "haralick_contrast", "radial_cv", "pearson_corr_coeff"):
        assert not depends_on_others(name)


def test_labels_on_disk_are_measured_but_not_followed(squares):
    import dask.array as da

    lazy = da.from_array(squares[0], chunks=(1, 30, 30))
    found = run(task(lazy, None, ("size",)), no_progress)
    assert len(found.table) == 27
    assert not found.can_follow


def test_labels_too_large_for_a_copy_are_not_followed(squares, monkeypatch):
    monkeypatch.setattr(measuring.device, "memory_budget", lambda: 1000)
    assert not run(task(squares[0], None, ("size",)), no_progress).can_follow


def test_rows_of_other_frames_stay():
    keys = {"frame": [0, 0, 1, 1], "label": [1, 2, 1, 2]}
    old = merge_tables(pd.DataFrame(), pd.DataFrame({**keys, "area": [1.0, 2, 3, 4], "mine": list("abcd")}))
    new = pd.DataFrame({"frame": [1, 1], "label": [2, 3], "area": [40.0, 50], "extent": [0.4, 0.5]})
    joined = joined_frames(old, new, (1,))
    assert joined[["frame", "label"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 2], [1, 3]]
    assert joined["area"].tolist() == [1, 2, 40, 50]
    assert joined["mine"].tolist()[:3] == ["a", "b", "d"]
    assert joined["extent"].isna().tolist() == [True, True, False, False]
    assert joined_frames(old, new, None)["label"].tolist() == [2, 3]


def test_what_cannot_be_kept_is_told():
    timed = pd.DataFrame({"index": [1], "frame": [0], "label": [1], "area": [1.0], "mine": ["a"]})
    plain = pd.DataFrame({"label": [1], "area": [1.0]})
    assert lost_columns(timed, plain) == ["mine"]
    assert lost_columns(timed, timed) == []
    assert lost_columns(pd.DataFrame({"index": [1]}), plain) == []


def test_maps(squares):
    labels = squares[0]
    table = run(task(labels, None, ("size",)), no_progress).table
    table.loc[table["label"] == 2, "area"] = np.nan
    shown = map_pixels(labels, table, "area", 0)
    assert np.isnan(shown[(labels == 0) | (labels == 2)]).all()
    assert np.unique(shown[labels == 1]).tolist() == [14 * 18 * 0.125]
