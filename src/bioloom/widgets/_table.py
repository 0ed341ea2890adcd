"""A table of objects: sorted without copying, its selected rows are the selection shared with plot and image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView

_MOST_RANGES = 300


class ObjectTableModel(QAbstractTableModel):
    """Shows the columns of a table in an order of its rows."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._columns: list[np.ndarray] = []
        self.order = np.zeros(0, np.intp)
        self._sorted_by: tuple[int, bool] | None = None

    def show_table(self, table: pd.DataFrame) -> None:
        """Show another table, in the order of its rows or sorted by the column that was sorted by."""
        self.beginResetModel()
        before = self._names[self._sorted_by[0]] if self._sorted_by else None
        self._names = [str(c) for c in table.columns if c != "index"]
        self._columns = [table[c].to_numpy() for c in table.columns if c != "index"]
        self.order = np.arange(len(table))
        if before in self._names and self._sorted_by:
            self._sorted_by = (self._names.index(before), self._sorted_by[1])
            self.order = self._ordered(*self._sorted_by)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of objects."""
        return len(self.order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            value = self._columns[index.column()][self.order[index.row()]]
            return f"{value:.5g}" if isinstance(value, (float, np.floating)) else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name."""
        if orientation == Qt.Orientation.Horizontal and role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return self._names[section]
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; NaN comes last."""
        if not 0 <= column < len(self._columns):
            return
        self.layoutAboutToBeChanged.emit()
        self._sorted_by = (column, order == Qt.SortOrder.DescendingOrder)
        self.order = self._ordered(*self._sorted_by)
        self.layoutChanged.emit()

    def _ordered(self, column: int, descending: bool) -> np.ndarray:
        values = self._columns[column]
        if values.dtype == object:
            values = values.astype(str)
        order = np.argsort(values, kind="stable")
        if not descending:
            return order
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(values), bool)
        backwards = order[::-1]
        return np.concatenate([backwards[~missing[backwards]], backwards[missing[backwards]]])


class ObjectTable(QTableView):
    """The view of the table."""

    rows_selected = Signal(object)
    row_clicked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.objects = ObjectTableModel()
        self.setModel(self.objects)
        self.setSortingEnabled(True)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setToolTip("Click a row to find its object, a header to sort")
        self._quiet = False
        self.selectionModel().selectionChanged.connect(self._selected)
        self.clicked.connect(lambda index: self.row_clicked.emit(int(self.objects.order[index.row()])))

    def show_table(self, table: pd.DataFrame, mask: np.ndarray) -> None:
        """Show a table and its selected rows."""
        self._quiet = True
        self.objects.show_table(table)
        self._quiet = False
        self.show_selection(mask)

    def show_selection(self, mask: np.ndarray) -> None:
        """Mark the selected rows, and scroll to the first."""
        if len(mask) != len(self.objects.order):
            return
        rows = np.flatnonzero(mask[self.objects.order])
        if np.array_equal(rows, self._rows()):
            return
        chosen = QItemSelection()
        last = self.objects.columnCount() - 1
        breaks = np.flatnonzero(np.diff(rows) > 1)
        if len(breaks) > _MOST_RANGES:
            # Qt needs seconds for many ranges: show the first ones, the plot and the image show all.
            rows = rows[: breaks[_MOST_RANGES] + 1]
            breaks = breaks[:_MOST_RANGES]
        starts, ends = np.r_[rows[:1], rows[breaks + 1]], np.r_[rows[breaks], rows[-1:]]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            chosen.select(self.objects.index(start, 0), self.objects.index(end, last))
        self._quiet = True
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._quiet = False
        if len(rows):
            self.scrollTo(self.objects.index(int(rows[0]), 0))

    def _rows(self) -> np.ndarray:
        ranges = self.selectionModel().selection()
        parts = [np.arange(r.top(), r.bottom() + 1) for r in ranges]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.intp)

    def _selected(self, *_: Any) -> None:
        if self._quiet:
            return
        mask = np.zeros(len(self.objects.order), bool)
        mask[self.objects.order[self._rows()]] = True
        self.rows_selected.emit(mask)
