"""Outlines of gates in a figure, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.axis_scales import Scale
from bioloom.explore.figure_text import literal, shortened
from bioloom.explore.gate_kinds import PolygonGate, RangeGate
from bioloom.explore.gate_outlines import Columns, Outline, outline
from bioloom.explore.plot_kinds import View

_INK = "#404449"
_WIDTH, _CASING = 0.8, 2.4
_LONGEST_NAME = 24
# Share of the height or width of the axes from the name of one range to the next.
_STEP = 0.07


def draw_gates(
    axes: Any, gates: Mapping[str, RangeGate | PolygonGate], columns: Columns, scales: tuple[Scale, Scale]
) -> None:
    """Outline gates with their names on axes of matplotlib, whose limits stay as they are.

    Parameters
    ----------
    axes
        Where the objects are drawn already.
    gates
        By name; those of other columns are left out.
    columns, scales
        What the two axes show, None for none, and how.
    """
    (x0, x1), (y0, y1) = (
        (float(v) for v in scale.forward(ends))
        for scale, ends in zip(scales, (axes.get_xlim(), axes.get_ylim()), strict=True)
    )
    if not (np.isfinite([x0, x1, y0, y1]).all() and x0 < x1 and y0 < y1):
        return
    axes.autoscale(False)
    n_ranges = [0, 0]
    for number, (name, gate) in enumerate(gates.items()):
        # Symlog axes of matplotlib are linear near 0: what is straight on ours is not quite so there.
        seen = outline(gate, columns, scales, (x0, x1, y0, y1), everywhere_curved=True)
        if seen is None or not (seen.lines or seen.ends):
            continue
        lines = [np.stack([scales[i].inverse(line[:, i]) for i in (0, 1)], axis=1) for line in seen.lines]
        for line in lines:
            _line(axes, line, gid=f"gate-{number}")
        words = literal(shortened(name, _LONGEST_NAME))
        if seen.axis is not None and seen.ends is not None:
            _name_range(axes, words, seen.axis, scales[seen.axis], seen.ends, n_ranges[seen.axis])
            n_ranges[seen.axis] += 1
        else:
            _name_polygon(axes, words, seen, lines, (x0, x1, y0, y1))


def _line(axes: Any, line: NDArray[np.float64], **options: Any) -> None:
    from matplotlib.patheffects import withStroke

    casing = [withStroke(linewidth=_CASING, foreground="white", alpha=0.8)]
    (drawn,) = axes.plot(*line.T, color=_INK, linewidth=_WIDTH, path_effects=casing, zorder=4, label="_", **options)
    drawn.set_in_layout(False)


def _name_polygon(axes: Any, words: str, seen: Outline, lines: list[NDArray[np.float64]], view: View) -> None:
    """Write a name above the highest corner, or below it if there is no room above, within the axes."""
    x0, x1, y0, y1 = view
    places = np.concatenate(seen.lines)
    highest = places[:, 1].argmax()
    across, up = (places[highest] - (x0, y0)) / (x1 - x0, y1 - y0)
    below = up > 1 - _STEP
    at: dict[str, Any] = {"ha": "left" if across < _STEP * 2 else "right" if across > 1 - _STEP * 2 else "center"}
    at |= {"xytext": (0, -3 if below else 2), "textcoords": "offset points", "va": "top" if below else "bottom"}
    _text(axes, words, np.concatenate(lines)[highest], at)


def _name_range(axes: Any, words: str, axis: int, scale: Scale, ends: tuple[float, float], n_before: int) -> None:
    """Write a name at the top or at the right, on a line from one end of the range to the other."""
    level = 1 - _STEP * (n_before + 1)
    low, middle, high = (float(scale.inverse(at)) for at in (ends[0], (ends[0] + ends[1]) / 2, ends[1]))
    if axis == 0:
        _line(axes, np.array([(low, level), (high, level)]), transform=axes.get_xaxis_transform())
        place, at = (middle, level), {"va": "bottom", "ha": "center", "xytext": (0, 1)}
        system = axes.get_xaxis_transform()
    else:
        _line(axes, np.array([(level, low), (level, high)]), transform=axes.get_yaxis_transform())
        place, at = (level, middle), {"va": "center", "ha": "right", "xytext": (-2, 0)}
        system = axes.get_yaxis_transform()
    _text(axes, words, place, at | {"xycoords": system, "textcoords": "offset points"})


def _text(axes: Any, words: str, place: Any, options: dict[str, Any]) -> None:
    # A ground of its own, not strokes around the letters: these would not be text any more in vector files.
    ground = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
    drawn = axes.annotate(words, place, color=_INK, fontsize="x-small", bbox=ground, zorder=5, clip_on=True, **options)
    drawn.set_in_layout(False)
