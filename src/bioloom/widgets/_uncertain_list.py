"""Lists what a classifier is least sure of, to be looked at next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QPalette
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.widgets._class_rows import swatch
from bioloom.widgets._parts import enable

_ROWS = 5
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True)
class Doubt:
    """Something that a classifier is not sure of.

    Attributes
    ----------
    row : int
        Of the table of all.
    name : str
        What to call it.
    what, colour : str
        What the classifier takes it for.
    probability : float
        How likely that is, 0…1.
    """

    row: int
    name: str
    what: str
    colour: str
    probability: float


class UncertainList(QWidget):
    """A short table, the most uncertain first, and a button to visit one after the other.

    Parameters
    ----------
    noun
        What is listed, such as ``"object"``.
    """

    visited = Signal(int)
    """The user wants to see this row."""
    next_wanted = Signal()

    def __init__(self, noun: str) -> None:
        super().__init__()
        self._noun = noun
        self.next_button = QPushButton("Next uncertain")
        self.next_button.setToolTip(
            f"Show the {noun} that the classifier is least sure of: to annotate it teaches it most"
        )
        self.table = QTableWidget(0, 3)
        self.table.setAccessibleName(f"Most uncertain {noun}s")
        self.table.setToolTip(f"Click one to see the {noun}")
        self.table.horizontalHeader().setVisible(False)
        self.table.verticalHeader().setVisible(False)
        self.table.setShowGrid(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Fixed widths: to ask every row for its own takes longer than everything else that a live answer needs.
        header = self.table.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(2, self.fontMetrics().horizontalAdvance("100 %") + 16)
        line = self.fontMetrics().height()
        self.table.verticalHeader().setMinimumSectionSize(line + 2)
        self.table.verticalHeader().setDefaultSectionSize(line + 6)
        self.table.setFixedHeight(_ROWS * (line + 6) + 2 * self.table.frameWidth())
        self.empty = QLabel()
        self.empty.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.next_button)
        layout.addWidget(self.table)
        layout.addWidget(self.empty)
        self._doubts: list[Doubt] = []
        self.next_button.clicked.connect(lambda on: self.next_wanted.emit())
        self.table.cellClicked.connect(lambda row, column: self.visited.emit(self._doubts[row].row))
        self.table.cellActivated.connect(lambda row, column: self.visited.emit(self._doubts[row].row))
        self.show_doubts([], known=False)

    def show_doubts(self, doubts: Sequence[Doubt], known: bool = True) -> None:
        """Show others; `known` tells whether there is a classifier that was asked."""
        self._doubts = list(doubts)
        same = len(doubts) == self.table.rowCount()
        border = self.palette().color(QPalette.ColorRole.WindowText)
        size = self.fontMetrics().height()
        icons = {c: swatch(c, size, border, self.devicePixelRatioF()) for c in {doubt.colour for doubt in doubts}}
        self.table.setUpdatesEnabled(False)
        if not same:
            self.table.setRowCount(len(doubts))
            for row in range(len(doubts)):
                for column in range(3):
                    self.table.setItem(row, column, QTableWidgetItem())
                self.table.item(row, 2).setTextAlignment(_RIGHT)
        for row, doubt in enumerate(doubts):
            self.table.item(row, 0).setText(doubt.name)
            self.table.item(row, 1).setText(doubt.what)
            self.table.item(row, 1).setIcon(icons[doubt.colour])
            self.table.item(row, 2).setText(f"{100 * doubt.probability:.0f} %")
        width = max((self.fontMetrics().horizontalAdvance(doubt.name) for doubt in doubts), default=0)
        self.table.horizontalHeader().resizeSection(0, width + 16)
        self.table.clearSelection()
        self.table.scrollToTop()
        self.table.setUpdatesEnabled(True)
        self.table.setVisible(bool(doubts))
        why = f"Every {self._noun} is annotated" if known else "There is no classifier yet: annotate two classes first"
        self.empty.setText(f"{why}.")
        self.empty.setVisible(not doubts)
        enable(self.next_button, bool(doubts), why)

    def mark(self, wanted: int) -> None:
        """Highlight what is shown now, if it is listed."""
        rows = [doubt.row for doubt in self._doubts]
        if wanted in rows:
            self.table.selectRow(rows.index(wanted))
        else:
            self.table.clearSelection()
