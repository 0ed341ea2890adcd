"""Choose the columns that describe objects and bring them to a common scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.scaling import (
    MISSING,
    SCALINGS,
    Missing,
    Scaler,
    Scaling,
    gather,
    image_numbers,
    is_numeric,
    linear_ranges,
    listed,
    numbers_of_column,
    offset_and_scale,
    require_table,
    scaled_per_image,
    usable_rows,
    with_logarithms,
)

if TYPE_CHECKING:
    import pandas as pd

# Columns that say which object it is, where it is, or what somebody or some algorithm already decided about it.
_IDENTITY = re.compile(
    r"(.*[_\- ])?labels?([_\- ]plus[_\- ]one)?|(.*[_\- ])?ids?|index|frame|time|t|track|parent|"
    r"image|layer|file|plate|well|roi|row|unnamed: \d+"
)
_POSITION = re.compile(
    r"[xyz]|(min|max)[_\- ](row|col(umn)?|[xyz])|(bbox|bounding_box)(?![_\- ](area|size|volume))([_\- ].*)?|"
    r"((intensity|weighted|local|mean|mass|global|min(imum)?|max(imum)?)[_\- ])*"
    r"(centroid|cent(er|re)([_\- ]of[_\- ]mass)?|position|coords?)([_\- ].*)?|"
    # Sums over coordinates, and moments about the corner of the image.
    r"sum([_\- ]intensity[_\- ]times)?[_\- ][xyz]([_\- ].*)?|moments([_\- ]weighted)?(-\d+)+([_\- ].*)?"
)
_DECISION = re.compile(
    r"(.*[_\- ])?(class(es)?|clusters?|annotations?|selection|selected|predictions?|probability)"
    r"([_\- ]names?|[_\- ]stability|[_\- ]?\d+)?|shap[_\- ].*|"
    r"(umap|pca|pc|t-?sne|isomap|mds)[-_ ]?\d+"
)
_LARGEST = 1e150


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
    dropped_incomplete
        Names of the columns left out with ``missing="columns"`` because a value is missing or infinite there.
    filled
        Number of missing or infinite values that were replaced by the median of their column.
    scaler
        How the values were scaled.
    """

    values: NDArray[np.float64]
    kept: NDArray[np.bool_]
    columns: tuple[str, ...]
    dropped_constant: tuple[str, ...]
    incomplete_rows: int
    dropped_incomplete: tuple[str, ...]
    filled: int
    scaler: Scaler

    @property
    def offset(self) -> NDArray[np.float64]:
        """Per used column what was subtracted; see `Scaler`."""
        return self.scaler.offset

    @property
    def scale(self) -> NDArray[np.float64]:
        """Per used column what values were divided by; see `Scaler`."""
        return self.scaler.scale

    def report(self) -> str:
        """Say in a few words what was used and what was left out."""
        n = len(self.values)
        parts = [f"{len(self.columns)} column{_s(len(self.columns))} of {n} object{_s(n)}"]
        if self.incomplete_rows:
            parts.append(f"{self.incomplete_rows} object{_s(self.incomplete_rows)} with missing values left out")
        if self.dropped_incomplete:
            parts.append(f"columns with missing values left out: {listed(self.dropped_incomplete)}")
        if self.filled:
            parts.append(f"{self.filled} missing value{_s(self.filled)} replaced by the median")
        if self.dropped_constant:
            parts.append(f"columns without differences left out: {listed(self.dropped_constant)}")
        return "; ".join(parts)


