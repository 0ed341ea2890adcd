"""Where a result lies in the world when it covers other pixels than its source: crops, projections, swapped axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.layers.writing import spatial_metadata
from bioloom.operations import Placement

if TYPE_CHECKING:
    from napari.layers import Layer


def place_result(
    data: NDArray[Any],
    source: Layer,
    placement: Placement | None = None,
    *,
    has_time: bool = False,
    frame: int | None = None,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return a result as a layer shows it, and the options that put it where it belongs.

    Parameters
    ----------
    data
        The result; the axes of `placement`, after that of time if `has_time` and no `frame` is given.
    source
        The layer it was made from.
    placement
        Which pixels of (a frame of) the source the result covers; None for the same.
    has_time
        Whether the first axis of the source is time.
    frame
        The frame it was made from, if it was made from one only.

    Returns
    -------
    data : numpy.ndarray
        The result, with axes of length 1 where the viewer needs them to show it beside its source: napari aligns the
        last axes of its layers, so a projection of a time series keeps a z axis of one pixel, as thick as the stack.
    options : dict
        Of the layer: scale, translate, rotate, shear, affine, units, axis_labels.
    """
    n = source.ndim
    if placement is None:
        shape = data.shape if not has_time or frame is not None else data.shape[1:]
        placement = Placement(tuple(range(len(shape))), (0.0,) * len(shape), (1.0,) * len(shape), shape)
    first = int(has_time)
    axes = [first + a for a in placement.axes]
    if has_time and frame is not None:
        data = data[np.newaxis]
    start, step = _ascending(placement)
    if axes != sorted(axes) or not set(range(n - 2, n)) <= set(axes):
        return _as_picture(data, source, axes, start, step, has_time, frame)
    missing = [a for a in range(first, n) if a not in axes]
    if not has_time:
        return data, _cut_out(source, axes, start, step)
    for axis in missing:
        data = np.expand_dims(data, axis)
    places = dict(zip(axes, zip(start, step, strict=True), strict=True))
    places |= {a: _whole_axis(source, a) for a in missing}
    places[0] = (0.0 if frame is None else float(frame), 1.0)
    every = list(range(n))
    return data, _cut_out(source, every, [places[a][0] for a in every], [places[a][1] for a in every])


def place_plane(plane: NDArray[Any], source: Layer, index: Sequence[int]) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return one plane (y, x) of a source with all its axes, and the options that put it where it lies.

    Parameters
    ----------
    plane
        Pixels.
    source
        The layer that it is a plane of.
    index
        Its position along the leading axes of `source`.
    """
    return plane.reshape((1,) * len(index) + plane.shape), place_part(source, [*map(float, index), 0.0, 0.0])


def place_part(source: Layer, start: Sequence[float]) -> dict[str, Any]:
    """Return the options that put a part of a source, with all its axes, where it lies: it begins at `start`."""
    return _cut_out(source, range(source.ndim), start, [1.0] * source.ndim)


def _ascending(placement: Placement) -> tuple[list[float], list[float]]:
    """Return start and step of a placement; what runs backwards would look unchanged if its axis ran backwards, too."""
    start, step = list(placement.start), list(placement.step)
    for k, length in enumerate(placement.shape):
        if step[k] < 0:
            start[k] += step[k] * (length - 1)
            step[k] = -step[k]
    return start, step


def _whole_axis(source: Layer, axis: int) -> tuple[float, float]:
    """Return start and step of one pixel that is as long as an axis."""
    length = int(source.data.shape[axis])
    return (length - 1) / 2, float(length)


def _cut_out(source: Layer, axes: Sequence[int], start: Sequence[float], step: Sequence[float]) -> dict[str, Any]:
    """Return the options of a layer whose pixels lie regularly among those of its source."""
    from napari.utils.transforms import Affine

    options = spatial_metadata(source)
    at = np.zeros(source.ndim)
    at[list(axes)] = start
    before = Affine(scale=source.scale, rotate=source.rotate, shear=source.shear, translate=source.translate)
    options["translate"] = np.asarray(before(at))[list(axes)]
    options["scale"] = np.asarray(source.scale)[list(axes)] * np.asarray(step)
    options["units"] = _chosen(source.units, axes)
    options["axis_labels"] = _chosen(source.axis_labels, axes)
    if len(axes) < source.ndim:
        options |= _part_of_transforms(source, list(axes))
    return options


def _part_of_transforms(source: Layer, axes: list[int]) -> dict[str, Any]:
    """Return rotation, shear and affine of some axes of a layer; a rotation into another axis is left out."""
    both = np.ix_(axes, axes)
    rotate = np.asarray(source.rotate)[both]
    if not np.allclose(rotate @ rotate.T, np.eye(len(axes))):
        rotate = np.eye(len(axes))
    shear = np.eye(source.ndim)
    shear[np.triu_indices(source.ndim, 1)] = np.asarray(source.shear)
    homogeneous = [*axes, source.ndim]
    affine = np.asarray(source.affine.affine_matrix)[np.ix_(homogeneous, homogeneous)]
    return {"rotate": rotate, "shear": shear[both], "affine": affine}


def _as_picture(
    data: NDArray[Any],
    source: Layer,
    axes: Sequence[int],
    start: Sequence[float],
    step: Sequence[float],
    has_time: bool,
    frame: int | None,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Return data whose axes are not in the source's order, to be looked at as they are."""
    scale = [float(abs(source.scale[a])) * s for a, s in zip(axes, step, strict=True)]
    translate = [b * float(abs(source.scale[a])) for a, b in zip(axes, start, strict=True)]
    shown = list(axes)
    if has_time:
        # As many axes as the source, so that time stays time.
        for _ in range(source.ndim - 1 - len(axes)):
            data = np.expand_dims(data, 1)
            middle, length = _whole_axis(source, 1)
            scale.insert(0, float(abs(source.scale[1])) * length)
            translate.insert(0, float(source.translate[1]) + float(abs(source.scale[1])) * middle)
            shown.insert(0, 1)
        scale.insert(0, float(source.scale[0]))
        translate.insert(0, float(source.translate[0]) + float(source.scale[0]) * (frame or 0))
        shown.insert(0, 0)
    labels = _chosen(source.axis_labels, shown)
    options = {"scale": scale, "translate": translate, "units": _chosen(source.units, shown)}
    if labels is not None and len(set(labels)) == len(labels):
        options["axis_labels"] = labels
    return data, options


def _chosen(values: Any, axes: Sequence[int]) -> Any:
    return None if values is None else tuple(values[a] for a in axes)
