"""What the file of a layer tells of its axes where napari, which opened it, does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from bioloom.files import ImageFile, read_axes

if TYPE_CHECKING:
    from napari.layers import Layer

_told: WeakKeyDictionary[Any, ImageFile] = WeakKeyDictionary()


def file_axes(layer: Layer) -> ImageFile:
    """Return the axes and sizes that the file of a layer tells, without pixels; nothing where they do not fit it."""
    if layer not in _told:
        path = getattr(layer.source, "path", None)
        found = ImageFile(None) if path is None else read_axes(path)
        shape = () if type(layer).__name__ == "Surface" else np.shape(layer.data)
        _told[layer] = found if len(found.axes) == layer.ndim == len(shape) else ImageFile(None)
    return _told[layer]
