"""Linear, logarithmic and symmetric logarithmic axes: from values to positions, and back, and where the ticks go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError
from bioloom.explore.raster import nice_ticks

ScaleKind: TypeAlias = Literal["linear", "log", "symlog"]

SCALE_KINDS: tuple[ScaleKind, ...] = ("linear", "log", "symlog")
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Beyond these, powers of ten overflow.
_MOST_DECADES = 300.0


@dataclass(frozen=True)
class Scale:
    """How the values of a column are laid out along an axis.

    Parameters
    ----------
    kind
        "linear"; "log": the decadic logarithm, values of 0 and below have no place; "symlog": sign(x) ·
        log10(1 + |x| / knee), for values of both signs and of several orders of magnitude.
    knee
        For "symlog", greater than 0: values much smaller than this are spaced evenly, larger ones logarithmically.

    Raises
    ------
    InputError
        If the kind is unknown or the knee is not a positive number.
    """

    kind: ScaleKind = "linear"
    knee: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in SCALE_KINDS:
            raise InputError(f"The scale of an axis is {self.kind!r}, but must be one of {', '.join(SCALE_KINDS)}.")
        if not (math.isfinite(self.knee) and self.knee > 0):
            raise InputError(f"The knee of a symlog axis is {self.knee}, but must be greater than 0.")

    def forward(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the positions of values on the axis; NaN where they have none."""
        given = np.asarray(values, np.float64)
        if self.kind == "linear":
            return given
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if self.kind == "log":
                return np.asarray(np.where(given > 0, np.log10(given), np.nan), np.float64)
            return np.asarray(np.copysign(np.log10(1 + np.abs(given) / self.knee), given), np.float64)

    def inverse(self, positions: ArrayLike) -> NDArray[np.float64]:
        """Return the values at positions on the axis."""
        given = np.asarray(positions, np.float64)
        if self.kind == "linear":
            return given
        within = np.clip(given, -_MOST_DECADES, _MOST_DECADES)
        if self.kind == "log":
            return np.asarray(10.0**within, np.float64)
        with np.errstate(over="ignore"):
            return np.asarray(np.copysign(self.knee * (10.0 ** np.abs(within) - 1), within), np.float64)

    def ticks(self, low: float, high: float, n: int = 5) -> list[tuple[float, str]]:
        """Choose round values between two positions.

        Parameters
        ----------
        low, high
            Ends of the visible part of the axis, as positions.
        n
            About how many ticks are wanted.

        Returns
        -------
        list of (float, str)
            Position and text of each tick, ascending.
        """
        low, high = sorted((float(low), float(high)))
        if self.kind == "linear":
            values = nice_ticks(low, high, n)
        elif self.kind == "log":
            values = _log_values(low, high, n)
        else:
            values = self._symlog_values(low, high, n)
        positions = self.forward(values)
        steps = np.diff(values)
        texts = tick_texts(values, even=not steps.size or float(np.ptp(steps)) <= 1e-6 * float(steps.max()))
        return [(float(p), t) for p, t in zip(positions, texts, strict=True) if low - 1e-9 <= p <= high + 1e-9]

    def _symlog_values(self, low: float, high: float, n: int) -> NDArray[np.float64]:
        ends = self.inverse([low, high])
        if high - low < 1 or np.abs(ends).max() < 3 * self.knee:
            return nice_ticks(float(ends[0]), float(ends[1]), n)
        # Powers below ten times the knee crowd around 0.
        first = math.ceil(math.log10(self.knee)) + 1
        last = math.floor(math.log10(float(np.abs(ends).max())))
        both = 2 if low < 0 < high else 1
        step = max(1, round((last - first + 1) * both / n))
        powers = 10.0 ** np.arange(last, first - 1, -step)[::-1]
        values = np.concatenate([-powers[::-1], [0.0], powers])
        values = values[(values >= ends[0]) & (values <= ends[1])]
        return np.asarray(values if len(values) > 2 else self._spaced(ends, (high - low) / (1.5 * n)), np.float64)

    def _spaced(self, ends: NDArray[np.float64], distance: float) -> NDArray[np.float64]:
        """Return 0 and 1, 2 and 5 times powers of ten between two values, at least so far apart."""
        lowest, highest = math.log10(self.knee), math.log10(float(np.abs(ends).max()))
        powers = 10.0 ** np.arange(math.floor(lowest), math.floor(highest) + 1)
        sizes, kept = np.sort(np.concatenate([powers, 2 * powers, 5 * powers])), [0.0]
        for size, position in zip(sizes.tolist(), self.forward(sizes).tolist(), strict=True):
            if position - float(self.forward(kept[-1])) >= distance:
                kept.append(size)
        values = np.concatenate([-np.array(kept[:0:-1]), kept])
        return np.asarray(values[(values >= ends[0]) & (values <= ends[1])], np.float64)


