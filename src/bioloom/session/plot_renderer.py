"""Drawing off the thread of the application, without ever falling behind: only the latest wish waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")


def _nobody(what: object) -> None:
    """Take what nobody waits for any more."""


class LatestRenderer(Generic[Request, Result]):
    """Computes requests on a thread of its own, one at a time.

    A request replaces the one that waits, but lets the one that is being computed finish and deliver: while the user
    pans, each picture that is done is shown, and none is computed that nobody would see. An owner that is about to show
    something may wait a moment for what is nearly done: see `hand_over`.

    Parameters
    ----------
    compute
        Called on the thread.
    deliver
        Runs a callable on the owner's thread.
    on_result, on_error
        Called there with the result, or with what was raised.
    """

    def __init__(
        self,
        compute: Callable[[Request], Result],
        deliver: Callable[[Callable[[], object]], None],
        on_result: Callable[[Result], object],
        on_error: Callable[[Exception], object],
    ) -> None:
        self._compute, self._deliver = compute, deliver
        self._on_result, self._on_error = on_result, on_error
        self._change = threading.Condition()
        self._waiting: list[Request] = []
        self._done: list[Result | Exception] = []
        self._seconds = 0.0
        self._running = False
        self._closed = False

    def request(self, request: Request) -> None:
        """Compute this next, instead of what was to be next."""
        with self._change:
            if self._closed:
                return
            self._waiting = [request]
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="bioloom plot", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether anything is being computed or waits."""
        return self._running

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until all is computed and on its way to the owner's thread; return whether it is."""
        end = time.monotonic() + timeout
        with self._change:
            while self._running and time.monotonic() < end:
                self._change.wait(max(end - time.monotonic(), 0.001))
            return not self._running

    def hand_over(self, patience: float = 0.0) -> None:
        """Give the owner what is done, now; call it on the owner's thread.

        Parameters
        ----------
        patience
            So many seconds are waited for what is being computed, unless the last computation took longer than that.
        """
        end = time.monotonic() + patience
        with self._change:
            while self._running and (self._waiting or not self._done) and self._seconds < patience:
                if time.monotonic() >= end:
                    break
                self._change.wait(max(end - time.monotonic(), 0.0001))
            done, self._done = self._done, []
        for outcome in done:
            if isinstance(outcome, Exception):
                self._on_error(outcome)
            else:
                self._on_result(outcome)

    def close(self) -> None:
        """Drop what waits; nothing is delivered any more."""
        with self._change:
            self._closed = True
            self._waiting, self._done = [], []
            # The thread, if it still computes, must not be the last to know the owner: widgets die on their own thread.
            self._on_result = self._on_error = _nobody

    def _run(self) -> None:
        while True:
            with self._change:
                if not self._waiting:
                    self._running = False
                    self._change.notify_all()
                    return
                request = self._waiting.pop()
            start = time.monotonic()
            outcome: Result | Exception
            try:
                outcome = self._compute(request)
            except Exception as error:  # whatever goes wrong is for the owner to show
                outcome = error
            with self._change:
                self._seconds = time.monotonic() - start
                self._done.append(outcome)
                self._change.notify_all()
            self._deliver(self.hand_over)
