"""The table panel, used as a user uses it: mouse, keys, filters, histograms, pages, files."""

import threading

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("qtpy")

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from bioloom.errors import InputError
from bioloom.session.selection import Selection
from bioloom.session.table_filters import RangeFilter, ValuesFilter
from bioloom.widgets._table_filter import FormulaDialog
from bioloom.widgets._table_menus import column_menu

pytestmark = pytest.mark.gui

N = 200


class Heard:
    """Everything that a signal said."""

    def __init__(self, *signals):
        self.values = []
        for signal in signals:
            signal.connect(lambda *values: self.values.append(values[0] if len(values) == 1 else values))

    def take(self):
        taken, self.values = self.values, []
        return taken


@pytest.fixture
def table():
    """200 objects of three classes, sorted by label."""
    rng = np.random.default_rng(0)
    area = rng.gamma(5, 20, N)
    return pd.DataFrame(
        {
            "index": np.arange(1, N + 1),
            "frame": np.arange(N) // 100,
            "label": np.arange(N) % 100 + 1,
            "area": area,
            "perimeter": np.sqrt(area) * 4 + rng.normal(size=N),
            "eccentricity": rng.random(N),
            "UMAP-0": np.where(np.arange(N) % 10 == 0, np.nan, rng.normal(size=N)),
            "class": rng.choice(["neuron", "glia", "dead"], N, p=[0.5, 0.3, 0.2]),
        }
    )


@pytest.fixture
def panel(qtbot, table):
    """The panel with the table and its selection, in a window of its own."""
    from bioloom.widgets._table_view import TablePanel

    panel = TablePanel()
    qtbot.addWidget(panel, before_close_func=lambda panel: panel.close_jobs())
    panel.resize(620, 600)
    panel.show()
    qtbot.waitExposed(panel)
    panel.selection = Selection(table)
    panel.show_table(table, panel.selection)
    panel.rows.setFocus()
    settle(panel)
    return panel


def settle(panel):
    """Wait for what is computed beside the application."""
    QApplication.processEvents()
    jobs = (panel.statistics.jobs, panel.groups.jobs, panel.correlation.jobs, panel.output.jobs)
    for part in (panel.header, *jobs):
        part.wait()
        QApplication.processEvents()


def selected(panel):
    return np.flatnonzero(panel.selection.mask).tolist()


def place_of(panel, place, column=2):
    return panel.rows.visualRect(panel.rows.objects.index(place, column)).center()


def click(panel, place, modifiers=Qt.KeyboardModifier.NoModifier):
    QTest.mouseClick(panel.rows.viewport(), Qt.MouseButton.LeftButton, modifiers, place_of(panel, place))


def press(panel, key, modifiers=Qt.KeyboardModifier.NoModifier):
    QTest.keyClick(panel.rows, key, modifiers)


def write(panel, text):
    panel.filter_line.setFocus()
    panel.filter_line.clear()
    QTest.keyClicks(panel.filter_line, text)
    QTest.keyClick(panel.filter_line, Qt.Key.Key_Return)


def header_place(panel, name, share, low=True):
    """A point of a column's header: in its histogram (low) or its name."""
    header, at = panel.header, list(panel.view.columns).index(name)
    x = header.sectionViewportPosition(at) + 4 + share * (header.sectionSize(at) - 8)
    return QPoint(round(x), header.height() - 10 if low else 8)


def drag(widget, first, last):
    QTest.mousePress(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, first)
    QTest.mouseMove(widget, last)
    QTest.mouseRelease(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, last)


def cell_colours(panel, place):
    """The colours that are seen in a row, as names."""
    picture = panel.rows.viewport().grab(panel.rows.visualRect(panel.rows.objects.index(place, 2))).toImage()
    return {picture.pixelColor(x, 3).name() for x in range(2, picture.width() - 2, 3)}


