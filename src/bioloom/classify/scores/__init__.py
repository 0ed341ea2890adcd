"""How well a classifier knows its own annotation, without a test set, and what it decides by."""

from __future__ import annotations

from bioloom.classify.scores._held_out import HeldOut, held_out, hold_out
from bioloom.classify.scores._importances import decisions_per_depth, permutation_importance
from bioloom.classify.scores._report import report, summary
from bioloom.classify.scores._split import Scores, split_scores

__all__ = [
    "HeldOut",
    "Scores",
    "decisions_per_depth",
    "held_out",
    "hold_out",
    "permutation_importance",
    "report",
    "split_scores",
    "summary",
]
