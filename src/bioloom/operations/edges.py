"""Filters that show edges, ridges and spots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._slabs import by_slabs
from bioloom.operations._stencils import central_difference, gradient_length, negative_laplacian, sobel_length
from bioloom.operations._types import Image, Length, Mask, Number, Spacing
from bioloom.operations.filters import as_float, gaussian, gaussian_on_device, per_axis

_PER_UNIT = Annotated[float, Number(minimum=0, maximum=1e12, step=1)]


def _steps(ndim: int, spacing: Sequence[float] | None) -> tuple[float, ...]:
    return tuple(spacing or (1.0,) * ndim)


@operation("Filter/Edges and ridges", halo=lambda: 1, keywords="gradient edge detection")
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
    As ``scipy.ndimage.sobel`` along each axis, edges repeated; clEsperanto's ``sobel`` on OpenCL in 2D. Its 3D kernel
    reads outside of its weights, so 3D is computed by NumPy.
    """
    return sobel_length(as_float(image))


@sobel.opencl(ndims=(2,))
def _(image: Any) -> Any:
    return device.clesperanto().sobel(image)


@operation("Filter/Edges and ridges", halo=lambda spacing: max(spacing or (1,)), keywords="second derivative sharpen")
def laplace(image: Image, spacing: Spacing = None) -> Image:
    """Second derivative: positive where pixels are brighter than their neighbours.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per square unit.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Minus the sum of second differences, edges repeated, as ``skimage.filters.laplace``; clEsperanto's
    ``laplace_diamond`` on OpenCL. The sign is opposite to that of ``scipy.ndimage.laplace``.
    """
    return negative_laplacian(as_float(image), _steps(image.ndim, spacing))


@laplace.opencl()
def _(image: Any, spacing: Sequence[float] | None) -> Any:
    steps = _steps(image.ndim, spacing)
    if len(set(steps)) > 1:
        return device.push(negative_laplacian(as_float(device.pull(image)), steps))
    cle = device.clesperanto()
    return cle.multiply_image_and_scalar(cle.laplace_diamond(image), scalar=1 / steps[0] ** 2)


@operation("Filter/Edges and ridges", halo=lambda sigma: 4 * sigma + 1, keywords="LoG blob spot Mexican hat")
def laplacian_of_gaussian(image: Image, sigma: Length = 2.0, spacing: Spacing = None) -> Image:
    """Show bright spots of a size: the negative Laplacian of the smoothed image.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian; spots with a radius of sigma times the square root of 2 (2D) or 3 (3D) are
        shown best.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), in units of intensity; spots are
        positive, dark spots negative.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``scipy.ndimage.gaussian_laplace``, edges repeated, times ``-sigma ** 2``, which makes sizes comparable
    (T. Lindeberg, International Journal of Computer Vision 30, 1998).
    """
    sigmas = per_axis(sigma, image.ndim, spacing)

    def filtered(part: NDArray[Any]) -> NDArray[Any]:
        from scipy import ndimage

        pixels = as_float(part)
        total = np.zeros_like(pixels)
        for axis, s in enumerate(sigmas):
            # Below a fifth of a pixel the sampled Gaussian is one pixel, which has no second derivative.
            if s > 0.2:
                order = [2 * (a == axis) for a in range(part.ndim)]
                total -= ndimage.gaussian_filter(pixels, sigmas, order, mode="nearest", truncate=4) * (s * s)
        return total

    return by_slabs(filtered, image, margin=[int(4 * s + 0.5) for s in sigmas])


