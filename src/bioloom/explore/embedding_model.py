"""Fitted embeddings as data, from which the library's own model can be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.explore.scaling import Scaler

Progress: TypeAlias = Callable[[int, int], None]

_N_NEAREST = 5
_ROWS_AT_ONCE = 50_000


def data_hash(values: NDArray[np.float64], columns: Sequence[str]) -> str:
    """Return the SHA-256 of values (rows, columns) and the names of the columns, as 64 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps([list(columns), list(values.shape)]).encode())
    digest.update(np.ascontiguousarray(values, "<f8").data)
    return digest.hexdigest()


@dataclass(frozen=True)
class EmbeddingModel:
    """A fitted embedding.

    Attributes
    ----------
    parameters
        As in `Embedding.parameters`.
    column_names
        Names for the coordinates.
    scaler
        How values were scaled.
    values
        float64 of shape (fitted rows, used columns), scaled.
    coordinates
        float64 of shape (fitted rows, dimensions).
    components, center
        Of PCA: (dimensions, used columns) and (used columns,). None for other methods.
    """

    parameters: dict[str, Any]
    column_names: tuple[str, ...]
    scaler: Scaler
    values: NDArray[np.float64]
    coordinates: NDArray[np.float64]
    components: NDArray[np.float64] | None = None
    center: NDArray[np.float64] | None = None

    @property
    def method(self) -> str:
        """Name of the method."""
        return str(self.parameters["method"])

    @property
    def places_by(self) -> str:
        """How new rows are placed: by the method's own "transform", or by "nearest neighbours" among the fitted."""
        return "transform" if self.method in ("pca", "umap", "isomap") else "nearest neighbours"

    @property
    def key(self) -> str:
        """What tells fitted models apart."""
        told = {k: v for k, v in self.parameters.items() if k != "versions"}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self.values)

    def __getstate__(self) -> dict[str, Any]:
        # The tree is made again where it is needed, instead of being sent along.
        return {k: v for k, v in self.__dict__.items() if k != "_tree"}

    def place_values(self, values: NDArray[np.float64], progress: Progress | None = None) -> NDArray[np.float64]:
        """Return the coordinates of scaled values (rows, used columns), float64 (rows, dimensions)."""
        if not len(values):
            return np.empty((0, self.coordinates.shape[1]))
        if self.components is not None and self.center is not None:
            placed: NDArray[np.float64] = (values - self.center) @ self.components.T
            return placed
        if self.places_by == "transform":
            from bioloom.explore._fitted_models import fitted_model, transformed

            model = fitted_model(self.key, self.method, self.values, self.coordinates, self.parameters)
            return transformed(model, self.method, len(self.values), values, progress)
        return self._between_neighbours(values, progress)

    def _between_neighbours(self, values: NDArray[np.float64], progress: Progress | None) -> NDArray[np.float64]:
        """Return the mean place of the nearest fitted rows, nearer ones counting more."""
        placed = np.empty((len(values), self.coordinates.shape[1]))
        k = min(_N_NEAREST, len(self.values))
        for start in range(0, len(values), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            distances, rows = (np.reshape(a, (-1, k)) for a in self._tree.query(values[part], k=k))
            with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
                weights = np.where(distances > 0, distances[:, :1] / distances, 0)
            # A row that was fitted stays where it is.
            here = distances[:, 0] == 0
            weights[here] = distances[here] == 0
            weights /= weights.sum(axis=1, keepdims=True)
            placed[part] = np.einsum("nk,nkd->nd", weights, self.coordinates[rows])
            if progress is not None:
                progress(min(start + _ROWS_AT_ONCE, len(values)), len(values))
        return placed

    def novelty(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tell how unlike the fitted rows some rows are.

        Parameters
        ----------
        values
            Scaled values, (rows, used columns).

        Returns
        -------
        numpy.ndarray
            float64 (rows,): the distance to the nearest fitted row, in units of the distance within which 99 % of the
            fitted rows have another one. Above 1 a row lies outside of what the map knows.
        """
        if len(self.values) < 2 or not len(values):
            return np.zeros(len(values))
        own = self._tree.query(self.values[:: max(1, len(self.values) // 5000)], k=2)[0][:, 1]
        usual = float(np.percentile(own, 99)) or 1.0
        result: NDArray[np.float64] = self._tree.query(values, k=1)[0] / usual
        return result
