"""Bring columns of a table to one scale, and later the same columns of another table to the same scale."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Scaling: TypeAlias = Literal["standard", "robust", "log", "none"]
Missing: TypeAlias = Literal["rows", "columns", "median"]

SCALINGS: tuple[Scaling, ...] = ("standard", "robust", "log", "none")
MISSING: tuple[Missing, ...] = ("rows", "columns", "median")


@dataclass(frozen=True)
class Scaler:
    """How columns were brought to one scale: enough to do the same with other rows.

    Attributes
    ----------
    columns
        Names of the used columns.
    scaling
        "standard", "robust", "log" or "none"; see `bioloom.explore.prepare`.
    missing
        What happens to missing values; see `bioloom.explore.prepare`.
    per
        Columns that name the image of a row; each image is then scaled by its own rows.
    offset, scale
        float64 of shape (used columns,): ``scaled = (value - offset) / scale``, of logarithms with "log". With `per`
        they are those of all rows together, and are not used.
    linear_below
        float64 of shape (used columns,): NaN where values are used as they are, 0 where their natural logarithm is,
        and s > 0 where ``asinh(value / s)`` is, which is linear around 0 and logarithmic above s.
    fill
        float64 of shape (used columns,): what missing values are replaced by with ``missing="median"``.
    """

    columns: tuple[str, ...]
    scaling: Scaling
    missing: Missing
    per: tuple[str, ...]
    offset: NDArray[np.float64]
    scale: NDArray[np.float64]
    linear_below: NDArray[np.float64]
    fill: NDArray[np.float64]

    def apply(self, table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Scale the rows of a table as those were that this was made of.

        Parameters
        ----------
        table
            One row per object, with the same columns. With `per` each image is scaled by the rows given here, so give
            all objects of an image at once.

        Returns
        -------
        values : numpy.ndarray
            float64 of shape (kept rows, used columns).
        kept : numpy.ndarray
            bool of shape (rows,): False where a value is missing or has no logarithm.

        Raises
        ------
        InputError
            If a column is missing, ambiguous or not numeric.
        """
        raw, _ = gather(table, self.columns)
        kept = usable_rows(raw, self.missing)
        if self.missing == "median":
            raw = np.where(np.isfinite(raw), raw, self.fill)
        raw = with_logarithms(raw, self.linear_below)
        kept &= np.isfinite(raw).all(axis=1)
        raw = raw[kept]
        if not len(raw):
            return raw, kept
        if self.per:
            return scaled_per_image(raw, image_numbers(table, self.per)[kept], self.scaling), kept
        return (raw - self.offset) / self.scale, kept

    def to_json(self) -> dict[str, Any]:
        """Return it as numbers and text that JSON can hold."""
        return {
            "columns": list(self.columns),
            "scaling": self.scaling,
            "missing": self.missing,
            "per": list(self.per),
            **{name: _listed_numbers(getattr(self, name)) for name in _NUMBERS},
        }

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Scaler:
        """Make it again from what `to_json` gave.

        Raises
        ------
        ValueError, TypeError, KeyError
            If something does not fit.
        """
        columns, per = (tuple(map(str, state[name])) for name in ("columns", "per"))
        if state["scaling"] not in SCALINGS or state["missing"] not in MISSING:
            raise ValueError("its scaling is unknown")
        numbers = {
            name: np.array([np.nan if v is None else float(v) for v in state[name]], np.float64) for name in _NUMBERS
        }
        if any(n.shape != (len(columns),) for n in numbers.values()) or not (numbers["scale"] > 0).all():
            raise ValueError("its scaling does not fit its columns")
        return cls(columns, state["scaling"], state["missing"], per, **numbers)


_NUMBERS = ("offset", "scale", "linear_below", "fill")


def _listed_numbers(values: NDArray[np.float64]) -> list[float | None]:
    # JSON has no NaN.
    return [None if np.isnan(v) else float(v) for v in values]


