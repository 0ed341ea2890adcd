"""Merging of touching objects, learnt from pairs that were told to belong together or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bioloom.classify.base import Trees
from bioloom.classify.feature_blocks import Progress
from bioloom.classify.object_images import as_examples
from bioloom.classify.object_pairs import KEEP, MERGE, annotated_pairs, merge_objects
from bioloom.classify.rows import KEYS, RowClassifier

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_FEATURES = (
    "touch_portion", "touch_count", "centroid_distance", "area_difference",
    "mean_max_distance_to_centroid_ratio_difference", "mean_touch_intensity", "mean_intensity_difference",
    "standard_deviation_intensity_difference",
)  # fmt: skip
"""Measurements of pairs used where none are named; without an image, those taken in it are left out. APOC has all."""

_FROM_APOC = {
    "area": "num_pixels_difference",
    "area_difference": "num_pixels_difference",
    **{
        name: f"{name}_difference"
        for name in ("mean_intensity", "standard_deviation_intensity", "mean_max_distance_to_centroid_ratio")
    },
}
_KEYS = ("frame", "label", "neighbor")


class ObjectMerger(RowClassifier):
    """Merge touching objects that belong together, by a random forest on measurements of pairs.

    Parameters
    ----------
    features
        Names of measurements of pairs (see :func:`bioloom.measure.measure_pairs`), as a list or a text with blanks; a
        sensible choice if left out.
    n_trees, max_depth, balanced, seed, trees
        See :class:`bioloom.classify.ObjectClassifier`.
    class_names
        Names of the two classes; "merge" and "keep" if left out.

    Attributes
    ----------
    classes_ : numpy.ndarray
        1 (merge) and 2 (keep apart).
    feature_names_ : list of str
        Columns of measurements that it uses.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per feature, adding up to 1.

    Notes
    -----
    As in APOC's ObjectMerger, a pair is looked at from the side of each of its objects, and is merged if either side
    says so; groups of pairs merge into one object.
    """

    _fit_call = "fit(labels, annotation, image)"
    _item = "pair"
    _keys = (*KEYS, "neighbor")
    _n_dim = 2

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
        super().__init__(
            features, n_trees, max_depth, balanced=balanced, seed=seed, trees=trees,
            class_names={MERGE: "merge", KEEP: "keep"} if class_names is None else class_names,
        )  # fmt: skip

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
        """Train on annotated pairs.

        Parameters
        ----------
        labels
            Objects, (y, x) or (z, y, x), with time first if `frame_axis` is 0; or a list of such arrays.
        annotation
            Same shape: 1 painted across a border that should vanish, 2 across one that should stay, 0 elsewhere. A
            pair is annotated where pixels of both objects that share a face were painted so; with both numbers, 2
            counts. A list if `labels` is one.
        image
            Intensities of the same shape, or a mapping of channel names to them. A list of these if `labels` is one.
        spacing
            Physical size of a pixel per spatial axis.
        frame_axis
            The axis of time, if there is one.
        progress
            Called as ``progress(done, total)``.
        keep
            Train on the pairs of earlier trainings as well; one that is annotated again counts with its new class.

        Returns
        -------
        ObjectMerger
            Itself.

        Raises
        ------
        InputError
            If shapes do not match, or no pair to merge or no pair to keep is annotated.
        """
        import pandas as pd

        again = keep and self._forest is not None
        self._as_apoc = self._as_apoc and again
        tables, classes = [], []
        for one, painted, pixels in as_examples(labels, annotation, image):
            names = self._needed() if again else self._wanted(pixels is not None)
            table = self._measure(one, pixels, names, spacing, frame_axis, progress)
            tables.append(table)
            classes.append(annotated_pairs(one, painted, table, frame_axis=frame_axis))
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
        """Measure the pairs, two rows each; see :func:`bioloom.measure.measure_pairs`."""
        names = self._needed() if self._forest is not None else self._wanted(image is not None)
        return self._measure(labels, image, names, spacing, frame_axis, progress)

    def _measure(
        self, labels: Any, image: Any, names: Sequence[str], spacing: Sequence[float] | None, frame_axis: int | None,
        progress: Progress | None,
    ) -> pd.DataFrame:  # fmt: skip
        from bioloom.measure import measure_pairs

        # Classifiers of APOC know pixels only.
        given = None if self._as_apoc else spacing
        return measure_pairs(labels, image, given, names, frame_axis=frame_axis, progress=progress)

    def _wanted(self, has_image: bool) -> list[str]:
        from bioloom.measure import pair_needs_image

        names = self.features
        if names is None:
            names = tuple(n for n in DEFAULT_FEATURES if has_image or not pair_needs_image(n))
        return list(names)

    def _needed(self) -> list[str]:
        """Return the measurements that give the columns it was trained on."""
        from bioloom.measure import pair_measurement_of

        return list(dict.fromkeys(pair_measurement_of(column) for column in self.feature_names_))

    def predict_pairs(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Measure and classify pairs.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.

        Returns
        -------
        pandas.DataFrame
            ``[frame,] label, neighbor, class, probability, uncertainty``, one row per pair, `label` being the lower of
            the two; see :meth:`predict_table`.
        """
        _ = self.forest
        table = self.measure(labels, image, spacing=spacing or self.spacing, frame_axis=frame_axis, progress=progress)
        return self.pairs_in(table)

    def pairs_in(self, table: pd.DataFrame) -> pd.DataFrame:
        """Classify the pairs of a table that :meth:`measure` made; see :meth:`predict_pairs`."""
        said = self.predict_table(table)
        votes = self._probabilities(table)
        merge = votes[:, self.classes_ == MERGE].sum(axis=1)
        keys = table[[k for k in _KEYS if k in table.columns]].copy()
        low, high = np.minimum(keys["label"], keys["neighbor"]), np.maximum(keys["label"], keys["neighbor"])
        keys["label"], keys["neighbor"] = low, high
        # The side that says merge speaks for the pair, else the one that comes nearest to it.
        result = keys.join(said).assign(_says=said["class"] == MERGE, _merge=merge)
        result = result.sort_values(["_says", "_merge"], ascending=False, kind="stable")
        result = result.drop_duplicates(list(keys.columns)).drop(columns=["_says", "_merge"])
        return result.sort_values(list(keys.columns), ignore_index=True)

    def predict(
        self,
        labels: Any,
        image: Any = None,
        *,
        spacing: Sequence[float] | None = None,
        frame_axis: int | None = None,
        progress: Progress | None = None,
        relabel: bool = False,
    ) -> NDArray[Any]:
        """Merge objects.

        Parameters
        ----------
        labels, image, spacing, frame_axis, progress
            As for :meth:`fit`; `spacing` is that of the training if left out.
        relabel
            Number the objects anew from 1 without gaps, per frame, as APOC does; else those that are not merged keep
            their label, and merged ones have the highest of theirs.

        Returns
        -------
        numpy.ndarray
            Labels in the shape of `labels`; its dtype, or uint32 with `relabel`.

        Raises
        ------
        InputError
            If the classifier is not trained or the measurements do not fit it.
        """
        pairs = self.predict_pairs(labels, image, spacing=spacing, frame_axis=frame_axis, progress=progress)
        return merge_objects(labels, pairs[pairs["class"] == MERGE], frame_axis=frame_axis, relabel=relabel)

    def _columns_of(self, feature: str, columns: list[str]) -> list[str]:
        from bioloom.measure import pair_measurement_of

        if feature in columns:
            return [feature]
        # With several channels, a measurement has a column of each.
        beginning = [c for c in columns if str(c).startswith(f"{feature}_")]
        return [c for c in beginning if pair_measurement_of(c) == feature]

    def _filled(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        # The text that other programs run sends NaN the way of the largest values.
        return np.where(np.isnan(values), np.float32(np.inf), values)

    def _groups(self, values: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.uint64]:
        # Both sides of a pair are one item: only the portion differs between them.
        shared = [not name.startswith("touch_portion") for name in names]
        return super()._groups(values[:, shared] if any(shared) else values, names)

    # -------------------------------------------------------------------------------------------- files
    def _specification(self) -> list[str]:
        in_pixels = self._as_apoc or self.spacing is None or all(s == 1 for s in self.spacing)
        names: list[str] = []
        for ours in self.feature_names_:
            theirs = "area_difference" if ours == "num_pixels_difference" else ours
            if ours in ("area_difference", "centroid_distance") and not in_pixels:
                theirs = f"{ours}_in_units"
            names.append(ours if theirs in names else theirs)
        return names

    def _names_of(self, specification: list[str]) -> list[str]:
        from bioloom.measure import pair_needs_image

        names = [_FROM_APOC.get(name, name) for name in specification]
        for name in names:
            pair_needs_image(name)
        return names
