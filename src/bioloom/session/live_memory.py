"""What is kept in memory while images are worked on: one budget, and whatever was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from math import prod
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify.channels import finite
from bioloom.errors import InputError

Key: TypeAlias = tuple[int, Hashable]

_TILE = 512


class Kept:
    """Arrays by key, up to a number of bytes in all; safe to use from several threads.

    Parameters
    ----------
    budget
        Returns the bytes that may be kept; :func:`bioloom.device.memory_budget` if left out. The array that was added
        last is kept even if it is larger.
    """

    def __init__(self, budget: Callable[[], int] | None = None) -> None:
        self._budget = budget
        self._arrays: OrderedDict[Key, tuple[NDArray[Any], Any]] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    @property
    def n_bytes(self) -> int:
        """How much is kept."""
        return self._bytes

    def get(self, owner: int, key: Hashable) -> NDArray[Any] | None:
        """Return what is kept under a key, or None."""
        with self._lock:
            found = self._arrays.get((owner, key))
            if found is None:
                return None
            self._arrays.move_to_end((owner, key))
            return found[0]

    def has(self, owner: int, key: Hashable) -> bool:
        """Tell whether something is kept under a key, without counting that as use."""
        with self._lock:
            return (owner, key) in self._arrays

    def keep(self, owner: int, key: Hashable, array: NDArray[Any], companion: Any = None) -> None:
        """Keep an array; `companion` lives as long as it is kept."""
        with self._lock:
            self._remove((owner, key))
            self._arrays[owner, key] = array, companion
            self._bytes += array.nbytes
            limit = (self._budget or device.memory_budget)()
            while self._bytes > limit and len(self._arrays) > 1:
                self._remove(next(iter(self._arrays)))

    def drop(self, owner: int) -> None:
        """Forget everything of one owner."""
        with self._lock:
            for key in [key for key in self._arrays if key[0] == owner]:
                self._remove(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._arrays.clear()
            self._bytes = 0

    def _remove(self, key: Key) -> None:
        array = self._arrays.pop(key, None)
        if array is not None:
            self._bytes -= array[0].nbytes


class LazyChannel:
    """One channel of one frame on disk or not yet computed; of what is asked for, each chunk is read once.

    Parameters
    ----------
    array
        Read when it is indexed, such as a Dask or Zarr array.
    name
        What to call it in messages.
    at
        Index of the frame along the first axis, or nothing.
    kept
        Where chunks are kept.
    owner, number
        Whose they are there, and the number of the channel.

    Attributes
    ----------
    shape, ndim, dtype
        Of the frame: (y, x) or (z, y, x).
    """

    def __init__(self, array: Any, name: str, at: tuple[int, ...], kept: Kept, owner: int, number: int = 0) -> None:
        if array.dtype.kind not in "buif":
            raise InputError(f"{name} holds values of type {array.dtype}, but must hold real numbers.")
        self._array, self._name, self._at, self._kept, self._owner, self._number = array, name, at, kept, owner, number
        self.shape = tuple(int(n) for n in array.shape)[len(at) :]
        self.ndim = len(self.shape)
        self.dtype = array.dtype
        self._bounds = _chunk_bounds(array, self.shape, len(at))

    def __getitem__(self, key: Any) -> NDArray[Any]:
        parts = key if isinstance(key, tuple) else (key,)
        parts = (*parts, *[slice(None)] * (self.ndim - len(parts)))
        region = [_as_slice(k, n) for k, n in zip(parts, self.shape, strict=True)]
        # What is left to do after whole ranges were read: single places and steps.
        rest = tuple(slice(None, None, k.step) if isinstance(k, slice) else 0 for k in parts)
        pixels: NDArray[Any] = self._read(region)[rest]
        return pixels

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        pixels = self[(slice(None),) * self.ndim]
        return pixels if dtype is None else pixels.astype(dtype)

    def _read(self, region: Sequence[slice]) -> NDArray[Any]:
        result = np.empty([s.stop - s.start for s in region], self.dtype)
        for chunk in product(*(_chunks_over(bounds, s) for bounds, s in zip(self._bounds, region, strict=True))):
            pixels = self._chunk(chunk)
            shared = [slice(max(c.start, s.start), min(c.stop, s.stop)) for c, s in zip(chunk, region, strict=True)]
            to = tuple(slice(a.start - s.start, a.stop - s.start) for a, s in zip(shared, region, strict=True))
            of = tuple(slice(a.start - c.start, a.stop - c.start) for a, c in zip(shared, chunk, strict=True))
            result[to] = pixels[of]
        return result

    def _chunk(self, chunk: tuple[slice, ...]) -> NDArray[Any]:
        key = ("pixels", self._number, tuple(s.start for s in chunk))
        pixels = self._kept.get(self._owner, key)
        if pixels is None:
            pixels = np.asarray(self._array[self._at + chunk])
            finite(pixels, self._name)
            self._kept.keep(self._owner, key, pixels)
        return pixels


def _chunk_bounds(array: Any, spatial: Sequence[int], n_leading: int) -> list[NDArray[np.intp]]:
    """Return per spatial axis where the chunks of an array begin, and the end."""
    chunks = getattr(array, "chunks", None)
    bounds = []
    for axis, n in enumerate(spatial, start=n_leading):
        sizes = chunks[axis] if chunks is not None and len(chunks) == len(array.shape) else _TILE
        if isinstance(sizes, (tuple, list)):
            ends = np.cumsum(sizes, dtype=np.intp)
        else:
            step = max(1, int(sizes))
            ends = np.append(np.arange(step, n, step, dtype=np.intp), n)
        bounds.append(np.concatenate([np.zeros(1, np.intp), ends[ends > 0]]))
    # Many tiny chunks would cost more than what is read too much: join them.
    while prod(len(b) - 1 for b in bounds) > 4096 and max(len(b) for b in bounds) > 2:
        most = max(range(len(bounds)), key=lambda k: len(bounds[k]))
        bounds[most] = np.unique(np.append(bounds[most][::2], bounds[most][-1]))
    return bounds


def _chunks_over(bounds: NDArray[np.intp], wanted: slice) -> list[slice]:
    """Return the chunks along one axis that a range touches."""
    first = int(np.searchsorted(bounds, wanted.start, side="right")) - 1
    last = int(np.searchsorted(bounds, wanted.stop, side="left"))
    return [slice(int(a), int(b)) for a, b in zip(bounds[first:last], bounds[first + 1 : last + 1], strict=True)]


def _as_slice(key: Any, n: int) -> slice:
    """Return the range that holds what a key asks for, without its step."""
    if isinstance(key, slice):
        if key.step is not None and key.step < 1:
            raise IndexError(f"A lazy image cannot be read backwards: {key}.")
        start, stop, _ = key.indices(n)
        return slice(start, max(start, stop))
    place = range(n)[key]
    return slice(place, place + 1)
