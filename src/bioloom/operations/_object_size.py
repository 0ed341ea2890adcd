"""How large the objects of an image are, estimated from the image itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

_MOST_PIXELS = 1 << 22
# Ten fluorescence images of BBBC038: at most 0.32 of the area is foreground, and its deviation at least 2.1 times that
# of the rest; four of stained nuclei by transmitted light: at least 0.72 of the area, and at most 0.55 times.
_GROUND_AREA, _GROUND_BORDER, _GROUND_DEVIATION = 0.6, 0.5, 0.8
_DARK = (
    "The objects seem darker than what is around them, and bright ones are looked for. "
    "Use Filter > Enhance > Invert first, and choose its result as the image."
)


def usual_radius(
    image: NDArray[Any],
    mask: NDArray[Any] | None = None,
    spacing: Sequence[float] | None = None,
    dark: bool | None = False,
) -> float | None:
    """Estimate the radius of the objects of an image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Of large images the middle is looked at.
    mask
        Same shape; where objects may be. Everywhere if None.
    spacing
        Physical size of a pixel per axis.
    dark
        Whether to look for dark objects, such as cells between bright membranes; None for what there is.

    Returns
    -------
    float or None
        In units of spacing: the median over the pixels of all objects of the radius of the largest ball that fits into
        the object, objects that touch being parted at their necks. None if nothing is found.

    Raises
    ------
    InputError
        If bright objects are looked for, and they are dark.
    """
    from bioloom.operations._regions import distances_to_background
    from bioloom.operations._split import divide
    from bioloom.operations.filters import gaussian

    pixel = min(spacing or (1.0,))
    smooth, inside, part = _foreground(image, mask, spacing, bool(dark))
    if not inside.any() or inside.all():
        return None
    if not dark and _is_ground(smooth, inside, part):
        if dark is None:
            return usual_radius(image, mask, spacing, dark=True)
        raise InputError(_DARK)
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


def refuse_dark_objects(image: NDArray[Any], spacing: Sequence[float] | None = None) -> None:
    """Refuse an image whose objects are dark on a bright ground.

    Raises
    ------
    InputError
        If it seems to be one.
    """
    smooth, inside, _ = _foreground(image, None, spacing, False)
    if _is_ground(smooth, inside, None):
        raise InputError(_DARK)


def _foreground(
    image: NDArray[Any], mask: NDArray[Any] | None, spacing: Sequence[float] | None, dark: bool
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[Any] | None]:
    """Return the middle of an image, smoothed, what of it is above Otsu's threshold, and the middle of the mask."""
    from bioloom.operations._cutting import above, threshold_value
    from bioloom.operations.filters import as_float, gaussian

    middle = _middle(image.shape)
    pixels = as_float(image[middle])
    part = None if mask is None else np.asarray(mask)[middle]
    smooth = gaussian(-pixels if dark else pixels, min(spacing or (1.0,)), spacing)
    return smooth, above(smooth, threshold_value(smooth, "otsu", part), part), part


def _is_ground(smooth: NDArray[Any], inside: NDArray[np.bool_], part: NDArray[Any] | None) -> bool:
    """Tell whether the foreground is a bright ground: most of the image and its border, and more even than the rest.

    Cells that grow densely cover as much of an image, but differ in brightness more than the gaps between them.
    """
    from scipy import ndimage

    where = np.ones(smooth.shape, bool) if part is None else part != 0
    if inside.sum() <= _GROUND_AREA * where.sum():
        return False
    in_plane = np.zeros((3,) * smooth.ndim, bool)
    in_plane[(1,) * (smooth.ndim - 2)] = ndimage.generate_binary_structure(2, 2)
    border = where & ~ndimage.binary_erosion(where, in_plane)
    rest = where & ~inside
    if inside[border].mean() <= _GROUND_BORDER or not rest.any():
        return False
    return bool(smooth[inside].std() < _GROUND_DEVIATION * smooth[rest].std())


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
