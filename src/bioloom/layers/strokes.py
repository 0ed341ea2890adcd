"""Strokes that were painted on the labels of a step, to know them again when they are undone in the layer."""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from bioloom.recipe.graph import Step
from bioloom.session.chain import Chain


class _Stroke(NamedTuple):
    """What was painted at once: checksums of the pixels, and the steps and the number of edits that it became."""

    before: int
    after: int
    steps: tuple[Step, ...]
    n_edits: int


class Strokes:
    """The strokes on each layer, the last one last.

    Parameters
    ----------
    chain
        The steps that they became corrections of.
    """

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._of: WeakKeyDictionary[Any, list[_Stroke]] = WeakKeyDictionary()

    def add(self, layer: Any, before: NDArray[Any], after: NDArray[Any], n_edits: int) -> None:
        """Remember a stroke after it became so many edits of the chain."""
        stroke = _Stroke(checksum(before), checksum(after), self._chain.steps, n_edits)
        self._of.setdefault(layer, []).append(stroke)

    def take_back(self, layer: Any, before: NDArray[Any], after: NDArray[Any]) -> bool:
        """Undo the last stroke in the chain if that is what was painted; return whether it was."""
        strokes = self._of.get(layer)
        if not strokes or strokes[-1].steps != self._chain.steps:
            return False
        if (strokes[-1].after, strokes[-1].before) != (checksum(before), checksum(after)):
            return False
        for _ in range(strokes.pop().n_edits):
            self._chain.undo()
        return True

    def changed(self, layer: Any, result: Any) -> bool:
        """Tell whether a layer on which there were strokes shows other labels than the result of its step."""
        data = np.asarray(layer.data)
        return layer in self._of and data.size == np.size(result) and checksum(data) != checksum(result)


def checksum(labels: Any) -> int:
    """Return a number that changes with the pixels of labels, which are painted on in place."""
    return zlib.crc32(np.ascontiguousarray(labels).view(np.uint8).data)
