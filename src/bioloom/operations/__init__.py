"""The catalogue of image operations: one plain typed function each.

Every operation takes images (y, x) or (z, y, x) of any real dtype and runs where its data lives: NumPy arrays with
SciPy, scikit-image and Numba, OpenCL arrays (see :mod:`bioloom.device`) with clEsperanto, Dask arrays block by block.
"""

from __future__ import annotations

from bioloom.operations._catalogue import CATALOGUE, Operation, get_operation, over_frames
from bioloom.operations._parameter import Parameter
from bioloom.operations.filters import (
    difference_of_gaussians,
    gaussian_blur,
    median,
    replace_nan,
    sobel,
    top_hat,
)
from bioloom.operations.labelling import (
    connected_components,
    seeded_watershed,
    split_touching_objects,
    threshold_otsu,
    voronoi_otsu_labeling,
)
from bioloom.operations.labels import expand_labels, remove_labels_at_edges, remove_labels_by_size

__all__ = [
    "CATALOGUE",
    "Operation",
    "Parameter",
    "connected_components",
    "difference_of_gaussians",
    "expand_labels",
    "gaussian_blur",
    "get_operation",
    "median",
    "over_frames",
    "remove_labels_at_edges",
    "remove_labels_by_size",
    "replace_nan",
    "seeded_watershed",
    "sobel",
    "split_touching_objects",
    "threshold_otsu",
    "top_hat",
    "voronoi_otsu_labeling",
]
