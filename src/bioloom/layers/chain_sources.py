"""The layers that the steps of a chain begin with, and how their pixels are understood."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.layers.chain_views import UNNAMED_UNIT
from bioloom.layers.chain_views import Source as Source
from bioloom.layers.chain_views import View as View
from bioloom.layers.chain_views import layer_kind as layer_kind
from bioloom.layers.reading import grey, image_stack, pixels, plain, role
from bioloom.layers.strokes import checksum
from bioloom.layers.surfaces import surface_data
from bioloom.recipe.catalogue import get_operation
from bioloom.session.chain import Chain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer


class ChainSources:
    """Which layer of a viewer is which input or step of a chain.

    Parameters
    ----------
    viewer
        The viewer; only a weak reference is kept.
    chain
        The steps.

    Attributes
    ----------
    edited : Signal(object)
        A layer that the chain begins with, or shows, was painted on.
    """

    edited = Signal(object)

    def __init__(self, viewer: ViewerModel, chain: Chain) -> None:
        self._viewer = weakref.ref(plain(viewer))
        self.chain = chain
        self._sources: dict[str, Source] = {}
        self._layers: dict[str, Layer] = {}
        self._painted: WeakSet[Any] = WeakSet()
        # Whether layers are changed by the chain now, and not by the user.
        self._own = False

    @property
    def viewer(self) -> Any:
        """The viewer."""
        return self._viewer()

    # -------------------------------------------------------------------------------------------- looking
    def step_of(self, layer: Layer | None) -> str | None:
        """Return the id of the step whose result a layer shows, or None."""
        layer = plain(layer)
        return next((step for step, shown in self._layers.items() if shown is layer), None)

    def input_of(self, layer: Layer | None) -> str | None:
        """Return the id of an input that a layer is, or None."""
        layer = plain(layer)
        return next((name for name, source in self._sources.items() if source.layer is layer), None)

    def layer_of(self, step_id: str) -> Layer | None:
        """Return the layer that shows a step, or that an input is, or None."""
        if step_id in self._sources:
            return self._sources[step_id].layer
        return self._layers.get(step_id)

    def kind_of(self, name: str) -> str:
        """Return what a step gives, or an input is: ``image``, ``labels``, ``mask``, ``surface`` or ``table``."""
        if name in self._sources:
            return layer_kind(self._sources[name].layer)
        if name in self.chain.inputs:
            # Just added, which listeners hear of before the layer is noted.
            return self.chain.input(name).kind
        step = self.chain.step(name)
        operation = get_operation(step.operation)
        first = next(step.inputs[p.name] for p in operation.arrays if p.name in step.inputs)
        if step.enabled and not operation.keeps_kind:
            return operation.returns
        before = self.kind_of(first)
        return operation.kind_of_result(before, step.settings) if step.enabled else before

    def input_at_root(self, step_id: str) -> str:
        """Return the id of the input that a step goes back to along the first arrays of all steps; empty if unknown."""
        while step_id not in self._sources:
            if step_id not in self.chain:
                return ""
            step = self.chain.step(step_id)
            step_id = next(step.inputs[p.name] for p in get_operation(step.operation).arrays if p.name in step.inputs)
        return step_id

    def root_of(self, step_id: str) -> Source | None:
        """Return the source that a step goes back to along the first arrays of all steps."""
        return self._sources.get(self.input_at_root(step_id))

    def view(self, layer: Layer, *, has_time: bool, physical: bool) -> View:
        """Return what an operation gets of a layer; that of a step says itself what its axes are.

        Raises
        ------
        InputError
            If it has too many or too few axes.
        """
        layer = plain(layer)
        step = self.step_of(layer)
        result = None if step is None else self.chain.result_of(step)
        if step is not None and result is not None:
            n_spatial = result.value.ndim - result.has_time if hasattr(result.value, "ndim") else 0
            unit = self.chain.input(result.input).unit
            return View(layer, step, result.has_time, n_spatial, result.spacing, unit, result.value)
        if type(layer).__name__ == "Surface":
            return View(layer, "", False, 0, None, "pixel")
        stack = image_stack([layer], has_time=has_time, physical=physical)
        spacing = stack.spacing if physical or set(stack.spacing) != {1.0} else None
        unit = UNNAMED_UNIT if physical and stack.unit == "pixel" else stack.unit
        return View(layer, "", stack.n_frames is not None, len(stack.shape), spacing, unit)

    # -------------------------------------------------------------------------------------------- beginning
    def id_of(self, layer: Layer, *, has_time: bool, physical: bool, frame: int | None = None) -> str:
        """Return the id under which the chain knows a layer; it becomes an input if the chain does not know it.

        Parameters
        ----------
        layer
            An image, labels or a surface.
        has_time
            Whether its first axis is time.
        physical
            Whether lengths are counted in its unit.
        frame
            The only frame to use; None for all.

        Raises
        ------
        InputError
            If it has too many or too few axes.
        """
        layer = plain(layer)
        step = self.step_of(layer)
        if step is not None and (frame is None or not has_time):
            return step
        for name, source in self._sources.items():
            if source.layer is layer and (source.has_time, source.physical, source.frame) == (
                has_time,
                physical,
                frame,
            ):
                self._read_again(name, source)
                return name
        return self._add_source(Source(layer, has_time, physical, frame))

    def _add_source(self, source: Source) -> str:
        layer = source.layer
        spacing: tuple[float, ...] | None = None
        unit, title = "pixel", layer.name
        if type(layer).__name__ == "Surface":
            data: Any = surface_data(layer)
            source.has_time = False
            source.data = layer.data
        else:
            view = self.view(layer, has_time=source.has_time, physical=source.physical)
            spacing, unit = view.spacing, view.unit
            data = _pixels_of(source)
            source.data = pixels(layer)
        if source.frame is not None:
            title = f"{title} frame {source.frame}"
        timed = source.has_time and source.frame is None
        if any(self.chain.input(name).data is data for name in self._sources):
            # Another layer of the same array is an input of its own: its results lie where it lies.
            data = data.view() if isinstance(data, np.ndarray) else copy(data)
        name = self.chain.add_input(title, data, spacing=spacing, has_time=timed, unit=unit, kind=layer_kind(layer))
        self._sources[name] = source
        layer.events.data.connect(self._source_edited)
        if type(layer).__name__ == "Labels":
            layer.events.paint.connect(self._source_edited)
            layer.events.set_data.connect(self._source_edited)
        return name

    def _source_edited(self, event: Any = None) -> None:
        if event is None or self._own:
            return
        layer = plain(event.source)
        if event.type == "paint":
            self._painted.add(layer)
        # Undo of a stroke is told like any other refresh; without a stroke there is nothing to undo.
        if event.type != "set_data" or layer in self._painted:
            self.edited.emit(layer)

    def _forget_sources(self, names: Collection[str]) -> None:
        """Let go of inputs, their layers and all that was made of them."""
        for name in names:
            layer = self._sources.pop(name).layer
            if self.input_of(layer) is None:
                for event in ("data", "paint", "set_data"):
                    if hasattr(layer.events, event):
                        getattr(layer.events, event).disconnect(self._source_edited)
        self.chain.forget_inputs(names)

    def read_sources_again(self, layer: Layer) -> bool:
        """Compute anew what is made of a layer if its pixels changed; return whether they did."""
        mine = [(name, s) for name, s in self._sources.items() if s.layer is plain(layer)]
        return sum(self._read_again(name, source) for name, source in mine) > 0

    def _read_again(self, name: str, source: Source) -> bool:
        surface = type(source.layer).__name__ == "Surface"
        now = source.layer.data if surface else pixels(source.layer)
        mark = checksum(pixels(source.layer)) if source.layer in self._painted else source.mark
        if now is source.data and mark == source.mark:
            return False
        source.data, source.mark = now, mark
        self.chain.set_input(name, surface_data(source.layer) if surface else _pixels_of(source))
        return True


def _pixels_of(source: Source) -> Any:
    data = grey(source.layer) if type(source.layer).__name__ == "Image" else pixels(source.layer)
    return data[source.frame] if source.frame is not None else data


def sources_for(layers: Mapping[str, Layer]) -> None:
    """Refuse previews as a beginning: they go with the next change of a setting.

    Raises
    ------
    InputError
        If one of the layers is a preview.
    """
    for layer in layers.values():
        if role(layer) == "preview":
            raise InputError(f"{layer.name} is a preview, which changes. Press Apply first, and go on from its result.")
