"""The features of one image, computed block by block and kept as bins of one byte."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice, product
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify.feature_set import FeatureSet
from bioloom.classify.forest import find_edges, to_bins
from bioloom.errors import InputError

Block: TypeAlias = tuple[slice, ...]
Progress: TypeAlias = Callable[[int, int], None]

_BLOCK_SHAPES = {2: (512, 512), 3: (32, 128, 128)}
_SAMPLED_BLOCKS = 9
_SAMPLED_PIXELS = 30_000


def blocks_of(shape: Sequence[int]) -> list[Block]:
    """Divide an image (y, x) or (z, y, x) into blocks, in reading order."""
    sides = _BLOCK_SHAPES[len(shape)]
    starts = [range(0, n, side) for n, side in zip(shape, sides, strict=True)]
    return [
        tuple(slice(s, min(s + side, n)) for s, side, n in zip(at, sides, shape, strict=True))
        for at in product(*starts)
    ]


def in_threads(
    function: Callable[[Block], Any], blocks: Sequence[Block], progress: Progress | None = None
) -> Iterator[tuple[Block, Any]]:
    """Run a function for every block in the thread pool; yield results as they come.

    Only a few blocks are ahead of the caller, and results are forgotten once they are yielded, so that memory does not
    grow with the number of blocks. An exception, also one raised by `progress` to cancel, stops the blocks that have
    not begun.
    """
    pool = device.thread_pool()
    ahead = 2 * device.n_cores()
    waiting = iter(blocks)
    running: dict[Future[Any], Block] = {}
    try:
        for done in range(1, len(blocks) + 1):
            for block in islice(waiting, ahead - len(running)):
                running[pool.submit(function, block)] = block
            future = next(iter(wait(running, return_when=FIRST_COMPLETED).done))
            yield running.pop(future), future.result()
            del future
            if progress:
                progress(done, len(blocks))
    finally:
        for future in running:
            future.cancel()


class FeatureBlocks:
    """Features of one image, on demand.

    Parameters
    ----------
    channels
        (c, y, x) or (c, z, y, x), any real dtype.
    features
        What to compute.
    spacing
        Size of a pixel per spatial axis, or None for pixels.
    budget
        Bytes of bins to keep; the blocks used longest ago are dropped first. 0 keeps none.
    """

    def __init__(
        self, channels: NDArray[Any], features: FeatureSet, spacing: Sequence[float] | None = None, budget: int = 0
    ) -> None:
        self.channels = channels
        self.features = features
        self.shape: tuple[int, ...] = channels.shape[1:]
        self.spacing = tuple(spacing) if spacing else (1.0,) * len(self.shape)
        self.names = features.names(len(channels))
        self.blocks = blocks_of(self.shape)
        self._halo = features.halo(self.spacing)
        self._budget = budget
        self._cache: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._cached_edges: Sequence[NDArray[np.float32]] | None = None
        self._cached_bytes = 0
        self._lock = Lock()
        self._edges: list[NDArray[np.float32]] | None = None

    def values(self, block: Block) -> Iterator[NDArray[np.float32]]:
        """Compute the features of a block, one after the other; the same bits as in the whole image."""
        outer = tuple(
            slice(max(s.start - h, 0), min(s.stop + h, n))
            for s, h, n in zip(block, self._halo, self.shape, strict=True)
        )
        inner = tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip(block, outer, strict=True))
        for feature in self.features.compute(self.channels[(slice(None), *outer)], self.spacing):
            yield feature[inner]

    def at(self, mask: NDArray[np.bool_], progress: Progress | None = None) -> NDArray[np.float32]:
        """Compute the features of single pixels; only the blocks that hold some are computed.

        Returns
        -------
        numpy.ndarray
            float32 (n, features), in reading order of the pixels of `mask`.
        """
        numbers = np.zeros(self.shape, np.int64)
        n = int(np.count_nonzero(mask))
        numbers[mask] = np.arange(n)
        result = np.empty((n, len(self.names)), np.float32)

        def one(block: Block) -> None:
            here = mask[block]
            rows = numbers[block][here]
            for column, feature in enumerate(self.values(block)):
                result[rows, column] = feature[here]

        for _ in in_threads(one, [b for b in self.blocks if mask[b].any()], progress):
            pass
        return result

    @property
    def edges(self) -> list[NDArray[np.float32]]:
        """The edges of bins that suit this image, chosen once from blocks spread over it."""
        if self._edges is None:
            step = max(1, len(self.blocks) // _SAMPLED_BLOCKS)
            chosen = self.blocks[::step]
            mask = np.zeros(self.shape, bool)
            rng = np.random.default_rng(0)
            for block in chosen:
                part = mask[block]
                wanted = min(part.size, max(1, _SAMPLED_PIXELS // len(chosen)))
                picked = np.zeros(part.size, bool)
                picked[rng.choice(part.size, wanted, replace=False)] = True
                mask[block] = picked.reshape(part.shape)
            self._edges = [find_edges(column) for column in self.at(mask).T]
        return self._edges

    def bins(self, block: Block, edges: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
        """Return the bins of a block, (features, pixels of the block in reading order).

        Parameters
        ----------
        block
            One of `blocks`.
        edges
            The edges per feature. Blocks are kept as long as the same list of edges is asked for.
        """
        key = tuple(s.start for s in block)
        with self._lock:
            if self._cached_edges is not edges:
                self._cache.clear()
                self._cached_bytes = 0
                self._cached_edges = edges
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        small = all(len(e) <= 255 for e in edges)
        n = int(np.prod([s.stop - s.start for s in block]))
        result = np.empty((len(self.names), n), np.uint8 if small else np.uint16)
        for row, feature in enumerate(self.values(block)):
            to_bins(feature, edges[row], result[row])
        if self._budget:
            with self._lock:
                if self._cached_edges is edges and key not in self._cache:
                    self._cache[key] = result
                    self._cached_bytes += result.nbytes
                    while self._cached_bytes > self._budget:
                        self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return result


def as_channels(image: Any, channel_axis: int | None, where: str) -> NDArray[Any]:
    """Return an image with its channels first.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), and with `channel_axis` one axis more.
    channel_axis
        Which axis holds the channels, or None.
    where
        What asks, for the message.

    Returns
    -------
    numpy.ndarray
        (c, y, x) or (c, z, y, x).

    Raises
    ------
    InputError
        If the number of axes is another one, there are no pixels, or values are not finite real numbers.
    """
    pixels = device.pull(image)
    wanted = "(y, x) or (z, y, x)"
    if channel_axis is not None:
        if not -pixels.ndim <= channel_axis < pixels.ndim:
            raise InputError(f"{where}: channel_axis is {channel_axis}, but the image has the shape {pixels.shape}.")
        pixels = np.moveaxis(pixels, channel_axis, 0)
    else:
        pixels = pixels[np.newaxis]
    if pixels.ndim not in (3, 4):
        given = pixels.shape if channel_axis is not None else pixels.shape[1:]
        raise InputError(
            f"{where} has the shape {given}, but must be {wanted}. Give time series as a list of frames, and name the "
            "axis of channels with channel_axis (the last one, -1, for RGB)."
        )
    if 0 in pixels.shape:
        raise InputError(f"{where} has no pixels (shape {pixels.shape}).")
    if pixels.dtype.kind not in "buif":
        raise InputError(f"{where} holds values of type {pixels.dtype}, but must hold real numbers.")
    if pixels.dtype.kind == "f" and not np.isfinite(pixels.sum()) and (wrong := np.count_nonzero(~np.isfinite(pixels))):
        raise InputError(
            f"{where} holds {wrong} NaN or infinite pixels, which would spread through the features. Replace them "
            "first with bioloom.operations.replace_nan, in the menu Layers > Filter."
        )
    return pixels
