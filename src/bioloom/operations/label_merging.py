"""Working on labels: merging objects, and joining two label images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._label_device import are_small
from bioloom.operations._label_index import LabelIndex, groups_of, index_labels, overlaps, touching
from bioloom.operations._types import Image, Labels, Mask, Number

Value = Annotated[float, Number(step=1)]
Share = Annotated[float, Number(minimum=0, maximum=1, step=0.05)]


def _merged(index: LabelIndex, pairs: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Give objects that pairs of rows connect the lowest id among them."""
    return index.relabelled(index.ids[groups_of(index.n, pairs) - 1])


@operation("Segment/Process labels", keywords="join touching objects, dissolve borders")
def merge_touching_labels(labels: Labels) -> Labels:
    """Merge all objects that touch each other.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).

    Returns
    -------
    numpy.ndarray
        uint32; merged objects have the lowest id among them.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    Objects touch if they share an edge (in 3D a face) of a pixel. clEsperanto's ``merge_touching_labels`` merges the
    same objects and renumbers them.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    return _merged(index, touching(index.rows).pairs)


@operation(
    "Segment/Process labels",
    keywords="merge labels with border intensity within range, membrane, oversegmentation, region adjacency",
)
def merge_labels_by_border_intensity(
    labels: Labels, image: Image, maximum: Value | None = None, minimum: Value | None = None
) -> Labels:
    """Merge objects that touch where an image is dark (or bright) along their common border.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x), such as an oversegmentation.
    image
        Same shape, such as membranes.
    maximum
        Objects are merged if the mean along their border is not above this; leave empty for no limit.
    minimum
        Objects are merged if the mean along their border is not below this; leave empty for no limit.

    Returns
    -------
    numpy.ndarray
        uint32; merged objects have the lowest id among them. No two touch along a border in the range.

    Raises
    ------
    InputError
        If the shapes differ, or the image holds no labels or NaN.

    Notes
    -----
    As clEsperanto's ``merge_labels_with_border_intensity_within_range``: objects are merged, and borders measured
    again, until none is in the range. The value of a border is the mean over its faces of the mean of both pixels.
    Needs the whole image: a Dask array is computed as one block.
    """
    low, high = -np.inf if minimum is None else minimum, np.inf if maximum is None else maximum
    index = index_labels(labels)
    found = touching(index.rows, image)
    group = np.arange(1, index.n + 1)
    pairs, counts, sums = found.pairs, found.counts.astype(np.float64), found.sums
    while True:
        mean = sums / counts
        wanted = (mean >= low) & (mean <= high)
        if not wanted.any():
            break
        lowest = groups_of(index.n, pairs[wanted])
        group = lowest[group - 1]
        # Borders of what was merged are joined without going back to the pixels.
        pairs = np.sort(lowest[pairs - 1], axis=1)
        apart = pairs[:, 0] != pairs[:, 1]
        keys = pairs[apart] @ np.array([index.n + 1, 1])
        key, inverse = np.unique(keys, return_inverse=True)
        counts, sums = (np.bincount(inverse, each[apart], key.size).astype(np.float64) for each in (counts, sums))
        pairs = np.stack(np.divmod(key, index.n + 1), axis=1)
    return index.relabelled(index.ids[group - 1])


@merge_labels_by_border_intensity.suggest
def _(labels: Any, image: Any, spacing: Sequence[float] | None = None) -> dict[str, Any]:
    """Part the borders into dark and bright ones by Otsu's threshold."""
    from bioloom.operations.labelling import otsu_value

    found = touching(index_labels(labels).rows, image)
    return {"maximum": otsu_value(found.sums / found.counts)} if len(found.pairs) > 1 else {}


