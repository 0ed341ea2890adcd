"""The features of images on an OpenCL device, block by block, kept there as bins."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify._opencl.edges import Edges, edge_table
from bioloom.classify._opencl.features import DeviceNeighbourhood, Volume, can_compute
from bioloom.classify._opencl.forest import Answer, DeviceBins, DeviceForest, on_device
from bioloom.classify._opencl.runtime import current_runtime
from bioloom.classify.feature_set import FeatureSet
from bioloom.classify.forest import MAX_EDGES, Forest

if TYPE_CHECKING:
    from bioloom.classify.feature_blocks import Block, FeatureBlocks


class KeptBins:
    """Bins of blocks on one device, up to a number of bytes; what was used longest ago goes first.

    Parameters
    ----------
    budget
        Bytes that may be kept. Whoever computes a block needs memory beside them.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.n_bytes = 0
        self._bins: OrderedDict[tuple[int, Hashable, int], tuple[DeviceBins, Edges]] = OrderedDict()
        self._lock = Lock()

    def get(self, owner: int, key: Hashable, edges: Edges) -> DeviceBins | None:
        """Return the bins of a block that were made with these edges, the same list, or None."""
        with self._lock:
            found = self._bins.get((owner, key, id(edges)))
            if found is None:
                return None
            self._bins.move_to_end((owner, key, id(edges)))
            return found[0]

    def has(self, owner: int, key: Hashable, edges: Edges) -> bool:
        """Tell whether bins are kept, without counting that as use."""
        with self._lock:
            return (owner, key, id(edges)) in self._bins

    def keep(self, owner: int, key: Hashable, edges: Edges, bins: DeviceBins) -> None:
        """Keep bins; the edges are kept alive with them, so that no other list can get their id."""
        with self._lock:
            if (owner, key, id(edges)) in self._bins or bins.n_bytes > self.budget:
                return
            self._bins[owner, key, id(edges)] = bins, edges
            self.n_bytes += bins.n_bytes
            while self.n_bytes > self.budget:
                self.n_bytes -= self._bins.popitem(last=False)[1][0].n_bytes

    def drop(self, owner: int) -> None:
        """Forget all bins of one owner."""
        with self._lock:
            for key in [key for key in self._bins if key[0] == owner]:
                self.n_bytes -= self._bins.pop(key)[0].n_bytes


_owners = count()


