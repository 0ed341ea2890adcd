"""Which measurements set a cluster or class apart from the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore._ranking_measures import (
    centre_correlations,
    cohens_d,
    column_groups,
    eta_squared,
    mutual_information,
    permutation_importance,
    places_in,
    unit_ranks,
)
from bioloom.explore.cluster import NOISE, NOT_CLUSTERED
from bioloom.explore.preprocess import prepare
from bioloom.explore.scaling import Scaling

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[int, int], None]

_NEEDED = 0.01
"""The smallest drop of accuracy that counts."""


@dataclass(frozen=True)
class Ranking:
    """How well each column tells a class from the others, by four measures.

    Attributes
    ----------
    table
        One row per column, the best representatives first:

        - ``column``: its name.
        - ``group``: number of the group of correlated columns it is in, 1 being the most important.
        - ``representative``: whether it stands for its group.
        - ``group_size``: how many columns are in the group.
        - ``centre_correlation``: rank correlation with the distance to the centre of the class, -1…1; without a target
          that of the class where it is strongest.
        - ``effect_size``: Cohen's d between the class and the others; without a target eta squared over all classes,
          0…1.
        - ``mutual_information``: with the class, in nats.
        - ``importance``: how much the balanced accuracy of a forest drops, on rows it was not trained on, when the
          group's columns are shuffled together; the same for all of a group.
    centre_correlations
        One row per column, one column per class: rank correlation with the distance to its centre.
    accuracy
        Balanced accuracy of that forest on rows it was not trained on, 0…1.
    target
        The class that was compared with the others; None for all classes.
    note
        What was done, for the user.
    """

    table: pd.DataFrame
    centre_correlations: pd.DataFrame
    accuracy: float
    target: int | None
    note: str

    def representatives(self) -> list[str]:
        """Return one column for each group of correlated ones, the most important group first."""
        return [str(name) for name in self.table.loc[self.table["representative"], "column"]]


def rank_columns(
    table: pd.DataFrame,
    columns: Sequence[str],
    classes: NDArray[Any] | Sequence[int],
    target: int | None = None,
    *,
    space: Sequence[str] | None = None,
    correlated: float = 0.9,
    scaling: Scaling = "standard",
    seed: int = 0,
    progress: Progress | None = None,
) -> Ranking:
    """Rank columns by how well they set a class apart.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of the numeric columns to rank.
    classes
        Cluster or class per row, whole numbers; rows of 0 and rows with missing values are left out. Noise (-1) is a
        class.
    target
        The class to compare with all others; all classes with each other if left out.
    space
        Columns in which distances to the centres are measured, for example ("UMAP-0", "UMAP-1"), taken as they are. The
        scaled `columns` if left out.
    correlated
        Columns whose rank correlation is at least this, 0…1, whatever its sign, count as one group.
    scaling
        How columns are made comparable for distances, see `prepare`.
    seed
        Seed of the sample (mutual information looks at 5000 rows at most), the forest and the shuffling.
    progress
        Called as ``progress(done, total)``. May raise Cancelled.

    Returns
    -------
    Ranking
        The columns, the most important group first.

    Raises
    ------
    InputError
        If columns or rows do not fit (see `prepare`), there are fewer than two classes, or the target is none of them.

    Notes
    -----
    Effect size: Cohen: Statistical power analysis for the behavioral sciences (1988). Mutual information: that of
    scikit-learn's ``mutual_info_classif`` (Ross: PLoS ONE 9 (2014)). Permutation importance: Breiman: Random forests,
    Mach. Learn. 45 (2001), in groups as in Gregorutti et al., Comput. Stat. Data Anal. 90 (2015). Groups: average
    linkage of 1 minus the absolute rank correlation.
    """
    import pandas as pd

    given = np.asarray(classes)
    if given.shape != (len(table),) or given.dtype.kind not in "iu":
        raise InputError(f"The classes must be one whole number per row ({len(table)} rows).")
    if not 0 < correlated <= 1:
        raise InputError(f"correlated is {correlated}, but must be above 0 and at most 1.")
    labelled = given != NOT_CLUSTERED
    if not labelled.any():
        raise InputError("No row has a class. Cluster the objects, or give them classes.")
    rows = table[labelled]
    prepared = prepare(rows, columns, scaling)
    values = prepared.values
    labels = given[labelled][prepared.kept].astype(np.int64)
    ids = np.unique(labels)
    if len(ids) == len(labels) > 1:
        raise InputError("Each class has one object only, so that nothing can be said of classes. Choose larger ones.")
    if len(ids) < 2:
        what = "are noise" if NOISE in ids else "have the same class"
        raise InputError(f"All rows with complete values {what}, but two classes are needed to compare.")
    if target is not None and target not in ids:
        raise InputError(f"There is no row of class {target}. The classes are: {', '.join(map(str, ids))}.")
    asked = labels if target is None else (labels == target).astype(np.int64)
    steps = _Steps(progress, 4)
    ranks = unit_ranks(values)
    groups = column_groups(ranks, correlated)
    steps.next()
    places = values if space is None else places_in(rows, space, prepared)
    by_class = centre_correlations(ranks, places, labels, ids)
    if target is None:
        centre = np.take_along_axis(by_class, np.abs(by_class).argmax(axis=1)[:, None], axis=1)[:, 0]
        effect = eta_squared(values, labels, ids)
    else:
        centre = by_class[:, np.searchsorted(ids, target)]
        effect = cohens_d(values, asked == 1)
    steps.next()
    information = mutual_information(values, asked, seed)
    steps.next()
    importance, accuracy = permutation_importance(values, prepared.columns, asked, groups, seed)
    steps.next()
    ranked = pd.DataFrame(
        {
            "column": prepared.columns,
            "group": groups,
            "representative": False,
            "group_size": np.bincount(groups)[groups],
            "centre_correlation": centre,
            "effect_size": effect,
            "mutual_information": information,
            "importance": importance[groups],
        }
    )
    ranked = ranked.assign(best=ranked.groupby("group")["mutual_information"].transform("max"))
    ranked = ranked.sort_values(
        ["importance", "best", "group", "mutual_information"], ascending=[False, False, True, False],
        kind="stable", ignore_index=True,
    ).drop(columns="best")  # fmt: skip
    ranked["representative"] = ~ranked["group"].duplicated()
    ranked["group"] = pd.factorize(ranked["group"])[0] + 1
    correlations = pd.DataFrame(by_class, index=pd.Index(prepared.columns, name="column"), columns=ids)
    what = "all classes" if target is None else f"class {target} against the others"
    note = (
        f"{what[0].upper()}{what[1:]}: {prepared.report()}; {_groups(int(ranked['group'].max()))}; "
        f"seed {seed}; a forest tells them apart with a balanced accuracy of {100 * accuracy:.0f} %."
    )
    if importance.max() < _NEEDED:
        note += " It needs no group of columns alone, as others make up for it: look at the other measures."
    return Ranking(ranked, correlations.loc[ranked["column"]], accuracy, target, note)


def _groups(n: int) -> str:
    return f"{n} group{'s' * (n != 1)} of correlated columns"


class _Steps:
    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._done, self._total = progress, 0, total
        if progress is not None:
            progress(0, total)

    def next(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._total)
