"""Panels are opened once, in the dock that napari's Plugins menu gives them."""

from __future__ import annotations

from typing import Any, TypeVar

from bioloom.widgets._base import BioloomWidget

Panel = TypeVar("Panel", bound=BioloomWidget)


def open_panel(viewer: Any, panel: type[Panel], title: str) -> Panel:
    """Bring a panel to the front, and open it first if it is not open.

    Parameters
    ----------
    viewer
        The napari viewer.
    panel
        The class of the panel.
    title
        As the manifest has it.
    """
    opened = next((w for w in viewer.window.dock_widgets.values() if type(w) is panel), None)
    if opened is None:
        opened = panel(viewer)
        # The name by which the Plugins menu knows its dock: the entry is ticked, and hides it.
        viewer.window.add_dock_widget(opened, name=f"{title} (Bioloom)")
    opened.raise_panel()
    return opened
