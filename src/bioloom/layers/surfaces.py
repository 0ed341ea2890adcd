"""Surface layers as operations take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.layers import Surface

SurfaceData = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


def surface_data(layer: Surface) -> SurfaceData:
    """Return vertices (n, 3) as z, y, x, faces (m, 3) and values (n,) of a surface layer.

    They are those of its data, whatever their unit. Time, a fourth axis, is left out; a flat surface gets z = 0.
    """
    data: Any = layer.data
    vertices = np.asarray(data[0], np.float32)[:, -3:]
    if vertices.shape[1] == 2:
        vertices = np.concatenate([np.zeros((len(vertices), 1), np.float32), vertices], axis=1)
    values = np.asarray(data[2], np.float32) if len(data) > 2 else np.ones(len(vertices), np.float32)
    # Values over time have a row per point in time.
    values = values.reshape(-1, len(vertices))[0] if values.size else np.ones(len(vertices), np.float32)
    return vertices, np.asarray(data[1], np.int64), values
