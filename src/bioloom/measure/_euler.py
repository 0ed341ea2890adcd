"""Euler numbers by looking only at the neighbours of a pixel that come before it in memory.

An object is the union of its pixels as closed squares (voxels as closed cubes), so that pixels that share a corner
hang together. Its Euler number is the number of corners less that of edges, plus that of faces, less that of voxels.
Every corner, edge and face is counted with the first pixel that has it, which the neighbours before it tell.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray


def steps_back(ndim: int) -> NDArray[np.int64]:
    """List the steps (z, y, x) to the 4 neighbours (13 in stacks) that come before a pixel in memory."""
    steps = [s for s in product((-1, 0, 1), repeat=3) if s < (0, 0, 0) and (ndim == 3 or s[0] == 0)]
    return np.array(steps, dtype=np.int64)


def euler_table(ndim: int) -> NDArray[np.int8]:
    """List what a pixel adds to the Euler number of its object.

    The index has bit d set if the neighbour at `steps_back(ndim)[d]` is of the same object.
    """
    steps = steps_back(ndim)
    # A corner, edge or face of a voxel is (z, y, x) with -1 or 1 where it lies at an end of the voxel, else 0.
    cells = [c for c in product((-1, 0, 1), repeat=3) if ndim == 3 or c[0] == 0]
    owners = np.zeros((len(steps), len(cells)), np.int64)
    # A step shares a cell if it goes to the side of the cell along every axis along which it goes at all.
    for d, step in enumerate(steps):
        for c, cell in enumerate(cells):
            owners[d, c] = all(s in (0, k) for s, k in zip(step, cell, strict=True))
    bits = np.arange(1 << len(steps))[:, None] >> np.arange(len(steps)) & 1
    shared = bits @ owners > 0
    dimension = ndim - np.abs(np.array(cells)).sum(axis=1)
    table: NDArray[np.int8] = (~shared @ (1 - 2 * (dimension % 2))).astype(np.int8)
    return table
