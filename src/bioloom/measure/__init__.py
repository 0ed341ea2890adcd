"""From labels and images to a table with one row per object, and from two segmentations to scores.

Pure NumPy and Numba: no napari, no Qt. Kernels and pandas are imported at the first measurement.
"""

from bioloom.measure.comparison import SegmentationScores, compare_segmentations
from bioloom.measure.registry import GROUPS, PROPERTIES, Property
from bioloom.measure.table import list_properties, measure

__all__ = [
    "GROUPS",
    "PROPERTIES",
    "Property",
    "SegmentationScores",
    "compare_segmentations",
    "list_properties",
    "measure",
]
