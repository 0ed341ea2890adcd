"""Texts of figures that fit: broken into lines, shortened in their middle, and figures widened for what is beside."""

from __future__ import annotations

import re
import warnings
from typing import Any

# The mean width of a letter of matplotlib's own font, in inches per point.
_LETTER = 0.6 / 72
_MOST_LINES = 3
_LONGEST_NAME = 60
# In inches: by how much a figure grows in which the axes have no room at all, and what does not count.
_STEP, _CLOSE = 1.0, 0.02
_TRIES = 12


def literal(text: str) -> str:
    """Keep matplotlib from reading dollar signs as formulas, and a leading underscore as "not in the legend"."""
    text = text.replace("$", r"\$")
    return "\u200b" + text if text.startswith("_") else text


def shortened(text: str, most: int = _LONGEST_NAME) -> str:
    """Leave out the middle of a text of more than so many letters."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[len(text) - (most - most // 2 - 1) :]}"


def lines_of(text: str, inches: float, points: float = 10.0) -> str:
    """Break a text, at blanks, underscores and hyphens, into lines of a width; beyond three its middle is left out."""
    most = max(int(inches / (_LETTER * points)), 10)
    lines, line = [], ""
    for part in re.findall(r"[^\s_-]*[\s_-]*", text):
        piece = shortened(part, most)
        if line and len((line + piece).rstrip()) > most:
            lines.append(line.rstrip())
            line = ""
        line += piece
    lines.append(line.rstrip())
    if len(lines) > _MOST_LINES:
        return lines_of(shortened(text, int(0.8 * min(most * _MOST_LINES, len(text)))), inches, points)
    return "\n".join(lines)


def make_room(figure: Any, axes: Any, least: tuple[float, float]) -> tuple[float, float]:
    """Widen and heighten a figure until its axes have a size of so many inches; return the size that they have.

    A figure that has room enough keeps its size.
    """
    own = (0.0, 0.0)
    for _ in range(_TRIES):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            figure.draw_without_rendering()
        squeezed = any("constrained_layout not applied" in str(w.message) for w in caught)
        box = axes.get_window_extent()
        own = box.width / figure.dpi, box.height / figure.dpi
        missing = [_STEP if squeezed else max(w - o, 0.0) for w, o in zip(least, own, strict=True)]
        if max(missing) < _CLOSE:
            break
        figure.set_size_inches(figure.get_size_inches() + missing)
    return own
