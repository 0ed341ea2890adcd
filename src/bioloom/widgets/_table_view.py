"""The table panel: rows with filters and histograms, statistics, groups and correlations of one table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QEvent, QPoint, Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import BioloomError
from bioloom.session.selection import Selection
from bioloom.session.table_view import TableView
from bioloom.widgets._base import MainThread
from bioloom.widgets._correlation_view import CorrelationPage
from bioloom.widgets._table import ObjectTable
from bioloom.widgets._table_column_filter import ColumnFilterDialog
from bioloom.widgets._table_columns import TableColumns
from bioloom.widgets._table_filter import FilterBar
from bioloom.widgets._table_header import HistogramHeader
from bioloom.widgets._table_menus import column_menu, fill_menu
from bioloom.widgets._table_output import TableOutput
from bioloom.widgets._table_statistics import GroupsPage, StatisticsPage


class TablePanel(QWidget):
    """A table of objects in every view: rows, statistics, groups and correlation; all follow the same filters.

    Its selected rows are a `Selection`, shared with plot and image. What the user makes here (a computed column, the
    columns of a file) is handed to the owner, who keeps the table.

    Attributes
    ----------
    view : TableView
        What is shown.
    row_clicked : Signal(int)
        The user went to a row of the table, to see its object.
    columns_made : Signal(pandas.DataFrame)
        ``[frame,] label`` and new columns, to be merged into the table by these keys.
    column_renamed : Signal(str, str)
        A column of the table is to have another name.
    columns_deleted : Signal(list)
        Columns are to go.
    load_wanted : Signal()
        The user wants to join a table made elsewhere.
    map_wanted : Signal(str)
        A column, to be shown as colours of the objects.
    plot_wanted : Signal(str, str)
        Two columns, to be plotted.
    said : Signal(str)
        A message for the user.
    failed : Signal(Exception)
        What went wrong.
    """

    row_clicked = Signal(int)
    columns_made = Signal(object)
    column_renamed = Signal(str, str)
    columns_deleted = Signal(object)
    load_wanted = Signal()
    map_wanted = Signal(str)
    plot_wanted = Signal(str, str)
    said = Signal(str)
    failed = Signal(object)

    def __init__(self, deliver: Callable[[Callable[[], object]], None] | None = None) -> None:
        super().__init__()
        deliver = deliver or MainThread(self).send
        self.view = TableView()
        self._selection: Selection | None = None
        self._own_choice = self._renewing = False
        self.bar = FilterBar(self.view)
        self.filter_line = self.bar.line
        self.menu_button = QToolButton()
        self.menu_button.setText("⋯")
        self.menu_button.setStyleSheet("QToolButton::menu-indicator { image: none; } QToolButton { padding: 2px 6px; }")
        self.menu_button.setToolTip("New columns, copy, save, load, columns to show")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setMenu(QMenu(self.menu_button))
        self.menu_button.menu().aboutToShow.connect(lambda: fill_menu(self, self.menu_button.menu()))
        self.header = HistogramHeader(self.view, deliver)
        self.rows = ObjectTable(self.view, self.header)
        self.rows.objects.describe = self.header.describe
        self.statistics = StatisticsPage(self.view, deliver, self.header)
        self.groups = GroupsPage(self.view, deliver)
        self.correlation = CorrelationPage(self.view, deliver)
        self.pages = QTabWidget()
        for page, title, tip in (
            (self.rows, "Objects", "One row per object"),
            (self.statistics, "Statistics", "Mean, spread and histogram of each column"),
            (self.groups, "Groups", "Summaries per class, frame, track …"),
            (self.correlation, "Correlation", "Which columns say the same"),
        ):
            self.pages.setTabToolTip(self.pages.addTab(page, title), tip)
        self.count = QLabel()
        self.selected_only = QCheckBox("Selected only")
        self.selected_only.setToolTip("Show only the rows that are selected here, in the plot or in the image")
        self.previous = _tool("▲", "Go to the selected row before")
        self.next = _tool("▼", "Go to the next selected row")
        head, foot = QHBoxLayout(), QHBoxLayout()
        head.addWidget(self.filter_line, stretch=1)
        head.addWidget(self.menu_button)
        foot.addWidget(self.count, stretch=1)
        for button in (self.selected_only, self.previous, self.next):
            foot.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.bar)
        layout.addWidget(self.pages, stretch=1)
        layout.addLayout(foot)
        self.columns = TableColumns(self)
        self.output = TableOutput(self, deliver)
        self._connect()
        self._tell()

    def _connect(self) -> None:
        self.bar.all_wanted.connect(lambda: self.selected_only.setChecked(False))
        self.header.menu_wanted.connect(self._column_menu)
        self.rows.rows_selected.connect(self._select)
        self.rows.row_clicked.connect(self.row_clicked)
        self.groups.rows_selected.connect(self._select)
        self.correlation.pair_chosen.connect(self.plot_wanted)
        self.correlation.columns_chosen.connect(self.columns.show)
        for page in (self.statistics, self.groups, self.correlation):
            page.failed.connect(self.failed)
        self.selected_only.toggled.connect(self._only_selected)
        self.previous.clicked.connect(lambda: self.rows.go_to_selected(-1))
        self.next.clicked.connect(lambda: self.rows.go_to_selected(1))
        self.view.changed.connect(self._tell)
        self.view.replaced.connect(self._replaced)
        for table in (self.rows, self.statistics.table, self.groups.table):
            table.key_wanted.connect(self._key)
        find = QShortcut(QKeySequence.StandardKey.Find, self)
        find.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.activated.connect(self.filter_line.setFocus)

    def _key(self, wanted: str) -> None:
        if wanted == "copy":
            self.attempt(self.output.copy)
        elif self._selection is not None:
            getattr(self._selection, wanted)()

    # -------------------------------------------------------------------------------------------- table and selection
    def show_table(self, table: pd.DataFrame, selection: Selection | None = None) -> None:
        """Show a table, and the selection of its rows; without one, rows are selected in this panel only."""
        if selection is not self._selection:
            if self._selection is not None:
                self._selection.changed.disconnect(self._selection_changed, missing_ok=True)
            self._selection = selection
            if selection is not None:
                selection.changed.connect(self._selection_changed)
        mask = np.zeros(len(table), bool) if selection is None else selection.mask
        # A selection that follows the table may be told of it later than this panel.
        mask = mask if len(mask) == len(table) else np.zeros(len(table), bool)
        self.rows.show_table(table, mask)
        self._share_mask(mask)
        if self.view.dropped:
            self.said.emit(self.view.dropped)
        self._renew()

    def _renew(self) -> None:
        """Compute columns again that depend on others; the owner then shows the table with them."""
        # Only the owner can merge columns; if what comes back differs yet again, it is left.
        if self._selection is None or self._renewing or (changed := self.view.outdated()) is None:
            return
        self._renewing = True
        try:
            self.columns_made.emit(changed)
        finally:
            self._renewing = False

    def close_jobs(self) -> None:
        """Stop computing, and no longer follow the selection."""
        self.header.stop()
        self.output.jobs.cancel()
        for page in (self.statistics, self.groups, self.correlation):
            page.jobs.cancel()
        if self._selection is not None:
            self._selection.changed.disconnect(self._selection_changed, missing_ok=True)
            self._selection = None

    @property
    def mask(self) -> np.ndarray:
        """Which rows of the whole table are selected."""
        return self.rows.mask

    @property
    def is_shared(self) -> bool:
        """Whether the table has an owner who keeps columns, and a selection that others share."""
        return self._selection is not None

    def _selection_changed(self) -> None:
        if self._selection is None or len(self._selection) != self.view.n_rows:
            return
        mask = self._selection.mask
        if self.selected_only.isChecked() and not self._own_choice:
            self.view.only(mask)
        self.rows.show_selection(mask)
        self._share_mask(mask)

    def _share_mask(self, mask: np.ndarray) -> None:
        self.header.set_mask(mask)
        for page in (self.statistics, self.groups, self.correlation):
            page.set_mask(mask)
        self._tell()

    def _select(self, mask: np.ndarray) -> None:
        # What is chosen among the selected rows must not make the others vanish under the mouse.
        self._own_choice = True
        try:
            if self._selection is not None and len(self._selection) == len(mask):
                self._selection.select(mask)
            else:
                self.rows.show_selection(mask)
                self._share_mask(mask)
        finally:
            self._own_choice = False

    def _only_selected(self, on: bool) -> None:
        self.view.only(self.mask if on else None)

    def _replaced(self) -> None:
        if self.selected_only.isChecked():
            self.selected_only.blockSignals(True)
            self.selected_only.setChecked(False)
            self.selected_only.blockSignals(False)
            self.view.only(None)
        self._tell()

    # -------------------------------------------------------------------------------------------- filters and columns
    def set_filter(self, text: str) -> None:
        """Filter by an expression, and show it in the line."""
        self.bar.set_filter(text)

    def _tell(self) -> None:
        view = self.view
        n, shown = view.n_rows, len(view.rows)
        selected = int(np.count_nonzero(self.mask)) if len(self.mask) == n else 0
        text = f"{shown:,} of {n:,} rows" if view.filtered else f"{n:,} rows"
        hidden = selected - len(self.rows.selected_places()) if selected and view.filtered else 0
        if selected:
            text += f", {selected:,} selected" + (f" ({hidden:,} of them hidden)" if hidden else "")
        self.count.setText(text)
        for button in (self.previous, self.next):
            button.setEnabled(selected > hidden)
        self.selected_only.setEnabled(selected > 0 or self.selected_only.isChecked())

    def _column_menu(self, name: str, where: QPoint) -> None:
        menu = column_menu(self, name)
        menu.exec(where)
        menu.deleteLater()

    def open_filter(self, name: str) -> ColumnFilterDialog:
        """Open the dialog that filters by a column; the table follows while it is open."""
        dialog = ColumnFilterDialog(self.view, name, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
        return dialog

    def show_statistics(self, name: str) -> None:
        """Go to the statistics and histogram of a column."""
        self.pages.setCurrentWidget(self.statistics)
        self.statistics.choose(name)

    # -------------------------------------------------------------------------------------------- what goes wrong
    def attempt(self, action: Callable[[], object]) -> None:
        """Do something; tell of an error that the user can solve."""
        try:
            action()
        except BioloomError as error:
            self.failed.emit(error)

    def event(self, event: Any) -> bool:
        """Stop counting when the panel goes."""
        if event.type() == QEvent.Type.DeferredDelete:
            self.close_jobs()
        return bool(super().event(event))


def _tool(text: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    return button
