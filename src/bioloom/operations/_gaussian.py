"""The Gaussian, one axis after the other, on all cores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom.operations._slabs import share_rows


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _add_pairs(total: Any, weights: Any, first: int, before: Any, after: Any) -> None:
    """Add weights[first + k] * (before[k] + after[k]) for the four or one rows that are given."""
    n = total.size
    if len(before) == 4:
        w0, w1, w2, w3 = weights[first], weights[first + 1], weights[first + 2], weights[first + 3]
        a, b, c, d = before
        e, f, g, h = after
        for x in range(n):
            value = total[x] + w0 * (a[x] + e[x])
            value = value + w1 * (b[x] + f[x])
            value = value + w2 * (c[x] + g[x])
            total[x] = value + w3 * (d[x] + h[x])
    else:
        w0, a, e = weights[first], before[0], after[0]
        for x in range(n):
            total[x] += w0 * (a[x] + e[x])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _along_x(src: Any, weights: Any, out: Any, low: int, high: int) -> None:
    nx, r = src.shape[2], weights.size - 1
    row = np.empty(nx + 2 * r, src.dtype)
    for i in range(low, high):
        z, y = i // src.shape[1], i % src.shape[1]
        row[r : r + nx] = src[z, y]
        row[:r] = src[z, y, 0]
        row[r + nx :] = src[z, y, nx - 1]
        total = out[z, y]
        for x in range(nx):
            total[x] = weights[0] * row[r + x]
        k = 1
        while k + 3 <= r:
            a, b = r - k, r + k
            _add_pairs(total, weights, k, (row[a:], row[a - 1 :], row[a - 2 :], row[a - 3 :]),
                       (row[b:], row[b + 1 :], row[b + 2 :], row[b + 3 :]))  # fmt: skip
            k += 4
        while k <= r:
            _add_pairs(total, weights, k, (row[r - k :],), (row[r + k :],))
            k += 1


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _across(src: Any, weights: Any, out: Any, low: int, high: int) -> None:
    """Smooth along axis 1 of (outer, n, x); edges are repeated."""
    n, r = src.shape[1], weights.size - 1
    for i in range(low, high):
        z, y = i // n, i % n
        total, plane = out[z, y], src[z]
        centre = plane[y]
        for x in range(total.size):
            total[x] = weights[0] * centre[x]
        k = 1
        while k + 3 <= r:
            a, b, c, d = max(y - k, 0), max(y - k - 1, 0), max(y - k - 2, 0), max(y - k - 3, 0)
            e, f = min(y + k, n - 1), min(y + k + 1, n - 1)
            g, h = min(y + k + 2, n - 1), min(y + k + 3, n - 1)
            _add_pairs(total, weights, k, (plane[a], plane[b], plane[c], plane[d]),
                       (plane[e], plane[f], plane[g], plane[h]))  # fmt: skip
            k += 4
        while k <= r:
            _add_pairs(total, weights, k, (plane[max(y - k, 0)],), (plane[min(y + k, n - 1)],))
            k += 1


def _half_weights(sigma: float, dtype: Any) -> NDArray[Any]:
    """Return the weights of the centre and of the pixels on one side, cut off at 4 sigma, as SciPy's."""
    places = np.arange(int(4 * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (places / sigma) ** 2)
    rounded = np.asarray(weights / (2 * weights.sum() - 1), dtype)
    # What rounding took from the others: a flat image stays as bright as it is.
    rounded[0] = 1 - 2 * rounded[1:].sum(dtype=np.float64)
    return rounded


def smooth(image: NDArray[Any], sigmas: Sequence[float]) -> NDArray[Any]:
    """Return a float image smoothed with standard deviations in pixels per axis; edges are repeated.

    Each pixel is summed in the same order wherever it lies, so that a block has the bits of the whole.
    """
    stack = np.ascontiguousarray(image).reshape((1,) * (3 - image.ndim) + image.shape)
    result = stack
    for axis, sigma in enumerate((0.0,) * (3 - image.ndim) + tuple(sigmas)):
        if int(4 * sigma + 0.5) == 0:
            continue
        weights = _half_weights(sigma, stack.dtype)
        out = np.empty_like(stack)
        # Along z: the rows of one y, from plane to plane.
        source, target = (a.transpose(1, 0, 2) if axis == 0 else a for a in (result, out))
        kernel = partial(_along_x if axis == 2 else _across, source, weights, target)
        share_rows(kernel, source.shape[0] * source.shape[1], source.size)
        result = out
    return result.reshape(image.shape) if result is not stack else image.copy()
