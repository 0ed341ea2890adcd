"""The menus of the table panel: of one column, and of the whole table."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu

from bioloom.session.feature_table import KEYS

if TYPE_CHECKING:
    from bioloom.widgets._table_view import TablePanel


def column_menu(panel: TablePanel, name: str) -> QMenu:
    """Make the menu of a column."""
    menu, place = QMenu(panel), list(panel.view.columns).index(name)
    order, rows = Qt.SortOrder, panel.rows
    _add(menu, "Sort, smallest first", lambda: rows.sortByColumn(place, order.AscendingOrder))
    _add(menu, "Sort, largest first", lambda: rows.sortByColumn(place, order.DescendingOrder))
    menu.addSeparator()
    _add(menu, "Filter …", lambda: panel.open_filter(name))
    if name in panel.view.limits:
        _add(menu, "Take the filter off", lambda: panel.view.limit(name, None))
    _add(menu, "Statistics and histogram", lambda: panel.show_statistics(name))
    if not panel.view.columns[name].is_text and name not in KEYS:
        _add(menu, "Show as colours in the image", lambda: panel.map_wanted.emit(name))
    menu.addSeparator()
    if name in panel.view.formulas:
        _add(menu, "Change the expression …", lambda: panel.columns.ask_formula(name))
    _add(menu, "Hide", lambda: rows.setColumnHidden(place, True))
    own = panel.is_shared and name not in KEYS
    _add(menu, "Rename …", lambda: panel.columns.ask_name(name), own)
    _add(menu, "Delete …", lambda: panel.columns.ask_delete([name]), own)
    return menu


def fill_menu(panel: TablePanel, menu: QMenu) -> None:
    """Fill the menu of the table with what can be done now."""
    menu.clear()
    there, at_rows = bool(panel.view.n_rows), panel.pages.currentWidget() is panel.rows
    _add(menu, "New column …", panel.columns.ask_formula, there and panel.is_shared)
    _add(menu, "Load a table and join it …", panel.load_wanted.emit, there and panel.is_shared)
    menu.addSeparator()
    _add(menu, "Copy", lambda: panel.attempt(panel.output.copy), there)
    what = "rows shown" if at_rows else panel.pages.tabText(panel.pages.currentIndex()).lower()
    _add(menu, f"Save {what} …", panel.output.ask_save, there)
    if at_rows:
        _add(menu, "Save selected rows …", lambda: panel.output.ask_save(selected=True), bool(panel.mask.any()))
    menu.addSeparator()
    columns = menu.addMenu("Columns")
    _add(columns, "Show all", panel.columns.show_all)
    hidden = [name for name in panel.columns.hidden() if name not in KEYS]
    _add(
        columns, "Delete the hidden ones …", lambda: panel.columns.ask_delete(hidden), bool(hidden) and panel.is_shared
    )
    columns.addSeparator()
    for place, name in enumerate(panel.view.columns):
        action = columns.addAction(name)
        action.setCheckable(True)
        action.setChecked(not panel.rows.isColumnHidden(place))
        action.toggled.connect(lambda on, place=place: panel.rows.setColumnHidden(place, not on))


def _add(menu: QMenu, text: str, action: Callable[[], object], enabled: bool = True) -> None:
    entry = menu.addAction(text)
    entry.triggered.connect(lambda _: action())
    entry.setEnabled(enabled)
