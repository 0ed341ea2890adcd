"""Many points as a picture of how they are distributed: density and two-dimensional histogram.

All positions are those on the axes (see :mod:`bioloom.explore.axis_scales`), all pictures uint8 RGBA with row 0 at the
top, transparent where nothing is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.appearance import shades

View = tuple[float, float, float, float]

_LEAST_STRENGTH = 0.12
# From light to dark, as the ground is white; its lightest fifth could not be told from that.
_MAP, _MAP_FROM = "YlGnBu", 0.2


def density_picture(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    index: NDArray[np.intp],
    palette: NDArray[np.uint8],
    view: View,
    shape: tuple[int, int],
    coloured: bool,
) -> tuple[NDArray[np.uint8], float]:
    """Draw how densely points lie.

    Parameters
    ----------
    x, y
        Positions, shape (n,).
    index, palette
        Colour of each point, see :class:`bioloom.explore.appearance.Appearance`; a point counts by its alpha.
    view
        (x0, x1, y0, y1) that fills the picture.
    shape
        (height, width) of the picture in pixels.
    coloured
        Whether places have the mean colour of their points, more opaque where they are dense; else shades of blue.

    Returns
    -------
    rgba : numpy.ndarray
        uint8, (height, width, 4).
    highest : float
        The largest number of points per pixel, after smoothing.

    Notes
    -----
    Counts per pixel, smoothed by a Gaussian of a third of the width that Scott's rule gives for points that fill the
    view, shown on a logarithmic scale. Scott: Multivariate Density Estimation (1992).
    """
    from scipy import ndimage

    from bioloom.explore._plot_kernels import sum_colours

    height, width = shape
    x0, x1, y0, y1 = view
    sums = np.zeros((height, width, 4), np.float32)
    colours = (palette / 255).astype(np.float32)
    colours[:, :3] *= colours[:, 3:]
    sum_colours(x, y, index, colours, x0, width / (x1 - x0), y1, height / (y1 - y0), sums)
    n = float(sums[..., 3].sum())
    if n == 0:
        return np.zeros((height, width, 4), np.uint8), 0.0
    sigma = float(np.clip(min(shape) / 18 * n ** (-1 / 6), 1.0, 12.0))
    channels = range(4) if coloured else (3,)
    for channel in channels:
        sums[..., channel] = ndimage.gaussian_filter(sums[..., channel], sigma, mode="constant", truncate=3)
    weight = sums[..., 3]
    highest = float(weight.max())
    # One point alone, spread over its Gaussian, is the least that is shown.
    single = 1 / (2 * np.pi * sigma**2)
    strength = np.log1p(weight / single) / np.log1p(highest / single)
    shown = weight > 0.05 * single
    rgba = np.zeros((height, width, 4), np.uint8)
    if coloured:
        rgba[shown, :3] = np.clip(sums[shown, :3] / weight[shown, None] * 255, 0, 255)
        rgba[shown, 3] = (_LEAST_STRENGTH + (1 - _LEAST_STRENGTH) * strength[shown]) * 255
    else:
        rgba[shown] = density_shades()[(strength[shown] * 255).astype(np.intp)]
        # The rim fades out, so that single points do not end abruptly.
        rgba[shown, 3] = np.minimum(weight[shown] / single, 1.0) * 255
    return rgba, highest


def density_shades() -> NDArray[np.uint8]:
    """Return 256 colours from few to many points, uint8 RGBA of shape (256, 4)."""
    rows = np.linspace(_MAP_FROM * 255, 255, 256).astype(np.intp)
    return np.asarray(shades(_MAP)[rows], np.uint8)


@dataclass(frozen=True)
class Grid:
    """A two-dimensional histogram.

    Attributes
    ----------
    counts : numpy.ndarray
        int64 of shape (bins in y, bins in x); row 0 is the lowest.
    extent : tuple of float
        (x0, x1, y0, y1) of all bins together.
    """

    counts: NDArray[np.int64]
    extent: View

    @classmethod
    def of(
        cls, x: NDArray[np.float64], y: NDArray[np.float64], shown: NDArray[np.bool_], n_bins: int, extent: View
    ) -> Grid:
        """Count the points that are shown in n_bins × n_bins bins; points on the far edges are in the last bins."""
        from bioloom.explore._plot_kernels import count_cells

        x0, x1, y0, y1 = extent
        counts = np.zeros((n_bins, n_bins), np.int64)
        count_cells(x, y, shown, x0, n_bins / (x1 - x0), y0, n_bins / (y1 - y0), counts)
        return cls(counts, extent)

    def bin_at(self, x: float, y: float) -> tuple[int, int] | None:
        """Return row and column of the bin at a position, None outside."""
        x0, x1, y0, y1 = self.extent
        rows, columns = self.counts.shape
        if not (x0 <= x <= x1 and y0 <= y <= y1):
            return None
        return (
            min(int((y - y0) / (y1 - y0) * rows), rows - 1),
            min(int((x - x0) / (x1 - x0) * columns), columns - 1),
        )

    def edges(self, row: int, column: int) -> View:
        """Return (x0, x1, y0, y1) of a bin."""
        x0, x1, y0, y1 = self.extent
        dx, dy = (x1 - x0) / self.counts.shape[1], (y1 - y0) / self.counts.shape[0]
        return x0 + column * dx, x0 + (column + 1) * dx, y0 + row * dy, y0 + (row + 1) * dy

    def picture(self, view: View, shape: tuple[int, int], logarithmic: bool = True) -> NDArray[np.uint8]:
        """Draw the part of the bins in a view, from light to dark by their number of points."""
        height, width = shape
        rows, columns = self.counts.shape
        x0, x1, y0, y1 = self.extent
        across = view[0] + (np.arange(width) + 0.5) * (view[1] - view[0]) / width
        up = view[3] - (np.arange(height) + 0.5) * (view[3] - view[2]) / height
        column = np.floor((across - x0) / (x1 - x0) * columns).astype(np.intp)
        row = np.floor((up - y0) / (y1 - y0) * rows).astype(np.intp)
        inside = ((row >= 0) & (row < rows))[:, None] & ((column >= 0) & (column < columns))
        colours = np.zeros((rows, columns, 4), np.uint8)
        filled = self.counts > 0
        colours[filled] = density_shades()[self.shade(self.counts[filled], logarithmic)]
        rgba: NDArray[np.uint8] = colours[np.clip(row, 0, rows - 1)[:, None], np.clip(column, 0, columns - 1)]
        rgba[~inside] = 0
        return rgba

    def shade(self, counts: NDArray[np.int64], logarithmic: bool) -> NDArray[np.intp]:
        """Return the shade, 0…255, of bins with so many points."""
        highest = max(int(self.counts.max(initial=1)), 2)
        share = np.log(counts) / np.log(highest) if logarithmic else (counts - 1) / (highest - 1)
        return np.asarray(np.clip(share * 255, 0, 255), np.intp)


def grid_bin_count(n_points: int) -> int:
    """Choose the bins per side of a two-dimensional histogram: 5 to 60, about as many as the square root of points."""
    return int(np.clip(np.sqrt(n_points), 5, 60))
