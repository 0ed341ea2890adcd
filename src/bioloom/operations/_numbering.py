"""Numbering objects in reading order, counting them, and leaving small ones out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_pixels(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the flat index of the first pixel of each label 1…n."""
    from bioloom.operations._region_kernels import first_of_each

    firsts = np.full(int(labels.max()), -1, np.int64)
    first_of_each(np.ascontiguousarray(labels).reshape(-1), firsts)
    return firsts


def in_reading_order(labels: NDArray[Any], least: float = 1) -> NDArray[np.uint32]:
    """Renumber objects by their first pixels, without those that are too small.

    Parameters
    ----------
    labels
        Any shape, integers from 0 to about the number of pixels; 0 is background.
    least
        Smallest number of pixels that stays.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n.
    """
    from bioloom.operations._region_kernels import count_pixels, renumber

    flat = np.ascontiguousarray(labels).reshape(-1)
    counts = np.zeros(int(flat.max()) + 1, np.int64)
    if least > 1:
        count_pixels(flat, counts)
        smallest = least
    else:
        smallest = 0
    result = np.empty(flat.size, np.uint32)
    renumber(flat, counts, float(smallest), np.zeros(counts.size, np.uint32), result)
    return result.reshape(labels.shape)


def in_reading_order_of_blocks(labels: Any) -> Any:
    """Renumber the objects of a Dask array by their first pixels."""
    from dask import delayed

    from bioloom.operations._blocks import with_value
    from bioloom.operations._scratch import places

    firsts = [
        delayed(_ids_and_first)(block, where, labels.shape)
        for block, where in zip(labels.to_delayed().ravel(), places(labels), strict=True)
    ]
    return with_value(renamed, delayed(_by_first)(firsts), labels, dtype=np.uint32)


def _ids_and_first(
    labels: NDArray[np.uint32], where: tuple[slice, ...], shape: tuple[int, ...]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the ids in a part of an image and where in the image the first pixel of each is."""
    ids, first = np.unique(labels, return_index=True)
    place = np.unravel_index(first, labels.shape)
    return ids, np.ravel_multi_index(tuple(p + w.start for p, w in zip(place, where, strict=True)), shape).astype(
        np.int64
    )


def _by_first(
    parts: Sequence[tuple[NDArray[np.uint32], NDArray[np.int64]]],
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the ids of the objects, sorted, and their numbers in the order of their first pixels."""
    ids, place = np.unique(np.concatenate([ids for ids, _ in parts]), return_inverse=True)
    first = np.full(ids.size, np.iinfo(np.int64).max)
    np.minimum.at(first, place, np.concatenate([first for _, first in parts]))
    ids, first = ids[ids > 0], first[ids > 0]
    numbers = np.empty(ids.size, np.uint32)
    numbers[np.argsort(first)] = np.arange(1, ids.size + 1)
    return ids, numbers


def renamed(labels: NDArray[np.uint32], names: tuple[NDArray[np.uint32], NDArray[np.uint32]]) -> NDArray[np.uint32]:
    """Return labels with other ids: ``names`` are the old, sorted, and the new."""
    old, new = names
    result = np.zeros(labels.shape, np.uint32)
    inside = labels != 0
    result[inside] = new[np.searchsorted(old, labels[inside])]
    return result


def pixels_of_size(size: float, spacing: Any) -> float:
    """Convert an area or a volume in units of spacing into pixels; rounding does not make it larger."""
    return float(size / np.prod(spacing if spacing else 1.0)) * (1 - 1e-9)


def count_ids(labels: NDArray[np.uint32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the ids that occur in labels, with background, and the number of pixels of each."""
    ids, counts = np.unique(labels, return_counts=True)
    return ids, counts


def small_ids(counted: Sequence[tuple[NDArray[Any], NDArray[Any]]], least: float) -> NDArray[Any]:
    """Return the ids that have fewer pixels in all parts of an image that were counted."""
    ids, place = np.unique(np.concatenate([ids for ids, _ in counted]), return_inverse=True)
    totals = np.bincount(place, weights=np.concatenate([n for _, n in counted]), minlength=ids.size)
    small: NDArray[Any] = ids[(totals < least) & (ids > 0)]
    return small


def without_ids(labels: NDArray[np.uint32], ids: NDArray[Any]) -> NDArray[np.uint32]:
    """Return labels with some objects made background."""
    return np.where(np.isin(labels, ids), np.uint32(0), labels) if ids.size else labels
