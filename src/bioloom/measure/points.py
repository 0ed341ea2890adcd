"""Values of images at points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.measure import inputs

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDING = 1e-9  # share of a radius that is rounding
_STATISTICS = ("mean", "std", "min", "max", "sum")


def measure_points(
    points: Any,
    image: Any,
    spacing: Sequence[float] | None = None,
    *,
    labels: Any = None,
    radius: float = 0.0,
    interpolation: Literal["nearest", "linear"] = "nearest",
    frame_axis: int | None = None,
    channel_axis: int | None = None,
    channel_names: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Measure the values of images at points, or around them.

    Parameters
    ----------
    points
        (n, 2) or (n, 3) positions along y and x, or z, y and x, in the unit of `spacing`; the centre of the first pixel
        is at 0. With `frame_axis`, one column more, at the place of that axis: the number of the frame, rounded.
    image
        (y, x) or (z, y, x), with `frame_axis` one axis more; or several, as in `measure`.
    spacing
        Size of a pixel per spatial axis; None if positions are in pixels.
    labels
        Label image of the same shape: the table then tells in which object each point lies.
    radius
        In the unit of `spacing`. If above 0, all pixels with their centre within it are measured, and the one nearest
        to the point in any case.
    interpolation
        Without a radius, the value of the ``"nearest"`` pixel, or ``"linear"`` between the nearest 4 (in 3D 8).
    frame_axis
        The axis of `image` that is time.
    channel_axis, channel_names
        As in `measure`.
    progress
        Called as ``progress(done, total)``. It may raise `bioloom.errors.Cancelled`.

    Returns
    -------
    pandas.DataFrame
        One row per point, in their order: ``point`` (its number, from 0), ``frame`` (with `frame_axis`),
        ``position-0`` …, ``label`` (0 outside of objects, with `labels`); then ``intensity``, or with a radius
        ``num_pixels``, ``intensity_mean``, ``intensity_std`` (divided by n), ``intensity_min``, ``intensity_max`` and
        ``intensity_sum``, with ``_<channel>`` at the end where there are several. Points outside of the image, and
        those that are NaN, have NaN and 0 pixels; NaN pixels are left out within a radius.

    Raises
    ------
    InputError
        If shapes do not fit.

    Notes
    -----
    Of large arrays of Dask and Zarr only the surroundings of points are read, those in the same block together.
    """
    import pandas as pd

    shape = inputs.shape_of(labels) if labels is not None else image_shape(image, channel_axis)
    axis = None if frame_axis is None else inputs.checked_axis(frame_axis, len(shape), "frame_axis")
    ndim = len(shape) - (axis is not None)
    if ndim not in (2, 3):
        raise InputError(f"The image has {ndim} spatial axes (shape {shape}); (y, x) or (z, y, x) is needed.")
    sizes = inputs.checked_spacing(spacing, ndim)[3 - ndim :]
    channels = inputs.checked_channels(image, channel_axis, channel_names, shape)
    where = np.asarray(points, dtype=np.float64)
    if where.size == 0:
        where = where.reshape(0, len(shape))
    if where.ndim != 2 or where.shape[1] != len(shape):
        raise InputError(f"points has the shape {where.shape}; (n, {len(shape)}) is needed, one column for each axis.")
    if not radius >= 0 or not np.isfinite(radius):
        raise InputError(f"radius={radius} does not fit: give 0 or a length above it.")
    if interpolation not in ("nearest", "linear"):
        raise InputError(f"interpolation={interpolation!r} does not exist; give 'nearest' or 'linear'.")

    frames = np.zeros(len(where))
    if axis is not None:
        frames, where = np.rint(where[:, axis]), np.delete(where, axis, axis=1)
    names = ("num_pixels", *(f"intensity_{s}" for s in _STATISTICS)) if radius > 0 else ("intensity",)
    columns = {
        name + c: np.full(len(where), 0.0 if name == "num_pixels" else np.nan) for c in channels for name in names
    }
    in_object = np.zeros(len(where), np.int64)
    places = where / sizes
    extent = np.array([n for i, n in enumerate(shape) if i != axis])
    # A pixel reaches half its size to both sides of its centre.
    inside = ((places >= -0.5) & (places < extent - 0.5)).all(axis=1)
    todo = [0] if axis is None else [t for t in np.unique(frames[inside]).astype(int).tolist() if 0 <= t < shape[axis]]
    for done, t in enumerate(todo):
        if progress is not None:
            progress(done, len(todo))
        rows = np.flatnonzero(inside & (frames == t))
        of_frame = {c: i if axis is None else inputs.take(i, axis, t) for c, i in channels.items()}
        numbers = labels if labels is None or axis is None else inputs.take(labels, axis, t)
        margin = np.floor(radius / sizes + 0.5 + _ROUNDING).astype(np.int64) + 2
        arrays = [some for some in (numbers, *of_frame.values()) if some is not None]
        for near, low, high in _parts(arrays, places[rows], extent, margin):
            some, here = rows[near], places[rows[near]] - low
            if numbers is not None:
                plane = inputs.checked_labels(_window(numbers, low, high))
                in_object[some] = plane[tuple(_nearest(here, high - low).T)]
            for c, of_channel in of_frame.items():
                values = inputs.checked_image(_window(of_channel, low, high), c[1:])
                if radius > 0:
                    found = _around(values, here, sizes, radius)
                elif interpolation == "linear":
                    found = {"intensity": _between(values, here)}
                else:
                    found = {"intensity": values[tuple(_nearest(here, high - low).T)].astype(np.float64)}
                for name, column in found.items():
                    columns[name + c][some] = column
    if progress is not None:
        progress(len(todo), len(todo))
    table: dict[str, Any] = {"point": np.arange(len(where))}
    if axis is not None:
        table["frame"] = frames.astype(np.int64) if np.isfinite(frames).all() else frames
    table |= {f"position-{i}": where[:, i] for i in range(ndim)}
    if labels is not None:
        table["label"] = in_object
    table |= {n: v.astype(np.int64) if n.startswith("num_pixels") else v for n, v in columns.items()}
    return pd.DataFrame(table)


