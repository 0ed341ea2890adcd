"""Recipes as Python scripts that run as they are and give the same pixels."""

from __future__ import annotations

import builtins
import dataclasses
import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bioloom
from bioloom.recipe._checking import operation_of

if TYPE_CHECKING:
    from bioloom.recipe.graph import Recipe, Step

_WIDTH = 110
_OWN_NAMES = {
    "run_operation", "spacing_after", "open_image", "write_image", "save_table", "write_surface", "process", "main",
    "argparse", "spacing", "frame_axis", "results", "FILES", "OUT", "Path", "show", "plt",
}  # fmt: skip

_MAIN = """

def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\\n")[0])
    for name in {names}:
        parser.add_argument(f"--{{name}}", default=FILES.get(name), required=name not in FILES, help="image file")
    parser.add_argument("--out", default=OUT, help="folder for the results (%(default)s)")
    parser.add_argument("--spacing", type=float, nargs="+", metavar="SIZE", help="pixel size: z y x, or y x")
    parser.add_argument("--frame-axis", type=int, metavar="N", help="the axis of time")
    options = parser.parse_args()
    files = {{name: open_image(getattr(options, name)) for name in {names}}}
    first = files[{first}]
    frame_axis = first.axis("T") if options.frame_axis is None else options.frame_axis
    spacing = options.spacing or {spacing}
    results = process(**{{name: file.pixels for name, file in files.items()}}, spacing=spacing, frame_axis=frame_axis)
    for name, result in results.items():
{write}

if __name__ == "__main__":
    main()
"""


def to_script(
    recipe: Recipe,
    files: Mapping[str, str | Path] | None = None,
    *,
    out: str | Path = "results",
    spacing: tuple[float, ...] | None = None,
    frame_axis: int | None = None,
) -> str:
    """Return a Python script that does what a recipe does.

    Parameters
    ----------
    recipe
        The recipe.
    files
        The file of each input, to be used where the script is called without any; without them it asks for files:
        ``python script.py --image cells.tif --out results``.
    out
        The folder for its results.
    spacing, frame_axis
        To be used where the script is called without these options; else the pixel size is that of the file, or its
        proportions where the recipe counts in pixels.

    Returns
    -------
    str
        The text of the script. Its function ``process`` takes and gives arrays.

    Raises
    ------
    InputError
        If the recipe is wrong.
    """
    recipe = renamed(recipe.checked())
    kinds = {recipe.kind(name) for name in recipe.outputs}
    names = "open_image, write_image" if kinds - {"table", "surface"} else "open_image"
    text = f'"""{docstring(recipe)}"""\n\n' + "import argparse\n\n" + f"from bioloom.files import {names}\n"
    if "surface" in kinds:
        text += "from bioloom.operations.surfaces_files import write_surface\n"
    text += f"from bioloom.recipe import {', '.join(functions_used(recipe))}\n"
    if "table" in kinds:
        text += "from bioloom.tables import save_table\n"
    text += "\n"
    text += f"FILES = {_mapping({name: literal(str(path)) for name, path in (files or {}).items()})}\n"
    text += f"OUT = {literal(str(out))}\n\n\n"
    arguments = ", ".join(recipe.inputs)
    text += f"def process({arguments}, spacing=None, frame_axis=None):\n"
    text += '    """Return the results, by name, of images (y, x) or (z, y, x); with time if frame_axis is given."""\n'
    for step in recipe.needed(*recipe.outputs).steps:
        text += "".join(f"    {line}\n" if line else "\n" for line in step_lines(recipe, step))
    text += f"    return {_mapping({name: name for name in recipe.outputs})}\n"
    known = f"first.spacing({literal(recipe.unit)}, frame_axis)"
    text += _MAIN.format(
        names=f"[{', '.join(literal(name) for name in recipe.inputs)}]",
        first=f'"{recipe.inputs[0]}"',
        spacing=known if spacing is None else repr(tuple(spacing)),
        write=_writing(kinds),
    )
    if frame_axis is not None:
        text = text.replace('first.axis("T") if options', f"{frame_axis} if options")
    return text


def literal(value: Any) -> str:
    """Return a value as Python has it, texts in double quotes where that is as simple."""
    text = repr(value)
    return f'"{value}"' if isinstance(value, str) and text == f"'{value}'" and '"' not in value else text


def _mapping(values: Mapping[str, str]) -> str:
    """Return a dict as Python has it, of texts that are Python already."""
    return "{" + ", ".join(f'"{name}": {value}' for name, value in values.items()) + "}"


