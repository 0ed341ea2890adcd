"""Training a classifier that merges touching objects, anew after every pair that is annotated."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bioloom import device
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.object_pairs import MERGE, merge_objects
from bioloom.errors import InputError, doubts_heard
from bioloom.session.jobs import Progress
from bioloom.session.measured_objects import ObjectSource
from bioloom.session.touching_pairs import PairKey, TouchingPairs
from bioloom.session.training_session import TrainingSession, check_base

_KEYS = ("frame", "label", "neighbor")


class MeasuredPairs:
    """The pairs of touching objects of a source, and their measurements, each taken once.

    Parameters
    ----------
    source
        Objects and images.
    progress
        Called as ``progress(done, total)``; may raise Cancelled.

    Attributes
    ----------
    pairs : TouchingPairs
        The pairs.
    pixels : numpy.ndarray
        The labels as they were when they were measured.

    Raises
    ------
    InputError
        If no objects touch each other, shapes differ, or the labels are too large for this machine's memory.
    """

    def __init__(self, source: ObjectSource, progress: Progress | None = None) -> None:
        n_bytes = int(np.prod(source.labels.shape)) * 3 * np.dtype(source.labels.dtype).itemsize
        if n_bytes > 2 * device.memory_budget():
            raise InputError(
                f"These labels need {n_bytes / 2**30:.1f} GiB of memory, more than half of what this machine has. "
                "Crop the layer, or merge its parts one after the other."
            )
        self.source = source
        # A copy, because painting may go on while it is measured.
        self.pixels: NDArray[Any] = np.array(source.labels)
        self.pairs = TouchingPairs(self.pixels, source.frame_axis is not None, progress)
        if not len(self.pairs):
            raise InputError("No two objects of this layer touch each other, so there is nothing to merge.")
        self._table: pd.DataFrame | None = None
        self._taken: dict[str, list[str]] = {}
        self._row_of = np.zeros(0, np.intp)

    def require(self, properties: Sequence[str], progress: Progress | None = None) -> None:
        """Take those measurements that were not taken yet."""
        missing = [p for p in properties if p not in self._taken]
        if not missing and self._table is not None:
            return
        from bioloom.measure import measure_pairs, pair_measurement_of

        source = self.source
        new = measure_pairs(
            self.pixels, source.image, source.spacing, missing, frame_axis=source.frame_axis, progress=progress
        )
        if self._table is None:
            self._table = new[[k for k in _KEYS if k in new]].copy()
            frames = new["frame"].to_numpy() if "frame" in new else np.zeros(len(new), int)
            ends = zip(frames.tolist(), new["label"].tolist(), new["neighbor"].tolist(), strict=True)
            self._row_of = np.array([self.pairs.row(key) for key in ends], np.intp)
        for column in map(str, new.columns):
            if column not in _KEYS:
                self._table[column] = new[column]
                self._taken.setdefault(pair_measurement_of(column), []).append(column)

    def table(self, properties: Sequence[str]) -> pd.DataFrame:
        """Return ``[frame,] label, neighbor`` and the columns of some measurements, two rows per pair."""
        assert self._table is not None
        columns = [c for p in properties for c in self._taken[p]]
        return self._table[[*(k for k in _KEYS if k in self._table), *columns]].copy()

    def classes_of(self, classes: Mapping[PairKey, int]) -> NDArray[np.int64]:
        """Return the class of each row of the table, 0 where there is none."""
        by_pair = np.zeros(len(self.pairs), np.int64)
        for key, class_id in classes.items():
            row = self.pairs.row(key)
            if row is not None:
                by_pair[row] = class_id
        result: NDArray[np.int64] = by_pair[self._row_of]
        return result

    def still_shows(self, labels: Any, frame: int | None = None) -> bool:
        """Tell whether labels, or one frame of them, are as they were when they were measured."""
        if tuple(labels.shape) != self.pixels.shape:
            return False
        if frame is None or self.source.frame_axis is None:
            return np.array_equal(np.asarray(labels), self.pixels)
        return np.array_equal(np.asarray(labels[frame]), self.pixels[frame])


@dataclass(frozen=True)
class PairExample:
    """Annotated pairs of one layer.

    Attributes
    ----------
    name : hashable
        What the measurements are kept under.
    source : ObjectSource
        The objects and their images.
    classes : mapping
        Class id (1: merge, 2: keep apart) by (frame, label, neighbour), the lower label first.
    """

    name: Hashable
    source: ObjectSource
    classes: Mapping[PairKey, int]


@dataclass(frozen=True)
class MergeAnswer:
    """What a classifier says about the pairs of one layer; arrays have one value per pair.

    Attributes
    ----------
    classifier : ObjectMerger
        Who says it.
    objects : MeasuredPairs
        What it is about.
    classes : numpy.ndarray
        int64: 1 merge, 2 keep apart.
    probability : numpy.ndarray
        float32, 0…1: that of the class.
    uncertainty : numpy.ndarray
        float32, 0…1: 1 minus the difference between the two probabilities.
    merged : numpy.ndarray
        The labels after the merging.
    doubt : str
        Why all of it may be wrong, such as pixels of another size than in the training; empty if nothing says so.
    """

    classifier: ObjectMerger
    objects: MeasuredPairs
    classes: NDArray[np.int64]
    probability: NDArray[np.float32]
    uncertainty: NDArray[np.float32]
    merged: NDArray[Any]
    doubt: str = ""

    def key(self, row: int) -> PairKey:
        """Return (frame, label, neighbour) of a row."""
        return self.objects.pairs.key(row)

    def counts(self) -> dict[int, int]:
        """Return the number of pairs per class."""
        ids, counts = np.unique(self.classes, return_counts=True)
        return dict(zip(ids.tolist(), counts.tolist(), strict=True))

    def most_uncertain(self, annotated: Mapping[PairKey, int], n: int | None = None) -> NDArray[np.intp]:
        """Return the rows of pairs that are not annotated, the most uncertain first; at most `n`."""
        waiting = np.ones(len(self.classes), bool)
        waiting[[r for key in annotated if (r := self.objects.pairs.row(key)) is not None]] = False
        order: NDArray[np.intp] = np.argsort(-self.uncertainty, kind="stable")
        return order[waiting[order]][:n]


class MergeSession(TrainingSession[ObjectMerger, MeasuredPairs]):
    """Measures touching pairs once, and trains and applies a classifier to them as often as they are annotated."""

    def _measure(self, source: ObjectSource, progress: Progress | None) -> MeasuredPairs:
        return MeasuredPairs(source, progress)

    def train(
        self,
        examples: Sequence[PairExample],
        features: Sequence[str],
        settings: Mapping[str, Any] | None = None,
        *,
        base: ObjectMerger | None = None,
        progress: Progress | None = None,
    ) -> ObjectMerger:
        """Train on annotated pairs of one or several layers.

        Parameters
        ----------
        examples
            The annotated pairs. Channels of different layers belong together by their order; they are called as in
            the first.
        features
            Names of measurements; see :func:`bioloom.measure.measure_pairs`.
        settings
            Options of :class:`bioloom.classify.ObjectMerger`.
        base
            A trained classifier of the same measurements to go on from: what it has learnt stays.
        progress
            Called as ``progress(done, total)``; may raise Cancelled, which leaves the last classifier in place.

        Raises
        ------
        InputError
            If there is not a pair of each class, or layers do not fit together.
        """
        if not features:
            raise InputError("No measurement is checked. Check at least one, such as touch_portion.")
        if not examples:
            raise InputError("No pair is annotated. Draw across some borders to merge, and across some to keep.")
        if base is not None:
            check_base(features, _measurements(base))
        tables, classes = [], []
        names: list[str] = []
        for example in examples:
            measured = self.measured(example.name, example.source, features, progress)
            table = measured.table(features)
            known = measured.classes_of(example.classes)
            if base is not None:
                _check_columns(base, table)
            columns = [str(c) for c in table if c not in _KEYS]
            names = names or columns
            if len(columns) != len(names):
                raise InputError(
                    f"The annotated layers give {len(names)} and {len(columns)} measurements. "
                    "Annotate layers of the same number of channels only."
                )
            tables.append(table.rename(columns=dict(zip(columns, names, strict=True)))[known > 0])
            classes.append(known[known > 0])
        # By columns: with several channels, a measurement has a column of each.
        classifier = ObjectMerger(names, **(settings or {}))
        if base is not None:
            classifier.go_on_from(base)
        classifier.fit_table(pd.concat(tables, ignore_index=True), np.concatenate(classes), keep=base is not None)
        classifier.spacing = examples[0].source.spacing
        if progress:
            # Growing the trees reports nothing: a cancel meanwhile is noticed here.
            progress(1, 1)
        self.classifier = classifier
        return classifier

    def classify(self, name: Hashable, source: ObjectSource, progress: Progress | None = None) -> MergeAnswer:
        """Classify all pairs of a source with the classifier at hand, and merge its objects.

        Raises
        ------
        InputError
            If there is no classifier, or it does not fit the objects.
        """
        classifier = self.trained()
        features = _measurements(classifier)
        measured = self.measured(name, source, features, progress)
        table = measured.table(features)
        _check_columns(classifier, table)
        with doubts_heard() as doubts:
            said = classifier.pairs_in(table)
        merged = merge_objects(measured.pixels, said[said["class"] == MERGE], frame_axis=source.frame_axis)
        return MergeAnswer(
            classifier,
            measured,
            said["class"].to_numpy(np.int64),
            said["probability"].to_numpy(np.float32),
            said["uncertainty"].to_numpy(np.float32),
            merged,
            " ".join(doubts),
        )


def _measurements(classifier: ObjectMerger) -> list[str]:
    """Return the measurements that a classifier looks at."""
    from bioloom.measure import pair_measurement_of

    return list(dict.fromkeys(pair_measurement_of(c) for c in classifier.feature_names_))


def _check_columns(classifier: ObjectMerger, table: pd.DataFrame) -> None:
    missing = [c for c in classifier.feature_names_ if c not in table]
    if missing:
        raise InputError(
            f"The classifier needs the measurements {', '.join(missing)}, which these pairs do not have. "
            "Choose as many images as in the training, and call them the same."
        )
