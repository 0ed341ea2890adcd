"""The size of a pixel that the file of a layer tells, where napari, which opened it, does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bioloom.layers.file_axes import file_axes
from bioloom.layers.own_image import root_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


def untold_size(viewer: ViewerModel, layer: Layer) -> tuple[float, ...] | None:
    """Return the size of a pixel in µm that the file of a layer tells and the layer does not; else None."""
    root = root_of(viewer, layer)
    pixels = root.units is None or all(str(unit) in ("pixel", "dimensionless") for unit in root.units)
    if root.ndim != layer.ndim or not pixels or not np.allclose(root.scale, 1):
        return None
    return file_axes(root).spacing()


def take_size(viewer: ViewerModel, layer: Layer) -> None:
    """Give a layer, and all that lies on it, the size of a pixel that its file tells."""
    root, size = root_of(viewer, layer), untold_size(viewer, layer)
    if size is None:
        return
    first = root.ndim - len(size)
    for one in viewer.layers:
        if root_of(viewer, one) is root and one.ndim == root.ndim and np.allclose(one.scale, root.scale):
            units = [str(u) for u in one.units][:first]
            one.units = (*units, *["micrometer"] * len(size))
            # Setting the scale tells those who listen; the unit has to be there by then.
            if one is not root:
                one.scale = (*one.scale[:first], *size)
    root.scale = (*root.scale[:first], *size)
    viewer.reset_view()
