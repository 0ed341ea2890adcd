"""What of a table is shown, and in which order: sorting, filters and computed columns, without any window.

A million rows are sorted and filtered in a moment, because only row numbers move, never the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.session.feature_table import KEYS
from bioloom.session.table_columns import Column, columns_of
from bioloom.session.table_computed import ComputedColumns, checked_name
from bioloom.session.table_filters import ColumnFilter
from bioloom.session.table_row_filters import RowFilters

if TYPE_CHECKING:
    import pandas as pd

_MOST_SORTED = 4
MOST_COPIED = 2_000_000


class TableView:
    """The rows of a table that pass its filters, in their order.

    Attributes
    ----------
    replaced : Signal()
        Another table is shown: columns and rows are others.
    changed : Signal()
        Other rows are shown, or in another order.
    columns : mapping of str to Column
        The columns; read-only.
    rows : numpy.ndarray
        The row of the table behind each row shown, (n_shown,).
    dropped : str
        What could not be kept when another table was shown, for the user; empty if nothing was lost.
    """

    replaced = Signal()
    changed = Signal()

    def __init__(self) -> None:
        import pandas as pd

        self._table: pd.DataFrame = pd.DataFrame()
        self._columns: dict[str, Column] = {}
        self._sorted: list[tuple[str, bool]] = []
        self._order = np.zeros(0, np.intp)
        self._filters = RowFilters()
        self._computed = ComputedColumns()
        self.rows = np.zeros(0, np.intp)
        self.dropped = ""

    # -------------------------------------------------------------------------------------------- table
    def show(self, table: pd.DataFrame) -> None:
        """Show another table; sorting and filters stay where their columns are still there."""
        self._table, self._columns = table, columns_of(table)
        self._computed.keep(self._columns)
        self._sorted = [(name, down) for name, down in self._sorted if name in self._columns]
        self.dropped = self._filters.fit(self._columns, len(table))
        self._arrange()
        self._show_rows(self.replaced)

    @property
    def table(self) -> pd.DataFrame:
        """The whole table as it was given."""
        return self._table

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name, without napari's index; read-only."""
        return MappingProxyType(self._columns)

    @property
    def n_rows(self) -> int:
        """The number of rows of the whole table."""
        return len(self._table)

    def shown_table(self, names: list[str] | None = None, mask: NDArray[np.bool_] | None = None) -> pd.DataFrame:
        """Return the rows that are shown, in their order.

        Parameters
        ----------
        names
            The columns to take; all where left out.
        mask
            bool per row of the whole table: take only these.
        """
        rows = self.rows if mask is None else self.rows[mask[self.rows]]
        table = self._table.drop(columns="index", errors="ignore") if names is None else self._table[names]
        return table.iloc[rows]

    def copied(self, names: list[str] | None = None, mask: NDArray[np.bool_] | None = None) -> str:
        """Return the rows that are shown as text with tabs, for a spreadsheet; arguments as for `shown_table`.

        Raises
        ------
        InputError
            If there are more than two million cells.
        """
        table = self.shown_table(names, mask)
        if table.size > MOST_COPIED:
            raise InputError(
                f"{table.size:,} cells are too many to be copied ({MOST_COPIED:,} can be). Save them as a file instead."
            )
        text: str = table.to_csv(sep="\t", index=False)
        return text

    # -------------------------------------------------------------------------------------------- order
    @property
    def sorted_by(self) -> tuple[str, bool] | None:
        """The column that was sorted by last and whether it is descending, or None."""
        return self._sorted[-1] if self._sorted else None

    def sort(self, name: str | None, descending: bool = False) -> None:
        """Sort by a column; rows that are equal there stay sorted by the columns before. None: the table's own order.

        Raises
        ------
        InputError
            If there is no such column.
        """
        if name is None:
            self._sorted.clear()
            self._order = np.arange(self.n_rows)
        else:
            self._column(name)
            self._sorted = [entry for entry in self._sorted if entry[0] != name][1 - _MOST_SORTED :]
            self._sorted.append((name, descending))
            self._order = self._columns[name].order(self._order, descending)
        self._show_rows(self.changed)

    def _arrange(self) -> None:
        self._order = np.arange(self.n_rows)
        for name, descending in self._sorted:
            self._order = self._columns[name].order(self._order, descending)

    # -------------------------------------------------------------------------------------------- filters
    @property
    def expression(self) -> str:
        """The expression that rows must fulfil, or nothing."""
        return self._filters.expression

    @property
    def limits(self) -> Mapping[str, ColumnFilter]:
        """The filters of single columns; read-only."""
        return MappingProxyType(self._filters.limits)

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Which rows of the whole table pass all filters."""
        return self._filters.kept(self.n_rows)

    @property
    def filtered(self) -> bool:
        """Whether any filter is set."""
        return self._filters.any

    def filter(self, expression: str) -> None:
        """Show the rows for which an expression holds, such as ``area > 100 and class == "a"``; nothing shows all.

        Raises
        ------
        InputError
            If it cannot be read; then the filter stays as it was.
        """
        self._filters.set_expression(expression, self._columns, self.n_rows)
        self._show_rows(self.changed)

    def limit(self, name: str, limit: ColumnFilter | None) -> None:
        """Show the rows whose value in a column passes; None takes the filter of that column off.

        Raises
        ------
        InputError
            If there is no such column, or the filter is for another kind of values.
        """
        self._filters.set_limit(self._column(name), limit)
        self._show_rows(self.changed)

    def only(self, mask: NDArray[np.bool_] | None) -> None:
        """Show only these rows of those that pass the filters; None takes this off.

        Parameters
        ----------
        mask
            bool per row of the whole table.
        """
        self._filters.set_only(mask, self.n_rows)
        self._show_rows(self.changed)

    def show_all(self) -> None:
        """Take all filters off."""
        self._filters.clear()
        self._show_rows(self.changed)

    def _show_rows(self, signal: Any) -> None:
        self.rows = self._order[self.kept[self._order]] if self.filtered else self._order
        signal.emit()

    # -------------------------------------------------------------------------------------------- new columns
    @property
    def formulas(self) -> Mapping[str, str]:
        """The expressions of the columns that were computed; read-only."""
        return self._computed.formulas

    def compute(self, name: str, expression: str) -> pd.DataFrame:
        """Compute a new column.

        It is remembered, so that :meth:`outdated` can compute it again for another table; it is not shown before a
        table that has it is shown.

        Parameters
        ----------
        name
            Its name; a column that was computed before may be replaced, others not.
        expression
            See :func:`bioloom.session.table_formula.formula`.

        Returns
        -------
        pandas.DataFrame
            ``[frame,] label`` where the table has them, and the column; one row per row of the table.

        Raises
        ------
        InputError
            If the name is taken or empty, or the expression cannot be computed.
        """
        return self._computed.compute(self._table, self._columns, name, expression)

    def outdated(self) -> pd.DataFrame | None:
        """Compute the computed columns again, for example after measuring.

        Returns
        -------
        pandas.DataFrame or None
            The keys and the columns whose values are others now; None if there are none. An expression that can no
            longer be computed, because its columns are gone, is forgotten.
        """
        return self._computed.outdated(self._table, self._columns)

    def rename(self, old: str, new: str) -> str:
        """Let a column have another name: sorting, filters and expressions keep to it, once the renamed table is shown.

        Returns
        -------
        str
            The new name, without blanks around it.

        Raises
        ------
        InputError
            If there is no such column, it says which object a row is of, or the name is taken or empty.
        """
        self._column(old)
        if old in KEYS:
            raise InputError(f"‘{old}’ says which object a row is of, and keeps its name.")
        new = checked_name(new, [name for name in self._columns if name != old])
        self._computed.rename(old, new, self._columns)
        self._sorted = [(new if name == old else name, down) for name, down in self._sorted]
        self._filters.rename(old, new, self._columns)
        self._table = self._table.rename(columns={old: new})
        self._columns = columns_of(self._table)
        return new

    def _column(self, name: str) -> Column:
        if name not in self._columns:
            raise InputError(f"There is no column ‘{name}’.")
        return self._columns[name]
