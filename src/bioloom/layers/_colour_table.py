"""Label colormaps of napari's kind that look colours up in an array; what is private to napari is known here alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.session.label_codes import LabelCodes, colour_codes


def napari_colormap(table: LabelCodes, palette: NDArray[np.uint8]) -> Any:
    """Return napari's own colour table: right for every version, but slow for many labels."""
    from napari.utils.colormaps import DirectLabelColormap

    shades = palette.astype(np.float32) / 255
    known = dict(zip(table.ids.tolist(), shades[table.codes], strict=True))
    return DirectLabelColormap(color_dict={**known, None: shades[1], 0: shades[0]})


@lru_cache(maxsize=1)
def tables_work() -> bool:
    """Tell whether this napari shows labels through a table of ours, by trying it on a few pixels."""
    try:
        from napari.layers import Labels

        for dtype in (np.uint8, np.int32):
            ids = np.array([3, 100], np.int64)
            colours = np.array([[200, 0, 0, 255], [0, 100, 0, 255]], np.uint8)
            codes, palette = colour_codes(colours)
            colormap = table_class()(LabelCodes(ids, codes), palette)
            layer = Labels(np.array([[0, 3], [100, 7]], dtype))
            layer.colormap = colormap
            # Where napari slices in the background, a layer without a viewer waits for ever.
            layer.set_view_slice()
            view = np.asarray(layer._slice.image.view)
            if dtype is np.uint8:
                texture = colormap._get_mapping_from_cache(np.dtype(dtype))
            else:
                texture = np.array(list(colormap._values_mapping_to_minimum_values_set()[1].values()))
            wanted = np.array([[[0, 0, 0, 0], colours[0]], [colours[1], palette[1]]]) / 255
            if layer.colormap is not colormap or not np.allclose(texture[view], wanted, atol=0.01):
                return False
    except Exception:
        return False
    return True


@lru_cache(maxsize=1)
def table_class() -> Any:
    """Return a label colormap of napari's kind that looks colours up in an array.

    Napari's own takes seconds for a hundred thousand labels. What it overrides is not public: see :func:`tables_work`.
    """
    from napari.utils.colormaps import DirectLabelColormap
    from pydantic import PrivateAttr

    class TableLabelColormap(DirectLabelColormap):  # type: ignore[misc]
        """Labels → codes by an array, codes → colours by a palette."""

        _table: LabelCodes = PrivateAttr()
        _shades: NDArray[np.float32] = PrivateAttr()

        def __init__(self, table: LabelCodes, palette: NDArray[np.uint8]) -> None:
            shades = palette.astype(np.float32) / np.float32(255)
            # Napari shows its random colours where only black and transparent are listed.
            super().__init__(color_dict={None: shades[1], 0: shades[0]})
            self._table, self._shades = table, shades

        @property
        def _num_unique_colors(self) -> int:
            # Napari adds 2 and chooses the type of the texture by the sum.
            return len(self._shades) - 2

        def _data_to_texture(self, values: Any) -> Any:
            if values.dtype.itemsize <= 2:
                return values.view(f"u{values.dtype.itemsize}")
            if self.use_selection:
                chosen = (np.asarray(values) == self.selection).astype(self._table.dtype)
                return chosen if np.ndim(values) else self._table.dtype.type(chosen)
            codes = self._table.of(values)
            return codes if np.ndim(values) else self._table.dtype.type(codes)

        def map(self, values: Any) -> Any:
            given = np.asarray(values)
            mapped: Any = self._shades[self._table.of(given)]
            if self.use_selection:
                mapped[given != self.selection] = 0
            return mapped

        def _map_without_cache(self, values: Any) -> Any:
            return self._shades[self._table.of(values)]

        def _cmap_without_selection(self) -> Any:
            if not self.use_selection:
                return self
            return type(self)(self._table, np.rint(self._shades * 255).astype(np.uint8))

        def _values_mapping_to_minimum_values_set(self, apply_selection: bool = True) -> Any:
            if self.use_selection and apply_selection:
                return {self.selection: 1, None: 0}, {0: np.zeros(4), 1: self.map(self.selection)}
            return {}, dict(enumerate(self._shades))

    return TableLabelColormap
