"""What all dock widgets share: their viewer, one job at a time, progress, cancel and messages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import BioloomError
from bioloom.session.jobs import JobRunner


class _MainThread(QObject):
    """Runs callables on the thread of the application, in the order in which they were sent."""

    _sent = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._sent.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def send(self, call: Callable[[], object]) -> None:
        # A RuntimeError means that the widget is gone: nobody waits for the answer any more.
        with contextlib.suppress(RuntimeError):
            self._sent.emit(call)

    @staticmethod
    def _run(call: Callable[[], object]) -> None:
        call()


class StatusBar(QWidget):
    """A line of text, and progress with a cancel button while a job runs."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(8)
        self.button = QPushButton("Cancel")
        self.button.setToolTip("Stop the computation; nothing is changed")
        self.button.clicked.connect(self.cancelled)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.bar)
        row.addWidget(self.button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.text)
        self.show_busy(False)

    def show_busy(self, busy: bool) -> None:
        """Show or hide the progress."""
        self.bar.setVisible(busy)
        self.button.setVisible(busy)
        self.bar.setRange(0, 0)

    def show_progress(self, done: int, total: int) -> None:
        """Move the bar."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)


class BioloomWidget(QWidget):
    """Base of the dock widgets: a scrolling column of content, and the status at its foot."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self._main_thread = _MainThread(self)
        self.jobs = JobRunner(self._main_thread.send)
        self.status = StatusBar()
        self.status.cancelled.connect(self.cancel)
        self.jobs.started.connect(self._job_started)
        self.jobs.progressed.connect(self.status.show_progress)
        self.jobs.ended.connect(self._job_ended)
        self.jobs.failed.connect(self._job_failed)
        self._on_close: list[Callable[[], object]] = []
        inner = QWidget()
        self.content = QVBoxLayout(inner)
        self.content.setContentsMargins(6, 6, 6, 0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        scroll.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 4)
        layout.addWidget(scroll, stretch=1)
        foot = QVBoxLayout()
        foot.setContentsMargins(8, 0, 8, 0)
        foot.addWidget(self.status)
        layout.addLayout(foot)
        self.setMinimumWidth(340)
        self._placed = False
        self.destroyed.connect(_closer(self.jobs, self._on_close))

    def showEvent(self, event: Any) -> None:
        """Share the place of the other panels: the first time, go beside them as a tab."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            QTimer.singleShot(0, self._join_others)

    def _join_others(self) -> None:
        dock = _dock_of(self)
        if dock is None or dock.isFloating():
            return
        window = dock.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is None:
            return
        for other in window.findChildren(BioloomWidget):
            place = _dock_of(other)
            if place not in (None, dock) and place.isVisible() and not place.isFloating():
                if dock not in window.tabifiedDockWidgets(place):
                    window.tabifyDockWidget(place, dock)
                dock.raise_()
                return

    def say(self, text: str) -> None:
        """Show a line of text at the foot of the widget."""
        self.status.text.setText(text)

    def cancel(self) -> None:
        """Stop the running job."""
        if self.jobs.busy:
            self.jobs.cancel()
            self.say("Cancelled. Nothing was changed.")

    def attempt(self, action: Callable[[], object]) -> None:
        """Do something at once; an error that the user can solve becomes a notification."""
        try:
            action()
        except BioloomError as error:
            self.report(error)

    def report(self, error: Exception) -> None:
        """Tell the user what went wrong, here and as a notification."""
        text = str(error) if isinstance(error, BioloomError) else f"{type(error).__name__}: {error}"
        self.say(text)
        show_error(text)

    @staticmethod
    def inform(text: str) -> None:
        """Show a notification."""
        show_info(text)

    def _job_started(self, name: str) -> None:
        self.say(f"{name} …")
        self.status.show_busy(True)

    def _job_ended(self) -> None:
        self.status.show_busy(False)

    def _job_failed(self, name: str, error: Exception) -> None:
        self.report(error)


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent


def _closer(jobs: JobRunner, actions: list[Callable[[], object]]) -> Callable[[], None]:
    """Return what is to be done when the widget is destroyed, without holding the widget itself."""

    def close() -> None:
        jobs.started.disconnect()
        jobs.ended.disconnect()
        jobs.cancel()
        for action in actions:
            action()

    return close
