"""Classification by random forests: pixels and objects.

The forest is data: scikit-learn trains it on small integers (bins of the feature values), one fixed kernel evaluates
it, and a text file holds it.
"""

from __future__ import annotations

from bioloom.classify.feature_set import PRESETS, FeatureSet
from bioloom.classify.model_file import load_classifier
from bioloom.classify.objects import ObjectClassifier
from bioloom.classify.pixel_outputs import ObjectSegmenter, ProbabilityMapper
from bioloom.classify.pixels import PixelClassifier, objects_of_class

__all__ = [
    "PRESETS",
    "FeatureSet",
    "ObjectClassifier",
    "ObjectSegmenter",
    "PixelClassifier",
    "ProbabilityMapper",
    "load_classifier",
    "objects_of_class",
]
