"""Numba kernels for the granularity spectrum: openings by reconstruction of single objects, of growing size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.measure._compile import kernel

Array = NDArray[Any]


@kernel
def reconstruct(marker: Array, ceiling: Array, inside: Array, steps: Array, queue: Array, waiting: Array) -> None:
    """Let the values of `marker` spread as far as `ceiling` allows (Vincent 1993, hybrid algorithm).

    All are flat arrays of a crop with a rim of pixels outside; `inside` has the positions of the pixels of the object
    in order, `steps` those to its neighbours, the ones before it first. Outside, the values are -inf.
    """
    half = steps.size // 2
    for p in inside:
        value = marker[p]
        for s in range(half):
            value = max(value, marker[p + steps[s]])
        marker[p] = min(value, ceiling[p])
    head = length = 0
    for i in range(inside.size - 1, -1, -1):
        p = inside[i]
        value = marker[p]
        for s in range(half, steps.size):
            value = max(value, marker[p + steps[s]])
        value = min(value, ceiling[p])
        marker[p] = value
        for s in range(half, steps.size):
            q = p + steps[s]
            if marker[q] < value and marker[q] < ceiling[q]:
                queue[length] = p
                waiting[p] = True
                length += 1
                break
    while length > 0:
        p = queue[head]
        head = (head + 1) % queue.size
        length -= 1
        waiting[p] = False
        for s in range(steps.size):
            q = p + steps[s]
            if marker[q] < marker[p] and marker[q] < ceiling[q]:
                marker[q] = min(marker[p], ceiling[q])
                if not waiting[q]:
                    queue[(head + length) % queue.size] = q
                    waiting[q] = True
                    length += 1


@kernel
def erode(values: Array, inside: Array, steps: Array, out: Array) -> bool:
    """Write the least value among each pixel and its neighbours in the object; return whether any changed."""
    changed = False
    for p in inside:
        least = values[p]
        for s in range(steps.size):
            beside = values[p + steps[s]]
            if beside != -np.inf:
                least = min(least, beside)
        out[p] = least
        changed |= least != values[p]
    return changed


@kernel
def granularity_spectra(
    labels: Array, ids: Array, boxes: Array, first: int, last: int, image: Array, flat: bool, out: Array
) -> None:
    """Write the spectra (n, scales) of the objects [first, last); pixels that are not finite are left out."""
    for k in range(first, last):
        z0, y0, x0 = boxes[k, 0], boxes[k, 1], boxes[k, 2]
        depth = 1 if flat else boxes[k, 3] - z0 + 2
        height, width = boxes[k, 4] - y0 + 2, boxes[k, 5] - x0 + 2
        plane = height * width
        ceiling = np.full(depth * plane, -np.inf)
        inside = np.empty(ceiling.size, np.int64)
        n = 0
        mean = 0.0
        for z in range(z0, boxes[k, 3]):
            for y in range(y0, boxes[k, 4]):
                for x in range(x0, boxes[k, 5]):
                    value = float(image[z, y, x])
                    if labels[z, y, x] == ids[k] and value - value == 0.0:
                        p = (0 if flat else z - z0 + 1) * plane + (y - y0 + 1) * width + x - x0 + 1
                        ceiling[p] = value
                        inside[n] = p
                        mean += value
                        n += 1
        inside = inside[:n]
        start = mean / n if n > 0 else 0.0
        if start <= 0:
            out[k] = np.nan
            continue
        steps = np.array([-width, -1, 1, width]) if flat else np.array([-plane, -width, -1, 1, width, plane])
        eroded, spare, opened = ceiling.copy(), ceiling.copy(), ceiling.copy()
        queue, waiting = np.empty(n, np.int64), np.zeros(ceiling.size, np.bool_)
        previous = start
        out[k] = 0
        for scale in range(out.shape[1]):
            if not erode(eroded, inside, steps, spare):
                break  # nothing is left to remove
            eroded, spare = spare, eroded
            opened[:] = eroded
            reconstruct(opened, ceiling, inside, steps, queue, waiting)
            mean = 0.0
            for p in inside:
                mean += opened[p]
            mean /= n
            out[k, scale] = 100 * (previous - mean) / start
            previous = mean
