"""Transforms: what an image shows is moved, turned, stretched or sheared within its frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from bioloom.operations import _affine
from bioloom.operations._affine import Matrix
from bioloom.operations._catalogue import operation
from bioloom.operations._resampling import Interpolation
from bioloom.operations._types import Image, Number, Placement, Spacing

Shift = Annotated[float, Number(minimum=-1_000_000, maximum=1_000_000, step=1, unit="length")]
Angle = Annotated[float, Number(minimum=-360, maximum=360, step=1)]
Factor = Annotated[float, Number(minimum=0.001, maximum=1000, step=0.1)]
Shear = Annotated[float, Number(minimum=-100, maximum=100, step=0.1)]
Fill = Annotated[float, Number(step=1)]


def _translation(shape: Sequence[int], z: float, y: float, x: float, spacing: Sequence[float] | None) -> Matrix:
    return _affine.in_pixels(_affine.shifting(z, y, x, len(shape), "translate"), shape, spacing)


def _translate_placement(
    shape: Sequence[int], z: float, y: float, x: float, enlarge: bool, spacing: Sequence[float] | None
) -> Placement:
    return _affine.placed(_translation(shape, z, y, x, spacing), shape, enlarge, "translate")


@operation(
    "Transform/Move", placement=_translate_placement, keeps_kind=True, keywords="shift move offset register drift align"
)
def translate(
    image: Image,
    z: Shift = 0.0,
    y: Shift = 0.0,
    x: Shift = 0.0,
    interpolation: Interpolation = "linear",
    fill: Fill = 0.0,
    enlarge: bool = False,
    spacing: Spacing = None,
) -> Image:
    """Move what the image shows.

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
    interpolation
        Between pixels: linear, cubic, or the nearest pixel as it is, which is what labels need.
    fill
        The result where nothing of the image comes to lie.
    enlarge
        Whether the result has the frame of what was moved, so that nothing is lost.
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
        If the image is not 2D or 3D or holds NaN, or an image (y, x) is to be moved along z.

    Notes
    -----
    As ``scipy.ndimage.affine_transform`` (``mode="grid-constant"``); clEsperanto's ``affine_transform`` on OpenCL
    for linear interpolation, which devices do with positions of 1/256 pixel.
    Needs the whole image: a Dask array is computed as one block.
    """
    matrix = _translation(image.shape, z, y, x, spacing)
    place = _affine.placed(matrix, image.shape, enlarge, "translate")
    return _affine.apply(image, matrix, place, interpolation, fill, "translate")


@translate.opencl()
def _(
    image: Any,
    z: float,
    y: float,
    x: float,
    interpolation: Interpolation,
    fill: float,
    enlarge: bool,
    spacing: Sequence[float] | None,
) -> Any:
    matrix = _translation(image.shape, z, y, x, spacing)
    place = _affine.placed(matrix, image.shape, enlarge, "translate")
    return _affine.apply_on_device(image, matrix, place, interpolation, fill, "translate")


def _rotation(
    shape: Sequence[int], angle: float, angle_y: float, angle_x: float, spacing: Sequence[float] | None
) -> Matrix:
    return _affine.about_centre(_affine.turning(angle, angle_y, angle_x, len(shape), "rotate"), shape, spacing)


def _rotate_placement(
    shape: Sequence[int],
    angle: float,
    angle_y: float,
    angle_x: float,
    enlarge: bool,
    spacing: Sequence[float] | None,
) -> Placement:
    return _affine.placed(_rotation(shape, angle, angle_y, angle_x, spacing), shape, enlarge, "rotate")


@operation(
    "Transform/Move", placement=_rotate_placement, keeps_kind=True, keywords="turn tilt spin orientation degrees"
)
def rotate(
    image: Image,
    angle: Angle = 0.0,
    angle_y: Angle = 0.0,
    angle_x: Angle = 0.0,
    interpolation: Interpolation = "linear",
    fill: Fill = 0.0,
    enlarge: bool = False,
    spacing: Spacing = None,
) -> Image:
    """Turn what the image shows about its centre.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
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
        If the image is not 2D or 3D or holds NaN, or an image (y, x) is to be turned out of its plane.

    Notes
    -----
    As ``scipy.ndimage.affine_transform`` (``mode="grid-constant"``); clEsperanto's ``affine_transform`` on OpenCL
    for linear interpolation, which devices do with positions of 1/256 pixel. Its own ``rotate`` turns the other way.
    Needs the whole image: a Dask array is computed as one block.
    """
    matrix = _rotation(image.shape, angle, angle_y, angle_x, spacing)
    place = _affine.placed(matrix, image.shape, enlarge, "rotate")
    return _affine.apply(image, matrix, place, interpolation, fill, "rotate")


@rotate.opencl()
def _(
    image: Any,
    angle: float,
    angle_y: float,
    angle_x: float,
    interpolation: Interpolation,
    fill: float,
    enlarge: bool,
    spacing: Sequence[float] | None,
) -> Any:
    matrix = _rotation(image.shape, angle, angle_y, angle_x, spacing)
    place = _affine.placed(matrix, image.shape, enlarge, "rotate")
    return _affine.apply_on_device(image, matrix, place, interpolation, fill, "rotate")


def _stretching(shape: Sequence[int], z_factor: float, y_factor: float, x_factor: float) -> Matrix:
    return _affine.about_centre(_affine.stretching(z_factor, y_factor, x_factor, len(shape), "scale"), shape, None)


def _scale_placement(
    shape: Sequence[int], z_factor: float, y_factor: float, x_factor: float, enlarge: bool
) -> Placement:
    return _affine.placed(_stretching(shape, z_factor, y_factor, x_factor), shape, enlarge, "scale")


@operation(
    "Transform/Move", placement=_scale_placement, keeps_kind=True, keywords="magnify zoom stretch shrink enlarge"
)
def scale(
    image: Image,
    z_factor: Factor = 1.0,
    y_factor: Factor = 1.0,
    x_factor: Factor = 1.0,
    interpolation: Interpolation = "linear",
    fill: Fill = 0.0,
    enlarge: bool = False,
) -> Image:
    """Stretch or shrink what the image shows about its centre; its pixels stay as large as they are.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    z_factor
        How many times as large things become along z; stays 1 for an image (y, x).
    y_factor
        How many times as large things become along y.
    x_factor
        How many times as large things become along x.
    interpolation
        Between pixels: linear, cubic, or the nearest pixel as it is, which is what labels need.
    fill
        The result where nothing of the image comes to lie.
    enlarge
        Whether the result is as large as it must be to hold all corners, and not larger.

    Returns
    -------
    numpy.ndarray
        Same shape unless enlarged; same dtype for ``nearest`` (if it holds the fill value), else float32 (float64 for
        float64 and integers of more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or an image (y, x) is to be stretched along z.

    Notes
    -----
    As ``scipy.ndimage.affine_transform`` (``mode="grid-constant"``); clEsperanto's ``affine_transform`` on OpenCL
    for linear interpolation, which devices do with positions of 1/256 pixel.
    Needs the whole image: a Dask array is computed as one block.
    """
    matrix = _stretching(image.shape, z_factor, y_factor, x_factor)
    place = _affine.placed(matrix, image.shape, enlarge, "scale")
    return _affine.apply(image, matrix, place, interpolation, fill, "scale")


@scale.opencl()
def _(
    image: Any,
    z_factor: float,
    y_factor: float,
    x_factor: float,
    interpolation: Interpolation,
    fill: float,
    enlarge: bool,
) -> Any:
    matrix = _stretching(image.shape, z_factor, y_factor, x_factor)
    place = _affine.placed(matrix, image.shape, enlarge, "scale")
    return _affine.apply_on_device(image, matrix, place, interpolation, fill, "scale")
