"""Maps within objects: where a pixel lies in its object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bioloom import device
from bioloom.operations._catalogue import operation
from bioloom.operations._label_device import are_small
from bioloom.operations._label_distances import distance_to_others
from bioloom.operations._label_index import centroids, index_labels
from bioloom.operations._types import Image, Labels, Spacing


@operation(
    "Measure/Maps of labels",
    keywords="euclidean distance from label centroid map, distance to border, distance transform of labels, depth",
)
def label_distance_map(labels: Labels, to: Literal["border", "centroid"] = "border", spacing: Spacing = None) -> Image:
    """Give each pixel of an object its distance to the object's border or centroid.

    Parameters
    ----------
    labels
        (y, x) or (z, y, x).
    to
        ``border``: to the nearest pixel that is not of the object; 1 in the outermost pixels. The edge of the image is
        no border. ``centroid``: to the mean position of the object's pixels.
    spacing
        Physical size of a pixel per axis.

    Returns
    -------
    numpy.ndarray
        float32, in units of spacing; 0 in background, infinite for an object that fills the whole image.

    Raises
    ------
    InputError
        If the image is not 2D or 3D or holds no labels.

    Notes
    -----
    For each object as ``scipy.ndimage.distance_transform_edt``; clEsperanto's
    ``euclidean_distance_from_label_centroid_map`` on OpenCL, where pixels are isotropic and ids below 2**20. On Dask
    arrays of any size, distances to borders are computed block by block, those to centroids as one block.
    """
    if to == "border":
        return distance_to_others(labels, spacing).astype(np.float32)
    index = index_labels(labels)
    centres = np.vstack([np.zeros(labels.ndim), centroids(index)])
    squares = np.zeros(labels.shape, np.float32)
    for axis, size in enumerate(spacing or (1.0,) * labels.ndim):
        position = np.arange(labels.shape[axis]).reshape([-1 if a == axis else 1 for a in range(labels.ndim)])
        squares += ((position - centres[:, axis][index.rows]) * size).astype(np.float32) ** 2
    squares[labels == 0] = 0
    return np.sqrt(squares, out=squares)


@label_distance_map.dask()
def _(labels: Any, to: str, spacing: Sequence[float] | None) -> Any:
    from bioloom.operations._block_regions import solve_by_regions
    from bioloom.operations._blocks import checked, of_whole

    pixels = checked(label_distance_map, "labels", labels)
    if to == "centroid":
        return of_whole(partial(label_distance_map.function, to=to, spacing=spacing), pixels, dtype=np.float32)

    def to_border(inside: NDArray[np.bool_], part: NDArray[np.uint32]) -> NDArray[np.float32]:
        return distance_to_others(np.where(inside, part, 0), spacing).astype(np.float32)

    # The nearest pixel that is not of an object touches it.
    return solve_by_regions(to_border, pixels != 0, (pixels,), diagonal=True, dtype=np.float32)


@label_distance_map.opencl()
def _(labels: Any, to: str, spacing: Sequence[float] | None) -> Any:
    even = spacing is None or len(set(spacing)) == 1
    # Its table of objects is as long as the largest id.
    if to != "centroid" or not even or not are_small(labels, limit=1 << 20):
        return device.push(label_distance_map.function(device.pull(labels), to, spacing))
    cle = device.clesperanto()
    distances = cle.euclidean_distance_from_label_centroid_map(labels)
    return distances if spacing is None else cle.multiply_image_and_scalar(distances, scalar=spacing[0])
