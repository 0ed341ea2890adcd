"""Embedding and clustering the table of a layer, in the worker process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from bioloom.errors import InputError
from bioloom.explore.cluster import CLUSTER_METHODS, NOISE, NOT_CLUSTERED, Clustering, cluster_name
from bioloom.explore.embed import NAMES, Embedding
from bioloom.explore.embedding_model import EmbeddingModel
from bioloom.explore.k_choice import KChoice
from bioloom.explore.new_data import Placement
from bioloom.explore.stability import Stability
from bioloom.session.exploring_words import as_in_the_panel, clusters_note, columns_text, left_out
from bioloom.session.feature_table import keys_of
from bioloom.session.jobs import JobProgress
from bioloom.session.worker_process import shared_worker

CLASSES = "selection and classes"
"""What the plot shows instead of a column: the classes and the selection that the user makes."""

MANY_FOR_UMAP = 4096
"""Above so many objects UMAP searches neighbours by functions that are compiled when they are used first."""

_MANY_FOR_HDBSCAN = 10_000

_SEEDLESS_CLUSTERS = ("hdbscan", "agglomerative", "meanshift")
# t-SNE starts from PCA, MDS from the classical solution.
_SEEDLESS_MAPS = ("pca", "tsne", "isomap", "mds")

LEARNED = "CLUSTER_CLASS"
"""The column of the classes that a classifier trained on clusters gives; noise is -1 there too."""


def plottable(table: pd.DataFrame) -> list[str]:
    """Return the numeric columns of a table, without napari's index."""
    return [str(c) for c in table.columns if c != "index" and pd.api.types.is_numeric_dtype(table[c])]


def default_axes(table: pd.DataFrame, suggested: Sequence[str]) -> tuple[str, str, str]:
    """Choose what to plot at first: a map if there is one, coloured by its clusters; else two measurements.

    Returns
    -------
    tuple of str
        Horizontal axis, vertical axis, and what to colour by.
    """
    names = [str(c) for c in table.columns]
    starts = tuple(NAMES.values())
    maps = [(name, f"{name[:-1]}1") for name in names if name.endswith("-0") and name.startswith(starts)]
    clusters = [name for name in names if name.endswith("_CLUSTER")]
    colour = clusters[-1] if clusters else CLASSES
    if maps and maps[-1][1] in names:
        return (*maps[-1], colour)
    size = next((name for name in ("area", *suggested) if name in names), "")
    others = ("intensity_mean", "eccentricity", *suggested)
    other = next((name for name in others if name in names and name != size), "")
    return size, other, colour


class NewMap(NamedTuple):
    """A map of objects, ready for their table.

    Attributes
    ----------
    table
        The keys and the coordinates.
    names
        The new columns.
    note
        What was done, for the user.
    embedding
        All of the result; its model places other objects.
    """

    table: pd.DataFrame
    names: list[str]
    note: str
    embedding: Embedding


class NewClusters(NamedTuple):
    """Clusters of objects, ready for their table.

    Attributes
    ----------
    table
        The keys and the clusters, 1…k; -1 for noise, 0 for rows that were left out.
    name
        The new column.
    note
        What was done, for the user.
    clustering
        All of the result.
    """

    table: pd.DataFrame
    name: str
    note: str
    clustering: Clustering


def embed_table(
    table: pd.DataFrame, columns: Sequence[str], method: str, *, seed: int, progress: JobProgress, **options: Any
) -> NewMap:
    """Embed the rows of a table; options as for `bioloom.explore.embed`."""
    _check(columns)
    result: Embedding = _call("embed:embed", table, list(columns), method, seed=seed, progress=progress, **options)
    note = f"{NAMES[method]} of {columns_text(len(result.prepared.columns))}, seed {seed}."
    if result.explained_variance_ratio is not None:
        note += f" Explained variance: {', '.join(f'{100 * v:.0f} %' for v in result.explained_variance_ratio)}."
    if result.note:
        note += f" {result.note}"
    names = list(result.column_names)
    return NewMap(_with_keys(table, names, result.coordinates.T), names, note + left_out(result.prepared), result)


def place_table(model: EmbeddingModel, table: pd.DataFrame, *, progress: JobProgress) -> tuple[pd.DataFrame, Placement]:
    """Place the rows of a table in a known map; return the keys with the coordinates, and all of the result.

    Where images were scaled each by itself, a table that does not name its images is one image.
    """
    own = {name: "" for name in model.scaler.per if name not in table.columns}
    result: Placement = _call("new_data:place", model, table.assign(**own), progress=progress)
    if own:
        result = replace(result, note=f"{result.note} They were scaled by themselves, as one {' and '.join(own)}.")
    return _with_keys(table, list(result.column_names), result.coordinates.T), result


