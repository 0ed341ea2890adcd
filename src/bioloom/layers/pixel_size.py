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
    """Give a layer the size of a pixel that its file tells; and to all made from it, or whose files tell the same."""
    root, size = root_of(viewer, layer), untold_size(viewer, layer)
    if size is None:
        return
    alike = [one for one in viewer.layers if one.ndim == root.ndim and np.allclose(one.scale, root.scale)]
    for one in [one for one in alike if root_of(viewer, one) is root or untold_size(viewer, one) == size]:
        first = one.ndim - len(size)
        # Setting the scale tells those who listen; the unit has to be there by then.
        one.units = (*[str(u) for u in one.units][:first], *["micrometer"] * len(size))
        one.scale = (*one.scale[:first], *size)
    viewer.reset_view()
