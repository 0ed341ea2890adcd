"""A scroll area that only ever scrolls sideways."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QScrollArea, QSizePolicy, QWidget


class SidewaysScroll(QScrollArea):
    """As high as its content; scrolls only where there are more columns than fit."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)

    def fit(self) -> None:
        """Take the height of the content, and of the scroll bar where there is one."""
        wide = self.widget().minimumWidth() > self.width() and self.isVisible()
        self.setFixedHeight(self.widget().height() + (self.horizontalScrollBar().sizeHint().height() if wide else 0))

    def resizeEvent(self, event: Any) -> None:
        """Make room for the scroll bar."""
        super().resizeEvent(event)
        self.fit()

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the panel."""
        event.ignore()
