"""A recipe on one file: what of it goes into which input, how large its pixels are, and what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bioloom.errors import InputError
from bioloom.files import ImageFile, micrometres_per, open_image
from bioloom.recipe.batch import companion
from bioloom.recipe.graph import Progress, Recipe
from bioloom.recipe.running import Grid, run_recipe
from bioloom.recipe.steps import check_frames, write_result


@dataclass(frozen=True)
class FileOptions:
    """How files become the inputs of a recipe.

    Attributes
    ----------
    sources
        For inputs of the recipe: a path, in which ``{stem}`` stands for the name of the file, or ``#0``, ``#1``, … for
        a channel of the file itself.
    spacing
        Pixel size of all files; that of each file if None.
    frame_axis, channel_axis
        Axes of all files; those that the files tell of if None.
    blocks
        Whether to read, compute and write block by block.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    spacing: tuple[float, ...] | None = None
    frame_axis: int | None = None
    channel_axis: int | None = None
    blocks: bool = False


def process_file(
    recipe: Recipe, path: Path, outputs: Mapping[str, Path], options: FileOptions, progress: Progress | None = None
) -> list[Path]:
    """Run a recipe that was checked on one file and write its results.

    Parameters
    ----------
    recipe
        The recipe.
    path
        The file.
    outputs
        The file of each output.
    options
        See there.
    progress
        Called as ``progress(done, total)``.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    InputError
        If the file cannot be read or does not fit.
    """
    lazy = options.blocks
    if lazy:
        _check_blocks(recipe)
    file = open_image(path, lazy=lazy)
    time = options.frame_axis if options.frame_axis is not None else file.axis("T")
    images, axes, frame_axis = _inputs(recipe, path, file, options, time)
    given, unit = _spacing(recipe, file, options, time), recipe.unit
    # Lengths in pixels need no pixel size, but the results tell it all the same.
    shown, shown_unit = (given, unit) if unit != "pixel" and given else (file.spacing(frame_axis=time), "micrometer")

    def write(name: str, result: Any, grid: Grid) -> Any:
        target = outputs[name]
        if not hasattr(result, "ndim") or hasattr(result, "columns"):
            write_result(target, result)
            return result
        letters = _letters(axes, grid, frame_axis)
        fits = letters and len(letters) == result.ndim
        write_result(
            target,
            result,
            axes=letters if fits else "",
            spacing=grid.spacing(shown) if fits and shown and len(shown) == _spatial(axes) else None,
            unit=shown_unit,
            labels=recipe.kind(name) in ("labels", "mask"),
        )
        # What follows reads it rather than computing it again.
        return open_image(target, lazy=True).pixels if hasattr(result, "dask") else result

    run_recipe(recipe, images, given, frame_axis, progress, (), write)
    return [outputs[name] for name in recipe.outputs]


def _check_blocks(recipe: Recipe) -> None:
    """Refuse what needs whole images where these may be larger than the memory.

    Raises
    ------
    InputError
        If a step cannot be computed block by block.
    """
    from bioloom.recipe._checking import operation_of

    for step in recipe.needed(*recipe.outputs).steps:
        operation = operation_of(step)
        if step.enabled and operation.gives_pixels and not operation.works_on_blocks:
            raise InputError(
                f"Step {step.id!r}: {operation.name} needs the whole image at once, so the recipe cannot run block by "
                "block (--blocks). Use an operation that is local, or run it without blocks."
            )


def _inputs(
    recipe: Recipe, path: Path, file: ImageFile, options: FileOptions, frame_axis: int | None
) -> tuple[dict[str, Any], str, int | None]:
    """Return the image of each input, their axes, and where time is in them."""
    channel_axis = options.channel_axis if options.channel_axis is not None else file.axis("C")
    shape = tuple(file.pixels.shape)
    for axis, option in ((frame_axis, "--frame-axis"), (channel_axis, "--channel-axis")):
        if axis is not None and not 0 <= axis < len(shape):
            raise InputError(f"The image has the shape {shape}: there is no axis {axis} ({option}).")
    if frame_axis is not None and frame_axis == channel_axis:
        raise InputError(f"Axis {frame_axis} cannot hold both time (--frame-axis) and channels (--channel-axis).")
    sources = dict(options.sources)
    channels = None if channel_axis is None else shape[channel_axis]
    if channels is not None and not sources and channels == len(recipe.inputs):
        sources = {name: f"#{number}" for number, name in enumerate(recipe.inputs)}
    free = [name for name in recipe.inputs if name not in sources]
    if len(free) > 1:
        raise InputError(
            f"The recipe has the inputs {', '.join(recipe.inputs)}. Say where {' and '.join(free[1:])} come from: "
            f"--input {free[1]}=PATTERN with {{stem}} for the name of the image, or --input {free[1]}=#1 for a channel."
        )
    axes, without = file.axes, frame_axis
    if channel_axis is not None:
        axes = axes[:channel_axis] + axes[channel_axis + 1 :]
        without = frame_axis if frame_axis is None or frame_axis < channel_axis else frame_axis - 1
    images: dict[str, Any] = {}
    for name in recipe.inputs:
        source = sources.get(name)
        if source is not None and not source.startswith("#"):
            images[name] = open_image(companion(source, path), lazy=options.blocks).pixels
        elif source is None and channel_axis is None:
            if not file.axes and len(shape) == 3:
                # It might be one of colours.
                check_frames(file.pixels, frame_axis, "image")
            images[name] = file.pixels
        else:
            number = 0 if source is None else _channel(source, channels, name, shape)
            if source is None and channels != 1:
                raise InputError(
                    f"The image has {channels} channels (shape {shape}, axis {channel_axis}). Say which is the input "
                    f"{name!r}: --input {name}=#0."
                )
            images[name] = file.pixels[(slice(None),) * (channel_axis or 0) + (number,)]
    return images, axes, without


def _channel(source: str, channels: int | None, name: str, shape: Sequence[int]) -> int:
    number = source[1:]
    if channels is None:
        raise InputError(
            f"--input {name}={source} asks for a channel, but the file does not tell which axis of its shape {shape} "
            "holds channels: say --channel-axis N."
        )
    if not (number.isascii() and number.isdigit()) or int(number) >= channels:
        raise InputError(f"--input {name}={source[:20]}: the channels are #0 to #{channels - 1}.")
    return int(number)


def _spacing(recipe: Recipe, file: ImageFile, options: FileOptions, frame_axis: int | None) -> tuple[float, ...] | None:
    """Return the pixel size that lengths are counted in; of a recipe in pixels the proportions of their sides."""
    if options.spacing is not None:
        return options.spacing
    told = recipe.unit == "pixel" or micrometres_per(recipe.unit) is not None
    found = file.spacing(recipe.unit, frame_axis) if told else None
    if found is None and recipe.unit != "pixel":
        raise InputError(
            f"The recipe counts lengths in {recipe.unit}, but the file does not tell the size of its pixels"
            f"{'' if told else ' in that'}. Give it: --spacing Z,Y,X."
        )
    return found


def _spatial(axes: str) -> int:
    return sum(letter in "ZYX" for letter in axes)


def _letters(axes: str, grid: Grid, frame_axis: int | None) -> str:
    """Return the letters of a result's axes; empty if those of the image are not known."""
    spatial = [letter for letter in axes if letter in "ZYX"]
    if not spatial or len(spatial) + (frame_axis is not None) != len(axes) or max(grid.axes) >= len(spatial):
        return ""
    letters = [spatial[axis] for axis in grid.axes]
    if frame_axis is not None:
        letters.insert(min(frame_axis, len(letters)), "T")
    return "".join(letters)
