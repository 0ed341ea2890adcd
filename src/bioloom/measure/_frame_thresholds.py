"""Thresholds of a whole frame, also of one that is read block by block: those of Otsu and of Costes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure.registry import Objects

if TYPE_CHECKING:
    from bioloom.measure._frame import Frame

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

N_BINS = 1 << 16
_DIGITS = 11


def otsu_of_blocks(objects: Objects, frame: Frame, channel: str) -> float:
    """Otsu's threshold of a channel: its range is found first, then its values are counted, so that it is exact."""
    from bioloom.operations._cutting import METHODS, cut
    from bioloom.operations._histogram import choose_scale, common_range, count, describe, value_range

    ranges = list(frame.each_block(lambda low, size: value_range(frame.image(channel, low, low + size))))
    scale = choose_scale(common_range(ranges), *METHODS["otsu"][1:])
    counts = np.zeros(0 if scale is None else scale.n_bins, np.int64)
    for some in frame.each_block(lambda low, size: count(frame.image(channel, low, low + size), scale)):
        counts += some
    return cut(describe(counts, scale), "otsu")


@dataclass(frozen=True)
class RisingLine:
    """The line of orthogonal regression of the values of two channels, and their means."""

    slope: float
    intercept: float
    means: Floats

    def bins(self, ends: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """Lowest threshold of the first channel, and the width of a bin.

        The range is what a threshold must be to be met by the lowest and highest values of both, given as `ends`.
        """
        low, high = (min(in_a, (in_b - self.intercept) / self.slope) for in_a, in_b in zip(*ends, strict=True))
        return low, (high - low) / N_BINS

    def thresholds(self, bins: Floats, low: float, width: float) -> tuple[float, float]:
        """Largest thresholds on the line below which the pixels, summed up by bin, are not correlated."""
        from bioloom.measure._pair_sums import BELOW

        n, u, v, uu, vv, uv = np.cumsum(bins, axis=0)[:, :BELOW].T
        # The sign of the covariance is that of the correlation; where it is rounding, there is none.
        correlated = n * uv - u * v > 1e-9 * np.sqrt(np.maximum((n * uu - u * u) * (n * vv - v * v), 0))
        uncorrelated = np.flatnonzero(~correlated & (n > 2))
        threshold = low + width * (uncorrelated[-1] + 1 if uncorrelated.size else 0)
        return float(threshold), float(self.slope * threshold + self.intercept)


def rising_line(plain: Floats, centred: Floats) -> RisingLine | None:
    """Line through the pixels of which the sums are given in parts (rows); None if it does not rise.

    Slope and intercept are rounded to 11 digits: thresholds are as often as not the very values of pixels, which must
    fall on the same side in whatever parts an image is summed up.
    """
    from bioloom.measure._pair_sums import COUNT, A, B

    counts = plain[:, COUNT]
    total = counts.sum()
    if total == 0:
        return None
    means = plain[:, [A, B]].sum(axis=0) / total
    shifts = plain[:, [A, B]] / np.maximum(counts, 1)[:, None] - means
    var_a, var_b = (centred[:, i].sum() + (counts * shifts[:, i] ** 2).sum() for i in range(2))
    cov = centred[:, 2].sum() + (counts * shifts[:, 0] * shifts[:, 1]).sum()
    if not cov > 0 or not np.isfinite(cov):
        return None
    slope = _rounded((var_b - var_a + np.hypot(var_b - var_a, 2 * cov)) / (2 * cov))
    if not slope > 0:
        return None
    size = max(abs(means[1]), abs(slope * means[0]))
    return RisingLine(slope, _rounded(means[1] - slope * means[0], size), means)


def _rounded(value: float, size: float = 0.0) -> float:
    """Round to so many digits of a number of this size, or of its own."""
    size = float(size or abs(value))
    return float(value) if size == 0 else round(float(value), _DIGITS - 1 - int(np.floor(np.log10(size))))


def ends(image: Array) -> tuple[float, float]:
    """Smallest and largest finite value; NaN if there is none."""
    low, high = (float(image.min()), float(image.max())) if image.size else (np.nan, np.nan)
    if not np.isfinite(low + high):
        values = image[np.isfinite(image)]
        low, high = (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)
    return low, high


def costes_of_blocks(objects: Objects, frame: Frame, first: str, second: str, sums: None) -> tuple[float, float]:
    """Thresholds of Costes: the line is found first, then the pixels are summed up by the threshold they meet."""
    from bioloom.measure import _pair_sums as k

    one = np.ones(1, np.uint32)
    table = np.array([-1, 0], np.int32)

    def read(low: Ints, size: Ints) -> tuple[Array, Array, Array, Array, Array, int, int]:
        high = low + size
        mask = (frame.labels(low, high) != 0).astype(np.uint32)
        return (
            mask,
            frame.image(first, low, high),
            frame.image(second, low, high),
            table,
            one,
            0,
            int(size[0] * size[1]),
        )

    def add(low: Ints, size: Ints) -> tuple[Floats, Floats, list[tuple[float, float]]]:
        block = read(low, size)
        plain, centred = np.zeros((1, k.N_SUMS)), np.zeros((1, 5))
        k.add_pair_sums(*block, plain)
        k.add_centred_sums(*block, plain[:, [k.A, k.B]] / np.maximum(plain[:, [k.COUNT]], 1), centred)
        return plain, centred, [ends(image) for image in block[1:3]]

    plain, centred, limits = zip(*frame.each_block(add), strict=True)
    line = rising_line(np.concatenate(plain), np.concatenate(centred))
    if line is None:
        return np.nan, np.nan
    both = np.array(limits)
    low, width = line.bins(list(zip(np.nanmin(both[..., 0], axis=0), np.nanmax(both[..., 1], axis=0), strict=True)))
    bins = np.zeros((N_BINS, k.N_SUMS))

    def add_bins(low_corner: Ints, size: Ints) -> Floats:
        part = np.zeros_like(bins)
        k.add_by_limit(*read(low_corner, size), line.slope, line.intercept, low, width, line.means, part)
        return part

    for part in frame.each_block(add_bins):
        bins += part
    return line.thresholds(bins, low, width)
