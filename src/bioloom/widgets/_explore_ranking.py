"""Which measurements set clusters or classes apart."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom.errors import InputError
from bioloom.explore.figure_explain import save_ranking
from bioloom.explore.ranking import Ranking
from bioloom.session.explaining import RANK_MEASURES, number_text, ordered, rank_table
from bioloom.session.exploring import CLASSES
from bioloom.widgets._explore_analysis import Exploring, still_shown
from bioloom.widgets._explore_forms import LARGEST_SEED, DataForm, button_row, choice, ended
from bioloom.widgets._parts import enable, form, narrow_combo, whole_number

_MOST_TARGETS = 100


class RankForm(QWidget):
    """Ranks the checked columns by how well they set apart what the plot is coloured by.

    Parameters
    ----------
    panel
        The Explore panel.
    data
        Which columns are used.
    classes
        Returns the classes that the plot is coloured by, and what to call them.
    """

    def __init__(
        self, panel: Exploring, data: DataForm, classes: Callable[[], tuple[NDArray[np.int64], dict[int, str]]]
    ) -> None:
        super().__init__()
        self._panel, self._data, self._classes = panel, data, classes
        self.ranking: Ranking | None = None
        self.of = QLabel()
        self.of.setWordWrap(True)
        self.target = narrow_combo("Compare this cluster or class with all others, or all with each other")
        self.measure = choice("What the columns are sorted by", RANK_MEASURES)
        self.seed = whole_number(0, 0, LARGEST_SEED, "Seed of the forests and of samples")
        self.rank_button = QPushButton("Rank columns")
        self.rank_button.setToolTip("Find the checked measurements that set the cluster apart")
        self.keep_button = QPushButton("Check the best")
        self.keep_button.setToolTip("Check, in the tab ‘Data’, one measurement of each group of correlated ones")
        self.figure_button = QPushButton("Figure…")
        self.figure_button.setToolTip("Save the ranking as PNG, SVG or PDF")
        self.list = QTableWidget(0, 3)
        self.list.setHorizontalHeaderLabels(["Column", "Value", "Group"])
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.list.verticalHeader().hide()
        self.list.setToolTip("Columns of one group say nearly the same. A double-click plots a column")
        self.list.setMaximumHeight(150)
        self.told = QLabel()
        self.told.setWordWrap(True)
        rows, layout = form()
        layout.addRow("Of", self.of)
        layout.addRow("Cluster", self.target)
        layout.addRow("Sorted by", self.measure)
        layout.addRow("Seed", self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(rows)
        column.addLayout(button_row(self.rank_button, self.keep_button, self.figure_button))
        column.addWidget(self.told)
        column.addWidget(self.list)
        self.rank_button.clicked.connect(lambda: panel.attempt(self.rank))
        self.keep_button.clicked.connect(self._check_best)
        self.figure_button.clicked.connect(self._ask_figure)
        self.measure.currentIndexChanged.connect(self._show)
        self.list.cellDoubleClicked.connect(lambda row, _: panel.plot_column(self.list.item(row, 0).text()))
        self.forget()

    def forget(self) -> None:
        """Drop the ranking of other objects."""
        self.ranking = None
        self.list.hide()
        self.told.hide()
        self._allow()

    def _allow(self) -> None:
        for button in (self.keep_button, self.figure_button):
            enable(button, self.ranking is not None, "Nothing is ranked yet: rank the columns first")

    def follow(self) -> None:
        """Follow what the plot is coloured by."""
        name, table = self._panel.colour_column(), self._panel.table
        self.of.setText("classes that you gave" if name == CLASSES else name)
        names: dict[int, str] = {}
        if name in table.columns or name == CLASSES:
            # What holds no classes is told when it is to be ranked.
            with contextlib.suppress(InputError):
                names = self._classes()[1]
        choices = {None: "all with each other"} | (names if len(names) <= _MOST_TARGETS else {})
        if choices == {self.target.itemData(i): self.target.itemText(i) for i in range(self.target.count())}:
            return
        before = self.target.currentData()
        self.target.blockSignals(True)
        self.target.clear()
        for number, text in choices.items():
            self.target.addItem(text, number)
        self.target.setCurrentIndex(max(0, self.target.findData(before)))
        self.target.blockSignals(False)

    def follow_classes(self) -> None:
        """Follow the classes that the user gives, while they can be seen here."""
        if self.isVisible() and self._panel.colour_column() == CLASSES:
            self.follow()

    def rank(self) -> None:
        """Rank the checked columns."""
        panel, objects, columns, seed = (
            self._panel,
            self._panel.objects,
            self._data.columns.checked(),
            self.seed.value(),
        )
        classes, target = self._classes()[0], self.target.currentData()
        of = f"{self.of.text()}, {self.target.currentText()}" + ("" if target is None else " against the others")

        def show(result: Ranking) -> None:
            if not still_shown(panel, objects):
                return
            self.ranking = result
            self._show()
            self._allow()
            # What the plot is coloured by may change, what is listed stays.
            self.told.setText(f"Ranked by {of}; seed {seed}")
            self.told.show()
            panel.say(result.note)

        panel.jobs.start(
            "Ranking columns",
            lambda progress: rank_table(objects.table, columns, classes, target, seed=seed, progress=progress),
            show,
        )

    def _show(self) -> None:
        if self.ranking is None:
            return
        measure = str(self.measure.currentData())
        rows = ordered(self.ranking, measure)
        self.list.setRowCount(len(rows))
        for row, (name, value, group) in enumerate(zip(rows["column"], rows[measure], rows["group"], strict=True)):
            for column, text in enumerate((str(name), number_text(value), str(group))):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter))
                self.list.setItem(row, column, item)
        self.list.resizeColumnsToContents()
        self.list.setVisible(True)

    def _check_best(self) -> None:
        if self.ranking is not None:
            best = self.ranking.representatives()
            self._data.columns.set_checked(set(best))
            self._panel.say(f"{len(best)} columns are checked, one of each group of correlated ones.")

    def _ask_figure(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the ranking", "ranking.png", "Figures (*.png *.svg *.pdf)")
        if path:
            self._panel.attempt(lambda: self.save_figure(path))

    def save_figure(self, path: str) -> None:
        """Save the ranking, as it is sorted, as a figure for publication."""
        if self.ranking is not None:
            measure, path = str(self.measure.currentData()), ended(path, ".png")
            save_ranking(path, ordered(self.ranking, measure), measure, RANK_MEASURES[measure])
            self._panel.say(f"Saved to {path}.")
