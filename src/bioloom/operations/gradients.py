"""Filters that tell how intensity changes from pixel to pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._stencils import central_difference, gradient_length
from bioloom.operations._types import Image, Length, Spacing
from bioloom.operations.filters import gaussian, gaussian_on_device


def _steps(ndim: int, spacing: Sequence[float] | None) -> tuple[float, ...]:
    return tuple(spacing or (1.0,) * ndim)


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
