"""What was selected or classified among objects, kept as new layers or as a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.layers.objects import add_columns, features, has_table, selection_of
from bioloom.layers.reading import pixels
from bioloom.layers.writing import add_result
from bioloom.session.feature_table import keys_of, new_column_name
from bioloom.session.label_codes import LabelCodes
from bioloom.session.selection import Selection

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels


def save_classes(viewer: ViewerModel, layer: Labels, classes: NDArray[np.integer], name: str = "") -> Labels:
    """Add a layer in which each pixel has the class of its object.

    Parameters
    ----------
    viewer, layer
        The measured labels layer.
    classes
        Class per row of its table, 0 (none) to 65 535; noise, −1, becomes the class after the largest.
    name
        Of the new layer.

    Returns
    -------
    Labels
        The new layer, uint8 or uint16.
    """
    given = np.asarray(classes)
    if given.size != len(selection_of(layer)) or (given.size and (given.min() < -1 or given.max() >= 65_535)):
        raise InputError("A class from 0 to 65 534, or -1 for noise, is needed for each row of the table.")
    values = np.where(given < 0, given.max(initial=0) + 1, given)
    values = values.astype(np.uint8 if values.max(initial=0) <= 255 else np.uint16)
    data = _mapped(layer, selection_of(layer), values)
    provenance = {"role": "classes", "of": layer.name}
    return add_result(viewer, data, "labels", name or f"classes of {layer.name}", layer, provenance)


def save_selected(viewer: ViewerModel, layer: Labels, name: str = "") -> Labels:
    """Add a labels layer with the selected objects only; they keep their ids and their rows of the table.

    Raises
    ------
    InputError
        If nothing is selected.
    """
    selection = selection_of(layer)
    mask = selection.mask.copy()
    if not mask.any():
        raise InputError("No object is selected. Draw a lasso around some first.")
    kept = _mapped(layer, selection, mask.astype(np.uint8))
    data = np.where(kept > 0, np.asarray(pixels(layer)), 0).astype(pixels(layer).dtype, copy=False)
    new = add_result(viewer, data, "labels", name or f"selected of {layer.name}", layer, {"of": layer.name})
    new.features = features(layer)[mask].reset_index(drop=True)
    return new


def save_column(layer: Labels, values: NDArray[Any], name: str) -> str:
    """Add a value per object as a column of the layer's table; return the column's name, numbered if it was taken."""
    if not has_table(layer):
        raise InputError(f"The objects of {layer.name} are not measured yet. Measure them first.")
    table: pd.DataFrame = features(layer)
    if len(values) != len(table):
        raise InputError(f"A value for each of {len(table)} objects is needed, but {len(values)} were given.")
    column = new_column_name(table, name)
    add_columns(layer, table[keys_of(table)].assign(**{column: values}))
    return column


def _mapped(layer: Labels, selection: Selection, values: NDArray[Any]) -> NDArray[Any]:
    """Write the value of each object into its pixels, 0 elsewhere."""
    data = pixels(layer)
    if not selection.has_frames:
        return LabelCodes(selection.labels, values, other=0).of(np.asarray(data))
    result = np.zeros(data.shape, values.dtype)
    for frame in range(data.shape[0]):
        here = selection.frames == frame
        result[frame] = LabelCodes(selection.labels[here], values[here], other=0).of(np.asarray(data[frame]))
    return result
