"""Filters of single columns: a range of numbers, or some of the texts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.session.table_columns import Column


@dataclass(frozen=True)
class RangeFilter:
    """Keeps numbers from `low` to `high`, both included.

    Attributes
    ----------
    low, high
        The limits; infinite where there is none.
    missing
        Whether rows without a value are kept.
    """

    low: float = -np.inf
    high: float = np.inf
    missing: bool = False

    def fits(self, column: Column) -> bool:
        """Tell whether it can filter a column."""
        return not column.is_text

    def keeps(self, column: Column) -> NDArray[np.bool_]:
        """Return which rows pass."""
        values = column.values
        kept = (values >= self.low) & (values <= self.high)
        return kept | np.isnan(values) if self.missing and values.dtype.kind == "f" else kept

    def describe(self, name: str) -> str:
        """Say what it does."""
        low, high = f"{self.low:.5g}", f"{self.high:.5g}"
        if np.isinf(self.low) and np.isinf(self.high):
            return name if self.missing else f"{name} not missing"
        if np.isinf(self.high):
            return f"{name} ≥ {low}"
        return f"{name} ≤ {high}" if np.isinf(self.low) else f"{low} ≤ {name} ≤ {high}"


@dataclass(frozen=True)
class ValuesFilter:
    """Keeps rows with one of some values.

    Attributes
    ----------
    values
        Texts for a column of text; whole numbers or truths for others.
    missing
        Whether rows without a value are kept.
    """

    values: Collection[str | int]
    missing: bool = False

    def fits(self, column: Column) -> bool:
        """Tell whether it can filter a column."""
        return all(isinstance(value, str) == column.is_text for value in self.values)

    def keeps(self, column: Column) -> NDArray[np.bool_]:
        """Return which rows pass."""
        if column.is_text:
            kept = column.where_word(np.isin(column.words, np.array([*self.values], object)))
            return kept | (column.codes < 0) if self.missing else kept
        kept = np.isin(column.values, np.array([*self.values], np.float64))
        return kept | np.isnan(column.values) if self.missing and column.values.dtype.kind == "f" else kept

    def describe(self, name: str) -> str:
        """Say what it does."""
        some = ", ".join(str(value) for value in list(self.values)[:3])
        return f"{name}: {some}{' …' if len(self.values) > 3 else ''}{' or missing' * self.missing}"


ColumnFilter: TypeAlias = RangeFilter | ValuesFilter
