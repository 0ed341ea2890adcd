"""Growing labels through a mask at equal speed, frontier by frontier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(nogil=True, cache=True)
def _grow(labels: Any, mask: Any, frontier: Any, count: int) -> None:
    depth, height, width = labels.shape
    pending = np.zeros(labels.shape, labels.dtype)
    following = np.empty_like(frontier)
    touched = np.empty_like(frontier)
    box = True
    idle = 0
    while count and idle < 2:
        n_touched = 0
        n_following = 0
        for k in range(count):
            index = frontier[k]
            z, rest = divmod(index, height * width)
            y, x = divmod(rest, width)
            label = labels[z, y, x]
            open_neighbours = False
            for dz in range(-1, 2):
                for dy in range(-1, 2):
                    for dx in range(-1, 2):
                        zz, yy, xx = z + dz, y + dy, x + dx
                        if zz < 0 or yy < 0 or xx < 0 or zz >= depth or yy >= height or xx >= width:
                            continue
                        if labels[zz, yy, xx] or not mask[zz, yy, xx]:
                            continue
                        if not box and abs(dz) + abs(dy) + abs(dx) > 1:
                            open_neighbours = True
                            continue
                        if pending[zz, yy, xx] == 0:
                            touched[n_touched] = (zz * height + yy) * width + xx
                            n_touched += 1
                        pending[zz, yy, xx] = max(pending[zz, yy, xx], label)
            if open_neighbours:
                following[n_following] = index
                n_following += 1
        for k in range(n_touched):
            index = touched[k]
            z, rest = divmod(index, height * width)
            y, x = divmod(rest, width)
            labels[z, y, x] = pending[z, y, x]
            following[n_following] = index
            n_following += 1
        frontier, following = following, frontier
        count = n_following
        idle = 0 if n_touched else idle + 1
        box = not box


def flood(seeds: NDArray[np.uint32], mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Grow labels through a mask until they meet.

    Parameters
    ----------
    seeds
        uint32 labels, (y, x) or (z, y, x).
    mask
        bool, same shape; labels grow only where it is True.

    Returns
    -------
    numpy.ndarray
        uint32; each pixel of the mask that can be reached from a seed has its label. Growth alternates between the box
        and the diamond neighbourhood, so that fronts are octagons; where two arrive at once, the larger label wins.
    """
    labels = np.where(mask, seeds, 0).astype(np.uint32)
    stack = labels.reshape((1,) * (3 - labels.ndim) + labels.shape)
    starts = np.flatnonzero(stack)
    # A pixel is at the front at most once as a newcomer and again while it waits for the box step.
    frontier = np.empty(int(np.count_nonzero(mask)) + starts.size, np.int64)
    frontier[: starts.size] = starts
    _grow(stack, np.ascontiguousarray(mask).reshape(stack.shape), frontier, starts.size)
    return labels
