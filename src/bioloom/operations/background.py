"""Filters that remove background."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import as_float, box_radii, gaussian, gaussian_on_device, on_axes, per_axis


@operation(
    "Filter/Remove background", halo=lambda radius: 2 * radius + 2, keywords="white tophat background subtraction box"
)
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
    Equal to ``scipy.ndimage.white_tophat``, edges repeated; clEsperanto's ``top_hat_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_opening

    return as_float(image) - box_opening(image, box_radii(radius, image.ndim, spacing))


@top_hat.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().top_hat_box(image, **on_axes("radius", box_radii(radius, image.ndim, spacing)))


@operation("Filter/Remove background", halo=lambda radius: 2 * radius + 2, keywords="black tophat blackhat box dark")
def bottom_hat(image: Image, radius: Length = 10.0, spacing: Spacing = None) -> Image:
    """Show what is darker than its surroundings and narrower than a box (black top-hat).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; choose it larger than the dark objects.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        The grey-value closing of the image minus the image; same shape, float32 (float64 for float64 and integers of
        more than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Equal to ``scipy.ndimage.black_tophat``, edges repeated; clEsperanto's ``bottom_hat_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_closing

    return box_closing(as_float(image), box_radii(radius, image.ndim, spacing)) - image


@bottom_hat.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().bottom_hat_box(image, **on_axes("radius", box_radii(radius, image.ndim, spacing)))


@operation("Filter/Remove background", keywords="ImageJ subtract background Sternberg")
def rolling_ball(
    image: Image,
    radius: Length = 50.0,
    height: Annotated[float, Number(minimum=0, maximum=1e12, step=10)] | None = None,
    spacing: Spacing = None,
) -> Image:
    """Remove background by a ball that rolls below the image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Of the ball, in space; choose it larger than the objects.
    height
        Of the ball, in units of intensity: the flatter, the more closely it follows steep background. Leave empty for
        as many units as the radius has pixels along x, as in ImageJ.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        The image minus its background, never below 0; same shape, float32 (float64 for float64 and integers of more
        than 16 bits).

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN, or the ball has more than a million pixels (in the smaller image,
        see below).

    Notes
    -----
    S. R. Sternberg, Computer 16, 1983: the opening by a ball, edges repeated. As in ImageJ, large balls roll below a
    smaller image made of the minima of boxes of 2, 4 or 8 pixels (for radii above 10, 30 and 100 pixels), and the
    background is interpolated. Dask arrays of any size are computed block by block.
    """
    from bioloom.operations._rolling_ball import background

    pixels = as_float(image)
    sizes = spacing or (1.0,) * image.ndim
    tall = radius / sizes[-1] if height is None else height
    return pixels - background(pixels, [radius / s for s in sizes], tall)


@rolling_ball.dask()
def _(image: Any, radius: float, height: float | None, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, with_halo
    from bioloom.operations._rolling_ball import box_and_reach, even_chunks

    pixels = checked(rolling_ball, "image", image)
    limits = [box_and_reach(r) for r in per_axis(radius, image.ndim, spacing)]
    # Boxes of pixels that become one shall not lie in two blocks.
    chunks = tuple(even_chunks(sizes, *limit) for sizes, limit in zip(pixels.chunks, limits, strict=True))
    reach = [0 if len(sizes) == 1 else reach for sizes, (_, reach) in zip(chunks, limits, strict=True)]
    flatten = partial(rolling_ball.function, radius=radius, height=height, spacing=spacing)
    dtype = as_float(np.zeros(1, image.dtype)).dtype
    return with_halo(flatten, reach, pixels.rechunk(chunks), dtype=dtype).rechunk(pixels.chunks)


@operation("Filter/Remove background", halo=lambda sigma: 4 * sigma + 1, keywords="flatten high-pass")
def subtract_gaussian_background(image: Image, sigma: Length = 10.0, spacing: Spacing = None) -> Image:
    """Subtract a strongly smoothed copy of the image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian; choose it larger than the objects.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); what is darker than its
        surroundings is negative.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The Gaussian of :data:`gaussian_blur`; as clEsperanto's ``subtract_gaussian_background``.
    """
    return as_float(image) - gaussian(image, sigma, spacing)


@subtract_gaussian_background.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().subtract_images(image, gaussian_on_device(image, sigma, spacing))


@operation("Filter/Remove background", halo=lambda sigma: 4 * sigma + 1, keywords="flat-field shading illumination")
def divide_by_gaussian_background(image: Image, sigma: Length = 10.0, spacing: Spacing = None) -> Image:
    """Divide by a strongly smoothed copy of the image; evens out illumination.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian; choose it larger than the objects.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); about 1 in flat regions, and 0
        where the background is 0.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The Gaussian of :data:`gaussian_blur`; as clEsperanto's ``divide_by_gaussian_background``.
    """
    pixels, smooth = as_float(image), gaussian(image, sigma, spacing)
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.divide(pixels, smooth, out=np.zeros_like(smooth), where=smooth != 0)
    return _without_infinities(shares)


def _without_infinities(shares: NDArray[Any]) -> NDArray[Any]:
    """Return shares of a background that is almost 0 as large as they can be."""
    return shares if np.isfinite(shares).all() else np.nan_to_num(shares, copy=False)


@divide_by_gaussian_background.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    return cle.undefined_to_zero(cle.divide_images(image, gaussian_on_device(image, sigma, spacing)))


@operation(
    "Filter/Remove background",
    halo=lambda sigma_small, sigma_large: 4 * max(sigma_small, sigma_large) + 1,
    title="Difference of Gaussians",
    keywords="DoG band-pass spots",
)
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
