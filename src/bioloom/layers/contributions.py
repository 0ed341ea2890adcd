"""Where in an image a feature speaks for a class, as an image layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.reading import active_layer
from bioloom.layers.writing import add_result

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image


def show_contributions(
    viewer: ViewerModel, layer: Image, values: NDArray[np.float32], every: int, frame: int | None, name: str
) -> Image:
    """Show SHAP values over the image they are of, from blue (against the class) to red (for it).

    Parameters
    ----------
    viewer, layer
        The image.
    values
        A value for every n-th pixel of a frame along each axis, (y, x) or (z, y, x).
    every
        That n.
    frame
        The frame that they are of; None where there is no time.
    name
        Of the new layer.
    """
    data = values
    if frame is not None:
        # The other frames are not known.
        data = np.full((layer.data.shape[0], *values.shape), np.nan, np.float32)
        data[frame] = values
    scale = np.array(layer.scale, float)
    scale[-values.ndim :] *= every
    most = float(np.abs(values).max(initial=0)) or 1.0
    active = active_layer(viewer)
    made: Any = add_result(
        viewer, data, "image", name, layer, {"role": "map", "of": layer.name}, scale=scale, colormap="coolwarm",
        contrast_limits=(-most, most), blending="translucent_no_depth", opacity=0.8,
    )  # fmt: skip
    # Napari 0.7 and later show what the colours mean.
    if getattr(made, "colorbar", None) is not None:
        made.colorbar.visible = True
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return made
