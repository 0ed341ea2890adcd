"""Working on labels: growing, shrinking and smoothing objects without letting them overlap."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._label_distances import as_stack, ball, eroded, grown, sizes_zyx
from bioloom.operations._types import Labels, Length, Spacing


@operation("Segment/Process labels", halo=lambda distance: distance + 1, keywords="grow labels, dilate labels")
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
        uint32; a background pixel within `distance` of an object gets the label of the nearest, the lower one in a tie.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As ``skimage.segmentation.expand_labels``: Euclidean distance, right for anisotropic pixels.
    """
    return grown(labels, distance, spacing)


@operation("Segment/Process labels", halo=lambda radius: radius + 1, keywords="grow labels, expand labels, thicken")
def dilate_labels(labels: Labels, radius: Length = 1.0, spacing: Spacing = None) -> Labels:
    """Dilate objects by a ball; pixels of other objects are not overwritten.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    radius
        Of the ball.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; the nearest object wins, the one with the lower id in a tie.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    The same as `expand_labels`, under its name in morphology. clEsperanto's ``dilate_labels`` grows octagons.
    """
    return grown(labels, radius, spacing)


@operation(
    "Segment/Process labels",
    keywords="extend labels via Voronoi, tessellation, grow until they meet, nearest label, territories",
    title="Expand labels until they meet (Voronoi)",
)
def expand_labels_voronoi(labels: Labels, spacing: Spacing = None) -> Labels:
    """Give every pixel the label of the nearest object (Voronoi tessellation).

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; without background, unless there are no objects at all.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    ``scipy.ndimage.distance_transform_edt``: nearest pixel of an object by Euclidean distance. clEsperanto's
    ``extend_labeling_via_voronoi`` grows octagons.
    Needs the whole image: a Dask array is computed as one block.
    """
    from scipy import ndimage

    background = labels == 0
    if background.all() or not background.any():
        return labels.astype(np.uint32)
    nearest = ndimage.distance_transform_edt(background, sampling=spacing, return_distances=False, return_indices=True)
    return labels[tuple(nearest)].astype(np.uint32)


@operation("Segment/Process labels", halo=lambda radius: radius + 1, keywords="shrink labels, gap between labels")
def erode_labels(labels: Labels, radius: Length = 1.0, spacing: Spacing = None) -> Labels:
    """Erode objects by a ball, also where they touch each other.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    radius
        Of the ball. Objects narrower than twice the radius disappear; necks may part (see `split_disconnected_labels`).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; what is left of the objects keeps their ids. The edge of the image erodes nothing.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    A pixel stays if no pixel within the radius is of another label: for each object
    ``scipy.ndimage.binary_erosion`` by a ball. clEsperanto's ``erode_labels`` erodes octagons and renumbers.
    """
    return eroded(labels, radius, spacing)


@operation("Segment/Process labels", halo=lambda radius: 2 * radius + 2, keywords="opening labels, remove protrusions")
def open_labels(labels: Labels, radius: Length = 1.0, spacing: Spacing = None) -> Labels:
    """Open objects by a ball: remove what is narrower than it, such as spikes and bridges.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    radius
        Of the ball.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; every object is the part of it that balls within it cover.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    Erosion, then dilation, of each object: ``scipy.ndimage.binary_opening`` by a ball. clEsperanto's
    ``opening_labels`` takes octagons.
    """
    return grown(eroded(labels, radius, spacing), radius, spacing)


@operation("Segment/Process labels", halo=lambda radius: 2 * radius + 2, keywords="closing labels, fill notches")
def close_labels(labels: Labels, radius: Length = 1.0, spacing: Spacing = None) -> Labels:
    """Close objects by a ball: fill notches, cracks and holes narrower than it.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    radius
        Of the ball.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; no pixel of an object is lost, and gaps between objects stay open.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    Dilation, then erosion, of each object, as ``scipy.ndimage.binary_closing`` by a ball where no other object is
    near; near others, each grows only up to the line halfway. clEsperanto's ``closing_labels`` cuts gaps between
    objects that touch.
    """
    closed = eroded(grown(labels, radius, spacing), radius, spacing)
    return np.where(labels != 0, labels, closed).astype(np.uint32)


@operation("Segment/Process labels", halo=lambda sigma: 4 * sigma + 1, keywords="smooth outlines, round, rough borders")
def smooth_labels(labels: Labels, sigma: Length = 1.0, spacing: Spacing = None) -> Labels:
    """Smooth the outlines of objects, also where they touch.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    sigma
        Standard deviation of the Gaussian; details finer than it are smoothed away, and objects much smaller disappear.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; each pixel has the label that prevails around it.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    Every object, and the background, is a mask that is smoothed with a Gaussian cut off at 4 sigma; the largest value
    wins a pixel. A neighbourhood vote with weights: unlike opening, it also fills notches.
    """
    from scipy import ndimage

    from bioloom.operations._label_index import boxes, index_labels, padded

    index = index_labels(labels)
    sigmas = sigma / sizes_zyx(labels.ndim, spacing)[3 - labels.ndim :]
    reach = [int(4 * s + 0.5) + 1 for s in sigmas]

    def weight(mask: NDArray[Any]) -> NDArray[np.float32]:
        floats = mask.astype(np.float32)
        smoothed: NDArray[np.float32] = ndimage.gaussian_filter(floats, sigmas, mode="nearest", truncate=4)
        return smoothed

    best = weight(index.rows == 0)
    result = np.zeros(labels.shape, np.uint32)
    for k, box in enumerate(boxes(index)):
        place = padded(box, reach, labels.shape)
        own = weight(index.rows[place] == k + 1)
        wins = own > best[place]
        best[place][wins] = own[wins]
        result[place][wins] = index.ids[k]
    return result


@operation("Segment/Process labels", halo=lambda radius: radius + 1, keywords="majority, modal, vote, remove specks")
def mode_filter_labels(
    labels: Labels, radius: Length = 1.0, shape: Literal["ball", "box"] = "ball", spacing: Spacing = None
) -> Labels:
    """Give each pixel the label that occurs most often around it (mode filter).

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    radius
        Of the neighbourhood.
    shape
        ``ball``: pixels within the radius. ``box``: a box of twice the radius.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; background counts like a label. In a tie the pixel keeps its label if it is among the most frequent,
        else it gets the lowest of these. Pixels beyond the edge of the image are not counted.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As ``skimage.filters.rank.modal`` and clEsperanto's ``mode_sphere`` and ``mode_box``, which know 256 labels.
    """
    from bioloom.operations._label_kernels import most_frequent

    sizes = sizes_zyx(labels.ndim, spacing)
    if shape == "ball":
        offsets = ball(radius, labels.ndim, spacing)
    else:
        reach = [int(radius / s + 0.5) if axis >= 3 - labels.ndim else 0 for axis, s in enumerate(sizes)]
        steps = [np.arange(-r, r + 1) for r in reach]
        offsets = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    stack = as_stack(labels.astype(np.uint32, copy=False))
    result = np.empty_like(stack)
    most_frequent(stack, offsets, result)
    return result.reshape(labels.shape)
