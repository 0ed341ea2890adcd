"""Linear interpolation at transformed positions, compiled. What lies outside of the image is blended with the fill."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@njit(nogil=True, cache=True)
def warp_plane(pixels: Floats, back: Floats, fill: float, out: Floats, first: int, last: int) -> None:
    """Compute rows of a plane; `back` (2, 3) maps pixels of the result to those of the input."""
    rows, columns = pixels.shape
    fill_value = pixels.dtype.type(fill)
    for i in range(first, last):
        y_start = back[0, 0] * i + back[0, 2]
        x_start = back[1, 0] * i + back[1, 2]
        for j in range(out.shape[1]):
            y, x = y_start + back[0, 1] * j, x_start + back[1, 1] * j
            if not (-1 < y < rows and -1 < x < columns):
                out[i, j] = fill_value
                continue
            y0, x0 = int(np.floor(y)), int(np.floor(x))
            v, u = pixels.dtype.type(y - y0), pixels.dtype.type(x - x0)
            if y0 >= 0 and x0 >= 0 and y0 + 1 < rows and x0 + 1 < columns:
                a, b, c, d = pixels[y0, x0], pixels[y0, x0 + 1], pixels[y0 + 1, x0], pixels[y0 + 1, x0 + 1]
            else:
                top, bottom, left, right = y0 >= 0, y0 + 1 < rows, x0 >= 0, x0 + 1 < columns
                a = pixels[y0, x0] if top and left else fill_value
                b = pixels[y0, x0 + 1] if top and right else fill_value
                c = pixels[y0 + 1, x0] if bottom and left else fill_value
                d = pixels[y0 + 1, x0 + 1] if bottom and right else fill_value
            above = a + u * (b - a)
            out[i, j] = above + v * (c + u * (d - c) - above)


@njit(nogil=True, cache=True)
def _pixel(pixels: Floats, z: int, y: int, x: int, fill: float) -> Any:
    planes, rows, columns = pixels.shape
    if 0 <= z < planes and 0 <= y < rows and 0 <= x < columns:
        return pixels[z, y, x]
    return pixels.dtype.type(fill)


@njit(nogil=True, cache=True)
def warp_stack(pixels: Floats, back: Floats, fill: float, out: Floats, first: int, last: int) -> None:
    """Compute planes of a stack; `back` (3, 4) maps pixels of the result to those of the input."""
    planes, rows, columns = pixels.shape
    fill_value = pixels.dtype.type(fill)
    for k in range(first, last):
        for i in range(out.shape[1]):
            z_start = back[0, 0] * k + back[0, 1] * i + back[0, 3]
            y_start = back[1, 0] * k + back[1, 1] * i + back[1, 3]
            x_start = back[2, 0] * k + back[2, 1] * i + back[2, 3]
            for j in range(out.shape[2]):
                z, y, x = z_start + back[0, 2] * j, y_start + back[1, 2] * j, x_start + back[2, 2] * j
                if not (-1 < z < planes and -1 < y < rows and -1 < x < columns):
                    out[k, i, j] = fill_value
                    continue
                z0, y0, x0 = int(np.floor(z)), int(np.floor(y)), int(np.floor(x))
                w, v, u = pixels.dtype.type(z - z0), pixels.dtype.type(y - y0), pixels.dtype.type(x - x0)
                if z0 >= 0 and y0 >= 0 and x0 >= 0 and z0 + 1 < planes and y0 + 1 < rows and x0 + 1 < columns:
                    a, b = pixels[z0, y0, x0], pixels[z0, y0, x0 + 1]
                    c, d = pixels[z0, y0 + 1, x0], pixels[z0, y0 + 1, x0 + 1]
                    e, f = pixels[z0 + 1, y0, x0], pixels[z0 + 1, y0, x0 + 1]
                    g, h = pixels[z0 + 1, y0 + 1, x0], pixels[z0 + 1, y0 + 1, x0 + 1]
                else:
                    a, b = _pixel(pixels, z0, y0, x0, fill), _pixel(pixels, z0, y0, x0 + 1, fill)
                    c, d = _pixel(pixels, z0, y0 + 1, x0, fill), _pixel(pixels, z0, y0 + 1, x0 + 1, fill)
                    e, f = _pixel(pixels, z0 + 1, y0, x0, fill), _pixel(pixels, z0 + 1, y0, x0 + 1, fill)
                    g, h = _pixel(pixels, z0 + 1, y0 + 1, x0, fill), _pixel(pixels, z0 + 1, y0 + 1, x0 + 1, fill)
                a += u * (b - a)
                c += u * (d - c)
                e += u * (f - e)
                g += u * (h - g)
                a += v * (c - a)
                e += v * (g - e)
                out[k, i, j] = a + w * (e - a)
