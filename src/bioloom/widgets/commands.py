"""Menu commands: every operation of the catalogue opens the Process panel with its form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari.viewer

from bioloom import layers
from bioloom.recipe.catalogue import CATALOGUE, Operation


def _opener(operation: Operation) -> Callable[..., None]:
    def open_operation(viewer: napari.viewer.Viewer) -> None:
        active = layers.active_layer(viewer)
        opened = [w for w in viewer.window.dock_widgets.values() if type(w).__name__ == "ProcessWidget"]
        widget = opened[0] if opened else viewer.window.add_plugin_dock_widget("napari-bioloom", "Process")[1]
        widget.choose(operation.name, active)
        widget.raise_panel()

    open_operation.__name__ = operation.name
    open_operation.__doc__ = f"Open the Process panel with {operation.title}."
    # napari finds the viewer to give by the annotation itself, not by its text.
    open_operation.__annotations__ = {"viewer": napari.viewer.Viewer, "return": None}
    return open_operation


def __getattr__(name: str) -> Any:
    if name in CATALOGUE:
        return _opener(CATALOGUE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
