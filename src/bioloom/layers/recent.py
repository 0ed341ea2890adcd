"""Which objects are most likely meant: those made or used last."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from bioloom.layers.reading import active_layer, of_kind, plain, role

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

_clock = count(1)
_last_used: WeakKeyDictionary[Any, int] = WeakKeyDictionary()


def note_use(layer: Layer) -> None:
    """Remember that something was just done with a layer, or that it was made."""
    _last_used[plain(layer)] = next(_clock)


def likely_objects(viewer: ViewerModel) -> Labels | None:
    """Return the labels layer that most likely holds the objects that are meant.

    Annotations, classes and objects picked out of another layer are none of these. Of the others it is the active one,
    else the one made or used last, else the topmost; None if there is none.
    """
    active = active_layer(viewer)
    found = [layer for layer in of_kind(viewer, "labels") if not role(layer)]
    return max(found, key=lambda layer: (layer is active, _last_used.get(layer, 0)), default=None)
