"""The list of what a classifier is trained on: several images, each with its annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from bioloom.widgets._parts import enable

_MOST_SHOWN = 4
_KEY = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class TrainingMember:
    """One image with its annotation.

    Attributes
    ----------
    key : int
        Tells the members apart.
    image, annotation : str
        What their layers, or files, are called.
    annotated : int
        How much is annotated: pixels or objects.
    frames : tuple of int
        The frames (or z-planes) that hold annotations; empty where there is only one.
    used : bool
        Whether the classifier is trained on it.
    problem : str
        Why it cannot be used now, such as that its layer is gone; empty if it can.
    """

    key: int
    image: str
    annotation: str
    annotated: int
    frames: tuple[int, ...] = ()
    used: bool = True
    problem: str = ""


class TrainingList(QWidget):
    """Members with check marks. Keys: Space checks, Enter goes to the image, Delete removes.

    Parameters
    ----------
    unit
        What is counted: ``"px"``, or a word in the singular that takes an s, such as ``"object"``.
    plane
        What the frames are: ``"frame"`` or ``"plane"``.
    """

    add_requested = Signal()
    """The user wants the chosen image and its annotation to be added."""
    remove_requested = Signal(int)
    go_to_requested = Signal(int)
    used_changed = Signal(int, bool)
    """A member, and whether it is to be used."""

    def __init__(self, unit: str = "px", plane: str = "frame") -> None:
        super().__init__()
        self._unit, self._plane = unit, plane
        self._members: list[TrainingMember] = []
        self._why_not_add = ""
        self.list = _Members()
        self.list.setAccessibleName("Training images")
        self.list.setToolTip("What the classifier is trained on: images with their annotations")
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.add_button = QPushButton("Add current")
        self.add_button.setToolTip("Train on the image and the annotation that are chosen above, too")
        self.go_button = QPushButton("Go to")
        self.go_button.setToolTip("Choose this image and its annotation again, and show them (Enter)")
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Train without this image; its layers stay (Delete)")
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.add_button, self.go_button, self.remove_button):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(self.hint)
        layout.addLayout(row)
        self.setFocusProxy(self.list)
        self.add_button.clicked.connect(lambda on: self.add_requested.emit())
        self.go_button.clicked.connect(lambda on: self._emit(self.go_to_requested))
        self.remove_button.clicked.connect(lambda on: self._emit(self.remove_requested))
        self.list.itemChanged.connect(self._checked)
        self.list.itemActivated.connect(lambda item: self._emit(self.go_to_requested))
        self.list.removed.connect(self.remove_button.click)
        self.list.currentItemChanged.connect(lambda now, before: self._show_state())
        self.set_members(())

    # -------------------------------------------------------------------------------------------- what is shown
    @property
    def members(self) -> tuple[TrainingMember, ...]:
        """The members, as they were given and checked since."""
        return tuple(self._members)

    @property
    def current(self) -> int | None:
        """The key of the chosen member."""
        item = self.list.currentItem()
        return None if item is None else item.data(_KEY)

    def set_members(self, members: Sequence[TrainingMember]) -> None:
        """Show other members; the chosen one stays chosen where it is still there. Nothing is emitted."""
        before = self.current
        self._members = list(members)
        self.list.blockSignals(True)
        self.list.clear()
        for member in members:
            item = QListWidgetItem(f"{member.image}\n{self._describe(member)}")
            item.setData(_KEY, member.key)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            item.setFlags(flags if member.problem else flags | Qt.ItemFlag.ItemIsUserCheckable)
            used = member.used and not member.problem
            item.setCheckState(Qt.CheckState.Checked if used else Qt.CheckState.Unchecked)
            item.setToolTip(self._tooltip(member))
            item.setSizeHint(QSize(60, 2 * self.fontMetrics().height() + 8))
            self.list.addItem(item)
        keys = [member.key for member in members]
        if keys:
            self.list.setCurrentRow(keys.index(before) if before in keys else len(keys) - 1)
        self.list.blockSignals(False)
        self.list.fit_height(_MOST_SHOWN)
        self._show_state()

    def set_current(self, key: int) -> None:
        """Choose a member, without a signal."""
        keys = [member.key for member in self._members]
        if key in keys:
            self.list.setCurrentRow(keys.index(key))

    def allow_add(self, why_not: str = "") -> None:
        """Say why the current image cannot be added; with nothing said, it can."""
        self._why_not_add = why_not
        self._show_state()

    def summary(self) -> str:
        """Return how much there is, such as ``"2 of 3 images, 1,234 px"``."""
        used = [member for member in self._members if member.used and not member.problem]
        n, total = len(used), len(self._members)
        images = f"{n} of {total} images" if n != total else f"{total} image{'s' * (total != 1)}"
        return f"{images}, {self._amount(sum(member.annotated for member in used))}"

    # -------------------------------------------------------------------------------------------- inside
    def _amount(self, n: int) -> str:
        return f"{n:,} {self._unit}" + ("s" if self._unit != "px" and n != 1 else "")

    def _describe(self, member: TrainingMember) -> str:
        if member.problem:
            return member.problem
        parts = [self._amount(member.annotated)]
        if len(member.frames) == 1:
            parts.append(f"{self._plane} {member.frames[0]}")
        elif member.frames:
            parts.append(f"{len(member.frames)} {self._plane}s")
        return f"{' in '.join(parts)} – {member.annotation}"

    def _tooltip(self, member: TrainingMember) -> str:
        lines = [f"Image: {member.image}", f"Annotation: {member.annotation}, {self._amount(member.annotated)}"]
        if member.frames:
            lines.append(f"Annotated {self._plane}s: {', '.join(map(str, member.frames))}")
        return "\n".join([*lines, member.problem] if member.problem else lines)

    def _show_state(self) -> None:
        enable(self.add_button, not self._why_not_add, self._why_not_add)
        why = "" if self._members else "There is no image in the list yet"
        enable(self.remove_button, not why, why)
        chosen = next((member for member in self._members if member.key == self.current), None)
        enable(self.go_button, bool(chosen) and not chosen.problem, why or (chosen.problem if chosen else "Choose one"))
        self.list.setVisible(bool(self._members))
        self.hint.setText(self.summary() if self._members else "Only the image that is chosen above")

    def _emit(self, signal: Any) -> None:
        if self.current is not None:
            signal.emit(self.current)

    def _checked(self, item: QListWidgetItem) -> None:
        row, used = self.list.row(item), item.checkState() == Qt.CheckState.Checked
        member = self._members[row]
        if used == member.used:
            return
        self._members[row] = TrainingMember(**{**vars(member), "used": used})
        self._show_state()
        self.used_changed.emit(member.key, used)


class _Members(QListWidget):
    """Two lines per member, cut where there is no room."""

    removed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)

    def fit_height(self, most: int) -> None:
        """Be as high as the rows, up to so many."""
        row = self.item(0).sizeHint().height() if self.count() else 0
        self.setFixedHeight(max(1, min(self.count(), most)) * row + 2 * self.frameWidth() + 4)

    def keyPressEvent(self, event: Any) -> None:
        """Remove by a key."""
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.removed.emit()
        else:
            super().keyPressEvent(event)
