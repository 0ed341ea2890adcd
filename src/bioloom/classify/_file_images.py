"""Image files to train on: read when they are needed, and divided into frames and channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.files import read_image

_BUDGET = 1 << 30


class CachedImages:
    """Reads images again and again; the first ones stay in memory, up to so many bytes, and always the last one."""

    def __init__(self, budget: int = _BUDGET) -> None:
        self._left = budget
        self._kept: dict[Path, NDArray[Any]] = {}
        self._last: tuple[Path, NDArray[Any]] | None = None

    def read(self, path: Path) -> NDArray[Any]:
        """Return the pixels of a file; see :func:`bioloom.files.read_image`."""
        if path in self._kept:
            return self._kept[path]
        if self._last is not None and self._last[0] == path:
            return self._last[1]
        image = read_image(path)
        if image.nbytes <= self._left:
            self._left -= image.nbytes
            self._kept[path] = image
        else:
            self._last = (path, image)
        return image


def frames_of(image: NDArray[Any], frame_axis: int | None, channel_axis: int | None) -> list[NDArray[Any]]:
    """Return the frames of an image, channels last; without time, the image itself.

    Raises
    ------
    InputError
        If there is no such axis.
    """
    if frame_axis is None:
        return [image]
    axis = _frame_axis(image.shape, frame_axis, channel_axis)
    return list(np.moveaxis(image if channel_axis is None else np.moveaxis(image, channel_axis, -1), axis, 0))


def annotation_frames(
    annotation: NDArray[Any], shape: tuple[int, ...], frame_axis: int | None, channel_axis: int | None
) -> list[NDArray[Any]]:
    """Return the frames of the annotation of an image of that shape.

    Raises
    ------
    InputError
        If there is no such axis, or the image has another number of frames.
    """
    if frame_axis is None:
        return [annotation]
    axis = _frame_axis(shape, frame_axis, channel_axis)
    _check_axis(annotation.shape, axis, "frame_axis")
    if shape[frame_axis] != annotation.shape[axis]:
        raise InputError(f"The image has {shape[frame_axis]} frames, but its annotation {annotation.shape[axis]}.")
    return list(np.moveaxis(annotation, axis, 0))


def split_channels(
    image: NDArray[Any], channel_axis: int | None, frame_axis: int | None
) -> tuple[list[NDArray[Any]], int | None]:
    """Return the channels of an image, and the axis of time in each of them.

    Raises
    ------
    InputError
        If there is no such axis.
    """
    axis = None if frame_axis is None else _frame_axis(image.shape, frame_axis, channel_axis)
    if channel_axis is None:
        return [image], axis
    _check_axis(image.shape, channel_axis, "channel_axis")
    return list(np.moveaxis(image, channel_axis, 0)), axis


def hint_at_channels(shape: tuple[int, ...], painted: tuple[int, ...], channel_axis: int | None) -> None:
    """Say what to do about an image with an axis more than what was painted on it.

    Raises
    ------
    InputError
        If it has one and nothing was said about channels.
    """
    axes = [axis for axis in range(len(shape)) if shape[:axis] + shape[axis + 1 :] == painted]
    if channel_axis is None and axes:
        raise InputError(
            f"The image has the shape {shape}, but what was painted on it {painted}. If axis {axes[0]} holds channels, "
            f"say so (channel_axis {axes[0]})."
        )


def _frame_axis(shape: tuple[int, ...], frame_axis: int, channel_axis: int | None) -> int:
    """Return the axis of time once the channels are out of the way."""
    _check_axis(shape, frame_axis, "frame_axis")
    if channel_axis is None:
        return frame_axis
    _check_axis(shape, channel_axis, "channel_axis")
    return frame_axis - (channel_axis % len(shape) < frame_axis)


def _check_axis(shape: tuple[int, ...], axis: int, name: str) -> None:
    if not -len(shape) <= axis < len(shape):
        raise InputError(f"The shape is {shape}: there is no axis {axis} ({name}).")
