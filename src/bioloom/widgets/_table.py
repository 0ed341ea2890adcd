"""A table of objects: a million rows sorted without copying, selected rows drawn from the selection that all share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QEvent, QItemSelectionModel, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from bioloom.session.table_view import TableView
from bioloom.widgets._table_model import ObjectTableModel
from bioloom.widgets._table_painter import RowPainter
from bioloom.widgets._table_sorting import SortFollower
from bioloom.widgets._theme import accent, faint

_NARROWEST, _WIDEST = 56, 190
_FEW, _LOOKED_AT = 100, 12

_ALL = QKeySequence.StandardKey.SelectAll
_KEYS = {
    QKeySequence.StandardKey.Copy: "copy",
    QKeySequence.StandardKey.Undo: "undo",
    QKeySequence.StandardKey.Redo: "redo",
}


class ObjectTable(QTableView):
    """The rows of a table view; which are selected is a mask per row of the whole table.

    Attributes
    ----------
    view : TableView
        What is shown, and in which order.
    rows_selected : Signal(numpy.ndarray)
        The user selected other rows: bool per row of the whole table.
    row_clicked : Signal(int)
        The user clicked on a row or went to it by the keyboard: its row in the whole table.
    key_wanted : Signal(str)
        The user pressed the keys for ``copy``, ``undo`` or ``redo``.
    """

    rows_selected = Signal(object)
    row_clicked = Signal(int)
    key_wanted = Signal(str)

    def __init__(self, view: TableView | None = None, header: QHeaderView | None = None) -> None:
        super().__init__()
        self.view = view or TableView()
        if header is not None:
            self.setHorizontalHeader(header)
        self.objects = ObjectTableModel(self.view)
        self._mask = np.zeros(self.view.n_rows, bool)
        self._anchor: int | None = None
        self._before_drag: np.ndarray | None = None
        self._toggled = False
        self._widths: dict[str, int] = {}
        self._hidden: set[str] = set()
        self.selected_ground = self.current_ground = QBrush()
        self.setModel(self.objects)
        self.setItemDelegate(RowPainter(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(True)
        header = self.horizontalHeader()
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        header.setHighlightSections(False)
        rows = self.verticalHeader()
        rows.setVisible(False)
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setToolTip(
            "Click a row to find its object; Shift and Ctrl select several, Ctrl+A all that are shown.\n"
            "Click a header to sort, again to turn the order, once more for the order as measured"
        )
        self.view.replaced.connect(self._replaced)
        self.view.changed.connect(self._rearranged)
        self._sort_follower = SortFollower(self)
        header.sectionResized.connect(self._remember_width)
        self.horizontalScrollBar().valueChanged.connect(self._show_keys)

    # -------------------------------------------------------------------------------------------- what is shown
    def paintEvent(self, event: Any) -> None:
        """Paint in the colours of the theme that is used now."""
        colour = QColor(accent(self))
        colour.setAlphaF(0.45)
        self.selected_ground, self.current_ground = QBrush(colour), QBrush(faint(self, 0.08))
        super().paintEvent(event)

    def show_table(self, table: pd.DataFrame, mask: np.ndarray) -> None:
        """Show a table and its selected rows."""
        self._mask = np.asarray(mask, bool)
        self.view.show(table)
        self._to_selection()

    def show_selection(self, mask: np.ndarray) -> None:
        """Mark the selected rows, and scroll to the first unless one is in view."""
        if len(mask) != self.view.n_rows or np.array_equal(mask, self._mask):
            return
        self._mask = np.asarray(mask, bool)
        self._to_selection()
        self.viewport().update()

    @property
    def mask(self) -> np.ndarray:
        """Which rows of the whole table are selected."""
        return self._mask

    def is_selected(self, place: int) -> bool:
        """Tell whether the row at a place is selected."""
        rows = self.view.rows
        return place < len(rows) and rows[place] < len(self._mask) and bool(self._mask[rows[place]])

    def selected_places(self) -> np.ndarray:
        """Return where the selected rows are among those shown."""
        return np.flatnonzero(self._mask[self.view.rows]) if len(self._mask) else np.zeros(0, np.intp)

    def go_to(self, place: int, where: Any = QAbstractItemView.ScrollHint.EnsureVisible) -> None:
        """Scroll to a place and make it the current row."""
        column = max(self.currentIndex().column(), self.columnAt(0), 0)
        index = self.objects.index(int(place), column)
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        self.scrollTo(index, where)

    def go_to_selected(self, step: int) -> None:
        """Go to the next (1) or previous (−1) selected row, round the end."""
        places = self.selected_places()
        if len(places):
            here = self.currentIndex().row()
            at = np.searchsorted(places, here, "right") if step > 0 else np.searchsorted(places, here) - 1
            self.go_to(places[at % len(places)])
            self.row_clicked.emit(int(self.view.rows[self.currentIndex().row()]))

    def _to_selection(self) -> None:
        places = self.selected_places()
        if not len(places):
            return
        first = max(self.rowAt(0), 0)
        last = self.rowAt(self.viewport().height() - 1)
        last = len(self.view.rows) - 1 if last < 0 else last
        if not ((places >= first) & (places <= last)).any():
            self.go_to(places[0])

    def _replaced(self) -> None:
        if len(self._mask) != self.view.n_rows:
            self._mask = np.zeros(self.view.n_rows, bool)
        self._anchor = None
        names = self.objects.names
        at, descending = self.view.sorted_by or ("", False)
        header = self.horizontalHeader()
        header.blockSignals(True)
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        header.setSortIndicator(names.index(at) if at in names else -1, order)
        for place, name in enumerate(names):
            header.setSectionHidden(place, name in self._hidden)
            header.resizeSection(place, self._widths.get(name) or self._fitting_width(place))
        header.blockSignals(False)
        self.updateGeometries()
        header.viewport().update()

    def _rearranged(self) -> None:
        self._anchor = None
        self.viewport().update()

    def _fitting_width(self, place: int) -> int:
        column = self.objects.view.columns[self.objects.names[place]]
        measure = self.fontMetrics().horizontalAdvance
        n = len(column) if len(column) <= _FEW else _LOOKED_AT
        rows = np.linspace(0, max(len(column) - 1, 0), n).astype(int)
        cells = max((measure(column.text(row)) for row in rows), default=0)
        return int(np.clip(max(cells + 14, self.horizontalHeader().sectionSizeHint(place)), _NARROWEST, _WIDEST))

    def _show_keys(self) -> None:
        """Name the rows at the left while the columns that do so are out of view."""
        if "label" in self.objects.names:
            place, header = self.objects.names.index("label"), self.horizontalHeader()
            gone = header.sectionPosition(place) + header.sectionSize(place) <= header.offset()
            if gone != self.verticalHeader().isVisible():
                self.verticalHeader().setVisible(gone)

    def setColumnHidden(self, place: int, hide: bool) -> None:
        """Hide or show a column, also when it moves to another place in the table."""
        (self._hidden.add if hide else self._hidden.discard)(self.objects.names[place])
        super().setColumnHidden(place, hide)

    def rename_column(self, old: str, new: str) -> None:
        """Show a column in its width, or hide it, also under another name."""
        if old in self._widths:
            self._widths[new] = self._widths.pop(old)
        if old in self._hidden:
            self._hidden = {*self._hidden - {old}, new}

    def _remember_width(self, place: int, before: int, width: int) -> None:
        if place < len(self.objects.names):
            self._widths[self.objects.names[place]] = width

    # -------------------------------------------------------------------------------------------- selecting
    def selectAll(self) -> None:
        """Select all rows that are shown."""
        self._select_mask(self.view.kept if self.view.filtered else np.ones(self.view.n_rows, bool))

    def clearSelection(self) -> None:
        """Select nothing."""
        self._select_mask(np.zeros(self.view.n_rows, bool))

    def selectRow(self, place: int) -> None:
        """Select the row at a place among those shown, and no other."""
        if 0 <= place < len(self.view.rows):
            self._anchor = place
            self.go_to(place)
            self._select_mask(self._span(place, place))

    def _span(self, first: int, last: int) -> np.ndarray:
        mask = np.zeros(self.view.n_rows, bool)
        mask[self.view.rows[min(first, last) : max(first, last) + 1]] = True
        return mask

    def _select_mask(self, mask: np.ndarray, tell: bool = True) -> None:
        changed = not np.array_equal(mask, self._mask)
        self._mask = mask
        self.viewport().update()
        if tell and changed:
            self.rows_selected.emit(mask)

    def mousePressEvent(self, event: Any) -> None:
        """Begin to select: the row, with Ctrl also or no longer it, with Shift all rows up to it."""
        super().mousePressEvent(event)
        place = self.rowAt(round(event.position().y()))
        if event.button() != Qt.MouseButton.LeftButton or place < 0:
            return
        self._before_drag = self._mask
        row = self.view.rows[place]
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier and self._anchor is not None:
            mask = self._span(self._anchor, place)
            adding = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self._select_mask(self._mask | mask if adding else mask, tell=False)
            return
        self._anchor = place
        self._toggled = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if self._toggled:
            mask = self._mask.copy()
            mask[row] = not mask[row]
        else:
            mask = self._span(place, place)
        self._select_mask(mask, tell=False)

    def mouseMoveEvent(self, event: Any) -> None:
        """Select all rows from where the mouse was pressed."""
        super().mouseMoveEvent(event)
        if self._before_drag is None or self._anchor is None or self._toggled:
            return
        place = self.rowAt(round(np.clip(event.position().y(), 0, self.viewport().height() - 1)))
        place = place if place >= 0 else len(self.view.rows) - 1
        self._select_mask(self._span(self._anchor, place), tell=False)

    def mouseReleaseEvent(self, event: Any) -> None:
        """Tell what was selected."""
        super().mouseReleaseEvent(event)
        before, self._before_drag = self._before_drag, None
        if before is None:
            return
        if not np.array_equal(before, self._mask):
            self.rows_selected.emit(self._mask)
        place = self.rowAt(round(event.position().y()))
        if place >= 0 and place == self._anchor:
            self.row_clicked.emit(int(self.view.rows[place]))

    def event(self, event: Any) -> bool:
        """Take keys that the window may have, too, while the table has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and any(map(event.matches, (_ALL, *_KEYS))):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        """Select by the keyboard: arrows and pages, with Shift several; Ctrl+A all, Escape none."""
        if wanted := [name for keys, name in _KEYS.items() if event.matches(keys)]:
            self.key_wanted.emit(wanted[0])
        elif event.matches(_ALL):
            self.selectAll()
        elif event.key() == Qt.Key.Key_Escape:
            self.clearSelection()
        else:
            before = self.currentIndex().row()
            super().keyPressEvent(event)
            place = self.currentIndex().row()
            if place == before or place < 0:
                return
            if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                self._anchor = before if self._anchor is None else self._anchor
                self._select_mask(self._span(max(self._anchor, 0), place))
            elif not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._anchor = place
                self._select_mask(self._span(place, place))
                self.row_clicked.emit(int(self.view.rows[place]))
