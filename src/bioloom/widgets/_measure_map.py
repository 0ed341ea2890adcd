"""A row that shows a column of the table as colours of the objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QSize, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from bioloom.layers.maps import COLORMAPS, colour_strip
from bioloom.widgets._parts import enable, narrow_combo

_STRIP = QSize(26, 12)


class MapRow(QWidget):
    """Chooses a column and a colormap.

    Attributes
    ----------
    wanted : Signal(str)
        The user wants to see a column.
    recoloured : Signal(str)
        The user chose another colormap.
    """

    wanted = Signal(str)
    recoloured = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.column = narrow_combo("The measurement to see in the image")
        self.colormap = narrow_combo(
            "Colours from the smallest to the largest value; they can be changed while a map is shown"
        )
        self.column.setMinimumContentsLength(4)
        self.colormap.setMinimumContentsLength(4)
        self.colormap.setIconSize(_STRIP)
        for name in COLORMAPS:
            self.colormap.addItem(_strip_icon(name), name)
        self.button = QPushButton("Show map")
        self.button.setToolTip("Show every object in the colour of its value, with a colour bar, over the labels")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.column, stretch=1)
        row.addWidget(self.colormap, stretch=1)
        row.addWidget(self.button)
        self.button.clicked.connect(lambda: self.wanted.emit(self.column.currentText()))
        self.colormap.currentTextChanged.connect(self.recoloured)
        self.set_columns([])

    def set_columns(self, names: Sequence[str]) -> None:
        """Offer other columns; the chosen one stays if it is among them."""
        if [self.column.itemText(i) for i in range(self.column.count())] != list(names):
            before = self.column.currentText()
            self.column.clear()
            self.column.addItems(list(names))
            self.column.setCurrentIndex(max(self.column.findText(before), 0) if names else -1)
        enable(self.button, bool(names), "There is no table yet: measure first")


def _strip_icon(colormap: str) -> QIcon:
    colours = np.repeat(colour_strip(colormap, _STRIP.width())[None], _STRIP.height(), axis=0).copy()
    height, width = colours.shape[:2]
    image = QImage(colours.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
    return QIcon(QPixmap.fromImage(image))
