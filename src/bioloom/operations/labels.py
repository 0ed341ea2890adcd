"""Working on labels: which objects stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._label_index import index_labels, spread_of
from bioloom.operations._numbering import without_ids
from bioloom.operations._types import Image, Labels, Mask, Number, Size, Spacing


def _edge_slices(ndim: int, which: str) -> list[tuple[slice | int, ...]]:
    axes = range(ndim) if which == "all" else range(ndim - 2, ndim)
    return [(slice(None),) * axis + (end,) for axis in axes for end in (0, -1)]


@operation("Segment/Process labels", keywords="exclude labels on edges, clear border, exclude objects cut off")
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
    Dask arrays of any size are computed block by block.
    """
    ids = np.unique(np.concatenate([np.unique(labels[s]) for s in _edge_slices(labels.ndim, edges)]))
    return without_ids(labels, ids)


@remove_labels_at_edges.dask()
def _(labels: Any, edges: str) -> Any:
    from dask import delayed

    from bioloom.operations._blocks import at_value, checked

    pixels = checked(remove_labels_at_edges, "labels", labels)
    parts = [block for s in _edge_slices(labels.ndim, edges) for block in pixels[s].to_delayed().ravel()]
    ids = delayed(np.concatenate)([delayed(np.unique)(part) for part in parts])
    return at_value(without_ids, ids, pixels, dtype=np.uint32)


@operation(
    "Segment/Process labels",
    keywords="exclude small labels, exclude large labels, remove small objects, filter labels by area, volume",
)
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

    Notes
    -----
    As clEsperanto's ``exclude_labels_outside_size_range`` with both ends kept, but for the ids, which stay. Dask arrays
    of any size are computed block by block.
    """
    pixel = float(np.prod(spacing)) if spacing else 1.0
    largest = int(labels.max())
    if largest <= max(labels.size, 1 << 16):
        # Small enough numbers are a table's positions: no need to list which of them occur.
        from bioloom.operations._label_tables import count_labels, look_up

        sizes, ids = count_labels(labels, largest), np.arange(largest + 1, dtype=np.uint32)
        return look_up(np.where(_fit(sizes * pixel, minimum, maximum), ids, np.uint32(0)), labels)
    index = index_labels(labels)
    return index.relabelled(np.where(_fit(index.sizes() * pixel, minimum, maximum), index.ids, 0))


@remove_labels_by_size.dask()
def _(labels: Any, minimum: float, maximum: float | None, spacing: Sequence[float] | None) -> Any:
    from dask import delayed

    from bioloom.operations._block_tables import counted_blocks
    from bioloom.operations._blocks import checked, with_value

    pixel = float(np.prod(spacing)) if spacing else 1.0

    def unfit(counted: tuple[NDArray[np.uint32], NDArray[np.int64]]) -> NDArray[np.uint32]:
        ids, sizes = counted
        return ids[~_fit(sizes * pixel, minimum, maximum)]

    pixels = checked(remove_labels_by_size, "labels", labels)
    return with_value(without_ids, delayed(unfit)(counted_blocks(pixels)), pixels, dtype=np.uint32)


def _fit(sizes: NDArray[Any], minimum: float, maximum: float | None) -> NDArray[np.bool_]:
    """Tell which sizes are in a range."""
    fit: NDArray[np.bool_] = (sizes >= minimum) & (sizes <= (np.inf if maximum is None else maximum))
    return fit


Value = Annotated[float, Number(step=1)]


@operation(
    "Segment/Process labels",
    allow_nan=True,
    keywords="exclude labels with map values out of range, filter labels by intensity, parametric map",
)
def remove_labels_by_map_value(
    labels: Labels,
    image: Image,
    minimum: Value | None = None,
    maximum: Value | None = None,
    statistic: Literal["mean", "median", "minimum", "maximum"] = "mean",
    remove: Literal["outside", "inside"] = "outside",
) -> Labels:
    """Remove objects by their value in a map of measurements, or by their intensity in an image.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    image
        Same shape: a map in which every object has one value, or any image. NaN pixels are left out.
    minimum
        Lower end of the range, part of it; leave empty for no limit.
    maximum
        Upper end of the range, part of it; leave empty for no limit.
    statistic
        Which value of its pixels is that of an object.
    remove
        ``outside``: objects outside of the range are removed, and those without any value. ``inside``: those in it.

    Returns
    -------
    numpy.ndarray
        uint32; the remaining objects keep their ids.

    Raises
    ------
    InputError
        If the shapes differ, or the image holds no labels.

    Notes
    -----
    As clEsperanto's ``exclude_labels_with_map_values_out_of_range`` and ``_within_range``, which renumber the objects.
    Needs the whole image: a Dask array is computed as one block.
    """
    index = index_labels(labels)
    values = spread_of(index, image, statistic)
    low, high = -np.inf if minimum is None else minimum, np.inf if maximum is None else maximum
    inside = (values >= low) & (values <= high)
    stays = inside if remove == "outside" else ~inside
    return index.relabelled(np.where(stays, index.ids, 0))


@operation("Segment/Process labels", halo=lambda: 0, keywords="mask label, clip labels, restrict to region, multiply")
def mask_labels(labels: Labels, mask: Mask, keep: Literal["inside", "outside"] = "inside") -> Labels:
    """Cut labels off where a mask is, or is not.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    mask
        Same shape; pixels other than 0 are inside.
    keep
        Which pixels stay.

    Returns
    -------
    numpy.ndarray
        uint32; objects keep their ids.

    Raises
    ------
    InputError
        If the shapes differ, or the image holds no labels.

    Notes
    -----
    clEsperanto's ``mask`` on OpenCL.
    """
    inside = np.asarray(mask) != 0
    return np.where(inside if keep == "inside" else ~inside, labels, 0).astype(np.uint32)


@mask_labels.opencl()
def _(labels: Any, mask: Any, keep: str) -> Any:
    cle = device.clesperanto()
    stays = (cle.not_equal_constant if keep == "inside" else cle.equal_constant)(mask, constant=0)
    return cle.mask(labels, stays, cle.create_labels_like(labels))
