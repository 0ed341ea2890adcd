"""A frame that does not fit into memory: its blocks, and parts of it."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.measure import inputs
from bioloom.measure._lazy import Kept, borders_of, is_lazy

Array = NDArray[Any]
Ints = NDArray[np.int64]
Result = TypeVar("Result")

KEPT = 1 << 26  # bytes of pieces that were read last, of all arrays together
_MOST_BLOCKS = 4  # how many blocks are read at a time around objects larger than a block
_MOST_READ = 8  # how many where many objects are
_MOST_LARGE = 0.05  # share of objects that may be larger than a block


class Frame:
    """Labels and images of a frame, read as they are needed; everything is (z, y, x), a plane having one z.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x).
    images
        Per channel an image of the same shape.
    block
        Size of the blocks, per axis of `labels`.
    tick
        To be called now and then; may raise to stop.
    """

    def __init__(
        self, labels: Any, images: Mapping[str, Any], block: Sequence[int], tick: Callable[[], None]
    ) -> None:  # fmt: skip
        self._labels, self._images, self.tick = labels, dict(images), tick
        shape = inputs.shape_of(labels)
        self.ndim = len(shape)
        self.shape, self.block = (np.array((1,) * (3 - len(s)) + tuple(s)) for s in (shape, block))
        self.channels = list(images)

    def keep_pieces(self, images: bool) -> None:
        """Keep the pieces of lazy labels that were read last, and those of images, from now on."""
        most = KEPT // (1 + len(self._images))
        self._labels = _kept(self._labels, most)
        if images:
            self._images = {c: _kept(array, most) for c, array in self._images.items()}

    def drop_pieces(self) -> None:
        """Let go of the pieces that are kept."""
        for array in (self._labels, *self._images.values()):
            if isinstance(array, Kept):
                array.clear()

    def blocks(self) -> list[tuple[Ints, Ints]]:
        """Low corners and sizes of the blocks in the order of memory."""
        corners = product(*(range(0, n, b) for n, b in zip(self.shape.tolist(), self.block.tolist(), strict=True)))
        return [(low, np.minimum(low + self.block, self.shape) - low) for low in map(np.array, corners)]

    def labels(self, low: Ints, high: Ints) -> Array:
        """Return the labels between two corners."""
        return inputs.as_stack(inputs.checked_labels(self._read(self._labels, low, high)))

    def image(self, channel: str, low: Ints, high: Ints) -> Array:
        """Return the values of a channel between two corners."""
        return inputs.as_stack(inputs.checked_image(self._read(self._images[channel], low, high), channel[1:]))

    def images(self, low: Ints, high: Ints) -> dict[str, Array]:
        """Return the values of all channels between two corners."""
        return {c: self.image(c, low, high) for c in self._images}

    def _read(self, array: Any, low: Ints, high: Ints) -> Any:
        array = array if hasattr(array, "shape") else np.asarray(array)
        axes = slice(3 - self.ndim, 3)
        return np.asarray(array[tuple(slice(int(a), int(b)) for a, b in zip(low[axes], high[axes], strict=True))])

    def around(self, low: Ints, high: Ints, margin: int | Ints) -> tuple[Ints, Ints]:
        """Corners of a box with a margin, as far as the image reaches."""
        return np.maximum(low - margin, 0), np.minimum(high + margin, self.shape)

    def each_block(self, work: Callable[[Ints, Ints], Result]) -> Iterator[Result]:
        """Yield ``work(low, size)`` of all blocks in their order, in the thread pool."""
        for result in in_order([partial(work, *some) for some in self.blocks()], 2 * device.n_cores()):
            yield result
            self.tick()

    def tiles(self, low: Ints, high: Ints) -> list[Ints]:
        """Divide objects with these bounding boxes (n, 3) into groups that lie close together.

        Those that begin in the same block are one, or in the same tile where many do not fit into a block; those larger
        than that are together as long as their surroundings are not larger than some blocks.
        """
        found = []
        tile = self._tile(high - low)
        large = (high - low > tile).any(axis=1)
        place = low // tile
        n_places = tuple(place.max(axis=0, initial=0) + 1)
        number = np.ravel_multi_index(tuple(place.T), n_places) if len(low) else np.zeros(0, np.int64)
        small = np.flatnonzero(~large)
        order = small[np.argsort(number[small], kind="stable")]
        starts = np.flatnonzero(np.diff(number[order], prepend=-1))
        if order.size:
            found += [np.sort(group) for group in np.split(order, starts[1:])]
        together: list[int] = []
        corners = np.zeros((2, 3), np.int64)
        rows = np.flatnonzero(large)
        for row in rows[np.lexsort(low[rows].T[::-1])]:
            around = np.minimum(corners[0], low[row]), np.maximum(corners[1], high[row])
            if together and np.prod(around[1] - around[0]) > _MOST_BLOCKS * np.prod(tile):
                found.append(np.sort(together))
                together = []
            corners[:] = around if together else (low[row], high[row])
            together.append(row)
        return [*found, np.sort(together)] if together else found

    def _tile(self, extents: Ints) -> Ints:
        """Return the size of a block, or if many objects of these extents are larger than that, of a better tile.

        Chunks are often planes of a stack, and so are blocks then. Of the tiles that are not larger than some blocks,
        with the objects that reach out of them, that is best for which fewest pixels are read, in whole chunks.
        """
        if np.count_nonzero((extents > self.block).any(axis=1)) <= _MOST_LARGE * len(extents):
            return self.block
        reach = np.minimum(np.ceil(np.quantile(extents, 1 - _MOST_LARGE, axis=0)).astype(np.int64), self.shape)
        borders = borders_of(self._labels)
        chunk = np.ones(3, np.int64)
        if borders is not None:
            chunk[3 - self.ndim :] = [int(np.diff(b).max(initial=1)) for b in borders]
        sizes, read, held = [], [], []
        for n, most, c in zip(self.shape.tolist(), reach.tolist(), chunk.tolist(), strict=True):
            tiles = np.array([k for k in range(1, 65) if -(-n // k) >= most])
            size = -(-n // tiles)
            sizes.append(size)
            held.append(np.minimum(size + most + 2, n).astype(np.float64))
            read.append(tiles * np.minimum(held[-1] + c - 1, n))
        together = np.ix_(*held)
        fits = together[0] * together[1] * together[2] <= _MOST_READ * np.prod(self.block)
        if not fits.any():
            return self.block
        cost = np.where(fits, np.prod(np.broadcast_arrays(*np.ix_(*read)), axis=0), np.inf)
        best = np.unravel_index(int(cost.argmin()), cost.shape)
        return np.array([size[i] for size, i in zip(sizes, best, strict=True)])


def _kept(array: Any, most: int) -> Any:
    """Return an array that keeps what was read of it last, if it is lazy and stored in pieces that are not large."""
    borders = borders_of(array) if is_lazy(array) else None
    if borders is None or isinstance(array, Kept):
        return array
    size = math.prod(int(np.diff(b).max(initial=1)) for b in borders) * np.dtype(array.dtype).itemsize
    return Kept(array, most) if size <= most else array


def give_back() -> None:
    """Return memory that is free to the system, where the C library (glibc) would keep much of it for each thread."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def in_order(calls: Sequence[Callable[[], Result]], ahead: int) -> Iterator[Result]:
    """Yield what calls return, in their order, while as many as `ahead` are being done in the thread pool."""
    futures = [device.thread_pool().submit(call) for call in calls[:ahead]]
    try:
        for i in range(len(calls)):
            result = futures[i].result()
            futures[i] = None  # type: ignore[call-overload]  # lets go of the result
            if i + ahead < len(calls):
                futures.append(device.thread_pool().submit(calls[i + ahead]))
            yield result
            del result
    finally:
        for future in futures:
            if future is not None:
                future.cancel()
