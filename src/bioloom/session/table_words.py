"""What the columns of a table mean, for tooltips."""

from __future__ import annotations

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
    from bioloom.measure import find_property

    if name in _KNOWN:
        return _KNOWN[name]
    stem, found = name, find_property(name)
    while found is None and "-" in stem:
        # Axes and channels are numbered behind the name.
        stem = stem.rpartition("-")[0]
        found = find_property(stem)
    if found is None:
        return ""
    unit = {"": "no unit", "px": "pixels", "rad": "radians"}.get(found.unit, found.unit)
    return f"{found.description.rstrip('.')} ({unit})"


def kind_of(column: Column) -> str:
    """Say what a column holds."""
    if column.is_text:
        return "text"
    return "yes or no" if column.is_flag else "whole numbers" if column.is_whole else "numbers"