class DeviceBlocks:
    """The bins of one image's blocks on the OpenCL device in use.

    What it gives is what the NumPy engine gives. Kinds of features that the device has no kernel for, or no numbers of
    64 bits where these are needed, are computed by the NumPy engine and copied.

    Parameters
    ----------
    keep
        Keep bins on the device until their place is needed, or this object is gone.

    Attributes
    ----------
    device : Device
        Where it computes.

    Raises
    ------
    DeviceError
        If no device works, it cannot compile the kernels, or, in all methods, it runs out of memory.
    """

    def __init__(self, keep: bool) -> None:
        self.device = device.current()
        self._run = current_runtime()
        if self._run.kept is None:
            self._run.kept = KeptBins(self._run.memory // 4)
        self._kept: KeptBins = self._run.kept
        self._keep = keep
        self._owner = next(_owners)
        weakref.finalize(self, self._kept.drop, self._owner)

    def has_bins(self, block: Block, edges: Edges) -> bool:
        """Tell whether the bins of a block are on the device."""
        return self._kept.has(self._owner, _key(block), edges)

    def bins(self, source: FeatureBlocks, block: Block, edges: Edges) -> NDArray[Any]:
        """Return the bins of a block, (features, pixels), uint8 or uint16."""
        with self._run.reporting("computing features"):
            bins = self._bins(source, block, edges)
            with self._run.lock:
                return bins.pull(self._run)

    def bins_at(self, source: FeatureBlocks, block: Block, here: NDArray[np.bool_], edges: Edges) -> NDArray[Any]:
        """Return the bins of the pixels of a block that a mask of its shape marks, (pixels, features)."""
        with self._run.reporting("computing features"):
            bins = self._bins(source, block, edges)
            with self._run.lock:
                return bins.at(self._run, np.flatnonzero(here))

    def votes(
        self, source: FeatureBlocks, block: Block, forest: Forest, first: int = 0, last: int | None = None
    ) -> NDArray[np.float32]:
        """Return the votes of trees for a block; see :meth:`bioloom.classify.forest.Forest.votes`."""
        with self._run.reporting("evaluating the forest"):
            bins = self._bins(source, block, forest.edges)
            with self._run.lock:
                ready = self._forest(forest, bins)
                return ready.pull_votes(bins, ready.votes(bins, first, last))

    def answer(self, source: FeatureBlocks, block: Block, forest: Forest, what: Answer) -> NDArray[Any]:
        """Return what a forest says about a block; see :meth:`DeviceForest.answer`."""
        with self._run.reporting("evaluating the forest"):
            bins = self._bins(source, block, forest.edges)
            with self._run.lock:
                ready = self._forest(forest, bins)
                return ready.answer(bins, ready.votes(bins), what)

    def values(self, source: FeatureBlocks, block: Block) -> list[NDArray[np.float32]]:
        """Return the features of a block, float32 in its shape."""
        start, size = _triple([s.start for s in block], 0), _triple([s.stop - s.start for s in block], 1)
        found = []
        surroundings = self._surroundings(source, block)
        with self._run.reporting("computing features"), self._run.lock:
            for feature in self._features(source, block, surroundings):
                values = feature.pull(self._run, start, size)
                found.append(values[0] if len(block) == 2 else values)
        return found

    def _forest(self, forest: Forest, bins: DeviceBins) -> DeviceForest:
        return on_device(self._run, forest, bins.dtype == np.uint8)

    def _bins(self, source: FeatureBlocks, block: Block, edges: Edges) -> DeviceBins:
        bins = self._kept.get(self._owner, _key(block), edges)
        if bins is None:
            # Reading and normalising is done beside what others do on the device.
            surroundings = self._surroundings(source, block)
            with self._run.lock:
                bins = self._quantised(source, block, surroundings, edges)
                self._run.finish()
            if self._keep:
                self._kept.keep(self._owner, _key(block), edges, bins)
        return bins

    def _quantised(
        self, source: FeatureBlocks, block: Block, surroundings: list[NDArray[np.float32]], edges: Edges
    ) -> DeviceBins:
        table = edge_table(self._run, edges)
        small = all(len(e) <= MAX_EDGES for e in edges)
        nz, ny, nx = _triple([s.stop - s.start for s in block], 1)
        start = _triple([s.start for s in block], 0)
        bins = DeviceBins.allocate(self._run, len(edges), nz * ny * nx, np.uint8 if small else np.uint16)
        for row, volume in enumerate(self._features(source, block, surroundings)):
            z, y, x = (a - b for a, b in zip(start, volume.start, strict=True))
            plane = volume.size[1] * volume.pitch
            self._run.run_volume(
                "quantise" + bins.suffix, (nz, ny, nx), self._run.span, volume.buffer,
                z * plane + y * volume.pitch + x, volume.pitch, plane, nx, ny, *table.search(row), bins.buffer, row,
                bins.stride,
            )  # fmt: skip
        return bins

    def _surroundings(self, source: FeatureBlocks, block: Block) -> list[NDArray[np.float32]]:
        return [source.surroundings(channel, block) for channel in range(len(source.channels))]

    def _features(self, source: FeatureBlocks, block: Block, surroundings: list[NDArray[np.float32]]) -> Any:
        """Yield the features of a block on the device; valid until the next is asked for."""
        flat = len(source.shape) == 2
        halo = source.features.halo(source.spacing)
        start = _triple([s.start for s in block], 0)
        filters = source.features.filters
        here = [f for f in filters if can_compute(self._run, f.kind, flat)]
        others = tuple(f for f in filters if f not in here)
        for pixels in surroundings:
            inside = _inside(pixels, halo, block, source.shape)
            near = DeviceNeighbourhood(
                self._run,
                inside[np.newaxis] if flat else inside,
                _triple([max(s.start - h, 0) for s, h in zip(block, halo, strict=True)], 0),
                _triple(block, slice(0, 1)),
                _triple(source.shape, 1),
                _triple(source.spacing, 1.0),
                flat,
                [(f.kind, f.sigma) for f in here],
            )
            computed = iter(
                FeatureSet(others).compute(pixels, halo, block, source.shape, source.spacing) if others else ()
            )
            for feature in filters:
                if feature in others:
                    values = next(computed)
                    yield Volume.push(self._run, values[np.newaxis] if flat else values, start)
                else:
                    yield near.feature(feature.kind, feature.sigma)
        for values in source.own_images(block):
            yield Volume.push(self._run, values[np.newaxis] if flat else values, start)


def _inside(
    pixels: NDArray[np.float32], halo: Sequence[int], block: Block, shape: Sequence[int]
) -> NDArray[np.float32]:
    """Cut off what lies outside the image."""
    cut = []
    for h, s, n in zip(halo, block, shape, strict=True):
        low = max(h - s.start, 0)
        cut.append(slice(low, low + min(s.stop + h, n) - max(s.start - h, 0)))
    return pixels[tuple(cut)]


def _key(block: Block) -> Hashable:
    return tuple((s.start, s.stop) for s in block)


def _triple(values: Sequence[Any], first: Any) -> Any:
    """Return a value per axis z, y, x; that of z is `first` for planes."""
    return (first, *values) if len(values) == 2 else tuple(values)
