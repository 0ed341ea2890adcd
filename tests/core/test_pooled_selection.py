"""Several layers in one plot: keys, steps taken back, and changes from outside."""

import numpy as np
import pandas as pd
import pytest

from bioloom.errors import InputError
from bioloom.session.pooled_selection import PooledSelection, joined_tables
from bioloom.session.selection import Selection


def layers():
    """A picture with unsorted ids and a movie that has one of the same ids."""
    still = Selection(pd.DataFrame({"label": [9, 2, 4_000_000_000]}))
    movie = Selection(pd.DataFrame({"frame": [1, 0, 1], "label": [9, 9, 3]}))
    return still, movie


def test_rows_know_layer_frame_and_label():
    pool = PooledSelection(layers())
    assert [pool.key(row) for row in range(len(pool))] == [
        (0, 0, 9), (0, 0, 2), (0, 0, 4_000_000_000), (1, 1, 9), (1, 0, 9), (1, 1, 3)
    ]  # fmt: skip
    assert pool.row(9) == 0
    assert pool.row(9, 1, source=1) == 3
    assert pool.row(2, 0, source=1) is None
    assert pool.has_frames


def test_one_step_over_several_layers_is_taken_back_at_once():
    still, movie = layers()
    pool = PooledSelection((still, movie))
    told = []
    pool.changed.connect(lambda: told.append(pool.mask.tolist()))
    pool.select(np.array([True, False, False, False, True, False]))
    assert len(told) == 1
    assert still.mask.tolist() == [True, False, False]
    assert movie.mask.tolist() == [False, True, False]
    pool.assign(4)
    pool.select(np.array([0, 1, 0, 0, 0, 0], bool), "add")
    assert pool.classes.tolist() == [4, 0, 0, 0, 4, 0]
    assert pool.mask.tolist() == [True, True, False, False, True, False]
    assert pool.undo()
    assert pool.mask.tolist() == [True, False, False, False, True, False]
    assert pool.undo()
    assert pool.classes.max() == 0
    assert pool.undo()
    assert not pool.mask.any()
    assert not pool.undo()
    assert pool.redo()
    assert pool.redo()
    assert pool.classes.tolist() == [4, 0, 0, 0, 4, 0]


def test_steps_from_before_the_layers_came_together_are_taken_back_too():
    still, movie = layers()
    still.select_objects([9])
    still.assign(2)
    movie.select_objects([3], 1)
    movie.undo()
    pool = PooledSelection((still, movie))
    assert pool.can_undo
    assert pool.can_redo
    assert pool.redo()
    assert pool.mask.tolist() == [True, False, False, False, False, True]
    pool.assign(5)
    for classes in ([2, 0, 0], [2, 0, 0], [0, 0, 0]):
        assert pool.undo()
        assert still.classes.tolist() == classes
    assert not movie.mask.any()
    assert pool.undo()
    assert not pool.mask.any()
    assert not pool.undo()


def test_a_click_in_one_image_is_a_step_too():
    still, movie = layers()
    pool = PooledSelection((still, movie))
    pool.select(np.ones(6, bool))
    movie.select_objects([3], 1)
    assert pool.mask.tolist() == [True, True, True, False, False, True]
    pool.undo()
    assert pool.mask.all()
    pool.clear()
    assert not still.mask.any()
    pool.close()
    still.select_objects([9])
    assert pool.mask.tolist() == [True, False, False, False, False, False]


def test_a_plain_click_selects_nothing_else_and_is_one_step():
    still, movie = layers()
    pool = PooledSelection((still, movie))
    pool.select(np.ones(6, bool))
    movie.select_objects([3], 1)
    pool.clear_others(1)
    assert [pool.key(row) for row in np.flatnonzero(pool.mask)] == [(1, 1, 3)]
    assert pool.can_undo
    pool.undo()
    assert pool.mask.all()
    assert pool.can_redo


def test_rows_in_another_order_keep_their_steps():
    still, movie = layers()
    pool = PooledSelection((still, movie))
    pool.select(np.array([1, 0, 0, 0, 0, 1], bool))
    still.rekey(pd.DataFrame({"label": [2, 4_000_000_000, 9]}))
    assert [pool.key(row) for row in np.flatnonzero(pool.mask)] == [(0, 0, 9), (1, 1, 3)]
    assert pool.undo()
    assert not pool.mask.any()
    pool.redo()
    assert [pool.key(row) for row in np.flatnonzero(pool.mask)] == [(0, 0, 9), (1, 1, 3)]


def test_tables_are_joined_by_the_columns_they_share():
    still = pd.DataFrame({"index": [9, 2], "label": [9, 2], "layer": [1.0, 2.0], "area": [3.0, 4.0], "mean": 1.0})
    movie = pd.DataFrame({"index": [9], "label": [9], "frame": [5], "area": [7.0], "layer": [4.0]})
    table, named_by, left_out = joined_tables([still, movie], ["cells", "movie"])
    assert named_by == "layer_2", "a column of the user's own stays what it is"
    assert table["layer_2"].tolist() == ["cells", "cells", "movie"]
    assert table["frame"].tolist() == [0, 0, 5]
    assert table["layer"].tolist() == [1, 2, 4]
    assert left_out == ("mean",)
    assert "index" not in table.columns


def test_other_rows_of_a_table_move_those_behind_it():
    still, movie = layers()
    pool = PooledSelection((still, movie))
    pool.select(np.array([1, 0, 0, 0, 0, 1], bool))
    still.rekey(pd.DataFrame({"label": [5, 9]}))
    assert [pool.key(row) for row in np.flatnonzero(pool.mask)] == [(0, 0, 9), (1, 1, 3)]
    assert len(pool) == 5
    assert not pool.undo()


def test_wrong_sizes_and_layers_are_refused():
    still, _ = layers()
    with pytest.raises(InputError, match="each once"):
        PooledSelection([still, still])
    with pytest.raises(InputError, match="mask of 3 rows"):
        PooledSelection([still]).select(np.ones(4, bool))
