"""What all classifiers that look at measurements share: they learn from rows of a table, and answer for rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._columns import as_table, checked_names, columns_of, is_number, numbers_of
from bioloom.classify._ranges import doubt_text, joined_ranges, lie_beyond, ranges_as_lists, ranges_of, read_ranges
from bioloom.classify._samples_text import thinned
from bioloom.classify.base import ForestClassifier, Trees
from bioloom.classify.forest import MAX_EDGES, Forest, decide, find_edges, to_bins
from bioloom.classify.samples import TrainingSamples, bins_of, hashed
from bioloom.errors import InputError, doubts_wanted, tell_doubt

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("frame", "label", "index")
"""Columns that say which object a row is about, and that nothing is learnt from unless they are named."""

_LEARNT = (
    "features", "feature_names_", "classes_", "class_names", "samples_", "spacing", "_forest", "_as_apoc", "_ranges",
)  # fmt: skip
_MAX_ROW_EDGES = 65_000
_MAX_TRAINING_ROWS = 200_000
_MANY_ROWS = 3
_ENOUGH_TO_DOUBT = 0.25  # of the importances
_ENOUGH_OF_FEW_ROWS = 0.5  # a row or two may be odd without any mistake


class RowClassifier(ForestClassifier):
    """What all classifiers that look at rows of measurements have in common.

    Parameters
    ----------
    features
        Names of columns or measurements; a choice of the subclass if left out.
    n_trees, max_depth, balanced, seed, trees, class_names
        See :class:`bioloom.classify.base.ForestClassifier`.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The annotation's own class ids, ascending.
    feature_names_ : list of str
        The columns that it looks at.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.
    """

    _item: ClassVar[str] = "row"
    _keys: ClassVar[tuple[str, ...]] = KEYS
    _n_dim: ClassVar[int] = 1

    def __init__(
        self,
        features: Sequence[str] | str | None = None,
        n_trees: int = 100,
        max_depth: int = 6,
        *,
        balanced: bool = False,
        seed: int = 0,
        trees: Trees = "random forest",
        class_names: Mapping[int, str] | None = None,
    ) -> None:
        if isinstance(features, str):
            features = features.replace(",", " ").split()
        self.features = None if features is None else tuple(features)
        super().__init__(n_trees, max_depth, balanced=balanced, seed=seed, trees=trees, class_names=class_names)
        self.feature_names_: list[str] = list(self.features or ())
        self._as_apoc = False  # conventions of a classifier that APOC trained
        self._ranges: NDArray[np.float64] | None = None  # of the columns in all trainings; None if not known

    def fit_table(self, table: pd.DataFrame | Mapping[str, Any], classes: Any, *, keep: bool = False) -> Self:
        """Train on a table of measurements.

        Parameters
        ----------
        table
            One row per item. The columns that `features` names are used, a measurement standing for its columns of
            all axes and channels; without `features` all columns of numbers except `label`, `frame` and `index`.
        classes
            Class id per row, 0 where not annotated.
        keep
            Train on the rows of earlier trainings as well; one that is given again counts with its new class.

        Returns
        -------
        RowClassifier
            Itself.

        Raises
        ------
        InputError
            If fewer than two classes are annotated, a feature is missing or no number, or there is none.
        """
        table = as_table(table)
        y = np.asarray(classes)
        if y.shape != (len(table),) or y.dtype.kind not in "iubf" or not (y == np.floor(y)).all() or (y < 0).any():
            raise InputError(
                f"The classes must be one whole number per row ({len(table)} rows): 0 where nothing is known, else the "
                "id of the class."
            )
        trained_before = keep and self._forest is not None
        names = list(self.feature_names_) if trained_before else self._columns(table)
        annotated = y > 0
        values = self._filled(numbers_of(table, self._present(names, table))[annotated])
        edges = [find_edges(column, _MAX_ROW_EDGES) for column in values.T]
        groups = self._groups(values, names)
        new = TrainingSamples(bins_of(values, edges), edges, y[annotated].astype(np.int64), groups)
        samples = thinned(self._with_earlier(new) if keep else new, _MAX_TRAINING_ROWS)
        # Trees of which nobody knows what they were grown on vote beside the new ones.
        beside = trained_before and self.samples_ is None
        ids = np.union1d(samples.classes, self.classes_ if beside else [])
        if len(ids) < 2 or not len(samples):
            found = f"only class {ids[0]:.0f} is annotated" if len(samples) else f"no {self._item} is annotated"
            raise InputError(
                f"Cannot train: {found}. Annotate some {self._item}s of at least two classes, such as 1 and 2."
            )
        self._train(samples, keep=beside)
        ranges = ranges_of(values)
        self._ranges = joined_ranges(self._ranges, ranges) if trained_before else ranges
        self._as_apoc = self._as_apoc and beside
        self.feature_names_ = names
        return self

    def go_on_from(self, other: RowClassifier) -> None:
        """Take over what another classifier has learnt, for ``fit_table(keep=True)``, but not its settings."""
        for name in _LEARNT:
            setattr(self, name, getattr(other, name))

    def _groups(self, values: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.uint64]:
        """Give each item a number: the same measurements are the same item, whatever its label is."""
        if not len(values):
            return np.empty(0, np.uint64)
        return hashed(*np.ascontiguousarray(values).view(np.uint32).T)

    def _with_earlier(self, new: TrainingSamples) -> TrainingSamples:
        """Return the samples of earlier trainings and new ones; of those that are the same item, the new."""
        if self.samples_ is None:
            return new
        known = hashed(self.samples_.groups, self.samples_.classes)
        n_known = int(np.isin(hashed(new.groups, new.classes), known).sum())
        old = self.samples_.at(~np.isin(self.samples_.groups, new.groups))
        if not len(new):
            return old
        return replace(old.joined(new, _MAX_ROW_EDGES) if len(old) else new, n_known=n_known)

    def _columns(self, table: pd.DataFrame) -> list[str]:
        """Return the columns of a table to train on."""
        columns = [c for c in table.columns if c not in self._keys]
        if self.features is None:
            chosen = [c for c in columns if is_number(table[c])]
        else:
            parts = {f: self._columns_of(f, list(table.columns)) for f in self.features}
            missing = [f for f, found in parts.items() if not found]
            if missing:
                raise InputError(
                    f"The table has no column {', '.join(missing)}. It has: {', '.join(map(str, columns))}."
                )
            chosen = list(dict.fromkeys(c for found in parts.values() for c in found))
        if not chosen:
            raise InputError("There is no measurement to train on: give a table with at least one column of numbers.")
        return chosen

    def _columns_of(self, feature: str, columns: list[str]) -> list[str]:
        """Return the columns that a feature stands for."""
        return columns_of(feature, columns)

    def predict_table(self, table: pd.DataFrame | Mapping[str, Any]) -> pd.DataFrame:
        """Classify the rows of a table.

        Parameters
        ----------
        table
            Measurements with the columns of the training.

        Returns
        -------
        pandas.DataFrame
            ``class`` (id), ``probability`` of that class, 0…1, and ``uncertainty``, 0…1: 1 minus the difference
            between the probabilities of the two likeliest classes; index as in `table`. Classifiers of APOC give
            the class 0 where a measurement is missing, as they do there.

        Raises
        ------
        InputError
            If the classifier is not trained, or a column is missing or holds no numbers.
        """
        import pandas as pd

        table = as_table(table)
        values = self._values(table)
        if doubts_wanted():
            tell_doubt(self._doubt(values))
        votes, known = self._votes(values)
        number, probability, margin = decide(votes)
        classes = np.where(known, self.classes_[number], 0)
        return pd.DataFrame(
            {
                "class": classes,
                "probability": np.where(known, probability, np.float32(0)),
                "uncertainty": np.where(known, 1 - margin, np.float32(1)),
            },
            index=table.index,
        )

    def measurements(self, table: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.float32]:
        """Return the values of a table that the trees look at, float32 (rows, features).

        Raises
        ------
        InputError
            If a column is missing or holds no numbers.
        """
        table = as_table(table)
        return self._filled(numbers_of(table, self._present(self.feature_names_, table)))

    def columns_beyond(self, table: pd.DataFrame | Mapping[str, Any]) -> list[str]:
        """Return the columns in which all rows of a table lie clearly beyond the rows of the training.

        So it is where rows were measured in another unit, or in images of another kind, than those of the training.

        Returns
        -------
        list of str
            Columns that the forest uses, the most important ones first. None where nobody knows the rows of the
            training: that is so for files of other programs and of older versions.

        Raises
        ------
        InputError
            If a column is missing or holds no numbers.
        """
        return [self.feature_names_[i] for i in self._beyond(self._values(as_table(table)))]

    def doubt_about(self, table: pd.DataFrame | Mapping[str, Any]) -> str:
        """Say that rows seem to be measured otherwise than those of the training; empty if they do not.

        That is so where :meth:`columns_beyond` are a quarter of what the forest looks at, by importance; of one row or
        two, half of it.
        """
        return self._doubt(self._values(as_table(table)))

    def _beyond(self, values: NDArray[np.float32]) -> list[int]:
        importances = self.forest.importances
        if self._ranges is None:
            return []
        beyond = lie_beyond(self._ranges, values) & (importances > 0)
        return [i for i in np.argsort(-importances, kind="stable").tolist() if beyond[i]]

    def _doubt(self, values: NDArray[np.float32]) -> str:
        beyond = self._beyond(values)
        enough = _ENOUGH_TO_DOUBT if len(values) >= _MANY_ROWS else _ENOUGH_OF_FEW_ROWS
        if self.forest.importances[beyond].sum() < enough:
            return ""
        return doubt_text([self.feature_names_[i] for i in beyond], self._item)

    def _values(self, table: pd.DataFrame) -> NDArray[np.float32]:
        _ = self.forest
        return self.measurements(table) if len(table) else np.zeros((0, len(self.feature_names_)), np.float32)

    def _votes(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the votes (classes, rows), and for which rows they count."""
        forest = self.forest
        if not len(values):
            return np.zeros((forest.n_classes, 0), np.float32), np.zeros(0, bool)
        small = all(len(e) <= MAX_EDGES for e in forest.edges)
        bins = np.empty((len(self.feature_names_), len(values)), np.uint8 if small else np.uint16)
        for row, column in enumerate(values.T):
            to_bins(column, forest.edges[row], bins[row])
        known = np.ones(len(values), np.bool_)
        if self._as_apoc:
            known[np.isnan(values).any(axis=1)] = False
        return forest.votes(bins), known

    def _filled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values with something for those that are missing, where these mean something."""
        return values

    def _present(self, names: list[str], table: pd.DataFrame) -> list[str]:
        missing = [str(n) for n in names if n not in table.columns]
        if missing:
            raise InputError(
                f"The classifier needs the measurements {', '.join(missing)}, which this table does not have. "
                "Give the same channels as in the training."
            )
        return names

    def _probabilities(self, table: pd.DataFrame) -> NDArray[np.float32]:
        votes, known = self._votes(self._values(table))
        shares: NDArray[np.float32] = np.where(known, votes / np.maximum(votes.sum(0), np.float32(1e-12)), 0)
        return np.ascontiguousarray(shares.T, np.float32)

    # -------------------------------------------------------------------------------------------- files
    def _specification(self) -> list[str]:
        """Return the names of the features as other programs know them."""
        return list(self.feature_names_)

    def _state(self) -> dict[str, Any]:
        names = {"feature_names": self.feature_names_, "features": self.features, "as_apoc": self._as_apoc}
        return {**super()._state(), **names, "ranges": ranges_as_lists(self._ranges)}

    def _set_state(self, state: Mapping[str, Any], forest: Forest) -> None:
        super()._set_state(state, forest)
        self._as_apoc = bool(state.get("as_apoc", "feature_names" not in state))
        if "feature_names" in state:
            self.feature_names_ = checked_names(state["feature_names"])
            wanted = state.get("features")
            self.features = None if wanted is None else tuple(checked_names(wanted))
        else:
            self.feature_names_ = self._names_of(state["feature_specification"].replace(",", " ").split())
            self.features = tuple(self.feature_names_)
        if len(self.feature_names_) != forest.n_features:
            raise ValueError("the number of features does not fit the feature specification")
        self._ranges = read_ranges(state.get("ranges"), forest.n_features)

    def _names_of(self, specification: list[str]) -> list[str]:
        """Return our names of the features that another program names so."""
        return specification