def functions_used(recipe: Recipe) -> list[str]:
    """Return the functions that the lines of the steps call."""
    moved = any(_moves(step) for step in recipe.needed(*recipe.outputs).steps)
    return ["run_operation", "spacing_after"] if moved else ["run_operation"]


def step_lines(recipe: Recipe, step: Step) -> list[str]:
    """Return the lines of Python that compute one step; the variables are called as the steps."""
    operation = operation_of(step)
    sources = [step.inputs.get(p.name) for p in operation.arrays]
    while sources and sources[-1] is None:
        sources.pop()
    if not step.enabled:
        return [f"{step.id} = {next(s for s in sources if s)}  # {operation.name} is left out"]
    spacing = _spacing_name(recipe, step)
    parts = [literal(operation.name), *(str(source) for source in sources)]
    settings = {k: v for k, v in step.settings.items() if k != "spacing"}
    parts += [f"{name}={literal(value)}" for name, value in settings.items()]
    if "spacing" in operation.parameters:
        parts.append(f"spacing={step.settings.get('spacing', None) or spacing}")
    parts.append("frame_axis=frame_axis")
    line = f"{step.id} = run_operation({', '.join(parts)})"
    lines = [line] if len(line) <= _WIDTH else [f"{step.id} = run_operation(", *(f"    {p}," for p in parts), ")"]
    if _moves(step):
        own = [f"{name}={literal(value)}" for name, value in settings.items()]
        first = next(source for source in sources if source)
        shown = ", ".join([literal(operation.name), first, spacing, "frame_axis", *own])
        lines.append(f"{_spacing_of(step.id)} = spacing_after({shown})")
    return lines


def _moves(step: Step) -> bool:
    """Tell whether the pixels of a step's result lie elsewhere than those of its image."""
    operation = operation_of(step)
    return step.enabled and operation.gives_pixels and operation._placement is not None


def _spacing_of(name: str) -> str:
    return f"spacing_of_{name}"


def _spacing_name(recipe: Recipe, step: Step) -> str:
    """Return the variable that holds the pixel size of a step's first array."""
    from bioloom.recipe.running import first_input

    source = first_input(step)
    while source not in recipe.inputs:
        before = recipe.step(source)
        if _moves(before):
            return _spacing_of(source)
        source = first_input(before)
    return "spacing"


def renamed(recipe: Recipe) -> Recipe:
    """Return the recipe with no name that would hide one that the script needs."""
    taken = {*_OWN_NAMES, *keyword.kwlist, *keyword.softkwlist, *dir(builtins)}
    # argparse turns --first_image into first_image, and --help is taken.
    taken |= {"out", "help", "options", "files", "first", "name", "parser"}
    new: dict[str, str] = {}
    used = {*recipe.inputs, *(step.id for step in recipe.steps)}
    for name in [*recipe.inputs, *(step.id for step in recipe.steps)]:
        if name in taken or name.startswith("spacing_of_"):
            fresh = f"{name}_"
            while fresh in used:
                fresh += "_"
            new[name] = fresh
            used.add(fresh)
    if not new:
        return recipe
    steps = [
        dataclasses.replace(
            step, id=new.get(step.id, step.id), inputs={k: new.get(v, v) for k, v in step.inputs.items()}
        )
        for step in recipe.steps
    ]
    return dataclasses.replace(
        recipe,
        inputs=tuple(new.get(name, name) for name in recipe.inputs),
        steps=tuple(steps),
        outputs=tuple(new.get(name, name) for name in recipe.outputs),
    )


def docstring(recipe: Recipe) -> str:
    """Return the recipe's name and description as text that can stand between triple quotes."""
    lines = [
        recipe.name or "A recipe of Bioloom",
        "",
        recipe.description,
        "",
        f"Made by Bioloom {bioloom.__version__}.",
    ]
    text = "\n".join(lines)
    text = re.sub(r"[^\x20-\x7e\n\u00a0-\ud7ff]", " ", text).replace("\\", "/").replace('"', "'")
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _writing(kinds: set[str]) -> str:
    """Return the lines that write each result, of the kinds there are."""
    lines = []
    pixels = bool(kinds - {"table", "surface"})
    if "table" in kinds:
        lines += ['if hasattr(result, "columns"):', '    save_table(f"{options.out}/{name}.csv", result)']
    if "surface" in kinds:
        lines += [("el" if lines else "") + "if isinstance(result, tuple):",
                  '    write_surface(f"{options.out}/{name}.ply", result)']  # fmt: skip
    if pixels:
        write = 'write_image(f"{options.out}/{name}.tif", result)'
        lines += ["else:", f"    {write}"] if lines else [write]
    return "".join(f"        {line}\n" for line in lines)
