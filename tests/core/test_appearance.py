"""Colours of objects: classes, values, and the selection in front of all."""

import numpy as np
import pytest

from bioloom import samples
from bioloom.explore import class_colours
from bioloom.explore.appearance import appearance
from bioloom.measure import measure

MAGENTA = [216, 27, 196, 255]


def colours(look):
    return look.palette[look.index]


def none(n):
    return np.zeros(n, bool)


@pytest.fixture(scope="module")
def areas():
    sample = samples.nuclei_2d(shape=(160, 160), n_nuclei=14, seed=3)
    return measure(sample.labels, properties=["area"])["area"].to_numpy()


def test_classes_have_the_colours_of_classes():
    classes = np.array([0, 3, 1, 12, 1])
    look = appearance(classes, none(5), categorical=True)
    np.testing.assert_array_equal(colours(look), class_colours(12)[classes])
    assert not look.plain
    np.testing.assert_array_equal(look.order, np.arange(5))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.int32, bool])
def test_few_whole_numbers_are_taken_for_classes(dtype):
    values = np.array([0, 1, 1, 0]).astype(dtype)
    np.testing.assert_array_equal(colours(appearance(values, none(4))), class_colours(1)[values.astype(int)])


@pytest.mark.parametrize("values", [np.array([-2, 0, 2]), np.array([5, 900, 31]), np.array([0.0, 1.0, 2.0])])
def test_other_numbers_are_shaded(values):
    look = appearance(values, none(3))
    shades = colours(look)[:, :3].astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(shades[np.argsort(values)]) > 0).all(), "viridis gets brighter with the value"


def test_nothing_classified_and_nothing_selected_is_plain():
    look = appearance(np.zeros(6, int), none(6), categorical=True)
    assert look.plain
    np.testing.assert_array_equal(colours(look), np.tile(class_colours(0)[0], (6, 1)))
    one = none(6)
    one[2] = True
    assert not appearance(np.zeros(6, int), one, categorical=True).plain
    assert not appearance(np.arange(6), none(6), categorical=True).plain
    assert not appearance(np.zeros(6), none(6)).plain


def test_a_selection_dims_the_others_and_is_drawn_last():
    classes, selected = np.array([0, 1, 2, 0, 1]), np.array([0, 1, 0, 1, 0], bool)
    look = appearance(classes, selected, categorical=True)
    shown, full = colours(look), class_colours(2)[classes]
    np.testing.assert_array_equal(shown[1], full[1])
    assert shown[3].tolist() == MAGENTA, "a selected object without a class would else be grey among grey"
    np.testing.assert_array_equal(shown[[0, 2, 4], :3], full[[0, 2, 4], :3])
    assert (shown[[0, 2, 4], 3] < 128).all()
    assert look.order.tolist() == [0, 2, 4, 1, 3]


def test_values_are_shaded_by_rank_in_their_middle_range(areas):
    look = appearance(areas, none(len(areas)))
    order = np.argsort(areas)
    assert (np.diff(look.index[order]) >= 0).all()
    assert look.index.min() == 1
    assert len(np.unique(look.index)) > len(areas) // 2
    outlier = np.append(areas, 1e9)
    shifted = appearance(np.concatenate([np.tile(areas, 20), [1e9]]), none(20 * len(areas) + 1))
    assert len(np.unique(shifted.index[: len(areas)])) > len(areas) // 2, "one outlier does not darken all others"
    assert appearance(outlier, none(len(outlier))).index[-1] == look.palette.shape[0] // 3 - 1


def test_missing_values_are_grey(areas):
    values = areas.copy()
    values[3], values[5] = np.nan, np.inf
    selected = none(len(values))
    look = appearance(values, selected)
    shown = colours(look)
    grey = class_colours(0)[0]
    np.testing.assert_array_equal(shown[[3, 5]], [grey, grey])
    others = np.delete(shown, [3, 5], axis=0)
    assert not (others == grey).all(axis=1).any()
    selected[[3, 4]] = True
    chosen = colours(appearance(values, selected))
    assert chosen[3].tolist() == MAGENTA
    np.testing.assert_array_equal(chosen[4], shown[4])
    assert (chosen[np.flatnonzero(~selected), 3] < 128).all()


@pytest.mark.parametrize("values", [np.full(4, 7.5), np.full(4, np.nan), np.zeros(0), np.zeros(0, int)])
def test_values_without_a_range_still_have_colours(values):
    look = appearance(values, none(len(values)))
    assert colours(look).shape == (len(values), 4)
    assert len(np.unique(look.index)) <= 1
