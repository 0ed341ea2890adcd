"""Contributions of features to a classifier's answers, and what plots of them need."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Explanation:
    """What each feature contributes to the probability of each class, for some objects or pixels.

    Attributes
    ----------
    values
        float64 of shape (items, features, classes), -1…1: by how much knowing the feature raises the probability.
    base
        float64 of shape (classes,): the mean probability before any feature is known. ``base + values.sum(axis=1)`` is
        what the classifier answers.
    data
        float32 of shape (items, features): the values of the features.
    rows
        Row of the table for each item; for pixels the place in the image in reading order.
    feature_names
        Names of the features.
    class_ids
        Ids of the classes in the order of `values`.
    class_names
        What to call each class, by id.
    n_all
        How many items there were to draw from.
    """

    values: NDArray[np.float64]
    base: NDArray[np.float64]
    data: NDArray[np.float32]
    rows: NDArray[np.intp]
    feature_names: tuple[str, ...]
    class_ids: tuple[int, ...]
    class_names: dict[int, str]
    n_all: int

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """What the classifier answers, float64 of shape (items, classes)."""
        total: NDArray[np.float64] = self.base + self.values.sum(axis=1)
        return total

    @property
    def predicted(self) -> NDArray[np.intp]:
        """Id of the most probable class per item."""
        ids: NDArray[np.intp] = np.asarray(self.class_ids, np.intp)[self.probabilities.argmax(axis=1)]
        return ids

    def importance(self, class_id: int | None = None) -> pd.DataFrame:
        """Rank the features by how much they move the answer.

        Parameters
        ----------
        class_id
            The class to look at; all of them if left out.

        Returns
        -------
        pandas.DataFrame
            ``feature``, ``importance`` (mean absolute SHAP value, summed over classes if all are looked at) and
            ``direction`` (-1…1: rank correlation of the feature's value with its SHAP value; NaN for all classes),
            the most important first.
        """
        import pandas as pd

        sizes = np.abs(self.values).mean(axis=0)
        if class_id is None:
            table = pd.DataFrame({"feature": self.feature_names, "importance": sizes.sum(axis=1), "direction": np.nan})
        else:
            number = self._number(class_id)
            direction = [_rank_correlation(self.data[:, f], self.values[:, f, number]) for f in range(len(sizes))]
            table = pd.DataFrame(
                {"feature": self.feature_names, "importance": sizes[:, number], "direction": direction}
            )
        return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)

    def beeswarm(self, class_id: int, n_features: int = 15) -> list[Swarm]:
        """Lay out one point per item and feature.

        Parameters
        ----------
        class_id
            The class to look at.
        n_features
            How many of the most important features to show.

        Returns
        -------
        list of Swarm
            The most important feature first.
        """
        number = self._number(class_id)
        order = np.argsort(-np.abs(self.values[:, :, number]).mean(axis=0), kind="stable")[:n_features]
        span = float(np.ptp(self.values[:, order, number])) if self.values.size else 0.0
        return [
            Swarm(
                self.feature_names[f],
                self.values[:, f, number],
                _heights(self.values[:, f, number], span),
                _colours(self.data[:, f]),
                self.rows,
            )
            for f in order
        ]

    def waterfall(self, item: int, class_id: int | None = None, n_features: int = 10) -> Waterfall:
        """Show how the probability of one item comes about.

        Parameters
        ----------
        item
            Number of the item in this explanation, from 0; `item_of` finds it by row.
        class_id
            The class to look at; the predicted one if left out.
        n_features
            How many features to show; the others become one step.

        Returns
        -------
        Waterfall
            Steps from the base to the answer, the largest first.
        """
        if not 0 <= item < len(self.values):
            raise InputError(f"Item {item} was asked for, but {len(self.values)} items were explained.")
        chosen = int(self.predicted[item]) if class_id is None else class_id
        number = self._number(chosen)
        values = self.values[item, :, number]
        order = np.argsort(-np.abs(values), kind="stable")
        shown, others = order[:n_features], order[n_features:]
        names = [self.feature_names[f] for f in shown]
        data = [float(self.data[item, f]) for f in shown]
        steps = [float(values[f]) for f in shown]
        if len(others):
            names.append(f"{len(others)} other feature{'s' * (len(others) > 1)}")
            data.append(float("nan"))
            steps.append(float(values[others].sum()))
        base = float(self.base[number])
        return Waterfall(
            int(self.rows[item]), chosen, self.class_names[chosen], base, tuple(names), tuple(data), tuple(steps)
        )

    def item_of(self, row: int) -> int | None:
        """Return the number of the item that explains a row; None if it is not among them."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None

    def column(self, feature: str, class_id: int) -> NDArray[np.float64]:
        """Return the contributions of a feature to a class, float64 of shape (n_all,), NaN for items left out."""
        if feature not in self.feature_names:
            raise InputError(f"{feature!r} is none of the features: {', '.join(self.feature_names)}.")
        result = np.full(self.n_all, np.nan)
        result[self.rows] = self.values[:, self.feature_names.index(feature), self._number(class_id)]
        return result

    def _number(self, class_id: int) -> int:
        if class_id not in self.class_ids:
            raise InputError(f"{class_id} is none of the classes: {', '.join(map(str, self.class_ids))}.")
        return self.class_ids.index(class_id)


@dataclass(frozen=True)
class Swarm:
    """One row of a beeswarm plot.

    Attributes
    ----------
    feature
        Its name.
    x
        float64 of shape (items,): SHAP values.
    y
        float64 of shape (items,), -0.5…0.5: places at which points of equal x do not cover each other.
    colour
        float64 of shape (items,), 0…1: the feature's value between its 5th and 95th percentile; NaN where it is
        missing, and where all values are equal.
    rows
        Row of the table for each point.
    """

    feature: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: NDArray[np.float64]
    rows: NDArray[np.intp]


@dataclass(frozen=True)
class Waterfall:
    """How the probability of a class comes about for one item.

    Attributes
    ----------
    row
        Row of the table.
    class_id, class_name
        The class.
    base
        Its mean probability.
    names, data, steps
        Per step the feature, its value (NaN for the others together) and what it adds.
    """

    row: int
    class_id: int
    class_name: str
    base: float
    names: tuple[str, ...]
    data: tuple[float, ...]
    steps: tuple[float, ...]

    @property
    def probability(self) -> float:
        """Where the steps lead."""
        return self.base + sum(self.steps)

    @property
    def edges(self) -> tuple[tuple[float, float], ...]:
        """Begin and end of each step."""
        ends = np.cumsum([self.base, *self.steps])
        return tuple((float(a), float(b)) for a, b in pairwise(ends))


def _rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    from scipy.stats import rankdata

    known = np.isfinite(a)
    if known.sum() < 2 or np.ptp(a[known]) == 0 or np.ptp(b[known]) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(a[known]), rankdata(b[known]))[0, 1])


def _heights(x: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Pile up points of about the same x, on both sides of the line in turn."""
    if not len(x):
        return np.empty(0)
    cells = np.round(x / (span / 100)).astype(np.int64) if span > 0 else np.zeros(len(x), np.int64)
    order = np.argsort(cells, kind="stable")
    _, starts, counts = np.unique(cells[order], return_index=True, return_counts=True)
    place = np.empty(len(x), np.int64)
    place[order] = np.arange(len(x)) - np.repeat(starts, counts)
    heights = ((place + 1) // 2) * np.where(place % 2, 1, -1)
    most = max(1, int(np.abs(heights).max()))
    return np.asarray(heights / (2 * most), np.float64)


def _colours(values: NDArray[np.float32]) -> NDArray[np.float64]:
    result = np.full(len(values), np.nan)
    known = np.isfinite(values)
    if known.any():
        low, high = np.percentile(values[known], [5, 95])
        if high <= low:
            low, high = values[known].min(), values[known].max()
        # What is equal everywhere is neither high nor low.
        result[known] = np.clip((values[known] - low) / (high - low), 0, 1) if high > low else np.nan
    return result
