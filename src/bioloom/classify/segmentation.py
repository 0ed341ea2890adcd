"""From the probability of a class, or from its pixels, to objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations import connected_components, remove_labels_by_size, split_touching_objects
from bioloom.operations.checks import check_spacing
from bioloom.operations.filters import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence


def objects_from_probability(
    probability: Any,
    *,
    threshold: float = 0.5,
    smoothing: float | None = None,
    fill_holes: bool = True,
    split_touching: bool = True,
    neck: float = 0.8,
    minimum_size: float = 0.0,
    spacing: Sequence[float] | None = None,
) -> NDArray[np.uint32]:
    """Turn how probable a class is into objects.

    Parameters
    ----------
    probability
        (y, x) or (z, y, x), 0…1.
    threshold
        Pixels above it belong to objects. Where there are more than two classes, give
        ``(1 + p - the largest of the others) / 2`` as probability, and 0.5 is where the class wins.
    smoothing
        Sigma of the Gaussian that smooths the probability first, in units of `spacing`: single pixels of another
        opinion vanish. One pixel of the finest axis if left out; 0 leaves the probability as it is.
    fill_holes
        Whether background that an object surrounds becomes part of it.
    split_touching, neck
        Whether objects are split where they touch, and how easily; see
        :func:`bioloom.operations.split_touching_objects`.
    minimum_size
        Smaller objects are removed: an area or volume in units of `spacing`.
    spacing
        Physical size of a pixel per axis; None counts in pixels.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If there are not 2 or 3 axes, values are NaN, or settings are out of range.
    """
    given = np.asarray(probability)
    if given.ndim not in (2, 3) or 0 in given.shape or given.dtype.kind not in "buif":
        raise InputError(
            f"The probability has the shape {given.shape} and the type {given.dtype}, but must be numbers (y, x) or "
            "(z, y, x)."
        )
    sizes = check_spacing(spacing, given.ndim, "objects_from_probability")
    pixel = 1.0 if sizes is None else min(sizes)
    smoothing = pixel if smoothing is None else smoothing
    for name, value in (("smoothing", smoothing), ("minimum_size", minimum_size)):
        if not 0 <= value < np.inf:
            raise InputError(f"{name} is {value!r}, but must be 0 or more.")
    values = given.astype(np.float32, copy=False)
    if np.isnan(values.sum(dtype=np.float64)):
        raise InputError("The probability holds NaN pixels. Replace them first with bioloom.operations.replace_nan.")
    mask = (gaussian(values, smoothing, sizes) if smoothing else values) > threshold
    if fill_holes:
        mask = without_holes(mask)
    labels = split_touching_objects(mask, neck, pixel, sizes) if split_touching else connected_components(mask)
    if minimum_size:
        labels = _renumbered(remove_labels_by_size(labels, minimum_size, spacing=sizes))
    return np.asarray(labels, np.uint32)


def objects_from_classes(classes: Any, class_id: int = 2, **settings: Any) -> NDArray[np.uint32]:
    """Turn the pixels of one class into objects.

    Parameters
    ----------
    classes
        Class ids, (y, x) or (z, y, x), as :meth:`PixelClassifier.predict` gives them.
    class_id
        The class whose pixels become objects.
    **settings
        Those of :func:`objects_from_probability` but the threshold.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        As :func:`objects_from_probability`.
    """
    return objects_from_probability(np.asarray(classes) == class_id, **settings)


def objects_of_class(classes: Any, class_id: int = 2) -> NDArray[Any]:
    """Turn the pixels of one class into objects.

    Parameters
    ----------
    classes
        Class ids, (y, x) or (z, y, x), as :meth:`PixelClassifier.predict` gives them.
    class_id
        The class whose connected regions become objects.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.
    """
    objects: NDArray[Any] = connected_components(np.asarray(classes) == class_id)
    return objects


def without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return a mask with the background that does not reach the border of the image filled.

    Parameters
    ----------
    mask
        bool, (y, x) or (z, y, x). Background pixels are connected through their sides, not their corners. An axis of
        one pixel has no border.

    Returns
    -------
    numpy.ndarray
        bool, same shape.
    """
    from scipy import ndimage

    regions, count = ndimage.label(~mask)
    outside = np.zeros(count + 1, bool)
    outside[0] = True
    for axis, size in enumerate(mask.shape):
        if size > 1:
            outside[np.take(regions, (0, -1), axis)] = True
    if mask.size == 1:
        return mask.copy()
    filled: NDArray[np.bool_] = mask | ~outside[regions]
    return filled


def _renumbered(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    ids = np.unique(labels)
    ids = ids[ids > 0]
    numbers = np.zeros(int(labels.max()) + 1, np.uint32)
    numbers[ids] = np.arange(1, len(ids) + 1)
    renumbered: NDArray[np.uint32] = numbers[labels]
    return renumbered
