"""Arrays that are read where they are indexed: Dask, Zarr, files mapped to memory, and parts of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


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


class LazyPart:
    """The part of an array at an index of an axis, such as a frame or channel; it is not read before it is indexed."""

    def __init__(self, array: Any, axis: int, index: int) -> None:
        self._array, self._axis, self._index = array, axis, index
        self.shape: tuple[int, ...] = (*array.shape[:axis], *array.shape[axis + 1 :])
        self.ndim = len(self.shape)
        self.dtype = array.dtype
        chunks = chunks_of(array)
        self.chunks = chunks and (*chunks[:axis], *chunks[axis + 1 :])

    def __getitem__(self, key: Any) -> Any:
        """Return a part: what the array gives for it."""
        keys = key if isinstance(key, tuple) else (key,)
        keys = (*keys, *(slice(None),) * (self.ndim - len(keys)))
        return self._array[(*keys[: self._axis], self._index, *keys[self._axis :])]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the whole part, read."""
        return np.asarray(self[()], dtype)
