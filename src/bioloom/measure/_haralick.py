"""Numba kernels for texture: which grey levels lie next to each other in an object, and local binary patterns.

The matrix of co-occurrences of an object is mostly empty, so only the cells that were met are visited and cleared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]

N_FEATURES = 13


@kernel
def write_levels(
    labels: Array, image: Array, label: int, box: Array, low: float, high: float, n_levels: int, out: Array
) -> None:
    """Write the grey levels of an object into `out`, of the shape of its box; -1 outside of it and where not finite.

    Levels divide [low, high] evenly; NaN stands for the extremes of the object.
    """
    if low != low:
        low, high = np.inf, -np.inf
        for z in range(box[0], box[3]):
            for y in range(box[1], box[4]):
                for x in range(box[2], box[5]):
                    value = float(image[z, y, x])
                    if labels[z, y, x] == label and value - value == 0.0:
                        low, high = min(low, value), max(high, value)
    # Halved, so that the span of values of nearly the largest numbers there are does not overflow.
    span = high / 2 - low / 2
    for z in range(box[0], box[3]):
        for y in range(box[1], box[4]):
            for x in range(box[2], box[5]):
                value = float(image[z, y, x])
                level = -1
                if labels[z, y, x] == label and value - value == 0.0:
                    level = 0
                    if span > 0:
                        share = min(max((value / 2 - low / 2) / span, 0.0), 1.0)
                        level = min(int(share * n_levels), n_levels - 1)
                out[z - box[0], y - box[1], x - box[2]] = level


@kernel
def count_pairs(levels: Array, step: Array, counts: Array, cells: Array) -> tuple[int, int]:
    """Count pairs of levels, the lower first, of pixels one step apart; return their number and that of the cells met.

    `cells` (k, 2) receives the pairs of levels that were met.
    """
    nz, ny, nx = levels.shape
    dz, dy, dx = step[0], step[1], step[2]
    total = n_cells = 0
    for z in range(max(0, -dz), min(nz, nz - dz)):
        for y in range(max(0, -dy), min(ny, ny - dy)):
            for x in range(max(0, -dx), min(nx, nx - dx)):
                a, b = levels[z, y, x], levels[z + dz, y + dy, x + dx]
                if a >= 0 and b >= 0:
                    if a > b:
                        a, b = b, a
                    if counts[a, b] == 0:
                        cells[n_cells, 0], cells[n_cells, 1] = a, b
                        n_cells += 1
                    counts[a, b] += 1
                    total += 1
    return total, n_cells


@kernel
def entropy(shares: Array) -> float:
    """Return the entropy of a distribution in bits."""
    out = 0.0
    for share in shares:
        if share > 0:
            out -= share * np.log2(share)
    return out


@kernel
def add_features(
    counts: Array, cells: Array, n_cells: int, total: int, sides: Array, sums: Array, differences: Array, out: Array
) -> None:
    """Add the features of Haralick of a matrix of co-occurrences to `out`, and clear the matrix.

    `sides`, `sums` and `differences` are scratch space for the distributions of i, i + j and |i − j|.
    """
    sides[:], sums[:], differences[:] = 0, 0, 0
    squares = products = inverse = joint = 0.0
    for c in range(n_cells):
        i, j = cells[c, 0], cells[c, 1]
        share = counts[i, j] / total  # of both orders of the levels together
        counts[i, j] = 0
        sides[i] += share / 2
        sides[j] += share / 2
        sums[i + j] += share
        differences[j - i] += share
        products += i * j * share
        inverse += share / (1 + (j - i) ** 2)
        if i == j:
            squares += share * share
            joint -= share * np.log2(share)
        else:
            squares += share * share / 2
            joint -= share * np.log2(share / 2)
    mean = spread = contrast = mean_difference = mean_sum = spread_sum = 0.0
    for i in range(sides.size):
        mean += i * sides[i]
        contrast += i * i * differences[i]
        mean_difference += i * differences[i]
    for i in range(sides.size):
        spread += (i - mean) ** 2 * sides[i]
    for i in range(sums.size):
        mean_sum += i * sums[i]
    for i in range(sums.size):
        spread_sum += (i - mean_sum) ** 2 * sums[i]
    side = entropy(sides)
    # The matrix is symmetric, so that the entropies HXY1 and HXY2 are both twice that of a side.
    shared = max(2 * side - joint, 0.0)
    out[0] += squares
    out[1] += contrast
    out[2] += (products - mean * mean) / spread if spread > 0 else 1.0
    out[3] += spread
    out[4] += inverse
    out[5] += mean_sum
    out[6] += spread_sum
    out[7] += entropy(sums)
    out[8] += joint
    out[9] += contrast - mean_difference**2
    out[10] += entropy(differences)
    out[11] += -shared / side if side > 0 else 0.0
    out[12] += np.sqrt(1 - np.exp(-2 * shared))


@kernel
def haralick_features(
    labels: Array, ids: Array, boxes: Array, first: int, last: int, image: Array, steps: Array, n_levels: int,
    low: float, high: float, out: Array,
) -> None:  # fmt: skip
    """Write the features (n, 13) of the objects [first, last), the means over those `steps` that have pairs."""
    counts = np.zeros((n_levels, n_levels), np.int64)
    sides, sums, differences = np.empty(n_levels), np.empty(2 * n_levels), np.empty(n_levels)
    for k in range(first, last):
        box = boxes[k]
        levels = np.empty((box[3] - box[0], box[4] - box[1], box[5] - box[2]), np.int32)
        write_levels(labels, image, ids[k], box, low, high, n_levels, levels)
        cells = np.empty((min(levels.size, n_levels * n_levels), 2), np.int32)
        n_steps = 0
        out[k] = 0
        for s in range(steps.shape[0]):
            total, n_cells = count_pairs(levels, steps[s], counts, cells)
            if total > 0:
                add_features(counts, cells, n_cells, total, sides, sums, differences, out[k])
                n_steps += 1
        for f in range(out.shape[1]):
            out[k, f] = out[k, f] / n_steps if n_steps > 0 else np.nan


@kernel
def pixel_or_0(plane: Array, y: int, x: int) -> float:
    """Value of a pixel, 0 outside of the image."""
    return float(plane[y, x]) if 0 <= y < plane.shape[0] and 0 <= x < plane.shape[1] else 0.0


@kernel
def between(plane: Array, y: int, x: int, dy: float, dx: float) -> float:
    """Value between four pixels, by so much after (y, x), interpolated along x and then along y."""
    if dy == 0 and dx == 0:
        return pixel_or_0(plane, y, x)
    if 0 <= y < plane.shape[0] - 1 and 0 <= x < plane.shape[1] - 1:
        a, b, c, d = plane[y, x], plane[y, x + 1], plane[y + 1, x], plane[y + 1, x + 1]
        return (1 - dy) * ((1 - dx) * float(a) + dx * float(b)) + dy * ((1 - dx) * float(c) + dx * float(d))
    y1, x1 = y + (dy > 0), x + (dx > 0)
    top = (1 - dx) * pixel_or_0(plane, y, x) + dx * pixel_or_0(plane, y, x1)
    bottom = (1 - dx) * pixel_or_0(plane, y1, x) + dx * pixel_or_0(plane, y1, x1)
    return (1 - dy) * top + dy * bottom


@kernel
def pattern_histograms(
    labels: Array, ids: Array, boxes: Array, first: int, last: int, image: Array, points: Array, out: Array
) -> None:
    """Write the shares (n, points + 2) of uniform local binary patterns among the pixels of the objects [first, last).

    `points` (p, 2) are the positions around a pixel, y and x. Pixels whose value or surroundings are NaN do not count.
    """
    n_points = points.shape[0]
    # Counted from the pixel: rounding must not depend on where in the image, or in which part of it, the pixel is.
    whole = np.floor(points).astype(np.int64)
    rest = points - whole
    for k in range(first, last):
        n = 0
        out[k] = 0
        for z in range(boxes[k, 0], boxes[k, 3]):
            plane = image[z]
            for y in range(boxes[k, 1], boxes[k, 4]):
                for x in range(boxes[k, 2], boxes[k, 5]):
                    centre = float(plane[y, x])
                    if labels[z, y, x] != ids[k] or centre != centre:
                        continue
                    ones = changes = 0
                    previous = defined = True
                    for p in range(n_points):
                        value = between(plane, y + whole[p, 0], x + whole[p, 1], rest[p, 0], rest[p, 1])
                        if value != value:
                            defined = False
                            break
                        # As differences: that of two infinite values is no number, and not above 0.
                        above = value - centre >= 0
                        ones += above
                        changes += p > 0 and above != previous
                        previous = above
                    if defined:
                        out[k, ones if changes <= 2 else n_points + 1] += 1
                        n += 1
        for c in range(out.shape[1]):
            out[k, c] = out[k, c] / n if n > 0 else np.nan
