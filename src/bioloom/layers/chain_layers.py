"""The layers of a viewer that show what the steps of a chain give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import numpy as np
from psygnal import Signal

from bioloom.errors import InputError
from bioloom.layers.chain_sources import ChainSources
from bioloom.layers.chain_views import layer_kind
from bioloom.layers.correcting import painted_corrections
from bioloom.layers.covering import Covered
from bioloom.layers.objects import add_features, note_unit
from bioloom.layers.reading import note_time, plain
from bioloom.layers.recent import note_use
from bioloom.layers.result_layers import ResultPlace, new_result_layer, update_result_layer
from bioloom.layers.strokes import Strokes
from bioloom.layers.writing import remove
from bioloom.recipe.catalogue import get_operation
from bioloom.session.chain import Chain

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

_STASHED = 20


class ChainLayers(ChainSources):
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
    """

    shown = Signal(str, object)
    updated = Signal(str, object)
    taken_over = Signal(str, object)

    def __init__(self, viewer: ViewerModel, chain: Chain) -> None:
        super().__init__(viewer, chain)
        # Of steps that were undone, to come back with their names, colours and tables.
        self._stash: dict[str, Layer] = {}
        # Of steps with corrections: the step whose layer shows them.
        self._corrected: dict[str, str] = {}
        self._unrecorded: WeakSet[Any] = WeakSet()
        self._strokes = Strokes(chain)
        self._hidden: WeakSet[Any] = WeakSet()
        self._covered = Covered()
        self._muted = False
        chain.result_changed.connect(self._result_changed)
        chain.structure_changed.connect(self._structure_changed)
        viewer.layers.events.removed.connect(self._removed)

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
                self._covered.uncover(layer, viewer)
                layer.visible = False
                self._hidden.add(layer)
            return
        place = ResultPlace(source.layer, source.has_time, source.frame, result.placement, result.spacing)
        with self._changing():
            if layer is None and step_id in self._stash:
                layer = self._stash.pop(step_id)
                viewer.layers.append(layer)
                self._layers[step_id] = layer
                self._cover(step_id)
            if layer is not None and layer in self._hidden:
                self._hidden.discard(layer)
                layer.visible = True
                self._cover(step_id)
            kept = layer is not None and update_result_layer(layer, result.value, self.kind_of(step_id), place)
            if layer is not None and not kept:
                index, name = viewer.layers.index(layer), layer.name
                del self._layers[step_id]
                self._covered.uncover(layer, viewer)
                remove(viewer, layer)
                layer = self._make(step_id, name, result.value, place)
                viewer.layers.move(len(viewer.layers) - 1, index)
            elif layer is None:
                layer = self._make(step_id, f"{operation.title} of {source.layer.name}", result.value, place)
                self.shown.emit(step_id, layer)
                return
        self.updated.emit(step_id, layer)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Within the block, layers are changed by the chain and not by the user."""
        before, self._own = self._own, True
        try:
            yield
        finally:
            self._own = before

    def _make(self, step_id: str, name: str, value: Any, place: ResultPlace) -> Layer:
        step = self.chain.step(step_id)
        settings = {k: v for k, v in step.settings.items() if k != "corrections"}
        provenance = {"operation": step.operation, "settings": settings, "source": place.source.name, "step": step_id}
        layer = new_result_layer(self.viewer, value, self.kind_of(step_id), name, place, provenance)
        if place.frame is None and layer.ndim == place.source.ndim:
            note_time(layer, place.has_time)
        self._layers[step_id] = layer
        if type(layer).__name__ == "Labels":
            layer.events.paint.connect(self._result_painted)
            layer.events.set_data.connect(self._result_painted)
        self._cover(step_id)
        return layer

    def _cover(self, step_id: str) -> None:
        """Let labels hide those that they were made from."""
        step = self.chain.step(step_id)
        source = next(step.inputs[p.name] for p in get_operation(step.operation).arrays if p.name in step.inputs)
        if {self.kind_of(source), self.kind_of(step_id)} <= {"labels", "mask"}:
            self._covered.cover(self._layers[step_id], self.layer_of(source))

    def _result_painted(self, event: Any) -> None:
        layer = plain(event.source)
        step = self.step_of(layer)
        if self._own or step is None:
            return
        result = self.chain.result_of(step)
        # Undo and redo of a stroke are told like any other refresh.
        if event.type == "paint" or (result is not None and self._strokes.changed(layer, result.value)):
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
        painted, shown = np.asarray(layer.data).reshape(result.value.shape), np.asarray(result.value)
        corrections = painted_corrections(shown, painted, has_time=result.has_time)
        if not corrections or self._strokes.take_back(layer, shown, painted):
            return bool(corrections)
        for correction in corrections:
            self.correct(layer, correction)
        self._strokes.add(layer, shown, painted, len(corrections))
        return True

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
            result = self.chain.result_of(step_id)
            note_unit(
                layer, "pixel" if result is None or result.spacing is None else self.chain.input(result.input).unit
            )
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
                self._covered.uncover(layer, viewer)
                with self._changing():
                    viewer.layers.remove(layer)
                self._stash[step_id] = layer
        for step_id in list(self._stash)[:-_STASHED]:
            del self._stash[step_id]

    def _removed(self, event: Any) -> None:
        if self._own:
            return
        self._covered.uncover(event.value, self.viewer)
        step = self.step_of(event.value)
        if step is not None:
            del self._layers[step]
            if step in self.chain:
                self.chain.want(step, False)
        self.free()

    def free(self) -> None:
        """Let go of the images that neither a layer nor a step with a layer needs any more, and of what they became."""
        viewer = self.viewer
        if viewer is None:
            return
        missing = [name for name, source in self._sources.items() if source.layer not in viewer.layers]
        gone = [name for name in missing if not self._in_use(name)]
        if gone:
            self._forget_sources(gone)
            self._stash = {step: layer for step, layer in self._stash.items() if self.chain.remembers(step)}

    def _in_use(self, name: str) -> bool:
        """Tell whether anything that is made of an input has a layer, or is to get one."""
        for step in self.chain.followers(name):
            if get_operation(step.operation).returns == "table":
                layer = self.measured_layer(step.id)
                shown = layer is not None and layer in self.viewer.layers
            else:
                shown = step.id in self._layers
            if shown or self.chain.status(step.id) in ("computing", "waiting"):
                return True
        return False
