"""One-dimensional histograms as stacked bars, one colour per class and state of selection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.plot_kinds import View

_GAP_FROM_WIDTH = 4


@dataclass(frozen=True)
class Bars:
    """Bars over bins of equal width.

    Attributes
    ----------
    counts : numpy.ndarray
        int64 of shape (bins, parts): objects per bin and part, the lowest part of the stack first.
    colours : numpy.ndarray
        uint8 RGBA of shape (bins, parts, 4).
    low, high : float
        Positions of the first and the last edge.
    """

    counts: NDArray[np.int64]
    colours: NDArray[np.uint8]
    low: float
    high: float

    @classmethod
    def of(
        cls,
        positions: NDArray[np.float64],
        index: NDArray[np.intp],
        palette: NDArray[np.uint8],
        stride: int,
        by_class: bool,
        n_bins: int,
        extent: tuple[float, float],
    ) -> Bars:
        """Count objects.

        Parameters
        ----------
        positions
            On the axis, shape (n,); NaN is not counted.
        index, palette
            Colour of each object; objects whose colour has alpha 0 are not counted.
        stride
            Rows of the palette per state (as it is, dimmed, selected, …).
        by_class
            Whether each row is a part of its own; else there is one part per state, in the mean colour of its objects.
        n_bins
            Number of bins, 1 or more.
        extent
            First and last edge; a value on the last edge belongs to the last bin.
        """
        from bioloom.explore._plot_kernels import count_bins

        low, high = extent
        by_row = np.zeros((n_bins, len(palette)), np.int64)
        count_bins(positions, index, low, n_bins / (high - low), by_row)
        by_row[:, palette[:, 3] == 0] = 0
        states = np.arange(len(palette)) // max(stride, 1)
        # Selected ones stand on the axis, so that their heights can be compared.
        order = np.argsort(-np.where(states == 2, 9, np.where(states == 3, 8, -states)), kind="stable")
        if by_class:
            used = order[by_row[:, order].any(axis=0)]
            colours = np.broadcast_to(palette[used], (n_bins, len(used), 4))
            return cls(by_row[:, used], np.ascontiguousarray(colours), low, high)
        parts = list(dict.fromkeys(states[order].tolist()))
        members = np.stack([states == part for part in parts])
        counts = by_row @ members.T
        sums = np.einsum("br,pr,rc->bpc", by_row, members, palette.astype(float), optimize=True)
        means = sums / np.maximum(counts, 1)[..., None]
        used = np.flatnonzero(counts.any(axis=0))
        return cls(counts[:, used], np.rint(means[:, used]).astype(np.uint8), low, high)

    @property
    def heights(self) -> NDArray[np.int64]:
        """Objects per bin."""
        return np.asarray(self.counts.sum(axis=1), np.int64)

    def bin_at(self, position: float) -> int | None:
        """Return the bin at a position on the axis, None outside."""
        if not self.low <= position <= self.high:
            return None
        return min(int((position - self.low) / (self.high - self.low) * len(self.counts)), len(self.counts) - 1)

    def members(self, positions: NDArray[np.float64], number: int) -> NDArray[np.bool_]:
        """Return which positions are counted in a bin."""
        return in_bin(positions, self.low, self.high, len(self.counts), number)

    def edges(self, number: int) -> tuple[float, float]:
        """Return both ends of a bin."""
        width = (self.high - self.low) / len(self.counts)
        return self.low + number * width, self.low + (number + 1) * width

    def picture(
        self,
        view: View,
        shape: tuple[int, int],
        place: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    ) -> NDArray[np.uint8]:
        """Draw the bars.

        Parameters
        ----------
        view
            (x0, x1, y0, y1) that fills the picture.
        shape
            (height, width) in pixels.
        place
            Returns the positions of counts on the vertical axis.

        Returns
        -------
        numpy.ndarray
            uint8 RGBA, (height, width, 4).
        """
        height, width = shape
        n_bins = len(self.counts)
        x0, x1, y0, y1 = view
        across = x0 + (np.arange(width) + 0.5) * (x1 - x0) / width
        share = (across - self.low) / (self.high - self.low) * n_bins
        column = np.floor(share).astype(np.intp)
        inside = (column >= 0) & (column < n_bins)
        pixels_per_bin = width * (self.high - self.low) / n_bins / (x1 - x0)
        if pixels_per_bin >= _GAP_FROM_WIDTH:
            inside &= (share - column) * pixels_per_bin >= 1
        tops = place(np.cumsum(self.counts, axis=1))
        pixel_tops = (y1 - np.nan_to_num(tops, nan=-np.inf, neginf=-1e300)) / (y1 - y0) * height
        # Even a single object is to be seen beside a million.
        floor = (y1 - float(place(np.zeros(1, np.int64))[0])) / (y1 - y0) * height if len(self.counts) else height
        floor = min(floor, height) if np.isfinite(floor) else height
        some = self.heights > 0
        if self.counts.shape[1]:
            last = pixel_tops[:, -1]
            pixel_tops[some, -1] = np.minimum(last[some], floor - 1)
        rows = np.arange(height)[:, None] + 0.5
        bars = np.zeros((height, n_bins, 4), np.uint8)
        for part in range(self.counts.shape[1] - 1, -1, -1):
            here = (rows >= pixel_tops[:, part]) & (rows <= floor) & some
            bars[here] = np.broadcast_to(self.colours[:, part], bars.shape)[here]
        rgba = bars[:, np.clip(column, 0, n_bins - 1)]
        rgba[:, ~inside] = 0
        return rgba


def in_bin(positions: NDArray[np.float64], low: float, high: float, n_bins: int, number: int) -> NDArray[np.bool_]:
    """Return which positions lie in one of n bins between two ends, rounded as they are counted."""
    place = (positions - low) * (n_bins / (high - low))
    last = number == n_bins - 1
    return np.asarray((place >= number) & ((place <= n_bins) if last else (place < number + 1)), np.bool_)


def bin_count(positions: NDArray[np.float64], extent: tuple[float, float]) -> int:
    """Choose the number of bins for a histogram: Freedman and Diaconis' rule, between 10 and 120.

    Odd where all values are one: its bar then stands in the middle.
    """
    finite = positions[np.isfinite(positions)]
    if finite.size < 2:
        return 11
    sample = finite[:: max(1, finite.size // 50_000)]
    first, third = np.percentile(sample, (25, 75))
    width = 2 * (third - first) / finite.size ** (1 / 3)
    if width <= 0:
        return 31
    return int(np.clip(np.ceil((extent[1] - extent[0]) / width), 10, 120))
