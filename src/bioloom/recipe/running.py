"""Running a recipe on images in memory, or on Dask arrays block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bioloom.errors import BioloomError, InputError
from bioloom.recipe._checking import operation_of
from bioloom.recipe.graph import Progress, Recipe, Step

Spacing = tuple[float, ...] | None


def run_recipe(
    recipe: Recipe,
    images: Mapping[str, Any],
    spacing: Sequence[float] | None,
    frame_axis: int | None,
    progress: Progress | None,
    keep: Sequence[str],
) -> dict[str, Any]:
    """Run a recipe that was checked; see :meth:`bioloom.recipe.Recipe.run`."""
    wanted = (*recipe.outputs, *keep)
    needed = recipe.ancestors(*wanted)
    unknown = sorted(set(images) - set(recipe.inputs))
    missing = [name for name in needed.inputs if images.get(name) is None]
    if unknown or missing:
        said = f"has no input {unknown[0]!r}" if unknown else f"needs the image {missing[0]!r}"
        raise InputError(f"The recipe {said}. Its inputs are: {', '.join(recipe.inputs)}.")
    values: dict[str, Any] = {}
    spacings: dict[str, Spacing] = {}
    for name in needed.inputs:
        values[name] = _frames_first(images[name], frame_axis, name)
        spacings[name] = None if spacing is None else tuple(spacing)
    uses = Counter(source for step in needed.steps for source in step.inputs.values())
    results: dict[str, Any] = {}
    first_axis = None if frame_axis is None else 0
    for number, step in enumerate(needed.steps):
        arrays = {parameter: values[source] for parameter, source in step.inputs.items()}
        here = spacings[first_input(step)]
        tick = _part(progress, number, len(needed.steps))
        values[step.id] = run_step(step, arrays, spacing=here, frame_axis=first_axis, progress=tick)
        spacings[step.id] = spacing_after(step, arrays, here, first_axis)
        for source in step.inputs.values():
            uses[source] -= 1
            if not uses[source]:
                # Images as large as those of microscopes fill the memory fast.
                del values[source]
        if step.id in wanted:
            results[step.id] = _frames_back(values[step.id], frame_axis)
        if not uses[step.id]:
            del values[step.id]
        del arrays
        if tick:
            tick(1, 1)
    return {name: results[name] for name in wanted}


def run_step(
    step: Step,
    arrays: Mapping[str, Any],
    *,
    spacing: Sequence[float] | None = None,
    frame_axis: int | None = None,
    progress: Progress | None = None,
) -> Any:
    """Run one step of a recipe.

    Parameters
    ----------
    step
        The step.
    arrays
        By the name of the operation's parameter: (y, x) or (z, y, x), with one axis more if `frame_axis` is given.
    spacing
        Physical size of a pixel of these arrays per spatial axis, used where the step does not say its own.
    frame_axis
        The axis of time.
    progress
        Called as ``progress(done, total)`` after each frame.

    Returns
    -------
    numpy.ndarray, dask.array.Array, pandas.DataFrame or tuple
        What the operation gives; the first of the arrays if the step is not enabled.

    Raises
    ------
    InputError
        If the arrays do not fit; the message names the step.
    """
    from bioloom.recipe.steps import run_operation

    operation = operation_of(step)
    if not step.enabled:
        return next(arrays[p.name] for p in operation.arrays if p.name in arrays)
    settings = dict(step.settings)
    if spacing is not None and "spacing" in operation.parameters and settings.get("spacing") is None:
        settings["spacing"] = tuple(spacing)
    ordered = [arrays.get(p.name) for p in operation.arrays]
    try:
        return run_operation(operation, *ordered, frame_axis=frame_axis, progress=progress, **settings)
    except BioloomError as error:
        raise type(error)(f"Step {step.id!r}: {error}") from error


def first_input(step: Step) -> str:
    """Return the source of the first array of a step."""
    return next(step.inputs[p.name] for p in operation_of(step).arrays if p.name in step.inputs)


def spacing_after(
    step: Step, arrays: Mapping[str, Any], spacing: Sequence[float] | None, frame_axis: int | None = None
) -> Spacing:
    """Return the pixel size of a step's result, which differs from that of its arrays after resizing or projecting."""
    if spacing is None or not step.enabled:
        return None if spacing is None else tuple(spacing)
    operation = operation_of(step)
    if not operation.gives_pixels:
        return tuple(spacing)
    shape = list(next(arrays[p.name] for p in operation.arrays if p.name in arrays).shape)
    if frame_axis is not None:
        del shape[frame_axis]
    settings = dict(step.settings)
    if "spacing" in operation.parameters and settings.get("spacing") is None:
        settings["spacing"] = tuple(spacing)
    placed = operation.place(shape, settings)
    return tuple(float(spacing[axis] * abs(size)) for axis, size in zip(placed.axes, placed.step, strict=True))


def _frames_first(image: Any, frame_axis: int | None, name: str) -> Any:
    """Return an image with its axis of time first, where it stays whatever happens to the other axes."""
    image = image if hasattr(image, "dask") else np.asarray(image)
    if frame_axis is None:
        return image
    if not 0 <= frame_axis < image.ndim:
        raise InputError(
            f"The image {name!r} has the shape {image.shape}: there is no axis {frame_axis} (--frame-axis)."
        )
    return np.moveaxis(image, frame_axis, 0)


def _frames_back(result: Any, frame_axis: int | None) -> Any:
    if frame_axis and hasattr(result, "ndim") and not hasattr(result, "columns"):
        return np.moveaxis(result, 0, min(frame_axis, result.ndim - 1))
    return result


def _part(progress: Progress | None, number: int, steps: int) -> Progress | None:
    """Return a callback for one of several steps, which count the same; there are 100 parts to each."""
    if progress is None:
        return None

    def forward(done: int, total: int) -> None:
        progress(100 * number + 100 * min(done, total) // max(total, 1), 100 * steps)

    return forward
