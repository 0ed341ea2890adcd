"""Measurements shown as colours: an image over the labels, with a colour bar."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.reading import active_layer, plain
from bioloom.layers.writing import add_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels

COLORMAPS = (
    "viridis", "magma", "inferno", "plasma", "turbo", "gray", "gray_r", "PiYG", "twilight_shifted", "hsv",
)  # fmt: skip
"""Colormaps to choose from: in steps alike to the eye, then one that diverges, then two for angles."""

_sources: WeakKeyDictionary[Any, tuple[Any, str]] = WeakKeyDictionary()


def show_map(viewer: ViewerModel, layer: Labels, column: str, data: NDArray[np.float32], colormap: str) -> Image:
    """Show the values of a column as an image over the labels, with a colour bar.

    A map of the same column is changed, and other maps of the layer are hidden, so that one colour bar is seen.

    Parameters
    ----------
    viewer
        Where to show it.
    layer
        The objects.
    column
        What it shows.
    data
        The value of every pixel's object; NaN is not drawn.
    colormap
        Name of a colormap of napari.

    Returns
    -------
    napari.layers.Image
        The map.
    """
    found = next((shown for shown, name in maps_of(viewer, layer) if name == column), None)
    for shown, _ in maps_of(viewer, layer):
        if shown is not found:
            shown.visible = False
            _show_bar(shown, False)
    if found is not None:
        update_map(found, data)
        found.colormap = colormap
        found.visible = True
        _show_bar(found, True)
        return found
    active = active_layer(viewer)
    made: Any = add_result(
        viewer,
        data,
        "image",
        f"{column} of {layer.name}",
        layer,
        {"role": "map", "of": layer.name, "column": column},
        colormap=colormap,
        contrast_limits=_limits(data),
        blending="translucent_no_depth",
    )
    _sources[made] = ref(layer), column
    # Right above the objects: points and tracks stay in front of it.
    places = [plain(one) for one in viewer.layers]
    viewer.layers.move(places.index(made), places.index(layer) + 1)
    _show_bar(made, True)
    # Clicks go to the objects.
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return made


def update_map(shown: Image, data: NDArray[np.float32]) -> None:
    """Show other values; limits that the user set stay."""
    automatic = np.allclose(shown.contrast_limits, _limits(np.asarray(shown.data)))
    shown.data = data
    if automatic:
        low, high = _limits(data)
        shown.contrast_limits_range = (low, high)
        shown.contrast_limits = (low, high)


def maps_of(viewer: ViewerModel, layer: Labels) -> list[tuple[Image, str]]:
    """Return the maps of a layer's objects, and the column that each shows."""
    known = [(shown, _sources[shown]) for shown in _sources if shown in viewer.layers]
    return [(shown, column) for shown, (source, column) in known if source() is layer]


def colour_strip(colormap: str, n: int = 48) -> NDArray[np.uint8]:
    """Return the colours of a colormap from its lowest to its highest, uint8 RGBA (n, 4)."""
    from napari.utils.colormaps import ensure_colormap

    colours = np.asarray(ensure_colormap(colormap).map(np.linspace(0, 1, n)))
    return np.ascontiguousarray((colours * 255).round().astype(np.uint8))


def _limits(data: NDArray[np.float32]) -> tuple[float, float]:
    finite = data[np.isfinite(data)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _show_bar(shown: Image, on: bool) -> None:
    # Colour bars came with napari 0.7.
    bar = getattr(shown, "colorbar", None)
    if bar is not None:
        bar.visible = on
