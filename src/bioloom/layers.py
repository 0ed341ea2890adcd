"""The only place that reads or writes napari layers: scale, units, names, features, colours and clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.feature_table import merge_tables
from bioloom.session.image_stack import ImageStack
from bioloom.session.selection import Mode, Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer

Kind = Literal["image", "labels"]
METADATA_KEY = "bioloom"

_TIME_NAMES = ("t", "time", "frame")
_LUMINANCE = (0.2125, 0.7154, 0.0721)


# ---------------------------------------------------------------------------------------------------- reading
def _plain(thing: Any) -> Any:
    """Return a layer itself: napari hands plugins wrapped layers, which `is` would not find."""
    return getattr(thing, "__wrapped__", thing)


def active_layer(viewer: ViewerModel) -> Layer | None:
    """Return the active layer, or None."""
    return _plain(viewer.layers.selection.active)


def of_kind(viewer: ViewerModel, kind: Kind) -> list[Layer]:
    """Return the image or labels layers of a viewer, the topmost first."""
    from napari.layers import Image, Labels

    wanted = Image if kind == "image" else Labels
    return [_plain(layer) for layer in reversed(viewer.layers) if isinstance(layer, wanted)]


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

    The first axis is time if it is called t, time or frame, if its unit is one of time, or if there are four axes.
    """
    if layer.ndim < 3:
        return None
    named = str(layer.axis_labels[0]).lower() in _TIME_NAMES
    timed = layer.units is not None and layer.units[0].is_compatible_with("second")
    return 0 if named or timed or layer.ndim == 4 else None


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


def current_frame(viewer: ViewerModel, layer: Layer, has_time: bool) -> int:
    """Return the frame that the viewer shows; 0 for a layer without time."""
    return position(viewer, layer)[0] if has_time else 0


def go_to(viewer: ViewerModel, layer: Layer, point: Sequence[float]) -> None:
    """Move the viewer to a point of a layer, given in its data coordinates."""
    world = np.asarray(layer.data_to_world(point))
    first = viewer.dims.ndim - layer.ndim
    for axis, value in enumerate(world, start=first):
        viewer.dims.set_point(axis, value)
    world = np.concatenate([np.asarray(viewer.dims.point)[:first], world])
    # napari 0.9 moved the camera into the scene.
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    camera.center = tuple(world[list(viewer.dims.displayed)][-3:])


def show_object(viewer: ViewerModel, layer: Labels, label: int, frame: int | None) -> None:
    """Move the viewer to an object and make its label the chosen one; nothing happens if it is gone."""
    data = np.asarray(pixels(layer) if frame is None else pixels(layer)[frame])
    found = np.argwhere(data == label)
    if not len(found):
        return
    layer.selected_label = label
    activate(viewer, layer)
    go_to(viewer, layer, ([] if frame is None else [frame]) + found.mean(0).tolist())


