"""From labels and images to a table with one row per object, and from two segmentations to scores.

Pure NumPy and Numba: no napari, no Qt. Kernels and pandas are imported at the first measurement.
"""

import sys
from types import ModuleType
from typing import Any

from bioloom.measure.coloc_table import measure_colocalisation
from bioloom.measure.columns import column_measurement
from bioloom.measure.comparison import SegmentationScores, compare_segmentations
from bioloom.measure.motion import (
    MOTION,
    TRACK_MEASUREMENTS,
    lineage_graph,
    mean_squared_displacement,
    measure_motion,
    measure_tracks,
)
from bioloom.measure.neighbour_pairs import list_neighbors
from bioloom.measure.nested import Relation, relate
from bioloom.measure.pairs import (
    PAIR_FEATURES,
    measure_pairs,
    pair_measurement_of,
    pair_needs_image,
    touching_labels,
)
from bioloom.measure.points import measure_points
from bioloom.measure.registry import EXTRA_GROUPS, GROUPS, PROPERTIES, Property, find_property
from bioloom.measure.summaries import measure_images, summarise
from bioloom.measure.table import list_properties, measure
from bioloom.measure.texture import haralick
from bioloom.measure.tracking import track_labels, track_objects

__all__ = [
    "EXTRA_GROUPS",
    "GROUPS",
    "MOTION",
    "PAIR_FEATURES",
    "PROPERTIES",
    "TRACK_MEASUREMENTS",
    "Property",
    "Relation",
    "SegmentationScores",
    "column_measurement",
    "compare_segmentations",
    "find_property",
    "haralick",
    "lineage_graph",
    "list_neighbors",
    "list_properties",
    "mean_squared_displacement",
    "measure",
    "measure_colocalisation",
    "measure_images",
    "measure_motion",
    "measure_pairs",
    "measure_points",
    "measure_tracks",
    "pair_measurement_of",
    "pair_needs_image",
    "relate",
    "summarise",
    "touching_labels",
    "track_labels",
    "track_objects",
]


class _CallableModule(ModuleType):
    """Makes ``bioloom.measure(labels, image)`` work although the room has the name of its main function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Measure objects; see :func:`bioloom.measure.measure`."""
        return measure(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
