"""Projections: a stack becomes an image by one number per column of pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._places import AxisName
from bioloom.operations._projecting import CATEGORY, float_of, planes_along, projected_placement, register_dask
from bioloom.operations._types import Image


def _project_on_device(name: str, image: Any, axis: AxisName) -> Any:
    if image.dtype == np.uint32 and name in ("maximum", "minimum"):
        # As float32 on the device, labels would not be what they were.
        planes = planes_along(device.pull(image), axis)
        return device.push(planes.max(axis=0) if name == "maximum" else planes.min(axis=0))
    cle = device.clesperanto()
    projected = getattr(cle, f"{name}_{axis}_projection")(image)
    # clEsperanto gives projections along x as (y, z).
    return cle.transpose_xy(projected) if axis == "x" else projected


@operation(
    CATEGORY,
    ndims=(3,),
    placement=projected_placement,
    keeps_kind=True,
    keywords="max MIP maximum intensity projection z-project maximum_z_projection",
)
def maximum_projection(image: Image, axis: AxisName = "z") -> Image:
    """Take the brightest pixel along an axis.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.

    Returns
    -------
    numpy.ndarray
        One axis less, same dtype (float32 on OpenCL).

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.max``; clEsperanto's ``maximum_z_projection`` and its like on OpenCL.
    """
    return planes_along(image, axis).max(axis=0)


@maximum_projection.opencl(ndims=(3,))
def _(image: Any, axis: AxisName) -> Any:
    return _project_on_device("maximum", image, axis)


@operation(
    CATEGORY,
    ndims=(3,),
    placement=projected_placement,
    keeps_kind=True,
    keywords="min minimum intensity projection z-project minimum_z_projection",
)
def minimum_projection(image: Image, axis: AxisName = "z") -> Image:
    """Take the darkest pixel along an axis.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.

    Returns
    -------
    numpy.ndarray
        One axis less, same dtype (float32 on OpenCL).

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.min``; clEsperanto's ``minimum_z_projection`` and its like on OpenCL.
    """
    return planes_along(image, axis).min(axis=0)


@minimum_projection.opencl(ndims=(3,))
def _(image: Any, axis: AxisName) -> Any:
    return _project_on_device("minimum", image, axis)


def _summed(planes: NDArray[Any]) -> NDArray[Any]:
    if planes.dtype.kind in "bui" and planes.dtype.itemsize <= 2 and len(planes) < 1 << 15:
        exact: NDArray[Any] = planes.sum(axis=0, dtype=np.int32 if planes.dtype.kind == "i" else np.uint32)
        return exact
    with np.errstate(over="ignore"):
        total = planes.sum(axis=0, dtype=np.float64)
        result: NDArray[Any] = total.astype(float_of(planes), copy=False)
    np.nan_to_num(result, copy=False)
    return result


@operation(
    CATEGORY, ndims=(3,), placement=projected_placement, keywords="add total z-project sum slices sum_z_projection"
)
def sum_projection(image: Image, axis: AxisName = "z") -> Image:
    """Add up the pixels along an axis.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.

    Returns
    -------
    numpy.ndarray
        One axis less; uint32 or int32, which hold the sum exactly, for integers of up to 16 bits, float32 for float32,
        else float64 (float32 on OpenCL).

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.sum``; clEsperanto's ``sum_z_projection`` and its like on OpenCL.
    """
    return _summed(planes_along(image, axis))


@sum_projection.opencl(ndims=(3,))
def _(image: Any, axis: AxisName) -> Any:
    return _project_on_device("sum", image, axis)


@operation(CATEGORY, ndims=(3,), placement=projected_placement, keywords="average z-project mean_z_projection")
def mean_projection(image: Image, axis: AxisName = "z") -> Image:
    """Average the pixels along an axis.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.

    Returns
    -------
    numpy.ndarray
        One axis less, float32 (float64 for float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.mean``; clEsperanto's ``mean_z_projection`` and its like on OpenCL.
    """
    mean: NDArray[Any] = planes_along(image, axis).mean(axis=0, dtype=np.float64)
    return mean.astype(float_of(image), copy=False)


@mean_projection.opencl(ndims=(3,))
def _(image: Any, axis: AxisName) -> Any:
    return _project_on_device("mean", image, axis)


@operation(CATEGORY, ndims=(3,), placement=projected_placement, keywords="z-project middle median slices background")
def median_projection(image: Image, axis: AxisName = "z") -> Image:
    """Take the median of the pixels along an axis.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.

    Returns
    -------
    numpy.ndarray
        One axis less, float32 (float64 for float64 and integers of more than 16 bits): of an even number of pixels, the
        mean of the two in the middle.

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.median``.
    """
    return np.median(planes_along(image, axis).astype(float_of(image), copy=False), axis=0)


@operation(
    CATEGORY,
    ndims=(3,),
    placement=projected_placement,
    title="Standard deviation projection",
    keywords="std sd variation z-project standard_deviation_z_projection",
)
def standard_deviation_projection(image: Image, axis: AxisName = "z") -> Image:
    """Measure how much the pixels along an axis vary.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.

    Returns
    -------
    numpy.ndarray
        One axis less, float32 (float64 for float64 and integers of more than 16 bits): the standard deviation of a
        sample, with n - 1 in the denominator, as in ImageJ; 0 for a single plane.

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.std`` with ``ddof=1``; clEsperanto's ``standard_deviation_z_projection`` on OpenCL.
    """
    number, dtype = "zyx".index(axis), float_of(image)
    free = min(image.shape[number] - 1, 1)  # of a single plane, the differences are 0
    if number:
        # Plane by plane: a stack of differences would take eight bytes a pixel.
        return np.stack([plane.std(number - 1, np.float64, ddof=free).astype(dtype) for plane in image])
    mean = image.mean(axis=0, dtype=np.float64)
    squares = np.zeros_like(mean)
    for plane in image:
        squares += (plane - mean) ** 2
    return np.sqrt(squares / (len(image) - free)).astype(dtype, copy=False)


@standard_deviation_projection.opencl(ndims=(3,))
def _(image: Any, axis: AxisName) -> Any:
    cle = device.clesperanto()
    if image.shape["zyx".index(axis)] == 1:
        return device.push(standard_deviation_projection.function(device.pull(image), axis))
    if axis == "y":
        image = cle.transpose_yz(image)
    elif axis == "x":
        # (z, y, x) to (x, y, z) and, once x is gone, (y, z) to (z, y).
        return cle.transpose_xy(cle.standard_deviation_z_projection(cle.transpose_xz(image)))
    return cle.standard_deviation_z_projection(image)


for _projection in (
    maximum_projection,
    minimum_projection,
    sum_projection,
    mean_projection,
    median_projection,
    standard_deviation_projection,
):
    register_dask(_projection)
