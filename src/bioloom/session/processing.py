"""Running operations for a viewer: frame by frame, on the chosen device, or on the slice in view only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bioloom.operations import Operation
from bioloom.recipe import steps
from bioloom.session.jobs import Progress


def run_operation(
    operation: Operation,
    arrays: Mapping[str, Any],
    settings: Mapping[str, Any],
    *,
    has_time: bool = False,
    progress: Progress | None = None,
) -> Any:
    """Apply an operation to whole images.

    Parameters
    ----------
    operation
        What to do.
    arrays
        The operation's arrays by name, with time first if `has_time`; None for one left out.
    settings
        Its other parameters.
    has_time
        Whether to go frame by frame along the first axis.
    progress
        Called as ``progress(done, total)`` with frames.

    Returns
    -------
    numpy.ndarray
        The result in main memory; computed on the device in use (:func:`bioloom.device.current`).
    """
    given = [arrays.get(p.name) for p in operation.arrays]
    if not has_time:
        # Frames, on the other hand, are loaded one by one where they are used.
        given = [None if a is None else np.asarray(a) for a in given]
        if progress:
            progress(0, 1)
    return steps.run_operation(operation, *given, frame_axis=0 if has_time else None, progress=progress, **settings)


def run_on_plane(
    operation: Operation, arrays: Mapping[str, Any], settings: Mapping[str, Any], index: tuple[int, ...]
) -> Any:
    """Apply an operation to one plane (y, x) of larger images, as a preview.

    Parameters
    ----------
    operation, arrays, settings
        As for :func:`run_operation`; of a spacing, the last two values are used.
    index
        The plane's position along the leading axes.
    """
    planes = {name: None if a is None else np.asarray(a[index]) for name, a in arrays.items()}
    spacing = settings.get("spacing")
    flat = dict(settings) if spacing is None else {**settings, "spacing": tuple(spacing)[-2:]}
    return run_operation(operation, planes, flat)
