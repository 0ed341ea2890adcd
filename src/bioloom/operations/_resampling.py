"""Pixels between pixels: images sampled at other places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bioloom.operations.filters import as_float

Interpolation: TypeAlias = Literal["linear", "nearest", "cubic"]


def resampled(image: NDArray[Any], sizes: Sequence[int], interpolation: Interpolation) -> NDArray[Any]:
    """Sample an image at other numbers of pixels per axis; its outer edges stay where they are."""
    if tuple(sizes) == image.shape:
        return image.copy() if interpolation == "nearest" else as_float(image).copy()
    steps = [old / new for old, new in zip(image.shape, sizes, strict=True)]
    positions = [(np.arange(size) + 0.5) * step - 0.5 for size, step in zip(sizes, steps, strict=True)]
    if interpolation == "nearest":
        for axis, at in enumerate(positions):
            if len(at) != image.shape[axis]:
                image = image.take(np.clip(np.floor(at + 0.5), 0, image.shape[axis] - 1).astype(np.intp), axis=axis)
        return image
    from scipy import ndimage

    pixels = smoothed_for(as_float(image), steps)
    if interpolation == "linear":
        for axis in np.argsort(steps)[::-1]:  # what shrinks most, first
            if sizes[axis] != pixels.shape[axis]:
                pixels = at_positions(pixels, positions[axis], int(axis))
        return pixels
    factors = [new / old for old, new in zip(image.shape, sizes, strict=True)]
    cubic = np.empty(tuple(sizes), pixels.dtype)
    ndimage.zoom(pixels, factors, output=cubic, order=3, mode="nearest", grid_mode=True)
    return cubic


def smoothed_for(pixels: NDArray[Any], steps: Sequence[float]) -> NDArray[Any]:
    """Return what may be sampled every so many pixels per axis.

    Detail that fewer pixels cannot show would appear as patterns that are not there. The Gaussian is that of
    ``skimage.transform.resize``.
    """
    sigmas = [max(0.0, (step - 1) / 2) for step in steps]
    if not any(sigmas):
        return pixels
    from scipy import ndimage

    smooth = np.empty(pixels.shape, pixels.dtype)
    ndimage.gaussian_filter(pixels, sigmas, mode="nearest", output=smooth)
    return smooth


def at_positions(pixels: NDArray[Any], at: NDArray[np.floating[Any]], axis: int) -> NDArray[Any]:
    """Interpolate linearly at positions along an axis, given in pixels; the outer pixels go on beyond them."""
    n = pixels.shape[axis]
    below = np.clip(np.floor(at), 0, max(n - 2, 0)).astype(np.intp)
    shape = [1] * pixels.ndim
    shape[axis] = len(at)
    weight = np.clip(at - below, 0, 1).astype(pixels.dtype).reshape(shape)
    low = pixels.take(below, axis=axis)
    high: NDArray[Any] = pixels.take(np.minimum(below + 1, n - 1), axis=axis)
    high -= low
    high *= weight
    high += low
    return high
