"""Thresholds of images in main memory, in Dask blocks and on a device: the same number everywhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations import _threshold_values as values
from bioloom.operations._histogram import (
    MAX_COUNTED,
    Histogram,
    choose_scale,
    common_range,
    count,
    describe,
    histogram,
    value_range,
)

METHODS: dict[str, tuple[Callable[[Histogram], float], int, int]] = {
    # method: its formula, the number of even bins, and up to how many whole numbers are counted one by one
    "otsu": (values.otsu, 256, MAX_COUNTED),
    "li": (values.li, MAX_COUNTED, MAX_COUNTED),
    "yen": (values.yen, 256, MAX_COUNTED),
    "isodata": (values.isodata, 256, MAX_COUNTED),
    "mean": (values.mean, MAX_COUNTED, MAX_COUNTED),
    "triangle": (values.triangle, 256, MAX_COUNTED),
    "minimum": (values.minimum, 256, 256),
    "huang": (values.huang, 256, 256),
    "intermodes": (values.intermodes, 256, 256),
    "kittler_illingworth": (values.kittler_illingworth, 256, 256),
    "moments": (values.moments, 256, 256),
    "renyi_entropy": (values.renyi_entropy, 256, 256),
    "maximum_entropy": (values.maximum_entropy, 256, 256),
    "shanbhag": (values.shanbhag, 256, 256),
}


def cut(counted: Histogram, method: str) -> float:
    """Return the threshold on a histogram; that of one value is the value itself: nothing is above it."""
    if counted.flat:
        return float(counted.low)
    present = np.flatnonzero(counted.counts)
    if present.size == 2:
        # There is nothing to choose.
        return float(counted.low + counted.positions[present[0]])
    try:
        return float(counted.low + METHODS[method][0](counted))
    except InputError as error:
        raise InputError(f"threshold_{method}: {error}") from None


def threshold_value(image: NDArray[Any], method: str = "otsu", mask: NDArray[Any] | None = None) -> float:
    """Return the threshold that a method finds for the finite pixels of an image.

    Parameters
    ----------
    image
        Any shape, any real dtype.
    method
        Name of the method: what follows ``threshold_`` in the name of the operation.
    mask
        Same shape; only pixels where it is not 0 count. All if left out.

    Returns
    -------
    float
        Pixels above it are foreground. Images of one value give that value, images without finite pixels infinity.

    Raises
    ------
    InputError
        If the method finds none, as those that need two peaks in an image that has none.
    """
    _, n_bins, max_counted = METHODS[method]
    return cut(histogram(image, mask, n_bins, max_counted), method)


def _describe(counts: Sequence[NDArray[np.int64]], scale: Any) -> Histogram:
    return describe(np.sum(counts, axis=0), scale)


def histogram_of_blocks(image: Any, mask: Any, n_bins: int, max_counted: int) -> Any:
    """Return the histogram of a Dask array as a delayed :class:`Histogram`, equal to that of the whole image."""
    from dask import delayed

    from bioloom.operations._scratch import after

    blocks = image.to_delayed().ravel()
    masks = [None] * len(blocks) if mask is None else mask.rechunk(image.chunks).to_delayed().ravel()
    ranges = [delayed(value_range)(b, m) for b, m in zip(blocks, masks, strict=True)]
    scale = delayed(choose_scale)(delayed(common_range)(ranges), n_bins, max_counted)
    image, scale = after(image, scale)
    blocks = image.to_delayed().ravel()
    if mask is not None:
        mask, scale = after(mask.rechunk(image.chunks), scale)
        masks = mask.to_delayed().ravel()
    counts = [delayed(count)(b, scale, m) for b, m in zip(blocks, masks, strict=True)]
    return delayed(_describe)(counts, scale)


def threshold_value_of_blocks(image: Any, method: str = "otsu", mask: Any = None) -> Any:
    """Return :func:`threshold_value` of a Dask array as a delayed number, the same as that of the whole image."""
    from dask import delayed

    _, n_bins, max_counted = METHODS[method]
    return delayed(cut)(histogram_of_blocks(image, mask, n_bins, max_counted), method)


def above(image: NDArray[Any], value: float, mask: NDArray[Any] | None = None) -> NDArray[np.bool_]:
    bright: NDArray[np.bool_] = image > value
    return bright if mask is None else bright & (np.asarray(mask) != 0)


def above_on_device(image: Any, value: float, mask: Any = None) -> Any:
    """Return where an OpenCL image is above a value and in a mask, as uint8."""
    cle = device.clesperanto()
    bright = cle.greater_constant(image, constant=value)
    return bright if mask is None else cle.binary_and(bright, cle.not_equal_constant(mask, constant=0))


def multi_cuts(counted: Histogram, classes: int) -> NDArray[np.float64]:
    """Return the thresholds of multi-Otsu between classes, ascending; fewer where there are fewer values."""
    present = np.flatnonzero(counted.counts)
    if counted.flat:
        return np.array([float(counted.low)])
    if present.size <= classes:
        return np.asarray(counted.low + counted.positions[present[:-1]], np.float64)
    return np.asarray(counted.low + values.multi_otsu(counted, classes), np.float64)
