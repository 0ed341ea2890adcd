"""The form in which classes are chosen, and the ways to mark."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from bioloom.widgets._class_list import ClassList
from bioloom.widgets._parts import LayerCombo, form


class MarkingForm(QWidget):
    """The list of classes, the buttons, and the layer in which marks are kept.

    Attributes
    ----------
    role
        What annotation layers are made for.
    noun
        What is marked, in the singular.
    how_to_start, how_to_click, hint_clicking, hint_painting, hint_else
        What the user is told: with a new annotation, where one is made by clicking, and what there is to do while
        objects are clicked, while they are painted over, and otherwise.
    keys_of_current, keys_of_chosen, keys_of_classes
        What number keys do: for what is looked at, for what is chosen otherwise, and where nothing is.
    """

    role: str
    noun: str
    how_to_start: str
    how_to_click: str
    hint_clicking: str
    hint_painting: str
    hint_else: str
    keys_of_current: str
    keys_of_chosen: str
    keys_of_classes: str

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.annotation = LayerCombo(
            viewer,
            "labels",
            "The labels layer in which classes 1, 2, … are marked",
            optional=True,
            wanted_role=self.role,
        )
        self.new_button = QPushButton("New annotation")
        self.new_button.setToolTip("Add an empty labels layer over the objects and start to mark the chosen class")
        self.classes = ClassList(self.noun, can_erase=True)
        self.click_button = QPushButton()
        self.click_button.setCheckable(True)
        self.brush_button = QPushButton()
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Take the last mark back (Ctrl+Z on the canvas)")
        self.redo_button = QPushButton("Redo")
        self.redo_button.setToolTip("Make the mark again that was taken back (Ctrl+Shift+Z on the canvas)")
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        buttons = QGridLayout()
        for number, button in enumerate((self.click_button, self.brush_button, self.undo_button, self.redo_button)):
            buttons.addWidget(button, *divmod(number, 2))
        row, row_layout = form()
        row_layout.addRow("Kept in", self.annotation)
        row_layout.addRow("", self.new_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.classes)
        layout.addLayout(buttons)
        layout.addWidget(self.hint)
        layout.addWidget(row)