# ---------------------------------------------------------------------------------------------------- writing
def spatial_metadata(layer: Layer) -> dict[str, Any]:
    """Return what places a layer in the world, for outputs of the same axes."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def add_result(
    viewer: ViewerModel,
    data: NDArray[Any],
    kind: Kind,
    name: str,
    source: Layer,
    provenance: dict[str, Any] | None = None,
    **options: Any,
) -> Layer:
    """Add a new layer that lies where its source lies; nothing is overwritten.

    Parameters
    ----------
    viewer
        Where to add it.
    data
        Pixels with the axes of `source` (without colours).
    kind
        ``"image"`` or ``"labels"``.
    name
        What to call it; napari numbers it if the name is taken.
    source
        The layer it was made from.
    provenance
        How it was made; kept in the layer's metadata.
    **options
        Further options of the layer.
    """
    options = {**spatial_metadata(source), "metadata": {METADATA_KEY: provenance or {}}, "name": name, **options}
    if kind == "labels":
        return _plain(viewer.add_labels(data, **options))
    return _plain(viewer.add_image(data, **options))


def new_annotation(viewer: ViewerModel, image: Image, first_class: int = 1, name: str = "annotation") -> Labels:
    """Add an empty labels layer over an image, ready to paint."""
    data = pixels(image)
    shape = data.shape[:-1] if is_rgb(image) else data.shape
    title = f"{name} of {image.name}"
    made_for = {METADATA_KEY: {"role": name}}
    layer: Labels = _plain(
        viewer.add_labels(
            np.zeros(shape, np.uint8), name=title, opacity=0.7, metadata=made_for, **spatial_metadata(image)
        )
    )
    layer.brush_size = max(2, round(min(shape[-2:]) / 100))
    layer.selected_label = first_class
    layer.mode = "paint"
    viewer.layers.selection.active = layer
    return layer


def role(layer: Layer) -> str:
    """Return what Bioloom made a layer for.

    ``annotation``, ``object annotation``, ``classes``, ``preview``, or nothing in particular.
    """
    return str(layer.metadata.get(METADATA_KEY, {}).get("role", ""))


def show_preview(
    viewer: ViewerModel, plane: NDArray[Any], kind: Kind, source: Layer, index: tuple[int, ...], old: Layer | None
) -> Layer:
    """Show one computed plane (y, x) where it lies in its source; the preview shown before is replaced.

    Parameters
    ----------
    viewer
        Where to show it.
    plane
        (y, x).
    kind
        ``"image"`` or ``"labels"``.
    source
        The layer it was made from.
    index
        Position of the plane along the leading axes of `source`.
    old
        The preview to replace, if any.
    """
    from napari.utils.transforms import Affine

    active = active_layer(viewer)
    remove(viewer, old)
    at = np.zeros(source.ndim)
    at[: len(index)] = index
    data = plane.reshape((1,) * len(index) + plane.shape)
    # The affine stays, so the plane is moved by what comes before it.
    before = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear, translate=source.translate)
    translate = np.asarray(before(at))
    layer = add_result(
        viewer, data, kind, f"preview of {source.name}", source, {"role": "preview"}, translate=translate
    )
    # A preview must not become what the next operation works on.
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return layer


def raise_layer(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer on top of the others and make it the active one."""
    viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    viewer.layers.selection.active = layer


def activate(viewer: ViewerModel, layer: Layer) -> None:
    """Make a layer the active one, not in a mode in which a click would paint."""
    viewer.layers.selection.active = layer
    if str(layer.mode) not in ("pan_zoom", "pick"):
        layer.mode = "pan_zoom"


def remove(viewer: ViewerModel, layer: Layer | None) -> None:
    """Remove a layer if it is still there."""
    if layer is not None and layer in viewer.layers:
        viewer.layers.remove(layer)


class ResultLayer:
    """A layer that shows a result which is computed again and again, such as a live prediction.

    Once the user renames or edits it, it is his: the next result gets a new layer.
    """

    def __init__(self) -> None:
        self._layer: Layer | None = None
        self._source: Layer | None = None
        self._name = ""
        self._edited = False

    @property
    def shown(self) -> bool:
        """Whether a result was shown already."""
        return self._layer is not None

    def show(
        self,
        viewer: ViewerModel,
        data: NDArray[Any],
        kind: Kind,
        name: str,
        source: Layer,
        provenance: dict[str, Any],
        frames: Sequence[int] | None = None,
        **options: Any,
    ) -> Layer:
        """Show a result; see :func:`add_result`.

        Parameters
        ----------
        viewer, data, kind, name, source, provenance, **options
            As for :func:`add_result`.
        frames
            The frames of `data` that are new; the others keep what is shown. None if all are.
        """
        shown = self._layer
        if shown is not None and self._may_write(viewer, data, source):
            if frames is not None:
                merged = np.array(shown.data, dtype=np.promote_types(shown.data.dtype, data.dtype))
                merged[list(frames)] = data[list(frames)]
                data = merged
            shown.data = data
            return shown
        layer = add_result(viewer, data, kind, name, source, provenance, **options)
        self._layer, self._source, self._name, self._edited = layer, source, layer.name, False
        if kind == "labels":
            layer.events.paint.connect(self._note_edit)
        return layer

    def _note_edit(self, event: Any = None) -> None:
        self._edited = True

    def _may_write(self, viewer: ViewerModel, data: NDArray[Any], source: Layer) -> bool:
        layer = self._layer
        return (
            layer is not None
            and layer in viewer.layers
            and source is self._source
            and layer.name == self._name
            and layer.data.shape == data.shape
            and not self._edited
        )


# ---------------------------------------------------------------------------------------------------- features
def has_table(layer: Layer) -> bool:
    """Tell whether the objects of a layer are measured."""
    return "label" in layer.features.columns


def features(layer: Layer) -> pd.DataFrame:
    """Return a copy of a layer's table."""
    table: pd.DataFrame = layer.features.copy()
    return table


