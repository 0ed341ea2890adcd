"""Annotating and classifying objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom.classify import ObjectClassifier
from bioloom.classify.objects import annotated_classes, paint_objects
from bioloom.errors import InputError
from bioloom.session.feature_table import keys_of
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import Progress

CLASS_COLUMN = "object_class"
PROBABILITY_COLUMN = "object_class_probability"


@dataclass(frozen=True)
class ObjectResult:
    """A classifier and what it says about every object.

    Attributes
    ----------
    classifier : ObjectClassifier
        The classifier that was trained or applied.
    table : pandas.DataFrame
        ``[frame,] label``, the measurements, the class and its probability.
    painted : numpy.ndarray
        The objects with the number of their class, in the shape of the labels.
    """

    classifier: ObjectClassifier
    table: pd.DataFrame
    painted: NDArray[Any]


def intensities(stack: ImageStack | None, labels: Any) -> Any:
    """Return what to measure intensities in: nothing, one image, or a mapping of names to images.

    Raises
    ------
    InputError
        If the image has other pixels than the labels.
    """
    if stack is None:
        return None
    stack.matching(labels, "The labels layer")
    if len(stack.channels) == 1:
        return stack.channels[0]
    return dict(zip(stack.names, stack.channels, strict=True))


def train_objects(
    labels: Any,
    annotation: Any,
    image: Any,
    *,
    features: Sequence[str] | None,
    spacing: Sequence[float],
    frame_axis: int | None,
    n_trees: int = 100,
    max_depth: int = 6,
    seed: int = 0,
    progress: Progress | None = None,
) -> ObjectResult:
    """Train on the annotated objects and classify all.

    Parameters
    ----------
    labels, annotation, image, spacing, frame_axis
        See :meth:`bioloom.classify.ObjectClassifier.fit`.
    features, n_trees, max_depth, seed
        See :class:`bioloom.classify.ObjectClassifier`.
    progress
        Called as ``progress(done, total)``.

    Raises
    ------
    InputError
        If shapes differ or fewer than two classes are annotated.
    """
    classifier = ObjectClassifier(features, n_trees, max_depth, seed=seed)
    table = classifier.measure(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
    if table.empty:
        raise InputError("There are no objects in the labels layer. Segment the image first.")
    classes = annotated_classes(labels, annotation, table, frame_axis=frame_axis)
    classifier.spacing = tuple(spacing)
    classifier.fit_table(table, classes)
    return _classified(classifier, table, labels, frame_axis)


def apply_objects(
    classifier: ObjectClassifier,
    labels: Any,
    image: Any,
    *,
    spacing: Sequence[float],
    frame_axis: int | None,
    progress: Progress | None = None,
) -> ObjectResult:
    """Classify all objects with a classifier that was trained before; parameters as in :func:`train_objects`."""
    table = classifier.measure(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
    if table.empty:
        raise InputError("There are no objects in the labels layer. Segment the image first.")
    return _classified(classifier, table, labels, frame_axis)


def _classified(classifier: ObjectClassifier, table: pd.DataFrame, labels: Any, frame_axis: int | None) -> ObjectResult:
    said = classifier.predict_table(table).rename(columns={"class": CLASS_COLUMN, "probability": PROBABILITY_COLUMN})
    ordered = [*keys_of(table), *(c for c in table.columns if c not in keys_of(table))]
    full = table[ordered].join(said.astype({CLASS_COLUMN: np.int64}))
    return ObjectResult(classifier, full, paint_objects(labels, full, CLASS_COLUMN, frame_axis=frame_axis))
