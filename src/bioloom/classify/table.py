"""Classification of the rows of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.classify._columns import as_table
from bioloom.classify.rows import RowClassifier

if TYPE_CHECKING:
    import pandas as pd


class TableClassifier(RowClassifier):
    """Classify the rows of a table by a random forest.

    Parameters
    ----------
    features
        Names of columns; all columns of numbers except `label`, `frame` and `index` if left out.
    n_trees
        Number of trees, 1…1000.
    max_depth
        Largest number of decisions in a row, 1…30.
    balanced
        Weigh classes by the inverse of their number of rows.
    seed
        Seed of the forest; the same data and seed give the same classifier.
    trees
        ``"random forest"`` or ``"extra trees"``.
    class_names
        Names of classes by their id, where they have names.

    Attributes
    ----------
    classes_ : numpy.ndarray
        The class ids of the training, ascending.
    feature_names_ : list of str
        The columns that it looks at.
    feature_importances_ : numpy.ndarray
        Impurity-based importance per column, adding up to 1.

    Notes
    -----
    APOC knows this classifier as TableRowClassifier.
    """

    _fit_call = "fit(table, classes)"

    def fit(self, table: pd.DataFrame | Mapping[str, Any], classes: Any, *, keep: bool = False) -> TableClassifier:
        """Train on rows.

        Parameters
        ----------
        table
            One row per item; a table, or a mapping of names to columns. Missing values count as very small ones.
        classes
            Class id per row, 0 where not known.
        keep
            Train on the rows of earlier trainings as well.

        Returns
        -------
        TableClassifier
            Itself.

        Raises
        ------
        InputError
            If fewer than two classes are there, or a column is missing or holds no numbers.
        """
        return self.fit_table(table, classes, keep=keep)

    def predict(self, table: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.int64]:
        """Return the class id of each row, int64 (rows,).

        Raises
        ------
        InputError
            If the classifier is not trained, or a column is missing or holds no numbers.
        """
        return self.predict_table(table)["class"].to_numpy(np.int64)

    def predict_proba(self, table: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.float32]:
        """Return how probable each class is for each row, float32 (rows, classes) in the order of `classes_`.

        Raises
        ------
        InputError
            If the classifier is not trained, or a column is missing or holds no numbers.
        """
        return self._probabilities(as_table(table))

    def predict_uncertainty(self, table: pd.DataFrame | Mapping[str, Any]) -> NDArray[np.float32]:
        """Return 1 minus the difference between the two largest probabilities of each row, float32 (rows,), 0…1."""
        return self.predict_table(table)["uncertainty"].to_numpy(np.float32)
