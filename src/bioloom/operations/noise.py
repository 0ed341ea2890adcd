"""Filters that remove noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._slabs import by_slabs
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import as_float, box_radii, gaussian, gaussian_on_device, on_axes


@operation(
    "Filter/Remove noise", halo=lambda sigma: 4 * sigma + 1, keywords="smooth denoise convolve low-pass Gauss filter"
)
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
    As ``scipy.ndimage.gaussian_filter`` cut off at 4 sigma, edges repeated; clEsperanto's ``gaussian_blur`` on OpenCL.
    """
    return gaussian(image, sigma, spacing)


@gaussian_blur.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return gaussian_on_device(image, sigma, spacing)


@operation("Filter/Remove noise", halo=lambda radius: radius + 1, keywords="smooth denoise despeckle median box rank")
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
    Equal to ``scipy.ndimage.median_filter``, edges repeated; computed by sorting networks and sliding histograms.
    """
    from bioloom.operations._rank import box_rank

    radii = box_radii(radius, image.ndim, spacing)
    return box_rank(image, radii, math.prod(2 * r + 1 for r in radii) // 2)


@operation("Filter/Remove noise", halo=lambda radius: radius + 1, keywords="rank order quantile median box")
def percentile_filter(
    image: Image,
    percentile: Annotated[float, Number(minimum=0, maximum=100, step=5)] = 50.0,
    radius: Length = 1.0,
    spacing: Spacing = None,
) -> Image:
    """Replace each pixel by a percentile of the box around it.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    percentile
        0 is the minimum of the box, 50 the median, 100 the maximum.
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
    Equal to ``scipy.ndimage.percentile_filter``, edges repeated: of n pixels in order that number ``n * percentile /
    100``, counted from 0 and rounded down, without interpolation.
    """
    from bioloom.operations._rank import box_rank

    radii = box_radii(radius, image.ndim, spacing)
    n = math.prod(2 * r + 1 for r in radii)
    return box_rank(image, radii, min(int(n * percentile / 100), n - 1))


@operation("Filter/Remove noise", halo=lambda radius: radius + 1, keywords="smooth average uniform box blur")
def mean_filter(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Replace each pixel by the mean of a box around it.

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
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    As ``scipy.ndimage.uniform_filter``, edges repeated; clEsperanto's ``mean_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_sum

    radii = box_radii(radius, image.ndim, spacing)
    pixels = as_float(image)
    return box_sum(pixels, radii) / pixels.dtype.type(math.prod(2 * r + 1 for r in radii))


@mean_filter.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().mean_box(image, **on_axes("radius", box_radii(radius, image.ndim, spacing)))


@operation("Filter/Remove noise", halo=lambda repetitions: repetitions, keywords="smooth binomial Gaussian")
def binomial_blur(
    image: Image, repetitions: Annotated[int, Number(minimum=1, maximum=200, step=1, unit="px")] = 1
) -> Image:
    """Smooth with binomial weights, a Gaussian in whole steps.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    repetitions
        How often each pixel is averaged with its neighbours by the weights 1, 2, 1; n times is about a Gaussian with a
        standard deviation of the square root of n / 2 pixels.

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
    All repetitions at once, by the weights of the binomial distribution, edges repeated: within an image the same as
    ``SimpleITK.BinomialBlur``.
    """
    # Logarithms: the numbers themselves outgrow floats.
    n = 2 * repetitions
    logs = [math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2) for k in range(n + 1)]
    weights = np.exp(logs)
    weights /= weights.sum()

    def smooth(part: NDArray[Any]) -> NDArray[Any]:
        from scipy import ndimage

        part = as_float(part)
        for axis in range(part.ndim):
            part = ndimage.correlate1d(part, weights, axis=axis, mode="nearest")
        return part

    return by_slabs(smooth, image, margin=repetitions)
