"""Expressions over columns: a line to filter by them, and a dialog to compute a new column."""

from __future__ import annotations

import re
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import QStringListModel, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCompleter,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.session.table_columns import Column
from bioloom.session.table_formula import FUNCTIONS, formula
from bioloom.session.table_view import TableView
from bioloom.widgets._parts import form
from bioloom.widgets._theme import accent, ground_colour, legible_on, text_colour

_HINT = "Filter: area > 100 and eccentricity < 0.8"
_TIP = (
    "Show only the rows for which this holds. Columns by name, numbers, texts in quotes;\n"
    "< <= > >= == !=, in (1, 2), and, or, not, + - * / **, functions such as quantile(area, 0.9).\n"
    "Ctrl+F comes here, Escape shows all"
)
_PAUSE = 250
_ENDS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape)
_WORD = re.compile(r"[^\W\d][\w.\-]*$")


class ExpressionLine(QLineEdit):
    """A line for an expression, which completes the names of columns and functions.

    Attributes
    ----------
    settled : Signal(str)
        The user paused while typing, or pressed Enter.
    """

    settled = Signal(str)

    def __init__(self, hint: str, tooltip: str) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setToolTip(tooltip)
        self.setClearButtonEnabled(True)
        self._names = QStringListModel(self)
        self._completer = QCompleter(self._names, self)
        self._completer.setWidget(self)
        self._completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self._completer.activated[str].connect(self._complete)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(lambda: self.settled.emit(self.text()))
        self.textEdited.connect(self._edited)

    def set_names(self, names: list[str]) -> None:
        """Complete these columns, and the functions."""
        self._names.setStringList([*names, *(f"{name}(" for name in sorted(FUNCTIONS))])

    @property
    def is_completing(self) -> bool:
        """Whether names to choose from are shown."""
        return bool(self._completer.popup().isVisible())

    def _edited(self, text: str) -> None:
        self._pause.start()
        word = _WORD.search(text[: self.cursorPosition()])
        # Within quotes nothing is completed.
        if word is None or text[: word.start()].count('"') % 2:
            self._completer.popup().hide()
            return
        self._completer.setCompletionPrefix(word[0])
        if self._completer.completionCount() and self._completer.currentCompletion() != word[0]:
            self._style_popup()
            area = self.rect()
            area.setWidth(min(self.width(), 320))
            self._completer.complete(area)
        else:
            self._completer.popup().hide()

    def _style_popup(self) -> None:
        """Colour the names as napari would: they are in a window of their own, which does not get its style."""
        colours = {
            "background": ground_colour(self),
            "color": text_colour(self),
            "selection-background-color": accent(self),
            "selection-color": legible_on(accent(self)),
        }
        rules = "; ".join(f"{what}: {colour.name()}" for what, colour in colours.items())
        self._completer.popup().setStyleSheet(f"QListView {{ {rules} }}")

    def _complete(self, name: str) -> None:
        at = self.cursorPosition()
        word = _WORD.search(self.text()[:at])
        start = at if word is None else word.start()
        self.setText(self.text()[:start] + name + self.text()[at:])
        self.setCursorPosition(start + len(name))
        self._pause.start()

    def keyPressEvent(self, event: Any) -> None:
        """Apply at once by Enter; Escape empties the line."""
        popup, key = self._completer.popup(), event.key()
        if popup.isVisible() and (popup.currentIndex().isValid() or key == Qt.Key.Key_Escape) and key in _ENDS:
            # The completer takes it.
            event.ignore()
            return
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._pause.stop()
            self.settled.emit(self.text())
            return
        if event.key() == Qt.Key.Key_Escape and self.text():
            self._pause.stop()
            self.clear()
            self.settled.emit("")
            return
        super().keyPressEvent(event)
        if not self.text() and self._pause.isActive():
            self._pause.stop()
            self.settled.emit("")


