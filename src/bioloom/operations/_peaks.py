"""Pixels that no neighbour outshines."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom.operations._slabs import share_rows


@njit(nogil=True, cache=True)
def _find(stack: Any, found: Any, low: int, high: int) -> None:
    depth, height, width = stack.shape
    for row in range(low, high):
        z, y = divmod(row, height)
        for x in range(width):
            here = stack[z, y, x]
            # The left neighbour settles half of all cases.
            if x and stack[z, y, x - 1] > here:
                continue
            best = True
            for zz in range(max(z - 1, 0), min(z + 2, depth)):
                for yy in range(max(y - 1, 0), min(y + 2, height)):
                    for xx in range(max(x - 1, 0), min(x + 2, width)):
                        if stack[zz, yy, xx] > here:
                            best = False
                            break
                    if not best:
                        break
                if not best:
                    break
            found[z, y, x] = best


def peaks(image: NDArray[Any]) -> NDArray[np.bool_]:
    """Return the pixels of (y, x) or (z, y, x) that are not darker than any of their 8 or 26 neighbours."""
    stack = np.ascontiguousarray(image).reshape((1,) * (3 - image.ndim) + image.shape)
    found = np.zeros(stack.shape, bool)
    share_rows(partial(_find, stack, found), stack.shape[0] * stack.shape[1], stack.size)
    return found.reshape(image.shape)
