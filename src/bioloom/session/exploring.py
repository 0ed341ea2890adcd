"""Embedding and clustering the table of a layer, in the worker process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bioloom.errors import InputError
from bioloom.session.feature_table import keys_of
from bioloom.session.jobs import JobProgress
from bioloom.session.worker_process import shared_worker

CLASSES = "selection and classes"
"""What the plot shows instead of a column: the classes and the selection that the user makes."""


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
    maps = [(name, f"{name[:-1]}1") for name in names if name.endswith("-0") and name.startswith(("UMAP", "PCA"))]
    clusters = [name for name in names if name.endswith("_CLUSTER")]
    colour = clusters[-1] if clusters else CLASSES
    if maps and maps[-1][1] in names:
        return (*maps[-1], colour)
    size = next((name for name in ("area", *suggested) if name in names), "")
    others = ("intensity_mean", "eccentricity", *suggested)
    other = next((name for name in others if name in names and name != size), "")
    return size, other, colour


def embed_table(
    table: pd.DataFrame, columns: Sequence[str], method: str, *, n_neighbors: int, seed: int, progress: JobProgress
) -> tuple[pd.DataFrame, list[str], str]:
    """Embed the rows of a table in two dimensions.

    Returns
    -------
    table : pandas.DataFrame
        The keys and the coordinates.
    names : list of str
        The two new columns.
    note : str
        What was done, for the user.
    """
    _check(columns)
    result = shared_worker().call(
        "bioloom.explore.embed:embed",
        table, list(columns), method,
        n_neighbors=n_neighbors, seed=seed, progress=progress, cancelled=progress.cancelled,
    )  # fmt: skip
    new = table[keys_of(table)].copy()
    names = list(result.column_names)
    for name, values in zip(names, result.coordinates.T, strict=True):
        new[name] = values
    note = f"{method.upper()} of {len(columns)} columns, seed {seed}."
    if result.explained_variance_ratio is not None:
        note += f" Explained variance: {', '.join(f'{100 * v:.0f} %' for v in result.explained_variance_ratio)}."
    return new, names, note + _left_out(int(np.isnan(result.coordinates[:, 0]).sum()))


def cluster_table(
    table: pd.DataFrame, columns: Sequence[str], *, n_clusters: int, seed: int, progress: JobProgress
) -> tuple[pd.DataFrame, str, str]:
    """Cluster the rows of a table by k-means.

    Returns
    -------
    table : pandas.DataFrame
        The keys and the clusters, 1…k; 0 for rows that were left out.
    name : str
        The new column.
    note : str
        What was done, for the user.
    """
    _check(columns)
    result: Any = shared_worker().call(
        "bioloom.explore.cluster:cluster",
        table, list(columns),
        n_clusters=n_clusters, seed=seed, cancelled=progress.cancelled,
    )  # fmt: skip
    new = table[keys_of(table)].copy()
    new[result.column_name] = result.labels
    sizes = ", ".join(map(str, result.sizes))
    note = f"k-means of {len(columns)} columns, seed {seed}: clusters of {sizes} objects."
    return new, result.column_name, note + _left_out(int((result.labels == 0).sum()))


def _check(columns: Sequence[str]) -> None:
    if not columns:
        raise InputError("No column is checked. Check the measurements to use in the tab ‘Data’.")


def _left_out(n: int) -> str:
    return f" {n} object{'s' * (n > 1)} with missing values left out." if n else ""
