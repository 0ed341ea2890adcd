"""Eroding masks row by row."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(nogil=True, cache=True)
def erode_rows(stack: Any, offsets: Any, out: Any, low: int, high: int) -> None:
    """Set rows of `out` to the least of what lies at the offsets (n, 3); what lies outside counts as foreground.

    `stack` and `out` are uint8 (z, y, x), 0 or 1.
    """
    depth, height, width = stack.shape
    for row in range(low, high):
        z, y = divmod(row, height)
        target = out[z, y]
        target[:] = stack[z, y]
        for k in range(offsets.shape[0]):
            zz, yy, shift = z + offsets[k, 0], y + offsets[k, 1], offsets[k, 2]
            if zz < 0 or yy < 0 or zz >= depth or yy >= height:
                continue
            source = stack[zz, yy]
            first, last = max(0, -shift), min(width, width - shift)
            if shift == 0:
                for x in range(width):
                    target[x] &= source[x]
            elif last > first:
                part, near = target[first:last], source[first + shift : last + shift]
                for x in range(last - first):
                    part[x] &= near[x]
