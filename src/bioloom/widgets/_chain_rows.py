"""The list of the steps that made a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from bioloom.widgets._process_icons import category_icon, icon
from bioloom.widgets._theme import faint

_ID = Qt.ItemDataRole.UserRole
_MOST_ROWS = 8
_BAD = QColor("#d55e00")


@dataclass(frozen=True)
class Row:
    """One line of the list.

    Attributes
    ----------
    id
        Of the step, or the input.
    title, details
        What it is called, and its settings in short.
    category
        Of the operation; empty for an input.
    enabled
        Whether it does its work.
    status
        As :meth:`bioloom.session.chain.Chain.status` says; ``input`` for an input.
    tooltip
        Everything about it.
    has_layer
        Whether a layer shows it.
    """

    id: str
    title: str
    details: str
    category: str
    enabled: bool
    status: str
    tooltip: str
    has_layer: bool = True


class ChainRows(QListWidget):
    """One row per step, from the image to the layer; rows can be dragged, and switched off by their box.

    Keys: Space switches a step on or off, Delete removes it, Alt+Up and Alt+Down move it, Enter shows its layer.
    """

    step_chosen = Signal(str)
    step_enabled = Signal(str, bool)
    step_moved = Signal(str, int)
    """A step was dragged: its id, and its new row counted without those of inputs."""
    step_removed = Signal(str)
    step_opened = Signal(str)
    """Double-clicked: its layer is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Steps")
        self.setIconSize(QSize(16, 16))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._rows: list[Row] = []
        self._quiet = False
        self.currentItemChanged.connect(self._current_changed)
        self.itemChanged.connect(self._item_changed)
        self.itemDoubleClicked.connect(lambda item: self.step_opened.emit(item.data(_ID)))

    @property
    def rows(self) -> list[Row]:
        """What is shown."""
        return list(self._rows)

    @property
    def current(self) -> str:
        """The id of the chosen row; empty if there is none."""
        item = self.currentItem()
        return str(item.data(_ID)) if item is not None else ""

    def show_rows(self, rows: Sequence[Row], current: str = "") -> None:
        """Show other rows, and choose one, without a signal."""
        if list(rows) == self._rows and (not current or current == self.current):
            return
        current = current or self.current
        self._quiet = True
        self._rows = list(rows)
        self.clear()
        for row in rows:
            self.addItem(self._item(row))
            if row.id == current:
                self.setCurrentRow(self.count() - 1)
        self._quiet = False
        height = max(self.sizeHintForRow(0), 18)
        self.setFixedHeight(min(max(len(rows), 2), _MOST_ROWS) * height + 6)

    def choose(self, step_id: str) -> None:
        """Choose a row."""
        for number, row in enumerate(self._rows):
            if row.id == step_id:
                self.setCurrentRow(number)

    def _item(self, row: Row) -> QListWidgetItem:
        marks = {"failed": "⚠ ", "blocked": "⚠ ", "computing": "⏳ ", "waiting": "… "}
        text = marks.get(row.status, "") + row.title + (f"  ·  {row.details}" if row.details else "")
        item = QListWidgetItem(text)
        item.setData(_ID, row.id)
        item.setToolTip(row.tooltip)
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if row.status == "input":
            item.setIcon(icon(self, "input"))
        else:
            flags |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsDragEnabled
            item.setCheckState(Qt.CheckState.Checked if row.enabled else Qt.CheckState.Unchecked)
            item.setIcon(category_icon(self, row.category))
        item.setFlags(flags)
        if row.status in ("failed", "blocked"):
            item.setForeground(_BAD)
        elif not row.enabled:
            item.setForeground(faint(self, 0.5))
        font = item.font()
        font.setItalic(not row.has_layer)
        item.setFont(font)
        return item

    # -------------------------------------------------------------------------------------------- the user
    def _current_changed(self, item: Any, before: Any) -> None:
        if not self._quiet and item is not None:
            self.step_chosen.emit(item.data(_ID))

    def _item_changed(self, item: QListWidgetItem) -> None:
        row = next((r for r in self._rows if r.id == item.data(_ID)), None)
        if self._quiet or row is None or row.status == "input":
            return
        on = item.checkState() == Qt.CheckState.Checked
        if on != row.enabled:
            self.step_enabled.emit(row.id, on)

    def dropEvent(self, event: Any) -> None:
        """Move a step; the list itself is written anew by whoever hears of it."""
        moved = self.current
        target = self.indexAt(event.position().toPoint() if hasattr(event, "position") else event.pos())
        below = self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        row = self.count() if not target.isValid() else target.row() + below
        self.move_to(moved, row)

    def move_to(self, step_id: str, row: int) -> None:
        """Ask for a step to be put before a row."""
        ids = [r.id for r in self._rows if r.status != "input"]
        n_inputs = len(self._rows) - len(ids)
        if step_id not in ids:
            return
        old, new = ids.index(step_id), max(0, min(row - n_inputs, len(ids)))
        new -= new > old
        if new != old:
            self.step_moved.emit(step_id, new)

    def keyPressEvent(self, event: Any) -> None:
        """Remove, move or open the chosen step."""
        alt = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
        if event.key() == Qt.Key.Key_Delete and self.current:
            self.step_removed.emit(self.current)
        elif alt and event.key() == Qt.Key.Key_Up:
            self.move_to(self.current, self.currentRow() - 1)
        elif alt and event.key() == Qt.Key.Key_Down:
            self.move_to(self.current, self.currentRow() + 2)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.current:
            self.step_opened.emit(self.current)
        else:
            super().keyPressEvent(event)
