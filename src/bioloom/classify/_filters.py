"""The kernels of pixel features: every value is summed in one fixed order, so that a block has the bits of the whole.

Arrays are C-contiguous float32 (z, y, x); planes are stacks of one. Stencils are given an array with a margin of one
pixel in y and x, and in z too if it is a stack (``z_margin`` 1, else 0).
"""

from __future__ import annotations

from math import acos, cos, pi, sqrt
from typing import Any

import numpy as np
from numba import njit, uintp

_F = {"contract"}  # a multiplication and an addition may become one instruction, for all pixels alike


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_F)
def _weigh_row(src: Any, at: int, step: int, weights: Any, total: Any, out: Any, to: int, width: int) -> None:
    """Set width values of `out` from `to` on to the weighted mean of values of `src` that are `step` apart."""
    n = weights.shape[0]
    w = weights[0]
    for i in range(width):
        out[to + uintp(i)] = w * src[at + uintp(i)]
    k = 1
    while k + 8 <= n:
        # Eight at a time, in order: the sums stay in registers meanwhile.
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        w4, w5, w6, w7 = weights[k + 4], weights[k + 5], weights[k + 6], weights[k + 7]
        a = at + uintp(k) * step
        b, c, d = a + step, a + step + step, a + step + step + step
        e, f, g, h = d + step, d + step + step, d + step + step + step, d + step + step + step + step
        for i in range(width):
            value = out[to + uintp(i)]
            value = value + w0 * src[a + uintp(i)]
            value = value + w1 * src[b + uintp(i)]
            value = value + w2 * src[c + uintp(i)]
            value = value + w3 * src[d + uintp(i)]
            value = value + w4 * src[e + uintp(i)]
            value = value + w5 * src[f + uintp(i)]
            value = value + w6 * src[g + uintp(i)]
            out[to + uintp(i)] = value + w7 * src[h + uintp(i)]
        k += 8
    while k + 4 <= n:
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        a = at + uintp(k) * step
        b, c, d = a + step, a + step + step, a + step + step + step
        for i in range(width):
            value = out[to + uintp(i)]
            value = value + w0 * src[a + uintp(i)]
            value = value + w1 * src[b + uintp(i)]
            value = value + w2 * src[c + uintp(i)]
            out[to + uintp(i)] = value + w3 * src[d + uintp(i)]
        k += 4
    while k < n:
        w = weights[k]
        a = at + uintp(k) * step
        for i in range(width):
            out[to + uintp(i)] += w * src[a + uintp(i)]
        k += 1
    for i in range(width):
        out[to + uintp(i)] /= total


@njit(nogil=True, cache=True, error_model="numpy")
def weigh(src: Any, z0: int, y0: int, x0: int, axis: int, weights: Any, out: Any) -> None:
    """Set out[z, y, x] to the weighted mean of src[z0 + z, y0 + y, x0 + x] and those after it along an axis."""
    total = np.float32(0)
    for w in weights:
        total += w
    _, ny, nx = src.shape
    flat, result = src.ravel(), out.ravel()
    step = uintp(1) if axis == 2 else uintp(nx) if axis == 1 else uintp(ny * nx)
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            at = uintp(((z0 + z) * ny + y0 + y) * nx + x0)
            to = uintp((z * out.shape[1] + y) * out.shape[2])
            _weigh_row(flat, at, step, weights, total, result, to, out.shape[2])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_F)
def laplace_plane(src: Any, out: Any) -> None:
    """Set `out` to eight times the centre minus its eight neighbours."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            above, here, below = src[z, y], src[z, y + 1], src[z, y + 2]
            for x in range(out.shape[2]):
                value = here[x + 1] * np.float32(8) - here[x + 2] - here[x] - above[x + 1] - below[x + 1]
                out[z, y, x] = value - above[x] - above[x + 2] - below[x] - below[x + 2]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_F)
def laplace_stack(src: Any, out: Any) -> None:
    """Set `out` to 26 times the centre minus its 26 neighbours."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                total = np.float32(0)
                for dz in range(3):
                    for dy in range(3):
                        row = src[z + dz, y + dy]
                        total += row[x] + row[x + 1] + row[x + 2]
                out[z, y, x] = np.float32(27) * src[z + 1, y + 1, x + 1] - total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_F)
