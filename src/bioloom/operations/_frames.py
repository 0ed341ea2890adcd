"""Operations over the frames of a time series."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bioloom.errors import InputError
from bioloom.operations._catalogue import Operation, get_operation


def over_frames(
    operation: Operation | str,
    *arrays: Any,
    frame_axis: int = 0,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Any:
    """Apply an operation to every frame of a time series, on the device in use.

    Parameters
    ----------
    operation
        The operation or its name.
    *arrays
        Its arrays in order, (t, y, x) or (t, z, y, x), all with the same number of frames; None for one left out.
    frame_axis
        The axis of time (or of channels), the same for all arrays.
    progress
        Called as ``progress(done, total)`` after each frame.
    **settings
        The other parameters of the operation.

    Returns
    -------
    numpy.ndarray
        The results of all frames, stacked along `frame_axis`. Labels are numbered per frame. Tables are put below each
        other, with a first column `frame`.

    Raises
    ------
    InputError
        If the frames do not fit the operation, or it gives surfaces.
    """
    chosen = get_operation(operation) if isinstance(operation, str) else operation
    present = [a for a in arrays if a is not None]
    if not present or any(not 0 <= frame_axis < np.ndim(a) for a in present):
        raise InputError(f"{chosen.name}: there is no axis {frame_axis} to go along; give arrays such as (t, y, x).")
    counts = {a.shape[frame_axis] for a in present}
    if len(counts) > 1:
        raise InputError(f"{chosen.name}: the arrays have different numbers of frames: {sorted(counts)}.")
    total = counts.pop()
    if not total:
        raise InputError(f"{chosen.name}: the time series has no frames.")
    if chosen.returns == "surface" or any(p.kind == "surface" for p in chosen.arrays):
        raise InputError(f"{chosen.name} works on one point in time only. Pick one frame.")
    result: Any = None
    tables = []
    for index in range(total):
        frames = [None if a is None else np.asarray(a[(slice(None),) * frame_axis + (index,)]) for a in arrays]
        # By name, because settings may stand between the arrays.
        named = {p.name: a for p, a in zip(chosen.arrays, frames, strict=False) if a is not None}
        frame = chosen.compute(**named, **settings_of_frame(chosen, settings, index))
        if chosen.returns == "table":
            frame.insert(0, "frame", index)
            tables.append(frame)
        else:
            if result is None:
                result = np.empty((total, *frame.shape), frame.dtype)
            elif result.dtype != frame.dtype:
                result = result.astype(np.promote_types(result.dtype, frame.dtype), copy=False)
            result[index] = frame
        if progress:
            progress(index + 1, total)
    if chosen.returns == "table":
        import pandas as pd

        return pd.concat(tables, ignore_index=True)
    return np.moveaxis(result, 0, min(frame_axis, result.ndim - 1))


def settings_of_frame(operation: Operation, settings: dict[str, Any], frame: int) -> dict[str, Any]:
    """Return the settings with those corrections by hand that were made in one frame."""
    if not any(p.kind == "corrections" for p in operation.settings):
        return settings
    from bioloom.operations.corrections import corrections_of_frame

    kinds = {p.name: p.kind for p in operation.settings}
    return {
        name: corrections_of_frame(value, frame) if kinds.get(name) == "corrections" else value
        for name, value in settings.items()
    }
