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


def pixels_of_size(size: float, spacing: Any) -> float:
    """Convert an area or a volume in units of spacing into pixels; rounding does not make it larger."""
    return float(size / np.prod(spacing if spacing else 1.0)) * (1 - 1e-9)


def count_ids(labels: NDArray[np.uint32]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the ids that occur in labels, sorted, without background, and the number of pixels of each."""
    from bioloom.operations._label_tables import count_labels

    largest = int(labels.max(initial=0))
    if largest <= max(2 * labels.size, 1 << 16):
        counts = count_labels(labels, largest)
        counts[0] = 0
        ids = np.flatnonzero(counts)
        return ids.astype(np.uint32), counts[ids]
    ids, counts = np.unique(labels, return_counts=True)
    return ids[ids > 0], counts[ids > 0]


def total_ids(counted: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return what :func:`count_ids` does for a whole image, from the parts of it that were counted."""
    ids, place = np.unique(np.concatenate([ids for ids, _ in counted]), return_inverse=True)
    totals = np.zeros(ids.size, np.int64)
    np.add.at(totals, place, np.concatenate([n for _, n in counted]))
    return ids.astype(np.uint32), totals


def small_ids(counted: Sequence[tuple[NDArray[Any], NDArray[Any]]], least: float) -> NDArray[Any]:
    """Return the ids that have fewer pixels in all parts of an image that were counted."""
    ids, totals = total_ids(counted)
    small: NDArray[Any] = ids[totals < least]
    return small


def without_ids(labels: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.uint32]:
    """Return labels with some objects made background."""
    from bioloom.operations._label_tables import look_up

    largest = int(labels.max(initial=0))
    gone = ids[(ids != 0) & (ids <= largest)]
    if gone.size and largest <= max(4 * labels.size, 1 << 16):
        stay = np.arange(largest + 1, dtype=np.uint32)
        stay[gone] = 0
        return look_up(stay, labels)
    kept = labels.astype(np.uint32)
    if gone.size:
        kept[np.isin(labels, gone)] = 0
    return kept
