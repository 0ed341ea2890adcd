"""Small bright spots: found where a filter of their size answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
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

    if threshold is None:
        # Of a normal distribution: half of all values lie within 0.6745 standard deviations.
        threshold = 5 * 1.4826 * float(np.median(np.abs(response - np.median(response))))
    # Rounding in an even image is no spot.
    rounding = 64 * float(np.finfo(response.dtype).eps) * max(abs(float(image.max())), abs(float(image.min())))
    least = max(threshold, rounding)
    labels = connected(peaks(response) & (response > least), True)
    return in_reading_order(grown(labels, radius, spacing)) if mark == "ball" else labels


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
    radius / sqrt(number of axes), as in ``skimage.feature.blob_log`` at one scale.
    """
    return _found(image, _laplacian(image, radius, spacing), radius, threshold, mark, spacing)


def _laplacian(image: NDArray[Any], radius: float, spacing: Sequence[float] | None) -> NDArray[Any]:
    from scipy import ndimage

    # The weights, cut off, do not add up to nothing quite: even ground shall not answer.
    pixels = as_float(image)
    pixels = pixels - pixels.mean(dtype=np.float64).astype(pixels.dtype)
    sigmas = [max(s, 0.3) for s in per_axis(_sigma(radius, image.ndim), image.ndim, spacing)]
    response = np.zeros_like(pixels)
    for axis, sigma in enumerate(sigmas):
        if image.shape[axis] > 1:
            order = [2 if a == axis else 0 for a in range(image.ndim)]
            response -= sigma**2 * ndimage.gaussian_filter(pixels, sigmas, order, mode="nearest")
    return np.asarray(response)


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
    scale of :func:`spots_log`; faster than it, and about the same.
    """
    narrow = _sigma(radius, image.ndim) / np.sqrt(_RATIO)
    response = gaussian(image, narrow, spacing) - gaussian(image, narrow * _RATIO, spacing)
    return _found(image, response, radius, threshold, mark, spacing)


def _suggest(image: NDArray[Any], spacing: Sequence[float] | None = None) -> dict[str, Any]:
    """Suggest the radius at which the brightest answers stand out most from the others."""
    if image.max() <= image.min():
        return {}
    pixel = min(spacing or (1.0,))
    scores = []
    radii = [pixel * f for f in (1.5, 2, 3, 4, 6, 8)]
    for radius in radii:
        narrow = _sigma(radius, image.ndim) / np.sqrt(_RATIO)
        response = gaussian(image, narrow, spacing) - gaussian(image, narrow * _RATIO, spacing)
        scores.append(float(np.percentile(response, 99.9)))
    return {"radius": float(f"{radii[int(np.argmax(scores))]:.2g}")} if max(scores) > 0 else {}


spots_log.suggest(_suggest)
spots_dog.suggest(_suggest)
