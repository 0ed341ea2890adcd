"""Layers that are painted block by block while they are looked at, and what of an image is in view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.layers.reading import METADATA_KEY, Kind, active_layer, is_rgb, of_kind, pixels, role
from bioloom.layers.writing import add_result, raise_layer

_MOST_CLASSES, _FEW_VALUES = 30, 6
_LOOKED_AT = 1 << 24

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer


class PaintedLayer:
    """A layer that shows a result which comes block by block, again and again, such as a live prediction.

    Once the user renames, edits or removes it, it is his: the next block opens a new layer.

    Parameters
    ----------
    viewer
        Where it is shown.
    kind
        ``"image"`` or ``"labels"``.
    source
        The layer that it is computed from, and lies on.
    title
        What to call it.
    provenance
        How it is made; kept in the layer's metadata.
    **look
        Further options of the layer.
    """

    def __init__(
        self, viewer: ViewerModel, kind: Kind, source: Layer, title: str, provenance: Mapping[str, Any], **look: Any
    ) -> None:
        self._viewer, self._kind, self.source, self._title = viewer, kind, source, title
        self._provenance, self._look = dict(provenance), look
        self.layer: Any = None
        self._name = ""
        self._edited = False
        self._stale = False

    @property
    def is_ours(self) -> bool:
        """Whether there is a layer that may be written to."""
        layer = self.layer
        return layer is not None and layer in self._viewer.layers and layer.name == self._name and not self._edited

    def open(self, dtype: Any) -> bool:
        """Make sure that there is a layer to write values of this type to; return whether it is a new one.

        Raises
        ------
        InputError
            If it would not fit into memory.
        """
        if self.is_ours:
            if not np.can_cast(dtype, self.layer.data.dtype):
                self.layer.data = self.layer.data.astype(dtype)
            return False
        shape = _shape_of(self.source)
        needed = int(np.prod([float(n) for n in shape])) * np.dtype(dtype).itemsize
        if needed > 2 * device.memory_budget():
            raise InputError(
                f"{self.source.name} has the shape {shape}: the layer ‘{self._title}’ would need "
                f"{needed / 2**30:.1f} GB of memory. Crop the image, or show fewer results."
            )
        active = active_layer(self._viewer)
        painting = active is not None and getattr(active, "mode", "") in ("paint", "erase", "fill", "polygon")
        layer = add_result(
            self._viewer, np.zeros(shape, dtype), self._kind, self._title, self.source, self._provenance, **self._look
        )
        self.layer, self._name, self._edited = layer, layer.name, False
        if self._kind == "labels":
            layer.events.paint.connect(self._note_edit)
        if active is not None and active in self._viewer.layers:
            if painting:
                # What is painted on stays on top.
                raise_layer(self._viewer, active)
            else:
                self._viewer.layers.selection.active = active
        return True

    def write(self, index: tuple[Any, ...], values: NDArray[Any]) -> None:
        """Write values into the layer that :meth:`open` made; they are seen after :meth:`refresh`."""
        if self.is_ours:
            self.layer.data[index] = values
            self._stale = True

    def refresh(self, thumbnail: bool = False) -> None:
        """Show what was written."""
        if self._stale and self.is_ours:
            self.layer.refresh(extent=False, highlight=False, thumbnail=thumbnail)
        self._stale = False

    def name_classes(self, names: Mapping[int, str]) -> None:
        """Let the status bar tell the name of the class under the mouse."""
        if self.is_ours and self._kind == "labels":
            name_classes(self.layer, names)

    def release(self) -> None:
        """Stop following the layer; it stays."""
        if self.layer is not None and self._kind == "labels":
            self.layer.events.paint.disconnect(self._note_edit)
        self.layer = None

    def _note_edit(self, event: Any = None) -> None:
        self._edited = True


def name_classes(layer: Labels, names: Mapping[int, str]) -> None:
    """Write the names of classes into the table of a layer of classes; other tables are left alone."""
    table = pd.DataFrame({"index": [0, *names], "class": ["not annotated", *names.values()]})
    now = layer.features
    if not len(now.columns) or (set(now.columns) == {"index", "class"} and not now.equals(table)):
        layer.features = table


def view_region(viewer: ViewerModel, layer: Layer) -> tuple[slice, ...]:
    """Return what of a layer is in view, as one range per axis of its pixels at full resolution (without colours).

    Axes with a slider give the single plane that is shown, if it lies in the layer.
    """
    shape = np.array(_shape_of(layer))
    n = len(shape)
    corners = np.asarray(layer.corner_pixels, float)[:, :n]
    if getattr(layer, "multiscale", False):
        corners = corners * np.asarray(layer.downsample_factors, float)[layer.data_level][:n]
        size = np.asarray(layer.downsample_factors, float)[layer.data_level][:n]
    else:
        size = np.ones(n)
    point = np.rint(np.asarray(layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :]))[:n])
    shown = [axis - (viewer.dims.ndim - n) for axis in viewer.dims.displayed]
    region = []
    for axis in range(n):
        if axis not in shown:
            place = int(np.clip(point[axis], 0, shape[axis] - 1))
            region.append(slice(place, place + 1))
        elif viewer.dims.ndisplay == 3 or (corners[:, shown] == 0).all():
            # In 3D all is in view; before the first drawing nothing is known.
            region.append(slice(0, int(shape[axis])))
        else:
            low, high = corners[:, axis]
            region.append(slice(int(np.floor(low)), int(np.ceil(high + size[axis]))))
    return tuple(region)


def on_view(viewer: ViewerModel, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back when the camera, a slider or the order of axes changes; the canvas may not be drawn yet.

    Returns
    -------
    callable
        Stops the calls.
    """

    def changed(event: Any = None) -> None:
        callback()

    # napari 0.9 moved the camera into the scene.
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    emitters = [camera.events.center, camera.events.zoom, camera.events.angles]
    emitters += [viewer.dims.events.current_step, viewer.dims.events.ndisplay, viewer.dims.events.order]
    for emitter in emitters:
        emitter.connect(changed)

    def disconnect() -> None:
        for emitter in emitters:
            emitter.disconnect(changed)

    return disconnect