def sobel_plane(src: Any, fy: Any, fx: Any, out: Any) -> None:
    """Set `out` to the magnitude of the Sobel gradient; derivatives are multiplied by `fy` and `fx`."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            a, b, c = src[z, y], src[z, y + 1], src[z, y + 2]
            for x in range(out.shape[2]):
                dx = -a[x] - np.float32(2) * b[x] - c[x] + a[x + 2] + np.float32(2) * b[x + 2] + c[x + 2]
                dy = -a[x] - np.float32(2) * a[x + 1] - a[x + 2] + c[x] + np.float32(2) * c[x + 1] + c[x + 2]
                dx *= fx
                dy *= fy
                out[z, y, x] = np.sqrt(dx * dx + dy * dy)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=_F)
def sobel_stack(src: Any, fz: Any, fy: Any, fx: Any, out: Any) -> None:
    """Set `out` to the magnitude of the Sobel gradient in 3D."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                dz, dy, dx = np.float32(0), np.float32(0), np.float32(0)
                for i in range(3):
                    wi = np.float32(2 - abs(i - 1))
                    for j in range(3):
                        w = wi * np.float32(2 - abs(j - 1))
                        dz += w * (src[z + 2, y + i, x + j] - src[z, y + i, x + j])
                        dy += w * (src[z + i, y + 2, x + j] - src[z + i, y, x + j])
                        dx += w * (src[z + i, y + j, x + 2] - src[z + i, y + j, x])
                dz, dy, dx = dz * fz, dy * fy, dx * fx
                out[z, y, x] = np.sqrt(dz * dz + dy * dy + dx * dx)


@njit(nogil=True, cache=True, error_model="numpy")
def _eigenvalue_2x2(a: Any, b: Any, c: Any, which: int) -> Any:
    """Return the smaller (0) or larger (1) eigenvalue of ((a, b), (b, c))."""
    trace = a + c
    root = np.sqrt(np.float32(4) * b * b + (a - c) * (a - c))
    half = np.float32(0.5)
    return half * trace - half * root if which == 0 else half * trace + half * root


@njit(nogil=True, cache=True, error_model="numpy")
def _eigenvalue_3x3(a: float, b: float, c: float, d: float, e: float, f: float, which: int) -> float:
    """Return eigenvalue 0 (smallest), 1 or 2 of ((a, d, e), (d, b, f), (e, f, c)).

    Trigonometric solution: O. K. Smith, Communications of the ACM 4 (1961) 168.
    """
    mean = (a + b + c) / 3
    p = sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2 + 2 * (d * d + e * e + f * f)) / 6)
    if p == 0:
        return mean
    a, b, c = (a - mean) / p, (b - mean) / p, (c - mean) / p
    d, e, f = d / p, e / p, f / p
    half_det = (a * (b * c - f * f) - d * (d * c - f * e) + e * (d * f - b * e)) / 2
    angle = acos(min(1.0, max(-1.0, half_det))) / 3
    large = mean + 2 * p * cos(angle)
    small = mean + 2 * p * cos(angle + 2 * pi / 3)
    if which == 0:
        return small
    return large if which == 2 else 3 * mean - large - small


@njit(nogil=True, cache=True, error_model="numpy")
def hessian_plane(src: Any, fy: Any, fx: Any, which: int, out: Any) -> None:
    """Set `out` to an eigenvalue of the second differences, smaller (0) or larger (1)."""
    quarter = np.float32(0.25)
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            a, b, c = src[z, y], src[z, y + 1], src[z, y + 2]
            for x in range(out.shape[2]):
                xx = (b[x] - np.float32(2) * b[x + 1] + b[x + 2]) * fx * fx
                yy = (a[x + 1] - np.float32(2) * b[x + 1] + c[x + 1]) * fy * fy
                xy = (a[x] + c[x + 2] - c[x] - a[x + 2]) * quarter * fx * fy
                out[z, y, x] = _eigenvalue_2x2(xx, xy, yy, which)


