"""Working on labels: which objects stay, and how they are numbered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._label_device import are_small
from bioloom.operations._label_index import index_labels, spread_of
from bioloom.operations._types import Image, Labels, Mask, Number, Size, Spacing


def _edge_slices(ndim: int, which: str) -> list[tuple[slice | int, ...]]:
    axes = range(ndim) if which == "all" else range(ndim - 2, ndim)
    return [(slice(None),) * axis + (end,) for axis in axes for end in (0, -1)]


def _without(labels: NDArray[Any], ids: NDArray[Any]) -> NDArray[np.uint32]:
    """Return the labels with the objects of these ids made background."""
    from bioloom.operations._label_tables import look_up

    ids = ids[ids != 0]
    largest = int(labels.max())
    if ids.size and largest <= 4 * labels.size:
        stay = np.arange(largest + 1, dtype=np.uint32)
        stay[ids] = 0
        return look_up(stay, labels)
    kept = labels.astype(np.uint32)
    if ids.size:
        kept[np.isin(labels, ids)] = 0
    return kept


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
    """
    ids = np.unique(np.concatenate([np.unique(labels[s]) for s in _edge_slices(labels.ndim, edges)]))
    return _without(labels, ids)


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
    As clEsperanto's ``exclude_labels_outside_size_range`` with both ends kept, but for the ids, which stay.
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


@operation("Segment/Process labels", keywords="renumber, relabel, compact ids, close gaps")
def relabel_sequential(labels: Labels, order: Literal["label", "size", "position"] = "label") -> Labels:
    """Renumber objects 1…n without gaps.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    order
        ``label``: in the order of the old ids. ``size``: the largest first. ``position``: by the first pixel, row by
        row (plane by plane).

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n; 0 is background.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    As ``skimage.segmentation.relabel_sequential``; clEsperanto's ``relabel_sequential`` on OpenCL, for ids below 2**24
    in the order of the old ids.
    """
    index = index_labels(labels)
    if order == "label":
        return index.rows.view(np.uint32)
    if order == "size":
        first = np.argsort(-index.sizes(), kind="stable")
    else:
        rows, position = np.unique(index.rows, return_index=True)
        first = np.argsort(position[rows != 0], kind="stable")
    numbers = np.empty(index.n, np.uint32)
    numbers[first] = np.arange(1, index.n + 1)
    return index.relabelled(numbers)


@relabel_sequential.opencl()
def _(labels: Any, order: str) -> Any:
    if order != "label" or not are_small(labels):
        return device.push(relabel_sequential.function(device.pull(labels), order))
    return device.clesperanto().relabel_sequential(labels)


@operation(
    "Segment/Process labels", keywords="relabel islands, connected parts, disconnected labels, split islands, fragments"
)
def split_disconnected_labels(
    labels: Labels,
    parts: Literal["number all", "keep largest"] = "number all",
    diagonal: bool = True,
) -> Labels:
    """Give every connected part of an object a label of its own, or keep only the largest part.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    parts
        ``number all``: the largest part of an object keeps its id, the others get new ones above the largest id.
        ``keep largest``: the others become background.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.

    Returns
    -------
    numpy.ndarray
        uint32; objects of one part stay as they are.

    Raises
    ------
    InputError
        If the image holds no labels, or new ids would be above 2**32 - 1: relabel it first.

    Notes
    -----
    ``cc3d.connected_components`` (W. Silversmith, 2021), which takes neighbours of the same label as connected.
    """
    import cc3d

    connectivity = {2: (4, 8), 3: (6, 26)}[labels.ndim][diagonal]
    numbered = cc3d.connected_components(np.ascontiguousarray(labels, np.uint32), connectivity=connectivity)
    pieces = index_labels(numbered)
    rows, first = np.unique(pieces.rows, return_index=True)
    owner = labels.ravel()[first[rows != 0]]
    # Per object the largest part first; of equal ones the first.
    order = np.lexsort((np.arange(pieces.n), -pieces.sizes(), owner))
    is_main = np.zeros(pieces.n, bool)
    is_main[order] = np.diff(owner[order].astype(np.int64), prepend=-1) != 0
    ids = np.where(is_main, owner, 0).astype(np.int64)
    if parts == "number all":
        new = np.count_nonzero(~is_main)
        largest = int(labels.max())
        if largest + new > np.iinfo(np.uint32).max:
            raise InputError(
                f"split_disconnected_labels: {new} new ids above {largest} do not fit. Apply relabel_sequential first."
            )
        ids[~is_main] = np.arange(largest + 1, largest + 1 + new)
    return pieces.relabelled(ids)
