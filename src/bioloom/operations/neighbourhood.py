"""Filters that take the extremes or the spread of a box around each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Length, Spacing
from bioloom.operations.filters import as_float, box_radii, on_axes


def _radii_on_device(image: Any, radius: float, spacing: Sequence[float] | None) -> dict[str, Any]:
    return on_axes("radius", box_radii(radius, image.ndim, spacing))


@operation("Filter/Neighbourhood", halo=lambda radius: radius + 1, keywords="erosion erode grey box rank")
def minimum_filter(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Replace each pixel by the smallest of a box around it; bright objects shrink.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Equal to ``scipy.ndimage.minimum_filter``, edges repeated; clEsperanto's ``minimum_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_extreme

    return box_extreme(image, box_radii(radius, image.ndim, spacing), np.minimum)


@minimum_filter.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().minimum_box(image, **_radii_on_device(image, radius, spacing))


@operation("Filter/Neighbourhood", halo=lambda radius: radius + 1, keywords="dilation dilate grey box rank")
def maximum_filter(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Replace each pixel by the largest of a box around it; bright objects grow.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Equal to ``scipy.ndimage.maximum_filter``, edges repeated; clEsperanto's ``maximum_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_extreme

    return box_extreme(image, box_radii(radius, image.ndim, spacing), np.maximum)


@maximum_filter.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().maximum_box(image, **_radii_on_device(image, radius, spacing))


@operation(
    "Filter/Neighbourhood", halo=lambda radius: 2 * radius + 2, keywords="morphology opening grey erode dilate box"
)
def grey_opening(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Remove what is bright and narrower than a box.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The maximum of the minimum; equal to ``scipy.ndimage.grey_opening``, edges repeated; clEsperanto's ``opening_box``
    on OpenCL.
    """
    from bioloom.operations._windows import box_opening

    return box_opening(image, box_radii(radius, image.ndim, spacing))


@grey_opening.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().opening_box(image, **_radii_on_device(image, radius, spacing))


@operation(
    "Filter/Neighbourhood", halo=lambda radius: 2 * radius + 2, keywords="morphology closing grey dilate erode box"
)
def grey_closing(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Fill what is dark and narrower than a box.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape and dtype.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The minimum of the maximum; equal to ``scipy.ndimage.grey_closing``, edges repeated; clEsperanto's ``closing_box``
    on OpenCL.
    """
    from bioloom.operations._windows import box_closing

    return box_closing(image, box_radii(radius, image.ndim, spacing))


@grey_closing.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().closing_box(image, **_radii_on_device(image, radius, spacing))


@operation("Filter/Neighbourhood", halo=lambda radius: radius + 1, keywords="edge Beucher dilation minus erosion box")
def morphological_gradient(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """Strength of edges: the largest minus the smallest pixel of a box.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    Equal to ``scipy.ndimage.morphological_gradient``, edges repeated; clEsperanto's boxes on OpenCL.
    """
    from bioloom.operations._windows import box_extreme

    radii = box_radii(radius, image.ndim, spacing)
    return as_float(box_extreme(image, radii, np.maximum)) - box_extreme(image, radii, np.minimum)


@morphological_gradient.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    cle, radii = device.clesperanto(), _radii_on_device(image, radius, spacing)
    return cle.subtract_images(cle.maximum_box(image, **radii), cle.minimum_box(image, **radii))


@operation("Filter/Neighbourhood", halo=lambda radius: radius + 1, keywords="texture local spread box")
def variance_filter(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """How far the pixels of a box spread: their variance.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise; in square units of
        intensity, divided by the number of pixels.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    As ``numpy.var`` of each box, edges repeated; clEsperanto's ``variance_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_variance

    return box_variance(as_float(image), box_radii(radius, image.ndim, spacing))


@variance_filter.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().variance_box(image, **_radii_on_device(image, radius, spacing))


@operation("Filter/Neighbourhood", halo=lambda radius: radius + 1, keywords="texture local spread std box")
def standard_deviation_filter(image: Image, radius: Length = 1.0, spacing: Spacing = None) -> Image:
    """How far the pixels of a box spread: their standard deviation.

    Parameters
    ----------
    image
        (y, x) or (z, y, x), any real dtype.
    radius
        Half the side of the box; 1 pixel means 3 × 3 (× 3).
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        Same shape; float64 for float64 and integers of more than 16 bits, float32 otherwise; in units of intensity.

    Raises
    ------
    InputError
        If the image is not 2D or 3D, or holds NaN.

    Notes
    -----
    The root of :data:`variance_filter`; clEsperanto's ``standard_deviation_box`` on OpenCL.
    """
    from bioloom.operations._windows import box_variance

    variance = box_variance(as_float(image), box_radii(radius, image.ndim, spacing))
    return np.sqrt(variance, out=variance)


@standard_deviation_filter.opencl()
def _(image: Any, radius: float, spacing: Sequence[float] | None) -> Any:
    return device.clesperanto().standard_deviation_box(image, **_radii_on_device(image, radius, spacing))
