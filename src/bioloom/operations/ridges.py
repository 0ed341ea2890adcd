"""Filters that show ridges: lines, vessels, membranes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import gaussian_on_device

Share = Annotated[float, Number(minimum=0.001, maximum=100, step=0.1)]


def _eigenvalue_on_device(image: Any, name: str, sigma: float, spacing: Sequence[float] | None) -> Any:
    """Let clEsperanto compute an eigenvalue; its pixels are squares."""
    cle = device.clesperanto()
    smooth = gaussian_on_device(image, sigma, spacing)
    step = spacing[0] if spacing else 1.0
    return cle.multiply_image_and_scalar(getattr(cle, name)(smooth), scalar=1 / step**2)


@operation(
    "Filter/Edges and ridges",
    halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)),
    keywords="ridge line curvature",
)
def small_hessian_eigenvalue(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Second derivative across bright lines: very negative on them.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first; about half the width of the lines.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per square unit: the
        smallest eigenvalue of the matrix of second derivatives.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Second differences of the smoothed image, edges repeated, as clEsperanto's ``small_hessian_eigenvalue``, which
    computes it on OpenCL in 2D where pixels are squares; compare ``skimage.feature.hessian_matrix_eigvals``.
    """
    from bioloom.operations._ridges import hessian_eigenvalue

    return hessian_eigenvalue(image, sigma, spacing, 0)


@small_hessian_eigenvalue.opencl(ndims=(2,))
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    if spacing and len(set(spacing)) > 1:
        return device.push(small_hessian_eigenvalue(device.pull(image), sigma, spacing))
    return _eigenvalue_on_device(image, "small_hessian_eigenvalue", sigma, spacing)


@operation(
    "Filter/Edges and ridges",
    halo=lambda sigma, spacing: 4 * sigma + 1 + max(spacing or (1,)),
    keywords="ridge line membrane curvature",
)
def large_hessian_eigenvalue(image: Image, sigma: Length = 1.0, spacing: Spacing = None) -> Image:
    """Second derivative across dark lines: very positive on them.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian that smooths first; about half the width of the lines.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), intensity per square unit: the
        largest eigenvalue of the matrix of second derivatives.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Second differences of the smoothed image, edges repeated, as clEsperanto's ``large_hessian_eigenvalue``, which
    computes it on OpenCL in 2D where pixels are squares; compare ``skimage.feature.hessian_matrix_eigvals``.
    """
    from bioloom.operations._ridges import hessian_eigenvalue

    return hessian_eigenvalue(image, sigma, spacing, 1)


@large_hessian_eigenvalue.opencl(ndims=(2,))
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    if spacing and len(set(spacing)) > 1:
        return device.push(large_hessian_eigenvalue(device.pull(image), sigma, spacing))
    return _eigenvalue_on_device(image, "large_hessian_eigenvalue", sigma, spacing)


@operation(
    "Filter/Edges and ridges",
    halo=lambda smallest, largest, spacing: 4 * max(smallest, largest) + 1 + max(spacing or (1,)),
    title="Sato ridges",
    keywords="tubeness vessel line neurite filament",
)
def sato(
    image: Image,
    smallest: Length = 1.0,
    largest: Length = 3.0,
    scales: Annotated[int, Number(minimum=1, maximum=50, step=1)] = 3,
    ridges: Literal["bright", "dark"] = "bright",
    spacing: Spacing = None,
) -> Image:
    """Show lines such as filaments and vessels (tubeness).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    smallest
        Standard deviation of the finest Gaussian; about half the width of the thinnest lines.
    largest
        Standard deviation of the widest Gaussian; about half the width of the thickest lines.
    scales
        How many standard deviations from `smallest` to `largest` are tried, in equal ratios.
    ridges
        Whether lines are brighter or darker than their surroundings.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), at least 0, in units of intensity.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Y. Sato et al., Medical Image Analysis 2, 1998: the geometric mean of the second derivatives across the line, times
    the square of the scale; the largest of all scales. As ``skimage.filters.sato``, with differences of the smoothed
    image for derivatives of the Gaussian.
    """
    from bioloom.operations import _ridges

    sigmas = _ridges.scales_between(smallest, largest, scales)
    return _ridges.sato(image, sigmas, 1.0 if ridges == "bright" else -1.0, spacing)


@operation("Filter/Edges and ridges", title="Frangi ridges", keywords="vesselness vessel line neurite filament")
def frangi(
    image: Image,
    smallest: Length = 1.0,
    largest: Length = 3.0,
    scales: Annotated[int, Number(minimum=1, maximum=50, step=1)] = 3,
    ridges: Literal["bright", "dark"] = "bright",
    alpha: Share = 0.5,
    beta: Share = 0.5,
    gamma: Annotated[float, Number(minimum=1e-9, maximum=1e12, step=1)] | None = None,
    spacing: Spacing = None,
) -> Image:
    """Show lines such as vessels as a probability (vesselness).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    smallest
        Standard deviation of the finest Gaussian; about half the width of the thinnest lines.
    largest
        Standard deviation of the widest Gaussian; about half the width of the thickest lines.
    scales
        How many standard deviations from `smallest` to `largest` are tried, in equal ratios.
    ridges
        Whether lines are brighter or darker than their surroundings.
    alpha
        How strictly sheets are told from lines, in stacks; smaller lets more of them through.
    beta
        How strictly spots are told from lines; larger lets more of them through.
    gamma
        How strong a line must be, in units of intensity. Leave empty for half of the strongest of each scale.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), from 0 to 1.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    A. F. Frangi et al., MICCAI 1998, equations 13 and 15, with second derivatives times the square of the scale; the
    largest of all scales. As ``skimage.filters.frangi`` for one scale, with differences of the smoothed image for
    derivatives of the Gaussian. Dask arrays of any size are computed block by block.
    """
    from bioloom.operations import _ridges

    sigmas = _ridges.scales_between(smallest, largest, scales)
    return _ridges.frangi(image, sigmas, 1.0 if ridges == "bright" else -1.0, alpha, beta, gamma, spacing)


@frangi.dask()
def _(
    image: Any, smallest: float, largest: float, scales: int, ridges: str, alpha: float, beta: float,
    gamma: float | None, spacing: Sequence[float] | None,
) -> Any:  # fmt: skip
    from bioloom.operations import _ridges
    from bioloom.operations._blocks import checked

    sigmas = _ridges.scales_between(smallest, largest, scales)
    sign = 1.0 if ridges == "bright" else -1.0
    return _ridges.frangi_of_blocks(checked(frangi, "image", image), sigmas, sign, alpha, beta, gamma, spacing)
