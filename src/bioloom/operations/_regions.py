"""What labelling shares: connected regions of masks and distances within them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._numbering import in_reading_order, pixels_of_size


def connected(mask: NDArray[Any], diagonal: bool) -> NDArray[np.uint32]:
    """Label the connected regions of a mask.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order, as by ``scipy.ndimage.label``; rows are joined run by run.
    """
    from bioloom.operations._region_kernels import count_runs, fill_runs, join, paint

    binary = foreground(mask)
    stack = binary.reshape((1,) * (3 - mask.ndim) + mask.shape)
    first = np.zeros(stack.shape[0] * stack.shape[1] + 1, np.int64)
    count_runs(stack, first)
    starts, stops = np.empty(first[-1], np.int32), np.empty(first[-1], np.int32)
    fill_runs(stack, first, starts, stops)
    parent = np.arange(first[-1])
    join(np.array(stack.shape), diagonal, first, starts, stops, parent)
    labels = np.zeros(stack.shape, np.uint32)
    paint(first, starts, stops, parent, labels)
    return labels.reshape(mask.shape)


def distances_to_background(inside: NDArray[np.bool_], spacing: Sequence[float] | None) -> NDArray[np.float32]:
    """Return the distance of each foreground pixel to the nearest background, 1 where there is no background at all."""
    from bioloom.operations._label_distances import distance_to_others

    if inside.all():
        return np.ones(inside.shape, np.float32)
    return np.where(inside, distance_to_others(inside, spacing), 0).astype(np.float32)


def label_regions(mask: NDArray[np.bool_], diagonal: bool, least: float) -> NDArray[np.uint32]:
    """Label the connected regions of a mask that have at least so many pixels, in reading order."""
    labels = connected(mask, diagonal)
    return labels if least <= 1 else in_reading_order(labels, least)


def without_small_on_device(labels: Any, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    """Return labels of an OpenCL device without objects that are too small, numbered anew if there is a limit."""
    least = pixels_of_size(minimum_size, spacing)
    return device.push(in_reading_order(device.pull(labels).astype(np.uint32), least)) if least > 1 else labels


def foreground(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Return a mask as a contiguous array of bool."""
    found: NDArray[np.bool_] = np.ascontiguousarray(mask if mask.dtype == bool else mask != 0)
    return found
