"""The kernels that remove noise. Arrays are (z, y, x) of one type of float; planes are stacks of one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

# exp(-16 u) for u from 0 to 1, as the sixteenth power of a polynomial: unlike exp, computed on many pixels at once.
_CUT = 16.0
_EXP = np.polynomial.chebyshev.Chebyshev.interpolate(lambda u: np.exp(-u), 6, domain=[0, 1]).convert(
    kind=np.polynomial.Polynomial
)


def exp_coefficients(dtype: Any) -> NDArray[Any]:
    """Return what `_add_weighted` needs to know of exp: the cut, then coefficients."""
    return np.concatenate([[_CUT, 1 / _CUT], _EXP.coef]).astype(dtype)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _add_weighted(exponents: Any, values: Any, scale: Any, c: Any, total: Any, weights: Any) -> None:
    """Add values weighted with scale * exp(-exponents), and the weights."""
    cut, unit, nothing = c[0], c[1], c[0] - c[0]
    c0, c1, c2, c3, c4, c5, c6 = c[2], c[3], c[4], c[5], c[6], c[7], c[8]
    for x in range(total.shape[0]):
        t = exponents[x]
        u = (cut if t > cut else t) * unit
        w = c0 + u * (c1 + u * (c2 + u * (c3 + u * (c4 + u * (c5 + u * c6)))))
        w = w * w
        w = w * w
        w = w * w
        w = w * w * (scale if t < cut else nothing)
        total[x] += w * values[x]
        weights[x] += w


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def bilateral(padded: Any, spatial: Any, steepness: Any, c: Any, out: Any) -> None:
    """Average neighbours by `spatial` (z, y, x) times exp(-steepness * squared difference of intensities)."""
    nz, ny, nx = out.shape
    sz, sy, sx = spatial.shape
    exponents, total, weights = np.empty(nx, out.dtype), np.empty(nx, out.dtype), np.empty(nx, out.dtype)
    for z in range(nz):
        for y in range(ny):
            here = padded[z + sz // 2, y + sy // 2, sx // 2 : sx // 2 + nx]
            total[:] = 0
            weights[:] = 0
            for dz in range(sz):
                for dy in range(sy):
                    for dx in range(sx):
                        there = padded[z + dz, y + dy, dx : dx + nx]
                        for x in range(nx):
                            d = there[x] - here[x]
                            exponents[x] = d * d * steepness
                        _add_weighted(exponents, there, spatial[dz, dy, dx], c, total, weights)
            for x in range(nx):
                out[z, y, x] = total[x] / weights[x]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def _sum_rows(source: Any, axis: int, patch: int, out: Any) -> None:
    """Set `out` to sums of `patch` pixels of `source` along an axis."""
    for z in range(out.shape[0]):
        for y in range(out.shape[1]):
            row = out[z, y]
            row[:] = source[z, y, : row.size]
            for k in range(1, patch):
                if axis == 0:
                    other = source[z + k, y]
                elif axis == 1:
                    other = source[z, y + k]
                else:
                    other = source[z, y, k:]
                for x in range(row.size):
                    row[x] += other[x]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def non_local_means(
    padded: Any, patch: Any, search: Any, tile: Any, expected: Any, steepness: Any, c: Any, out: Any
) -> None:
    """Average pixels by exp(-steepness * what the mean squared difference of their patches exceeds `expected` by).

    `patch` and `search` are radii per axis; `padded` has their sum as its margin.
    """
    pz, py, px = patch
    rz, ry, rx = search
    share = (c[0] / c[0]) / ((2 * pz + 1) * (2 * py + 1) * (2 * px + 1))
    scale = padded.dtype.type(1)
    nothing = padded.dtype.type(0)
    for z in range(0, out.shape[0], tile[0]):
        for y in range(0, out.shape[1], tile[1]):
            for x in range(0, out.shape[2], tile[2]):
                mz, my, mx = (
                    min(tile[0], out.shape[0] - z),
                    min(tile[1], out.shape[1] - y),
                    min(tile[2], out.shape[2] - x),
                )
                squares = np.empty((mz + 2 * pz, my + 2 * py, mx + 2 * px), padded.dtype)
                along_z = np.empty((mz, my + 2 * py, mx + 2 * px), padded.dtype)
                along_y = np.empty((mz, my, mx + 2 * px), padded.dtype)
                distance = np.empty((mz, my, mx), padded.dtype)
                total = np.zeros((mz, my, mx), padded.dtype)
                weights = np.zeros((mz, my, mx), padded.dtype)
                for dz in range(-rz, rz + 1):
                    for dy in range(-ry, ry + 1):
                        for dx in range(-rx, rx + 1):
                            for k in range(squares.shape[0]):
                                for j in range(squares.shape[1]):
                                    here = padded[z + rz + k, y + ry + j, x + rx :]
                                    there = padded[z + rz + k + dz, y + ry + j + dy, x + rx + dx :]
                                    row = squares[k, j]
                                    for i in range(row.size):
                                        d = here[i] - there[i]
                                        row[i] = d * d
                            _sum_rows(squares, 0, 2 * pz + 1, along_z)
                            _sum_rows(along_z, 1, 2 * py + 1, along_y)
                            _sum_rows(along_y, 2, 2 * px + 1, distance)
                            for k in range(mz):
                                for j in range(my):
                                    row = distance[k, j]
                                    for i in range(mx):
                                        excess = row[i] * share - expected
                                        row[i] = (excess if excess > nothing else nothing) * steepness
                                    values = padded[z + rz + pz + k + dz, y + ry + py + j + dy, x + rx + px + dx :]
                                    _add_weighted(row, values, scale, c, total[k, j], weights[k, j])
                for k in range(mz):
                    for j in range(my):
                        for i in range(mx):
                            out[z + k, y + j, x + i] = total[k, j, i] / weights[k, j, i]


@njit(nogil=True, cache=True, error_model="numpy")
def curvature_step(a: Any, step: Any, inverse: Any, out: Any) -> None:
    """Move `a`, which has a margin of one pixel, by one time step along its mean curvature."""
    half, quarter, two = a.dtype.type(0.5), a.dtype.type(0.25), a.dtype.type(2)
    iz, iy, ix = inverse
    for z in range(1, a.shape[0] - 1):
        for y in range(1, a.shape[1] - 1):
            for x in range(1, a.shape[2] - 1):
                c = a[z, y, x]
                fz = half * iz * (a[z + 1, y, x] - a[z - 1, y, x])
                fy = half * iy * (a[z, y + 1, x] - a[z, y - 1, x])
                fx = half * ix * (a[z, y, x + 1] - a[z, y, x - 1])
                zz = iz * iz * (a[z + 1, y, x] - two * c + a[z - 1, y, x])
                yy = iy * iy * (a[z, y + 1, x] - two * c + a[z, y - 1, x])
                xx = ix * ix * (a[z, y, x + 1] - two * c + a[z, y, x - 1])
                zy = (
                    quarter
                    * iz
                    * iy
                    * (a[z + 1, y + 1, x] - a[z + 1, y - 1, x] - a[z - 1, y + 1, x] + a[z - 1, y - 1, x])
                )
                zx = (
                    quarter
                    * iz
                    * ix
                    * (a[z + 1, y, x + 1] - a[z + 1, y, x - 1] - a[z - 1, y, x + 1] + a[z - 1, y, x - 1])
                )
                yx = (
                    quarter
                    * iy
                    * ix
                    * (a[z, y + 1, x + 1] - a[z, y + 1, x - 1] - a[z, y - 1, x + 1] + a[z, y - 1, x - 1])
                )
                steepness = fz * fz + fy * fy + fx * fx
                change = fz * fz * (yy + xx) + fy * fy * (zz + xx) + fx * fx * (zz + yy)
                change -= two * (fz * fy * zy + fz * fx * zx + fy * fx * yx)
                # A flat place has no curvature; squares of steps below the precision are noise.
                out[z - 1, y - 1, x - 1] = c + step * change / steepness if steepness > 1e-9 else c


@njit(nogil=True, cache=True, error_model="numpy")
def primal_step(image: Any, p: Any, factor: Any, low: int, high: int, axis: int, out: Any) -> float:
    """Set out = image - divergence of `p` for rows (axis 1) or planes (axis 0) low…high; return the squared change."""
    nz, ny, nx = image.shape
    z0, z1 = (low, high) if axis == 0 else (0, nz)
    y0, y1 = (low, high) if axis == 1 else (0, ny)
    fz, fy, fx = factor
    energy = 0.0
    for z in range(z0, z1):
        for y in range(y0, y1):
            row = image.dtype.type(0)
            for x in range(nx):
                d = -fz * p[0, z, y, x] - fy * p[1, z, y, x] - fx * p[2, z, y, x]
                if z > 0:
                    d += fz * p[0, z - 1, y, x]
                if y > 0:
                    d += fy * p[1, z, y - 1, x]
                if x > 0:
                    d += fx * p[2, z, y, x - 1]
                out[z, y, x] = image[z, y, x] + d
                row += d * d
            energy += row
    return energy


@njit(nogil=True, cache=True, error_model="numpy")
def dual_step(u: Any, p: Any, factor: Any, tau: Any, weight: Any, low: int, high: int, axis: int) -> float:
    """Move the dual variable `p` against the gradient of `u`; return the total variation of `u`."""
    nz, ny, nx = u.shape
    z0, z1 = (low, high) if axis == 0 else (0, nz)
    y0, y1 = (low, high) if axis == 1 else (0, ny)
    fz, fy, fx = factor
    variation = 0.0
    one = u.dtype.type(1)
    zero = u.dtype.type(0)
    for z in range(z0, z1):
        for y in range(y0, y1):
            row = zero
            for x in range(nx):
                c = u[z, y, x]
                gz = fz * (u[z + 1, y, x] - c) if z < nz - 1 else zero
                gy = fy * (u[z, y + 1, x] - c) if y < ny - 1 else zero
                gx = fx * (u[z, y, x + 1] - c) if x < nx - 1 else zero
                norm = np.sqrt(gz * gz + gy * gy + gx * gx)
                row += norm
                share = one / (one + norm * tau / weight)
                p[0, z, y, x] = (p[0, z, y, x] - tau * gz) * share
                p[1, z, y, x] = (p[1, z, y, x] - tau * gy) * share
                p[2, z, y, x] = (p[2, z, y, x] - tau * gx) * share
            variation += row
    return variation
