"""The whole catalogue: the operations on images, and those that need classifiers and measurements.

Whoever works with names of operations imports `CATALOGUE` and `get_operation` from here, so that all of them are known.
"""

from __future__ import annotations

import importlib

from bioloom.operations import CATALOGUE, Operation, get_operation

__all__ = ["CATALOGUE", "Operation", "get_operation"]

# Each of these modules puts operations into the catalogue when it is imported.
_MODULES = (
    "bioloom.measure.maps",
    "bioloom.recipe.pixel_classifier_steps",
    "bioloom.recipe.object_classifier_steps",
    "bioloom.recipe.measurement_steps",
)

for _name in _MODULES:
    importlib.import_module(_name)
