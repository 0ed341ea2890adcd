"""Classes that the user gives to selected objects, and what becomes of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.errors import InputError
from bioloom.session.exploring import CLASSES
from bioloom.session.feature_table import keys_of
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import choice
from bioloom.widgets._parts import whole_number

_TARGETS = {
    "column": "as column",
    "classes": "as classes",
    "selected": "as labels",
}
_TARGET_TIP = (
    "What is saved: the classes as a column of the table or as a layer of classes, or the selected objects as a labels "
    "layer of their own"
)


class ClassForm(QWidget):
    """Puts the selection into classes and keeps them."""

    def __init__(self, panel: Exploring) -> None:
        super().__init__()
        self._panel = panel
        self.class_box = whole_number(
            1, 0, 1000, "The class to put selected objects into; 0 takes them out of their class"
        )
        self.assign_button = QPushButton("Put into class")
        self.assign_button.setToolTip("Put the selected objects into this class; the number keys do so in the plot")
        self.clear_button = QPushButton("Clear selection")
        self.clear_button.setToolTip(
            "Select nothing, and give the layer its own colours back if nothing else is coloured"
        )
        self.class_name = QLineEdit("MANUAL_CLASS")
        self.class_name.setToolTip("Name of the new column or layer")
        # Its beginning is in sight, where it does not fit.
        self.class_name.setCursorPosition(0)
        self.class_name.editingFinished.connect(lambda: self.class_name.setCursorPosition(0))
        self.target: QComboBox = choice(_TARGET_TIP, _TARGETS)
        self.target.setMinimumContentsLength(6)
        self.save_button = QPushButton("Save")
        self.save_button.setToolTip("Keep the classes, or the selected objects")
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.class_box)
        first.addWidget(self.assign_button, stretch=1)
        first.addWidget(self.clear_button, stretch=1)
        second.addWidget(self.class_name, stretch=2)
        second.addWidget(self.target, stretch=1)
        second.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(first)
        layout.addLayout(second)
        self.assign_button.clicked.connect(lambda: self.assign(self.class_box.value()))
        self.clear_button.clicked.connect(lambda: panel.selection.clear() if panel.selection else None)
        self.save_button.clicked.connect(lambda: panel.attempt(self.keep))

    def assign(self, class_id: int) -> None:
        """Put the selected objects into a class."""
        panel, selection = self._panel, self._panel.selection
        if selection is None or not selection.mask.any():
            panel.say("Select objects first: drag around points in the plot, or click objects in the image.")
            return
        panel.show_colour(CLASSES)
        n = int(selection.mask.sum())
        selection.assign(class_id, clear=True)
        what = f"{n} object{'s' * (n != 1)}"
        panel.say(
            f"{what} put into class {class_id}."
            if class_id
            else f"{what} taken out of {'its' if n == 1 else 'their'} class."
        )

    def keep(self) -> None:
        """Save the classes; objects that are merely selected become class 1."""
        panel = self._panel
        name = self.class_name.text().strip()
        if self.target.currentData() == "selected":
            made = panel.pool.save_selected("" if name == "MANUAL_CLASS" else name)
            n = sum(len(layer.features) for layer in made)
            panel.say(f"{n} selected object{'s are' if n != 1 else ' is'} in the layer {_named(made)}.")
            return
        classes = self._classes()
        n_objects, n_classes = int((classes != 0).sum()), len(np.unique(classes[classes != 0]))
        told = f"{n_objects} object{'s' * (n_objects != 1)} in {n_classes} class{'es' * (n_classes != 1)}."
        if self.target.currentData() == "classes":
            made = panel.pool.save_classes(classes, "" if name == "MANUAL_CLASS" else name)
            layers.activate(panel.viewer, panel.pool.layers[0])
            panel.say(f"Saved as layer {_named(made)}: {told}")
            return
        column = panel.pool.new_column(name or "MANUAL_CLASS")
        panel.keep_columns(panel.objects, panel.table[keys_of(panel.table)].assign(**{column: classes}))
        panel.say(f"Saved as column ‘{column}’: {told}")

    def _classes(self) -> NDArray[np.int64]:
        selection = self._panel.selection
        if selection is None:
            raise InputError("These objects are not measured yet: measure them in the Measure panel.")
        classes = selection.classes.copy()
        if not classes.any():
            classes[selection.mask] = 1
        if not classes.any() and self.target.currentData() == "classes":
            # Clusters that the objects are coloured by are classes too.
            classes = self._coloured_by()
        if not classes.any():
            raise InputError("No object has a class yet. Select some with the lasso and put them into a class.")
        return classes

    def _coloured_by(self) -> NDArray[np.int64]:
        from bioloom.session.explaining import whole

        name = self._panel.colour_column()
        if name not in self._panel.table.columns:
            return np.zeros(0, np.int64)
        return whole(self._panel.table[name].to_numpy())


def _named(made: list[Any]) -> str:
    return ", ".join(f"‘{layer.name}’" for layer in made)
