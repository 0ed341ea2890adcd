"""What sessions that train classifiers on measured items share: what is kept, undone, and looked at next."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.session.jobs import Progress
from bioloom.session.measured_objects import ObjectSource

_KEPT_SOURCES = 12
_KEPT_CLASSIFIERS = 20


def check_base(features: Sequence[str], known: Sequence[str]) -> None:
    """Check that a training goes on with the measurements of a loaded classifier.

    Raises
    ------
    InputError
        If others are chosen.
    """
    if set(features) != set(known):
        raise InputError(
            "Training cannot go on from the loaded classifier with other measurements than its own. Check "
            f"{', '.join(known)}, or uncheck ‘Go on from what was loaded’."
        )


class Measured(Protocol):
    """Items that are measured, each measurement once."""

    def require(self, properties: Sequence[str], progress: Progress | None = None) -> None:
        """Take those measurements that were not taken yet."""


class Answer(Protocol):
    """What a classifier says about items."""

    def key(self, row: int) -> Any:
        """Return what the item of a row is known by."""

    def most_uncertain(self, annotated: Mapping[Any, int], n: int | None = None) -> NDArray[np.intp]:
        """Return the rows of items that are not annotated, the most uncertain first."""


ClassifierT = TypeVar("ClassifierT")
MeasuredT = TypeVar("MeasuredT", bound=Measured)


class TrainingSession(Generic[ClassifierT, MeasuredT]):
    """Keeps measurements of several sources, the classifiers before the last one, and what was looked at.

    `measured`, and what calls it, may take long and is meant for a job.

    Attributes
    ----------
    classifier : ForestClassifier or None
        The one trained or loaded last.
    """

    def __init__(self) -> None:
        self._classifier: ClassifierT | None = None
        self._before: list[ClassifierT] = []
        self._measured: dict[Hashable, tuple[ObjectSource, int, MeasuredT]] = {}
        self._visited: set[tuple[Hashable, Any]] = set()

    @property
    def classifier(self) -> ClassifierT | None:
        """The classifier that was trained or loaded last, or None."""
        return self._classifier

    @classifier.setter
    def classifier(self, classifier: ClassifierT | None) -> None:
        if self._classifier is not None and classifier is not self._classifier:
            self._before.append(self._classifier)
            del self._before[:-_KEPT_CLASSIFIERS]
        self._classifier = classifier

    def trained(self) -> ClassifierT:
        """Return the classifier.

        Raises
        ------
        InputError
            If there is none.
        """
        if self._classifier is None:
            raise InputError("There is no classifier yet. Train one, or load one from a file.")
        return self._classifier

    # ------------------------------------------------------------------------------------------ measuring
    def _measure(self, source: ObjectSource, progress: Progress | None) -> MeasuredT:
        """Begin to measure a source."""
        raise NotImplementedError

    def measured(
        self,
        name: Hashable,
        source: ObjectSource,
        properties: Sequence[str],
        progress: Progress | None = None,
    ) -> MeasuredT:
        """Return the items of a source with some measurements; what was measured before is not measured again.

        Parameters
        ----------
        name
            What the measurements are kept under, such as the identity of a layer.
        source
            Objects and images.
        properties
            Names of measurements.
        progress
            Called as ``progress(done, total)``; may raise Cancelled.

        Raises
        ------
        InputError
            If there is nothing to measure, or a measurement does not fit.
        """
        seen = source.fingerprint()
        kept = self._measured.pop(name, None)
        if kept is None or kept[1] != seen or not kept[0].same_pixels(source):
            kept = (source, seen, self._measure(source, progress))
        # Last in, last out: those used longest ago are forgotten first.
        self._measured[name] = kept
        while len(self._measured) > _KEPT_SOURCES:
            self._measured.pop(next(iter(self._measured)))
        kept[2].require(properties, progress)
        return kept[2]

    def find(self, name: Hashable) -> MeasuredT | None:
        """Return the items that were measured under a name, if they still are as they were then."""
        kept = self._measured.get(name)
        return kept[2] if kept else None

    def edited(self, name: Hashable) -> None:
        """Forget the measurements of objects that were edited."""
        self._measured.pop(name, None)

    def forget(self) -> None:
        """Forget all measurements."""
        self._measured.clear()

    # ------------------------------------------------------------------------------------------ undo
    def undo_training(self) -> bool:
        """Go back to the classifier before the last one; return whether there was one."""
        if not self._before:
            return False
        self._classifier = self._before.pop()
        return True

    @property
    def can_undo_training(self) -> bool:
        """Whether there is a classifier before this one."""
        return bool(self._before)

    # ------------------------------------------------------------------------------------------ what to look at next
    def next_uncertain(self, name: Hashable, answer: Answer, annotated: Mapping[Any, int]) -> int | None:
        """Return the row of the most uncertain item that was neither annotated nor visited; None if there is none.

        When all were visited, it begins with the most uncertain one again.
        """
        order = answer.most_uncertain(annotated)
        if not len(order):
            return None
        row = next((r for r in order.tolist() if (name, answer.key(r)) not in self._visited), None)
        if row is None:
            self._visited = {v for v in self._visited if v[0] != name}
            row = int(order[0])
        self.visit(name, answer.key(row))
        return row

    def visit(self, name: Hashable, key: Hashable) -> None:
        """Remember that an item was looked at."""
        self._visited.add((name, key))
