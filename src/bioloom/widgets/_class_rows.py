"""The rows of the list of classes, and the colours in them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget

from bioloom.explore.colours import class_colours

ID, NAME, COUNT = range(3)
_DISTINCT = 70


def default_colour(class_id: int) -> str:
    """Return the colour of a class that nobody chose another for, such as ``"#e69f00"``; safe for the colour-blind."""
    row = (class_id - 1) % _DISTINCT + 1
    return QColor(*class_colours(row)[row].tolist()).name()


def swatch(colour: str, size: int, border: QColor, ratio: float = 1.0) -> QIcon:
    """Return a square of a colour, sharp at a device pixel ratio."""
    picture = QPixmap(QSize(size, size) * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(border, 1))
    painter.setBrush(QColor(colour))
    painter.drawRoundedRect(1, 1, size - 2, size - 2, 3, 3)
    painter.end()
    icon = QIcon(picture)
    # Otherwise Qt would tint it in the chosen row.
    icon.addPixmap(picture, QIcon.Mode.Selected)
    return icon


class ClassRows(QTableWidget):
    """The rows, and the keys that they know."""

    def __init__(self, owner: Any) -> None:
        super().__init__(0, 3)
        self._owner = owner
        self.setAccessibleName("Classes")
        self.horizontalHeader().setVisible(False)
        self.verticalHeader().setVisible(False)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(ID, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(COUNT, QHeaderView.ResizeMode.ResizeToContents)
        line = self.fontMetrics().height()
        self.verticalHeader().setMinimumSectionSize(line + 4)
        self.verticalHeader().setDefaultSectionSize(line + 8)
        self.setIconSize(QSize(line, line))

    def fit_height(self, most: int) -> None:
        """Be as high as the rows, up to so many."""
        rows = max(2, min(self.rowCount(), most))
        self.setFixedHeight(rows * self.verticalHeader().defaultSectionSize() + 2 * self.frameWidth() + 2)

    def keyPressEvent(self, event: Any) -> None:
        """Choose, recolour, add and remove by keys."""
        owner, key = self._owner, event.key()
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if plain and Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            owner.choose(key - Qt.Key.Key_0)
        elif plain and key == Qt.Key.Key_F2 and owner.current:
            owner.edit_name(owner.current)
        elif plain and key == Qt.Key.Key_C and owner.current:
            owner.ask_colour(owner.current)
        elif plain and key == Qt.Key.Key_Insert:
            owner.add_button.click()
        elif plain and key == Qt.Key.Key_Delete:
            owner.remove_button.click()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: Any) -> None:
        """Show the menu of the class under the mouse."""
        if self._owner.current:
            self._owner.show_menu(self._owner.current, event.globalPos())
