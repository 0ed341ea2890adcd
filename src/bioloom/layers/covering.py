"""Labels that hide the labels they were made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class Covered:
    """The layers that were hidden for others: what is gone from new labels would be seen through them."""

    def __init__(self) -> None:
        self._below: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    def cover(self, layer: Layer, below: Layer | None) -> None:
        """Hide what a layer was made from, if both are seen."""
        if below is not None and below is not layer and layer.visible and below.visible:
            below.visible = False
            self._below[layer] = below

    def uncover(self, layer: Layer, viewer: ViewerModel | None) -> None:
        """Show what was hidden for a layer that is going to be hidden or removed, or was removed."""
        below = self._below.pop(layer, None)
        if below is not None and layer.visible and viewer is not None and below in viewer.layers:
            below.visible = True
