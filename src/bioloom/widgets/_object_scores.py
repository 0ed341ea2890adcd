"""The scores of a classifier, computed beside everything else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from bioloom.session.jobs import JobRunner
from bioloom.widgets._score_view import ScoreView


class ObjectScores(QWidget):
    """Shows how good the last classifier is, as soon as that is known.

    Parameters
    ----------
    jobs
        Runs the computation; of several classifiers only the last one is scored.
    """

    def __init__(self, jobs: JobRunner) -> None:
        super().__init__()
        self.jobs = jobs
        self.view = ScoreView()
        self._classifier: Any = None
        self._colours: dict[int, str] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        self.view.permutation_requested.connect(lambda: self._score(5))

    def score(self, classifier: Any, colours: Mapping[int, str]) -> None:
        """Score another classifier."""
        self._classifier, self._colours = classifier, dict(colours)
        self._score(0)

    def set_colours(self, colours: Mapping[int, str]) -> None:
        """Show the classes in other colours."""
        self._colours = dict(colours)
        self.view.set_colours(colours)

    def _score(self, n_repeats: int) -> None:
        from bioloom.classify.scores import summary

        classifier = self._classifier
        self.jobs.start(
            "Scoring",
            lambda progress: summary(classifier, n_repeats=n_repeats, progress=progress),
            lambda scores: self.view.show_scores(scores, self._colours),
        )
