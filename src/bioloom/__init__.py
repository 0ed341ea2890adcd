"""Bioloom: segment, classify, measure and explore bio-images in one loop.

>>> import bioloom
>>> smooth = bioloom.operations.gaussian_blur(image, sigma=2)  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("napari-bioloom")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

# Everything is loaded on first use: napari imports this module at start-up.
_WHERE = {
    "ObjectClassifier": "bioloom.classify",
    "ObjectMerger": "bioloom.classify",
    "ObjectSegmenter": "bioloom.classify",
    "ObjectSelector": "bioloom.classify",
    "PixelClassifier": "bioloom.classify",
    "ProbabilityMapper": "bioloom.classify",
    "TableClassifier": "bioloom.classify",
    "load_classifier": "bioloom.classify",
}
_ROOMS = (
    "classify", "device", "errors", "explore", "files", "measure", "operations", "recipe", "samples", "session",
    "tables",
)  # fmt: skip

__all__ = [
    "ObjectClassifier",
    "ObjectMerger",
    "ObjectSegmenter",
    "ObjectSelector",
    "PixelClassifier",
    "ProbabilityMapper",
    "TableClassifier",
    "__version__",
    "classify",
    "device",
    "errors",
    "explore",
    "files",
    "load_classifier",
    "measure",
    "operations",
    "recipe",
    "samples",
    "session",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"bioloom.{name}")
    raise AttributeError(f"module 'bioloom' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
