"""How well one segmentation agrees with another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import inputs

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SegmentationScores:
    """Agreement of a segmentation with the truth.

    Attributes
    ----------
    n_labels, n_truth
        Numbers of objects in both.
    thresholds
        The intersections over union (IoU) from which on two objects count as the same. The tuples below have one entry
        per threshold.
    true_positives, false_positives, false_negatives
        Matched objects; labels without a truth; truths without a label.
    precision, recall, f1
        Matched share of the labels, of the truths, and their harmonic mean. 1 if neither has an object, 0 if only one
        of the two has.
    average_precision
        TP / (TP + FP + FN), as in StarDist and the Data Science Bowl 2018.
    mean_matched_iou
        Mean IoU of the matched pairs; NaN if there are none.
    foreground_iou, foreground_dice
        Agreement of the foregrounds, pixel by pixel; 1 if both are empty.
    matches
        Pairs matched at the lowest threshold: columns `label`, `truth`, `iou` (before them `frame`, if the data has
        frames), sorted by frame and label.
    """

    n_labels: int
    n_truth: int
    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    false_negatives: tuple[int, ...]
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    f1: tuple[float, ...]
    average_precision: tuple[float, ...]
    mean_matched_iou: tuple[float, ...]
    foreground_iou: float
    foreground_dice: float
    matches: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row per threshold."""
        import pandas as pd

        names = (
            "true_positives", "false_positives", "false_negatives", "precision", "recall", "f1", "average_precision",
            "mean_matched_iou",
        )  # fmt: skip
        return pd.DataFrame({"threshold": self.thresholds} | {name: getattr(self, name) for name in names})


@dataclass(frozen=True)
class _Overlaps:
    """Objects of one frame, and the pairs of them (rows of both) that overlap, with their IoU."""

    ids_a: Array
    ids_b: Array
    rows_a: Array
    rows_b: Array
    iou: Floats
    foreground: tuple[int, int, int]  # pixels in both, in a, in b


def compare_segmentations(
    labels: Any,
    truth: Any,
    thresholds: Sequence[float] | float = (0.5,),
    *,
    frame_axis: int | None = None,
) -> SegmentationScores:
    """Compare a label image with a true one, object by object.

    Two objects can match if their IoU is at least the threshold. Each is matched at most once, so that there are as
    many matches as possible and, among those, the sum of their IoU is largest. Background (0) is no object.

    Parameters
    ----------
    labels, truth
        Label images of the same shape and of any number of axes; labels may have gaps and need not correspond.
    thresholds
        One or several IoU, above 0 and up to 1.
    frame_axis
        The axis that is time, if labels are numbered anew in each frame: objects are then matched within frames.

    Returns
    -------
    SegmentationScores
        Counts, scores per threshold, and the matched pairs.

    Raises
    ------
    InputError
        If the shapes differ, labels are not whole numbers from 0 up, or a threshold is out of range.

    Notes
    -----
    Scores as in Caicedo et al. (2019), Nature Methods 16:1247, and in the `matching` of StarDist.
    """
    limits = tuple(float(t) for t in np.atleast_1d(thresholds))
    if not limits or not all(0 < t <= 1 for t in limits):
        raise InputError(f"thresholds={thresholds!r} does not fit: give one or several numbers above 0 and up to 1.")
    shape = inputs.shape_of(labels)
    if inputs.shape_of(truth) != shape:
        raise InputError(
            f"labels has the shape {shape} and truth {inputs.shape_of(truth)}; both must show the same pixels."
        )
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    if axis is None:
        frames = [_overlaps(labels, truth)]
    else:
        frames = [_overlaps(inputs.take(labels, axis, t), inputs.take(truth, axis, t)) for t in range(shape[axis])]

    n_labels, n_truth = sum(f.ids_a.size for f in frames), sum(f.ids_b.size for f in frames)
    matched = [[_match(f, t) for f in frames] for t in limits]
    tp = [sum(m.size for m in per_frame) for per_frame in matched]
    ious = [np.concatenate([f.iou[m] for f, m in zip(frames, per_frame, strict=True)] or [np.empty(0)])
            for per_frame in matched]  # fmt: skip
    both, in_a, in_b = (sum(f.foreground[i] for f in frames) for i in range(3))
    return SegmentationScores(
        n_labels=n_labels,
        n_truth=n_truth,
        thresholds=limits,
        true_positives=tuple(tp),
        false_positives=tuple(n_labels - n for n in tp),
        false_negatives=tuple(n_truth - n for n in tp),
        precision=tuple(_share(n, n_labels, n_truth) for n in tp),
        recall=tuple(_share(n, n_truth, n_labels) for n in tp),
        f1=tuple(_share(2 * n, n_labels + n_truth, 0) for n in tp),
        average_precision=tuple(_share(n, n_labels + n_truth - n, 0) for n in tp),
        mean_matched_iou=tuple(float(v.mean()) if v.size else float("nan") for v in ious),
        foreground_iou=_share(both, in_a + in_b - both, 0),
        foreground_dice=_share(2 * both, in_a + in_b, 0),
        matches=_table(frames, matched[int(np.argmin(limits))], axis is not None),
    )


