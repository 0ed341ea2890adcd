"""The libraries' embedding methods behind one interface."""

from __future__ import annotations

import inspect
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.explore._fitted_models import one_step, quiet_umap

Progress: TypeAlias = Callable[[int, int], None]
Values: TypeAlias = NDArray[np.float64]


@dataclass
class Fit:
    """What a method made of values.

    Attributes
    ----------
    coordinates
        float64 of shape (rows, dimensions).
    model
        The library's object if it can place new rows, else None.
    used
        The method's parameters as they were used.
    libraries
        The distributions that computed it.
    variance_ratio, components
        Of PCA: (dimensions,) and (dimensions, columns).
    note
        What a user should know about this result.
    """

    coordinates: Values
    model: Any = None
    used: dict[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ("scikit-learn",)
    variance_ratio: Values | None = None
    components: Values | None = None
    center: Values | None = None
    variance: Values | None = None
    note: str = ""


def fit_pca(values: Values, n_components: int, seed: int, progress: Progress | None) -> Fit:
    """Project onto the directions of largest variance."""
    from sklearn.decomposition import PCA

    n_rows, n_columns = values.shape
    most = min(n_rows, n_columns)
    if n_components > most:
        raise InputError(
            f"PCA can give at most {most} dimension{'s' * (most != 1)} from {n_rows} complete rows and {n_columns} "
            f"column{'s' * (n_columns != 1)} that var{'y' if n_columns != 1 else 'ies'}, but n_components is "
            f"{n_components}. Lower it, or choose more columns."
        )
    with one_step(progress):
        model = PCA(n_components=n_components, svd_solver="full", random_state=seed)
        reduced = model.fit_transform(values)
    return Fit(
        reduced,
        variance_ratio=np.asarray(model.explained_variance_ratio_, np.float64),
        components=np.asarray(model.components_, np.float64),
        center=np.asarray(model.mean_, np.float64),
        variance=np.asarray(model.explained_variance_, np.float64),
    )


def fit_umap(
    values: Values, n_components: int, n_neighbors: int, min_dist: float, seed: int, progress: Progress | None
) -> Fit:
    """Lay out the graph of nearest neighbours."""
    used = lowered_neighbors(values, n_components, n_neighbors)
    if not 0 <= min_dist <= 1:
        raise InputError(f"min_dist is {min_dist}, but must be between 0 and 1.")
    with quiet_umap() as umap:
        reporting = {} if progress is None else {"tqdm_kwds": _EpochReports(progress).tqdm_options()}
        model = umap.UMAP(
            n_components=n_components, n_neighbors=used, min_dist=min_dist, random_state=seed,
            # A seed allows one thread only; saying so spares a warning.
            n_jobs=1, **reporting,
        )  # fmt: skip
        reduced = model.fit_transform(values)
    # Reports to a progress of the past would go nowhere, or raise.
    model.tqdm_kwds = {"disable": True}
    parameters: dict[str, Any] = {"n_neighbors": used, "min_dist": min_dist}
    if used < n_neighbors:
        parameters["n_neighbors_requested"] = n_neighbors
    libraries = ("umap-learn", "pynndescent", "scikit-learn", "numba")
    return Fit(np.asarray(reduced, np.float64), model, parameters, libraries)


def fit_tsne(values: Values, n_components: int, perplexity: float, seed: int, progress: Progress | None) -> Fit:
    """Lay out by t-SNE, starting from PCA."""
    from sklearn.manifold import TSNE

    n_rows, n_columns = values.shape
    if n_components > 3:
        raise InputError(f"t-SNE gives at most 3 dimensions, but n_components is {n_components}.")
    if n_components > n_columns:
        raise InputError(
            f"t-SNE starts from PCA, which has {n_columns} dimensions here, but n_components is {n_components}. "
            "Lower it, or choose more columns."
        )
    if not perplexity >= 1:
        raise InputError(f"perplexity is {perplexity}, but must be 1 or more.")
    if n_rows < 5:
        raise InputError(f"t-SNE needs at least 5 complete rows, but there are {n_rows}. Measure more objects.")
    used = min(float(perplexity), (n_rows - 1) / 3)
    model = TSNE(n_components=n_components, perplexity=used, random_state=seed)
    if progress is None:
        reduced = model.fit_transform(values)
    else:
        progress(0, model.max_iter)
        model.verbose = 2
        with redirect_stdout(_IterationReports(progress, model.max_iter)):  # type: ignore[type-var]
            reduced = model.fit_transform(values)
        progress(model.max_iter, model.max_iter)
    parameters: dict[str, Any] = {"perplexity": used}
    if used < perplexity:
        parameters["perplexity_requested"] = perplexity
    return Fit(np.asarray(reduced, np.float64), None, parameters)


def fit_isomap(values: Values, n_components: int, n_neighbors: int, progress: Progress | None) -> Fit:
    """Keep distances along the graph of nearest neighbours."""
    from sklearn.manifold import Isomap

    used = lowered_neighbors(values, n_components, n_neighbors)
    note = ""
    with one_step(progress), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = Isomap(n_neighbors=used, n_components=n_components)
        reduced = model.fit_transform(values)
    found = next((m for w in caught if (m := re.search(r"components[^0-9]*is (\d+) > 1", str(w.message)))), None)
    if found:
        note = (
            f"The objects form {found[1]} groups that are not connected by {used} neighbours; they were joined where "
            "they come closest. More neighbours may help."
        )
    parameters: dict[str, Any] = {"n_neighbors": used}
    if used < n_neighbors:
        parameters["n_neighbors_requested"] = n_neighbors
    return Fit(np.asarray(reduced, np.float64), model, parameters, note=note)


def fit_mds(values: Values, n_components: int, seed: int, progress: Progress | None) -> Fit:
    """Keep all distances as well as possible."""
    from sklearn.manifold import MDS

    if n_components >= len(values):
        raise InputError(
            f"MDS of {len(values)} complete rows has at most {len(values) - 1} dimensions, but n_components is "
            f"{n_components}."
        )
    options: dict[str, Any] = {"n_init": 4}
    # Since scikit-learn 1.8 it can start from the classical solution, which needs no repetitions.
    if "init" in inspect.signature(MDS).parameters:
        options = {"n_init": 1, "init": "classical_mds"}
    with one_step(progress), warnings.catch_warnings():
        # As many rows as columns are no table of distances.
        warnings.filterwarnings("ignore", message="The provided input is a square matrix")
        model = MDS(n_components=n_components, random_state=seed, normalized_stress="auto", **options)
        reduced = model.fit_transform(values)
    return Fit(np.asarray(reduced, np.float64), None, {**options, "stress": float(model.stress_)})


def lowered_neighbors(values: Values, n_components: int, n_neighbors: int) -> int:
    """Check the number of neighbours against the data; return the one to use."""
    n_rows = len(values)
    if n_neighbors < 2:
        raise InputError(f"n_neighbors is {n_neighbors}, but must be 2 or more.")
    # The spectral start needs n_components + 1 eigenvectors of an n_rows × n_rows matrix.
    if n_rows < n_components + 2:
        raise InputError(
            f"{n_components} dimensions need at least {n_components + 2} complete rows, but there are {n_rows}. "
            "Measure more objects, or use PCA."
        )
    return min(n_neighbors, n_rows - 1)


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


class _IterationReports:
    """Stands in for the terminal of scikit-learn's t-SNE; what others print meanwhile goes where it went before."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._before, self._ours = progress, total, sys.stdout, False

    def write(self, text: str) -> None:
        # print writes the text and then the end of its line.
        if text.startswith("[t-SNE]"):
            self._ours = True
            found = re.match(r"\[t-SNE\] Iteration (\d+):", text)
            if found:
                self._progress(min(int(found[1]), self._total - 1), self._total)
        elif self._ours and text == "\n":
            self._ours = False
        elif self._before is not None:
            self._before.write(text)

    def flush(self) -> None:
        """Nothing is held back."""
