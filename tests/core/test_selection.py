"""One selection for plot, table and image, whose rows are known by frame and label."""

import numpy as np
import pandas as pd
import pytest

from bioloom import samples
from bioloom.errors import InputError
from bioloom.measure import measure
from bioloom.session.selection import Selection


def table(labels, frames=None):
    columns = {"label": labels} if frames is None else {"frame": frames, "label": labels}
    return pd.DataFrame(columns)


@pytest.fixture
def selection():
    """Ids with gaps, in no order, as large as labels can be."""
    return Selection(table(np.array([7, 2, 2**32 - 1, 40, 16_777_217], np.uint32)))


def chosen(selection):
    return sorted(selection.labels[selection.mask].tolist())


def count(selection):
    calls = []
    selection.changed.connect(lambda: calls.append(1))
    return calls


def mask(*values):
    return np.array(values, bool)


def test_select_replace_add_and_remove(selection):
    changes = count(selection)
    selection.select(mask(1, 1, 0, 0, 0))
    assert chosen(selection) == [2, 7]
    selection.select(mask(0, 1, 1, 0, 0), "add")
    assert chosen(selection) == [2, 7, 2**32 - 1]
    selection.select(mask(1, 0, 0, 1, 0), "remove")
    assert chosen(selection) == [2, 2**32 - 1]
    selection.select(mask(0, 0, 0, 0, 1))
    assert chosen(selection) == [16_777_217]
    assert len(changes) == 4
    selection.select(mask(0, 0, 0, 0, 1))
    assert len(changes) == 4, "nothing changed, nothing is drawn again"
    selection.clear()
    assert chosen(selection) == []


def test_the_mask_of_the_caller_stays_his(selection):
    given = mask(1, 0, 0, 0, 0)
    selection.select(given)
    given[:] = True
    assert chosen(selection) == [7]
    with pytest.raises(ValueError, match="read-only"):
        selection.mask[0] = False
    with pytest.raises(ValueError, match="read-only"):
        selection.classes[0] = 1


@pytest.mark.parametrize("mode", ["replace", "add", "remove"])
def test_a_mask_of_another_table_is_refused(selection, mode):
    with pytest.raises(InputError, match=r"5 rows.*\(3,\)"):
        selection.select(mask(1, 0, 1), mode)
    with pytest.raises(InputError, match=r"5 rows.*\(4,\)"):
        selection.set_classes(np.arange(4))
    assert chosen(selection) == []


def test_objects_are_found_by_their_labels_whatever_their_row(selection):
    selection.select_objects([40, 2**32 - 1, 3])
    assert chosen(selection) == [40, 2**32 - 1]
    selection.select_objects([16_777_217, 16_777_216], mode="add")
    assert chosen(selection) == [40, 16_777_217, 2**32 - 1]
    selection.select_objects([40], mode="remove")
    assert chosen(selection) == [16_777_217, 2**32 - 1]
    assert selection.row(2) == 1
    assert selection.row(np.uint32(2**32 - 1)) == 2
    assert selection.row(3) is None
    # Without time, the frame that the viewer happens to show does not matter.
    assert selection.row(2, frame=5) == 1


def test_an_object_is_its_frame_and_its_label():
    sample = samples.nuclei_timelapse(shape=(3, 96, 96), n_nuclei=5, seed=1)
    measured = measure(sample.labels, frame_axis=0, properties=["area"]).sample(frac=1, random_state=0)
    selection = Selection(measured)
    assert selection.has_frames
    label = int(np.intersect1d(sample.labels[0], sample.labels[2])[1])
    selection.select_objects([label], frame=2)
    (row,) = np.flatnonzero(selection.mask)
    assert measured.iloc[row][["frame", "label"]].tolist() == [2, label]
    assert selection.row(label, 2) == row
    assert selection.row(label, 0) not in (None, row)
    assert selection.row(label, 3) is None


def test_classes_are_assigned_to_what_is_selected(selection):
    selection.select_objects([7, 40])
    selection.assign(3)
    assert selection.classes.tolist() == [3, 0, 0, 3, 0]
    selection.select_objects([40, 2])
    selection.assign(0)
    assert selection.classes.tolist() == [3, 0, 0, 0, 0]
    selection.set_classes(np.array([1, 2, 3, 1, 2], np.int32))
    assert selection.classes.tolist() == [1, 2, 3, 1, 2]
    assert chosen(selection) == [2, 40]