def _share(part: int, whole: int, other: int) -> float:
    """Part of a whole; of nothing, 1 if there was nothing on the other side either, else 0."""
    return part / whole if whole else float(other == 0)


def _overlaps(labels: Any, truth: Any) -> _Overlaps:
    """Count the overlaps of all pairs of objects."""
    from bioloom.measure._overlap import list_pair_runs

    a = inputs.checked_labels(labels, "labels").ravel()
    b = inputs.checked_labels(truth, "truth").ravel()
    n = list_pair_runs(a, b, a[:0], b[:0], np.empty(0, np.int64))
    run_a, run_b, lengths = np.empty(n, a.dtype), np.empty(n, b.dtype), np.empty(n, np.int64)
    # The labels may have been painted in between, and the runs be fewer.
    n = min(list_pair_runs(a, b, run_a, run_b, lengths), n)
    run_a, run_b, lengths = run_a[:n], run_b[:n], lengths[:n]
    # Background gets row 0 on both sides, present or not.
    ids_a, rows_a = np.unique(np.concatenate([np.zeros(1, a.dtype), run_a]), return_inverse=True)
    ids_b, rows_b = np.unique(np.concatenate([np.zeros(1, b.dtype), run_b]), return_inverse=True)
    keys, position = np.unique(rows_a[1:] * ids_b.size + rows_b[1:], return_inverse=True)
    pixels = np.bincount(position, weights=lengths, minlength=keys.size)
    rows_a, rows_b = np.divmod(keys, ids_b.size)
    size_a = np.bincount(rows_a, weights=pixels, minlength=ids_a.size)
    size_b = np.bincount(rows_b, weights=pixels, minlength=ids_b.size)
    real = (rows_a > 0) & (rows_b > 0)
    rows_a, rows_b, shared = rows_a[real], rows_b[real], pixels[real]
    iou = shared / (size_a[rows_a] + size_b[rows_b] - shared)
    foreground = (int(shared.sum()), int(size_a[1:].sum()), int(size_b[1:].sum()))
    return _Overlaps(ids_a[1:], ids_b[1:], rows_a - 1, rows_b - 1, iou, foreground)


def _match(overlaps: _Overlaps, threshold: float) -> Array:
    """Choose the pairs that are matched; return their indices, sorted by row of `labels`.

    An object can overlap two others by half at most: above 0.5 all pairs are matches. Up to 0.5, choices are needed
    only within groups of objects that hang together by pairs, and these are small.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = np.flatnonzero(overlaps.iou >= threshold)
    if threshold > 0.5 or pairs.size == 0:
        return pairs
    n_a, n_b = overlaps.ids_a.size, overlaps.ids_b.size
    rows_a, rows_b = overlaps.rows_a[pairs], overlaps.rows_b[pairs]
    graph = coo_array((np.ones(pairs.size), (rows_a, n_a + rows_b)), shape=(n_a + n_b, n_a + n_b))
    group = connected_components(graph, directed=False)[1][rows_a]
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    matched = []
    for members in np.split(order, starts[1:]):
        if members.size == 1:
            matched.append(members)
            continue
        a, at_a = np.unique(rows_a[members], return_inverse=True)
        b, at_b = np.unique(rows_b[members], return_inverse=True)
        # A match is worth more than all IoU together, so that their number counts first.
        worth = np.zeros((a.size, b.size))
        worth[at_a, at_b] = min(a.size, b.size) + 1 + overlaps.iou[pairs[members]]
        index = np.full((a.size, b.size), -1)
        index[at_a, at_b] = members
        found = index[linear_sum_assignment(worth, maximize=True)]
        matched.append(found[found >= 0])
    return np.sort(pairs[np.concatenate(matched)])


def _table(frames: Sequence[_Overlaps], matched: Sequence[Array], with_frame: bool) -> pd.DataFrame:
    """Table of the matched pairs."""
    import pandas as pd

    empty = [np.empty(0, np.int64)]
    columns: dict[str, Array] = {}
    if with_frame:
        columns["frame"] = np.concatenate([np.full(m.size, t) for t, m in enumerate(matched)] or empty)
    for name, ids, rows in (("label", "ids_a", "rows_a"), ("truth", "ids_b", "rows_b")):
        parts = [getattr(f, ids)[getattr(f, rows)[m]] for f, m in zip(frames, matched, strict=True)]
        columns[name] = np.concatenate(parts or empty)
        if columns[name].dtype == np.uint32:
            columns[name] = columns[name].astype(np.int64)
    parts = [f.iou[m] for f, m in zip(frames, matched, strict=True)]
    columns["iou"] = np.concatenate(parts or [np.empty(0)])
    return pd.DataFrame(columns)
