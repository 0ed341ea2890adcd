"""Numba kernels that measure distances between labels and count labels around pixels.

Label images come as (z, y, x), a plane having one z. Distances are exact and computed from whole steps between pixels,
so that a pixel's result does not depend on where it lies in the array: blocks with a halo give the same as the whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(nogil=True, cache=True)
def _nearest_in_row(line: Array, size: float, limit: float, square: Array, label: Array) -> None:
    """Squared distance to the nearest labelled pixel of a row, and its label; the lower label if two are as near."""
    n = line.size
    last = -1
    for x in range(n):
        if line[x] != 0:
            last = x
        square[x] = np.inf
        label[x] = 0
        if last >= 0:
            d = (x - last) * size
            if d * d <= limit:
                square[x] = d * d
                label[x] = line[last]
    last = -1
    for x in range(n - 1, -1, -1):
        if line[x] != 0:
            last = x
        if last >= 0:
            d = (last - x) * size
            d = d * d
            if d <= limit and (d < square[x] or (d == square[x] and line[last] < label[x])):
                square[x] = d
                label[x] = line[last]


@njit(nogil=True, cache=True)
def _nearest_across(
    square: Array, label: Array, size: float, limit: float, new_square: Array, new_label: Array
) -> None:
    """Extend the nearest labels along the first of three axes; the inner loop runs along memory."""
    n, ny, nx = square.shape
    for i in range(n):
        for y in range(ny):
            for x in range(nx):
                best, winner = square[i, y, x], label[i, y, x]
                step = 1
                while True:
                    d = step * size
                    d = d * d
                    if d > best or d > limit or (i - step < 0 and i + step >= n):
                        break
                    for j in (i - step, i + step):
                        if 0 <= j < n and label[j, y, x] != 0:
                            total = square[j, y, x] + d
                            if total <= limit and (total < best or (total == best and label[j, y, x] < winner)):
                                best, winner = total, label[j, y, x]
                    step += 1
                new_square[i, y, x] = best
                new_label[i, y, x] = winner


@njit(nogil=True, cache=True)
def nearest_labels(labels: Array, spacing: Array, limit: float, square: Array, label: Array) -> None:
    """Write the squared distance to the nearest object and its label, where not farther than the square root of limit.

    `square` is inf and `label` 0 elsewhere. Of two objects that are equally near, the lower label is taken.
    """
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            _nearest_in_row(labels[z, y], spacing[2], limit, square[z, y], label[z, y])
    if ny > 1:
        for z in range(nz):
            old_square, old_label = square[z].copy(), label[z].copy()
            _nearest_across(
                old_square.reshape(ny, 1, nx), old_label.reshape(ny, 1, nx), spacing[1], limit,
                square[z].reshape(ny, 1, nx), label[z].reshape(ny, 1, nx),
            )  # fmt: skip
    if nz > 1:
        _nearest_across(square.copy(), label.copy(), spacing[0], limit, square, label)


@njit(nogil=True, cache=True)
def _other_across(labels: Array, square: Array, size: float, limit: float, new_square: Array) -> None:
    n, ny, nx = labels.shape
    for i in range(n):
        for y in range(ny):
            for x in range(nx):
                own = labels[i, y, x]
                if own == 0:
                    continue
                best = square[i, y, x]
                for direction in (-1, 1):
                    step = 1
                    while True:
                        j = i + direction * step
                        d = step * size
                        d = d * d
                        if j < 0 or j >= n or d >= best or d > limit:
                            break
                        if labels[j, y, x] != own:
                            best = d
                            break
                        best = min(best, square[j, y, x] + d)
                        step += 1
                new_square[i, y, x] = best


@njit(nogil=True, cache=True)
def distances_to_others(labels: Array, spacing: Array, limit: float, square: Array) -> None:
    """Write the squared distance of each pixel of an object to the nearest pixel that is not of it.

    Background gets 0. Distances beyond the square root of `limit` may be inf. The edge of the image is no border.
    """
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            start = 0
            for x in range(1, nx + 1):
                if x < nx and labels[z, y, x] == labels[z, y, start]:
                    continue
                for i in range(start, x):
                    left = (i - start + 1) * spacing[2] if start > 0 else np.inf
                    right = (x - i) * spacing[2] if x < nx else np.inf
                    d = min(left, right)
                    square[z, y, i] = d * d if labels[z, y, start] != 0 else 0.0
                start = x
    if ny > 1:
        for z in range(nz):
            old = square[z].copy()
            _other_across(
                labels[z].reshape(ny, 1, nx), old.reshape(ny, 1, nx), spacing[1], limit, square[z].reshape(ny, 1, nx)
            )
    if nz > 1:
        _other_across(labels, square.copy(), spacing[0], limit, square)


@njit(nogil=True, cache=True)
def most_frequent(labels: Array, offsets: Array, out: Array) -> None:
    """Write the label that most pixels at some offsets (k, 3) around each pixel have.

    Pixels beyond the edge are not counted. The pixel's own label stays if no other is more frequent; else the lowest of
    the most frequent is taken.
    """
    nz, ny, nx = labels.shape
    found = np.empty(len(offsets), labels.dtype)
    counts = np.empty(len(offsets), np.int64)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                own = labels[z, y, x]
                found[0], counts[0] = own, 0
                n = 1
                for k in range(len(offsets)):
                    w, v, u = z + offsets[k, 0], y + offsets[k, 1], x + offsets[k, 2]
                    if w < 0 or v < 0 or u < 0 or w >= nz or v >= ny or u >= nx:
                        continue
                    label = labels[w, v, u]
                    for i in range(n):
                        if found[i] == label:
                            counts[i] += 1
                            break
                    else:
                        found[n], counts[n] = label, 1
                        n += 1
                best = 0
                for i in range(1, n):
                    if counts[i] > counts[best] or (counts[i] == counts[best] and best != 0 and found[i] < found[best]):
                        best = i
                out[z, y, x] = found[best]


@njit(nogil=True, cache=True)
def draw_lines(starts: Array, ends: Array, values: Array, out: Array) -> None:
    """Draw straight lines between pixels given as (n, 3) positions; where lines cross, the largest value stays.

    One pixel is drawn per step along the axis on which a line is longest.
    """
    for k in range(len(starts)):
        longest = 0.0
        for axis in range(3):
            longest = max(longest, abs(ends[k, axis] - starts[k, axis]))
        n = max(int(np.ceil(longest)), 1)
        for i in range(n + 1):
            share = i / n
            z = int(np.floor(starts[k, 0] + (ends[k, 0] - starts[k, 0]) * share + 0.5))
            y = int(np.floor(starts[k, 1] + (ends[k, 1] - starts[k, 1]) * share + 0.5))
            x = int(np.floor(starts[k, 2] + (ends[k, 2] - starts[k, 2]) * share + 0.5))
            if 0 <= z < out.shape[0] and 0 <= y < out.shape[1] and 0 <= x < out.shape[2]:
                out[z, y, x] = max(out[z, y, x], values[k])
