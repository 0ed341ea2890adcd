"""What was corrected by hand can be done again, and what does not fit any more is told and left out."""

import json
import logging

import numpy as np
import pytest
from scipy import ndimage

from bioloom.errors import InputError
from bioloom.operations import CATALOGUE, correct_labels, over_frames
from bioloom.operations.corrections import (
    apply_corrections,
    check_corrections,
    collect_lost,
    corrections_of_frame,
    runs_of,
    with_sizes,
)


@pytest.fixture
def labels():
    """Three rectangles: 1 and 2 side by side, 7 below."""
    image = np.zeros((24, 30), np.uint16)
    image[2:10, 2:12] = 1
    image[2:10, 12:22] = 2
    image[14:22, 4:20] = 7
    return image


def only(labels, *corrections):
    """Correct, where nothing may be lost."""
    corrected, lost = apply_corrections(labels, corrections)
    assert lost == []
    assert corrected.dtype == np.uint32
    return corrected


def reason(labels, correction):
    """Return why a correction does not fit; it must leave the labels as they are."""
    corrected, (lost,) = apply_corrections(labels, [correction])
    np.testing.assert_array_equal(corrected, labels)
    assert lost.correction["kind"] == correction["kind"]
    return lost.reason


def test_merge_gives_all_the_label_of_the_first_point(labels):
    before = labels.copy()
    merged = only(labels, {"kind": "merge", "points": [[5.4, 14], [5, 3.2], [18, 8]]})
    np.testing.assert_array_equal(merged, np.where(labels > 0, 2, 0))
    np.testing.assert_array_equal(labels, before)


def test_delete(labels):
    np.testing.assert_array_equal(only(labels, {"kind": "delete", "point": [18, 8]}), np.where(labels == 7, 0, labels))


@pytest.mark.parametrize(
    "line", [[[3, 8], [9, 8]], [[0, 8], [23, 8]], [[5, 8], [6, 8]]], ids=["inside", "through", "short"]
)
def test_split_by_an_upright_line(labels, line):
    labels[2:10, 12:22] = 0
    labels[14:] = 0
    split = only(labels, {"kind": "split", "line": line})
    np.testing.assert_array_equal(split > 0, labels > 0)
    left, right = split[2:10, 2:8], split[2:10, 9:12]
    # The larger part keeps its label, and the other gets the first free one.
    assert (left == 1).all()
    assert (right == 2).all()
    assert ndimage.label(split == 1)[1] == ndimage.label(split == 2)[1] == 1


def test_a_line_splits_only_the_object_that_most_of_it_lies_in(labels):
    split = only(labels, {"kind": "split", "line": [[5, 10], [5, 24]]})
    assert set(np.unique(split)) == {0, 1, 2, 7, 8}
    np.testing.assert_array_equal(split == 1, labels == 1)
    assert set(np.unique(split[labels == 2])) == {2, 8}


def test_no_diagonal_line_leaks():
    rng = np.random.default_rng(0)
    disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 18
    for _ in range(30):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-8, 8)
        normal = np.array([np.cos(angle), np.sin(angle)])
        along = np.array([-normal[1], normal[0]])
        middle = 20 + offset * normal
        line = [(middle - 30 * along).tolist(), (middle + 30 * along).tolist()]
        split = only(disc.astype(np.uint8), {"kind": "split", "line": line})
        y, x = np.nonzero(disc)
        side = (y - 20) * normal[0] + (x - 20) * normal[1] - offset
        clear = np.abs(side) > 1.5
        # The two labels are the two sides of the line.
        assert len(np.unique(split[y[clear & (side > 0)], x[clear & (side > 0)]])) == 1
        assert len(np.unique(split[y[clear & (side < 0)], x[clear & (side < 0)]])) == 1
        assert set(np.unique(split)) == {0, 1, 2}


def test_a_bent_line_cuts_along_its_bend(labels):
    split = only(labels, {"kind": "split", "line": [[13, 8], [18, 8], [18, 15], [13, 15]]})
    assert split[15, 11] == 8
    assert split[20, 11] == split[15, 5] == split[15, 18] == 7


def test_a_line_across_a_comb_gives_each_tooth_its_label():
    comb = np.zeros((20, 31), np.uint8)
    comb[2:6, 1:30] = 1
    for x in (1, 11, 21):
        comb[6:18, x : x + 9] = 1
    split = only(comb, {"kind": "split", "line": [[10, 0], [10, 30]]})
    assert len({int(split[15, x]) for x in (5, 15, 25)} | {int(split[3, 15])}) == 4


def test_a_part_of_an_object_that_lies_apart_stays_with_it(labels):
    labels[23, 29] = 1
    split = only(labels, {"kind": "split", "line": [[0, 6], [12, 6]]})
    assert split[23, 29] == 1


