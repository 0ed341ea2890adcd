"""The layers of a viewer that show what the steps of a chain give, and those that the chain begins with."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.layers.correcting import painted_corrections
from bioloom.layers.objects import add_features
from bioloom.layers.reading import grey, image_stack, pixels, plain, role
from bioloom.layers.recent import note_use
from bioloom.layers.result_layers import ResultPlace, new_result_layer, update_result_layer
from bioloom.layers.surfaces import surface_data
from bioloom.layers.writing import remove
from bioloom.recipe.catalogue import get_operation
from bioloom.session.chain import Chain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_STASHED = 20


@dataclass(eq=False)
class Source:
    """A layer that steps begin with.

    Attributes
    ----------
    layer
        The layer.
    has_time
        Whether its first axis is time.
    physical
        Whether lengths are counted in its unit, not in pixels.
    frame
        The only frame that is used, if it is one.
    data, mark
        Its pixels when they were read last, and a checksum of them if they may be painted on.
    """

    layer: Any
    has_time: bool
    physical: bool
    frame: int | None
    data: Any = None
    mark: int = 0


@dataclass(frozen=True)
class View:
    """The pixels of a layer as an operation gets them.

    Attributes
    ----------
    layer
        The layer.
    step
        The id of the step that it shows; nothing if it shows none.
    has_time
        Whether the first axis of the pixels is time.
    n_spatial
        The number of the other axes; 0 for a surface.
    spacing
        The size of a pixel that lengths are counted in; None for pixels that are as deep as wide.
    unit
        What lengths are counted in.
    value
        The result of the step; None where it is to be read from the layer.
    """

    layer: Any
    step: str
    has_time: bool
    n_spatial: int
    spacing: tuple[float, ...] | None
    unit: str
    value: Any = None

    @property
    def data(self) -> Any:
        """Pixels, (y, x) or (z, y, x), with time first; or the data of a surface."""
        if self.value is not None:
            return self.value
        if type(self.layer).__name__ == "Surface":
            return surface_data(self.layer)
        data = grey(self.layer) if type(self.layer).__name__ == "Image" else pixels(self.layer)
        # The layer of a step may have axes of one pixel more, so that it is shown beside its source.
        while data.ndim > self.n_spatial + self.has_time:
            data = data[:, 0] if self.has_time else data[0]
        return data

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one point in time."""
        return tuple(int(n) for n in self.data.shape)[int(self.has_time) :]

    def index(self, position: tuple[int, ...]) -> tuple[int, ...]:
        """Return the index of the plane in view among the pixels, from the layer's own."""
        depth = self.n_spatial - 2
        return (position[:1] if self.has_time else ()) + (position[len(position) - depth :] if depth else ())


