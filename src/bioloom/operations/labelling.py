"""From masks and images to labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._cutting import threshold_value
from bioloom.operations._numbering import pixels_of_size
from bioloom.operations._regions import connected, distances_to_background, label_regions, without_small_on_device
from bioloom.operations._types import Labels, Length, Mask, Number, Size, Spacing
from bioloom.operations.filters import gaussian

otsu_value = threshold_value


@operation("Segment/Label", keywords="connected component labeling, label mask, regions, bwlabel")
def connected_components(
    mask: Mask, diagonal: bool = True, minimum_size: Size = 0.0, spacing: Spacing = None
) -> Labels:
    """Give every connected region of a mask a label of its own.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground.
    diagonal
        Whether pixels that only touch at a corner (in 3D also at an edge) belong together.
    minimum_size
        Smaller regions, by area (2D) or volume (3D), become background.
    spacing
        Physical size of a pixel per axis; areas and volumes are in its units.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    Equal to ``scipy.ndimage.label``, rows joined run by run; clEsperanto's
    ``connected_components_labeling_box`` and ``_diamond`` on OpenCL, which number the same regions in another order.
    Dask arrays of any size are labelled block by block; regions are joined over the borders of blocks.
    """
    return label_regions(mask, diagonal, pixels_of_size(minimum_size, spacing))


@connected_components.opencl()
def _(mask: Any, diagonal: bool, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    cle = device.clesperanto()
    binary = cle.not_equal_constant(mask, constant=0)
    labels = (cle.connected_components_labeling_box if diagonal else cle.connected_components_labeling_diamond)(binary)
    return without_small_on_device(labels, minimum_size, spacing)


@connected_components.dask()
def _(mask: Any, diagonal: bool, minimum_size: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked

    solve = partial(label_regions, diagonal=diagonal, least=pixels_of_size(minimum_size, spacing))
    return solve_by_regions(solve, checked(connected_components, "mask", mask), diagonal=diagonal, number=True)


@operation("Segment/Label", keywords="tessellation territories nearest spot points")
def voronoi_labeling(spots: Mask, mask: Mask | None = None, spacing: Spacing = None) -> Labels:
    """Divide an image among the regions of a mask of spots: every pixel goes to the nearest (Voronoi).

    Parameters
    ----------
    spots
        (y, x) or (z, y, x); pixels other than 0 are spots, connected ones belong to one.
    mask
        Same shape; only its pixels are divided, and the others stay background. Everywhere if left out.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order of the spots; without spots 0 everywhere.

    Raises
    ------
    InputError
        If the shapes differ or are not 2D or 3D.

    Notes
    -----
    Euclidean distance, right for anisotropic pixels; clEsperanto's ``voronoi_labeling`` grows octagons.
    Needs the whole image: a Dask array is computed as one block.
    """
    from scipy import ndimage

    labels = connected(spots, True)
    if labels.any() and not labels.all():
        nearest = ndimage.distance_transform_edt(
            labels == 0, sampling=spacing, return_distances=False, return_indices=True
        )
        labels = labels[tuple(nearest)]
    return labels if mask is None else np.where(np.asarray(mask) != 0, labels, np.uint32(0))


@operation("Segment/Label", keywords="binary watershed separate declump ImageJ")
def split_touching_objects(
    mask: Mask,
    neck: Annotated[float, Number(minimum=0, maximum=1, step=0.05)] = 0.8,
    smoothing: Length = 1.0,
    spacing: Spacing = None,
) -> Labels:
    """Split objects that touch where they are drawn in, and label them.

    Parameters
    ----------
    mask
        (y, x) or (z, y, x); pixels other than 0 are foreground. Roundish objects without holes are split best.
    neck
        Objects are split where they are narrower than this share of the width of the smaller part, whatever
        their size. Larger splits more, 0 nothing.
    smoothing
        How smooth the distances to the background are made, so that rough outlines do not split objects.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        uint32 labels 1…n in reading order; 0 is background.

    Raises
    ------
    InputError
        If the mask is not 2D or 3D.

    Notes
    -----
    Euclidean distance to the background, smoothed with a Gaussian; its maxima are the seeds of a watershed within the
    mask, those that a shallow pass parts from a higher one left out (relative depth, where the h-maxima of P. Soille,
    Morphological Image Analysis (2003), are absolute). Computed in main memory also for OpenCL arrays.
    """
    from bioloom.operations._split import divide

    inside = np.asarray(mask) != 0
    return divide(gaussian(distances_to_background(inside, spacing), smoothing, spacing), inside, neck)


@split_touching_objects.dask()
def _(mask: Any, neck: float, smoothing: float, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked, smooth_blocks

    inside = checked(split_touching_objects, "mask", mask) != 0
    # The distance of a pixel depends on its own region only, but smoothing looks over the gaps between regions.
    distance = solve_by_regions(partial(distances_to_background, spacing=spacing), inside, dtype=np.float32)
    height = smooth_blocks(distance, smoothing, spacing)
    return solve_by_regions(partial(_divide, neck=neck), inside, (height,), number=True)


def _divide(inside: NDArray[np.bool_], height: NDArray[np.float32], neck: float) -> NDArray[np.uint32]:
    from bioloom.operations._split import divide

    return divide(height, inside, neck)
