"""Selected rows of a table, seen in the image while no other panel colours the objects."""

from __future__ import annotations

from typing import Any

from bioloom import layers
from bioloom.explore.appearance import appearance
from bioloom.session.selection import Selection


class Highlight:
    """Colours the selected objects of a labels layer, and gives the layer its own colours back."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._selection: Selection | None = None
        self._colours: layers.ObjectColours | None = None
        self._shown: Any = None

    def follow(self, layer: Any, selection: Selection | None) -> None:
        """Show another selection; None for none."""
        if selection is self._selection and layer is self._layer:
            return
        self.stop()
        if selection is not None:
            self._layer, self._selection = layer, selection
            self._colours = layers.ObjectColours(self._viewer, layer)
            selection.changed.connect(self._show)

    def stop(self) -> None:
        """Follow nothing any more."""
        if self._selection is not None and self._colours is not None:
            self._selection.changed.disconnect(self._show)
            if self._may_colour():
                self._colours.restore()
        self._layer = self._selection = self._colours = self._shown = None

    def _may_colour(self) -> bool:
        # What another panel, such as Explore, shows is more than a selection.
        return not layers.is_coloured(self._layer) or self._layer.colormap is self._shown

    def _show(self) -> None:
        selection, colours = self._selection, self._colours
        if selection is None or colours is None or self._layer not in self._viewer.layers or not self._may_colour():
            return
        look = appearance(selection.classes, selection.mask, categorical=True)
        if look.plain:
            colours.restore()
            return
        frames = selection.frames if selection.has_frames else None
        colours.show(selection.labels, frames, look.index, look.palette)
        self._shown = self._layer.colormap
