"""Painted annotations: checked, and the pixels to learn from chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.feature_blocks import Block, FeatureBlocks, Progress, in_threads
from bioloom.classify.samples import hashed, stratified
from bioloom.errors import InputError
from bioloom.operations.checks import as_labels

MAX_SAMPLES = 10_000
"""Pixels that a classifier is trained on at most."""

_TILE = 32


def check_annotation(annotation: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Return an annotation as unsigned integers.

    Raises
    ------
    InputError
        If its shape is another one, or it holds fractions or negative values.
    """
    array = np.asarray(annotation)
    if array.shape != shape:
        raise InputError(
            f"The annotation has the shape {array.shape}, but the image {shape}. Make a new annotation for this image."
        )
    return as_labels(array, "The annotation")


@dataclass(frozen=True)
class Painted:
    """The pixels of one image to learn from, in reading order.

    Attributes
    ----------
    where : tuple of numpy.ndarray
        Their coordinates, one array per axis.
    classes : numpy.ndarray
        int64: their class ids.
    groups : numpy.ndarray
        uint64: a number of the small tile of the image that each lies in.
    """

    where: tuple[NDArray[np.intp], ...]
    classes: NDArray[np.int64]
    groups: NDArray[np.uint64]


def choose_pixels(annotations: Sequence[NDArray[Any]], keys: Sequence[int], seed: int) -> list[Painted]:
    """Choose the pixels to learn from: all that are painted, or so many of each class where that is very much.

    Parameters
    ----------
    annotations
        Class ids, 0 where nothing is painted.
    keys
        A number per image by which it is known.
    seed
        Seed of the choice.
    """
    # Of a mask, pixels are found many times faster than of numbers.
    where = [np.unravel_index(np.flatnonzero(a != 0), a.shape) for a in annotations]
    classes = [a[w].astype(np.int64) for a, w in zip(annotations, where, strict=True)]
    pixels = np.concatenate([hashed(seed, k, *w) for k, w in zip(keys, where, strict=True)])
    chosen = np.zeros(len(pixels), bool)
    chosen[stratified(np.concatenate(classes), pixels, MAX_SAMPLES)] = True
    parts = np.split(chosen, np.cumsum([len(c) for c in classes])[:-1])
    painted = []
    for w, c, key, here in zip(where, classes, keys, parts, strict=True):
        kept = tuple(axis[here] for axis in w)
        painted.append(Painted(kept, c[here], hashed(key, *(axis // _TILE for axis in kept))))
    return painted


def values_at(source: FeatureBlocks, painted: Painted, progress: Progress | None) -> NDArray[np.float32]:
    """Compute the features of the pixels, float32 (n, features)."""
    mask = np.zeros(source.shape, bool)
    mask[painted.where] = True
    return source.at(mask, progress)


def bins_at(
    source: FeatureBlocks, painted: Painted, edges: list[NDArray[np.float32]], progress: Progress | None
) -> NDArray[Any]:
    """Gather the bins of the pixels, (n, features), from the blocks they lie in."""
    sides = [s.stop for s in source.blocks[0]]
    counts = [-(-n // side) for n, side in zip(source.shape, sides, strict=True)]
    number = np.zeros(len(painted.classes), np.intp)
    for axis, side, count in zip(painted.where, sides, counts, strict=True):
        number = number * count + axis // side
    order = np.argsort(number, kind="stable")
    held, starts = np.unique(number[order], return_index=True)
    rows = dict(zip(held.tolist(), np.split(order, starts[1:]), strict=True))
    blocks = {tuple(s.start for s in source.blocks[k]): k for k in rows}

    def gathered(block: Block) -> NDArray[Any]:
        own = rows[blocks[tuple(s.start for s in block)]]
        here = np.zeros([s.stop - s.start for s in block], bool)
        here[tuple(axis[own] - s.start for axis, s in zip(painted.where, block, strict=True))] = True
        return source.bins_at(block, here, edges)

    result: NDArray[Any] | None = None
    for block, bins in in_threads(gathered, [source.blocks[k] for k in rows], progress):
        if result is None:
            result = np.empty((len(number), bins.shape[1]), bins.dtype)
        result[rows[blocks[tuple(s.start for s in block)]]] = bins
    return np.empty((0, len(source.names)), np.uint8) if result is None else result
