"""Ranges of rows of a label image, to be handed to kernels one after the other: of an array, or read as needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.measure import registry
from bioloom.measure._threads import in_threads

Array = NDArray[Any]


@dataclass(frozen=True)
class Piece:
    """Some rows of a (z, y, x) label image.

    Attributes
    ----------
    read
        Gives the array they lie in, together with as many rows around them as were asked for.
    ranges
        First and last row (exclusive) in that array, all its planes counted one after the other.
    origin
        Position of the first pixel of the array in the image.
    """

    read: Callable[[], Array]
    ranges: tuple[tuple[int, int], ...]
    origin: tuple[int, int, int]


def pieces_of(labels: Any, halo: int) -> Iterator[Piece]:
    """Divide a (z, y, x) label image; what is no NumPy array (Dask, Zarr) is read in parts with `halo` rows around.

    Parts that are read are converted like `registry.Objects.labels`.
    """
    if isinstance(labels, np.ndarray):
        whole = labels
        for some in registry.slabs(whole, _nothing):
            yield Piece(lambda: whole, (some,), (0, 0, 0))
        return
    nz, ny, nx = labels.shape
    planes = max(1, min(nz, registry.SLAB // max(1, ny * nx)))
    rows = ny if planes > 1 else max(1, min(ny, registry.SLAB // max(1, nx)))
    for z in range(0, nz, planes):
        for y in range(0, ny, rows):
            z0, z1 = max(0, z - halo), min(nz, z + planes + halo)
            y0, y1 = max(0, y - halo), min(ny, y + rows + halo)
            height, wanted = y1 - y0, min(rows, ny - y)
            firsts = [(p - z0) * height + y - y0 for p in range(z, min(z + planes, nz))]
            read = partial(_read, labels, (z0, z1), (y0, y1))
            yield Piece(read, tuple((first, first + wanted) for first in firsts), (z0, y0, 0))


def _read(labels: Any, planes: tuple[int, int], rows: tuple[int, int]) -> Array:
    from bioloom.measure.inputs import checked_labels

    return checked_labels(labels[slice(*planes), slice(*rows)])


def in_lanes(labels: Any, halo: int, tick: Callable[[], None], work: Callable[[int, Piece], None]) -> None:
    """Run `work(lane, piece)` for all pieces, in threads that each have a lane of their own."""
    lanes = device.n_cores()
    waiting: list[Callable[[], None]] = []
    for piece in pieces_of(labels, halo):
        waiting.append(partial(work, len(waiting), piece))
        if len(waiting) == lanes:
            in_threads(waiting, tick)
            waiting = []
    in_threads(waiting, tick)


def _nothing() -> None:
    """Do nothing."""
