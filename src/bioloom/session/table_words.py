"""What the columns of a table mean, for tooltips."""

from __future__ import annotations

import re
from functools import lru_cache

from bioloom.session.table_columns import Column

_KNOWN = {
    "label": "The number of the object in the image",
    "frame": "The time point that the object is in",
    "track": "The number of the track that the object belongs to",
}


@lru_cache(maxsize=2000)
def meaning(name: str) -> str:
    """Return the definition and unit of a measurement by the name of its column, or nothing for other columns."""
    from bioloom.measure import MOTION, column_measurement

    if name in _KNOWN:
        return _KNOWN[name]
    known = column_measurement(name)
    if known is not None:
        found, channel = known
        unit, description = found.unit, found.description
        where = f", in {channel}" if channel else ""
    elif (stem := re.sub(r"-\d+$", "", name)) in MOTION:
        (unit, description), where = MOTION[stem], ""
    else:
        return ""
    unit = {"": "no unit", "px": "pixels", "rad": "radians"}.get(unit, unit)
    return f"{description.rstrip('.')} ({unit}){where}"


def kind_of(column: Column) -> str:
    """Say what a column holds."""
    if column.is_text:
        return "text"
    return "yes or no" if column.is_flag else "whole numbers" if column.is_whole else "numbers"
