"""Bringing the intensities of images to one scale, so that a classifier of one image holds on the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations.labelling import otsu_value

Scale: TypeAlias = Literal["none", "linear", "log"]
Levels: TypeAlias = Literal["otsu", "percentiles"]
Range: TypeAlias = tuple[float, float]
"""The intensities of one channel that become 0 and 1."""

_STEEPNESS = np.float32(10.0)
_LARGEST = np.float32(1e4)
_HUGE = float(np.finfo(np.float32).max)
_TINY = 1e-30
_KEYS = {"scale", "low", "high", "levels", "region"}
_SAMPLED_BLOCKS = 256
_SAMPLED_PIXELS = 1 << 20


@dataclass(frozen=True)
class Normalisation:
    """How the intensities of an image are brought to one scale, each channel by itself.

    Attributes
    ----------
    scale : str
        ``"linear"``: dark becomes 0, bright 1. ``"log"``: so too, and steps among dark pixels count for more, so
        that faint objects beside bright ones are told from the ground. ``"none"``: intensities stay as they are.
    levels : str
        What dark and bright are: ``"otsu"``, the medians of the pixels on either side of Otsu's threshold, or
        ``"percentiles"``, those named by `low` and `high`.
    low, high : float
        Percentiles, 0…100; used by ``levels="percentiles"``.
    region : tuple of (int, int), optional
        The part of each image to look at: first pixel and the one after the last, per axis (y, x) or (z, y, x). None
        looks at the whole.

    Raises
    ------
    InputError
        If the scale or the levels are unknown, or percentiles are out of order.

    Notes
    -----
    With dark *d*, bright *b* and t = (x - d) / (b - d), the log scale is ``sign(t) log(1 + 10 abs(t)) / log 11``:
    defined for every intensity, also below *d* and below 0. Dark objects on bright ground stay dark on bright.
    """

    scale: Scale = "log"
    low: float = 1.0
    high: float = 99.8
    levels: Levels = "otsu"
    region: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self) -> None:
        if self.region is not None:
            object.__setattr__(self, "region", _as_region(self.region))
        if self.scale not in get_args(Scale):
            raise InputError(f"The normalisation is {self.scale!r}, but must be one of {', '.join(get_args(Scale))}.")
        if self.levels not in get_args(Levels):
            raise InputError(f"The levels are {self.levels!r}, but must be one of {', '.join(get_args(Levels))}.")
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
                raise InputError(f"The percentile {name} is {value!r}, but must be a number from 0 to 100.")
            object.__setattr__(self, name, float(value))
        if not 0 <= self.low < self.high <= 100:
            raise InputError(
                f"The percentiles are {self.low:g} and {self.high:g}, but must be from 0 to 100, the lower one first."
            )

    def measure(self, channels: Sequence[Any], region: Sequence[slice] | None = None) -> tuple[Range, ...]:
        """Find what is dark and what is bright in every channel.

        Parameters
        ----------
        channels
            Arrays (y, x) or (z, y, x) of any real dtype, in memory or lazy (Dask, Zarr). Pixels that are not finite are
            left out.
        region
            The part to look at, one slice per axis; that of the attribute if left out.

        Returns
        -------
        tuple of (float, float)
            Per channel the intensities of dark and bright, the first below the second. Parts of more than 1,048,576
            pixels are looked at in 256 blocks spread evenly over them, always the same ones, so that memory stays
            bounded and an array gives the same answer whatever holds it.

        Raises
        ------
        InputError
            If the region is empty or has another number of axes.
        """
        if region is None and self.region is not None:
            region = tuple(slice(*ends) for ends in self.region)
        return tuple(self._range(_sample(channel, region)) for channel in channels)

    def apply(self, pixels: NDArray[Any], between: Range) -> NDArray[np.float32]:
        """Bring pixels to the scale.

        Parameters
        ----------
        pixels
            Any shape and real dtype. Every pixel is changed by itself: parts give the same as the whole.
        between
            Dark and bright, as :meth:`measure` gives them.

        Returns
        -------
        numpy.ndarray
            float32 of the same shape: 0 where dark, 1 where bright, beyond that at most ±10,000 (before the logarithm).
        """
        if self.scale == "none":
            return np.asarray(pixels, np.float32)
        low, high = between
        # What float32 does not hold exactly loses its small differences if it is not shifted first.
        exact = pixels.dtype.itemsize <= 2 or pixels.dtype == np.float32
        kind = np.float32 if exact else np.float64
        values: NDArray[Any] = np.ascontiguousarray(pixels, kind)
        with np.errstate(over="ignore"):
            scaled = (values - kind(low)) * kind(1 / (high - low))
            result: NDArray[np.float32] = np.clip(scaled, -_LARGEST, _LARGEST).astype(np.float32, copy=False)
        if self.scale == "log":
            size = np.log1p(_STEEPNESS * np.abs(result)) / np.log1p(_STEEPNESS)
            result = np.copysign(size, result)
        return result

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` needs."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Any) -> Normalisation:
        """Return the normalisation that was stored.

        Raises
        ------
        InputError
            If it is none.
        """
        if not isinstance(state, Mapping) or not {"scale"} <= set(state) <= _KEYS:
            raise InputError(f"This is no stored normalisation: {str(state)[:200]}. It needs a scale.")
        return cls(**state)

    def _range(self, sample: NDArray[Any]) -> Range:
        if not sample.size:
            return 0.0, 1.0
        # In float64, and within what float32 holds, so that no difference of two intensities overflows.
        sample = np.clip(sample.astype(np.float64), -_HUGE, _HUGE)
        extremes = float(sample.min()), float(sample.max())
        if not _apart(*extremes):
            # A constant image becomes 0 everywhere.
            return extremes[0], extremes[0] + max(1.0, abs(extremes[0]))
        low, high = (float(v) for v in np.percentile(sample, (self.low, self.high)))
        # Where nearly all pixels are alike, such as a few spots on black, the extremes are all there is.
        outer = (low, high) if _apart(low, high) else extremes
        if self.levels == "percentiles":
            return outer
        # On the log scale, Otsu's threshold is low enough for faint objects beside bright ones.
        scaled = self.apply(sample, outer)
        bright = scaled > otsu_value(scaled)
        if not bright.any():
            return outer
        inner = float(np.median(sample[~bright])), float(np.median(sample[bright]))
        return inner if _apart(*inner) else outer


def _as_region(region: Any) -> tuple[tuple[int, int], ...]:
    try:
        ends = tuple((int(start), int(stop)) for start, stop in region)
    except (TypeError, ValueError):
        ends = ()
    if len(ends) not in (2, 3) or not all(0 <= start < stop for start, stop in ends):
        raise InputError(
            f"The region to normalise by is {region!r}, but must be pairs of first and last pixel, such as "
            "((0, 100), (50, 150)) for y and x."
        )
    return ends


def _apart(low: float, high: float) -> bool:
    return high - low > _TINY * max(1.0, abs(low))


def _sample(channel: Any, region: Sequence[slice] | None) -> NDArray[Any]:
    """Return the finite pixels to look at, flat: all of a small part, blocks spread evenly over a large one."""
    shape = tuple(channel.shape)
    if region is None:
        spans = [range(n) for n in shape]
    else:
        if len(region) != len(shape) or not all(isinstance(s, slice) for s in region):
            raise InputError(
                f"The region to normalise by is {region!r}, but must be {len(shape)} slices, one per axis."
            )
        spans = [range(*slice(s.start, s.stop).indices(n)) for s, n in zip(region, shape, strict=True)]
    if not all(spans):
        raise InputError(f"The region to normalise by, {region!r}, holds no pixel of an image of shape {shape}.")
    parts = [np.asarray(channel[block]).ravel() for block in _blocks(spans)]
    pixels = np.concatenate(parts)
    if pixels.dtype == bool:
        return pixels.astype(np.uint8)
    if pixels.dtype.kind != "f":
        return pixels
    if pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    finite: NDArray[Any] = pixels[np.isfinite(pixels)]
    return finite


def _blocks(spans: Sequence[range]) -> list[tuple[slice, ...]]:
    """Divide a part of an image into the blocks to read."""
    total = int(np.prod([len(s) for s in spans], dtype=float))
    if total <= _SAMPLED_PIXELS:
        return [tuple(slice(s.start, s.stop) for s in spans)]
    # 64 and 16 divide the usual sizes of chunks, of which each is then read for few blocks.
    wanted = (64, 64) if len(spans) == 2 else (16, 16, 16)
    sides = [min(w, len(s)) for w, s in zip(wanted, spans, strict=True)]
    counts = [-(-len(s) // side) for s, side in zip(spans, sides, strict=True)]
    while np.prod(counts, dtype=float) > _SAMPLED_BLOCKS:
        largest = int(np.argmax(counts))
        counts[largest] = -(-counts[largest] // 2)
    starts = []
    for span, side, count in zip(spans, sides, counts, strict=True):
        spread = (len(span) - side) * (2 * np.arange(count) + 1) // (2 * count)
        starts.append([span.start + int(s) // side * side for s in spread])
    return [
        tuple(slice(s, min(s + side, span.stop)) for s, side, span in zip(corner, sides, spans, strict=True))
        for corner in product(*starts)
    ]
