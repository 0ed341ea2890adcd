"""Classification by random forests: pixels, objects, pairs of objects, and rows of tables.

The forest is data: scikit-learn trains it on small integers (bins of the feature values), one fixed kernel evaluates
it, and a text file holds it.
"""

from __future__ import annotations

from bioloom.classify.feature_set import PRESETS, FeatureSet
from bioloom.classify.model_file import load_classifier
from bioloom.classify.normalisation import Normalisation
from bioloom.classify.object_merger import ObjectMerger
from bioloom.classify.object_selector import ObjectSelector
from bioloom.classify.objects import ObjectClassifier
from bioloom.classify.pixel_outputs import ObjectSegmenter, ProbabilityMapper
from bioloom.classify.pixels import PixelClassifier
from bioloom.classify.segmentation import objects_of_class
from bioloom.classify.table import TableClassifier

__all__ = [
    "PRESETS",
    "FeatureSet",
    "Normalisation",
    "ObjectClassifier",
    "ObjectMerger",
    "ObjectSegmenter",
    "ObjectSelector",
    "PixelClassifier",
    "ProbabilityMapper",
    "TableClassifier",
    "load_classifier",
    "objects_of_class",
]
