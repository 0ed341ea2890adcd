"""Measurements join the table of a layer without losing what others wrote there."""

import numpy as np
import pandas as pd
import pytest

from bioloom import samples
from bioloom.measure import measure
from bioloom.session.feature_table import keys_of, merge_tables, new_column_name


@pytest.fixture(scope="module")
def measured():
    sample = samples.nuclei_2d(shape=(96, 96), n_nuclei=6, seed=2)
    return measure(sample.labels, sample.image, properties=["area", "intensity_mean"])


def test_columns_of_others_stay_and_measured_ones_are_renewed(measured):
    old = merge_tables(pd.DataFrame(), measured)
    old["note"] = [f"nucleus {label}" for label in old["label"]]
    old["area"] = -1.0
    new = merge_tables(old.sample(frac=1, random_state=1), measured.assign(solidity=0.5))
    assert list(new.columns) == ["index", *measured.columns, "note", "solidity"]
    np.testing.assert_array_equal(new["area"], measured["area"])
    assert new["note"].tolist() == [f"nucleus {label}" for label in measured["label"]]


def test_objects_that_are_gone_leave_and_new_ones_come_with_gaps(measured):
    old = merge_tables(pd.DataFrame(), measured).assign(score=np.arange(len(measured)) + 10.0)
    labels = measured["label"].tolist()
    changed = measured[measured["label"] != labels[0]].copy()
    changed.loc[changed["label"] == labels[-1], "label"] = 2**32 - 1
    new = merge_tables(old, changed)
    assert new["label"].tolist() == [*labels[1:-1], 2**32 - 1]
    assert new["score"].iloc[:-1].tolist() == [10.0 + i for i in range(1, len(labels) - 1)]
    assert np.isnan(new["score"].iloc[-1])


def test_rows_are_sorted_and_the_index_column_is_the_label(measured):
    new = merge_tables(pd.DataFrame({"index": [0, 1, 2]}), measured.iloc[::-1])
    assert new.columns[0] == "index"
    np.testing.assert_array_equal(new["index"], new["label"])
    assert new["label"].is_monotonic_increasing
    assert new.index.tolist() == list(range(len(measured)))
    np.testing.assert_array_equal(new["area"], measured["area"])
    again = merge_tables(new, new.assign(area=0.0))
    assert list(again.columns) == list(new.columns)


def test_frames_are_part_of_the_key():
    sample = samples.nuclei_timelapse(shape=(3, 96, 96), n_nuclei=5, seed=1)
    measured = measure(sample.labels, frame_axis=0, properties=["area"])
    old = merge_tables(pd.DataFrame(), measured)
    old["mark"] = 100 * old["frame"] + old["label"]
    later = measured[measured["frame"] > 0]
    new = merge_tables(old, later)
    assert list(new.columns) == ["index", *measured.columns, "mark"]
    np.testing.assert_array_equal(new["mark"], 100 * new["frame"] + new["label"])
    assert len(new) == len(later)


def test_a_table_without_time_takes_nothing_from_one_with_time(measured):
    timed = measured.assign(frame=0, mark=1.0)
    both = pd.concat([timed, timed.assign(frame=1, mark=2.0)])
    assert list(merge_tables(both, measured).columns) == ["index", *measured.columns]
    flat = measured.assign(mark=1.0)
    assert "mark" not in merge_tables(flat, measured.assign(frame=0)).columns


def test_empty_tables(measured):
    for nothing in (pd.DataFrame(), pd.DataFrame({"label": [], "area": []}), pd.DataFrame({"index": [0, 5]})):
        new = merge_tables(nothing, measured)
        assert new[list(measured.columns)].equals(measured)
    none_left = merge_tables(measured.assign(note="x"), measured.iloc[:0])
    assert len(none_left) == 0
    assert list(none_left.columns) == ["index", *measured.columns, "note"]


def test_the_given_tables_are_left_as_they_are(measured):
    old = measured.assign(note="x")
    before = old.copy(), measured.copy()
    merge_tables(old, measured)
    pd.testing.assert_frame_equal(old, before[0])
    pd.testing.assert_frame_equal(measured, before[1])


def test_keys_and_free_names():
    table = pd.DataFrame({"label": [1], "UMAP-0": [0.0], "UMAP-0_2": [0.0]})
    assert keys_of(table) == ["label"]
    assert keys_of(table.assign(frame=0)) == ["frame", "label"]
    assert new_column_name(table, "PCA-0") == "PCA-0"
    assert new_column_name(table, "UMAP-0") == "UMAP-0_3"
    for name in ("frame", "label", "index"):
        assert new_column_name(table, name) == f"{name}_2", "it would say which object a row is of"
