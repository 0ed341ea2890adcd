"""Operations on Dask arrays that treat each connected region of a mask: equal to those on the whole image.

Connected regions of a mask do not know of each other. So each region is solved as a whole, wherever it lies in the
blocks: pixels are kept in files while the image is computed, regions within a block are solved with the block, and the
others one by one in the box around each. Memory holds one block, or one region that crosses blocks, per thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bioloom.operations._numbering import first_pixels
from bioloom.operations._regions import connected
from bioloom.operations._scratch import Scratch, Slices, from_blocks, places


class _Regions(NamedTuple):
    """How the regions of all blocks belong together."""

    before: NDArray[np.int64]  # per block, in the shape of the blocks: number of regions in the blocks before it
    region: NDArray[np.int64]  # per region of a block, all in a row: its region in the image
    boxes: dict[int, Slices]  # region in the image that lies in several blocks: the box around it
    owner: dict[int, list[int]]  # number of a block: those of these regions that are solved with it


def _keep(scratch: Scratch, where: Slices, diagonal: bool, mask: Any, *arrays: Any) -> tuple[int, list[Slices]]:
    """Write a block to the files; return the number of its regions, and the box around each, in the image."""
    from scipy import ndimage

    regions = connected(mask, diagonal)
    scratch[0][where] = regions
    for number, array in enumerate(arrays):
        scratch[2 + number][where] = array
    boxes = ndimage.find_objects(regions.astype(np.int32))
    return len(boxes), [
        tuple(slice(b.start + w.start, b.stop + w.start) for b, w in zip(box, where, strict=True)) for box in boxes
    ]


def united(
    scratch: Scratch, chunks: Any, diagonal: bool, counts: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Find out which regions of neighbouring blocks are one.

    `scratch` 0 holds the regions of each block, numbered from 1; `counts` says how many each has. Returns per block
    (in their shape) the number of regions before it, per region of a block, all in a row, its region in the image, and
    those of them that touch another block.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    ends = np.cumsum(np.array(counts, np.int64))
    before = np.concatenate(([0], ends[:-1])).reshape([len(c) for c in chunks])
    total = int(ends[-1])
    pairs = [
        _touching(scratch, before, chunks, axis, int(edge), diagonal)
        for axis, sizes in enumerate(chunks)
        for edge in np.cumsum(sizes)[:-1]
    ]
    one, other = np.concatenate([np.zeros((2, 0), np.int64), *pairs], axis=1)
    graph = sparse.coo_matrix((np.ones(one.size, bool), (one, other)), (total, total))
    _, region = connected_components(graph, directed=False)
    return before, region.astype(np.int64), np.unique(np.concatenate([one, other]))


def _join(scratch: Scratch, chunks: Any, diagonal: bool, kept: Sequence[tuple[int, list[Slices]]]) -> _Regions:
    """Find out which regions of neighbouring blocks are one, where they lie, and with which block each is solved."""
    counts = [n for n, _ in kept]
    before, region, crossing = united(scratch, chunks, diagonal, counts)
    parts: dict[int, list[int]] = {}
    for part in crossing:
        parts.setdefault(int(region[part]), []).append(int(part))
    all_boxes = [box for _, boxes in kept for box in boxes]
    of_block = np.repeat(np.arange(len(counts)), counts)
    boxes = {r: _around([all_boxes[p] for p in members]) for r, members in parts.items()}
    owner: dict[int, list[int]] = {}
    for r, members in parts.items():
        owner.setdefault(int(of_block[members[0]]), []).append(r)
    return _Regions(before, region, boxes, owner)


def _around(boxes: Sequence[Slices]) -> Slices:
    return tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes, strict=True))


def _touching(scratch: Scratch, before: Any, chunks: Any, axis: int, edge: int, diagonal: bool) -> NDArray[np.int64]:
    """Return which regions touch over one edge between blocks, (2, n), numbered over all blocks."""
    sides = []
    for index in (edge - 1, edge):
        where = tuple(slice(index, index + 1) if a == axis else slice(0, n) for a, n in enumerate(scratch.shape))
        sides.append(_numbered(scratch, before, chunks, where).squeeze(axis))
    shifts = itertools.product(*([(-1, 0, 1)] * sides[0].ndim)) if diagonal else [(0,) * sides[0].ndim]
    pairs = []
    for shift in shifts:
        near = sides[0][tuple(slice(max(s, 0), n + min(s, 0)) for s, n in zip(shift, sides[0].shape, strict=True))]
        far = sides[1][tuple(slice(max(-s, 0), n + min(-s, 0)) for s, n in zip(shift, sides[1].shape, strict=True))]
        both = (near >= 0) & (far >= 0)
        pairs.append(np.unique(np.stack([near[both], far[both]]), axis=1))
    return np.concatenate(pairs, axis=1)


def _numbered(scratch: Scratch, before: NDArray[np.int64], chunks: Any, where: Slices) -> NDArray[np.int64]:
    """Return the regions of a part of the image, numbered from 0 over all blocks; -1 is background."""
    local = np.asarray(scratch[0][where])
    block_of = [np.repeat(np.arange(len(c)), c)[w] for c, w in zip(chunks, where, strict=True)]
    return np.where(local > 0, local.astype(np.int64) - 1 + before[np.ix_(*block_of)], -1)


def _solve(
    solve: Callable[..., Any], scratch: Scratch, where: Slices, number: int, chunks: Any, regions: _Regions,
    names: bool,
) -> NDArray[np.int64]:  # fmt: skip
    """Solve the regions of a block, and those others that it owns; return the first pixel of each object found."""
    firsts = [np.zeros(0, np.int64)]
    jobs: list[tuple[Slices, Any]] = [(where, None), *((regions.boxes[r], r) for r in regions.owner.get(number, []))]
    across = np.array(sorted(regions.boxes), np.int64)
    for box, wanted in jobs:
        # One pixel more on each side, where a region may have its nearest background.
        wide = tuple(slice(max(s.start - 1, 0), min(s.stop + 1, n)) for s, n in zip(box, scratch.shape, strict=True))
        numbers = _numbered(scratch, regions.before, chunks, wide)
        of_image = np.where(numbers >= 0, regions.region[numbers], -1) if regions.region.size else numbers
        inside = of_image == wanted if wanted is not None else _within(of_image, across, wide, where)
        if not inside.any():
            continue
        found = solve(inside, *(np.asarray(scratch[2 + k][wide]) for k in range(len(scratch.dtypes) - 2)))
        if names:
            first = first_pixels(found)
            place = np.unravel_index(first, found.shape)
            first = np.ravel_multi_index(
                tuple(p + w.start for p, w in zip(place, wide, strict=True)), scratch.shape
            ).astype(np.int64)
            firsts.append(first + 1)
            found = np.concatenate(([0], first + 1))[found]
        scratch[1][wide][inside] = found[inside]
    return np.concatenate(firsts)


def _within(of_image: NDArray[np.int64], across: NDArray[np.int64], wide: Slices, where: Slices) -> NDArray[np.bool_]:
    """Return the pixels of regions that lie wholly in the block at `where`."""
    inside = np.zeros(of_image.shape, bool)
    inner = tuple(slice(b.start - w.start, b.stop - w.start) for w, b in zip(wide, where, strict=True))
    block = of_image[inner]
    inside[inner] = (block >= 0) & ~np.isin(block, across)
    return inside


def _sorted(firsts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.sort(np.concatenate(firsts))


def _read(scratch: Scratch, where: Slices, firsts: NDArray[np.int64] | None, dtype: Any) -> NDArray[Any]:
    found = np.array(scratch[1][where])
    if firsts is None:
        return found.astype(dtype, copy=False)
    return np.where(found > 0, np.searchsorted(firsts, found) + 1, 0).astype(dtype)


def solve_by_regions(
    solve: Callable[..., Any],
    mask: Any,
    arrays: Sequence[Any] = (),
    *,
    diagonal: bool = True,
    dtype: DTypeLike = np.uint32,
    number: bool = False,
) -> Any:
    """Apply a function to the connected regions of a mask, of Dask arrays of any size.

    Parameters
    ----------
    solve
        Function of a mask (bool) and of the same part of each of `arrays` that returns an array of their shape. What it
        returns for a region must not depend on other regions, nor on pixels farther than one from the region.
    mask
        Dask array; its regions are what is not 0 and connected.
    arrays
        More Dask arrays of the shape.
    diagonal
        Whether pixels that touch at a corner are connected.
    dtype
        Of the result.
    number
        Whether `solve` gives labels 1…n that are to be numbered anew, in the reading order of their first pixels.

    Returns
    -------
    dask.array.Array
        What `solve` gives for the whole image, in the chunks of `mask`. Files in Dask's ``temporary-directory`` hold
        the pixels meanwhile: where several machines compute, that has to be a folder that all of them share.
    """
    from dask import delayed

    lazy = [array.rechunk(mask.chunks) for array in arrays]
    kinds = [np.dtype(np.uint32), np.dtype(np.int64 if number else dtype), *(a.dtype for a in lazy)]
    scratch = delayed(Scratch, pure=False)(mask.shape, kinds)
    blocks = zip(places(mask), *(a.to_delayed().ravel() for a in (mask, *lazy)), strict=True)
    kept = [delayed(_keep)(scratch, where, diagonal, *pixels) for where, *pixels in blocks]
    regions = delayed(_join)(scratch, mask.chunks, diagonal, kept)
    firsts = [
        delayed(_solve)(solve, scratch, where, k, mask.chunks, regions, number) for k, where in enumerate(places(mask))
    ]
    done = delayed(_sorted)(firsts)
    solved = [delayed(_read_after)(done, scratch, where, number, np.dtype(dtype)) for where in places(mask)]
    return from_blocks(solved, mask, dtype)


def _read_after(firsts: NDArray[np.int64], scratch: Scratch, where: Slices, number: bool, dtype: Any) -> NDArray[Any]:
    return _read(scratch, where, firsts if number else None, dtype)
