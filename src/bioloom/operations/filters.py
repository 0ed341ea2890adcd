"""Filters: image in, image of the same shape out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Spacing


def as_float(image: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Return the image as float32; as float64 if it is that, or integers of more than 16 bits."""
    enough = np.result_type(image.dtype, np.float32) == np.float32
    return image.astype(np.float32 if enough else np.float64, copy=False)


def per_axis(length: float, ndim: int, spacing: Sequence[float] | None) -> tuple[float, ...]:
    """Convert a length in units of spacing into pixels along each axis."""
    return tuple(length / s for s in (spacing or (1.0,) * ndim))


def box_radii(radius: float, ndim: int, spacing: Sequence[float] | None) -> tuple[int, ...]:
    """Convert a radius in units of spacing into whole pixels along each axis."""
    return tuple(int(r + 0.5) for r in per_axis(radius, ndim, spacing))


def gaussian(image: NDArray[Any], sigma: float, spacing: Sequence[float] | None) -> NDArray[np.floating[Any]]:
    """Smooth with the Gaussian that all operations and pixel features share: cut at 4 sigma, edges repeated."""
    from scipy import ndimage

    smoothed: NDArray[np.floating[Any]] = ndimage.gaussian_filter(
        as_float(image), per_axis(sigma, image.ndim, spacing), mode="nearest", truncate=4
    )
    return smoothed


def gaussian_on_device(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    """Smooth an OpenCL array with the same Gaussian."""
    sigmas = per_axis(sigma, image.ndim, spacing)
    named = dict(zip(("sigma_x", "sigma_y", "sigma_z"), reversed(sigmas), strict=False))
    return device.clesperanto().gaussian_blur(image, **named)


@operation("Filter/Smooth", halo=lambda sigma: 4 * sigma + 1)
def gaussian_blur(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Smooth with a Gaussian.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian; larger smooths more. 0 changes nothing.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``scipy.ndimage.gaussian_filter`` cut off at 4 sigma, edges repeated; clEsperanto's ``gaussian_blur`` on OpenCL.
    """
    return gaussian(image, sigma, spacing)


@gaussian_blur.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return gaussian_on_device(image, sigma, spacing)


@operation("Filter/Smooth", halo=lambda radius: radius + 1)
def median(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Replace each pixel by the median of a box around it; removes speckle and keeps edges.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``scipy.ndimage.median_filter``, edges repeated.
    """
    from scipy import ndimage

    size = tuple(2 * r + 1 for r in box_radii(radius, image.ndim, spacing))
    return ndimage.median_filter(image, size=size, mode="nearest")


@operation("Filter/Background", halo=lambda radius: 2 * radius + 2)
def top_hat(image: Image, radius: Length = 10.0, spacing: Spacing = None) -> Image:
    """Remove background that is wider than a box (white top-hat).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; choose it larger than the objects.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        The image minus its grey-value opening; same shape, float32 (float64 for float64 and integers of more than
        16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``scipy.ndimage.grey_opening``; clEsperanto's ``top_hat_box`` on OpenCL.
    """
    from scipy import ndimage

    pixels = as_float(image)
    size = tuple(2 * r + 1 for r in box_radii(radius, image.ndim, spacing))
    return pixels - ndimage.grey_opening(pixels, size=size, mode="nearest")


@top_hat.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    radii = box_radii(radius, image.ndim, spacing)
    named = dict(zip(("radius_x", "radius_y", "radius_z"), reversed(radii), strict=False))
    return device.clesperanto().top_hat_box(image, **named)


@operation("Filter/Background", halo=lambda sigma_small, sigma_large: 4 * max(sigma_small, sigma_large) + 1)
def difference_of_gaussians(
    image: Image, sigma_small: Length = 1.0, sigma_large: Length = 5.0, spacing: Spacing = None
) -> Image:
    """Keep what lies between two sizes: a narrow minus a wide Gaussian.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma_small
        Standard deviation of the narrow Gaussian; suppresses noise finer than it.
    sigma_large
        Standard deviation of the wide Gaussian; suppresses background coarser than it.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); background is about 0, darker
        spots are negative.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    As ``skimage.filters.difference_of_gaussians``; clEsperanto's Gaussians on OpenCL.
    """
    return gaussian(image, sigma_small, spacing) - gaussian(image, sigma_large, spacing)


@difference_of_gaussians.opencl()
def _(image: Any, sigma_small: float, sigma_large: float, spacing: Sequence[float] | None) -> Any:
    narrow, wide = (gaussian_on_device(image, sigma, spacing) for sigma in (sigma_small, sigma_large))
    return device.clesperanto().subtract_images(narrow, wide)


@operation("Filter/Edges", halo=lambda: 1)
def sobel(image: Image) -> Image:
    """Strength of edges: the length of the Sobel gradient.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), in intensity units times 8
        (2D) or 32 (3D) per pixel: the weights 1, 2, 1 are not divided by their sum, as in clEsperanto.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``scipy.ndimage.sobel`` along each axis; clEsperanto's ``sobel`` on OpenCL in 2D. Its 3D kernel reads outside of its
    weights, so 3D is computed by SciPy.
    """
    from scipy import ndimage

    pixels = as_float(image)
    total = np.zeros_like(pixels)
    for axis in range(pixels.ndim):
        total += ndimage.sobel(pixels, axis=axis, mode="nearest") ** 2
    return np.sqrt(total, out=total)


@sobel.opencl(ndims=(2,))
def _(image: Any) -> Any:
    return device.clesperanto().sobel(image)


@operation("Filter/Repair", allow_nan=True)
def replace_nan(image: Image, by: Literal["minimum", "median", "zero"] = "minimum") -> Image:
    """Replace pixels that are NaN or infinite by an ordinary value.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    by
        What to put there: the smallest or the median finite pixel, or zero.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype, all pixels finite.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.
    """
    if image.dtype.kind != "f":
        return image.copy()
    finite = np.isfinite(image)
    if by == "zero" or not finite.any():
        value: Any = 0
    else:
        value = image[finite].min() if by == "minimum" else np.median(image[finite])
    return np.where(finite, image, np.asarray(value, image.dtype))
