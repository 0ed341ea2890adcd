"""Limits: the larger or smaller of two pixels, ranges, and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._pixelwise import (
    Constant,
    common_float,
    defined_on_device,
    holds_number,
    no_halo,
    number_as,
    pick,
)
from bioloom.operations._types import Image, Mask


@operation(
    "Filter/Arithmetic",
    halo=no_halo,
    title="Maximum of two images or a constant",
    keywords="max larger brighter merge combine image calculator math maximum_image_and_scalar",
)
def maximum_images(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Take the larger of the pixels of two images, or of a pixel and a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        The least that the result can be; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, in the smallest dtype that holds those of both images; with a constant the dtype of the image, or
        float32 or float64 where that does not hold the constant.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.maximum``; clEsperanto's ``maximum_images`` and ``maximum_image_and_scalar`` on OpenCL.
    """
    return pick(np.maximum, image, constant if other is None else other)


@maximum_images.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.maximum_image_and_scalar(image, scalar=constant)
    return cle.maximum_images(image, other)


@operation(
    "Filter/Arithmetic",
    halo=no_halo,
    title="Minimum of two images or a constant",
    keywords="min smaller darker merge combine image calculator math minimum_image_and_scalar",
)
def minimum_images(image: Image, other: Image | None = None, constant: Constant = 0.0) -> Image:
    """Take the smaller of the pixels of two images, or of a pixel and a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    other
        Image of the same shape.
    constant
        The most that the result can be; not used if there is a second image.

    Returns
    -------
    numpy.ndarray
        Same shape, in the smallest dtype that holds those of both images; with a constant the dtype of the image, or
        float32 or float64 where that does not hold the constant.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.minimum``; clEsperanto's ``minimum_images`` and ``minimum_image_and_scalar`` on OpenCL.
    """
    return pick(np.minimum, image, constant if other is None else other)


@minimum_images.opencl()
def _(image: Any, other: Any = None, constant: float = 0.0) -> Any:
    cle = device.clesperanto()
    if other is None:
        return cle.minimum_image_and_scalar(image, scalar=constant)
    return cle.minimum_images(image, other)


@operation("Filter/Arithmetic", halo=no_halo, keywords="limit saturate range bounds")
def clip(image: Image, minimum: Constant | None = None, maximum: Constant | None = None) -> Image:
    """Limit the pixels to a range: what is below or above becomes its nearer end.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    minimum
        The least that the result can be; empty for no such limit.
    maximum
        The most that the result can be; empty for no such limit.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype; float32 or float64 where the dtype does not hold a limit that counts.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds NaN, or the minimum lies above the maximum.

    Notes
    -----
    ``numpy.clip``; clEsperanto's ``clip`` on OpenCL.
    """
    _check_limits(minimum, maximum)
    if image.dtype.kind in "iu":
        # A limit beyond what the dtype holds limits nothing.
        minimum = None if minimum is not None and minimum <= np.iinfo(image.dtype).min else minimum
        maximum = None if maximum is not None and maximum >= np.iinfo(image.dtype).max else maximum
    if minimum is not None and maximum is not None and all(holds_number(image.dtype, n) for n in (minimum, maximum)):
        limited: NDArray[Any] = np.clip(image, number_as(image.dtype, minimum), number_as(image.dtype, maximum))
        return limited
    result = image if minimum is None else pick(np.maximum, image, minimum)
    result = result if maximum is None else pick(np.minimum, result, maximum)
    return result.copy() if result is image else result


def _check_limits(minimum: float | None, maximum: float | None) -> None:
    if minimum is not None and maximum is not None and minimum > maximum:
        raise InputError(f"clip: the minimum {minimum:g} lies above the maximum {maximum:g}. Swap them.")


@clip.opencl()
def _(image: Any, minimum: float | None, maximum: float | None) -> Any:
    _check_limits(minimum, maximum)
    return device.clesperanto().clip(image, a_min=minimum, a_max=maximum)


@operation("Filter/Arithmetic", halo=no_halo, keywords="select keep inside region zero")
def mask_image(image: Image, mask: Mask, outside: Constant = 0.0) -> Image:
    """Keep the pixels in a mask and set the others to a constant.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    mask
        Of the same shape; pixels other than 0 are kept. Labels will do.
    outside
        The result where the mask is 0.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype; float32 or float64 where the dtype does not hold the constant.

    Raises
    ------
    InputError
        If an image is not 2D or 3D or holds NaN, or the shapes differ.

    Notes
    -----
    ``numpy.where``; clEsperanto's ``mask`` on OpenCL.
    """
    holds = holds_number(image.dtype, outside) or (image.dtype == bool and outside in (0, 1))
    return np.where(mask != 0, image, number_as(image.dtype if holds else np.dtype(common_float(image)), outside))


@mask_image.opencl()
def _(image: Any, mask: Any, outside: float) -> Any:
    return defined_on_device(image, device.clesperanto().not_equal_constant(mask, constant=0), outside)
