"""Asks how a table made elsewhere is to be joined: which of its columns say the object, and which are taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtWidgets import QDialog, QDialogButtonBox, QLabel, QVBoxLayout, QWidget

from bioloom import tables
from bioloom.errors import InputError
from bioloom.session.feature_table import keys_of
from bioloom.widgets._parts import CheckList, form, narrow_combo

_NONE = "none"
_QUESTIONS = {"label": "Label is in", "frame": "Frame is in"}
_TIPS = {
    "label": "The column of the file with the label of the object",
    "frame": "The column of the file with the time point, counted from 0",
}


class JoinDialog(QDialog):
    """Shows which objects a choice of key columns finds, before anything is joined.

    Parameters
    ----------
    own
        One's own table: ``[frame,] label`` and other columns.
    other
        The table made elsewhere.
    parent
        In front of which it is shown.
    """

    def __init__(self, own: pd.DataFrame, other: pd.DataFrame, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Join a table")
        self._own, self._other = own[keys_of(own)], other
        found = tables.key_columns(other)
        # What cannot be numbers cannot say an object.
        self._possible = [str(c) for c in other.columns if pd.api.types.is_numeric_dtype(other[c])]
        self.keys = {}
        rows, fields = form()
        for key in keys_of(own)[::-1]:
            box = self.keys[key] = narrow_combo(_TIPS[key], [_NONE, *self._possible])
            box.setCurrentText(str(found.get(key, _NONE)))
            box.currentIndexChanged.connect(lambda _: self._keys_changed())
            fields.addRow(_QUESTIONS[key], box)
        self.columns = CheckList("The columns to add to the table", rows=10)
        self.answer = QLabel()
        self.answer.setWordWrap(True)
        self.answer.setMinimumHeight(4 * self.fontMetrics().height())
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Join")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for part in (rows, QLabel("Columns to add"), self.columns, self.answer, self.buttons):
            layout.addWidget(part)
        self.resize(420, self.sizeHint().height())
        self.columns.changed.connect(self._check)
        self._known: list[str] = []
        self._keys_changed()

    def chosen(self) -> dict[str, Any]:
        """Return what is chosen, as arguments of :func:`bioloom.tables.join_table`."""
        keys = {key: box.currentText() for key, box in self.keys.items() if box.currentIndex() > 0}
        return {"keys": keys, "columns": self.columns.checked()}

    def _keys_changed(self) -> None:
        checked, known = set(self.columns.checked()), self._known
        keys = {box.currentText() for box in self.keys.values() if box.currentIndex() > 0}
        self._known = [str(c) for c in self._other.columns if c not in keys and c != "index"]
        self.columns.set_items(self._known, {name for name in self._known if name in checked or name not in known})

    def _check(self) -> None:
        possible = False
        keys = self.chosen()["keys"]
        try:
            if missing := [_QUESTIONS[key].partition(" ")[0].lower() for key in self.keys if key not in keys]:
                text = f"Say which column of the file has the {' and the '.join(missing)} of the object."
            else:
                # Only the keys are joined to tell what would be found.
                found = tables.join_table(self._own, self._other, keys=keys, columns=[])
                n, taken = len(self.columns.checked()), self.columns.checked()
                possible = bool(found.matched and taken)
                text = found.report().replace("0 columns added", f"{n} column{'s' * (n != 1)} to add")
                if not found.matched:
                    text = "No object is found by these columns. " + _first_values(self._own, self._other, keys)
        except InputError as error:
            text = str(error)
        self.answer.setText(text)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(possible)


def _first_values(own: pd.DataFrame, other: pd.DataFrame, keys: dict[str, str]) -> str:
    def some(values: pd.Series[Any]) -> str:
        return ", ".join(f"{value:g}" for value in np.unique(values.to_numpy(float))[:3])

    parts = [f"{key}: {some(own[key])} … here, {some(other[name])} … in the file" for key, name in keys.items()]
    return f"First values of {'; '.join(parts)}."
