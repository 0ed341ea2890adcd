"""Choose the columns that describe objects and bring them to a common scale."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Scaling = Literal["standard", "robust", "none"]

# Columns that say which object it is, where it is, or what somebody or some algorithm already decided about it.
_IDENTITY = re.compile(
    r"((original|parent|track|object|image)[_\- ])?labels?|(.*[_\- ])?ids?|index|frame|time|t|track|parent|"
    r"image|layer|file|plate|well|roi|row|unnamed: \d+"
)
_POSITION = re.compile(
    r"[xyz]|(min|max)[_\- ](row|col(umn)?|[xyz])|(bbox|bounding_box)(?![_\- ](area|size|volume))([_\- ].*)?|"
    r"((weighted|local|mean|mass|global|min(imum)?|max(imum)?)[_\- ])*"
    r"(centroid|cent(er|re)([_\- ]of[_\- ]mass)?|position|coords?)([_\- ].*)?"
)
_DECISION = re.compile(
    r"(.*[_\- ])?(class(es)?|clusters?|annotations?|selection|selected|predictions?|probability)"
    r"([_\- ]names?|[_\- ]?\d+)?|"
    r"(umap|pca|pc|t-?sne)[-_ ]?\d+"
)


@dataclass(frozen=True)
class Prepared:
    """The part of a table that an algorithm can work with.

    Attributes
    ----------
    values
        float64 of shape (kept rows, used columns), scaled.
    kept
        bool of shape (rows of the table,): True where the row is part of `values`.
    columns
        Names of the used columns, in the order of `values`.
    dropped_constant
        Names of the asked-for columns that were left out because all kept rows have the same value there.
    incomplete_rows
        Number of rows left out because a value is missing (NaN) or infinite.
    offset, scale
        float64 of shape (used columns,): ``table values = values * scale + offset``.
    """

    values: NDArray[np.float64]
    kept: NDArray[np.bool_]
    columns: tuple[str, ...]
    dropped_constant: tuple[str, ...]
    incomplete_rows: int
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Name the columns that describe objects.

    Left out are columns that are not numeric or are bool, that are constant, and those whose names mark them as
    identity (label, index, frame, track, …_id), position (centroid…, bbox…, x, y, z) or an earlier decision (class,
    cluster, annotation, UMAP-0). Case does not matter. Any of them can still be asked for by name in `prepare`.

    Parameters
    ----------
    table
        One row per object.

    Returns
    -------
    list of str
        Column names in the order of the table.

    Raises
    ------
    InputError
        If `table` is not a pandas table.
    """
    _require_table(table)
    usable: list[str] = []
    for position, name in enumerate(table.columns):
        column = table.iloc[:, position]
        if not isinstance(name, str) or not _is_numeric(column) or _says_no_more_than_its_name(name):
            continue
        values = _numbers(column)
        values = values[np.isfinite(values)]
        if values.size and values.min() < values.max():
            usable.append(name)
    return usable


