"""Long computations off the caller's thread: one at a time, with progress, cancel, and no stale answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeAlias

from psygnal import Signal

from bioloom.errors import Cancelled

Progress: TypeAlias = Callable[[int, int], None]


class JobProgress:
    """What a job calls to report how far it is; raises Cancelled once the job was cancelled or replaced."""

    def __init__(self, report: Callable[[int, int], None], cancelled: Callable[[], bool]) -> None:
        self._report = report
        self.cancelled = cancelled

    def __call__(self, done: int, total: int) -> None:
        """Report `done` of `total` steps."""
        if self.cancelled():
            raise Cancelled
        self._report(done, total)


class JobRunner:
    """Runs the jobs of one owner, such as a widget; a new job replaces the one that is running.

    Every job has a generation number. A job of an old generation is asked to stop (its `progress` raises Cancelled),
    and whatever it still answers is dropped. The new job begins when the old one has stopped, so that jobs may share
    state; of several that are started meanwhile only the last one is run.

    Parameters
    ----------
    deliver
        Runs a callable on the owner's thread; all signals and results are delivered through it. Left out, they are
        delivered on the job's own thread.

    Attributes
    ----------
    started : Signal(str)
        Name of the job that began.
    progressed : Signal(int, int)
        Steps done and steps in all.
    ended : Signal()
        No job is running any more, whatever the outcome.
    failed : Signal(str, Exception)
        Name of the job and what it raised.
    """

    started = Signal(str)
    progressed = Signal(int, int)
    ended = Signal()
    failed = Signal(str, Exception)

    def __init__(self, deliver: Callable[[Callable[[], object]], None] | None = None) -> None:
        self._deliver = deliver or (lambda call: call())
        self._generation = 0
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return not self._idle.is_set()

    def start(
        self, name: str, function: Callable[[JobProgress], Any], on_result: Callable[[Any], None] | None = None
    ) -> None:
        """Begin a job.

        Parameters
        ----------
        name
            What it is called in messages.
        function
            Called on a thread of its own as ``function(progress)``; it calls ``progress(done, total)`` or asks
            ``progress.cancelled()`` often.
        on_result
            Called with the result, unless the job failed or was replaced.
        """
        self._generation += 1
        generation = self._generation
        self._idle.clear()
        self.started.emit(name)
        self._thread = threading.Thread(
            target=self._run,
            args=(self._thread, generation, name, function, on_result),
            name=f"bioloom {name}",
            daemon=True,
        )
        self._thread.start()

    def cancel(self) -> None:
        """Stop the running job; nothing is delivered any more."""
        self._generation += 1
        if self.busy:
            self._idle.set()
            self.ended.emit()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the computation of the running job is over; return whether it is."""
        if self._thread is not None:
            self._thread.join(timeout)
            return not self._thread.is_alive()
        return True

    def _run(
        self,
        previous: threading.Thread | None,
        generation: int,
        name: str,
        function: Callable[[JobProgress], Any],
        on_result: Callable[[Any], None] | None,
    ) -> None:
        if previous is not None:
            previous.join()
        if generation != self._generation:
            return

        def report(done: int, total: int) -> None:
            self._deliver(lambda: self.progressed.emit(done, total) if generation == self._generation else None)

        try:
            result = function(JobProgress(report, lambda: generation != self._generation))
        except Cancelled:
            self._deliver(lambda: self._end(generation))
        except Exception as error:  # anything may go wrong in a job; its owner decides what to show
            # The name `error` is unbound after this block, before the delivery.
            self._deliver(lambda error=error: self._fail(generation, name, error))  # type: ignore[misc]
        else:
            self._deliver(lambda: self._succeed(generation, name, on_result, result))

    def _end(self, generation: int) -> bool:
        if generation != self._generation:
            return False
        self._idle.set()
        self.ended.emit()
        return True

    def _fail(self, generation: int, name: str, error: Exception) -> None:
        if self._end(generation):
            self.failed.emit(name, error)

    def _succeed(self, generation: int, name: str, on_result: Callable[[Any], None] | None, result: Any) -> None:
        if self._end(generation) and on_result is not None:
            try:
                on_result(result)
            except Exception as error:  # showing the result may fail too, and must be reported, not lost
                self.failed.emit(name, error)
