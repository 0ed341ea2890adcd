"""Other numbers of pixels for the same ground: images are sampled anew, and stay where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._places import check_result_size, of_axes, of_sizes
from bioloom.operations._resampling import Interpolation, resampled
from bioloom.operations._types import Image, Length, Number, Placement, Spacing
from bioloom.operations.filters import as_float

Pixels = Annotated[int, Number(minimum=1, maximum=1_000_000, step=1, unit="px")]
Factor = Annotated[float, Number(minimum=0.001, maximum=1000, step=0.1)]
Block = Annotated[int, Number(minimum=1, maximum=1000, step=1, unit="px")]


def _sizes(shape: Sequence[int], z_size: int | None, y_size: int | None, x_size: int | None) -> tuple[int, ...]:
    asked = of_axes(z_size, y_size, x_size, len(shape), "resize", None)
    sizes = tuple(n if size is None else size for n, size in zip(shape, asked, strict=True))
    check_result_size(sizes, "resize")
    return sizes


def _resize_placement(shape: Sequence[int], z_size: int | None, y_size: int | None, x_size: int | None) -> Placement:
    return of_sizes(shape, _sizes(shape, z_size, y_size, x_size))


@operation(
    "Transform/Crop and resize",
    placement=_resize_placement,
    keeps_kind=True,
    keywords="resample size scale number of pixels downsample upsample zoom interpolate",
)
def resize(
    image: Image,
    z_size: Pixels | None = None,
    y_size: Pixels | None = None,
    x_size: Pixels | None = None,
    interpolation: Interpolation = "linear",
) -> Image:
    """Sample the same ground with given numbers of pixels.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    z_size
        Number of planes; empty for as many as there are.
    y_size
        Number of rows; empty for as many as there are.
    x_size
        Number of columns; empty for as many as there are.
    interpolation
        Between pixels: linear or cubic, after a Gaussian against aliasing where there are fewer pixels than before; or
        the nearest pixel as it is, which is what labels need.

    Returns
    -------
    numpy.ndarray
        Of the given size; same dtype for ``nearest``, else float32 (float64 for float64 and integers of more than 16
        bits). The outer edges of the image stay where they are.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, planes are asked for in an image (y, x), or the result would take
        more than half of the memory.

    Notes
    -----
    As ``skimage.transform.resize`` with ``mode="edge"``.
    Needs the whole image: a Dask array is computed as one block.
    """
    return resampled(image, _sizes(image.shape, z_size, y_size, x_size), interpolation)


def _scaled_sizes(shape: Sequence[int], z_factor: float, y_factor: float, x_factor: float) -> tuple[int, ...]:
    factors = of_axes(z_factor, y_factor, x_factor, len(shape), "rescale", 1.0)
    sizes = tuple(max(1, round(n * factor)) for n, factor in zip(shape, factors, strict=True))
    check_result_size(sizes, "rescale")
    return sizes


def _rescale_placement(shape: Sequence[int], z_factor: float, y_factor: float, x_factor: float) -> Placement:
    return of_sizes(shape, _scaled_sizes(shape, z_factor, y_factor, x_factor))


@operation(
    "Transform/Crop and resize",
    placement=_rescale_placement,
    keeps_kind=True,
    title="Resize by a factor",
    keywords="rescale resample scale downsample upsample zoom interpolate auto_size",
)
def rescale(
    image: Image,
    z_factor: Factor = 1.0,
    y_factor: Factor = 0.5,
    x_factor: Factor = 0.5,
    interpolation: Interpolation = "linear",
) -> Image:
    """Sample the same ground with more or fewer pixels.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    z_factor
        How many planes there are for one of before; stays 1 for an image (y, x).
    y_factor
        How many rows there are for one of before.
    x_factor
        How many columns there are for one of before.
    interpolation
        Between pixels: linear or cubic, after a Gaussian against aliasing where there are fewer pixels than before; or
        the nearest pixel as it is, which is what labels need.

    Returns
    -------
    numpy.ndarray
        Of sizes rounded to whole pixels, at least one; same dtype for ``nearest``, else float32 (float64 for float64
        and integers of more than 16 bits). The outer edges of the image stay where they are.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, the factor for z is not 1 in an image (y, x), or the result would
        take more than half of the memory.

    Notes
    -----
    As ``skimage.transform.rescale`` with ``mode="edge"``.
    Needs the whole image: a Dask array is computed as one block.
    """
    return resampled(image, _scaled_sizes(image.shape, z_factor, y_factor, x_factor), interpolation)


def _isotropic_sizes(shape: Sequence[int], pixel_size: float, spacing: Sequence[float] | None) -> tuple[int, ...]:
    per_axis = tuple(spacing) if spacing else (1.0,) * len(shape)
    wanted = pixel_size or min(per_axis)
    sizes = tuple(max(1, round(n * s / wanted)) for n, s in zip(shape, per_axis, strict=True))
    check_result_size(sizes, "make_isotropic")
    return sizes


def _isotropic_placement(shape: Sequence[int], pixel_size: float, spacing: Sequence[float] | None) -> Placement:
    return of_sizes(shape, _isotropic_sizes(shape, pixel_size, spacing))


@operation(
    "Transform/Crop and resize",
    placement=_isotropic_placement,
    keeps_kind=True,
    keywords="resample voxel size spacing cubic voxels anisotropic resize",
)
def make_isotropic(
    image: Image, pixel_size: Length = 0.0, interpolation: Interpolation = "linear", spacing: Spacing = None
) -> Image:
    """Sample the same ground with pixels that are as long along every axis.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype. Labels with interpolation ``nearest``.
    pixel_size
        Side of the new pixels; 0 for the shortest side of the present ones.
    interpolation
        Between pixels: linear or cubic, after a Gaussian against aliasing where there are fewer pixels than before; or
        the nearest pixel as it is, which is what labels need.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Of sizes rounded to whole pixels, at least one; same dtype for ``nearest``, else float32 (float64 for float64
        and integers of more than 16 bits). The outer edges of the image stay where they are.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or the result would take more than half of the memory.

    Notes
    -----
    As ``skimage.transform.resize`` with ``mode="edge"``, to sizes that follow from the spacing.
    Needs the whole image: a Dask array is computed as one block.
    """
    return resampled(image, _isotropic_sizes(image.shape, pixel_size, spacing), interpolation)


def _blocks(shape: Sequence[int], z_block: int, y_block: int, x_block: int) -> tuple[int, ...]:
    blocks = of_axes(z_block, y_block, x_block, len(shape), "bin_pixels", 1)
    return tuple(min(block, n) for block, n in zip(blocks, shape, strict=True))


def _bin_placement(shape: Sequence[int], z_block: int, y_block: int, x_block: int) -> Placement:
    blocks = _blocks(shape, z_block, y_block, x_block)
    starts = tuple((block - 1) / 2 for block in blocks)
    sizes = tuple(n // block for n, block in zip(shape, blocks, strict=True))
    return Placement(tuple(range(len(shape))), starts, tuple(float(block) for block in blocks), sizes)


@operation(
    "Transform/Crop and resize",
    placement=_bin_placement,
    keywords="binning block reduce downsample downscale_local_mean shrink superpixel",
)
def bin_pixels(
    image: Image,
    z_block: Block = 1,
    y_block: Block = 2,
    x_block: Block = 2,
    method: Literal["mean", "sum", "maximum", "minimum", "median"] = "mean",
) -> Image:
    """Make one pixel of each block of pixels.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    z_block
        Planes per block; stays 1 for an image (y, x).
    y_block
        Rows per block.
    x_block
        Columns per block.
    method
        What of the pixels of a block is kept.

    Returns
    -------
    numpy.ndarray
        Of as many pixels as there are whole blocks, what is left over at the end is cut off; an axis shorter than the
        block gives one pixel. Same dtype for maximum and minimum, else float32 (float64 for float64 and integers of
        more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or planes of an image (y, x) are to be binned.

    Notes
    -----
    As ``skimage.measure.block_reduce``, which fills up the last blocks with zeros instead.
    Needs the whole image: a Dask array is computed as one block.
    """
    placement = _bin_placement(image.shape, z_block, y_block, x_block)
    sizes, blocks = placement.shape, [int(step) for step in placement.step]
    whole = image[tuple(slice(0, size * block) for size, block in zip(sizes, blocks, strict=True))]
    pairs = [n for size, block in zip(sizes, blocks, strict=True) for n in (size, block)]
    inside = tuple(range(1, 2 * image.ndim, 2))
    split = whole.reshape(pairs)
    if method in ("maximum", "minimum"):
        picked: NDArray[Any] = split.max(axis=inside) if method == "maximum" else split.min(axis=inside)
        return picked
    dtype = as_float(image[:0]).dtype
    if method == "median":
        return np.median(split.astype(dtype, copy=False), axis=inside)
    with np.errstate(over="ignore"):
        computed = split.mean(inside, np.float64) if method == "mean" else split.sum(inside, np.float64)
        return np.nan_to_num(computed.astype(dtype, copy=False))
