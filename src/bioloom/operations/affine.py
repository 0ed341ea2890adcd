"""Rigid and affine transforms, by their parts or by a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bioloom.operations import _affine
from bioloom.operations._affine import Matrix
from bioloom.operations._catalogue import operation
from bioloom.operations._resampling import Interpolation
from bioloom.operations._types import Image, Placement, Spacing
from bioloom.operations.transforms import Angle, Factor, Fill, Shear, Shift


def _rigid(
    shape: Sequence[int],
    z: float,
    y: float,
    x: float,
    angle: float,
    angle_y: float,
    angle_x: float,
    spacing: Sequence[float] | None,
) -> Matrix:
    where, n = "rigid_transform", len(shape)
    motion = _affine.shifting(z, y, x, n, where) @ _affine.turning(angle, angle_y, angle_x, n, where)
    return _affine.about_centre(motion, shape, spacing)


def _rigid_placement(shape: Sequence[int], interpolation: str, fill: float, enlarge: bool, **parts: Any) -> Placement:
    return _affine.placed(_rigid(shape, **parts), shape, enlarge, "rigid_transform")


@operation(
    "Transform/Move",
    placement=_rigid_placement,
    keeps_kind=True,
    keywords="turn and move rotate translate register align euler",
)
def rigid_transform(
    image: Image,
    z: Shift = 0.0,
    y: Shift = 0.0,
    x: Shift = 0.0,
    angle: Angle = 0.0,
    angle_y: Angle = 0.0,
    angle_x: Angle = 0.0,
    interpolation: Interpolation = "linear",
    fill: Fill = 0.0,
    enlarge: bool = False,
    spacing: Spacing = None,
) -> Image:
    """Turn what the image shows about its centre, then move it.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    z
        How far towards larger z; stays 0 for an image (y, x).
    y
        How far towards larger y.
    x
        How far towards larger x.
    angle
        Degrees in the plane (y, x), about z: anticlockwise where y points down.
    angle_y
        Degrees about y, after that: x towards z. Stays 0 for an image (y, x).
    angle_x
        Degrees about x, after that: z towards y. Stays 0 for an image (y, x).
    interpolation
        Between pixels: linear, cubic, or the nearest pixel as it is, which is what labels need.
    fill
        The result where nothing of the image comes to lie.
    enlarge
        Whether the result is as large as it must be to hold all corners.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape unless enlarged; same dtype for ``nearest`` (if it holds the fill value), else float32 (float64 for
        float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or an image (y, x) is to be moved or turned out of its plane.

    Notes
    -----
    As ``scipy.ndimage.affine_transform`` (``mode="grid-constant"``); clEsperanto's ``affine_transform`` on OpenCL
    for linear interpolation, which devices do with positions of 1/256 pixel.
    Needs the whole image: a Dask array is computed as one block.
    """
    matrix = _rigid(image.shape, z, y, x, angle, angle_y, angle_x, spacing)
    place = _affine.placed(matrix, image.shape, enlarge, "rigid_transform")
    return _affine.apply(image, matrix, place, interpolation, fill, "rigid_transform")


@rigid_transform.opencl()
def _(image: Any, interpolation: Interpolation, fill: float, enlarge: bool, **parts: Any) -> Any:
    matrix = _rigid(image.shape, **parts)
    place = _affine.placed(matrix, image.shape, enlarge, "rigid_transform")
    return _affine.apply_on_device(image, matrix, place, interpolation, fill, "rigid_transform")


def _by_parts(
    shape: Sequence[int],
    z: float,
    y: float,
    x: float,
    angle: float,
    angle_y: float,
    angle_x: float,
    z_factor: float,
    y_factor: float,
    x_factor: float,
    y_by_z: float,
    x_by_z: float,
    x_by_y: float,
    spacing: Sequence[float] | None,
) -> Matrix:
    where, n = "affine_transform", len(shape)
    whole = (
        _affine.shifting(z, y, x, n, where)
        @ _affine.turning(angle, angle_y, angle_x, n, where)
        @ _affine.shearing(y_by_z, x_by_z, x_by_y, n, where)
        @ _affine.stretching(z_factor, y_factor, x_factor, n, where)
    )
    return _affine.about_centre(whole, shape, spacing)


def _parts_placement(shape: Sequence[int], interpolation: str, fill: float, enlarge: bool, **parts: Any) -> Placement:
    return _affine.placed(_by_parts(shape, **parts), shape, enlarge, "affine_transform")


@operation(
    "Transform/Move",
    placement=_parts_placement,
    keeps_kind=True,
    keywords="shear skew stretch rotate translate scale register align",
)
def affine_transform(
    image: Image,
    z: Shift = 0.0,
    y: Shift = 0.0,
    x: Shift = 0.0,
    angle: Angle = 0.0,
    angle_y: Angle = 0.0,
    angle_x: Angle = 0.0,
    z_factor: Factor = 1.0,
    y_factor: Factor = 1.0,
    x_factor: Factor = 1.0,
    y_by_z: Shear = 0.0,
    x_by_z: Shear = 0.0,
    x_by_y: Shear = 0.0,
    interpolation: Interpolation = "linear",
    fill: Fill = 0.0,
    enlarge: bool = False,
    spacing: Spacing = None,
) -> Image:
    """Stretch, shear and turn what the image shows about its centre, in this order, then move it.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    z
        How far towards larger z; stays 0 for an image (y, x).
    y
        How far towards larger y.
    x
        How far towards larger x.
    angle
        Degrees in the plane (y, x), about z: anticlockwise where y points down.
    angle_y
        Degrees about y, after that: x towards z. Stays 0 for an image (y, x).
    angle_x
        Degrees about x, after that: z towards y. Stays 0 for an image (y, x).
    z_factor
        How many times as large things become along z; stays 1 for an image (y, x).
    y_factor
        How many times as large things become along y.
    x_factor
        How many times as large things become along x.
    y_by_z
        Shear: how far y moves per length along z. Stays 0 for an image (y, x).
    x_by_z
        Shear: how far x moves per length along z. Stays 0 for an image (y, x).
    x_by_y
        Shear: how far x moves per length along y.
    interpolation
        Between pixels: linear, cubic, or the nearest pixel as it is, which is what labels need.
    fill
        The result where nothing of the image comes to lie.
    enlarge
        Whether the result is as large as it must be to hold all corners.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape unless enlarged; same dtype for ``nearest`` (if it holds the fill value), else float32 (float64 for
        float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or settings for z are given for an image (y, x).

    Notes
    -----
    As ``scipy.ndimage.affine_transform`` (``mode="grid-constant"``); clEsperanto's function of the same name on
    OpenCL for linear interpolation, which devices do with positions of 1/256 pixel.
    Needs the whole image: a Dask array is computed as one block.
    """
    matrix = _by_parts(
        image.shape, z, y, x, angle, angle_y, angle_x, z_factor, y_factor, x_factor, y_by_z, x_by_z, x_by_y, spacing
    )
    place = _affine.placed(matrix, image.shape, enlarge, "affine_transform")
    return _affine.apply(image, matrix, place, interpolation, fill, "affine_transform")


@affine_transform.opencl()
def _(image: Any, interpolation: Interpolation, fill: float, enlarge: bool, **parts: Any) -> Any:
    matrix = _by_parts(image.shape, **parts)
    place = _affine.placed(matrix, image.shape, enlarge, "affine_transform")
    return _affine.apply_on_device(image, matrix, place, interpolation, fill, "affine_transform")


def _read(shape: Sequence[int], matrix: str, spacing: Sequence[float] | None) -> Matrix:
    return _affine.in_pixels(_affine.read_matrix(matrix, len(shape), "transform_by_matrix"), shape, spacing)


def _matrix_placement(shape: Sequence[int], matrix: str, enlarge: bool, spacing: Sequence[float] | None) -> Placement:
    read = _read(shape, matrix, spacing)
    _affine.inverse(read, "transform_by_matrix")
    return _affine.placed(read, shape, enlarge, "transform_by_matrix")


@operation(
    "Transform/Move",
    placement=_matrix_placement,
    keeps_kind=True,
    title="Affine transform by a matrix",
    keywords="affine register registration elastix itk matrix homogeneous coordinates",
)
def transform_by_matrix(
    image: Image,
    matrix: str = "",
    interpolation: Interpolation = "linear",
    fill: Fill = 0.0,
    enlarge: bool = False,
    spacing: Spacing = None,
) -> Image:
    """Transform what the image shows by a matrix, such as one from a registration.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    matrix
        Rows of numbers in the order of the axes, with the shift as last column, such as ``1 0 2.5; 0 1 -3`` for an
        image (y, x): it maps where something was, counted from the first pixel in units of spacing, to where it goes.
        A last row ``0 0 1`` may follow. Empty changes nothing.
    interpolation
        Between pixels: linear, cubic, or the nearest pixel as it is, which is what labels need.
    fill
        The result where nothing of the image comes to lie.
    enlarge
        Whether the result is as large as it must be to hold all corners.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape unless enlarged; same dtype for ``nearest`` (if it holds the fill value), else float32 (float64 for
        float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or the matrix is none of its size or leaves nothing of the image.

    Notes
    -----
    As ``scipy.ndimage.affine_transform`` (``mode="grid-constant"``); clEsperanto's ``affine_transform`` on OpenCL
    for linear interpolation, which devices do with positions of 1/256 pixel. The convention is that of napari's layers.
    Needs the whole image: a Dask array is computed as one block.
    """
    place = _matrix_placement(image.shape, matrix, enlarge, spacing)
    return _affine.apply(image, _read(image.shape, matrix, spacing), place, interpolation, fill, "transform_by_matrix")


@transform_by_matrix.opencl()
def _(
    image: Any, matrix: str, interpolation: Interpolation, fill: float, enlarge: bool, spacing: Sequence[float] | None
) -> Any:
    place, read = _matrix_placement(image.shape, matrix, enlarge, spacing), _read(image.shape, matrix, spacing)
    return _affine.apply_on_device(image, read, place, interpolation, fill, "transform_by_matrix")
