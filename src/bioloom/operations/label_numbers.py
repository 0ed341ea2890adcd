"""Working on labels: how objects are numbered, and which pixels are one object."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._label_device import are_small
from bioloom.operations._label_index import index_labels
from bioloom.operations._types import Labels


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
    in the order of the old ids. Dask arrays of any size are renumbered block by block.
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


@relabel_sequential.dask()
def _(labels: Any, order: str) -> Any:
    from dask import delayed

    from bioloom.operations._block_tables import counted_blocks, in_reading_order_of_blocks, renamed_blocks
    from bioloom.operations._blocks import checked

    pixels = checked(relabel_sequential, "labels", labels)
    if order == "position":
        return in_reading_order_of_blocks(pixels)
    return renamed_blocks(pixels, delayed(_numbered)(counted_blocks(pixels), order))


def _numbered(
    counted: tuple[NDArray[np.uint32], NDArray[np.int64]], order: str
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the old ids of objects and their new ones."""
    ids, sizes = counted
    numbers = np.empty(ids.size, np.uint32)
    first = np.argsort(-sizes, kind="stable") if order == "size" else np.arange(ids.size)
    numbers[first] = np.arange(1, ids.size + 1)
    return ids, numbers


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
    Needs the whole image: a Dask array is computed as one block.
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
