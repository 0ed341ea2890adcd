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
    """Marks a parameter or a result that is an array: an image, labels or a mask."""

    kind: str


@dataclass(frozen=True)
class Number:
    """Range and unit of a number; `unit` is ``"length"``, ``"size"`` (area or volume), ``"px"`` or empty."""

    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class SpacingOf:
    """Marks the physical size of a pixel per axis."""


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
