"""The table of objects and those near them: which they are, and how far away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure.neighbours_stats import ROUNDING, nearest_points
from bioloom.measure.table import measure

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MOST_PAIRS = 100_000_000


def list_neighbors(
    labels: Any,
    spacing: Sequence[float] | None = None,
    *,
    n_nearest: int | None = None,
    within: float | None = None,
    frame_axis: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """List, for every object, the others with the nearest centroids, those within a distance, or both.

    Parameters
    ----------
    labels
        Label image (y, x) or (z, y, x); with `frame_axis`, one axis more.
    spacing
        Size of a pixel per spatial axis; None for pixels.
    n_nearest
        How many to list at most for each; None for all `within`.
    within
        Largest distance between centroids, in the unit of `spacing`; None for any. One of both must be given.
    frame_axis
        The axis that is time; objects have neighbours in their own frame, and the table gets a `frame` column.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        ``[frame,] label, neighbor, rank, distance``, sorted by frame, label and rank, which counts from 1.

    Raises
    ------
    InputError
        If neither or a wrong number is given, or there were more than 100 million pairs.

    Notes
    -----
    For those that touch see :func:`bioloom.measure.measure_pairs`.
    """
    import pandas as pd

    if n_nearest is None and within is None:
        raise InputError("Say which neighbours: give n_nearest, within, or both.")
    if n_nearest is not None and n_nearest < 1:
        raise InputError(f"n_nearest={n_nearest} does not fit: give 1 or more.")
    if within is not None and not within > 0:
        raise InputError(f"within={within} does not fit: give a length above 0.")
    objects = measure(labels, None, spacing, ["centroid"], frame_axis=frame_axis, progress=progress)
    ids = objects["label"].to_numpy()
    centroids = objects[[c for c in objects.columns if c.startswith("centroid-")]].to_numpy()
    frames = objects["frame"].to_numpy() if "frame" in objects else np.zeros(len(ids), np.int64)
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    for rows in np.split(np.arange(len(ids)), np.flatnonzero(np.diff(frames)) + 1):
        a, b, distances = _near(centroids[rows], n_nearest, within)
        parts.append((rows[a], rows[b], distances))
    a, b, distances = (np.concatenate([part[i] for part in parts]) for i in range(3))
    order = np.lexsort((b, distances, a))
    a, b, distances = a[order], b[order], distances[order]
    rank = np.arange(len(a)) - np.searchsorted(a, a) + 1
    kept = rank <= (n_nearest or len(ids))
    table = {"frame": frames[a]} if "frame" in objects else {}
    table |= {"label": ids[a], "neighbor": ids[b], "rank": rank, "distance": distances}
    return pd.DataFrame(table)[kept].reset_index(drop=True)


def _near(points: Floats, n: int | None, within: float | None) -> tuple[Ints, Ints, Floats]:
    """Rows of points and of others near them, and their distances."""
    from scipy.spatial import KDTree

    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    if len(points) < 2:
        return nothing
    limit = np.inf if within is None else within * (1 + ROUNDING)
    if n is not None:
        distances, rows = nearest_points(points, n)
        near = distances <= limit
        return np.nonzero(near)[0], rows[near], distances[near]
    tree = KDTree(points)
    n_pairs = int(tree.count_neighbors(tree, limit)) - len(points)
    if n_pairs > _MOST_PAIRS:
        raise InputError(f"There are {n_pairs} pairs within {within}: give a smaller distance, or n_nearest.")
    pairs = tree.query_pairs(limit, output_type="ndarray").astype(np.int64)
    a, b = np.concatenate([pairs, pairs[:, ::-1]]).T
    return a, b, np.linalg.norm(points[a] - points[b], axis=1)
