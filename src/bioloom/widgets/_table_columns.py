"""The columns of the table panel: shown or hidden, computed, renamed, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDialog, QInputDialog, QMessageBox

from bioloom.session.feature_table import KEYS
from bioloom.widgets._table_filter import FormulaDialog

if TYPE_CHECKING:
    from bioloom.widgets._table_view import TablePanel

_NAMED = 5


class TableColumns:
    """What can be done with the columns of a table panel.

    Parameters
    ----------
    panel
        The panel; its owner makes, renames and deletes columns of the table itself.
    """

    def __init__(self, panel: TablePanel) -> None:
        self._panel = panel

    def shown(self) -> list[str]:
        """Return the columns that are not hidden, in the order in which the user put them."""
        panel, names = self._panel, list(self._panel.view.columns)
        header = panel.rows.horizontalHeader()
        places = [header.logicalIndex(place) for place in range(len(names))]
        return [names[place] for place in places if not panel.rows.isColumnHidden(place)]

    def hidden(self) -> list[str]:
        """Return the columns that are hidden."""
        shown = set(self.shown())
        return [name for name in self._panel.view.columns if name not in shown]

    def show(self, names: list[str]) -> None:
        """Show only these columns, and those that say which object a row is of."""
        for place, name in enumerate(self._panel.view.columns):
            self._panel.rows.setColumnHidden(place, name not in names and name not in KEYS)
        self._panel.pages.setCurrentWidget(self._panel.rows)
        self._panel.said.emit(f"{len(names)} columns are shown. ‘⋯’ shows the others again.")

    def show_all(self) -> None:
        """Show the hidden columns again."""
        for place in range(len(self._panel.view.columns)):
            self._panel.rows.setColumnHidden(place, False)

    def go_to(self, name: str) -> None:
        """Bring a column into view, if there is one of this name."""
        rows, names = self._panel.rows, list(self._panel.view.columns)
        if name in names:
            self._panel.pages.setCurrentWidget(rows)
            rows.setColumnHidden(names.index(name), False)
            rows.horizontalScrollBar().setValue(rows.horizontalHeader().sectionPosition(names.index(name)))

    def ask_formula(self, name: str = "") -> None:
        """Ask for a new column."""
        dialog = FormulaDialog(self._panel.view, self._panel, name)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self._panel.attempt(lambda: self.compute(dialog.name.text(), dialog.expression.text()))
        dialog.deleteLater()

    def compute(self, name: str, expression: str) -> None:
        """Compute a new column and hand it to the owner of the table."""
        self._panel.columns_made.emit(self._panel.view.compute(name, expression))
        self.go_to(name.strip())

    def ask_name(self, name: str) -> None:
        """Ask for another name of a column."""
        new, accepted = QInputDialog.getText(self._panel, "Rename the column", f"New name of {name}:", text=name)
        if accepted and new.strip() != name:
            self._panel.attempt(lambda: self.rename(name, new))

    def rename(self, name: str, new: str) -> None:
        """Give a column another name; filters, sorting and computed columns go with it.

        Raises
        ------
        InputError
            If it is a key, or the name is taken or empty.
        """
        new = self._panel.view.rename(name, new)
        self._panel.rows.rename_column(name, new)
        self._panel.column_renamed.emit(name, new)

    def ask_delete(self, names: list[str]) -> None:
        """Ask, then delete columns."""
        listed = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        what = f"the column {listed}" if len(names) == 1 else f"{len(names)} columns ({listed})"
        text = f"Delete {what} from the table? What was measured or computed can be made again; the rest cannot."
        if QMessageBox.question(self._panel, "Delete?", text) == QMessageBox.StandardButton.Yes:
            self.delete(names)

    def delete(self, names: list[str]) -> None:
        """Delete columns; those that say which object a row is of stay."""
        self._panel.columns_deleted.emit([name for name in names if name not in KEYS])
