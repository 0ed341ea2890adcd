"""Annotating and classifying objects: trained anew after every click, and undone as easily."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom.classify import ObjectClassifier
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.objects import properties_of
from bioloom.errors import InputError, doubts_heard
from bioloom.session.image_stack import ImageStack
from bioloom.session.jobs import Progress
from bioloom.session.measured_objects import MeasuredObjects, ObjectSource
from bioloom.session.object_annotation import ObjectKey
from bioloom.session.training_session import TrainingSession, check_base

CLASS_COLUMN = "object_class"
PROBABILITY_COLUMN = "object_class_probability"

_SAID = (CLASS_COLUMN, PROBABILITY_COLUMN)


@dataclass(frozen=True)
class Example:
    """Annotated objects of one layer.

    Attributes
    ----------
    name : hashable
        What the measurements are kept under.
    source : ObjectSource
        The objects and their images.
    classes : mapping
        Class id by (frame, label).
    """

    name: Hashable
    source: ObjectSource
    classes: Mapping[ObjectKey, int]


@dataclass(frozen=True)
class ObjectAnswer:
    """What a classifier says about the objects of one layer; arrays have one value per object.

    Attributes
    ----------
    classifier : ObjectClassifier
        Who says it.
    objects : MeasuredObjects
        What it is about.
    classes : numpy.ndarray
        int64 class ids.
    probability : numpy.ndarray
        float32, 0…1: that of the class.
    uncertainty : numpy.ndarray
        float32, 0…1: 1 minus the difference between the largest and the second largest probability.
    painted : numpy.ndarray
        The objects with the number of their class, in the shape of the labels.
    doubt : str
        Why all of it may be wrong, such as pixels of another size than in the training; empty if nothing says so.
    """

    classifier: ObjectClassifier
    objects: MeasuredObjects
    classes: NDArray[np.int64]
    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    painted: NDArray[Any]
    doubt: str = ""

    def columns(self) -> pd.DataFrame:
        """Return ``[frame,] label``, the class and its probability."""
        keys = self.objects.table([])
        keys[CLASS_COLUMN], keys[PROBABILITY_COLUMN] = self.classes, self.probability
        return keys

    def table(self) -> pd.DataFrame:
        """Return ``[frame,] label``, the measurements that the classifier looks at, the class and its probability."""
        keys = self.objects.table([])
        measured = self.objects.measured_for(self.classifier).drop(columns=keys.columns, errors="ignore")
        return pd.concat([keys, measured, self.columns()[list(_SAID)]], axis=1)

    def counts(self) -> dict[int, int]:
        """Return the number of objects per class."""
        ids, counts = np.unique(self.classes, return_counts=True)
        return dict(zip(ids.tolist(), counts.tolist(), strict=True))

    def key(self, row: int) -> ObjectKey:
        """Return (frame, label) of a row."""
        return self.objects.key(row)

    def most_uncertain(self, annotated: Mapping[ObjectKey, int], n: int | None = None) -> NDArray[np.intp]:
        """Return the rows of objects that are not annotated, the most uncertain first; at most `n`."""
        done, _ = self.objects.rows_of(annotated)
        order: NDArray[np.intp] = np.argsort(-self.uncertainty, kind="stable")
        waiting = np.ones(len(self.objects), bool)
        waiting[done] = False
        return order[waiting[order]][:n]


class ObjectSession(TrainingSession[ObjectClassifier, MeasuredObjects]):
    """Measures objects once, and trains and applies a classifier to them as often as they are annotated."""

    def _measure(self, source: ObjectSource, progress: Progress | None) -> MeasuredObjects:
        return MeasuredObjects(source, progress)

    def train(
        self,
        examples: Sequence[Example],
        features: Sequence[str],
        settings: Mapping[str, Any] | None = None,
        *,
        class_names: Mapping[int, str] | None = None,
        base: ObjectClassifier | None = None,
        progress: Progress | None = None,
    ) -> ObjectClassifier:
        """Train on annotated objects of one or several layers.

        Parameters
        ----------
        examples
            The annotated objects. Channels of different layers belong together by their order; they are called as in
            the first.
        features
            Names of measurements.
        settings
            Options of :class:`bioloom.classify.ObjectClassifier`.
        class_names
            What the classes are called.
        base
            A trained classifier of the same measurements to go on from: what it has learnt stays.
        progress
            Called as ``progress(done, total)``; may raise Cancelled, which leaves the last classifier in place.

        Raises
        ------
        InputError
            If fewer than two classes are annotated, or layers do not fit together.
        """
        if not features:
            raise InputError("No feature is checked. Check at least one, such as area.")
        if base is not None:
            check_base(features, properties_of(base.feature_names_))
        tables, classes = [], []
        names: list[str] = []
        for number, example in enumerate(examples):
            objects = self.measured(example.name, example.source, [] if base else features, progress)
            rows, known = objects.rows_of(example.classes)
            if base is not None:
                tables.append(objects.measured_for(base, progress).iloc[rows].assign(source=number))
                classes.append(known)
                continue
            columns = [c for f in features for c in objects.columns_of(f)]
            names = names or columns
            if len(columns) != len(names):
                raise InputError(
                    f"The annotated layers give {len(names)} and {len(columns)} measurements. "
                    "Annotate layers of the same number of channels and axes only."
                )
            part = objects.table(features).iloc[rows]
            tables.append(part.rename(columns=dict(zip(columns, names, strict=True))).assign(source=number))
            classes.append(known)
        classifier = ObjectClassifier(features, **(settings or {}))
        if base is not None:
            classifier.go_on_from(base)
        classifier.class_names = {**classifier.class_names, **(class_names or {})}
        classifier.spacing = examples[0].source.spacing if examples else None
        if not tables:
            raise InputError("No object is annotated. Click some objects of at least two classes, such as 1 and 2.")
        joined = pd.concat(tables, ignore_index=True)
        classifier.fit_table(joined.drop(columns="source"), np.concatenate(classes), keep=base is not None)
        if progress:
            # Growing the trees reports nothing: a cancel meanwhile is noticed here.
            progress(1, 1)
        self.classifier = classifier
        return classifier

    def classify(self, name: Hashable, source: ObjectSource, progress: Progress | None = None) -> ObjectAnswer:
        """Classify all objects of a source with the classifier at hand.

        Raises
        ------
        InputError
            If there is no classifier, or it does not fit the objects.
        """
        classifier = self.trained()
        objects = self.measured(name, source, [], progress)
        with doubts_heard() as doubts:
            said = classifier.predict_table(objects.measured_for(classifier, progress))
        classes = said["class"].to_numpy(np.int64)
        return ObjectAnswer(
            classifier,
            objects,
            classes,
            said["probability"].to_numpy(np.float32),
            said["uncertainty"].to_numpy(np.float32),
            objects.paint(classes),
            " ".join(doubts),
        )


def selector_of(classifier: ObjectClassifier, class_id: int) -> ObjectSelector:
    """Return the selector of one class that decides as a trained classifier does."""
    selector = ObjectSelector(positive_class=class_id)
    vars(selector).update({**vars(classifier), "positive_class": class_id})
    return selector


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
