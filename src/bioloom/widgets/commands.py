"""Menu commands: every operation of the catalogue opens the Process panel with its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari.viewer

from bioloom import layers
from bioloom.recipe.catalogue import CATALOGUE, Operation


def _opener(operation: Operation) -> Callable[..., None]:
    def open_operation(viewer: napari.viewer.Viewer) -> None:
        from bioloom.widgets._opening import open_panel
        from bioloom.widgets.process import ProcessWidget

        active = layers.active_layer(viewer)
        open_panel(viewer, ProcessWidget, "Process").open(operation.name, active)

    open_operation.__name__ = operation.name
    open_operation.__doc__ = f"Open the Process panel with {operation.title}."
    # napari finds the viewer to give by the annotation itself, not by its text.
    open_operation.__annotations__ = {"viewer": napari.viewer.Viewer, "return": None}
    return open_operation


def __getattr__(name: str) -> Any:
    if name in CATALOGUE:
        return _opener(CATALOGUE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
