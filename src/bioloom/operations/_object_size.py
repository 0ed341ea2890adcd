"""How large the objects of an image are, estimated from the image itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_PIXELS = 1 << 22


def usual_radius(
    image: NDArray[Any], mask: NDArray[Any] | None = None, spacing: Sequence[float] | None = None, dark: bool = False
) -> float | None:
    """Estimate the radius of the bright objects of an image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Of large images the middle is looked at.
    mask
        Same shape; where objects may be. Everywhere if None.
    spacing
        Physical size of a pixel per axis.
    dark
        Whether to look for dark objects, such as cells between bright membranes.

    Returns
    -------
    float or None
        In units of spacing: the median over the pixels of all objects of the radius of the largest ball that fits into
        the object, objects that touch being parted at their necks. None if nothing is found.
    """
    from bioloom.operations._cutting import above, threshold_value
    from bioloom.operations._regions import distances_to_background
    from bioloom.operations._split import divide
    from bioloom.operations.filters import as_float, gaussian

    middle = _middle(image.shape)
    pixels = as_float(image[middle])
    part = None if mask is None else np.asarray(mask)[middle]
    pixel = min(spacing or (1.0,))
    smooth = gaussian(-pixels if dark else pixels, pixel, spacing)
    inside = above(smooth, threshold_value(smooth, "otsu", part), part)
    if not inside.any() or inside.all():
        return None
    inside = _without_small_holes(inside)
    distance = distances_to_background(inside, spacing)
    labels = divide(gaussian(distance, pixel, spacing), inside, 0.8)
    radii = np.zeros(int(labels.max()) + 1, np.float32)
    np.maximum.at(radii, labels.ravel(), distance.ravel())
    # Weighed by pixels, so that specks of noise count little.
    weights = np.bincount(labels.ravel(), minlength=radii.size).astype(float)
    weights[0] = 0
    order = np.argsort(radii)
    upto = np.cumsum(weights[order])
    return float(radii[order][np.searchsorted(upto, upto[-1] / 2)])


def _middle(shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return the middle part of an image that has not too many pixels."""
    sizes = list(shape)
    while np.prod(sizes) > _MOST_PIXELS:
        largest = int(np.argmax(sizes))
        sizes[largest] = max(sizes[largest] // 2, 1)
    return tuple(slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(shape, sizes, strict=True))


def _without_small_holes(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill holes smaller than a hundredth of the foreground's largest region: texture, and no gaps between objects."""
    from bioloom.operations._regions import connected

    holes = connected(~inside, False)
    counts = np.bincount(holes.ravel())
    largest = np.bincount(connected(inside, True).ravel())[1:].max()
    small = counts < max(largest / 100, 2)
    small[0] = False
    filled: NDArray[np.bool_] = inside | small[holes]
    return filled
