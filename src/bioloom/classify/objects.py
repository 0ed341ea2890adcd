"""Object classification from annotated objects and their measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._columns import properties_of
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.object_images import annotated_classes, as_examples, keys_in, paint_objects
from bioloom.classify.rows import RowClassifier
from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DEFAULT_FEATURES", "ObjectClassifier", "annotated_classes", "paint_objects", "properties_of"]

DEFAULT_FEATURES = (
    "area", "extent", "solidity", "aspect_ratio", "eccentricity", "circularity", "sphericity",
    "intensity_mean", "intensity_std", "intensity_min", "intensity_max",
)  # fmt: skip
"""Measurements used where none are named; those that do not fit the data (2D or 3D, no image) are left out."""

_FROM_APOC = {"area": "num_pixels", "label": "label_plus_one"}
_TO_APOC = {
    **{ours: theirs for theirs, ours in _FROM_APOC.items()},
    **{f"intensity_{s}": f"{s}_intensity" for s in ("min", "max", "sum", "mean")},
    "intensity_std": "standard_deviation_intensity",
}


class ObjectClassifier(RowClassifier):
    """Classify labelled objects by a random forest on their measurements.

    Parameters
    ----------
    features
        Names of measurements (see :func:`bioloom.measure.list_properties`), as a list or a text with blanks; a
        sensible choice if left out.
    n_trees
        Number of trees, 1…1000.
    max_depth
        Largest number of decisions in a row, 1…30.
    balanced
        Weigh classes by the inverse of their number of annotated objects.
    seed
        Seed of the forest; the same data and seed give the same classifier.
    trees
        ``"random forest"`` or ``"extra trees"``.
    class_names
        Names of classes by their id, where they have names.

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
    _item = "object"

    def fit(
        self,
        labels: Any,
        annotation: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
        keep: bool = False,
    ) -> Self:
        """Train on annotated objects.

        Parameters
        ----------
        labels
            Objects, (y, x) or (z, y, x), with time first if `frame_axis` is 0; or a list of such arrays.
        annotation
            Same shape: 0 where nothing is annotated, class ids elsewhere. The class of an object is the highest value
            inside it. A list if `labels` is one.
        image
            Intensities of the same shape, or a mapping of channel names to them; left out, only size, position and
            shape can be used. A list of these if `labels` is one.
        spacing
            Physical size of a pixel per spatial axis.
        frame_axis
            The axis of time, if there is one.
        progress
            Called as ``progress(done, total)``.
        keep
            Train on the objects of earlier trainings as well; one that is annotated again counts with its new class.

        Returns
        -------
        ObjectClassifier
            Itself.

        Raises
        ------
        InputError
            If shapes do not match or fewer than two classes are annotated.
        """
        import pandas as pd

        again = keep and self._forest is not None
        tables, classes = [], []
        for one, painted, pixels in as_examples(labels, annotation, image):
            names = (
                self._needed() if again else self._wanted(np.ndim(one) - (frame_axis is not None), pixels is not None)
            )
            table = self._measure(one, pixels, names, spacing, frame_axis, progress)
            classes.append(annotated_classes(one, painted, table, frame_axis=frame_axis))
            tables.append(table)
        self.fit_table(pd.concat(tables, ignore_index=True), np.concatenate(classes), keep=keep)
        self.spacing = None if spacing is None else tuple(float(s) for s in spacing)
        return self

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
        ndim = np.ndim(labels) - (frame_axis is not None)
        names = self._needed() if self._forest is not None else self._wanted(ndim, image is not None)
        return self._measure(labels, image, names, spacing, frame_axis, progress)

    def _measure(
        self, labels: Any, image: Any, names: Sequence[str], spacing: Sequence[float] | None, frame_axis: int | None,
        progress: Progress | None,
    ) -> pd.DataFrame:  # fmt: skip
        from bioloom.measure import find_property, measure

        if image is None:
            missing = [n for n in names if (found := find_property(n)) and found.n_images]
            if missing and self._as_apoc:
                # As APOC does: what is measured in an image is measured in the labels, counted from 2.
                image = np.asarray(labels) + 1
            elif missing:
                raise InputError(
                    f"The classifier needs the measurements {', '.join(missing)}, which are taken in an image. "
                    "Give the image, too."
                )
        return measure(labels, image, spacing, names, frame_axis=frame_axis, progress=progress)

    def _wanted(self, ndim: int, has_image: bool) -> list[str]:
        """Return the measurements to train on."""
        from bioloom.measure import find_property

        if self.features is not None:
            return properties_of(self.features)
        found = [p for n in DEFAULT_FEATURES if (p := find_property(n))]
        return [p.name for p in found if ndim in p.ndims and (has_image or not p.per_channel)]

    def _needed(self) -> list[str]:
        """Return the measurements that give the columns it was trained on."""
        return properties_of(self.feature_names_)

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
            ``[frame,] label, class, probability, uncertainty``, one row per object; see :meth:`predict_table`.
        """
        table = self._measured(labels, image, spacing, frame_axis, progress)
        return table[keys_in(table)].join(self.predict_table(table))

    def _measured(
        self, labels: Any, image: Any, spacing: Sequence[float] | None, frame_axis: int | None,
        progress: Progress | None,
    ) -> pd.DataFrame:  # fmt: skip
        _ = self.forest
        return self.measure(labels, image, spacing=spacing or self.spacing, frame_axis=frame_axis, progress=progress)

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

    def predict_proba(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Return how probable each class is for each object.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.

        Returns
        -------
        pandas.DataFrame
            ``[frame,] label`` and one column per class, named by its id, 0…1; one row per object.
        """
        import pandas as pd

        table = self._measured(labels, image, spacing, frame_axis, progress)
        shares = dict(zip(self.classes_.tolist(), self._probabilities(table).T, strict=True))
        return table[keys_in(table)].join(pd.DataFrame(shares, index=table.index))

    def predict_uncertainty(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Return how uncertain the class of each object is.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.

        Returns
        -------
        pandas.DataFrame
            ``[frame,] label, uncertainty``, the most uncertain object first: 1 minus the difference between the
            probabilities of its two likeliest classes, 0…1.
        """
        result = self.predict_objects(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
        ordered = result.sort_values("uncertainty", ascending=False, kind="stable", ignore_index=True)
        return ordered[[*keys_in(ordered), "uncertainty"]]

    # -------------------------------------------------------------------------------------------- files
    def _specification(self) -> list[str]:
        """Return the names of the measurements as APOC knows them, where it does."""
        in_pixels = self.spacing is None or all(s == 1 for s in self.spacing)
        names: list[str] = []
        for ours in self.feature_names_:
            theirs = _TO_APOC.get(ours, ours if in_pixels or ours != "area" else "area_in_units")
            names.append(ours if theirs in names else theirs)
        return names

    def _names_of(self, specification: list[str]) -> list[str]:
        from bioloom.measure import find_property

        names = [_FROM_APOC.get(name, name) for name in specification]
        unknown = [name for name in names if find_property(name) is None]
        if unknown:
            raise ValueError(f"it needs measurements that Bioloom does not have: {', '.join(unknown)}")
        return names
