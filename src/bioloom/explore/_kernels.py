"""Numba kernels of this room. Importing this module imports Numba: do it inside functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Few points are compared with the edges; for many, a grid of so many cells per side pays.
_FEW_POINTS, _CELLS, _AT_EDGE = 20_000, 256, -1

Kernel = TypeVar("Kernel", bound=Callable[..., Any])


def _kernel(function: Kernel) -> Kernel:
    """Compile at the first call and keep the type hints; never with Numba's own threads, which bear one caller only."""
    return cast(Kernel, njit(nogil=True, cache=True)(function))


@_kernel
def _winding(x: float, y: float, vertices: NDArray[np.float64], edges: NDArray[np.int64]) -> int:
    """Return the winding number of a polygon around a point, of which these edges are at its height."""
    n, winding = len(vertices), 0
    for edge in edges:
        ax, ay = vertices[edge, 0], vertices[edge, 1]
        end = edge + 1 if edge + 1 < n else 0
        bx, by = vertices[end, 0], vertices[end, 1]
        if ay <= y < by:
            if (bx - ax) * (y - ay) - (x - ax) * (by - ay) > 0:
                winding += 1
        elif by <= y < ay and (ax - bx) * (y - by) - (x - bx) * (ay - by) > 0:
            winding -= 1
    return winding


@_kernel
def _clear_cells(
    vertices: NDArray[np.float64], left: float, per_width: float, low: float, per_side: float, cells: NDArray[np.int8]
) -> None:
    """Set the cells of a grid to 0 that no edge of a polygon crosses or touches, or that are no neighbours of one."""
    n, side = len(vertices), len(cells)
    near = np.zeros(cells.shape, np.bool_)
    for edge in range(n):
        end = edge + 1 if edge + 1 < n else 0
        ax, ay = (vertices[edge, 0] - left) * per_width, (vertices[edge, 1] - low) * per_side
        bx, by = (vertices[end, 0] - left) * per_width, (vertices[end, 1] - low) * per_side
        if by < ay:
            ax, ay, bx, by = bx, by, ax, ay
        for row in range(max(int(ay) - 1, 0), min(int(by) + 1, side - 1) + 1):
            # The part of the edge between the lower end of this row and its upper end.
            first = min(max((row - ay) / (by - ay), 0.0), 1.0) if by > ay else 0.0
            last = min(max((row + 1 - ay) / (by - ay), 0.0), 1.0) if by > ay else 1.0
            one, other = ax + (bx - ax) * first, ax + (bx - ax) * last
            for column in range(max(int(min(one, other)) - 1, 0), min(int(max(one, other)) + 1, side - 1) + 1):
                near[row, column] = True
    for row in range(side):
        for column in range(side):
            if not near[row, column]:
                cells[row, column] = 0


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
    # Cells of a grid that no edge comes near lie inside or outside as a whole: most points need no edge.
    per_width = _CELLS / (right - left)
    per_side = _CELLS / (high - low)
    cells = np.full((_CELLS, _CELLS), _AT_EDGE, np.int8)
    by_cells = len(x) > _FEW_POINTS and np.isfinite(per_width) and np.isfinite(per_side) and per_height > 0
    if by_cells:
        _clear_cells(vertices, left, per_width, low, per_side, cells)
        for row in range(_CELLS):
            for column in range(_CELLS):
                if cells[row, column] != _AT_EDGE:
                    px, py = left + (column + 0.5) / per_width, low + (row + 0.5) / per_side
                    slab = min(int((py - low) * per_height), n_slabs - 1)
                    cells[row, column] = _winding(px, py, vertices, edges[starts[slab] : starts[slab + 1]]) != 0
    for i in range(len(x)):
        px, py = x[i], y[i]
        # Written so that NaN fails.
        if not (left <= px <= right and low <= py <= high):
            continue
        if by_cells:
            cell = cells[min(int((py - low) * per_side), _CELLS - 1), min(int((px - left) * per_width), _CELLS - 1)]
            if cell != _AT_EDGE:
                inside[i] = cell == 1
                continue
        slab = min(int((py - low) * per_height), n_slabs - 1)
        inside[i] = _winding(px, py, vertices, edges[starts[slab] : starts[slab + 1]]) != 0
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
