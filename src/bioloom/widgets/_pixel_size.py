"""Fields for the size of a pixel along each axis."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from bioloom.errors import InputError

_AXES = ("z", "y", "x")


class PixelSize(QWidget):
    """Shows the size of a pixel as the layer has it, and lets the user say another.

    Attributes
    ----------
    changed : Signal()
        The user typed another size, or took the layer's again.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._given: tuple[float, ...] = ()
        self.fields: list[QLineEdit] = []
        self._names: list[QLabel] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        for axis in _AXES:
            name, field = QLabel(axis), QLineEdit()
            field.setToolTip(
                f"Size of a pixel along {axis}: that of the layer. Another one is used to measure only; "
                "the layer stays as it is"
            )
            field.setAccessibleName(f"Pixel size along {axis}")
            field.setMinimumWidth(38)
            field.textEdited.connect(lambda _: self._edited())
            self.fields.append(field)
            self._names.append(name)
            row.addWidget(name)
            row.addWidget(field, stretch=1)
        self.unit = QLabel()
        self.unit.setTextFormat(Qt.TextFormat.PlainText)
        self.reset_button = QToolButton()
        self.reset_button.setText("↺")
        self.reset_button.setToolTip("Take the size that the layer has")
        self.reset_button.clicked.connect(self.reset)
        row.addWidget(self.unit)
        row.addWidget(self.reset_button)
        self.show_size((1.0, 1.0), "pixel")

    def show_size(self, spacing: Sequence[float], unit: str) -> None:
        """Show the size of the pixels of a layer, (z, y, x) or (y, x)."""
        self._given = tuple(float(s) for s in spacing)
        self.unit.setText("" if unit == "pixel" else unit)
        first = len(_AXES) - len(self._given)
        for place, (name, field) in enumerate(zip(self._names, self.fields, strict=True)):
            name.setVisible(place >= first)
            field.setVisible(place >= first)
        self.reset()

    def reset(self) -> None:
        """Show what the layer has."""
        first = len(_AXES) - len(self._given)
        for field, size in zip(self.fields[first:], self._given, strict=True):
            field.setText(f"{size:.6g}")
            field.setCursorPosition(0)
        self._edited()

    @property
    def own(self) -> bool:
        """Whether the user said another size than the layer has."""
        first = len(_AXES) - len(self._given)
        return [f.text().strip() for f in self.fields[first:]] != [f"{size:.6g}" for size in self._given]

    @property
    def spacing(self) -> tuple[float, ...]:
        """The size of a pixel along (z,) y and x.

        Raises
        ------
        InputError
            If a field does not hold a number above 0.
        """
        if not self.own:
            return self._given
        first = len(_AXES) - len(self._given)
        sizes = []
        for axis, field in zip(_AXES[first:], self.fields[first:], strict=True):
            try:
                size = float(field.text().replace(",", "."))
            except ValueError:
                size = math.nan
            if not (size > 0 and math.isfinite(size)):
                raise InputError(f"The pixel size along {axis} is ‘{field.text()}’; give a number above 0.")
            sizes.append(size)
        return tuple(sizes)

    def _edited(self) -> None:
        self.reset_button.setEnabled(self.own)
        self.changed.emit()
