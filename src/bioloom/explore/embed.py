"""Draw objects with many measurements in few dimensions: PCA, UMAP, t-SNE, Isomap and MDS.

UMAP runs Numba kernels that may use Numba's own threads, and several methods can take minutes. An application with a
window calls `embed` through `bioloom.session.worker_process.WorkerProcess`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore import _embedding_methods as methods
from bioloom.explore._fitted_models import keep_model
from bioloom.explore.embedding_model import EmbeddingModel, data_hash
from bioloom.explore.preprocess import Prepared, prepare
from bioloom.explore.scaling import Missing, Scaling

if TYPE_CHECKING:
    import pandas as pd

Progress: TypeAlias = Callable[[int, int], None]
EmbeddingMethod: TypeAlias = Literal["umap", "pca", "tsne", "isomap", "mds"]

EMBEDDING_METHODS: tuple[EmbeddingMethod, ...] = ("umap", "pca", "tsne", "isomap", "mds")
NAMES = {"umap": "UMAP", "pca": "PCA", "tsne": "t-SNE", "isomap": "Isomap", "mds": "MDS"}
"""What to call each method, and its columns: ``t-SNE-0``."""

# Their time and memory grow with the square of the rows.
_DEFAULT_FITTED = {"isomap": 5000, "mds": 2000}


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
        used, a hash of the values, and the versions of the libraries.
    prepared
        The values the method worked on, and what was left out.
    model
        What places new rows in the same map and can be saved; see `place` and `save_embedding`.
    explained_variance_ratio
        For PCA, float64 of shape (dimensions,): each one's share of the total variance, 0…1. None for other methods.
    loadings
        For PCA, float64 of shape (used columns, dimensions): how far a column changes along each dimension, in units of
        its own scale per standard deviation of the dimension; with standard scaling these are correlations, up to
        ``sqrt((n - 1) / n)``. None for other methods.
    note
        What a user should know about this result; may be empty.
    """

    coordinates: NDArray[np.float64]
    column_names: tuple[str, ...]
    parameters: dict[str, Any]
    prepared: Prepared
    model: EmbeddingModel
    explained_variance_ratio: NDArray[np.float64] | None = None
    loadings: NDArray[np.float64] | None = None
    note: str = ""


