"""Statistics of all pixels of an image that is read block by block, those of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._frame import Frame
from bioloom.measure._frame_thresholds import ends

Array = NDArray[Any]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_BINS = 1 << 16


@dataclass(frozen=True)
class Part:
    """Number, mean and sum of squared differences from it of some values, and their smallest and largest."""

    n: int
    mean: float
    squares: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Array) -> Part:
        """Return that of values without NaN."""
        if not values.size:
            return cls(0, 0.0, 0.0, np.inf, -np.inf)
        mean = float(values.mean(dtype=np.float64))
        squares = float(np.square(np.subtract(values, mean, dtype=np.float64)).sum())
        return cls(values.size, mean, squares, float(values.min()), float(values.max()))

    def merged(self, other: Part) -> Part:
        """Return that of both together (Chan et al. 1983, The American Statistician 37:242)."""
        n = self.n + other.n
        if not n:
            return self
        apart = other.mean - self.mean if self.n and other.n else 0.0
        first = self.mean if self.n else other.mean
        return Part(
            n, first + apart * other.n / n, self.squares + other.squares + apart**2 * self.n * other.n / n,
            min(self.low, other.low), max(self.high, other.high),
        )  # fmt: skip


def describe_blocks(
    labels: Any, image: Any, block: Sequence[int], shares: Sequence[float], tick: Any
) -> dict[str, Any]:
    """Return ``all``, ``objects`` and ``background`` as `Part`, and ``quantiles``, of the pixels that are not NaN.

    The pixels of objects are those where `labels` is not 0; None for an image without labels.
    """
    frame = Frame(image if labels is None else labels, {"": image}, block, tick)

    def read(low: Ints, size: Ints) -> tuple[Array, Array | None]:
        values = frame.image("", low, low + size)
        there = ~np.isnan(values)
        mask = None if labels is None else (frame.labels(low, low + size) != 0)[there]
        return values[there], mask

    def add(low: Ints, size: Ints) -> tuple[Part, Part]:
        values, mask = read(low, size)
        if mask is None:
            return Part.of(values[:0]), Part.of(values)
        return Part.of(values[mask]), Part.of(values[~mask])

    parts = [Part.of(np.zeros(0)), Part.of(np.zeros(0))]
    for found in frame.each_block(add):
        parts = [part.merged(one) for part, one in zip(parts, found, strict=True)]
    whole = parts[0].merged(parts[1])
    quantiles = _quantiles(frame, lambda low, size: read(low, size)[0], whole, shares)
    return {"all": whole, "objects": parts[0], "background": parts[1], "quantiles": quantiles}


def _quantiles(frame: Frame, read: Any, whole: Part, shares: Sequence[float]) -> list[float]:
    """Quantiles, interpolated as by NumPy: the bins they lie in are found first, then the values in these."""
    if not whole.n:
        return [np.nan] * len(shares)
    first, last = whole.low, whole.high
    if not np.isfinite(last - first):
        ranges = np.array(list(frame.each_block(lambda low, size: ends(read(low, size))))).T
        first, last = np.nanmin(np.append(ranges[0], 0.0)), np.nanmax(np.append(ranges[1], 0.0))
    step = (last - first) / (_BINS - 1) or 1.0

    def bins_of(values: Array) -> Ints:
        # Infinite values are in the first and the last bin.
        return np.clip((values.astype(np.float64) - first) / step, 0, _BINS - 1).astype(np.int64)

    counts = np.zeros(_BINS, np.int64)
    for some in frame.each_block(lambda low, size: np.bincount(bins_of(read(low, size)), minlength=_BINS)):
        counts += some
    up_to = np.cumsum(counts)
    places = np.asarray(shares) * (whole.n - 1)
    ranks = np.stack([np.floor(places), np.minimum(np.floor(places) + 1, whole.n - 1)]).astype(np.int64)
    wanted = np.zeros(_BINS, np.bool_)
    wanted[np.searchsorted(up_to, ranks, "right")] = True

    def values_in(low: Ints, size: Ints) -> tuple[Array, Ints]:
        values = read(low, size)
        return np.unique(values[wanted[bins_of(values)]], return_counts=True)

    found = list(frame.each_block(values_in))
    values = np.concatenate([v for v, _ in found]).astype(np.float64)
    numbers = np.concatenate([n for _, n in found])
    order = np.argsort(values, kind="stable")
    values, within = values[order], np.cumsum(numbers[order])
    # Ranks among the values of the wanted bins: less all that lie in the bins before that are not wanted.
    left_out = np.cumsum(np.where(wanted, 0, counts))[np.searchsorted(up_to, ranks, "right")]
    low, high = values[np.searchsorted(within, ranks - left_out, "right")]
    between = np.where(low == high, 0.0, high - low)
    return [float(v) for v in low + between * (places - np.floor(places))]
