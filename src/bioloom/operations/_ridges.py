"""Second derivatives of smoothed images, slab by slab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._ridge_kernels import TUBE, eigenvalue, norm, vesselness
from bioloom.operations._slabs import by_slabs
from bioloom.operations.filters import gaussian


def _run(kernel: Callable[..., None], smooth: NDArray[Any], steps: Sequence[float], *settings: Any) -> NDArray[Any]:
    """Return what a kernel makes of a smoothed image with pixels of the sizes `steps`."""
    flat = smooth.ndim == 2
    stack = smooth.reshape((1, *smooth.shape)) if flat else smooth
    inverse = (0.0,) * flat + tuple(1 / s for s in steps)
    margins = (0 if flat else 1, 1, 1)

    def of_part(part: NDArray[Any]) -> NDArray[Any]:
        out = np.empty(part.shape, part.dtype)
        kernel(np.pad(part, [(m, m) for m in margins], mode="edge"), inverse, *settings, out)
        return out

    return by_slabs(of_part, stack, margin=margins).reshape(smooth.shape)


def hessian_eigenvalue(image: NDArray[Any], sigma: float, spacing: Sequence[float] | None, wanted: int) -> NDArray[Any]:
    """Return one eigenvalue of the matrix of second derivatives of the smoothed image."""
    return _run(eigenvalue, gaussian(image, sigma, spacing), spacing or (1.0,) * image.ndim, 1.0, wanted)


def scales_between(smallest: float, largest: float, count: int) -> list[float]:
    """Return sigmas in equal ratios; the smallest alone for a count of 1."""
    if count == 1 or smallest == largest:
        return [smallest]
    if min(smallest, largest) == 0:
        return [float(s) for s in np.linspace(smallest, largest, count)]
    return [float(s) for s in np.geomspace(smallest, largest, count)]


def sato(image: NDArray[Any], sigmas: Sequence[float], sign: float, spacing: Sequence[float] | None) -> NDArray[Any]:
    """Return the largest tubeness of several scales; `sign` is 1 for bright lines and -1 for dark ones."""
    steps = spacing or (1.0,) * image.ndim
    best: NDArray[Any] | None = None
    for sigma in sigmas:
        found = _run(eigenvalue, gaussian(image, sigma, spacing), steps, sign * sigma**2, TUBE)
        best = found if best is None else np.maximum(best, found, out=best)
    assert best is not None  # there is a scale
    return best


def frangi(
    image: NDArray[Any],
    sigmas: Sequence[float],
    sign: float,
    alpha: float,
    beta: float,
    gamma: float | None,
    spacing: Sequence[float] | None,
) -> NDArray[Any]:
    """Return the largest vesselness of several scales; `sign` is 1 for bright lines and -1 for dark ones."""
    steps = spacing or (1.0,) * image.ndim
    best: NDArray[Any] | None = None
    for sigma in sigmas:
        smooth = gaussian(image, sigma, spacing)
        factor = sign * sigma**2
        half = _half(_run(norm, smooth, steps, factor)) if gamma is None else gamma
        found = _vesselness(smooth, half, steps, factor, alpha, beta)
        best = found if best is None else np.maximum(best, found, out=best)
    assert best is not None  # there is a scale
    return best


def _half(strengths: Any) -> float:
    return float(np.max(strengths)) / 2


def _vesselness(
    smooth: NDArray[Any], half: float, steps: Sequence[float], factor: float, alpha: float, beta: float
) -> NDArray[Any]:
    return _run(vesselness, smooth, steps, factor, alpha, beta, half) if half else np.zeros_like(smooth)


def frangi_of_blocks(
    pixels: Any, sigmas: Sequence[float], sign: float, alpha: float, beta: float, gamma: float | None,
    spacing: Sequence[float] | None,
) -> Any:  # fmt: skip
    """Return :func:`frangi` of a Dask array: how strong lines are is looked for in all blocks first."""
    from dask import delayed

    from bioloom.operations._blocks import smooth_blocks, with_halo
    from bioloom.operations._scratch import after

    steps, reach = spacing or (1.0,) * pixels.ndim, (1,) * pixels.ndim
    factors = [sign * sigma**2 for sigma in sigmas]
    known = delayed([] if gamma is None else [gamma] * len(sigmas))
    if gamma is None:
        # One scale after the other, and what is found when all are known: nothing waits in memory.
        for sigma, factor in zip(sigmas, factors, strict=True):
            smooth = smooth_blocks(pixels, sigma, spacing)
            strengths = with_halo(partial(_strength, steps=steps, factor=factor), reach, smooth, dtype=smooth.dtype)
            half = delayed(_half)([delayed(np.max)(block) for block in strengths.to_delayed().ravel()])
            known = delayed(_appended)(known, half)
            pixels, known = after(pixels, known)
    smooths = [smooth_blocks(pixels, sigma, spacing) for sigma in sigmas]

    def best(*blocks_and_halves: Any) -> NDArray[Any]:
        *blocks, values = blocks_and_halves
        found = [
            _vesselness(block, half, steps, factor, alpha, beta)
            for block, half, factor in zip(blocks, values, factors, strict=True)
        ]
        return np.asarray(np.maximum.reduce(found))

    return with_halo(best, reach, *smooths, dtype=smooths[0].dtype, value=known)


def _appended(values: list[float], value: float) -> list[float]:
    return [*values, value]


def _strength(smooth: NDArray[Any], steps: Sequence[float], factor: float) -> NDArray[Any]:
    return _run(norm, smooth, steps, factor)
