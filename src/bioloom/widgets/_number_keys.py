"""Number keys that work in the whole window: over the canvas, in plots and in tables."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget


class NumberKeys(QObject):
    """The keys 1 to 9, as long as they are enabled; fields in which one types keep them.

    Parameters
    ----------
    owner
        A widget in the window.
    """

    pressed = Signal(int)

    def __init__(self, owner: QWidget) -> None:
        super().__init__(owner)
        self._owner = owner
        self._shortcuts: list[QShortcut] = []
        self._enabled = False

    def listen(self) -> None:
        """Begin to listen, once the owner has found its place in the window."""
        if self._shortcuts:
            return
        for number in range(1, 10):
            shortcut = QShortcut(QKeySequence(str(number)), self._owner.window())
            shortcut.setEnabled(self._enabled)
            shortcut.activated.connect(lambda k=number: self.pressed.emit(k))
            self._shortcuts.append(shortcut)

    def set_enabled(self, enabled: bool) -> None:
        """Take the keys, or leave them to what they mean otherwise."""
        self._enabled = enabled
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)

    def close(self) -> None:
        """Stop listening."""
        self.set_enabled(False)
        for shortcut in self._shortcuts:
            shortcut.deleteLater()
        self._shortcuts.clear()
