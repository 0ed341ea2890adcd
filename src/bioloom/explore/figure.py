"""Plots as files for a publication."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError
from bioloom.explore.appearance import NOISE, NOISE_COLOUR, class_name
from bioloom.explore.axis_scales import Scale, ScaleKind, scale_for
from bioloom.explore.colours import class_colours
from bioloom.explore.figure_text import lines_of, literal, make_room, shortened
from bioloom.explore.gate_kinds import PolygonGate, RangeGate
from bioloom.explore.gate_outlines import columns_of
from bioloom.files import replacing

_SUFFIXES = (".png", ".svg", ".pdf")
# A vector file with more points than this opens slowly everywhere; above it the points (not the text) become pixels.
_MOST_VECTOR_POINTS = 20_000
_LEGEND_ROWS = 15
_LONGEST_LEGEND = 40
_MOST_CLASSES = 60
_N_COLOURS = 70


def save_scatter(
    path: str | Path,
    x: ArrayLike,
    y: ArrayLike,
    classes: ArrayLike | None = None,
    *,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
    class_names: Mapping[int, str] | None = None,
    values: ArrayLike | None = None,
    values_label: str = "",
    kind: Literal["points", "density", "histogram", "histogram 2D", "box", "violin"] = "points",
    scales: tuple[ScaleKind, ScaleKind] = ("linear", "linear"),
    n_bins: int | None = None,
    gates: Mapping[str, RangeGate | PolygonGate] | None = None,
    columns: tuple[str, str] | None = None,
) -> None:
    """Write a scatter plot, or another plot of the same objects, as PNG (300 dpi), SVG or PDF.

    Parameters
    ----------
    path
        File to write; its suffix chooses the type. It is replaced only when the new one is complete.
    x, y
        Coordinates, shape (n,). Points with NaN or infinite coordinates are left out.
    classes
        Integers ≥ -1, shape (n,): the class of each point, 0 = none (grey), -1 = noise (dark grey), both drawn first.
        None draws all alike.
    x_label, y_label, title
        Text; shown as it is.
    class_names
        Names for the legend; a class without one is called "class 3", class 0 "no class", -1 "noise". The legend is
        left out if all points are of class 0.
    values, values_label
        A number per point, shape (n,), to colour by instead of classes, from dark to bright (viridis) between the 1st
        and 99th percentile with a colour bar of this name; points without a finite value are grey.
    kind
        ``points``; ``density`` or ``histogram 2D``: counts of points in a grid of bins; ``histogram``: of x, stacked by
        class; ``box`` or ``violin``: y per class.
    scales
        ``linear``, ``log`` or ``symlog`` for x and y; points that have no place on a log axis are left out. What a
        kind does not show, y of histograms and x of boxes and violins, does not count.
    n_bins
        Bins per axis of histograms; chosen by the number of points if left out.
    gates
        Outlined with their names; those of other columns than the plot shows are left out.
    columns
        Names of the columns x and y, by which gates find their axes; the labels if left out.

    Raises
    ------
    InputError
        If the suffix is another one, the lengths differ, a class is no integer ≥ -1, or the file cannot be written.
    """
    path = checked_path(path)
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    of_class = np.zeros(xs.shape, dtype=np.intp) if classes is None else np.asarray(classes)
    if xs.ndim != 1 or not xs.shape == ys.shape == of_class.shape:
        shapes = f"{xs.shape}, {ys.shape} and {of_class.shape}"
        raise InputError(f"x, y and classes must be equally long lists of numbers, but their shapes are {shapes}.")
    if of_class.size and (of_class.dtype.kind not in "iu" or of_class.min() < NOISE):
        raise InputError("Classes must be integers ≥ -1, where 0 means no class and -1 noise.")
    shown = np.ones(xs.shape, np.bool_)
    unused = {"histogram": 1, "box": 0, "violin": 0}.get(kind)
    for number, (along, scale) in enumerate(zip((xs, ys), scales, strict=True)):
        if number != unused:
            shown &= np.isfinite(along) & ((along > 0) | (scale != "log"))
    xs, ys, of_class = xs[shown], ys[shown], of_class[shown].astype(np.intp)

    figure, axes = new_figure((4.5, 3.5))
    if values is not None:
        of_class = np.zeros_like(of_class)
    found, counts = np.unique(of_class, return_counts=True)
    # Noise comes last, as in the plots of the panel.
    present = [int(c) for c in (*found[found >= 0], *found[found < 0])]
    known = class_names or {}
    names = {c: literal(shortened(class_name(c, known), _LONGEST_LEGEND)) for c in present}
    table = class_colours(_N_COLOURS) / 255
    # They repeat, however large the numbers of classes are.
    rows = np.where(of_class > 0, (of_class - 1) % _N_COLOURS + 1, 0)
    colours = {c: tuple(table[(c - 1) % _N_COLOURS + 1]) for c in present if c > 0}
    colours |= {0: tuple(table[0]), NOISE: tuple(np.asarray(NOISE_COLOUR) / 255)}
    if len(present) > _MOST_CLASSES:
        # More cannot be told apart: the smallest ones are shown together.
        numbers, counts = found[found > 0], counts[found > 0]
        others = numbers[np.argsort(-counts, kind="stable")[_MOST_CLASSES - 1 :]]
        together = int(found.max()) + 1
        of_class = np.where(np.isin(of_class, others), together, of_class)
        present = [c for c in present if c not in set(others.tolist())] + [together]
        names = {c: names[c] for c in present[:-1]} | {together: f"{len(others)} other classes"}
        colours[together] = tuple(table[0])
    knees = [scale_for(kind, along) for kind, along in zip(scales, (xs, ys), strict=True)]
    if kind != "points":
        from bioloom.explore.figure_kinds import draw_kind

        draw_kind(figure, axes, kind, xs, ys, of_class, names, colours, (knees[0], knees[1]), n_bins)
        up = "objects" if kind == "histogram" else y_label
        _outline(axes, gates, kind, columns or (x_label, y_label), (knees[0], knees[1]))
        finish(figure, axes, path, "" if kind in ("box", "violin") else x_label, up, title)
        return
    size = _point_area(len(xs))
    own_classes = set(found.tolist())
    for number in present:
        members = of_class == number
        axes.scatter(
            xs[members],
            ys[members],
            s=size,
            color=table[rows[members]] if number not in own_classes else [colours[number]],
            linewidths=0,
            label=names[number],
            rasterized=len(xs) > _MOST_VECTOR_POINTS,
            gid=f"class-{number}",
            zorder=1 if number in (0, NOISE) else 2,
        )
    if values is not None:
        _add_values(figure, axes, xs, ys, np.asarray(values, float)[shown], values_label, size)
    set_scale(axes.set_xscale, knees[0])
    set_scale(axes.set_yscale, knees[1])
    if any(present):
        add_legend(figure, len(present), markerscale=(20 / size) ** 0.5)
    _outline(axes, gates, kind, columns or (x_label, y_label), (knees[0], knees[1]))
    finish(figure, axes, path, x_label, y_label, title)


def checked_path(path: str | Path) -> Path:
    """Return where a figure is to be written; InputError if its suffix is not known."""
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise InputError(
            f"Figures are written as {', '.join(_SUFFIXES)}, but {path.name} was asked for. Change its ending."
        )
    return path


def new_figure(inches: tuple[float, float]) -> tuple[Any, Any]:
    """Return an empty figure of matplotlib (width, height) and its axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # No pyplot: it keeps figures in a global list and may start a window system.
    figure = Figure(figsize=inches, dpi=300, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def set_scale(set_one: Any, scale: Scale) -> None:
    """Give an axis of matplotlib a scale, by its own method ``set_xscale`` or ``set_yscale``."""
    set_one(scale.kind, **({"linthresh": scale.knee} if scale.kind == "symlog" else {}))


def add_legend(figure: Any, n: int, **options: Any) -> None:
    """Add a legend of so many entries beside the axes."""
    figure.legend(loc="outside right upper", frameon=False, fontsize="small", ncols=-(-n // _LEGEND_ROWS), **options)


def finish(
    figure: Any,
    axes: Any,
    path: Path,
    x_label: str,
    y_label: str,
    title: str,
    least: tuple[float, float] = (2.6, 2.0),
) -> None:
    """Name the axes, give them at least so many inches, and write the file."""
    axes.spines[["top", "right"]].set_visible(False)
    width, height = make_room(figure, axes, least)
    axes.set_xlabel(literal(lines_of(x_label, width)))
    # The other texts take some of the height.
    axes.set_ylabel(literal(lines_of(y_label, height - 0.3)))
    if title:
        figure.suptitle(literal(lines_of(title, figure.get_size_inches()[0])), fontsize="medium")
    suffix = path.suffix.lower()
    # No date: the same data give the same file.
    undated = {".png": {}, ".svg": {"Date": None}, ".pdf": {"CreationDate": None}}[suffix]
    from matplotlib import rc_context

    # Journals want text that can be selected and edited: TrueType, not the outlines of Type 3.
    with replacing(path) as temporary, rc_context({"pdf.fonttype": 42}):
        figure.savefig(temporary, format=suffix[1:], metadata=undated)


def _outline(
    axes: Any,
    gates: Mapping[str, RangeGate | PolygonGate] | None,
    kind: str,
    columns: tuple[str, str],
    scales: tuple[Scale, Scale],
) -> None:
    if gates:
        from bioloom.explore.figure_gates import draw_gates

        shown = columns_of(kind, columns)
        across, up = (Scale() if name is None else scale for name, scale in zip(shown, scales, strict=True))
        draw_gates(axes, gates, shown, (across, up))


def _add_values(
    figure: Any,
    axes: Any,
    xs: NDArray[np.float64],
    ys: NDArray[np.float64],
    values: NDArray[np.float64],
    label: str,
    size: float,
) -> None:
    known = np.isfinite(values)
    if not known.any():
        return
    low, high = np.percentile(values[known], (1, 99))
    drawn = axes.scatter(
        xs[known], ys[known], s=size, c=values[known], cmap="viridis", vmin=low, vmax=high, linewidths=0,
        rasterized=len(xs) > _MOST_VECTOR_POINTS, gid="values",
    )  # fmt: skip
    figure.colorbar(drawn, ax=axes, label=literal(lines_of(label, 2.9)))


def _point_area(n: int) -> float:
    """Area of a marker in square points (1/72 inch): smaller the more there are."""
    return float(np.clip(12_000 / max(n, 1), 1.0, 16.0))
