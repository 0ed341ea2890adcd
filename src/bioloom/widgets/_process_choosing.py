"""Which layers an operation is most likely meant to be applied to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bioloom import layers
from bioloom.layers import ChainLayers
from bioloom.operations import Parameter
from bioloom.widgets._parts import LayerCombo


def preselect(
    viewer: Any,
    chain_layers: ChainLayers,
    combos: Mapping[str, LayerCombo],
    parameter: Parameter,
    before: Mapping[tuple[str, bool], Any],
    first: Any = None,
) -> None:
    """Choose the most likely layer: for the first array the active one, for others one that is not taken yet.

    Parameters
    ----------
    viewer
        The viewer.
    chain_layers
        Which layers show results of steps.
    combos
        The boxes so far, by array; the last is that of `parameter`.
    parameter
        The array.
    before
        What was chosen for the operation before, by the name of the array and whether it may be left out.
    first
        The layer of the first array; the active one if left out.
    """
    combo, source = combos[parameter.name], next(iter(combos.values())).layer
    same = before.get((parameter.name, parameter.optional))
    if len(combos) == 1:
        wanted = [first, layers.active_layer(viewer), same]
        if parameter.kind in ("labels", "mask"):
            wanted.append(layers.likely_objects(viewer))
    elif parameter.optional:
        # Who works on objects mostly wants to look at their image, too.
        beside = parameter.kind == "image" and parameter.name == "image"
        wanted = [same, _image_beside(viewer, chain_layers, source) if beside else None]
        wanted = [layer for layer in wanted if layer is not None and shape_of(layer) == shape_of(source)]
    else:
        taken = {id(other.layer) for other in combos.values() if other is not combo}
        wanted = [same, *(one for one in layers.of_kind(viewer, combo.kind) if id(one) not in taken)]
    for layer in wanted:
        if layer is not None and (combo.choose(layer), combo.layer is layer)[1]:
            return


def _image_beside(viewer: Any, chain_layers: ChainLayers, source: Any) -> Any:
    """Return the image of the same pixels as a layer: the one that it was made of, else the topmost."""
    step = chain_layers.step_of(source) if source is not None else None
    root = chain_layers.root_of(step) if step is not None else None
    listed = [root.layer] if root is not None else []
    listed += [one for one in layers.of_kind(viewer, "image") if not layers.role(one)]
    fitting = [one for one in listed if source is not None and shape_of(one) == shape_of(source)]
    return fitting[0] if fitting else None


def shape_of(layer: Any) -> tuple[int, ...]:
    """Return the shape of the pixels of a layer, without colours; nothing if it has none."""
    if type(layer).__name__ not in ("Image", "Labels"):
        return ()
    return tuple(layers.pixels(layer).shape[: layer.ndim])
