"""Objects of Dask arrays by their ids: counted, left out and numbered anew, from a table of all blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._blocks import with_value
from bioloom.operations._label_index import index_labels
from bioloom.operations._numbering import count_ids, total_ids
from bioloom.operations._scratch import Slices, places

Ids = NDArray[np.uint32]


def counted_blocks(labels: Any) -> Any:
    """Return, delayed, the ids that occur in a Dask array, sorted, without background, and their numbers of pixels."""
    from dask import delayed

    return delayed(total_ids)([delayed(count_ids)(block) for block in labels.to_delayed().ravel()])


def renamed_blocks(labels: Any, names: Any) -> Any:
    """Return a Dask array of labels with other ids; delayed ``names`` are the old ones, sorted, and the new ones."""
    return with_value(_renamed, names, labels, dtype=np.uint32)


def in_reading_order_of_blocks(labels: Any) -> Any:
    """Renumber the objects of a Dask array by their first pixels."""
    from dask import delayed

    firsts = [
        delayed(_ids_and_firsts)(block, where, labels.shape)
        for block, where in zip(labels.to_delayed().ravel(), places(labels), strict=True)
    ]
    return renamed_blocks(labels, delayed(_by_first)(firsts))


def _renamed(labels: Ids, names: tuple[Ids, Ids]) -> Ids:
    old, new = names
    index = index_labels(labels)
    return index.relabelled(new[np.searchsorted(old, index.ids)])


def _ids_and_firsts(labels: Ids, where: Slices, shape: tuple[int, ...]) -> tuple[Ids, NDArray[np.int64]]:
    """Return the ids in a part of an image, and where in the image the first pixel of each is."""
    from bioloom.operations._numbering import first_pixels

    index = index_labels(labels)
    if not index.n:
        return index.ids, np.zeros(0, np.int64)
    place = np.unravel_index(first_pixels(index.rows), labels.shape)
    moved = tuple(p + w.start for p, w in zip(place, where, strict=True))
    return index.ids, np.ravel_multi_index(moved, shape).astype(np.int64)


def _by_first(parts: Sequence[tuple[Ids, NDArray[np.int64]]]) -> tuple[Ids, Ids]:
    """Return the ids of the objects, sorted, and their numbers in the order of their first pixels."""
    ids, place = np.unique(np.concatenate([ids for ids, _ in parts]), return_inverse=True)
    first = np.full(ids.size, np.iinfo(np.int64).max)
    np.minimum.at(first, place, np.concatenate([first for _, first in parts]))
    numbers = np.empty(ids.size, np.uint32)
    numbers[np.argsort(first)] = np.arange(1, ids.size + 1)
    return ids, numbers
