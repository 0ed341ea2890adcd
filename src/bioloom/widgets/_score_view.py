"""Shows how good a classifier is and what it decides by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from bioloom.widgets._class_rows import default_colour, swatch
from bioloom.widgets._parts import enable, narrow_combo
from bioloom.widgets._score_parts import ConfusionMatrix, DepthShares, FeatureBars, feature_title
from bioloom.widgets._theme import text_colour

_FEW = 8
_IMPURITY, _PERMUTATION, _DEPTH = range(3)
_COLUMNS = (
    ("class", "The class as annotated"),
    ("prec.", "Precision: the share of what is classified so that is annotated so"),
    ("recall", "Recall: the share of what is annotated so that is classified so"),
    ("F1", "Harmonic mean of precision and recall"),
    ("n", "How many annotated items of the class were held out to score it"),
)


class ScoreView(QWidget):
    """Accuracy, figures per class, confusion matrix and importances; says what is missing where they are not known."""

    permutation_requested = Signal()
    """The user wants permutation importances, which are not computed yet."""

    def __init__(self) -> None:
        super().__init__()
        self._scores: Mapping[str, Any] | None = None
        self._colours: dict[int, str] = {}
        self._asked = False
        self.headline = _wrapped()
        self.notes = _wrapped()
        self.table = _ClassFigures()
        self.confusion = ConfusionMatrix()
        self.what = narrow_combo(
            "What to show of each feature",
            ["Importance (impurity)", "Importance (permutation)", "Decisions per depth"],
        )
        self.what.setItemData(
            _IMPURITY, "How much a feature tells the classes apart in the training", Qt.ItemDataRole.ToolTipRole
        )
        self.what.setItemData(
            _PERMUTATION,
            "By how much the accuracy on held-out items falls if the feature's values are shuffled",
            Qt.ItemDataRole.ToolTipRole,
        )
        self.what.setItemData(_DEPTH, "Which features are asked for first, and which last", Qt.ItemDataRole.ToolTipRole)
        self.all_button = QToolButton()
        self.all_button.setCheckable(True)
        self.all_button.setText("All")
        self.copy_button = QToolButton()
        self.copy_button.setText("Copy")
        self.copy_button.setToolTip("Copy all figures as text, for a spreadsheet")
        self.bars = FeatureBars()
        self.depths = DepthShares()
        self.feature_note = _wrapped()
        row = QHBoxLayout()
        row.addWidget(self.what, stretch=1)
        row.addWidget(self.all_button)
        row.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.headline, self.notes, self.table, self.confusion):
            layout.addWidget(part)
        layout.addLayout(row)
        for part in (self.bars, self.depths, self.feature_note):
            layout.addWidget(part)
        self.what.currentIndexChanged.connect(lambda index: self._show_features())
        self.all_button.toggled.connect(lambda on: self._show_features())
        self.copy_button.clicked.connect(lambda on: QApplication.clipboard().setText(self.as_text()))
        self.show_scores(None)

    # -------------------------------------------------------------------------------------------- what is shown
    def show_scores(self, scores: Mapping[str, Any] | None, colours: Mapping[int, str] | None = None) -> None:
        """Show other scores.

        Parameters
        ----------
        scores
            As :func:`bioloom.classify.scores.summary` returns them; None if there is no classifier.
        colours
            Colour of each class id; the usual ones if left out.
        """
        self._scores, self._colours, self._asked = scores, dict(colours or {}), False
        self._show_headline()
        self._show_classes()
        self._show_features()

    def set_colours(self, colours: Mapping[int, str]) -> None:
        """Show the classes in other colours."""
        self._colours = dict(colours)
        self._show_classes()

    def summary(self) -> str:
        """Return the scores in a few words; nothing if there are none."""
        scores = self._scores or {}
        known = [(scores.get("accuracy"), "held out"), (scores.get("oob_accuracy"), "out of bag")]
        return ", ".join(f"{100 * value:.1f} % {where}" for value, where in known if value is not None)

    def as_text(self) -> str:
        """Return all figures as text, in columns separated by tabs."""
        scores = self._scores
        if scores is None:
            return ""
        lines = [self.summary(), *scores.get("notes", ())]
        lines.append("\t".join(("class", "name", "precision", "recall", "F1", "held out", "trained on")))
        for entry in scores["classes"]:
            figures = [entry.get(key) for key in ("precision", "recall", "f1", "support", "trained")]
            lines.append(
                "\t".join([str(entry["id"]), entry["name"], *("" if v is None else f"{v:g}" for v in figures)])
            )
        if scores.get("confusion"):
            lines.append("\t".join(["annotated \\ found", *(str(entry["id"]) for entry in scores["classes"])]))
            for entry, counts in zip(scores["classes"], scores["confusion"], strict=True):
                lines.append("\t".join(map(str, (entry["id"], *counts))))
        lines.append("\t".join(("feature", "importance", "permutation", "standard deviation")))
        for feature in scores["features"]:
            figures = [feature.get(key) for key in ("importance", "permutation", "permutation_std")]
            lines.append("\t".join([feature["name"], *map(_figure, figures)]))
        return "\n".join(lines)

    # -------------------------------------------------------------------------------------------- inside
    def _show_headline(self) -> None:
        scores = self._scores
        enable(self.copy_button, scores is not None, "There are no scores yet: train a classifier first")
        self.what.setVisible(scores is not None)
        self.all_button.setVisible(scores is not None)
        self.copy_button.setVisible(scores is not None)
        if scores is None:
            self.headline.setText("Train a classifier to see how good it is.")
            self.headline.setToolTip("")
            self.notes.hide()
            return
        figures = self.summary()
        self.headline.setText(f"<b>Right:</b> {figures}" if figures else "Not enough annotated blocks yet to score it.")
        self.headline.setToolTip(
            "Held-out parts: whole blocks of the annotation that a classifier of the same settings did not see. They "
            "stay the same as you paint.\nOut of bag: each annotated item by the trees that did not see it; its "
            "neighbours were seen, so this is too good for other images."
        )
        self.notes.setText("\n".join(scores.get("notes", ())))
        self.notes.setVisible(bool(scores.get("notes")))

    def _show_classes(self) -> None:
        scores = self._scores or {}
        entries = list(scores.get("classes", ()))
        scored = [entry for entry in entries if entry.get("support") is not None]
        colours = {entry["id"]: self._colours.get(entry["id"], default_colour(entry["id"])) for entry in entries}
        self.table.show_figures(scored, colours)
        self.table.setVisible(bool(scored))
        confusion = scores.get("confusion")
        self.confusion.setVisible(bool(confusion))
        if confusion:
            names = {entry["id"]: entry["name"] for entry in entries}
            self.confusion.show_counts([entry["id"] for entry in entries], names, colours, confusion)

    def _show_features(self) -> None:
        scores = self._scores or {}
        features = list(scores.get("features", ()))
        what = self.what.currentIndex()
        key = "permutation" if what == _PERMUTATION else "importance"
        rows = [(i, f[key], f.get("permutation_std") or 0.0) for i, f in enumerate(features) if f.get(key) is not None]
        rows.sort(key=lambda row: -row[1])
        if what == _DEPTH:
            # The features that are asked for most come first.
            shares = scores.get("decisions") or []
            order = sorted(range(len(shares)), key=lambda i: -sum(shares[i]))
        else:
            order = [row[0] for row in rows]
        shown = order if self.all_button.isChecked() else order[:_FEW]
        enable(self.all_button, len(order) > _FEW, "All of them are shown already")
        if len(order) > _FEW:
            self.all_button.setToolTip(f"Show all {len(order)} features, or only the first {_FEW}")
        if what == _DEPTH:
            self.depths.show_shares([(features[i]["name"], shares[i]) for i in shown])
        else:
            spread = what == _PERMUTATION
            self.bars.show_values([(features[i]["name"], v, s if spread else 0.0) for i, v, s in rows[: len(shown)]])
        self.depths.setVisible(what == _DEPTH and bool(shown))
        self.bars.setVisible(what != _DEPTH and bool(shown))
        self._explain_missing(what, bool(features) and not shown)

    def _explain_missing(self, what: int, missing: bool) -> None:
        text = "The file of this classifier does not say what its features contribute."
        if what == _DEPTH:
            text = "Its trees decide nothing: they are single leaves."
        elif what == _PERMUTATION:
            possible = bool(self._scores) and self._scores.get("accuracy") is not None
            text = "Not enough annotated blocks yet to measure it."
            if missing and possible:
                text = "Measuring …"
                if not self._asked:
                    self._asked = True
                    self.permutation_requested.emit()
        self.feature_note.setText(text)
        self.feature_note.setVisible(missing)

    def best_features(self, n: int = 3) -> list[str]:
        """Return the titles of the most important features."""
        features = [f for f in (self._scores or {}).get("features", ()) if f.get("importance")]
        return [feature_title(f["name"]) for f in sorted(features, key=lambda f: -f["importance"])[:n]]


class _ClassFigures(QTableWidget):
    """Precision, recall and F1 of each class; its rows can be selected and read by screen readers."""

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self._shown: tuple[list[Mapping[str, Any]], Mapping[int, str]] = ([], {})
        self.setAccessibleName("Scores per class")
        self.setHorizontalHeaderLabels([name for name, _ in _COLUMNS])
        for column, (_, tooltip) in enumerate(_COLUMNS):
            self.horizontalHeaderItem(column).setToolTip(tooltip)
        self.verticalHeader().setVisible(False)
        self.setShowGrid(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        line = self.fontMetrics().height()
        self.verticalHeader().setMinimumSectionSize(line + 2)
        self.verticalHeader().setDefaultSectionSize(line + 6)

    def show_figures(self, entries: list[Mapping[str, Any]], colours: Mapping[int, str]) -> None:
        """Show the figures of other classes."""
        self._shown = entries, colours
        border, size = text_colour(self), self.fontMetrics().height()
        self.setRowCount(len(entries))
        for row, entry in enumerate(entries):
            name = QTableWidgetItem(str(entry["name"]))
            name.setIcon(swatch(colours[entry["id"]], size, border, self.devicePixelRatioF()))
            name.setToolTip(f"Class {entry['id']}; the classifier that is scored saw {entry['trained']:,} items of it")
            self.setItem(row, 0, name)
            for column, key in enumerate(("precision", "recall", "f1"), start=1):
                value = entry.get(key)
                self._put(row, column, "–" if value is None else f"{value:.2f}", _COLUMNS[column][1])
            self._put(row, 4, f"{entry['support']:,}", _COLUMNS[4][1])
        self._fit()

    def _fit(self) -> None:
        height = self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth()
        self.setFixedHeight(height + self.verticalHeader().length())

    def showEvent(self, event: Any) -> None:
        """Take the colours and the height of the theme."""
        super().showEvent(event)
        self.show_figures(*self._shown)

    def _put(self, row: int, column: int, text: str, tooltip: str) -> None:
        item = QTableWidgetItem(text)
        item.setToolTip(tooltip)
        item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setItem(row, column, item)

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the panel: all rows are shown."""
        event.ignore()


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _wrapped() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
