"""What a list of corrections by hand may hold; everything else is refused before it is looked at further."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

MAX_CORRECTIONS = 100_000
MAX_NUMBERS = 10_000_000
_FARTHEST = 1e7

# Kind: keys it must have (one of those separated by a bar), and keys it may have.
_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "merge": (("points",), ("sizes",)),
    "split": (("line",), ("axis", "sizes")),
    "delete": (("point",), ("sizes",)),
    "draw": (("polygon|runs",), ("point", "axis", "over", "sizes")),
    "erase": (("polygon|runs",), ("axis",)),
}
_FEWEST = {"points": 2, "line": 2, "polygon": 3, "runs": 1}


def check_corrections(corrections: Any, where: str = "The corrections") -> list[dict[str, Any]]:
    """Return corrections as plain lists and numbers, fit for YAML and JSON.

    Parameters
    ----------
    corrections
        A list of mappings; see :mod:`bioloom.operations.corrections`.
    where
        What to call it in messages.

    Raises
    ------
    InputError
        If one is of an unknown kind, lacks what it needs, or holds anything but what belongs to it.
    """
    if not isinstance(corrections, Sequence) or isinstance(corrections, (str, bytes)):
        raise InputError(f"{where}: {reprlib.repr(corrections)} is no list of corrections.")
    if len(corrections) > MAX_CORRECTIONS:
        raise InputError(f"{where}: there are {len(corrections)}; up to {MAX_CORRECTIONS} are possible.")
    checked = []
    left = MAX_NUMBERS
    for number, correction in enumerate(corrections, start=1):
        one = _check(correction, f"{where}, number {number}")
        left -= sum(len(one[key]) * len(one[key][0]) for key in _FEWEST if key in one)
        if left < 0:
            raise InputError(f"{where}: they hold more than {MAX_NUMBERS} coordinates. Edit the layer instead.")
        checked.append(one)
    return checked


def corrections_of_frame(corrections: Sequence[Mapping[str, Any]], frame: int) -> list[dict[str, Any]]:
    """Return the corrections of one frame of a time series.

    Parameters
    ----------
    corrections
        Those without ``frame`` count for every frame.
    frame
        Number of the frame, from 0.
    """
    return [dict(one) for one in corrections if one.get("frame") in (None, frame)]


def _check(correction: Any, where: str) -> dict[str, Any]:
    if not isinstance(correction, Mapping):
        raise InputError(f"{where} is {reprlib.repr(correction)}, but must be a mapping with a kind.")
    kind = correction.get("kind")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise InputError(f"{where} has the kind {reprlib.repr(kind)}, but must be one of {', '.join(_KEYS)}.")
    needed, allowed = _KEYS[kind]
    for key in needed:
        if sum(one in correction for one in key.split("|")) != 1:
            raise InputError(f"{where} ({kind}) needs {key.replace('|', ' or ')}.")
    known = {"kind", "frame", *allowed, *(one for key in needed for one in key.split("|"))}
    unknown = [reprlib.repr(key) for key in correction if key not in known]
    if unknown:
        raise InputError(f"{where} ({kind}) holds {', '.join(unknown[:5])}, which it cannot have.")
    one: dict[str, Any] = {"kind": kind}
    for key, value in correction.items():
        if key in ("points", "line", "polygon"):
            one[key] = _numbers(value, (2, 3), f"{where}: {key}", _FEWEST[key]).tolist()
        elif key == "runs":
            one[key] = _runs(value, f"{where}: runs")
        elif key == "point":
            one[key] = _numbers([value], (2, 3), f"{where}: point", 1)[0].tolist()
        elif key == "sizes":
            values = [value] if not isinstance(value, (list, tuple)) else value
            one[key] = [_whole(size, f"{where}: sizes", 2**53) for size in values]
        elif key in ("frame", "axis"):
            if value is not None:
                one[key] = _whole(value, f"{where}: {key}", 2 if key == "axis" else 2**31)
        elif key == "over":
            if not isinstance(value, bool):
                raise InputError(f"{where}: over is {reprlib.repr(value)}, but must be true or false.")
            one[key] = value
    return one


def _numbers(value: Any, widths: tuple[int, ...], where: str, fewest: int) -> NDArray[Any]:
    array: NDArray[Any] | None = None
    if isinstance(value, (list, tuple, np.ndarray)) and len(value) <= MAX_NUMBERS:
        try:
            array = np.array(value)
        except ValueError:
            array = None
    if array is None or array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] not in widths:
        coordinates = " or ".join(str(n) for n in widths)
        raise InputError(f"{where} is {reprlib.repr(value)}, but must be a list of {coordinates} numbers each.")
    if len(array) < fewest:
        raise InputError(f"{where}: there are {len(array)}, but at least {fewest} are needed.")
    if not np.isfinite(array).all() or np.abs(array.astype(np.float64)).max() > _FARTHEST:
        raise InputError(f"{where} holds NaN, or coordinates that no image has.")
    return array


def _runs(value: Any, where: str) -> list[list[int]]:
    runs = _numbers(value, (3, 4), where, 1)
    if runs.dtype.kind == "f" and not np.array_equal(runs, np.rint(runs)):
        raise InputError(f"{where}: positions and lengths of painted pixels must be whole numbers.")
    if runs[:, -1].min() < 1:
        raise InputError(f"{where}: each must be at least one pixel long.")
    plain: list[list[int]] = runs.astype(np.int64).tolist()
    return plain


def _whole(value: Any, where: str, largest: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or not 0 <= value <= largest:
        raise InputError(f"{where} is {reprlib.repr(value)}, but must be a whole number from 0 to {largest}.")
    return int(value)
