"""The catalogue of image operations: one plain typed function each.

Every operation takes images (y, x) or (z, y, x) of any real dtype and runs where its data lives: NumPy arrays with
SciPy, scikit-image and Numba, OpenCL arrays (see :mod:`bioloom.device`) with clEsperanto, Dask arrays block by block.
Each can be imported from here by its name; `CATALOGUE` has them all.
"""

from __future__ import annotations

import importlib
import pkgutil

from bioloom.operations._catalogue import CATALOGUE, Operation, get_operation
from bioloom.operations._frames import over_frames
from bioloom.operations._parameter import Parameter
from bioloom.operations._types import Placement

__all__ = ["CATALOGUE", "Operation", "Parameter", "Placement", "get_operation", "over_frames"]

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")


def __getattr__(name: str) -> Operation:
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *CATALOGUE])
