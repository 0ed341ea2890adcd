"""Numba kernels of this room. Importing this module imports Numba: do it inside functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _kernel(function: Kernel) -> Kernel:
    """Compile at the first call and keep the type hints; never with Numba's own threads, which bear one caller only."""
    return cast(Kernel, njit(nogil=True, cache=True)(function))


@_kernel
def winding_mask(x: NDArray[np.float64], y: NDArray[np.float64], vertices: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return where the winding number of a closed polygon of finite (x, y) vertices is not 0."""
    n = len(vertices)
    left, right = vertices[:, 0].min(), vertices[:, 0].max()
    low, high = vertices[:, 1].min(), vertices[:, 1].max()
    inside = np.zeros(len(x), dtype=np.bool_)
    if not (left < right and low < high):
        return inside
    # Edges by slab: edges[starts[s]:starts[s + 1]] are those that reach into slab s.
    n_slabs = min(4 * n, 1024)
    per_height = n_slabs / (high - low)
    if not np.isfinite(per_height):
        n_slabs, per_height = 1, 0.0
    first, last = np.empty(n, np.int64), np.empty(n, np.int64)
    starts = np.zeros(n_slabs + 1, np.int64)
    for edge in range(n):
        one, other = vertices[edge, 1], vertices[(edge + 1) % n, 1]
        first[edge] = min(int((min(one, other) - low) * per_height), n_slabs - 1)
        last[edge] = min(int((max(one, other) - low) * per_height), n_slabs - 1)
        for slab in range(first[edge], last[edge] + 1):
            starts[slab + 1] += 1
    for slab in range(n_slabs):
        starts[slab + 1] += starts[slab]
    edges, filled = np.empty(starts[n_slabs], np.int64), starts.copy()
    for edge in range(n):
        for slab in range(first[edge], last[edge] + 1):
            edges[filled[slab]] = edge
            filled[slab] += 1
    for i in range(len(x)):
        px, py = x[i], y[i]
        # Written so that NaN fails.
        if not (left <= px <= right and low <= py <= high):
            continue
        slab = min(int((py - low) * per_height), n_slabs - 1)
        winding = 0
        for k in range(starts[slab], starts[slab + 1]):
            ax, ay = vertices[edges[k], 0], vertices[edges[k], 1]
            end = edges[k] + 1 if edges[k] + 1 < n else 0
            bx, by = vertices[end, 0], vertices[end, 1]
            if ay <= py < by:
                if (bx - ax) * (py - ay) - (px - ax) * (by - ay) > 0:
                    winding += 1
            elif by <= py < ay and (ax - bx) * (py - by) - (px - bx) * (ay - by) > 0:
                winding -= 1
        inside[i] = winding != 0
    return inside


@_kernel
def stamp_discs(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    index: NDArray[np.integer],
    visible: NDArray[np.bool_],
    order: NDArray[np.integer],
    in_row_order: bool,
    left: float,
    scale_x: float,
    top: float,
    scale_y: float,
    half_widths: NDArray[np.intp],
    offsets: NDArray[np.intp],
    ids: NDArray[np.int32],
) -> None:
    """Write the rows of points into the pixels of their discs, later ones over earlier ones.

    Without a look at what is there: reading and deciding for each pixel takes three times as long. `offsets` are the
    places of a disc's pixels in the flattened picture relative to its centre.
    """
    height, width = ids.shape
    flat = ids.reshape(-1)
    reach = len(half_widths) - 1
    count = len(x) if in_row_order else len(order)
    for k in range(count):
        i = k if in_row_order else order[k]
        if not visible[index[i]]:
            continue
        across, down = (x[i] - left) * scale_x, (top - y[i]) * scale_y
        if reach <= across < width - reach and reach <= down < height - reach:
            centre = int(down) * width + int(across)
            for offset in offsets:
                flat[centre + offset] = i
        # Before the conversion to integers, which NaN and huge numbers do not survive.
        elif -reach <= across < width + reach and -reach <= down < height + reach:
            column, row = int(np.floor(across)), int(np.floor(down))
            for to_row in range(max(row - reach, 0), min(row + reach + 1, height)):
                half = half_widths[abs(to_row - row)]
                for to_column in range(max(column - half, 0), min(column + half + 1, width)):
                    ids[to_row, to_column] = i


@_kernel
def colour_pixels(
    ids: NDArray[np.int32], index: NDArray[np.integer], colours: NDArray[np.uint32], image: NDArray[np.uint32]
) -> None:
    """Give each pixel the colour of the point that it shows, 0 where none is."""
    for row in range(ids.shape[0]):
        for column in range(ids.shape[1]):
            i = ids[row, column]
            image[row, column] = colours[index[i]] if i >= 0 else 0
