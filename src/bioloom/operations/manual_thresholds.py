"""Thresholds that are given, that have two levels, and that follow the illumination."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._cutting import histogram_of_blocks, multi_cuts, threshold_value
from bioloom.operations._histogram import Histogram, histogram
from bioloom.operations._region_choice import with_marks, with_marks_of_blocks
from bioloom.operations._types import Image, Length, Mask, Number, Spacing
from bioloom.operations.filters import as_float, box_radii


@operation("Segment/Threshold", halo=lambda: 0, allow_nan=True, keywords="manual fixed binarize greater between band")
def threshold_constant(
    image: Image,
    threshold: Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)] = 0.0,
    maximum: Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)] | None = None,
) -> Mask:
    """Separate bright from dark at a given value.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN counts as background.
    threshold
        Pixels above it are foreground.
    maximum
        Pixels above this are background again; leave empty for no limit.

    Returns
    -------
    numpy.ndarray
        bool (uint8 on OpenCL).

    Raises
    ------
    InputError
        If the image is not 2D or 3D.

    Notes
    -----
    As clEsperanto's ``greater_constant``, which is used on OpenCL.
    """
    mask = image > threshold
    return mask if maximum is None else mask & (image <= maximum)


@threshold_constant.opencl()
def _(image: Any, threshold: float, maximum: float | None) -> Any:
    cle = device.clesperanto()
    mask = cle.greater_constant(image, constant=threshold)
    return mask if maximum is None else cle.binary_and(mask, cle.smaller_or_equal_constant(image, constant=maximum))


@threshold_constant.suggest
def _(image: Any, spacing: Any = None) -> dict[str, Any]:
    value = threshold_value(image)
    return {"threshold": value} if np.isfinite(value) else {}


def _two_cuts(counted: Histogram | None, low: float | None, high: float | None) -> tuple[float, float]:
    if counted is not None:
        found = multi_cuts(counted, 3)
        low, high = found[0] if low is None else low, found[-1] if high is None else high
    assert low is not None
    assert high is not None
    return float(low), max(float(low), float(high))


@operation("Segment/Threshold", allow_nan=True, keywords="two thresholds double canny")
def threshold_hysteresis(
    image: Image,
    low: Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)] | None = None,
    high: Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)] | None = None,
    diagonal: bool = False,
) -> Mask:
    """Keep regions above a low threshold where they hold pixels above a high one.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; NaN counts as background.
    low
        Pixels above it may belong to a region; the lower threshold of multi-Otsu with three classes if left empty.
    high
        Only regions with a pixel above it stay; the upper threshold of multi-Otsu if left empty.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.

    Returns
    -------
    numpy.ndarray
        bool.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.

    Notes
    -----
    As ``skimage.filters.apply_hysteresis_threshold`` (J. Canny, IEEE TPAMI 8 (1986) 679-698).
    """
    counted = histogram(image, None, 256, 256) if low is None or high is None else None
    lower, upper = _two_cuts(counted, low, high)
    return with_marks(image > lower, image > upper, diagonal)


@threshold_hysteresis.dask()
def _(image: Any, low: float | None, high: float | None, diagonal: bool) -> Any:
    from dask import delayed

    from bioloom.operations._blocks import with_value

    counted = histogram_of_blocks(image, None, 256, 256) if low is None or high is None else None
    cuts = delayed(_two_cuts)(counted, low, high)
    above = with_value(_cuts_below, cuts, image, dtype=np.uint8)
    return with_marks_of_blocks(above > 0, above > 1, diagonal)


def _cuts_below(image: NDArray[Any], cuts: tuple[float, float]) -> NDArray[np.uint8]:
    """Count the cuts that are below each pixel."""
    return (image > cuts[0]).astype(np.uint8) + (image > cuts[1])


@operation(
    "Segment/Threshold",
    halo=lambda radius: 4 * radius + 2,
    keywords="adaptive bernsen phansalkar niblack sauvola uneven illumination",
)
def threshold_local(
    image: Image,
    radius: Length = 25.0,
    method: Literal["mean", "gaussian", "median", "niblack", "sauvola"] = "mean",
    offset: Annotated[float, Number(minimum=-1e12, maximum=1e12, step=1)] = 0.0,
    k: Annotated[float, Number(minimum=-10, maximum=10, step=0.05)] = 0.2,
    spacing: Spacing = None,
) -> Mask:
    """Separate bright from dark by the brightness around each pixel, for uneven illumination.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box that is looked at; choose it larger than the objects.
    method
        ``mean``, ``gaussian`` (a third of the radius as sigma) or ``median`` of the box; ``niblack``: mean - k ×
        standard deviation; ``sauvola``: mean × (1 + k × (standard deviation / r - 1)), where r is half the range that
        the image's type (1 for fractions) can hold.
    offset
        Taken from the threshold: larger finds more.
    k
        Weight of the standard deviation for Niblack and Sauvola.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool, True where brighter than the threshold of the place.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    As ``skimage.filters.threshold_local``, ``threshold_niblack`` and ``threshold_sauvola`` (W. Niblack, An Introduction
    to Digital Image Processing (1986); J. Sauvola and M. Pietikäinen, Pattern Recognition 33 (2000) 225-236).
    """
    from scipy import ndimage

    radii = box_radii(radius, image.ndim, spacing)
    size = tuple(2 * r + 1 for r in radii)
    pixels = as_float(image).astype(np.float64)
    if method == "gaussian":
        local = ndimage.gaussian_filter(pixels, tuple(r / 3 for r in radii), mode="reflect")
    elif method == "median":
        local = ndimage.median_filter(image, size, mode="reflect").astype(np.float64)
    elif method == "mean":
        local = ndimage.uniform_filter(pixels, size, mode="reflect")
    else:
        local = ndimage.uniform_filter(pixels, size, mode="mirror")
        square = ndimage.uniform_filter(pixels**2, size, mode="mirror")
        spread = np.sqrt(np.maximum(square - local**2, 0))
        if method == "niblack":
            local = local - k * spread
        else:
            half = 1.0 if image.dtype.kind == "f" else _half_range(image.dtype)
            local = local * (1 + k * (spread / half - 1))
    return pixels > local - offset


def _half_range(dtype: np.dtype[Any]) -> float:
    if dtype.kind == "b":
        return 0.5
    return (float(np.iinfo(dtype).max) - float(np.iinfo(dtype).min)) / 2
