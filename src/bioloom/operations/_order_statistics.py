"""Medians and other ranks of all pixels of a Dask array, exact, without having the pixels in memory at once.

The bits of a number are taken for a whole number of the same order, and counted 16 bits at a time: each pass over the
blocks finds 16 more bits of the numbers looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BITS = 16


def _keys(block: NDArray[Any]) -> NDArray[Any]:
    """Return unsigned whole numbers in the order of the float pixels."""
    bits = np.ascontiguousarray(block).reshape(-1).view(f"u{block.dtype.itemsize}")
    top = bits.dtype.type(1 << (8 * block.dtype.itemsize - 1))
    return np.where(bits & top, ~bits, bits | top)


def _value(key: int, dtype: np.dtype[Any]) -> Any:
    top = 1 << (8 * dtype.itemsize - 1)
    bits = key ^ top if key & top else key ^ (2 * top - 1)
    return np.array(bits, f"u{dtype.itemsize}").view(dtype)[()]


def _count(block: NDArray[Any], known: Sequence[int], shift: int) -> NDArray[np.int64]:
    """Count the next bits of the pixels whose bits before are those known of each number looked for."""
    keys = _keys(block)
    counts = np.empty((len(known), 1 << _BITS), np.int64)
    for k, prefix in enumerate(known):
        if k and prefix == known[k - 1]:
            counts[k] = counts[k - 1]
            continue
        rest = keys >> keys.dtype.type(shift)
        if shift + _BITS < 8 * keys.itemsize:
            rest = rest[rest >> rest.dtype.type(_BITS) == prefix]
        counts[k] = np.bincount((rest & rest.dtype.type((1 << _BITS) - 1)).astype(np.int64), minlength=1 << _BITS)
    return counts


def _next(counts: Sequence[NDArray[np.int64]], known: Sequence[int], ranks: Sequence[int]) -> Any:
    """Return what is known with the next bits, and the ranks among the pixels that share it."""
    ends = np.cumsum(np.sum(counts, axis=0), axis=1)
    bins = [int(np.searchsorted(end, rank, side="right")) for end, rank in zip(ends, ranks, strict=True)]
    left = [rank - (int(end[b - 1]) if b else 0) for end, rank, b in zip(ends, ranks, bins, strict=True)]
    return [prefix << _BITS | b for prefix, b in zip(known, bins, strict=True)], left


def ranked_pixels(read: Callable[[Any], Any], ranks: Sequence[int], bits: int = 32) -> Any:
    """Return pixels of certain ranks of a Dask array of floats.

    Parameters
    ----------
    read
        Gives the array for each pass, after what the pass before has found: see :func:`~._scratch.repeated`.
    ranks
        Counted from 0 for the lowest pixel.
    bits
        Of each pixel.

    Returns
    -------
    dask.delayed.Delayed
        Of an array (n,) of the type of the pixels.
    """
    from dask import delayed

    known = delayed(([0] * len(ranks), list(ranks)))
    found = None
    dtype = np.dtype(f"f{bits // 8}")
    for shift in range(bits - _BITS, -1, -_BITS):
        counts = [delayed(_count)(block, known[0], shift) for block in read(found).to_delayed().ravel()]
        known = found = delayed(_next)(counts, known[0], known[1])
    return delayed(_values)(known[0], dtype)


def _values(keys: Sequence[int], dtype: np.dtype[Any]) -> NDArray[Any]:
    return np.array([_value(key, dtype) for key in keys], dtype)


def median_of_blocks(read: Callable[[Any], Any], size: int, bits: int = 32) -> Any:
    """Return ``numpy.median`` of a Dask array of floats of so many pixels, delayed; see :func:`ranked_pixels`."""
    from dask import delayed

    return delayed(np.median)(ranked_pixels(read, [(size - 1) // 2, size // 2], bits))


def ranks_between(size: int, percentiles: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return the two ranks around each percentile of so many pixels, and the share of the way from one to the other."""
    places = [(size - 1) * p / 100 for p in percentiles]
    ranks = [rank for place in places for rank in (int(place), min(int(place) + 1, size - 1))]
    return ranks, [place - int(place) for place in places]


def between(pixels: NDArray[Any], shares: Sequence[float]) -> list[float]:
    """Return the percentiles, interpolated between the pixels of the ranks around them."""
    lower, upper = pixels[0::2].astype(np.float64), pixels[1::2].astype(np.float64)
    return [float(a + (b - a) * s) for a, b, s in zip(lower, upper, shares, strict=True)]
