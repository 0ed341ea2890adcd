"""What Qt asks of a table: cells as text, headers, and how many rows are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

from bioloom.session.feature_table import KEYS
from bioloom.session.table_view import TableView

_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


class ObjectTableModel(QAbstractTableModel):
    """Shows the rows of a table view."""

    def __init__(self, view: TableView) -> None:
        super().__init__()
        self.view = view
        self.describe: Callable[[str], str] = str
        self.names: list[str] = []
        self._columns: list[Any] = []
        self._keys: list[Any] = []
        # What Qt was told of: while rows go, it still asks for those of before.
        self._rows = view.rows
        view.replaced.connect(self._replace)
        view.changed.connect(self._rearrange)
        self._replace()

    @property
    def order(self) -> np.ndarray:
        """The row of the table behind each row shown."""
        return self.view.rows

    def _replace(self) -> None:
        self.beginResetModel()
        self.names = list(self.view.columns)
        self._columns = list(self.view.columns.values())
        self._keys = [self.view.columns[key] for key in KEYS if key in self.view.columns]
        self._rows = self.view.rows
        self.endResetModel()

    def _rearrange(self) -> None:
        n, before = len(self.view.rows), len(self._rows)
        if n < before:
            self.beginRemoveRows(QModelIndex(), n, before - 1)
            self._rows = self.view.rows
            self.endRemoveRows()
        elif n > before:
            self.beginInsertRows(QModelIndex(), before, n - 1)
            self._rows = self.view.rows
            self.endInsertRows()
        self._rows = self.view.rows
        if n and self.names:
            self.dataChanged.emit(self.index(0, 0), self.index(n - 1, len(self.names) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows shown."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[index.column()].text(self._rows[index.row()])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _LEFT if self._columns[index.column()].is_text else _RIGHT
        return None

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name."""
        if orientation == Qt.Orientation.Vertical:
            return self._key(section) if role == Qt.ItemDataRole.DisplayRole else None
        if section >= len(self.names):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.names[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.describe(self.names[section])
        return None

    def _key(self, place: int) -> str:
        row = self._rows[place]
        return " · ".join(column.text(row) for column in self._keys)

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; −1 for the table's own order."""
        if column < 0:
            self.view.sort(None)
        elif column < len(self.names):
            self.view.sort(self.names[column], order == Qt.SortOrder.DescendingOrder)
