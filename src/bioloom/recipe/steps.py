"""One operation on one image, wherever it is to be computed and however many frames it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError

if TYPE_CHECKING:
    from bioloom.operations import Operation

Progress = Callable[[int, int], None]


def run_frames(function: Callable[[Any], Any], image: NDArray[Any], frame_axis: int | None) -> NDArray[Any]:
    """Call a function once, or once per frame of a time series.

    Parameters
    ----------
    function
        Takes an image and returns an array of as many axes or more.
    image
        Its argument, with one axis more if `frame_axis` is given.
    frame_axis
        The axis of time, 0 or larger; None for a single image.

    Returns
    -------
    numpy.ndarray
        What the function returned; the results of frames are stacked along `frame_axis`.

    Raises
    ------
    InputError
        If there is no such axis, or it is empty.
    """
    if frame_axis is None:
        return np.asarray(function(image))
    if not 0 <= frame_axis < image.ndim or not image.shape[frame_axis]:
        raise InputError(f"The shape is {image.shape}: there are no frames along axis {frame_axis} (--frame-axis).")
    return np.stack([function(frame) for frame in np.moveaxis(image, frame_axis, 0)], axis=frame_axis)


def run_operation(
    operation: Operation | str,
    *arrays: Any,
    frame_axis: int | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Any:
    """Run an operation of the catalogue on the device in use.

    Parameters
    ----------
    operation
        The operation or its name.
    *arrays
        Its arrays in order, (y, x) or (z, y, x), with one axis more if `frame_axis` is given; None for one left out.
    frame_axis
        The axis of time (or of channels): every frame is then processed on its own, and labels are numbered per frame.
    progress
        Called as ``progress(done, total)`` after each frame.
    **settings
        The other parameters of the operation.

    Returns
    -------
    numpy.ndarray
        The result in main memory; a table or a surface from operations that give one.

    Raises
    ------
    InputError
        If there is no such operation, or arrays or settings do not fit it.
    DeviceError
        If the device in use fails.
    """
    from bioloom.operations import over_frames
    from bioloom.recipe.catalogue import get_operation

    chosen = get_operation(operation) if isinstance(operation, str) else operation
    if frame_axis is None:
        named = {p.name: a for p, a in zip(chosen.arrays, arrays, strict=False) if a is not None}
        return chosen.compute(**named, **settings)
    return over_frames(chosen, *arrays, frame_axis=frame_axis, progress=progress, **settings)


def check_frames(image: NDArray[Any], frame_axis: int | None, what: str) -> None:
    """Make sure that the image, or each of its frames, is (y, x) or (z, y, x), and no colour image.

    Raises
    ------
    InputError
        If it is not; the message calls it `what`.
    """
    if frame_axis is not None and not 0 <= frame_axis < image.ndim:
        raise InputError(f"The {what} has the shape {image.shape}: there is no axis {frame_axis} (--frame-axis).")
    shape = image.shape if frame_axis is None else image.shape[:frame_axis] + image.shape[frame_axis + 1 :]
    if len(shape) not in (2, 3):
        raise InputError(
            f"The {what} has the shape {image.shape}, but one image must be (y, x) or (z, y, x). "
            "If one axis is time or channels, say which (--frame-axis)."
        )
    if len(shape) == 3 and shape[2] in (3, 4) and image.dtype.kind in "bu" and min(shape[:2]) > 4:
        raise InputError(
            f"The {what} has the shape {image.shape}: it seems to be a colour image (y, x, RGB). Give one channel, or "
            f"process each channel on its own with --frame-axis {image.ndim - 1}."
        )


def spacing_after(
    operation: Operation | str,
    image: Any,
    spacing: Sequence[float] | None,
    frame_axis: int | None = None,
    **settings: Any,
) -> tuple[float, ...] | None:
    """Return the pixel size of what an operation makes of an image.

    It differs from that of the image after resizing, and has fewer axes after projecting.

    Parameters
    ----------
    operation
        The operation or its name.
    image
        Its first array.
    spacing
        The pixel size of the image; None counts in pixels.
    frame_axis
        The axis of time in the image.
    **settings
        The settings of the operation.

    Returns
    -------
    tuple of float or None
        One number per spatial axis of the result; None if `spacing` is None.

    Raises
    ------
    InputError
        If the settings do not fit.
    """
    from bioloom.recipe.catalogue import get_operation

    if spacing is None:
        return None
    chosen = get_operation(operation) if isinstance(operation, str) else operation
    shape = [n for axis, n in enumerate(image.shape) if axis != frame_axis]
    if "spacing" in chosen.parameters:
        settings.setdefault("spacing", tuple(spacing))
    placed = chosen.place(shape, settings)
    return tuple(float(spacing[axis] * abs(size)) for axis, size in zip(placed.axes, placed.step, strict=True))


def write_result(path: Path, result: Any, **about: Any) -> None:
    """Write what an operation gives: pixels, a table (.csv, .parquet …) or a surface (.ply, .stl).

    Parameters
    ----------
    path
        The file.
    result
        An array, a pandas.DataFrame, or vertices, faces and values.
    **about
        For pixels, see :func:`bioloom.files.write_image`.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    if hasattr(result, "columns"):
        from bioloom.tables import save_table

        save_table(path, result)
    elif isinstance(result, tuple):
        from bioloom.operations.surfaces_files import write_surface

        write_surface(path, result)
    else:
        from bioloom.files import write_image

        write_image(path, result, **about)
