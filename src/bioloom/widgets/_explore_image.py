"""The image side of the Explore panel: outlines drawn on the image, and pictures of the selected objects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.session.gallery import Gallery
from bioloom.session.image_lasso import RULES, Region
from bioloom.widgets._canvas_outline import CanvasOutline
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import choice
from bioloom.widgets._gallery import GalleryView

_SHAPES = {"lasso": "Lasso", "polygon": "Polygon", "rectangle": "Rectangle", "ellipse": "Ellipse"}
_CARD_PIXELS = 96
# While a slider moves, pictures are made anew now and then.
_AGAIN_MS = 120


class ImageLassoForm(QWidget):
    """Lets the mouse draw outlines on the image to select objects.

    Parameters
    ----------
    panel
        The Explore panel.
    """

    def __init__(self, panel: Exploring) -> None:
        super().__init__()
        self._panel = panel
        self._lasso: layers.ImageLasso | None = None
        self._outline = CanvasOutline()
        self.button = QPushButton("Select in the image")
        self.button.setCheckable(True)
        self.button.setToolTip(
            "Draw around objects on the image: Shift adds, Alt removes; a polygon is closed by a double click. "
            "Number keys put what is selected into a class, as in the plot."
        )
        self.shape = choice("What is drawn on the image", _SHAPES)
        self.rule = choice("Which objects an outline selects", RULES)
        self.all_frames = QCheckBox("All frames")
        self.all_frames.setToolTip("Select what lies inside the outline in every frame, not only in the one in view")
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.button, stretch=1)
        first.addWidget(self.shape, stretch=1)
        second.addWidget(self.rule, stretch=1)
        second.addWidget(self.all_frames)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(first)
        layout.addLayout(second)
        self.button.toggled.connect(self._toggled)
        self.shape.currentIndexChanged.connect(lambda: self._toggled(self.button.isChecked()))

    def follow(self, has_frames: bool) -> None:
        """Offer all frames where there are any."""
        self.all_frames.setVisible(has_frames)

    def stop(self) -> None:
        """Give the mouse back."""
        if self._lasso is not None:
            self._lasso.stop()
            self._lasso = None
        self._outline.close()
        self.button.setChecked(False)

    def _toggled(self, on: bool) -> None:
        panel = self._panel
        if not on:
            if self._lasso is not None:
                self._lasso.stop()
            return
        if panel.selection is None:
            panel.say("These objects are not measured yet: measure them in the Measure panel.")
            self.button.setChecked(False)
            return
        if self._lasso is None:
            self._lasso = layers.ImageLasso(
                panel.viewer, panel.pool.layers, self._drawn, panel.say, self._outline.show_path, self._keys()
            )  # fmt: skip
        self._lasso.start(self.shape.currentData())

    def _keys(self) -> dict[str, Callable[[], None]]:
        """Return the keys that do over the image what they do in the plot."""
        plot = self._panel.plot
        keys = {str(number): partial(plot.class_chosen.emit, number) for number in range(10)}
        undo, redo = (partial(plot.travel_wanted.emit, step) for step in ("undo", "redo"))
        return keys | {"Control-Z": undo, "Control-Shift-Z": redo}

    def _drawn(self, regions: dict[Any, Region]) -> None:
        panel = self._panel

        def select() -> None:
            n = panel.pool.select_inside(regions, all_frames=self.all_frames.isChecked(), rule=self.rule.currentData())
            panel.say(f"{n} object{'s' * (n != 1)} inside the outline.")

        panel.attempt(select)


class ObjectPictures:
    """Pictures of the objects of a panel, for its gallery and beside the mouse.

    Parameters
    ----------
    panel
        The Explore panel.
    send
        Runs a callable on the GUI thread.
    """

    def __init__(self, panel: Exploring, send: Any) -> None:
        self._panel = panel
        self.view = GalleryView(send)
        self.view.wall.setMinimumHeight(220)
        self._gallery: Gallery | None = None
        self._ready: set[tuple[int, int]] = set()
        self._outlines: NDArray[np.uint8] | None = None
        self._made_for: Any = None
        self._later = QTimer(self.view)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._again)

    def forget(self, event: Any = None) -> None:
        """Drop the pictures, and make those anew that are in view: the objects, their labels or the images changed."""
        self._gallery, self._made_for = None, None
        self._ready = set()
        if not self._later.isActive():
            self._later.start(_AGAIN_MS)

    def clear(self) -> None:
        """Show that there are no objects."""
        self.forget()
        self.view.set_gallery(None, pd.DataFrame())

    def _again(self) -> None:
        if self.in_view and self._made_for is None:
            self.update(self._outlines)

    @property
    def in_view(self) -> bool:
        """Whether the gallery is seen."""
        return bool(self.view.isVisible())

    def update(self, outlines: NDArray[np.uint8] | None) -> None:
        """Show the selected objects, outlined in these colours (RGBA per object)."""
        selection = self._panel.selection
        if selection is None or len(selection) != len(self._panel.table):
            return
        gallery, table = self._of_now(), self._panel.table
        alike = (outlines is None) == (self._outlines is None) and np.array_equal(outlines, self._outlines)  # type: ignore[arg-type]
        if self._made_for is None or self._made_for[0] is not gallery or self._made_for[1] is not table or not alike:
            self._made_for, self._outlines = (gallery, table), outlines
            self.view.set_gallery(gallery, table, outlines)
        self.view.show_rows(np.flatnonzero(selection.mask))

    def card(self, row: int) -> NDArray[np.uint8] | None:
        """Return the picture of an object, or None while its frame is being looked through."""
        selection = self._panel.selection
        if selection is None or row >= len(selection):
            return None
        gallery, frame = self._of_now(), (int(self._panel.objects.source[row]), int(selection.frames[row]))
        if frame in self._ready:
            return gallery.picture(row, _CARD_PIXELS)
        ready = self._ready

        def look() -> None:
            gallery.box(row)
            ready.add(frame)

        threading.Thread(target=look, name="bioloom pictures", daemon=True).start()
        return None

    def _of_now(self) -> Gallery:
        panel, selection = self._panel, self._panel.selection
        if self._gallery is None or len(self._gallery) != len(selection):  # type: ignore[arg-type]
            self._gallery = panel.pool.gallery()
            self._ready = set()
        return self._gallery
