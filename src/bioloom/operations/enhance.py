"""Filters that enhance contrast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Number, Spacing
from bioloom.operations.filters import as_float, as_stack, three

Percentile = Annotated[float, Number(minimum=0, maximum=100, step=0.5)]
Value = Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)]


@operation("Filter/Enhance", keywords="power brightness adjust gamma contrast")
def gamma_correction(image: Image, gamma: Annotated[float, Number(minimum=0.01, maximum=100, step=0.1)] = 0.5) -> Image:
    """Make dark regions brighter, or darker, and leave the range of intensities as it is.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    gamma
        Below 1 dark regions become brighter, above 1 darker.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise. Zero and the largest
        pixel stay (if there are negative pixels, the smallest and the largest).

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    ``(image / max) ** gamma * max``, as clEsperanto's ``gamma_correction``.
    """
    pixels = as_float(image)
    low, high = min(float(pixels.min()), 0.0), float(pixels.max())
    if high <= low:
        return pixels.copy()
    shares = (pixels - pixels.dtype.type(low)) / pixels.dtype.type(high - low)
    np.clip(shares, 0, 1, out=shares)
    return shares**gamma * pixels.dtype.type(high - low) + pixels.dtype.type(low)


@gamma_correction.opencl()
def _(image: Any, gamma: float) -> Any:
    cle = device.clesperanto()
    low, high = min(float(cle.minimum_of_all_pixels(image)), 0.0), float(cle.maximum_of_all_pixels(image))
    if high <= low:
        return cle.add_image_and_scalar(image, scalar=0)
    shares = cle.multiply_image_and_scalar(cle.add_image_and_scalar(image, scalar=-low), scalar=1 / (high - low))
    stretched = cle.multiply_image_and_scalar(cle.power(shares, exponent=gamma), scalar=high - low)
    return cle.add_image_and_scalar(stretched, scalar=low)


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


@operation("Filter/Enhance", keywords="normalize normalise contrast stretch scale percentile")
def rescale_intensity(
    image: Image,
    lower: Percentile = 0.0,
    upper: Percentile = 100.0,
    new_minimum: Value = 0.0,
    new_maximum: Value = 1.0,
) -> Image:
    """Stretch intensities to a range.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    lower
        The percentile of the image that becomes the new minimum; what is darker does too.
    upper
        The percentile of the image that becomes the new maximum; what is brighter does too.
    new_minimum
        The smallest intensity of the result.
    new_maximum
        The largest intensity of the result; below the smallest, the image is inverted.

    Returns
    -------
    numpy.ndarray
        Same shape, float32 (float64 for float64 and integers of more than 16 bits); the new minimum everywhere for a
        flat image.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    As ``skimage.exposure.rescale_intensity`` of the range between the two percentiles.
    """
    pixels = as_float(image)
    if (lower, upper) == (0, 100):
        low, high = float(pixels.min()), float(pixels.max())
    else:
        low, high = (float(p) for p in np.percentile(pixels, (min(lower, upper), max(lower, upper))))
    kind = pixels.dtype.type
    if high <= low:
        # All of the range is one value: what is above it is bright.
        return np.where(pixels > kind(low), kind(new_maximum), kind(new_minimum)).astype(pixels.dtype, copy=False)
    shares = (pixels - kind(low)) / kind(high - low)
    np.clip(shares, 0, 1, out=shares)
    shares *= kind(new_maximum - new_minimum)
    shares += kind(new_minimum)
    return shares


@operation("Filter/Enhance", keywords="negative complement reverse")
def invert(image: Image) -> Image:
    """Make dark pixels bright and bright ones dark.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype: the smallest plus the largest pixel, minus the image.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The range stays, unlike in clEsperanto's ``invert``, which changes the sign, and in ``skimage.util.invert``, which
    subtracts from the largest number of the dtype.
    """
    if image.dtype == bool:
        return ~image if image.any() and not image.all() else image.copy()
    low, high = image.min(), image.max()
    if image.dtype.kind == "f":
        return (high - image) + low
    # Numbers that are too large for the type on the way wrap around, and back.
    with np.errstate(over="ignore"):
        return np.add(np.subtract(high, image), low)


@invert.opencl()
def _(image: Any) -> Any:
    cle = device.clesperanto()
    ends = float(cle.minimum_of_all_pixels(image)) + float(cle.maximum_of_all_pixels(image))
    return cle.add_image_and_scalar(cle.multiply_image_and_scalar(image, scalar=-1), scalar=ends)


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
