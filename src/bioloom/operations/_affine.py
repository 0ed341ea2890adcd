"""Affine transforms of what an image shows, about its centre, in units of spacing.

Matrices are (n + 1, n + 1), in the order of the axes, and map where something was to where it goes. Rotations are
right-handed in the frame (z, y, x): about z they turn y towards x, which is anticlockwise where y points down; about y,
x towards z; about x, z towards y.
"""

from __future__ import annotations

import itertools
import math
import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.errors import InputError
from bioloom.operations._places import check_result_size, of_axes
from bioloom.operations._resampling import Interpolation
from bioloom.operations._types import Placement
from bioloom.operations.filters import as_float

Matrix = NDArray[np.floating[Any]]


def linear(matrix: NDArray[Any]) -> Matrix:
    """Return a matrix of directions as one of positions."""
    whole = np.eye(len(matrix) + 1)
    whole[:-1, :-1] = matrix
    return whole


def shifting(z: float, y: float, x: float, ndim: int, where: str) -> Matrix:
    """Return the matrix that moves by some lengths."""
    whole = np.eye(ndim + 1)
    whole[:-1, -1] = of_axes(z, y, x, ndim, where, 0.0)
    return whole


def turning(angle: float, angle_y: float, angle_x: float, ndim: int, where: str) -> Matrix:
    """Return the matrix that turns by degrees, about z, then y, then x."""
    whole = np.eye(ndim + 1)
    if ndim == 2 and (angle_y or angle_x):
        raise InputError(f"{where}: an image (y, x) can only be turned in its plane. Leave the other angles at 0.")
    first = ndim - 3
    for degrees, (a, b) in ((angle, (1, 2)), (angle_y, (2, 0)), (angle_x, (0, 1))):
        if degrees:
            turn = np.eye(ndim + 1)
            a, b = a + first, b + first
            cosine, sine = _cosine_and_sine(degrees)
            turn[a, a] = turn[b, b] = cosine
            turn[b, a], turn[a, b] = sine, -sine
            whole = turn @ whole
    return whole


def _cosine_and_sine(degrees: float) -> tuple[float, float]:
    """Return them, exact for quarters of a turn."""
    quarters, rest = divmod(degrees, 90)
    if rest == 0:
        return ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarters) % 4]
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))


def stretching(z: float, y: float, x: float, ndim: int, where: str) -> Matrix:
    """Return the matrix that stretches along the axes."""
    return linear(np.diag(of_axes(z, y, x, ndim, where, 1.0)))


def shearing(y_by_z: float, x_by_z: float, x_by_y: float, ndim: int, where: str) -> Matrix:
    """Return the matrix that moves y by a multiple of z, and x by multiples of z and y."""
    if ndim == 2:
        of_axes(y_by_z, 0, 0, 2, where, 0.0)
        of_axes(x_by_z, 0, 0, 2, where, 0.0)
        return linear(np.array([[1, 0], [x_by_y, 1]]))
    return linear(np.array([[1, 0, 0], [y_by_z, 1, 0], [x_by_z, x_by_y, 1]]))


def read_matrix(text: str, ndim: int, where: str) -> Matrix:
    """Read a matrix of n rows (or n + 1) of n + 1 numbers, set apart by blanks, commas, semicolons or brackets.

    Raises
    ------
    InputError
        If it holds other things or other numbers of numbers, or makes the image flat.
    """
    words = re.split(r"[\s,;\[\]()]+", text.strip(" \t\r\n,;[]()"))
    if words == [""]:
        return np.eye(ndim + 1)
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    n = ndim + 1
    if len(numbers) not in (n * ndim, n * n) or not all(map(math.isfinite, numbers)):
        axes = "z, y, x" if ndim == 3 else "y, x"
        raise InputError(
            f"{where}: matrix must be {ndim} rows of {n} numbers, for {axes} and the shift, for an image ({axes}); "
            f"it is {len(words)} words, such as {words[0][:20]!r}."
        )
    whole = np.eye(n)
    whole.flat[: len(numbers)] = numbers
    if not np.allclose(whole[-1], np.eye(n)[-1]):
        raise InputError(f"{where}: the last row of matrix must be {ndim} times 0, then 1: others are no affine ones.")
    return whole


def inverse(matrix: Matrix, where: str) -> Matrix:
    """Return the inverse.

    Raises
    ------
    InputError
        If there is none.
    """
    with np.errstate(all="ignore"):
        if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
            raise InputError(f"{where}: this transform would leave nothing of the image. Check the matrix or factors.")
        return np.linalg.inv(matrix)


def about_centre(matrix: Matrix, shape: Sequence[int], spacing: Sequence[float] | None) -> Matrix:
    """Return, in pixels, a transform in units of spacing that leaves the centre of the image where it is."""
    centre = (np.asarray(shape) - 1) / 2
    to_units = np.diag([*(spacing or (1.0,) * len(shape)), 1.0])
    to_centre = np.eye(len(shape) + 1)
    to_centre[:-1, -1] = -centre
    return np.linalg.inv(to_centre) @ np.linalg.inv(to_units) @ matrix @ to_units @ to_centre


