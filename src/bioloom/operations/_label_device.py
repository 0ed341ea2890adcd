"""Where clEsperanto, which numbers labels in float32 and keeps a table up to the largest, may be asked."""

from __future__ import annotations

from typing import Any

from bioloom import device

_EXACT = 1 << 24  # float32 holds whole numbers up to this


def are_small(*labels: Any, limit: int = _EXACT) -> bool:
    """Tell whether the largest ids of label images on the device add up to less than a limit."""
    cle = device.clesperanto()
    return sum(float(cle.maximum_of_all_pixels(one)) for one in labels) < limit
