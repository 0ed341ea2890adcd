"""How objects look in plot and image: one colour each, by class or value, with the selection in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.colours import class_colours
from bioloom.explore.text_order import has_order, numbered_texts

if TYPE_CHECKING:
    import pandas as pd

NOISE = -1
"""The class of objects that a clustering found to belong nowhere: not 0, which is for objects without a class."""

_MOST_CLASSES, _MOST_TEXTS = 30, 1000
_STEPS = 256
_SELECTED = (216, 27, 196, 255)
NOISE_COLOUR = (70, 70, 70, 255)
_DIMMED_ALPHA = 70
_FAINT_ALPHA = 36


@dataclass(frozen=True)
class Colouring:
    """What objects are coloured by, before any is selected.

    Attributes
    ----------
    kind : str
        "classes" or "values".
    index : numpy.ndarray
        Row of `palette` per object.
    palette : numpy.ndarray
        uint8 RGBA, (n, 4). Row 0 is for objects without a class or value.
    classes : numpy.ndarray
        For classes, the class of each row of `palette`: 0, 1, 2, …, and NOISE last.
    names : dict
        Names of classes, for a legend.
    counts : numpy.ndarray
        Objects per row of `palette`.
    limits : tuple of float, optional
        For values, what the first and the last shade stand for.
    title : str
        What is shown, such as the name of the column.
    """

    kind: Literal["classes", "values"]
    index: NDArray[np.intp]
    palette: NDArray[np.uint8]
    classes: NDArray[np.int64]
    names: dict[int, str]
    counts: NDArray[np.int64]
    limits: tuple[float, float] | None = None
    title: str = ""

    def legend(self) -> list[tuple[int, str, tuple[int, ...], int]]:
        """Return class, name, colour and number of objects of the classes that occur; nothing if none does."""
        if self.kind != "classes" or not self.counts[1:].any():
            return []
        return [
            (int(c), class_name(int(c), self.names), tuple(map(int, self.palette[row])), int(self.counts[row]))
            for row, c in enumerate(self.classes)
            if self.counts[row]
        ]


@dataclass(frozen=True)
class Appearance:
    """Colours of objects.

    Attributes
    ----------
    index : numpy.ndarray
        Row of `palette` per object.
    palette : numpy.ndarray
        uint8 RGBA, (k, 4): the colouring's palette in several states, one after the other: as it is, dimmed, selected;
        with frames also selected elsewhere and faint. A last row with alpha 0 is for hidden objects.
    order : numpy.ndarray
        Objects in the order in which they are drawn, selected ones last.
    plain : bool
        Nothing is classified, valued, selected or hidden: every object looks alike.
    colouring : Colouring
        What they are coloured by.
    n_selected : int
        How many are selected.
    """

    index: NDArray[np.intp]
    palette: NDArray[np.uint8]
    order: NDArray[np.intp]
    plain: bool
    colouring: Colouring = field(repr=False)
    n_selected: int = 0

    def legend_rows(self) -> list[int]:
        """Return the rows of the colouring's palette whose classes occur; none if objects have no classes."""
        if self.colouring.kind != "classes" or not self.colouring.counts[1:].any():
            return []
        return [int(row) for row in np.flatnonzero(self.colouring.counts)]


def class_name(class_id: int, names: Mapping[int, str]) -> str:
    """Return the name of a class: "noise" and "no class" where nothing else is given."""
    return names.get(class_id) or ("noise" if class_id == NOISE else f"class {class_id}" if class_id else "no class")


def colour_by(
    values: NDArray[Any] | pd.Series[Any],
    categorical: bool | None = None,
    *,
    names: Mapping[int, str] | None = None,
    title: str = "",
    limits: tuple[float, float] | None = None,
    colormap: str = "viridis",
) -> Colouring:
    """Choose colours for the values of a column.

    Parameters
    ----------
    values
        One per object: a class (0 is none, -1 is noise), a measurement, a text or a truth value; texts become the
        classes 1, 2, … in natural order ("2" before "10"), ordered categories of pandas in their own order.
    categorical
        Whether numbers are classes; found out from the values if left out: few whole numbers from -1 are.
    names
        Names of classes.
    title
        Name of the column.
    limits
        For measurements: the values of the first and the last shade; the 1st and 99th percentile if left out.
    colormap
        For measurements: name of a colour map of matplotlib.

    Returns
    -------
    Colouring
        Classes in the colours of :func:`class_colours`, noise dark grey; measurements in the colour map, missing
        values light grey.

    Raises
    ------
    InputError
        If classes are below -1, there are more than 1000 different texts, limits are not finite and ascending, or the
        colour map is unknown.
    """
    known = dict(names or {})
    if has_order(values) or np.asarray(values).dtype.kind not in "biuf":
        values, texts = numbered_texts(values)
        if len(texts) > _MOST_TEXTS:
            many = f"{title or 'The column'} has {len(texts)} different texts"
            raise InputError(f"{many}, too many to be told apart by colour; at most {_MOST_TEXTS}.")
        known = {0: "no value"} | texts | known
        categorical = True
    values = np.asarray(values)
    if values.dtype.kind == "b":
        known = {0: "False", 1: "True"} | known
    if are_classes(values) if categorical is None else categorical:
        index, palette, classes = _classified(values)
        range_ = None
    else:
        index, palette, range_ = _shaded(values.astype(float), limits, colormap)
        classes = np.zeros(0, np.int64)
    counts = np.bincount(index, minlength=len(palette))
    kind: Literal["classes", "values"] = "classes" if len(classes) else "values"
    return Colouring(kind, index, palette, classes, known, counts, range_, title)


