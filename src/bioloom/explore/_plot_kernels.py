"""Numba kernels that turn many points into pictures. Importing this module imports Numba: do it inside functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bioloom.explore._kernels import _kernel

_OPAQUE = 1 / 255
# The golden ratio's multiples modulo 1 are spread evenly, whatever their number.
_GOLDEN = 0.6180339887498949


@_kernel
def blend_discs(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    index: NDArray[np.integer],
    palette: NDArray[np.float32],
    order: NDArray[np.integer],
    in_row_order: bool,
    left: float,
    scale_x: float,
    top: float,
    scale_y: float,
    half_widths: NDArray[np.intp],
    mixed: NDArray[np.float32],
    ids: NDArray[np.int32],
) -> None:
    """Lay translucent discs over each other: `mixed` holds red, green, blue times alpha, and what shines through."""
    height, width = ids.shape
    reach = len(half_widths) - 1
    count = len(x) if in_row_order else len(order)
    # From the top down: where nothing shines through any more, what lies below needs no look.
    for k in range(count - 1, -1, -1):
        i = k if in_row_order else order[k]
        alpha = palette[index[i], 3]
        if alpha <= 0:
            continue
        across, down = (x[i] - left) * scale_x, (top - y[i]) * scale_y
        if not (-reach <= across < width + reach and -reach <= down < height + reach):
            continue
        column, row = int(np.floor(across)), int(np.floor(down))
        red, green, blue = palette[index[i], 0], palette[index[i], 1], palette[index[i], 2]
        for dy in range(-reach, reach + 1):
            to_row = row + dy
            if to_row < 0 or to_row >= height:
                continue
            half = half_widths[abs(dy)]
            for to_column in range(max(column - half, 0), min(column + half + 1, width)):
                if ids[to_row, to_column] < 0:
                    ids[to_row, to_column] = i
                through = mixed[to_row, to_column, 3]
                if through < _OPAQUE:
                    continue
                share = through * alpha
                mixed[to_row, to_column, 0] += share * red
                mixed[to_row, to_column, 1] += share * green
                mixed[to_row, to_column, 2] += share * blue
                mixed[to_row, to_column, 3] = through - share


@_kernel
def unmix(mixed: NDArray[np.float32], rgba: NDArray[np.uint8]) -> None:
    """Turn what `blend_discs` mixed into bytes: colour by opacity again, and opacity."""
    for row in range(mixed.shape[0]):
        for column in range(mixed.shape[1]):
            opacity = 1 - mixed[row, column, 3]
            if opacity <= 0:
                rgba[row, column] = 0
                continue
            for channel in range(3):
                rgba[row, column, channel] = np.uint8(min(mixed[row, column, channel] / opacity, 1.0) * 255 + 0.5)
            rgba[row, column, 3] = np.uint8(opacity * 255 + 0.5)


@_kernel
def sum_colours(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    index: NDArray[np.integer],
    palette: NDArray[np.float32],
    left: float,
    scale_x: float,
    top: float,
    scale_y: float,
    sums: NDArray[np.float32],
) -> None:
    """Add each point's alpha times (red, green, blue, 1) to its cell of `sums`, shape (height, width, 4)."""
    height, width = sums.shape[:2]
    for i in range(len(x)):
        across, down = (x[i] - left) * scale_x, (top - y[i]) * scale_y
        if not (0 <= across < width and 0 <= down < height):
            continue
        row, column, colour = int(down), int(across), index[i]
        for channel in range(4):
            sums[row, column, channel] += palette[colour, channel]


@_kernel
def count_cells(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    shown: NDArray[np.bool_],
    x0: float,
    per_x: float,
    y0: float,
    per_y: float,
    counts: NDArray[np.int64],
) -> None:
    """Count points per cell of a grid, shape (rows, columns), row 0 lowest; the far edges belong to the last cells."""
    rows, columns = counts.shape
    for i in range(len(x)):
        if not shown[i]:
            continue
        across, up = (x[i] - x0) * per_x, (y[i] - y0) * per_y
        if 0 <= across <= columns and 0 <= up <= rows:
            counts[min(int(up), rows - 1), min(int(across), columns - 1)] += 1


@_kernel
def count_bins(
    values: NDArray[np.float64],
    index: NDArray[np.integer],
    low: float,
    per_unit: float,
    counts: NDArray[np.int64],
) -> None:
    """Count values per bin and row of a palette, shape (bins, rows); the upper end belongs to the last bin."""
    n = counts.shape[0]
    for i in range(len(values)):
        place = (values[i] - low) * per_unit
        if 0 <= place <= n:
            counts[min(int(place), n - 1), index[i]] += 1


