"""What the columns of a table mean, for tooltips."""

from __future__ import annotations

import re
from functools import lru_cache

from bioloom.session.table_columns import Column

_KNOWN = {
    "label": "The number of the object in the image",
    "frame": "The time point that the object is in",
    "track": "The number of the track that the object belongs to",
    "parent": "The track that this one was divided from; 0 for none",
}
_OF_OTHERS = {
    "parent": "The object of {} that has most of it; 0 for none",
    "overlap_share": "The share of its pixels that lie in its object of {}",
    "outside_share": "The share of its pixels that lie in no object of {}",
    "n_overlaps": "How many objects of {} it lies in, with a pixel at least",
    "parent_distance": "The distance between its centroid and that of its object of {} (length)",
    "child_count": "How many objects of {} lie in it",
    "child_area": "The area, in 3D volume, of its pixels that objects of {} have that lie in it (lengthⁿ)",
    "child_share": "The share of its pixels that objects of {} have that lie in it",
    "point_count": "How many points of {} lie in it",
}
"""What columns say that end in the name of another layer."""


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
        # The longest first: some begin with others.
        of_others = [s for s in sorted(_OF_OTHERS, key=len, reverse=True) if name.startswith(f"{s}_")]
        return _OF_OTHERS[of_others[0]].format(name[len(of_others[0]) + 1 :]) if of_others else ""
    unit = {"": "no unit", "px": "pixels", "rad": "radians"}.get(unit, unit)
    return f"{description.rstrip('.')} ({unit}){where}"


def kind_of(column: Column) -> str:
    """Say what a column holds."""
    if column.is_text:
        return "text"
    return "yes or no" if column.is_flag else "whole numbers" if column.is_whole else "numbers"
