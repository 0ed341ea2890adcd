"""Painted annotations: checked, and the pixels to learn from chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.feature_blocks import FeatureBlocks, Progress, in_threads
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


def choose_pixels(
    annotations: Sequence[NDArray[Any]], keys: Sequence[int], seed: int
) -> tuple[list[NDArray[np.bool_]], NDArray[np.uint64]]:
    """Choose the pixels to train on; return masks, and for each pixel the number of the tile it lies in."""
    where = [np.nonzero(a) for a in annotations]
    classes = np.concatenate([a[w] for a, w in zip(annotations, where, strict=True)])
    pixels = np.concatenate([hashed(seed, k, *w) for k, w in zip(keys, where, strict=True)])
    chosen = np.zeros(len(classes), bool)
    chosen[stratified(classes, pixels, MAX_SAMPLES)] = True
    masks, groups, start = [], [], 0
    for a, w, key in zip(annotations, where, keys, strict=True):
        here = chosen[start : start + len(w[0])]
        start += len(w[0])
        kept = tuple(axis[here] for axis in w)
        mask = np.zeros(a.shape, bool)
        mask[kept] = True
        masks.append(mask)
        groups.append(hashed(key, *(axis // _TILE for axis in kept)))
    return masks, np.concatenate(groups)


def bins_at(
    source: FeatureBlocks, mask: NDArray[np.bool_], edges: list[NDArray[np.float32]], progress: Progress | None
) -> NDArray[Any]:
    """Gather the bins of single pixels, (n, features), in reading order of the mask."""
    numbers = np.zeros(mask.shape, np.int32)
    n = int(np.count_nonzero(mask))
    numbers[mask] = np.arange(n)
    result: NDArray[Any] | None = None
    for block, bins in in_threads(
        lambda b: source.bins_at(b, mask[b], edges), [b for b in source.blocks if mask[b].any()], progress
    ):
        if result is None:
            result = np.empty((n, bins.shape[1]), bins.dtype)
        result[numbers[block][mask[block]]] = bins
    return np.empty((0, len(source.names)), np.uint8) if result is None else result
