"""Keys on a plot: classes by number, Escape, Return and Backspace while drawing, zoom and pan."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence

_TRAVELS = {QKeySequence.StandardKey.Undo: "undo", QKeySequence.StandardKey.Redo: "redo"}
_STEPS = {
    Qt.Key.Key_Left: (-0.1, 0.0),
    Qt.Key.Key_Right: (0.1, 0.0),
    Qt.Key.Key_Down: (0.0, -0.1),
    Qt.Key.Key_Up: (0.0, 0.1),
}


class PlotKeys:
    """What the keys do on a plot; mixed into its widget."""

    def event(self, event: Any) -> bool:
        """Take undo and redo, which the window may have too, while the plot has the focus."""
        if event.type() == QEvent.Type.ShortcutOverride and any(map(event.matches, _TRAVELS)):
            event.accept()
            return True
        return bool(super().event(event))  # type: ignore[misc]

    def keyPressEvent(self, event: Any) -> None:
        """Undo and redo; put the selection into a class by its number; the keys of drawing; zoom and pan."""
        key, control = event.key(), event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if wanted := [step for keys, step in _TRAVELS.items() if event.matches(keys)]:
            self.travel_wanted.emit(wanted[0])
        elif not len(self.model.x):
            event.ignore()
        elif Qt.Key.Key_0 <= key <= Qt.Key.Key_9 and not control:
            self.class_chosen.emit(int(key) - int(Qt.Key.Key_0))
        elif key == Qt.Key.Key_Escape:
            if self._drawing.active:
                self._drawing.cancel()
            else:
                self.selected.emit(np.zeros(len(self.model.x), bool), "replace")
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._drawing.active:
            self._finish(self._drawing.finish(), self._mode_of(event))
        elif key == Qt.Key.Key_Backspace and self._drawing.active:
            self._drawing.back()
        elif key == Qt.Key.Key_A and control:
            self.selected.emit(self.model.visible(), "replace")
        elif key == Qt.Key.Key_Home:
            self.show_all()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            x0, x1, y0, y1 = self.model.view
            self.model.zoom((x0 + x1) / 2, (y0 + y1) / 2, 1.25 if key == Qt.Key.Key_Minus else 0.8)
            self._request()
        elif key in _STEPS:
            (x0, x1, y0, y1), (across, up) = self.model.view, _STEPS[key]
            dx, dy = across * (x1 - x0), up * (y1 - y0)
            self.model.view = (x0 + dx, x1 + dx, y0 + dy, y1 + dy)
            self._request()
        else:
            event.ignore()
        self.update()
