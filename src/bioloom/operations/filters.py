"""What filters share: precision, lengths in pixels and the Gaussian; and the repair of images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image


def as_float(image: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Return the image as float32; as float64 if it is that, or integers of more than 16 bits."""
    enough = np.result_type(image.dtype, np.float32) == np.float32
    return image.astype(np.float32 if enough else np.float64, copy=False)


def as_stack(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image as C-contiguous (z, y, x); a plane becomes a stack of one."""
    return np.ascontiguousarray(image).reshape((1,) * (3 - image.ndim) + image.shape)


def three(values: Sequence[Any], fill: Any) -> tuple[Any, ...]:
    """Return values per axis for (z, y, x); a plane gets `fill` in z."""
    return (fill,) * (3 - len(values)) + tuple(values)


def per_axis(length: float, ndim: int, spacing: Sequence[float] | None) -> tuple[float, ...]:
    """Convert a length in units of spacing into pixels along each axis."""
    return tuple(length / s for s in (spacing or (1.0,) * ndim))


def box_radii(radius: float, ndim: int, spacing: Sequence[float] | None) -> tuple[int, ...]:
    """Convert a radius in units of spacing into whole pixels along each axis."""
    return tuple(int(r + 0.5) for r in per_axis(radius, ndim, spacing))


def gaussian(image: NDArray[Any], sigma: float, spacing: Sequence[float] | None) -> NDArray[np.floating[Any]]:
    """Smooth with the Gaussian that all operations and pixel features share: cut at 4 sigma, edges repeated."""
    from bioloom.operations._gaussian import smooth

    return smooth(as_float(image), per_axis(sigma, image.ndim, spacing))


def check_reach(what: str, pixels: int) -> None:
    """Refuse a filter that takes all pixels of a neighbourhood of more than a million one by one."""
    if pixels > 1_000_000:
        raise InputError(
            f"{what} reaches over {pixels:,} pixels around each pixel, which takes hours. Choose a smaller one, or "
            "make the image smaller first (Layers > Transform)."
        )


def on_axes(name: str, values: Sequence[Any]) -> dict[str, Any]:
    """Return values per axis, (y, x) or (z, y, x), under clEsperanto's names, such as radius_x."""
    return dict(zip((f"{name}_x", f"{name}_y", f"{name}_z"), reversed(values), strict=False))


def gaussian_on_device(image: Any, sigma: float, spacing: Sequence[float] | None) -> Any:
    """Smooth an OpenCL array with the same Gaussian."""
    return device.clesperanto().gaussian_blur(image, **on_axes("sigma", per_axis(sigma, image.ndim, spacing)))


@operation("Filter/Repair", allow_nan=True)
def replace_nan(image: Image, by: Literal["minimum", "median", "zero"] = "minimum") -> Image:
    """Replace pixels that are NaN or infinite by an ordinary value.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    by
        What to put there: the smallest or the median finite pixel, or zero.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype, all pixels finite.

    Raises
    ------
    InputError
        If the image is not 2D or 3D.

    Notes
    -----
    As ``numpy.nan_to_num`` with a value from the image.
    """
    if image.dtype.kind != "f":
        return image.copy()
    pixels = image[np.isfinite(image)]
    value = 0 if by == "zero" or not pixels.size else pixels.min() if by == "minimum" else np.median(pixels)
    return _finite(image, value)


def _finite(image: NDArray[Any], value: Any) -> NDArray[Any]:
    return np.where(np.isfinite(image), image, np.asarray(value, image.dtype))


@replace_nan.dask()
def _(image: Any, by: str) -> Any:
    from dask import delayed

    from bioloom.operations._blocks import checked, of_whole, with_value

    pixels = checked(replace_nan, "image", image)
    if image.dtype.kind != "f":
        return pixels
    if by == "median":
        return of_whole(partial(replace_nan.function, by=by), pixels, dtype=image.dtype)
    lowest = [delayed(_lowest)(block) for block in pixels.to_delayed().ravel()] if by == "minimum" else []
    return with_value(_finite, delayed(_lowest_of_all)(lowest), pixels, dtype=image.dtype)


def _lowest(block: NDArray[Any]) -> Any:
    return np.min(block[np.isfinite(block)], initial=np.inf)


def _lowest_of_all(values: Sequence[Any]) -> Any:
    lowest = min(values, default=np.inf)
    return lowest if np.isfinite(lowest) else 0
