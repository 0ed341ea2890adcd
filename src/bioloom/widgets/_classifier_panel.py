"""What the panels of both classifiers share: the forest's settings, its importances, and its file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QHBoxLayout, QLabel, QPushButton

from bioloom.classify import load_classifier
from bioloom.classify.base import TREES
from bioloom.errors import InputError
from bioloom.widgets._base import BioloomWidget
from bioloom.widgets._parts import AxesOptions, enable, narrow_combo, whole_number

_FILES = "Classifiers (*.cl)"


class ClassifierPanel(BioloomWidget):
    """Base of the classifier panels, which add the following.

    Attributes
    ----------
    kind : type
        The class of their classifier.
    classifier : ForestClassifier or None
        The one that was trained or loaded last.
    apply_button : QPushButton
        Applies it.
    train : callable
        Trains it on what is annotated.
    axes : AxesOptions
        How sizes are understood.
    file_name, other_panel : str
        What to call its file, and the panel of the other kind.
    """

    kind: type
    classifier: Any
    apply_button: QPushButton
    train: Callable[[], None]
    axes: AxesOptions
    file_name = "classifier.cl"
    other_panel = ""

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer)
        self.trees = whole_number(100, 1, 1000, "Number of trees; more is steadier and slower")
        self.depth = whole_number(6, 1, 30, "Largest number of decisions in a row; more tells finer differences apart")
        self.seed = whole_number(0, 0, 2**31 - 1, "Seed of the random forest; the same seed gives the same result")
        self.tree_kind = narrow_combo(
            "Random forest: the best thresholds of random features. Extra trees: random thresholds, which are smoother",
            TREES,
        )
        self.balanced = QCheckBox("Balance classes")
        self.balanced.setToolTip(
            "Give every class the same weight, however much of it is annotated. Otherwise classes that are annotated "
            "more are found more often"
        )
        self.train_button = QPushButton("Train")
        self.load_button = QPushButton("Load…")
        self.load_button.setToolTip("Load a classifier from a .cl file")
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Save the classifier as a .cl file")
        self.importances = QLabel()
        self.importances.setWordWrap(True)
        self.train_button.clicked.connect(lambda: self.attempt(self.train))
        self.load_button.clicked.connect(self._ask_load)
        self.save_button.clicked.connect(self._ask_save)

    def forest_settings(self) -> dict[str, int]:
        """Return what the form says about the size of the forest."""
        return {"n_trees": self.trees.value(), "max_depth": self.depth.value(), "seed": self.seed.value()}

    def all_forest_settings(self) -> dict[str, Any]:
        """Return everything that the form says about the forest."""
        further = {"balanced": self.balanced.isChecked(), "trees": self.tree_kind.currentText()}
        return {**self.forest_settings(), **further}

    def add_forest_rows(self, layout: QFormLayout) -> None:
        """Add the settings that every forest has to a form."""
        layout.addRow("Trees", self.trees)
        layout.addRow("Depth", self.depth)
        layout.addRow("Seed", self.seed)

    def add_all_forest_rows(self, layout: QFormLayout) -> None:
        """Add all settings of the forest to a form."""
        layout.addRow("Kind", self.tree_kind)
        self.add_forest_rows(layout)
        layout.addRow("", self.balanced)

    def file_buttons(self, *first: QPushButton) -> QHBoxLayout:
        """Return a row with buttons, the last of them for files."""
        row = QHBoxLayout()
        for button in (*first, self.load_button, self.save_button):
            row.addWidget(button)
        return row

    def show_classifier(self) -> None:
        """Show what there is of a classifier."""
        classifier = self.classifier
        for button in (self.apply_button, self.save_button):
            enable(button, classifier is not None, "There is no classifier yet: train one, or load one")
        if classifier is None:
            self.importances.setText("")
            return
        pairs = sorted(zip(classifier.feature_importances_, classifier.feature_names_, strict=True), reverse=True)
        best = [f"{name} {100 * value:.0f} %" for value, name in pairs[:5] if np.isfinite(value)]
        self.importances.setText("Most important features: " + ", ".join(best) if best else "")

    def known_classes(self) -> str:
        """Return the classes as text, by their names where they have some."""
        names = getattr(self.classifier, "class_names", {})
        return ", ".join(f"{k} ({names[k]})" if k in names else str(k) for k in self.classifier.classes_.tolist())

    def load(self, path: str) -> None:
        """Load a classifier from a file."""
        classifier = load_classifier(path)
        if not isinstance(classifier, self.kind):
            raise InputError(f"This file holds another kind of classifier. Load it in the {self.other_panel} panel.")
        self.classifier = classifier
        self.trees.setValue(classifier.n_trees)
        self.depth.setValue(classifier.max_depth)
        self.seed.setValue(classifier.seed)
        self.balanced.setChecked(classifier.balanced)
        self.tree_kind.setCurrentText(classifier.trees)
        note = self._take_sizes(classifier.spacing)
        self.show_classifier()
        self.say(
            f"Loaded a classifier for the classes {self.known_classes()}. Click ‘{self.apply_button.text()}’.{note}"
        )

    def _take_sizes(self, spacing: tuple[float, ...] | None) -> str:
        """Understand sizes as in the training; return what there is to say about it."""
        physical = spacing is not None and not np.isclose(min(spacing), 1)
        if physical and self.axes.sizes.count() < 2:
            return " It was trained with sizes in physical units, but this layer has none: set its scale first."
        self.axes.sizes.setCurrentIndex(int(physical))
        return ""

    def save(self, path: str) -> None:
        """Save the classifier to a file."""
        if self.classifier is None:
            raise InputError("There is no classifier to save yet.")
        path = path if path.endswith(".cl") else f"{path}.cl"
        self.to_save().save(path)
        self.say(f"Saved to {path}.")

    def to_save(self) -> Any:
        """Return the classifier that is written to a file."""
        return self.classifier

    def _ask_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a classifier", "", _FILES)
        if path:
            self.attempt(lambda: self.load(path))

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the classifier", self.file_name, _FILES)
        if path:
            self.attempt(lambda: self.save(path))
