"""Where an image is brightest or darkest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import Operation, operation
from bioloom.operations._noise_level import noise_level
from bioloom.operations._types import Image, Length, Mask, Number, Spacing
from bioloom.operations.filters import as_float, gaussian

Height = Annotated[float, Number(minimum=0, maximum=1e12, step=1)]


def _maxima(pixels: NDArray[Any]) -> NDArray[np.bool_]:
    from skimage.morphology import local_maxima as maxima

    return np.asarray(maxima(pixels, connectivity=pixels.ndim), bool)


def _maxima_of_blocks(pixels: Any) -> Any:
    """Return :func:`_maxima` of a Dask array.

    Pixels that no neighbour outshines make up regions of one value; such a region is no maximum if a pixel of it has a
    neighbour of the same value that is outshone.
    """
    from bioloom.operations._blocks import with_halo
    from bioloom.operations._peaks import peaks
    from bioloom.operations._region_choice import choose_regions

    candidates = with_halo(peaks, (1,) * pixels.ndim, pixels, dtype=bool)
    outshone = with_halo(_beside_outshone, (2,) * pixels.ndim, pixels, dtype=bool)
    # A flat image has no maximum.
    return choose_regions(candidates, outshone, True, lambda marked, n: ~marked & (n < pixels.size))


def _beside_outshone(block: NDArray[Any]) -> NDArray[np.bool_]:
    from scipy import ndimage

    from bioloom.operations._peaks import peaks

    candidates = peaks(block)
    # What has the lowest value there can be is a maximum only in a flat image.
    lowest = -np.inf if block.dtype.kind == "f" else np.iinfo(block.dtype).min
    others = np.where(candidates, block.dtype.type(lowest), block)
    found: NDArray[np.bool_] = candidates & (ndimage.maximum_filter(others, 3, mode="nearest") == block)
    return found


def _upside_down(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image of the opposite order, of a type that holds it."""
    if image.dtype.kind in "iu":
        # All bits the other way round: the largest number becomes the smallest.
        return np.asarray(np.invert(image))
    return -as_float(image)


def _plain(image: NDArray[Any]) -> NDArray[Any]:
    return image.astype(np.uint8) if image.dtype == bool else image


@operation("Filter/Extrema", keywords="peaks spots seeds regional maxima detect maxima")
def local_maxima(image: Image, sigma: Length = 0.0, spacing: Spacing = None) -> Mask:
    """Mark pixels brighter than all around them.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of a Gaussian that smooths first, so that noise has no maxima; 0 for none.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool, same shape. Plateaus are marked as a whole; touching corners count as neighbours.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``skimage.morphology.local_maxima``. A flat image has no maximum. Dask arrays of any size are computed block by
    block.
    """
    return _maxima(gaussian(image, sigma, spacing) if sigma else _plain(image))


@local_maxima.dask()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    return _maxima_of_blocks(_smooth_blocks(local_maxima, image, sigma, spacing))


def _smooth_blocks(operation: Operation, image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._blocks import checked, smooth_blocks

    pixels = checked(operation, "image", image)
    return (
        smooth_blocks(pixels, sigma, spacing) if sigma else pixels.astype(np.uint8) if image.dtype == bool else pixels
    )


@operation("Filter/Extrema", keywords="valleys seeds regional minima detect minima")
def local_minima(image: Image, sigma: Length = 0.0, spacing: Spacing = None) -> Mask:
    """Mark pixels darker than all around them.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    sigma
        Standard deviation of a Gaussian that smooths first, so that noise has no minima; 0 for none.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool, same shape. Plateaus are marked as a whole; touching corners count as neighbours.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``skimage.morphology.local_minima``. A flat image has no minimum. Dask arrays of any size are computed block by
    block.
    """
    return _maxima(_upside_down(gaussian(image, sigma, spacing) if sigma else _plain(image)))


@local_minima.dask()
def _(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    smooth = _smooth_blocks(local_minima, image, sigma, spacing)
    dtype = _upside_down(np.zeros(1, smooth.dtype)).dtype
    return _maxima_of_blocks(smooth.map_blocks(_upside_down, dtype=dtype))


def _tenth(image: NDArray[Any]) -> float:
    return (float(image.max()) - float(image.min())) / 10


@operation("Filter/Extrema", title="h-maxima", keywords="peaks seeds prominence dynamics hmax")
def h_maxima(image: Image, h: Height | None = None) -> Mask:
    """Mark maxima that rise high enough above their surroundings.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    h
        How far, in units of intensity, one has to go down from the maximum to reach a higher one. Leave empty for a
        tenth of the range of the image.

    Returns
    -------
    numpy.ndarray
        bool, same shape. Plateaus are marked as a whole; touching corners count as neighbours.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    P. Soille, Morphological Image Analysis (2003), 6.3.4: maxima by their dynamics, found by joining regions from the
    brightest pixel down. As ``skimage.morphology.h_maxima``, exact for floats too. A flat image has no maximum.
    Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.operations._extrema_kernels import high_maxima

    return high_maxima(_plain(image), _tenth(image) if h is None else h)


@h_maxima.suggest
def _(image: NDArray[Any], spacing: Sequence[float] | None) -> dict[str, Any]:
    return _rise_above_noise(image)


@operation("Filter/Extrema", title="h-minima", keywords="valleys seeds depth dynamics hmin")
def h_minima(image: Image, h: Height | None = None) -> Mask:
    """Mark minima that lie deep enough below their surroundings.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    h
        How far, in units of intensity, one has to go up from the minimum to reach a lower one. Leave empty for a tenth
        of the range of the image.

    Returns
    -------
    numpy.ndarray
        bool, same shape. Plateaus are marked as a whole; touching corners count as neighbours.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The h-maxima of the image turned over, see :data:`h_maxima`; as ``skimage.morphology.h_minima``.
    Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.operations._extrema_kernels import high_maxima

    return high_maxima(_upside_down(_plain(image)), _tenth(image) if h is None else h)


@h_minima.suggest
def _(image: NDArray[Any], spacing: Sequence[float] | None) -> dict[str, Any]:
    return _rise_above_noise(image)


def _rise_above_noise(image: NDArray[Any]) -> dict[str, Any]:
    """Suggest a height that noise hardly reaches, but at least a tenth of the range."""
    return {"h": float(f"{max(6 * noise_level(image), _tenth(image)):.3g}")}