def test_undo_and_redo_walk_through_masks_and_classes(selection):
    assert not selection.undo()
    selection.select_objects([7])
    selection.assign(2)
    selection.clear()
    states = []
    while True:
        states.append((chosen(selection), selection.classes.tolist()))
        if not selection.undo():
            break
    assert states == [
        ([], [2, 0, 0, 0, 0]),
        ([7], [2, 0, 0, 0, 0]),
        ([7], [0] * 5),
        ([], [0] * 5),
    ]
    for state in states[-2::-1]:
        assert selection.redo()
        assert (chosen(selection), selection.classes.tolist()) == state
    assert not selection.redo()


def test_a_new_change_ends_the_way_forward(selection):
    selection.select_objects([7])
    selection.undo()
    selection.select_objects([2])
    assert not selection.redo()
    assert chosen(selection) == [2]


def test_the_last_hundred_changes_can_be_taken_back(selection):
    for step in range(130):
        selection.select_objects([7 if step % 2 else 2])
    taken = 0
    while selection.undo():
        taken += 1
    assert taken == 100


def test_objects_that_are_still_there_keep_selection_and_class(selection):
    selection.select_objects([7, 40, 2**32 - 1])
    selection.assign(5)
    selection.select_objects([40, 2])
    changes = count(selection)
    selection.rekey(table([99, 40, 2, 7]))
    assert len(changes) == 1
    assert selection.labels.tolist() == [99, 40, 2, 7]
    assert selection.classes.tolist() == [0, 5, 0, 5]
    assert chosen(selection) == [2, 40]
    assert not selection.undo(), "what was done to rows that are gone cannot be taken back"


def test_steps_are_taken_back_although_the_rows_were_sorted(selection):
    selection.select_objects([7, 40])
    selection.assign(5)
    selection.rekey(table(sorted(selection.labels.tolist())))
    assert selection.undo()
    assert not selection.classes.any()
    assert set(chosen(selection)) == {7, 40}
    assert selection.redo()
    assert set(selection.labels[selection.classes == 5].tolist()) == {7, 40}


def test_the_same_rows_with_more_columns_change_nothing(selection):
    selection.select_objects([7])
    changes = count(selection)
    selection.rekey(table(selection.labels).assign(area=1.0))
    assert changes == []
    assert selection.undo()


def test_rows_move_with_their_key_over_time():
    selection = Selection(table([1, 2, 1, 2], [0, 0, 1, 1]))
    selection.select_objects([2], frame=1)
    selection.assign(4)
    selection.rekey(table([2, 2, 1], [1, 0, 1]))
    assert selection.classes.tolist() == [4, 0, 0]
    assert selection.mask.tolist() == [True, False, False]


def test_time_that_appears_or_goes_is_noticed():
    selection = Selection(table([1, 2]))
    selection.rekey(table([1, 2], [0, 0]))
    assert selection.has_frames
    assert selection.row(1, frame=3) is None
    selection.rekey(table([1, 2]))
    assert selection.row(1, frame=3) == 0


def test_an_object_that_occurs_twice_is_refused():
    with pytest.raises(InputError, match="occur twice"):
        Selection(table([1, 2, 1]))
    selection = Selection(table([1, 2, 1], [0, 0, 1]))
    selection.select_objects([2])
    with pytest.raises(InputError, match="occur twice"):
        selection.rekey(table([1, 2, 1], [0, 0, 0]))
    assert selection.mask.tolist() == [False, True, False], "a table that is refused changes nothing"


def test_a_table_without_labels_says_what_to_do():
    with pytest.raises(InputError, match=r"no column 'label'.*Measure first"):
        Selection(pd.DataFrame({"index": [1, 2], "area": [3.0, 4.0]}))


@pytest.mark.parametrize("labels", [["a", "b"], [1.5, 2.0], [1.0, np.nan]])
def test_labels_that_are_no_numbers_say_what_to_do(labels):
    with pytest.raises(InputError, match="'label' must hold whole numbers"):
        Selection(table(labels))
    with pytest.raises(InputError, match="'frame' must hold whole numbers"):
        Selection(table([1, 2], labels))


def test_an_empty_table_is_fine():
    selection = Selection(table(np.zeros(0, int)))
    selection.select(np.zeros(0, bool))
    selection.select_objects([1])
    selection.assign(1)
    assert len(selection) == 0
