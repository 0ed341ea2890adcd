"""Which measurements set clusters or classes apart."""

from __future__ import annotations

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

from bioloom.explore.figure_explain import save_ranking
from bioloom.explore.ranking import Ranking
from bioloom.session.explaining import RANK_MEASURES, ordered, rank_table
from bioloom.session.exploring import CLASSES, cluster_names
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import LARGEST_SEED, DataForm, button_row, choice
from bioloom.widgets._parts import form, narrow_combo, whole_number


class RankForm(QWidget):
    """Ranks the checked columns by how well they set apart what the plot is coloured by.

    Parameters
    ----------
    panel
        The Explore panel.
    data
        Which columns are used.
    classes
        Returns the classes that the plot is coloured by.
    """

    def __init__(self, panel: Exploring, data: DataForm, classes: Callable[[], NDArray[np.int64]]) -> None:
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
        rows, layout = form()
        layout.addRow("Of", self.of)
        layout.addRow("Cluster", self.target)
        layout.addRow("Sorted by", self.measure)
        layout.addRow("Seed", self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(rows)
        column.addLayout(button_row(self.rank_button, self.keep_button, self.figure_button))
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
        self.keep_button.setEnabled(False)
        self.figure_button.setEnabled(False)

    def follow(self) -> None:
        """Follow what the plot is coloured by."""
        name, table = self._panel.colour_column(), self._panel.table
        self.of.setText("classes that you gave" if name == CLASSES else name)
        before = self.target.currentData()
        self.target.blockSignals(True)
        self.target.clear()
        self.target.addItem("all with each other", None)
        if name != CLASSES and name in table.columns:
            for number, text in cluster_names(table, name).items():
                if number:
                    self.target.addItem(text, number)
        self.target.setCurrentIndex(max(0, self.target.findData(before)))
        self.target.blockSignals(False)

    def rank(self) -> None:
        """Rank the checked columns."""
        panel, table, columns, seed = self._panel, self._panel.table, self._data.columns.checked(), self.seed.value()
        classes, target = self._classes(), self.target.currentData()

        def show(result: Ranking) -> None:
            self.ranking = result
            self._show()
            self.keep_button.setEnabled(True)
            self.figure_button.setEnabled(True)
            panel.say(result.note)

        panel.jobs.start(
            "Ranking columns",
            lambda progress: rank_table(table, columns, classes, target, seed=seed, progress=progress),
            show,
        )

    def _show(self) -> None:
        if self.ranking is None:
            return
        measure = str(self.measure.currentData())
        rows = ordered(self.ranking, measure)
        self.list.setRowCount(len(rows))
        for row, (name, value, group) in enumerate(zip(rows["column"], rows[measure], rows["group"], strict=True)):
            for column, text in enumerate((str(name), f"{value:.3f}", str(group))):
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
            measure = str(self.measure.currentData())
            save_ranking(path, ordered(self.ranking, measure), measure, RANK_MEASURES[measure])
            self._panel.say(f"Saved to {path}.")
