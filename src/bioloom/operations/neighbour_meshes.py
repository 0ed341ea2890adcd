"""Meshes: lines drawn between the centroids of neighbouring objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._label_distances import as_stack
from bioloom.operations._label_index import LabelIndex, centroids, index_labels, touching
from bioloom.operations._neighbour_lists import Pairs, nearest_pairs, proximal_pairs, touching_pairs
from bioloom.operations._types import Image, Labels, Length, Number, Spacing

Drawn = Literal["one", "distance"]


def _mesh(
    index: LabelIndex, centres: NDArray[np.float64], chunks: Iterator[Pairs], value: str,
    spacing: Sequence[float] | None,
) -> NDArray[np.float32]:  # fmt: skip
    from bioloom.operations._label_kernels import draw_lines

    image = np.zeros(index.rows.shape, np.float32)
    stack = as_stack(image)
    places = np.zeros((index.n, 3))
    places[:, 3 - image.ndim :] = centres
    for objects, others in chunks:
        # A line of n nearest may be asked for by one end only; the order of its ends must not change its pixels.
        a, b = np.minimum(objects, others), np.maximum(objects, others)
        distances = np.linalg.norm(
            (centres[a] - centres[b]) * (1.0 if spacing is None else np.asarray(spacing)), axis=1
        )
        values = distances if value == "distance" else np.ones(a.size)
        draw_lines(places[a], places[b], values.astype(np.float32), stack)
    return image


@operation(
    "Measure/Maps of labels",
    keywords="draw mesh between touching labels, distance mesh, graph, network, region adjacency, lines",
)
def mesh_between_touching_labels(labels: Labels, value: Drawn = "one", spacing: Spacing = None) -> Image:
    """Draw lines between the centroids of objects that touch.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    value
        What lines are drawn with: 1, or the distance of the two centroids.
    spacing
        Physical size of a pixel per axis; distances are in its units.

    Returns
    -------
    numpy.ndarray
        float32, 0 between the lines. Where lines cross, the largest value is seen.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As clEsperanto's ``draw_mesh_between_touching_labels`` and ``draw_distance_mesh_between_touching_labels``. Objects
    touch if they share an edge (in 3D a face) of a pixel.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    chunks = touching_pairs(index.n, touching(index.rows).pairs - 1)
    return _mesh(index, centroids(index), chunks, value, spacing)


@operation(
    "Measure/Maps of labels",
    keywords="draw mesh between n nearest labels, closest, distance mesh, graph, network, lines",
)
def mesh_between_nearest_labels(
    labels: Labels,
    n: Annotated[int, Number(minimum=1, maximum=1000, step=1)] = 1,
    value: Drawn = "one",
    spacing: Spacing = None,
) -> Image:
    """Draw lines from the centroid of each object to those of the nearest others.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    n
        To how many others; to all where there are fewer.
    value
        What lines are drawn with: 1, or the distance of the two centroids.
    spacing
        Physical size of a pixel per axis; it tells what is nearest, and distances are in its units.

    Returns
    -------
    numpy.ndarray
        float32, 0 between the lines. Where lines cross, the largest value is seen.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As clEsperanto's ``draw_mesh_between_n_closest_labels`` and ``draw_distance_mesh_between_n_nearest_labels``.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    centres = centroids(index)
    chunks = nearest_pairs(centres * (1.0 if spacing is None else np.asarray(spacing)), n)
    return _mesh(index, centres, chunks, value, spacing)


@operation(
    "Measure/Maps of labels",
    keywords="draw mesh between proximal labels, within distance, radius, distance mesh, graph, network, lines",
)
def mesh_between_proximal_labels(
    labels: Labels, maximum_distance: Length = 20.0, value: Drawn = "one", spacing: Spacing = None
) -> Image:
    """Draw lines between the centroids of objects within a distance.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    maximum_distance
        Largest distance between centroids that are connected.
    value
        What lines are drawn with: 1, or the distance of the two centroids.
    spacing
        Physical size of a pixel per axis; distances are in its units.

    Returns
    -------
    numpy.ndarray
        float32, 0 between the lines. Where lines cross, the largest value is seen.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As clEsperanto's ``draw_mesh_between_proximal_labels`` and ``draw_distance_mesh_between_proximal_labels``.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    centres = centroids(index)
    chunks = proximal_pairs(centres * (1.0 if spacing is None else np.asarray(spacing)), 0.0, maximum_distance)
    return _mesh(index, centres, chunks, value, spacing)
