"""How the rows of a table are drawn that are selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex
from qtpy.QtWidgets import QStyle, QStyledItemDelegate

if TYPE_CHECKING:
    from bioloom.widgets._table import ObjectTable


class RowPainter(QStyledItemDelegate):
    """Draws the rows that the selection has as selected; Qt's own selection would take seconds for many."""

    def __init__(self, table: ObjectTable) -> None:
        super().__init__(table)
        self._table = table

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Mark the selected rows, and the current one only by its row."""
        super().initStyleOption(option, index)
        option.state &= ~(QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_Selected)
        if self._table.is_selected(index.row()):
            option.backgroundBrush = self._table.selected_ground
        elif index.row() == self._table.currentIndex().row():
            option.backgroundBrush = self._table.current_ground
