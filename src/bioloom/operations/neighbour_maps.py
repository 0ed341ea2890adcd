"""Maps of what the neighbours of each object are like: those that touch, the nearest, or those within a distance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import LabelIndex, centroids, index_labels, means, touching
from bioloom.operations._neighbour_lists import Pairs, nearest_pairs, proximal_pairs, statistic_of, touching_pairs
from bioloom.operations._types import Image, Labels, Length, Number, Spacing

Statistic = Literal["mean", "minimum", "maximum", "median", "mode", "standard deviation", "count"]
Count = Annotated[int, Number(minimum=1, maximum=1000, step=1)]
Steps = Annotated[int, Number(minimum=1, maximum=10, step=1)]

_WORDS = (
    "mean of neighbors map, minimum, maximum, mode, standard deviation of neighbors, neighbourhood, smooth measurements"
)


def _centres(index: LabelIndex, spacing: Sequence[float] | None) -> NDArray[np.float64]:
    return centroids(index) * (1.0 if spacing is None else np.asarray(spacing))


def _map(
    name: str, index: LabelIndex, image: Any, chunks: Iterator[Pairs], statistic: str, with_itself: bool
) -> NDArray[np.float32]:
    """Paint a statistic of the values of the neighbours of each object."""
    if image is None and statistic != "count":
        raise InputError(
            f"{name}: image is missing. Give the values of which the {statistic} is taken, such as a map of "
            "measurements or an intensity image; or choose the statistic 'count'."
        )
    counting = statistic == "count"
    with_itself = with_itself and not counting
    values = np.zeros(index.n) if counting else means(index, image)
    result = np.full(index.n, 0.0 if counting else np.nan)
    if with_itself:
        # Objects without neighbours have at least themselves.
        result = statistic_of(np.arange(index.n), values, index.n, statistic)
    for objects, others in chunks:
        some = np.unique(objects)
        if with_itself:
            objects, others = np.concatenate([objects, some]), np.concatenate([others, some])
        row = np.searchsorted(some, objects)
        result[some] = statistic_of(row, values[others], some.size, statistic)
    return index.paint(result.astype(np.float32))


@operation("Measure/Maps of labels", allow_nan=True, keywords="touching neighbors map, adjacent, " + _WORDS)
def touching_neighbors_map(
    labels: Labels, image: Image | None = None, statistic: Statistic = "mean", steps: Steps = 1,
    with_itself: bool = True,
) -> Image:  # fmt: skip
    """Give each object a statistic of the objects that touch it.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    image
        Same shape: a map of measurements, or any image; the value of an object is its mean there, NaN left out. Not
        needed to count.
    statistic
        What is taken of the neighbours' values. ``mode`` is the smallest of the most frequent values, ``count`` the
        number of neighbours.
    steps
        2 takes neighbours of neighbours, too, and so on.
    with_itself
        Whether the object's own value is taken, too (not when counting).

    Returns
    -------
    numpy.ndarray
        float32, 0 in background; NaN for objects without any value.

    Raises
    ------
    InputError
        If the shapes differ, the image is missing, or there are no labels.

    Notes
    -----
    As clEsperanto's ``mean_of_touching_neighbors_map`` and its likes, without a matrix of all objects: objects touch
    that share an edge (in 3D a face) of a pixel. Its standard deviation counts neighbours twice; here it is divided by
    the number of values.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    chunks = touching_pairs(index.n, touching(index.rows).pairs - 1, steps)
    return _map("touching_neighbors_map", index, image, chunks, statistic, with_itself)


@operation("Measure/Maps of labels", allow_nan=True, keywords="n nearest neighbors map, closest, " + _WORDS)
def nearest_neighbors_map(
    labels: Labels, image: Image | None = None, statistic: Statistic = "mean", n: Count = 6,
    with_itself: bool = True, spacing: Spacing = None,
) -> Image:  # fmt: skip
    """Give each object a statistic of the objects that are nearest to it.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    image
        Same shape: a map of measurements, or any image; the value of an object is its mean there, NaN left out. Not
        needed to count.
    statistic
        What is taken of the neighbours' values. ``mode`` is the smallest of the most frequent values, ``count`` the
        number of neighbours.
    n
        How many neighbours; all others where there are fewer.
    with_itself
        Whether the object's own value is taken, too (not when counting).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        float32, 0 in background; NaN for objects without any value.

    Raises
    ------
    InputError
        If the shapes differ, the image is missing, or there are no labels.

    Notes
    -----
    Distances between centroids, found by a k-d tree. As clEsperanto's ``mean_of_n_nearest_neighbors_map``.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    chunks = nearest_pairs(_centres(index, spacing), n)
    return _map("nearest_neighbors_map", index, image, chunks, statistic, with_itself)


@operation(
    "Measure/Maps of labels", allow_nan=True, keywords="proximal neighbors map, within radius, density, " + _WORDS
)
def proximal_neighbors_map(
    labels: Labels, image: Image | None = None, statistic: Statistic = "mean", maximum_distance: Length = 50.0,
    minimum_distance: Length = 0.0, with_itself: bool = True, spacing: Spacing = None,
) -> Image:  # fmt: skip
    """Give each object a statistic of the objects within a distance.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    image
        Same shape: a map of measurements, or any image; the value of an object is its mean there, NaN left out. Not
        needed to count.
    statistic
        What is taken of the neighbours' values. ``mode`` is the smallest of the most frequent values, ``count`` the
        number of neighbours.
    maximum_distance
        Largest distance between centroids of neighbours.
    minimum_distance
        Smallest distance between centroids of neighbours.
    with_itself
        Whether the object's own value is taken, too (not when counting).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        float32, 0 in background; NaN for objects without any value.

    Raises
    ------
    InputError
        If the shapes differ, the image is missing, or there are no labels.

    Notes
    -----
    Found by a k-d tree, some objects at a time. As clEsperanto's ``mean_of_proximal_neighbors_map``.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    chunks = proximal_pairs(_centres(index, spacing), minimum_distance, maximum_distance)
    return _map("proximal_neighbors_map", index, image, chunks, statistic, with_itself)


@operation(
    "Measure/Maps of labels",
    keywords="average distance of n nearest neighbors map, average neighbor distance map, touching neighbours",
)
def neighbor_distance_map(
    labels: Labels,
    neighbors: Literal["nearest", "touching"] = "nearest",
    n: Count = 1,
    statistic: Literal["mean", "minimum", "maximum", "standard deviation"] = "mean",
    spacing: Spacing = None,
) -> Image:
    """Give each object its distance to its neighbours.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    neighbors
        Which objects are neighbours: the `n` nearest, or those that touch.
    n
        How many of the nearest; all others where there are fewer.
    statistic
        What is taken of the distances.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        float32, in units of spacing, between centroids; 0 in background, NaN for objects without neighbours.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As clEsperanto's ``average_distance_of_n_nearest_neighbors_map`` and ``average_neighbor_distance_map``.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    centres = _centres(index, spacing)
    if neighbors == "nearest":
        chunks = nearest_pairs(centres, n)
    else:
        chunks = touching_pairs(index.n, touching(index.rows).pairs - 1)
    result = np.full(index.n, np.nan)
    for objects, others in chunks:
        some, row = np.unique(objects, return_inverse=True)
        distances = np.linalg.norm(centres[objects] - centres[others], axis=1)
        result[some] = statistic_of(row, distances, some.size, statistic)
    return index.paint(result.astype(np.float32))