def gather(table: pd.DataFrame, columns: Sequence[str]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Copy the asked-for columns into one float64 array of shape (rows, columns).

    Raises
    ------
    InputError
        If none is chosen, or one is chosen twice, unknown, ambiguous or not numeric.
    """
    require_table(table)
    names = (columns,) if isinstance(columns, str) else tuple(columns)
    if not names:
        raise InputError("No column was chosen. Choose at least one numeric column of the table.")
    if len(set(names)) < len(names):
        raise InputError(f"A column was chosen twice: {listed(names)}. Name each column once.")
    known: list[Hashable] = list(table.columns)
    raw = np.empty((len(table), len(names)))
    for position, name in enumerate(names):
        count = known.count(name)
        if count != 1:
            problem = "no column" if count == 0 else f"{count} columns"
            raise InputError(f"The table has {problem} named {name!r}. It has these columns: {listed(known)}.")
        column = table.iloc[:, known.index(name)]
        if not is_numeric(column):
            raise InputError(
                f"Column {name!r} holds {column.dtype}, not numbers. Leave it out, or turn it into numbers."
            )
        raw[:, position] = numbers_of_column(column)
    return raw, names


def require_table(table: object) -> None:
    """Raise InputError if something is no pandas table."""
    import pandas as pd

    if not isinstance(table, pd.DataFrame):
        raise InputError(f"A pandas table with one row per object is needed, but {type(table).__name__} was given.")


def is_numeric(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds real numbers; truth values are none."""
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    return is_numeric_dtype(column) and not is_bool_dtype(column) and not is_complex_dtype(column)


def numbers_of_column(column: pd.Series[Any]) -> NDArray[np.float64]:
    """Return a column as float64, NaN where a value is missing."""
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def listed(names: Sequence[Hashable], limit: int = 20) -> str:
    """Name some things in a sentence."""
    text = ", ".join(str(name) for name in names[:limit])
    return text if len(names) <= limit else f"{text}, … ({len(names)} in all)"


def usable_rows(raw: NDArray[np.float64], missing: Missing) -> NDArray[np.bool_]:
    """Tell which rows have a value everywhere, or anywhere where medians stand in for missing ones."""
    finite = np.isfinite(raw)
    return np.asarray(finite.any(axis=1) if missing == "median" else finite.all(axis=1), np.bool_)


def linear_ranges(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Choose per column where logarithms begin: 0 if all values are positive, else the median distance from 0."""
    result = np.zeros(raw.shape[1])
    for number in np.flatnonzero((raw <= 0).any(axis=0)):
        sizes = np.abs(raw[:, number])
        sizes = sizes[sizes > 0]
        result[number] = np.median(sizes) if sizes.size else 1.0
    return result


def with_logarithms(raw: NDArray[np.float64], linear_below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace values by their logarithms where `linear_below` says so; see `Scaler`."""
    if np.isnan(linear_below).all():
        return raw
    result = raw.copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for number, below in enumerate(linear_below):
            if below == 0:
                result[:, number] = np.log(raw[:, number])
            elif below > 0:
                result[:, number] = np.arcsinh(raw[:, number] / below)
    return result


def offset_and_scale(raw: NDArray[np.float64], scaling: Scaling) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what to subtract from columns and what to divide them by."""
    n_columns = raw.shape[1]
    if scaling == "none":
        return np.zeros(n_columns), np.ones(n_columns)
    # Brought near 1 by powers of two, which round nothing: squares of huge and tiny values would be infinite or 0.
    _, power = np.frexp(np.abs(raw).max(axis=0))
    raw = np.ldexp(raw, -power)
    middle, scale = raw.mean(axis=0), raw.std(axis=0)
    if scaling == "robust":
        lower, middle, upper = np.percentile(raw, [25, 50, 75], axis=0)
        scale = np.where(upper > lower, upper - lower, scale)
    # Values that differ by less than the rounding of their mean can have a standard deviation of 0.
    return np.ldexp(middle, power), np.where(scale > 0, np.ldexp(scale, power), 1)


def image_numbers(table: pd.DataFrame, per: Sequence[str]) -> NDArray[np.intp]:
    """Give each row the number of its image.

    Raises
    ------
    InputError
        If a column is not there exactly once.
    """
    unknown = [name for name in per if list(table.columns).count(name) != 1]
    if unknown:
        raise InputError(
            f"The table has no single column {listed(unknown)} that names the image of each row. "
            f"It has these columns: {listed(list(table.columns))}."
        )
    numbers = table.groupby(list(per), dropna=False, sort=False, observed=True).ngroup()
    return np.asarray(numbers, np.intp)


def scaled_per_image(raw: NDArray[np.float64], images: NDArray[np.intp], scaling: Scaling) -> NDArray[np.float64]:
    """Scale the rows of each image by themselves."""
    result = np.empty_like(raw)
    order = np.argsort(images, kind="stable")
    _, starts = np.unique(images[order], return_index=True)
    for rows in np.split(order, starts[1:]):
        offset, scale = offset_and_scale(raw[rows], scaling)
        result[rows] = (raw[rows] - offset) / scale
    return result
