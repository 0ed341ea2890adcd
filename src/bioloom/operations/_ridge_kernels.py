"""Eigenvalues of the matrix of second derivatives, and what tells ridges by them.

Arrays are (z, y, x); `smooth` has a margin of one pixel, in z only if it is a stack. `inverse` holds the pixels per
unit of length; `factor` multiplies the derivatives.
"""

from __future__ import annotations

from math import acos, cos, exp, pi, sqrt
from typing import Any

from numba import njit

SMALL, LARGE, TUBE = 0, 1, 2


@njit(nogil=True, cache=True, error_model="numpy")
def _second(s: Any, z: int, y: int, x: int, inverse: Any, factor: float) -> Any:
    """Return the second derivatives zz, yy, xx, zy, zx and yx at a pixel of a stack, or yy, xx and yx of a plane."""
    iz, iy, ix = inverse
    two = 2.0 * s[z, y, x]
    yy = factor * iy * iy * (float(s[z, y + 1, x]) + float(s[z, y - 1, x]) - two)
    xx = factor * ix * ix * (float(s[z, y, x + 1]) + float(s[z, y, x - 1]) - two)
    q = 0.25 * factor
    yx = q * iy * ix * (
        float(s[z, y + 1, x + 1]) - float(s[z, y + 1, x - 1]) - float(s[z, y - 1, x + 1]) + float(s[z, y - 1, x - 1])
    )  # fmt: skip
    if iz == 0:
        return 0.0, yy, xx, 0.0, 0.0, yx
    zz = factor * iz * iz * (float(s[z + 1, y, x]) + float(s[z - 1, y, x]) - two)
    zy = q * iz * iy * (
        float(s[z + 1, y + 1, x]) - float(s[z + 1, y - 1, x]) - float(s[z - 1, y + 1, x]) + float(s[z - 1, y - 1, x])
    )  # fmt: skip
    zx = q * iz * ix * (
        float(s[z + 1, y, x + 1]) - float(s[z + 1, y, x - 1]) - float(s[z - 1, y, x + 1]) + float(s[z - 1, y, x - 1])
    )  # fmt: skip
    return zz, yy, xx, zy, zx, yx


@njit(nogil=True, cache=True, error_model="numpy")
def _eigenvalues_plane(yy: float, xx: float, yx: float) -> Any:
    """Return the eigenvalues of a symmetric 2 × 2 matrix, the smaller first."""
    middle = 0.5 * (yy + xx)
    reach = sqrt(0.25 * (yy - xx) * (yy - xx) + yx * yx)
    return middle - reach, middle + reach


@njit(nogil=True, cache=True, error_model="numpy")
def _eigenvalues_stack(zz: float, yy: float, xx: float, zy: float, zx: float, yx: float) -> Any:
    """Return the eigenvalues of a symmetric 3 × 3 matrix in rising order (O. K. Smith, Comm. ACM 4, 1961)."""
    mean = (zz + yy + xx) / 3
    a, b, c = zz - mean, yy - mean, xx - mean
    spread = sqrt((a * a + b * b + c * c + 2 * (zy * zy + zx * zx + yx * yx)) / 6)
    if spread == 0:
        return mean, mean, mean
    half_determinant = (a * (b * c - yx * yx) - zy * (zy * c - yx * zx) + zx * (zy * yx - b * zx)) / 2
    ratio = half_determinant / (spread * spread * spread)
    angle = acos(min(max(ratio, -1.0), 1.0)) / 3
    large = mean + 2 * spread * cos(angle)
    small = mean + 2 * spread * cos(angle + 2 * pi / 3)
    return small, 3 * mean - small - large, large


@njit(nogil=True, cache=True, error_model="numpy")
def eigenvalue(smooth: Any, inverse: Any, factor: float, wanted: int, out: Any) -> None:
    """Set `out` to the small or the large eigenvalue, or to the tubeness of bright lines."""
    flat = inverse[0] == 0
    margin = 0 if flat else 1
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                zz, yy, xx, zy, zx, yx = _second(smooth, z + margin, y + 1, x + 1, inverse, factor)
                if flat:
                    small, large = _eigenvalues_plane(yy, xx, yx)
                    tube = max(-small, 0.0)
                else:
                    small, middle, large = _eigenvalues_stack(zz, yy, xx, zy, zx, yx)
                    tube = sqrt(max(-small, 0.0) * max(-middle, 0.0))
                out[z, y, x] = small if wanted == SMALL else large if wanted == LARGE else tube


@njit(nogil=True, cache=True, error_model="numpy")
def norm(smooth: Any, inverse: Any, factor: float, out: Any) -> None:
    """Set `out` to the root of the sum of the squares of the eigenvalues."""
    margin = 0 if inverse[0] == 0 else 1
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                zz, yy, xx, zy, zx, yx = _second(smooth, z + margin, y + 1, x + 1, inverse, factor)
                out[z, y, x] = sqrt(zz * zz + yy * yy + xx * xx + 2 * (zy * zy + zx * zx + yx * yx))


@njit(nogil=True, cache=True, error_model="numpy")
def vesselness(smooth: Any, inverse: Any, factor: float, alpha: float, beta: float, gamma: float, out: Any) -> None:
    """Set `out` to how much a pixel is like a bright line, from 0 to 1."""
    flat = inverse[0] == 0
    margin = 0 if flat else 1
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            for x in range(out.shape[2]):
                zz, yy, xx, zy, zx, yx = _second(smooth, z + margin, y + 1, x + 1, inverse, factor)
                out[z, y, x] = 0
                if flat:
                    one, two = _eigenvalues_plane(yy, xx, yx)
                    if abs(one) > abs(two):
                        one, two = two, one
                    if two >= 0:
                        continue
                    blob, line = one / two, 1.0
                    strength = one * one + two * two
                else:
                    one, two, three = _eigenvalues_stack(zz, yy, xx, zy, zx, yx)
                    # In the order of their absolute values.
                    if abs(one) > abs(two):
                        one, two = two, one
                    if abs(two) > abs(three):
                        two, three = three, two
                    if abs(one) > abs(two):
                        one, two = two, one
                    if two >= 0 or three >= 0:
                        continue
                    blob, flatness = abs(one) / sqrt(two * three), two / three
                    line = 1 - exp(-flatness * flatness / (2 * alpha * alpha))
                    strength = one * one + two * two + three * three
                structure = 1 - exp(-strength / (2 * gamma * gamma))
                out[z, y, x] = line * exp(-blob * blob / (2 * beta * beta)) * structure
