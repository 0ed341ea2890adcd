"""Where along an axis something is: maps of heights, and images that are sharp everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._places import AxisName, axis_number
from bioloom.operations._projecting import CATEGORY, planes_along, projected_placement, register_dask
from bioloom.operations._types import Image, Length, Spacing
from bioloom.operations.filters import as_float, box_radii, per_axis


def _position(image: NDArray[Any], axis: AxisName, spacing: Sequence[float] | None, of: str) -> NDArray[np.float32]:
    number = axis_number(axis, image.ndim, "projection")
    position = image.argmax(axis=number) if of == "maximum" else image.argmin(axis=number)
    in_units: NDArray[np.float32] = (position * (spacing[number] if spacing else 1.0)).astype(np.float32)
    return in_units


def _position_on_device(image: Any, axis: AxisName, spacing: Sequence[float] | None, of: str) -> Any:
    if image.dtype == np.uint32:
        return device.push(_position(device.pull(image), axis, spacing, of))
    cle = device.clesperanto()
    position = getattr(cle, f"{axis}_position_of_{of}_{axis}_projection")(image)
    if axis == "x":
        position = cle.transpose_xy(position)
    if spacing is None:
        return position
    return cle.multiply_image_and_scalar(position, scalar=spacing["zyx".index(axis)])


@operation(
    CATEGORY,
    ndims=(3,),
    placement=projected_placement,
    keywords="argmax depth height altitude map topography z_position_of_maximum_z_projection focus",
)
def position_of_maximum(image: Image, axis: AxisName = "z", spacing: Spacing = None) -> Image:
    """Tell where along an axis the brightest pixel is: a map of heights.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        One axis less, float32: the distance from the first pixel of the axis, in units of spacing or in pixels. The
        first of several that are equally bright counts.

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.argmax``; clEsperanto's ``z_position_of_maximum_z_projection`` and its like on OpenCL.
    """
    return _position(image, axis, spacing, "maximum")


@position_of_maximum.opencl(ndims=(3,))
def _(image: Any, axis: AxisName, spacing: Sequence[float] | None) -> Any:
    return _position_on_device(image, axis, spacing, "maximum")


@operation(
    CATEGORY,
    ndims=(3,),
    placement=projected_placement,
    keywords="argmin depth height altitude map topography z_position_of_minimum_z_projection",
)
def position_of_minimum(image: Image, axis: AxisName = "z", spacing: Spacing = None) -> Image:
    """Tell where along an axis the darkest pixel is: a map of heights.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    axis
        The axis to look along; it is left out of the result.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        One axis less, float32: the distance from the first pixel of the axis, in units of spacing or in pixels. The
        first of several that are equally dark counts.

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    ``numpy.argmin``; clEsperanto's ``z_position_of_minimum_z_projection`` and its like on OpenCL.
    """
    return _position(image, axis, spacing, "minimum")


@position_of_minimum.opencl(ndims=(3,))
def _(image: Any, axis: AxisName, spacing: Sequence[float] | None) -> Any:
    return _position_on_device(image, axis, spacing, "minimum")


def _sharpness(plane: NDArray[Any], measure: str, radii: Sequence[int]) -> NDArray[Any]:
    """Tell how much detail there is around each pixel of a plane."""
    from scipy import ndimage

    size = tuple(2 * r + 1 for r in radii)
    if measure == "sobel":
        squares = sum(ndimage.sobel(plane, axis=a, mode="nearest") ** 2 for a in range(plane.ndim))
        edges: NDArray[Any] = ndimage.uniform_filter(squares, size=size, mode="nearest")
        return edges
    # Around 0, where squares of large numbers that are close together lose no digits.
    plane = plane - plane.mean(dtype=np.float64).astype(plane.dtype)
    mean = ndimage.uniform_filter(plane, size=size, mode="nearest")
    variance: NDArray[Any] = ndimage.uniform_filter(plane**2, size=size, mode="nearest") - mean**2
    np.maximum(variance, 0, out=variance)
    return variance


@operation(
    CATEGORY,
    ndims=(3,),
    placement=projected_placement,
    keywords="EDF EDOF extended focus stacking all in focus sharpest variance sobel tenengrad "
    "extended_depth_of_focus_variance_projection",
)
def extended_depth_of_focus(
    image: Image,
    measure: Literal["variance", "sobel"] = "variance",
    radius: Length = 2.0,
    sigma: Length = 2.0,
    axis: AxisName = "z",
    spacing: Spacing = None,
) -> Image:
    """Take each pixel from the plane that is sharpest there.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    measure
        What is sharp: much variance, or steep edges (Sobel), in a box around the pixel.
    radius
        Half the side of the box; 1 pixel means 3 × 3.
    sigma
        How far the map of sharpest planes is smoothed (standard deviation of a Gaussian); flat regions, which are sharp
        nowhere, take the plane of the details around them. 0 leaves it as it is.
    axis
        The axis to look along; it is left out of the result.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        One axis less, same dtype: pixels as they are in their plane.

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    As ``extendedDepthOfFocusVarianceProjection`` and ``extendedDepthOfFocusSobelProjection`` of CLIJ2, with heights
    weighted by sharpness when they are smoothed. Sobel: J. M. Tenenbaum, Accommodation in computer vision (1970);
    measures compared by S. Pertuz et al., Pattern Recognition 46 (2013) 1415-1432.
    Needs the whole image: a Dask array is computed as one block.
    """
    from scipy import ndimage

    number = axis_number(axis, image.ndim, "extended_depth_of_focus")
    in_plane = None if spacing is None else [s for a, s in enumerate(spacing) if a != number]
    planes = planes_along(image, axis)
    radii = box_radii(radius, 2, in_plane)
    best = np.full(planes.shape[1:], -np.inf)
    height = np.zeros(planes.shape[1:], np.intp)
    for index, plane in enumerate(planes):
        sharpness = _sharpness(as_float(plane), measure, radii)
        better = sharpness > best
        best[better], height[better] = sharpness[better], index
    if sigma > 0:
        sigmas = per_axis(sigma, 2, in_plane)
        weight = ndimage.gaussian_filter(best, sigmas, mode="nearest")
        smooth = ndimage.gaussian_filter(best * height, sigmas, mode="nearest")
        np.divide(smooth, weight, out=smooth, where=weight > 0)
        height = np.where(weight > 0, np.clip(np.rint(smooth), 0, len(planes) - 1), height).astype(np.intp)
    sharpest: NDArray[Any] = np.take_along_axis(planes, height[None], axis=0)[0]
    return sharpest


register_dask(position_of_maximum)
register_dask(position_of_minimum)