def scale_for(kind: ScaleKind, values: NDArray[np.float64]) -> Scale:
    """Choose the scale of an axis; the knee of a symlog axis is the 10th percentile of the sizes that are not 0."""
    if kind != "symlog":
        return Scale(kind)
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size:
        return Scale(kind)
    return Scale(kind, max(float(np.percentile(sizes, 10)), float(sizes.max()) * 1e-6, 1e-290))


def tick_texts(values: NDArray[np.float64], even: bool = True) -> list[str]:
    """Write the values at the ticks, as short as they can be told apart.

    Parameters
    ----------
    values
        float64, ascending.
    even
        Whether they are evenly spaced: then all get as many decimals as their distance needs.

    Returns
    -------
    list of str
        Numbers; those of 100 000 and more, and those below 0.001, as 2·10⁵.
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not even:
        return [_text(float(v), None) for v in values]
    step = float(np.diff(values).min()) if len(values) > 1 else largest
    if largest == 0 or step <= 0:
        return ["0" if v == 0 else f"{v:g}" for v in values]
    exponent = math.floor(math.log10(largest) + 1e-9)
    if exponent >= 5 or exponent < -3:
        decimals = _decimals(step / 10.0**exponent)
        if decimals <= 3 or exponent < -3:
            return ["0" if v == 0 else _powered(v / 10.0**exponent, exponent, decimals) for v in values.tolist()]
    decimals = _decimals(step)
    return [f"{v:.{decimals}f}" for v in values + 0.0]


def grouped_digits(number: int) -> str:
    """Write a whole number with its digits in groups of three: 333 334."""
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")


def _text(value: float, decimals: int | None) -> str:
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    if exponent >= 5 or exponent < -3:
        mantissa = value / 10.0**exponent
        return _powered(mantissa, exponent, 0 if abs(mantissa - round(mantissa)) < 1e-6 else 1)
    return f"{value:.6g}"


def _powered(mantissa: float, exponent: int, decimals: int) -> str:
    power = f"10{str(exponent).translate(_SUPERSCRIPTS)}"
    if abs(abs(mantissa) - 1) < 1e-9 and decimals == 0:
        return power if mantissa > 0 else f"-{power}"
    return f"{mantissa:.{decimals}f}·{power}"


def _decimals(step: float) -> int:
    for decimals in range(16):
        if abs(round(step, decimals) - step) < step * 1e-6:
            return decimals
    return 16


def _log_values(low: float, high: float, n: int) -> NDArray[np.float64]:
    low, high = max(low, -_MOST_DECADES), min(high, _MOST_DECADES)
    if high <= low:
        return np.zeros(0)
    if high - low < 1:
        return nice_ticks(10.0**low, 10.0**high, n)
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    step = max(1, round((high - low) / n))
    powers = 10.0 ** np.arange(first, last + 1, step)
    if high - low > 2.5:
        return np.asarray(powers, np.float64)
    powers = 10.0 ** np.arange(first - 1, last + 2)
    values = np.sort(np.concatenate([powers, 2 * powers, 5 * powers]))
    return np.asarray(values[(values >= 10.0**low * (1 - 1e-9)) & (values <= 10.0**high * (1 + 1e-9))], np.float64)