@njit(nogil=True, cache=True, error_model="numpy")
def hessian_stack(src: Any, fz: Any, fy: Any, fx: Any, which: int, out: Any) -> None:
    """Set `out` to an eigenvalue of the second differences in 3D: smallest (0), middle (1) or largest (2)."""
    for k in range(out.shape[0]):
        z = k + 1
        for j in range(out.shape[1]):
            y = j + 1
            for i in range(out.shape[2]):
                x = i + 1
                twice = 2 * np.float64(src[z, y, x])
                zz = (np.float64(src[z - 1, y, x]) + src[z + 1, y, x] - twice) * fz * fz
                yy = (np.float64(src[z, y - 1, x]) + src[z, y + 1, x] - twice) * fy * fy
                xx = (np.float64(src[z, y, x - 1]) + src[z, y, x + 1] - twice) * fx * fx
                zy = np.float64(src[z - 1, y - 1, x]) + src[z + 1, y + 1, x]
                zy = (zy - src[z - 1, y + 1, x] - src[z + 1, y - 1, x]) * 0.25 * fz * fy
                zx = np.float64(src[z - 1, y, x - 1]) + src[z + 1, y, x + 1]
                zx = (zx - src[z - 1, y, x + 1] - src[z + 1, y, x - 1]) * 0.25 * fz * fx
                yx = np.float64(src[z, y - 1, x - 1]) + src[z, y + 1, x + 1]
                yx = (yx - src[z, y - 1, x + 1] - src[z, y + 1, x - 1]) * 0.25 * fy * fx
                out[k, j, i] = _eigenvalue_3x3(zz, yy, xx, zy, zx, yx, which)


@njit(nogil=True, cache=True, error_model="numpy")
def gradient_products(src: Any, z_margin: int, fz: Any, fy: Any, fx: Any, out: Any) -> None:
    """Set out[0…] to the products yy, xx, yx (planes) or also zz, zy, zx (stacks) of central differences."""
    half = np.float32(0.5)
    for z in range(out.shape[1]):
        for y in range(out.shape[2]):
            for x in range(out.shape[3]):
                dy = (src[z + z_margin, y + 2, x + 1] - src[z + z_margin, y, x + 1]) * half * fy
                dx = (src[z + z_margin, y + 1, x + 2] - src[z + z_margin, y + 1, x]) * half * fx
                out[0, z, y, x] = dy * dy
                out[1, z, y, x] = dx * dx
                out[2, z, y, x] = dy * dx
                if z_margin:
                    dz = (src[z + 2, y + 1, x + 1] - src[z, y + 1, x + 1]) * half * fz
                    out[3, z, y, x] = dz * dz
                    out[4, z, y, x] = dz * dy
                    out[5, z, y, x] = dz * dx


@njit(nogil=True, cache=True, error_model="numpy")
def tensor_eigenvalues(tensor: Any, which: int, out: Any) -> None:
    """Set `out` to an eigenvalue of the tensor with components as :func:`gradient_products` gives them."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                yy, xx, yx = tensor[0, z, y, x], tensor[1, z, y, x], tensor[2, z, y, x]
                if tensor.shape[0] == 3:
                    out[z, y, x] = _eigenvalue_2x2(yy, yx, xx, which)
                else:
                    zz, zy, zx = tensor[3, z, y, x], tensor[4, z, y, x], tensor[5, z, y, x]
                    out[z, y, x] = _eigenvalue_3x3(
                        np.float64(zz), np.float64(yy), np.float64(xx), np.float64(zy), np.float64(zx),
                        np.float64(yx), which,
                    )  # fmt: skip


@njit(nogil=True, cache=True, error_model="numpy")
def line_contrast(src: Any, margin: Any, offsets: Any, sign: Any, out: Any) -> None:
    """Set `out` to how far the brightest of the lines through a pixel is above their mean (`sign` 1; -1: darkest).

    `src` has `margin` (z, y, x) pixels around; `offsets` is (lines, points, 3).
    """
    n_lines, n_points = offsets.shape[:2]
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                total, best = np.float32(0), np.float32(-np.inf)
                for line in range(n_lines):
                    value = np.float32(0)
                    for p in range(n_points):
                        value += src[
                            z + margin[0] + offsets[line, p, 0],
                            y + margin[1] + offsets[line, p, 1],
                            x + margin[2] + offsets[line, p, 2],
                        ]
                    value *= sign
                    total += value
                    best = max(best, value)
                out[z, y, x] = (best - total / np.float32(n_lines)) / np.float32(n_points)