def test_a_notched_rim_does_not_spoil_a_cut_from_within():
    blob = np.zeros((30, 30), np.uint8)
    blob[5:25, 5:25] = 1
    blob[8, 14:17] = 0  # a hole in the way of the prolonged line
    split = only(blob, {"kind": "split", "line": [[12, 15], [18, 15]]})
    assert set(np.unique(split)) == {0, 1, 2}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_cut_in_a_stack_goes_through_all_planes(axis):
    box = np.zeros((12, 14, 16), np.uint8)
    box[2:10, 2:12, 2:14] = 1
    plane = [a for a in range(3) if a != axis]
    middle = [5.0, 6.0, 7.0]
    ends = [list(middle), list(middle)]
    ends[0][plane[0]], ends[1][plane[0]] = 0, 13
    # An upright line moves along one axis only, so that its plane must be told.
    split = only(box, {"kind": "split", "line": ends, "axis": axis})
    np.testing.assert_array_equal(split > 0, box > 0)
    first = np.take(split, range(2, int(middle[plane[1]])), axis=plane[1])
    second = np.take(split, range(int(middle[plane[1]]) + 1, box.shape[plane[1]]), axis=plane[1])
    assert len(np.unique(first[first > 0])) == len(np.unique(second[second > 0])) == 1
    assert set(np.unique(split)) == {0, 1, 2}


def test_the_axis_of_a_cut_can_be_chosen():
    box = np.zeros((12, 14, 16), np.uint8)
    box[2:10, 2:12, 2:14] = 1
    split = only(box, {"kind": "split", "line": [[5, 6, 1], [5, 6, 14]], "axis": 1})
    assert len({int(split[z, 6, 8]) for z in (3, 8)}) == 2
    np.testing.assert_array_equal(split[3, 3], split[3, 10])


def test_draw_a_polygon(labels):
    polygon = [[11.5, 23.5], [11.5, 27.5], [15.5, 27.5], [15.5, 23.5]]
    drawn = only(labels, {"kind": "draw", "polygon": polygon})
    expected = labels.astype(np.uint32)
    expected[12:16, 24:28] = 8
    np.testing.assert_array_equal(drawn, expected)
    added = only(labels, {"kind": "draw", "polygon": polygon, "point": [3, 3]})
    expected[12:16, 24:28] = 1
    np.testing.assert_array_equal(added, expected)


def test_drawing_over_objects_or_around_them(labels):
    mask = np.zeros(labels.shape, bool)
    mask[8:16, 10:14] = True
    painted = {"kind": "draw", "runs": runs_of(mask)}
    np.testing.assert_array_equal(only(labels, painted), np.where(mask, 8, labels))
    kept = only(labels, {**painted, "over": False})
    np.testing.assert_array_equal(kept, np.where(mask & (labels == 0), 8, labels))
    assert "already" in reason(labels, {"kind": "draw", "runs": [[4, 4, 3]], "over": False})


def test_what_is_painted_beyond_the_border_is_cut_off(labels):
    drawn = only(labels, {"kind": "draw", "runs": [[-1, 0, 5], [23, 26, 50], [0, -3, 5]]})
    assert sorted(map(tuple, np.argwhere(drawn == 8))) == [(0, 0), (0, 1), (23, 26), (23, 27), (23, 28), (23, 29)]


@pytest.mark.parametrize("shape", [(17, 23), (5, 9, 11)])
def test_runs_are_the_mask(shape):
    mask = np.random.default_rng(1).random(shape) > 0.6
    runs = runs_of(mask)
    assert json.loads(json.dumps(runs)) == runs
    drawn = only(np.zeros(shape, np.uint8), {"kind": "draw", "runs": runs})
    np.testing.assert_array_equal(drawn, mask)
    part = tuple(slice(2, 5) for _ in shape)
    drawn = only(np.zeros(shape, np.uint8), {"kind": "draw", "runs": runs_of(mask[part], [2] * len(shape))})
    np.testing.assert_array_equal(drawn[part], mask[part])
    assert drawn.sum() == mask[part].sum()


def test_a_polygon_in_a_stack_stays_in_its_plane():
    stack = np.zeros((6, 12, 12), np.uint8)
    polygon = [[2.5, 4, 2.5], [2.5, 4, 6.5], [4.5, 4, 6.5], [4.5, 4, 2.5]]
    drawn = only(stack, {"kind": "draw", "polygon": polygon})
    assert {tuple(p) for p in np.argwhere(drawn)} == {(z, 4, x) for z in (3, 4) for x in (3, 4, 5, 6)}


