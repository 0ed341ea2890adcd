"""Working on masks: growing, shrinking, opening and closing the foreground."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._regions import foreground
from bioloom.operations._types import Length, Mask, Spacing
from bioloom.operations.filters import as_stack, box_radii, on_axes

Shape = Literal["ball", "box"]
# Balls of up to this many pixels are quicker than distances.
_SMALL = 400


def _eroded(mask: NDArray[np.bool_], radius: float, shape: str, spacing: Sequence[float] | None) -> NDArray[np.bool_]:
    """Remove what has background within reach; what lies outside of the image counts as foreground."""
    from scipy import ndimage

    from bioloom.operations._label_distances import ball, eroded
    from bioloom.operations._slabs import by_slabs, share_rows

    if shape == "box":
        radii = box_radii(radius, mask.ndim, spacing)
        size = tuple(2 * r + 1 for r in radii)

        def smallest(block: NDArray[np.uint8]) -> NDArray[np.uint8]:
            # Cast where borders are repeated: outside is as inside, which removes nothing more.
            found: NDArray[np.uint8] = ndimage.minimum_filter(block, size=size, mode="nearest")
            return found

        return by_slabs(smallest, mask.view(np.uint8), margin=radii).view(np.bool_)
    offsets = ball(radius, mask.ndim, spacing)
    if len(offsets) == 1:
        return mask.copy()
    if len(offsets) > _SMALL:
        margin = tuple(int(r) for r in np.abs(offsets).max(axis=0))
        return by_slabs(lambda block: eroded(block, radius, spacing) > 0, mask, margin=margin[3 - mask.ndim :])
    from bioloom.operations._mask_kernels import erode_rows

    stack = as_stack(mask).view(np.uint8)
    result = np.empty_like(stack)
    share_rows(partial(erode_rows, stack, offsets, result), stack.shape[0] * stack.shape[1], stack.size)
    return result.view(np.bool_).reshape(mask.shape)


def _dilated(mask: NDArray[np.bool_], radius: float, shape: str, spacing: Sequence[float] | None) -> NDArray[np.bool_]:
    return ~_eroded(~mask, radius, shape, spacing)


@operation("Segment/Binary mask", halo=lambda radius: radius + 1, keywords="erode shrink thin morphology")
def binary_erosion(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Shrink the foreground of a mask.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        How far from the background pixels are removed.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool; the edge of the image removes nothing.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.erosion`` with a disk or ball. clEsperanto's ``minimum_box`` for boxes on OpenCL.
    """
    return _eroded(foreground(mask), radius, shape, spacing)


@binary_erosion.opencl()
def _(mask: Any, radius: float, shape: str, spacing: Sequence[float] | None) -> Any:
    return _on_device(mask, radius, shape, spacing, _eroded, "minimum_box")


@operation("Segment/Binary mask", halo=lambda radius: radius + 1, keywords="dilate grow thicken morphology")
def binary_dilation(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Grow the foreground of a mask.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        How far from the foreground pixels are added.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.dilation`` with a disk or ball. clEsperanto's ``maximum_box`` for boxes on OpenCL.
    """
    return _dilated(foreground(mask), radius, shape, spacing)


@binary_dilation.opencl()
def _(mask: Any, radius: float, shape: str, spacing: Sequence[float] | None) -> Any:
    return _on_device(mask, radius, shape, spacing, _dilated, "maximum_box")


def _on_device(mask: Any, radius: float, shape: str, spacing: Sequence[float] | None, here: Any, there: str) -> Any:
    if shape == "ball":
        return device.push(here(foreground(device.pull(mask)), radius, shape, spacing))
    cle = device.clesperanto()
    radii = on_axes("radius", box_radii(radius, mask.ndim, spacing))
    return getattr(cle, there)(cle.not_equal_constant(mask, constant=0), **radii)


@operation("Segment/Binary mask", halo=lambda radius: 2 * radius + 2, keywords="open smooth specks morphology")
def binary_opening(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Remove specks and thin parts of the foreground: an erosion, then a dilation.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        What is narrower than twice this is removed.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool; the edge of the image removes nothing.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.opening`` with a disk or ball.
    """
    return _dilated(_eroded(foreground(mask), radius, shape, spacing), radius, shape, spacing)


@operation("Segment/Binary mask", halo=lambda radius: 2 * radius + 2, keywords="close gaps smooth morphology")
def binary_closing(mask: Mask, radius: Length = 1.0, shape: Shape = "ball", spacing: Spacing = None) -> Mask:
    """Close gaps and narrow bays of the foreground: a dilation, then an erosion.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    radius
        What is narrower than twice this is closed.
    shape
        ``ball``: by Euclidean distance; ``box``: half the side of a box, rounded to pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        bool.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    As ``skimage.morphology.closing`` with a disk or ball.
    """
    return _eroded(_dilated(foreground(mask), radius, shape, spacing), radius, shape, spacing)