def cluster_table(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: str = "kmeans",
    *,
    seed: int,
    progress: JobProgress,
    **options: Any,
) -> NewClusters:
    """Cluster the rows of a table; options as for `bioloom.explore.cluster`."""
    _check(columns)
    options |= quick_hdbscan(method, len(table), options)
    result: Clustering = _call("cluster:cluster", table, list(columns), method, seed=seed, progress=progress, **options)
    return NewClusters(
        _with_keys(table, [result.column_name], [result.labels]), result.column_name, clusters_note(result), result
    )


def quick_hdbscan(method: str, n_rows: int, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options for `cluster` by which HDBSCAN of many rows takes a fraction of the time, with the same result."""
    if method != "hdbscan" or n_rows <= _MANY_FOR_HDBSCAN or find_spec("hdbscan") is None:
        return {}
    # That library does not count a row among its own neighbours.
    dense = int(options.get("min_samples") or options.get("min_cluster_size") or 10)
    return {"library": "hdbscan", "min_samples": max(dense - 1, 1)}


def suggest_k(
    table: pd.DataFrame, columns: Sequence[str], method: str, *, seed: int, progress: JobProgress, **options: Any
) -> KChoice:
    """Compare numbers of clusters; options as for `bioloom.explore.choose_k`."""
    _check(columns)
    result: KChoice = _call("k_choice:choose_k", table, list(columns), method, seed=seed, progress=progress, **options)
    return result


def repeat_clusters(
    table: pd.DataFrame,
    columns: Sequence[str],
    method: str,
    n_clusters: int,
    *,
    seed: int,
    progress: JobProgress,
    **options: Any,
) -> tuple[pd.DataFrame, str, Stability]:
    """Cluster several times and compare; options as for `bioloom.explore.cluster_stability`.

    Returns
    -------
    table : pandas.DataFrame
        The keys and in which share of the runs each object keeps its cluster.
    name : str
        The new column.
    stability : Stability
        All of the result.
    """
    _check(columns)
    own = dict(options.pop("cluster_options", {}))
    options["cluster_options"] = own | quick_hdbscan(method, len(table), own)
    result: Stability = _call(
        "stability:cluster_stability", table, list(columns), method, n_clusters, seed=seed, progress=progress, **options
    )
    name = f"{result.first.column_name}_STABILITY"
    return _with_keys(table, [name], [result.objects]), name, result


def stability_made(result: Stability, embedded: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a column of stabilities was made; `embedded` as for `again`, if a map was made anew in each run."""
    first = result.first.parameters
    made = {**first, "method": f"Stability of {CLUSTER_METHODS[first['method']]}", "runs": len(result.seeds)}
    if embedded:
        made |= {"columns": list(embedded["columns"]), "scaling": embedded["scaling"], "map": NAMES[embedded["method"]]}
    return made


def knows_no_chance(method: str, embedded: Mapping[str, Any]) -> bool:
    """Tell whether clusters come out the same with every seed; `embedded` as for `again`.

    Runs of such methods agree however little the clusters mean, unless each sees other objects.
    """
    return method in _SEEDLESS_CLUSTERS or embedded.get("method") in _SEEDLESS_MAPS


def one_map(x: str, y: str) -> bool:
    """Tell whether two columns are axes of one map, which have one scale."""
    kinds = [name.rpartition("-")[0] for name in (x, y)]
    return kinds[0] == kinds[1] and kinds[0] in NAMES.values()


def can_be_repeated(made: Mapping[str, Any]) -> bool:
    """Tell whether a map can be made again with other seeds: it was embedded here, not placed in another map."""
    return made.get("method") in NAMES and "placed" not in made and "columns" in made


def again(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with which `repeat_clusters` makes a map anew in each run."""
    own = ("n_components", "n_neighbors", "min_dist", "perplexity")
    return {
        "scaling": made["scaling"],
        "missing": made["missing"],
        "per": made["per"] or None,
        "embedding": made["method"],
        "embedding_options": {key: made[key] for key in own if key in made},
    }


def cluster_names(table: pd.DataFrame, column: str) -> dict[int, str]:
    """Return what to call the values of a column of clusters; nothing for other columns."""
    if not column.endswith("_CLUSTER") and column != LEARNED:
        return {}
    numbers = table[column].to_numpy()
    if numbers.dtype.kind not in "iu":
        return {}
    return {int(n): cluster_name(int(n)) for n in np.unique(numbers) if n in (NOISE, NOT_CLUSTERED) or n > 0}


def _call(function: str, *args: Any, progress: JobProgress, **options: Any) -> Any:
    try:
        return shared_worker().call(
            f"bioloom.explore.{function}", *args, progress=progress, cancelled=progress.cancelled, **options
        )
    except InputError as error:
        raise InputError(as_in_the_panel(str(error))) from error


def _with_keys(table: pd.DataFrame, names: Sequence[str], columns: Any) -> pd.DataFrame:
    return table[keys_of(table)].assign(**dict(zip(names, columns, strict=True)))


def _check(columns: Sequence[str]) -> None:
    if not columns:
        raise InputError("No column is checked. Check the measurements to use in the tab ‘Data’.")