def test_erase(labels):
    erased = only(labels, {"kind": "erase", "polygon": [[1, 10.5], [1, 30], [30, 30], [30, 10.5]]})
    expected = labels.copy()
    expected[1:, 11:] = 0
    np.testing.assert_array_equal(erased, expected)
    assert "no object" in reason(labels, {"kind": "erase", "runs": [[0, 0, 2]]})


def test_each_correction_sees_what_the_one_before_left(labels):
    corrected = only(
        labels,
        {"kind": "merge", "points": [[5, 5], [5, 15]]},
        {"kind": "split", "line": [[0, 7], [12, 7]]},
        {"kind": "delete", "point": [5, 3]},
        {"kind": "draw", "polygon": [[3, 3], [3, 5], [8, 5], [8, 3]], "point": [5, 15]},
        {"kind": "merge", "points": [[5, 4], [18, 8]]},
    )
    assert set(np.unique(corrected)) == {0, 1}
    assert corrected[5, 4] == corrected[5, 15] == corrected[18, 8] == 1
    assert corrected[2, 3] == 0


def test_large_and_sparse_labels(labels):
    far = labels.astype(np.uint32)
    far[far == 7] = 2**32 - 1
    merged = only(far, {"kind": "merge", "points": [[18, 8], [5, 5]]})
    np.testing.assert_array_equal(merged == 2**32 - 1, np.isin(labels, (1, 7)))
    # There is none above the largest, so the smallest free one is taken.
    drawn = only(far, {"kind": "draw", "runs": [[0, 0, 3]]}, {"kind": "draw", "runs": [[23, 0, 3]]})
    assert drawn[0, 0] == 3
    assert drawn[23, 0] == 4


@pytest.mark.parametrize(
    ("correction", "why"),
    [
        ({"kind": "merge", "points": [[5, 5], [0, 0]]}, "no object at (0, 0)"),
        ({"kind": "merge", "points": [[5, 5], [6, 6]]}, "one and the same"),
        ({"kind": "delete", "point": [40, 2]}, "outside"),
        ({"kind": "delete", "point": [1, 4, 2]}, "3D"),
        ({"kind": "split", "line": [[0, 0], [0, 20]]}, "no object along"),
        ({"kind": "split", "line": [[1, 4, 2], [1, 5, 9]]}, "3D"),
        ({"kind": "split", "line": [[100, 100], [200, 100]]}, "no object along"),
        ({"kind": "split", "line": [[2, 0], [2, 30]]}, "in two"),
        ({"kind": "draw", "runs": [[50, 0, 3]]}, "outside"),
        ({"kind": "draw", "runs": [[0, 0, 3]], "point": [0, 28]}, "no object at"),
        ({"kind": "draw", "polygon": [[50, 0], [50, 9], [60, 9]]}, "outside"),
        ({"kind": "draw", "runs": [[0, 5, 5, 2]]}, "3D"),
    ],
)
def test_what_does_not_fit_is_told(labels, correction, why):
    assert why in reason(labels, correction)


def test_the_others_are_made_where_one_does_not_fit(labels):
    bad = {"kind": "delete", "point": [0, 0]}
    corrected, lost = apply_corrections(
        labels, [{"kind": "delete", "point": [5, 5]}, bad, {"kind": "delete", "point": [18, 8]}]
    )
    np.testing.assert_array_equal(corrected, np.where(labels == 2, 2, 0))
    assert [one.correction["point"] for one in lost] == [[0, 0]]


def test_sizes_keep_a_correction_from_another_object(labels):
    delete = with_sizes(labels, {"kind": "delete", "point": [5, 5]})
    assert delete["sizes"] == [80]
    grown = labels.copy()
    grown[2:10, 2:22] = 1  # twice as large
    only(grown, delete)
    grown[0:13] = 1
    assert "another one now" in reason(grown, delete)
    assert with_sizes(labels, {"kind": "merge", "points": [[5, 5], [18, 8]]})["sizes"] == [80, 128]
    split = with_sizes(labels, {"kind": "split", "line": [[13, 10], [23, 10]]})
    assert split["sizes"] == [128]
    only(labels, split)
    shrunk = np.where(np.mgrid[:24, :30][1] > 8, labels, 0)
    shrunk[:, 13:] = 0
    assert "another one now" in reason(shrunk, split)
    assert "sizes" not in with_sizes(labels, {"kind": "delete", "point": [0, 0]})
    assert "sizes" not in with_sizes(labels, {"kind": "delete", "point": [99, 0]})
    assert "sizes" not in with_sizes(labels, {"kind": "split", "line": [[0, 0], [0, 9]]})


