"""Statistics of columns, of all rows or of those that pass the filters, and summaries of groups of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.table_columns import Column

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]

SUMMARIES = ("mean", "median", "std", "min", "max", "sum")
"""What groups can be summarised by, besides their number of rows."""
_MOST_COMMON = 8


@dataclass(frozen=True)
class ColumnStatistics:
    """What is known of the values of a column; all in its unit, NaN where there is no value.

    Attributes
    ----------
    name
        The column.
    count, missing
        How many rows have a value, and how many have none. Infinite values count, but enter nothing below but the
        extremes and quantiles.
    mean, std
        Mean and standard deviation (of the sample, n − 1).
    minimum, lower, median, upper, maximum
        Extremes and quartiles: linear interpolation between neighbours; one of them where some values are infinite.
    common
        For text, the most frequent words and how often each occurs.
    distinct
        For text, the number of different words.
    """

    name: str
    count: int
    missing: int
    mean: float = np.nan
    std: float = np.nan
    minimum: float = np.nan
    lower: float = np.nan
    median: float = np.nan
    upper: float = np.nan
    maximum: float = np.nan
    common: tuple[tuple[str, int], ...] = ()
    distinct: int = 0


def describe(column: Column, rows: NDArray[np.intp] | None = None) -> ColumnStatistics:
    """Compute the statistics of a column.

    Parameters
    ----------
    column
        Numbers, truths (0 and 1) or text.
    rows
        The rows to describe; all where left out.
    """
    if column.is_text:
        codes = column.codes if rows is None else column.codes[rows]
        sizes = np.bincount(codes[codes >= 0], minlength=len(column.words))
        common = np.argsort(-sizes, kind="stable")[:_MOST_COMMON]
        words = tuple((str(column.words[i]), int(sizes[i])) for i in common if sizes[i])
        count = int(sizes.sum())
        distinct = int((sizes > 0).sum())
        return ColumnStatistics(column.name, count, len(codes) - count, common=words, distinct=distinct)
    values = (column.values if rows is None else column.values[rows]).astype(np.float64)
    if column.values.dtype.kind == "f":
        missing = np.isnan(values)
        n_missing = int(missing.sum())
        values = values[~missing] if n_missing else values
    else:
        n_missing = 0
    n = len(values)
    if not n:
        return ColumnStatistics(column.name, 0, n_missing)
    finite = values if np.isfinite(values.sum()) else values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(finite.mean()) if len(finite) else np.nan
        std = float(finite.std(ddof=1)) if len(finite) > 1 else np.nan
        quarters = [0.25, 0.5, 0.75]
        some_infinite = len(finite) < n
        between = (
            np.quantile(values, quarters, method="inverted_cdf") if some_infinite else np.quantile(values, quarters)
        )
    lower, median, upper = between.tolist()
    low, high = float(values.min()), float(values.max())
    return ColumnStatistics(column.name, n, n_missing, mean, std, low, lower, median, upper, high)


def describe_all(
    columns: Sequence[Column], rows: NDArray[np.intp] | None = None, progress: Progress | None = None
) -> Iterator[ColumnStatistics]:
    """Compute the statistics of columns, one after the other."""
    for done, column in enumerate(columns):
        if progress is not None:
            progress(done, len(columns))
        yield describe(column, rows)


@dataclass(frozen=True)
class Groups:
    """Rows in groups.

    Attributes
    ----------
    table
        One row per group: the columns grouped by, ``count``, and ``"<column> <summary>"``.
    group_of_row
        int per row of the whole table: its group, -1 where it is in none.
    """

    table: pd.DataFrame
    group_of_row: NDArray[np.intp]


def summarise(
    table: pd.DataFrame,
    by: Sequence[str],
    columns: Sequence[str] = (),
    summaries: Sequence[str] = ("mean",),
    rows: NDArray[np.intp] | None = None,
    progress: Progress | None = None,
) -> Groups:
    """Put rows with equal values into groups and summarise other columns in each.

    Parameters
    ----------
    table
        The whole table.
    by
        The columns whose values make the groups; missing values make a group of their own.
    columns
        Columns of numbers to summarise.
    summaries
        Some of ``mean median std min max sum``; missing values are left out, std is of the sample (n − 1).
    rows
        The rows to use; all where left out.
    progress
        Called as progress(done, total).

    Returns
    -------
    Groups
        Sorted by the columns grouped by.

    Raises
    ------
    InputError
        If a column is missing or not a number, a summary is unknown, or nothing is given to group by.
    """
    import pandas as pd

    if not by:
        raise InputError("Nothing to group by is chosen. Choose at least one column, such as the class or the frame.")
    unknown = [name for name in (*by, *columns) if name not in table.columns]
    if unknown:
        raise InputError(f"There is no column ‘{unknown[0]}’.")
    wrong = [name for name in summaries if name not in SUMMARIES]
    if wrong:
        raise InputError(f"‘{wrong[0]}’ is no summary. There are: {', '.join(SUMMARIES)}.")
    texts = [name for name in columns if not pd.api.types.is_numeric_dtype(table[name])]
    if texts:
        raise InputError(f"The column ‘{texts[0]}’ holds text and cannot be summarised; it can be grouped by.")
    columns = [name for name in columns if name not in by]
    rows = np.arange(len(table)) if rows is None else np.sort(rows)
    part = table[list(dict.fromkeys([*by, *columns]))].iloc[rows]
    grouped = part.groupby(list(by), sort=True, dropna=False, observed=True)
    group_of_row = np.full(len(table), -1, np.intp)
    codes = grouped.ngroup().to_numpy()
    group_of_row[rows] = codes
    counts = grouped.size()
    result = counts.index.to_frame(index=False)
    result.columns = pd.Index(list(by))
    result["count"] = counts.to_numpy()
    steps = [(name, summary) for name in columns for summary in summaries]
    computed = {}
    for done, (name, summary) in enumerate(steps):
        if progress is not None:
            progress(done, len(steps))
        computed[f"{name} {summary}"] = getattr(grouped[name], summary)().to_numpy()
    return Groups(pd.concat([result, pd.DataFrame(computed, index=result.index)], axis=1), group_of_row)
