"""From labels and images to a table with one row per object, and from two segmentations to scores.

Pure NumPy and Numba: no napari, no Qt. Kernels and pandas are imported at the first measurement.
"""

import sys
from types import ModuleType
from typing import Any

from bioloom.measure.comparison import SegmentationScores, compare_segmentations
from bioloom.measure.pairs import (
    PAIR_FEATURES,
    measure_pairs,
    pair_measurement_of,
    pair_needs_image,
    touching_labels,
)
from bioloom.measure.registry import EXTRA_GROUPS, GROUPS, PROPERTIES, Property, find_property
from bioloom.measure.table import list_properties, measure

__all__ = [
    "EXTRA_GROUPS",
    "GROUPS",
    "PAIR_FEATURES",
    "PROPERTIES",
    "Property",
    "SegmentationScores",
    "compare_segmentations",
    "find_property",
    "list_properties",
    "measure",
    "measure_pairs",
    "pair_measurement_of",
    "pair_needs_image",
    "touching_labels",
]


class _CallableModule(ModuleType):
    """Makes ``bioloom.measure(labels, image)`` work although the room has the name of its main function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Measure objects; see :func:`bioloom.measure.measure`."""
        return measure(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
