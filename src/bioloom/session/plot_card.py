"""What a plot shows about the object under the mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ObjectCard:
    """Picture, name and values of an object.

    Parameters
    ----------
    title
        Such as "label 12, frame 3".
    values
        Names and texts, one line each.
    picture
        uint8 RGB or RGBA, (height, width, 3 or 4), or None.
    """

    title: str
    values: Sequence[tuple[str, str]] = ()
    picture: NDArray[np.uint8] | None = None


def value_text(value: Any) -> str:
    """Write a value of a table: whole numbers with all their digits, others with five."""
    if not isinstance(value, float | np.floating):
        return str(value)
    number = float(value)
    return f"{number:.0f}" if abs(number) < 1e15 and number.is_integer() else f"{number:.5g}"
