"""How the columns of a table go together: correlation coefficients, ordered so that like columns are neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.table_columns import Column

Method: TypeAlias = Literal["pearson", "spearman", "kendall"]
METHODS: tuple[Method, ...] = ("pearson", "spearman", "kendall")

_CHUNK = 65_536
MOST_RANKED = 200_000
MOST_KENDALL = 10_000


@dataclass(frozen=True)
class Correlation:
    """Correlations of columns.

    Attributes
    ----------
    names
        The columns, those that go together beside each other.
    values
        float64, (n, n): the coefficients, -1…1; NaN where a column is constant or no row has both values.
    method
        ``pearson``, ``spearman`` or ``kendall``.
    n_rows
        How many rows were used.
    sampled
        Whether they are a random sample.
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    method: Method
    n_rows: int
    sampled: bool

    def representatives(self, limit: float = 0.9) -> list[str]:
        """Choose columns of which no two correlate by more than a limit, in absolute value.

        From each group of columns that go together (average linkage of 1 − |r|) the one that correlates best with the
        others is kept; of groups that still correlate beyond the limit, the larger.

        Parameters
        ----------
        limit
            0…1.
        """
        close = np.nan_to_num(np.abs(self.values))
        left = [i for i in range(len(self.names)) if np.isfinite(self.values[i, i])]
        chosen: list[int] = []
        while left:
            like = close[np.ix_(left, left)] > limit
            best = left[int(np.argmax(like.sum(1) + close[np.ix_(left, left)].mean(1)))]
            chosen.append(best)
            left = [i for i in left if i != best and close[i, best] <= limit]
        return [self.names[i] for i in sorted(chosen)]


def correlate(
    columns: Sequence[Column],
    rows: NDArray[np.intp] | None = None,
    method: Method = "pearson",
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Correlation:
    """Correlate columns with each other.

    Missing and infinite values are left out pair by pair. Spearman's coefficients use at most 200 000 rows, Kendall's
    (tau-b, for ties) at most 10 000; of more rows a random sample is taken.

    Parameters
    ----------
    columns
        At least two columns of numbers.
    rows
        The rows to use; all where left out.
    method
        Pearson (of values), Spearman (of ranks) or Kendall (of the order of pairs).
    seed
        Of the sample.
    progress
        Called as progress(done, total).

    Returns
    -------
    Correlation
        Ordered by average linkage of 1 − |r| with optimal leaf order (Bar-Joseph et al., Bioinformatics 2001).

    Raises
    ------
    InputError
        If there are fewer than two columns, one holds text, or the method is unknown.
    """
    if len(columns) < 2:
        raise InputError("A correlation needs at least two columns of numbers.")
    if method not in METHODS:
        raise InputError(f"‘{method}’ is no method. There are: {', '.join(METHODS)}.")
    if texts := [c.name for c in columns if c.is_text]:
        raise InputError(f"The column ‘{texts[0]}’ holds text and has no correlation.")
    rows = np.arange(len(columns[0])) if rows is None else rows
    most = {"pearson": len(rows), "spearman": MOST_RANKED, "kendall": MOST_KENDALL}[method]
    sampled = len(rows) > most
    if sampled:
        rows = np.random.default_rng(seed).choice(rows, most, replace=False)
    tell = progress or (lambda done, total: None)
    if method == "pearson":
        values = _pearson([c.values for c in columns], rows, tell)
    else:
        values = _by_pairs([c.values[rows].astype(np.float64) for c in columns], method, tell)
    order = _like_beside_like(values)
    names = tuple(columns[i].name for i in order)
    return Correlation(names, values[np.ix_(order, order)], method, len(rows), sampled)


def _pearson(
    columns: list[NDArray[np.generic]], rows: NDArray[np.intp], progress: Callable[[int, int], None]
) -> NDArray[np.float64]:
    """Add up products over chunks of rows, pairwise where values are missing."""
    n = len(columns)
    some = rows[:: max(1, len(rows) // _CHUNK)]
    # Values near 0 and 1 keep the sums of squares from losing digits.
    centres, scales = np.zeros(n), np.ones(n)
    for i, column in enumerate(columns):
        values = column[some].astype(np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            centres[i], scales[i] = values.mean(), values.std() or 1.0
    count, first, second, both = (np.zeros((n, n)) for _ in range(4))
    for start in range(0, len(rows), _CHUNK):
        progress(start, len(rows))
        chunk = rows[start : start + _CHUNK]
        # Rows one after the other need not be picked out one by one.
        part = slice(chunk[0], chunk[-1] + 1) if chunk[-1] - chunk[0] == len(chunk) - 1 and _rises(chunk) else chunk
        x = np.array([(c[part].astype(np.float64) - m) / s for c, m, s in zip(columns, centres, scales, strict=True)])
        there = np.isfinite(x)
        if there.all():
            both += x @ x.T
            count += len(chunk)
            first += x.sum(1)[:, None]
            second += np.einsum("ij,ij->i", x, x)[:, None]
            continue
        both += (x0 := np.where(there, x, 0.0)) @ x0.T
        mask = there.astype(np.float64)
        count += mask @ mask.T
        first += x0 @ mask.T
        second += (x0**2) @ mask.T
    with np.errstate(all="ignore"):
        covariance = both - first * first.T / count
        variance = second - first**2 / count
        # What rounding leaves of a constant column is no variance.
        variance[variance <= 1e-12 * np.maximum(second, count)] = np.nan
        result = covariance / np.sqrt(variance * variance.T)
    return np.clip(result, -1, 1)


def _rises(rows: NDArray[np.intp]) -> bool:
    return bool((np.diff(rows) > 0).all())


def _by_pairs(
    columns: list[NDArray[np.float64]], method: Method, progress: Callable[[int, int], None]
) -> NDArray[np.float64]:
    from scipy.stats import kendalltau, rankdata

    n = len(columns)
    there = [np.isfinite(values) for values in columns]
    complete = [bool(mask.all()) for mask in there]
    ranks: dict[int, NDArray[np.float64]] = {}
    result = np.full((n, n), np.nan)
    pairs = [(i, j) for i in range(n) for j in range(i, n)]
    for done, (i, j) in enumerate(pairs):
        progress(done, len(pairs))
        x, y = columns[i], columns[j]
        whole = complete[i] and complete[j]
        if not whole:
            mask = there[i] & there[j]
            x, y = x[mask], y[mask]
        if len(x) < 2 or x.min() == x.max() or y.min() == y.max():
            continue
        if i == j:
            value = 1.0
        elif method == "kendall":
            value = float(kendalltau(x, y).statistic)
        elif whole:
            for k in (i, j):
                if k not in ranks:
                    ranks[k] = _standard(rankdata(columns[k]))
            value = float(ranks[i] @ ranks[j])
        else:
            value = float(_standard(rankdata(x)) @ _standard(rankdata(y)))
        result[i, j] = result[j, i] = min(max(value, -1.0), 1.0)
    return result


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = values - values.mean()
    return np.asarray(centred / np.linalg.norm(centred), np.float64)


def _like_beside_like(values: NDArray[np.float64]) -> NDArray[np.intp]:
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.nan_to_num(np.abs(values))
    np.fill_diagonal(distance, 0)
    distance = np.clip((distance + distance.T) / 2, 0, 1)
    if len(values) < 3:
        return np.arange(len(values))
    order = leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True))
    # Constant columns go last: they correlate with nothing.
    constant = ~np.isfinite(np.diag(values))[order]
    return np.asarray(np.concatenate([order[~constant], order[constant]]), np.intp)
