"""Results of steps, kept as long as there is memory, and found again as long as anybody else has them."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations import Placement
from bioloom.operations.corrections import LostCorrection


@dataclass(frozen=True)
class StepResult:
    """What a step gave.

    Attributes
    ----------
    value : numpy.ndarray, pandas.DataFrame or tuple
        Pixels (with time first in a time series), a table, or vertices, faces and values of a surface. Arrays cannot be
        written to, because further steps are computed from them: copy one to edit it.
    input : str
        The input that it goes back to along the first arrays of all steps.
    has_time : bool
        Whether the first axis is time.
    spacing : tuple of float or None
        Physical size of its pixels.
    placement : Placement or None
        Where its pixels lie in those of `input`, time left out; None where `input` is a surface or a table. A surface
        or a table has the placement of the pixels that it was made of.
    lost : tuple of LostCorrection
        The corrections by hand that did not fit.
    doubt : str
        Why all of it may be wrong although it could be computed; empty if nothing says so.
    """

    value: Any
    input: str
    has_time: bool
    spacing: tuple[float, ...] | None
    placement: Placement | None
    lost: tuple[LostCorrection, ...] = ()
    doubt: str = ""


class ResultStore:
    """Results by key, up to a number of bytes in all; safe to use from several threads.

    What was used longest ago is dropped first. An array that was dropped is found again while a layer still shows it.

    Parameters
    ----------
    budget
        Returns the bytes that may be kept; :func:`bioloom.device.memory_budget` if left out.
    """

    def __init__(self, budget: Callable[[], int] | None = None) -> None:
        self._budget = budget or device.memory_budget
        self._kept: OrderedDict[str, StepResult] = OrderedDict()
        self._dropped: dict[str, tuple[weakref.ref[Any], StepResult]] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def n_bytes(self) -> int:
        """How much is kept."""
        return self._bytes

    def get(self, key: str) -> StepResult | None:
        """Return what is kept under a key, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
            reference, rest = self._dropped.get(key, (None, None))
            value = reference() if reference is not None else None
            return None if value is None or rest is None else replace(rest, value=value)

    def keep(self, key: str, result: StepResult) -> StepResult:
        """Keep a result and return it with its arrays made read-only."""
        result = replace(result, value=_locked(result.value))
        with self._lock:
            self._remove(key)
            self._dropped.pop(key, None)
            self._kept[key] = result
            self._bytes += n_bytes(result.value)
            limit = self._budget()
            while self._bytes > limit and self._kept:
                self._drop(next(iter(self._kept)))
        return result

    def made_of(self, inputs: Collection[str]) -> set[str]:
        """Return the keys of the results that go back to some inputs."""
        with self._lock:
            known = {**{key: rest for key, (_, rest) in self._dropped.items()}, **self._kept}
        return {key for key, result in known.items() if result.input in inputs}

    def forget(self, keys: Iterable[str] | None = None) -> None:
        """Forget what is kept under some keys; everything if left out."""
        with self._lock:
            for key in [*self._kept, *self._dropped] if keys is None else list(keys):
                self._remove(key)
                self._dropped.pop(key, None)

    def _drop(self, key: str) -> None:
        result = self._kept[key]
        self._remove(key)
        self._dropped = {k: pair for k, pair in self._dropped.items() if pair[0]() is not None}
        try:
            self._dropped[key] = weakref.ref(result.value), replace(result, value=None)
        except TypeError:  # there are no weak references to tuples, which surfaces are
            return

    def _remove(self, key: str) -> None:
        result = self._kept.pop(key, None)
        if result is not None:
            self._bytes -= n_bytes(result.value)


def n_bytes(value: Any) -> int:
    """Return how much memory a result takes."""
    if isinstance(value, tuple):
        return sum(n_bytes(part) for part in value)
    if hasattr(value, "memory_usage"):
        return int(value.memory_usage(index=True, deep=False).sum())
    return int(value.nbytes)


def writable(value: Any) -> Any:
    """Return a result for a computation: compiled code often takes only arrays that could be written to."""
    if isinstance(value, tuple):
        return tuple(writable(part) for part in value)
    if isinstance(value, np.ndarray) and not value.flags.writeable:
        value = value.view()
        try:
            value.flags.writeable = True
        except ValueError:  # the memory belongs to somebody who does not allow it, such as a file
            return value
    return value


def _locked(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(_locked(part) for part in value)
    if not isinstance(value, np.ndarray):
        return value
    locked: NDArray[Any] = value.view()
    locked.flags.writeable = False
    return locked


def drop_tracebacks(error: BaseException) -> None:
    """Take away the tracebacks of an error and of those behind it: they hold on to images."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            waiting += [one.__cause__, one.__context__]
