"""The words of the catalogue's signatures.

An operation's signature is its only parameter model: forms, recipes, the command line, JSON schemas and docs are all
derived from these annotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias


@dataclass(frozen=True)
class ArrayOf:
    """Marks a parameter or a result that is an image, labels, a mask, a surface or a table."""

    kind: str


@dataclass(frozen=True)
class Number:
    """Range, step and unit of a number: ``"length"``, ``"size"`` (area or volume), ``"px"``, ``"seed"`` or none."""

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class SpacingOf:
    """Marks the physical size of a pixel per axis."""


@dataclass(frozen=True)
class FileOf:
    """Marks a text that names a file; `what` says of what, `suffix` how its name ends."""

    what: str
    suffix: str


@dataclass(frozen=True)
class CorrectionsOf:
    """Marks a list of corrections made by hand."""


@dataclass(frozen=True)
class Placement:
    """Where the pixels of a result lie in the array it was made from.

    Attributes
    ----------
    axes : tuple of int
        Per axis of the result, the axis of the input that it runs along.
    start, step : tuple of float
        Per axis of the result: its pixel i lies at ``start + i * step`` pixels of the input.
    shape : tuple of int
        Of the result.
    """

    axes: tuple[int, ...]
    start: tuple[float, ...]
    step: tuple[float, ...]
    shape: tuple[int, ...]


Image: TypeAlias = Annotated[Any, ArrayOf("image")]
"""Intensities of shape (y, x) or (z, y, x), any real dtype."""
Labels: TypeAlias = Annotated[Any, ArrayOf("labels")]
"""Objects of shape (y, x) or (z, y, x), integers, 0 is background."""
Mask: TypeAlias = Annotated[Any, ArrayOf("mask")]
"""Foreground of shape (y, x) or (z, y, x), bool, or numbers of which those other than 0 are foreground."""
Length: TypeAlias = Annotated[float, Number(minimum=0, maximum=1000, step=0.5, unit="length")]
"""A length in the units of `spacing`; in pixels where no spacing is given."""
Size: TypeAlias = Annotated[float, Number(minimum=0, maximum=1e12, step=1, unit="size")]
"""An area or a volume in the units of `spacing`; in pixels where no spacing is given."""
Spacing: TypeAlias = Annotated[Sequence[float] | None, SpacingOf()]
"""Physical size of a pixel per axis, (y, x) or (z, y, x); None counts in pixels."""
Surface: TypeAlias = Annotated[Any, ArrayOf("surface")]
"""Vertices float32 (n, 3), z, y, x in units of `spacing` or pixels; faces int (m, 3); values float32 (n,)."""
Table: TypeAlias = Annotated[Any, ArrayOf("table")]
"""A pandas DataFrame with a column `label`; only as a result."""
Seed: TypeAlias = Annotated[int, Number(minimum=0, maximum=2**32 - 1, step=1, unit="seed")]
"""Of random numbers: the same seed and data give the same result."""
ClassifierFile: TypeAlias = Annotated[str, FileOf("classifier", ".cl")]
"""Path of a classifier."""
Corrections: TypeAlias = Annotated[list[dict[str, Any]], CorrectionsOf()]
"""What was corrected by hand, see :mod:`bioloom.operations.corrections`."""
