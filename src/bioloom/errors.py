"""Errors that a user can act on, and doubts about what could be computed all the same.

Every message names what was given, what is needed and how to get there, because it is shown as it stands: in a napari
notification, or as one line on stderr by the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heard: ContextVar[list[str] | None] = ContextVar("doubts", default=None)


class BioloomError(Exception):
    """A problem that the user can solve; its text says how."""


class InputError(BioloomError, ValueError):
    """The data or a parameter does not fit what was asked for."""


class DeviceError(BioloomError):
    """The chosen computing device is missing or failed."""


class ModelFileError(BioloomError):
    """A classifier file is broken, hostile or of another kind."""


class Cancelled(Exception):
    """Raised inside a running computation after the user asked to stop it."""


@contextmanager
def doubts_heard() -> Iterator[list[str]]:
    """Collect the doubts that are told within the block, by :func:`tell_doubt`; nobody else hears them."""
    heard: list[str] = []
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def doubts_wanted() -> bool:
    """Tell whether anybody listens, where finding doubts takes time."""
    return _heard.get() is not None


def tell_doubt(text: str) -> None:
    """Tell whoever listens why a result may not be what was meant."""
    heard = _heard.get()
    if text and heard is not None:
        heard.append(text)
