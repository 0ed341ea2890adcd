"""What a simulated sample consists of, and the checks shared by those who make one."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

SMALLEST_SIDE = 32


@dataclass(frozen=True, eq=False)
class Sample:
    """A simulated image with its ground truth.

    Attributes
    ----------
    name
        Name of the sample, a key of `bioloom.samples.SAMPLES`.
    image
        uint16 grey values; axes as in `axes`.
    labels
        uint32 ground truth: 0 is background, each nucleus has its own id, ids are 1 … n without gaps. The axes
        are those of the image without the channel axis.
    cell_types
        One row per nucleus (per frame and nucleus in a time series, then with a `frame` column): `label`,
        `cell_type` (1 round and smooth; 2 elongated, brighter and speckled), `size` (radius relative to the mean
        radius) and `brightness` (emission relative to a mean nucleus of type 1, before illumination and noise).
    axes
        One letter per image axis, of t, c, z, y and x.
    spacing
        Size of a step along each image axis; 1 for time and channel.
    units
        Unit of each image axis: "micrometer", "second", or "pixel" for the channel axis.
    seed
        The seed it was made with.
    parents
        In a time series, one row per label: `label` and `parent`, the label it came from by division (0: none).
        Else None.
    """

    name: str
    image: NDArray[np.uint16]
    labels: NDArray[np.uint32]
    cell_types: pd.DataFrame
    axes: str
    spacing: tuple[float, ...]
    units: tuple[str, ...]
    seed: int
    parents: pd.DataFrame | None = None

    @property
    def spatial_spacing(self) -> tuple[float, ...]:
        """Size of a pixel along the spatial axes only: (y, x) or (z, y, x)."""
        return tuple(step for axis, step in zip(self.axes, self.spacing, strict=True) if axis in "zyx")

    @property
    def frame_axis(self) -> int | None:
        """Axis of time in `labels`; None if the sample is no time series."""
        return 0 if self.axes.startswith("t") else None


def check_count(value: Any, what: str, least: int) -> int:
    """Return `value` as an int of at least `least`, or raise InputError naming `what`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InputError(f"{what} must be a whole number, but {value!r} was given.") from None
    if number < least:
        raise InputError(f"{what} must be {least} or larger, but {number} was given.")
    return number


def check_shape(shape: Sequence[int], axes: str) -> tuple[int, ...]:
    """Return `shape` as ints with one entry per letter of `axes`; y and x large enough for nuclei.

    Raises
    ------
    InputError
        If the number of axes is another one or an axis is too short.
    """
    if not isinstance(shape, Sequence) or len(shape) != len(axes):
        raise InputError(f"The shape must have {len(axes)} entries ({', '.join(axes)}), but {shape!r} was given.")
    least = {"t": 1, "c": 2, "z": 3}
    return tuple(
        check_count(size, f"The shape along {axis}", least.get(axis, SMALLEST_SIDE))
        for size, axis in zip(shape, axes, strict=True)
    )
