"""Turn points into pixels: a colour image and, beside it, which point each pixel shows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bioloom.errors import InputError


def rasterise_points(
    x: ArrayLike,
    y: ArrayLike,
    colour_index: NDArray[np.integer],
    palette: NDArray[np.uint8],
    view: tuple[float, float, float, float],
    shape: tuple[int, int],
    radius: float = 2.0,
    order: NDArray[np.integer] | None = None,
    alpha: float = 1.0,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Draw points as discs.

    Parameters
    ----------
    x, y
        Coordinates of the points, shape (n,). Points with NaN are not drawn.
    colour_index
        Row of `palette` for each point, shape (n,), integers.
    palette
        uint8 RGBA of shape (k, 4). Points whose colour has alpha 0 are not drawn and cannot be picked.
    view
        (x0, x1, y0, y1): the part of the plane that fills the image; x0 is its left edge, y1 its top edge.
    shape
        (height, width) of the image in pixels.
    radius
        Radius of a disc in pixels, 0…100; 0 draws single pixels. Discs are centred on pixels.
    order
        Rows in the order of drawing, later ones on top; rows not listed are not drawn. None draws all as they come.
    alpha
        Opacity of the discs, greater than 0, at most 1. Below 1, discs shine through those above them, and their
        palette's alpha counts likewise; at 1 each pixel shows the topmost disc alone, in the colour of the palette.

    Returns
    -------
    rgba : numpy.ndarray
        uint8 of shape (height, width, 4), row 0 at the top; (0, 0, 0, 0) where no point is.
    ids : numpy.ndarray
        int32 of shape (height, width): row of the point that is visible there, -1 where none is.

    Raises
    ------
    InputError
        If shapes do not fit, an index is out of range, the view is empty or not finite, or the radius or the opacity
        is out of range.
    """
    xs, ys = np.ascontiguousarray(x, dtype=np.float64), np.ascontiguousarray(y, dtype=np.float64)
    if xs.ndim != 1 or xs.shape != ys.shape or np.shape(colour_index) != xs.shape:
        raise InputError(
            f"x, y and colour_index must be equally long, but their shapes are {xs.shape}, {ys.shape} and "
            f"{np.shape(colour_index)}."
        )
    colours = _packed(palette)
    index = _checked_indices("colour_index", colour_index, len(colours))
    rows = np.empty(0, np.intp) if order is None else _checked_indices("order", order, len(xs))
    x0, x1, y0, y1 = (float(edge) for edge in view)
    height, width = (int(length) for length in shape)
    if not (all(map(math.isfinite, (x0, x1, y0, y1))) and x0 < x1 and y0 < y1):
        raise InputError(f"The view (x0, x1, y0, y1) is {tuple(view)}, but finite x0 < x1 and y0 < y1 are needed.")
    if height < 1 or width < 1:
        raise InputError(f"The image is {height} × {width} pixels, but at least 1 × 1 is needed.")
    if not 0 <= radius <= 100:
        raise InputError(f"radius is {radius}, but must be between 0 and 100 pixels.")
    if not 0 < alpha <= 1:
        raise InputError(f"alpha is {alpha}, but must be greater than 0 and at most 1.")
    frame = (x0, width / (x1 - x0), y1, height / (y1 - y0))
    if alpha < 1:
        return _blended(xs, ys, index, palette, alpha, frame, (height, width), radius, rows, order is None)
    from bioloom.explore._kernels import colour_pixels, stamp_discs

    image = np.empty((height, width), dtype=np.uint32)
    ids = np.full((height, width), -1, dtype=np.int32)
    visible, half_widths = palette[:, 3] > 0, _half_widths(radius)
    stamp_discs(
        xs, ys, index, visible, rows, order is None, *frame, half_widths, _disc_offsets(half_widths, width), ids
    )  # fmt: skip
    colour_pixels(ids, index, colours, image)
    return image.view(np.uint8).reshape(height, width, 4), ids


