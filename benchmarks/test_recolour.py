"""How long labels take to follow: colours of 100 000 objects on a 4096² layer in a window, a lasso over all of them.

``pytest benchmarks/test_recolour.py --benchmark-only``; the tests with a window need a display and napari.
napari-clusters-plotter takes part if it can be imported.
"""

from __future__ import annotations

import os
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plot_window import until_painted

from bioloom.explore import class_colours
from bioloom.session.image_lasso import ellipse, ids_inside

pytestmark = pytest.mark.filterwarnings("ignore")

SIDE, PER_ROW = 4096, 316


@pytest.fixture(scope="module")
def labels() -> NDArray[np.int32]:
    """99 856 squares with gaps between them, int32."""
    at = np.arange(SIDE) * PER_ROW // SIDE
    gap = np.diff(at, prepend=-1) > 0
    grid = at[:, None] * PER_ROW + at + 1
    return np.where(gap[:, None] | gap, 0, grid).astype(np.int32)


@pytest.fixture(scope="module")
def layer(labels: NDArray[np.int32]) -> Any:
    if not os.environ.get("DISPLAY"):
        pytest.skip("needs a display")
    napari = pytest.importorskip("napari")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1500, 1000)
    yield viewer.add_labels(labels, opacity=1)
    viewer.close()


def drawn(layer: Any) -> None:
    """Wait until the canvas shows it."""
    import napari
    from qtpy.QtWidgets import QApplication

    QApplication.processEvents()
    viewer = napari.current_viewer()
    viewer.window._qt_viewer.canvas.native.grabFramebuffer()


COLOURS = {"10 classes": 10, "256 shades": 256}


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("until", ["set", "drawn"])
@pytest.mark.parametrize("largest", ["labels 1…n", "labels with gaps up to 4·10⁹"])
def test_recolour(
    benchmark: Any, layer: Any, labels: NDArray[np.int32], colours: str, until: str, largest: str
) -> None:
    from bioloom import layers

    n = PER_ROW**2
    ids = np.arange(1, n + 1)
    if "gaps" in largest:
        ids = ids * 40_000
        layer.data = np.where(labels > 0, labels.astype(np.uint32) * 40_000, 0).astype(np.uint32)
    else:
        layer.data = labels
    palette = (
        class_colours(10)
        if COLOURS[colours] == 10
        else np.random.default_rng(1).integers(0, 256, (256, 4)).astype(np.uint8)
    )
    rng = np.random.default_rng(0)
    choices = cycle([palette[rng.integers(1, len(palette), n)] for _ in range(3)])

    def recolour() -> None:
        layers.colour_objects(layer, ids, next(choices))
        if until == "drawn":
            drawn(layer)

    benchmark.group = f"recolour {n} {largest}, {until}"
    benchmark.pedantic(recolour, rounds=9, warmup_rounds=2)


@pytest.mark.parametrize("n", [2_000, 99_856])
def test_recolour_with_the_table_of_napari(benchmark: Any, layer: Any, labels: NDArray[np.int32], n: int) -> None:
    from napari.utils.colormaps import DirectLabelColormap

    layer.data = labels
    rng = np.random.default_rng(0)
    palette = class_colours(10) / np.float32(255)

    def recolour() -> None:
        shades = palette[rng.integers(1, 11, n)]
        table = dict(zip(range(1, n + 1), shades, strict=True))
        layer.colormap = DirectLabelColormap(color_dict={None: np.zeros(4), **table})

    benchmark.group = "recolour with napari's DirectLabelColormap, set"
    benchmark.pedantic(recolour, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("rule", ["any", "most"])
def test_lasso(benchmark: Any, labels: NDArray[np.int32], rule: str) -> None:
    outline = ellipse((100, 100), (4000, 4000), 400)
    ids = np.arange(1, PER_ROW**2 + 1)
    benchmark.group = f"lasso over {PER_ROW**2} objects of {SIDE}²"
    found = benchmark.pedantic(lambda: ids_inside(labels, outline, ids, rule), rounds=7, warmup_rounds=1)
    assert len(found) > 60_000


@pytest.fixture
def measured(layer: Any, labels: NDArray[np.int32]) -> Any:
    """The layer with two columns of positions, two of classes and two of values."""
    import pandas as pd

    n, rng = PER_ROW**2, np.random.default_rng(0)
    ids = np.arange(1, n + 1)
    table = pd.DataFrame({"index": ids, "label": ids, "east": rng.normal(size=n), "north": rng.normal(size=n)})
    for number in (1, 2):
        table[f"classes {number}"] = rng.integers(1, 9, n)
        table[f"values {number}"] = rng.normal(size=n)
    layer.data = labels
    layer.features = table
    return layer


@pytest.mark.parametrize("by", ["classes", "values", "selection"])
def test_recolour_plot_and_labels(benchmark: Any, measured: Any, by: str) -> None:
    """Another colour for all objects in the panel, until plot and image show it. Goal: 0.2 s together."""
    import napari

    viewer = napari.current_viewer()
    dock, panel = viewer.window.add_plugin_dock_widget("napari-bioloom", "Explore")
    panel.labels.choose(measured)
    panel.show_axes("east", "north")
    panel.show_colour("classes 1")
    choices = cycle([f"{by} 1", f"{by} 2"])
    halves = cycle([np.arange(PER_ROW**2) % 2 == half for half in (0, 1)])

    def recolour() -> None:
        if by == "selection":
            panel.plot.selected.emit(next(halves), "replace")
        else:
            panel.show_colour(next(choices))
        until_painted(panel.plot)
        drawn(measured)

    drawn(measured)
    benchmark.group = f"another {by} for plot and labels of {PER_ROW**2} objects"
    benchmark.pedantic(recolour, rounds=9, warmup_rounds=3)
    shown = measured.colormap
    viewer.window.remove_dock_widget(dock)
    drawn(measured)
    assert measured.colormap is not shown


@pytest.mark.parametrize("by", ["classes", "values", "selection"])
def test_recolour_with_clusters_plotter(benchmark: Any, measured: Any, by: str) -> None:
    plotter = pytest.importorskip("napari_clusters_plotter")
    import napari

    viewer = napari.current_viewer()
    table = measured.features
    for number in (1, 2):
        table[f"classes {number}"] = table[f"classes {number}"].astype("category")
    measured.features = table
    viewer.layers.selection.active = measured
    panel = plotter.PlotterWidget(viewer)
    dock = viewer.window.add_dock_widget(panel)
    panel.x_axis, panel.y_axis = "east", "north"
    choices = cycle([f"{by} 1", f"{by} 2"])
    halves = cycle([(np.arange(PER_ROW**2) % 2 == half).astype(int) for half in (0, 1)])

    def recolour() -> None:
        if by == "selection":
            # What a finished lasso does.
            panel._on_finish_draw(next(halves))
        else:
            panel.hue_axis = next(choices)
        panel.plotting_widget.canvas.draw()
        drawn(measured)

    benchmark.group = f"another {by} for plot and labels of {PER_ROW**2} objects"
    try:
        benchmark.pedantic(recolour, rounds=1)
    finally:
        viewer.window.remove_dock_widget(dock)
