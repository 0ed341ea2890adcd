"""How well the loop did on a sample whose truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.samples import Sample

OBJECT = 2


def score_loop(
    sample: Sample,
    segmented: NDArray[Any],
    labels: NDArray[Any],
    pixel_classes: NDArray[Any],
    strokes: NDArray[Any],
    table: pd.DataFrame,
    given: NDArray[np.int64],
) -> dict[str, float]:
    """Compare what the loop found with the ground truth.

    Parameters
    ----------
    sample
        The sample with its truth.
    segmented
        Labels as segmented, before any object was removed.
    labels
        Labels of the objects in `table`.
    pixel_classes
        2 where the pixel classifier sees an object.
    strokes
        The pixels that it was trained on, not 0 there.
    table
        One row per object with ``class`` and ``KMEANS_CLUSTER``.
    given
        The class that each row was annotated with, 0 for none.

    Returns
    -------
    dict
        ``objects_true``, ``objects_segmented``, ``objects_measured``: numbers of objects.
        ``object_f1``: F1 of `segmented` at an IoU of 0.5. ``mean_matched_iou``: mean IoU of those matches.
        ``pixel_iou``: IoU of the classified with the true foreground; pixels of the strokes are left out.
        ``class_agreement``: share of objects with the class of their true nucleus, among ``class_objects`` objects
        that match a nucleus and were not annotated; NaN if there is none.
        ``cluster_agreement``: adjusted Rand index of clusters and true types of the ``cluster_objects`` that match a
        nucleus: 1 if they agree, about 0 if they have nothing to do with each other; NaN for fewer than 2.
    """
    from bioloom.measure import compare_segmentations

    before = compare_segmentations(segmented, sample.labels, frame_axis=sample.frame_axis)
    after = compare_segmentations(labels, sample.labels, frame_axis=sample.frame_axis)
    unseen = strokes == 0
    found, true = (pixel_classes == OBJECT) & unseen, (sample.labels > 0) & unseen
    keys = [name for name in ("frame", "label") if name in sample.cell_types]
    types = sample.cell_types[[*keys, "cell_type"]].rename(columns={"label": "truth"})
    # The row of each object is carried along: annotated objects must not count as right answers.
    matched = after.matches.merge(types, on=[key if key == "frame" else "truth" for key in keys])
    matched = table[["label", "class", "KMEANS_CLUSTER"]].assign(given=given).merge(matched, on="label")
    judged = matched[matched["given"] == 0]
    agreement = float((judged["class"] == judged["cell_type"]).mean()) if len(judged) else float("nan")
    return {
        "objects_true": before.n_truth,
        "objects_segmented": before.n_labels,
        "objects_measured": len(table),
        "object_f1": before.f1[0],
        "mean_matched_iou": before.mean_matched_iou[0],
        "pixel_iou": float((found & true).sum() / max((found | true).sum(), 1)),
        "class_agreement": agreement,
        "class_objects": len(judged),
        "cluster_agreement": _rand_index(matched["KMEANS_CLUSTER"], matched["cell_type"]),
        "cluster_objects": len(matched),
    }


def _rand_index(clusters: pd.Series[Any], types: pd.Series[Any]) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(types, clusters)) if len(types) > 1 else float("nan")
