"""New layers that lie where their source lies; nothing of the user's is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.reading import METADATA_KEY, Kind, active_layer, is_rgb, pixels, plain
from bioloom.layers.recent import note_use

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Labels, Layer


def spatial_metadata(layer: Layer) -> dict[str, Any]:
    """Return what places a layer in the world, for outputs of the same axes."""
    return {
        "scale": layer.scale,
        "translate": layer.translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def add_result(
    viewer: ViewerModel,
    data: NDArray[Any],
    kind: Kind,
    name: str,
    source: Layer,
    provenance: dict[str, Any] | None = None,
    **options: Any,
) -> Layer:
    """Add a new layer that lies where its source lies; nothing is overwritten.

    Parameters
    ----------
    viewer
        Where to add it.
    data
        Pixels with the axes of `source` (without colours).
    kind
        ``"image"`` or ``"labels"``.
    name
        What to call it; napari numbers it if the name is taken.
    source
        The layer it was made from.
    provenance
        How it was made; kept in the layer's metadata.
    **options
        Further options of the layer.
    """
    options = {**spatial_metadata(source), "metadata": {METADATA_KEY: provenance or {}}, "name": name, **options}
    layer: Layer = plain(viewer.add_labels(data, **options) if kind == "labels" else viewer.add_image(data, **options))
    note_use(layer)
    return layer


def new_annotation(viewer: ViewerModel, image: Image, first_class: int = 1, name: str = "annotation") -> Labels:
    """Add an empty labels layer over an image, ready to paint."""
    data = pixels(image)
    shape = data.shape[:-1] if is_rgb(image) else data.shape
    title = f"{name} of {image.name}"
    made_for = {METADATA_KEY: {"role": name, "of": image.name}}
    layer: Labels = plain(
        viewer.add_labels(
            np.zeros(shape, np.uint8), name=title, opacity=0.7, metadata=made_for, **spatial_metadata(image)
        )
    )
    layer.brush_size = max(2, round(min(shape[-2:]) / 100))
    layer.selected_label = first_class
    layer.mode = "paint"
    viewer.layers.selection.active = layer
    return layer


def show_preview(
    viewer: ViewerModel, data: NDArray[Any], kind: Kind, source: Layer, placed: dict[str, Any], old: Layer | None
) -> Layer:
    """Show a preview where it lies in its source; the one shown before is replaced, or changed where that is enough.

    Parameters
    ----------
    viewer
        Where to show it.
    data
        Pixels.
    kind
        ``"image"`` or ``"labels"``.
    source
        The layer it was made from.
    placed
        Options that put it where it belongs, see :func:`bioloom.layers.place_result`.
    old
        The preview to replace, if any.
    """
    if old is not None and old in viewer.layers and _can_show(old, data, kind, source, placed):
        old.data = data
        if not np.allclose(old.translate, placed["translate"]):
            old.translate = placed["translate"]
        if kind == "image":
            _fit_contrast(old, data)
        return old
    active = active_layer(viewer)
    remove(viewer, old)
    layer = add_result(viewer, data, kind, f"preview of {source.name}", source, _preview_of(source), **placed)
    # A preview must not become what the next operation works on.
    if active in viewer.layers:
        viewer.layers.selection.active = active
    return layer


def _fit_contrast(layer: Layer, data: NDArray[Any]) -> None:
    """Show the range of the data; where it is nearly the same it stays, because drawing it anew takes time."""
    low, high = float(data.min()), float(data.max())
    before = layer.contrast_limits
    if abs(low - before[0]) + abs(high - before[1]) > 0.02 * (high - low) and high > low:
        layer.contrast_limits_range = (low, high)
        layer.contrast_limits = (low, high)


def _preview_of(source: Layer) -> dict[str, Any]:
    return {"role": "preview", "source": source.name}


def _can_show(old: Layer, data: NDArray[Any], kind: Kind, source: Layer, placed: dict[str, Any]) -> bool:
    """Tell whether a preview differs from the one shown in its pixels and its place only."""
    return (
        type(old).__name__.lower() == kind
        and old.metadata.get(METADATA_KEY) == _preview_of(source)
        and old.data.shape == data.shape
        and bool(np.allclose(old.scale, placed["scale"]))
    )


def raise_layer(viewer: ViewerModel, layer: Layer) -> None:
    """Put a layer on top of the others and make it the active one."""
    viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
    viewer.layers.selection.active = layer


def activate(viewer: ViewerModel, layer: Layer) -> None:
    """Make a layer the active one, not in a mode in which a click would paint."""
    viewer.layers.selection.active = layer
    if str(layer.mode) not in ("pan_zoom", "pick"):
        layer.mode = "pan_zoom"


def remove(viewer: ViewerModel, layer: Layer | None) -> None:
    """Remove a layer if it is still there."""
    if layer is not None and layer in viewer.layers:
        viewer.layers.remove(layer)


class ResultLayer:
    """A layer that shows a result which is computed again and again, such as a live prediction.

    Once the user renames or edits it, it is his: the next result gets a new layer.
    """

    def __init__(self) -> None:
        self._layer: Layer | None = None
        self._source: Layer | None = None
        self._name = ""
        self._edited = False

    @property
    def shown(self) -> bool:
        """Whether a result was shown already."""
        return self._layer is not None

    def show(
        self,
        viewer: ViewerModel,
        data: NDArray[Any],
        kind: Kind,
        name: str,
        source: Layer,
        provenance: dict[str, Any],
        frames: Sequence[int] | None = None,
        **options: Any,
    ) -> Layer:
        """Show a result; see :func:`add_result`.

        Parameters
        ----------
        viewer, data, kind, name, source, provenance, **options
            As for :func:`add_result`.
        frames
            The frames of `data` that are new; the others keep what is shown. None if all are.
        """
        shown = self._layer
        if shown is not None and self._may_write(viewer, data, source):
            if frames is not None:
                merged = np.array(shown.data, dtype=np.promote_types(shown.data.dtype, data.dtype))
                merged[list(frames)] = data[list(frames)]
                data = merged
            shown.data = data
            return shown
        layer = add_result(viewer, data, kind, name, source, provenance, **options)
        self._layer, self._source, self._name, self._edited = layer, source, layer.name, False
        if kind == "labels":
            layer.events.paint.connect(self._note_edit)
        return layer

    def _note_edit(self, event: Any = None) -> None:
        self._edited = True

    def _may_write(self, viewer: ViewerModel, data: NDArray[Any], source: Layer) -> bool:
        layer = self._layer
        return (
            layer is not None
            and layer in viewer.layers
            and source is self._source
            and layer.name == self._name
            and layer.data.shape == data.shape
            and not self._edited
        )
