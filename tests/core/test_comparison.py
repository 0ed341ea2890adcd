"""Scores of a segmentation against the truth, on cases small enough to count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bioloom.errors import InputError
from bioloom.measure import compare_segmentations, measure


def bars(*spans: tuple[int, int, int], length: int = 40) -> np.ndarray:
    """One row with objects (label, start, stop)."""
    row = np.zeros((1, length), int)
    for label, start, stop in spans:
        row[0, start:stop] = label
    return row


def test_the_same_segmentation_with_other_numbers_is_perfect() -> None:
    truth = bars((1, 0, 5), (2, 5, 9), (3, 20, 30))
    labels = np.array([0, 4_000_000_000, 7, 300])[truth]
    scores = compare_segmentations(labels, truth, (0.5, 1.0))
    assert (scores.n_labels, scores.n_truth) == (3, 3)
    for name in ("precision", "recall", "f1", "average_precision", "mean_matched_iou"):
        assert getattr(scores, name) == (1, 1)
    assert scores.foreground_iou == scores.foreground_dice == 1
    assert dict(zip(scores.matches["label"], scores.matches["truth"], strict=True)) == {7: 2, 300: 3, 4_000_000_000: 1}


def test_counted_by_hand() -> None:
    truth = bars((1, 0, 10), (2, 12, 22), (3, 25, 30))
    labels = bars((5, 0, 8), (6, 15, 25), (7, 32, 36))  # IoU 8/10, 7/13, and one in the void
    scores = compare_segmentations(labels, truth, (0.5, 0.6, 0.9))
    assert scores.true_positives == (2, 1, 0)
    assert scores.false_positives == (1, 2, 3)
    assert scores.false_negatives == (1, 2, 3)
    assert scores.precision == pytest.approx((2 / 3, 1 / 3, 0))
    assert scores.f1 == pytest.approx((2 / 3, 1 / 3, 0))
    assert scores.average_precision == pytest.approx((2 / 4, 1 / 5, 0))
    assert scores.mean_matched_iou[:2] == pytest.approx(((8 / 10 + 7 / 13) / 2, 0.8))
    assert math.isnan(scores.mean_matched_iou[2])
    assert scores.foreground_iou == pytest.approx(15 / 32)
    assert scores.foreground_dice == pytest.approx(30 / 47)
    assert scores.matches["label"].tolist() == [5, 6]
    assert scores.matches["truth"].tolist() == [1, 2]
    assert scores.matches["iou"].to_list() == pytest.approx([8 / 10, 7 / 13])


def test_precision_and_recall_are_not_mixed_up() -> None:
    truth = bars((1, 0, 10))
    labels = bars((1, 0, 10), (2, 12, 14), (3, 16, 18), (4, 20, 22))
    scores = compare_segmentations(labels, truth)
    assert (scores.precision, scores.recall) == ((0.25,), (1.0,))
    assert (scores.false_positives, scores.false_negatives) == ((3,), (0,))


def test_a_split_object_matches_one_of_its_halves() -> None:
    scores = compare_segmentations(bars((1, 0, 5), (2, 5, 10)), bars((9, 0, 10)), 0.5)
    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == ((1,), (1,), (0,))


def test_below_one_half_as_many_as_possible_are_matched() -> None:
    # truth 1 overlaps labels 1 (IoU 4/11) and 2 (IoU 6/10); truth 2 overlaps label 2 only (IoU 2/11)
    truth = bars((1, 0, 10), (2, 10, 15))
    labels = bars((1, 0, 4), (2, 4, 12))
    assert compare_segmentations(labels, truth, 0.5).true_positives == (1,)
    scores = compare_segmentations(labels, truth, 0.1)
    assert scores.true_positives == (2,)
    assert list(zip(scores.matches["label"], scores.matches["truth"], strict=True)) == [(1, 1), (2, 2)]


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.5, 0.7])
def test_matching_is_as_good_as_one_over_all_pairs(threshold: float) -> None:
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(0)
    for _ in range(20):
        truth = np.repeat(np.repeat(rng.integers(0, 9, (5, 5)), 3, 0), 3, 1)
        labels = np.where(rng.random(truth.shape) < 0.3, rng.integers(0, 9, truth.shape), np.roll(truth, 1, 0))
        iou = np.zeros((10, 10))
        for a in np.unique(labels[labels > 0]):
            for b in np.unique(truth[truth > 0]):
                iou[a, b] = np.sum((labels == a) & (truth == b)) / np.sum((labels == a) | (truth == b))
        worth = np.where(iou >= threshold, 100 + iou, 0)
        chosen = linear_sum_assignment(worth, maximize=True)
        best = iou[chosen][worth[chosen] > 0]
        scores = compare_segmentations(labels, truth, threshold)
        assert scores.true_positives == (best.size,)
        if best.size:
            assert scores.mean_matched_iou[0] == pytest.approx(best.mean())
            assert scores.matches["label"].is_unique
            assert scores.matches["truth"].is_unique


def test_empty_segmentations() -> None:
    nothing, something = bars(), bars((1, 0, 4))
    both = compare_segmentations(nothing, nothing)
    assert both.precision == both.recall == both.f1 == both.average_precision == (1.0,)
    assert both.foreground_iou == 1
    missed = compare_segmentations(nothing, something)
    assert missed.precision == missed.recall == missed.f1 == (0.0,)
    assert missed.false_negatives == (1,)
    assert len(missed.matches) == 0
    assert compare_segmentations(something, nothing).f1 == (0.0,)
    assert compare_segmentations(np.zeros((0, 3), int), np.zeros((0, 3), int)).n_labels == 0


def test_frames_are_matched_on_their_own() -> None:
    truth = np.stack([bars((1, 0, 10)), bars((1, 20, 30))])
    labels = np.stack([bars((2, 0, 10)), bars((3, 20, 30))])
    assert compare_segmentations(labels, truth).true_positives == (1,)
    scores = compare_segmentations(labels, truth, frame_axis=0)
    assert (scores.true_positives, scores.n_truth) == ((2,), 2)
    assert scores.matches[["frame", "label", "truth"]].to_numpy().tolist() == [[0, 2, 1], [1, 3, 1]]


def test_table_of_thresholds() -> None:
    scores = compare_segmentations(bars((1, 0, 8)), bars((1, 0, 10)), (0.5, 0.75, 0.9))
    table = scores.to_frame()
    assert table["threshold"].tolist() == [0.5, 0.75, 0.9]
    assert table["f1"].tolist() == [1, 1, 0]


def test_stacks_and_the_labels_of_the_table_correspond() -> None:
    truth = np.zeros((6, 10, 10), np.uint16)
    truth[1:5, 1:5, 1:5], truth[1:5, 6:9, 6:9] = 10, 20
    labels = np.roll(truth, 1, axis=0)
    scores = compare_segmentations(labels, truth)
    assert scores.matches["iou"].tolist() == pytest.approx([3 / 5, 3 / 5])
    assert scores.matches["label"].tolist() == measure(labels, properties=[])["label"].tolist()


@pytest.mark.parametrize("threshold", [0, -1, 1.5, (), (0.5, float("nan"))])
def test_bad_thresholds_are_explained(threshold: object) -> None:
    with pytest.raises(InputError, match="thresholds"):
        compare_segmentations(bars(), bars(), threshold)  # type: ignore[arg-type]


def test_bad_labels_are_explained() -> None:
    with pytest.raises(InputError, match="shape"):
        compare_segmentations(bars(), bars(length=10))
    with pytest.raises(InputError, match="truth has negative"):
        compare_segmentations(bars(), bars() - 1)
    with pytest.raises(InputError, match="mask"):
        compare_segmentations(bars() > 0, bars())
