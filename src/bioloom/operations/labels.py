"""Working on labels: selecting, cleaning and growing objects."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._types import Labels, Length, Size, Spacing


def _edge_slices(ndim: int, which: str) -> list[tuple[slice | int, ...]]:
    axes = range(ndim) if which == "all" else range(ndim - 2, ndim)
    return [(slice(None),) * axis + (end,) for axis in axes for end in (0, -1)]


def _without(labels: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the labels with the objects of these ids made background."""
    kept = labels.astype(np.uint32)
    ids = ids[ids != 0]
    if not ids.size:
        return kept
    if int(labels.max()) <= 4 * labels.size:
        gone = np.zeros(int(labels.max()) + 1, bool)
        gone[ids] = True
        kept[gone[labels]] = 0
    else:
        kept[np.isin(labels, ids)] = 0
    return kept


@operation("Segment/Process labels")
def remove_labels_at_edges(labels: Labels, edges: Literal["all", "lateral"] = "all") -> Labels:
    """Remove objects that touch the image border and so may be cut off.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    edges
        ``all``: every border. ``lateral``: only the borders in y and x, for stacks thinner than the objects.

    Returns
    -------
    numpy.ndarray
        uint32; the remaining objects keep their ids.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    Computed in main memory also for OpenCL arrays: clEsperanto's ``exclude_labels_on_edges`` renumbers the objects.
    """
    ids = np.unique(np.concatenate([np.unique(labels[s]) for s in _edge_slices(labels.ndim, edges)]))
    return _without(labels, ids)


@operation("Segment/Process labels")
def remove_labels_by_size(
    labels: Labels, minimum: Size = 0.0, maximum: Size | None = None, spacing: Spacing = None
) -> Labels:
    """Remove objects that are too small or too large.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    minimum
        Smallest area (2D) or volume (3D) that stays.
    maximum
        Largest area or volume that stays; leave empty for no limit.
    spacing
        Physical size of a pixel per axis; areas and volumes are in its units.

    Returns
    -------
    numpy.ndarray
        uint32; the remaining objects keep their ids.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.
    """
    ids, counts = np.unique(labels, return_counts=True)
    sizes = counts * (np.prod(spacing) if spacing else 1.0)
    wrong = (sizes < minimum) | (sizes > (np.inf if maximum is None else maximum))
    return _without(labels, ids[wrong])


@operation("Segment/Process labels", halo=lambda distance: distance + 1)
def expand_labels(labels: Labels, distance: Length = 1.0, spacing: Spacing = None) -> Labels:
    """Grow objects outwards without letting them overlap.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    distance
        How far to grow.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; a background pixel within `distance` of an object gets the label of the nearest.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As ``skimage.segmentation.expand_labels``: Euclidean distance, right for anisotropic pixels.
    """
    from scipy import ndimage

    if not labels.any():
        return labels.astype(np.uint32)
    distances, nearest = ndimage.distance_transform_edt(labels == 0, sampling=spacing, return_indices=True)
    return np.where(distances <= distance, labels[tuple(nearest)], 0).astype(np.uint32)
