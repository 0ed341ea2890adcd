"""Which rows of a table are shown: an expression, filters of single columns, and a mask, all of which must hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.table_columns import Column
from bioloom.session.table_filters import ColumnFilter
from bioloom.session.table_formula import FUNCTIONS, condition
from bioloom.session.table_tokens import renamed

_BY_EXPRESSION = ""  # where its mask is kept, beside those of columns; no column has this name

Columns = Mapping[str, Column]
Mask = NDArray[np.bool_]


class RowFilters:
    """The filters of a table, and the rows that pass each.

    Attributes
    ----------
    expression : str
        What rows must fulfil, or nothing.
    limits : dict of str to ColumnFilter
        The filters of single columns.
    """

    def __init__(self) -> None:
        self.expression = ""
        self.limits: dict[str, ColumnFilter] = {}
        self._only: Mask | None = None
        self._kept: dict[str, Mask] = {}

    @property
    def any(self) -> bool:
        """Whether any filter is set."""
        return bool(self._kept) or self._only is not None

    def kept(self, n_rows: int) -> Mask:
        """Return which rows pass all filters."""
        kept = np.ones(n_rows, bool)
        for part in self._kept.values():
            kept &= part
        if self._only is not None:
            kept &= self._only
        return kept

    def fit(self, columns: Columns, n_rows: int) -> str:
        """Filter another table by what still fits it; return what could not be kept, for the user."""
        if self._only is not None and len(self._only) != n_rows:
            self._only = None
        self.limits = {
            name: limit for name, limit in self.limits.items() if name in columns and limit.fits(columns[name])
        }
        self._kept = {name: limit.keeps(columns[name]) for name, limit in self.limits.items()}
        if self.expression:
            try:
                self._kept[_BY_EXPRESSION] = condition(self.expression, columns, n_rows)
            except InputError as error:
                dropped = f"The filter ‘{self.expression}’ was taken off: {error}"
                self.expression = ""
                return dropped
        return ""

    def set_expression(self, expression: str, columns: Columns, n_rows: int) -> None:
        """Filter by an expression, nothing for none; one that cannot be read raises InputError and changes nothing."""
        expression = expression.strip()
        if expression:
            self._kept[_BY_EXPRESSION] = condition(expression, columns, n_rows)
        else:
            self._kept.pop(_BY_EXPRESSION, None)
        self.expression = expression

    def set_limit(self, column: Column, limit: ColumnFilter | None) -> None:
        """Filter by a column, None for no more; a filter for another kind of values raises InputError."""
        name = column.name
        if limit is None:
            self.limits.pop(name, None)
            self._kept.pop(name, None)
            return
        if not limit.fits(column):
            what = "text" if column.is_text else "numbers"
            raise InputError(f"The column ‘{name}’ holds {what}; this filter is for other values.")
        self._kept[name] = limit.keeps(column)
        self.limits[name] = limit

    def set_only(self, mask: Mask | None, n_rows: int) -> None:
        """Keep only these rows, None for all; a mask of another length raises InputError."""
        if mask is not None and len(mask) != n_rows:
            raise InputError(f"A mask of {n_rows} rows is needed, but one of {len(mask)} was given.")
        self._only = None if mask is None else np.array(mask, bool)

    def clear(self) -> None:
        """Take all filters off."""
        self.expression, self._only = "", None
        self.limits.clear()
        self._kept.clear()

    def rename(self, old: str, new: str, columns: Columns) -> None:
        """Let a column have another name."""
        self.limits = {new if name == old else name: limit for name, limit in self.limits.items()}
        self._kept = {new if name == old else name: mask for name, mask in self._kept.items()}
        self.expression = renamed(self.expression, old, new, columns, FUNCTIONS)
