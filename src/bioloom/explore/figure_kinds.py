"""Histograms, boxes and violins of a figure, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.axis_scales import Scale
from bioloom.explore.figure import add_legend, set_scale
from bioloom.explore.figure_text import shortened

_FEWEST_FOR_VIOLIN = 3
# Of one group after the other, so that their names can be read.
_GROUP_INCHES = 0.32
_LETTER_INCHES = 0.08
_LONGEST_TICK = 28


def draw_kind(
    figure: Any,
    axes: Any,
    kind: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    classes: NDArray[np.integer],
    names: Mapping[int, str],
    colours: Mapping[int, tuple[float, ...]],
    scales: tuple[Scale, Scale],
    n_bins: int | None,
) -> None:
    """Draw another kind of plot than points on axes of matplotlib; see `bioloom.explore.save_scatter`."""
    if kind in ("density", "histogram 2D"):
        bins = [
            _edges(values, scale, n_bins or int(np.clip(np.sqrt(len(x)), 10, 100)))
            for values, scale in zip((x, y), scales, strict=True)
        ]
        counts, _, _ = np.histogram2d(x, y, bins)
        drawn = axes.pcolormesh(*bins, np.where(counts > 0, counts, np.nan).T, cmap="viridis", rasterized=True)
        figure.colorbar(drawn, ax=axes, label="objects")
        set_scale(axes.set_xscale, scales[0])
        set_scale(axes.set_yscale, scales[1])
    elif kind == "histogram":
        edges = _edges(x, scales[0], n_bins or int(np.clip(np.sqrt(len(x)), 10, 100)))
        parts = [x[classes == c] for c in names]
        if parts:
            # Outlines: bars side by side would show hairlines between them in vector files.
            axes.hist(
                parts,
                edges,
                histtype="stepfilled",
                stacked=True,
                color=[colours[c] for c in names],
                label=list(names.values()),
            )
        set_scale(axes.set_xscale, scales[0])
        if any(names):
            # Such patches are in the opposite order.
            add_legend(figure, len(names), reverse=True)
    elif names:
        _draw_groups(figure, axes, kind == "violin", [y[classes == c] for c in names], names, colours, scales[1])


def _draw_groups(
    figure: Any,
    axes: Any,
    violins: bool,
    values: list[NDArray[np.float64]],
    names: Mapping[int, str],
    colours: Mapping[int, tuple[float, ...]],
    scale: Scale,
) -> None:
    """Draw a box per class, with the curve of its density around it if wanted."""
    set_scale(axes.set_yscale, scale)
    places = np.arange(len(names))
    of_place = list(names)
    if violins:
        many = [p for p in places if len(values[p]) >= _FEWEST_FOR_VIOLIN and np.ptp(values[p]) > 0]
        if many:
            bodies = axes.violinplot([values[p] for p in many], many, showextrema=False)["bodies"]
            for body, place in zip(bodies, many, strict=True):
                body.set_facecolor(colours[of_place[place]])
    boxes = axes.boxplot(
        values, positions=places, widths=0.15 if violins else 0.6, patch_artist=True,
        showfliers=not violins, medianprops={"color": "black"}, flierprops={"markersize": 2},
    )  # fmt: skip
    for box, number in zip(boxes["boxes"], names, strict=True):
        box.set_facecolor(colours[number])
    texts = [shortened(name, _LONGEST_TICK) for name in names.values()] if any(names) else ["all objects"]
    width, height = figure.get_size_inches()
    figure.set_size_inches(max(width, 1 + _GROUP_INCHES * len(texts)), height)
    turned = max(map(len, texts)) * _LETTER_INCHES > (figure.get_size_inches()[0] - 1) / len(texts)
    how = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(places, texts, **how)
    axes.set_xlim(-0.6, len(texts) - 0.4)


def _edges(values: NDArray[np.float64], scale: Scale, n: int) -> NDArray[np.float64]:
    positions = scale.forward(values)
    low, high = (float(positions.min()), float(positions.max())) if len(values) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = scale.inverse(np.linspace(low, high, n + 1))
    if len(values):
        # Ways to the logarithm and back must lose no value at an end.
        edges[0], edges[-1] = min(edges[0], values.min()), max(edges[-1], values.max())
    return edges
