"""Making and changing the layer that shows the result of an operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from bioloom.layers.placing import place_result
from bioloom.layers.reading import METADATA_KEY, plain
from bioloom.layers.recent import note_use
from bioloom.layers.surfaces import SurfaceData
from bioloom.layers.writing import add_result, spatial_metadata
from bioloom.operations import Placement

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_own_limits: WeakKeyDictionary[Any, tuple[float, float]] = WeakKeyDictionary()


@dataclass(frozen=True)
class ResultPlace:
    """Where a result belongs.

    Attributes
    ----------
    source
        The layer that it goes back to.
    has_time
        Whether the first axis of that layer is time.
    frame
        The only frame that it was made from, if it was one.
    placement
        Which pixels of (a frame of) the source it covers.
    spacing
        The size of a pixel that lengths were counted in, which vertices are in the units of; None for pixels.
    """

    source: Any
    has_time: bool = False
    frame: int | None = None
    placement: Placement | None = None
    spacing: tuple[float, ...] | None = None


def new_result_layer(
    viewer: ViewerModel, value: Any, returns: str, name: str, place: ResultPlace, provenance: dict[str, Any]
) -> Layer:
    """Add a layer that shows the result of an operation.

    Parameters
    ----------
    viewer
        Where to add it.
    value
        Pixels, or vertices, faces and values.
    returns
        What the operation gives: ``image``, ``labels``, ``mask`` or ``surface``.
    name
        What to call it; napari numbers it if the name is taken.
    place
        Where it belongs.
    provenance
        How it was made; kept in the layer's metadata.
    """
    data, options = _shown(value, returns, place)
    if returns == "surface":
        metadata = {METADATA_KEY: provenance}
        layer = plain(viewer.add_surface(data, name=name, metadata=metadata, shading="smooth", **options))
        note_use(layer)
        return layer
    layer = add_result(
        viewer, data, "image" if returns == "image" else "labels", name, place.source, provenance, **options
    )
    _note_limits(layer)
    return layer


def update_result_layer(layer: Layer, value: Any, returns: str, place: ResultPlace) -> bool:
    """Let a layer show another result; return False, and change nothing, if it has another number of axes.

    What the user chose for the layer stays: its name, colours, and contrast if he changed it.
    """
    data, options = _shown(value, returns, place)
    kind = {"image": "Image", "surface": "Surface"}.get(returns, "Labels")
    if type(layer).__name__ != kind or layer.ndim != _ndim(data):
        return False
    if returns not in ("image", "surface") and np.array_equal(layer.data, data):
        # What was painted is what was computed: drawing it again would disturb the next stroke.
        return True
    own = _own_limits.get(layer) == tuple(getattr(layer, "contrast_limits", ()))
    layer.data = data
    for name in ("scale", "translate"):
        if name in options and not np.allclose(getattr(layer, name), options[name]):
            setattr(layer, name, options[name])
    if returns == "image" and own:
        layer.reset_contrast_limits()
        _note_limits(layer)
    note_use(layer)
    return True


def _shown(value: Any, returns: str, place: ResultPlace) -> tuple[Any, dict[str, Any]]:
    if returns == "surface":
        return _surface(value, place)
    data = np.asarray(value)
    if returns == "mask":
        data = data.astype(np.uint8)
    elif returns == "labels":
        # A result is locked, because other steps are computed from it; labels can be painted on.
        data = np.array(data)
    return place_result(data, place.source, place.placement, has_time=place.has_time, frame=place.frame)


def _surface(value: Any, place: ResultPlace) -> tuple[SurfaceData, dict[str, Any]]:
    vertices, faces, values = (np.asarray(part) for part in value)
    frame = place.frame
    if place.placement is None:
        options = spatial_metadata(place.source)
        timed = place.source.ndim == 4
        if timed and frame is None:
            frame = int(place.source.data[0][0, 0])
    else:
        pixel = np.broadcast_to(np.uint8(0), place.placement.shape)
        _, options = place_result(pixel, place.source, place.placement, has_time=place.has_time, frame=frame or 0)
        timed = place.has_time
        scale = np.array(options["scale"], float)
        scale[-3:] /= np.ones(3) if place.spacing is None else np.asarray(place.spacing, float)
        options["scale"] = scale
    if timed:
        # Its time is said by its vertices.
        options["translate"] = np.array(options["translate"], float)
        options["translate"][0] -= options["scale"][0] * (frame or 0) if place.placement is not None else 0
        vertices = np.concatenate([np.full((len(vertices), 1), frame or 0, np.float32), vertices], axis=1)
    return (vertices.astype(np.float32), faces, values.astype(np.float32)), options


def _ndim(data: Any) -> int:
    return int(data[0].shape[1]) if isinstance(data, tuple) else int(data.ndim)


def _note_limits(layer: Layer) -> None:
    if type(layer).__name__ == "Image":
        low, high = layer.contrast_limits
        _own_limits[layer] = (float(low), float(high))