@operation(
    "Filter/Edges and ridges", halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)), keywords="slope"
)
def gradient_magnitude(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Strength of edges of a smoothed image: how steeply intensity changes.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first; 0 for none.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per unit of length.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The length of the vector of the gradients of :data:`gradient_x`, :data:`gradient_y` and :data:`gradient_z`.
    """
    return gradient_length(gaussian(image, sigma, spacing), _steps(image.ndim, spacing))


@gradient_magnitude.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    smooth = gaussian_on_device(image, sigma, spacing)
    total = None
    for step, name in zip(reversed(_steps(image.ndim, spacing)), ("x", "y", "z"), strict=False):
        slope = cle.multiply_image_and_scalar(getattr(cle, f"gradient_{name}")(smooth), scalar=0.5 / step)
        square = cle.multiply_images(slope, slope)
        total = square if total is None else cle.add_images_weighted(total, square, factor1=1, factor2=1)
    return cle.power(total, exponent=0.5)


def _gradient(image: NDArray[Any], axis: int, sigma: float, spacing: Sequence[float] | None) -> NDArray[Any]:
    return central_difference(gaussian(image, sigma, spacing), axis, _steps(image.ndim, spacing)[axis])


def _gradient_on_device(image: Any, axis: int, sigma: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    slope = getattr(cle, f"gradient_{'xyz'[-1 - axis]}")(gaussian_on_device(image, sigma, spacing))
    return cle.multiply_image_and_scalar(slope, scalar=0.5 / _steps(image.ndim, spacing)[axis])


@operation(
    "Filter/Edges and ridges", halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)), keywords="derivative"
)
def gradient_x(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Change of intensity from left to right.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first; 0 for none.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per unit of length;
        positive where it rises with x.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Half the difference of the two neighbours, as ``numpy.gradient``, edges repeated; clEsperanto's ``gradient_x``
    (which is not halved) on OpenCL.
    """
    return _gradient(image, -1, sigma, spacing)


@gradient_x.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return _gradient_on_device(image, -1, sigma, spacing)


@operation(
    "Filter/Edges and ridges", halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)), keywords="derivative"
)
def gradient_y(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Change of intensity from top to bottom.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first; 0 for none.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per unit of length;
        positive where it rises with y.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Half the difference of the two neighbours, as ``numpy.gradient``, edges repeated; clEsperanto's ``gradient_y``
    (which is not halved) on OpenCL.
    """
    return _gradient(image, -2, sigma, spacing)


@gradient_y.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return _gradient_on_device(image, -2, sigma, spacing)


@operation(
    "Filter/Edges and ridges",
    halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)),
    ndims=(3,),
    keywords="derivative",
)
def gradient_z(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Change of intensity from the first plane to the last.

    Parameters
    ----------
    image
        (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first; 0 for none.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per unit of length;
        positive where it rises with z.

    Raises
    ------
    InputError
        If the image is not 3D, or holds NaN.

    Notes
    -----
    Half the difference of the two neighbours, as ``numpy.gradient``, edges repeated; clEsperanto's ``gradient_z``
    (which is not halved) on OpenCL.
    """
    return _gradient(image, -3, sigma, spacing)


@gradient_z.opencl(ndims=(3,))
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return _gradient_on_device(image, -3, sigma, spacing)


@operation("Filter/Edges and ridges", keywords="edge detection outline")
def canny(
    image: Image,
    sigma: Length = 1.0,
    low: _PER_UNIT | None = None,
    high: _PER_UNIT | None = None,
    spacing: Spacing = None,
) -> Mask:
    """Thin lines (2D) or sheets (3D) along edges.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first.
    low
        Edges weaker than this are left out; intensity per unit of length. Leave empty for half of `high`.
    high
        Edges are kept where they are somewhere stronger than this. Leave empty for the threshold of Otsu of the
        strengths of edges.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool, same shape; True on edges.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    J. Canny, IEEE Trans. PAMI 8, 1986, also in 3D: the strength is that of :data:`gradient_magnitude`; it must be a
    maximum along the direction of the gradient, interpolated between neighbours. Thresholds from the image: M. Fang,
    G. Yue and Q. Yu, ISIP 2009.
    """
    from bioloom.operations._canny import thin_edges

    steps = _steps(image.ndim, spacing)
    return thin_edges(gaussian(image, sigma, spacing), steps, low, high)
