"""Settings that suit the image: looked for aside, when asked for or when a form opens, then filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bioloom import layers
from bioloom.errors import InputError
from bioloom.operations import Operation
from bioloom.session.jobs import JobRunner
from bioloom.widgets._process_form import Arguments, OperationForm


class Suggesting:
    """Fills the form in with what an operation suggests; what needs the new settings waits for them.

    Parameters
    ----------
    viewer
        The napari viewer.
    form
        The form to fill in.
    jobs, quiet_jobs
        Run what looks at the image when the user asked for it, and when nobody did: that fails without an alarm.
    say, attempt
        Tell the user something; do something whose errors the user is told.
    """

    def __init__(
        self,
        viewer: Any,
        form: OperationForm,
        jobs: JobRunner,
        quiet_jobs: JobRunner,
        say: Callable[[str], object],
        attempt: Callable[[Callable[[], object]], object],
    ) -> None:
        self._viewer, self._form, self._jobs, self._quiet_jobs = viewer, form, jobs, quiet_jobs
        self._say, self._attempt = say, attempt
        self._waiting: Callable[[], object] | None = None
        self._filled_in: Any = ()
        jobs.failed.connect(self._forget)
        quiet_jobs.failed.connect(self._nothing_suits)

    @property
    def busy(self) -> bool:
        """Whether settings are being looked for."""
        return self._jobs.busy or self._quiet_jobs.busy

    def start(self, operation: Operation, arguments: Arguments) -> None:
        """Look at the image, or its frame in view."""

        def show(values: dict[str, Any]) -> None:
            waiting, self._waiting = self._waiting, None
            if self._form.operation is not operation or self._form.source is not arguments.source:
                if waiting is not None:
                    self._say("Not applied: something else was chosen meanwhile. Press Apply again.")
                return
            self._form.fill_in(values)
            self._say(f"Suggested from {arguments.source.name}: {_listed(values) or 'nothing to change'}.")
            if waiting is not None:
                self._attempt(waiting)

        self._quiet_jobs.cancel()
        self._jobs.start("Looking at the image", self._look(operation, arguments), show)

    def begin_with(self, operation: Operation, arguments: Arguments) -> None:
        """Let the settings of a form that was just opened suit the image, unless the user is faster.

        Only to find objects in an image that is in memory: the form of a large file is not to read it whole.
        """
        in_memory = all(isinstance(view.layer.data, np.ndarray) for view in arguments.views.values())
        if not operation.can_suggest or operation.returns != "labels" or not in_memory:
            return

        def show(values: dict[str, Any]) -> None:
            if (
                self._form.operation is operation
                and self._form.source is arguments.source
                and self._form.arguments().settings == arguments.settings
            ):
                self._form.fill_in(values)
                self._filled_in = (operation, arguments.source, self._form.arguments().settings)
                if listed := _listed(values):
                    self._say(f"Settings that suit {arguments.source.name}: {listed}. ‘Defaults’ for the usual ones.")
            self._go_on()

        self._quiet_jobs.start("Looking at the image", self._look(operation, arguments), show)

    def begin_again(self) -> None:
        """Look again where the axes are understood otherwise now, unless the user changed the settings."""
        if self._filled_in and self._form.operation is self._filled_in[0] and not self._form.missing():
            arguments = self._form.arguments()
            if (self._form.operation, arguments.source, arguments.settings) == self._filled_in:
                self.begin_with(self._form.operation, arguments)

    def _look(self, operation: Operation, arguments: Arguments) -> Callable[[Any], dict[str, Any]]:
        view = arguments.first
        frame = layers.current_frame(self._viewer, arguments.source, view.has_time)

        def look(progress: Any) -> dict[str, Any]:
            given = {n: one.data[frame] if one.has_time else one.data for n, one in arguments.views.items()}
            return operation.suggested(**given, spacing=view.spacing)

        return look

    def lets_wait(self, action: Callable[[], object]) -> bool:
        """Keep an action until the settings are there; return False if none are looked for."""
        if not self.busy:
            return False
        self._waiting = action
        self._say("Looking at the image; then applied …")
        return True

    def withdraw(self) -> None:
        """Look no more for what nobody asked for."""
        if self._quiet_jobs.busy:
            self._forget()
            self._quiet_jobs.cancel()

    def cancel(self) -> None:
        """Stop looking, and do nothing of what waits for it."""
        self._forget()
        self._jobs.cancel()
        self._quiet_jobs.cancel()

    def _nothing_suits(self, name: str, error: Exception) -> None:
        """Say in the status line why no settings suit, such as dark objects where bright ones are looked for."""
        if isinstance(error, InputError):
            self._say(str(error))
        self._go_on()

    def _forget(self, *_: object) -> None:
        self._waiting = None

    def _go_on(self, *_: object) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._attempt(waiting)


def _listed(values: dict[str, Any]) -> str:
    numbers = {name: value for name, value in values.items() if isinstance(value, (int, float))}
    return ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in numbers.items())
