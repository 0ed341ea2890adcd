"""The objects of a labels layer: their table, their selection, and what is done to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from bioloom.errors import InputError
from bioloom.layers.reading import METADATA_KEY, label_under, pixels
from bioloom.layers.writing import activate
from bioloom.session.feature_table import joined_frames, keys_of, merge_tables
from bioloom.session.selection import Mode, Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

_LEFT = 1


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


def note_columns(layer: Labels, names: Sequence[str], made: Mapping[str, Any] | None) -> None:
    """Keep with a layer how columns of its table were made; see :func:`made_by`."""
    known = layer.metadata.setdefault(METADATA_KEY, {}).setdefault("columns", {})
    for name in names:
        known.pop(name, None)
        if made is not None:
            known[name] = dict(made)


def made_by(layer: Labels, name: str) -> dict[str, Any]:
    """Return how a column of a layer's table was made (method, columns, seed, …); nothing if that is not known."""
    known = layer.metadata.get(METADATA_KEY, {}).get("columns", {})
    return dict(known.get(name, {})) if name in layer.features.columns else {}


def note_unit(layer: Labels, unit: str) -> None:
    """Keep with a layer what the lengths in its table are counted in."""
    layer.metadata.setdefault(METADATA_KEY, {})["unit"] = unit


def measured_in(layer: Labels) -> str:
    """Return what the lengths in a layer's table are counted in; nothing if that is not known."""
    return str(layer.metadata.get(METADATA_KEY, {}).get("unit", ""))


def set_columns(layer: Labels, table: pd.DataFrame) -> None:
    """Write columns of a table of ``[frame,] label`` into a layer's features, as fast as can be.

    Where the layer has a table of the same objects, only its columns are replaced; otherwise as :func:`add_features`.
    """
    old = layer.features
    keys = keys_of(table)
    same = "index" in old.columns and keys_of(old) == keys and len(old) == len(table)
    if not same or not all(np.array_equal(old[k].to_numpy(), table[k].to_numpy()) for k in keys):
        add_features(layer, table)
        return
    new = old.copy(deep=False)
    for name in table.columns:
        if name not in keys:
            new[name] = table[name].to_numpy()
    layer.features = new


def add_features(layer: Labels, table: pd.DataFrame) -> pd.DataFrame:
    """Merge a table of ``[frame,] label`` and measurements into a layer's features and return the whole.

    Other columns stay, and a new table is assigned, because napari does not notice changes in place.
    """
    merged = merge_tables(layer.features, table)
    layer.features = merged
    return merged


def add_frames(layer: Labels, table: pd.DataFrame, frames: Sequence[int] | None) -> pd.DataFrame:
    """Merge measurements of some frames into a layer's features, None for all, and return the whole.

    As :func:`add_features`, but the rows of other frames stay.
    """
    merged = joined_frames(layer.features, table, frames)
    layer.features = merged
    return merged


def rename_column(layer: Labels, old: str, new: str) -> None:
    """Give a column of a layer's table another name."""
    layer.features = layer.features.rename(columns={old: new})


def delete_columns(layer: Labels, names: Sequence[str]) -> None:
    """Delete columns of a layer's table."""
    layer.features = layer.features.drop(columns=list(names), errors="ignore")


_selections: WeakKeyDictionary[Any, Selection] = WeakKeyDictionary()


def selection_of(layer: Labels) -> Selection:
    """Return the selection of a layer's objects, shared by everything that shows them.

    It follows the layer's features, and clicks on objects in the image change it: Shift adds, Alt removes.

    Raises
    ------
    InputError
        If the layer has no table of objects yet, or one whose rows cannot be told apart, or frames without a time axis.
    """
    if layer.ndim < 3 and "frame" in layer.features.columns:
        raise InputError(
            f"The table of {layer.name} has a column 'frame', but the layer has no axis of time. Measure it, or "
            "rename that column in the file and load it again."
        )
    if layer in _selections:
        _selections[layer].rekey(layer.features)
        return _selections[layer]
    if "label" not in layer.features.columns:
        raise InputError(f"The objects of {layer.name} are not measured yet. Measure them first.")
    selection = _selections[layer] = Selection(layer.features)

    def follow(event: Any = None) -> None:
        # Whoever asks for the selection is told what is wrong with a table that it cannot follow.
        with suppress(InputError):
            selection.rekey(layer.features)

    def clicked(label: int, position: tuple[float, ...], modifiers: set[str]) -> None:
        frame = round(position[0]) if selection.has_frames else 0
        mode: Mode = "add" if "Shift" in modifiers else "remove" if "Alt" in modifiers else "replace"
        selection.select_objects([label] if label else [], frame, mode)

    layer.events.features.connect(follow)
    on_click(layer, clicked)
    return selection


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
        # A tool that takes the mouse, such as a polygon drawn on the canvas, marks the event.
        if event.handled or event.button != _LEFT or str(source.mode) not in ("pan_zoom", "pick"):
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            # Panning is not selecting.
            if np.hypot(*(np.array(event.pos) - start)) > 4:
                return
            yield
        position = tuple(float(p) for p in source.world_to_data(event.position))
        callback(label_under(source, event), position, {str(getattr(m, "name", m)) for m in event.modifiers})

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


def show_object(viewer: ViewerModel, layer: Labels, label: int, frame: int | None) -> bool:
    """Move the viewer to an object and make its label the chosen one; return whether the object is there.

    Labels that are not in memory are not read where the table has the bounding box of the object.
    """
    data = pixels(layer)
    place = None if isinstance(data, np.ndarray) else _middle_of_box(layer, label, frame)
    if place is None:
        if frame is not None and not 0 <= frame < len(data):
            return False
        found = np.argwhere(np.asarray(data if frame is None else data[frame]) == label)
        if not len(found):
            return False
        place = found.mean(0).tolist()
        if len(place) > 2:
            # The plane in the middle of a ring or an arch may hold nothing of it: the nearest one that does.
            planes = found[:, 0]
            place[0] = float(planes[np.abs(planes - place[0]).argmin()])
    layer.selected_label = label
    activate(viewer, layer)
    go_to(viewer, layer, ([] if frame is None else [frame]) + place)
    return True


def _middle_of_box(layer: Labels, label: int, frame: int | None) -> list[float] | None:
    table, ndim = layer.features, layer.ndim - (frame is not None)
    names = [f"bbox-{i}" for i in range(2 * ndim)]
    if not {"label", *names} <= set(table.columns) or ("frame" in table.columns) != (frame is not None):
        return None
    here = (table["label"] == label) & (True if frame is None else table["frame"] == frame)
    boxes = table.loc[here, names].to_numpy(np.float64)
    if len(boxes) != 1 or not np.isfinite(boxes).all():
        return None
    middle: list[float] = ((boxes[0, :ndim] + boxes[0, ndim:] - 1) / 2).tolist()
    return middle
