"""Arrays that are read where they are indexed: Dask, Zarr, files mapped to memory, and parts of them."""

from __future__ import annotations

import math
from collections import OrderedDict
from concurrent.futures import Future
from itertools import product
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def is_lazy(array: Any) -> bool:
    """Tell whether an array is read from somewhere when it is indexed."""
    if isinstance(array, np.ndarray):
        return isinstance(array, np.memmap)
    return hasattr(array, "shape") and hasattr(array, "dtype") and hasattr(array, "__getitem__")


def chunks_of(array: Any) -> tuple[int, ...] | None:
    """Return the size of the pieces that an array is stored or computed in; None if it does not say."""
    chunks = getattr(array, "chunksize", None) or getattr(array, "chunks", None)
    if not isinstance(chunks, tuple) or len(chunks) != len(array.shape) or not all(isinstance(c, int) for c in chunks):
        return None
    return chunks


def borders_of(array: Any) -> list[NDArray[np.int64]] | None:
    """Return per axis where the pieces begin in which an array is stored or computed, and where the last one ends."""
    if isinstance(array, (LazyPart, Kept)):
        return array.borders
    chunks = getattr(array, "chunks", None)
    if not isinstance(chunks, tuple) or len(chunks) != len(array.shape):
        return None
    if all(isinstance(c, tuple) for c in chunks):
        return [np.concatenate([[0], np.cumsum(c)]) for c in chunks]
    sizes = chunks_of(array)
    return (
        None if sizes is None else [np.append(np.arange(0, n, c), n) for n, c in zip(array.shape, sizes, strict=True)]
    )


class LazyPart:
    """The part of an array at an index of an axis, such as a frame or channel; it is not read before it is indexed."""

    def __init__(self, array: Any, axis: int, index: int) -> None:
        self._array, self._axis, self._index = array, axis, index
        self.shape: tuple[int, ...] = (*array.shape[:axis], *array.shape[axis + 1 :])
        self.ndim = len(self.shape)
        self.dtype = array.dtype
        chunks = chunks_of(array)
        self.chunks = chunks and (*chunks[:axis], *chunks[axis + 1 :])
        borders = borders_of(array)
        self.borders = None if borders is None else [*borders[:axis], *borders[axis + 1 :]]

    def __getitem__(self, key: Any) -> Any:
        """Return a part: what the array gives for it."""
        keys = key if isinstance(key, tuple) else (key,)
        keys = (*keys, *(slice(None),) * (self.ndim - len(keys)))
        return self._array[(*keys[: self._axis], self._index, *keys[self._axis :])]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the whole part, read."""
        return np.asarray(self[()], dtype)


class Kept:
    """An array of which the pieces read last are kept, so that parts that overlap do not read them twice.

    Parameters
    ----------
    array
        An array that says which pieces it is stored or computed in.
    most
        How many bytes are kept.
    """

    def __init__(self, array: Any, most: int) -> None:
        borders = borders_of(array)
        assert borders is not None
        self._array, self._most, self.borders = array, most, borders
        self._pieces: OrderedDict[tuple[int, ...], Future[Array]] = OrderedDict()
        self._lock = Lock()
        self._size = max(1, math.prod(int(np.diff(b).max(initial=1)) for b in borders) * np.dtype(array.dtype).itemsize)
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.ndim, self.dtype = len(self.shape), array.dtype

    def __getitem__(self, key: tuple[slice, ...]) -> Array:
        """Return the part in one slice per axis, put together from pieces."""
        ends = [part.indices(n)[:2] for part, n in zip(key, self.shape, strict=True)]
        out = np.empty([max(0, b - a) for a, b in ends], self.dtype)
        firsts = [int(np.searchsorted(some, a, "right")) - 1 for some, (a, _) in zip(self.borders, ends, strict=True)]
        lasts = [int(np.searchsorted(some, b)) for some, (_, b) in zip(self.borders, ends, strict=True)]
        for number in product(*map(range, firsts, lasts)) if out.size else ():
            low = [int(some[i]) for some, i in zip(self.borders, number, strict=True)]
            piece = self._piece(number)
            into, taken = [], []
            for (a, b), at, n in zip(ends, low, piece.shape, strict=True):
                first, last = max(a, at), min(b, at + n)
                into.append(slice(first - a, last - a))
                taken.append(slice(first - at, last - at))
            out[tuple(into)] = piece[tuple(taken)]
        return out

    def clear(self) -> None:
        """Let go of all pieces."""
        with self._lock:
            self._pieces.clear()

    def _piece(self, number: tuple[int, ...]) -> Array:
        """Return a piece: the one that is kept or being read by another thread, or read it."""
        with self._lock:
            found = self._pieces.get(number)
            if found is not None:
                self._pieces.move_to_end(number)
            else:
                mine: Future[Array] = Future()
                self._pieces[number] = mine
                while len(self._pieces) > max(1, self._most // self._size):
                    self._pieces.popitem(last=False)
        if found is not None:
            return found.result()
        window = tuple(slice(int(b[i]), int(b[i + 1])) for b, i in zip(self.borders, number, strict=True))
        try:
            mine.set_result(np.asarray(self._array[window]))
        except BaseException as error:
            mine.set_exception(error)
            with self._lock:
                self._pieces.pop(number, None)
            raise
        return mine.result()