@_kernel
def draw_lines(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    starts: NDArray[np.intp],
    ends: NDArray[np.intp],
    strengths: NDArray[np.float32],
    index: NDArray[np.integer],
    palette: NDArray[np.uint8],
    left: float,
    scale_x: float,
    top: float,
    scale_y: float,
    image: NDArray[np.uint8],
) -> None:
    """Draw a line from point to point, fainter by `strengths`, over what is fainter still."""
    height, width = image.shape[:2]
    for k in range(len(starts)):
        a, b = starts[k], ends[k]
        ax, ay = (x[a] - left) * scale_x, (top - y[a]) * scale_y
        bx, by = (x[b] - left) * scale_x, (top - y[b]) * scale_y
        if not (np.isfinite(bx - ax) and np.isfinite(by - ay)):
            continue
        # The part of the line inside the picture (Liang and Barsky).
        t0, t1 = 0.0, 1.0
        for axis in range(2):
            start, way, size = (ax, bx - ax, width) if axis == 0 else (ay, by - ay, height)
            if way == 0:
                if not 0 <= start < size:
                    t1 = -1.0
            elif way > 0:
                t0, t1 = max(t0, -start / way), min(t1, (size - 1e-6 - start) / way)
            else:
                t0, t1 = max(t0, (size - 1e-6 - start) / way), min(t1, -start / way)
        if not t0 <= t1:
            continue
        colour = index[b]
        alpha = np.uint8(palette[colour, 3] * strengths[k])
        if alpha == 0:
            continue
        steps = int(max(abs(bx - ax), abs(by - ay)) * (t1 - t0)) + 1
        for step in range(steps + 1):
            t = t0 + (t1 - t0) * step / steps
            column, row = int(ax + (bx - ax) * t), int(ay + (by - ay) * t)
            if not (0 <= column < width and 0 <= row < height):
                continue
            if image[row, column, 3] < alpha:
                image[row, column, 0] = palette[colour, 0]
                image[row, column, 1] = palette[colour, 1]
                image[row, column, 2] = palette[colour, 2]
                image[row, column, 3] = alpha


@_kernel
def near_path(
    x: NDArray[np.float64], y: NDArray[np.float64], path: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    """Return which points lie within a distance of a line through (x, y) corners, at least one."""
    n = max(len(path) - 1, 1)
    left, right = path[:, 0].min() - radius, path[:, 0].max() + radius
    low, high = path[:, 1].min() - radius, path[:, 1].max() + radius
    near = np.zeros(len(x), np.bool_)
    # A brush of no size beside coordinates so large.
    if not (right > left and high > low):
        return near
    columns = min(int((right - left) / (2 * radius)) + 1, 512)
    rows = min(int((high - low) / (2 * radius)) + 1, 512)
    per_x, per_y = columns / (right - left), rows / (high - low)
    # Pieces of the line by cell: pieces[starts[c]:starts[c + 1]] are those that reach into cell c.
    starts = np.zeros(rows * columns + 1, np.int64)
    filled = np.zeros(rows * columns, np.int64)
    pieces = np.zeros(0, np.int64)
    for fill in range(2):
        for piece in range(n):
            a, b = piece, min(piece + 1, len(path) - 1)
            first_c = max(int((min(path[a, 0], path[b, 0]) - radius - left) * per_x), 0)
            last_c = min(int((max(path[a, 0], path[b, 0]) + radius - left) * per_x), columns - 1)
            first_r = max(int((min(path[a, 1], path[b, 1]) - radius - low) * per_y), 0)
            last_r = min(int((max(path[a, 1], path[b, 1]) + radius - low) * per_y), rows - 1)
            for row in range(first_r, last_r + 1):
                for column in range(first_c, last_c + 1):
                    cell = row * columns + column
                    if fill == 0:
                        starts[cell + 1] += 1
                    else:
                        pieces[starts[cell] + filled[cell]] = piece
                        filled[cell] += 1
        if fill == 0:
            starts = np.cumsum(starts)
            pieces = np.zeros(starts[-1], np.int64)
    for i in range(len(x)):
        px, py = x[i], y[i]
        if not (left <= px <= right and low <= py <= high):
            continue
        cell = min(int((py - low) * per_y), rows - 1) * columns + min(int((px - left) * per_x), columns - 1)
        for k in range(starts[cell], starts[cell + 1]):
            a, b = pieces[k], min(pieces[k] + 1, len(path) - 1)
            wx, wy = path[b, 0] - path[a, 0], path[b, 1] - path[a, 1]
            length = wx * wx + wy * wy
            t = ((px - path[a, 0]) * wx + (py - path[a, 1]) * wy) / length if length > 0 else 0.0
            t = min(max(t, 0.0), 1.0)
            dx, dy = px - path[a, 0] - t * wx, py - path[a, 1] - t * wy
            if dx * dx + dy * dy <= radius * radius:
                near[i] = True
                break
    return near


@_kernel
def spread_sideways(
    values: NDArray[np.float64],
    groups: NDArray[np.integer],
    n_groups: int,
    widths: NDArray[np.float64],
    low: NDArray[np.float64],
    step: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return a place beside the number of each value's group, at most as far as the group is wide at that value."""
    n_steps = widths.shape[1]
    places = np.full(len(values), np.nan)
    for i in range(len(values)):
        group = groups[i]
        if not (0 <= group < n_groups and np.isfinite(values[i])):
            continue
        at = int(min(max((values[i] - low[group]) / step[group], 0.0), n_steps - 1.0))
        places[i] = group + ((i * _GOLDEN) % 1 * 2 - 1) * widths[group, at]
    return places
