"""Buttons for what is usually done next."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QWidget

from bioloom.operations import Operation
from bioloom.recipe.catalogue import CATALOGUE
from bioloom.session.next_steps import next_steps
from bioloom.widgets._process_icons import category_icon

_AROUND_TEXT = 34
"""Width of a button beside its text, in pixels."""


class NextSteps(QWidget):
    """Up to four operations that often follow; a click opens one with the result as its input."""

    chosen = Signal(object, object)
    """Operation and layer."""

    def __init__(self) -> None:
        super().__init__()
        self._layer: Any = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(4)
        self._title = QLabel("Next:")
        self._title.setToolTip("What is often done with such a result")
        self._grid.addWidget(self._title, 0, 0, Qt.AlignmentFlag.AlignTop)
        self.buttons: list[QToolButton] = []
        self.hide()

    def show_for(self, layer: Any, kind: str, last: Operation | None) -> None:
        """Offer what follows on a layer; nothing is shown where nothing is known."""
        self._layer = layer
        for button in self.buttons:
            self._grid.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = []
        found = next_steps(CATALOGUE, kind, last) if layer is not None else []
        for operation in found:
            button = QToolButton()
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setIcon(category_icon(self, operation.category))
            button.setToolTip(f"{operation.title} of {layer.name}\n{operation.summary}")
            button.setAccessibleName(operation.title)
            button.setAutoRaise(True)
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            button.clicked.connect(lambda on=False, o=operation: self.chosen.emit(o, self._layer))
            self.buttons.append(button)
        self._arrange()
        self.setVisible(bool(found))

    def follow(self, viewer: Any) -> None:
        """Offer nothing any more for a layer that is gone."""
        if self._layer is not None and self._layer not in viewer.layers:
            self.show_for(None, "", None)

    def resizeEvent(self, event: Any) -> None:
        """Arrange the buttons in the new width."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        """Put two buttons beside each other where both titles fit, so that none is cut while there is room."""
        metrics, width = self.fontMetrics(), self.width() - self._title.sizeHint().width()
        row = column = 0
        for number, button in enumerate(self.buttons):
            title = button.accessibleName()
            pair = self.buttons[number : number + 2] if column == 0 else [button]
            half = width // 2 - _AROUND_TEXT
            wide = column == 0 and any(metrics.horizontalAdvance(b.accessibleName()) > half for b in pair)
            fits = width - _AROUND_TEXT if wide else half
            button.setText(metrics.elidedText(title, Qt.TextElideMode.ElideRight, max(fits, 40)))
            self._grid.addWidget(button, row, 1 + column, 1, 2 if wide else 1)
            row, column = (row + 1, 0) if wide or column else (row, 1)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)
