"""How objects of two label images overlap."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import index_labels, overlaps
from bioloom.operations._types import Image, Labels, Number


@operation(
    "Measure/Maps of labels",
    keywords="label overlap count map, jaccard index, iou, nonzero pixel count ratio, coverage, colocalisation",
)
def overlap_map(
    labels: Labels,
    other: Labels,
    measure: Literal["count", "share covered", "largest share", "intersection over union"] = "count",
) -> Image:
    """Give each object how much, or how many, of the objects of another label image it overlaps with.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    other
        Same shape.
    measure
        ``count``: how many objects of the other image share pixels with it. ``share covered``: the share of its pixels
        that have any object there. ``largest share``: the largest share that one object covers. ``intersection over
        union``: common pixels divided by all pixels of the two, for the object with which this is largest.

    Returns
    -------
    numpy.ndarray
        float32, 0 in background.

    Raises
    ------
    InputError
        If the shapes differ, or the images hold no labels.

    Notes
    -----
    As clEsperanto's ``label_overlap_count_map`` and ``label_nonzero_pixel_count_ratio_map``, without a matrix of all
    objects of both images.
    Needs the whole image: a Dask array is computed as one block.
    """
    first, second = index_labels(labels), index_labels(other)
    found = overlaps(first, second)
    real = (found.pairs > 0).all(axis=1)
    a, b = found.pairs[real].T - 1
    counts = found.counts[real]
    sizes = first.sizes()
    if measure == "count":
        values = np.bincount(a, minlength=first.n).astype(np.float64)
    elif measure == "share covered":
        values = np.bincount(a, counts, first.n) / sizes
    else:
        values = np.zeros(first.n)
        whole = sizes[a] if measure == "largest share" else sizes[a] + second.sizes()[b] - counts
        np.maximum.at(values, a, counts / whole)
    return first.paint(values.astype(np.float32))


@operation(
    "Segment/Process labels",
    keywords="assign nuclei to cells, parent label, match labels, transfer ids, objects inside objects, children",
)
def relabel_by_overlap(
    labels: Labels, other: Labels, minimum_share: Annotated[float, Number(minimum=0, maximum=1, step=0.05)] = 0.0
) -> Labels:
    """Give each object the label of the object of another image that covers most of it.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x), such as nuclei.
    other
        Same shape, such as cells.
    minimum_share
        The share of an object that must be covered; objects of which less is covered become background.

    Returns
    -------
    numpy.ndarray
        uint32 ids of `other`; objects that none covers become background. Of two that cover as much, the lower id is
        taken.

    Raises
    ------
    InputError
        If the shapes differ, or the images hold no labels.

    Notes
    -----
    So that nuclei have the ids of their cells, or objects of a frame those of the frame before. The largest overlap
    decides, as in CellProfiler's *RelateObjects*.
    Needs the whole image: a Dask array is computed as one block.
    """
    first, second = index_labels(labels), index_labels(other)
    found = overlaps(first, second)
    real = (found.pairs > 0).all(axis=1)
    pairs, counts = found.pairs[real] - 1, found.counts[real]
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    a, b = pairs[order].T
    best = np.ones(a.size, bool)
    best[1:] = a[1:] != a[:-1]
    enough = best & (counts[order] >= minimum_share * first.sizes()[a] * (1 - 1e-9))
    ids = np.zeros(first.n, np.uint32)
    ids[a[enough]] = second.ids[b[enough]]
    return first.relabelled(ids)
