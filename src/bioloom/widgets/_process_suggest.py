"""Settings that suit the image: looked for aside, then filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bioloom import layers
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
    jobs
        Runs what looks at the image.
    say, attempt
        Tell the user something; do something whose errors the user is told.
    """

    def __init__(
        self,
        viewer: Any,
        form: OperationForm,
        jobs: JobRunner,
        say: Callable[[str], object],
        attempt: Callable[[Callable[[], object]], object],
    ) -> None:
        self._viewer, self._form, self._jobs = viewer, form, jobs
        self._say, self._attempt = say, attempt
        self._waiting: Callable[[], object] | None = None
        jobs.failed.connect(self._forget)

    def start(self, operation: Operation, arguments: Arguments) -> None:
        """Look at the image, or its frame in view."""
        view = arguments.first
        frame = layers.current_frame(self._viewer, arguments.source, view.has_time)

        def look(progress: Any) -> dict[str, Any]:
            given = {n: one.data[frame] if one.has_time else one.data for n, one in arguments.views.items()}
            return operation.suggested(**given, spacing=view.spacing)

        def show(values: dict[str, Any]) -> None:
            waiting, self._waiting = self._waiting, None
            if self._form.operation is not operation or self._form.source is not arguments.source:
                if waiting is not None:
                    self._say("Not applied: something else was chosen meanwhile. Press Apply again.")
                return
            self._form.fill_in(values)
            numbers = {k: v for k, v in values.items() if isinstance(v, (int, float))}
            listed = ", ".join(f"{k.replace('_', ' ')} {v:.4g}" for k, v in numbers.items())
            self._say(f"Suggested from {arguments.source.name}: {listed or 'nothing to change'}.")
            if waiting is not None:
                self._attempt(waiting)

        self._jobs.start("Looking at the image", look, show)

    def lets_wait(self, action: Callable[[], object]) -> bool:
        """Keep an action until the settings are there; return False if none are looked for."""
        if not self._jobs.busy:
            return False
        self._waiting = action
        self._say("Looking at the image; then applied …")
        return True

    def cancel(self) -> None:
        """Stop looking, and do nothing of what waits for it."""
        self._forget()
        self._jobs.cancel()

    def _forget(self, *_: object) -> None:
        self._waiting = None
