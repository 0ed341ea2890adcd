"""What all dock widgets share: their viewer, one job at a time, progress, cancel and messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
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
from bioloom.widgets._parts import ImageList, LayerCombo


class _Post(QObject):
    """Carries callables from any thread to the one of the application."""

    sent = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.sent.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @staticmethod
    def _deliver(call: Callable[[], object]) -> None:
        call()


@cache
def _post() -> _Post:
    """Return the one that is never deleted: Qt crashes if that happens while another thread is sending."""
    return _Post()


class MainThread:
    """Runs callables on the thread of the application, in the order in which they were sent.

    Once the owner is gone, they are dropped.
    """

    def __init__(self, owner: QObject | None = None) -> None:
        self._post = _post()
        self._gone = False
        if owner is not None:
            owner.destroyed.connect(partial(self._lose_owner, self))

    def send(self, call: Callable[[], object]) -> None:
        """Run a callable soon; may be called on any thread."""
        if not self._gone:
            self._post.sent.emit(partial(self._run, call))

    def _run(self, call: Callable[[], object]) -> None:
        if not self._gone:
            call()

    @staticmethod
    def _lose_owner(lost: MainThread, *_: object) -> None:
        lost._gone = True


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
        self._main_thread = MainThread(self)
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
        # Where the whole window is destroyed, nothing of the panel may be called any more.
        self.destroyed.connect(partial(abandon, self.jobs))

    # -------------------------------------------------------------------------------------------- coming and going
    def on_close(self, action: Callable[[], object]) -> None:
        """Remember what is to be undone when the panel is closed: callbacks, previews, colours."""
        self._on_close.append(action)

    def close_down(self) -> None:
        """Stop the job and undo everything that reaches out of the panel."""
        self.jobs.cancel()
        actions, self._on_close[:] = list(self._on_close), []
        for action in actions:
            action()
        for part in (*self.findChildren(LayerCombo), *self.findChildren(ImageList)):
            part.stop()

    def event(self, event: Any) -> bool:
        """Notice that the dock was closed: napari then takes the panel out of its dock, and keeps it."""
        if event.type() == QEvent.Type.ParentChange and self._placed and self.parent() is None:
            QTimer.singleShot(0, self._close_if_alone)
        return bool(super().event(event))

    def _close_if_alone(self) -> None:
        if self.parent() is None:
            self.close_down()
            # Deleted here and now by Qt: left to Python's garbage collector, it might be deleted on another thread.
            self.deleteLater()

    def showEvent(self, event: Any) -> None:
        """Share the place of the other panels: the first time, go beside them as a tab."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            dock = _dock_of(self)
            if dock is not None:
                # A tab behind another one is not hidden, as Qt sees it: only its dock tells.
                dock.visibilityChanged.connect(self._dock_seen)
            QTimer.singleShot(0, self._join_others)

    def _dock_seen(self, seen: bool) -> None:
        if not seen and not self.window().isMinimized():
            self.put_behind()

    def put_behind(self) -> None:
        """Do what is to be done when another panel came to the front."""

    def raise_panel(self) -> None:
        """Bring the panel to the front of its tabs."""
        dock = _dock_of(self)
        if dock is not None:
            dock.show()
            dock.raise_()

    def _join_others(self) -> None:
        dock = _dock_of(self)
        if dock is None or dock.isFloating():
            return
        # Short titles, so that five tabs can be read.
        dock.setWindowTitle(dock.windowTitle().partition(" (")[0])
        window = dock.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is None:
            return
        others = [w for w in window.findChildren(BioloomWidget) if w is not self and _dock_of(w) not in (None, dock)]
        for other in others:
            if type(other) is type(self):
                # It is open already, under the name that another menu gives it: one of a kind is enough.
                self.viewer.window.remove_dock_widget(dock)
                other.raise_panel()
                return
        for other in others:
            place = _dock_of(other)
            if place.isVisible() and not place.isFloating():
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

    def still_there(self, source: Any) -> bool:
        """Tell whether a layer still exists; if not, say that its result was dropped."""
        if source in self.viewer.layers:
            return True
        self.say(f"‘{source.name}’ was removed meanwhile, so its result was dropped.")
        return False

    def report(self, error: Exception) -> None:
        """Tell the user what went wrong, here and as a notification."""
        text = str(error) if isinstance(error, BioloomError) else f"{type(error).__name__}: {error}"
        self.say(text)
        show_error(text)

    def _job_started(self, name: str) -> None:
        self.say(f"{name} …")
        self.status.show_busy(True)

    def _job_ended(self) -> None:
        self.status.show_busy(False)

    def _job_failed(self, name: str, error: Exception) -> None:
        self.report(error)


def abandon(jobs: JobRunner, *_: object) -> None:
    """Stop jobs whose owner is gone, without telling it."""
    for signal in (jobs.started, jobs.progressed, jobs.ended, jobs.failed):
        signal.disconnect()
    jobs.cancel()


def _dock_of(widget: QWidget) -> QDockWidget | None:
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