def feature_columns(table: pd.DataFrame) -> list[str]:
    """Name the columns that describe objects.

    Left out are columns that are not numeric or are bool, that are constant, and those whose names mark them as
    identity (label, index, frame, track, …_id), position (centroid…, bbox…, x, y, z) or an earlier decision (class,
    cluster, annotation, UMAP-0, SHAP …). Case does not matter. Any of them can still be asked for by name in `prepare`.

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
    require_table(table)
    usable: list[str] = []
    for position, name in enumerate(table.columns):
        column = table.iloc[:, position]
        if not isinstance(name, str) or not is_numeric(column) or _says_no_more_than_its_name(name):
            continue
        values = numbers_of_column(column)
        values = values[np.isfinite(values)]
        if values.size and values.min() < values.max():
            usable.append(name)
    return usable


def prepare(
    table: pd.DataFrame,
    columns: Sequence[str],
    scaling: Scaling = "standard",
    *,
    missing: Missing = "rows",
    per: str | Sequence[str] | None = None,
) -> Prepared:
    """Take columns out of a table, deal with missing values, leave out constant columns, and scale the rest.

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
        "log": take the natural logarithm, then as "standard". Columns that hold values of 0 or below become
        ``asinh(value / s)`` instead, s being the median distance of their values from 0.
        "none": leave the values as they are.
    missing
        What to do about values that are NaN or infinite. "rows": leave out the rows that have one. "columns": leave out
        the columns that have one. "median": put the median of the column there; rows without any value are left out.
    per
        Column or columns that name the image of each row, such as "frame" or "layer": each image is scaled by its own
        rows, so that differences of staining or exposure between images count no more. None scales all rows together.

    Returns
    -------
    Prepared
        Scaled values, the rows they belong to, and what was left out.

    Raises
    ------
    InputError
        If a column is unknown, ambiguous or not numeric, if all columns are constant, if fewer than 2 rows are
        complete, if values are too large to be scaled, or if `scaling` or `missing` is unknown.
    """
    if scaling not in SCALINGS:
        raise InputError(f"scaling is {scaling!r}, but must be one of: {', '.join(SCALINGS)}.")
    if missing not in MISSING:
        raise InputError(f"missing is {missing!r}, but must be one of: {', '.join(MISSING)}.")
    raw, names = gather(table, columns)
    images = () if per is None else (per,) if isinstance(per, str) else tuple(per)
    image = image_numbers(table, images) if images else None
    dropped: tuple[str, ...] = ()
    if missing == "columns":
        whole = np.asarray(np.isfinite(raw).all(axis=0))
        dropped = tuple(name for name, keep in zip(names, whole, strict=True) if not keep)
        if not whole.any():
            raise InputError(f"Every chosen column has missing values: {listed(dropped)}. Leave out rows instead.")
        raw, names = raw[:, whole], tuple(name for name in names if name not in dropped)
    kept = usable_rows(raw, missing)
    n_kept = int(kept.sum())
    if n_kept < 2:
        raise InputError(_too_few_rows(raw, names, n_kept))
    raw = raw[kept]
    fill, filled = np.full(raw.shape[1], np.nan), 0
    if missing == "median":
        gaps = ~np.isfinite(raw)
        filled = int(gaps.sum())
        empty = gaps.all(axis=0)
        if empty.any():
            raise InputError(f"Column {names[int(np.argmax(empty))]!r} holds no value at all: leave it out.")
        fill = np.nanmedian(np.where(gaps, np.nan, raw), axis=0)
        raw = np.where(gaps, fill, raw)
    linear_below = linear_ranges(raw) if scaling == "log" else np.full(raw.shape[1], np.nan)
    raw = with_logarithms(raw, linear_below)
    offset, scale = offset_and_scale(raw, scaling)
    varies = raw.min(axis=0) < raw.max(axis=0)
    with np.errstate(over="ignore", invalid="ignore"):
        if image is not None:
            values = scaled_per_image(raw, image[kept], scaling)
            varies &= ~(values.min(axis=0) >= values.max(axis=0))
        else:
            values = (raw - offset) / scale
    if not varies.any():
        raise InputError(
            f"Every chosen column has the same value in all {n_kept} complete rows: {listed(names)}. "
            "Choose columns in which the objects differ."
        )
    values = values[:, varies]
    used = tuple(name for name, keep in zip(names, varies, strict=True) if keep)
    # Distances are sums of squares.
    finite = (np.abs(values) < _LARGEST).all(axis=0)
    if not finite.all():
        name = used[int(np.argmin(finite))]
        raise InputError(f"The values of column {name!r} are too large to be scaled. Divide them, or leave it out.")
    return Prepared(
        values=np.ascontiguousarray(values),
        kept=kept,
        columns=used,
        dropped_constant=tuple(name for name, keep in zip(names, varies, strict=True) if not keep),
        incomplete_rows=len(kept) - n_kept,
        dropped_incomplete=dropped,
        filled=filled,
        scaler=Scaler(
            used, scaling, missing, images, offset[varies], scale[varies], linear_below[varies], fill[varies]
        ),
    )


def is_decision(name: str) -> bool:
    """Tell whether a name says that somebody or some algorithm decided what a column holds."""
    return _DECISION.fullmatch(name.strip().lower()) is not None


def _says_no_more_than_its_name(name: str) -> bool:
    lowered = name.strip().lower()
    return any(pattern.fullmatch(lowered) for pattern in (_IDENTITY, _POSITION, _DECISION))


def _too_few_rows(raw: NDArray[np.float64], names: tuple[str, ...], n_kept: int) -> str:
    if len(raw) < 2:
        return f"There {'is only 1 row' if len(raw) else 'are no rows'}; at least 2 are needed. Measure more objects."
    text = f"Only {n_kept} of {len(raw)} rows have a value in every chosen column; at least 2 are needed."
    missing = (~np.isfinite(raw)).sum(axis=0)
    worst = int(np.argmax(missing))
    return f"{text} Column {names[worst]!r} is empty or infinite in {int(missing[worst])} rows: leave it out."


def _s(n: int) -> str:
    return "" if n == 1 else "s"
