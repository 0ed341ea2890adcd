"""Colours of objects on their own labels layer, fast enough to follow a selection; the user's colours come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bioloom.layers._colour_table import napari_colormap, table_class, tables_work
from bioloom.layers.reading import METADATA_KEY, active_layer, current_frame, pixels, plain, shows_axis
from bioloom.layers.writing import remove, spatial_metadata
from bioloom.session.label_codes import LabelCodes, colour_codes

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels

_FEW = 2_000
"""So many colours napari's own colour table takes without a noticeable wait."""

_own_colormaps: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_shown_colormaps: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_class_layers: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
_refusals: list[Exception] = []
"""Why the canvas did not take a table of ours; it is not tried again then."""


def colour_objects(
    layer: Labels, labels: NDArray[Any], colours: NDArray[np.uint8], viewer: ViewerModel | None = None
) -> None:
    """Colour objects; the layer's own colours can be restored.

    The layer itself is coloured through a table of colours by label. Where this napari does not let it, a layer of
    colours covers the labels instead, which are hidden meanwhile.

    Parameters
    ----------
    layer
        The labels layer.
    labels
        Ids of the objects, in any order and with any gaps.
    colours
        uint8 RGBA per id, (n, 4). Objects that are not listed, such as one that is just being painted, are grey.
    viewer
        Where a layer of colours is added if one is needed; the current viewer if left out.
    """
    codes, palette = colour_codes(colours)
    table = LabelCodes(labels, codes)
    if tables_work() and _shown_by_table(layer, table, palette):
        return
    if viewer is None:
        import napari

        viewer = napari.current_viewer()
    if viewer is None or layer not in viewer.layers or len(table.ids) <= _FEW:
        _show(layer, napari_colormap(table, palette))
    else:
        _cover(viewer, layer, table, palette)


def restore_colours(layer: Labels) -> None:
    """Give a layer the colours back that it had before :func:`colour_objects`, unless the user chose others since."""
    cover = _class_layers.pop(layer, None)
    if cover is not None:
        viewer, colours = cover
        remove(viewer, colours)
        layer.visible = True
    shown, own = _shown_colormaps.pop(layer, None), _own_colormaps.pop(layer, None)
    if own is not None and layer.colormap is shown:
        own.use_selection, own.selection = layer.show_selected_label, layer.selected_label
        layer.colormap = own


def is_coloured(layer: Labels) -> bool:
    """Tell whether :func:`colour_objects` colours a layer now."""
    return layer in _class_layers or (layer in _shown_colormaps and layer.colormap is _shown_colormaps[layer])


class ObjectColours:
    """Colours of the objects of one layer, by row of its table; those of the frame in view are shown.

    Parameters
    ----------
    viewer, layer
        The labels layer, in its viewer.
    """

    def __init__(self, viewer: ViewerModel, layer: Labels) -> None:
        self._viewer, self._layer = viewer, layer
        self._labels: NDArray[np.integer] = np.zeros(0, np.int64)
        self._frames: NDArray[np.integer] = np.zeros(0, np.int64)
        self._index: NDArray[np.integer] = np.zeros(0, np.int64)
        self._palette = np.zeros((0, 4), np.uint8)
        self._has_frames = False
        self._frame: int | None = None
        self._on = False
        viewer.dims.events.point.connect(self._moved)

    def show(
        self,
        labels: NDArray[np.integer],
        frames: NDArray[np.integer] | None,
        index: NDArray[np.integer],
        palette: NDArray[np.uint8],
    ) -> None:
        """Colour objects.

        Parameters
        ----------
        labels, frames
            The key of each object; no frames where there is no time. Rows may lie in any order.
        index
            Row of `palette` per object.
        palette
            uint8 RGBA, (k, 4).
        """
        self._has_frames = frames is not None
        self._labels, self._index, self._palette = labels, index, palette
        self._frames = np.zeros(0, np.int64) if frames is None else frames
        self._on = True
        self._colour()

    def restore(self) -> None:
        """Give the layer its own colours back."""
        self._on = False
        restore_colours(self._layer)

    def close(self) -> None:
        """Give the layer its own colours back and follow the viewer no longer."""
        self._viewer.dims.events.point.disconnect(self._moved)
        self.restore()

    def _moved(self, event: Any = None) -> None:
        if self._on and self._has_frames and self._frame_in_view() != self._frame:
            self._colour()

    def _frame_in_view(self) -> int | None:
        layer = self._layer
        if not self._has_frames or layer not in self._viewer.layers or shows_axis(self._viewer, layer, 0):
            return None
        return current_frame(self._viewer, layer, True)

    def _colour(self) -> None:
        self._frame = self._frame_in_view()
        labels, index = self._labels, self._index
        if self._frame is not None:
            here = self._frames == self._frame
            labels, index = labels[here], index[here]
        elif self._has_frames:
            # Time is drawn as a spatial axis: an object has one colour, that of its first frame.
            order = np.argsort(self._frames, kind="stable")
            labels, first = np.unique(labels[order], return_index=True)
            index = index[order][first]
        colour_objects(self._layer, labels, self._palette[index], self._viewer)


def _show(layer: Labels, colormap: Any) -> None:
    if layer not in _own_colormaps or layer.colormap is not _shown_colormaps.get(layer):
        _own_colormaps[layer] = layer.colormap
    colormap.use_selection, colormap.selection = layer.show_selected_label, layer.selected_label
    _shown_colormaps[layer] = colormap
    layer.colormap = colormap


def _shown_by_table(layer: Labels, table: LabelCodes, palette: NDArray[np.uint8]) -> bool:
    """Colour a layer through a table of ours; tell whether the canvas takes it, which no trial without one can."""
    if _refusals:
        return False
    try:
        _show(layer, table_class()(table, palette))
    except Exception as error:
        _refusals.append(error)
        restore_colours(layer)
        return False
    return True


def _cover(viewer: ViewerModel, layer: Labels, table: LabelCodes, palette: NDArray[np.uint8]) -> None:
    """Show a layer of colours instead of the labels."""
    data = pixels(layer)
    data = table.of(data) if isinstance(data, np.ndarray) else _lazily(data, table.of, table.dtype)
    colormap = napari_colormap(LabelCodes(np.arange(len(palette)), np.arange(len(palette), dtype=np.uint16)), palette)
    cover = _class_layers.get(layer)
    if cover is not None and cover[1] in viewer.layers:
        colours = cover[1]
        colours.data = data
        colours.colormap = colormap
        return
    active = active_layer(viewer)
    colours = plain(
        viewer.add_labels(
            data,
            name=f"colours of {layer.name}",
            opacity=layer.opacity,
            metadata={METADATA_KEY: {"role": "colours", "of": layer.name}},
            **spatial_metadata(layer),
        )
    )
    colours.colormap = colormap
    _class_layers[layer] = (viewer, colours)
    layer.visible = False
    if active in viewer.layers:
        viewer.layers.selection.active = active


def _lazily(data: Any, function: Callable[[Any], Any], dtype: Any) -> Any:
    import dask.array as da

    whole = data if isinstance(data, da.Array) else da.from_array(data)
    return whole.map_blocks(function, dtype=dtype)
