"""Counting the values of an image once, for every method that finds a threshold from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_COUNTED = 1 << 16


@dataclass(frozen=True)
class Scale:
    """How values map to bins: bin i holds the values around ``low + i * step``.

    Attributes
    ----------
    low, high : int or float
        Smallest and largest finite value.
    n_bins : int
        Number of bins.
    exact : bool
        Whether each bin is one whole number; otherwise the bins divide the range evenly, as in ``numpy.histogram``.
    """

    low: Any
    high: Any
    n_bins: int
    exact: bool


@dataclass(frozen=True)
class Histogram:
    """Counts of the finite values of an image.

    Attributes
    ----------
    counts : numpy.ndarray
        int64 (n,).
    positions : numpy.ndarray
        float64 (n,), centre of each bin minus `low`, so that large numbers in a narrow range keep their precision.
    low : int or float
        Smallest value.
    """

    counts: NDArray[np.int64]
    positions: NDArray[np.float64]
    low: Any

    @property
    def flat(self) -> bool:
        """Whether there is one value only, or none."""
        return self.counts.size < 2


def _pixels(image: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    pixels = image.ravel() if mask is None else image[np.asarray(mask) != 0]
    return pixels.astype(np.uint8) if pixels.dtype == bool else pixels


@dataclass(frozen=True)
class Range:
    """Smallest and largest finite value, and whether all of them are whole numbers; of no pixels if `low` is None."""

    low: Any
    high: Any
    whole: bool


def value_range(image: NDArray[Any], mask: NDArray[Any] | None = None) -> Range:
    """Return the range of the finite pixels of an image, or of those of them in a mask."""
    pixels = _pixels(image, mask)
    if not pixels.size:
        return Range(None, None, True)
    low, high = pixels.min(), pixels.max()
    if pixels.dtype.kind != "f":
        return Range(low.item(), high.item(), True)
    if not (np.isfinite(low) and np.isfinite(high)):
        pixels = pixels[np.isfinite(pixels)]
        if not pixels.size:
            return Range(None, None, True)
        low, high = pixels.min(), pixels.max()
    # Beyond 2**24 float32 holds whole numbers only, whatever was measured.
    whole = abs(low) < 1 << 24 and high - low < MAX_COUNTED and _are_whole(pixels[:4096]) and _are_whole(pixels)
    return Range(low.item(), high.item(), bool(whole))


def _are_whole(pixels: NDArray[Any]) -> bool:
    return np.array_equal(pixels, np.rint(pixels))


def common_range(ranges: Sequence[Range]) -> Range:
    """Return the range of several parts of an image."""
    known = [r for r in ranges if r.low is not None]
    if not known:
        return Range(None, None, True)
    return Range(min(r.low for r in known), max(r.high for r in known), all(r.whole for r in known))


def choose_scale(values: Range, n_bins: int, max_counted: int) -> Scale | None:
    """Return bins of one whole number each where at most `max_counted` are needed, else `n_bins` even ones."""
    if values.low is None:
        return None
    # OpenCL images are float32 whatever they were made from: the same counts as before the push.
    if values.whole and values.high - values.low < max_counted:
        low, high = int(values.low), int(values.high)
        return Scale(low, high, high - low + 1, True)
    return Scale(values.low, values.high, 1 if values.low == values.high else n_bins, False)


def count(image: NDArray[Any], scale: Scale | None, mask: NDArray[Any] | None = None) -> NDArray[np.int64]:
    """Count the finite pixels of an image, or of those of them in a mask, on a scale."""
    from bioloom.operations._histogram_kernels import count_evenly, count_exact

    pixels = _pixels(image, mask)
    counts = np.zeros(scale.n_bins if scale else 0, np.int64)
    if scale is None or not pixels.size:
        return counts
    if scale.n_bins == 1:
        counts[0] = np.count_nonzero(np.isfinite(pixels))
    elif scale.exact:
        if pixels.dtype.kind == "f":
            pixels = pixels[np.isfinite(pixels)] if not np.isfinite(pixels.sum()) else pixels
            count_exact(pixels, float(scale.low), counts)
        else:
            count_exact(pixels, pixels.dtype.type(scale.low), counts)
    else:
        floats = pixels if pixels.dtype.kind == "f" else pixels.astype(np.float64)
        low, high = float(scale.low), float(scale.high)
        edges = np.linspace(low, high, scale.n_bins + 1).astype(floats.dtype)
        # Two steps, because the range of numbers of any size may be too large for a number.
        count_evenly(floats, low, scale.n_bins / (high - low), edges, counts)
    return counts


def describe(counts: NDArray[np.int64], scale: Scale | None) -> Histogram:
    """Return counts on a scale as a histogram."""
    if scale is None:
        return Histogram(counts, np.zeros(0), np.inf)
    step = 1.0 if scale.exact else (float(scale.high) - float(scale.low)) / scale.n_bins
    offset = 0.0 if scale.exact else step / 2
    return Histogram(counts, np.arange(scale.n_bins, dtype=np.float64) * step + offset, scale.low)


def histogram(
    image: NDArray[Any], mask: NDArray[Any] | None = None, n_bins: int = 256, max_counted: int = MAX_COUNTED
) -> Histogram:
    """Count the finite values of an image.

    Parameters
    ----------
    image
        Any shape, any real dtype.
    mask
        Same shape; only pixels where it is not 0 count. All if left out.
    n_bins
        Number of even bins between the smallest and the largest value, where values are not counted one by one.
    max_counted
        Whole numbers of any dtype are counted one by one if the largest is less than this above the smallest.

    Returns
    -------
    Histogram
        Equal to that of ``skimage.exposure.histogram``.
    """
    scale = choose_scale(value_range(image, mask), n_bins, max_counted)
    return describe(count(image, scale, mask), scale)
