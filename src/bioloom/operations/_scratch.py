"""Arrays of the size of the image in files, while blocks of it are computed."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Slices = tuple[slice, ...]


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


def stored(array: Any) -> Any:
    """Return a Dask array that is computed once and then read from a file, for what needs it several times."""
    from dask import delayed

    scratch = delayed(Scratch, pure=False)(array.shape, [array.dtype])
    blocks = [
        delayed(_read)(delayed(_write)(scratch, where, block), scratch, where)
        for where, block in zip(places(array), array.to_delayed().ravel(), strict=True)
    ]
    return from_blocks(blocks, array, array.dtype)


def _write(scratch: Scratch, where: Slices, block: NDArray[Any]) -> bool:
    scratch[0][where] = block
    return True


def _read(_written: bool, scratch: Scratch, where: Slices) -> NDArray[Any]:
    return np.array(scratch[0][where])