def test_frames(labels):
    movie = np.stack([labels, labels, labels])
    corrections = [
        {"kind": "delete", "point": [5, 5], "frame": 1},
        {"kind": "merge", "points": [[5, 15], [18, 8]], "frame": 2},
        {"kind": "draw", "runs": [[0, 0, 2]]},
    ]
    assert [len(corrections_of_frame(corrections, f)) for f in range(3)] == [1, 2, 2]
    result = over_frames("correct_labels", movie, corrections=corrections)
    for frame in range(3):
        expected, lost = apply_corrections(labels, corrections_of_frame(corrections, frame))
        np.testing.assert_array_equal(result[frame], expected)
        assert lost == []
    with pytest.raises(InputError, match="frames 1, 2"):
        apply_corrections(labels, corrections)


def test_the_operation_logs_what_it_leaves_out_unless_it_is_collected(labels, caplog):
    corrections = [{"kind": "delete", "point": [0, 0]}, {"kind": "delete", "point": [5, 5]}]
    with caplog.at_level(logging.WARNING, logger="bioloom"):
        result = correct_labels(labels, corrections)
    np.testing.assert_array_equal(result, np.where(labels == 1, 0, labels))
    assert "no object at (0, 0)" in caplog.text
    caplog.clear()
    with collect_lost() as lost:
        over_frames("correct_labels", np.stack([labels, labels]), corrections=corrections)
    assert [one.correction["point"] for one in lost] == [[0, 0], [0, 0]]
    assert caplog.text == ""


def test_without_corrections_nothing_changes(labels):
    np.testing.assert_array_equal(correct_labels(labels), labels)
    assert correct_labels(labels).dtype == np.uint32
    assert CATALOGUE["correct_labels"].parameters["corrections"].kind == "corrections"


def test_the_numbers_of_numpy_become_plain(labels):
    (one,) = check_corrections(
        [{"kind": "split", "line": np.array([[0, 8], [23, 8]]), "frame": np.int64(3), "sizes": [np.int32(4)]}]
    )
    assert json.loads(json.dumps(one)) == {"kind": "split", "line": [[0, 8], [23, 8]], "frame": 3, "sizes": [4]}


@pytest.mark.parametrize(
    "correction",
    [
        "merge",
        {},
        {"kind": "__class__"},
        {"kind": ["merge"], "points": [[1, 1], [2, 2]]},
        {"kind": "merge"},
        {"kind": "merge", "points": [[1, 1]]},
        {"kind": "merge", "points": "1,2"},
        {"kind": "merge", "points": [[1, 1], [2]]},
        {"kind": "merge", "points": [[1, 1], ["a", "b"]]},
        {"kind": "merge", "points": [[1, 1], [True, False]], "path": "/etc/passwd"},
        {"kind": "merge", "points": [[1, float("nan")], [2, 2]]},
        {"kind": "merge", "points": [[1, 1e300], [2, 2]]},
        {"kind": "merge", "points": [[1, 2, 3, 4], [2, 2, 2, 2]]},
        {"kind": "split", "line": [[1, 1]]},
        {"kind": "split", "line": [[1, 1], [2, 2]], "axis": 7},
        {"kind": "delete", "point": [1]},
        {"kind": "delete", "point": None},
        {"kind": "delete", "point": [1, 1], "frame": -1},
        {"kind": "delete", "point": [1, 1], "frame": True},
        {"kind": "draw"},
        {"kind": "draw", "polygon": [[1, 1], [2, 2], [3, 1]], "runs": [[1, 1, 1]]},
        {"kind": "draw", "polygon": [[1, 1], [2, 2]]},
        {"kind": "draw", "runs": []},
        {"kind": "draw", "runs": [[1, 1, 0]]},
        {"kind": "draw", "runs": [[1, 1.5, 2]]},
        {"kind": "draw", "runs": [[1, 1, 2]], "over": "yes"},
        {"kind": "erase", "runs": [[1, 1, 2]], "point": [1, 1]},
    ],
)
def test_anything_else_is_refused(labels, correction):
    with pytest.raises(InputError):
        apply_corrections(labels, [correction])


def test_runs_of_an_absurd_length_take_no_memory(labels):
    drawn = only(labels, {"kind": "draw", "runs": [[row, -(10**6), 9_000_000] for row in range(24)] * 40})
    assert (drawn == 8).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (1, 1, 1), (4, 1, 5)])
def test_tiny_images(shape):
    image = np.ones(shape, np.uint8)
    point = [0] * len(shape)
    assert not only(image, {"kind": "delete", "point": point}).any()
    line = [point, [n - 1 for n in shape]]
    corrected, lost = apply_corrections(image, [{"kind": "split", "line": line}])
    assert (corrected > 0).all()
    assert int(corrected.max()) == 2 - len(lost)