def embed(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: EmbeddingMethod = "umap",
    n_components: int = 2,
    *,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    perplexity: float = 30.0,
    max_fitted: int | None = None,
    scaling: Scaling = "standard",
    missing: Missing = "rows",
    per: str | Sequence[str] | None = None,
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
        "umap" and "tsne" keep neighbours together; distances between groups mean little. "pca" keeps as much variance
        as a linear projection can. "isomap" keeps distances along the cloud of objects, "mds" all distances.
    n_components
        Number of dimensions, 1 or more; at most 3 with t-SNE.
    n_neighbors
        UMAP and Isomap: how many neighbours of a row shape its surroundings, 2 or more. More rows than there are cannot
        be neighbours: it is lowered to the number of complete rows - 1, and `parameters` says so.
    min_dist
        UMAP only: how close points may come in the result, 0…1.
    perplexity
        t-SNE only: about how many neighbours a row has, 1 or more; lowered to a third of the rows - 1.
    max_fitted
        Fit this many rows, drawn by the seed, and place the others in the result (see `place`). Left out, Isomap fits
        5000 rows and MDS 2000, because their time grows with the square of it; the other methods fit all.
    scaling, missing, per
        How columns are made comparable and what happens to missing values, see `prepare`.
    seed
        The same seed, data and library version give the same result.
    progress
        Called as ``progress(done, total)``: for UMAP after each epoch of the layout, for t-SNE every 50 iterations. May
        raise Cancelled.

    Returns
    -------
    Embedding
        Coordinates per row of the table, NaN where a row was left out.

    Raises
    ------
    InputError
        If columns or rows do not fit (see `prepare`), if `method` is unknown, if a number is out of its range, or if
        there are too few rows or columns for `n_components`.
    Cancelled
        If `progress` raised it.

    Notes
    -----
    PCA is scikit-learn's (full singular value decomposition, signs as scikit-learn chooses them), as are t-SNE (van der
    Maaten & Hinton, J. Mach. Learn. Res. 9 (2008), Barnes-Hut, started from PCA), Isomap (Tenenbaum et al., Science 290
    (2000)) and MDS (SMACOF, started from the classical solution where the library can). UMAP is umap-learn's: McInnes,
    Healy, Melville: UMAP, arXiv:1802.03426 (2018), with ``random_state=seed`` and one thread.
    """
    if method not in EMBEDDING_METHODS:
        raise InputError(f"method is {method!r}, but must be one of: {', '.join(EMBEDDING_METHODS)}.")
    if n_components < 1:
        raise InputError(f"n_components is {n_components}, but must be 1 or more.")
    if not 0 <= seed < 2**32:
        raise InputError(f"seed is {seed}, but must be 0 or more and below 2**32.")
    prepared = prepare(table, columns, scaling, missing=missing, per=per)
    limit = _DEFAULT_FITTED.get(method) if max_fitted is None else max_fitted
    fitted = _rows_to_fit(len(prepared.values), limit, n_components, seed)
    values = prepared.values if fitted is None else prepared.values[fitted]
    if method == "pca":
        fit = methods.fit_pca(values, n_components, seed, progress)
    elif method == "umap":
        fit = methods.fit_umap(values, n_components, n_neighbors, min_dist, seed, progress)
    elif method == "tsne":
        fit = methods.fit_tsne(values, n_components, perplexity, seed, progress)
    elif method == "isomap":
        fit = methods.fit_isomap(values, n_components, n_neighbors, progress)
    else:
        fit = methods.fit_mds(values, n_components, seed, progress)
    parameters: dict[str, Any] = {
        "method": method,
        "columns": list(prepared.columns),
        "scaling": scaling,
        "missing": missing,
        "per": list(prepared.scaler.per),
        "n_components": n_components,
        "seed": seed,
        **fit.used,
        "fitted_rows": len(values),
        "data_hash": data_hash(values, prepared.columns),
        "versions": {name: version(name) for name in ("numpy", *fit.libraries)},
    }
    names = tuple(f"{NAMES[method]}-{axis}" for axis in range(n_components))
    model = EmbeddingModel(
        parameters, names, prepared.scaler, np.ascontiguousarray(values), fit.coordinates, fit.components, fit.center
    )
    keep_model(model.key, fit.model)
    note = fit.note
    reduced = fit.coordinates
    if fitted is not None:
        reduced = np.empty((len(prepared.values), n_components))
        reduced[fitted] = fit.coordinates
        reduced[~fitted] = model.place_values(prepared.values[~fitted])
        more = f"Fitted to {len(values)} of {len(fitted)} objects, the others placed among them."
        note = f"{note} {more}".strip()
    coordinates = np.full((len(prepared.kept), n_components), np.nan)
    coordinates[prepared.kept] = reduced
    loadings = None
    if fit.components is not None and fit.variance is not None:
        loadings = fit.components.T * np.sqrt(fit.variance)
    return Embedding(coordinates, names, parameters, prepared, model, fit.variance_ratio, loadings, note)


def _rows_to_fit(n_rows: int, limit: int | None, n_components: int, seed: int) -> NDArray[np.bool_] | None:
    """Draw the rows to fit; None for all."""
    if limit is None or limit >= n_rows:
        return None
    if limit < n_components + 2:
        raise InputError(f"max_fitted is {limit}, but at least {n_components + 2} rows are needed.")
    fitted = np.zeros(n_rows, np.bool_)
    fitted[np.random.default_rng(seed).choice(n_rows, limit, replace=False)] = True
    return fitted
