"""What the commands about recipes do."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bioloom.cli._printing import print_table, tell_file, tell_hint
from bioloom.errors import InputError


def run(options: argparse.Namespace) -> int:
    """Run a recipe over files."""
    from bioloom import device
    from bioloom.recipe import Recipe, find_files, run_files

    recipe = Recipe.load(options.recipe)
    if recipe.corrected:
        tell_hint(
            "Corrections by hand are left out: they belong to the image that they were made on. "
            "`bioloom recipe script` writes a program that makes them, too."
        )
    if options.device:
        device.select(options.device)
    result = run_files(
        recipe,
        find_files(options.images),
        options.out,
        inputs=_named(options.input, "SOURCE"),
        spacing=_spacing(options),
        frame_axis=options.frame_axis,
        channel_axis=options.channel_axis,
        jobs=options.jobs,
        resume=options.resume,
        blocks=options.blocks,
        file_format=options.format,
        table_format=options.tables,
        arguments=options.words,
        on_file=tell_file,
    )
    print(result.describe().partition("\n")[0])
    for table in result.tables:
        print(f"The table of all images is {table}")
    print(f"The report is {Path(options.out) / 'bioloom-report.csv'}")
    return 2 if result.failures else 0


def recipe(options: argparse.Namespace) -> int:
    """Check a recipe, or write it as a script or a notebook."""
    from bioloom.recipe import Recipe

    if not options.action:
        raise InputError("Say what to do with the recipe: check, script or notebook. See `bioloom recipe --help`.")
    loaded = Recipe.load(options.recipe)
    if options.action == "check":
        rows = [
            (
                step.id,
                step.operation if step.enabled else f"({step.operation})",
                ", ".join(f"{name}={source}" for name, source in step.inputs.items()),
                ", ".join(f"{name}={value}" for name, value in step.settings.items())[:200],
            )
            for step in loaded.steps
        ]
        print_table(("step", "operation", "from", "settings"), rows)
        print(f"{options.recipe} is right: {len(loaded.steps)} steps from {', '.join(loaded.inputs)} to "
              f"{', '.join(loaded.outputs)}; lengths in {loaded.unit}.")  # fmt: skip
        return 0
    files = _named(options.input, "FILE")
    unknown = sorted(set(files) - set(loaded.inputs))
    if unknown:
        raise InputError(f"The recipe has no input {unknown[0]!r}. Its inputs are: {', '.join(loaded.inputs)}.")
    write = loaded.to_script if options.action == "script" else loaded.to_notebook
    text = write(files, spacing=_spacing(options), frame_axis=options.frame_axis)
    if options.out is None:
        sys.stdout.write(text)
        return 0
    ending = ".py" if options.action == "script" else ".ipynb"
    if Path(options.out).suffix != ending:
        raise InputError(f"The {options.action} is written to a file ending in {ending}, but not to {options.out}.")
    from bioloom.files import replacing

    with replacing(options.out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(options.out)
    return 0


def _named(words: list[str], what: str) -> dict[str, str]:
    named: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name or not value:
            raise InputError(f"--input is {word!r}. Give NAME={what}, with a name of an input of the recipe.")
        named[name] = value
    return named


def _spacing(options: argparse.Namespace) -> tuple[float, ...] | None:
    from bioloom.recipe.words import parse_spacing

    return None if options.spacing is None else parse_spacing(options.spacing)
