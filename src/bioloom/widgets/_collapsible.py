"""A group whose content can be folded away, so that a panel stays short."""

from __future__ import annotations

from qtpy.QtCore import QSettings, Qt, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QToolButton, QVBoxLayout, QWidget
from superqt import QElidingLabel


class CollapsibleGroup(QFrame):
    """Parts under a title with an arrow; a click on it, or Space, folds them away.

    Parameters
    ----------
    title
        What the parts are about.
    *parts
        From top to bottom.
    key
        Under which the state is remembered, from this time to the next; without one it is not.
    is_open
        Whether the parts are shown until the user chooses otherwise.
    """

    toggled = Signal(bool)

    def __init__(self, title: str, *parts: QWidget, key: str = "", is_open: bool = True) -> None:
        super().__init__()
        self._key, self._summary = key, ""
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.button.setStyleSheet(
            "QToolButton { font-weight: bold; border: none; background: transparent; }"
            "QToolButton:focus { text-decoration: underline; }"
        )
        self.summary = QElidingLabel()
        self.summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.content = QWidget()
        self.column = QVBoxLayout(self.content)
        self.column.setContentsMargins(6, 0, 0, 6)
        for part in parts:
            self.column.addWidget(part)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(self.button)
        head.addWidget(self.summary, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self.content)
        self.button.toggled.connect(self._show)
        self.button.clicked.connect(self._remember)
        remembered = _settings().value(key, is_open, type=bool) if key else is_open
        self.button.setChecked(remembered)
        self._show(remembered)

    @property
    def is_open(self) -> bool:
        """Whether the parts are shown."""
        return bool(self.button.isChecked())

    def set_open(self, is_open: bool) -> None:
        """Show or hide the parts, for now: only what the user chooses is remembered."""
        self.button.setChecked(is_open)

    def set_summary(self, text: str) -> None:
        """Say beside the title, while the parts are hidden, what is in them."""
        self._summary = text
        self.summary.setToolTip(text)
        self._show_summary()

    def _show(self, is_open: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.button.setToolTip("Hide this part of the panel" if is_open else "Show this part of the panel")
        self.content.setVisible(is_open)
        self._show_summary()
        self.toggled.emit(is_open)

    def _show_summary(self) -> None:
        self.summary.setText("" if self.is_open else self._summary)

    def _remember(self, is_open: bool) -> None:
        if self._key:
            _settings().setValue(self._key, is_open)


def _settings() -> QSettings:
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "napari-bioloom", "panels")
    settings.beginGroup("open")
    return settings
