"""Recipes as Jupyter notebooks that run as they are and give the same pixels."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bioloom
from bioloom.recipe._checking import operation_of
from bioloom.recipe.scripts import docstring, functions_used, literal, renamed, step_lines

if TYPE_CHECKING:
    from bioloom.recipe.graph import Recipe

_SHOW = '''
import matplotlib.pyplot as plt
import numpy as np


def show(title, result, labels=False):
    """Draw an image, the middle of a stack, or the first frame; return a table."""
    if hasattr(result, "columns"):
        return result
    if isinstance(result, tuple):
        print(title, len(result[0]), "vertices,", len(result[1]), "faces")
        return None
    plane = np.asarray(result)
    if frame_axis is not None and plane.ndim > 2:
        plane = plane.take(0, frame_axis)
    while plane.ndim > 2:
        plane = plane[len(plane) // 2]
    if labels:
        colours = np.random.default_rng(0).random((int(plane.max()) + 1, 3))
        colours[0] = 0
        plt.imshow(colours[plane.astype(int)])
    else:
        plt.imshow(plane, cmap="gray")
    plt.title(f"{title} {np.shape(result)}")
    plt.axis("off")
    plt.show()
    return None
'''


def to_notebook(
    recipe: Recipe,
    files: Mapping[str, str | Path] | None = None,
    *,
    spacing: tuple[float, ...] | None = None,
    frame_axis: int | None = None,
) -> str:
    """Return a Jupyter notebook that does what a recipe does, and shows the result of each step.

    Parameters
    ----------
    recipe
        The recipe.
    files
        The file of each input; for those left out, a simulated image is used, and a comment says where to put a file.
    spacing, frame_axis
        Pixel size and axis of time; None takes what the files tell, see :func:`bioloom.recipe.scripts.to_script`.

    Returns
    -------
    str
        The notebook as JSON (nbformat 4.5).

    Raises
    ------
    InputError
        If the recipe is wrong.
    """
    recipe = renamed(recipe.checked())
    cells = [_markdown(f"# {docstring(recipe)}".rstrip())]
    names = ", ".join(functions_used(recipe))
    cells.append(_code(f"from bioloom.files import open_image\nfrom bioloom.recipe import {names}\n{_SHOW.rstrip()}"))
    cells.append(_code(_opening(recipe, dict(files or {}), spacing, frame_axis)))
    used = recipe.needed(*recipe.outputs)
    for name in used.inputs:
        cells.append(_code(f"show({literal(name)}, {name})"))
    for step in used.steps:
        operation = operation_of(step)
        cells.append(_markdown(f"## {step.id}\n\n{operation.title}. {operation.summary}"))
        labels = ", labels=True" if recipe.kind(step.id) in ("labels", "mask") else ""
        cells.append(_code("\n".join([*step_lines(recipe, step), f'show("{step.id}", {step.id}{labels})'])))
    shown = ", ".join(f'"{name}": {name}' for name in recipe.outputs)
    cells.append(_markdown("## Results"))
    cells.append(_code(f"results = {{{shown}}}"))
    for number, cell in enumerate(cells):
        cell["id"] = hashlib.sha256(f"{number} {cell['source']}".encode()).hexdigest()[:12]
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "bioloom": {"version": bioloom.__version__},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _opening(
    recipe: Recipe, files: Mapping[str, str | Path], spacing: tuple[float, ...] | None, frame_axis: int | None
) -> str:
    lines = []
    first = next((name for name in recipe.inputs if name in files), None)
    for name in recipe.inputs:
        if name in files:
            lines += [f"file_of_{name} = open_image({literal(str(files[name]))})", f"{name} = file_of_{name}.pixels"]
        else:
            lines += [
                f'# A simulated image. For your own: {name} = open_image("your_image.tif").pixels',
                "from bioloom.samples import make_sample",
                "",
                f'{name} = make_sample("nuclei_2d").image',
            ]
    told = first is not None and spacing is None
    if recipe.unit != "pixel" and first is None and spacing is None:
        spacing = (0.5, 0.5)  # that of the simulated image
    axis = f'file_of_{first}.axis("T")' if first is not None and frame_axis is None else repr(frame_axis)
    lines.append(f"frame_axis = {axis}")
    shown = f"file_of_{first}.spacing({literal(recipe.unit)}, frame_axis)" if told else repr(spacing)
    lines.append(f"spacing = {shown}")
    return "\n".join(lines)


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "", "metadata": {}, "source": text}


def _code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code", "execution_count": None, "id": "", "metadata": {}, "outputs": [], "source": text,
    }  # fmt: skip
