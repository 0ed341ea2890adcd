"""What runs inside the subprocess of `worker_process`, and the messages that both sides exchange.

Messages travel over the child's stdin and stdout. Each is a head (count and lengths of its parts), a pickle, and the
arrays of that pickle as raw bytes. Pickles pass only between these two processes, which run the same code for the same
user; nothing is unpickled that came from a file or the network.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import pickle
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from bioloom.errors import BioloomError, Cancelled, InputError

PROGRESS_SECONDS = 0.05
_LENGTH = struct.Struct("<Q")

Progress = Callable[[int, int], None]


def split_name(function: str) -> tuple[str, str]:
    """Split "bioloom.module:name"; InputError if it does not name something of this package."""
    module, colon, name = function.partition(":")
    if not colon or not module.startswith("bioloom.") or not name.isidentifier():
        raise InputError(f'{function!r} is no function of this package. Write it as "bioloom.module:function".')
    return module, name


def encode(message: object) -> list[memoryview]:
    """Turn a message into its head, its pickle and the memory of its arrays."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(body), *(buffer.raw() for buffer in buffers)]
    head = b"".join(_LENGTH.pack(number) for number in (len(parts), *(part.nbytes for part in parts)))
    return [memoryview(head), *parts]


def decode(parts: list[bytearray]) -> Any:
    """Turn what `read` returned into the message again; its arrays use the memory of `parts`."""
    return pickle.loads(parts[0], buffers=parts[1:])


def write(stream: Any, message: list[memoryview]) -> None:
    """Write an encoded message to an unbuffered binary stream."""
    for part in message:
        sent = 0
        while sent < part.nbytes:
            sent += stream.write(part[sent:])


def read(stream: Any) -> list[bytearray] | None:
    """Read an encoded message (without its head) from an unbuffered binary stream; None at its end."""
    head = _read_exactly(stream, _LENGTH.size)
    lengths = None if head is None else _read_exactly(stream, _LENGTH.size * _LENGTH.unpack(head)[0])
    if lengths is None:
        return None
    parts: list[bytearray] = []
    for (length,) in _LENGTH.iter_unpack(lengths):
        part = _read_exactly(stream, length)
        if part is None:
            return None
        parts.append(part)
    return parts


def _read_exactly(stream: Any, length: int) -> bytearray | None:
    part = bytearray(length)
    view, got = memoryview(part), 0
    while got < length:
        count = stream.readinto(view[got:])
        if not count:
            return None
        got += count
    return part


def serve() -> None:
    """Answer calls from stdin on stdout until stdin ends. Only for the process that `WorkerProcess` starts."""
    # Ctrl+C in a terminal reaches both processes; the application decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming = os.fdopen(os.dup(0), "rb", buffering=0)
    outgoing = os.fdopen(os.dup(1), "wb", buffering=0)
    # Whoever prints, in Python or in C, writes to stderr; whoever asks for input finds none.
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    faulthandler.enable()
    calls: queue.SimpleQueue[list[bytearray]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(incoming, calls), daemon=True).start()
    while True:
        answer = _answer(calls.get(), outgoing)
        try:
            write(outgoing, answer)
        except OSError:
            os._exit(0)
        # The result's memory is not needed while waiting for the next call.
        del answer


def _receive(incoming: Any, calls: queue.SimpleQueue[list[bytearray]]) -> None:
    while (call := read(incoming)) is not None:
        calls.put(call)
        del call
    # The application is gone. Whatever is being computed, nobody waits for it.
    os._exit(0)


def _answer(call: list[bytearray], outgoing: Any) -> list[memoryview]:
    """Run a call; return the encoded ("result", value) or ("error", exception)."""
    error: BaseException
    try:
        name, args, kwargs, wants_progress = decode(call)
        if wants_progress:
            kwargs["progress"] = _progress_sender(outgoing)
        return encode(("result", _function(name)(*args, **kwargs)))
    except MemoryError:
        error = BioloomError(
            "There is not enough memory for this computation. Your data are unchanged. Use fewer rows or columns, or "
            "close other programs."
        )
    except (Exception, Cancelled) as caught:
        error = caught
        error.add_note(f"Traceback in the computing process:\n{traceback.format_exc()}")
    except BaseException as caught:  # sys.exit() must end neither this process nor the thread that waits for it
        error = BioloomError(f"The computation ended itself with {caught!r}. Your data are unchanged.")
    try:
        message = encode(("error", error))
        # Some exceptions can be pickled but not unpickled.
        decode([bytearray(part) for part in message[1:]])
    except Exception:
        message = encode(("error", BioloomError(f"{type(error).__name__}: {error}")))
    return message


def _function(name: str) -> Callable[..., Any]:
    module, attribute = split_name(name)
    function: Callable[..., Any] | None = getattr(importlib.import_module(module), attribute, None)
    # A module also holds what it imported from elsewhere.
    if not callable(function) or not str(getattr(function, "__module__", "")).startswith("bioloom."):
        raise InputError(f"{name!r} is no function of this package.")
    return function


def _progress_sender(outgoing: Any) -> Progress:
    latest = -PROGRESS_SECONDS

    def send(done: int, total: int) -> None:
        nonlocal latest
        now = time.monotonic()
        if done >= total or now - latest >= PROGRESS_SECONDS:
            latest = now
            write(outgoing, encode(("progress", (int(done), int(total)))))

    return send


def warm_up_clusters() -> None:
    """Cluster and embed a few random numbers by what needs no compiling."""
    from bioloom.explore import cluster, embed

    columns = _random_columns(50)
    cluster(columns, list(columns))
    embed(columns, list(columns), "pca")


def warm_up_imports() -> None:
    """Load UMAP."""
    from bioloom.explore._fitted_models import quiet_umap

    with quiet_umap():
        pass


def warm_up_umap() -> None:
    """Let UMAP compile what it needs for small tables."""
    from bioloom.explore import embed

    columns = _random_columns(50)
    embed(columns, list(columns), "umap")


def warm_up_large() -> None:
    """Let UMAP compile what it needs above 4096 rows, where it searches neighbours approximately."""
    from bioloom.explore import embed

    columns = _random_columns(4200)
    embed(columns, list(columns), "umap")


def _random_columns(n_rows: int) -> Any:
    import numpy as np
    import pandas as pd

    return pd.DataFrame(np.random.default_rng(0).normal(size=(n_rows, 4)), columns=list("abcd"))
