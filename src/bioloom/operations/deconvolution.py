"""Filters that undo the blur of a microscope."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import as_float, on_axes


def _psf_sigmas(ndim: int, sigma: float, sigma_z: float | None, spacing: Sequence[float] | None) -> list[float]:
    lengths = [sigma] * ndim if ndim == 2 else [sigma if sigma_z is None else sigma_z, sigma, sigma]
    return [length / s for length, s in zip(lengths, spacing or (1.0,) * ndim, strict=True)]


@operation(
    "Filter/Deconvolution",
    halo=lambda sigma, sigma_z, iterations, spacing: (
        2 * iterations * (4 * max(sigma, sigma_z or 0) + max(spacing or (1,)))
    ),
    title="Richardson–Lucy deconvolution",
    keywords="deblur restore PSF",
)
def richardson_lucy(
    image: Image,
    sigma: Length = 1.5,
    sigma_z: Length | None = None,
    iterations: Annotated[int, Number(minimum=1, maximum=1000, step=5)] = 10,
    spacing: Spacing = None,
) -> Image:
    """Sharpen an image blurred by a Gaussian, for images with the noise of counted photons.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; below 0 counts as 0.
    sigma
        Standard deviation of the blur.
    sigma_z
        Standard deviation of the blur along z, which is larger in most microscopes. Leave empty for that of y and x.
    iterations
        How many steps; more sharpen more, noise too.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise; at least 0.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    W. H. Richardson, JOSA 62, 1972; L. B. Lucy, Astronomical Journal 79, 1974. As
    ``skimage.restoration.richardson_lucy`` with a Gaussian cut off at 4 sigma, edges repeated, starting from the image.
    On OpenCL by clEsperanto's Gaussians.
    """
    from bioloom.operations._gaussian import smooth

    sigmas = _psf_sigmas(image.ndim, sigma, sigma_z, spacing)
    observed = np.maximum(as_float(image), 0)
    tiny = np.finfo(observed.dtype).tiny * 1e6
    estimate = observed
    for _ in range(iterations):
        expected = smooth(estimate, sigmas)
        ratio = np.divide(observed, expected, out=np.zeros_like(expected), where=expected > tiny)
        estimate = estimate * smooth(ratio, sigmas)
    return estimate


@richardson_lucy.opencl()
def _(image: Any, sigma: float, sigma_z: float | None, iterations: int, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    sigmas = on_axes("sigma", _psf_sigmas(image.ndim, sigma, sigma_z, spacing))
    observed = cle.maximum_image_and_scalar(image, scalar=0)
    estimate = observed
    for _ in range(iterations):
        ratio = cle.undefined_to_zero(cle.divide_images(observed, cle.gaussian_blur(estimate, **sigmas)))
        estimate = cle.multiply_images(estimate, cle.gaussian_blur(ratio, **sigmas))
    return estimate


@operation("Filter/Deconvolution", title="Wiener deconvolution", keywords="deblur restore PSF inverse filter")
def wiener(
    image: Image,
    sigma: Length = 1.5,
    sigma_z: Length | None = None,
    noise: Annotated[float, Number(minimum=1e-9, maximum=1e6, step=0.01)] = 0.02,
    spacing: Spacing = None,
) -> Image:
    """Sharpen an image blurred by a Gaussian, in one step.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the blur.
    sigma_z
        Standard deviation of the blur along z, which is larger in most microscopes. Leave empty for that of y and x.
    noise
        Power of the noise in units of the power of the signal; smaller sharpens more, noise too.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise. The mean stays; beside
        sharp edges values may be negative.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    N. Wiener (1949), for a constant ratio of noise and signal: in Fourier space ``H / (H² + noise)``, H being that of
    the Gaussian; the image is mirrored at its edges. As ``skimage.restoration.wiener`` with a flat regularisation, of
    the image minus its mean.
    Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.operations._fourier import filter_by_frequency

    sigmas = _psf_sigmas(image.ndim, sigma, sigma_z, spacing)

    def response(squares: Sequence[NDArray[Any]]) -> NDArray[Any]:
        exponent = sum((2 * np.pi**2 * s**2) * f2 for s, f2 in zip(sigmas, squares, strict=True))
        blur = np.exp(-np.minimum(exponent, 300))
        return np.asarray(blur / (blur * blur + noise))

    return filter_by_frequency(as_float(image), response, [int(4 * s + 8) for s in sigmas])
