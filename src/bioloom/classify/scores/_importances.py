"""What a forest decides by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.forest import Forest
from bioloom.classify.scores._held_out import HeldOut, decide, feature_names, hold_out, notes_on
from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.classify.base import ForestClassifier

Progress = Callable[[int, int], None]

_MAX_PERMUTED = 10_000


def permutation_importance(
    classifier: ForestClassifier,
    n_repeats: int = 5,
    seed: int = 0,
    *,
    held: HeldOut | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Measure by how much the accuracy on held-out items falls when the values of one feature are shuffled.

    Parameters
    ----------
    classifier
        Trained in this process, or loaded with its samples.
    n_repeats
        How often each feature is shuffled.
    seed
        Seed of the shuffling; each feature is shuffled in the same ways.
    held
        What :func:`hold_out` returned for it, so that it need not be trained again.
    progress
        Called as ``progress(done, total)`` after each feature.

    Returns
    -------
    pandas.DataFrame
        One row per feature, in the classifier's order: ``feature``, ``importance`` (mean fall of accuracy, 0 if the
        forest does not use it; below 0 if shuffling helped by chance) and ``std`` over the repeats. Of more than
        10,000 held-out items, as many are drawn at random.

    Raises
    ------
    InputError
        If the samples are not known, or there is nothing held out to test on.

    Notes
    -----
    L. Breiman, Machine Learning 45 (2001) 5-32, section 10; on held-out items, as ``sklearn.inspection`` does.
    Features that tell the same replace each other: each of them then seems unimportant.
    """
    import pandas as pd

    if n_repeats < 1:
        raise InputError(f"n_repeats is {n_repeats!r}, but must be a whole number of at least 1.")
    held = held or hold_out(classifier)
    scored = np.flatnonzero(np.isin(held.test.classes, held.forest_classes))
    if held.forest is None or not len(scored):
        raise InputError(f"Cannot measure importances: {' '.join(notes_on(held))}")
    rng = np.random.default_rng(seed)
    if len(scored) > _MAX_PERMUTED:
        scored = np.sort(rng.choice(scored, _MAX_PERMUTED, replace=False))
    bins = np.ascontiguousarray(held.test.bins[scored].T)
    n = bins.shape[1]
    true = np.searchsorted(held.forest_classes, held.test.classes[scored])
    base = float((decide(held.forest, bins) == true).mean())
    orders = np.stack([rng.permutation(n) for _ in range(n_repeats)])
    repeated = np.tile(bins, n_repeats)
    falls = np.zeros((len(bins), n_repeats))
    used = np.unique(held.forest.feature[held.forest.feature >= 0])
    for done, feature in enumerate(used, start=1):
        repeated[feature] = bins[feature][orders].ravel()
        right = decide(held.forest, repeated).reshape(n_repeats, n) == true
        falls[feature] = base - right.mean(1)
        repeated[feature] = np.tile(bins[feature], n_repeats)
        if progress:
            progress(done, len(used))
    names = feature_names(classifier, len(bins))
    return pd.DataFrame({"feature": names, "importance": falls.mean(1), "std": falls.std(1)})


def decisions_per_depth(forest: Forest, names: Sequence[str] | None = None, *, counts: bool = False) -> pd.DataFrame:
    """Count how often each feature is asked for at each depth of the trees.

    Parameters
    ----------
    forest
        A trained forest.
    names
        Names of its features; numbered if left out.
    counts
        Return numbers of decisions instead of shares.

    Returns
    -------
    pandas.DataFrame
        Index: features in the order of the forest. Columns: depth 0 (the roots), 1, …. Values: share, 0…1, of all
        decisions of that depth, so that each column adds up to 1 (APOC calls this the statistics of a classifier).
    """
    import pandas as pd

    columns: list[NDArray[np.int64]] = []
    level = forest.roots[forest.feature[forest.roots] >= 0]
    while len(level):
        columns.append(np.bincount(forest.feature[level], minlength=forest.n_features))
        below = np.concatenate([forest.left[level], forest.right[level]])
        level = below[forest.feature[below] >= 0]
    table = np.stack(columns, axis=1) if columns else np.zeros((forest.n_features, 0), np.int64)
    index = list(names) if names is not None else [f"feature {i}" for i in range(forest.n_features)]
    values = table if counts else table / np.maximum(table.sum(0), 1)
    return pd.DataFrame(
        values, index=pd.Index(index, name="feature"), columns=pd.RangeIndex(len(columns), name="depth")
    )