class FilterBar(QWidget):
    """Below the line for an expression: what is wrong with it, and the filters of columns, each with a link to end it.

    Attributes
    ----------
    line : ExpressionLine
        To be put where there is room.
    all_wanted : Signal()
        The user wants to see all rows; the filters of the view are off already.
    """

    all_wanted = Signal()

    def __init__(self, view: TableView) -> None:
        super().__init__()
        self._view = view
        self.line = ExpressionLine(_HINT, _TIP)
        self.problem, self.filters = QLabel(), QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for label in (self.problem, self.filters):
            label.setWordWrap(True)
            label.hide()
            layout.addWidget(label)
        self.filters.setTextFormat(Qt.TextFormat.RichText)
        self.line.settled.connect(self._filter)
        self.filters.linkActivated.connect(self._take_off)
        view.changed.connect(self._tell)
        view.replaced.connect(self._replaced)
        self.hide()

    def set_filter(self, text: str) -> None:
        """Filter by an expression, and show it in the line."""
        self.line.setText(text)
        self._filter(text)

    def _filter(self, text: str) -> None:
        try:
            self._view.filter(text)
        except InputError as error:
            self._complain(str(error))
        else:
            self._complain("")

    def _complain(self, text: str) -> None:
        # Nobody is told that a name is unknown while choosing the rest of it.
        text = "" if self.line.is_completing else text
        self.problem.setText(text)
        self.problem.setVisible(bool(text))
        self._tell()

    def _take_off(self, what: str) -> None:
        if what == "all":
            self.line.clear()
            self._complain("")
            self._view.show_all()
            self.all_wanted.emit()
        else:
            self._view.limit(what.removeprefix("column:"), None)

    def _replaced(self) -> None:
        names = list(self._view.columns)
        self.line.set_names([n if n.isidentifier() or " " not in n else f"`{n}`" for n in names])
        if self._view.dropped or not self.problem.text():
            # A column may have another name now.
            self.line.setText(self._view.expression)
        self._tell()

    def _tell(self) -> None:
        style = f'style="color: {accent(self).name()}; text-decoration: none"'
        links = [
            f'{escape(limit.describe(name))} <a href="column:{escape(name)}" {style}>✕</a>'
            for name, limit in self._view.limits.items()
        ]
        if self._view.filtered:
            links.append(f'<a href="all" {style}>show all rows</a>')
        self.filters.setText(" &nbsp; ".join(links))
        self.filters.setVisible(bool(links))
        self.setVisible(bool(links) or bool(self.problem.text()))


class FormulaDialog(QDialog):
    """Asks for the name and the expression of a new column, and shows its first values."""

    def __init__(self, view: TableView, parent: QWidget | None = None, name: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("New column")
        self._view = view
        self.name = QLineEdit(name)
        self.name.setPlaceholderText("for example: ratio")
        self.name.setToolTip("Name of the new column")
        self.expression = ExpressionLine(
            "for example: area / perimeter ** 2", "An expression of columns, numbers and functions"
        )
        self.expression.set_names(list(view.columns))
        self.expression.setText(view.formulas.get(name, ""))
        self.answer = QLabel()
        self.answer.setWordWrap(True)
        self.answer.setMinimumHeight(3 * self.fontMetrics().height())
        self.answer.setAlignment(Qt.AlignmentFlag.AlignTop)
        known = QLabel("Functions: " + ", ".join(sorted(FUNCTIONS)))
        known.setWordWrap(True)
        known.setToolTip("\n".join(FUNCTIONS[name] for name in sorted(FUNCTIONS)))
        rows, fields = form()
        fields.addRow("Name", self.name)
        fields.addRow("Expression", self.expression)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (rows, self.answer, known, self.buttons):
            layout.addWidget(part)
        self.resize(460, self.sizeHint().height())
        self.name.textEdited.connect(lambda _: self._check())
        self.expression.textChanged.connect(lambda _: self._check())
        self._check()

    def _check(self) -> None:
        possible = False
        try:
            if not self.expression.text().strip():
                self.answer.setText("")
            else:
                values = formula(self.expression.text(), self._view.columns, self._view.n_rows)
                self.answer.setText(f"First values: {_first_values(values)}")
                possible = bool(self.name.text().strip())
                name = self.name.text().strip()
                if name in self._view.columns and name not in self._view.formulas:
                    possible = False
                    self.answer.setText(f"There is a column ‘{name}’ already. Choose another name.")
        except InputError as error:
            self.answer.setText(str(error))
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(possible)


def _first_values(values: np.ndarray) -> str:
    import pandas as pd

    column = Column("", pd.Series(values))
    shown = [column.text(row) for row in range(min(len(column), 5))]
    return ", ".join(shown) + (" …" if len(column) > 5 else "")
