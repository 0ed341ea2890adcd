"""Which layers there are, and what they show: pixels, axes, units and the place in view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bioloom.errors import InputError
from bioloom.layers.file_axes import file_axes
from bioloom.session.image_stack import ImageStack

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

Kind = Literal["image", "labels", "surface", "points", "pixels"]
"""Of layers; ``pixels`` are images or labels."""
METADATA_KEY = "bioloom"

_TIME_NAMES = ("t", "time", "frame")
_LUMINANCE = (0.2125, 0.7154, 0.0721)


def plain(thing: Any) -> Any:
    """Return a layer itself: napari hands plugins wrapped layers, which `is` would not find."""
    return getattr(thing, "__wrapped__", thing)


def active_layer(viewer: ViewerModel) -> Layer | None:
    """Return the active layer, or None."""
    return plain(viewer.layers.selection.active)


def of_kind(viewer: ViewerModel, kind: Kind) -> list[Layer]:
    """Return the layers of a kind, the topmost first."""
    from napari.layers import Image, Labels, Points, Surface

    pixels = (Image, Labels)
    wanted: Any = {"image": Image, "labels": Labels, "surface": Surface, "points": Points, "pixels": pixels}[kind]
    return [plain(layer) for layer in reversed(viewer.layers) if isinstance(layer, wanted)]


def is_rgb(layer: Layer) -> bool:
    """Tell whether a layer shows colours."""
    return bool(getattr(layer, "rgb", False))


def pixels(layer: Layer) -> Any:
    """Return the data of an image or labels layer at full resolution; NumPy, Dask or Zarr, with colours last if RGB."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def grey(layer: Image) -> Any:
    """Return the intensities of an image layer; colours become their luminance, float32 in the range of the data."""
    data = pixels(layer)
    if not is_rgb(layer):
        return data
    colours = np.asarray(data)[..., :3].astype(np.float32)
    return colours @ np.array(_LUMINANCE, np.float32)


def time_axis(layer: Layer) -> int | None:
    """Return 0 if the first axis of a layer is time, None if there is no time.

    The first axis is time if it is called t, time or frame, if its unit is one of time, if there are four axes, or if
    its file says so; what :func:`note_time` was told goes before.
    """
    if layer.ndim < 3:
        return None
    noted = layer.metadata.get(METADATA_KEY, {}).get("time")
    if noted is not None:
        return 0 if noted else None
    named = str(layer.axis_labels[0]).lower() in _TIME_NAMES
    timed = layer.units is not None and layer.units[0].is_compatible_with("second")
    return 0 if named or timed or layer.ndim == 4 or file_axes(layer).axes.startswith("T") else None


def note_time(layer: Layer, has_time: bool) -> None:
    """Remember of a layer whether its first axis is time, if it does not tell that itself."""
    if (time_axis(layer) == 0) != has_time:
        noted = {**layer.metadata.get(METADATA_KEY, {}), "time": has_time}
        layer.metadata = {**layer.metadata, METADATA_KEY: noted}


def length_unit(layer: Layer) -> str:
    """Return the unit of a layer's last axis, such as ``"µm"``; ``"pixel"`` where none is set."""
    unit = f"{layer.units[-1]:~P}" if layer.units is not None else ""
    return "pixel" if unit in ("", "px", "pixel") else unit


def image_stack(layers: Sequence[Image], *, has_time: bool | None = None, physical: bool = True) -> ImageStack:
    """Read image layers as the channels of one image.

    Parameters
    ----------
    layers
        Layers of the same shape; an RGB layer gives three channels.
    has_time
        Whether the first axis is time; found out from the first layer if left out.
    physical
        Sizes in the units of the layers. Otherwise in pixels of the finest axis, which keeps the proportions of
        anisotropic stacks.

    Raises
    ------
    InputError
        If there is no layer, shapes differ, or there are too many or too few axes.
    """
    if not layers:
        raise InputError("Choose an image layer first: open one with File > Open, or File > Open Sample.")
    channels: list[Any] = []
    names: list[str] = []
    for layer in layers:
        data = pixels(layer)
        parts = [data[..., k] for k in range(3)] if is_rgb(layer) else [data]
        channels += parts
        names += [f"{layer.name} {c}" for c in ("red", "green", "blue")] if is_rgb(layer) else [layer.name]
    first = layers[0]
    timed = (time_axis(first) is not None) if has_time is None else has_time
    n_spatial = first.ndim - timed
    if n_spatial not in (2, 3):
        raise InputError(
            f"The layer {first.name} has {first.ndim} axes, of which {n_spatial} are spatial, but 2 or 3 are needed. "
            "Split its channels (right-click the layer > Split Stack), or change 'First axis is time'."
        )
    # A negative scale mirrors the picture; sizes stay sizes.
    spacing = np.abs(np.asarray(first.scale[-n_spatial:], float))
    unit = length_unit(first)
    if not physical:
        spacing, unit = spacing / spacing.min(), "pixel"
    n_frames = int(channels[0].shape[0]) if timed else None
    return ImageStack(tuple(channels), tuple(names), tuple(float(s) for s in spacing), unit, n_frames)


def position(viewer: ViewerModel, layer: Layer) -> tuple[int, ...]:
    """Return the indices along a layer's leading axes (all but the last two) that the viewer shows."""
    point = np.asarray(layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :]))
    last = np.asarray(pixels(layer).shape[: layer.ndim]) - 1
    return tuple(int(i) for i in np.clip(np.rint(point), 0, last)[: layer.ndim - 2])


def label_under(layer: Labels, event: Any) -> int:
    """Return the label of the object under the mouse, 0 for background; the layer may be hidden."""
    if len(event.dims_displayed) == 3:
        value = layer.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=list(event.dims_displayed), world=True
        )
        return int((value[1] if isinstance(value, tuple) else value) or 0)
    data = pixels(layer)
    at = np.rint(np.asarray(layer.world_to_data(event.position))).astype(int)
    if (at < 0).any() or (at >= data.shape).any():
        return 0
    return int(np.asarray(data[tuple(at.tolist())]))


def shows_axis(viewer: ViewerModel, layer: Layer, axis: int) -> bool:
    """Tell whether an axis of a layer is drawn on the canvas rather than stepped through."""
    return viewer.dims.ndim - layer.ndim + axis in viewer.dims.displayed


def current_frame(viewer: ViewerModel, layer: Layer, has_time: bool) -> int:
    """Return the frame that the viewer shows; 0 for a layer without time."""
    return position(viewer, layer)[0] if has_time else 0


def made_of(layer: Layer) -> str:
    """Return the name of the layer that Bioloom made an annotation layer for; nothing if it made none."""
    return str(layer.metadata.get(METADATA_KEY, {}).get("of", ""))


def role(layer: Layer) -> str:
    """Return what Bioloom made a layer for.

    ``annotation``, ``object annotation``, ``classes``, ``preview``, or nothing in particular.
    """
    return str(layer.metadata.get(METADATA_KEY, {}).get("role", ""))
