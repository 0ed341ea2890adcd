"""The features of one image, computed block by block and kept as bins of one byte."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice, product
from math import prod
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify.channels import finite
from bioloom.classify.feature_set import FeatureSet
from bioloom.classify.forest import MAX_EDGES, Answer, Forest, answer, find_edges, to_bins
from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.classify._opencl import DeviceBlocks
    from bioloom.classify.normalisation import Normalisation

Block: TypeAlias = tuple[slice, ...]
Progress: TypeAlias = Callable[[int, int], None]

_BLOCK_SHAPES = {2: (512, 512), 3: (32, 128, 128)}
_PATCH_SHAPES = {2: (128, 128), 3: (16, 48, 48)}
_SAMPLE_SHAPES = {2: (48, 48), 3: (8, 24, 24)}
_N_SAMPLES = 12
_WORTH_A_THREAD = 1_000_000


def blocks_of(shape: Sequence[int], sides: Sequence[int] | None = None) -> list[Block]:
    """Divide an image (y, x) or (z, y, x) into blocks, in reading order."""
    sides = sides or _BLOCK_SHAPES[len(shape)]
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

    Where an OpenCL device was chosen (:func:`bioloom.device.chosen`), features and forests are computed there, with the
    same result, and bins are kept there.

    Parameters
    ----------
    channels
        Arrays (y, x) or (z, y, x) of any real dtype, one per channel. Of lazy ones (Dask, Zarr) only what a block needs
        is read.
    features
        What to compute.
    spacing
        Size of a pixel per spatial axis, or None for pixels.
    budget
        Bytes of bins to keep; the blocks used longest ago are dropped first. 0 keeps none.
    normalisation
        How intensities are brought to one scale before any filter; None leaves them as they are.
    custom
        Images of one's own that are features as they are, for ``custom=0``, ``custom=1``, ….

    Raises
    ------
    InputError
        If a feature does not exist in so many dimensions, or an image of one's own is missing or has another shape.
    """

    def __init__(
        self,
        channels: Sequence[Any],
        features: FeatureSet,
        spacing: Sequence[float] | None = None,
        budget: int = 0,
        normalisation: Normalisation | None = None,
        custom: Sequence[Any] = (),
    ) -> None:
        self.channels = tuple(channels)
        self.features = features
        self.shape: tuple[int, ...] = tuple(self.channels[0].shape)
        features.check_dimensions(len(self.shape))
        self.spacing = tuple(spacing) if spacing else (1.0,) * len(self.shape)
        self.names = features.names(len(self.channels))
        self.blocks = blocks_of(self.shape)
        self.custom = _custom_images(features, custom, self.shape)
        self.normalisation = normalisation if normalisation is not None and normalisation.scale != "none" else None
        self._ranges: Any = None
        self._halo = features.halo(self.spacing)
        self._budget = budget
        self._cache: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._cached_edges: Sequence[NDArray[np.float32]] | None = None
        self._cached_bytes = 0
        self._lock = Lock()
        self._range_lock = Lock()
        self._edges: list[NDArray[np.float32]] | None = None
        self._on_device: DeviceBlocks | None = None

    @property
    def keeps_bins(self) -> bool:
        """Whether bins are kept for the next time they are asked for."""
        return self._budget > 0

    def _device(self) -> DeviceBlocks | None:
        """Return where OpenCL computes the blocks, or None if NumPy does; devices may be changed at any time."""
        chosen = device.chosen()
        if chosen.engine != "opencl":
            self._on_device = None
            return None
        with self._lock:
            if self._on_device is None or self._on_device.device != chosen:
                from bioloom.classify._opencl import DeviceBlocks

                self._on_device = DeviceBlocks(self.keeps_bins)
            return self._on_device

    def values(self, block: Block) -> Iterator[NDArray[np.float32]]:
        """Compute the features of a block, any part of the image; the same bits as in the whole image."""
        on_device = self._device()
        if on_device:
            yield from on_device.values(self, block)
            return
        halo = self._halo
        for number in range(len(self.channels)):
            pixels = self.surroundings(number, block)
            yield from self.features.compute(pixels, halo, block, self.shape, self.spacing)
        yield from self.own_images(block)

    def own_images(self, block: Block) -> Iterator[NDArray[np.float32]]:
        """Read the images of one's own that are features."""
        for image in self.custom:
            yield finite(np.ascontiguousarray(image[block], np.float32), "An image of your own")

    def surroundings(self, channel: int, block: Block) -> NDArray[np.float32]:
        """Read a block of a channel with all that its features depend on; outside the image, its edge goes on."""
        outer, missing = [], []
        for s, h, n in zip(block, self._halo, self.shape, strict=True):
            low, high = s.start - h, s.stop + h
            outer.append(slice(max(low, 0), min(high, n)))
            missing.append((max(-low, 0), max(high - n, 0)))
        pixels = np.asarray(self.channels[channel][tuple(outer)])
        if self.normalisation is not None:
            pixels = self.normalisation.apply(pixels, self._measured()[channel])
        pixels = np.ascontiguousarray(pixels, np.float32)
        if not isinstance(self.channels[channel], np.ndarray):
            # Those in memory were looked at as a whole.
            finite(pixels, "The image")
        return np.pad(pixels, missing, "edge") if any(map(any, missing)) else pixels

    def _measured(self) -> Any:
        with self._range_lock:
            if self._ranges is None and self.normalisation is not None:
                self._ranges = self.normalisation.measure(self.channels)
            return self._ranges

    def at(self, mask: NDArray[np.bool_], progress: Progress | None = None) -> NDArray[np.float32]:
        """Compute the features of single pixels; only small patches that hold some are computed.

        Returns
        -------
        numpy.ndarray
            float32 (n, features), in reading order of the pixels of `mask`.
        """
        numbers = np.zeros(self.shape, np.int32)
        n = int(np.count_nonzero(mask))
        numbers[mask] = np.arange(n)
        result = np.empty((n, len(self.names)), np.float32)

        def one(block: Block) -> None:
            here = mask[block]
            rows = numbers[block][here]
            for column, feature in enumerate(self.values(block)):
                result[rows, column] = feature[here]

        patches = [_tightened(b, mask) for b in blocks_of(self.shape, _PATCH_SHAPES[len(self.shape)]) if mask[b].any()]
        if patches and self._work(patches) / len(patches) >= _WORTH_A_THREAD:
            for _ in in_threads(one, patches, progress):
                pass
            return result
        # Threads would only wait for each other's turn to call the next kernel.
        for done, patch in enumerate(patches, start=1):
            one(patch)
            if progress:
                progress(done, len(patches))
        return result

    def _work(self, blocks: Sequence[Block]) -> int:
        """Return how many values are computed for blocks, with what surrounds them."""
        pixels = (prod(s.stop - s.start + 2 * h for s, h in zip(b, self._halo, strict=True)) for b in blocks)
        return int(sum(pixels)) * len(self.names)

    @property
    def edges(self) -> list[NDArray[np.float32]]:
        """The edges of bins that suit this image, chosen once from small patches spread over it."""
        if self._edges is None:
            patches = blocks_of(self.shape, _SAMPLE_SHAPES[len(self.shape)])
            rng = np.random.default_rng(0)
            chosen = rng.choice(len(patches), min(_N_SAMPLES, len(patches)), replace=False)
            found = [
                np.stack([feature.ravel() for feature in features])
                for _, features in in_threads(lambda b: list(self.values(b)), [patches[i] for i in sorted(chosen)])
            ]
            self._edges = [find_edges(row) for row in np.concatenate(found, axis=1)]
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
        on_device = self._device()
        if on_device:
            return on_device.bins(self, block, edges)
        key = tuple(s.start for s in block)
        with self._lock:
            if self._cached_edges is not edges:
                self._cache.clear()
                self._cached_bytes = 0
                self._cached_edges = edges
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        small = all(len(e) <= MAX_EDGES for e in edges)
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

    def votes(self, block: Block, forest: Forest, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """Return what trees of a forest say about a block; see :meth:`bioloom.classify.forest.Forest.votes`."""
        if not self.keeps_bins:
            forest = forest.compact
        on_device = self._device()
        if on_device:
            return on_device.votes(self, block, forest, first, last)
        return forest.votes(self.bins(block, forest.edges), first, last)

    def answer(self, block: Block, forest: Forest, what: Answer) -> NDArray[Any]:
        """Return what a forest says about a block; see :func:`bioloom.classify.forest.answer`."""
        if not self.keeps_bins:
            forest = forest.compact
        on_device = self._device()
        if on_device:
            return on_device.answer(self, block, forest, what)
        return answer(self.votes(block, forest), what)

    def bins_at(self, block: Block, here: NDArray[np.bool_], edges: Sequence[NDArray[np.float32]]) -> NDArray[Any]:
        """Return the bins of the pixels that a mask of the block's shape marks, (pixels, features)."""
        on_device = self._device()
        if on_device:
            return on_device.bins_at(self, block, here, edges)
        return self.bins(block, edges)[:, here.ravel()].T

    def has_bins(self, block: Block, edges: Sequence[NDArray[np.float32]]) -> bool:
        """Tell whether the bins of a block are at hand."""
        on_device = self._device()
        if on_device:
            return on_device.has_bins(block, edges)
        with self._lock:
            return self._cached_edges is edges and tuple(s.start for s in block) in self._cache


def _tightened(block: Block, mask: NDArray[np.bool_]) -> Block:
    """Return the smallest part of a block that holds all that the mask marks in it."""
    tight = []
    for axis, s in enumerate(block):
        others = tuple(a for a in range(len(block)) if a != axis)
        where = np.flatnonzero(mask[block].any(others))
        tight.append(slice(s.start + int(where[0]), s.start + int(where[-1]) + 1))
    return tuple(tight)


def _custom_images(features: FeatureSet, custom: Sequence[Any], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the images of one's own that the features name, in their order."""
    images = []
    for feature in features.customs:
        number = int(feature.sigma)
        if number >= len(custom):
            raise InputError(f"The feature {feature} needs {number + 1} images in `custom`, not {len(custom)}.")
        image = custom[number]
        if tuple(np.shape(image)) != shape:
            raise InputError(f"The image for {feature} has the shape {np.shape(image)}, but must have {shape}.")
        images.append(image)
    return tuple(images)