def _blended(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    index: NDArray[np.integer],
    palette: NDArray[np.uint8],
    alpha: float,
    frame: tuple[float, float, float, float],
    shape: tuple[int, int],
    radius: float,
    rows: NDArray[np.integer],
    in_row_order: bool,
) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    from bioloom.explore._plot_kernels import blend_discs, unmix

    colours = (palette / 255).astype(np.float32)
    colours[:, 3] *= alpha
    mixed = np.zeros((*shape, 4), np.float32)
    mixed[..., 3] = 1
    ids = np.full(shape, -1, np.int32)
    blend_discs(x, y, index, colours, rows, in_row_order, *frame, _half_widths(radius), mixed, ids)
    rgba = np.empty((*shape, 4), np.uint8)
    unmix(mixed, rgba)
    return rgba, ids


def nice_ticks(low: float, high: float, n: int = 5) -> NDArray[np.float64]:
    """Choose round numbers for an axis.

    Parameters
    ----------
    low, high
        Ends of the axis, in either order.
    n
        About how many ticks are wanted, 1 or more.

    Returns
    -------
    numpy.ndarray
        float64, ascending multiples of 1, 2 or 5 × 10^k within [low, high]; the single value if low equals high.

    Raises
    ------
    InputError
        If an end is NaN or infinite, or `n` is below 1.

    Notes
    -----
    After Heckbert: Nice numbers for graph labels, Graphics Gems (1990).
    """
    low, high = sorted((float(low), float(high)))
    if not math.isfinite(high - low):
        raise InputError(f"An axis needs finite ends, but they are {low} and {high}.")
    if n < 1:
        raise InputError(f"The number of ticks is {n}, but must be 1 or more.")
    rough = (high - low) / n
    # Below the resolution of float64 there are no numbers between the ends to choose from.
    if rough <= max(abs(low), abs(high)) * 1e-14 or rough < 1e-300:
        return np.array([low])
    exponent = math.floor(math.log10(rough))
    fraction = rough / 10.0**exponent
    factor = 1 if fraction < 1.5 else 2 if fraction < 3.5 else 5 if fraction < 7.5 else 10
    # Dividing by a whole number rounds once: 3 / 10 is 0.3, but 3 × 0.1 is 0.30000000000000004.
    step, divisor = (factor, 10.0**-exponent) if exponent < 0 else (factor * 10.0**exponent, 1.0)
    first = math.ceil(low * divisor / step - 1e-9)
    last = math.floor(high * divisor / step + 1e-9)
    return np.arange(first, last + 1, dtype=np.float64) * step / divisor + 0.0


def _packed(palette: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """View RGBA bytes as one number per colour: copied byte by byte, whatever the machine's byte order."""
    if palette.ndim != 2 or palette.shape[1] != 4 or palette.dtype != np.uint8:
        raise InputError(f"A palette is uint8 of shape (k, 4), but {palette.dtype} of shape {palette.shape} was given.")
    return np.ascontiguousarray(palette).view(np.uint32)[:, 0]


def _checked_indices(name: str, indices: NDArray[np.integer], size: int) -> NDArray[np.integer]:
    # The kernel does not check: a wrong index would read foreign memory.
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu" or indices.ndim != 1:
        raise InputError(f"{name} must be a list of integers, but is {indices.dtype} of shape {indices.shape}.")
    if indices.size and (indices.min() < 0 or indices.max() >= size):
        raise InputError(f"{name} holds {indices.min()}…{indices.max()}, but must lie between 0 and {size - 1}.")
    # Two types at most, so that the kernel is compiled at most twice per argument.
    return np.ascontiguousarray(indices, dtype=np.uint8 if indices.dtype == np.uint8 else np.intp)


def _half_widths(radius: float) -> NDArray[np.intp]:
    """For each row above or below its centre, how many pixels a disc reaches to each side."""
    # A quarter of a pixel more makes small discs rounder.
    reach = radius + 0.25 if radius > 0 else 0.0
    rows = np.arange(math.floor(reach) + 1)
    widths: NDArray[np.intp] = np.floor(np.sqrt(reach**2 - rows**2)).astype(np.intp)
    return widths


def _disc_offsets(half_widths: NDArray[np.intp], width: int) -> NDArray[np.intp]:
    """Return where the pixels of a disc are relative to its centre in a flattened picture."""
    reach = len(half_widths) - 1
    rows = range(-reach, reach + 1)
    return np.concatenate([row * width + np.arange(-half_widths[abs(row)], half_widths[abs(row)] + 1) for row in rows])
