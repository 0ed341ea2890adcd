"""Arrays of the size of the image in files, while blocks of it are computed."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Slices = tuple[slice, ...]
_FEW_LAYERS = 5


class Scratch:
    """Arrays of the size of the image in files of a folder of its own, which goes with this object."""

    def __init__(self, shape: tuple[int, ...], dtypes: Sequence[np.dtype[Any]]) -> None:
        import dask

        self.shape, self.dtypes = shape, tuple(dtypes)
        self.folder = tempfile.mkdtemp(prefix="bioloom-", dir=dask.config.get("temporary-directory", None))
        for number, dtype in enumerate(self.dtypes):
            with open(self._file(number), "wb") as file:
                file.truncate(int(np.prod(shape)) * dtype.itemsize)
        self._own()

    def _own(self) -> None:
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return Path(self.folder) / f"{number}.raw"

    def __getitem__(self, number: int) -> NDArray[Any]:
        return np.memmap(self._file(number), self.dtypes[number], "r+", shape=self.shape)

    def __getstate__(self) -> dict[str, Any]:
        # Dask's "processes" hand the object over to the main process, which then has to remove the files; workers of a
        # cluster keep it.
        hands_over = multiprocessing.parent_process() is not None and "distributed" not in sys.modules
        if hands_over and hasattr(self, "_remove"):
            self._remove.detach()
        return {k: v for k, v in self.__dict__.items() if k != "_remove"} | {"handed_over": hands_over}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if state["handed_over"] and multiprocessing.parent_process() is None:
            self._own()


def places(array: Any) -> list[Slices]:
    """Return where each block of a Dask array lies, in the order of ``to_delayed().ravel()``."""
    starts = [np.concatenate(([0], np.cumsum(sizes))) for sizes in array.chunks]
    return [
        tuple(slice(int(s[i]), int(s[i + 1])) for s, i in zip(starts, index, strict=True))
        for index in np.ndindex(*array.numblocks)
    ]


def from_blocks(blocks: Sequence[Any], like: Any, dtype: Any) -> Any:
    """Return a Dask array with the blocks of another, of delayed arrays in the order of :func:`places`."""
    import dask.array as da

    result = np.empty(like.numblocks, object)
    for block, where, index in zip(blocks, places(like), np.ndindex(*like.numblocks), strict=True):
        result[index] = da.from_delayed(block, tuple(s.stop - s.start for s in where), dtype=dtype)
    return da.block(result.tolist())


class Stored:
    """A Dask array that is computed once, and then read from a file as often as it is needed."""

    def __init__(self, array: Any) -> None:
        from dask import delayed

        self.like = array
        self.scratch = delayed(Scratch, pure=False)(array.shape, [array.dtype])
        self.writes = [
            delayed(_write)(self.scratch, where, block)
            for where, block in zip(places(array), array.to_delayed().ravel(), strict=True)
        ]

    def read(self, value: Any = None) -> Any:
        """Return the array, no block of which is read before a delayed value is known."""
        from dask import delayed

        blocks = [
            delayed(_read)(written, self.scratch, where, value)
            for written, where in zip(self.writes, places(self.like), strict=True)
        ]
        return from_blocks(blocks, self.like, self.like.dtype)


def _write(scratch: Scratch, where: Slices, block: NDArray[Any]) -> bool:
    scratch[0][where] = block
    return True


def _read(_written: bool, scratch: Scratch, where: Slices, _value: Any) -> NDArray[Any]:
    return np.array(scratch[0][where])


def _is_soon_loaded(array: Any) -> bool:
    """Tell whether the blocks of a Dask array are loaded, and no more than looked at one by one."""
    from dask.blockwise import Blockwise

    graph = array.__dask_graph__()
    return len(graph.layers) <= _FEW_LAYERS and all(
        isinstance(layer, Blockwise) or not graph.dependencies[name] for name, layer in graph.layers.items()
    )


def after(array: Any, value: Any) -> tuple[Any, Any]:
    """Return a Dask array to use with a delayed value that was found from all of its blocks, and the value.

    Blocks that were needed to find the value would wait in memory until it is known, all of them. So they are loaded
    anew if that is about all it takes to get them, and else read from a file to which they are written on the way.
    """
    from dask import delayed
    from dask.graph_manipulation import bind

    if _is_soon_loaded(array):
        return bind(array, value), value
    kept = Stored(array)
    # Written as soon as they are there, and not only when they are read.
    known = delayed(_value_after)(value, kept.writes)
    return kept.read(known), known


def repeated(array: Any) -> Callable[[Any], Any]:
    """Return a function that gives a Dask array for each of several passes, after what the pass before has found."""
    from dask.graph_manipulation import bind

    if not _is_soon_loaded(array):
        return Stored(array).read

    def load(value: Any = None) -> Any:
        return array if value is None else bind(array, value)

    return load


def _value_after(value: Any, _written: Sequence[bool]) -> Any:
    return value
