"""Contrast-limited adaptive histogram equalisation: a grey-level map per tile, interpolated between tiles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom.operations._slabs import share_rows

_LEVELS = 1 << 14
_BINS = 256


@njit(nogil=True, cache=True, error_model="numpy")
def _mirrored(i: int, n: int) -> int:
    """Return the pixel that stands for pixel i of a line of n that is mirrored at its ends."""
    if n == 1:
        return 0
    i %= 2 * (n - 1)
    return i if i < n else 2 * (n - 1) - i


@njit(nogil=True, cache=True, error_model="numpy")
def _clip(counts: Any, limit: int) -> None:
    """Cut a histogram at `limit` and spread what was cut off over the bins that have room."""
    excess = 0
    for i in range(counts.size):
        if counts[i] > limit:
            excess += counts[i] - limit
            counts[i] = limit
    share = excess // counts.size
    for i in range(counts.size):
        if counts[i] < limit - share:
            counts[i] += share
            excess -= share
        if limit - share <= counts[i] < limit:
            excess -= limit - counts[i]
            counts[i] = limit
    while excess > 0:
        before = excess
        for start in range(counts.size):
            room = 0
            for i in range(counts.size):
                room += counts[i] < limit
            step = max(1, room // excess)
            for i in range(start, counts.size, step):
                if counts[i] < limit:
                    counts[i] += 1
                    excess -= 1
            if excess <= 0:
                break
        if excess == before:
            break


@njit(nogil=True, cache=True, error_model="numpy")
def _map_tile(bins: Any, size: Any, tile: Any, limit: int, levels: int, grey: Any) -> None:
    """Set grey[:] to the level that each bin of one tile becomes."""
    counts = np.zeros(grey.size, np.int64)
    nz, ny, nx = bins.shape
    for dz in range(size[0]):
        z = _mirrored(tile[0] * size[0] + dz, nz)
        for dy in range(size[1]):
            row = bins[z, _mirrored(tile[1] * size[1] + dy, ny)]
            for dx in range(size[2]):
                counts[row[_mirrored(tile[2] * size[2] + dx, nx)]] += 1
    _clip(counts, limit)
    total = 0
    factor = (levels - 1) / (size[0] * size[1] * size[2])
    for i in range(counts.size):
        total += counts[i]
        grey[i] = np.floor(min(total * factor, levels - 1.0))


@njit(nogil=True, cache=True, error_model="numpy")
def _interpolate(bins: Any, maps: Any, size: Any, out: Any, low: int, high: int) -> None:
    """Set rows low…high of `out` to levels, interpolated between the centres of tiles."""
    _, ny, nx = bins.shape
    tz, ty, tx, _ = maps.shape
    for i in range(low, high):
        z, y = i // ny, i % ny
        pz, py = z + size[0] // 2, y + size[1] // 2
        az, ay = min(max(pz // size[0] - 1, 0), tz - 1), min(max(py // size[1] - 1, 0), ty - 1)
        bz, by = min(pz // size[0], tz - 1), min(py // size[1], ty - 1)
        wz, wy = np.float32(pz % size[0] / size[0]), np.float32(py % size[1] / size[1])
        one = np.float32(1)
        for x in range(nx):
            px = x + size[2] // 2
            tile, part = px // size[2], px % size[2]
            ax, bx = min(max(tile - 1, 0), tx - 1), min(tile, tx - 1)
            wx = np.float32(part / size[2])
            k = bins[z, y, x]
            near = (maps[az, ay, ax, k] * (one - wx) + maps[az, ay, bx, k] * wx) * (one - wy)
            near += (maps[az, by, ax, k] * (one - wx) + maps[az, by, bx, k] * wx) * wy
            if wz > 0:
                far = (maps[bz, ay, ax, k] * (one - wx) + maps[bz, ay, bx, k] * wx) * (one - wy)
                far += (maps[bz, by, ax, k] * (one - wx) + maps[bz, by, bx, k] * wx) * wy
                near = near * (one - wz) + far * wz
            out[z, y, x] = near


def equalise(shares: NDArray[Any], size: Sequence[int], clip_limit: float) -> NDArray[np.float32]:
    """Return float32 from 0 to 1 of a (z, y, x) stack with values from 0 to 1, for tiles of `size` pixels."""
    bins = (np.rint(shares * (_LEVELS - 1)).astype(np.int32) // (1 + _LEVELS // _BINS)).astype(np.uint8)
    pixels = int(np.prod(size))
    limit = max(int(clip_limit * pixels), 1) if clip_limit > 0 else pixels
    counts = tuple(-(-n // s) for n, s in zip(bins.shape, size, strict=True))
    maps = np.empty((*counts, _BINS), np.float32)
    for tile in np.ndindex(counts):
        _map_tile(bins, tuple(size), tile, limit, _LEVELS, maps[tile])
    out = np.empty(bins.shape, np.float32)
    kernel = partial(_interpolate, bins, maps, tuple(size), out)
    share_rows(kernel, bins.shape[0] * bins.shape[1], bins.size)
    low, high = out.min(), out.max()
    return np.asarray((out - low) / (high - low) if high > low else out - low, np.float32)
