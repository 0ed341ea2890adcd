"""What a file tells of an image besides its pixels: its axes and the size of a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioloom.errors import InputError

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (*TIFF_SUFFIXES, ".png", ".jpg", ".jpeg", ".npy")
SPATIAL = "ZYX"
# Files round their numbers.
_ALIKE = 1.001

_MICROMETRES = {
    "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0, "microns": 1.0, "um": 1.0, "µm": 1.0, "μm": 1.0,
    "nanometer": 1e-3, "nanometre": 1e-3, "nm": 1e-3, "millimeter": 1e3, "millimetre": 1e3, "mm": 1e3,
    "centimeter": 1e4, "centimetre": 1e4, "cm": 1e4, "meter": 1e6, "metre": 1e6, "m": 1e6,
    "angstrom": 1e-4, "å": 1e-4, "picometer": 1e-6, "pm": 1e-6, "inch": 25400.0, "in": 25400.0,
}  # fmt: skip


def micrometres_per(unit: str) -> float | None:
    """Return how many micrometres a unit of length is, None for what is none, such as pixels."""
    return _MICROMETRES.get(unit.strip().replace("\\u00B5", "µ").lower())


@dataclass(frozen=True)
class ImageFile:
    """An image as its file has it.

    Attributes
    ----------
    pixels
        NumPy array, or Dask array if it was opened lazily.
    axes
        A letter per axis, T, C, Z, Y, X, or others that the file names; empty where the file does not tell.
    micrometres
        Size of a pixel along the axes Z, Y, X in µm; those the file does not tell are missing.
    """

    pixels: Any
    axes: str = ""
    micrometres: Mapping[str, float] = field(default_factory=dict)

    def axis(self, letter: str) -> int | None:
        """Return the number of an axis, None if the file does not tell of one."""
        return self.axes.index(letter) if letter in self.axes else None

    def spacing(self, unit: str = "micrometer", frame_axis: int | None = None) -> tuple[float, ...] | None:
        """Return the size of a pixel along the spatial axes, in their order; None if the file does not tell all.

        Parameters
        ----------
        unit
            A unit of length; or ``"pixel"`` for the proportions of pixels, counted in the finest of their sides. There
            are none (None) where all sides are equal.
        frame_axis
            An axis that is time, whatever the file calls it.

        Raises
        ------
        InputError
            If `unit` is no unit of length.
        """
        factor = 1.0 if unit == "pixel" else micrometres_per(unit)
        if factor is None:
            raise InputError(f"{unit!r} is no unit of length. Use micrometer, nanometer or millimeter.")
        spatial = [letter for axis, letter in enumerate(self.axes) if letter in SPATIAL and axis != frame_axis]
        sizes = [self.micrometres.get(letter) for letter in spatial]
        known = [size / factor for size in sizes if size]
        if not known or len(known) < len(sizes):
            return None
        if unit != "pixel":
            return tuple(known)
        finest = min(known)
        return None if max(known) <= _ALIKE * finest else tuple(size / finest for size in known)


def is_zarr(path: str | Path) -> bool:
    """Tell whether a path is a Zarr array or group on disk."""
    return any((Path(path) / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))
