"""A plot in a window, for benchmarks: what is plotted, and how long until it is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def points(n: int, seed: int = 0) -> tuple[Array, Array, Array]:
    """Eight groups, partly over each other."""
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 8, n)
    angle = groups * np.pi / 4
    return np.cos(angle) * 3 + rng.normal(size=n), np.sin(angle) * 3 + rng.normal(size=n), groups


class Paints:
    """Counts how often a widget is painted; for a plot of ours, also from which painting on its picture is seen."""

    def __init__(self, widget: Any) -> None:
        from qtpy.QtCore import QEvent, QObject

        outer = self

        class Filter(QObject):
            def eventFilter(self, watched: Any, event: Any) -> bool:
                outer.count += event.type() == QEvent.Type.Paint
                return False

        self.count = self.needed = 0
        self._filter = Filter(widget)
        widget.installEventFilter(self._filter)
        if hasattr(widget, "drawn"):
            widget.drawn.connect(lambda: setattr(self, "needed", self.count + (not widget._painting)))

    @classmethod
    def of(cls, widget: Any) -> Paints:
        if not hasattr(widget, "paints"):
            widget.paints = cls(widget)
        paints: Paints = widget.paints
        return paints


def events(wait: bool = False) -> None:
    """Let the application work; if `wait`, sleep until there is something to do, as its own loop does."""
    from qtpy.QtCore import QEventLoop, QTimer
    from qtpy.QtWidgets import QApplication

    flags = QEventLoop.ProcessEventsFlag.AllEvents
    # A drawing thread may come to rest without a word.
    QTimer.singleShot(3, lambda: None)
    QApplication.processEvents(flags | QEventLoop.ProcessEventsFlag.WaitForMoreEvents if wait else flags)


def until_painted(plot: Any, complete: bool = True) -> None:
    """Wait until the window has painted the plot; if `complete`, with all that is to be drawn."""
    paints = Paints.of(plot)
    before = paints.count
    plot.update()

    def done() -> bool:
        if complete and (plot._dirty.isActive() or plot._renderer.busy or paints.count < paints.needed):
            return False
        return paints.count > before

    while not done():
        events(wait=True)


def show(plot: Any, data: tuple[Array, Array, Array]) -> None:
    from bioloom.explore.appearance import appearance

    x, y, groups = data
    plot.set_points(x, y, ("x", "y"))
    plot.set_look(appearance(groups, np.zeros(len(x), bool), True))
    until_painted(plot)
