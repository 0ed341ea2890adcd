"""How long the hand waits for a table of a million objects and thirty columns, in a napari window.

``pytest benchmarks/test_table.py --benchmark-only`` needs a display (``xvfb-run``) and napari. Each time ends when the
window has painted the answer. What is computed beside the window (histograms in the header, statistics, groups,
correlations) is timed on its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from bioloom.session.selection import Selection
from bioloom.session.table_correlation import METHODS, correlate
from bioloom.session.table_histograms import bin_column, count, states
from bioloom.session.table_statistics import describe_all, summarise
from bioloom.session.table_view import TableView

pytestmark = pytest.mark.filterwarnings("ignore")

N, COLUMNS = 1_000_000, 30
ROUNDS = 7


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Label, frame, class and 27 measurements, as napari keeps them with a layer."""
    rng = np.random.default_rng(0)
    measured = {f"feature_{i}": rng.normal(10.0 ** (i % 5), 1, N) for i in range(COLUMNS - 3)}
    labels = np.arange(N) % (N // 10) + 1
    classes = rng.choice(["neuron", "glia", "dead"], N)
    return pd.DataFrame(
        {"index": labels, "frame": np.arange(N) // (N // 10), "label": labels, **measured, "class": classes}
    )


# ------------------------------------------------------------------------------------------------ in the window
class Window:
    """A napari window with the table docked, and when it has painted."""

    def __init__(self, viewer: Any) -> None:
        from qtpy.QtWidgets import QApplication

        from bioloom.widgets._table_view import TablePanel

        self.panel = TablePanel()
        viewer.window.resize(1500, 1000)
        viewer.window.add_dock_widget(self.panel, name="Table").resize(700, 900)
        self.application = QApplication

    def settle(self) -> None:
        """Let what runs beside the window end."""
        for _ in range(3):
            self.application.processEvents()
            self.panel.header.wait()
        self.application.processEvents()

    def painted(self) -> None:
        """Return when the rows are painted."""
        self.panel.rows.viewport().repaint()
        self.panel.header.viewport().repaint()
        self.application.sendPostedEvents()


@pytest.fixture(scope="module")
def window(table: pd.DataFrame) -> Iterator[Window]:
    napari = pytest.importorskip("napari")
    viewer = napari.Viewer(show=True)
    opened = Window(viewer)
    opened.settle()
    yield opened
    opened.panel.close_jobs()
    viewer.close()


@pytest.fixture
def opened(window: Window, table: pd.DataFrame) -> Window:
    """The window with the table, as it is opened: not sorted, not filtered."""
    window.panel.view.show_all()
    window.panel.rows.sortByColumn(-1, _ascending())
    window.panel.show_table(table, Selection(table))
    window.settle()
    return window


def _ascending() -> Any:
    from qtpy.QtCore import Qt

    return Qt.SortOrder.AscendingOrder


def waited(
    benchmark: Any,
    window: Window,
    action: Callable[[int], Any],
    limit: float,
    before: Callable[[], Any] = lambda: None,
) -> None:
    """Time an action and the painting after it; between the rounds nothing else runs."""
    number = itertools.count()

    def once() -> None:
        action(next(number))
        window.painted()

    def setup() -> None:
        before()
        window.settle()

    benchmark.pedantic(once, setup=setup, rounds=ROUNDS, warmup_rounds=1)
    window.settle()
    if benchmark.stats:
        benchmark.extra_info["limit s"] = limit
        benchmark.extra_info["within limit"] = benchmark.stats.stats.median <= limit
        assert benchmark.stats.stats.median <= limit


@pytest.mark.benchmark(group="table of 1 M × 30: open")
class TestOpen:
    def test_table_and_selection(self, benchmark: Any, opened: Window, table: pd.DataFrame) -> None:
        """The table of a layer, and the selection of its rows, made anew."""
        waited(benchmark, opened, lambda _: opened.panel.show_table(table, Selection(table)), 0.2)

    def test_with_a_filter_and_sorted(self, benchmark: Any, opened: Window, table: pd.DataFrame) -> None:
        """Filter and order stay when the table is measured again."""
        opened.panel.set_filter("feature_1 > 10")
        opened.panel.rows.sortByColumn(3, _ascending())
        waited(benchmark, opened, lambda _: opened.panel.show_table(table, Selection(table)), 0.3)


@pytest.mark.benchmark(group="table of 1 M × 30: sort")
class TestSort:
    @pytest.mark.parametrize("name", ["feature_3", "label", "class"])
    @pytest.mark.parametrize("descending", [False, True])
    def test_column(self, benchmark: Any, opened: Window, name: str, descending: bool) -> None:
        """A click on a header, of the order as measured."""
        from qtpy.QtCore import Qt

        rows, place = opened.panel.rows, list(opened.panel.view.columns).index(name)
        before = partial(rows.sortByColumn, -1, _ascending())
        waited(benchmark, opened, lambda _: rows.sortByColumn(place, Qt.SortOrder(int(descending))), 0.3, before)

    def test_a_second_column(self, benchmark: Any, opened: Window) -> None:
        """Sorting rows that another column has shuffled."""
        places = [list(opened.panel.view.columns).index(f"feature_{i}") for i in range(10)]
        waited(benchmark, opened, lambda i: opened.panel.rows.sortByColumn(places[i % 10], _ascending()), 0.3)


@pytest.mark.benchmark(group="table of 1 M × 30: filter")
class TestFilter:
    def test_expression(self, benchmark: Any, opened: Window) -> None:
        text = 'feature_1 > {} and (feature_2 < 101 or class == "neuron") and frame in (1, 2, 3)'
        waited(benchmark, opened, lambda i: opened.panel.set_filter(text.format(9 + i % 3)), 0.2)

    def test_expression_with_quantiles(self, benchmark: Any, opened: Window) -> None:
        text = "feature_1 > quantile(feature_1, 0.{}) and zscore(feature_2) < 2"
        waited(benchmark, opened, lambda i: opened.panel.set_filter(text.format(1 + i % 9)), 0.2)

    def test_of_a_sorted_table(self, benchmark: Any, opened: Window) -> None:
        opened.panel.rows.sortByColumn(4, _ascending())
        waited(benchmark, opened, lambda i: opened.panel.set_filter(f"feature_1 > {9 + i % 3}"), 0.2)

    def test_histogram(self, benchmark: Any, opened: Window) -> None:
        """A drag over the histogram of a header."""
        waited(benchmark, opened, lambda i: opened.panel.header.filter_bins("feature_1", 5 + i % 5, 30), 0.2)


@pytest.mark.benchmark(group="table of 1 M × 30: select")
class TestSelect:
    def test_all(self, benchmark: Any, opened: Window) -> None:
        def select(number: int) -> None:
            opened.panel.rows.clearSelection() if number % 2 else opened.panel.rows.selectAll()

        waited(benchmark, opened, select, 0.1)

    def test_scattered_rows_elsewhere(self, benchmark: Any, opened: Window, table: pd.DataFrame) -> None:
        """Half a million rows chosen in a plot, while the table is sorted and filtered."""
        opened.panel.set_filter("feature_1 > 10")
        opened.panel.rows.sortByColumn(4, _ascending())
        masks = [np.random.default_rng(i).random(N) < 0.5 for i in range(2)]
        selection: Selection = opened.panel._selection
        waited(benchmark, opened, lambda i: selection.select(masks[i % 2]), 0.1)


# ------------------------------------------------------------------------------------------------ beside the window
@pytest.fixture(scope="module")
def view(table: pd.DataFrame) -> TableView:
    view = TableView()
    view.show(table)
    return view


def alone(benchmark: Any, function: Callable[[], Any], rounds: int = 3) -> None:
    benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)


@pytest.mark.benchmark(group="table of 1 M × 30: beside the window")
class TestBeside:
    def test_histograms_of_ten_columns(self, benchmark: Any, view: TableView) -> None:
        columns = [view.columns[f"feature_{i}"] for i in range(10)]
        state = states(np.ones(N, bool), np.zeros(N, bool))
        alone(benchmark, lambda: [count(bin_column(column), state) for column in columns])

    def test_histograms_counted_again(self, benchmark: Any, view: TableView) -> None:
        binned = [bin_column(view.columns[f"feature_{i}"]) for i in range(10)]
        shown: NDArray[np.bool_] = view.columns["feature_1"].values > 10
        alone(benchmark, lambda: [count(each, states(shown, shown)) for each in binned])

    def test_statistics(self, benchmark: Any, view: TableView) -> None:
        alone(benchmark, lambda: list(describe_all(list(view.columns.values()))))

    @pytest.mark.parametrize("summary", ["mean", "median"])
    def test_groups(self, benchmark: Any, table: pd.DataFrame, summary: str) -> None:
        names = [name for name in table.columns if name.startswith("feature")]
        alone(benchmark, lambda: summarise(table, ["class", "frame"], names, [summary]))

    @pytest.mark.parametrize("method", METHODS)
    def test_correlation(self, benchmark: Any, view: TableView, method: Any) -> None:
        columns = [column for name, column in view.columns.items() if name.startswith("feature")]
        alone(benchmark, lambda: correlate(columns, method=method), rounds=1)

    def test_computed_column(self, benchmark: Any, view: TableView) -> None:
        alone(benchmark, lambda: view.compute("ratio", "feature_1 / sqrt(abs(feature_2)) + zscore(feature_3)"))