def add_columns(layer: Labels, table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of a table of ``[frame,] label`` to the objects that the layer's features have now."""
    merged = merge_tables(layer.features, table, keep_rows=True)
    layer.features = merged
    return merged


def add_features(layer: Labels, table: pd.DataFrame) -> pd.DataFrame:
    """Merge a table of ``[frame,] label`` and measurements into a layer's features and return the whole.

    Other columns stay, and a new table is assigned, because napari does not notice changes in place.
    """
    merged = merge_tables(layer.features, table)
    layer.features = merged
    return merged


# ---------------------------------------------------------------------------------------------------- selection
_selections: WeakKeyDictionary[Any, Selection] = WeakKeyDictionary()


def selection_of(layer: Labels) -> Selection:
    """Return the selection of a layer's objects, shared by everything that shows them.

    It follows the layer's features, and clicks on objects in the image change it: Shift adds, Alt removes.

    Raises
    ------
    InputError
        If the layer has no table of objects yet.
    """
    if layer in _selections:
        return _selections[layer]
    if "label" not in layer.features.columns:
        raise InputError(f"The objects of {layer.name} are not measured yet. Measure them first.")
    selection = _selections[layer] = Selection(layer.features)

    def follow(event: Any = None) -> None:
        if "label" in layer.features.columns:
            selection.rekey(layer.features)

    def clicked(label: int, position: tuple[float, ...], modifiers: set[str]) -> None:
        frame = round(position[0]) if selection.has_frames else 0
        mode: Mode = "add" if "Shift" in modifiers else "remove" if "Alt" in modifiers else "replace"
        selection.select_objects([label] if label else [], frame, mode)

    layer.events.features.connect(follow)
    on_click(layer, clicked)
    return selection


# ---------------------------------------------------------------------------------------------------- colours
_own_colormaps: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def colour_objects(layer: Labels, labels: NDArray[Any], colours: NDArray[np.uint8]) -> None:
    """Colour objects; the layer's own colours can be restored.

    Parameters
    ----------
    layer
        The labels layer.
    labels
        Ids of the objects.
    colours
        uint8 RGBA per id, (n, 4). Objects that are not listed are grey.
    """
    from napari.utils.colormaps import DirectLabelColormap

    if layer not in _own_colormaps:
        _own_colormaps[layer] = layer.colormap
    clear = np.zeros(4, np.float32)
    table = dict(zip(np.asarray(labels).tolist(), (np.asarray(colours) / np.float32(255)), strict=True))
    # Objects that are not in the table, such as one that is just being painted, must not be invisible.
    unknown = np.array([0.6, 0.6, 0.6, 1], np.float32)
    layer.colormap = DirectLabelColormap(color_dict={None: unknown, 0: clear, **table})


def restore_colours(layer: Labels) -> None:
    """Give a layer the colours back that it had before :func:`colour_objects`."""
    if layer in _own_colormaps:
        layer.colormap = _own_colormaps.pop(layer)


# ---------------------------------------------------------------------------------------------------- events
def on_click(layer: Labels, callback: Callable[[int, tuple[float, ...], set[str]], None]) -> Callable[[], None]:
    """Report clicks on objects while the layer is neither painted nor panned.

    Parameters
    ----------
    layer
        The labels layer.
    callback
        Called with the label (0 for background), the position in the layer's data, and the names of modifier keys.

    Returns
    -------
    callable
        Stops the reports.
    """

    def clicked(source: Labels, event: Any) -> Iterator[None]:
        if str(source.mode) not in ("pan_zoom", "pick"):
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            # Panning is not selecting.
            if np.hypot(*(np.array(event.pos) - start)) > 4:
                return
            yield
        value = source.get_value(
            event.position, view_direction=event.view_direction, dims_displayed=list(event.dims_displayed), world=True
        )
        label = value[1] if isinstance(value, tuple) else value
        position = tuple(float(p) for p in source.world_to_data(event.position))
        callback(int(label or 0), position, {str(getattr(m, "name", m)) for m in event.modifiers})

    layer.mouse_drag_callbacks.append(clicked)

    def disconnect() -> None:
        if clicked in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(clicked)

    return disconnect


def on_edit(layer: Labels, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after every edit of a labels layer, undo and redo included; also when it is merely sliced anew.

    Returns
    -------
    callable
        Stops the reports.
    """

    def edited(event: Any = None) -> None:
        callback()

    emitters = (layer.events.paint, layer.events.set_data, layer.events.data)
    for emitter in emitters:
        emitter.connect(edited)

    def disconnect() -> None:
        for emitter in emitters:
            emitter.disconnect(edited)

    return disconnect
