"""Which measurements set clusters apart, a classifier that repeats the clusters, and what moves its answers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bioloom import layers
from bioloom.classify.model_file import load_classifier
from bioloom.classify.table import TableClassifier
from bioloom.errors import InputError
from bioloom.explore.explanation import Explanation
from bioloom.explore.ranking import Ranking
from bioloom.session.explaining import (
    RANK_MEASURES,
    LearnedClusters,
    contributions,
    explain_table,
    learn_clusters,
    ordered,
    rank_table,
    whole,
)
from bioloom.session.exploring import CLASSES, cluster_names
from bioloom.session.feature_table import keys_of
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import LARGEST_SEED, DataForm, button_row, choice
from bioloom.widgets._parts import form, narrow_combo, whole_number
from bioloom.widgets._shap_view import ShapView

_MOST_EXPLAINED = 1000


class ExplainForm(QWidget):
    """Ranks columns by what the plot is coloured by, trains a classifier on it, and explains its answers.

    Parameters
    ----------
    panel
        The Explore panel.
    data
        Which columns are used.
    """

    def __init__(self, panel: Exploring, data: DataForm) -> None:
        super().__init__()
        self._panel, self._data = panel, data
        self.ranking: Ranking | None = None
        self.classifier: TableClassifier | None = None
        self.explanation: Explanation | None = None
        self.of = QLabel()
        self.of.setWordWrap(True)
        self.target = narrow_combo("Compare this cluster or class with all others, or all with each other")
        self.measure = choice("What the columns are sorted by", RANK_MEASURES)
        self.seed = whole_number(0, 0, LARGEST_SEED, "Seed of the forests and of samples")
        self.rank_button = QPushButton("Rank columns")
        self.rank_button.setToolTip("Find the checked measurements that set the cluster apart")
        self.keep_button = QPushButton("Check the best")
        self.keep_button.setToolTip("Check, in the tab ‘Data’, one measurement of each group of correlated ones")
        self.list = QTableWidget(0, 3)
        self.list.setHorizontalHeaderLabels(["Column", "Value", "Group"])
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.list.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.list.verticalHeader().hide()
        self.list.setToolTip("Columns of one group say nearly the same. A double-click plots a column")
        self.list.setMaximumHeight(150)
        self.train_button = QPushButton("Clusters → classifier")
        self.train_button.setToolTip(
            "Train a classifier on the clusters, so that other objects get the same classes; reports how far it agrees"
        )
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Save the classifier to a file")
        self.load_button = QPushButton("Load…")
        self.load_button.setToolTip("Load a classifier of table rows and classify these objects")
        self.agreement = QLabel()
        self.agreement.setWordWrap(True)
        self.explain_button = QPushButton("Explain (SHAP)")
        self.explain_button.setToolTip(
            f"What moves the classifier's answers: of the selected objects, or of all; {_MOST_EXPLAINED} at most, "
            "drawn by the seed"
        )
        self.class_box = narrow_combo("The class whose probability is explained")
        self.bars = QCheckBox("Bars")
        self.bars.setToolTip("Mean size per measurement instead of a point per object")
        self.shap = ShapView()
        self.shap.clear()

        rows, layout = form()
        layout.addRow("Of", self.of)
        layout.addRow("Cluster", self.target)
        layout.addRow("Sorted by", self.measure)
        layout.addRow("Seed", self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(rows)
        column.addLayout(button_row(self.rank_button, self.keep_button))
        column.addWidget(self.list)
        column.addLayout(button_row(self.train_button, self.save_button, self.load_button))
        column.addWidget(self.agreement)
        explain_row = button_row(self.explain_button)
        explain_row.addWidget(self.class_box)
        explain_row.addWidget(self.bars)
        column.addLayout(explain_row)
        column.addWidget(self.shap)
        column.addStretch(1)
        for part in (self.list, self.agreement):
            part.hide()

        attempt = panel.attempt
        self.rank_button.clicked.connect(lambda: attempt(self.rank))
        self.keep_button.clicked.connect(self._check_best)
        self.measure.currentIndexChanged.connect(self._show_ranking)
        self.list.cellDoubleClicked.connect(lambda row, _: panel.plot_column(self.list.item(row, 0).text()))
        self.train_button.clicked.connect(lambda: attempt(self.train))
        self.save_button.clicked.connect(self._ask_save)
        self.load_button.clicked.connect(self._ask_load)
        self.explain_button.clicked.connect(lambda: attempt(self.explain))
        self.class_box.currentIndexChanged.connect(self._show_shap)
        self.bars.toggled.connect(self._show_shap)
        self.shap.feature_clicked.connect(lambda feature: attempt(lambda: self.show_contribution(feature)))
        self.shap.row_clicked.connect(self._clicked)
        self._show_buttons()

    # -------------------------------------------------------------------------------------------- what it is about
    def forget(self) -> None:
        """Drop what was found for other objects; the classifier stays, to be applied to the new ones."""
        self.ranking = self.explanation = None
        self.list.hide()
        self.shap.clear()
        self._show_buttons()

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

    def _classes(self) -> NDArray[np.int64]:
        panel = self._panel
        name = panel.colour_column()
        if panel.selection is None:
            raise InputError("These objects are not measured yet: measure them in the Measure panel.")
        classes = panel.selection.classes if name == CLASSES else whole(panel.table[name].to_numpy())
        if not classes.any() or len(np.unique(classes)) > 1000:
            raise InputError("Colour the plot by clusters or classes first: they are what is ranked and learned.")
        return np.asarray(classes)

    def _show_buttons(self) -> None:
        self.keep_button.setEnabled(self.ranking is not None)
        self.save_button.setEnabled(self.classifier is not None)
        self.explain_button.setEnabled(self.classifier is not None)
        self.class_box.setVisible(self.explanation is not None)
        self.bars.setVisible(self.explanation is not None)

    # -------------------------------------------------------------------------------------------- ranking
    def rank(self) -> None:
        """Rank the checked columns."""
        panel, table, columns, seed = self._panel, self._panel.table, self._data.columns.checked(), self.seed.value()
        classes, target = self._classes(), self.target.currentData()

        def show(result: Ranking) -> None:
            self.ranking = result
            self._show_ranking()
            self._show_buttons()
            panel.say(result.note)

        panel.jobs.start(
            "Ranking columns",
            lambda progress: rank_table(table, columns, classes, target, seed=seed, progress=progress),
            show,
        )

    def _show_ranking(self) -> None:
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

    # -------------------------------------------------------------------------------------------- classifier
    def train(self) -> None:
        """Train a classifier on the clusters, and add what it says as a column."""
        panel, table, layer, seed = self._panel, self._panel.table, self._panel.layer, self.seed.value()
        columns, classes = self._data.columns.checked(), self._classes()

        def show(learned: LearnedClusters) -> None:
            if not panel.still_there(layer):
                return
            self._take(learned.result.classifier)
            self.agreement.setText(learned.result.note)
            layers.add_columns(layer, learned.table)
            layers.activate(panel.viewer, layer)
            panel.say(f"{learned.result.note} Its classes are the column ‘{learned.name}’; seed {seed}.")

        panel.jobs.start(
            "Classifier from clusters",
            lambda progress: learn_clusters(table, columns, classes, seed=seed, progress=progress),
            show,
        )

    def _take(self, classifier: TableClassifier) -> None:
        self.classifier, self.explanation = classifier, None
        self.agreement.show()
        self.shap.clear()
        self._show_buttons()

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the classifier", "clusters.cl", "Classifiers (*.cl)")
        if path:
            self._panel.attempt(lambda: self.save_classifier(path))

    def save_classifier(self, path: str) -> None:
        """Save the classifier."""
        if self.classifier is None:
            raise InputError("There is no classifier yet. Press ‘Clusters → classifier’ first.")
        self.classifier.save(path)
        self._panel.say(f"Classifier saved to {path}.")

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a classifier", "", "Classifiers (*.cl)")
        if path:
            self._panel.attempt(lambda: self.load_classifier(path))

    def load_classifier(self, path: str) -> None:
        """Load a classifier and classify the objects."""
        panel, classifier = self._panel, load_classifier(path)
        if not isinstance(classifier, TableClassifier):
            raise InputError(f"{path} holds a {type(classifier).__name__}, but a classifier of table rows is needed.")
        table = panel.table
        classes = classifier.predict(table)
        self._take(classifier)
        self.agreement.setText(f"Loaded: {len(classifier.classes_)} classes, {len(classifier.feature_names_)} columns.")
        layers.add_columns(panel.layer, table[keys_of(table)].assign(CLUSTER_CLASS=classes))
        panel.show_colour("CLUSTER_CLASS")
        panel.say(f"{len(classes)} objects classified; the classes are the column ‘CLUSTER_CLASS’.")

    # -------------------------------------------------------------------------------------------- SHAP
    def explain(self) -> None:
        """Explain the classifier's answers for the selected objects, or for all."""
        panel, table, classifier, seed = self._panel, self._panel.table, self.classifier, self.seed.value()
        if classifier is None or panel.selection is None:
            raise InputError("There is no classifier yet. Press ‘Clusters → classifier’ first.")
        rows = panel.selection.mask.copy() if panel.selection.mask.any() else None
        n = len(table) if rows is None else int(rows.sum())

        def show(result: Explanation) -> None:
            self.explanation = result
            self.class_box.blockSignals(True)
            self.class_box.clear()
            for class_id in result.class_ids:
                self.class_box.addItem(result.class_names[class_id], class_id)
            self.class_box.blockSignals(False)
            self._show_buttons()
            self._show_shap()
            of = "all" if len(result.rows) == n else f"{len(result.rows)} random ones of"
            panel.say(f"SHAP values of {of} {n} objects, seed {seed}. Click a point, or an object, for its own steps.")

        panel.jobs.start(
            "Explaining",
            lambda progress: explain_table(
                classifier, table, rows, max_rows=_MOST_EXPLAINED, seed=seed, progress=progress
            ),
            show,
        )

    def _show_shap(self) -> None:
        if self.explanation is not None and self.class_box.currentData() is not None:
            self.shap.show_swarms(self.explanation, self.class_box.currentData(), self.bars.isChecked())

    def _clicked(self, row: int) -> None:
        self._panel.jump(row)
        self.show_object(row)

    def show_object(self, row: int) -> None:
        """Show how the answer for an object comes about, if it was explained."""
        if self.explanation is not None:
            item = self.explanation.item_of(row)
            if item is not None:
                values = self._panel.table.iloc[row]
                of = ", ".join(f"{key} {values[key]:.0f}" for key in keys_of(self._panel.table))
                self.shap.show_waterfall(self.explanation.waterfall(item, self.class_box.currentData()), of)

    def show_contribution(self, feature: str) -> None:
        """Colour all objects by what a feature contributes to the class."""
        panel, table, layer, classifier = self._panel, self._panel.table, self._panel.layer, self.classifier
        class_id = self.class_box.currentData()
        if classifier is None or class_id is None:
            return

        def show(result: Any) -> None:
            new, name = result
            if panel.still_there(layer):
                layers.add_columns(layer, new)
                layers.activate(panel.viewer, layer)
                panel.show_colour(name)
                panel.say(f"Coloured by ‘{name}’: what {feature} adds to the probability of the class.")

        panel.jobs.start(
            f"SHAP of {feature}",
            lambda progress: contributions(classifier, table, feature, class_id, progress=progress),
            show,
        )
