"""The pixel of a given rank in a box around each pixel, exact for every type of pixel.

Small boxes: a sorting network, of which only the exchanges that matter for the rank wanted are done, on many pixels at
a time (K. E. Batcher, AFIPS 1968). Large boxes: a histogram that slides along (T. S. Huang, G. J. Yang and G. Y. Tang,
IEEE Trans. ASSP 27, 1979), not of grey values but of their ranks within a tile, so that floats are exact too.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom.operations._slabs import by_slabs

_NETWORK_PIXELS = 75
"""Boxes of up to so many pixels are faster by a network."""
_TILE = 96
_COARSE = 7
"""Bits of a rank that the coarse histogram leaves out."""


@lru_cache(maxsize=64)
def _network(n: int, rank: int) -> NDArray[np.int32]:
    """Return the pairs to put in order, one after the other, so that place `rank` of `n` becomes right."""
    pairs: list[tuple[int, int]] = []
    p = 1
    while p < n:
        k = p
        while k >= 1:
            for j in range(k % p, n - k, 2 * k):
                for i in range(min(k, n - j - k)):
                    if (i + j) // (2 * p) == (i + j + k) // (2 * p):
                        pairs.append((i + j, i + j + k))
            k //= 2
        p *= 2
    needed, kept = {rank}, []
    for low, high in reversed(pairs):
        if low in needed or high in needed:
            needed |= {low, high}
            kept.append((low, high))
    return np.array(kept[::-1], np.int32).reshape(-1, 2)


@njit(nogil=True, cache=True, error_model="numpy")
def _order(low: Any, high: Any, width: int) -> None:
    for x in range(width):
        a, b = low[x], high[x]
        low[x] = a if a < b else b
        high[x] = b if a < b else a


@njit(nogil=True, cache=True, error_model="numpy")
def _by_network(padded: Any, size: Any, pairs: Any, rank: int, chunk: int, out: Any) -> None:
    nz, ny, nx = out.shape
    sz, sy, sx = size
    rows = np.empty((sz * sy * sx, chunk), padded.dtype)
    for z in range(nz):
        for y in range(ny):
            for x in range(0, nx, chunk):
                width = min(chunk, nx - x)
                k = 0
                for dz in range(sz):
                    for dy in range(sy):
                        for dx in range(sx):
                            rows[k, :width] = padded[z + dz, y + dy, x + dx : x + dx + width]
                            k += 1
                for p in range(pairs.shape[0]):
                    _order(rows[pairs[p, 0]], rows[pairs[p, 1]], width)
                out[z, y, x : x + width] = rows[rank, :width]


@njit(nogil=True, cache=True, error_model="numpy")
def _dense_ranks(tile: Any) -> Any:
    """Return the sorted distinct values of a tile, and for each pixel the place of its value among them."""
    flat = tile.copy().ravel()
    order = np.argsort(flat)
    ranks = np.empty(flat.size, np.int32)
    values = np.empty(flat.size, flat.dtype)
    count = 0
    for i in range(order.size):
        value = flat[order[i]]
        if count == 0 or value != values[count - 1]:
            values[count] = value
            count += 1
        ranks[order[i]] = count - 1
    return values[:count], ranks.reshape(tile.shape)


@njit(nogil=True, cache=True, error_model="numpy")
def _slide(ranks: Any, values: Any, size: Any, rank: int, out: Any) -> None:
    nz, ny, nx = out.shape
    sz, sy, sx = size
    fine = np.zeros(values.size, np.int32)
    coarse = np.zeros((values.size >> _COARSE) + 1, np.int32)
    for z in range(nz):
        for y in range(ny):
            fine[:] = 0
            coarse[:] = 0
            at, below = 0, 0  # `below` pixels of the box have a rank smaller than `at`
            for x in range(nx):
                for dz in range(sz):
                    for dy in range(sy):
                        row = ranks[z + dz, y + dy]
                        for dx in range(0 if x == 0 else sx - 1, sx):
                            value = row[x + dx]
                            fine[value] += 1
                            coarse[value >> _COARSE] += 1
                            below += value < at
                        if x > 0:
                            value = row[x - 1]
                            fine[value] -= 1
                            coarse[value >> _COARSE] -= 1
                            below -= value < at
                while below > rank:
                    if at & ((1 << _COARSE) - 1) == 0 and below - coarse[(at >> _COARSE) - 1] > rank:
                        at -= 1 << _COARSE
                        below -= coarse[at >> _COARSE]
                    else:
                        at -= 1
                        below -= fine[at]
                while below + fine[at] <= rank:
                    if at & ((1 << _COARSE) - 1) == 0 and below + coarse[at >> _COARSE] <= rank:
                        below += coarse[at >> _COARSE]
                        at += 1 << _COARSE
                    else:
                        below += fine[at]
                        at += 1
                out[z, y, x] = values[at]


@njit(nogil=True, cache=True, error_model="numpy")
def _by_histogram(padded: Any, size: Any, rank: int, tile: int, out: Any) -> None:
    nz, ny, nx = out.shape
    sz, sy, sx = size
    deep = nz if nz * sz == 1 else max(sz, 8)
    for z in range(0, nz, deep):
        for y in range(0, ny, tile):
            for x in range(0, nx, tile):
                ez, ey, ex = min(z + deep, nz), min(y + tile, ny), min(x + tile, nx)
                values, ranks = _dense_ranks(padded[z : ez + sz - 1, y : ey + sy - 1, x : ex + sx - 1])
                _slide(ranks, values, size, rank, out[z:ez, y:ey, x:ex])


def _sortable(image: NDArray[Any]) -> NDArray[Any]:
    """Return the image in one of the few types that kernels are compiled for, in the same order."""
    kind, bits = image.dtype.kind, 8 * image.dtype.itemsize
    if kind == "b":
        return image.view(np.uint8)
    if kind == "i" and bits <= 16:
        return (image.astype(np.int32) + (1 << 15)).astype(np.uint16)
    if kind in "iu" and bits == 32:
        return image.astype(np.float64)
    if kind == "u" and bits == 64:
        return (image ^ np.uint64(1 << 63)).view(np.int64)
    return image


def _as_before(ranked: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    kind, bits = dtype.kind, 8 * dtype.itemsize
    if kind == "b":
        return ranked.view(np.bool_)
    if kind == "i" and bits <= 16:
        return (ranked.astype(np.int32) - (1 << 15)).astype(dtype)
    if kind == "u" and bits == 64:
        return ranked.view(np.uint64) ^ np.uint64(1 << 63)
    return ranked.astype(dtype, copy=False)


def box_rank(image: NDArray[Any], radii: Sequence[int], rank: int) -> NDArray[Any]:
    """Return the pixel that has the place `rank` (from 0) when the pixels of each box are sorted, edges repeated."""
    dtype, shape = image.dtype, image.shape
    stack = np.ascontiguousarray(_sortable(image)).reshape((1,) * (3 - image.ndim) + shape)
    margins = (0,) * (3 - image.ndim) + tuple(radii)
    size = tuple(2 * r + 1 for r in margins)
    n = int(np.prod(size))
    if n == 1:
        return image.copy()

    def ranked(part: NDArray[Any]) -> NDArray[Any]:
        padded = np.pad(part, [(r, r) for r in margins], mode="edge")
        out = np.empty(part.shape, part.dtype)
        if n <= _NETWORK_PIXELS:
            # All rows of the network shall fit the first cache.
            chunk = min(max(24_576 // (n * part.itemsize), 64) // 32 * 32, 1024)
            _by_network(padded, size, _network(n, rank), rank, chunk, out)
        else:
            _by_histogram(padded, size, rank, _TILE + max(size), out)
        return out

    return _as_before(by_slabs(ranked, stack, margin=margins, pixels=1 << 19), dtype).reshape(shape)
