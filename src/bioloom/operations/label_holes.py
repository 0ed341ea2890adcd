"""Working on labels: filling holes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import boxes, index_labels, touching
from bioloom.operations._types import Labels, Size, Spacing


@operation("Segment/Process labels", keywords="fill holes in labels, binary fill holes, close holes")
def fill_label_holes(labels: Labels, maximum_size: Size | None = None, spacing: Spacing = None) -> Labels:
    """Fill holes in objects: background that an object encloses.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x). In 3D a hole is enclosed on all sides.
    maximum_size
        Largest area (2D) or volume (3D) of a hole that is filled; leave empty to fill all.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32; objects that lie in a hole stay.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    For each object as ``scipy.ndimage.binary_fill_holes``; gaps between several objects are no holes.
    Needs the whole image: a Dask array is computed as one block.
    """
    from scipy import ndimage

    index = index_labels(labels)
    result = labels.astype(np.uint32)
    gaps = np.zeros(labels.shape, np.int32)
    n_gaps = ndimage.label(index.rows == 0, output=gaps)
    outside = np.zeros(n_gaps + 1, bool)
    for axis in range(labels.ndim):
        for end in (0, -1):
            outside[gaps[(slice(None),) * axis + (end,)]] = True
    largest = np.inf if maximum_size is None else maximum_size / (np.prod(spacing) if spacing else 1.0)
    outside |= np.bincount(gaps.ravel(), minlength=n_gaps + 1) > largest * (1 + 1e-9)
    outside[0] = True
    # Objects and gaps are regions of one partition: objects first.
    regions = np.where(gaps, gaps + index.n, index.rows)
    pairs = touching(regions).pairs
    pairs = pairs[(pairs[:, 0] <= index.n) & (pairs[:, 1] > index.n)] - np.array([0, index.n])
    pairs = pairs[~outside[pairs[:, 1]]]
    count = np.bincount(pairs[:, 1], minlength=n_gaps + 1)
    fill = np.zeros(n_gaps + 1, np.int64)
    single = count[pairs[:, 1]] == 1
    fill[pairs[single, 1]] = pairs[single, 0]
    pairs = pairs[~single]
    if pairs.size:
        # Gaps between several objects are holes of one of them only where the others lie in the hole, too.
        around, inside = boxes(index), ndimage.find_objects(gaps)
        for k in np.unique(pairs[:, 0]):
            box = around[k - 1]
            near = pairs[pairs[:, 0] == k, 1]
            near = [g for g in near if _encloses(box, inside[g - 1])]
            if near:
                holes = ndimage.binary_fill_holes(index.rows[box] == k)
                fill[[g for g in near if holes[gaps[box] == g].all()]] = k
    filled: NDArray[np.int64] = fill[gaps]
    chosen = filled != 0
    result[chosen] = index.ids[filled[chosen] - 1]
    return result


def _encloses(box: tuple[slice, ...], other: tuple[slice, ...]) -> bool:
    """Tell whether a box is larger than another at every side."""
    return all(a.start < b.start and a.stop > b.stop for a, b in zip(box, other, strict=True))