# ------------------------------------------------------------------------------------------------ rows
def test_mouse_selects_one_several_and_ranges(panel):
    clicked = Heard(panel.row_clicked)
    click(panel, 3)
    assert selected(panel) == [3]
    click(panel, 6, Qt.KeyboardModifier.ShiftModifier)
    assert selected(panel) == [3, 4, 5, 6]
    click(panel, 9, Qt.KeyboardModifier.ControlModifier)
    click(panel, 4, Qt.KeyboardModifier.ControlModifier)
    assert selected(panel) == [3, 5, 6, 9]
    click(panel, 1)
    assert selected(panel) == [1]
    assert clicked.take() == [3, 9, 4, 1]
    drag(panel.rows.viewport(), place_of(panel, 7), place_of(panel, 5))
    assert selected(panel) == [5, 6, 7]
    assert panel.selection.undo()
    assert panel.rows.selected_places().tolist() == [1], "a drag is one step"


def test_keys_select_move_and_undo(panel):
    clicked = Heard(panel.row_clicked)
    click(panel, 2)
    press(panel, Qt.Key.Key_Down)
    press(panel, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert selected(panel) == [3, 4]
    assert clicked.take() == [2, 3]
    press(panel, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(selected(panel)) == N
    press(panel, Qt.Key.Key_Escape)
    assert selected(panel) == []
    press(panel, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(selected(panel)) == N
    press(panel, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert panel.rows.currentIndex().row() == N - 1


def test_rows_can_be_asked_for_while_they_go(panel):
    """Qt asks for headers and cells of rows that it is being told to forget."""
    model, read = panel.rows.model(), []

    def read_all():
        rows = range(model.rowCount())
        read.append([model.headerData(row, Qt.Orientation.Vertical) for row in rows])
        assert all(model.data(model.index(row, 0)) for row in rows)

    model.rowsAboutToBeRemoved.connect(read_all)
    panel.set_filter("label > 60")
    settle(panel)
    read_all()
    assert [len(headers) for headers in read] == [N, 80]
    assert read[1][0] == "0 · 61"


def test_selected_rows_are_seen(panel):
    before = cell_colours(panel, 4)
    panel.selection.select_objects([3, 5])
    QApplication.processEvents()
    assert cell_colours(panel, 2) == cell_colours(panel, 4) != before
    assert cell_colours(panel, 3) == before


def test_selection_made_elsewhere_is_scrolled_to_and_walked_through(panel):
    clicked = Heard(panel.row_clicked)
    panel.selection.select_objects([60, 90], frame=1)
    assert panel.rows.rowAt(0) <= 159 <= panel.rows.rowAt(panel.rows.viewport().height() - 1)
    assert "2 selected" in panel.count.text()
    QTest.mouseClick(panel.next, Qt.MouseButton.LeftButton)
    QTest.mouseClick(panel.next, Qt.MouseButton.LeftButton)
    QTest.mouseClick(panel.previous, Qt.MouseButton.LeftButton)
    assert clicked.take() == [189, 159, 189]
    assert len(selected(panel)) == 2


def test_sorting_by_the_header(panel, table):
    for expected in (table["area"].sort_values(), table["area"].sort_values(ascending=False), table["area"]):
        QTest.mouseClick(
            panel.header.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            header_place(panel, "area", 0.5, low=False),
        )
        shown = [float(table["area"].iloc[row]) for row in panel.view.rows]
        assert shown == expected.tolist()
    click(panel, 0)
    panel.rows.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    assert panel.rows.selected_places().tolist() == [int(table["area"].rank(ascending=False).iloc[0]) - 1]


def test_sorting_goes_with_the_selected_row_in_view_or_to_the_top(panel, table):
    def sort(name):
        place = header_place(panel, name, 0.5, low=False)
        QTest.mouseClick(panel.header.viewport(), Qt.MouseButton.LeftButton, pos=place)

    def in_view():
        last = panel.rows.rowAt(panel.rows.viewport().height() - 1)
        return panel.view.rows[panel.rows.rowAt(0) : last + 1]

    bar = panel.rows.verticalScrollBar()
    panel.selection.select_objects([60], frame=1)
    assert 159 in in_view()
    for name in ("area", "area", "eccentricity"):
        sort(name)
        assert 159 in in_view()
    # It was scrolled out of view: whoever sorts now looks for the smallest.
    bar.setValue(bar.maximum() if 159 in panel.view.rows[:100] else 1)
    assert 159 not in in_view()
    sort("area")
    assert bar.value() == 0
    assert in_view()[0] == table["area"].argmin()
    bar.setValue(50)
    panel.selection.clear()
    sort("area")
    assert bar.value() == 0
    assert in_view()[0] == table["area"].argmax()


def test_rows_stay_named_when_the_label_is_scrolled_away(panel):
    assert not panel.rows.verticalHeader().isVisible()
    panel.resize(320, 500)
    QApplication.processEvents()
    bar = panel.rows.horizontalScrollBar()
    bar.setValue(bar.maximum())
    assert panel.rows.verticalHeader().isVisible()
    assert panel.rows.objects.headerData(100, Qt.Orientation.Vertical) == "1 · 1"
    bar.setValue(0)
    assert not panel.rows.verticalHeader().isVisible()


# ------------------------------------------------------------------------------------------------ filters
def test_an_expression_filters_and_a_wrong_one_says_why(panel, table):
    write(panel, 'area > 100 and class == "glia"')
    wanted = np.flatnonzero((table["area"] > 100) & (table["class"] == "glia"))
    assert panel.view.rows.tolist() == wanted.tolist()
    assert panel.rows.objects.rowCount() == len(wanted)
    assert panel.count.text() == f"{len(wanted)} of 200 rows"
    write(panel, "aera > 100")
    assert panel.bar.problem.isVisible()
    assert "Did you mean ‘area’" in panel.bar.problem.text()
    assert len(panel.view.rows) == len(wanted)
    QTest.keyClick(panel.filter_line, Qt.Key.Key_Escape)
    assert len(panel.view.rows) == N
    assert not panel.bar.problem.isVisible()


def test_names_are_completed(panel, qtbot):
    line = panel.filter_line
    line.setFocus()
    QTest.keyClicks(line, "area > 5 and ecc")
    popup = line._completer.popup()
    assert popup.isVisible()
    qtbot.wait(400)
    assert not panel.bar.problem.isVisible(), "half a name is no mistake while its rest can be chosen"
    popup.setCurrentIndex(line._completer.completionModel().index(0, 0))
    QTest.keyClick(popup, Qt.Key.Key_Return)
    assert line.text() == "area > 5 and eccentricity"
    line.setText(line.text() + " < 0.5")
    QTest.keyClicks(line, "5")
    qtbot.waitUntil(lambda: panel.view.expression == "area > 5 and eccentricity < 0.55", timeout=3000)


def test_select_all_takes_what_is_shown_and_the_count_tells_of_hidden_ones(panel, table):
    write(panel, "eccentricity < 0.25")
    panel.rows.selectAll()
    assert selected(panel) == np.flatnonzero(table["eccentricity"] < 0.25).tolist()
    write(panel, "eccentricity < 0.1")
    n, few = (table["eccentricity"] < 0.25).sum(), (table["eccentricity"] < 0.1).sum()
    assert panel.count.text() == f"{few} of 200 rows, {n} selected ({n - few} of them hidden)"


def test_selected_only_follows_the_plot_but_not_the_mouse(panel):
    panel.selection.select_objects([10, 20, 30])
    panel.selected_only.click()
    assert panel.view.rows.tolist() == [9, 19, 29]
    click(panel, 1)
    assert selected(panel) == [19]
    assert panel.view.rows.tolist() == [9, 19, 29]
    panel.selection.select_objects([40, 50])
    assert panel.view.rows.tolist() == [39, 49]
    panel.selected_only.click()
    assert len(panel.view.rows) == N


def test_dragging_over_a_histogram_filters_and_its_link_takes_it_off(panel, table):
    binned, _ = panel.header.histogram("area")
    panel.rows.setColumnWidth(2, 408)
    drag(panel.header.viewport(), header_place(panel, "area", 10.5 / 40), header_place(panel, "area", 29.5 / 40))
    limit = panel.view.limits["area"]
    assert (limit.low, limit.high) == pytest.approx((binned.edges[10], binned.edges[30]))
    inside = table["area"].between(binned.edges[10], binned.edges[30])
    assert panel.view.rows.tolist() == np.flatnonzero(inside).tolist()
    assert "≤ area ≤" in panel.bar.filters.text()
    panel.rows.setColumnWidth(2, 80)
    settle(panel)
    counts = panel.header.histogram("eccentricity")[1]
    assert counts.shown.sum() == inside.sum()
    assert counts.all.sum() == N
    panel.bar.filters.linkActivated.emit("column:area")
    assert len(panel.view.rows) == N
    assert not panel.bar.filters.isVisible()
    assert panel.view.sorted_by is None, "a drag does not sort"


def test_the_histogram_shows_the_selection_in_its_own_colour(panel, table):
    from bioloom.widgets._table_histogram import selected_colour

    panel.selection.select((table["area"] > 100).to_numpy())
    settle(panel)
    assert panel.header.histogram("area")[1].selected.sum() == (table["area"] > 100).sum()
    picture = panel.header.viewport().grab().toImage()
    ratio = picture.devicePixelRatio()
    wanted = QColor(selected_colour(panel.header)).name()
    low = int((panel.header.height() - 8) * ratio)
    assert wanted in {picture.pixelColor(x, low).name() for x in range(picture.width())}


def test_the_dialog_of_a_column_of_numbers(panel, table):
    dialog = panel.open_filter("UMAP-0")
    QTest.keyClicks(dialog.low, "0,5")
    assert panel.view.limits["UMAP-0"] == RangeFilter(low=0.5)
    assert panel.view.rows.tolist() == np.flatnonzero(table["UMAP-0"] >= 0.5).tolist()
    dialog.missing.click()
    assert len(panel.view.rows) == (table["UMAP-0"] >= 0.5).sum() + 20
    QTest.keyClicks(dialog.low, "x")
    assert "not a number" in dialog.shown.text()
    dialog.reject()
    assert not panel.view.filtered
    dialog = panel.open_filter("area")
    assert not dialog.missing.isVisible(), "no value is missing there"
    dialog.histogram.bins_chosen.emit(0, 9)
    assert dialog.high.text() != ""
    dialog.accept()
    assert panel.view.limits["area"].high == pytest.approx(float(dialog.high.text()))


def test_the_dialog_of_a_column_of_words(panel, table):
    dialog = panel.open_filter("class")
    words = [dialog.words.item(i).text() for i in range(3)]
    assert words[0].split()[0] == table["class"].value_counts().index[0]
    dialog.search.setText("gli")
    assert [dialog.words.isRowHidden(i) for i in range(3)].count(False) == 1
    for place in range(3):
        if "glia" in words[place]:
            dialog.words.item(place).setCheckState(Qt.CheckState.Unchecked)
    assert set(panel.view.limits["class"].values) == {"neuron", "dead"}
    assert len(panel.view.rows) == (table["class"] != "glia").sum()
    dialog.accept()
    again = panel.open_filter("class")
    assert [again.words.item(i).checkState() == Qt.CheckState.Checked for i in range(3)].count(True) == 2
    panel.show_table(table.drop(columns="class"), panel.selection)
    assert not again.isVisible()
    assert len(panel.view.rows) == N


# ------------------------------------------------------------------------------------------------ pages
def test_statistics_describe_what_is_shown_or_selected(panel, table):
    panel.pages.setCurrentWidget(panel.statistics)
    settle(panel)

    def of(name):
        shown = panel.statistics.result().set_index("column")
        return shown.loc[name]

    assert of("area")["mean"] == pytest.approx(table["area"].mean())
    assert of("UMAP-0")["missing"] == 20
    assert of("class")["most frequent"].startswith(table["class"].value_counts().index[0])
    write(panel, "frame == 1")
    settle(panel)
    assert of("area")["median"] == pytest.approx(table["area"][100:].median())
    panel.statistics.of.setCurrentIndex(1)
    panel.selection.select_objects([1, 2, 3])
    settle(panel)
    assert of("area")["n"] == 3
    panel.statistics.of.setCurrentIndex(2)
    settle(panel)
    assert of("area")["n"] == N
    panel.statistics.choose("eccentricity")
    settle(panel)
    histogram = panel.statistics.histogram
    assert histogram.counts.all.sum() == N
    assert histogram.counts.shown.sum() == 100
    middle = histogram.height() // 2
    drag(histogram, QPoint(3, middle), QPoint(histogram.width() // 2, middle))
    assert panel.view.limits["eccentricity"].high == pytest.approx(0.5, abs=0.05)


def test_a_group_selects_its_rows(panel, table):
    panel.pages.setCurrentWidget(panel.groups)
    settle(panel)
    assert panel.groups.by.currentText() == "class", "what somebody decided is grouped by first"
    panel.groups.summaries["max"].click()
    settle(panel)
    groups = panel.groups.result()
    assert groups["class"].tolist() == ["dead", "glia", "neuron"]
    assert groups["count"].tolist() == table["class"].value_counts().sort_index().tolist()
    np.testing.assert_allclose(groups["area max"], table.groupby("class")["area"].max())
    panel.groups.table.selectRow(1)
    assert selected(panel) == np.flatnonzero(table["class"] == "glia").tolist()
    panel.groups.then.setCurrentText("frame")
    settle(panel)
    assert len(panel.groups.result()) == 6
    write(panel, "frame == 0")
    settle(panel)
    assert panel.groups.result()["count"].sum() == 100


def test_correlations_are_plotted_and_alike_columns_hidden(panel, table):
    panel.pages.setCurrentWidget(panel.correlation)
    settle(panel)
    matrix = panel.correlation.result().set_index("column")
    assert matrix.loc["area", "perimeter"] == pytest.approx(table["area"].corr(table["perimeter"]))
    wanted = Heard(panel.plot_wanted)
    plot, names = panel.correlation.map, list(matrix.index)
    area, step = plot._area(), plot._area().width() / len(names)
    row, column = names.index("area"), names.index("perimeter")
    high = area.height() / len(names)
    point = QPointF(area.left() + (column + 0.5) * step, area.top() + (row + 0.5) * high).toPoint()
    assert plot.tell(row, column).startswith("area\nperimeter\n0.9")
    QTest.mouseClick(plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
    assert wanted.take() == [("perimeter", "area")]
    panel.correlation.choose_button.click()
    shown = panel.columns.shown()
    assert len({"area", "perimeter"} & set(shown)) == 1
    assert {"frame", "label", "eccentricity"} <= set(shown)
    panel.columns.show_all()
    assert panel.columns.shown() == list(panel.view.columns)
    for method in (1, 2):
        panel.correlation.method.setCurrentIndex(method)
        panel.pages.setCurrentWidget(panel.correlation)
        settle(panel)
        pandas = ("pearson", "spearman", "kendall")[method]
        value = panel.correlation.result().set_index("column").loc["area", "UMAP-0"]
        assert value == pytest.approx(table["area"].corr(table["UMAP-0"], pandas))


# ------------------------------------------------------------------------------------------------ columns and files
def test_a_computed_column_goes_to_the_owner_and_follows_the_table(panel, table):
    made = Heard(panel.columns_made)
    dialog = FormulaDialog(panel.view, panel)
    dialog.name.setText("ratio")
    dialog.expression.setText("area / perimter")
    ok = dialog.buttons.buttons()[0]
    assert "Did you mean ‘perimeter’" in dialog.answer.text()
    assert not ok.isEnabled()
    dialog.expression.setText("area / perimeter")
    assert "First values: " in dialog.answer.text()
    assert ok.isEnabled()
    dialog.deleteLater()
    panel.columns.compute("ratio", "area / perimeter")
    (new,) = made.take()
    np.testing.assert_allclose(new["ratio"], table["area"] / table["perimeter"])
    assert list(new.columns) == ["frame", "label", "ratio"]
    panel.show_table(table.assign(ratio=new["ratio"]), panel.selection)
    assert made.take() == []
    panel.show_table(table.assign(ratio=new["ratio"], area=1.0), panel.selection)
    (again,) = made.take()
    np.testing.assert_allclose(again["ratio"], 1 / table["perimeter"])


def test_copy_takes_selected_rows_and_shown_columns_in_their_order(panel, table):
    panel.rows.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    panel.selection.select_objects([3, 4], frame=1)
    panel.columns.show(["area", "class"])
    panel.rows.setFocus()
    press(panel, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == ["frame", "label", "area", "class"]
    rows = sorted((102, 103), key=lambda row: -table["area"].iloc[row])
    assert [line.split("\t")[1] for line in lines[1:]] == [str(table["label"].iloc[row]) for row in rows]
    assert float(lines[1].split("\t")[2]) == table["area"].iloc[rows[0]], "every digit is copied"


def test_what_is_shown_is_saved(panel, table, tmp_path):
    said, failed = Heard(panel.said), Heard(panel.failed)
    write(panel, "frame == 1")
    panel.output.save(str(tmp_path / "late.csv"))
    settle(panel)
    back = pd.read_csv(tmp_path / "late.csv")
    assert len(back) == 100
    np.testing.assert_array_equal(back["area"], table["area"][100:])
    assert "100 rows and 7 columns saved" in said.take()[-1]
    panel.selection.select_objects([5], frame=1)
    panel.output.save(str(tmp_path / "one.tsv"), selected=True)
    settle(panel)
    assert len(pd.read_csv(tmp_path / "one.tsv", sep="\t")) == 1
    (tmp_path / "file").touch()
    panel.output.save(str(tmp_path / "file" / "x.csv"))
    settle(panel)
    assert "file" in str(failed.take()[0])


def test_columns_are_renamed_with_all_that_is_about_them(panel, table):
    names, gone = Heard(panel.column_renamed), Heard(panel.columns_deleted)
    panel.columns.compute("ratio", "area / perimeter")
    table = table.assign(ratio=table["area"] / table["perimeter"])
    panel.show_table(table, panel.selection)
    write(panel, "area > 100")
    panel.view.limit("area", RangeFilter(50, 150))
    panel.rows.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    panel.rows.setColumnWidth(2, 131)
    rows = panel.view.rows.tolist()
    panel.columns.rename("area", " my size ")
    assert names.take() == [("area", "my size")]
    panel.show_table(table.rename(columns={"area": "my size"}), panel.selection)
    assert panel.view.rows.tolist() == rows
    assert panel.view.sorted_by == ("my size", True)
    assert panel.filter_line.text() == panel.view.expression == "`my size` > 100"
    assert panel.view.formulas["ratio"] == "`my size` / perimeter"
    assert panel.rows.columnWidth(2) == 131
    for old, new, why in (
        ("my size", "class", "already"),
        ("label", "x", "keeps its name"),
        ("class", " ", "needs a name"),
    ):
        with pytest.raises(InputError, match=why):
            panel.columns.rename(old, new)
    panel.columns.show(["my size", "class"])
    assert set(panel.columns.hidden()) == {"perimeter", "eccentricity", "UMAP-0", "ratio"}
    panel.columns.delete(["perimeter", "label"])
    assert gone.take() == [["perimeter"]]
    panel.show_table(table.rename(columns={"area": "my size"}).drop(columns="perimeter"), panel.selection)
    assert panel.columns.shown() == ["frame", "label", "my size", "class"]


def test_the_menus_do_what_they_say(panel):
    maps = Heard(panel.map_wanted)
    actions = {action.text(): action for action in column_menu(panel, "area").actions()}
    actions["Show as colours in the image"].trigger()
    assert maps.take() == ["area"]
    actions["Sort, largest first"].trigger()
    assert panel.view.sorted_by == ("area", True)
    actions["Hide"].trigger()
    assert "area" not in panel.columns.shown()
    actions["Statistics and histogram"].trigger()
    settle(panel)
    assert panel.pages.currentWidget() is panel.statistics
    assert panel.statistics.title.text() == "<b>area</b>"
    words = {action.text() for action in column_menu(panel, "class").actions()}
    assert "Show as colours in the image" not in words
    panel.menu_button.menu().aboutToShow.emit()
    entries = {action.text(): action for action in panel.menu_button.menu().actions()}
    assert entries["New column …"].isEnabled()
    assert not any(text.startswith("Save selected") for text in entries), "statistics have no selected rows"


# ------------------------------------------------------------------------------------------------ other tables
def test_another_table_keeps_widths_filters_and_selection(panel, table):
    panel.rows.setColumnWidth(2, 131)
    write(panel, "area > 100")
    panel.view.limit("class", ValuesFilter(["glia"]))
    panel.selection.select_objects([4])
    changed = table.drop(columns="perimeter").assign(area=table["area"] + 50)
    panel.selection.rekey(changed)
    panel.show_table(changed, panel.selection)
    assert panel.rows.columnWidth(2) == 131
    wanted = (changed["area"] > 100) & (changed["class"] == "glia")
    assert panel.view.rows.tolist() == np.flatnonzero(wanted).tolist()
    assert selected(panel) == [3]
    assert panel.rows.mask[3]
    said = Heard(panel.said)
    panel.show_table(table[["frame", "label"]], panel.selection)
    assert "was taken off" in said.take()[0]
    assert panel.filter_line.text() == ""


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_rows(panel, table, rows):
    few = table.iloc[:rows]
    panel.show_table(few, Selection(few))
    for page in (panel.statistics, panel.groups, panel.correlation, panel.rows):
        panel.pages.setCurrentWidget(page)
        settle(panel)
    press(panel, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    press(panel, Qt.Key.Key_Down)
    write(panel, "area > mean(area)")
    assert len(panel.view.rows) == 0
    panel.show_table(pd.DataFrame(), None)
    for page in (panel.statistics, panel.groups, panel.correlation, panel.rows):
        panel.pages.setCurrentWidget(page)
        settle(panel)
    assert panel.count.text() == "0 rows"


def test_without_a_shared_selection_rows_are_selected_here(panel, table):
    panel.show_table(table, None)
    click(panel, 2)
    assert np.flatnonzero(panel.mask).tolist() == [2]
    assert "1 selected" in panel.count.text()
    panel.selection.select_objects([50])
    assert np.flatnonzero(panel.mask).tolist() == [2], "the selection of before is no longer followed"


def test_a_closed_panel_no_longer_follows(panel):
    panel.close_jobs()
    panel.selection.select_objects([50])
    assert not panel.mask.any()


@pytest.mark.parametrize("page", ["statistics", "groups", "correlation"])
def test_a_page_may_be_closed_while_it_computes(qtbot, monkeypatch, table, page):
    from bioloom.widgets._table_view import TablePanel

    began, may_end = threading.Event(), threading.Event()

    def slow(*arguments, **options):
        began.set()
        assert may_end.wait(10)
        return []

    for module, name in (("_table_statistics", "describe_all"), ("_table_statistics", "summarise"),
                         ("_correlation_view", "correlate")):  # fmt: skip
        monkeypatch.setattr(f"bioloom.widgets.{module}.{name}", slow)
    panel = TablePanel()
    panel.show()
    panel.show_table(table, Selection(table))
    panel.pages.setCurrentWidget(getattr(panel, page))
    assert began.wait(10)
    jobs = getattr(panel, page).jobs
    # Another table while the page is hidden: nobody waits for the answer about the old one.
    panel.pages.setCurrentWidget(panel.rows)
    panel.show_table(table.iloc[:50], Selection(table.iloc[:50]))
    assert not jobs.busy
    panel.pages.setCurrentWidget(getattr(panel, page))
    assert jobs.busy
    panel.close()
    panel.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    may_end.set()
    assert jobs.wait(10)
    QApplication.processEvents()
    assert not jobs.busy


# ------------------------------------------------------------------------------------------------ a million rows
def test_a_million_rows_are_handled_at_once_in_a_napari_window(user):
    """What the benchmark measures, with room for slow machines: nothing here takes time that grows beyond reason."""
    from time import perf_counter

    from bioloom.widgets._table_view import TablePanel

    n = 1_000_000
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"label": np.arange(1, n + 1), **{f"f{i}": rng.normal(size=n) for i in range(4)}})
    panel = TablePanel()
    user.viewer.window.add_dock_widget(panel, name="Table")
    user.look(0.5)
    selection = Selection(table)
    times = {}

    def timed(what, action):
        start = perf_counter()
        action()
        panel.rows.viewport().repaint()
        times[what] = perf_counter() - start
        QApplication.processEvents()

    timed("open", lambda: panel.show_table(table, selection))
    timed("sort", lambda: panel.rows.sortByColumn(1, Qt.SortOrder.DescendingOrder))
    timed("filter", lambda: panel.set_filter("f1 > 0 and f2 < 1"))
    timed("select all", panel.rows.selectAll)
    timed("select every second", lambda: selection.select(np.arange(n) % 2 == 0))
    assert selection.mask.sum() == n // 2
    assert panel.rows.objects.rowCount() == ((table["f1"] > 0) & (table["f2"] < 1)).sum()
    settle(panel)
    panel.close_jobs()
    assert max(times.values()) < 2, times
