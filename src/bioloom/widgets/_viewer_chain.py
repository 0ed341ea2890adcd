"""The chain of a viewer: one for as long as the viewer lives, whichever panel shows it."""

from __future__ import annotations

import weakref
from typing import Any

from bioloom.layers import ChainLayers
from bioloom.layers.reading import plain
from bioloom.session.chain import Chain
from bioloom.session.jobs import JobRunner
from bioloom.widgets._base import MainThread

_known: dict[int, ViewerChain] = {}


class ViewerChain:
    """The steps made in a viewer, the job runner that computes them, and the layers that show them."""

    def __init__(self, viewer: Any) -> None:
        self._main_thread = MainThread()
        self.jobs = JobRunner(self._main_thread.send)
        self.chain = Chain(self.jobs, self._main_thread.send)
        self.layers = ChainLayers(viewer, self.chain)

    def close(self) -> None:
        """Stop for good."""
        self.chain.close()


def chain_of(viewer: Any) -> ViewerChain:
    """Return the chain of a viewer."""
    viewer = plain(viewer)
    key = id(viewer)
    if key not in _known:
        _known[key] = ViewerChain(viewer)
        weakref.finalize(viewer, _forget, key)
    return _known[key]


def _forget(key: int) -> None:
    gone = _known.pop(key, None)
    if gone is not None:
        gone.close()
