"""Lines drawn by hand as pixels that touch by their edges, so that nothing leaks through between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_TANGENT = 5.0


def line_pixels(points: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the pixels along a line of points that lie in an image.

    Parameters
    ----------
    points
        (m, d), in pixels; the centre of the first pixel is at 0.
    shape
        Of the image, d axes.

    Returns
    -------
    numpy.ndarray
        (k, d) pixels in the order of the line. Within the image, each shares an edge (3D: a face) with the next.
    """
    pieces = [_segment(a, b, shape) for a, b in pairwise(points)]
    pixels = np.concatenate(pieces)
    inside = ((pixels >= 0) & (pixels < np.array(shape))).all(axis=1)
    result: NDArray[np.int64] = pixels[inside]
    return result


def outward(points: NDArray[np.float64], inside: NDArray[np.bool_], far: bool) -> NDArray[np.float64]:
    """Lengthen a line straight on at those ends that lie in an object.

    Parameters
    ----------
    points
        (m, 2), in pixels of `inside`.
    inside
        (y, x), the object.
    far
        Go on to the border of the array, else only to the first pixel outside of the object.
    """
    longer = points
    for end in (0, -1):
        tip = longer[end]
        if not _is_in(tip, inside):
            continue
        along = longer if end == 0 else longer[::-1]
        distance = np.linalg.norm(along - tip, axis=1)
        # Hands tremble: the direction is that of the last few pixels, not of the last one.
        back = along[np.argmax(distance >= min(_TANGENT, distance.max()))]
        length = float(np.linalg.norm(tip - back))
        if not length:
            continue
        steps = np.arange(1.0, 2.0 * sum(inside.shape) + 4)[:, None] * 0.5
        beyond = tip + steps * (tip - back) / length
        pixels = np.floor(beyond + 0.5)
        within = ((pixels >= 0) & (pixels < inside.shape)).all(axis=1)
        if not far:
            at = pixels[within].astype(np.intp)
            within[within] = inside[at[:, 0], at[:, 1]]
        added = beyond[int(np.argmin(within))][None]
        longer = np.concatenate([added, longer] if end == 0 else [longer, added])
    return longer


def _is_in(point: NDArray[np.float64], inside: NDArray[np.bool_]) -> bool:
    pixel = np.floor(point + 0.5)
    if (pixel < 0).any() or (pixel >= inside.shape).any():
        return False
    return bool(inside[tuple(pixel.astype(np.intp))])


def _segment(a: NDArray[np.float64], b: NDArray[np.float64], shape: Sequence[int]) -> NDArray[np.int64]:
    low, high = -np.ones(len(shape)), np.array(shape, float)
    direction = b - a
    start, stop = 0.0, 1.0
    for axis in range(len(shape)):
        if direction[axis] == 0:
            if not low[axis] <= a[axis] <= high[axis]:
                return np.zeros((0, len(shape)), np.int64)
            continue
        crossing = sorted(((low[axis] - a[axis]) / direction[axis], (high[axis] - a[axis]) / direction[axis]))
        start, stop = max(start, crossing[0]), min(stop, crossing[1])
    if start > stop:
        return np.zeros((0, len(shape)), np.int64)
    n = int(np.ceil(2 * np.abs(direction).max() * (stop - start))) + 2
    samples = np.floor(a + np.linspace(start, stop, n)[:, None] * direction + 0.5).astype(np.int64)
    pixels = samples[np.r_[True, (np.diff(samples, axis=0) != 0).any(axis=1)]]
    # From a pixel to one at its corner, go along one axis after the other.
    stairs = [pixels[:1]]
    if len(pixels) > 1:
        between = np.repeat(pixels[1:, None], len(shape), axis=1)
        for axis in range(len(shape) - 1):
            between[:, axis, axis + 1 :] = pixels[:-1, axis + 1 :]
        stairs.append(between.reshape(-1, len(shape)))
    path = np.concatenate(stairs)
    result: NDArray[np.int64] = path[np.r_[True, (np.diff(path, axis=0) != 0).any(axis=1)]]
    return result
