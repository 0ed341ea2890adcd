"""From emitted light to camera counts: point spread function, illumination, shot noise and read noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

OFFSET = 100.0
COUNTS_PER_PHOTON = 6.0
READ_NOISE = 12.0


def illumination(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Uneven illumination of a (y, x) field, at most 1: brightest at a point off the centre, dim in the corners."""
    centre = rng.uniform(0.35, 0.65, 2)
    y, x = np.meshgrid(*(np.linspace(0, 1, size) for size in shape), indexing="ij")
    distance = (y - centre[0]) ** 2 + (x - centre[1]) ** 2
    return np.asarray(1 - 0.45 * distance / 0.5)


def expose(
    rng: np.random.Generator,
    light: NDArray[np.float64],
    *,
    sigma: Sequence[float],
    field: NDArray[np.float64],
    photons: float,
    background: float,
) -> NDArray[np.uint16]:
    """Take the picture.

    Parameters
    ----------
    rng
        Source of the noise.
    light
        Emitted light, (y, x) or (z, y, x), about 1 in a nucleus.
    sigma
        Standard deviation of the Gaussian point spread function in pixels per axis. A twentieth of the light goes into
        a halo five times as wide, as out-of-focus light does.
    field
        Illumination, broadcastable to `light`.
    photons
        Photons per pixel for light of 1.
    background
        Photons per pixel where there is no light.

    Returns
    -------
    numpy.ndarray
        uint16 camera counts of the shape of `light`.
    """
    focused = ndimage.gaussian_filter(light, sigma, mode="reflect")
    halo = ndimage.gaussian_filter(light, [5 * s for s in sigma], mode="reflect")
    expected = (photons * (0.95 * focused + 0.05 * halo) + background) * field
    counts = OFFSET + COUNTS_PER_PHOTON * rng.poisson(expected) + rng.normal(0, READ_NOISE, light.shape)
    clipped: NDArray[np.uint16] = np.clip(np.round(counts), 0, np.iinfo(np.uint16).max).astype(np.uint16)
    return clipped