def on_paint(viewer: ViewerModel, layer: Labels, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after every stroke, fill, erasure, undo and redo on a layer; rarely also when nothing was edited.

    Returns
    -------
    callable
        Stops the calls.
    """

    def place() -> tuple[Any, ...]:
        return viewer.dims.current_step, viewer.dims.ndisplay, viewer.dims.order

    last = place()

    def edited(event: Any = None) -> None:
        callback()

    def refreshed(event: Any = None) -> None:
        # Undo and redo tell nothing else. A slider that was moved is the usual reason, and no edit.
        nonlocal last
        before, last = last, place()
        if before == last:
            callback()

    pairs = ((layer.events.paint, edited), (layer.events.data, edited), (layer.events.set_data, refreshed))
    for emitter, action in pairs:
        emitter.connect(action)

    def disconnect() -> None:
        for emitter, action in pairs:
            emitter.disconnect(action)

    return disconnect


def on_label(layer: Labels, callback: Callable[[int], None]) -> Callable[[], None]:
    """Call back with the label that the user chooses to paint with.

    Returns
    -------
    callable
        Stops the calls.
    """

    def changed(event: Any = None) -> None:
        callback(int(layer.selected_label))

    layer.events.selected_label.connect(changed)
    return lambda: layer.events.selected_label.disconnect(changed)


def paint_with(viewer: ViewerModel, layer: Labels, label: int) -> None:
    """Choose the label to paint with, and a mode in which one paints."""
    if layer.selected_label != label:
        layer.selected_label = label
    if str(layer.mode) in ("erase", "pick", "pan_zoom", "transform"):
        layer.mode = "paint"
    if active_layer(viewer) is not layer:
        viewer.layers.selection.active = layer


def on_press(layer: Layer, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back when a mouse button goes down on the canvas while a layer is active, before anything is painted.

    Returns
    -------
    callable
        Stops the calls.
    """

    def pressed(source: Any, event: Any) -> None:
        callback()

    layer.mouse_drag_callbacks.insert(0, pressed)

    def disconnect() -> None:
        if pressed in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.remove(pressed)

    return disconnect


def remember_images(annotation: Labels, images: Sequence[Layer]) -> None:
    """Note in an annotation which layers it annotates, so that they are found again; they may be renamed later."""
    noted = {**annotation.metadata.get(METADATA_KEY, {}), "images": [layer.name for layer in images]}
    annotation.metadata = {**annotation.metadata, METADATA_KEY: noted}


def annotated_images(viewer: ViewerModel) -> list[tuple[list[Layer], Labels]]:
    """Return the annotations that note which layers they annotate, with these, as far as they are still there."""
    found = []
    images = {layer.name: layer for layer in of_kind(viewer, "image")}
    for layer in reversed(of_kind(viewer, "labels")):
        names = layer.metadata.get(METADATA_KEY, {}).get("images", [])
        if role(layer) == "annotation" and names and all(name in images for name in names):
            found.append(([images[name] for name in names], layer))
    return found


def check_classes(layer: Labels) -> None:
    """Refuse a layer of objects where painted classes are needed.

    Annotations that Bioloom made, and layers with few values or several regions of each, are taken for annotations.

    Raises
    ------
    InputError
        If it holds objects, as far as that can be told.
    """
    data = pixels(layer)
    if role(layer) == "annotation" or not isinstance(data, np.ndarray) or data.dtype.kind not in "iu":
        return
    n = len(np.unique(data.reshape(-1)[:: max(1, data.size // _LOOKED_AT)]))
    objects = n - 1 > _MOST_CLASSES
    if not objects and n > _FEW_VALUES and data.size <= _LOOKED_AT:
        from skimage.measure import label

        objects = int(label(data, connectivity=data.ndim).max()) <= 1.1 * n
    if objects:
        raise InputError(
            f"‘{layer.name}’ holds {n:,} different values, each in one place, as a layer of objects does. Choose the "
            "layer in which you painted classes, or click ‘New annotation’."
        )


def erase_class(layer: Labels, class_id: int) -> None:
    """Erase a class from an annotation, as an edit that can be undone."""
    data = np.asarray(pixels(layer))
    where = np.nonzero(data == class_id)
    if len(where[0]):
        layer.data_setitem(where, 0)


def _shape_of(layer: Layer) -> tuple[int, ...]:
    shape = tuple(int(n) for n in pixels(layer).shape)
    return shape[:-1] if is_rgb(layer) else shape
