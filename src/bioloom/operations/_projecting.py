"""What projections share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import Operation
from bioloom.operations._places import AxisName, along_columns, axis_number, without_axis
from bioloom.operations._types import Placement

CATEGORY = "Project/Along an axis"


def projected_placement(shape: Sequence[int], axis: AxisName) -> Placement:
    return without_axis(shape, axis, "projection")


def planes_along(image: NDArray[Any], axis: AxisName) -> NDArray[Any]:
    """Return a view with the axis first."""
    return np.moveaxis(image, axis_number(axis, image.ndim, "projection"), 0)


def float_of(image: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32 if np.result_type(image.dtype, np.float32) == np.float32 else np.float64)


def register_dask(projection: Operation) -> None:
    """Let a projection take Dask arrays, of which a block holds everything along the axis."""

    def project(image: Any, axis: AxisName, **settings: Any) -> Any:
        number = axis_number(axis, image.ndim, projection.name)
        few = np.zeros((1, 1, 1), image.dtype).repeat(image.shape[number], number)
        dtype = projection.function(few, axis=axis, **settings).dtype
        return along_columns(projection, number, image, {"axis": axis, **settings}, dtype)

    projection.dask()(project)
