"""Colours of a plot where something is selected, or where some classes or all that is not selected are hidden."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.appearance import Appearance

# Of the states in which the palette repeats: as it is, dimmed, and faint. See `bioloom.explore.appearance.Appearance`.
_NOT_SELECTED = (0, 1, 4)
# On the white ground of a plot, what is not selected must be less dim than over an image.
_DIMMED_ALPHA = 150
# So must what is of other frames than the current one, and the grey of no class more than other colours.
_FAINT_ALPHA, _FAINT_GREY_ALPHA = 80, 140


def palette_without(look: Appearance, hidden_classes: frozenset[int], hide_others: bool) -> NDArray[np.uint8]:
    """Return the palette of a look with alpha 0 for hidden classes and, where wanted, for what is not selected."""
    colouring, palette = look.colouring, look.palette.copy()
    n = len(colouring.palette)
    # The grey of objects without a class is quiet enough as it is.
    palette[n + 1 : 2 * n, 3], palette[n, 3] = _DIMMED_ALPHA, colouring.palette[0, 3]
    if len(palette) >= 5 * n:
        palette[4 * n + 1 : 5 * n, 3], palette[4 * n, 3] = _FAINT_ALPHA, _FAINT_GREY_ALPHA
    if hidden_classes and colouring.kind == "classes":
        gone = np.isin(colouring.classes, list(hidden_classes))
        rows = np.arange(len(palette))
        palette[gone[rows % n] & (rows < len(palette) // n * n), 3] = 0
    if hide_others and look.n_selected:
        for state in _NOT_SELECTED:
            palette[state * n : (state + 1) * n, 3] = 0
    return palette


def trail_colours(look: Appearance, hidden_classes: frozenset[int]) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
    """Return index and palette of the trails: as bright as objects of the current frame, gone with hidden classes."""
    colouring = look.colouring
    palette = colouring.palette.copy()
    if colouring.kind == "classes":
        palette[np.isin(colouring.classes, list(hidden_classes)), 3] = 0
    return colouring.index, palette


def same_classes(before: Appearance | None, now: Appearance) -> bool:
    """Tell whether two looks show the same classes, in a legend from which hidden ones can be brought back."""
    return before is not None and before.colouring.title == now.colouring.title and bool(now.legend_rows())
