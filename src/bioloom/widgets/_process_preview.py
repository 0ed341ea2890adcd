"""What an operation does to the plane in view, while its settings are turned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QCheckBox, QWidget

from bioloom import layers
from bioloom.errors import BioloomError
from bioloom.operations import Operation
from bioloom.session.jobs import JobRunner
from bioloom.session.processing import Preview, preview
from bioloom.widgets._process_form import Arguments

_DELAY_MS = 20


class LivePreview(QObject):
    """Computes the plane in view in a worker, a moment after the last change, and shows it as a layer.

    Parameters
    ----------
    viewer
        The napari viewer.
    owner
        The panel.
    jobs
        Runs one preview at a time; a newer one replaces it.
    ask
        Returns the operation and its arguments, or raises what the user is told.
    say
        Shows a line of text.
    """

    def __init__(
        self,
        viewer: Any,
        owner: QWidget,
        jobs: JobRunner,
        ask: Callable[[], tuple[Operation, Arguments]],
        say: Callable[[str], None],
    ) -> None:
        super().__init__(owner)
        self._viewer, self._jobs, self._ask, self._say = viewer, jobs, ask, say
        self.layer: Any = None
        self.box = QCheckBox("Preview")
        self.box.setToolTip(
            "Show at once what the operation does to the plane in view, while you change settings or move"
        )
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DELAY_MS)
        self._timer.timeout.connect(self.compute)
        self.box.toggled.connect(self._toggled)
        jobs.failed.connect(self._failed)
        self._events = (viewer.dims.events.point, viewer.dims.events.order, viewer.dims.events.ndisplay)
        for event in self._events:
            event.connect(self.request)

    def stop(self) -> None:
        """End, and follow the viewer no more."""
        for event in self._events:
            event.disconnect(self.request)
        self.box.setChecked(False)

    def request(self, event: Any = None) -> None:
        """Ask for a new preview, if it is switched on."""
        if self.box.isChecked():
            self._timer.start()

    def _toggled(self, on: bool) -> None:
        if on:
            self.request()
            return
        self._timer.stop()
        self._jobs.cancel()
        self.forget()

    def forget(self) -> None:
        """Remove the layer."""
        layers.remove(self._viewer, self.layer)
        self.layer = None

    def compute(self) -> None:
        """Compute the plane in view and show it."""
        if not self.box.isChecked():
            return
        try:
            operation, arguments = self._ask()
        except BioloomError as error:
            self._jobs.cancel()
            self.forget()
            self._say(str(error))
            return
        source = arguments.source
        if operation.arrays[0].kind == "surface":
            self._say("Surfaces have no preview. Press Apply.")
            return
        view = arguments.first
        # Slices along another axis than z, and stacks in 3D, show pixels of many planes.
        flat = all(layers.shows_axis(self._viewer, source, source.ndim - n) for n in (1, 2))
        whole = view.n_spatial == 3 and (not flat or self._viewer.dims.ndisplay == 3)
        position = layers.position(self._viewer, source)
        arrays = {name: one.data for name, one in arguments.views.items()}
        settings = dict(arguments.settings)
        if "spacing" in settings:
            settings["spacing"] = view.spacing
        self._jobs.start(
            "Preview",
            lambda progress: preview(
                operation, arrays, settings, view.index(position), has_time=view.has_time, whole=whole
            ),
            partial(self._show, operation, arguments, settings, position),
        )

    def _show(
        self,
        operation: Operation,
        arguments: Arguments,
        settings: dict[str, Any],
        position: tuple[int, ...],
        made: Preview,
    ) -> None:
        source, view = arguments.source, arguments.first
        if not self.box.isChecked() or source not in self._viewer.layers:
            return
        returns = operation.kind_of_result(layers.layer_kind(source), settings)
        kind: layers.Kind = "image" if returns == "image" else "labels"
        data = made.data.astype("uint8") if returns == "mask" else made.data
        if made.moved:
            if source.ndim != view.n_spatial + view.has_time:
                self._say(f"{operation.title} of {source.name} has no preview. Press Apply.")
                return
            placed_at = operation.place(view.shape, settings)
            frame = position[0] if view.has_time else None
            data, placed = layers.place_result(data, source, placed_at, has_time=view.has_time, frame=frame)
        else:
            data, placed = layers.place_plane(data, source, position)
        self.layer = layers.show_preview(self._viewer, data, kind, source, placed, self.layer)
        if made.moved:
            self._say("Preview of the whole result.")
        elif made.exact:
            self._say("Preview of the plane in view.")
        else:
            self._say("Preview of the plane in view, computed in 2D: Apply looks at the planes beside it, too.")

    def _failed(self, name: str, error: Exception) -> None:
        # No notification: it would come again with every turn of a knob.
        self.forget()
        self._say(str(error) if isinstance(error, BioloomError) else f"{type(error).__name__}: {error}")
