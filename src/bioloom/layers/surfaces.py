"""Surfaces as napari shows them, and as operations take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.reading import METADATA_KEY, plain
from bioloom.layers.recent import note_use
from bioloom.layers.writing import spatial_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer, Surface

SurfaceData = tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]


def add_surface(
    viewer: ViewerModel,
    surface: Any,
    name: str,
    source: Layer,
    provenance: dict[str, Any] | None = None,
    *,
    spacing: Sequence[float] | None = None,
    frame: int | None = None,
    has_time: bool = False,
) -> Surface:
    """Add a surface where its source lies.

    Parameters
    ----------
    viewer
        Where to add it.
    surface
        Vertices (n, 3) as z, y, x, faces (m, 3) and values (n,).
    name
        What to call it.
    source
        The layer it was made from: labels or an image (z, y, x) or (t, z, y, x), or a surface.
    provenance
        How it was made; kept in the layer's metadata.
    spacing
        The spacing of its vertices; None if they are in pixels.
    frame
        The frame of the source that it was made from.
    has_time
        Whether the first axis of the source is time.
    """
    data, options = surface_layer(surface, source, spacing=spacing, frame=frame, has_time=has_time)
    layer: Surface = plain(
        viewer.add_surface(data, name=name, metadata={METADATA_KEY: provenance or {}}, shading="smooth", **options)
    )
    note_use(layer)
    return layer


def surface_layer(
    surface: Any, source: Layer, *, spacing: Sequence[float] | None, frame: int | None, has_time: bool
) -> tuple[SurfaceData, dict[str, Any]]:
    """Return the data of a surface layer and the options that put it where its source lies; see :func:`add_surface`."""
    vertices, faces, values = (np.asarray(part) for part in surface)
    options = spatial_metadata(source)
    size = np.ones(3) if spacing is None else np.asarray(spacing, float)
    scale = np.array(source.scale, float)
    scale[-3:] /= size
    options["scale"] = scale
    if has_time:
        time = np.full((len(vertices), 1), frame or 0, np.float32)
        vertices = np.concatenate([time, vertices], axis=1)
    return (vertices.astype(np.float32), faces, values.astype(np.float32)), options


def surface_data(layer: Surface, spacing: Sequence[float] | None = None) -> SurfaceData:
    """Return vertices (n, 3), faces and values of a surface layer; a fourth axis, time, is left out.

    Vertices are those of the layer's data, whatever their unit; with `spacing`, which the layer's scale then replaces,
    they are multiplied by it.
    """
    data = layer.data
    values = data[2] if len(data) > 2 else np.ones(len(data[0]), np.float32)
    vertices = np.asarray(data[0], np.float32)[:, -3:]
    if vertices.shape[1] == 2:
        vertices = np.concatenate([np.zeros((len(vertices), 1), np.float32), vertices], axis=1)
    if spacing is not None:
        vertices = vertices * np.asarray(spacing, np.float32)
    return vertices, np.asarray(data[1], np.int64), np.asarray(values, np.float32).reshape(-1)[: len(vertices)]
