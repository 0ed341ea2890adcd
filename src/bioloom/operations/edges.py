"""Filters that show edges, ridges and spots."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._cutting import threshold_value, threshold_value_of_blocks
from bioloom.operations._region_choice import with_marks, with_marks_of_blocks
from bioloom.operations._stencils import gradient_length, negative_laplacian, sobel_length
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


@operation(
    "Filter/Edges and ridges",
    halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)),
    keywords="LoG blob spot Mexican hat",
)
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
    Minus the Laplacian of T. Lindeberg (International Journal of Computer Vision 30, 1998), whose factor ``sigma ** 2``
    makes sizes comparable: second differences of the Gaussian, edges repeated. As ``scipy.ndimage.gaussian_laplace``
    times ``-sigma ** 2``, but 0 in flat regions however narrow the Gaussian is in pixels. clEsperanto's
    ``gaussian_blur`` and ``laplace_diamond`` on OpenCL.
    """
    smooth = gaussian(image, sigma, spacing)
    return negative_laplacian(smooth, [s / sigma for s in _steps(image.ndim, spacing)]) if sigma else 0 * smooth


@laplacian_of_gaussian.opencl()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    sigmas = per_axis(sigma, image.ndim, spacing)
    if len(set(sigmas)) > 1:
        return device.push(laplacian_of_gaussian(device.pull(image), sigma, spacing))
    smooth = gaussian_on_device(image, sigma, spacing)
    return cle.multiply_image_and_scalar(cle.laplace_diamond(smooth), scalar=sigmas[0] ** 2)


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
    G. Yue and Q. Yu, ISIP 2009. Dask arrays of any size give the edges of the whole image.
    """
    from bioloom.operations._canny import levels, thin_edges

    steps = _steps(image.ndim, spacing)
    smooth = gaussian(image, sigma, spacing)
    found = threshold_value(gradient_length(smooth, steps)) if high is None else None
    edges = thin_edges(smooth, levels(found, low, high), steps)
    return with_marks(edges > 0, edges > 1, True)


@canny.dask()
def _(image: Any, sigma: float, low: float | None, high: float | None, spacing: Sequence[float] | None) -> Any:
    from dask import delayed

    from bioloom.operations._blocks import checked, smooth_blocks, with_halo
    from bioloom.operations._canny import levels, thin_edges
    from bioloom.operations._scratch import after

    steps = _steps(image.ndim, spacing)
    pixels = checked(canny, "image", image)
    smooth = smooth_blocks(pixels, sigma, spacing)
    found = None
    if high is None:
        lengths = with_halo(partial(gradient_length, steps=steps), (1,) * image.ndim, smooth, dtype=smooth.dtype)
        found = threshold_value_of_blocks(lengths)
    limits = delayed(levels)(found, low, high)
    if found is not None:
        # Smoothed again: it is as fast as to keep it.
        pixels, limits = after(pixels, limits)
        smooth = smooth_blocks(pixels, sigma, spacing)
    edges = with_halo(partial(thin_edges, steps=steps), (2,) * image.ndim, smooth, dtype=np.uint8, value=limits)
    return with_marks_of_blocks(edges > 0, edges > 1, True)
