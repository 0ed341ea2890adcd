"""Fitted maps of UMAP and Isomap at hand, or made again, so that they can place new rows."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Progress: TypeAlias = Callable[[int, int], None]
Values: TypeAlias = NDArray[np.float64]

_N_KEPT_MODELS = 3
# Above so many rows umap-learn searches neighbours approximately.
_FEWEST_APPROXIMATE = 4096
# 200 MB of them at once; Isomap looks at those of each new row to all fitted ones.
_MOST_DISTANCES = 25_000_000
_fitted: OrderedDict[str, Any] = OrderedDict()


def keep_model(key: str, model: Any) -> None:
    """Remember the library's fitted object in this process, so that new rows need not wait for another fit."""
    if model is None:
        return
    _fitted[key] = model
    _fitted.move_to_end(key)
    while len(_fitted) > _N_KEPT_MODELS:
        _fitted.popitem(last=False)


def fitted_model(key: str, method: str, values: Values, coordinates: Values, parameters: dict[str, Any]) -> Any:
    """Return the library's fitted object for UMAP or Isomap, made again if this process does not have it."""
    if key not in _fitted:
        if method == "umap":
            model = _umap_of(values, coordinates, parameters)
        else:
            from sklearn.manifold import Isomap

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = Isomap(n_neighbors=parameters["n_neighbors"], n_components=coordinates.shape[1]).fit(values)
        keep_model(key, model)
    return _fitted[key]


def transformed(model: Any, method: str, n_fitted: int, values: Values, progress: Progress | None) -> Values:
    """Let a library's model place rows, `n_fitted` of which it knows."""
    # UMAP places rows together, by one sequence of random numbers.
    at_once = max(1, _MOST_DISTANCES // n_fitted) if method == "isomap" else len(values)
    placed = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for start in range(0, len(values), at_once):
            if progress is not None:
                progress(start, len(values))
            placed.append(np.asarray(model.transform(values[start : start + at_once]), np.float64))
    if progress is not None:
        progress(len(values), len(values))
    return np.concatenate(placed)


def _umap_of(values: Values, coordinates: Values, parameters: dict[str, Any]) -> Any:
    """Make a model of UMAP around a layout that is known: only the neighbours are searched again."""
    layout = np.ascontiguousarray(coordinates, np.float32)
    large = len(values) > _FEWEST_APPROXIMATE
    # Of a large table some rows do: the settings are worked out, and the rows are put in below.
    first = slice(max(100, 2 * parameters["n_neighbors"])) if large else slice(None)
    with quiet_umap() as umap:
        model = umap.UMAP(
            n_components=layout.shape[1], n_neighbors=parameters["n_neighbors"], min_dist=parameters["min_dist"],
            random_state=parameters["seed"], n_jobs=1, init=layout[first], n_epochs=0,
        )  # fmt: skip
        model.fit(values[first])
    if large:
        import joblib

        model._raw_data = np.ascontiguousarray(values, np.float32)
        model._input_hash = joblib.hash(model._raw_data)
        model._small_data, model._knn_search_index = False, _ExactSearch(model._raw_data)
    # The start of a layout is moved and scaled; placing rows takes a number of epochs of its own only if none is set.
    model.embedding_ = layout
    model.n_epochs = None
    return model


class _ExactSearch:
    """Stands in for umap-learn's search for neighbours in large tables, which takes a minute to compile."""

    _angular_trees = False

    def __init__(self, rows: NDArray[np.float32]) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._search = NearestNeighbors().fit(rows)

    def query(
        self, rows: NDArray[np.float32], k: int, epsilon: float = 0.0
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the numbers and distances of the nearest rows, (n, k) each, the nearest first."""
        distances, numbers = self._search.kneighbors(rows, k)
        return numbers, distances.astype(np.float32)


@contextmanager
def quiet_umap() -> Iterator[Any]:
    """Import umap-learn and use it without its warnings."""
    with warnings.catch_warnings():
        # About what umap-learn's code uses and about its optional parts; nothing a user could act on.
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning):
            warnings.simplefilter("ignore", category)
        warnings.filterwarnings("ignore", message="n_jobs value")
        warnings.filterwarnings("ignore", message="Graph is not fully connected")
        import umap

        yield umap


@contextmanager
def one_step(progress: Progress | None) -> Iterator[None]:
    """Report what cannot tell how far it is."""
    if progress is not None:
        progress(0, 1)
    yield
    if progress is not None:
        progress(1, 1)
