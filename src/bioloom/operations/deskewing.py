"""Stacks of planes that were taken at an angle: what light sheets scan becomes upright."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._places import check_result_size
from bioloom.operations._resampling import at_positions, smoothed_for
from bioloom.operations._types import Image, Length, Number, Placement, Spacing
from bioloom.operations.filters import as_float

Tilt = Annotated[float, Number(minimum=5, maximum=85, step=0.5)]
SkewAxis = Literal["y", "x"]


class _Geometry:
    """Lengths of the scan and sizes of the result, with the tilted axis of the planes second."""

    def __init__(
        self, shape: Sequence[int], angle: float, skew: SkewAxis, pixel_size: float, spacing: Sequence[float] | None
    ) -> None:
        per_axis = tuple(spacing or (1.0,) * 3)
        order = (0, 1, 2) if skew == "y" else (0, 2, 1)
        self.order = order
        self.step, self.tilted, self.straight = (per_axis[a] for a in order)
        self.pixel = pixel_size or self.tilted
        self.sine, self.cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        planes, rows, columns = (shape[a] for a in order)
        self.height = (rows - 1) * self.tilted * self.sine
        self.length = (planes - 1) * self.step + (rows - 1) * self.tilted * self.cosine
        self.width = (columns - 1) * self.straight
        sizes = tuple(int(n / self.pixel + 1e-6) + 1 for n in (self.height, self.length, self.width))
        self.shape = tuple(sizes[a] for a in order)
        self.steps = tuple(self.pixel / s for s in per_axis)
        check_result_size(self.shape, "deskew")


def _placement(
    shape: Sequence[int], angle: float, skew: SkewAxis, pixel_size: float, spacing: Sequence[float] | None
) -> Placement:
    geometry = _Geometry(shape, angle, skew, pixel_size, spacing)
    return Placement((0, 1, 2), (0.0, 0.0, 0.0), geometry.steps, geometry.shape)


@operation(
    "Transform/Move",
    ndims=(3,),
    placement=_placement,
    keywords="light sheet lightsheet lattice oblique plane OPM diSPIM deskew_y deskew_x skewed tilted shear stage scan",
)
def deskew(
    image: Image,
    angle: Tilt = 30.0,
    skew: SkewAxis = "y",
    reverse: bool = False,
    pixel_size: Length = 0.0,
    spacing: Spacing = None,
) -> Image:
    """Set a light-sheet stack upright whose planes were tilted against the direction of the scan.

    Parameters
    ----------
    image
        (plane, y, x), any real dtype: the planes in the order in which they were taken.
    angle
        Degrees between the planes and the direction of the scan, which is that of the cover glass.
    skew
        The axis of the planes that is tilted.
    reverse
        Whether the scan went the other way, so that objects lean to the wrong side without it.
    pixel_size
        Side of the pixels of the result, the same along all axes; 0 for that of the tilted axis.
    spacing
        Physical size of a pixel per axis; the first is how far the scan went from plane to plane.

    Returns
    -------
    numpy.ndarray
        (height above the cover glass, y, x), where the scan went along `skew`; float32 (float64 for float64 and
        integers of more than 16 bits), 0 where there was no image.

    Raises
    ------
    InputError
        If the image is not 3D or holds NaN, or the result would take more than half of the memory.

    Notes
    -----
    Interpolates at right angles to the planes, between the two next ones: E. Sapoznik et al., eLife 9 (2020) e57681.
    clEsperanto's ``deskew_y`` and ``deskew_x`` do the same, turn height upside down, and leave out the edges.
    Needs the whole image: a Dask array is computed as one block.
    """
    geometry = _Geometry(image.shape, angle, skew, pixel_size, spacing)
    planes = as_float(image).transpose(geometry.order)
    planes = planes[::-1] if reverse else planes
    shrink = (1.0, geometry.pixel / geometry.tilted, geometry.pixel / geometry.straight)
    planes = smoothed_for(planes, shrink)
    sizes = [geometry.shape[a] for a in geometry.order]
    planes = at_positions(planes, np.arange(sizes[2]) * shrink[2], 2)
    result = np.zeros(sizes, planes.dtype)
    along = np.arange(sizes[1]) * geometry.pixel
    for height in range(sizes[0]):
        _fill_height(result[height], planes, along, height * geometry.pixel, geometry)
    result = result[:, ::-1] if reverse else result
    return np.ascontiguousarray(result.transpose(geometry.order))


def _fill_height(
    out: NDArray[Any], planes: NDArray[Any], along: NDArray[np.floating[Any]], height: float, geometry: _Geometry
) -> None:
    """Compute what lies at one height, (along the scan, across it)."""
    n, rows = planes.shape[:2]
    # Where the scan was when its plane went through the point, in planes.
    between = (along - height * geometry.cosine / geometry.sine) / geometry.step
    inside = (between >= -1e-6) & (between <= n - 1 + 1e-6)
    between = np.clip(between[inside], 0, n - 1)
    before = np.minimum(between.astype(np.intp), max(n - 2, 0))
    after = np.minimum(before + 1, n - 1)
    weight = between - before
    # Feet of the perpendiculars from the point to both planes, in rows of theirs.
    foot = height / geometry.sine
    reach = geometry.step * geometry.cosine
    out[inside] = _in_rows(planes, before, (foot + weight * reach) / geometry.tilted, rows) * _column(1 - weight, out)
    out[inside] += _in_rows(planes, after, (foot - (1 - weight) * reach) / geometry.tilted, rows) * _column(weight, out)


def _in_rows(planes: NDArray[Any], plane: NDArray[np.intp], row: NDArray[np.floating[Any]], rows: int) -> NDArray[Any]:
    row = np.clip(row, 0, rows - 1)
    low = np.minimum(row.astype(np.intp), max(rows - 2, 0))
    weight = _column(row - low, planes)
    picked: NDArray[Any] = planes[plane, low] * (1 - weight)
    picked += planes[plane, np.minimum(low + 1, rows - 1)] * weight
    return picked


def _column(values: NDArray[np.floating[Any]], like: NDArray[Any]) -> NDArray[Any]:
    return values.astype(like.dtype)[:, None]
