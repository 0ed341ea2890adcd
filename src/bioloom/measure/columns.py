"""What the name of a column of a table of measurements says: the measurement, and the channel or channels."""

from __future__ import annotations

import re
from functools import cache

from bioloom.measure.registry import MEASURED, NUMBERED, PROPERTIES, Property, find_property


def column_measurement(column: str) -> tuple[Property, str] | None:
    """Return the measurement that a column is of, or a part of, and the name of its channel.

    Parameters
    ----------
    column
        Such as ``area``, ``centroid-0``, ``intensity_mean_marker``, ``radial_cv=8-0_marker`` or
        ``pearson_corr_coeff_first_second``.

    Returns
    -------
    tuple of Property and str, or None
        The channel is empty where there is only one image, and where the measurement needs none; of measurements of two
        images it is both names with a line between them. None for a column of something else.
    """
    whole = find_property(column)
    if whole is not None:
        return whole, ""
    match = _pattern().fullmatch(column)
    found = match and find_property(match["name"])
    if match is None or not found:
        return None
    channel = match["channel"] or ""
    return None if channel and not found.n_images else (found, channel)


@cache
def _pattern() -> re.Pattern[str]:
    # The longest first: names of measurements begin with names of others.
    names = sorted({*PROPERTIES, *NUMBERED, *MEASURED}, key=len, reverse=True)
    listed = "|".join(map(re.escape, names))
    return re.compile(rf"(?P<name>(?:{listed})(?:=[\d.]+)?)(?:-\d+)*(?:_(?P<channel>.+))?", re.DOTALL)
