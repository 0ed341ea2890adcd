"""Object classification from annotated objects and their measurements."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.base import ForestClassifier
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.forest import Forest, find_edges, to_bins
from bioloom.classify.pixels import check_annotation
from bioloom.classify.samples import TrainingSamples, bins_of, hashed
from bioloom.errors import InputError
from bioloom.operations.checks import as_labels

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_FEATURES = (
    "area", "extent", "solidity", "aspect_ratio", "eccentricity", "circularity", "sphericity",
    "intensity_mean", "intensity_std", "intensity_min", "intensity_max",
)  # fmt: skip
"""Measurements used where none are named; those that do not fit the data (2D or 3D, no image) are left out."""

_MAX_OBJECT_EDGES = 65_000


class ObjectClassifier(ForestClassifier):
    """Classify labelled objects by a random forest on their measurements.

    Parameters
    ----------
    features
        Names of measurements (see :func:`bioloom.measure.list_properties`); a sensible choice if left out.
    n_trees
        Number of trees, 1…1000.
    max_depth
        Largest number of decisions in a row, 1…30.
    balanced
        Weigh classes by the inverse of their number of annotated objects.
    seed
        Seed of the forest; the same data and seed give the same classifier.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The annotation's own class ids, ascending.
    feature_names_ : list of str
        Columns of measurements that it uses.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.
    """

    _fit_call = "fit(labels, annotation, image)"

    def __init__(
        self,
        features: Sequence[str] | None = None,
        n_trees: int = 100,
        max_depth: int = 6,
        *,
        balanced: bool = False,
        seed: int = 0,
    ) -> None:
        if isinstance(features, str):
            features = features.split()
        self.features = None if features is None else tuple(features)
        super().__init__(n_trees, max_depth, balanced=balanced, seed=seed)
        self.feature_names_: list[str] = list(self.features or ())

    def fit(
        self,
        labels: Any,
        annotation: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> ObjectClassifier:
        """Train on annotated objects.

        Parameters
        ----------
        labels
            Objects, (y, x) or (z, y, x), with time first if `frame_axis` is 0.
        annotation
            Same shape: 0 where nothing is annotated, class ids elsewhere. The class of an object is the highest value
            inside it.
        image
            Intensities of the same shape, or a mapping of channel names to them; left out, only size, position and
            shape can be used.
        spacing
            Physical size of a pixel per spatial axis.
        frame_axis
            The axis of time, if there is one.
        progress
            Called as ``progress(done, total)``.

        Returns
        -------
        ObjectClassifier
            Itself.

        Raises
        ------
        InputError
            If shapes do not match or fewer than two classes are annotated.
        """
        table = self.measure(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
        classes = annotated_classes(labels, annotation, table, frame_axis=frame_axis)
        self.spacing = None if spacing is None else tuple(float(s) for s in spacing)
        return self.fit_table(table, classes)

    def measure(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Measure what the classifier looks at; see :func:`bioloom.measure.measure`."""
        from bioloom.measure import list_properties, measure

        names: Sequence[str]
        if self.features is None:
            ndim = np.ndim(labels) - (frame_axis is not None)
            known = {p.name for p in list_properties(ndim) if image is not None or p.group != "intensity"}
            names = [n for n in DEFAULT_FEATURES if n in known]
        else:
            names = self._properties()
        return measure(labels, image, spacing, names, frame_axis=frame_axis, progress=progress)

    def _properties(self) -> list[str]:
        """Return the properties to measure; columns of one channel or axis are parts of them."""
        from bioloom.measure import list_properties

        known = sorted({p.name for p in (*list_properties(2), *list_properties(3))}, key=len, reverse=True)
        found = [next((k for k in known if n == k or n.startswith((f"{k}-", f"{k}_"))), n) for n in self.features or ()]
        return list(dict.fromkeys(found))

    def fit_table(self, table: pd.DataFrame, classes: Any) -> ObjectClassifier:
        """Train on a table of measurements.

        Parameters
        ----------
        table
            One row per object. The columns that `features` names are used, a measurement standing for its columns of
            all axes and channels; without `features` all columns of numbers except `label`, `frame` and `index`.
        classes
            Class id per row, 0 where not annotated.

        Returns
        -------
        ObjectClassifier
            Itself.

        Raises
        ------
        InputError
            If fewer than two classes are annotated, a feature is missing or no number, or there is none.
        """
        y = np.asarray(classes)
        ids = np.unique(y[y > 0])
        if len(ids) < 2:
            found = f"only class {ids[0]} is annotated" if len(ids) else "no object is annotated"
            raise InputError(f"Cannot train: {found}. Annotate some objects of at least two classes, such as 1 and 2.")
        names = self._columns(table)
        annotated = y > 0
        values = _numbers(table, names)[annotated]
        edges = [find_edges(column, _MAX_OBJECT_EDGES) for column in values.T]
        keys = table.loc[annotated, [c for c in ("frame", "label") if c in table.columns]].to_numpy(np.int64)
        groups = hashed(*keys.T) if keys.shape[1] else hashed(np.flatnonzero(annotated))
        self._train(TrainingSamples(bins_of(values, edges), edges, y[annotated].astype(np.int64), groups))
        self.feature_names_ = names
        return self

    def _columns(self, table: pd.DataFrame) -> list[str]:
        """Return the columns of a table to train on."""
        columns = [c for c in table.columns if c not in ("label", "frame", "index")]
        if self.features is None:
            chosen = [c for c in columns if _is_number(table[c])]
        else:
            parts = {f: _columns_of(f, columns) for f in self.features}
            missing = [f for f, found in parts.items() if not found]
            if missing:
                raise InputError(
                    f"The table has no column {', '.join(missing)}. It has: {', '.join(map(str, columns))}."
                )
            chosen = list(dict.fromkeys(c for found in parts.values() for c in found))
        if not chosen:
            raise InputError("There is no measurement to train on: give a table with at least one column of numbers.")
        return chosen

    def predict_table(self, table: pd.DataFrame) -> pd.DataFrame:
        """Classify the rows of a table.

        Parameters
        ----------
        table
            Measurements with the columns of the training.

        Returns
        -------
        pandas.DataFrame
            ``class`` (id), and ``probability`` of that class, 0…1; index as in `table`.

        Raises
        ------
        InputError
            If the classifier is not trained, or a column is missing or holds no numbers.
        """
        import pandas as pd

        forest = self.forest
        missing = [n for n in self.feature_names_ if n not in table.columns]
        if missing:
            raise InputError(
                f"The classifier needs the measurements {', '.join(missing)}, which this table does not have. "
                "Give the same channels as in the training."
            )
        values = _numbers(table, self.feature_names_)
        small = all(len(e) <= 255 for e in forest.edges)
        bins = np.empty((len(self.feature_names_), len(table)), np.uint8 if small else np.uint16)
        for row, column in enumerate(values.T):
            to_bins(column, forest.edges[row], bins[row])
        votes = forest.votes(bins)
        probability = votes / np.maximum(votes.sum(0), np.float32(1e-12))
        return pd.DataFrame(
            {"class": self.classes_[votes.argmax(0)], "probability": probability.max(0)}, index=table.index
        )

    def predict_objects(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Measure and classify objects.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.

        Returns
        -------
        pandas.DataFrame
            ``[frame,] label, class, probability``, one row per object.
        """
        _ = self.forest
        table = self.measure(labels, image, spacing=spacing or self.spacing, frame_axis=frame_axis, progress=progress)
        keys = [c for c in ("frame", "label") if c in table.columns]
        return table[keys].join(self.predict_table(table))

    def predict(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> NDArray[Any]:
        """Classify objects and paint each with its class.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.

        Returns
        -------
        numpy.ndarray
            Class ids in the shape of `labels`, 0 is background; uint8 or the smallest unsigned type that holds them.

        Raises
        ------
        InputError
            If the classifier is not trained or the measurements do not fit it.
        """
        result = self.predict_objects(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
        return paint_objects(labels, result, "class", frame_axis=frame_axis)

    def _restore(self, forest: Forest, ids: NDArray[np.int64]) -> None:
        if len(self.feature_names_) != forest.n_features:
            raise ValueError("the number of features does not fit the feature specification")
        self._forest, self.classes_ = forest, ids


def _columns_of(feature: str, columns: Sequence[str]) -> list[str]:
    """Return the column of this name, or those of the measurement of this name: of its axes, of all channels."""
    from bioloom.measure.registry import PROPERTIES

    if feature in columns:
        return [feature]
    found = PROPERTIES.get(feature)
    if found is None:
        return []
    pattern = re.escape(feature) + (r"-\d+" if found.parts else "") + (r"(_.*)?" if found.per_channel else "")
    return [c for c in columns if re.fullmatch(pattern, str(c), re.DOTALL)]


def _is_number(column: pd.Series[Any]) -> bool:
    from pandas.api import types

    return types.is_numeric_dtype(column) and not types.is_complex_dtype(column)


def _numbers(table: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """Return columns as float32 (rows, columns), missing values being NaN."""
    wrong = [n for n in names if not _is_number(table[n])]
    if wrong:
        raise InputError(
            f"The columns {', '.join(wrong)} of the table hold no numbers. Leave them out of the features."
        )
    values: NDArray[np.float32] = np.stack([table[n].to_numpy(np.float32, na_value=np.nan) for n in names], axis=1)
    return values


def annotated_classes(
    labels: Any, annotation: Any, table: pd.DataFrame, *, frame_axis: int | None = None
) -> NDArray[np.int64]:
    """Return the class of every object in a table: the highest annotation value inside it, 0 for none.

    Parameters
    ----------
    labels, annotation
        Same shape; see :meth:`ObjectClassifier.fit`.
    table
        One row per object with ``label`` and, with `frame_axis`, ``frame``.

    Raises
    ------
    InputError
        If shapes differ or the annotation holds no class ids.
    """
    label_array = np.asarray(labels)
    painted = check_annotation(annotation, label_array.shape)
    if frame_axis is not None:
        label_array, painted = np.moveaxis(label_array, frame_axis, 0), np.moveaxis(painted, frame_axis, 0)
    where = np.nonzero(painted)
    result = np.zeros(len(table), np.int64)
    if not where[0].size or not len(table):
        return result
    rows = _rows(table, label_array[where], where[0] if frame_axis is not None else None)
    inside = rows >= 0
    np.maximum.at(result, rows[inside], painted[where][inside].astype(np.int64))
    return result


def paint_objects(labels: Any, table: pd.DataFrame, column: str, *, frame_axis: int | None = None) -> NDArray[Any]:
    """Return an image in which every object has its value of a whole-number column; 0 is background.

    Parameters
    ----------
    labels
        Objects; see :meth:`ObjectClassifier.fit`.
    table
        ``[frame,] label`` and the column; objects that are not in it become 0.
    column
        Name of a column of numbers that are not negative.
    frame_axis
        The axis of time, if there is one.
    """
    label_array = as_labels(np.asarray(labels), "labels")
    values = table[column].to_numpy()
    dtype = np.min_scalar_type(int(values.max())) if len(values) else np.dtype(np.uint8)
    result = np.zeros(label_array.shape, dtype)
    moved, source = (result, label_array)
    if frame_axis is not None:
        moved, source = np.moveaxis(result, frame_axis, 0), np.moveaxis(label_array, frame_axis, 0)
    where = np.nonzero(source)
    rows = _rows(table, source[where], where[0] if frame_axis is not None else None)
    found = rows >= 0
    moved[tuple(w[found] for w in where)] = values[rows[found]].astype(dtype)
    return result


def _rows(table: pd.DataFrame, labels: NDArray[Any], frames: NDArray[Any] | None) -> NDArray[np.intp]:
    """Find the row of each (frame, label), -1 where there is none."""
    factor = 1 << 32
    keys = table["label"].to_numpy(np.int64)
    wanted = labels.astype(np.int64)
    if frames is not None:
        keys = keys + table["frame"].to_numpy(np.int64) * factor
        wanted = wanted + frames.astype(np.int64) * factor
    if not len(keys):
        return np.full(len(wanted), -1)
    order = np.argsort(keys, kind="stable")
    at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    rows: NDArray[np.intp] = order[at]
    rows[keys[rows] != wanted] = -1
    return rows
