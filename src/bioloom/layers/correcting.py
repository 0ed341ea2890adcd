"""Correcting labels with the mouse: clicks on objects, lines across them, and strokes of the brush."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.placing import place_part
from bioloom.layers.reading import shows_axis
from bioloom.layers.writing import remove, show_preview
from bioloom.operations.corrections import runs_of

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

_LEFT = 1


def painted_corrections(before: NDArray[Any], after: NDArray[Any], *, has_time: bool = False) -> list[dict[str, Any]]:
    """Return the corrections that turn labels into what was painted on them.

    Parameters
    ----------
    before, after
        Labels (y, x) or (z, y, x), with time first if `has_time`.
    has_time
        Whether the first axis is time.
    """
    if not has_time:
        return _corrections_of_frame(before, after)
    found = []
    for frame in np.flatnonzero((before != after).reshape(len(before), -1).any(1)):
        made = _corrections_of_frame(before[frame], after[frame])
        found += [{**correction, "frame": int(frame)} for correction in made]
    return found


def _corrections_of_frame(before: NDArray[Any], after: NDArray[Any]) -> list[dict[str, Any]]:
    changed = before != after
    if not changed.any():
        return []
    where = np.nonzero(changed)
    box = tuple(slice(int(i.min()), int(i.max()) + 1) for i in where)
    start = [part.start for part in box]
    corrections = []
    for label in np.unique(after[where]):
        runs = runs_of(changed[box] & (after[box] == label), start)
        if label == 0:
            corrections.append({"kind": "erase", "runs": runs})
            continue
        own = np.argwhere(before == label)
        correction: dict[str, Any] = {"kind": "draw", "runs": runs}
        if len(own):
            correction["point"] = [int(i) for i in own[len(own) // 2]]
        corrections.append(correction)
    return corrections


def shown_axes(viewer: ViewerModel, layer: Layer) -> tuple[int, ...]:
    """Return the axes of a layer that are drawn on the canvas, in ascending order."""
    return tuple(axis for axis in range(layer.ndim) if shows_axis(viewer, layer, axis))


def on_line(
    viewer: ViewerModel,
    layer: Labels,
    callback: Callable[[list[tuple[float, ...]], tuple[int, ...]], None],
    refuse: Callable[[], None],
) -> Callable[[], None]:
    """Report lines drawn with the left mouse button, whichever layer is active; the camera stays where it is meanwhile.

    Parameters
    ----------
    viewer
        The viewer.
    layer
        The layer in whose data coordinates the points are.
    callback
        Called after the button was let go with two or more points, and the axes of the layer that are drawn.
    refuse
        Called instead where the layer is shown in 3D, or not with two of its axes.

    Returns
    -------
    callable
        Stops the reports.
    """
    before = [(one, one.mouse_pan) for one in viewer.layers]
    for one, _ in before:
        one.mouse_pan = False

    def keep_still(event: Any) -> None:
        event.value.mouse_pan = False

    viewer.layers.events.inserted.connect(keep_still)

    def drawn(source: Any, event: Any) -> Iterator[None]:
        if event.button != _LEFT or layer not in viewer.layers:
            return
        axes = shown_axes(viewer, layer)
        if viewer.dims.ndisplay != 2 or len(axes) != 2:
            refuse()
            return
        points = [np.asarray(layer.world_to_data(event.position), float)]
        line: Any = None
        yield
        while event.type == "mouse_move":
            points.append(np.asarray(layer.world_to_data(event.position), float))
            line = line or _new_line(viewer, layer, points[0], axes)
            plane = line.data[tuple(slice(None) if axis in axes else 0 for axis in range(line.ndim))]
            _draw(plane, points[-2][list(axes)], points[-1][list(axes)])
            line.refresh()
            yield
        remove(viewer, line)
        if len({tuple(np.rint(p)) for p in points}) > 1:
            callback([tuple(float(c) for c in point) for point in points], axes)

    viewer.mouse_drag_callbacks.append(drawn)

    def stop() -> None:
        if drawn in viewer.mouse_drag_callbacks:
            viewer.mouse_drag_callbacks.remove(drawn)
        viewer.layers.events.inserted.disconnect(keep_still)
        kept = {id(one): pan for one, pan in before}
        for one in viewer.layers:
            one.mouse_pan = kept.get(id(one), True)

    return stop


def on_undo(layer: Labels, undo: Callable[[], None], redo: Callable[[], None]) -> Callable[[], None]:
    """Let Ctrl+Z and Ctrl+Shift+Z do something else than to undo strokes, while a layer is active.

    Returns
    -------
    callable
        Gives the keys back.
    """
    for key, action in (("Control-Z", undo), ("Control-Shift-Z", redo)):
        layer.bind_key(key, lambda source, action=action: action(), overwrite=True)

    def stop() -> None:
        for key in ("Control-Z", "Control-Shift-Z"):
            layer.bind_key(key, None)

    return stop


def _new_line(viewer: ViewerModel, layer: Labels, point: NDArray[Any], axes: tuple[int, ...]) -> Labels:
    """Add an empty layer over the plane in view, which a point lies in, to show a line while it is drawn."""
    shape = [n if axis in axes else 1 for axis, n in enumerate(layer.data.shape)]
    start = [0.0 if axis in axes else float(np.rint(p)) for axis, p in enumerate(point)]
    return show_preview(viewer, np.zeros(shape, np.uint8), "labels", layer, place_part(layer, start), None)


def _draw(plane: NDArray[Any], start: NDArray[Any], stop: NDArray[Any]) -> None:
    steps = int(np.abs(stop - start).max()) + 2
    pixels = np.rint(np.linspace(start, stop, steps)).astype(int)
    inside = ((pixels >= 0) & (pixels < plane.shape)).all(1)
    ys, xs = pixels[inside].T
    plane[ys, xs] = 1
