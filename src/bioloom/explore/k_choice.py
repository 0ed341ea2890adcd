"""Help to choose the number of clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore import _cluster_methods as methods
from bioloom.explore.preprocess import prepare
from bioloom.explore.scaling import Missing, Scaling

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[int, int], None]

_MOST_ROWS = {"kmeans": 20_000, "gmm": 10_000}
_MOST_FOR_SILHOUETTE = 5000
_SHARE = 0.8
_HARDLY_STABLE = 0.75


@dataclass(frozen=True)
class KChoice:
    """How well each number of clusters fits.

    Attributes
    ----------
    table
        One row per number of clusters:

        - ``k``
        - ``spread``: sum of squared distances of the rows to the mean of their cluster, in scaled units.
        - ``silhouette``: -1…1, how much closer rows are to their own cluster than to the next one.
        - ``stability``: 0…1, how alike the clusters of several runs are, each with a seed of its own and on another
          random 80 % of the rows: their mean adjusted Rand index on the rows they share.
    by_silhouette
        The smallest k whose silhouette is as high as the highest one, but for the standard error of that: among numbers
        that are alike, the fewest clusters.
    by_elbow
        The k where the spread stops falling quickly.
    by_stability
        The largest k whose stability is at least 0.9; that of the highest stability if none is.
    note
        What was done, for the user.
    """

    table: pd.DataFrame
    by_silhouette: int
    by_elbow: int
    by_stability: int
    note: str


def choose_k(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: Literal["kmeans", "gmm"] = "kmeans",
    k_min: int = 2,
    k_max: int = 10,
    *,
    n_runs: int = 5,
    scaling: Scaling = "standard",
    missing: Missing = "rows",
    per: str | Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> KChoice:
    """Compare numbers of clusters by silhouette, elbow and stability.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of numeric columns, as for `cluster`.
    method
        "kmeans" or "gmm".
    k_min, k_max
        The numbers to compare, 2 or more; `k_max` is lowered to the number of complete rows - 1.
    n_runs
        How many runs the stability is measured with, 2 or more.
    scaling, missing, per
        See `prepare`.
    seed
        The first of the seeds.
    progress
        Called as ``progress(done, total)``, once per number of clusters. May raise Cancelled.

    Returns
    -------
    KChoice
        The measures, and the number that each proposes.

    Raises
    ------
    InputError
        If columns or rows do not fit (see `prepare`), or a number is out of its range.

    Notes
    -----
    More than 20 000 rows (Gaussian mixture: 10 000) are represented by as many that the seed draws, and for the
    silhouette by 5000 of these; the note says so. Silhouette: Rousseeuw, J. Comput. Appl. Math. 20 (1987), with the
    rule of one standard error of Breiman et al.: Classification and regression trees (1984). Elbow: Satopää et al.:
    Finding a "kneedle" in a haystack, ICDCSW 2011. Stability: Ben-Hur, Elisseeff & Guyon, Pac. Symp. Biocomput. (2002),
    with the index of Hubert & Arabie, J. Classif. 2 (1985).
    """
    import pandas as pd
    from threadpoolctl import threadpool_limits

    if method not in ("kmeans", "gmm"):
        raise InputError(f'method is {method!r}, but must be "kmeans" or "gmm".')
    if not 2 <= k_min <= k_max:
        raise InputError(f"k_min is {k_min} and k_max {k_max}, but 2 ≤ k_min ≤ k_max is needed.")
    if n_runs < 2:
        raise InputError(f"n_runs is {n_runs}, but must be 2 or more.")
    prepared = prepare(table, columns, scaling, missing=missing, per=per)
    values = prepared.values
    rng = np.random.default_rng(seed)
    if len(values) > (most := _MOST_ROWS[method]):
        values = values[rng.choice(len(values), most, replace=False)]
    n_different = len(np.unique(values, axis=0))
    last = min(k_max, n_different - 1, int(len(values) * _SHARE))
    if last < k_min:
        raise InputError(
            f"{k_min} clusters cannot be compared: there are only {n_different} different rows. Measure more objects."
        )
    shown = np.arange(len(values))
    if len(values) > _MOST_FOR_SILHOUETTE:
        shown = rng.choice(len(values), _MOST_FOR_SILHOUETTE, replace=False)
    parts = [np.sort(rng.choice(len(values), int(len(values) * _SHARE), replace=False)) for _ in range(n_runs)]
    rows, errors = [], []
    for k in range(k_min, last + 1):
        if progress is not None:
            progress(k - k_min, last + 1 - k_min)
        # So many short computations take several times as long where threads share each of them.
        with threadpool_limits(1):
            found = _run(values, method, k, seed, 10)
            silhouette, error = _silhouette(values[shown], found[shown])
            rows.append((k, _spread(values, found), silhouette, _stability(values, method, k, parts, seed)))
            errors.append(error)
    if progress is not None:
        progress(last + 1 - k_min, last + 1 - k_min)
    result = pd.DataFrame(rows, columns=["k", "spread", "silhouette", "stability"])
    ks = result["k"].to_numpy(np.intp)
    stability = result["stability"].to_numpy(np.float64)
    stable = np.flatnonzero(stability >= 0.9)
    best = int(stable[-1]) if len(stable) else int(np.nanargmax(stability))
    silhouettes = np.nan_to_num(result["silhouette"].to_numpy(np.float64), nan=-1)
    highest = int(silhouettes.argmax())
    alike = silhouettes >= silhouettes[highest] - np.nan_to_num(errors[highest])
    proposed = (
        int(ks[alike.argmax()]), int(ks[_elbow(result["spread"].to_numpy(np.float64))]), int(ks[best])
    )  # fmt: skip
    note = (
        f"k = {k_min} to {last}, {prepared.report()}, seeds {seed} to {seed + n_runs - 1}: silhouette proposes "
        f"{proposed[0]}, elbow {proposed[1]}, stability {proposed[2]}."
    )
    if len(values) < len(prepared.values):
        note += f" Compared on {len(values)} objects drawn by the seed, the silhouette on {len(shown)} of them."
    elif len(shown) < len(values):
        note += f" The silhouette is that of {len(shown)} objects drawn by the seed."
    if stability[alike.argmax()] < _HARDLY_STABLE:
        note += " Their clusters hardly repeat from run to run: perhaps there are none in these columns. Try others."
    return KChoice(result, *proposed, note)


def _run(values: NDArray[np.float64], method: str, k: int, seed: int, n_init: int) -> NDArray[np.integer]:
    if method == "gmm":
        return methods.gmm(values, k, seed, min(n_init, 3)).numbers
    return methods.kmeans(values, k, seed, n_init).numbers


def _silhouette(values: NDArray[np.float64], found: NDArray[np.integer]) -> tuple[float, float]:
    """Return the mean silhouette and its standard error; NaN where there are not several clusters of several rows."""
    from sklearn.metrics import silhouette_samples

    if not 1 < len(np.unique(found)) < len(found):
        return float("nan"), float("nan")
    each = silhouette_samples(values, found)
    return float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each)))


def _spread(values: NDArray[np.float64], found: NDArray[np.integer]) -> float:
    return float(sum((((p := values[found == k]) - p.mean(axis=0)) ** 2).sum() for k in np.unique(found)))


def _stability(values: NDArray[np.float64], method: str, k: int, parts: Sequence[NDArray[np.intp]], seed: int) -> float:
    from sklearn.metrics import adjusted_rand_score

    runs = []
    for number, part in enumerate(parts):
        found = np.full(len(values), -1, np.int64)
        try:
            found[part] = _run(values[part], method, k, seed + number, 1)
        except InputError:
            # This part of the rows has fewer different ones than clusters.
            return 0.0
        runs.append(found)
    scores = []
    for i, a in enumerate(runs):
        for b in runs[:i]:
            both = (a >= 0) & (b >= 0)
            scores.append(adjusted_rand_score(a[both], b[both]))
    return float(np.mean(scores))


def _elbow(spread: NDArray[np.float64]) -> int:
    """Return where a falling curve is furthest below the line between its ends."""
    if len(spread) < 3 or spread[0] <= spread[-1]:
        return 0
    x = np.linspace(0, 1, len(spread))
    y = (spread - spread[-1]) / (spread[0] - spread[-1])
    return int(np.argmax(1 - x - y))
