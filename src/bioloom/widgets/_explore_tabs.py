"""Tabs that take no more room than the one in front needs."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QSizePolicy, QTabWidget, QWidget

_MARGIN = 4


class SnugTabs(QTabWidget):
    """Tabs that are as high as the one in front, so that the plot below gets the rest."""

    def __init__(self) -> None:
        super().__init__()
        self.setUsesScrollButtons(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.currentChanged.connect(self._fit)

    def addTab(self, part: QWidget, title: str) -> int:
        """Add a tab."""
        page = _Page(part)
        number = int(super().addTab(page, title))
        self._fit(self.currentIndex())
        return number

    def setCurrentWidget(self, part: QWidget) -> None:
        """Bring a part to the front."""
        self.setCurrentIndex(next(i for i in range(self.count()) if self.widget(i).part is part))

    def _fit(self, number: int) -> None:
        for i in range(self.count()):
            self.widget(i).set_front(i == number)
        self.updateGeometry()


class _Page(QWidget):
    """A part that needs no room while it is behind others.

    It has no layout: with wrapped text in any of them, all pages together would be as high as the highest.
    """

    def __init__(self, part: QWidget) -> None:
        super().__init__()
        self.part = part
        self._front = False
        part.setParent(self)

    def set_front(self, front: bool) -> None:
        self._front = front
        self.updateGeometry()

    def event(self, event: Any) -> bool:
        """Follow the part when it grows or shrinks."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
            self._place()
        return bool(super().event(event))

    def resizeEvent(self, event: Any) -> None:
        """Give the part the width of the page."""
        super().resizeEvent(event)
        self._place()
        if event.oldSize().width() != event.size().width():
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """As high as the part, at the width there is; nothing while it is behind."""
        hint = self.part.sizeHint()
        return QSize(hint.width() + 2 * _MARGIN, self._height() + 2 * _MARGIN if self._front else 0)

    def minimumSizeHint(self) -> QSize:
        """As high as the part, which cannot be squeezed."""
        return QSize(self.part.minimumSizeHint().width() + 2 * _MARGIN, self.sizeHint().height())

    def _height(self) -> int:
        width = max(self.width() - 2 * _MARGIN, self.part.minimumSizeHint().width())
        layout = self.part.layout()
        if layout is not None and layout.hasHeightForWidth():
            return int(layout.totalHeightForWidth(width))
        return int(self.part.sizeHint().height())

    def _place(self) -> None:
        width = max(self.width() - 2 * _MARGIN, 0)
        self.part.setGeometry(_MARGIN, _MARGIN, width, max(self._height(), 0))
