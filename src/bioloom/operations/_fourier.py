"""Filters in Fourier space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device

Response = Callable[[Sequence[NDArray[Any]]], NDArray[Any]]


def filter_by_frequency(image: NDArray[Any], response: Response, margin: Sequence[int]) -> NDArray[Any]:
    """Multiply frequencies by what `response` gives for them; the mean of the image stays.

    Parameters
    ----------
    image
        float32 or float64.
    response
        Function of the squares of the frequencies (cycles per pixel) along each axis, arrays that broadcast together.
    margin
        Pixels per axis by which the image is mirrored at its edges, so that opposite ones do not mix.
    """
    from scipy import fft

    mean = image.dtype.type(image.mean(dtype=np.float64))
    lengths = [fft.next_fast_len(n + 2 * m, real=True) for n, m in zip(image.shape, margin, strict=True)]
    widths = [(m, full - n - m) for n, m, full in zip(image.shape, margin, lengths, strict=True)]
    padded = np.pad(image - mean, widths, mode="symmetric")
    spectrum = fft.rfftn(padded, workers=device.n_cores())
    squares = []
    for axis, n in enumerate(lengths):
        frequency = fft.rfftfreq(n) if axis == image.ndim - 1 else fft.fftfreq(n)
        squares.append((frequency**2).astype(image.dtype).reshape([-1 if a == axis else 1 for a in range(image.ndim)]))
    spectrum *= response(squares)
    filtered = fft.irfftn(spectrum, lengths, workers=device.n_cores(), overwrite_x=True)
    inner = tuple(slice(m, m + n) for n, m in zip(image.shape, margin, strict=True))
    return np.asarray(filtered[inner] + mean, image.dtype)