class ChainLayers:
    """Shows the results of a chain as layers, and lets the chain begin with layers.

    The layers are the user's: he may rename, hide, move and delete them. A layer that was deleted is not made again
    unless asked for; what follows it is computed nevertheless.

    Parameters
    ----------
    viewer
        The viewer; only a weak reference is kept.
    chain
        The steps.

    Attributes
    ----------
    shown : Signal(str, object)
        A step got a new layer.
    updated : Signal(str, object)
        The layer of a step shows a new result. For a table the labels layer that has it.
    taken_over : Signal(str, object)
        A layer shows another step from now on: the corrected labels.
    edited : Signal(object)
        A layer that the chain begins with, or shows, was painted on.
    """

    shown = Signal(str, object)
    updated = Signal(str, object)
    taken_over = Signal(str, object)
    edited = Signal(object)

    def __init__(self, viewer: ViewerModel, chain: Chain) -> None:
        self._viewer = weakref.ref(plain(viewer))
        self.chain = chain
        self._sources: dict[str, Source] = {}
        self._layers: dict[str, Layer] = {}
        # Of steps that were undone, to come back with their names, colours and tables.
        self._stash: dict[str, Layer] = {}
        # Of steps with corrections: the step whose layer shows them.
        self._corrected: dict[str, str] = {}
        self._painted: WeakSet[Any] = WeakSet()
        self._unrecorded: WeakSet[Any] = WeakSet()
        self._hidden: WeakSet[Any] = WeakSet()
        self._own = self._muted = False
        chain.result_changed.connect(self._result_changed)
        chain.structure_changed.connect(self._structure_changed)
        viewer.layers.events.removed.connect(self._removed)

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
        step = self.chain.step(name)
        operation = get_operation(step.operation)
        first = next(step.inputs[p.name] for p in operation.arrays if p.name in step.inputs)
        if step.enabled and not operation.keeps_kind:
            return operation.returns
        before = self.kind_of(first)
        return operation.kind_of_result(before, step.settings) if step.enabled else before

    def source_of(self, step_id: str) -> Source | None:
        """Return where a step's first array comes from in the end; known only once there is a result."""
        if step_id in self._sources:
            return self._sources[step_id]
        result = self.chain.result_of(step_id)
        return None if result is None else self._sources.get(result.input)

    def root_of(self, step_id: str) -> Source | None:
        """Return the source at the beginning of a step's first arrays, known at once."""
        while step_id not in self._sources:
            if step_id not in self.chain:
                return None
            step = self.chain.step(step_id)
            step_id = next(step.inputs[p.name] for p in get_operation(step.operation).arrays if p.name in step.inputs)
        return self._sources[step_id]

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
        return View(layer, "", stack.n_frames is not None, len(stack.shape), spacing, stack.unit)

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
        name = self.chain.add_input(title, data, spacing=spacing, has_time=timed, unit=unit)
        self._sources[name] = source
        source.mark = _mark(source)
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

    def read_sources_again(self, layer: Layer) -> bool:
        """Compute anew what is made of a layer if its pixels changed; return whether they did."""
        mine = [(name, s) for name, s in self._sources.items() if s.layer is plain(layer)]
        return sum(self._read_again(name, source) for name, source in mine) > 0

    def _read_again(self, name: str, source: Source) -> bool:
        surface = type(source.layer).__name__ == "Surface"
        now = source.layer.data if surface else pixels(source.layer)
        mark = _mark(source)
        if now is source.data and mark == source.mark:
            return False
        source.data, source.mark = now, mark
        self.chain.set_input(name, surface_data(source.layer) if surface else _pixels_of(source))
        return True

    # -------------------------------------------------------------------------------------------- showing
    def show(self, step_id: str) -> None:
        """Make the layer of a step again after it was deleted."""
        self.chain.want(step_id, True)
        if step_id not in self._layers:
            self._result_changed(step_id)

    @contextmanager
    def no_new_layers(self) -> Iterator[None]:
        """Make no layers for what is added within the block, until :meth:`show` asks for one."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def take_over(self, layer: Layer, step_id: str) -> None:
        """Let a layer show another step than before; the one before has none then."""
        layer, before = plain(layer), self.step_of(layer)
        self._layers[step_id] = layer
        if before is not None and before != step_id:
            self._corrected[step_id] = before
            del self._layers[before]
            self.chain.want(before, False)
            self.taken_over.emit(step_id, layer)

    def _result_changed(self, step_id: str) -> None:
        viewer, result = self.viewer, self.chain.result_of(step_id)
        if viewer is None or result is None or step_id not in self.chain:
            return
        step = self.chain.step(step_id)
        operation = get_operation(step.operation)
        source = self._sources.get(result.input)
        if source is None:
            return
        if operation.returns == "table":
            self._show_table(step_id, result.value)
            return
        layer = self._layers.get(step_id)
        if layer is None and self._corrected.get(step_id) in self._layers:
            # Corrections that were undone are made again.
            layer = self._layers[self._corrected[step_id]]
            self.take_over(layer, step_id)
        if layer is None and self._muted:
            return
        if layer in self._unrecorded:
            # What was painted since is to be recorded first; then there will be another result.
            return
        if not step.enabled:
            if layer is not None and layer.visible:
                layer.visible = False
                self._hidden.add(layer)
            return
        place = ResultPlace(source.layer, source.has_time, source.frame, result.placement, result.spacing)
        self._own = True
        try:
            if layer is None and step_id in self._stash:
                layer = self._stash.pop(step_id)
                viewer.layers.append(layer)
                self._layers[step_id] = layer
            if layer is not None and layer in self._hidden:
                self._hidden.discard(layer)
                layer.visible = True
            kept = layer is not None and update_result_layer(layer, result.value, self.kind_of(step_id), place)
            if layer is not None and not kept:
                index, name = viewer.layers.index(layer), layer.name
                del self._layers[step_id]
                remove(viewer, layer)
                layer = self._make(step_id, name, result.value, place)
                viewer.layers.move(len(viewer.layers) - 1, index)
            elif layer is None:
                layer = self._make(step_id, f"{operation.title} of {source.layer.name}", result.value, place)
                self.shown.emit(step_id, layer)
                return
        finally:
            self._own = False
        self.updated.emit(step_id, layer)

    def _make(self, step_id: str, name: str, value: Any, place: ResultPlace) -> Layer:
        step = self.chain.step(step_id)
        settings = {k: v for k, v in step.settings.items() if k != "corrections"}
        provenance = {"operation": step.operation, "settings": settings, "source": place.source.name, "step": step_id}
        layer = new_result_layer(self.viewer, value, self.kind_of(step_id), name, place, provenance)
        self._layers[step_id] = layer
        if type(layer).__name__ == "Labels":
            layer.events.paint.connect(self._result_painted)
        return layer

    def _result_painted(self, event: Any) -> None:
        if not self._own:
            layer = plain(event.source)
            self._unrecorded.add(layer)
            self.edited.emit(layer)

    def record_painting(self, layer: Layer) -> bool:
        """Make corrections of what was painted on the labels of a step; return whether there was anything."""
        layer = plain(layer)
        self._unrecorded.discard(layer)
        step = self.step_of(layer)
        result = None if step is None else self.chain.result_of(step)
        if step is None or result is None:
            return False
        painted = np.asarray(layer.data).reshape(result.value.shape)
        corrections = painted_corrections(np.asarray(result.value), painted, has_time=result.has_time)
        for correction in corrections:
            self.correct(layer, correction)
        return bool(corrections)

    def correct(self, layer: Layer, correction: Mapping[str, Any]) -> str:
        """Correct the labels of a layer by hand; return the id of the step that does it.

        The layer of a step shows the corrected labels from then on. One that came from elsewhere stays as it is, and
        another layer shows them.

        Raises
        ------
        InputError
            If the chain does not know the layer.
        """
        name = self.step_of(layer) or self.input_of(layer)
        if name is None:
            raise InputError(f"{layer.name} is not known to the chain.")
        before = name if name in self.chain else None
        made = self.chain.correct(name, correction)
        if before is not None and made != before and made not in self._layers:
            self.take_over(layer, made)
        return made

    def _show_table(self, step_id: str, table: Any) -> None:
        """Give a table to the layer of the labels that were measured."""
        layer = self.measured_layer(step_id)
        if layer is None or layer not in self.viewer.layers:
            return
        if layer_kind(layer) == "labels":
            add_features(layer, table)
        else:
            layer.metadata = {**layer.metadata, "table": table}
        note_use(layer)
        self.updated.emit(step_id, layer)

    def measured_layer(self, step_id: str) -> Layer | None:
        """Return the layer of the labels that a step measures, or that its surface was made of; else that surface."""
        step = self.chain.step(step_id)
        for parameter in get_operation(step.operation).arrays:
            source = step.inputs.get(parameter.name)
            if source is None:
                continue
            if self.kind_of(source) in ("labels", "mask"):
                return self.layer_of(source)
            if parameter.kind == "surface":
                beyond = self.measured_layer(source) if source in self.chain else None
                return beyond or self.layer_of(source)
        return None

    # -------------------------------------------------------------------------------------------- following
    def _structure_changed(self) -> None:
        """Take the layers of steps that are gone out of the viewer; they come back by an undo."""
        viewer = self.viewer
        for step_id in [s for s in self._layers if s not in self.chain]:
            layer = self._layers.pop(step_id)
            before = self._corrected.get(step_id)
            if before is not None and before in self.chain and before not in self._layers:
                self._layers[before] = layer
                self.chain.want(before, True)
                continue
            if viewer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)
                self._stash[step_id] = layer
        for step_id in list(self._stash)[:-_STASHED]:
            del self._stash[step_id]

    def _removed(self, event: Any) -> None:
        step = self.step_of(event.value)
        if step is not None and not self._own:
            del self._layers[step]
            if step in self.chain:
                self.chain.want(step, False)


def _pixels_of(source: Source) -> Any:
    data = grey(source.layer) if type(source.layer).__name__ == "Image" else pixels(source.layer)
    return data[source.frame] if source.frame is not None else data


def _mark(source: Source) -> int:
    """Return a checksum of labels, which may be painted on in place."""
    data = source.layer.data
    if type(source.layer).__name__ != "Labels" or not isinstance(data, np.ndarray):
        return 0
    return zlib.crc32(np.ascontiguousarray(data).view(np.uint8).data)


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


def layer_kind(layer: Layer) -> str:
    """Return ``image``, ``labels`` or ``surface``, as operations call them."""
    return type(layer).__name__.lower()
