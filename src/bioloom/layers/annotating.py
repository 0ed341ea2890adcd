"""Ways to mark objects with the mouse and the keyboard, and to show which were marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bioloom.layers.objects import go_to
from bioloom.layers.reading import METADATA_KEY, active_layer, label_under, plain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer, Points

CLICK_TOLERANCE = 4
"""Pixels of the screen that the mouse may move during a click."""

_LEFT, _RIGHT = 1, 2
_SMALL, _COMFORTABLE = 24, 96  # sizes of an object on the screen, in pixels


@dataclass(frozen=True)
class Click:
    """A click on the canvas.

    Attributes
    ----------
    label : int
        The object under the mouse, 0 for background.
    position : tuple of float
        In the data coordinates of the labels layer.
    left : bool
        Whether it was the left button; otherwise the right one.
    modifiers : frozenset of str
        ``Shift``, ``Control``, ``Alt``.
    """

    label: int
    position: tuple[float, ...]
    left: bool
    modifiers: frozenset[str]


def on_canvas_click(viewer: ViewerModel, layer: Labels, callback: Callable[[Click], None]) -> Callable[[], None]:
    """Report clicks on the objects of a layer, whichever layer is active, as long as that one is not painted on.

    Dragging pans and zooms as ever.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        The labels layer whose objects are clicked; it may be hidden.
    callback
        Called after the mouse button was let go.

    Returns
    -------
    callable
        Stops the reports.
    """

    def clicked(source: Any, event: Any) -> Iterator[None]:
        active = active_layer(viewer)
        if event.button not in (_LEFT, _RIGHT) or layer not in viewer.layers:
            return
        if active is not None and str(active.mode) not in ("pan_zoom", "pick"):
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            if np.hypot(*(np.array(event.pos) - start)) > CLICK_TOLERANCE:
                return
            yield
        position = tuple(float(p) for p in layer.world_to_data(event.position))
        modifiers = frozenset(str(getattr(m, "name", m)) for m in event.modifiers)
        callback(Click(label_under(layer, event), position, event.button == _LEFT, modifiers))

    viewer.mouse_drag_callbacks.append(clicked)

    def disconnect() -> None:
        if clicked in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(clicked)

    return disconnect


def on_keys(layer: Layer, actions: Mapping[str, Callable[[], object]]) -> Callable[[], None]:
    """Give keys a meaning while a layer is active and the mouse is over the canvas.

    Parameters
    ----------
    layer
        The layer; what its keys meant otherwise is suspended.
    actions
        What to do, by key as napari writes it, such as ``"Control-Z"``.

    Returns
    -------
    callable
        Gives the keys their former meaning again.
    """

    def bound(action: Callable[[], object]) -> Callable[[Any], None]:
        def run(source: Any) -> None:
            action()

        return run

    for key, action in actions.items():
        layer.bind_key(key, bound(action), overwrite=True)

    def release() -> None:
        for key in actions:
            layer.bind_key(key, None)

    return release


def colour_classes(layer: Labels, colours: Mapping[int, str]) -> None:
    """Show the values of a layer of classes in given colours; values without one are light grey.

    Parameters
    ----------
    layer
        Annotated or predicted classes.
    colours
        ``"#rrggbb"`` by class id.
    """
    from napari.utils.colormaps import DirectLabelColormap

    wanted = {int(k): np.array([*bytes.fromhex(v.lstrip("#")), 255], np.float32) / 255 for k, v in colours.items()}
    shown = getattr(layer.colormap, "color_dict", {})
    if shown.keys() == {None, 0, *wanted} and all(np.allclose(shown[k], c, atol=1e-3) for k, c in wanted.items()):
        return
    other = np.array([0.75, 0.75, 0.75, 1], np.float32)
    table: dict[int | None, Any] = {None: other, 0: np.zeros(4, np.float32)}
    layer.colormap = DirectLabelColormap(color_dict=table | wanted)


def look_at(viewer: ViewerModel, layer: Labels, centre: Sequence[float], size: Sequence[float]) -> None:
    """Bring a part of a layer to the middle of the canvas, and closer if it is too small to be seen.

    Parameters
    ----------
    viewer, layer
        The layer keeps its mode, and the active layer stays active.
    centre, size
        In data coordinates, per axis of the layer.
    """
    go_to(viewer, layer, centre)
    camera = viewer.scene.camera if hasattr(viewer, "scene") else viewer.camera
    extent = max(float(s) * abs(float(scale)) for s, scale in zip(size[-2:], layer.scale[-2:], strict=True))
    if extent * camera.zoom < _SMALL:
        camera.zoom = _COMFORTABLE / extent


def show_ring(
    viewer: ViewerModel, layer: Labels, centre: Sequence[float], size: Sequence[float], old: Points | None
) -> Points:
    """Draw a ring around a part of a layer; the ring drawn before is moved there.

    Parameters
    ----------
    viewer
        Where to draw it.
    layer
        What it is around.
    centre, size
        In data coordinates, per axis of the layer.
    old
        The ring drawn before, if any.
    """
    diameter = 1.3 * float(np.hypot(size[-2], size[-1])) + 4
    point = np.asarray(centre, float)[None]
    if old is not None and old in viewer.layers and old.ndim == layer.ndim:
        old.data = point
        old.size = diameter
        return old
    active = active_layer(viewer)
    ring: Points = plain(
        viewer.add_points(
            point,
            name="object to look at",
            size=diameter,
            symbol="disc",
            face_color="transparent",
            border_color="white",
            border_width=0.04,
            out_of_slice_display=False,
            metadata={METADATA_KEY: {"role": "pointer"}},
            scale=layer.scale,
            translate=layer.translate,
            rotate=layer.rotate,
            shear=layer.shear,
            affine=layer.affine,
            units=layer.units,
            axis_labels=layer.axis_labels,
        )
    )
    ring.mode = "pan_zoom"
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return ring
