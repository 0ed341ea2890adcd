"""Running operations for a viewer: frame by frame, on the chosen device, or for what is in view only."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bioloom.errors import InputError
from bioloom.operations import Operation
from bioloom.recipe import steps
from bioloom.session.jobs import Progress

MOST_PREVIEW_PIXELS = 4 << 20
"""Of a stack that is computed as a whole, or as a slab, for the preview of one of its planes."""


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
    numpy.ndarray, pandas.DataFrame or tuple
        The result in main memory; computed on the device in use (:func:`bioloom.device.current`).
    """
    kinds = {p.name: p.kind for p in operation.arrays}
    given = [arrays.get(p.name) for p in operation.arrays]
    if not has_time:
        # Frames, on the other hand, are loaded one by one where they are used.
        names = [p.name for p in operation.arrays]
        given = [a if a is None or kinds[n] == "surface" else np.asarray(a) for n, a in zip(names, given, strict=True)]
        if progress:
            progress(0, 1)
    return steps.run_operation(operation, *given, frame_axis=0 if has_time else None, progress=progress, **settings)


@dataclass(frozen=True)
class Preview:
    """What an operation does to the plane in view.

    Attributes
    ----------
    data : numpy.ndarray
        The plane (y, x), or the whole result where its pixels are others than those of the input.
    moved : bool
        Whether it is the whole result.
    exact : bool
        Whether it is what *Apply* will give for this plane; otherwise it was computed from the plane alone.
    """

    data: NDArray[Any]
    moved: bool
    exact: bool


def preview(
    operation: Operation,
    arrays: Mapping[str, Any],
    settings: Mapping[str, Any],
    index: Sequence[int],
    *,
    has_time: bool = False,
    whole: bool = False,
) -> Preview:
    """Apply an operation so far as is needed to see what it does to the plane in view.

    In a stack the neighbouring planes that an operation looks at are computed with it, or the whole stack if it is
    small; where that would take too long, the plane alone.

    Parameters
    ----------
    operation, arrays, settings, has_time
        As for :func:`run_operation`.
    index
        The plane's position along the leading axes.
    whole
        Whether the stack is shown otherwise than by planes (y, x), so that its whole result is needed.

    Raises
    ------
    InputError
        If it gives no image, or one of other pixels than the input's, for a stack that is too large.
    """
    if not operation.gives_pixels:
        raise InputError(f"{operation.title} gives a {operation.returns}, which has no preview. Press Apply.")
    frames = {n: a[index[0]] if has_time and a is not None else a for n, a in arrays.items()}
    place = tuple(index)[int(has_time) :]
    shape = next(tuple(a.shape) for a in frames.values() if a is not None)
    spacing = settings.get("spacing")
    small = math.prod(shape) <= MOST_PREVIEW_PIXELS
    if _moves_pixels(operation, shape, settings):
        if not small and len(shape) > 2:
            raise InputError(f"{operation.title} of a stack of this size has no preview. Press Apply.")
        return Preview(run_operation(operation, frames, settings), moved=True, exact=True)
    if whole and place:
        if not small:
            raise InputError(
                f"{operation.title} of a stack of this size has a preview of its slices (y, x) only: show these, or "
                "press Apply."
            )
        return Preview(run_operation(operation, frames, settings), moved=True, exact=True)
    if not place:
        return Preview(run_operation(operation, frames, settings), moved=False, exact=True)
    (z,) = place
    low, high = 0, shape[0]
    if operation.halo is not None:
        reach = math.ceil(_halo(operation, settings) / (spacing[0] if spacing else 1.0))
        low, high = max(0, z - reach), min(shape[0], z + reach + 1)
    if (high - low) * math.prod(shape[1:]) <= MOST_PREVIEW_PIXELS:
        slab = {n: None if a is None else a[low:high] for n, a in frames.items()}
        return Preview(run_operation(operation, slab, settings)[z - low], moved=False, exact=True)
    if 2 not in operation.ndims:
        raise InputError(f"{operation.title} of a stack of this size has no preview. Press Apply.")
    planes = {n: None if a is None else a[z] for n, a in frames.items()}
    flat = dict(settings) if spacing is None else {**settings, "spacing": tuple(spacing)[-2:]}
    return Preview(run_operation(operation, planes, flat), moved=False, exact=operation.ndims == (2,))


def _moves_pixels(operation: Operation, shape: Sequence[int], settings: Mapping[str, Any]) -> bool:
    """Tell whether the pixels of the result are others than those of the input."""
    n = len(shape)
    placed = operation.place(shape, settings)
    return placed != type(placed)(tuple(range(n)), (0.0,) * n, (1.0,) * n, tuple(shape))


def _halo(operation: Operation, settings: Mapping[str, Any]) -> float:
    """Return how far a pixel of the result depends on the input, in units of the spacing."""
    assert operation.halo is not None
    wanted = inspect.signature(operation.halo).parameters
    every = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in wanted.values())
    checked = operation.check_parameters(**settings)
    return float(operation.halo(**{n: v for n, v in checked.items() if every or n in wanted}))
