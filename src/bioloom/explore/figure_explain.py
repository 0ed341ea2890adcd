"""Rankings and explanations as files for a publication."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bioloom.errors import InputError
from bioloom.explore.figure import checked_path, finish, new_figure
from bioloom.explore.figure_text import literal, shortened

if TYPE_CHECKING:
    import pandas as pd

    from bioloom.explore.explanation import Explanation, Waterfall

_UP, _DOWN, _GREY = "#d55e00", "#0072b2", "#8c8c8c"
_ROW_INCHES = 0.24
_MOST_RANKED = 30


def save_ranking(path: str | Path, rows: pd.DataFrame, measure: str, title: str = "") -> None:
    """Write a ranking of columns as horizontal bars, the first row on top.

    Parameters
    ----------
    path
        A .png, .svg or .pdf file; it is replaced only when the new one is complete.
    rows
        ``Ranking.table`` in the order to be shown: ``column``, ``group`` and the measure. The first 30 are drawn; those
        of one group of correlated columns are joined by a line beside their names.
    measure
        The column with the lengths of the bars.
    title
        What to call the measure on the axis; its name if left out.

    Raises
    ------
    InputError
        If the suffix is another one, there is no such measure or no row, or the file cannot be written.
    """
    path = checked_path(path)
    if measure not in rows.columns or not len(rows):
        raise InputError(f"There is nothing to draw: a table with the column {measure!r} and a row or more is needed.")
    rows = rows.iloc[:_MOST_RANKED]
    figure, axes = _of_rows(len(rows))
    values = rows[measure].to_numpy(float)
    places = np.arange(len(rows))
    # Without any spread within the classes an effect has no end: its bar goes beyond the others.
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0)) or 1.0
    endless = np.isinf(values)
    lengths = np.where(endless, np.sign(values) * 1.2 * largest, values)
    # A bar of its own colour says that the column goes down where the others go up.
    axes.barh(places, lengths, 0.7, color=np.where(values < 0, _DOWN, _UP).tolist())
    for row in np.flatnonzero(endless):
        axes.annotate(
            "∞", (lengths[row], row), xytext=(3 * np.sign(values[row]), 0), textcoords="offset points", va="center",
            ha="left" if values[row] > 0 else "right",
        )  # fmt: skip
    names = zip(rows["column"], rows["group"], strict=True)
    axes.set_yticks(places, [literal(f"{shortened(str(name))} ({group})") for name, group in names])
    axes.axvline(0, color="black", linewidth=0.6)
    _finish(figure, axes, path, title or measure, "column (group of correlated columns)", "")


def save_beeswarm(
    path: str | Path, explanation: Explanation, class_id: int, *, bars: bool = False, n_features: int = 12
) -> None:
    """Write SHAP values of a class: a row of points per feature, or a bar of their mean size.

    Parameters
    ----------
    path
        A .png, .svg or .pdf file; it is replaced only when the new one is complete.
    explanation
        SHAP values of objects or pixels.
    class_id
        The class to look at.
    bars
        Bars instead of points.
    n_features
        How many of the most important features to show.

    Raises
    ------
    InputError
        If the suffix is another one, the class is unknown, or the file cannot be written.
    """
    path = checked_path(path)
    swarms = explanation.beeswarm(class_id, n_features)
    figure, axes = _of_rows(len(swarms))
    axes.set_yticks(np.arange(len(swarms)), [literal(shortened(swarm.feature)) for swarm in swarms])
    name = explanation.class_names[class_id]
    if bars:
        axes.barh(np.arange(len(swarms)), [np.abs(swarm.x).mean() for swarm in swarms], 0.7, color=_DOWN)
        _finish(figure, axes, path, f"mean |SHAP value| for {name}", "", "")
        return
    drawn: Any = None
    many = sum(len(swarm.x) for swarm in swarms) > 20_000
    # Few points must be found on the page.
    size = float(np.clip(600 / max(len(explanation.rows), 1), 4, 20))
    for row, swarm in enumerate(swarms):
        known = np.isfinite(swarm.colour)
        for part, colour in ((~known, {"color": _GREY}), (known, {"c": swarm.colour[known], "cmap": "coolwarm"})):
            if part.any():
                marks = axes.scatter(
                    swarm.x[part],
                    row - 0.8 * swarm.y[part],
                    s=size,
                    linewidths=0.2 * (size > 4),
                    edgecolors=_GREY,
                    rasterized=many,
                    **colour,
                )
                drawn = marks if "c" in colour else drawn
                marks.set_clim(0, 1)
    axes.axvline(0, color="black", linewidth=0.6, zorder=0)
    if drawn is not None:
        bar = figure.colorbar(drawn, ax=axes, ticks=[0, 1], aspect=40)
        bar.set_ticklabels(["low", "high"])
        bar.set_label("value of the feature")
    _finish(figure, axes, path, f"SHAP value: effect on the probability of {name}", "", "")


def save_waterfall(path: str | Path, steps: Waterfall, title: str = "") -> None:
    """Write how the probability of a class comes about for one object, step by step.

    Parameters
    ----------
    path
        A .png, .svg or .pdf file; it is replaced only when the new one is complete.
    steps
        `Explanation.waterfall`.
    title
        What to call the object.

    Raises
    ------
    InputError
        If the suffix is another one, or the file cannot be written.
    """
    path = checked_path(path)
    figure, axes = _of_rows(len(steps.names))
    names = [
        shortened(name) if np.isnan(value) else f"{shortened(name)} = {value:.4g}"
        for name, value in zip(steps.names, steps.data, strict=True)
    ]
    for row, ((start, end), step) in enumerate(zip(steps.edges, steps.steps, strict=True)):
        axes.barh(row, step, 0.7, left=start, color=_UP if step > 0 else _DOWN)
        axes.annotate(
            f"{step:+.2f}".replace("-", "−"), (max(start, end), row), xytext=(3, 0), textcoords="offset points",
            va="center", fontsize="small",
        )  # fmt: skip
    axes.set_yticks(np.arange(len(names)), [literal(name) for name in names])
    axes.axvline(steps.base, color="black", linewidth=0.6)
    # Bars begin anywhere: they would stick to the frame.
    axes.use_sticky_edges = False
    axes.margins(x=0.14)
    answer = f"{steps.class_name}: {steps.probability:.2f} (usual {steps.base:.2f})"
    title = f"{title}, {answer}" if title else answer
    _finish(figure, axes, path, f"probability of {steps.class_name}", "", title)


def _of_rows(n: int) -> tuple[Any, Any]:
    figure, axes = new_figure((4.5, 0.9 + _ROW_INCHES * max(n, 2)))
    axes.set_ylim(n - 0.5, -0.5)
    axes.tick_params(axis="y", length=0, labelsize="small")
    return figure, axes


def _finish(figure: Any, axes: Any, path: Path, x_label: str, y_label: str, title: str) -> None:
    finish(figure, axes, path, x_label, y_label, title, (2.2, _ROW_INCHES * 2))
