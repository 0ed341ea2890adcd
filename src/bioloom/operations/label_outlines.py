"""Working on labels: reducing objects to their outlines or centres."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import boxes, centroids, index_labels
from bioloom.operations._types import Labels, Mask, Spacing


def _edges(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that share an edge (in 3D a face) with a pixel of another value, background included."""
    found = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        along = (slice(None),) * axis
        before, after = (*along, slice(None, -1)), (*along, slice(1, None))
        differ = labels[before] != labels[after]
        found[before] |= differ
        found[after] |= differ
    return found


@operation("Segment/Process labels", halo=lambda: 1, keywords="label edges, boundaries, contours, borders")
def find_label_outlines(labels: Labels, where: Literal["inner", "outer", "both"] = "inner") -> Mask:
    """Mark the outlines of objects.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    where
        ``inner``: the outermost pixels of objects. ``outer``: background next to objects, and both sides where
        objects touch. ``both``: all these.

    Returns
    -------
    numpy.ndarray
        bool (uint8 on OpenCL). The edge of the image is no outline.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    Pixels are neighbours at edges (in 3D at faces). ``both`` is clEsperanto's ``detect_label_edges``, which is used on
    OpenCL, and the mode "thick" of ``skimage.segmentation.find_boundaries``; ``inner`` is its mode "inner".
    """
    edges = _edges(labels)
    if where == "inner":
        edges &= labels != 0
    elif where == "outer":
        touching = np.zeros(labels.shape, bool)
        for axis in range(labels.ndim):
            along = (slice(None),) * axis
            before, after = (*along, slice(None, -1)), (*along, slice(1, None))
            meet = (labels[before] != labels[after]) & (labels[before] != 0) & (labels[after] != 0)
            touching[before] |= meet
            touching[after] |= meet
        edges &= (labels == 0) | touching
    return edges


@find_label_outlines.opencl()
def _(labels: Any, where: str) -> Any:
    cle = device.clesperanto()
    if where == "outer":
        return device.push(find_label_outlines.function(device.pull(labels), where))
    edges = cle.detect_label_edges(labels)
    return edges if where == "both" else cle.binary_and(edges, labels)


@operation(
    "Segment/Process labels", halo=lambda: 1, keywords="outline labels, reduce labels to label edges, contours, hollow"
)
def reduce_labels_to_outlines(labels: Labels) -> Labels:
    """Reduce objects to their outlines, one pixel wide.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).

    Returns
    -------
    numpy.ndarray
        uint32; the outermost pixels of objects keep their label. The edge of the image is no outline.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    clEsperanto's ``reduce_labels_to_label_edges``, which is used on OpenCL.
    """
    return np.where(_edges(labels), labels, 0).astype(np.uint32)


@reduce_labels_to_outlines.opencl()
def _(labels: Any) -> Any:
    return device.clesperanto().reduce_labels_to_label_edges(labels)


@operation("Segment/Process labels", keywords="centroids, reduce labels to centroids, centres, spots, seeds, points")
def reduce_labels_to_centroids(
    labels: Labels, position: Literal["centroid", "within object"] = "centroid", spacing: Spacing = None
) -> Labels:
    """Reduce objects to one pixel each, at their centroid.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    position
        ``centroid``: the pixel that the mean position lies in, also if the object bends around it. ``within object``:
        the pixel of the object that is nearest to the mean position, so that no object is lost.
    spacing
        Physical size of a pixel per axis; it tells what is nearest.

    Returns
    -------
    numpy.ndarray
        uint32; one pixel per object. Of objects with the same centroid, the one with the highest id is seen.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As clEsperanto's ``reduce_labels_to_centroids``, which rounds down.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    centres = centroids(index)
    result = np.zeros(labels.shape, np.uint32)
    if position == "centroid":
        pixels = np.floor(centres + 0.5).astype(np.int64)
        result[tuple(pixels.T)] = index.ids
        return result
    sizes = np.ones(labels.ndim) if spacing is None else np.asarray(spacing)
    for k, box in enumerate(boxes(index)):
        own = np.argwhere(index.rows[box] == k + 1) + [s.start for s in box]
        nearest = own[np.argmin(np.sum(((own - centres[k]) * sizes) ** 2, axis=1))]
        result[tuple(nearest)] = index.ids[k]
    return result
