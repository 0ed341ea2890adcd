"""Objects that touch are split, and probabilities become objects."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from bioloom import operations
from bioloom.classify.segmentation import objects_from_classes, objects_from_probability, without_holes
from bioloom.errors import InputError
from bioloom.operations import split_touching_objects


def discs(centres, radius, shape=(80, 160)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return [(y - row) ** 2 + (x - column) ** 2 <= radius**2 for row, column in centres]


def balls(centres, radii, shape):
    grid = np.mgrid[tuple(slice(n) for n in shape)]
    return [sum(((g - c) / r) ** 2 for g, c, r in zip(grid, centre, radii, strict=True)) <= 1 for centre in centres]


@pytest.mark.parametrize("radius", [8, 16, 32])
def test_two_touching_discs_become_two_at_every_size(radius):
    scale = radius / 16
    one, other = discs(
        [(40 * scale, 50 * scale), (40 * scale, 75 * scale)], radius, (int(80 * scale), int(160 * scale))
    )
    labels = split_touching_objects(one | other)
    assert labels.max() == 2
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels > 0, one | other)
    border = labels[int(40 * scale)]
    assert border[int(55 * scale)] == 1
    assert border[int(70 * scale)] == 2
    # The cut is where the discs meet.
    assert abs((labels == 1).sum() - (labels == 2).sum()) < 0.1 * one.sum()


def test_round_and_oblong_objects_stay_whole():
    y, x = np.mgrid[:80, :160]
    (disc,) = discs([(40, 40)], 20)
    ellipse = ((y - 40) / 9) ** 2 + ((x - 115) / 30) ** 2 <= 1
    labels = split_touching_objects(disc | ellipse)
    assert labels.max() == 2
    np.testing.assert_array_equal(labels > 0, ndimage.label(disc | ellipse)[0] > 0)


def test_rough_outlines_do_not_split():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :160]
    angle, distance = np.arctan2(y - 40, x - 80), np.hypot(y - 40, x - 80)
    noise = np.interp(angle, np.linspace(-np.pi, np.pi, 60), rng.uniform(-2, 2, 60))
    assert split_touching_objects(distance < 25 + noise).max() == 1


def test_the_neck_says_how_easily_objects_are_split():
    one, other = discs([(40, 50), (40, 75)], 16)
    mask = one | other
    counts = [int(split_touching_objects(mask, neck).max()) for neck in (0, 0.3, 0.6, 0.8, 1)]
    assert counts[0] == 1
    assert counts[-2:] == [2, counts[-1]]
    assert all(a <= b for a, b in pairwise(counts))
    apart, _ = discs([(40, 20), (40, 140)], 16)
    far = apart | discs([(40, 140)], 16)[0]
    np.testing.assert_array_equal(split_touching_objects(far, 0), operations.connected_components(far))


def test_three_in_a_row_and_one_alone_are_numbered_in_reading_order():
    mask = np.any(discs([(40, 30), (40, 55), (40, 80), (40, 130)], 15), axis=0)
    labels = split_touching_objects(mask)
    assert labels.max() == 4
    firsts = [np.flatnonzero(labels == k)[0] for k in range(1, 5)]
    assert firsts == sorted(firsts)


def test_two_balls_in_an_anisotropic_stack():
    # Round in space: pixels are three times as tall as they are wide.
    mask = np.any(balls([(10, 30, 30), (10, 30, 55)], (16 / 3, 16, 16), (20, 60, 90)), axis=0)
    labels = split_touching_objects(mask, spacing=(3, 1, 1))
    assert labels.max() == 2
    assert labels[10, 30, 30] == 1
    assert labels[10, 30, 55] == 2
    # One above the other.
    mask = np.any(balls([(8, 30, 30), (16, 30, 30)], (16 / 3, 16, 16), (25, 60, 60)), axis=0)
    labels = split_touching_objects(mask, spacing=(3, 1, 1))
    assert labels.max() == 2
    assert labels[8, 30, 30] != labels[16, 30, 30]


def test_a_stack_of_one_plane_is_split_as_the_plane_is():
    mask = np.any(discs([(40, 50), (40, 75)], 16), axis=0)
    np.testing.assert_array_equal(split_touching_objects(mask[None])[0], split_touching_objects(mask))


def test_units_do_not_matter():
    mask = np.any(discs([(40, 50), (40, 75)], 16), axis=0)
    np.testing.assert_array_equal(
        split_touching_objects(mask), split_touching_objects(mask, smoothing=0.25, spacing=(0.25, 0.25))
    )


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (1, 7), (3, 3, 3), (1, 1, 4)])
def test_full_and_empty_masks(shape):
    assert not split_touching_objects(np.zeros(shape, bool)).any()
    np.testing.assert_array_equal(split_touching_objects(np.ones(shape, bool)), np.ones(shape, np.uint32))


def test_more_objects_than_a_first_guess():
    mask = np.zeros((200, 200), np.uint8)
    mask[::3, ::3] = 255
    labels = split_touching_objects(mask)
    assert labels.max() == np.count_nonzero(mask)
    assert len(np.unique(labels)) == labels.max() + 1


def probable(centres, radius, inside=0.9, outside=0.1):
    mask = np.any(discs(centres, radius), axis=0)
    return np.where(mask, inside, outside), mask


def test_probabilities_become_split_objects_without_holes_and_specks():
    probability, mask = probable([(40, 50), (40, 75), (40, 130)], 16)
    probability[38:41, 48:51] = 0.2
    probability[5, 5] = 0.95
    labels = objects_from_probability(probability)
    assert labels.max() == 3
    assert labels[39, 49] == labels[30, 45] > 0
    assert labels[5, 5] == 0
    overlap = np.count_nonzero((labels > 0) & mask) / np.count_nonzero((labels > 0) | mask)
    assert overlap > 0.97


def test_each_step_can_be_left_out():
    probability, mask = probable([(40, 50), (40, 75)], 16)
    probability[38:41, 48:51] = 0.2
    probability[5, 5] = 0.95
    plain = objects_from_probability(probability, smoothing=0, fill_holes=False, split_touching=False)
    np.testing.assert_array_equal(plain, operations.connected_components(probability > 0.5))
    assert plain.max() == 2
    filled = objects_from_probability(probability, smoothing=0, split_touching=False)
    np.testing.assert_array_equal(filled > 0, mask | (probability == 0.95))
    large = objects_from_probability(probability, smoothing=0, split_touching=False, minimum_size=2)
    np.testing.assert_array_equal(large > 0, mask)
    assert set(np.unique(large)) == {0, 1}


def test_sizes_are_in_units_of_the_spacing():
    probability, mask = probable([(40, 50)], 10)
    pixels = np.count_nonzero(mask)
    kept = {"smoothing": 0, "spacing": (0.5, 0.5)}
    assert objects_from_probability(probability, minimum_size=pixels / 4, **kept).max() == 1
    assert objects_from_probability(probability, minimum_size=pixels / 4 + 0.5, **kept).max() == 0


def test_classes_become_objects():
    _, mask = probable([(40, 50), (40, 75)], 16)
    classes = np.where(mask, 7, 3)
    assert objects_from_classes(classes, 7).max() == 2
    assert objects_from_classes(classes, 7, split_touching=False).max() == 1
    assert objects_from_classes(classes, 2).max() == 0


def test_holes_are_what_does_not_reach_the_border():
    mask = np.zeros((9, 9), bool)
    mask[1:6, 1:6] = True
    mask[2:5, 2:5] = False
    mask[0, 8] = True
    filled = without_holes(mask)
    assert filled[2:5, 2:5].all()
    assert filled.sum() == 26
    mask[1, 3] = False
    np.testing.assert_array_equal(without_holes(mask), mask)
    np.testing.assert_array_equal(without_holes(filled[None])[0], filled)
    shell = np.ones((5, 5, 5), bool)
    shell[2, 2, 2] = False
    assert without_holes(np.pad(shell, 1))[3, 3, 3]
    for value in (False, True):
        np.testing.assert_array_equal(without_holes(np.full((1, 1), value)), [[value]])


@pytest.mark.parametrize(("probability", "settings"), [
    (np.zeros(5), {}), (np.zeros((2, 2, 2, 2)), {}), (np.zeros((0, 4)), {}), (np.full((4, 4), np.nan), {}),
    (np.zeros((4, 4), complex), {}), (np.zeros((4, 4)), {"smoothing": -1}), (np.zeros((4, 4)), {"minimum_size": -1}),
    (np.zeros((4, 4)), {"spacing": (1,)}), (np.zeros((4, 4)), {"neck": 2}),
    (np.zeros((4, 4)), {"smoothing": float("nan")}),
])  # fmt: skip
def test_what_cannot_be_segmented_is_refused(probability, settings):
    with pytest.raises(InputError):
        objects_from_probability(probability, **settings)
