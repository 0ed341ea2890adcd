"""Filters that remove noise and keep edges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._noise_level import noise_level
from bioloom.operations._slabs import by_slabs
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import as_float, as_stack, check_reach, per_axis, three

Intensity = Annotated[float, Number(minimum=0, maximum=1e12, step=1)]
"""A difference of intensities, in those of the image."""

_EVERYWHERE = 1e9
"""The halo of what looks at the whole image first."""


@operation(
    "Filter/Remove noise",
    halo=lambda sigma, sigma_intensity: _EVERYWHERE if sigma_intensity is None else 3 * sigma + 1,
    keywords="smooth denoise edge preserving",
)
def bilateral_filter(
    image: Image, sigma: Length = 2.0, sigma_intensity: Intensity | None = None, spacing: Spacing = None
) -> Image:
    """Smooth, but average only pixels of similar intensity, so that edges stay sharp.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of the Gaussian of distances.
    sigma_intensity
        Standard deviation of the Gaussian of differences of intensity; edges higher than about twice of it stay.
        Leave empty for three times the noise, which is then estimated from the whole image.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN, or `sigma` reaches over more than a million pixels.

    Notes
    -----
    C. Tomasi and R. Manduchi, ICCV 1998; as ``skimage.restoration.denoise_bilateral``, also in 3D: all pixels of a box
    that reaches 3 sigma, edges repeated.
    """
    from bioloom.operations._noise_kernels import bilateral, exp_coefficients

    width = 3 * noise_level(image) if sigma_intensity is None else sigma_intensity
    stack = as_stack(as_float(image))
    sigmas = three(per_axis(sigma, image.ndim, spacing), 0.0)
    radii = tuple(math.ceil(3 * s - 1e-9) for s in sigmas)
    if width == 0 or not any(radii):
        return stack.reshape(image.shape).copy()
    check_reach("bilateral_filter: sigma", math.prod(2 * r + 1 for r in radii))
    kernel = np.zeros(tuple(2 * r + 1 for r in radii))
    for axis, (s, r) in enumerate(zip(sigmas, radii, strict=True)):
        if r:
            offsets = np.arange(-r, r + 1).reshape([-1 if a == axis else 1 for a in range(3)])
            kernel = kernel - (offsets / s) ** 2 / 2
    kind = stack.dtype.type
    spatial = np.exp(kernel).astype(kind)
    coefficients = exp_coefficients(kind)

    def smooth(part: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(part, order="C")
        bilateral(np.pad(part, [(r, r) for r in radii], mode="edge"), spatial, kind(0.5 / width**2), coefficients, out)
        return out

    return by_slabs(smooth, stack, margin=radii).reshape(image.shape)


@bilateral_filter.suggest
def _(image: NDArray[Any], spacing: Sequence[float] | None) -> dict[str, Any]:
    return {"sigma_intensity": float(f"{3 * noise_level(image):.3g}")}


@operation(
    "Filter/Remove noise",
    halo=lambda patch_radius, search_radius, noise: _EVERYWHERE if noise is None else patch_radius + search_radius,
    title="Non-local means",
    keywords="denoise NLM nl-means nl_means",
)
def non_local_means(
    image: Image,
    noise: Intensity | None = None,
    strength: Annotated[float, Number(minimum=0.01, maximum=100, step=0.1)] = 0.8,
    patch_radius: Annotated[int, Number(minimum=0, maximum=10, step=1, unit="px")] = 2,
    search_radius: Annotated[int, Number(minimum=1, maximum=30, step=1, unit="px")] = 5,
) -> Image:
    """Average pixels whose surroundings look alike; removes noise and keeps texture.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    noise
        Standard deviation of the noise. Leave empty to have it estimated from the whole image.
    strength
        How different surroundings may be to be averaged, in units of the noise; larger smooths more.
    patch_radius
        Half the side of the surroundings compared.
    search_radius
        How far away pixels to average are looked for. Time grows with its square (2D) or cube (3D).

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
    A. Buades, B. Coll and J.-M. Morel, Image Processing On Line 1, 2011: weights are ``exp(-max(d² - 2 noise², 0) /
    (strength * noise)²)``, d² being the mean squared difference of two boxes; edges repeated. As
    ``skimage.restoration.denoise_nl_means`` in its fast mode. A stack of few planes is searched in all of them.
    """
    from bioloom.operations._noise_kernels import exp_coefficients
    from bioloom.operations._noise_kernels import non_local_means as kernel

    level = noise_level(image) if noise is None else noise
    stack = as_stack(as_float(image))
    if level == 0:
        return stack.reshape(image.shape).copy()
    patch, search = three((patch_radius,) * image.ndim, 0), three((search_radius,) * image.ndim, 0)
    margins = tuple(p + s for p, s in zip(patch, search, strict=True))
    tile = (1, 32, 128) if image.ndim == 2 else (8, 16, 64)
    kind = stack.dtype.type
    numbers = kind(2 * level**2), kind(1 / (strength * level) ** 2), exp_coefficients(kind)

    def smooth(part: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(part, order="C")
        kernel(np.pad(part, [(m, m) for m in margins], mode="edge"), patch, search, tile, *numbers, out)
        return out

    return by_slabs(smooth, stack, margin=margins).reshape(image.shape)


@non_local_means.suggest
def _(image: NDArray[Any], spacing: Sequence[float] | None) -> dict[str, Any]:
    return {"noise": float(f"{noise_level(image):.3g}")}


@operation(
    "Filter/Remove noise",
    halo=lambda iterations, spacing: iterations * max(spacing or (1,)),
    keywords="denoise smooth curvature anisotropic diffusion CurvatureFlow",
)
def curvature_flow(
    image: Image,
    iterations: Annotated[int, Number(minimum=1, maximum=1000, step=1)] = 10,
    time_step: Annotated[float, Number(minimum=0.001, maximum=0.125, step=0.01)] = 0.05,
    spacing: Spacing = None,
) -> Image:
    """Straighten the lines of equal intensity; removes noise and keeps edges.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    iterations
        How many steps; more smooth more.
    time_step
        How far each step goes; up to 1/8 it is stable in a plane, up to 1/16 in a stack.
    spacing
        Physical size of a pixel per axis; only their ratio matters, steps are those of the smallest.

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
    J. A. Sethian, Level Set Methods and Fast Marching Methods (1999), chapter 16: intensities move by their gradient
    times the curvature of the lines (surfaces) of equal intensity. As ``SimpleITK.CurvatureFlow``, edges repeated.
    """
    from bioloom.operations._noise_kernels import curvature_step

    stack = as_stack(as_float(image))
    kind = stack.dtype.type
    steps = three(spacing or (1.0,) * image.ndim, 1.0)
    smallest = min(spacing or (1.0,))
    inverse = tuple(kind(smallest / s) for s in steps)

    def flow(part: NDArray[Any]) -> NDArray[Any]:
        out = np.empty_like(part, order="C")
        for _ in range(iterations):
            curvature_step(np.pad(part, 1, mode="edge"), kind(time_step), inverse, out)
            part = out
        return out

    margins = three((iterations,) * image.ndim, 0)
    return by_slabs(flow, stack, margin=margins).reshape(image.shape)


@operation("Filter/Remove noise", keywords="denoise TV Chambolle total variation")
def total_variation(
    image: Image,
    weight: Intensity | None = None,
    iterations: Annotated[int, Number(minimum=1, maximum=1000, step=10)] = 200,
    tolerance: Annotated[float, Number(minimum=0, maximum=1, step=0.0001)] = 0.0002,
    spacing: Spacing = None,
) -> Image:
    """Flatten regions and keep the edges between them.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    weight
        How strongly, in units of intensity; larger flattens more. Leave empty for the noise, estimated from the image.
    iterations
        The most steps that are made.
    tolerance
        Stops where a step improves by less than this share of the beginning.
    spacing
        Physical size of a pixel per axis; only their ratio matters.

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
    A. Chambolle, Journal of Mathematical Imaging and Vision 20, 2004; as ``skimage.restoration.denoise_tv_chambolle``,
    whose weight is that of an image scaled to 0…1.
    Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.operations._total_variation import flatten

    strength = noise_level(image) if weight is None else weight
    stack = as_stack(as_float(image))
    if strength == 0:
        return stack.reshape(image.shape).copy()
    sizes = spacing or (1.0,) * image.ndim
    factors = three([min(sizes) / s for s in sizes], 0.0)
    return flatten(stack, strength, factors, iterations, tolerance).reshape(image.shape)


@total_variation.suggest
def _(image: NDArray[Any], spacing: Sequence[float] | None) -> dict[str, Any]:
    return {"weight": float(f"{noise_level(image):.3g}")}
