"""Parts of images: what is cut out of them. No pixel changes its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._places import AxisName, axis_number, of_axes, of_slices, same_type_on_device
from bioloom.operations._types import Image, Number

Index = Annotated[int, Number(minimum=0, maximum=1_000_000, step=1, unit="px")]


def _start_stop(n: int, start: int, stop: int | None, what: str, where: str) -> slice:
    if start >= n or (stop is not None and stop <= start):
        asked = f"{start} to {'the end' if stop is None else stop}"
        raise InputError(f"{where}: no pixels are left along {what}, which has {n} of them, from {asked}.")
    return slice(start, n if stop is None else min(stop, n))


def _cropped(
    shape: Sequence[int],
    z_start: int,
    z_stop: int | None,
    y_start: int,
    y_stop: int | None,
    x_start: int,
    x_stop: int | None,
) -> tuple[slice, ...]:
    starts = of_axes(z_start, y_start, x_start, len(shape), "crop", 0)
    stops = of_axes(z_stop, y_stop, x_stop, len(shape), "crop", None)
    each = zip(shape, starts, stops, "zyx"[3 - len(shape) :], strict=True)
    return tuple(_start_stop(n, start, stop, name, "crop") for n, start, stop, name in each)


@operation(
    "Transform/Crop and resize",
    allow_nan=True,
    keeps_kind=True,
    placement=lambda shape, **settings: of_slices(shape, _cropped(shape, **settings)),
    keywords="cut region rectangle roi part subset",
)
def crop(
    image: Image,
    z_start: Index = 0,
    z_stop: Index | None = None,
    y_start: Index = 0,
    y_stop: Index | None = None,
    x_start: Index = 0,
    x_stop: Index | None = None,
) -> Image:
    """Cut out a part, given by its first pixel and the pixel after its last one along each axis.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype; may hold NaN. Labels will do.
    z_start
        The first plane; stays 0 for an image (y, x).
    z_stop
        The plane after the last one; empty for the end, as also further away than that.
    y_start
        The first row.
    y_stop
        The row after the last one; empty for the end.
    x_start
        The first column.
    x_stop
        The column after the last one; empty for the end.

    Returns
    -------
    numpy.ndarray
        The part, of the same dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, no pixels are left, or an image (y, x) is to be cropped along z.

    Notes
    -----
    Slices of NumPy; clEsperanto's ``crop`` on OpenCL.
    """
    return image[_cropped(image.shape, z_start, z_stop, y_start, y_stop, x_start, x_stop)].copy()


@crop.dask()
def _(image: Any, **settings: Any) -> Any:
    return image[_cropped(image.shape, **settings)]


def _crop_on_device(image: Any, slices: Sequence[slice]) -> Any:
    result = same_type_on_device(image, [s.stop - s.start for s in slices])
    if result is None:
        return device.push(device.pull(image)[tuple(slices)])
    starts = dict(zip(("start_x", "start_y", "start_z"), (s.start for s in reversed(slices)), strict=False))
    return device.clesperanto().crop(image, result, **starts)


@crop.opencl()
def _(image: Any, **settings: Any) -> Any:
    return _crop_on_device(image, _cropped(image.shape, **settings))


def _sub_stack(shape: Sequence[int], first: int, last: int | None, axis: AxisName) -> tuple[slice, ...]:
    along = axis_number(axis, len(shape), "sub_stack")
    stop = None if last is None else last + 1
    cut = _start_stop(shape[along], first, stop, axis, "sub_stack")
    return tuple(cut if a == along else slice(0, n) for a, n in enumerate(shape))


@operation(
    "Transform/Crop and resize",
    allow_nan=True,
    ndims=(3,),
    keeps_kind=True,
    title="Sub-stack",
    placement=lambda shape, **settings: of_slices(shape, _sub_stack(shape, **settings)),
    keywords="substack slices planes range z crop make substack",
)
def sub_stack(image: Image, first: Index = 0, last: Index | None = None, axis: AxisName = "z") -> Image:
    """Keep the planes from a first to a last one.

    Parameters
    ----------
    image
        (z, y, x), any real dtype; may hold NaN. Labels will do.
    first
        Number of the first plane that is kept; the first of all is 0.
    last
        Number of the last plane that is kept; empty for the last of all, as also larger numbers.
    axis
        The axis that the planes are counted along.

    Returns
    -------
    numpy.ndarray
        The planes, of the same dtype.

    Raises
    ------
    InputError
        If the image is not 3D, or no planes are left.

    Notes
    -----
    As clEsperanto's ``sub_stack``; its ``crop`` on OpenCL.
    """
    return image[_sub_stack(image.shape, first, last, axis)].copy()


@sub_stack.dask()
def _(image: Any, **settings: Any) -> Any:
    return image[_sub_stack(image.shape, **settings)]


@sub_stack.opencl(ndims=(3,))
def _(image: Any, **settings: Any) -> Any:
    return _crop_on_device(image, _sub_stack(image.shape, **settings))


def _every(shape: Sequence[int], step: int, first: int, axis: AxisName) -> tuple[slice, ...]:
    along = axis_number(axis, len(shape), "reduce_stack")
    kept = _start_stop(shape[along], first, None, axis, "reduce_stack")
    return tuple(slice(kept.start, n, step) if a == along else slice(0, n, 1) for a, n in enumerate(shape))


@operation(
    "Transform/Crop and resize",
    allow_nan=True,
    ndims=(3,),
    keeps_kind=True,
    placement=lambda shape, **settings: of_slices(shape, _every(shape, **settings)),
    keywords="every nth slice plane skip thin subsample decimate reduce",
)
def reduce_stack(
    image: Image,
    step: Annotated[int, Number(minimum=1, maximum=1_000_000, step=1, unit="px")] = 2,
    first: Index = 0,
    axis: AxisName = "z",
) -> Image:
    """Keep every second, third, … plane.

    Parameters
    ----------
    image
        (z, y, x), any real dtype; may hold NaN. Labels will do.
    step
        How many planes there are from one that is kept to the next one.
    first
        Number of the first plane that is kept; the first of all is 0.
    axis
        The axis that the planes are counted along.

    Returns
    -------
    numpy.ndarray
        The planes, of the same dtype.

    Raises
    ------
    InputError
        If the image is not 3D, or no planes are left.

    Notes
    -----
    As clEsperanto's ``reduce_stack``, which leaves out a last plane after which no whole step follows.
    """
    return image[_every(image.shape, step, first, axis)].copy()


@reduce_stack.dask()
def _(image: Any, **settings: Any) -> Any:
    return image[_every(image.shape, **settings)]
