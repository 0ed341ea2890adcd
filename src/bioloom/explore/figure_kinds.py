"""Histograms, boxes and violins of a figure, drawn by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.colours import class_colours

_FEWEST_FOR_VIOLIN = 3


def draw_kind(
    figure: Any,
    axes: Any,
    kind: str,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    classes: NDArray[np.integer],
    names: Mapping[int, str],
    scales: tuple[str, str],
    n_bins: int | None,
) -> None:
    """Draw another kind of plot than points on axes of matplotlib; see `bioloom.explore.save_scatter`."""
    present = sorted(names)
    colours = [tuple(c) for c in class_colours(max(present, default=0)) / 255]
    if kind in ("density", "histogram 2D"):
        bins = [
            _edges(values, scale, n_bins or int(np.clip(np.sqrt(len(x)), 10, 100)))
            for values, scale in zip((x, y), scales, strict=True)
        ]
        counts, _, _ = np.histogram2d(x, y, bins)
        drawn = axes.pcolormesh(*bins, np.where(counts > 0, counts, np.nan).T, cmap="viridis", rasterized=True)
        figure.colorbar(drawn, ax=axes, label="objects")
        axes.set_xscale(scales[0])
        axes.set_yscale(scales[1])
    elif kind == "histogram":
        edges = _edges(x, scales[0], n_bins or int(np.clip(np.sqrt(len(x)), 10, 100)))
        parts = [x[classes == c] for c in present]
        axes.hist(parts, edges, stacked=True, color=[colours[c] for c in present], label=[names[c] for c in present])
        axes.set_xscale(scales[0])
        if len(present) > 1:
            figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    else:
        values = [y[classes == c] for c in present]
        places = np.arange(len(present))
        if kind == "violin":
            many = [p for p in places if len(values[p]) >= _FEWEST_FOR_VIOLIN and np.ptp(values[p]) > 0]
            if many:
                bodies = axes.violinplot([values[p] for p in many], many, showextrema=False)["bodies"]
                for body, place in zip(bodies, many, strict=True):
                    body.set_facecolor(colours[present[place]])
        boxes = axes.boxplot(
            values, positions=places, widths=0.15 if kind == "violin" else 0.6, patch_artist=True,
            showfliers=kind == "box", medianprops={"color": "black"}, flierprops={"markersize": 2},
        )  # fmt: skip
        for box, number in zip(boxes["boxes"], present, strict=True):
            box.set_facecolor(colours[number])
        axes.set_xticks(places, [names[c] for c in present], rotation=30 if len(present) > 4 else 0)
        axes.set_yscale(scales[1])


def _edges(values: NDArray[np.float64], scale: str, n: int) -> NDArray[np.float64]:
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5 * (scale != "log"), high + 0.5
    if scale == "log":
        return np.geomspace(low, high, n + 1)
    if scale == "symlog":
        knee = float(np.median(np.abs(values[values != 0]))) if values.any() else 1.0
        return np.asarray(np.sinh(np.linspace(np.arcsinh(low / knee), np.arcsinh(high / knee), n + 1)) * knee)
    return np.linspace(low, high, n + 1)
