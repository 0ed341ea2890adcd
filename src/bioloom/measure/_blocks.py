"""Measure an image that is read block by block, with the table of the whole.

What adds up over pixels is summed in every block and merged. From these sums come all measurements that need no pixels;
which ones do is found by not giving them any. Those are measured in tiles: the surroundings of the objects that begin
in the same block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.measure import inputs
from bioloom.measure._lazy import chunks_of, is_lazy
from bioloom.measure.evaluation import evaluate, forget, unneeded_after
from bioloom.measure.registry import Objects, Property, Quantity, closure, node
from bioloom.measure.sums import Sums, drained

Array = NDArray[Any]
Ints = NDArray[np.int64]
Values = dict[tuple[str, str], Any]

LARGE = 1 << 26  # pixels of a lazy frame that is not read as a whole
BLOCK = 1 << 23  # about how many pixels the blocks have that are read at a time, one per core
_LEAST = 1 << 20  # about how many pixels a block has at least
_MOST_BLOCKS = 4  # how many blocks are read at a time around objects larger than a block


class Report(Protocol):
    """Tells how far a computation is."""

    def tick(self) -> None:
        """Let the caller stop it."""

    def finished(self, steps: int = 1) -> None:
        """Count steps."""


class NeedsPixels(Exception):
    """Raised where a measurement looks at pixels that are not there."""


class _NoImage:
    """Stands for an image that is not in memory."""

    def __getattribute__(self, name: str) -> Any:
        """Raise NeedsPixels."""
        raise NeedsPixels


@dataclass(frozen=True)
class _Remote(Objects):
    """Objects whose pixels are not in memory."""

    def __getattribute__(self, name: str) -> Any:
        """Raise NeedsPixels where it is pixels that are asked for."""
        if name in ("labels", "table"):
            raise NeedsPixels
        return super().__getattribute__(name)


def checked_blocks(labels: Any, block_shape: Sequence[int] | None) -> tuple[int, ...] | None:
    """Return the size of the blocks in which a frame is read; None if it is read as a whole."""
    shape = inputs.shape_of(labels)
    if block_shape is not None:
        sizes = tuple(block_shape) if np.ndim(block_shape) == 1 else ()
        if len(sizes) != len(shape) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in sizes):
            raise InputError(
                f"block_shape={block_shape!r} does not fit: give {len(shape)} whole numbers above 0, one for each axis "
                "of a frame."
            )
        return tuple(int(n) for n in sizes) if math.prod(shape) else None
    if not is_lazy(labels) or math.prod(shape) <= LARGE:
        return None
    chunks = tuple(min(c, n) for c, n in zip(chunks_of(labels) or (1,) * len(shape), shape, strict=True))
    # Whole rows of chunks make few borders, along which neighbours are looked up in other chunks.
    found, room = list(chunks), max(BLOCK // device.n_cores(), min(BLOCK, _LEAST)) / math.prod(chunks)
    side = max(room, 1) ** (1 / len(shape))
    for axis in range(len(shape)):
        times = max(1, min(math.ceil(shape[axis] / chunks[axis]), round(side)))
        found[axis] = min(chunks[axis] * times, shape[axis])
    return tuple(found)


def n_steps(labels: Any, block_shape: Sequence[int]) -> int:
    """Return how many steps `measure_blocks` reports."""
    return 2 * math.prod(math.ceil(n / b) for n, b in zip(inputs.shape_of(labels), block_shape, strict=True))


def _grid(shape: Sequence[int], block: Sequence[int]) -> Iterator[tuple[Ints, Ints]]:
    """Low corners (z, y, x) and sizes of blocks in the order of memory."""
    whole, size = ((1,) * (3 - len(s)) + tuple(s) for s in (shape, block))
    for corner in product(*(range(0, n, b) for n, b in zip(whole, size, strict=True))):
        low = np.array(corner)
        yield low, np.minimum(low + size, whole) - low


def _read(array: Any, low: Ints, high: Ints) -> Any:
    """Return the part of an array with these corners (z, y, x)."""
    ndim = len(inputs.shape_of(array))
    array = array if hasattr(array, "shape") else np.asarray(array)
    part = array[tuple(slice(int(a), int(b)) for a, b in zip(low[3 - ndim :], high[3 - ndim :], strict=True))]
    return np.asarray(part)


def _labels(array: Any, low: Ints, high: Ints) -> Array:
    return inputs.as_stack(inputs.checked_labels(_read(array, low, high)))


def _images(images: Mapping[str, Any], low: Ints, high: Ints) -> dict[str, Array]:
    return {c: inputs.as_stack(inputs.checked_image(_read(i, low, high), c[1:])) for c, i in images.items()}


def sum_blocks(
    labels: Any, images: Mapping[str, Any], parts: Sequence[str], block: Sequence[int], finished: Callable[[], None]
) -> Sums:
    """Sum up the objects of a frame, block by block in the thread pool; `finished` is called after each block."""
    from bioloom.measure._summing import sum_rows

    shape = inputs.shape_of(labels)
    whole = np.array((1,) * (3 - len(shape)) + tuple(shape))
    # Only these look at the neighbours of a pixel, which may belong to the next block.
    margin = int("faces" in parts or "edges" in parts)

    def of_block(low: Ints, size: Ints) -> Sums:
        begin, end = np.maximum(low - margin, 0), np.minimum(low + size + margin, whole)
        return sum_rows(_labels(labels, begin, end), low - begin, size, _images(images, low, low + size), parts, low)

    done: list[Sums] = []
    total, waiting = 0, 0
    calls = [partial(of_block, *place) for place in _grid(shape, block)]
    ahead = 2 * device.n_cores()
    futures = [device.thread_pool().submit(call) for call in calls[:ahead]]
    try:
        for i in range(len(calls)):
            found = futures[i].result()
            futures[i] = None  # type: ignore[call-overload]  # lets go of the sums
            if i + ahead < len(calls):
                futures.append(device.thread_pool().submit(calls[i + ahead]))
            done.append(found)
            waiting += found.ids.size
            # Merging when as much is new as is old takes time in proportion to the number of objects.
            if waiting > max(total, 1 << 16):
                done = [drained(done)]
                total, waiting = done[0].ids.size, 0
            finished()
    finally:
        for future in futures:
            if future is not None:
                future.cancel()
    del found
    return drained(done)


def measure_blocks(
    labels: Any,
    images: Mapping[str, Any],
    chosen: Sequence[Property],
    spacing: NDArray[np.float64],
    block: Sequence[int],
    report: Report,
) -> tuple[Array, Values]:
    """Measure the objects of a frame that is read in blocks.

    Returns
    -------
    ids : numpy.ndarray
        The labels of the objects, sorted.
    values : dict
        The measurements by (name, channel), as of `evaluate`.
    """
    steps = closure(p.name for p in chosen)
    shape = inputs.shape_of(labels)
    parts = sorted({step.sums for step in steps if step.sums} | {"places"})
    n_blocks = n_steps(labels, block) // 2
    sums = sum_blocks(labels, images, parts, block, report.finished)
    size = (1,) * (3 - len(shape)) + tuple(shape)
    remote = _Remote(
        np.zeros((0, 0, 0), np.uint32), sums.ids, np.empty(0, np.int32), len(shape), spacing, report.tick, size
    )
    values, local = _without_pixels(steps, remote, list(images), sums, {p.name for p in chosen})
    # The sums of a million objects take as much memory as their table.
    ids, lows, highs = sums.ids, sums.places.low, sums.places.high
    del sums, remote
    in_tiles = [p for p in chosen if any((p.name, "".join(c)) in local for c in p.suffixes(list(images)))]
    for step in closure(p.name for p in in_tiles):
        if step.whole:
            who = next(p.name for p in in_tiles if step in closure([p.name]))
            raise InputError(
                f"{who!r} depends on pixels far from the object and cannot be measured in blocks. Give labels and "
                "images as NumPy arrays (numpy.asarray) if they fit into memory, or leave it out."
            )
    n_done = 0
    if in_tiles:
        for key in [(p.name, "".join(c)) for p in in_tiles for c in p.suffixes(list(images))]:
            values.pop(key, None)
        tiles = list(_tiles(lows, highs, block))
        inner = closure(p.name for p in in_tiles)
        for i, rows in enumerate(tiles):
            low = np.maximum(lows[rows].min(axis=0) - 1, 0)
            high = np.minimum(highs[rows].max(axis=0) + 1, size)
            pixels = _labels(labels, low, high)
            objects = inputs.with_table(pixels, ids[rows].astype(pixels.dtype), len(shape), spacing, report.tick)
            found = evaluate(inner, objects, _images(images, low, high), report.tick, keep={p.name for p in in_tiles})
            for p in in_tiles:
                for channels in p.suffixes(list(images)):
                    _put(values, (p.name, "".join(channels)), found, rows, ids.size)
            now = n_blocks * (i + 1) // len(tiles)
            report.finished(now - n_done)
            n_done = now
        if not tiles:
            nothing = inputs.with_table(np.zeros((1, 1, 1), np.uint32), ids, len(shape), spacing, report.tick)
            values.update(evaluate(inner, nothing, {c: np.zeros((1, 1, 1)) for c in images}, report.tick))
    report.finished(n_blocks - n_done)
    return ids, values


def _put(values: Values, key: tuple[str, str], found: Values, rows: Ints, n: int) -> None:
    """Write the results of some objects among those of all."""
    part = np.asarray(found[key])
    if key not in values:
        values[key] = np.zeros((n, *part.shape[1:]), part.dtype)
    elif values[key].dtype != part.dtype:
        values[key] = values[key].astype(np.result_type(values[key], part))
    values[key][rows] = part


def _without_pixels(
    steps: Sequence[Quantity], objects: Objects, channels: Sequence[str], sums: Sums, keep: Collection[str]
) -> tuple[Values, set[tuple[str, str]]]:
    """Evaluate the steps that need no pixels; return the results to keep, and the (name, channel) of other steps."""
    values: Values = {}
    local: set[tuple[str, str]] = set()
    images: dict[str, Any] = {c: _NoImage() for c in channels}
    for step, unneeded in zip(steps, unneeded_after(steps, keep), strict=True):
        for pair in step.suffixes(channels):
            key = (step.name, "".join(pair))
            needs = [(need, "".join(c)) for need in step.needs for c in _channels_of(node(need), pair)]
            if any(need in local for need in needs):
                local.add(key)
                continue
            try:
                # Needs are given as results that are known, so that each step is evaluated by itself.
                values.update(evaluate([step], objects, {c: images[c] for c in pair}, _nothing, sums, values))
            except NeedsPixels:
                local.add(key)
        forget(values, unneeded)
    return values, local


def _channels_of(need: Quantity, channels: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return for which channels a step for `channels` needs another."""
    if need.n_images == len(channels):
        return [channels]
    return [(c,) for c in channels] if need.n_images else [()]


