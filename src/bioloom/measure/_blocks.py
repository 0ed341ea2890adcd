"""Measure an image that is read block by block, with the table of the whole.

What adds up over pixels is summed in every block and merged. From these sums come all measurements that need no pixels;
which ones do is found by not giving them any. Those are measured in tiles: the surroundings of the objects that begin
in the same block. What depends on the whole frame, as a threshold does, is computed block by block (`by_blocks`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.measure import inputs
from bioloom.measure._frame import Frame, give_back, in_order
from bioloom.measure._lazy import chunks_of, is_lazy
from bioloom.measure.evaluation import evaluate, forget, unneeded_after
from bioloom.measure.registry import Objects, Quantity, closure, node
from bioloom.measure.sums import Sums, drained

Array = NDArray[Any]
Ints = NDArray[np.int64]
Values = dict[tuple[str, str], Any]

LARGE = 1 << 26  # pixels of a lazy frame that is not read as a whole
BLOCK = 1 << 23  # about how many pixels the blocks have that are read at a time, one per core
_LEAST = 1 << 20  # about how many pixels a block has at least


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


def blocks_for(arrays: Sequence[Any], block_shape: Sequence[int] | None = None) -> tuple[int, ...] | None:
    """Return the size of the blocks in which frames of the same shape are read; None if all are read as a whole."""
    return next((found for found in (checked_blocks(array, block_shape) for array in arrays) if found), None)


def n_steps(labels: Any, block_shape: Sequence[int]) -> int:
    """Return how many steps `measure_blocks` reports."""
    return 2 * math.prod(math.ceil(n / b) for n, b in zip(inputs.shape_of(labels), block_shape, strict=True))


def sum_blocks(frame: Frame, parts: Sequence[str], finished: Callable[[], None]) -> Sums:
    """Sum up the objects of a frame, block by block in the thread pool; `finished` is called after each block."""
    # Only these look at the neighbours of a pixel, which may belong to the next block.
    margin = int("faces" in parts or "edges" in parts)
    if margin:
        frame.keep_pieces(images=False)

    def of_block(low: Ints, size: Ints) -> Sums:
        from bioloom.measure._summing import sum_rows

        begin, end = frame.around(low, low + size, margin)
        return sum_rows(frame.labels(begin, end), low - begin, size, frame.images(low, low + size), parts, low)

    return merged_blocks(frame, of_block, finished)


def merged_blocks(frame: Frame, work: Callable[[Ints, Ints], Sums], finished: Callable[[], None]) -> Sums:
    """Merge the sums of all blocks, as they are done."""
    done: list[Sums] = []
    total, waiting = 0, 0
    for found in frame.each_block(work):
        done.append(found)
        waiting += found.ids.size
        del found
        # Merging when as much is new as is old takes time in proportion to the number of objects.
        if waiting > max(total, 1 << 16):
            give_back()
            done = [drained(done)]
            total, waiting = done[0].ids.size, 0
        finished()
    frame.drop_pieces()
    give_back()
    done = [drained(done)]
    give_back()
    return done.pop()


def measure_frame(
    labels: Any, images: Mapping[str, Any], chosen: Sequence[Quantity], spacing: NDArray[np.float64], report: Report
) -> tuple[Array, Values]:
    """Measure the objects of a frame, in blocks if it is large and lazy; see `measure_blocks`."""
    block = blocks_for([labels, *images.values()])
    if block is not None:
        return measure_blocks(labels, images, chosen, spacing, block, report)
    stack = inputs.as_stack(inputs.checked_labels(labels))
    in_memory = {c: inputs.as_stack(inputs.checked_image(i, c[1:])) for c, i in images.items()}
    objects = inputs.index_objects(stack, len(inputs.shape_of(labels)), spacing, report.tick)
    keep = {p.name for p in chosen}
    return objects.ids, evaluate(closure(p.name for p in chosen), objects, in_memory, report.tick, keep=keep)


def measure_blocks(
    labels: Any,
    images: Mapping[str, Any],
    chosen: Sequence[Quantity],
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
    frame = Frame(labels, images, block, report.tick)
    parts = sorted({step.sums for step in steps if step.sums} | {"places"})
    n_blocks = n_steps(labels, block) // 2
    sums = sum_blocks(frame, parts, report.finished)
    frame.keep_pieces(images=True)
    remote = _Remote(
        np.zeros((0, 0, 0), np.uint32), sums.ids, np.empty(0, np.int32), frame.ndim, spacing, report.tick,
        tuple(frame.shape.tolist()),
    )  # fmt: skip
    whole = {step.name for step in steps if step.by_blocks}
    values, local = _without_pixels(steps, remote, frame, sums, {p.name for p in chosen} | whole)
    # The sums of a million objects take as much memory as their table.
    ids, lows, highs = sums.ids, sums.places.low, sums.places.high
    del sums, remote
    in_tiles = [p for p in chosen if any((p.name, "".join(c)) in local for c in p.suffixes(frame.channels))]
    n_done = 0
    if in_tiles:
        for key in [(p.name, "".join(c)) for p in in_tiles for c in p.suffixes(frame.channels)]:
            values.pop(key, None)
        known = {key: value for key, value in values.items() if key[0] in whole}
        inner, keep = closure((p.name for p in in_tiles), whole), {p.name for p in in_tiles}
        tiles = frame.tiles(lows, highs)
        margin = max(step.margin for step in inner)
        parts_read = in_order([partial(_read_tile, frame, lows[rows], highs[rows], margin) for rows in tiles], 1)
        for i, (rows, (pixels, here)) in enumerate(zip(tiles, parts_read, strict=True)):
            objects = inputs.with_table(pixels, ids[rows].astype(pixels.dtype), frame.ndim, spacing, report.tick)
            found = evaluate(inner, objects, here, report.tick, known=known, keep=keep)
            for p in in_tiles:
                for channels in p.suffixes(frame.channels):
                    _put(values, (p.name, "".join(channels)), found, rows, ids.size)
            now = n_blocks * (i + 1) // len(tiles)
            report.finished(now - n_done)
            n_done = now
        if not tiles:
            nothing = inputs.with_table(np.zeros((1, 1, 1), np.uint32), ids, frame.ndim, spacing, report.tick)
            no_images = {c: np.zeros((1, 1, 1)) for c in images}
            values.update(evaluate(inner, nothing, no_images, report.tick, known=known))
    report.finished(n_blocks - n_done)
    return ids, values


def _read_tile(frame: Frame, lows: Ints, highs: Ints, margin: int) -> tuple[Array, dict[str, Array]]:
    """Return the labels and images around objects with these bounding boxes."""
    low, high = frame.around(lows.min(axis=0), highs.max(axis=0), margin)
    return frame.labels(low, high), frame.images(low, high)


def _put(values: Values, key: tuple[str, str], found: Values, rows: Ints, n: int) -> None:
    """Write the results of some objects among those of all."""
    part = np.asarray(found[key])
    if key not in values:
        values[key] = np.zeros((n, *part.shape[1:]), part.dtype)
    elif values[key].dtype != part.dtype:
        values[key] = values[key].astype(np.result_type(values[key], part))
    values[key][rows] = part


def _without_pixels(
    steps: Sequence[Quantity], objects: Objects, frame: Frame, sums: Sums, keep: Collection[str]
) -> tuple[Values, set[tuple[str, str]]]:
    """Evaluate the steps that need no pixels, and those of the whole frame by its blocks.

    Return the results to keep, and the (name, channel) of all other steps.
    """
    values: Values = {}
    local: set[tuple[str, str]] = set()
    images: dict[str, Any] = {c: _NoImage() for c in frame.channels}
    for step, unneeded in zip(steps, unneeded_after(steps, keep), strict=True):
        for pair in step.suffixes(frame.channels):
            key = (step.name, "".join(pair))
            needs = [(need, "".join(c)) for need in step.needs for c in _channels_of(node(need), pair)]
            if step.by_blocks is not None:
                with np.errstate(all="ignore"):
                    values[key] = step.by_blocks(objects, frame, *pair, *(values.get(need) for need in needs))
                continue
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
