"""Draw objects with many measurements in few dimensions: PCA and UMAP.

UMAP runs Numba kernels that may use Numba's own threads, and it can take minutes. An application with a window calls
`embed` through `bioloom.session.worker_process.WorkerProcess`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore.preprocess import Prepared, Scaling, prepare

if TYPE_CHECKING:
    import pandas as pd

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Embedding:
    """Coordinates of the rows of a table in few dimensions.

    Attributes
    ----------
    coordinates
        float64 of shape (rows of the table, dimensions); NaN in rows that were left out.
    column_names
        Names for the columns of `coordinates`, for example ("UMAP-0", "UMAP-1").
    parameters
        What is needed to compute it again: method, columns, scaling, seed, the method's own parameters as they were
        used, and the versions of the libraries.
    prepared
        The values the method worked on, and what was left out.
    explained_variance_ratio
        For PCA, float64 of shape (dimensions,): each one's share of the total variance, 0…1. None for UMAP.
    """

    coordinates: NDArray[np.float64]
    column_names: tuple[str, ...]
    parameters: dict[str, Any]
    prepared: Prepared
    explained_variance_ratio: NDArray[np.float64] | None = None


def embed(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: Literal["umap", "pca"] = "umap",
    n_components: int = 2,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    scaling: Scaling = "standard",
    seed: int = 0,
    progress: Progress | None = None,
) -> Embedding:
    """Reduce the chosen columns of a table to few dimensions.

    Parameters
    ----------
    table
        One row per object.
    columns
        Names of numeric columns; `feature_columns` proposes them.
    method
        "umap" keeps neighbours together; distances between groups mean little. "pca" keeps as much variance as a linear
        projection can.
    n_components
        Number of dimensions, 1 or more.
    n_neighbors
        UMAP only: how many neighbours of a row shape its surroundings, 2 or more. More rows than there are cannot be
        neighbours: it is lowered to the number of complete rows - 1, and `parameters` says so.
    min_dist
        UMAP only: how close points may come in the result, 0…1.
    scaling
        How columns are made comparable first, see `prepare`.
    seed
        The same seed, data and library versions give the same result.
    progress
        Called as ``progress(done, total)``; for UMAP after each epoch of the layout. May raise Cancelled.

    Returns
    -------
    Embedding
        Coordinates per row of the table, NaN where a row has missing values.

    Raises
    ------
    InputError
        If columns or rows do not fit (see `prepare`), if `method` is unknown, if a number is out of its range, or if
        there are too few rows or columns for `n_components`.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    PCA is scikit-learn's (full singular value decomposition, signs as scikit-learn chooses them). UMAP is umap-learn's:
    McInnes, Healy, Melville: UMAP, arXiv:1802.03426 (2018), with ``random_state=seed`` and one thread.
    """
    if method not in ("umap", "pca"):
        raise InputError(f'method is {method!r}, but must be "umap" or "pca".')
    if n_components < 1:
        raise InputError(f"n_components is {n_components}, but must be 1 or more.")
    if seed < 0:
        raise InputError(f"seed is {seed}, but must be 0 or more.")
    prepared = prepare(table, columns, scaling)
    parameters: dict[str, Any] = {
        "method": method,
        "columns": list(prepared.columns),
        "scaling": scaling,
        "n_components": n_components,
        "seed": seed,
    }
    variance: NDArray[np.float64] | None = None
    if method == "pca":
        reduced, variance = _pca(prepared.values, n_components, seed, progress)
        libraries = ["scikit-learn"]
    else:
        used = _lowered_neighbors(prepared.values, n_components, n_neighbors, min_dist)
        reduced = _umap(prepared.values, n_components, used, min_dist, seed, progress)
        parameters |= {"n_neighbors": used, "min_dist": min_dist}
        if used < n_neighbors:
            parameters["n_neighbors_requested"] = n_neighbors
        libraries = ["umap-learn", "pynndescent", "scikit-learn", "numba"]
    parameters["versions"] = {name: version(name) for name in ("numpy", *libraries)}
    coordinates = np.full((len(prepared.kept), n_components), np.nan)
    coordinates[prepared.kept] = reduced
    names = tuple(f"{method.upper()}-{axis}" for axis in range(n_components))
    return Embedding(coordinates, names, parameters, prepared, variance)


def _pca(
    values: NDArray[np.float64], n_components: int, seed: int, progress: Progress | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    from sklearn.decomposition import PCA

    n_rows, n_columns = values.shape
    if n_components > min(n_rows, n_columns):
        raise InputError(
            f"PCA can give at most {min(n_rows, n_columns)} dimensions from {n_rows} complete rows and {n_columns} "
            f"columns that vary, but n_components is {n_components}. Lower it, or choose more columns."
        )
    if progress is not None:
        progress(0, 1)
    model = PCA(n_components=n_components, svd_solver="full", random_state=seed)
    reduced = model.fit_transform(values)
    if progress is not None:
        progress(1, 1)
    return reduced, np.asarray(model.explained_variance_ratio_, dtype=np.float64)


def _lowered_neighbors(values: NDArray[np.float64], n_components: int, n_neighbors: int, min_dist: float) -> int:
    """Check UMAP's parameters against the data; return the number of neighbours to use."""
    n_rows = len(values)
    if n_neighbors < 2:
        raise InputError(f"n_neighbors is {n_neighbors}, but must be 2 or more.")
    if not 0 <= min_dist <= 1:
        raise InputError(f"min_dist is {min_dist}, but must be between 0 and 1.")
    # The spectral start needs n_components + 1 eigenvectors of an n_rows × n_rows matrix.
    if n_rows < n_components + 2:
        raise InputError(
            f"UMAP with {n_components} dimensions needs at least {n_components + 2} complete rows, but there are "
            f"{n_rows}. Measure more objects, or use PCA."
        )
    return min(n_neighbors, n_rows - 1)


def _umap(
    values: NDArray[np.float64],
    n_components: int,
    n_neighbors: int,
    min_dist: float,
    seed: int,
    progress: Progress | None,
) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        # About what umap-learn's code uses and about its optional parts; nothing a user could act on.
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning, ImportWarning):
            warnings.simplefilter("ignore", category)
        import umap

        reporting = {} if progress is None else {"tqdm_kwds": _EpochReports(progress).tqdm_options()}
        model = umap.UMAP(
            n_components=n_components,
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            random_state=seed,
            # A seed allows one thread only; saying so spares a warning.
            n_jobs=1,
            **reporting,
        )
        reduced = model.fit_transform(values)
    return np.asarray(reduced, dtype=np.float64)


class _EpochReports:
    """Stands in for the terminal of umap-learn's progress bar and passes the epochs on as numbers."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def tqdm_options(self) -> dict[str, Any]:
        """Return options for tqdm that make it write ``done/total`` here, at most every 0.1 s."""
        # With miniters above 1, tqdm would also write from a thread of its own.
        return {"disable": False, "file": self, "bar_format": "{n_fmt}/{total_fmt}", "mininterval": 0.1, "miniters": 1}

    def write(self, text: str) -> None:
        done, slash, total = text.strip().partition("/")
        if slash and done.isdecimal() and total.strip().isdecimal():
            self._progress(int(done), int(total))

    def flush(self) -> None:
        """Nothing is held back."""
