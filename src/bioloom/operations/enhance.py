"""Filters that enhance contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import as_float, as_stack, three


@operation("Filter/Enhance", title="CLAHE", keywords="contrast limited adaptive histogram equalization equalisation")
def clahe(
    image: Image,
    tile: Length | None = None,
    clip_limit: Annotated[float, Number(minimum=0, maximum=1, step=0.005)] = 0.01,
    spacing: Spacing = None,
) -> Image:
    """Even out contrast between regions (contrast-limited adaptive histogram equalisation).

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    tile
        Side of the regions whose histograms are evened out. Leave empty for an eighth of the image along each axis.
    clip_limit
        Share of a region's pixels that one grey value may have; larger gives more contrast, to noise too.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits), within the range of the image.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    K. Zuiderveld, Graphics Gems IV, 1994, with 256 grey levels; as ``skimage.exposure.equalize_adapthist``, its 0…1
    scaled to the range of the image.
    Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.operations._clahe import equalise

    pixels = as_stack(as_float(image))
    low, high = float(pixels.min()), float(pixels.max())
    if low == high:
        return pixels.reshape(image.shape).copy()
    size = [
        max(min(round(tile / s), n) if tile is not None else n // 8, 1)
        for s, n in zip(spacing or (1.0,) * image.ndim, image.shape, strict=True)
    ]
    kind = pixels.dtype.type
    evened = equalise((pixels - kind(low)) / kind(high - low), three(size, 1), clip_limit)
    return (evened * kind(high - low) + kind(low)).reshape(image.shape)


@operation("Filter/Enhance", keywords="low-pass high-pass frequency Fourier FFT smooth")
def butterworth(
    image: Image,
    cutoff: Annotated[float, Number(minimum=1e-6, maximum=1e6, step=1, unit="length")] = 10.0,
    keep: Literal["coarse", "fine"] = "coarse",
    order: Annotated[float, Number(minimum=0.5, maximum=20, step=0.5)] = 2.0,
    spacing: Spacing = None,
) -> Image:
    """Keep structures that are coarser, or finer, than a wavelength.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    cutoff
        The wavelength at which half of the amplitude passes.
    keep
        ``coarse``: a low-pass, which smooths. ``fine``: a high-pass, which removes background.
    order
        How sharply structures are told apart; very sharp gives ripples.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits). ``coarse`` keeps the mean of the
        image, ``fine`` has a mean of about 0.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    S. Butterworth (1930): in Fourier space ``1 / (1 + (cutoff * frequency) ** (2 * order))``, or one minus that; the
    image is mirrored at its edges. As ``skimage.filters.butterworth`` (squared) with a cut-off ratio of one pixel per
    cutoff.
    Needs the whole image: a Dask array is computed as one block.
    """
    from bioloom.operations._fourier import filter_by_frequency

    pixels = as_float(image)
    waves = [cutoff / s for s in spacing or (1.0,) * image.ndim]

    def response(squares: Sequence[NDArray[Any]]) -> NDArray[Any]:
        frequency = np.asarray(sum(w**2 * f2 for w, f2 in zip(waves, squares, strict=True)))
        with np.errstate(over="ignore"):
            return np.asarray(1 / (1 + frequency**order))

    margins = [min(int(2 * w) + 8, max(n, 8)) for w, n in zip(waves, image.shape, strict=True)]
    smooth = filter_by_frequency(pixels, response, margins)
    return smooth if keep == "coarse" else pixels - smooth