def appearance(
    values: NDArray[Any] | Colouring,
    selected: NDArray[np.bool_],
    categorical: bool | None = None,
    *,
    bright: NDArray[np.bool_] | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> Appearance:
    """Choose the colours of objects.

    Parameters
    ----------
    values
        What to colour by; see :func:`colour_by`, whose result may be given to spare its computation.
    selected
        bool per object. If any is selected, the others are dimmed, and selected objects without a class are magenta.
    categorical
        See :func:`colour_by`.
    bright
        bool per object: those of the current frame. The others become faint and are drawn first.
    hidden
        bool per object: those that are not to be seen at all.

    Returns
    -------
    Appearance
        Colours and order of drawing.
    """
    base = values if isinstance(values, Colouring) else colour_by(values, categorical)
    n = len(base.palette)
    dimmed, vivid = base.palette.copy(), base.palette.copy()
    dimmed[:, 3] = _DIMMED_ALPHA
    vivid[0] = _SELECTED
    states = [base.palette, dimmed, vivid]
    n_selected = int(np.count_nonzero(selected))
    some = n_selected > 0
    index = np.where(selected, base.index + 2 * n, base.index + n) if some else base.index
    groups = [~selected, selected] if some else []
    if bright is not None:
        elsewhere, faint = vivid.copy(), base.palette.copy()
        elsewhere[:, 3], faint[:, 3] = 130, _FAINT_ALPHA
        states += [elsewhere, faint]
        index = np.where(bright, index, base.index + np.where(selected, 3 * n, 4 * n))
        groups = [~selected & ~bright, ~selected & bright, selected & ~bright, selected & bright]
    if hidden is not None and hidden.any():
        index = np.where(hidden, len(states) * n, index)
        states.append(np.zeros((1, 4), np.uint8))
    order = np.concatenate([np.flatnonzero(g) for g in groups]) if groups else np.arange(len(index))
    alike = base.kind == "classes" and not base.counts[1:].any()
    plain = alike and not some and (hidden is None or not hidden.any())
    return Appearance(index, np.concatenate(states), order, plain, base, n_selected)


def are_classes(values: NDArray[Any]) -> bool:
    """Tell whether a column holds classes: texts, bool, or few whole numbers from -1 (noise) on."""
    if values.dtype.kind not in "iuf":
        return True
    if values.dtype.kind == "f" or not len(values):
        return False
    return bool(values.min() >= NOISE and values.max() <= _MOST_CLASSES)


def value_names(values: NDArray[Any], column: str) -> dict[int, str]:
    """Return few whole numbers, such as counts, as their own names; nothing for other values and for classes.

    Parameters
    ----------
    values
        One per object.
    column
        Name of their column: one with ``class`` in it holds classes.
    """
    if "class" in column.lower() or values.dtype.kind not in "iu" or not are_classes(values):
        return {}
    return {int(n): str(n) for n in np.unique(values)}


def _classified(values: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.int64]]:
    index = values.astype(np.intp)
    lowest, highest = int(index.min(initial=0)), int(index.max(initial=0))
    if lowest < NOISE:
        raise InputError(f"Classes are 0 (none), 1, 2, … and {NOISE} (noise), but {lowest} was given.")
    palette, classes = class_colours(highest), np.arange(highest + 1)
    if lowest == NOISE:
        index = np.where(index == NOISE, highest + 1, index)
        palette = np.concatenate([palette, np.array([NOISE_COLOUR], np.uint8)])
        classes = np.append(classes, NOISE)
    return index, palette, classes


def _shaded(
    values: NDArray[np.float64], limits: tuple[float, float] | None, colormap: str
) -> tuple[NDArray[np.intp], NDArray[np.uint8], tuple[float, float] | None]:
    palette = np.concatenate([class_colours(0), shades(colormap)]).astype(np.uint8)
    finite = np.isfinite(values)
    index = np.zeros(len(values), np.intp)
    if limits is not None and not (np.isfinite(limits).all() and limits[0] < limits[1]):
        raise InputError(f"Limits of colours must be two ascending numbers, but {limits} were given.")
    if not finite.any():
        return index, palette, limits
    kept = values if finite.all() else values[finite]
    low, high = limits or np.percentile(kept, (1, 99)).tolist()
    share = (kept - low) * ((_STEPS - 1) / (high - low)) if high > low else np.full(len(kept), (_STEPS - 1) / 2)
    index[finite] = 1 + np.clip(share, 0, _STEPS - 1).astype(np.intp)
    return index, palette, (float(low), float(high))


def shades(colormap: str = "viridis") -> NDArray[np.uint8]:
    """Return the 256 colours of a colour map of matplotlib, uint8 RGBA of shape (256, 4)."""
    from matplotlib import colormaps

    if colormap not in colormaps:
        raise InputError(f"There is no colour map {colormap!r}. Choose, for example, viridis, magma or coolwarm.")
    return np.asarray(colormaps[colormap](np.linspace(0, 1, _STEPS), bytes=True), np.uint8)
