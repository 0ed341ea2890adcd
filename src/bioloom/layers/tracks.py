"""Points and tracks: where points lie in an image, and lines through the positions of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.reading import METADATA_KEY, active_layer, plain, role, time_axis
from bioloom.layers.writing import spatial_metadata

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer, Points


def point_positions(points: Points, image: Layer) -> NDArray[np.float64]:
    """Return where points lie in the pixels of an image with as many axes, float64 (n, axes)."""
    data = np.asarray(points.data, np.float64)
    if points.ndim != image.ndim:
        return data
    # Both transforms are affine: known at the origin and one step along each axis, they are known everywhere.
    origin = np.asarray(image.world_to_data(points.data_to_world(np.zeros(points.ndim))))
    steps = [np.asarray(image.world_to_data(points.data_to_world(step))) - origin for step in np.eye(points.ndim)]
    return np.asarray(data @ np.array(steps) + origin, np.float64)


def frame_interval(layer: Layer) -> tuple[float, str]:
    """Return the time between two frames of a layer whose first axis is time, and its unit; 1 frame if not known."""
    unit = layer.units[0] if layer.units is not None and time_axis(layer) == 0 else None
    step = abs(float(layer.scale[0])) or 1.0 if layer.ndim > 2 else 1.0
    if unit is not None and unit.is_compatible_with("second"):
        return step, f"{unit:~P}"
    return (step, "") if step != 1 else (1.0, "frame")


def show_tracks(viewer: ViewerModel, layer: Labels, points: NDArray[np.float64], graph: Mapping[int, list[int]]) -> Any:
    """Show tracks of a layer's objects as lines; those shown before are changed.

    Parameters
    ----------
    viewer
        Where to show them.
    layer
        The objects.
    points
        (n, 1 + axes of the layer): track, then the position in pixels, sorted by track and time.
    graph
        The parent of each track that has one.
    """
    from napari.layers import Tracks

    found: Any = next(
        (
            one
            for one in map(plain, viewer.layers)
            if isinstance(one, Tracks) and role(one) == "tracks" and one.metadata[METADATA_KEY]["of"] == layer.name
        ),
        None,
    )
    if found is not None:
        found.graph = {}
        found.data = points
        found.graph = dict(graph)
        return found
    active = active_layer(viewer)
    about = {METADATA_KEY: {"role": "tracks", "of": layer.name}}
    made: Any = plain(
        viewer.add_tracks(
            points, graph=dict(graph), name=f"tracks of {layer.name}", metadata=about, **spatial_metadata(layer)
        )
    )
    # Clicks go to the objects.
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return made
