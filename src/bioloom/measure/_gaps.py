"""Numba kernels for the gaps between objects. Label images come as (z, y, x), a plane having one z."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel
from bioloom.measure._regions import position_of

Array = NDArray[Any]


@kernel
def count_runs(labels: Array, table: Array, ids: Array, first_row: int, last_row: int, counts: Array) -> None:
    """Write how many runs of equal pixels of objects each row has."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line = labels[row // ny, row % ny]
        n = 0
        for x in range(nx):
            if line[x] != 0 and (x == 0 or line[x] != line[x - 1]) and position_of(line[x], table, ids) >= 0:
                n += 1
        counts[row] = n


@kernel
def write_runs(
    labels: Array, table: Array, ids: Array, first_row: int, last_row: int, offsets: Array, runs: Array
) -> None:
    """Write (row of the object, row of the image, first x, last x) of the runs of each row, from `offsets[row]` on."""
    ny, nx = labels.shape[1], labels.shape[2]
    for row in range(first_row, last_row):
        line = labels[row // ny, row % ny]
        at = offsets[row]
        x = 0
        while x < nx and at < offsets[row + 1]:
            label = line[x]
            start = x
            x += 1
            while x < nx and line[x] == label:
                x += 1
            k = position_of(label, table, ids) if label != 0 else -1
            if k >= 0:
                runs[at, 0], runs[at, 1], runs[at, 2], runs[at, 3] = k, row, start, x - 1
                at += 1
        # Labels may have been painted meanwhile, and the runs be fewer than counted: then they lie beyond the image.
        for left in range(at, offsets[row + 1]):
            runs[left, 0], runs[left, 1], runs[left, 2], runs[left, 3] = -1, row, 1 << 30, 1 << 30


@kernel
def runs_from(runs: Array, low: int, high: int, x: int) -> int:
    """Return the first of the runs [low, high) of a row that starts after x."""
    while low < high:
        middle = (low + high) >> 1
        if runs[middle, 2] <= x:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def look_along_row(
    runs: Array, low: int, high: int, run: int, across: float, size: float, best: float, who: int
) -> tuple[float, int]:
    """Squared gap to the nearest other object, and its row, after looking at the runs [low, high) of a row.

    `across` is the squared gap between the rows. Of objects equally near, the one with the lower row counts.
    """
    own, start, stop = runs[run, 0], runs[run, 2], runs[run, 3]
    middle = runs_from(runs, low, high, stop)
    for side in range(2):
        at = middle - 1 if side == 0 else middle
        while low <= at < high:
            gap = (start - runs[at, 3] - 1 if side == 0 else runs[at, 2] - stop - 1) * size
            square = across + max(gap, 0.0) ** 2
            if square > best:
                break
            other = runs[at, 0]
            if other != own and other >= 0:
                if square < best or other < who:
                    best, who = square, other
                if gap > 0:
                    break
            at += -1 if side == 0 else 1
    return best, who


@kernel
def nearest_surfaces(
    shape: tuple[int, ...], runs: Array, offsets: Array, order: Array, starts: Array, stops: Array, sizes: Array,
    first: int, last: int, square: Array, nearest: Array,
) -> None:  # fmt: skip
    """Write the smallest squared gap between the pixels, taken as boxes, of each object and those of others.

    `order` lists the runs by object, those of the kth object in question from `starts[k]` to `stops[k]`. Rows are
    looked at from the nearest on, as far as they can hold something nearer than what was found.
    """
    nz, ny = shape[0], shape[1]
    for k in range(first, last):
        best, who = np.inf, 1 << 62
        for i in range(starts[k], stops[k]):
            run = order[i]
            z, y = runs[run, 1] // ny, runs[run, 1] % ny
            for dz in range(nz):
                gap_z = (max(dz - 1, 0) * sizes[0]) ** 2
                if gap_z > best:
                    break
                for side_z in range(1 if dz == 0 else 2):
                    w = z - dz if side_z == 0 else z + dz
                    if w < 0 or w >= nz:
                        continue
                    for dy in range(ny):
                        across = gap_z + (max(dy - 1, 0) * sizes[1]) ** 2
                        if across > best:
                            break
                        for side_y in range(1 if dy == 0 else 2):
                            v = y - dy if side_y == 0 else y + dy
                            if 0 <= v < ny:
                                row = w * ny + v
                                best, who = look_along_row(
                                    runs, offsets[row], offsets[row + 1], run, across, sizes[2], best, who
                                )
        if best < np.inf:
            square[k], nearest[k] = best, who


@kernel
def count_surfaces_within(
    shape: tuple[int, ...], runs: Array, offsets: Array, order: Array, starts: Array, stops: Array, sizes: Array,
    first: int, last: int, limit: float, n_objects: int, counts: Array,
) -> None:  # fmt: skip
    """Count the other objects of which a pixel, taken as a box, has a squared gap of at most `limit` to the object."""
    nz, ny = shape[0], shape[1]
    seen = np.zeros(n_objects, np.int64) - 1
    for k in range(first, last):
        for i in range(starts[k], stops[k]):
            run = order[i]
            own, start, stop = runs[run, 0], runs[run, 2], runs[run, 3]
            z, y = runs[run, 1] // ny, runs[run, 1] % ny
            high_z = int(np.sqrt(limit) / sizes[0]) + 2
            for w in range(max(z - high_z, 0), min(z + high_z + 1, nz)):
                gap_z = (max(abs(w - z) - 1, 0) * sizes[0]) ** 2
                if gap_z > limit:
                    continue
                reach = int(np.sqrt(limit - gap_z) / sizes[1]) + 2
                for v in range(max(y - reach, 0), min(y + reach + 1, ny)):
                    across = gap_z + (max(abs(v - y) - 1, 0) * sizes[1]) ** 2
                    if across > limit:
                        continue
                    low, high = offsets[w * ny + v], offsets[w * ny + v + 1]
                    middle = runs_from(runs, low, high, stop)
                    for side in range(2):
                        at = middle - 1 if side == 0 else middle
                        while low <= at < high:
                            gap = (start - runs[at, 3] - 1 if side == 0 else runs[at, 2] - stop - 1) * sizes[2]
                            if across + max(gap, 0.0) ** 2 > limit:
                                break
                            other = runs[at, 0]
                            if other >= 0 and other != own and seen[other] != k:
                                seen[other] = k
                                counts[k] += 1
                            at += -1 if side == 0 else 1
