"""The other side of the pool: a process that runs a recipe on one file after the other."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

_SECONDS_BETWEEN_REPORTS = 0.2


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message."""
    pickle.dump(message, stream)
    stream.flush()


def serve() -> None:
    """Read a recipe and options, then files, one by one, and answer each with what became of it."""
    # What libraries print must not get between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _limit_memory()
    requests: Any = sys.stdin.buffer
    recipe, options = pickle.load(requests)
    # Not in the main thread: whoever waits there for the next file would not see that nobody waits for this one.
    waiting: list[Any] = []
    there = threading.Condition()

    def listen() -> None:
        while True:
            try:
                request = pickle.load(requests)
            except (EOFError, OSError):
                # Whoever asked is gone; files are only ever replaced by complete ones.
                os._exit(1)
            with there:
                waiting.append(request)
                there.notify()

    threading.Thread(target=listen, daemon=True).start()
    while True:
        with there:
            there.wait_for(lambda: waiting)
            path, outputs = waiting.pop()
        send(answers, ("done", *_attempt(recipe, options, path, outputs, answers)))


def _attempt(
    recipe: Any, options: Any, path: Path, outputs: Any, answers: IO[bytes]
) -> tuple[list[Path], str, float, str]:
    from bioloom.errors import doubts_heard
    from bioloom.recipe._one_file import process_file
    from bioloom.recipe.batch import problem_of

    start = last = time.perf_counter()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        if now - last > _SECONDS_BETWEEN_REPORTS:
            last = now
            send(answers, ("progress", done / max(total, 1)))

    written: list[Path] = []
    problem = ""
    with doubts_heard() as doubts:
        try:
            written = process_file(recipe, path, outputs, options, progress)
        except Exception as error:  # every file gets its answer
            problem = problem_of(error)
    return written, problem, time.perf_counter() - start, " ".join(doubts)


def _limit_memory() -> None:
    """Let an image that is too large fail with an error, where the system would end some process or other."""
    with contextlib.suppress(ImportError, AttributeError, ValueError, OSError):
        import resource

        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        if soft == resource.RLIM_INFINITY or soft > memory:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))
