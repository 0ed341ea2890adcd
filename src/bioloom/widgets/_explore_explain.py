"""A classifier that repeats clusters, and what moves its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from bioloom import layers
from bioloom.classify.model_file import load_classifier
from bioloom.classify.table import TableClassifier
from bioloom.errors import InputError, doubts_heard
from bioloom.explore.cluster import NOISE, cluster_name
from bioloom.explore.explanation import Explanation
from bioloom.session.explaining import (
    LearnedClusters,
    as_clusters,
    classes_of,
    contributions,
    explain_table,
    learn_clusters,
)
from bioloom.session.exploring import CLASSES, LEARNED
from bioloom.session.feature_table import keys_of
from bioloom.widgets._explore_analysis import Exploring
from bioloom.widgets._explore_forms import DataForm, button_row, ended
from bioloom.widgets._explore_ranking import RankForm
from bioloom.widgets._explore_shap import ShapForm
from bioloom.widgets._parts import enable

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
        self.classifier: TableClassifier | None = None
        self._rows: Any = None
        self.ranks = RankForm(panel, data, self._classes)
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
        self.shap = ShapForm(panel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.ranks)
        column.addLayout(button_row(self.train_button, self.save_button, self.load_button))
        column.addWidget(self.agreement)
        column.addWidget(self.explain_button)
        column.addWidget(self.shap)
        column.addStretch(1)
        self.agreement.hide()

        attempt = panel.attempt
        self.train_button.clicked.connect(lambda: attempt(self.train))
        self.save_button.clicked.connect(self._ask_save)
        self.load_button.clicked.connect(self._ask_load)
        self.explain_button.clicked.connect(lambda: attempt(self.explain))
        self.shap.feature_clicked.connect(lambda feature: attempt(lambda: self.show_contribution(feature)))
        self.shap.row_clicked.connect(self._clicked)
        self._show_buttons()

    # -------------------------------------------------------------------------------------------- what it is about
    def forget(self) -> None:
        """Drop what was found for other objects; the classifier stays, to be applied to the new ones."""
        self.ranks.forget()
        self.shap.clear()

    def follow(self) -> None:
        """Follow what the plot is coloured by; what was explained by row goes if the rows are others now."""
        self.ranks.follow()
        selection = self._panel.selection
        if selection is None or selection.labels is not self._rows:
            self.shap.clear()

    def follow_selection(self) -> None:
        """Follow the classes that the user gives, and an object that is selected alone: a click in the image."""
        self.ranks.follow_classes()
        selection = self._panel.selection
        if self.shap.explanation is None or selection is None or selection.labels is not self._rows:
            return
        rows = np.flatnonzero(selection.mask)
        if len(rows) == 1:
            self.show_object(int(rows[0]))

    def _classes(self) -> tuple[NDArray[np.int64], dict[int, str]]:
        """Return the classes that the plot is coloured by, and what to call them."""
        panel = self._panel
        name = panel.colour_column()
        if panel.selection is None:
            raise InputError("These objects are not measured yet: measure them in the Measure panel.")
        if name == CLASSES:
            classes = np.asarray(panel.selection.classes).astype(np.int64)
            names = {int(c): f"class {c}" for c in np.flatnonzero(np.bincount(classes)) if c}
        else:
            classes, names = classes_of(panel.table, name)
            if name == LEARNED:
                named = layers.made_by(panel.pool.layers[0], name).get("class_names", {})
                names |= {c: text for c, text in named.items() if c in names}
        if not names:
            raise InputError("Colour the plot by clusters or classes first: they are what is ranked and learned.")
        return classes, names

    def _show_buttons(self) -> None:
        for button in (self.save_button, self.explain_button):
            enable(
                button, self.classifier is not None, "There is no classifier yet: train one on clusters, or load one"
            )

    # -------------------------------------------------------------------------------------------- classifier
    def train(self) -> None:
        """Train a classifier on the clusters, and add what it says as a column."""
        panel, objects, seed = self._panel, self._panel.objects, self.ranks.seed.value()
        columns, (classes, names), of = self._data.columns.checked(), self._classes(), panel.colour_column()
        if all(name == cluster_name(number) for number, name in names.items()):
            names = {}

        def show(learned: LearnedClusters) -> None:
            made = {
                "method": "Classifier of clusters",
                "columns": learned.columns,
                "seed": seed,
                "clusters": of,
                "class_names": names,
            }
            if not panel.keep_columns(objects, learned.table, made):
                return
            self._take(learned.result.classifier)
            self.agreement.setText(learned.result.note)
            panel.say(f"{learned.result.note} Its classes are the column ‘{learned.name}’; seed {seed}.")

        panel.jobs.start(
            "Classifier from clusters",
            lambda progress: learn_clusters(
                objects.table, columns, classes, class_names=names, seed=seed, progress=progress
            ),
            show,
        )

    def _take(self, classifier: TableClassifier) -> None:
        self.classifier = classifier
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
        path = ended(path, ".cl")
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
        with doubts_heard() as doubts:
            classes = as_clusters(classifier, classifier.predict(table))
        self._take(classifier)
        self.agreement.setText(f"Loaded: {len(classifier.classes_)} classes, {len(classifier.feature_names_)} columns.")
        names = {c: classifier.name_of(c) for c in classifier.classes_.tolist()}
        made = {
            "method": f"Classifier of {Path(path).name}", "columns": list(classifier.feature_names_),
            "class_names": {} if cluster_name(NOISE) in names.values() else names,
        }  # fmt: skip
        panel.keep_columns(panel.objects, table[keys_of(table)].assign(**{LEARNED: classes}), made)
        panel.show_colour(LEARNED)
        said = f"{len(classes)} objects classified; the classes are the column ‘{LEARNED}’."
        panel.say(" ".join([said, *doubts]))

    # -------------------------------------------------------------------------------------------- SHAP
    def explain(self) -> None:
        """Explain the classifier's answers for the selected objects, or for all."""
        panel, table, classifier, seed = self._panel, self._panel.table, self.classifier, self.ranks.seed.value()
        if classifier is None or panel.selection is None:
            raise InputError("There is no classifier yet. Press ‘Clusters → classifier’ first.")
        rows = panel.selection.mask.copy() if panel.selection.mask.any() else None
        n, of_rows = len(table) if rows is None else int(rows.sum()), panel.selection.labels

        def show(result: Explanation) -> None:
            if panel.selection is None or panel.selection.labels is not of_rows:
                panel.say("The objects changed meanwhile, so the result was dropped. Explain them again.")
                return
            self._rows = of_rows
            self.shap.show_explanation(result)
            of = f"{'all ' if rows is None else ''}{n} {'' if rows is None else 'selected '}object{'s' * (n > 1)}"
            if len(result.rows) < n:
                of = f"{len(result.rows)} random ones of {of}"
            panel.say(f"SHAP values of {of}, seed {seed}. Click a point, or an object, for its own steps.")

        panel.jobs.start(
            "Explaining",
            lambda progress: explain_table(
                classifier, table, rows, max_rows=_MOST_EXPLAINED, seed=seed, progress=progress
            ),
            show,
        )

    def _clicked(self, row: int) -> None:
        self._panel.jump(row)
        self.show_object(row)

    def show_object(self, row: int) -> None:
        """Show how the answer for an object comes about, if it was explained."""
        panel = self._panel
        if self.shap.explanation is not None and row < len(panel.table):
            values, named_by = panel.table.iloc[row], panel.objects.named_by
            of = ", ".join(f"{key} {values[key]:.0f}" for key in keys_of(panel.table))
            of = f"{values[named_by]}, {of}" if named_by else of
            if not self.shap.show_steps(row, of):
                panel.say(f"The object {of} was not among those explained. Select it, and explain again.")

    def show_contribution(self, feature: str) -> None:
        """Colour all objects by what a feature contributes to the class."""
        panel, objects, classifier = self._panel, self._panel.objects, self.classifier
        class_id = self.shap.class_id
        if classifier is None or class_id is None:
            return
        of_class = classifier.name_of(class_id)
        made = {
            "method": "SHAP", "feature": feature, "class": of_class, "columns": list(classifier.feature_names_)
        }  # fmt: skip

        def show(result: Any) -> None:
            new, name = result
            if panel.keep_columns(objects, new, made):
                panel.show_colour(name)
                panel.say(f"Coloured by ‘{name}’: what {feature} adds to the probability of {of_class}.")

        panel.jobs.start(
            f"SHAP of {feature}",
            lambda progress: contributions(classifier, objects.table, feature, class_id, progress=progress),
            show,
        )
