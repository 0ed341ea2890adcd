"""Small bright spots: found where a filter of their size answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import Operation, operation
from bioloom.operations._numbering import in_reading_order
from bioloom.operations._types import Image, Labels, Length, Number, Spacing
from bioloom.operations.filters import as_float, gaussian, per_axis

Threshold = Annotated[float, Number(minimum=0, maximum=1e12, step=1)]
Mark = Literal["ball", "point"]
# The wider of two Gaussians whose difference comes near the Laplacian.
_RATIO = 1.6


def _sigma(radius: float, ndim: int) -> float:
    """Return the scale at which a ball of a radius answers most."""
    return float(radius / np.sqrt(ndim))


def _found(
    image: NDArray[Any], response: NDArray[Any], radius: float, threshold: float | None, mark: str,
    spacing: Sequence[float] | None,
) -> NDArray[np.uint32]:  # fmt: skip
    from bioloom.operations._label_distances import grown
    from bioloom.operations._peaks import peaks
    from bioloom.operations._regions import connected

    deviation = np.median(np.abs(response - np.median(response))) if threshold is None else None
    least = _least(threshold, deviation, [_largest(image)], response.dtype)
    labels = connected(peaks(response) & (response > least), True)
    return in_reading_order(grown(labels, radius, spacing)) if mark == "ball" else labels


def _largest(image: NDArray[Any]) -> float:
    return max(abs(float(image.max())), abs(float(image.min())))


def _least(threshold: float | None, deviation: Any, largest: Sequence[float], dtype: Any) -> float:
    """Return the smallest answer that is a spot."""
    if threshold is None:
        # Of a normal distribution: half of all values lie within 0.6745 standard deviations.
        threshold = 5 * 1.4826 * float(deviation)
    # Rounding in an even image is no spot.
    return max(threshold, 64 * float(np.finfo(dtype).eps) * max(largest))


def _found_in_blocks(
    operation: Operation, respond: Callable[[NDArray[Any]], NDArray[Any]], sigmas: Sequence[float], image: Any,
    radius: float, threshold: float | None, mark: str, spacing: Sequence[float] | None,
) -> Any:  # fmt: skip
    """Return what :func:`_found` does for a Dask array and the filter ``respond``, which reaches 4 `sigmas`."""
    from dask import delayed

    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._block_tables import in_reading_order_of_blocks
    from bioloom.operations._blocks import at_value, checked, with_halo
    from bioloom.operations._label_distances import grown
    from bioloom.operations._order_statistics import median_of_blocks
    from bioloom.operations._regions import connected
    from bioloom.operations._scratch import Stored

    pixels = checked(operation, "image", image)
    dtype = as_float(np.zeros(1, image.dtype)).dtype
    response = Stored(with_halo(respond, [4 * s + 2 for s in sigmas], pixels, dtype=dtype))
    deviation = None
    if threshold is None:
        bits = 8 * dtype.itemsize
        middle = median_of_blocks(response.read, image.size, bits)

        def distances(found: Any) -> Any:
            return at_value(_distance, middle, response.read(middle if found is None else found), dtype=dtype)

        deviation = median_of_blocks(distances, image.size, bits)
    least = delayed(_least)(threshold, deviation, [delayed(_largest)(b) for b in pixels.to_delayed().ravel()], dtype)
    bright = with_halo(_bright_peaks, (1,) * image.ndim, response.read(least), dtype=bool, value=least)
    labels = solve_by_regions(partial(connected, diagonal=True), bright, number=True)
    if mark == "point":
        return labels
    balls = with_halo(
        partial(grown, distance=radius, spacing=spacing),
        [r + 1 for r in per_axis(radius, image.ndim, spacing)],
        labels,
        dtype=np.uint32,
    )
    return in_reading_order_of_blocks(balls)


def _distance(block: NDArray[Any], middle: Any) -> NDArray[Any]:
    return np.asarray(np.abs(block - middle))


def _bright_peaks(response: NDArray[Any], least: float) -> NDArray[np.bool_]:
    from bioloom.operations._peaks import peaks

    found: NDArray[np.bool_] = peaks(response) & (response > least)
    return found


@operation(
    "Segment/Label", title="Spots (Laplacian of Gaussian)", keywords="blob detection LoG puncta foci FISH trackmate"
)
def spots_log(
    image: Image,
    radius: Length = 2.0,
    threshold: Threshold | None = None,
    mark: Mark = "ball",
    spacing: Spacing = None,
) -> Labels:
    """Find bright spots of a size by the Laplacian of Gaussian.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype, bright spots on any even ground.
    radius
        Of the spots.
    threshold
        Smallest answer of the filter, which is about half of what a spot is brighter than its surroundings. Five times
        the noise of the filtered image (by its median absolute deviation) if left empty.
    mark
        ``ball``: a spot is marked by a ball of the radius; ``point``: by its brightest pixel.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    T. Lindeberg, Int. J. Comput. Vis. 30 (1998) 79-116: maxima of the scale-normalised Laplacian at the scale
    radius / sqrt(number of axes), as in ``skimage.feature.blob_log`` at one scale. Dask arrays of any size are computed
    block by block.
    """
    return _found(image, _laplacian(image, radius, spacing), radius, threshold, mark, spacing)


@spots_log.dask()
def _(image: Any, radius: float, threshold: float | None, mark: str, spacing: Sequence[float] | None) -> Any:
    respond = partial(_laplacian, radius=radius, spacing=spacing)
    sigmas = _sigmas(radius, image.ndim, spacing)
    return _found_in_blocks(spots_log, respond, sigmas, image, radius, threshold, mark, spacing)


def _sigmas(radius: float, ndim: int, spacing: Sequence[float] | None) -> list[float]:
    return [max(s, 0.3) for s in per_axis(_sigma(radius, ndim), ndim, spacing)]


def _laplacian(image: NDArray[Any], radius: float, spacing: Sequence[float] | None) -> NDArray[Any]:
    from scipy import ndimage

    pixels = as_float(image)
    sigmas = _sigmas(radius, image.ndim, spacing)
    response = np.zeros_like(pixels)
    for axis, sigma in enumerate(sigmas):
        if image.shape[axis] > 1:
            curved = ndimage.correlate1d(pixels, _curvature(sigma), axis, mode="nearest")
            across = [0 if a == axis else s for a, s in enumerate(sigmas)]
            response -= sigma**2 * ndimage.gaussian_filter(curved, across, mode="nearest")
    return np.asarray(response)


def _curvature(sigma: float) -> NDArray[np.float64]:
    """Return the weights of the second derivative of a Gaussian, cut at 4 sigma, of even ground zero."""
    x = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
    weights = np.exp(-0.5 * (x / sigma) ** 2)
    weights /= weights.sum()
    curved: NDArray[np.float64] = weights * (x**2 / sigma**4 - 1 / sigma**2)
    # What the cut leaves over is taken from all in proportion.
    curved -= weights * curved.sum()
    return curved


@operation(
    "Segment/Label", title="Spots (difference of Gaussians)", keywords="blob detection DoG puncta foci FISH trackmate"
)
def spots_dog(
    image: Image,
    radius: Length = 2.0,
    threshold: Threshold | None = None,
    mark: Mark = "ball",
    spacing: Spacing = None,
) -> Labels:
    """Find bright spots of a size by the difference of two Gaussians.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype, bright spots on any even ground.
    radius
        Of the spots.
    threshold
        Smallest difference, which is about a quarter of what a spot is brighter than its surroundings. Five times the
        noise of the filtered image (by its median absolute deviation) if left empty.
    mark
        ``ball``: a spot is marked by a ball of the radius; ``point``: by its brightest pixel.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    D. Marr and E. Hildreth, Proc. R. Soc. Lond. B 207 (1980) 187-217: Gaussians whose sigmas differ by 1.6, around the
    scale of :func:`spots_log`; faster than it, and about the same. Dask arrays of any size are computed block by block.
    """
    return _found(image, _difference(image, radius, spacing), radius, threshold, mark, spacing)


@spots_dog.dask()
def _(image: Any, radius: float, threshold: float | None, mark: str, spacing: Sequence[float] | None) -> Any:
    respond = partial(_difference, radius=radius, spacing=spacing)
    sigmas = per_axis(_sigma(radius, image.ndim) * np.sqrt(_RATIO), image.ndim, spacing)
    return _found_in_blocks(spots_dog, respond, sigmas, image, radius, threshold, mark, spacing)


def _difference(image: NDArray[Any], radius: float, spacing: Sequence[float] | None) -> NDArray[Any]:
    narrow = _sigma(radius, image.ndim) / np.sqrt(_RATIO)
    return np.asarray(gaussian(image, narrow, spacing) - gaussian(image, narrow * _RATIO, spacing))


def _suggest(image: NDArray[Any], spacing: Sequence[float] | None = None) -> dict[str, Any]:
    """Suggest the radius at which the brightest answers stand out most from the others."""
    from bioloom.operations._object_size import refuse_dark_objects

    if image.max() <= image.min():
        return {}
    refuse_dark_objects(image, spacing)
    pixel = min(spacing or (1.0,))
    scores = []
    radii = [pixel * f for f in (1.5, 2, 3, 4, 6, 8)]
    for radius in radii:
        scores.append(float(np.percentile(_difference(image, radius, spacing), 99.9)))
    return {"radius": float(f"{radii[int(np.argmax(scores))]:.2g}")} if max(scores) > 0 else {}


spots_log.suggest(_suggest)
spots_dog.suggest(_suggest)
