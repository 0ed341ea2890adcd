"""What a user may have overlooked although everything could be computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OnHint = Callable[[str], None]


def stack_hint(path: str | Path, image: NDArray[Any], frame_axis: int | None, has_3d_spacing: bool) -> str:
    """Say that an image was taken as a stack, if its few planes may be channels or frames.

    Parameters
    ----------
    path
        Its file.
    image
        Its pixels.
    frame_axis
        The axis of time, if one was given.
    has_3d_spacing
        Whether the user gave the distance of planes, and so means a stack.

    Returns
    -------
    str
        One sentence; empty if there is nothing to say.
    """
    if image.ndim != 3 or frame_axis is not None or has_3d_spacing or not 2 <= len(image) <= 4:
        return ""
    return f"{path} was taken as a stack of {len(image)} planes; if they are channels or frames, say --frame-axis 0."


def labels_hint(path: str | Path, labels: NDArray[Any], frame_axis: int | None) -> str:
    """Say that an image is probably no label image: many ids nearly fill it, in scattered or tiny pieces.

    Parameters
    ----------
    path
        Its file.
    labels
        (y, x) or (z, y, x), with one axis more if `frame_axis` is given. One plane of it is looked at.
    frame_axis
        The axis of time.

    Returns
    -------
    str
        One sentence; empty if there is nothing to say.
    """
    from skimage.measure import label

    frame = labels if frame_axis is None or not labels.shape[frame_axis] else labels.take(0, frame_axis)
    plane = frame if frame.ndim == 2 or not len(frame) else frame[len(frame) // 2]
    filled = int(np.count_nonzero(plane))
    if plane.ndim != 2 or filled < 0.9 * plane.size:
        return ""
    ids = np.unique(plane)
    n = int(np.count_nonzero(ids))
    if n < 20:
        return ""
    pieces = int(label(plane.astype(np.int64), connectivity=2).max())
    if pieces <= 2 * n and filled >= 4 * n:
        return ""
    return (
        f"{path} may be no label image: its ids nearly fill it, in {pieces} pieces for {n} ids. Objects come from "
        "`bioloom segment`; intensities are given with --image."
    )
