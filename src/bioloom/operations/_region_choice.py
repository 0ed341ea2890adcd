"""Choosing connected regions of a mask on Dask arrays by what is in them, however large they are.

Memory holds one block per thread and a few numbers per region: regions are numbered in each block, joined over the
borders of blocks, and what is known of their parts is added up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._regions import connected, foreground
from bioloom.operations._scratch import Scratch, Slices, from_blocks, places

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Choice = Callable[[Bools, Ints], Bools]


def with_marks(weak: NDArray[Any], strong: NDArray[Any], diagonal: bool) -> Bools:
    """Return the regions of a mask in which another mask has a pixel."""
    regions = connected(weak, diagonal)
    kept = np.zeros(int(regions.max()) + 1, bool)
    kept[regions[foreground(strong)]] = True
    kept[0] = False
    return kept[regions]


def with_marks_of_blocks(weak: Any, strong: Any, diagonal: bool) -> Any:
    """Return :func:`with_marks` of Dask arrays."""
    return choose_regions(weak, strong, diagonal, lambda marked, _counts: marked)


def choose_regions(mask: Any, marks: Any, diagonal: bool, choose: Choice) -> Any:
    """Return the regions of a mask that ``choose(marked, counts)`` keeps.

    Parameters
    ----------
    mask, marks
        Dask arrays of one shape; what is not 0.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.
    choose
        Is given whether any pixel of each region is marked, and how many pixels each has, (n,); returns which stay.

    Returns
    -------
    dask.array.Array
        bool, in the chunks of `mask`. For the files that are used see :func:`~._block_regions.solve_by_regions`.
    """
    from dask import delayed

    scratch = delayed(Scratch, pure=False)(mask.shape, [np.dtype(np.uint32)])
    blocks = zip(places(mask), mask.to_delayed().ravel(), marks.rechunk(mask.chunks).to_delayed().ravel(), strict=True)
    known = [delayed(_know)(scratch, where, diagonal, *pixels) for where, *pixels in blocks]
    chosen = delayed(_choose)(scratch, mask.chunks, diagonal, known, choose)
    result = [delayed(_kept)(chosen, scratch, where, k) for k, where in enumerate(places(mask))]
    return from_blocks(result, mask, np.dtype(bool))


def _know(scratch: Scratch, where: Slices, diagonal: bool, mask: Any, marks: Any) -> tuple[Bools, Ints]:
    regions = connected(mask, diagonal)
    scratch[0][where] = regions
    counts = np.bincount(regions.ravel())
    marked = np.zeros(counts.size, bool)
    marked[regions[foreground(marks)]] = True
    return marked[1:], counts[1:]


def _choose(
    scratch: Scratch, chunks: Any, diagonal: bool, known: Sequence[tuple[Bools, Ints]], choose: Choice
) -> list[Bools]:
    """Return for each block which of background and its regions stay."""
    from bioloom.operations._block_regions import united

    sizes = [counts.size for _, counts in known]
    _, region, _ = united(scratch, chunks, diagonal, sizes)
    n = int(region.max(initial=-1)) + 1
    marked = np.zeros(n, bool)
    marked[region[np.concatenate([m for m, _ in known])]] = True
    counts = np.zeros(n, np.int64)
    np.add.at(counts, region, np.concatenate([c for _, c in known]))
    keep = choose(marked, counts)[region]
    return [np.append(False, part) for part in np.split(keep, np.cumsum(sizes)[:-1])]


def _kept(chosen: list[Bools], scratch: Scratch, where: Slices, number: int) -> Bools:
    kept: Bools = chosen[number][np.asarray(scratch[0][where])]
    return kept


def at_border(shape: Sequence[int], where: Slices) -> Bools:
    """Tell which pixels of a part of an image lie at its border; an axis of one pixel has none."""
    found = np.zeros([s.stop - s.start for s in where], bool)
    for axis, (s, n) in enumerate(zip(where, shape, strict=True)):
        along: tuple[Any, ...] = (slice(None),) * axis
        if n > 1 and s.start == 0:
            found[(*along, 0)] = True
        if n > 1 and s.stop == n:
            found[(*along, -1)] = True
    return found


def border_of_blocks(like: Any) -> Any:
    """Return :func:`at_border` of the image as a Dask array with the blocks of another."""
    from dask import delayed

    blocks = [delayed(at_border)(like.shape, where) for where in places(like)]
    return from_blocks(blocks, like, np.dtype(bool))
