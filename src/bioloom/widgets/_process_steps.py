"""Between the Process panel and the chain of its viewer: begins steps, drops those that fail, follows painting."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from bioloom.errors import BioloomError
from bioloom.layers.reading import plain
from bioloom.operations import Operation
from bioloom.recipe.graph import Recipe
from bioloom.session.chain import Chain
from bioloom.widgets._base import BioloomWidget
from bioloom.widgets._viewer_chain import chain_of

_PAINT_DELAY_MS = 350


class ProcessSteps(QObject):
    """The chain of a viewer as one panel uses it.

    Parameters
    ----------
    viewer
        The viewer.
    panel
        The panel; its jobs are those of the chain from now on.
    """

    shown = Signal(str, object)
    """The result of a step that was begun here: its id, and the layer that shows it."""
    lost = Signal(str, list)
    """Corrections by hand that do not fit any more: the id of their step, and which."""

    def __init__(self, viewer: Any, panel: BioloomWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        known = chain_of(viewer)
        self.chain, self.layers = known.chain, known.layers
        # Steps that were just begun: if they fail, it is as if they had not been.
        self._fresh: set[str] = set()
        self._told: dict[str, Any] = {}
        self._painted: list[Any] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAINT_DELAY_MS)
        self._timer.timeout.connect(self._read_painted)
        panel.jobs = known.jobs
        self._connections = [
            (known.jobs.started, panel._job_started),
            (known.jobs.progressed, panel.status.show_progress),
            (known.jobs.ended, panel._job_ended),
            (known.jobs.ended, self._ended),
            (known.jobs.failed, panel._job_failed),
            (known.chain.failed, self._failed),
            (known.chain.corrections_lost, self.lost.emit),
            (known.layers.shown, self._shown),
            (known.layers.updated, self._shown),
            (known.layers.edited, self._edited),
        ]
        viewer.layers.events.removed.connect(self._layer_removed)
        for signal, slot in self._connections:
            signal.connect(slot)
        # Where the whole window is destroyed, nothing of the panel may be called any more.
        panel.destroyed.connect(partial(_leave, self.chain, self._connections))

    def stop(self) -> None:
        """Follow the chain no more; its steps and layers stay."""
        self._timer.stop()
        self._panel.viewer.layers.events.removed.disconnect(self._layer_removed)
        self.cancel()
        _leave(self.chain, self._connections)

    # -------------------------------------------------------------------------------------------- steps
    def begin(self, operation: Operation, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> str:
        """Add a step and compute it."""
        self._told.clear()
        step = self.chain.add(operation.name, inputs, settings)
        if step not in self._told:
            self._fresh.add(step)
        elif (layer := self._told[step]) is not None:
            # The same was computed before: its result came while the step was added.
            self.shown.emit(step, layer)
        else:
            self._drop(step)
        return step

    def add_recipe(self, recipe: Recipe, inputs: Mapping[str, str]) -> dict[str, str]:
        """Add the steps of a recipe; only its outputs get layers. Return the new ids by those in the recipe."""
        with self.layers.no_new_layers():
            ids = self.chain.add_recipe(recipe, inputs)
            for old, new in ids.items():
                if old not in recipe.outputs:
                    self.chain.want(new, False)
        for name in recipe.outputs:
            if self.chain.result_of(ids[name]) is not None:
                self.layers.show(ids[name])
        return ids

    def cancel(self) -> str:
        """Stop computing; return what is left undone, if anything."""
        self.chain.cancel()
        for step in [s for s in self._fresh if s in self.chain]:
            self._drop(step)
        self._fresh.clear()
        waiting = [s for s in self.chain.steps if self.chain.status(s.id) == "waiting"]
        return f"{len(waiting)} steps show what they gave before: press Compute in Steps to go on." if waiting else ""

    def _drop(self, step_id: str) -> None:
        """Take a step back as if it had not been."""
        if self.chain.undo_text.startswith("Add ") and self.chain.steps[-1].id == step_id:
            self.chain.undo()
        else:
            with contextlib.suppress(BioloomError):
                self.chain.remove(step_id, with_followers=True)

    def _ended(self) -> None:
        waiting = [s for s in self.chain.steps if self.chain.status(s.id) in ("waiting", "failed", "blocked")]
        if self._panel.status.text.text().endswith(" …") and not waiting:
            self._panel.say("All steps are up to date.")

    def _shown(self, step_id: str, layer: Any) -> None:
        self._told[step_id] = layer
        if step_id in self._fresh:
            self._fresh.discard(step_id)
            self.shown.emit(step_id, layer)

    def _failed(self, step_id: str, error: Exception) -> None:
        self._told[step_id] = None
        # The error itself begins with the id of the step, which stands in recipes only.
        self._panel.report(error.__cause__ if isinstance(error.__cause__, BioloomError) else error)
        if step_id in self._fresh:
            self._fresh.discard(step_id)
            self._drop(step_id)

    def _layer_removed(self, event: Any) -> None:
        """Drop what is being made of a layer that is gone."""
        for step in [s for s in self._fresh if s in self.chain]:
            root = self.layers.root_of(step)
            if root is not None and root.layer is plain(event.value):
                self._fresh.discard(step)
                self._drop(step)
                self._panel.say(f"‘{root.layer.name}’ was removed meanwhile, so its result was dropped.")
        self.layers.free()

    # -------------------------------------------------------------------------------------------- painting
    def _edited(self, layer: Any) -> None:
        if layer not in self._painted:
            self._painted.append(layer)
        self._timer.start()

    def _read_painted(self) -> None:
        painted, self._painted = self._painted, []
        for layer in painted:
            try:
                if not self.layers.record_painting(layer):
                    self.layers.read_sources_again(layer)
            except BioloomError as error:
                self._panel.report(error)


def _leave(chain: Chain, connections: list[tuple[Any, Any]], *_: object) -> None:
    for signal, slot in connections:
        with contextlib.suppress(ValueError):
            signal.disconnect(slot)
    if connections:
        connections.clear()
        chain.cancel()
