"""Images as the features read them: channels, in memory or lazy, without values that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError


class _Channel:
    """One channel of a lazy array whose axes cannot be moved, such as Zarr's."""

    def __init__(self, array: Any, axis: int, index: int) -> None:
        self._array, self._axis, self._index = array, axis, index
        self.shape = tuple(n for a, n in enumerate(array.shape) if a != axis)
        self.dtype = array.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, where: Any) -> NDArray[Any]:
        where = where if isinstance(where, tuple) else (where,)
        where += (slice(None),) * (self.ndim - len(where))
        return np.asarray(self._array[(*where[: self._axis], self._index, *where[self._axis :])])


def as_channels(image: Any, channel_axis: int | None, where: str) -> tuple[Any, ...]:
    """Return the channels of an image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), and with `channel_axis` one axis more; arrays of Dask and Zarr are not loaded.
    channel_axis
        Which axis holds the channels, or None.
    where
        What asks, for the message.

    Returns
    -------
    tuple of array
        Each (y, x) or (z, y, x).

    Raises
    ------
    InputError
        If the number of axes is another one, there are no pixels, or values are not finite real numbers. Those of lazy
        arrays are looked at when they are read.
    """
    lazy = not isinstance(image, np.ndarray) and all(hasattr(image, a) for a in ("shape", "dtype", "__getitem__"))
    pixels = image if lazy and not device.is_opencl(image) else device.pull(image)
    shape, n_dim = tuple(pixels.shape), len(pixels.shape)
    if channel_axis is not None and not -n_dim <= channel_axis < n_dim:
        raise InputError(f"{where}: channel_axis is {channel_axis}, but the image has the shape {shape}.")
    if n_dim - (channel_axis is not None) not in (2, 3):
        raise InputError(
            f"{where} has the shape {shape}, but must be (y, x) or (z, y, x). Give time series as a list of frames, "
            "and name the axis of channels with channel_axis (the last one, -1, for RGB)."
        )
    if 0 in shape:
        raise InputError(f"{where} has no pixels (shape {shape}).")
    if np.dtype(pixels.dtype).kind not in "buif":
        raise InputError(f"{where} holds values of type {pixels.dtype}, but must hold real numbers.")
    if isinstance(pixels, np.ndarray):
        if pixels.dtype.kind == "f":
            finite(pixels, where)
        return (pixels,) if channel_axis is None else tuple(np.moveaxis(pixels, channel_axis, 0))
    if channel_axis is None:
        return (pixels,)
    axis = channel_axis % n_dim
    return tuple(_Channel(pixels, axis, index) for index in range(shape[axis]))


def finite(pixels: NDArray[np.float32], where: str) -> NDArray[np.float32]:
    """Return pixels that are all finite.

    Raises
    ------
    InputError
        If some are not.
    """
    if not np.isfinite(pixels.sum(dtype=np.float64)) and (wrong := np.count_nonzero(~np.isfinite(pixels))):
        raise InputError(
            f"{where} holds {wrong} NaN or infinite pixels, which would spread through the features. Replace them "
            "first: in the menu Layers > Filter > Repair > Replace NaN, or with bioloom.operations.replace_nan."
        )
    return pixels
