"""One warm subprocess for long computations: a crash or a cancel there cannot hurt the application.

`multiprocessing` is not used because its spawned children run the user's main script again.
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from bioloom.errors import BioloomError, Cancelled
from bioloom.session._worker_child import Progress, decode, encode, read, split_name, write

_POLL_SECONDS = 0.05
# Steps, so that a call made meanwhile waits for one of them only; those that every call profits from come first.
_WARM_UP = tuple(f"bioloom.session._worker_child:warm_up_{step}" for step in ("clusters", "imports", "umap"))
_WARM_UP_LARGE = "bioloom.session._worker_child:warm_up_large"


class WorkerProcess:
    """Runs functions of this package in a process of its own, one at a time.

    The process starts with the first call, stays for the next ones, and is replaced after a crash or a cancel. It ends
    with `close`, when this object is collected, and when the application ends, however that happens.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._child: _Child | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None while no process runs."""
        child = self._child
        return child.process.pid if child is not None and child.process.poll() is None else None

    def call(
        self,
        function: str,
        *args: Any,
        progress: Progress | None = None,
        cancelled: Callable[[], bool] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a function there and wait for its result.

        Call it from a worker thread: it blocks. Calls from several threads are run one after another.

        Parameters
        ----------
        function
            "module:name" of a function at the top level of a module of this package, for example
            "bioloom.explore.embed:embed".
        *args, **kwargs
            Its arguments; they are pickled. Arrays are sent without an extra copy: do not change them meanwhile.
        progress
            If given, the function gets a `progress` argument too, and what it reports is passed on: at most every
            0.05 s, and always the last step. It is called in the calling thread and may raise Cancelled.
        cancelled
            Asked about every 0.05 s; when it returns True the process is killed.

        Returns
        -------
        Any
            What the function returned.

        Raises
        ------
        Cancelled
            If `cancelled` returned True, `progress` raised it, or `close` was called meanwhile.
        InputError
            If `function` does not name a function of this package.
        BioloomError
            If the process could not be started, died, or ran out of memory. The next call starts a new one.
        Exception
            What the function raised, with its traceback in the process as a note.
        """
        split_name(function)
        message = encode((function, args, kwargs, progress is not None))
        while not self._turn.acquire(timeout=_POLL_SECONDS):
            if cancelled is not None and cancelled():
                raise Cancelled
        try:
            child = self._running_child()
            try:
                outcome, value = _converse(child, message, progress, cancelled)
            except BaseException:
                # It still computes, or it is dead: neither can take the next call.
                self._end(child)
                raise
        finally:
            self._turn.release()
        if outcome == "error":
            raise value
        return value

    def warm_up(self, large_tables: bool = False) -> threading.Thread:
        """Start the process in the background and let it load and compile what is needed, so that calls are quick.

        Clusters and PCA come first, then UMAP. A call made meanwhile waits for the step that is being done.

        Parameters
        ----------
        large_tables
            Also compile what UMAP needs for tables of more than 4096 rows only. It takes several times as long.

        Returns
        -------
        threading.Thread
            The thread that waits for it. Failures are silent: the first real call will say what is wrong.
        """
        thread = threading.Thread(target=self._warm_up, args=(large_tables,), name="bioloom-warm-up", daemon=True)
        thread.start()
        return thread

    def close(self) -> None:
        """End the process. A running call raises Cancelled. A later call starts a new process."""
        child = self._child
        if child is not None:
            child.closing = True
            self._end(child)

    def _warm_up(self, large_tables: bool) -> None:
        for step in (*_WARM_UP, *((_WARM_UP_LARGE,) if large_tables else ())):
            try:
                self.call(step)
            except (Exception, Cancelled):
                return
            # A lock does not know who waited longest: whoever does shall have it before the next step.
            time.sleep(2 * _POLL_SECONDS)

    def _running_child(self) -> _Child:
        child = self._child
        if child is not None:
            if child.process.poll() is None:
                return child
            self._end(child)
        child = _Child()
        self._child = child
        self._finalizer = weakref.finalize(self, child.end)
        return child

    def _end(self, child: _Child) -> None:
        child.end()
        if self._child is child:
            self._child = None
            if self._finalizer is not None:
                self._finalizer.detach()


@lru_cache(maxsize=1)
def shared_worker() -> WorkerProcess:
    """Return the one worker process of the application."""
    return WorkerProcess()


class _Child:
    """The application's side of one process."""

    def __init__(self) -> None:
        # Imports are resolved there exactly as here. "-m" would put the current folder first, where a user's random.py
        # would be taken for Python's; "-P -m" would not find a package that a script made importable.
        path = ascii([str(entry) for entry in sys.path])
        code = f"import sys; sys.path[:] = {path}; from bioloom.session._worker_child import serve; serve()"
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Without a console there is no stderr to inherit, and printing there would fail.
                stderr=subprocess.DEVNULL if sys.__stderr__ is None else None,
                bufsize=0,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise BioloomError(
                f"The computing process could not be started: {error.strerror or error}. "
                f"Check that {sys.executable} is a Python that can be run."
            ) from error
        self.closing = False
        self.answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        receiver = threading.Thread(target=_receive, args=(self.process.stdout, self.answers), daemon=True)
        receiver.start()

    def send(self, message: list[memoryview]) -> None:
        # A process that dies meanwhile shows by its answers; ValueError: `end` has closed the pipe.
        with contextlib.suppress(OSError, ValueError):
            write(self.process.stdin, message)

    def exit_code(self) -> int:
        try:
            return self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            # It closed its pipe and goes on: useless all the same.
            self.process.kill()
            return self.process.wait()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()


def _converse(
    child: _Child, message: list[memoryview], progress: Progress | None, cancelled: Callable[[], bool] | None
) -> tuple[str, Any]:
    """Send a call and wait for ("result", value) or ("error", exception)."""
    # Not in this thread: a pipe that is full would keep it from noticing a cancel.
    threading.Thread(target=child.send, args=(message,), daemon=True).start()
    while True:
        if cancelled is not None and cancelled():
            raise Cancelled
        try:
            kind, value = child.answers.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            continue
        if kind == "progress":
            if progress is not None:
                progress(*value)
        elif kind == "ended":
            if child.closing:
                raise Cancelled
            raise BioloomError(
                f"The computing process stopped (exit code {child.exit_code()}). Your data are unchanged. Try again; "
                "if it happens again, use fewer rows or columns: it may have run out of memory."
            )
        else:
            return kind, value


def _receive(stdout: Any, answers: queue.SimpleQueue[tuple[str, Any]]) -> None:
    with contextlib.closing(stdout):
        while (parts := read(stdout)) is not None:
            try:
                answers.put(decode(parts))
            except Exception as error:  # whoever waits must get an answer
                answers.put(("error", BioloomError(f"The result of the computing process cannot be read: {error}")))
            # The result's memory belongs to the caller alone.
            del parts
    answers.put(("ended", None))
