"""Where the channels of an image file are that a classifier is to see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.classify import PixelClassifier


def channels_last(
    classifier: PixelClassifier, image: NDArray[Any], frame_axis: int | None, channel_axis: int | None
) -> tuple[NDArray[Any], int | None]:
    """Bring the channels of an image to its end.

    Parameters
    ----------
    classifier
        Tells how many channels there must be, in 2D or 3D, and where they were in the training.
    image
        The image, or all frames of a time series.
    frame_axis
        The axis of time.
    channel_axis
        The axis of channels. Left out, it is that of the training, if the image has as many channels there, else the
        only one of that length.

    Returns
    -------
    image : numpy.ndarray
        (y, x, c) or (z, y, x, c), and time where it was; one channel also gets an axis.
    frame_axis : int or None
        The axis of time in it.

    Raises
    ------
    InputError
        If there is no such axis, or the image does not fit the classifier.
    """
    axis = _find(classifier, image.shape, frame_axis, channel_axis)
    if axis is None:
        return image[..., np.newaxis], frame_axis
    if frame_axis is not None and axis < frame_axis:
        frame_axis -= 1
    return np.moveaxis(image, axis, -1), frame_axis


def _find(
    classifier: PixelClassifier, shape: tuple[int, ...], frame_axis: int | None, channel_axis: int | None
) -> int | None:
    n, n_dim, trained_axis = classifier.n_channels, classifier.n_dim, classifier.channel_axis
    for axis, option in ((frame_axis, "--frame-axis"), (channel_axis, "--channel-axis")):
        if axis is not None and not 0 <= axis < len(shape):
            raise InputError(f"The image has the shape {shape}: there is no axis {axis} ({option}).")
    axes = [axis for axis in range(len(shape)) if axis != frame_axis]
    facts = (
        f"The classifier was trained on {n} channel{'s' if n > 1 else ''} in {n_dim}D, and "
        f"{'the image' if frame_axis is None else 'each frame'} has the shape {tuple(shape[axis] for axis in axes)}"
    )
    if channel_axis is not None:
        if len(axes) == n_dim + 1 and shape[channel_axis] == n:
            return channel_axis
        advice = "" if n > 1 else " To classify each channel on its own, use --frame-axis instead."
        raise InputError(f"{facts}, with {shape[channel_axis]} along axis {channel_axis} (--channel-axis).{advice}")
    if n == 1 and len(axes) == n_dim:
        return None
    if len(axes) == n_dim + 1:
        trained_axis = 0 if trained_axis is None and n > 1 else trained_axis
        if trained_axis is not None and -len(axes) <= trained_axis <= n_dim and shape[axes[trained_axis]] == n:
            return axes[trained_axis]
        fitting = [axis for axis in axes if shape[axis] == n]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise InputError(f"{facts}: several axes have the length {n}. Say which holds channels (--channel-axis).")
    if n == 1 and frame_axis is None and len(axes) == n_dim + 1 and shape[-1] in (3, 4) and min(shape[:-1]) > 4:
        raise InputError(
            f"{facts}: the last axis looks like the colours of an RGB image. Give one of its channels as an image of "
            "its own, or train on colour images (--channel-axis)."
        )
    if len(axes) > n_dim + (n > 1) and frame_axis is None:
        kind = "time" if n > 1 else "time or channels"
        raise InputError(
            f"{facts}. If one axis is {kind}, classify each of its images on its own: --frame-axis N, counted from 0."
        )
    needed = f"{n} channels along one axis (--channel-axis)" if n > 1 else "one channel"
    raise InputError(f"{facts}. Give a {n_dim}D image of {needed}.")


def named_channels(
    image: NDArray[Any],
    shape: tuple[int, ...],
    columns: Sequence[str],
    channel_axis: int | None,
    *,
    of_pairs: bool = False,
) -> Any:
    """Split an image into the channels that measurements were trained on.

    Parameters
    ----------
    image
        Intensities.
    shape
        The shape of the labels.
    columns
        The measurements, such as ``area`` and ``intensity_mean_marker``.
    channel_axis
        The axis of channels; left out, the axis that the labels do not have.
    of_pairs
        The measurements are those of pairs of objects.

    Returns
    -------
    numpy.ndarray, list or dict
        What :func:`bioloom.measure.measure` takes.

    Raises
    ------
    InputError
        If the image has other channels than the measurements need.
    """
    axes = [axis for axis in range(image.ndim) if image.shape[:axis] + image.shape[axis + 1 :] == shape]
    if channel_axis is not None:
        if channel_axis not in axes:
            raise InputError(
                f"The image has the shape {image.shape} and the labels have {shape}: these differ by more than an axis "
                f"{channel_axis} of channels (--channel-axis)."
            )
        axes = [channel_axis]
    elif image.shape != shape and not axes:
        raise InputError(
            f"The image has the shape {image.shape}, but the labels have {shape}. Give an image of the same shape, or "
            "one with an additional axis of channels."
        )
    channels = [np.take(image, i, axes[0]) for i in range(image.shape[axes[0]])] if axes else [image]
    single, names = _trained_channels(columns, of_pairs)
    n = len(channels)
    if single and n > 1:
        raise InputError(
            f"The classifier was trained on one channel, but the image has {n} (shape {image.shape}, axis {axes[0]}). "
            "Give a file with that one channel."
        )
    if n > 1 and n == len(names):
        return dict(zip(names, channels, strict=True))
    if not set(names) <= {f"channel{i}" for i in range(n if n > 1 else 0)}:
        raise InputError(
            f"The classifier needs measurements in the channels {', '.join(names)}, but the image has {n} channel"
            f"{'s' if n > 1 else ''} (shape {image.shape}). Give a file with all channels of the training in their "
            "order along one axis (--channel-axis)."
        )
    return channels if n > 1 else channels[0]


def _trained_channels(columns: Sequence[str], of_pairs: bool) -> tuple[bool, list[str]]:
    """Return whether measurements are of one channel without name, and the names of channels otherwise."""
    from bioloom.measure import column_measurement, pair_measurement_of, pair_needs_image

    single: list[str] = []
    double: list[str] = []
    for column in columns:
        if of_pairs:
            name = pair_measurement_of(column)
            if pair_needs_image(name):
                single.append(column[len(name) + 1 :])
        elif (found := column_measurement(column)) is not None and found[0].n_images:
            (double if found[0].n_images == 2 else single).append(found[1])
    names = list(dict.fromkeys(name for name in single if name))
    for first, second in _halves(double, names):
        # The first of a pair is the one that comes first in the image.
        names += [name for name in (first, second) if name not in names]
        if names.index(first) > names.index(second):
            names.remove(first)
            names.insert(names.index(second), first)
    return "" in single, names


def _halves(pairs: Sequence[str], names: Sequence[str]) -> list[tuple[str, str]]:
    """Divide names of pairs of channels, such as ``a_b`` and ``a_c``, so that they are of as few channels as can be."""
    ways = [
        [(pair[:i], pair[i + 1 :]) for i in range(1, len(pair) - 1) if pair[i] == "_"] for pair in dict.fromkeys(pairs)
    ]
    ways = [some for some in ways if some]
    best: list[tuple[str, str]] = []
    fewest = 0
    for start in ways[0] if ways else ():
        chosen, known = [], set(names)
        for some in ([start], *ways[1:]):
            way = max(some, key=lambda way: sum(half in known for half in way))
            chosen.append(way)
            known |= set(way)
        if not best or len(known) < fewest:
            best, fewest = chosen, len(known)
    return best
