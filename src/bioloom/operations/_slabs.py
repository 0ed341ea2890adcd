"""Large images in slabs, on all cores and in pieces that fit the caches."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device

_PIXELS = 1 << 17
"""About how many pixels a slab has: what a core's cache holds."""


def inside_pool() -> bool:
    """Tell whether this is a thread of the pool: one that waited for others of it could wait forever."""
    return threading.current_thread().name.startswith("bioloom_")


def share_rows(kernel: Callable[[int, int], None], rows: int, pixels: int) -> None:
    """Call ``kernel(low, high)`` for all rows of an image of so many pixels, on all cores if that is worth it."""
    parts = 1 if pixels < 1 << 16 or inside_pool() else 4 * device.n_cores()
    edges = [rows * k // parts for k in range(parts + 1)]
    if parts == 1:
        kernel(0, rows)
        return
    for _ in device.thread_pool().map(kernel, edges[:-1], edges[1:]):
        pass


def by_slabs(
    function: Callable[..., NDArray[Any]], *images: NDArray[Any], margin: int | Sequence[int], pixels: int = _PIXELS
) -> NDArray[Any]:
    """Return ``function(*images)`` computed slab by slab in the thread pool.

    Parameters
    ----------
    function
        Gives an array of the shape of its arguments, each pixel of which depends on what is at most `margin` away, and
        lets go of the interpreter while it computes.
    *images
        Arrays of one shape.
    margin
        In pixels, per axis or the same for all.
    pixels
        About how many pixels a slab shall have.
    """
    shape = images[0].shape
    margins = (margin,) * len(shape) if isinstance(margin, int) else tuple(margin)
    # The last axis stays whole: slabs along it would scatter reads.
    axis = max(range(len(shape) - 1), key=lambda a: (shape[a] / (1 + margins[a]), -a))
    reach, length = margins[axis], shape[axis]
    plane = math.prod(shape) // length
    step = max(pixels // plane, 4 * reach, 1)
    step = min(step, max(math.ceil(length / device.n_cores()), 2 * reach, 1))
    if step >= length or inside_pool() or math.prod(shape) < _PIXELS:
        return function(*images)

    def slab(start: int) -> NDArray[Any]:
        low, high = max(start - reach, 0), min(start + step + reach, length)
        index = (slice(None),) * axis
        result = function(*(image[(*index, slice(low, high))] for image in images))
        return result[(*index, slice(start - low, min(start + step, length) - low))]

    return np.concatenate(list(device.thread_pool().map(slab, range(0, length, step))), axis=axis)
