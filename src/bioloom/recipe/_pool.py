"""Files shared out among processes: one that dies takes its file with it, and nothing else.

`multiprocessing` is not used because its spawned children run the user's main script again.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bioloom import device
from bioloom.recipe._pool_child import send

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 5

Answer = tuple[Path, tuple[Path, ...], str, float, str]


class Pool:
    """Processes that run a recipe on files.

    Parameters
    ----------
    recipe, options
        What to run, see :func:`bioloom.recipe._one_file.process_file`.
    jobs
        How many processes.
    """

    def __init__(self, recipe: Any, options: Any, jobs: int) -> None:
        self._setup = (recipe, options)
        self._jobs = jobs
        self._device = device.current().name
        self._stopped = False
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._events: queue.SimpleQueue[tuple[str, Path, Any]] = queue.SimpleQueue()
        self._fractions: dict[Path, float] = {}

    def run(
        self, files: Sequence[Path], outputs: Mapping[Path, Mapping[str, Path]], tick: Callable[[float], None]
    ) -> Generator[Answer, None, None]:
        """Yield what was written for each file, the problem, the seconds and the note, in the order they are finished.

        Parameters
        ----------
        files
            The inputs.
        outputs
            The file of each output, by input.
        tick
            Called several times a second with how much of the files is done that are being computed; it may raise.
        """
        todo: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for path in files:
            todo.put(path)
        threads = [
            threading.Thread(target=self._feed, args=(todo, outputs), daemon=True)
            for _ in range(min(self._jobs, len(files)))
        ]
        for thread in threads:
            thread.start()
        try:
            left = len(files)
            while left:
                tick(sum(self._fractions.values()))
                try:
                    kind, path, value = self._events.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if kind == "progress":
                    self._fractions[path] = value
                    continue
                self._fractions.pop(path, None)
                left -= 1
                yield (path, *value)
        finally:
            self._stop()
            for thread in threads:
                thread.join(timeout=5)

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()

    def _feed(self, todo: queue.SimpleQueue[Path], outputs: Mapping[Path, Mapping[str, Path]]) -> None:
        """Keep one process busy, and replace it when it dies."""
        process: subprocess.Popen[bytes] | None = None
        try:
            while not self._stopped:
                try:
                    path = todo.get_nowait()
                except queue.Empty:
                    return
                try:
                    if process is None or process.poll() is not None:
                        process = self._start()
                    answer = self._ask(process, path, outputs[path])
                except OSError as error:
                    answer = None
                    problem = f"The process that computes could not be started: {error}."
                else:
                    problem = ""
                if answer is None:
                    status = self._end(process, broken=True)
                    process = None
                    problem = problem or (
                        f"The process that computed it ended (exit status {status}), perhaps for lack of memory. Use "
                        "fewer jobs, or process smaller images."
                    )
                    answer = ((), problem, 0.0, "")
                if not self._stopped:
                    self._events.put(("done", path, answer))
        finally:
            self._end(process)

    def _start(self) -> subprocess.Popen[bytes]:
        # Imports are resolved there exactly as here; with "-m" a user's random.py would be taken for Python's.
        path = ascii([str(entry) for entry in sys.path])
        code = f"import sys; sys.path[:] = {path}; from bioloom.recipe._pool_child import serve; serve()"
        environment = dict(os.environ)
        if self._jobs > 1:
            # Each process has one core to itself.
            environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        environment[device.ENVIRONMENT_VARIABLE] = self._device
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if sys.__stderr__ is None else None,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        with self._lock:
            self._processes.add(process)
            if self._stopped:
                process.kill()
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            send(process.stdin, self._setup)
        return process

    def _ask(self, process: subprocess.Popen[bytes], path: Path, outputs: Mapping[str, Path]) -> Any:
        """Return what a process answers to a file; None if it died."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, (path, dict(outputs)))
            while True:
                kind, *values = pickle.load(process.stdout)
                if kind == "done":
                    return tuple(values)
                self._events.put((kind, path, values[0]))
        except (OSError, EOFError, pickle.UnpicklingError):
            return None

    def _end(self, process: subprocess.Popen[bytes] | None, broken: bool = False) -> int | None:
        """End a process and return its exit status."""
        if process is None:
            return None
        if broken:
            # Its answers have ended; it tells why in a moment.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_GRACE_SECONDS)
        process.kill()
        status = process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        with self._lock:
            self._processes.discard(process)
        return status
