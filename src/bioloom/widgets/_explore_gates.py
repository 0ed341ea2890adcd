"""Named gates of the Explore panel: made from what is drawn, combined, saved and applied to other objects."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.explore import CombinedGate, GateSet, PolygonGate, RangeGate
from bioloom.session.plot_gates import gates_to_show, why_not_outlined
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import button_row, ended
from bioloom.widgets._parts import enable
from bioloom.widgets._plot import ScatterPlot

_NO_OUTLINE = "A brush, and what is drawn on boxes and violins, leaves no outline in the values of columns"


class GateForm(QWidget):
    """A list of gates; a click on one selects its objects.

    Parameters
    ----------
    panel
        The Explore panel.
    """

    def __init__(self, panel: Exploring) -> None:
        super().__init__()
        self._panel = panel
        self.gates = GateSet()
        self._drawn: RangeGate | PolygonGate | None = None
        self._plot: ScatterPlot | None = None
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of the gate")
        self.name.setToolTip("Name of the new gate; left empty, it is numbered")
        self.add_button = QPushButton("Keep what was drawn")
        self.add_button.setToolTip("Make a gate of the outline that was drawn last in the plot")
        self.list = _GateList()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setToolTip("A click selects the objects inside; Ctrl or Shift choose several gates to combine")
        self.list.setMaximumHeight(110)
        self.buttons = {name: QPushButton(text) for name, text in (("and", "And"), ("or", "Or"), ("not", "Not"))}
        tips = {"and": "in all", "or": "in any", "not": "in none"}
        for operator, button in self.buttons.items():
            button.setToolTip(f"New gate: objects that are {tips[operator]} of the chosen gates")
            button.clicked.connect(lambda _=False, op=operator: panel.attempt(lambda: self.combine(op)))
        self.outlined = QCheckBox("Outlined in the plot")
        self.outlined.setChecked(True)
        self.outlined.setToolTip("Draw the gates over the points, where the axes show their columns")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Remove the chosen gates (Delete)")
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Save all gates as a JSON file")
        self.load_button = QPushButton("Load…")
        self.load_button.setToolTip("Load gates, to apply them to these objects")
        top = QHBoxLayout()
        top.addWidget(self.name, stretch=1)
        top.addWidget(self.add_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.list)
        column.addWidget(self.outlined)
        column.addLayout(button_row(*self.buttons.values()))
        column.addLayout(button_row(self.remove_button, self.save_button, self.load_button))
        column.addStretch(1)
        self.add_button.clicked.connect(lambda: panel.attempt(self.keep))
        self.name.returnPressed.connect(lambda: panel.attempt(self.keep))
        self.list.itemSelectionChanged.connect(self._chosen_changed)
        self.list.itemSelectionChanged.connect(self._chosen_by_key)
        self.list.itemClicked.connect(lambda item: panel.attempt(self.apply))
        self.list.delete_pressed.connect(lambda: panel.attempt(self.remove))
        self.outlined.toggled.connect(lambda on: self._outline())
        self.remove_button.clicked.connect(lambda: panel.attempt(self.remove))
        self.save_button.clicked.connect(self._ask_save)
        self.load_button.clicked.connect(self._ask_load)
        self._show()

    def note_drawn(self, drawn: RangeGate | PolygonGate | None) -> None:
        """Remember what was drawn last in the plot; None for what cannot be a gate."""
        self._drawn = drawn
        enable(self.add_button, drawn is not None, _NO_OUTLINE)

    def follow_plot(self, plot: ScatterPlot) -> None:
        """Outline the gates in a plot, and tell which of them its axes do not show."""
        self._plot = plot
        plot.kind_changed.connect(self._tell_hidden)
        plot.columns_changed.connect(self._tell_hidden)

    def chosen(self) -> list[str]:
        """Return the names of the chosen gates, from top to bottom."""
        return [self.list.item(i).text() for i in range(self.list.count()) if self.list.item(i).isSelected()]

    def keep(self) -> None:
        """Make a gate of what was drawn last."""
        if self._drawn is None:
            raise InputError("Draw around points in the plot first, with another tool than the brush.")
        self._put(replace(self._drawn, unit=" and ".join(sorted(self._panel.units()))))

    def combine(self, operator: str) -> None:
        """Make a gate of the chosen ones."""
        names = self.chosen()
        if not names or (operator != "not" and len(names) < 2):
            raise InputError("Choose two gates or more to combine: click them with Ctrl held.")
        self._put(CombinedGate(operator, tuple(names)))  # type: ignore[arg-type]

    def _put(self, gate: RangeGate | PolygonGate | CombinedGate) -> None:
        name, number = self.name.text().strip(), len(self.gates) + 1
        while not name:
            name = f"gate {number}" if f"gate {number}" not in self.gates else ""
            number += 1
        self.gates.put(name, gate)
        self.name.clear()
        self._show(name)
        self.apply()

    def apply(self) -> None:
        """Select the objects in any of the chosen gates."""
        names, selection = self.chosen(), self._panel.selection
        if not names or selection is None:
            return
        mask = self.gates.mask(names[0], self._panel.table)
        for name in names[1:]:
            mask = mask | self.gates.mask(name, self._panel.table)
        selection.select(mask)
        self._panel.say(
            f"{int(mask.sum())} of {len(mask)} objects are in {' or '.join(names)}.{self._other_unit(names)}"
        )

    def _other_unit(self, names: list[str]) -> str:
        """Warn where sizes are counted in something else than where the gates were drawn."""
        now = " and ".join(sorted(self._panel.units()))
        drawn = set().union(*(self.gates.units(name) for name in names)) - {now}
        if not now or not drawn:
            return ""
        return f" Drawn where lengths are in {' and '.join(sorted(drawn))}, but here in {now}."

    def remove(self) -> None:
        """Remove the chosen gates."""
        try:
            # What was made of others is removed before them.
            for name in reversed(self.chosen()):
                self.gates.remove(name)
        finally:
            self._show()

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save gates", "gates.json", "Gates (*.json)")
        if path:
            self._panel.attempt(lambda: self.save(path))

    def save(self, path: str) -> None:
        """Save the gates."""
        path = ended(path, ".json")
        self.gates.save(path)
        self._panel.say(f"{len(self.gates)} gate{'' if len(self.gates) == 1 else 's'} saved to {path}.")

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load gates", "", "Gates (*.json)")
        if path:
            self._panel.attempt(lambda: self.load(path))

    def load(self, path: str) -> None:
        """Load gates; those of the same name are replaced."""
        for_all = GateSet.load(path)
        known = {name: self.gates[name] for name in self.gates} | {name: for_all[name] for name in for_all}
        self.gates = GateSet(known)
        self._show()
        which = "1 gate loaded. Click it" if len(for_all) == 1 else f"{len(for_all)} gates loaded. Click one"
        self._panel.say(f"{which} to select its objects.")

    def _chosen_by_key(self) -> None:
        # A click is waited for until the button is released, so that a message is shown once.
        if QApplication.mouseButtons() == Qt.MouseButton.NoButton:
            self._panel.attempt(self.apply)

    def _chosen_changed(self) -> None:
        n = len(self.chosen())
        for name in ("and", "or"):
            enable(self.buttons[name], n > 1, "Choose two gates or more first: click them with Ctrl held")
        for button in (self.buttons["not"], self.remove_button):
            enable(button, n > 0, "Choose a gate first")
        self._outline()

    def _outline(self) -> None:
        if self._plot is not None:
            self._plot.set_gates(gates_to_show(self.gates, self.chosen()) if self.outlined.isChecked() else [])

    def _tell_hidden(self) -> None:
        """Say in the list what to plot to see a gate."""
        if self._plot is None:
            return
        for number in range(self.list.count()):
            item = self.list.item(number)
            item.setToolTip(why_not_outlined(self._plot.model, self.gates, item.text()))

    def _show(self, chosen: str = "") -> None:
        self.list.blockSignals(True)
        self.list.clear()
        for name in self.gates:
            self.list.addItem(name)
            self.list.item(self.list.count() - 1).setSelected(name == chosen)
        self.list.blockSignals(False)
        self._tell_hidden()
        enable(self.add_button, self._drawn is not None, "Draw around points in the plot first")
        enable(self.save_button, len(self.gates) > 0, "There are no gates yet: draw one in the plot first")
        self._chosen_changed()


class _GateList(QListWidget):
    """Names of gates."""

    delete_pressed = Signal()

    def keyPressEvent(self, event: Any) -> None:
        if event.matches(QKeySequence.StandardKey.Delete):
            self.delete_pressed.emit()
        else:
            super().keyPressEvent(event)