def prepare(table: pd.DataFrame, columns: Sequence[str], scaling: Scaling = "standard") -> Prepared:
    """Take columns out of a table, leave out incomplete rows and constant columns, and scale the rest.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of numeric columns; `feature_columns` proposes them.
    scaling
        "standard": subtract the mean, divide by the standard deviation (as scikit-learn's StandardScaler).
        "robust": subtract the median, divide by the interquartile range (as scikit-learn's RobustScaler); a column
        whose interquartile range is 0 is divided by its standard deviation instead.
        "none": leave the values as they are.

    Returns
    -------
    Prepared
        Scaled values, the rows they belong to, and what was left out.

    Raises
    ------
    InputError
        If a column is unknown, ambiguous or not numeric, if all columns are constant, if fewer than 2 rows are
        complete, if values are too large to be scaled, or if `scaling` is unknown.
    """
    if scaling not in ("standard", "robust", "none"):
        raise InputError(f'scaling is {scaling!r}, but must be "standard", "robust" or "none".')
    raw, names = _gather(table, columns)
    kept: NDArray[np.bool_] = np.all(np.isfinite(raw), axis=1)
    n_kept = int(kept.sum())
    if n_kept < 2:
        raise InputError(_too_few_rows(raw, names, n_kept))
    raw = raw[kept]
    varies = raw.min(axis=0) < raw.max(axis=0)
    if not varies.any():
        raise InputError(
            f"Every chosen column has the same value in all {n_kept} complete rows: {_listed(names)}. "
            "Choose columns in which the objects differ."
        )
    raw = raw[:, varies]
    used = tuple(name for name, keep in zip(names, varies, strict=True) if keep)
    with np.errstate(over="ignore", invalid="ignore"):
        offset, scale = _offset_and_scale(raw, scaling)
        values = (raw - offset) / scale
    finite = np.isfinite(values).all(axis=0)
    if not finite.all():
        name = used[int(np.argmin(finite))]
        raise InputError(f"The values of column {name!r} are too large to be scaled. Divide them, or leave it out.")
    return Prepared(
        values=np.ascontiguousarray(values),
        kept=kept,
        columns=used,
        dropped_constant=tuple(name for name, keep in zip(names, varies, strict=True) if not keep),
        incomplete_rows=len(kept) - n_kept,
        offset=offset,
        scale=scale,
    )


def _says_no_more_than_its_name(name: str) -> bool:
    lowered = name.strip().lower()
    return any(pattern.fullmatch(lowered) for pattern in (_IDENTITY, _POSITION, _DECISION))


def _require_table(table: object) -> None:
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise InputError(f"A pandas table with one row per object is needed, but {type(table).__name__} was given.")


def _is_numeric(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    return is_numeric_dtype(column) and not is_bool_dtype(column) and not is_complex_dtype(column)


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _gather(table: pd.DataFrame, columns: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Copy the asked-for columns into one float64 array of shape (rows, columns)."""
    _require_table(table)
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names:
        raise InputError("No column was chosen. Choose at least one numeric column of the table.")
    if len(set(names)) < len(names):
        raise InputError(f"A column was chosen twice: {_listed(names)}. Name each column once.")
    known: list[Hashable] = list(table.columns)
    raw = np.empty((len(table), len(names)))
    for position, name in enumerate(names):
        count = known.count(name)
        if count != 1:
            problem = "no column" if count == 0 else f"{count} columns"
            raise InputError(f"The table has {problem} named {name!r}. It has these columns: {_listed(known)}.")
        column = table.iloc[:, known.index(name)]
        if not _is_numeric(column):
            raise InputError(
                f"Column {name!r} holds {column.dtype}, not numbers. Leave it out, or turn it into numbers."
            )
        raw[:, position] = _numbers(column)
    return raw, names


def _offset_and_scale(raw: NDArray[np.float64], scaling: Scaling) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_columns = raw.shape[1]
    if scaling == "none":
        return np.zeros(n_columns), np.ones(n_columns)
    deviation = raw.std(axis=0)
    # Values that differ by less than the rounding of their mean can have a standard deviation of 0.
    deviation[deviation == 0] = 1
    if scaling == "standard":
        return raw.mean(axis=0), deviation
    lower, median, upper = np.percentile(raw, [25, 50, 75], axis=0)
    spread = upper - lower
    return median, np.where(spread > 0, spread, deviation)


def _too_few_rows(raw: NDArray[np.float64], names: tuple[str, ...], n_kept: int) -> str:
    text = f"Only {n_kept} of {len(raw)} rows have a value in every chosen column; at least 2 are needed."
    missing = (~np.isfinite(raw)).sum(axis=0)
    if len(raw) < 2 or not missing.any():
        return f"{text} Measure more objects."
    worst = int(np.argmax(missing))
    return f"{text} Column {names[worst]!r} is empty or infinite in {int(missing[worst])} rows: leave it out."


def _listed(names: Sequence[Hashable], limit: int = 20) -> str:
    text = ", ".join(str(name) for name in names[:limit])
    return text if len(names) <= limit else f"{text}, … ({len(names)} in all)"
