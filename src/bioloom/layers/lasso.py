"""Draw an outline on the image to select the objects of labels layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.annotating import on_keys
from bioloom.layers.reading import active_layer, pixels, plain
from bioloom.session.image_lasso import Region, ellipse
from bioloom.session.selection import Mode

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

Shape: TypeAlias = Literal["lasso", "polygon", "rectangle", "ellipse"]
SHAPES: tuple[Shape, ...] = ("lasso", "polygon", "rectangle", "ellipse")

_LEFT = 1
_STEP = 2  # pixels of the screen between vertices of a lasso
_CLICK = 4  # pixels of the screen that the mouse may move during a click


class ImageLasso:
    """Outlines drawn with the left mouse button on the canvas, whichever layer is active; the camera keeps still.

    Lasso, rectangle and ellipse are dragged. A polygon has a vertex per click and is closed by a double click, or by a
    click on its first vertex; Escape gives it up. Shift adds, Alt removes. A click that drags nothing is reported to
    no one, so that clicks on objects select them as ever.

    Parameters
    ----------
    viewer, layers
        The labels layers whose objects are selected: those that are visible, or all if none is.
    drawn
        Called with each outline: a :class:`~bioloom.session.image_lasso.Region` per layer; see
        :meth:`ObjectPool.select_inside <bioloom.layers.ObjectPool.select_inside>`.
    refused
        Called with a message if no outline can be drawn, such as in 3D.
    outline
        Called with the vertices (x, y) in pixels of the canvas, (m, 2), while an outline is drawn, and with None when
        it is not any more; to show it.
    keys
        What keys do over the canvas meanwhile, as for :func:`~bioloom.layers.annotating.on_keys`: napari would take up
        its brush or its eraser by a number, and what is drawn next would change the labels.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        layers: Sequence[Labels],
        drawn: Callable[[dict[Any, Region]], None],
        refused: Callable[[str], None] | None = None,
        outline: Callable[[NDArray[np.float64] | None], None] | None = None,
        keys: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        self.shape: Shape = "lasso"
        self._outline = outline
        self._viewer, self._layers, self._drawn, self._refused = viewer, tuple(layers), drawn, refused
        self._keys = keys or {}
        self._release: list[Callable[[], None]] = []
        self._still: dict[Any, bool] | None = None
        self._double_clicks: list[Any] = []
        self._polygon: list[NDArray[np.float64]] = []
        self._screen: list[NDArray[np.float64]] = []
        self._mode: Mode = "replace"
        self._zoom = 1.0

    @property
    def active(self) -> bool:
        """Whether the mouse draws outlines now."""
        return self._still is not None

    def start(self, shape: Shape = "lasso") -> None:
        """Let the left mouse button draw outlines of a shape."""
        self.give_up()
        self.shape = shape
        if self.active:
            return
        viewer = self._viewer
        self._still = {}
        for one in viewer.layers:
            self._keep_still(one)
        viewer.layers.events.inserted.connect(self._inserted)
        viewer.mouse_drag_callbacks.append(self._pressed)
        viewer.mouse_move_callbacks.append(self._hovered)
        # A double click closes a polygon: napari would also zoom in.
        self._double_clicks = list(viewer.mouse_double_click_callbacks)
        viewer.mouse_double_click_callbacks[:] = [self._double_clicked]
        viewer.bind_key("Escape", lambda source: self.give_up(), overwrite=True)

    def stop(self) -> None:
        """Give the mouse back to the camera and the layers."""
        if self._still is None:
            return
        self.give_up()
        viewer, still = self._viewer, self._still
        self._still = None
        viewer.layers.events.inserted.disconnect(self._inserted)
        for callbacks, one in (
            (viewer.mouse_drag_callbacks, self._pressed),
            (viewer.mouse_move_callbacks, self._hovered),
            (viewer.mouse_double_click_callbacks, self._double_clicked),
        ):
            if one in callbacks:
                callbacks.remove(one)
        viewer.mouse_double_click_callbacks[:] = [*self._double_clicks, *viewer.mouse_double_click_callbacks]
        viewer.bind_key("Escape", None)
        for release in self._release:
            release()
        self._release.clear()
        for one in viewer.layers:
            one.mouse_pan = still.get(plain(one), True)

    def give_up(self) -> None:
        """Forget what is being drawn."""
        self._polygon, self._screen = [], []
        if self._outline is not None:
            self._outline(None)

    # ------------------------------------------------------------------------------------------------ the mouse
    def _keep_still(self, layer: Any) -> None:
        assert self._still is not None
        self._still[plain(layer)] = layer.mouse_pan
        layer.mouse_pan = False
        self._release.append(on_keys(layer, self._keys))

    def _inserted(self, event: Any) -> None:
        self._keep_still(event.value)

    def _pressed(self, source: Any, event: Any) -> Iterator[None]:
        if event.button != _LEFT or not self._there():
            return
        active = active_layer(self._viewer)
        if active is not None and str(active.mode) not in ("pan_zoom", "pick"):
            return
        if len(event.dims_displayed) != 2:
            self._say("Outlines are drawn on a plane. Switch to the 2D view to select objects with the lasso.")
            return
        if self.shape == "polygon":
            yield from self._corner(event)
            return
        start, path = np.array(event.pos, float), [self._place(event)]
        self._mode, last = _mode(event), start
        screen, moved = [start], False
        yield
        while event.type == "mouse_move":
            here = np.array(event.pos, float)
            moved = moved or np.hypot(*(here - start)) > _CLICK
            if np.hypot(*(here - last)) >= _STEP:
                last = here
                path.append(self._place(event))
                screen.append(here)
                if moved:
                    self._draw(_vertices(self.shape, screen, (0, 1)))
            yield
        if moved:
            path.append(self._place(event))
            self._finish(_vertices(self.shape, path, sorted(self._viewer.dims.displayed)))

    def _corner(self, event: Any) -> Iterator[None]:
        """Add a vertex to the polygon, or close it."""
        start, place = np.array(event.pos, float), self._place(event)
        mode = _mode(event)
        # Otherwise the click would also select the object under it.
        event.handled = True
        yield
        while event.type == "mouse_move":
            yield
        if np.hypot(*(np.array(event.pos, float) - start)) > _CLICK:
            return
        if not self._polygon:
            self._mode, self._zoom = mode, self._camera().zoom
        if len(self._polygon) > 2 and np.hypot(*(start - self._screen[0])) <= 2 * _CLICK:
            self._finish(np.array(self._polygon))
        elif not self._screen or np.hypot(*(start - self._screen[-1])) > 1:
            self._polygon.append(place)
            self._screen.append(start)

    def _hovered(self, source: Any, event: Any) -> None:
        if not self._polygon or self.shape != "polygon":
            return
        here = np.array(event.pos, float)
        if self._camera().zoom != self._zoom:
            # The wheel zoomed meanwhile: the vertices are elsewhere on the screen.
            self._zoom = float(self._camera().zoom)
            across = list(self._viewer.dims.displayed)[::-1]
            there = self._place(event)
            self._screen = [here + (vertex - there)[across] * self._zoom for vertex in self._polygon]
        self._draw(np.array([*self._screen, here]))

    def _double_clicked(self, source: Any, event: Any) -> None:
        if self.shape == "polygon" and len(self._polygon) > 2:
            self._finish(np.array(self._polygon))

    # ------------------------------------------------------------------------------------------------ the outline
    def _there(self) -> list[Any]:
        """Return the layers whose objects are selected."""
        there = [layer for layer in self._layers if layer in self._viewer.layers]
        return [layer for layer in there if layer.visible] or there

    @staticmethod
    def _place(event: Any) -> NDArray[np.float64]:
        """Return where the mouse is in the world."""
        return np.asarray(event.position, np.float64)

    def _camera(self) -> Any:
        # napari 0.9 moved the camera into the scene.
        return self._viewer.scene.camera if hasattr(self._viewer, "scene") else self._viewer.camera

    def _draw(self, vertices: NDArray[np.float64]) -> None:
        if self._outline is not None:
            self._outline(vertices)

    def _finish(self, path: NDArray[np.float64]) -> None:
        mode, layers = self._mode, self._there()
        self.give_up()
        hidden_axes = min(self._viewer.dims.displayed)
        # A layer without one of the axes that are drawn is no picture here.
        layers = [layer for layer in layers if self._viewer.dims.ndim - layer.ndim <= hidden_axes]
        if len(path) >= 3 and layers:
            self._drawn({layer: self._region(layer, path, mode) for layer in layers})

    def _region(self, layer: Labels, path: NDArray[np.float64], mode: Mode) -> Region:
        """Return a path in the world as an outline on the plane of a layer that is in view."""
        dims, shape = self._viewer.dims, pixels(layer).shape
        axes = sorted(axis - dims.ndim + layer.ndim for axis in dims.displayed)
        point = np.asarray(layer.world_to_data(np.asarray(dims.point)[-layer.ndim :]))
        index: list[int | slice] = [slice(None)] * layer.ndim
        for axis in range(layer.ndim):
            if axis not in axes:
                index[axis] = int(np.clip(np.rint(point[axis]), 0, shape[axis] - 1))
        vertices = np.array([layer.world_to_data(vertex[-layer.ndim :]) for vertex in path])
        return Region(np.ascontiguousarray(vertices[:, axes]), tuple(index), mode)

    def _say(self, message: str) -> None:
        if self._refused is not None:
            self._refused(message)


def _mode(event: Any) -> Mode:
    keys = {str(getattr(m, "name", m)) for m in event.modifiers}
    return "add" if "Shift" in keys else "remove" if "Alt" in keys else "replace"


def _vertices(shape: Shape, path: Sequence[NDArray[np.float64]], axes: Sequence[int]) -> NDArray[np.float64]:
    """Return the vertices of a shape that was dragged along a path, of which `axes` are drawn."""
    points = np.array(path)
    if shape == "lasso":
        return points
    (top, left), (bottom, right) = points[0, axes], points[-1, axes]
    corners = [(top, left), (top, right), (bottom, right), (bottom, left)]
    flat = np.array(corners) if shape == "rectangle" else ellipse((top, left), (bottom, right))
    vertices = np.repeat(points[:1], len(flat), 0)
    vertices[:, axes] = flat
    return vertices
