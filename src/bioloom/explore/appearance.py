"""How objects look in plot and image: one colour each, by class or value, with the selection in front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.colours import class_colours

_MOST_CLASSES = 30
_STEPS = 256
_SELECTED = (216, 27, 196, 255)
_DIMMED_ALPHA = 70


@dataclass(frozen=True)
class Appearance:
    """Colours of objects.

    Attributes
    ----------
    index : numpy.ndarray
        Row of `palette` per object.
    palette : numpy.ndarray
        uint8 RGBA, (k, 4).
    order : numpy.ndarray
        Objects in the order in which they are drawn, selected ones last.
    plain : bool
        Nothing is classified, valued or selected: every object looks alike.
    """

    index: NDArray[np.intp]
    palette: NDArray[np.uint8]
    order: NDArray[np.intp]
    plain: bool


def appearance(values: NDArray[Any], selected: NDArray[np.bool_], categorical: bool | None = None) -> Appearance:
    """Choose the colours of objects.

    Parameters
    ----------
    values
        One number per object: a class (0 is none) or a measurement.
    selected
        bool per object. If any is selected, the others are dimmed, and selected objects without a class are magenta.
    categorical
        Whether values are classes; found out from the values if left out: few whole numbers from 0 are.

    Returns
    -------
    Appearance
        Classes in the colours of :func:`class_colours`; measurements from dark to bright (viridis) between their 1st
        and 99th percentile, missing values grey.
    """
    is_class = are_classes(values) if categorical is None else categorical
    if is_class:
        classes = values.astype(np.intp)
        palette = class_colours(int(classes.max(initial=0)))
    else:
        classes, palette = _shaded(values.astype(float))
    n = len(palette)
    dimmed, vivid = palette.copy(), palette.copy()
    dimmed[:, 3] = _DIMMED_ALPHA
    vivid[0] = _SELECTED
    index = classes
    if selected.any():
        index = np.where(selected, classes + 2 * n, classes + n)
    order = np.argsort(selected, kind="stable")
    plain = is_class and not classes.any() and not selected.any()
    return Appearance(index, np.concatenate([palette, dimmed, vivid]), order, plain)


def are_classes(values: NDArray[Any]) -> bool:
    """Tell whether a column holds classes: bool, or few whole numbers from 0 on."""
    if values.dtype.kind == "b":
        return True
    if values.dtype.kind not in "iu" or not len(values):
        return False
    return bool(values.min() >= 0 and values.max() <= _MOST_CLASSES)


def _shaded(values: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    from matplotlib import colormaps

    shades = colormaps["viridis"](np.linspace(0, 1, _STEPS), bytes=True)
    palette = np.concatenate([class_colours(0), shades]).astype(np.uint8)
    finite = np.isfinite(values)
    index = np.zeros(len(values), np.intp)
    if finite.any():
        low, high = np.percentile(values[finite], (1, 99))
        share = (values[finite] - low) / (high - low) if high > low else np.full(finite.sum(), 0.5)
        index[finite] = 1 + np.clip(share * (_STEPS - 1), 0, _STEPS - 1).astype(np.intp)
    return index, palette
