"""The columns of a table as they are shown, sorted and filtered: NumPy arrays, texts by number."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_SAMPLE = 1000
_DIGITS = 5
_SIZES = 1e4
MISSING = "–"
"""What is shown where a value is missing."""


class Column:
    """One column of a table; its values are not copied where they need not be, and never changed.

    Parameters
    ----------
    name
        Its name.
    series
        Numbers, truths, or anything else, which counts as text.

    Attributes
    ----------
    is_text : bool
        Whether it holds text; otherwise numbers or truths.
    values : numpy.ndarray
        Integers, floats or bools; objects where it holds text. Missing values are NaN.
    """

    def __init__(self, name: str, series: pd.Series[Any]) -> None:
        import pandas as pd

        self.name = name
        self._series = series
        self.is_text = not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_complex_dtype(series)
        if self.is_text:
            self.values = series.to_numpy(dtype=object)
        elif isinstance(series.dtype, np.dtype):
            self.values = series.to_numpy()
        elif series.isna().any():
            self.values = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            self.values = series.to_numpy(dtype=bool if pd.api.types.is_bool_dtype(series) else None)
            if self.values.dtype == object:
                self.values = self.values.astype(np.float64)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def is_flag(self) -> bool:
        """Whether it holds truths."""
        return self.values.dtype == bool

    @property
    def is_whole(self) -> bool:
        """Whether it is of a type of whole numbers."""
        return self.values.dtype.kind in "iu"

    # -------------------------------------------------------------------------------------------- texts
    @cached_property
    def _numbered(self) -> tuple[NDArray[np.intp], NDArray[Any]]:
        import pandas as pd

        words = self.values
        missing = pd.isna(words)
        if pd.api.types.infer_dtype(words, skipna=True) not in ("string", "empty"):
            words = np.array([None if gone else str(w) for w, gone in zip(words, missing, strict=True)], object)
        codes, words = pd.factorize(words, sort=True)
        codes[missing] = -1
        return codes, np.asarray(words, object)

    @property
    def codes(self) -> NDArray[np.intp]:
        """The number of each row's text in `words`, -1 where it is missing."""
        return self._numbered[0]

    @property
    def words(self) -> NDArray[Any]:
        """The different texts, in alphabetical order."""
        return self._numbered[1]

    def where_word(self, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows have one of the words that are wanted; rows without a text have none.

        Parameters
        ----------
        wanted
            bool per word.
        """
        return np.append(np.asarray(wanted, bool), False)[self.codes]

    # -------------------------------------------------------------------------------------------- numbers
    @property
    def numbers(self) -> NDArray[Any]:
        """What to sort by: the values, or the numbers of the texts with NaN where one is missing."""
        if not self.is_text:
            return self.values
        codes = self.codes
        return np.where(codes < 0, np.nan, codes) if (codes < 0).any() else codes

    def order(self, rows: NDArray[np.intp], descending: bool = False) -> NDArray[np.intp]:
        """Sort rows by this column; those that are equal stay in their order, missing values come last."""
        values = self.numbers[rows]
        if not descending:
            return rows[np.argsort(values, kind="stable")]
        # The stable order of the reversed rows, reversed, keeps equal rows in their order.
        order = len(rows) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
        if values.dtype.kind == "f":
            missing = int(np.isnan(values).sum())
            order = np.concatenate([order[missing:], order[:missing]])
        return rows[order]

    # -------------------------------------------------------------------------------------------- showing
    @cached_property
    def _decimals(self) -> int | None:
        """How many decimals all cells show, so that they can be compared at a glance; None for as each needs."""
        if self.values.dtype.kind != "f":
            return 0
        some = self.values[:: max(1, len(self.values) // _SAMPLE)].astype(np.float64)
        some = np.abs(some[np.isfinite(some) & (some != 0)])
        if not len(some):
            return 0
        if (some == np.rint(some)).all() and some.max() < 1e15:
            return 0
        low, high = np.quantile(some, [0.1, 0.9]).tolist()
        # Values of all sizes, as in a table of statistics, are legible only with decimals of their own.
        return _decimals_for(high) if 1e-3 <= high < 1e9 and high / low < _SIZES else None

    def text(self, row: int) -> str:
        """Return what a cell shows."""
        value = self.values[row]
        if self.is_text:
            return MISSING if value is None or value != value else str(value)
        if self.values.dtype.kind != "f":
            return str(value)
        if value != value:
            return MISSING
        decimals = self._decimals
        if decimals is None or not math.isfinite(value):
            plain = 1e-4 <= abs(value) < 1e9
            return f"{value:.{_decimals_for(value)}f}" if plain else f"{value:.{_DIGITS}g}"
        text = f"{value:.{decimals}f}"
        # A value that the column's decimals would hide.
        return f"{value:.3g}" if value and abs(value) < 0.5 * 10**-decimals else text


def _decimals_for(value: float) -> int:
    return max(0, _DIGITS - 1 - math.floor(math.log10(abs(value))))


def columns_of(table: pd.DataFrame) -> dict[str, Column]:
    """Take the columns of a table, without napari's index; of equal names the first."""
    columns: dict[str, Column] = {}
    for place, name in enumerate(table.columns):
        if name != "index" and str(name) not in columns:
            columns[str(name)] = Column(str(name), table.iloc[:, place])
    return columns