@operation("Segment/Process labels", keywords="merge annotated touching labels, merge by drawing, correct by strokes")
def merge_annotated_labels(labels: Labels, annotation: Mask, merge: Literal["touching", "all"] = "touching") -> Labels:
    """Merge objects that an annotation connects.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    annotation
        Same shape; strokes drawn across borders, or labels of which each marks what belongs together.
    merge
        ``touching``: two objects are merged if an annotated line crosses their common border. ``all``: all objects
        under one label of the annotation are merged, also if they do not touch.

    Returns
    -------
    numpy.ndarray
        uint32; merged objects have the lowest id among them.

    Raises
    ------
    InputError
        If the shapes differ, or the image holds no labels.

    Notes
    -----
    As clEsperanto's ``merge_annotated_touching_labels``, which renumbers: the pixels on both sides of the border must
    be annotated.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    marks = np.asarray(annotation)
    if merge == "touching":
        return _merged(index, touching(index.rows, only=marks != 0).pairs)
    if marks.dtype == bool or marks.dtype.kind == "f":
        marks = (marks != 0).astype(np.uint8)
    strokes = index_labels(marks.astype(np.int64) - min(int(marks.min()), 0))
    pairs = overlaps(strokes, index).pairs
    pairs = pairs[(pairs > 0).all(axis=1)]
    # Under each stroke, each object is connected with the next one.
    same = pairs[1:, 0] == pairs[:-1, 0]
    return _merged(index, np.stack([pairs[:-1, 1][same], pairs[1:, 1][same]], axis=1))


@operation("Segment/Process labels", keywords="combine two label images, union, add labels, overlay")
def combine_labels(labels: Labels, other: Labels, on_top: Literal["other", "labels"] = "other") -> Labels:
    """Put the objects of two label images into one.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    other
        Same shape.
    on_top
        Whose objects are seen where both have one.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n: those of `labels` in the order of their ids, then those of `other`. Objects that are
        covered completely are left out.

    Raises
    ------
    InputError
        If the shapes differ, or the images hold no labels.

    Notes
    -----
    clEsperanto's ``combine_labels`` with `on_top` "other", which is used on OpenCL for ids below 2**24.
    Needs the whole image: a Dask array is computed as one block.
    """
    first, second = index_labels(labels), index_labels(other)
    moved = np.where(second.rows, second.rows + first.n, 0)
    upper, lower = (moved, first.rows) if on_top == "other" else (first.rows, moved)
    return index_labels(np.where(upper, upper, lower)).rows.astype(np.uint32)


@combine_labels.opencl()
def _(labels: Any, other: Any, on_top: str) -> Any:
    if on_top != "other" or not are_small(labels, other):
        return device.push(combine_labels.function(device.pull(labels), device.pull(other), on_top))
    return device.clesperanto().combine_labels(labels, other)


@operation("Segment/Process labels", keywords="subtract labels, remove overlapping objects, difference, without")
def subtract_labels(labels: Labels, other: Labels, minimum_share: Share = 0.0) -> Labels:
    """Remove the objects that overlap with an object of another label image.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    other
        Same shape; labels or a mask.
    minimum_share
        An object is removed if at least this share of its pixels is covered; 0: if a single pixel is.

    Returns
    -------
    numpy.ndarray
        uint32; the remaining objects keep their ids and all their pixels.

    Raises
    ------
    InputError
        If the shapes differ, or the images hold no labels.

    Notes
    -----
    As clEsperanto's ``subtract_labels``, which renumbers. To cut off only the common pixels, use `mask_labels`.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    covered = np.bincount(index.rows.ravel(), (other != 0).ravel(), index.n + 1)[1:]
    goes = (covered > 0) & (covered >= minimum_share * index.sizes() * (1 - 1e-9))
    return index.relabelled(np.where(goes, 0, index.ids))


@operation("Segment/Process labels", keywords="intersection, common pixels, overlapping parts, nuclei and cells, and")
def intersect_labels(labels: Labels, other: Labels) -> Labels:
    """Give every overlap of an object with an object of another label image a label of its own.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    other
        Same shape.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n, ordered by the ids in `labels`, then by those in `other`; 0 where either has background.

    Raises
    ------
    InputError
        If the shapes differ, or the images hold no labels.

    Notes
    -----
    As ``skimage.segmentation.join_segmentations`` restricted to the pixels that both have objects at.
    Needs the whole image: a Dask array is computed as one block.
    """
    first, second = index_labels(labels), index_labels(other)
    pairs = overlaps(first, second).pairs
    pairs = pairs[(pairs > 0).all(axis=1)]
    keys = pairs @ np.array([second.n + 1, 1])
    result = np.zeros(labels.shape, np.uint32)
    both = (first.rows != 0) & (second.rows != 0)
    own = first.rows[both].astype(np.int64) * (second.n + 1) + second.rows[both]
    result[both] = np.searchsorted(keys, own) + 1
    return result
