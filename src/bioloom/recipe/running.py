"""Running a recipe on images in memory, or on Dask arrays block by block."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bioloom import device
from bioloom.errors import BioloomError, InputError, doubts_heard, tell_doubt
from bioloom.recipe._checking import operation_of
from bioloom.recipe.graph import Progress, Recipe, Step

if TYPE_CHECKING:
    from bioloom.operations import Operation

Spacing = tuple[float, ...] | None
_MOST_PIXELS = 100_000


@dataclass(frozen=True)
class Grid:
    """Where the pixels of an image lie among those of the recipe's inputs.

    Attributes
    ----------
    axes
        Per spatial axis of the image, the spatial axis of the inputs that it runs along.
    step
        How many pixels of the inputs a pixel of the image is long.
    """

    axes: tuple[int, ...]
    step: tuple[float, ...]

    def spacing(self, of_inputs: Sequence[float] | None) -> Spacing:
        """Return the pixel size of the image, given that of the inputs."""
        if of_inputs is None:
            return None
        return tuple(float(of_inputs[axis] * step) for axis, step in zip(self.axes, self.step, strict=True))


OnResult = Callable[[str, Any, Grid], Any]


def run_recipe(
    recipe: Recipe,
    images: Mapping[str, Any],
    spacing: Sequence[float] | None,
    frame_axis: int | None,
    progress: Progress | None,
    keep: Sequence[str] = (),
    on_result: OnResult | None = None,
) -> dict[str, Any]:
    """Run a recipe that was checked; see :meth:`bioloom.recipe.Recipe.run`.

    Parameters
    ----------
    recipe, images, spacing, frame_axis, progress, keep
        As there.
    on_result
        Called with the id, the result and the grid of every output as soon as it is there. What it returns takes the
        place of the result: in the steps that follow, and in what is returned.
    """
    wanted = (*recipe.outputs, *keep)
    needed = recipe.needed(*wanted)
    unknown = sorted(set(images) - set(recipe.inputs))
    missing = [name for name in needed.inputs if images.get(name) is None]
    if unknown or missing:
        said = f"has no input {unknown[0]!r}" if unknown else f"needs the image {missing[0]!r}"
        raise InputError(f"The recipe {said}. Its inputs are: {', '.join(recipe.inputs)}.")
    values: dict[str, Any] = {}
    grids: dict[str, Grid] = {}
    for name in needed.inputs:
        values[name] = _frames_first(images[name], frame_axis, name)
        ndim = values[name].ndim - (frame_axis is not None)
        grids[name] = Grid(tuple(range(ndim)), (1.0,) * ndim)
        if spacing is not None and len(spacing) != ndim:
            raise InputError(
                f"The image {name!r} has the shape {images[name].shape}, which the spacing {tuple(spacing)} does not "
                "fit: one size per spatial axis is needed, (z, y, x) or (y, x). If one axis is time, say which."
            )
    uses = Counter(source for step in needed.steps for source in step.inputs.values())
    results: dict[str, Any] = {}
    first_axis = None if frame_axis is None else 0
    for number, step in enumerate(needed.steps):
        arrays = {parameter: values[source] for parameter, source in step.inputs.items()}
        grid = grids[first_input(step)]
        here = grid.spacing(spacing)
        tick = _part(progress, number, len(needed.steps))
        with doubts_heard() as doubts:
            value = run_step(step, arrays, spacing=here, frame_axis=first_axis, progress=tick)
        for doubt in doubts:
            tell_doubt(f"Step {step.id!r}: {doubt}")
        grids[step.id] = _placed(step, arrays, grid, here, first_axis)
        del arrays
        for source in step.inputs.values():
            uses[source] -= 1
            if not uses[source]:
                # Images as large as those of microscopes fill the memory fast.
                del values[source]
        if step.id in wanted:
            result = _frames_back(value, frame_axis)
            if on_result is not None and step.id in recipe.outputs:
                result = on_result(step.id, result, grids[step.id])
                value = _frames_first(result, frame_axis, step.id) if hasattr(result, "dask") else value
            results[step.id] = result
        if uses[step.id]:
            values[step.id] = value
        del value
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
        _check_lengths(operation, settings)
        with doubts_heard() as doubts:
            if any(device.is_dask(array) for array in ordered):
                result = _on_blocks(operation, ordered, frame_axis, settings)
            else:
                result = run_operation(operation, *ordered, frame_axis=frame_axis, progress=progress, **settings)
    except BioloomError as error:
        raise type(error)(f"Step {step.id!r}: {error}") from error
    if doubts:
        n_frames = 1 if frame_axis is None else next(a.shape[frame_axis] for a in ordered if a is not None)
        tell_doubt((f"{len(doubts)} of {n_frames} frames: " if n_frames > 1 else "") + doubts[0])
    return result


def _check_lengths(operation: Operation, settings: Mapping[str, Any]) -> None:
    """Refuse lengths of more pixels than images have, which come of a wrong unit and would fill the memory.

    Raises
    ------
    InputError
        If a length is longer than 100 000 pixels.
    """
    spacing = settings.get("spacing")
    for parameter in operation.settings:
        value = settings.get(parameter.name)
        if parameter.limits.unit != "length" or not spacing or not isinstance(value, int | float):
            continue
        pixels = abs(value) / min(abs(float(size)) for size in spacing)
        if pixels > _MOST_PIXELS:
            sizes = ", ".join(f"{float(size):g}" for size in spacing)
            raise InputError(
                f"{parameter.name} is {value:g}, which is {pixels:.3g} pixels of the size {sizes}. Give the size of a "
                "pixel in the unit of the lengths."
            )


def _on_blocks(operation: Operation, arrays: list[Any], frame_axis: int | None, settings: Mapping[str, Any]) -> Any:
    """Build the Dask graph of an operation; of tables and surfaces, which have no blocks, the result."""
    named = {p.name: a for p, a in zip(operation.arrays, arrays, strict=True) if a is not None}
    if frame_axis is None:
        return operation(**named, **settings)
    if not operation.gives_pixels:
        from bioloom.operations import over_frames

        return over_frames(operation, *arrays, frame_axis=frame_axis, **settings)
    import dask.array as da

    from bioloom.operations._frames import settings_of_frame

    frames = max(array.shape[frame_axis] for array in named.values())
    index = (slice(None),) * frame_axis
    parts = [
        operation(
            **{name: array[(*index, frame)] for name, array in named.items()},
            **settings_of_frame(operation, dict(settings), frame),
        )
        for frame in range(frames)
    ]
    return da.stack(parts, axis=frame_axis)


def first_input(step: Step) -> str:
    """Return the source of the first array of a step."""
    return next(step.inputs[p.name] for p in operation_of(step).arrays if p.name in step.inputs)


def spacing_after(
    step: Step, arrays: Mapping[str, Any], spacing: Sequence[float] | None, frame_axis: int | None = None
) -> Spacing:
    """Return the pixel size of a step's result, which differs from that of its arrays after resizing or projecting."""
    if spacing is None:
        return None
    grid = Grid(tuple(range(len(spacing))), (1.0,) * len(spacing))
    return _placed(step, arrays, grid, spacing, frame_axis).spacing(spacing)


def _placed(
    step: Step, arrays: Mapping[str, Any], grid: Grid, spacing: Sequence[float] | None, frame_axis: int | None
) -> Grid:
    """Return the grid of a step's result, given that of its first array."""
    operation = operation_of(step)
    first = next(arrays[p.name] for p in operation.arrays if p.name in arrays)
    if not step.enabled or not operation.gives_pixels or not hasattr(first, "shape"):
        return grid
    shape = list(first.shape)
    if frame_axis is not None:
        del shape[frame_axis]
    settings = dict(step.settings)
    if spacing is not None and "spacing" in operation.parameters and settings.get("spacing") is None:
        settings["spacing"] = tuple(spacing)
    placed = operation.place(shape, settings)
    sizes = zip(placed.axes, placed.step, strict=True)
    return Grid(tuple(grid.axes[a] for a in placed.axes), tuple(grid.step[a] * abs(size) for a, size in sizes))


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
