"""An explanation in a panel: the class it is of, points or bars, and how to keep it as a figure."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QPushButton, QVBoxLayout, QWidget

from bioloom.explore.explanation import Explanation
from bioloom.explore.figure_explain import save_beeswarm, save_waterfall
from bioloom.widgets._explore_forms import button_row, ended
from bioloom.widgets._parts import narrow_combo
from bioloom.widgets._shap_view import ShapView


class ShapForm(QWidget):
    """SHAP values of one class at a time.

    Parameters
    ----------
    panel
        A panel with `attempt` and `say`.
    """

    feature_clicked = Signal(str)
    row_clicked = Signal(int)

    def __init__(self, panel: Any) -> None:
        super().__init__()
        self._panel = panel
        self.explanation: Explanation | None = None
        self.class_box = narrow_combo("The class whose probability is explained")
        self.bars = QCheckBox("Bars")
        self.bars.setToolTip("Mean size per feature instead of a point each")
        self.figure_button = QPushButton("Figure…")
        self.figure_button.setToolTip("Save what is shown as PNG, SVG or PDF")
        self.view = ShapView()
        top = button_row(self.figure_button)
        top.insertWidget(0, self.class_box, stretch=1)
        top.insertWidget(1, self.bars)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(top)
        column.addWidget(self.view)
        self.class_box.currentIndexChanged.connect(self._show)
        self.bars.toggled.connect(self._show)
        self.figure_button.clicked.connect(self._ask_figure)
        self.view.feature_clicked.connect(self.feature_clicked)
        self.view.row_clicked.connect(self.row_clicked)
        self.clear()

    @property
    def class_id(self) -> int | None:
        """The class that is shown."""
        data = self.class_box.currentData()
        return None if data is None else int(data)

    def clear(self) -> None:
        """Show nothing."""
        self.explanation = None
        self.view.clear()
        self.hide()

    def show_explanation(self, explanation: Explanation) -> None:
        """Show an explanation; the chosen class stays if it has it."""
        before = self.class_id
        self.explanation = explanation
        self.class_box.blockSignals(True)
        self.class_box.clear()
        for class_id in explanation.class_ids:
            self.class_box.addItem(explanation.class_names[class_id], class_id)
        self.class_box.setCurrentIndex(max(0, self.class_box.findData(before)))
        self.class_box.blockSignals(False)
        self.show()
        self._show()

    def show_steps(self, row: int, of: str) -> bool:
        """Show how the answer for an object or pixel comes about; return whether it was explained."""
        item = None if self.explanation is None else self.explanation.item_of(row)
        if item is None or self.explanation is None:
            return False
        self.view.show_waterfall(self.explanation.waterfall(item, self.class_id), of)
        return True

    def _show(self) -> None:
        if self.explanation is not None and self.class_id is not None:
            self.view.show_swarms(self.explanation, self.class_id, self.bars.isChecked())

    def _ask_figure(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the explanation", "shap.png", "Figures (*.png *.svg *.pdf)")
        if path:
            self._panel.attempt(lambda: self.save_figure(path))

    def save_figure(self, path: str) -> None:
        """Save what is shown as a figure for publication."""
        if self.explanation is None or self.class_id is None:
            return
        path = ended(path, ".png")
        if self.view.waterfall is not None:
            save_waterfall(path, self.view.waterfall, self.view.of)
        else:
            save_beeswarm(path, self.explanation, self.class_id, bars=self.bars.isChecked())
        self._panel.say(f"Saved to {path}.")
