"""How much noise an image has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations.filters import as_float


def noise_level(image: NDArray[Any]) -> float:
    """Estimate the standard deviation of the noise from the finest differences within planes; 0 for no noise.

    The median of the absolute diagonal Haar coefficients divided by 0.6745 (D. L. Donoho and I. M. Johnstone,
    Biometrika 81, 1994); their standard deviation where more than half of them are 0, as in images of few grey values.
    """
    if min(image.shape[-2:]) < 2:
        return 0.0
    pixels = as_float(image)
    ny, nx = pixels.shape[-2] // 2 * 2, pixels.shape[-1] // 2 * 2
    a, b = pixels[..., 0:ny:2, 0:nx:2], pixels[..., 0:ny:2, 1:nx:2]
    c, d = pixels[..., 1:ny:2, 0:nx:2], pixels[..., 1:ny:2, 1:nx:2]
    detail = np.abs((a - b) - (c - d)).ravel() / 2
    if detail.size > 1 << 20:
        detail = detail[:: detail.size >> 20]
    level = float(np.median(detail)) / 0.6745
    return level if level > 0 else float(np.sqrt(np.mean(detail.astype(np.float64) ** 2)))
