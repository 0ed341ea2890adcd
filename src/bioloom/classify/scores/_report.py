"""The scores of a classifier as text, for reading, and as plain values, for showing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bioloom.classify.scores._held_out import feature_names, hold_out
from bioloom.classify.scores._importances import Progress, decisions_per_depth, permutation_importance
from bioloom.classify.scores._split import Scores, split_scores

if TYPE_CHECKING:
    from bioloom.classify.base import ForestClassifier

_SHOWN_FEATURES = 10
_UNKNOWN = "The file does not hold the annotation it was trained on: there is nothing to score it with."


def report(classifier: ForestClassifier) -> str:
    """Describe how good a classifier is on its own annotation, and which features it uses most.

    Parameters
    ----------
    classifier
        Trained, or loaded. Without the samples of its training, importances alone are told.

    Returns
    -------
    str
        Several lines: accuracies, precision / recall / F1 per class, the confusion matrix, the main features.

    Raises
    ------
    InputError
        If it is not trained.
    """
    lines = []
    forest = classifier.forest
    if classifier.oob_score_ is not None:
        lines.append(f"accuracy out of bag: {classifier.oob_score_:.3f} (each item by the trees that did not see it)")
    if classifier.samples_ is not None:
        scores = split_scores(classifier)
        if scores.accuracy is not None:
            n = int(scores.support.sum())
            lines.append(f"accuracy on held-out parts of the annotation: {scores.accuracy:.3f} ({n} items)")
            lines += ["", *_class_lines(scores), "", *_confusion_lines(scores)]
        lines += [f"note: {note}" for note in scores.notes]
    else:
        lines.append(_UNKNOWN)
    importances = forest.importances
    if not any(math.isnan(value) for value in importances):
        names = feature_names(classifier, len(importances))
        best = sorted(range(len(names)), key=lambda i: -importances[i])[:_SHOWN_FEATURES]
        rows = [(names[i], f"{importances[i]:.3f}") for i in best if importances[i] > 0]
        lines += ["", *_columns([("feature", "importance"), *rows])]
    return "\n".join(lines)


def summary(
    classifier: ForestClassifier, *, n_repeats: int = 5, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Return everything there is to show about a classifier, as plain values that JSON knows.

    Parameters
    ----------
    classifier
        Trained, or loaded.
    n_repeats
        How often each feature is shuffled for its permutation importance; 0 leaves that out.
    seed
        Seed of the shuffling.
    progress
        Called as ``progress(done, total)`` while features are shuffled.

    Returns
    -------
    dict
        ``oob_accuracy`` and ``accuracy`` (0…1, or None where not known); ``classes``, a list of ``{id, name,
        precision, recall, f1, support, trained}`` (None where there is no figure); ``confusion``, rows annotated,
        columns predicted, in the order of ``classes`` (None if not known); ``features``, a list of ``{name,
        importance, permutation, permutation_std}``; ``decisions``, per feature its share of the decisions of each
        depth; ``notes``, sentences about what could not be scored.

    Raises
    ------
    InputError
        If it is not trained.
    """
    forest = classifier.forest
    names = feature_names(classifier, forest.n_features)
    features: list[dict[str, Any]] = [
        {"name": name, "importance": _plain(value), "permutation": None, "permutation_std": None}
        for name, value in zip(names, forest.importances, strict=True)
    ]
    result: dict[str, Any] = {
        "oob_accuracy": classifier.oob_score_,
        "accuracy": None,
        "classes": [{"id": int(c), "name": classifier.name_of(c)} for c in classifier.classes_],
        "confusion": None,
        "features": features,
        "decisions": decisions_per_depth(forest, names).to_numpy().tolist(),
        "notes": [],
    }
    for entry in result["classes"]:
        entry.update(dict.fromkeys(("precision", "recall", "f1", "support", "trained")))
    if classifier.samples_ is None:
        result["notes"] = [_UNKNOWN]
        return result
    held = hold_out(classifier)
    scores = split_scores(classifier, held)
    result["accuracy"] = scores.accuracy
    result["notes"] = list(scores.notes)
    result["classes"] = [
        {"id": row.pop("class"), **{key: _plain(value) for key, value in row.items()}}
        for row in scores.table().to_dict("records")
    ]
    if scores.accuracy is not None:
        result["confusion"] = scores.confusion.tolist()
        if n_repeats:
            table = permutation_importance(classifier, n_repeats, seed, held=held, progress=progress)
            for entry, mean, std in zip(features, table["importance"], table["std"], strict=True):
                entry["permutation"], entry["permutation_std"] = float(mean), float(std)
    return result


def _class_lines(scores: Scores) -> list[str]:
    header: tuple[str, ...] = ("class", "name", "precision", "recall", "F1", "held out", "trained on")
    rows: list[tuple[str, ...]] = [
        (
            str(c),
            "" if name == f"class {c}" else name,
            *(_figure(value) for value in (p, r, f)),
            str(support),
            str(trained),
        )
        for c, name, p, r, f, support, trained in zip(
            scores.classes, scores.names, scores.precision, scores.recall, scores.f1, scores.support, scores.n_trained,
            strict=True,
        )
    ]  # fmt: skip
    if not any(row[1] for row in rows):
        header, rows = _without_name(header), [_without_name(row) for row in rows]
    return _columns([header, *rows])


def _without_name(row: tuple[str, ...]) -> tuple[str, ...]:
    return (row[0], *row[2:])


def _confusion_lines(scores: Scores) -> list[str]:
    header = ("annotated \\ found", *(str(c) for c in scores.classes))
    rows = [
        (str(c), *(str(count) for count in counts)) for c, counts in zip(scores.classes, scores.confusion, strict=True)
    ]
    return _columns([header, *rows])


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of text in columns: the first one to the left, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _plain(value: Any) -> Any:
    """Return a number that JSON knows; None for NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
