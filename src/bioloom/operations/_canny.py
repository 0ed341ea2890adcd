"""Maxima along the gradient, and hysteresis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from bioloom.operations._slabs import by_slabs
from bioloom.operations._stencils import central_difference, gradient_length


@njit(nogil=True, cache=True, error_model="numpy")
def _between(strength: Any, z: int, y: int, x: int, dz: Any, dy: Any, dx: Any) -> Any:
    """Return the strength at a fraction of a pixel, edges repeated."""
    nz, ny, nx = strength.shape
    fz, fy, fx = z + dz, y + dy, x + dx
    fz, fy, fx = min(max(fz, 0.0), nz - 1.0), min(max(fy, 0.0), ny - 1.0), min(max(fx, 0.0), nx - 1.0)
    iz, iy, ix = int(fz), int(fy), int(fx)
    jz, jy, jx = min(iz + 1, nz - 1), min(iy + 1, ny - 1), min(ix + 1, nx - 1)
    sz, sy, sx = fz - iz, fy - iy, fx - ix
    a = strength[iz, iy, ix] * (1 - sx) + strength[iz, iy, jx] * sx
    b = strength[iz, jy, ix] * (1 - sx) + strength[iz, jy, jx] * sx
    c = strength[jz, iy, ix] * (1 - sx) + strength[jz, iy, jx] * sx
    d = strength[jz, jy, ix] * (1 - sx) + strength[jz, jy, jx] * sx
    return (a * (1 - sy) + b * sy) * (1 - sz) + (c * (1 - sy) + d * sy) * sz


@njit(nogil=True, cache=True, error_model="numpy")
def _thin(strength: Any, gz: Any, gy: Any, gx: Any, low: float, out: Any) -> None:
    """Set `out` where the strength is at least `low` and a maximum along the gradient, given in pixels."""
    nz, ny, nx = strength.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                out[z, y, x] = False
                here = strength[z, y, x]
                if here < low or here == 0:
                    continue
                a, b, c = gz[z, y, x], gy[z, y, x], gx[z, y, x]
                longest = max(abs(a), abs(b), abs(c))
                if longest == 0:
                    continue
                dz, dy, dx = a / longest, b / longest, c / longest
                # Of two equal neighbours across an edge only one is kept.
                out[z, y, x] = here > _between(strength, z, y, x, dz, dy, dx) and here >= _between(
                    strength, z, y, x, -dz, -dy, -dx
                )


def levels(found: float | None, low: float | None, high: float | None) -> tuple[float, float]:
    """Return the two thresholds: those given, else the one that was `found`, and half of it."""
    top = high if high is not None else found
    assert top is not None
    return top / 2 if low is None else min(low, top), top


def thin_edges(smooth: NDArray[Any], limits: tuple[float, float], steps: Sequence[float]) -> NDArray[np.uint8]:
    """Return the edges of a smoothed image: 2 where they are stronger than the upper limit, 1 above the lower."""
    low, high = limits
    strength = gradient_length(smooth, steps)
    shape = (1,) * (3 - smooth.ndim) + smooth.shape
    # In pixels: a step of a pixel along an axis is as long as its size.
    slopes = [central_difference(smooth, a, s * s).reshape(shape) for a, s in enumerate(steps)]
    slopes = [np.zeros(shape, smooth.dtype)] * (3 - len(slopes)) + slopes

    def thin(strengths: NDArray[Any], *gradient: NDArray[Any]) -> NDArray[Any]:
        out = np.empty(strengths.shape, np.bool_)
        _thin(strengths, *gradient, low, out)
        return out

    edges = by_slabs(thin, strength.reshape(shape), *slopes, margin=1).reshape(smooth.shape)
    return edges.astype(np.uint8) + (edges & (strength >= high))
