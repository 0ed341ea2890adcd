"""Small histograms of many columns, kept up to date while rows are filtered and selected.

Every value is put into one of a few bins once, as a byte; counting bytes then takes a moment even for a million rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bioloom.session.table_columns import Column
from bioloom.session.table_filters import ColumnFilter, RangeFilter, ValuesFilter

N_BINS = 40
_NONE = 63
_SHOWN, _SELECTED = 64, 128
_SAMPLE = 20_000
_OUTLIERS = 0.002


@dataclass(frozen=True)
class BinnedColumn:
    """A column in bins.

    Attributes
    ----------
    edges
        The limits of the bins, (n_bins + 1,); values beyond the first and last are in those bins. Text has none: its
        bins are the most frequent words.
    words
        The words of the bins of a column of text.
    codes
        uint8 per row: the bin, 63 where there is no value.
    """

    edges: NDArray[np.float64]
    words: tuple[str, ...]
    codes: NDArray[np.uint8]

    @property
    def n_bins(self) -> int:
        """The number of bins."""
        return len(self.words) or max(len(self.edges) - 1, 0)


@dataclass(frozen=True)
class Counts:
    """How many rows lie in each bin: of all, of those shown, and of those shown that are selected; int64, (n_bins,)."""

    all: NDArray[np.int64]
    shown: NDArray[np.int64]
    selected: NDArray[np.int64]


def bin_column(column: Column) -> BinnedColumn:
    """Put the values of a column into up to 40 bins; few whole numbers get a bin each, few outliers the outer bins."""
    if column.is_text:
        codes = column.codes
        sizes = np.bincount(codes[codes >= 0], minlength=len(column.words))
        common = np.argsort(-sizes, kind="stable")[:N_BINS]
        place = np.full(len(column.words) + 1, _NONE, np.uint8)
        place[common] = np.arange(len(common))
        return BinnedColumn(np.zeros(0), tuple(str(w) for w in column.words[common]), place[codes])
    values = column.values
    edges = bin_edges(values)
    if len(edges) < 2:
        return BinnedColumn(edges, (), np.full(len(values), _NONE, np.uint8))
    n, width = len(edges) - 1, edges[1] - edges[0]
    with np.errstate(invalid="ignore", over="ignore"):
        places = np.clip((values.astype(np.float64) - edges[0]) / width, 0, n - 0.5)
    missing = np.isnan(places)
    if missing.any():
        places[missing] = _NONE
    return BinnedColumn(edges, (), places.astype(np.uint8))


def bin_edges(values: NDArray[np.generic], n_bins: int = N_BINS) -> NDArray[np.float64]:
    """Choose limits of bins of the same width; empty where there is no finite value."""
    if values.dtype == bool:
        return np.array([-0.5, 0.5, 1.5])
    some = values[:: max(1, len(values) // _SAMPLE)].astype(np.float64)
    some = some[np.isfinite(some)]
    if not len(some):
        some = values[np.isfinite(values.astype(np.float64))].astype(np.float64)
        if not len(some):
            return np.zeros(0)
    low, high = np.quantile(some, [_OUTLIERS, 1 - _OUTLIERS])
    first, last = some.min(), some.max()
    # Outliers are put into the outer bins only where they would squeeze the others.
    low = first if low - first <= 0.5 * (high - low) else low
    high = last if last - high <= 0.5 * (high - low) else high
    if (some == np.rint(some)).all():
        low, high = np.floor(low), np.ceil(high)
        step = np.ceil((high - low + 1) / n_bins)
        return np.asarray(low - 0.5 + step * np.arange(np.ceil((high - low + 1) / step) + 1), np.float64)
    if low == high:
        margin = abs(low) * 0.05 or 0.5
        return np.array([low - margin, low + margin])
    return np.linspace(low, high, n_bins + 1)


def states(shown: NDArray[np.bool_], selected: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Code which rows are shown and selected, for :func:`count`; both are bool per row of the whole table."""
    return np.asarray(shown, np.uint8) * np.uint8(_SHOWN) + (shown & selected) * np.uint8(_SELECTED)


def count(binned: BinnedColumn, state: NDArray[np.uint8]) -> Counts:
    """Count the rows in each bin.

    Parameters
    ----------
    binned
        The column.
    state
        What :func:`states` gave.
    """
    counts = np.bincount(binned.codes | state, minlength=256).reshape(4, 64)[:, : binned.n_bins]
    return Counts(counts.sum(0), counts[1] + counts[3], counts[3])


def filter_of_bins(column: Column, binned: BinnedColumn, first: int, last: int) -> ColumnFilter | None:
    """Make the filter that keeps the rows in some neighbouring bins; None where these are all bins.

    The outer bins include what lies beyond them.
    """
    first, last = sorted((min(max(first, 0), binned.n_bins - 1), min(max(last, 0), binned.n_bins - 1)))
    if first == 0 and last == binned.n_bins - 1:
        return None
    if binned.words:
        return ValuesFilter(binned.words[first : last + 1])
    low = -np.inf if first == 0 else float(binned.edges[first])
    high = np.inf if last == binned.n_bins - 1 else float(binned.edges[last + 1])
    if column.values.dtype == bool or column.is_whole:
        low, high = np.ceil(low), np.floor(high)
    return RangeFilter(float(low), float(high))


def bins_of_filter(binned: BinnedColumn, limit: ColumnFilter | None) -> NDArray[np.bool_]:
    """Return which bins hold values that a filter keeps."""
    if limit is None:
        return np.ones(binned.n_bins, bool)
    if isinstance(limit, RangeFilter):
        if binned.words or not binned.n_bins:
            return np.ones(binned.n_bins, bool)
        kept = (binned.edges[1:] > limit.low) & (binned.edges[:-1] < limit.high)
        # Values beyond the edges are in the outer bins.
        kept[0] |= limit.low < binned.edges[0]
        kept[-1] |= limit.high > binned.edges[-1]
        return np.asarray(kept, bool)
    if binned.words:
        return np.isin(np.array(binned.words, object), np.array([*limit.values], object))
    values = np.array([*limit.values], np.float64)
    held = (values >= binned.edges[:-1, None]) & (values < binned.edges[1:, None])
    return np.asarray(held.any(1), bool)


def describe_bin(binned: BinnedColumn, place: int) -> str:
    """Say what is in a bin."""
    if binned.words:
        return binned.words[place]
    low, high = binned.edges[place], binned.edges[place + 1]
    if (binned.edges + 0.5 == np.rint(binned.edges + 0.5)).all():
        # Bins of whole numbers.
        return f"{low + 0.5:.0f}" if high - low == 1 else f"{low + 0.5:.0f} – {high - 0.5:.0f}"
    return f"{low:.4g} – {high:.4g}"
