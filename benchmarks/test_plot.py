"""How long plots take in a real window, beside matplotlib and napari-clusters-plotter in the same run.

``pytest benchmarks/test_plot.py --benchmark-only``, with a display (`xvfb-run`) and napari. napari-clusters-plotter
takes part if it can be imported. All plots are docked in napari's window and measured until they are painted. Whatever
is docked, Qt puts the whole window together by OpenGL at each painting: "an empty widget" shows what that costs.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from plot_window import Paints, events, points, show, until_painted

pytestmark = pytest.mark.filterwarnings("ignore")

Array = NDArray[Any]
COUNTS = {"100k": 100_000, "1M": 1_000_000}
SIDE = 640


@pytest.fixture(scope="module")
def viewer() -> Iterator[Any]:
    if not (os.environ.get("DISPLAY") or os.name == "nt"):
        pytest.skip("needs a display, such as xvfb-run gives")
    napari = pytest.importorskip("napari")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1600, 1100)
    yield viewer
    viewer.close()


@pytest.fixture
def docked(viewer: Any) -> Iterator[Callable[..., Any]]:
    """Docks a widget, SIDE pixels wide, or floats it, and takes it out in the end."""
    docks = []

    def dock(widget: Any, floating: bool = False) -> Any:
        docks.append(viewer.window.add_dock_widget(widget, area="right", name="plot"))
        widget.setMinimumSize(SIDE, SIDE)
        docks[-1].setFloating(floating)
        if floating:
            docks[-1].resize(SIDE, SIDE)
        for _ in range(20):
            events()
            time.sleep(0.01)
        return widget

    yield dock
    for one in docks:
        viewer.window.remove_dock_widget(one)
    events()


@pytest.fixture
def new_plot() -> Iterator[Callable[[], Any]]:
    from bioloom.widgets._base import MainThread
    from bioloom.widgets._plot import ScatterPlot

    plots = []

    def make() -> Any:
        plots.append(ScatterPlot(MainThread().send))
        return plots[-1]

    yield make
    for plot in plots:
        plot.close_jobs()


@pytest.fixture
def plot(docked: Callable[..., Any], new_plot: Callable[[], Any]) -> Any:
    return docked(new_plot())


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("until", ["moved", "complete"])
def test_pan(benchmark: Any, plot: Any, count: str, until: str) -> None:
    """One move of the mouse with the right button down. Goal: 0.05 s."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    show(plot, points(COUNTS[count]))
    benchmark.group = f"pan {count} points, until {until}"
    start, none = plot.area().center(), Qt.MouseButton.NoButton
    right, step = Qt.MouseButton.RightButton, iter(range(10_000))

    def send(kind: Any, place: Any, button: Any, held: Any) -> None:
        event = QMouseEvent(kind, place, plot.mapToGlobal(place), button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(plot, event)

    def once() -> None:
        angle = next(step) / 5
        send(QEvent.Type.MouseMove, start + QPointF(80 * math.cos(angle), 80 * math.sin(angle)), none, right)
        until_painted(plot, until == "complete")

    send(QEvent.Type.MouseButtonPress, start, right, right)
    benchmark.pedantic(once, rounds=20, warmup_rounds=3)
    assert plot.view != plot.model.whole()
    send(QEvent.Type.MouseButtonRelease, start, right, none)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("until", ["selected", "painted"])
def test_lasso(benchmark: Any, plot: Any, count: str, until: str) -> None:
    """From the release of the button to the objects inside, and to the plot that shows them. Goal: 0.1 s."""
    from qtpy.QtCore import QEvent, QPointF, Qt
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QApplication

    from bioloom.explore.appearance import appearance, colour_by

    data = points(COUNTS[count])
    show(plot, data)
    benchmark.group = f"lasso of 200 corners over {count} points, until {until}"
    colouring = colour_by(data[2], True)
    found: list[Array] = []

    def selected(mask: Array, mode: str) -> None:
        found.append(mask)
        if until == "painted":
            plot.set_look(appearance(colouring, mask))

    plot.selected.connect(selected)
    centre, left, none = plot.area().center(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    reach = 0.35 * min(plot.area().width(), plot.area().height())

    def send(kind: Any, place: Any, button: Any, held: Any) -> None:
        event = QMouseEvent(kind, place, plot.mapToGlobal(place), button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(plot, event)

    def draw() -> tuple[tuple[Any], dict[str, Any]]:
        places = [
            centre + QPointF(math.cos(a), math.sin(a)) * reach * (1 + 0.3 * math.sin(7 * a))
            for a in np.linspace(0, 2 * np.pi, 200, endpoint=False)
        ]
        send(QEvent.Type.MouseButtonPress, places[0], left, left)
        for place in places[1:]:
            send(QEvent.Type.MouseMove, place, none, left)
        return (places[-1],), {}

    def release(place: Any) -> None:
        send(QEvent.Type.MouseButtonRelease, place, left, none)
        if until == "painted":
            until_painted(plot)

    benchmark.pedantic(release, setup=draw, rounds=9, warmup_rounds=2)
    assert 0.1 < found[-1].mean() < 0.9


@pytest.mark.parametrize("kind", ["points", "density", "histogram", "histogram 2D", "box", "violin"])
def test_kinds(benchmark: Any, plot: Any, kind: str) -> None:
    """Choosing a kind of plot for 1M objects in eight classes. Goal: 0.1 s."""
    data = points(COUNTS["1M"])
    show(plot, data)
    benchmark.group = "another kind of plot of 1M objects, until painted"

    def other() -> None:
        plot.set_kind("histogram" if kind == "points" else "points")
        plot.model._cache.clear()
        until_painted(plot)

    def once() -> None:
        plot.set_kind(kind)
        until_painted(plot)

    benchmark.pedantic(once, setup=other, rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("window", ["docked", "floating"])
@pytest.mark.parametrize("who", ["bioloom", "matplotlib", "biaplotter", "an empty widget"])
def test_first_plot(benchmark: Any, viewer: Any, docked: Any, new_plot: Any, count: str, window: str, who: str) -> None:
    """From arrays to points coloured by eight classes. Goal: 0.1 s for 100k and for 1M. Each round has other data."""
    n, floating = COUNTS[count], window == "floating"
    benchmark.group = f"plot {count} points by class, {window}, until painted"
    data = cycle([points(n, seed) for seed in range(3)])
    rounds = 9
    if who == "bioloom":
        plot = docked(new_plot(), floating)

        def once() -> None:
            show(plot, next(data))

    elif who == "matplotlib":
        from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
        from matplotlib.figure import Figure

        figure = Figure()
        canvas = docked(FigureCanvasQTAgg(figure), floating)

        def once() -> None:
            x, y, groups = next(data)
            figure.clear()
            figure.add_subplot().scatter(x, y, c=groups, s=4, cmap="tab10", linewidths=0)
            canvas.draw()
            canvas.repaint()
            events()

        rounds = 3
    elif who == "biaplotter":
        if floating:
            pytest.skip("drawn over and over")
        plotter = pytest.importorskip("biaplotter.plotter", reason="napari-clusters-plotter draws with biaplotter")
        canvas = docked(plotter.CanvasWidget(viewer), floating)

        def once() -> None:
            x, y, groups = next(data)
            canvas.active_artist = "SCATTER"
            canvas.active_artist.data = np.stack([x, y], axis=1)
            canvas.active_artist.color_indices = groups
            canvas.canvas.draw()
            events()

        rounds = 3 if n <= 100_000 else 1
    else:
        from qtpy.QtWidgets import QWidget

        empty = docked(QWidget(), floating)

        def once() -> None:
            before = Paints.of(empty).count
            empty.update()
            while Paints.of(empty).count == before:
                events(wait=True)

    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1 if rounds > 1 else 0)


@pytest.mark.parametrize("who", ["bioloom", "napari-clusters-plotter"])
def test_first_plot_of_a_panel(benchmark: Any, viewer: Any, docked: Any, who: str) -> None:
    """Choosing both axes in the panel, for 100 k objects of a labels layer with classes in its table."""
    import pandas as pd

    n, per_row = 316**2, 316
    at = np.arange(4 * per_row) // 4
    labels = (at[:, None] * per_row + at + 1).astype(np.int32)
    rng = np.random.default_rng(0)
    columns = {f"column {i}": rng.normal(size=n) for i in range(4)}
    layer = viewer.add_labels(labels, name="objects")
    layer.features = pd.DataFrame({"index": np.arange(1, n + 1), "label": np.arange(1, n + 1), **columns})
    viewer.layers.selection.active = layer
    benchmark.group = "choose the axes of 99 856 labels in the panel, until painted"
    names = cycle([("column 0", "column 1"), ("column 2", "column 3")])
    if who == "bioloom":
        _, panel = viewer.window.add_plugin_dock_widget("napari-bioloom", "Explore")
        panel.labels.choose(layer)

        def once() -> None:
            x, y = next(names)
            panel.x_box.setCurrentText(x)
            panel.y_box.setCurrentText(y)
            until_painted(panel.plot)

        rounds = 5
    else:
        plotter = pytest.importorskip("napari_clusters_plotter")
        panel = docked(plotter.PlotterWidget(viewer))

        def once() -> None:
            x, y = next(names)
            panel.x_axis, panel.y_axis = x, y
            panel.plotting_widget.canvas.draw()
            events()

        rounds = 1
    try:
        benchmark.pedantic(once, rounds=rounds, warmup_rounds=1 if rounds > 1 else 0)
    finally:
        viewer.layers.clear()
        if who == "bioloom":
            viewer.window.remove_dock_widget(panel.parent())
        events()