def image_shape(image: Any, channel_axis: int | None) -> tuple[int, ...]:
    """Shape of an image, or of the first of several, without the axis of the channels."""
    if isinstance(image, Mapping):
        image = list(image.values())
    elif channel_axis is not None:
        shape = inputs.shape_of(image)
        axis = inputs.checked_axis(channel_axis, len(shape), "channel_axis")
        return shape[:axis] + shape[axis + 1 :]
    # A list of lists of numbers is one image.
    if isinstance(image, (list, tuple)) and image and len(inputs.shape_of(image[0])) > 1:
        image = image[0]
    return inputs.shape_of(image)


def _parts(arrays: Sequence[Any], places: Floats, extent: Ints, margin: Ints) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Divide points: which they are, and the corners of the part of the image around them that is to be read.

    Of large arrays that are read as needed, those in the same block are together; else all, with the whole image.
    """
    from bioloom.measure._blocks import blocks_for

    block = blocks_for(arrays)
    if block is None:
        yield np.arange(len(places)), np.zeros_like(extent), extent
        return
    pixels = _nearest(places, extent)
    _, group = np.unique(pixels // np.array(block), axis=0, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    for near in np.split(order, np.flatnonzero(np.diff(group.ravel()[order])) + 1) if order.size else []:
        low, high = pixels[near].min(axis=0) - margin, pixels[near].max(axis=0) + margin + 1
        yield near, np.maximum(low, 0), np.minimum(high, extent)


def _window(array: Any, low: Ints, high: Ints) -> Any:
    """Return the part between two corners; of what is no array yet, all."""
    if not hasattr(array, "shape"):
        return array
    return array[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))]


def _nearest(places: Floats, extent: Ints) -> Ints:
    """Pixel (n, ndim) that a place in pixels lies in."""
    return np.clip(np.floor(places + 0.5).astype(np.int64), 0, extent - 1)


def _between(values: NDArray[Any], places: Floats) -> Floats:
    """Linear interpolation; beyond the centres of the outermost pixels their value."""
    last = np.array(values.shape) - 1
    held = np.clip(places, 0, last)
    low = np.minimum(np.floor(held).astype(np.int64), np.maximum(last - 1, 0))
    part = held - low
    total = np.zeros(len(places))
    for corner in product((0, 1), repeat=values.ndim):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        there = weight > 0
        at = tuple(np.minimum(low[there] + corner, last).T)
        total[there] += weight[there] * values[at].astype(np.float64)
    return total


def _around(values: NDArray[Any], places: Floats, sizes: Floats, radius: float) -> dict[str, Floats]:
    """Statistics of the pixels within a radius of places."""
    extent = np.array(values.shape)
    centre = _nearest(places, extent)
    reach = np.floor(radius / sizes + 0.5 + _ROUNDING).astype(int)
    n, total, squares = np.zeros(len(places)), np.zeros(len(places)), np.zeros(len(places))
    least, most = np.full(len(places), np.inf), np.full(len(places), -np.inf)
    shift = np.zeros(len(places))
    # The nearest pixel comes first: sums of differences from its value keep their digits.
    steps = sorted(product(*(range(-r, r + 1) for r in reach)), key=lambda s: sum(i * i for i in s))
    for step in steps:
        at = centre + step
        away = np.linalg.norm((at - places) * sizes, axis=1)
        rows = np.flatnonzero(
            ((at >= 0) & (at < extent)).all(axis=1) & ((away <= radius * (1 + _ROUNDING)) | (not any(step)))
        )
        found = values[tuple(at[rows].T)].astype(np.float64)
        rows, found = rows[~np.isnan(found)], found[~np.isnan(found)]
        first = n[rows] == 0
        shift[rows[first]] = np.where(np.isfinite(found[first]), found[first], 0)
        n[rows] += 1
        difference = found - shift[rows]
        total[rows] += difference
        squares[rows] += difference**2
        least[rows], most[rows] = np.minimum(least[rows], found), np.maximum(most[rows], found)
    with np.errstate(all="ignore"):
        mean = total / n
        spread = np.sqrt(np.maximum(squares / n - mean**2, 0))
        none = np.where(n > 0, 0, np.nan)
        return {
            "num_pixels": n,
            "intensity_mean": shift + mean,
            "intensity_std": spread,
            "intensity_min": least + none,
            "intensity_max": most + none,
            "intensity_sum": n * shift + total + none,
        }