def _nothing() -> None:
    """Do nothing."""


def _tiles(low: Ints, high: Ints, block: Sequence[int]) -> Iterator[Ints]:
    """Divide objects into groups that lie close together.

    Those that begin in the same block are one; those larger than a block are together as long as their surroundings
    are not larger than some blocks.
    """
    size = np.array((1,) * (3 - len(block)) + tuple(block))
    large = (high - low > size).any(axis=1)
    place = low // size
    number = np.ravel_multi_index(tuple(place.T), tuple(place.max(axis=0) + 1)) if len(low) else np.zeros(0, np.int64)
    small = np.flatnonzero(~large)
    order = small[np.argsort(number[small], kind="stable")]
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    for group in np.split(order, starts[1:]) if order.size else []:
        yield np.sort(group)
    group_of_large: list[int] = []
    corners = np.zeros((2, 3), np.int64)
    rows = np.flatnonzero(large)
    for row in rows[np.lexsort(low[rows].T[::-1])]:
        around = np.minimum(corners[0], low[row]), np.maximum(corners[1], high[row])
        if group_of_large and np.prod(around[1] - around[0]) > _MOST_BLOCKS * np.prod(size):
            yield np.sort(group_of_large)
            group_of_large = []
        corners[:] = around if group_of_large else (low[row], high[row])
        group_of_large.append(row)
    if group_of_large:
        yield np.sort(group_of_large)
