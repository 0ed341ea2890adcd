"""Statistics of the columns of a table, and summaries of groups of its rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from bioloom.session.feature_table import KEYS
from bioloom.session.jobs import JobRunner
from bioloom.session.table_histograms import bins_of_filter
from bioloom.session.table_statistics import SUMMARIES, ColumnStatistics, Groups, describe_all, summarise
from bioloom.session.table_view import TableView
from bioloom.widgets._parts import form, narrow_combo
from bioloom.widgets._table import ObjectTable
from bioloom.widgets._table_header import HistogramHeader
from bioloom.widgets._table_histogram import HistogramView

_SHOWN, _SELECTED, _ALL = "rows shown", "rows selected", "all rows"


class Page(QWidget):
    """A page of the table panel that is computed when it is looked at.

    Parameters
    ----------
    view
        The table.
    deliver
        Runs a callable on the application's thread.
    """

    failed = Signal(object)

    def __init__(self, view: TableView, deliver: Callable[[Callable[[], object]], None]) -> None:
        super().__init__()
        self.view = view
        self.mask = np.zeros(0, bool)
        self.jobs = JobRunner(deliver)
        self.jobs.failed.connect(lambda name, error: self.failed.emit(error))
        self._stale = True
        view.replaced.connect(self._replaced)
        view.changed.connect(self.outdate)

    def set_mask(self, mask: np.ndarray) -> None:
        """Take other rows as selected; bool per row of the whole table."""
        self.mask = mask

    def outdate(self) -> None:
        """Compute again, now if the page is seen, else when it will be."""
        self._stale = True
        if self.isVisible():
            self.refresh()
        else:
            # Nobody waits for what is about another table.
            self.jobs.cancel()

    def refresh(self) -> None:
        """Compute what the page shows, if it is out of date."""
        if self._stale:
            self._stale = False
            self.compute()

    def showEvent(self, event: Any) -> None:
        """Compute now that it is seen."""
        super().showEvent(event)
        self.refresh()

    def _replaced(self) -> None:
        self.outdate()

    def compute(self) -> None:
        """Start the job of this page."""
        raise NotImplementedError

    def result(self) -> pd.DataFrame:
        """Return what the page shows, to copy or save."""
        raise NotImplementedError


class StatisticsPage(Page):
    """Count, mean, quartiles and so on of every column, and the histogram of one."""

    def __init__(
        self, view: TableView, deliver: Callable[[Callable[[], object]], None], header: HistogramHeader
    ) -> None:
        super().__init__(view, deliver)
        self._header = header
        self._name = ""
        self.of = narrow_combo("Which rows to describe", [_SHOWN, _SELECTED, _ALL])
        self.histogram = HistogramView()
        self.title = QLabel()
        self.table = ObjectTable()
        self.table.setToolTip("Click a row to see the histogram of that column")
        row = QHBoxLayout()
        row.addWidget(QLabel("Of"))
        row.addWidget(self.of, stretch=1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.title)
        layout.addWidget(self.histogram)
        self.of.currentIndexChanged.connect(lambda _: self.outdate())
        self.table.row_clicked.connect(self._choose_row)
        self.histogram.bins_chosen.connect(lambda first, last: header.filter_bins(self._name, first, last))
        header.counted.connect(self._show_histogram)

    def set_mask(self, mask: np.ndarray) -> None:
        """Take other rows as selected."""
        super().set_mask(mask)
        if self.of.currentText() == _SELECTED:
            self.outdate()

    def choose(self, name: str) -> None:
        """Show the histogram of a column."""
        self._name = name
        self._header.also_count(name)
        shown = self.table.view.table
        if "column" in shown.columns:
            self.table.show_selection(shown["column"].to_numpy(object) == name)
        self._show_histogram()

    def _choose_row(self, row: int) -> None:
        self.choose(str(self.table.view.table["column"].iloc[row]))

    def _show_histogram(self) -> None:
        found = self._header.histogram(self._name)
        if found is not None:
            limit = self.view.limits.get(self._name)
            self.histogram.show_counts(*found, bins_of_filter(found[0], limit))
        elif self._name not in self.view.columns:
            self.histogram.show_counts(None, None)
        self.title.setText(f"<b>{self._name}</b>" if self._name in self.view.columns else "")

    def compute(self) -> None:
        """Describe the columns."""
        columns = list(self.view.columns.values())
        rows: np.ndarray | None = self.view.rows if self.view.filtered else None
        if self.of.currentText() == _SELECTED:
            rows = np.flatnonzero(self.mask)
        elif self.of.currentText() == _ALL:
            rows = None
        if self._name not in self.view.columns:
            measured = [c.name for c in columns if c.name not in KEYS]
            self._name = next(iter(measured), "")
        self.jobs.start("Statistics", lambda progress: list(describe_all(columns, rows, progress)), self._show)

    def _show(self, described: list[ColumnStatistics]) -> None:
        table = statistics_table(described)
        self.table.show_table(table, table["column"].to_numpy(object) == self._name)
        self.choose(self._name)

    def result(self) -> pd.DataFrame:
        """Return the statistics."""
        return self.table.view.shown_table()


def statistics_table(described: list[ColumnStatistics]) -> pd.DataFrame:
    """Make a table of statistics, one row per column."""
    table = pd.DataFrame(
        {
            "column": [d.name for d in described],
            **{
                title: np.array([getattr(d, name) for d in described], float)
                for title, name in (
                    ("mean", "mean"), ("std", "std"), ("median", "median"), ("min", "minimum"), ("25 %", "lower"),
                    ("75 %", "upper"), ("max", "maximum"),
                )
            },
            "n": [d.count for d in described],
            "missing": [d.missing for d in described],
        }
    )  # fmt: skip
    if any(d.common for d in described):
        table["most frequent"] = [", ".join(f"{word} ({n:,})" for word, n in d.common[:3]) or None for d in described]
    return table


class GroupsPage(Page):
    """Rows put into groups by one or two columns, and the other columns summarised in each.

    Attributes
    ----------
    rows_selected : Signal(numpy.ndarray)
        The rows of the groups that were selected: bool per row of the whole table.
    """

    rows_selected = Signal(object)

    def __init__(self, view: TableView, deliver: Callable[[Callable[[], object]], None]) -> None:
        super().__init__(view, deliver)
        self._groups: Groups | None = None
        self.by = narrow_combo("Rows with the same value here make a group")
        self.then = narrow_combo("Divide each group by a second column")
        self.summaries = {name: QPushButton(name) for name in SUMMARIES}
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        for name, button in self.summaries.items():
            button.setStyleSheet("QPushButton { padding: 3px 5px; min-width: 0; }")
            button.setCheckable(True)
            button.setChecked(name == "mean")
            button.setToolTip(f"Show the {name} of each column in each group")
            button.toggled.connect(lambda _: self.outdate())
            buttons.addWidget(button)
        buttons.addStretch()
        self.table = ObjectTable()
        self.table.setToolTip("Click a group to select its rows")
        rows, fields = form()
        fields.addRow("Group by", self.by)
        fields.addRow("and by", self.then)
        fields.addRow("Show", buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(rows)
        layout.addWidget(self.table, stretch=1)
        for box in (self.by, self.then):
            box.currentIndexChanged.connect(lambda _: self.outdate())
        self.table.rows_selected.connect(self._select)
        self._replaced()

    def _replaced(self) -> None:
        columns = self.view.columns.values()
        names = [c.name for c in columns if (c.is_text or c.is_flag or c.is_whole) and c.name != "label"]
        # What somebody decided about objects comes first.
        likely = [n for n in names if self.view.columns[n].is_text or "class" in n.lower() or "cluster" in n.lower()]
        # Then time, the object that each lies in, and what is true or not; counts come last.
        likely += [n for n in ("track", "frame") if n in names and n not in likely]
        likely += [n for n in names if n.startswith(("parent", "label_")) and n not in likely]
        likely += [n for n in names if self.view.columns[n].is_flag and n not in likely]
        names = [*likely, *(n for n in names if n not in likely)]
        for box, first in ((self.by, []), (self.then, ["nothing else"])):
            _fill(box, [*first, *names])
        self.outdate()

    def compute(self) -> None:
        """Summarise the groups."""
        by = [self.by.currentText()] if self.by.currentText() else []
        if self.then.currentIndex() > 0 and self.then.currentText() not in by:
            by.append(self.then.currentText())
        if not by:
            self._groups = None
            self.table.show_table(pd.DataFrame(), np.zeros(0, bool))
            return
        names = [c.name for c in self.view.columns.values() if not c.is_text and c.name not in (*KEYS, *by)]
        chosen = [name for name, button in self.summaries.items() if button.isChecked()]
        table, rows = self.view.table, self.view.rows if self.view.filtered else None
        self.jobs.start("Groups", lambda progress: summarise(table, by, names, chosen, rows, progress), self._show)

    def _show(self, groups: Groups) -> None:
        self._groups = groups
        self.table.show_table(groups.table, np.zeros(len(groups.table), bool))

    def _select(self, mask: np.ndarray) -> None:
        if self._groups is not None and len(self._groups.group_of_row) == self.view.n_rows:
            # The last place is for rows that are in no group.
            self.rows_selected.emit(np.append(mask, False)[self._groups.group_of_row])

    def result(self) -> pd.DataFrame:
        """Return the groups."""
        return self.table.view.shown_table()


def _fill(box: QComboBox, names: list[str]) -> None:
    before = box.currentText()
    box.blockSignals(True)
    box.clear()
    box.addItems(names)
    box.setCurrentIndex(max(box.findText(before), 0) if names else -1)
    box.blockSignals(False)
