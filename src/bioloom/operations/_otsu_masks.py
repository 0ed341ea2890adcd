"""The mask of Otsu of a smoothed image: in main memory, on a device and in Dask blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._cutting import above, above_on_device, threshold_value, threshold_value_of_blocks
from bioloom.operations.filters import gaussian, gaussian_on_device


def otsu_mask(
    image: NDArray[Any], sigma: float, spacing: Sequence[float] | None, mask: Any = None
) -> NDArray[np.bool_]:
    """Return where an image, smoothed with a Gaussian, is above Otsu's threshold and in a mask."""
    outline = gaussian(image, sigma, spacing)
    return above(outline, threshold_value(outline, "otsu", mask), mask)


def otsu_on_device(image: Any, sigma: float, spacing: Sequence[float] | None, mask: Any = None) -> Any:
    """Return the same of an OpenCL image."""
    outline = gaussian_on_device(image, sigma, spacing)
    given = None if mask is None else device.pull(mask)
    return above_on_device(outline, threshold_value(device.pull(outline), "otsu", given), mask)


def otsu_of_blocks(pixels: Any, sigma: float, spacing: Sequence[float] | None, mask: Any = None) -> Any:
    """Return the same of a Dask array."""
    from bioloom.operations._blocks import smooth_blocks, with_value

    outline = smooth_blocks(pixels, sigma, spacing)
    return with_value(above, threshold_value_of_blocks(outline, "otsu", mask), outline, mask, dtype=bool)
