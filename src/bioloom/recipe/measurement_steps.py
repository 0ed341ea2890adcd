"""Measurements as operations: objects to tables."""

from __future__ import annotations

from typing import Any

from bioloom.errors import InputError
from bioloom.operations._catalogue import operation
from bioloom.operations._types import Image, Labels, Spacing, Table

DEFAULT_FEATURES = "size, position, intensity, shape"


@operation("Measure/Table", allow_nan=True, keywords="regionprops statistics features area mean intensity quantify")
def measure_objects(
    labels: Labels,
    image: Image | None = None,
    second_channel: Image | None = None,
    third_channel: Image | None = None,
    features: str = DEFAULT_FEATURES,
    spacing: Spacing = None,
) -> Table:
    """Measure every object: one row per label.

    Parameters
    ----------
    labels
        The objects, (y, x) or (z, y, x).
    image
        Intensities of the same shape; without it nothing of intensity is measured.
    second_channel
        Intensities of a further channel; the columns of intensity then end in ``_channel0``, ``_channel1``, …
    third_channel
        As the second.
    features
        Names of measurements or of groups of them (size, position, intensity, shape, clesperanto), with commas.
    spacing
        Pixel size per axis; None measures in pixels.

    Returns
    -------
    pandas.DataFrame
        A column `label`, then the measurements, in the order asked for.

    Raises
    ------
    InputError
        If there is no such measurement, or it needs an image and none is given.

    Notes
    -----
    See :func:`bioloom.measure.measure`, which compares with ``skimage.measure.regionprops_table``.
    """
    from bioloom.measure import GROUPS, measure

    channels = [channel for channel in (image, second_channel, third_channel) if channel is not None]
    names = [name.strip() for name in features.split(",") if name.strip()]
    if not names:
        raise InputError(f"features is empty. Name measurements or groups of them, such as {DEFAULT_FEATURES!r}.")
    if not channels and set(names) <= set(GROUPS):
        names = [name for name in names if name != "intensity"] or names
    pixels: Any = None if not channels else channels[0] if len(channels) == 1 else channels
    return measure(labels, pixels, spacing, names)
