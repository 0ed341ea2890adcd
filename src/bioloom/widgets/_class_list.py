"""The list of classes: what they are called, their colours, and how much is annotated of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QPalette
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.widgets._class_rows import COUNT, ID, NAME, ClassRows, default_colour, swatch
from bioloom.widgets._parts import enable

_MOST_CLASSES = 100
_MOST_ROWS_SHOWN = 7
_LONGEST_NAME = 60


class ClassList(QWidget):
    """Classes with id, name, colour and count; the chosen one is highlighted.

    Keys: up and down or 1–9 choose a class, F2 renames it, C chooses its colour, Insert adds one, Delete removes it.

    Parameters
    ----------
    unit
        What is counted: ``"px"``, or a word in the singular that takes an s, such as ``"object"``.
    can_erase
        Whether a class may be removed that has annotations; whoever hears of `class_removed` then erases them.
        Otherwise they must be erased first.
    """

    class_chosen = Signal(int)
    """The user chose a class."""
    class_added = Signal(int)
    class_removed = Signal(int)
    names_changed = Signal(object)
    """dict of id to name."""
    colours_changed = Signal(object)
    """dict of id to colour, such as ``"#e69f00"``."""

    def __init__(self, unit: str = "px", can_erase: bool = False) -> None:
        super().__init__()
        self._unit, self._can_erase = unit, can_erase
        self._names: dict[int, str] = {}
        self._colours: dict[int, str] = {}
        self._counts: dict[int, int] = {}
        self._ids: list[int] = []
        self._shown: list[int] = []
        self._too_many = 0
        self._quiet = False
        self.table = ClassRows(self)
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.add_button = QPushButton("Add")
        self.add_button.setToolTip("Add a class (Insert)")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Remove the chosen class (Delete)")
        for button in (self.add_button, self.remove_button):
            button.setMaximumWidth(self.fontMetrics().horizontalAdvance("Remove") + 24)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.hint, stretch=1)
        row.addWidget(self.add_button)
        row.addWidget(self.remove_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table)
        layout.addLayout(row)
        self.setFocusProxy(self.table)
        self.add_button.clicked.connect(lambda on: self.add_class())
        self.remove_button.clicked.connect(self._ask_remove)
        self.table.itemChanged.connect(self._edited)
        self.table.currentCellChanged.connect(self._row_chosen)
        self.table.itemClicked.connect(self._clicked)
        self.set_classes((1, 2))

    # -------------------------------------------------------------------------------------------- what is shown
    def ids(self) -> list[int]:
        """Return the ids of the classes, ascending."""
        return list(self._ids)

    def names(self) -> dict[int, str]:
        """Return what each class is called; ``"class 3"`` where nobody named it."""
        return {k: self._names.get(k, f"class {k}") for k in self._ids}

    def colours(self) -> dict[int, str]:
        """Return the colour of each class, such as ``"#e69f00"``."""
        return {k: self._colours.get(k, default_colour(k)) for k in self._ids}

    def counts(self) -> dict[int, int]:
        """Return how much is annotated of each class."""
        return {k: self._counts.get(k, 0) for k in self._ids}

    @property
    def current(self) -> int:
        """The chosen class; 0 if there is none."""
        row = self.table.currentRow()
        return self._shown[row] if 0 <= row < len(self._shown) else 0

    def set_classes(
        self, ids: Iterable[int], names: Mapping[int, str] | None = None, colours: Mapping[int, str] | None = None
    ) -> None:
        """Show other classes, such as those of a loaded classifier; nothing is emitted.

        Parameters
        ----------
        ids
            Whole numbers above 0.
        names, colours
            Of those classes that have some; the others get the usual ones.
        """
        self._ids = sorted({int(k) for k in ids if k > 0})
        self._names = {int(k): str(v) for k, v in (names or {}).items() if v and v != f"class {k}"}
        self._colours = {int(k): QColor(v).name() for k, v in (colours or {}).items()}
        self._counts = {k: n for k, n in self._counts.items() if k in self._ids}
        self._rebuild()

    def set_counts(self, counts: Mapping[int, int]) -> None:
        """Show how much is annotated of each class; classes that are not listed yet are added, none is removed."""
        found = {int(k): int(n) for k, n in counts.items() if k > 0 and n > 0}
        new = sorted(set(found) - set(self._ids))
        self._too_many = len(found) if len(self._ids) + len(new) > _MOST_CLASSES else 0
        if self._too_many:
            new = []
        self._counts = found
        if new:
            self._ids = sorted({*self._ids, *new})
            self._rebuild()
            return
        self._quiet = True
        for row, k in enumerate(self._shown):
            self.table.item(row, COUNT).setText(self._count_text(k))
        self._quiet = False
        self._show_state()

    def set_current(self, class_id: int) -> None:
        """Highlight a class, without a signal; a class that is not listed leaves none highlighted."""
        self._quiet = True
        if class_id in self._shown:
            self.table.setCurrentCell(self._shown.index(class_id), NAME)
        else:
            self.table.setCurrentCell(-1, -1)
        self._quiet = False
        self._show_state()

    # -------------------------------------------------------------------------------------------- what the user does
    def choose(self, class_id: int) -> bool:
        """Choose a class as the user does, by its number key for example; return whether there is such a class."""
        if class_id not in self._ids:
            return False
        self.set_current(class_id)
        self.class_chosen.emit(class_id)
        return True

    def add_class(self, name: str = "") -> int:
        """Add a class with the lowest free id, choose it, and return its id."""
        class_id = next(k for k in range(1, len(self._ids) + 2) if k not in self._ids)
        self._ids = sorted({*self._ids, class_id})
        self._names.pop(class_id, None)
        if name:
            self._names[class_id] = name
        self._rebuild()
        self.class_added.emit(class_id)
        self.names_changed.emit(self.names())
        self.choose(class_id)
        return class_id

    def remove_class(self, class_id: int) -> None:
        """Remove a class, its name and its colour."""
        if class_id not in self._ids:
            return
        row = self._ids.index(class_id)
        self._ids.remove(class_id)
        for known in (self._names, self._colours, self._counts):
            known.pop(class_id, None)
        was_current = self.current == class_id
        self._rebuild()
        self.class_removed.emit(class_id)
        self.names_changed.emit(self.names())
        if was_current and self._ids:
            self.choose(self._ids[min(row, len(self._ids) - 1)])

    def rename(self, class_id: int, name: str) -> bool:
        """Call a class something else; return whether it could be. An empty name gives the usual one again."""
        name = " ".join(name.split())[:_LONGEST_NAME] or f"class {class_id}"
        taken = [k for k, other in self.names().items() if other == name and k != class_id]
        changed = not taken and self.names().get(class_id) != name
        if not taken:
            self._names[class_id] = name
        self._quiet = True
        self.table.item(self._shown.index(class_id), NAME).setText(self.names()[class_id])
        self._quiet = False
        self._show_state()
        if taken:
            self.hint.setText(f"‘{name}’ is class {taken[0]} already: names must differ.")
        if changed:
            self.names_changed.emit(self.names())
        return not taken

    def edit_name(self, class_id: int) -> None:
        """Open the field in which the user renames a class."""
        self.table.editItem(self.table.item(self._shown.index(class_id), NAME))

    def recolour(self, class_id: int, colour: str) -> None:
        """Give a class another colour."""
        self._colours[class_id] = QColor(colour).name()
        self._show_swatches()
        self.colours_changed.emit(self.colours())

    def ask_colour(self, class_id: int) -> None:
        """Let the user choose the colour of a class."""
        colour = QColorDialog.getColor(QColor(self.colours()[class_id]), self, f"Colour of {self.names()[class_id]}")
        if colour.isValid():
            self.recolour(class_id, colour.name())

    def _ask_remove(self) -> None:
        class_id = self.current
        if not self.remove_button.isEnabled():
            return
        n = self._counts.get(class_id, 0)
        if n:
            question = f"Remove {self.names()[class_id]} and erase its {self._count_text(class_id)}?"
            answer = QMessageBox.question(self, "Remove a class", question)
            if answer != QMessageBox.StandardButton.Yes:
                return
        self.remove_class(class_id)

    def show_menu(self, class_id: int, where: Any) -> None:
        """Show what can be done with a class."""
        menu = QMenu(self)
        menu.addAction("Rename\tF2", lambda: self.edit_name(class_id))
        menu.addAction("Colour…\tC", lambda: self.ask_colour(class_id))
        remove = menu.addAction("Remove\tDel", self._ask_remove)
        remove.setEnabled(self.remove_button.isEnabled())
        menu.exec(where)

    # -------------------------------------------------------------------------------------------- inside
    def _count_text(self, class_id: int) -> str:
        n = self._counts.get(class_id, 0)
        if not n:
            return "–"
        return f"{n:,} {self._unit}" + ("s" if self._unit != "px" and n != 1 else "")

    def _rebuild(self) -> None:
        before = self.current
        self._quiet = True
        self._shown = list(self._ids)
        self.table.setRowCount(len(self._shown))
        for row, k in enumerate(self._shown):
            for column, text in ((ID, str(k)), (NAME, self.names()[k]), (COUNT, self._count_text(k))):
                item = QTableWidgetItem(text)
                flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
                item.setFlags(flags | Qt.ItemFlag.ItemIsEditable if column == NAME else flags)
                self.table.setItem(row, column, item)
            key = f"\nKey: {k}" if k <= 9 else ""
            self.table.item(row, ID).setToolTip(f"Class {k}: click for another colour{key}")
            self.table.item(row, NAME).setToolTip(f"Class {k}: double-click for another name{key}")
            self.table.item(row, COUNT).setToolTip(f"What is annotated of class {k}")
            self.table.item(row, COUNT).setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._show_swatches()
        self._quiet = False
        self.set_current(before if before in self._shown else next(iter(self._shown), 0))
        self.table.fit_height(_MOST_ROWS_SHOWN)

    def _show_swatches(self) -> None:
        border = self.palette().color(QPalette.ColorRole.WindowText)
        before, self._quiet = self._quiet, True
        for row, k in enumerate(self._shown):
            icon = swatch(self.colours()[k], self.table.iconSize().width(), border, self.devicePixelRatioF())
            self.table.item(row, ID).setIcon(icon)
        self._quiet = before

    def _show_state(self) -> None:
        current = self.current
        why = ""
        if not current:
            why = "Choose a class first"
        elif len(self._ids) == 1:
            why = "One class must remain"
        elif self._counts.get(current) and not self._can_erase:
            why = f"Erase its annotations first ({self._count_text(current)})"
        enable(self.remove_button, not why, why)
        full = len(self._ids) >= _MOST_CLASSES
        enable(self.add_button, not full, f"There are {_MOST_CLASSES} classes already, which is the most")
        annotated = [k for k in self._ids if self._counts.get(k)]
        if self._too_many:
            self.hint.setText(f"{self._too_many:,} different values: is this an annotation?")
        elif not annotated:
            self.hint.setText("Nothing annotated yet")
        elif len(annotated) == 1:
            self.hint.setText("Annotate a second class to train")
        else:
            self.hint.setText("")

    def _row_chosen(self, row: int, column: int, row_before: int, column_before: int) -> None:
        if self._quiet or row == row_before or row < 0:
            return
        self._show_state()
        self.class_chosen.emit(self.current)

    def _edited(self, item: QTableWidgetItem) -> None:
        if not self._quiet and item.column() == NAME:
            self.rename(self._shown[item.row()], item.text())

    def _clicked(self, item: QTableWidgetItem) -> None:
        if item.column() == ID:
            self.ask_colour(self._shown[item.row()])

    def changeEvent(self, event: Any) -> None:
        """Draw the swatches again where the theme changed."""
        super().changeEvent(event)
        if event.type() in (event.Type.PaletteChange, event.Type.StyleChange) and self._shown:
            self._show_swatches()