def in_pixels(matrix: Matrix, shape: Sequence[int], spacing: Sequence[float] | None) -> Matrix:
    """Return, in pixels, a transform in units of spacing whose origin is the first pixel."""
    to_units = np.diag([*(spacing or (1.0,) * len(shape)), 1.0])
    return np.linalg.inv(to_units) @ matrix @ to_units


def placed(matrix: Matrix, shape: Sequence[int], enlarge: bool, where: str) -> Placement:
    """Return where the result of a transform in pixels lies: on the input, or on all that the input goes to."""
    axes = tuple(range(len(shape)))
    if not enlarge:
        return Placement(axes, (0.0,) * len(shape), (1.0,) * len(shape), tuple(shape))
    corners = np.array([[*corner, 1] for corner in itertools.product(*((-0.5, n - 0.5) for n in shape))])
    reached = (matrix @ corners.T)[:-1]
    low, high = reached.min(axis=1), reached.max(axis=1)
    # Rounding must not add a row to what is turned by a right angle.
    sizes = tuple(max(1, int(n)) for n in np.ceil(np.minimum(high - low, 1e9) - 1e-6))
    check_result_size(sizes, where)
    # A result of an even number of pixels more or less would lie between the pixels of the input.
    starts = (low + high) / 2 - (np.asarray(sizes) - 1) / 2
    return Placement(axes, tuple(float(s) for s in starts), (1.0,) * len(shape), sizes)


def apply(
    image: NDArray[Any], matrix: Matrix, place: Placement, interpolation: Interpolation, fill: float, where: str
) -> NDArray[Any]:
    """Show an image transformed by a matrix in pixels."""
    from scipy import ndimage

    back = _back(matrix, place, where)
    if interpolation == "linear":
        return _apply_linear(as_float(image), back, place, fill)
    pixels = image if interpolation == "nearest" and _can_fill(image.dtype, fill) else as_float(image)
    result = np.empty(place.shape, pixels.dtype if pixels.dtype != bool else np.uint8)
    ndimage.affine_transform(
        pixels.view(np.uint8) if pixels.dtype == bool else pixels,
        back,
        output_shape=place.shape,
        output=result,
        order=0 if interpolation == "nearest" else 3,
        mode="grid-constant",
        cval=fill,
    )
    return result.view(bool) if pixels.dtype == bool else result


def _apply_linear(pixels: NDArray[Any], back: Matrix, place: Placement, fill: float) -> NDArray[Any]:
    """Interpolate linearly, in the thread pool where it is worth it."""
    from bioloom.operations import _warp_kernels

    kernel = _warp_kernels.warp_plane if pixels.ndim == 2 else _warp_kernels.warp_stack
    pixels, result = np.ascontiguousarray(pixels), np.empty(place.shape, pixels.dtype)
    n = place.shape[0]
    # A band that waited for others in the same pool could wait forever.
    inside_pool = threading.current_thread().name.startswith("bioloom_")
    bands = 1 if inside_pool or result.size < 1 << 17 else min(n, 4 * device.n_cores())
    edges = np.linspace(0, n, bands + 1).astype(int).tolist()

    def of_band(band: int) -> None:
        kernel(pixels, back[:-1], fill, result, edges[band], edges[band + 1])

    if bands == 1:
        of_band(0)
    else:
        list(device.thread_pool().map(of_band, range(bands)))
    return result


def apply_on_device(
    image: Any, matrix: Matrix, place: Placement, interpolation: Interpolation, fill: float, where: str
) -> Any:
    """Show an OpenCL array transformed; as NumPy does it where clEsperanto does not interpolate like this."""
    cle = device.clesperanto()
    can = interpolation == "linear" and image.dtype != np.uint32 and _has_images(image)
    if not can:
        return device.push(apply(device.pull(image), matrix, place, interpolation, fill, where))
    forth = np.eye(4)
    order = list(range(len(place.shape)))[::-1]  # clEsperanto's matrices are in the order x, y, z
    wanted = np.linalg.inv(_back(matrix, place, where))
    forth[: len(order), : len(order)] = wanted[:-1, :-1][np.ix_(order, order)]
    forth[: len(order), 3] = wanted[:-1, -1][order]
    # It counts from the corner of the first pixel, not from its centre.
    forth[:3, 3] += 0.5 - forth[:3, :3] @ np.full(3, 0.5)
    # Outside of the image it reads 0: it is made to read the fill value there.
    lowered = cle.add_image_and_scalar(image, scalar=-fill)
    result = cle.create(place.shape)
    cle.affine_transform(lowered, result, transform=forth, linear_interpolation=True)
    return cle.add_image_and_scalar(result, scalar=fill) if fill else result


def _has_images(image: Any) -> bool:
    """Tell whether the device interpolates in hardware; without it, clEsperanto takes the nearest pixel."""
    cle = device.clesperanto()
    return type(cle.empty_image_like(image)) is not type(image)


def _back(matrix: Matrix, place: Placement, where: str) -> Matrix:
    """Return the map from pixels of the result to those of the input."""
    start = np.eye(len(matrix))
    start[:-1, -1] = place.start
    return inverse(matrix, where) @ start


def _can_fill(dtype: np.dtype[Any], fill: float) -> bool:
    if dtype.kind == "f":
        return True
    if dtype.kind == "b":
        return fill in (0, 1)
    return fill == int(fill) and bool(np.iinfo(dtype).min <= fill <= np.iinfo(dtype).max)
